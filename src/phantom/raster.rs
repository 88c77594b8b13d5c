//! Painting solids into one slice with partial volume at their borders.
//!
//! Input: [`Part`]s in torso coordinates (mm) and the plane of a slice. Output: attenuation (HU) per pixel, row by row.
//! A pixel's share of a solid comes from the signed distance of its centre to the surface; solids are looked at only inside
//! their bounding boxes and, there, only where a block of pixels meets the surface.

use super::noise::lattice_noise;
use super::shape::{Bounds, Point, Shape, cross, dot, unit};

/// Attenuation of air (HU).
pub(super) const AIR_HU: f32 = -1000.0;
/// Edge of a block of pixels that is decided at once.
const BLOCK: usize = 8;
/// Cell of the trabecular texture (mm).
const TEXTURE_CELL_MM: f64 = 2.4;

/// Solids of one attenuation; where they overlap they are one.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) hu: f64,
    pub(super) texture_sd_hu: f64,
    shapes: Vec<(Shape, Bounds)>,
}

impl Part {
    pub(super) fn new(hu: f64, shapes: Vec<Shape>) -> Part {
        let bound = |shape: Shape| {
            let bounds = shape.bounds();
            (shape, bounds)
        };
        Part { hu, texture_sd_hu: 0.0, shapes: shapes.into_iter().map(bound).collect() }
    }
}

/// A plane of pixel centres in torso coordinates.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plane {
    /// Centre of the first pixel.
    pub(super) origin: Point,
    /// Step from one column to the next.
    pub(super) right: Point,
    /// Step from one row to the next.
    pub(super) down: Point,
    pub(super) columns: usize,
    pub(super) rows: usize,
    /// Width over which a border passes from 0 to 1 (mm).
    pub(super) border_mm: f64,
}

impl Plane {
    #[inline]
    fn point(&self, column: f64, row: f64) -> Point {
        std::array::from_fn(|axis| self.origin[axis] + column * self.right[axis] + row * self.down[axis])
    }

    /// Pixels that a box may touch: `[first column, end column, first row, end row]`.
    fn window(&self, bounds: &Bounds) -> Option<[usize; 4]> {
        let normal = unit(cross(self.right, self.down));
        let offset: Point = std::array::from_fn(|axis| bounds.centre[axis] - self.origin[axis]);
        let reach = |axis: Point| (0..3).map(|n| axis[n].abs() * bounds.half[n]).sum::<f64>() + self.border_mm;
        if dot(offset, normal).abs() > reach(normal) {
            return None;
        }
        let range = |step: Point, count: usize| {
            let length = dot(step, step).sqrt();
            let axis = unit(step);
            let (middle, half) = (dot(offset, axis) / length, reach(axis) / length);
            let first = (middle - half).floor().max(0.0) as usize;
            let end = ((middle + half).ceil() + 1.0).clamp(0.0, count as f64) as usize;
            (first < end).then_some((first, end))
        };
        let (left, right) = range(self.right, self.columns)?;
        let (top, bottom) = range(self.down, self.rows)?;
        Some([left, right, top, bottom])
    }
}

/// One slice under construction and its scratch space.
pub(super) struct Canvas {
    pub(super) hu: Vec<f32>,
    coverage: Vec<f32>,
}

impl Canvas {
    pub(super) fn new(pixels: usize) -> Canvas {
        Canvas { hu: vec![AIR_HU; pixels], coverage: vec![0.0; pixels] }
    }

    /// Paints all parts in order on empty air.
    pub(super) fn paint(&mut self, plane: &Plane, parts: &[Part], seed: u64) {
        self.hu.fill(AIR_HU);
        for part in parts {
            self.paint_part(plane, part, seed);
        }
    }

    fn paint_part(&mut self, plane: &Plane, part: &Part, seed: u64) {
        let mut touched: Option<[usize; 4]> = None;
        for (shape, bounds) in &part.shapes {
            let Some(window) = plane.window(bounds) else { continue };
            self.cover(plane, shape, window);
            touched = Some(touched.map_or(window, |all| {
                [all[0].min(window[0]), all[1].max(window[1]), all[2].min(window[2]), all[3].max(window[3])]
            }));
        }
        if let Some(window) = touched {
            self.blend(plane, part, window, seed);
        }
    }

    /// Raises the coverage of every pixel in `window` to the share of it that `shape` fills.
    fn cover(&mut self, plane: &Plane, shape: &Shape, window: [usize; 4]) {
        let [left, right, top, bottom] = window;
        let step = dot(plane.right, plane.right).sqrt().max(dot(plane.down, plane.down).sqrt());
        let reach = 1.4 * step * BLOCK as f64 * std::f64::consts::FRAC_1_SQRT_2 + plane.border_mm;
        for row in (top..bottom).step_by(BLOCK) {
            for column in (left..right).step_by(BLOCK) {
                let end = [(column + BLOCK).min(right), (row + BLOCK).min(bottom)];
                let half = (BLOCK - 1) as f64 / 2.0;
                let middle = shape.distance(plane.point(column as f64 + half, row as f64 + half));
                if middle > reach {
                    continue;
                }
                if middle < -reach {
                    (row..end[1]).for_each(|j| self.coverage[j * plane.columns..][column..end[0]].fill(1.0));
                } else {
                    self.cover_block(plane, shape, [column, row], end);
                }
            }
        }
    }

    fn cover_block(&mut self, plane: &Plane, shape: &Shape, start: [usize; 2], end: [usize; 2]) {
        for row in start[1]..end[1] {
            for column in start[0]..end[0] {
                let covered = &mut self.coverage[row * plane.columns + column];
                if *covered < 1.0 {
                    let distance = shape.distance(plane.point(column as f64, row as f64));
                    let share = (0.5 - distance / plane.border_mm).clamp(0.0, 1.0) as f32;
                    *covered = covered.max(share);
                }
            }
        }
    }

    /// Mixes the part in by its coverage and clears the coverage.
    fn blend(&mut self, plane: &Plane, part: &Part, window: [usize; 4], seed: u64) {
        let [left, right, top, bottom] = window;
        for row in top..bottom {
            for column in left..right {
                let n = row * plane.columns + column;
                let share = self.coverage[n];
                if share > 0.0 {
                    let mut hu = part.hu;
                    if part.texture_sd_hu > 0.0 {
                        let point = plane.point(column as f64, row as f64);
                        hu += part.texture_sd_hu * lattice_noise(seed, point, TEXTURE_CELL_MM);
                    }
                    self.hu[n] += share * (hu as f32 - self.hu[n]);
                    self.coverage[n] = 0.0;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phantom::shape::ellipsoid;

    fn plane() -> Plane {
        Plane {
            origin: [-32.0, -32.0, 0.0],
            right: [1.0, 0.0, 0.0],
            down: [0.0, 1.0, 0.0],
            columns: 65,
            rows: 65,
            border_mm: 1.0,
        }
    }

    #[test]
    fn the_painted_area_is_the_true_area() {
        let mut canvas = Canvas::new(65 * 65);
        canvas.paint(&plane(), &[Part::new(0.0, vec![ellipsoid([0.3, 0.2, 0.0], [20.0, 12.0, 30.0])])], 1);
        let area: f64 = canvas.hu.iter().map(|hu| f64::from(hu + 1000.0) / 1000.0).sum();
        let truth = std::f64::consts::PI * 20.0 * 12.0;
        assert!((area - truth).abs() < 0.01 * truth, "{area} against {truth}");
    }

    #[test]
    fn overlapping_solids_of_a_part_are_one() {
        let shape = || ellipsoid([0.0; 3], [15.0; 3]);
        let (mut once, mut twice) = (Canvas::new(65 * 65), Canvas::new(65 * 65));
        once.paint(&plane(), &[Part::new(50.0, vec![shape()])], 1);
        twice.paint(&plane(), &[Part::new(50.0, vec![shape(), shape()])], 1);
        assert_eq!(once.hu, twice.hu);
    }
}
