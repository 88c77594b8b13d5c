//! A picture plane through the patient: where it lies, what it shows, how it maps to pixels.
//!
//! Input: a [`Volume`], a plane in patient coordinates (LPS, mm), a rectangle of the canvas.
//! Output: the windowed image in that rectangle, and the maps between pixels and patient points.
//! Pixels are square in mm whatever the spacings of the series are. Axial views look from the feet (patient's right on
//! the left, front on top), sagittal views from the patient's left, coronal views from the front, head on top.
//!
//! Source: PS3.3 C.7.6.2.1.1 (image plane), PS3.3 C.11.2.1.2.1 (window, linear function).

use super::canvas::Canvas;
use super::canvas::Point;
use super::canvas::Rect;
use super::vector;
use crate::volume::PADDING_HU;
use crate::volume::Volume;

/// A gray window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Window {
    /// HU of middle gray.
    pub(super) center_hu: f64,
    /// HU from black to white.
    pub(super) width_hu: f64,
}

impl Window {
    /// For organs.
    pub(super) const SOFT_TISSUE: Window = Window { center_hu: 50.0, width_hu: 400.0 };
    /// For a mean through the depth of the trunk, where air, soft tissue and bone mix.
    pub(super) const MEAN: Window = Window { center_hu: 20.0, width_hu: 400.0 };
    /// For trabecular bone: cortex is white, marrow and muscle are told apart.
    pub(super) const BONE: Window = Window { center_hu: 250.0, width_hu: 1000.0 };

    /// Gray value of an attenuation (linear function of the standard).
    pub(super) fn gray(&self, hu: f64) -> u8 {
        let share = (hu - (self.center_hu - 0.5)) / (self.width_hu - 1.0) + 0.5;
        (share * 255.0).round().clamp(0.0, 255.0) as u8
    }
}

/// HU at any patient point: linear between voxel centres, `None` outside the scan.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sampler<'a> {
    volume: &'a Volume,
}

impl<'a> Sampler<'a> {
    /// A sampler of a volume.
    pub(super) fn new(volume: &'a Volume) -> Sampler<'a> {
        Sampler { volume }
    }

    /// HU at a patient point. Gaps that a missing slice leaves stay empty, so that they are seen.
    pub(super) fn hu(&self, point_mm: [f64; 3]) -> Option<f64> {
        let geometry = &self.volume.geometry;
        let positions = &geometry.positions_mm;
        let position = geometry.position_mm(point_mm);
        let above = positions.partition_point(|&slice| slice <= position);
        let below = above.checked_sub(1);
        let reach = geometry.slice_spacing_mm / 2.0 + 1e-6;
        let near = |k: usize| (positions[k] - position).abs() <= reach;
        match (below, (above < positions.len()).then_some(above)) {
            (Some(low), Some(high)) => {
                let gap = positions[high] - positions[low];
                if gap <= geometry.slice_spacing_mm * INTERPOLATED_GAP {
                    let share = (position - positions[low]) / gap;
                    let low_hu = self.in_slice(low, point_mm)?;
                    let high_hu = if share > 0.0 { self.in_slice(high, point_mm)? } else { low_hu };
                    Some(low_hu + (high_hu - low_hu) * share)
                } else {
                    [low, high].into_iter().find(|&k| near(k)).and_then(|k| self.in_slice(k, point_mm))
                }
            }
            (Some(only), None) | (None, Some(only)) => near(only).then(|| self.in_slice(only, point_mm))?,
            (None, None) => None,
        }
    }

    fn in_slice(&self, k: usize, point_mm: [f64; 3]) -> Option<f64> {
        let [_, rows, columns] = self.volume.geometry.shape;
        let [row, column] = self.volume.geometry.pixel(k, point_mm);
        let inside = |value: f64, count: usize| value >= -0.5 && value <= count as f64 - 0.5;
        if !inside(row, rows) || !inside(column, columns) {
            return None;
        }
        let (j, row_share) = split(row, rows);
        let (i, column_share) = split(column, columns);
        let next = [(j + 1).min(rows - 1), (i + 1).min(columns - 1)];
        let top = mix(self.shown(k, j, i), self.shown(k, j, next[1]), column_share);
        let bottom = mix(self.shown(k, next[0], i), self.shown(k, next[0], next[1]), column_share);
        Some(mix(top, bottom, row_share))
    }

    /// Padding is shown as air.
    fn shown(&self, k: usize, j: usize, i: usize) -> f64 {
        let hu = self.volume.hu(k, j, i);
        if hu <= f32::from(PADDING_HU) || !hu.is_finite() { AIR_HU } else { f64::from(hu) }
    }
}

fn split(value: f64, count: usize) -> (usize, f64) {
    let held = value.clamp(0.0, count as f64 - 1.0);
    (held.floor() as usize, held - held.floor())
}

fn mix(first: f64, second: f64, share: f64) -> f64 {
    first + (second - first) * share
}

/// A course that a curved plane follows: one patient coordinate as a function of height.
#[derive(Debug, Clone)]
pub(super) struct Curve {
    /// The coordinate that varies: 0 = x, 1 = y.
    pub(super) axis: usize,
    /// Height z and coordinate (LPS, mm), by increasing height.
    pub(super) knots: Vec<[f64; 2]>,
}

impl Curve {
    /// The coordinate at a height; constant beyond the ends.
    pub(super) fn at(&self, z_mm: f64) -> Option<f64> {
        interpolate(&self.knots, z_mm)
    }
}

/// Linear interpolation in a table sorted by its first column, constant beyond the ends; `None` if it is empty.
pub(super) fn interpolate(table: &[[f64; 2]], at: f64) -> Option<f64> {
    let above = table.partition_point(|row| row[0] <= at);
    match (above.checked_sub(1).map(|below| table[below]), table.get(above)) {
        (Some(low), Some(high)) => Some(mix(low[1], high[1], (at - low[0]) / (high[0] - low[0]))),
        (Some(only), None) => Some(only[1]),
        (None, only) => only.map(|row| row[1]),
    }
}

/// A plane of the patient, shown in a rectangle of the canvas.
#[derive(Debug, Clone)]
pub(super) struct View {
    /// Where on the canvas.
    pub(super) rect: Rect,
    /// Patient point in the middle of the rectangle (LPS, mm).
    pub(super) centre_mm: [f64; 3],
    /// Unit vector to the right of the picture.
    pub(super) right: [f64; 3],
    /// Unit vector to the bottom of the picture.
    pub(super) down: [f64; 3],
    /// Size of a pixel (mm).
    pub(super) mm_per_pixel: f64,
    /// Course of a curved plane.
    pub(super) curve: Option<Curve>,
}

impl View {
    /// A view in the plane of the slices, right side up whatever the direction cosines are, centred on a point.
    pub(super) fn in_slices(volume: &Volume, rect: Rect, centre_mm: [f64; 3], mm_per_pixel: f64) -> View {
        let geometry = &volume.geometry;
        let (to_right, to_bottom) = upright(geometry.normal);
        let directions = [geometry.row_direction, geometry.column_direction];
        // The image axis that lies more across the picture becomes its horizontal one.
        let across = |direction: [f64; 3]| vector::dot(direction, to_right).abs();
        let [horizontal, vertical] =
            if across(directions[0]) >= across(directions[1]) { directions } else { [directions[1], directions[0]] };
        let right = vector::towards(horizontal, to_right);
        let down = vector::towards(vertical, to_bottom);
        View { rect, centre_mm, right, down, mm_per_pixel, curve: None }
    }

    /// A sagittal view, along `curve` where there is one.
    pub(super) fn sagittal(rect: Rect, centre_mm: [f64; 3], mm_per_pixel: f64, curve: Option<Curve>) -> View {
        View { rect, centre_mm, right: [0.0, 1.0, 0.0], down: [0.0, 0.0, -1.0], mm_per_pixel, curve }
    }

    /// A coronal view, along `curve` where there is one.
    pub(super) fn coronal(rect: Rect, centre_mm: [f64; 3], mm_per_pixel: f64, curve: Option<Curve>) -> View {
        View { rect, centre_mm, right: [1.0, 0.0, 0.0], down: [0.0, 0.0, -1.0], mm_per_pixel, curve }
    }

    fn middle(&self) -> Point {
        [
            self.rect.left as f64 + (self.rect.width as f64 - 1.0) / 2.0,
            self.rect.top as f64 + (self.rect.height as f64 - 1.0) / 2.0,
        ]
    }

    /// Patient point of a canvas pixel (LPS, mm).
    pub(super) fn point_mm(&self, [x, y]: Point) -> [f64; 3] {
        let middle = self.middle();
        let (across, along) = ((x - middle[0]) * self.mm_per_pixel, (y - middle[1]) * self.mm_per_pixel);
        let mut point: [f64; 3] =
            std::array::from_fn(|axis| self.centre_mm[axis] + across * self.right[axis] + along * self.down[axis]);
        if let Some(curve) = &self.curve
            && let Some(value) = curve.at(point[2])
        {
            point[curve.axis] = value;
        }
        point
    }

    /// Canvas pixel of a patient point, projected onto the plane.
    pub(super) fn pixel(&self, point_mm: [f64; 3]) -> Point {
        let middle = self.middle();
        let offset = vector::minus(point_mm, self.centre_mm);
        [
            middle[0] + vector::dot(offset, self.right) / self.mm_per_pixel,
            middle[1] + vector::dot(offset, self.down) / self.mm_per_pixel,
        ]
    }

    /// Length and direction on the canvas of a patient vector.
    pub(super) fn arrow(&self, vector_mm: [f64; 3]) -> Point {
        [vector::dot(vector_mm, self.right) / self.mm_per_pixel, vector::dot(vector_mm, self.down) / self.mm_per_pixel]
    }

    /// Draws the image; outside the scan the ground stays.
    pub(super) fn image(&self, canvas: &mut Canvas, volume: &Volume, window: Window) {
        let sampler = Sampler::new(volume);
        for y in self.rect.top..self.rect.bottom() {
            for x in self.rect.left..self.rect.right() {
                if let Some(hu) = sampler.hu(self.point_mm([x as f64, y as f64])) {
                    canvas.blend(x, y, [window.gray(hu); 3], 1.0);
                }
            }
        }
    }

    /// Draws the largest HU within a depth before and behind the plane.
    pub(super) fn largest_image(&self, canvas: &mut Canvas, volume: &Volume, window: Window, depth_mm: [f64; 2]) {
        self.projection(canvas, volume, window, depth_mm, |values| values.iter().copied().reduce(f64::max));
    }

    /// Draws the mean HU within a depth before and behind the plane, every sample first cut to the window: air before
    /// an organ then does not hide it.
    pub(super) fn mean_image(&self, canvas: &mut Canvas, volume: &Volume, window: Window, depth_mm: [f64; 2]) {
        let (low, high) = (window.center_hu - window.width_hu / 2.0, window.center_hu + window.width_hu / 2.0);
        let mean = |values: &[f64]| {
            let sum: f64 = values.iter().map(|value| value.clamp(low, high)).sum();
            (!values.is_empty()).then(|| sum / values.len() as f64)
        };
        self.projection(canvas, volume, window, depth_mm, mean);
    }

    /// Draws one number of all samples along the line of sight, from `before` in front of the plane to `behind` it.
    fn projection(
        &self,
        canvas: &mut Canvas,
        volume: &Volume,
        window: Window,
        [before, behind]: [f64; 2],
        number: impl Fn(&[f64]) -> Option<f64>,
    ) {
        let sampler = Sampler::new(volume);
        let away = vector::cross(self.right, self.down);
        let steps = ((before + behind) / PROJECTION_STEP_MM) as usize;
        let mut values = Vec::with_capacity(steps + 1);
        let columns = self.rect.width.div_ceil(PROJECTION_LATTICE) + 1;
        let rows = self.rect.height.div_ceil(PROJECTION_LATTICE) + 1;
        let mut lattice = Vec::with_capacity(columns * rows);
        for place in 0..columns * rows {
            let x = self.rect.left + place % columns * PROJECTION_LATTICE;
            let y = self.rect.top + place / columns * PROJECTION_LATTICE;
            let point = self.point_mm([x as f64, y as f64]);
            let depth = |step: usize| step as f64 * PROJECTION_STEP_MM - before;
            values.clear();
            values.extend((0..=steps).filter_map(|step| sampler.hu(vector::along(point, away, depth(step)))));
            lattice.push(number(&values));
        }
        self.draw_lattice(canvas, &lattice, columns, window);
    }

    /// Draws values that were taken at every [`PROJECTION_LATTICE`]-th pixel, linear between them.
    fn draw_lattice(&self, canvas: &mut Canvas, lattice: &[Option<f64>], columns: usize, window: Window) {
        for y in 0..self.rect.height {
            for x in 0..self.rect.width {
                let place = y / PROJECTION_LATTICE * columns + x / PROJECTION_LATTICE;
                let share = |at: usize| (at % PROJECTION_LATTICE) as f64 / PROJECTION_LATTICE as f64;
                let corners = [place, place + 1, place + columns, place + columns + 1].map(|place| lattice[place]);
                let hu = match corners {
                    [Some(a), Some(b), Some(c), Some(d)] => {
                        Some(mix(mix(a, b, share(x)), mix(c, d, share(x)), share(y)))
                    }
                    [nearest, ..] => nearest,
                };
                if let Some(hu) = hu {
                    canvas.blend(self.rect.left + x, self.rect.top + y, [window.gray(hu); 3], 1.0);
                }
            }
        }
    }

    /// Letters of the patient's sides at the left, right, top and bottom of the picture.
    pub(super) fn letters(&self) -> [String; 4] {
        let negative = |direction: [f64; 3]| direction.map(|value| -value);
        [negative(self.right), self.right, negative(self.down), self.down].map(side_letters)
    }
}

/// Right and bottom of an upright picture whose plane has this normal.
fn upright(normal: [f64; 3]) -> ([f64; 3], [f64; 3]) {
    let size = normal.map(f64::abs);
    if size[2] >= size[0] && size[2] >= size[1] {
        ([1.0, 0.0, 0.0], [0.0, 1.0, 0.0])
    } else if size[1] >= size[0] {
        ([1.0, 0.0, 0.0], [0.0, 0.0, -1.0])
    } else {
        ([0.0, 1.0, 0.0], [0.0, 0.0, -1.0])
    }
}

/// Letters of a direction (LPS): the main side, and a second one where the direction is clearly oblique.
pub(super) fn side_letters(direction: [f64; 3]) -> String {
    const SIDES: [[char; 2]; 3] = [['L', 'R'], ['P', 'A'], ['H', 'F']];
    let mut axes = [0, 1, 2];
    axes.sort_by(|&a, &b| direction[b].abs().total_cmp(&direction[a].abs()));
    axes.into_iter()
        .enumerate()
        .filter(|&(order, axis)| order == 0 || (order == 1 && direction[axis].abs() > OBLIQUE_COSINE))
        .map(|(_, axis)| SIDES[axis][usize::from(direction[axis] < 0.0)])
        .collect()
}

/// Slices farther apart than this many times the median spacing are not joined.
const INTERPOLATED_GAP: f64 = 1.6;
/// Distance of the samples of a projection.
const PROJECTION_STEP_MM: f64 = 3.0;
/// Projections are taken at every so many-th pixel: they are smooth, and each takes dozens of samples.
const PROJECTION_LATTICE: usize = 2;
/// What padding is shown as.
const AIR_HU: f64 = -1024.0;
/// A second letter is given from about 20 degrees on.
const OBLIQUE_COSINE: f64 = 0.342;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_is_the_linear_function_of_the_standard() {
        let window = Window { center_hu: 40.0, width_hu: 400.0 };
        assert_eq!((window.gray(-160.0), window.gray(239.0)), (0, 255));
        assert_eq!(window.gray(39.5), 128);
    }

    #[test]
    fn letters_name_the_main_side_and_a_second_one_only_when_oblique() {
        assert_eq!(side_letters([-1.0, 0.0, 0.0]), "R");
        assert_eq!(side_letters([0.1, 0.99, 0.0]), "P");
        assert_eq!(side_letters([0.0, -0.6, 0.8]), "HA");
    }

    #[test]
    fn pixel_and_point_are_inverse() {
        let rect = Rect { left: 10, top: 20, width: 100, height: 80 };
        let view = View::sagittal(rect, [1.0, 2.0, 3.0], 0.5, None);
        let point = view.point_mm([37.0, 55.0]);
        let pixel = view.pixel(point);
        assert!((pixel[0] - 37.0).abs() < 1e-9 && (pixel[1] - 55.0).abs() < 1e-9);
        assert_eq!(point[0], 1.0);
    }

    #[test]
    fn a_curved_view_follows_its_course() {
        let rect = Rect { left: 0, top: 0, width: 11, height: 11 };
        let curve = Curve { axis: 0, knots: vec![[-5.0, 0.0], [5.0, 20.0]] };
        let view = View::sagittal(rect, [0.0; 3], 1.0, Some(curve));
        assert_eq!(view.point_mm([5.0, 5.0])[0], 10.0);
        assert_eq!(view.point_mm([5.0, 0.0])[0], 20.0);
    }
}
