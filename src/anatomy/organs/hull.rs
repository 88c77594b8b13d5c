//! The space inside the wall of the trunk.
//!
//! Input: HU and trunk on the coarse grid. Output: the mask of what lies inside ribs, muscle and fascia.
//! Method: convex hull of bone projected over more than one rib interval; in the front half also the depth below the
//! fascia, because the hull cuts the upper abdomen below the costal arch.

use crate::grid::Grid;
use crate::grid::Mask;
use crate::grid::label;
use crate::grid::label::Neighbours;
use crate::grid::morphology;

use super::Parameters;
use super::masks;

/// Finds the space inside the wall of the trunk.
pub(super) fn find(hu: &Grid<f32>, trunk: &Mask, spacing_mm: f64, parameters: &Parameters) -> Mask {
    let bone = masks::mask_where(hu.shape, |_, _, _, at| trunk.data[at] && hu.data[at] > parameters.hull_bone_hu);
    masks::by_slices(hu.shape, |k| {
        let skin = masks::slice_depth(&masks::slice_of(trunk, k), spacing_mm);
        let mut inside = inside_bone(&bone, k, &skin, spacing_mm, parameters);
        if let Some(below) = below_fascia(hu, trunk, k, spacing_mm, parameters) {
            for ((inside, below), &depth) in inside.iter_mut().zip(below).zip(&skin.data) {
                *inside |= below && f64::from(depth) > parameters.hull_skin_mm;
            }
        }
        inside
    })
}

/// Inside the convex hull of the bone around slice `k`; a depth below the skin where there is no bone.
fn inside_bone(bone: &Mask, k: usize, skin: &Grid<f32>, spacing_mm: f64, parameters: &Parameters) -> Vec<bool> {
    let [slices, rows, columns] = bone.shape;
    let reach = (parameters.hull_projection_mm / spacing_mm) as usize;
    let around = k.saturating_sub(reach)..(k + reach + 1).min(slices);
    let points: Vec<[i64; 2]> = (0..rows * columns)
        .filter(|&at| around.clone().any(|other| bone.slice(other)[at]))
        .map(|at| [(at % columns) as i64, (at / columns) as i64])
        .collect();
    let corners = if points.len() < LEAST_BONE_POINTS { Vec::new() } else { convex_hull(points) };
    if corners.len() < 3 {
        return skin.data.iter().map(|&depth| f64::from(depth) > parameters.hull_fallback_mm).collect();
    }
    let depth = masks::slice_depth(&filled_polygon(&corners, rows, columns), spacing_mm);
    depth
        .data
        .iter()
        .zip(&skin.data)
        .map(|(&depth, &skin)| f64::from(depth) > parameters.hull_inset_mm && f64::from(skin) > parameters.hull_skin_mm)
        .collect()
}

/// What lies deeper than the wall below the outer border of lean tissue, in the front half of the trunk.
fn below_fascia(hu: &Grid<f32>, trunk: &Mask, k: usize, spacing_mm: f64, parameters: &Parameters) -> Option<Vec<bool>> {
    let [_, rows, columns] = hu.shape;
    let lean = masks::mask_where([1, rows, columns], |_, _, _, at| {
        let value = hu.slice(k)[at];
        trunk.slice(k)[at] && (value > LEAN_HU || value < parameters.lung_threshold_hu)
    });
    let opened = square_opening(&lean);
    let components = label::label(&opened, Neighbours::Six);
    let largest = components.mask(components.largest()?);
    let depth = masks::slice_depth(&morphology::fill_holes_per_slice(&largest), spacing_mm);
    let occupied = |j: &usize| trunk.slice(k)[j * columns..(j + 1) * columns].contains(&true);
    let middle = ((0..rows).find(occupied)? + (0..rows).rev().find(occupied)?) / 2;
    Some(
        depth
            .data
            .iter()
            .enumerate()
            .map(|(at, &depth)| at / columns < middle && f64::from(depth) > parameters.hull_fascia_mm)
            .collect(),
    )
}

/// Opening of one slice by a square of three by three voxels.
fn square_opening(mask: &Mask) -> Mask {
    let [_, rows, columns] = mask.shape;
    let around = |mask: &Mask, j: usize, i: usize, all: bool| {
        let mut neighbours = (0..9).map(|n| {
            let (j, i) = ((j + n / 3).wrapping_sub(1), (i + n % 3).wrapping_sub(1));
            j < rows && i < columns && mask.at(0, j, i)
        });
        if all { neighbours.all(|inside| inside) } else { neighbours.any(|inside| inside) }
    };
    let eroded = masks::mask_where(mask.shape, |_, j, i, _| around(mask, j, i, true));
    masks::mask_where(mask.shape, |_, j, i, _| around(&eroded, j, i, false))
}

/// Corners of the convex hull of points `[column, row]`, in order around it (Andrew's monotone chain).
fn convex_hull(mut points: Vec<[i64; 2]>) -> Vec<[i64; 2]> {
    points.sort_unstable();
    points.dedup();
    let turns = |a: [i64; 2], b: [i64; 2], c: [i64; 2]| (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);
    let chain = |points: &mut dyn Iterator<Item = [i64; 2]>| {
        let mut corners: Vec<[i64; 2]> = Vec::new();
        for point in points {
            while corners.len() >= 2 && turns(corners[corners.len() - 2], corners[corners.len() - 1], point) <= 0 {
                corners.pop();
            }
            corners.push(point);
        }
        corners.pop();
        corners
    };
    let mut corners = chain(&mut points.iter().copied());
    corners.extend(chain(&mut points.iter().rev().copied()));
    corners
}

/// Voxels inside a convex polygon, its outline included.
fn filled_polygon(corners: &[[i64; 2]], rows: usize, columns: usize) -> Mask {
    let mut mask = Grid::filled([1, rows, columns], false);
    for j in 0..rows {
        let row = j as f64;
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for (n, from) in corners.iter().enumerate() {
            let to = corners[(n + 1) % corners.len()];
            let [[x0, y0], [x1, y1]] = [from.map(|value| value as f64), to.map(|value| value as f64)];
            if (y0 - row) * (y1 - row) > 0.0 {
                continue;
            }
            let crossings = if y0 == y1 { [x0, x1] } else { [x0 + (x1 - x0) * (row - y0) / (y1 - y0); 2] };
            low = crossings.into_iter().fold(low, f64::min);
            high = crossings.into_iter().fold(high, f64::max);
        }
        for i in 0..columns {
            let at = mask.index(0, j, i);
            mask.data[at] = low - ROUNDING <= i as f64 && i as f64 <= high + ROUNDING;
        }
    }
    mask
}

/// Projected bone voxels that a hull needs.
const LEAST_BONE_POINTS: usize = 30;
/// Lean tissue against fat.
const LEAN_HU: f32 = -30.0;
/// Keeps lattice points on the outline inside in spite of rounding (voxels).
const ROUNDING: f64 = 1e-9;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hull_of_a_square_with_inner_points_is_its_corners() {
        let points = vec![[0, 0], [4, 0], [2, 1], [4, 4], [0, 4], [2, 0], [1, 2]];
        let mut corners = convex_hull(points);
        corners.sort_unstable();
        assert_eq!(corners, vec![[0, 0], [0, 4], [4, 0], [4, 4]]);
    }

    #[test]
    fn points_on_a_line_have_no_hull() {
        assert!(convex_hull(vec![[0, 0], [1, 1], [2, 2], [3, 3]]).len() < 3);
    }

    #[test]
    fn a_triangle_is_filled_with_its_outline() {
        let mask = filled_polygon(&[[1, 1], [5, 1], [1, 5]], 7, 7);
        let rows: Vec<usize> = (0..7).map(|j| (0..7).filter(|&i| mask.at(0, j, i)).count()).collect();
        assert_eq!(rows, vec![0, 5, 4, 3, 2, 1, 0]);
    }
}
