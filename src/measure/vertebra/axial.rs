//! The region `axial200`: an ellipse of 200 mm2 in the slices about mid-height (definition set, section 2.2).
//!
//! Input: native geometry and one [`Vertebra`]. Output: the voxels of the region and its parts; lengths in mm.
//! The ellipse lies in the image planes as acquired; its anterior axis follows the vertebra's axial rotation.

use crate::anatomy::Outline;
use crate::anatomy::Vertebra;
use crate::grid::vector;
use crate::measure::Part;
use crate::volume::Geometry;

/// Semi-axes of the whole ellipse: 200 mm2.
pub(super) const SEMI_AXES_MM: [f64; 2] = [10.0, 6.366];

/// Half thickness of the slab about mid-height.
const HALF_SLAB_MM: f64 = 2.5;

/// Centre of the region in parts of the depth, from the anterior wall.
const CENTRE_BEHIND_ANTERIOR_WALL: f64 = 0.40;

/// Least in-plane distance to the wall of the body.
const WALL_MARGIN_MM: f64 = 3.0;

/// Part of the depth behind which the veins of the body lie.
const POSTERIOR_SHARE: f64 = 1.0 / 3.0;

/// Scales that are tried, in percent, the largest first.
const SCALES_PERCENT: [u32; 7] = [100, 95, 90, 85, 80, 75, 70];

/// A voxel as `[slice, row, column]`.
pub(super) type Index = [usize; 3];

/// Where the region lies.
#[derive(Debug, Clone)]
pub(super) struct Placement {
    /// Slices of the slab, caudal to cranial.
    pub(super) slices: Vec<usize>,
    /// Centre of the ellipse.
    pub(super) centre_mm: [f64; 3],
    /// In-plane unit vector to the left.
    pub(super) transverse: [f64; 3],
    /// In-plane unit vector to the front.
    pub(super) anterior: [f64; 3],
}

impl Placement {
    /// Places the region by the tube outline, which is steadier than the waist; `None` without slices.
    pub(super) fn of(geometry: &Geometry, vertebra: &Vertebra) -> Option<Placement> {
        let from_canal = vertebra.posterior_wall_mm + (1.0 - CENTRE_BEHIND_ANTERIOR_WALL) * vertebra.depth_mm;
        let midline = vector::along(vertebra.canal_mm, vertebra.left, vertebra.lateral_offset_mm);
        let out_of_plane = vector::dot(vertebra.anterior, geometry.normal);
        let anterior = vector::unit(vector::along(vertebra.anterior, geometry.normal, -out_of_plane));
        let slices = slab(&geometry.positions_mm, geometry.position_mm(vertebra.centre_mm));
        (!slices.is_empty()).then(|| Placement {
            slices,
            centre_mm: vector::along(midline, vertebra.anterior, from_canal),
            transverse: vector::cross(geometry.normal, anterior),
            anterior,
        })
    }

    /// The same region moved in its plane.
    pub(super) fn moved(&self, left_mm: f64, front_mm: f64) -> Placement {
        let moved = vector::along(self.centre_mm, self.transverse, left_mm);
        Placement { centre_mm: vector::along(moved, self.anterior, front_mm), ..self.clone() }
    }

    /// Voxels whose centre lies in the ellipse of this scale.
    pub(super) fn voxels(&self, geometry: &Geometry, scale: f64) -> Vec<Index> {
        let axes = SEMI_AXES_MM.map(|axis| axis * scale);
        self.slices.iter().flat_map(|&k| self.voxels_in_slice(geometry, k, axes)).collect()
    }

    fn voxels_in_slice(&self, geometry: &Geometry, k: usize, axes: [f64; 2]) -> Vec<Index> {
        let [_, rows, columns] = geometry.shape;
        let [row, column] = geometry.pixel(k, self.centre_mm);
        let reach = axes[0].max(axes[1]);
        let span = |centre: f64, spacing: f64, count: usize| {
            let half = reach / spacing + 1.0;
            let end = ((centre + half).ceil().max(-1.0) + 1.0) as usize;
            (centre - half).floor().max(0.0) as usize..end.min(count)
        };
        let mut result = Vec::new();
        for j in span(row, geometry.row_spacing_mm, rows) {
            for i in span(column, geometry.column_spacing_mm, columns) {
                let down = vector::scale(geometry.column_direction, (j as f64 - row) * geometry.row_spacing_mm);
                let aside = (i as f64 - column) * geometry.column_spacing_mm;
                let offset = vector::along(down, geometry.row_direction, aside);
                let across = vector::dot(offset, self.transverse) / axes[0];
                let along = vector::dot(offset, self.anterior) / axes[1];
                if across * across + along * along <= 1.0 {
                    result.push([k, j, i]);
                }
            }
        }
        result
    }

    /// The region as one ellipse per slice.
    pub(super) fn parts(&self, geometry: &Geometry, scale: f64) -> Vec<Part> {
        self.slices
            .iter()
            .map(|&k| {
                let [row, column] = geometry.pixel(k, self.centre_mm);
                Part::Ellipse {
                    slice: k,
                    center_mm: geometry.patient_mm(k, row, column),
                    center_pixel: [column, row],
                    axis_row: self.transverse,
                    axis_column: self.anterior,
                    semi_axes_mm: SEMI_AXES_MM.map(|axis| axis * scale),
                }
            })
            .collect()
    }

    /// The largest scale whose voxels all keep their distances; `None` where none does.
    pub(super) fn fitting_scale(&self, geometry: &Geometry, vertebra: &Vertebra, thickness_mm: f64) -> Option<f64> {
        let keeps =
            |&[k, j, i]: &Index| keeps_distances(vertebra, geometry.patient_mm(k, j as f64, i as f64), thickness_mm);
        SCALES_PERCENT
            .into_iter()
            .map(|percent| f64::from(percent) / 100.0)
            .find(|&scale| self.voxels(geometry, scale).iter().all(keeps))
    }
}

/// Slices within `-2.5 < d <= 2.5` mm of `middle_mm`; without any the nearest one, of two the cranial one.
fn slab(positions_mm: &[f64], middle_mm: f64) -> Vec<usize> {
    let distance = |k: usize| positions_mm[k] - middle_mm;
    let inside = |&k: &usize| distance(k) > -HALF_SLAB_MM && distance(k) <= HALF_SLAB_MM;
    let slices: Vec<usize> = (0..positions_mm.len()).filter(inside).collect();
    if !slices.is_empty() {
        return slices;
    }
    let nearest = (0..positions_mm.len()).rev().min_by(|&a, &b| distance(a).abs().total_cmp(&distance(b).abs()));
    nearest.into_iter().collect()
}

/// A point in the frame of a vertebra: to the left, to the front, along the axis, from the canal at mid-height (mm).
pub(super) fn in_frame(vertebra: &Vertebra, point_mm: [f64; 3]) -> [f64; 3] {
    let offset = vector::subtract(point_mm, vertebra.canal_mm);
    [vertebra.left, vertebra.anterior, vertebra.axis].map(|axis| vector::dot(offset, axis))
}

/// Outline of the tube at mid-height.
pub(super) fn tube(vertebra: &Vertebra) -> Outline {
    Outline {
        lateral_offset_mm: vertebra.lateral_offset_mm,
        posterior_wall_mm: vertebra.posterior_wall_mm,
        depth_mm: vertebra.depth_mm,
        width_mm: vertebra.width_mm,
        support_hu: vertebra.waist.support_hu,
    }
}

/// Whether a point in the vertebra's frame lies at least `margin_mm` inside an outline.
pub(super) fn inside_outline(outline: &Outline, u: f64, v: f64, margin_mm: f64) -> bool {
    let (a, b) = (outline.width_mm / 2.0 - margin_mm, outline.depth_mm / 2.0 - margin_mm);
    let middle = outline.posterior_wall_mm + outline.depth_mm / 2.0;
    a > 0.0 && b > 0.0 && ((u - outline.lateral_offset_mm) / a).powi(2) + ((v - middle) / b).powi(2) <= 1.0
}

/// Whether a point lies in front of the posterior third of an outline.
pub(super) fn before_posterior_third(outline: &Outline, v: f64) -> bool {
    v >= outline.posterior_wall_mm + POSTERIOR_SHARE * outline.depth_mm
}

/// Least distance to the endplates: what their partial volume in a slice of this thickness reaches (mm).
pub(super) fn endplate_margin_mm(thickness_mm: f64) -> f64 {
    (thickness_mm / 2.0 + 2.0).max(4.0)
}

/// Distances to the lower and the upper endplate along the axis (mm, positive inside the body).
pub(super) fn endplate_distances_mm(vertebra: &Vertebra, [u, v, height]: [f64; 3]) -> [f64; 2] {
    let middle = vertebra.posterior_wall_mm + vertebra.depth_mm / 2.0;
    let [lower, upper] = vertebra.endplates.map(|plate| {
        plate.height_mm + plate.anterior_slope * (v - middle) + plate.left_slope * (u - vertebra.lateral_offset_mm)
    });
    [height - lower, upper - height]
}

fn keeps_distances(vertebra: &Vertebra, point_mm: [f64; 3], thickness_mm: f64) -> bool {
    let place = in_frame(vertebra, point_mm);
    let outline = tube(vertebra);
    let margin = endplate_margin_mm(thickness_mm);
    inside_outline(&outline, place[0], place[1], WALL_MARGIN_MM)
        && before_posterior_third(&outline, place[1])
        && endplate_distances_mm(vertebra, place).iter().all(|&distance| distance >= margin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slab_is_open_below_and_closed_above() {
        let positions: Vec<f64> = (0..9).map(|k| 2.5 * f64::from(k)).collect();
        assert_eq!(slab(&positions, 10.0), [4, 5]);
        assert_eq!(slab(&positions, 11.0), [4, 5]);
        assert_eq!(slab(&[0.0, 10.0, 20.0], 15.0), [2]);
        assert_eq!(slab(&[0.0, 10.0, 20.0], 14.9), [1]);
        assert_eq!(slab(&[0.0, 5.0, 10.0], 7.5), [2]);
        assert!(slab(&[], 0.0).is_empty());
    }

    #[test]
    fn the_ellipse_has_two_hundred_square_millimetres_whatever_the_flips() {
        for (sign, normal) in [(1.0, 1.0), (-1.0, -1.0)] {
            let geometry = Geometry {
                shape: [3, 200, 200],
                origins_mm: vec![[-70.0 * sign, -70.0, 0.0], [-70.0 * sign, -70.0, 2.0], [-70.0 * sign, -70.0, 4.0]],
                row_direction: [sign, 0.0, 0.0],
                column_direction: [0.0, 1.0, 0.0],
                normal: [0.0, 0.0, normal * sign],
                row_spacing_mm: 0.7,
                column_spacing_mm: 0.7,
                positions_mm: vec![0.0, 2.0, 4.0],
                slice_spacing_mm: 2.0,
            };
            let place = Placement {
                slices: vec![1],
                centre_mm: [3.0, 5.0, 2.0],
                transverse: [0.8, 0.6, 0.0],
                anterior: [0.6, -0.8, 0.0],
            };
            let voxels = place.voxels(&geometry, 1.0);
            assert!((voxels.len() as f64 * 0.49 - 200.0).abs() < 4.0, "{}", voxels.len());
            for [k, j, i] in voxels {
                let offset = vector::subtract(geometry.patient_mm(k, j as f64, i as f64), place.centre_mm);
                assert!(vector::dot(offset, place.transverse).abs() <= 10.0);
                assert!(vector::dot(offset, place.anterior).abs() <= 6.366);
            }
        }
    }
}
