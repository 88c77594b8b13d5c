//! Attenuation of what every scan holds: air around the body, subcutaneous fat, soft tissue; and the noise.
//!
//! Input: the coarse patient grid with the body's parts; for the noise the volume itself.
//! Output: [`ReferenceTissues`]. A tissue of which there is too little has no value.

use crate::anatomy::ReferenceTissues;
use crate::anatomy::organs::masks;
use crate::anatomy::organs::torso::Torso;
use crate::grid::Edge;
use crate::grid::Grid;
use crate::grid::Mask;
use crate::grid::Outside;
use crate::grid::PatientGrid;
use crate::grid::distance;
use crate::grid::filter;
use crate::grid::morphology;
use crate::volume::PADDING_HU;
use crate::volume::Volume;

/// Mode of the air around the body; the grid must be that of the whole image.
pub fn find_air(grid: &PatientGrid<f32>, body: &Mask) -> Option<f64> {
    let around = air(&grid.grid, body, grid.spacing_mm);
    let seen = masks::mask_where(around.shape, |_, _, _, at| around.data[at] && grid.grid.data[at] != FILLING_HU);
    // Where filling is all there is, the scanner's own values may be clipped to it.
    mode(&grid.grid, &seen, AIR_HU).or_else(|| mode(&grid.grid, &around, AIR_HU))
}

/// Modes of fat and soft tissue; air and noise stay open.
pub fn find_tissues(grid: &PatientGrid<f32>, smooth: &Grid<f32>, torso: &Torso) -> ReferenceTissues {
    let hu = &grid.grid;
    ReferenceTissues {
        air_hu: None,
        fat_hu: mode(hu, &subcutaneous_fat(hu, &torso.body, grid.spacing_mm), FAT_HU),
        soft_hu: mode(smooth, &paraspinal_muscle(torso, grid.spacing_mm), SOFT_HU),
        noise_sd_hu: None,
    }
}

/// What lies outside the body, away from the skin, inside the circle that a scanner reconstructs.
///
/// Slices whose body reaches the edge of the image do not count: lung that the edge opens looks like outside.
fn air(hu: &Grid<f32>, body: &Mask, spacing_mm: f64) -> Mask {
    let [_, rows, columns] = hu.shape;
    let outside = morphology::complement(body);
    let from_skin = distance::euclidean_per_slice(&outside, [spacing_mm; 2], Outside::Ignored);
    let (middle_row, middle_column) = ((rows as f64 - 1.0) / 2.0, (columns as f64 - 1.0) / 2.0);
    let radius = rows.min(columns) as f64 / 2.0 - CIRCLE_MARGIN_MM / spacing_mm;
    let cut: Vec<bool> = (0..body.shape[0]).map(|k| reaches_edge(body, k)).collect();
    masks::mask_where(hu.shape, |k, j, i, at| {
        !cut[k]
            && f64::from(from_skin.data[at]) >= FROM_SKIN_MM
            && (j as f64 - middle_row).hypot(i as f64 - middle_column) < radius
    })
}

/// Whether the body reaches the edge of the image in slice `k`.
fn reaches_edge(body: &Mask, k: usize) -> bool {
    let [_, rows, columns] = body.shape;
    let slice = body.slice(k);
    let sides = (0..rows).any(|j| slice[j * columns] || slice[(j + 1) * columns - 1]);
    sides || slice[..columns].contains(&true) || slice[(rows - 1) * columns..].contains(&true)
}

/// Fat under the skin whose neighbours are fat as well.
fn subcutaneous_fat(hu: &Grid<f32>, body: &Mask, spacing_mm: f64) -> Mask {
    let [low, high] = FAT_HU;
    let fat = masks::mask_where(hu.shape, |_, _, _, at| {
        let value = f64::from(hu.data[at]);
        body.data[at] && value > low && value < high
    });
    let pure = morphology::erode(&fat, 1, Outside::Ignored);
    let depth = masks::slice_depth(body, spacing_mm);
    masks::mask_where(hu.shape, |_, _, _, at| {
        pure.data[at] && (FAT_DEPTH_MM[0]..=FAT_DEPTH_MM[1]).contains(&f64::from(depth.data[at]))
    })
}

/// Muscle beside and behind the spine: outside the inner wall of the trunk, near the canal.
fn paraspinal_muscle(torso: &Torso, spacing_mm: f64) -> Mask {
    let midline = &torso.midline;
    masks::mask_where(torso.trunk.shape, |k, j, i, at| {
        let aside = (i as f64 - midline.canal_column[k]).abs() * spacing_mm;
        let behind = (j as f64 - midline.canal_row[k]) * spacing_mm;
        torso.trunk.data[at] && !torso.hull.data[at] && aside < MUSCLE_ASIDE_MM && behind > MUSCLE_BEHIND_MM
    })
}

/// Mode of the values of a mask inside a range, on a smoothed histogram of 1 HU.
fn mode(values: &Grid<f32>, mask: &Mask, range_hu: [f64; 2]) -> Option<f64> {
    let [low, high] = range_hu;
    let mut histogram = vec![0.0; (high - low) as usize];
    for value in masks::values_in(values, mask).into_iter().filter(|value| (low..high).contains(value)) {
        histogram[(value - low) as usize] += 1.0;
    }
    if histogram.iter().sum::<f64>() < LEAST_VOXELS {
        return None;
    }
    let smooth = filter::gaussian_line(&histogram, HISTOGRAM_SIGMA_HU, Edge::Nearest);
    let peak = (0..smooth.len()).reduce(|best, at| if smooth[at] > smooth[best] { at } else { best })?;
    Some(low + peak as f64 + 0.5)
}

/// Median standard deviation of up to ten discs of 10 mm on native pixels, spread over the places of a mask.
pub fn noise_sd_hu(volume: &Volume, tissue: &PatientGrid<bool>) -> Option<f64> {
    let inner = masks::erode(&tissue.grid, tissue.spacing_mm, DISC_RADIUS_MM + tissue.spacing_mm);
    let [_, rows, columns] = inner.shape;
    let places: Vec<usize> = (0..inner.data.len()).filter(|&at| inner.data[at]).collect();
    let mut deviations: Vec<f64> = (0..DISCS)
        .filter_map(|n| places.get((2 * n + 1) * places.len() / (2 * DISCS)))
        .filter_map(|&at| {
            let [k, j, i] = [at / (rows * columns), at / columns % rows, at % columns];
            disc_deviation(volume, tissue.patient_mm(k as f64, j as f64, i as f64))
        })
        .collect();
    if deviations.len() < LEAST_DISCS { None } else { filter::median(&mut deviations) }
}

/// Standard deviation in the disc around a patient point, in the slice nearest to it.
fn disc_deviation(volume: &Volume, centre_mm: [f64; 3]) -> Option<f64> {
    let geometry = &volume.geometry;
    let position = geometry.position_mm(centre_mm);
    let off = |k: &usize| (geometry.positions_mm[*k] - position).abs();
    let k = (0..geometry.shape[0]).min_by(|a, b| off(a).total_cmp(&off(b)))?;
    let [row, column] = geometry.pixel(k, centre_mm);
    let (rows, columns) = (DISC_RADIUS_MM / geometry.row_spacing_mm, DISC_RADIUS_MM / geometry.column_spacing_mm);
    let span = |centre: f64, reach: f64, end: usize| {
        ((centre - reach).ceil().max(0.0) as usize)..((centre + reach).floor().max(-1.0) + 1.0).min(end as f64) as usize
    };
    let mut values = Vec::new();
    for j in span(row, rows, geometry.shape[1]) {
        for i in span(column, columns, geometry.shape[2]) {
            let inside = ((j as f64 - row) / rows).powi(2) + ((i as f64 - column) / columns).powi(2) <= 1.0;
            let value = volume.hu(k, j, i);
            if inside && value > f32::from(PADDING_HU) {
                values.push(f64::from(value));
            }
        }
    }
    if values.len() < LEAST_DISC_PIXELS {
        return None;
    }
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    Some((squares / (values.len() as f64 - 1.0)).sqrt())
}

/// Range in which air is looked for; what is at the clipping of the coarse grid (-1100) is filling.
const AIR_HU: [f64; 2] = [-1095.0, -900.0];
/// What the coarse grid holds where there is no image, and many scanners outside their circle.
const FILLING_HU: f32 = -1024.0;
/// Range of fat.
const FAT_HU: [f64; 2] = [-160.0, -40.0];
/// Range of soft tissue.
const SOFT_HU: [f64; 2] = [0.0, 100.0];
/// Air counts from this distance to the skin.
const FROM_SKIN_MM: f64 = 20.0;
/// Rim of the reconstruction circle left out.
const CIRCLE_MARGIN_MM: f64 = 6.0;
/// Depth below the skin at which fat is subcutaneous.
const FAT_DEPTH_MM: [f64; 2] = [3.0, 15.0];
/// Muscle: largest distance beside the canal.
const MUSCLE_ASIDE_MM: f64 = 90.0;
/// Muscle: least distance behind the canal; negative is in front.
const MUSCLE_BEHIND_MM: f64 = -20.0;
/// Voxels that a mode needs (14 mL).
const LEAST_VOXELS: f64 = 500.0;
/// Smoothing of the histogram.
const HISTOGRAM_SIGMA_HU: f64 = 3.0;
/// Discs for the noise.
const DISCS: usize = 10;
/// Discs without which there is no noise figure.
const LEAST_DISCS: usize = 5;
/// Radius of such a disc.
const DISC_RADIUS_MM: f64 = 5.0;
/// Pixels that a disc needs; on coarse pixels a disc has few.
const LEAST_DISC_PIXELS: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn air_beside_a_body_that_the_image_cuts_is_no_witness() {
        let air_around = |reach: usize| {
            let body = masks::mask_where([8, 60, 60], |_, j, i, _| (20..40).contains(&j) && (20..reach).contains(&i));
            let data = body.data.iter().map(|&inside| if inside { 40.0 } else { -998.2 }).collect();
            let grid = PatientGrid { grid: Grid { shape: body.shape, data }, origin_mm: [0.0; 3], spacing_mm: 3.0 };
            find_air(&grid, &body)
        };
        assert!(air_around(40).is_some_and(|hu| (hu + 998.5).abs() <= 1.0), "{:?}", air_around(40));
        assert_eq!(air_around(60), None);
    }

    #[test]
    fn filling_is_not_taken_for_air_unless_there_is_nothing_else() {
        let body = masks::mask_where([8, 60, 60], |_, j, i, _| (20..40).contains(&j) && (20..40).contains(&i));
        let air_with = |filled_rows: usize| {
            let data =
                (0..body.data.len()).map(|at| if at / 60 % 60 < filled_rows { -1024.0 } else { -998.2 }).collect();
            let grid = PatientGrid { grid: Grid { shape: body.shape, data }, origin_mm: [0.0; 3], spacing_mm: 3.0 };
            find_air(&grid, &body)
        };
        assert!(air_with(45).is_some_and(|hu| (hu + 998.5).abs() <= 1.0), "{:?}", air_with(45));
        assert!(air_with(60).is_some_and(|hu| (hu + 1023.5).abs() <= 1.0), "{:?}", air_with(60));
    }

    #[test]
    fn the_mode_is_where_most_voxels_lie() {
        let data: Vec<f32> = (0..4000).map(|n| if n % 4 == 0 { (n % 100) as f32 } else { 55.2 }).collect();
        let values = Grid { shape: [40, 10, 10], data };
        let all = Grid::filled(values.shape, true);
        let found = mode(&values, &all, SOFT_HU).unwrap();
        assert!((found - 55.5).abs() <= 1.0, "{found}");
        assert_eq!(mode(&values, &all, AIR_HU), None);
    }
}
