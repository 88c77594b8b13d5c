//! From options to slices: geometry, painting, averaging, blur, noise.
//!
//! Input: [`Options`]. Output: stored pixel values and positions of every slice, files in order of Instance Number.

use std::collections::VecDeque;
use std::sync::Arc;

use rayon::prelude::*;

use super::noise::{blur, correlated, gaussian};
use super::raster::{Canvas, Part, Plane};
use super::shape::{Point, cross};
use super::spine::{Vertebra, vertebrae};
use super::tissue::{Tissues, tissues};
use super::{File, Kernel, Options, PIXELS_MAX, PhantomError, Position, SLICES_MAX, bones, dicom, organs};

/// Distance of the planes whose average is a slice (mm); the last one may be narrower.
const PLANE_SPACING_MM: f64 = 0.85;
/// A border is at least as wide as this (mm), so that thin slices do not alias.
const BORDER_MIN_MM: f64 = 0.5;
/// Range of attenuation that a scanner stores (HU).
const STORED_HU: [f64; 2] = [-1024.0, 3071.0];
/// Share of the central noise that is left at the skin.
const SKIN_NOISE: f64 = 0.6;
/// Slices made in parallel before they are handed out.
const BATCH: usize = 8;

/// Geometry and content of one series.
#[derive(Debug)]
pub(super) struct Scan {
    pub(super) options: Options,
    pub(super) vertebrae: Vec<Vertebra>,
    pub(super) tissues: Tissues,
    parts: Vec<Part>,
    /// Index `n` of every slice, without the missing ones; slice `n` lies at `z(n)`.
    slices: Vec<usize>,
    slots: usize,
    /// Directions of rows and columns (PS3.3 C.7.6.2.1.1).
    pub(super) row: Point,
    pub(super) column: Point,
}

/// One slice as it is stored.
pub(super) struct Slice {
    pub(super) number: usize,
    /// Image Position (Patient).
    pub(super) position_mm: Point,
    /// Stored values, row by row.
    pub(super) stored: Vec<i32>,
}

impl Scan {
    pub(super) fn new(options: &Options) -> Result<Scan, PhantomError> {
        check(options)?;
        let vertebrae = vertebrae(options);
        let tissues = tissues(options);
        let mut parts = organs::parts(options, &vertebrae, &tissues);
        parts.extend(bones::parts(options, &vertebrae, &tissues));
        let slots = ((options.top_mm - options.bottom_mm) / options.slice_spacing_mm + 1e-6).floor() as usize + 1;
        let slices = (0..slots).filter(|n| !options.missing_slices.contains(n)).collect();
        let (row, column) = directions(options);
        Ok(Scan { options: options.clone(), vertebrae, tissues, parts, slices, slots, row, column })
    }

    pub(super) fn slice_count(&self) -> usize {
        self.slices.len()
    }

    /// Patient z of the middle of slot `n`.
    fn z(&self, n: usize) -> f64 {
        let feet_first = matches!(self.options.position, Position::FeetFirstSupine | Position::FeetFirstProne);
        let from_top = if feet_first { self.slots - 1 - n } else { n };
        self.options.top_mm - from_top as f64 * self.options.slice_spacing_mm
    }

    /// Middle of every slice that exists, in order of Instance Number (patient z, mm).
    pub(super) fn slice_z_mm(&self) -> Vec<f64> {
        self.slices.iter().map(|n| self.z(*n)).collect()
    }

    /// Image Position (Patient) of slot `n`.
    fn position_mm(&self, n: usize) -> Point {
        let options = &self.options;
        let middle = [options.field_centre_mm[0], options.field_centre_mm[1], self.z(n)];
        let half = |count: usize| (count as f64 - 1.0) / 2.0 * options.pixel_spacing_mm;
        std::array::from_fn(|axis| {
            middle[axis] - half(options.columns) * self.row[axis] - half(options.rows) * self.column[axis]
        })
    }

    /// Patient coordinates of a point of the torso.
    pub(super) fn patient_mm(&self, torso: Point) -> Point {
        let [plane, axial] = self.options.scale;
        rotate([torso[0] * plane, torso[1] * plane, torso[2] * axial], self.options.torso_tilt_degrees, false)
    }

    /// A patient direction or position in torso coordinates.
    fn torso(&self, patient: Point) -> Point {
        let [plane, axial] = self.options.scale;
        let straight = rotate(patient, self.options.torso_tilt_degrees, true);
        [straight[0] / plane, straight[1] / plane, straight[2] / axial]
    }

    /// Paints, averages and blurs slot `n`: attenuation without noise (HU).
    fn attenuation(&self, n: usize) -> Vec<f32> {
        let options = &self.options;
        let planes = (options.slice_thickness_mm / PLANE_SPACING_MM).ceil().max(1.0) as usize;
        let normal = cross(self.row, self.column);
        let position = self.position_mm(n);
        let mut canvas = Canvas::new(options.columns * options.rows);
        let mut mean = vec![0.0f32; options.columns * options.rows];
        for plane in 0..planes {
            let offset = ((plane as f64 + 0.5) / planes as f64 - 0.5) * options.slice_thickness_mm;
            let origin: Point = std::array::from_fn(|axis| position[axis] + offset * normal[axis]);
            canvas.paint(&self.plane(origin), &self.parts, options.seed);
            mean.iter_mut().zip(&canvas.hu).for_each(|(sum, hu)| *sum += hu / planes as f32);
        }
        let kernel = gaussian(blur_mm(options.kernel) / options.pixel_spacing_mm);
        blur(&mut mean, options.columns, options.rows, &kernel);
        mean
    }

    fn plane(&self, origin: Point) -> Plane {
        let options = &self.options;
        let step = |axis: Point| self.torso(axis.map(|part| part * options.pixel_spacing_mm));
        Plane {
            origin: self.torso(origin),
            right: step(self.row),
            down: step(self.column),
            columns: options.columns,
            rows: options.rows,
            border_mm: options.pixel_spacing_mm.max(BORDER_MIN_MM),
        }
    }

    fn add_noise(&self, n: usize, image: &mut [f32]) {
        let options = &self.options;
        if options.noise_sd_hu <= 0.0 {
            return;
        }
        let sigma = noise_mm(options.kernel) / options.pixel_spacing_mm;
        let noise = correlated(options.seed, n, options.columns, options.rows, sigma);
        let plane = self.plane(self.position_mm(n));
        for (index, (hu, noise)) in image.iter_mut().zip(noise).enumerate() {
            let (i, j) = ((index % options.columns) as f64, (index / options.columns) as f64);
            let at = |axis: usize| plane.origin[axis] + i * plane.right[axis] + j * plane.down[axis];
            let edge = organs::torso_radius(at(0), at(1)).min(1.0);
            *hu += noise * (options.noise_sd_hu * (1.0 - (1.0 - SKIN_NOISE) * edge * edge)) as f32;
        }
    }

    fn stored(&self, image: &[f32]) -> Vec<i32> {
        let intercept = f64::from(self.options.intercept_hu);
        let round = |hu: &f32| (f64::from(*hu).clamp(STORED_HU[0], STORED_HU[1]) - intercept).round() as i32;
        let mut stored: Vec<i32> = image.iter().map(round).collect();
        if let Some(padding) = self.options.padding {
            let (columns, rows) = (self.options.columns, self.options.rows);
            let radius = columns.min(rows) as f64 / 2.0;
            let off = |index: usize, count: usize| index as f64 + 0.5 - count as f64 / 2.0;
            for (n, value) in stored.iter_mut().enumerate() {
                if off(n % columns, columns).hypot(off(n / columns, rows)) > radius {
                    *value = i32::from(padding);
                }
            }
        }
        stored
    }

    fn slice(&self, n: usize) -> Slice {
        let mut image = self.attenuation(n);
        self.add_noise(n, &mut image);
        Slice { number: n + 1, position_mm: self.position_mm(n), stored: self.stored(&image) }
    }

    /// All files, made in batches on the current thread pool.
    pub(super) fn files(self) -> impl Iterator<Item = Result<File, PhantomError>> + use<> {
        let scan = Arc::new(self);
        let mut ready: VecDeque<Result<File, PhantomError>> = VecDeque::new();
        let mut next = 0;
        std::iter::from_fn(move || {
            if ready.is_empty() {
                let batch = &scan.slices[next..(next + BATCH).min(scan.slices.len())];
                next += batch.len();
                ready.extend(batch.par_iter().map(|n| dicom::file(&scan, &scan.slice(*n))).collect::<Vec<_>>());
            }
            ready.pop_front()
        })
    }
}

fn blur_mm(kernel: Kernel) -> f64 {
    match kernel {
        Kernel::Soft => 0.75,
        Kernel::Standard => 0.55,
        Kernel::Bone => 0.35,
    }
}

/// Correlation of the noise: sigma of its Gaussian (mm).
fn noise_mm(kernel: Kernel) -> f64 {
    match kernel {
        Kernel::Soft => 0.8,
        Kernel::Standard => 0.55,
        Kernel::Bone => 0.3,
    }
}

/// Directions of rows and columns in the patient, as scanners write them for a position.
fn directions(options: &Options) -> (Point, Point) {
    let (row, column): (Point, Point) = match options.position {
        Position::HeadFirstSupine => ([1.0, 0.0, 0.0], [0.0, 1.0, 0.0]),
        Position::FeetFirstSupine => ([-1.0, 0.0, 0.0], [0.0, 1.0, 0.0]),
        Position::HeadFirstProne => ([-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]),
        Position::FeetFirstProne => ([1.0, 0.0, 0.0], [0.0, -1.0, 0.0]),
        Position::HeadFirstDecubitusRight => ([0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]),
        Position::HeadFirstDecubitusLeft => ([0.0, -1.0, 0.0], [1.0, 0.0, 0.0]),
    };
    let (sin, cos) = options.gantry_tilt_degrees.to_radians().sin_cos();
    (row, [column[0] * cos, column[1] * cos, sin])
}

/// Turns about x by the first angle, then about y by the second; `back` undoes it.
fn rotate(point: Point, degrees: [f64; 2], back: bool) -> Point {
    let about = |point: Point, angle: f64, a: usize, b: usize| {
        let (sin, cos) = angle.to_radians().sin_cos();
        let mut turned = point;
        turned[a] = cos * point[a] - sin * point[b];
        turned[b] = sin * point[a] + cos * point[b];
        turned
    };
    if back {
        about(about(point, -degrees[1], 2, 0), -degrees[0], 1, 2)
    } else {
        about(about(point, degrees[0], 1, 2), degrees[1], 2, 0)
    }
}

fn check(options: &Options) -> Result<(), PhantomError> {
    let bad = |option, found: String, expected| Err(PhantomError::Option { option, found, expected });
    let within = |value: f64, low: f64, high: f64| value >= low && value <= high;
    if !(8..=PIXELS_MAX).contains(&options.columns) || !(8..=PIXELS_MAX).contains(&options.rows) {
        return bad("columns, rows", format!("{}, {}", options.columns, options.rows), "8 to 2048");
    }
    for (option, value) in [
        ("pixel_spacing_mm", options.pixel_spacing_mm),
        ("slice_thickness_mm", options.slice_thickness_mm),
        ("slice_spacing_mm", options.slice_spacing_mm),
    ] {
        if !within(value, 0.1, 20.0) {
            return bad(option, value.to_string(), "0.1 to 20 mm");
        }
    }
    let length = options.top_mm - options.bottom_mm;
    if !within(length, 0.0, 2000.0) || length / options.slice_spacing_mm >= SLICES_MAX as f64 {
        return bad("top_mm, bottom_mm", format!("{}, {}", options.top_mm, options.bottom_mm), "at most 4000 slices");
    }
    if !(11..=13).contains(&options.rib_pairs) {
        return bad("rib_pairs", options.rib_pairs.to_string(), "11, 12 or 13");
    }
    if !(4..=6).contains(&options.lumbar_count) {
        return bad("lumbar_count", options.lumbar_count.to_string(), "4, 5 or 6");
    }
    if options.scale.iter().any(|scale| !within(*scale, 0.3, 3.0)) {
        return bad("scale", format!("{:?}", options.scale), "0.3 to 3");
    }
    let angles = [options.cobb_degrees, options.axial_rotation_degrees, options.gantry_tilt_degrees];
    if angles.iter().chain(&options.torso_tilt_degrees).any(|angle| !within(*angle, -60.0, 60.0)) {
        return bad("angles", format!("{angles:?} {:?}", options.torso_tilt_degrees), "-60 to 60 degrees");
    }
    if !within(f64::from(options.intercept_hu), -16_384.0, 0.0) {
        return bad("intercept_hu", options.intercept_hu.to_string(), "-16384 to 0");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turning_back_undoes_turning() {
        let point = [10.0, -20.0, 35.0];
        let again = rotate(rotate(point, [12.0, -7.0], false), [12.0, -7.0], true);
        assert!((0..3).all(|axis| (point[axis] - again[axis]).abs() < 1e-9));
    }

    #[test]
    fn feet_first_slices_run_towards_the_head() {
        let options = Options { position: Position::FeetFirstSupine, ..Options::default() };
        let z = Scan::new(&options).unwrap().slice_z_mm();
        assert!(z[0] < z[1]);
        assert_eq!(z.len(), 129);
    }

    #[test]
    fn impossible_options_are_refused_by_name() {
        let error = Scan::new(&Options { rib_pairs: 9, ..Options::default() }).unwrap_err();
        assert!(error.to_string().contains("rib_pairs"), "{error}");
        assert!(Scan::new(&Options { slice_spacing_mm: f64::NAN, ..Options::default() }).is_err());
        assert!(Scan::new(&Options { top_mm: -500.0, ..Options::default() }).is_err());
    }
}
