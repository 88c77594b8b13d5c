//! The aorta: a bright-rimmed circle in front of the spine, followed from slice to slice.
//!
//! Input: raw HU on the coarse grid, the course of the canal, the height of the right dome.
//! Output: [`Aorta`]; `None` where no stretch is long, round and even enough.
//! Method: circle score (mean inward gradient on the best of several radii) in a window before the canal on 1.5 mm
//! pixels, dynamic programming over slices, medians over the slices that fit.

use rayon::prelude::*;

use crate::anatomy::organs::Parameters;
use crate::anatomy::organs::torso::Torso;
use crate::grid::Edge;
use crate::grid::Grid;
use crate::grid::PatientGrid;
use crate::grid::filter;
use crate::grid::sample;

/// The aorta as found.
#[derive(Debug, Clone, PartialEq)]
pub struct Aorta {
    /// Median attenuation over the slices that fit (HU).
    pub attenuation_hu: f64,
    /// Length of these slices (mm).
    pub length_mm: f64,
    /// Their median edge score; 1 is a sharp circle.
    pub edge: f64,
    /// Their median deviation inside the disc (HU).
    pub deviation_hu: f64,
    /// Their share of all slices searched.
    pub share: f64,
    /// Their median radius (mm).
    pub radius_mm: f64,
    /// Centres of all slices that fit, caudal to cranial (LPS, mm).
    pub path_mm: Vec<[f64; 3]>,
}

/// One slice of the search.
struct Field {
    /// Attenuation in the window, clipped.
    image: Vec<f32>,
    /// Score of a circle centred at every pixel.
    score: Vec<f32>,
    /// The radius that gave it (mm).
    radius: Vec<f32>,
    /// Place of the first pixel, in columns and rows of the coarse grid.
    corner: [f64; 2],
}

/// One slice of the path.
struct Station {
    slice: usize,
    centre: [f64; 2],
    radius_mm: f64,
    attenuation_hu: f64,
    deviation_hu: f64,
    score: f64,
}

/// Finds the aorta around the height of the right dome.
pub fn find_aorta(grid: &PatientGrid<f32>, torso: &Torso, parameters: &Parameters) -> Option<Aorta> {
    let slices = grid.grid.shape[0];
    let dome = torso.right.dome.unwrap_or(slices as f64);
    let [below, above] = parameters.aorta_stretch_mm.map(|reach| reach / grid.spacing_mm);
    let first = (dome - below).max(0.0) as usize;
    let end = ((dome + above) as usize).min(slices);
    if end.saturating_sub(first) < LEAST_SLICES {
        return None;
    }
    let fields: Vec<Field> = (first..end).into_par_iter().map(|k| circle_field(grid, torso, k, parameters)).collect();
    let path = best_path(&fields);
    let stations: Vec<Station> =
        fields.iter().zip(&path).enumerate().map(|(n, (field, &at))| station(field, at, first + n, grid)).collect();
    accept(grid, &stations, parameters)
}

/// Attenuation and circle scores in the window of one slice.
fn circle_field(grid: &PatientGrid<f32>, torso: &Torso, k: usize, parameters: &Parameters) -> Field {
    let spacing = grid.spacing_mm;
    let canal = [torso.midline.canal_column[k], torso.midline.canal_row[k]];
    let corner = [canal[0] - WINDOW_RIGHT_MM / spacing, canal[1] - WINDOW_FRONT_MM / spacing];
    let image = window_image(&grid.grid, k, corner, PIXEL_MM / spacing);
    let plane = Grid { shape: [1, SIDE, SIDE], data: image.clone() };
    let (mut score, radius) = best_circles(&gradient(&plane), parameters);
    let mean = filter::uniform(&plane, [1, TEXTURE_PIXELS, TEXTURE_PIXELS], Edge::Reflect);
    let squares = Grid { shape: plane.shape, data: image.iter().map(|value| value * value).collect() };
    let mean_square = filter::uniform(&squares, [1, TEXTURE_PIXELS, TEXTURE_PIXELS], Edge::Reflect);
    for (at, score) in score.iter_mut().enumerate() {
        let x = (at % SIDE) as f64 * PIXEL_MM - WINDOW_RIGHT_MM;
        let y = (at / SIDE) as f64 * PIXEL_MM - WINDOW_FRONT_MM;
        let mean = f64::from(mean.data[at]);
        let deviation = (f64::from(mean_square.data[at]) - mean * mean).max(0.0).sqrt();
        *score -= penalty(x, y, mean, deviation) as f32;
    }
    Field { image, score, radius, corner }
}

/// What speaks against a centre at `x` left of and `y` behind the canal (mm).
fn penalty(x: f64, y: f64, mean_hu: f64, deviation_hu: f64) -> f64 {
    let uneven = ((deviation_hu - 12.0) / 40.0).clamp(0.0, 1.0);
    let dark = if mean_hu < DARKEST_HU { 1.0 } else { 0.0 };
    let usual = PLACE_X_MM.contains(&x) && PLACE_Y_MM.contains(&y);
    let vertebra = if x.hypot(y + VERTEBRA_BEFORE_CANAL_MM) < VERTEBRA_RADIUS_MM { 1.0 } else { 0.0 };
    uneven + dark + if usual { 0.0 } else { 0.5 } + 0.004 * (x - USUAL_X_MM).abs() + vertebra
}

/// Mean of three slices in the window, on its own pixels, clipped to what tissue and vessels show.
fn window_image(hu: &Grid<f32>, k: usize, corner: [f64; 2], step: f64) -> Vec<f32> {
    let around = k.saturating_sub(1)..(k + 2).min(hu.shape[0]);
    let number = around.len() as f32;
    let shape = [hu.shape[1], hu.shape[2]];
    (0..SIDE * SIDE)
        .map(|at| {
            let row = corner[1] + (at / SIDE) as f64 * step;
            let column = corner[0] + (at % SIDE) as f64 * step;
            let sum: f32 = around.clone().map(|k| sample::bilinear_nearest(hu.slice(k), shape, row, column)).sum();
            (sum / number).clamp(CLIP_HU[0], CLIP_HU[1])
        })
        .collect()
}

/// Gradient of the smoothed image along rows and columns (HU/mm); one-sided at the border.
fn gradient(plane: &Grid<f32>) -> [Vec<f32>; 2] {
    let smooth = filter::gaussian(plane, [0.0, 1.0, 1.0], Edge::Reflect);
    let difference = |at: usize, place: usize, stride: usize| {
        let (low, high) = (if place > 0 { at - stride } else { at }, if place + 1 < SIDE { at + stride } else { at });
        (smooth.data[high] - smooth.data[low]) / (((high - low) / stride) as f32 * PIXEL_MM as f32)
    };
    [
        (0..SIDE * SIDE).map(|at| difference(at, at / SIDE, SIDE)).collect(),
        (0..SIDE * SIDE).map(|at| difference(at, at % SIDE, 1)).collect(),
    ]
}

/// Best circle score of every pixel over the radii, and its radius.
fn best_circles(gradient: &[Vec<f32>; 2], parameters: &Parameters) -> (Vec<f32>, Vec<f32>) {
    let [down, across] = gradient;
    let directions: Vec<[f64; 2]> = (0..DIRECTIONS)
        .map(|n| (n as f64 * std::f64::consts::TAU / DIRECTIONS as f64).sin_cos())
        .map(|(sine, cosine)| [sine, cosine])
        .collect();
    let inward: Vec<Vec<f32>> = directions
        .iter()
        .map(|&[sine, cosine]| {
            let slope = |(down, across): (&f32, &f32)| -(across * cosine as f32 + down * sine as f32) / SHARP_HU_PER_MM;
            down.iter().zip(across).map(slope).map(|value| value.clamp(OUTWARD_SCORE, 1.0)).collect()
        })
        .collect();
    let (mut best, mut radii) = (vec![f32::MIN; SIDE * SIDE], vec![0f32; SIDE * SIDE]);
    let [first, last, step] = parameters.aorta_radii_mm;
    let steps = ((last - first) / step).round() as usize;
    let mut sum = vec![0f32; SIDE * SIDE];
    for radius in (0..=steps).map(|n| first + n as f64 * step) {
        sum.fill(0.0);
        for ([sine, cosine], inward) in directions.iter().zip(&inward) {
            add_shifted(&mut sum, inward, radius * sine / PIXEL_MM, radius * cosine / PIXEL_MM);
        }
        for ((best, radii), sum) in best.iter_mut().zip(&mut radii).zip(&sum) {
            let score = sum / DIRECTIONS as f32;
            if score > *best {
                (*best, *radii) = (score, radius as f32);
            }
        }
    }
    (best, radii)
}

/// Adds the image read `rows` further down and `columns` further right, linear, the border values going on.
fn add_shifted(sum: &mut [f32], image: &[f32], rows: f64, columns: f64) {
    let taps = |shift: f64| -> Vec<(usize, usize, f32)> {
        (0..SIDE)
            .map(|at| {
                let place = (at as f64 + shift).clamp(0.0, (SIDE - 1) as f64);
                let low = place as usize;
                (low, (low + 1).min(SIDE - 1), (place - low as f64) as f32)
            })
            .collect()
    };
    let across = taps(columns);
    for (row, (low, high, down)) in sum.chunks_mut(SIDE).zip(taps(rows)) {
        let (above, below) = (&image[low * SIDE..][..SIDE], &image[high * SIDE..][..SIDE]);
        for (sum, &(left, right, part)) in row.iter_mut().zip(&across) {
            let upper = above[left] + (above[right] - above[left]) * part;
            let lower = below[left] + (below[right] - below[left]) * part;
            *sum += upper + (lower - upper) * down;
        }
    }
}

/// Pixel of every slice on the path with the largest sum of scores; steps of two pixels cost.
fn best_path(fields: &[Field]) -> Vec<usize> {
    let mut sums: Vec<Vec<f32>> = Vec::with_capacity(fields.len());
    for field in fields {
        let next = match sums.last() {
            None => field.score.clone(),
            Some(before) => field
                .score
                .iter()
                .enumerate()
                .map(|(at, score)| score + best_neighbour(before, at).map_or(0.0, |(sum, _)| sum))
                .collect(),
        };
        sums.push(next);
    }
    let mut path = Vec::with_capacity(fields.len());
    let Some(last) = sums.last() else { return path };
    let start = (0..last.len()).reduce(|best, at| if last[at] > last[best] { at } else { best });
    path.extend(start);
    for before in sums.iter().rev().skip(1) {
        let at = path[path.len() - 1];
        path.push(best_neighbour(before, at).map_or(at, |(_, other)| other));
    }
    path.reverse();
    path
}

/// Best sum within two pixels of a pixel, with the pixel that has it.
fn best_neighbour(sums: &[f32], at: usize) -> Option<(f32, usize)> {
    let (row, column) = (at / SIDE, at % SIDE);
    let mut best: Option<(f32, usize)> = None;
    for j in row.saturating_sub(2)..(row + 3).min(SIDE) {
        for i in column.saturating_sub(2)..(column + 3).min(SIDE) {
            let far = j.abs_diff(row).max(i.abs_diff(column)) == 2;
            let value = sums[j * SIDE + i] - if far { WIDE_STEP_COST } else { 0.0 };
            if best.is_none_or(|(other, _)| value >= other) {
                best = Some((value, j * SIDE + i));
            }
        }
    }
    best
}

/// Attenuation in the disc around one pixel of the path, without the brightest (calcium).
fn station(field: &Field, at: usize, slice: usize, grid: &PatientGrid<f32>) -> Station {
    let radius_mm = f64::from(field.radius[at]);
    let reach = LEAST_DISC_MM.max(DISC_SHARE * radius_mm);
    let (row, column) = (at / SIDE, at % SIDE);
    let inside = |other: &usize| {
        let (down, across) = ((other / SIDE).abs_diff(row) as f64, (other % SIDE).abs_diff(column) as f64);
        down.hypot(across) * PIXEL_MM <= reach
    };
    let mut values: Vec<f64> = (0..SIDE * SIDE).filter(inside).map(|other| f64::from(field.image[other])).collect();
    let brightest = filter::percentile(&mut values, CALCIUM_PERCENTILE).unwrap_or(f64::MAX);
    values.retain(|&value| value <= brightest);
    let mean = values.iter().sum::<f64>() / values.len().max(1) as f64;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / values.len().max(1) as f64;
    let step = PIXEL_MM / grid.spacing_mm;
    Station {
        slice,
        centre: [field.corner[0] + column as f64 * step, field.corner[1] + row as f64 * step],
        radius_mm,
        attenuation_hu: filter::median(&mut values).unwrap_or(0.0),
        deviation_hu: variance.sqrt(),
        score: f64::from(field.score[at]),
    }
}

/// Medians over the stations that fit, if they are long, sharp and even enough.
fn accept(grid: &PatientGrid<f32>, stations: &[Station], parameters: &Parameters) -> Option<Aorta> {
    let mut good: Vec<&Station> =
        stations.iter().filter(|s| s.score > STATION_SCORE && s.deviation_hu < STATION_DEVIATION_HU).collect();
    if good.len() < LEAST_GOOD_STATIONS {
        return None;
    }
    let median = |good: &[&Station], value: fn(&Station) -> f64| {
        filter::median(&mut good.iter().map(|station| value(station)).collect::<Vec<_>>())
    };
    let middle = median(&good, |s| s.attenuation_hu)?;
    good.retain(|s| (s.attenuation_hu - middle).abs() < STATION_SPREAD[0].max(STATION_SPREAD[1] * middle));
    let aorta = Aorta {
        attenuation_hu: median(&good, |s| s.attenuation_hu)?,
        length_mm: good.len() as f64 * grid.spacing_mm,
        edge: median(&good, |s| s.score)?,
        deviation_hu: median(&good, |s| s.deviation_hu)?,
        share: good.len() as f64 / stations.len() as f64,
        radius_mm: median(&good, |s| s.radius_mm)?,
        path_mm: good.iter().map(|s| grid.patient_mm(s.slice as f64, s.centre[1], s.centre[0])).collect(),
    };
    let accepted = aorta.length_mm >= parameters.aorta_length_mm
        && aorta.edge >= parameters.aorta_edge
        && aorta.share >= parameters.aorta_share
        && aorta.deviation_hu <= parameters.aorta_deviation_hu;
    accepted.then_some(aorta)
}

/// Pixels along each side of the search window.
const SIDE: usize = 72;
/// Their size.
const PIXEL_MM: f64 = 1.5;
/// The window begins this far right of the canal.
const WINDOW_RIGHT_MM: f64 = 42.0;
/// The window begins this far in front of the canal.
const WINDOW_FRONT_MM: f64 = 102.0;
/// Clipping, so that bone and gas make no super-edges (HU).
const CLIP_HU: [f32; 2] = [-150.0, 500.0];
/// Directions of a circle.
const DIRECTIONS: usize = 24;
/// Inward gradient that counts fully.
const SHARP_HU_PER_MM: f32 = 12.0;
/// Score of an outward gradient at worst.
const OUTWARD_SCORE: f32 = -0.5;
/// Side of the box for local mean and deviation (pixels).
const TEXTURE_PIXELS: usize = 7;
/// Darker is fat, not blood.
const DARKEST_HU: f64 = 10.0;
/// Usual place left of the canal (mm).
const PLACE_X_MM: std::ops::RangeInclusive<f64> = -12.0..=42.0;
/// Usual place behind the canal (mm); negative is in front.
const PLACE_Y_MM: std::ops::RangeInclusive<f64> = -95.0..=-24.0;
/// Most usual place left of the canal.
const USUAL_X_MM: f64 = 14.0;
/// Middle of the vertebral body in front of the canal, and the radius that no aorta's centre enters.
const VERTEBRA_BEFORE_CANAL_MM: f64 = 20.0;
/// See [`VERTEBRA_BEFORE_CANAL_MM`].
const VERTEBRA_RADIUS_MM: f64 = 21.0;
/// Cost of a step of two pixels between slices.
const WIDE_STEP_COST: f32 = 0.08;
/// Slices that a search needs.
const LEAST_SLICES: usize = 17;
/// Stations that fit, at least.
const LEAST_GOOD_STATIONS: usize = 10;
/// Score from which on a station fits.
const STATION_SCORE: f64 = 0.25;
/// Deviation up to which a station fits.
const STATION_DEVIATION_HU: f64 = 25.0;
/// Distance from the median attenuation up to which a station fits: HU, and share of the median.
const STATION_SPREAD: [f64; 2] = [20.0, 0.15];
/// Smallest disc (mm), and share of the radius otherwise.
const LEAST_DISC_MM: f64 = 5.0;
/// See [`LEAST_DISC_MM`].
const DISC_SHARE: f64 = 0.65;
/// What is brighter in a disc is calcium.
const CALCIUM_PERCENTILE: f64 = 95.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shifted_image_is_read_further_down_and_right() {
        let image: Vec<f32> = (0..SIDE * SIDE).map(|at| (at / SIDE * 100 + at % SIDE) as f32).collect();
        let mut sum = vec![0f32; SIDE * SIDE];
        add_shifted(&mut sum, &image, 2.0, -1.5);
        assert_eq!(sum[10 * SIDE + 10], 1208.5);
        assert_eq!(sum[(SIDE - 1) * SIDE], ((SIDE - 1) * 100) as f32);
    }

    #[test]
    fn a_bright_disc_scores_best_at_its_centre_and_radius() {
        let image = (0..SIDE * SIDE)
            .map(|at| {
                let r = ((at % SIDE) as f64 - 40.0).hypot((at / SIDE) as f64 - 30.0) * PIXEL_MM;
                if r <= 10.5 { 150.0 } else { -50.0 }
            })
            .collect();
        let plane = Grid { shape: [1, SIDE, SIDE], data: image };
        let (score, radius) = best_circles(&gradient(&plane), &Parameters::default());
        let best = (0..score.len()).reduce(|best, at| if score[at] > score[best] { at } else { best }).unwrap();
        assert!((best % SIDE).abs_diff(40) <= 1 && (best / SIDE).abs_diff(30) <= 1, "{best}");
        // A rim of 53 HU/mm saturates on the neighbouring radii as well.
        assert!((radius[30 * SIDE + 40] - 10.5).abs() < 1.6, "{}", radius[30 * SIDE + 40]);
    }
}
