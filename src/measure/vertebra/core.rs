//! The region `core3d`: the anterior two thirds of the body, eroded (definition set, section 2.3).
//!
//! Input: the native volume and one [`Vertebra`]. Output: the voxels of the core with their places in the vertebra.
//! The body is the waist outline between both endplate planes: the tube is wider and would let the wall in.

use crate::anatomy::Vertebra;
use crate::grid::Grid;
use crate::measure::NativeMask;
use crate::measure::Part;
use crate::measure::vertebra::axial;
use crate::measure::vertebra::axial::Index;
use crate::volume::Geometry;

/// Least distance to the wall.
const WALL_MARGIN_MM: f64 = 4.0;

/// Half of the cube that is searched: no body is larger.
const REACH_MM: f64 = 34.0;

/// A voxel and its place `[u, v, height]` in the vertebra's frame (mm).
pub(super) type Placed = (Index, [f64; 3]);

/// Voxels of the body that lie `wall_mm` within its outline and `plate_mm` within its endplates.
pub(super) fn eroded_body(geometry: &Geometry, vertebra: &Vertebra, wall_mm: f64, plate_mm: f64) -> Vec<Placed> {
    let mut result = Vec::new();
    for index in within_reach(geometry, vertebra.centre_mm, REACH_MM) {
        let point = geometry.patient_mm(index[0], index[1] as f64, index[2] as f64);
        let place = axial::in_frame(vertebra, point);
        let inside = axial::inside_outline(&vertebra.waist, place[0], place[1], wall_mm)
            && axial::endplate_distances_mm(vertebra, place).iter().all(|&distance| distance >= plate_mm);
        if inside {
            result.push((index, place));
        }
    }
    result
}

/// Voxels of the core.
pub(super) fn voxels(geometry: &Geometry, vertebra: &Vertebra, thickness_mm: f64) -> Vec<Placed> {
    let mut body = eroded_body(geometry, vertebra, WALL_MARGIN_MM, axial::endplate_margin_mm(thickness_mm));
    body.retain(|(_, place)| axial::before_posterior_third(&vertebra.waist, place[1]));
    body
}

/// Voxels within a cube about a point, in scan order.
pub(super) fn within_reach(geometry: &Geometry, centre_mm: [f64; 3], reach_mm: f64) -> Vec<Index> {
    let [slices, rows, columns] = geometry.shape;
    let middle = geometry.position_mm(centre_mm);
    let mut result = Vec::new();
    for k in (0..slices).filter(|&k| (geometry.positions_mm[k] - middle).abs() <= reach_mm) {
        let [row, column] = geometry.pixel(k, centre_mm);
        let span = |centre: f64, spacing: f64, count: usize| {
            let end = ((centre + reach_mm / spacing).floor() + 1.0).max(0.0) as usize;
            (centre - reach_mm / spacing).ceil().max(0.0) as usize..end.min(count)
        };
        for j in span(row, geometry.row_spacing_mm, rows) {
            result.extend(span(column, geometry.column_spacing_mm, columns).map(|i| [k, j, i]));
        }
    }
    result
}

/// The voxels as one mask part; `None` of none.
pub(super) fn part(geometry: &Geometry, voxels: &[Placed]) -> Option<Part> {
    let (first, end) = voxels.iter().fold(None, |bounds: Option<(Index, Index)>, (index, _)| {
        let (first, end) = bounds.unwrap_or((*index, *index));
        let low = std::array::from_fn(|axis| first[axis].min(index[axis]));
        Some((low, std::array::from_fn(|axis| end[axis].max(index[axis]))))
    })?;
    let shape: [usize; 3] = std::array::from_fn(|axis| end[axis] - first[axis] + 1);
    let mut inside = Grid::filled(shape, false);
    let (mut minimum_mm, mut maximum_mm) = ([f64::INFINITY; 3], [f64::NEG_INFINITY; 3]);
    for ([k, j, i], _) in voxels {
        let at = inside.index(k - first[0], j - first[1], i - first[2]);
        inside.data[at] = true;
        let point = geometry.patient_mm(*k, *j as f64, *i as f64);
        minimum_mm = std::array::from_fn(|axis| minimum_mm[axis].min(point[axis]));
        maximum_mm = std::array::from_fn(|axis| maximum_mm[axis].max(point[axis]));
    }
    Some(Part::Mask { minimum_mm, maximum_mm, voxels: NativeMask { first, inside } })
}
