//! Ribs and their cartilage, swept along the thoracic cage.
//!
//! Input: vertebrae with rib lengths (mm). Output: shells and paths in torso coordinates (mm).

use super::Options;
use super::bones::{Shells, transverse_ends};
use super::shape::{Point, Shape, dot, subtract, sweep};
use super::spine::Vertebra;

/// Half thickness across and along the torso axis of a rib (mm).
const SECTION_MM: [f64; 2] = [3.5, 6.0];
/// Thickness of the cortex (mm).
const CORTEX_MM: f64 = 1.0;
/// Length of the cartilage that prolongs ribs 7 to 10 (mm).
const CARTILAGE_MM: f64 = 80.0;
/// Step along a path (mm).
const STEP_MM: f64 = 5.0;
/// Angle from the posterior midline at which a rib reaches the cage.
const CAGE_ENTRY_DEGREES: f64 = 27.0;
/// Semi-axes of the cage (mm) and exponent of its superellipse.
const CAGE_MM: [f64; 2] = [145.0, 90.0];
/// Exponent of the torso's superellipses.
pub(super) const EXPONENT: f64 = 2.4;
const UP: Point = [0.0, 0.0, 1.0];

/// How much narrower than at the costal arch the cage is at height `z`.
pub(super) fn cage_scale(z: f64) -> f64 {
    1.0 - 0.38 * ((z - 110.0) / 180.0).clamp(0.0, 1.0)
}

/// Cortex and marrow of all ribs.
pub(super) fn shells(options: &Options, vertebrae: &[Vertebra]) -> Shells {
    let mut shells = Shells::default();
    for (path, _) in paths(options, vertebrae) {
        shells.outer.extend(sweep(&path, SECTION_MM, UP));
        shells.inner.extend(sweep(&path, SECTION_MM.map(|semi| semi - CORTEX_MM), UP));
    }
    shells
}

/// The cartilage of ribs 7 to 10.
pub(super) fn cartilage(options: &Options, vertebrae: &[Vertebra]) -> Vec<Shape> {
    let joined = |number: &usize| (7..=10).contains(number);
    paths(options, vertebrae)
        .into_iter()
        .filter(|(_, number)| joined(number))
        .filter_map(|(path, _)| path.last().copied())
        .flat_map(|end| {
            let mut path = vec![end];
            walk(&mut path, CARTILAGE_MM, 12.0);
            sweep(&path, SECTION_MM, UP)
        })
        .collect()
}

/// Path and number of every rib, right side first.
fn paths(options: &Options, vertebrae: &[Vertebra]) -> Vec<(Vec<Point>, usize)> {
    let mut all = Vec::new();
    for vertebra in vertebrae {
        for (side, length) in [(-1.0, vertebra.rib_mm[0]), (1.0, vertebra.rib_mm[1])] {
            if length > 0.0 && vertebra.rib_number <= options.rib_pairs.max(11) {
                all.push((path(vertebra, side, length), vertebra.rib_number));
            }
        }
    }
    all
}

/// Descent below the transverse plane in degrees, positive downwards.
fn descent_degrees(number: usize) -> f64 {
    match number {
        0..=7 => 20.0,
        8 => 22.0,
        9 => 25.0,
        10 => 28.0,
        11 => 33.0,
        _ => 40.0,
    }
}

fn path(vertebra: &Vertebra, side: f64, length: f64) -> Vec<Point> {
    let size = &vertebra.size;
    let depth = (size.depth[0] + size.depth[1]) / 2.0;
    let head = vertebra.frame.world([side * (size.width[0] / 2.0 + 1.0), 0.36 * depth, 0.3 * size.height]);
    let [_, tip] = transverse_ends(vertebra, side);
    let neck = [tip[0] + side * 1.0, tip[1] - 6.0, tip[2] + 1.0];
    let mut path = vec![head];
    line(&mut path, neck);
    let descent = descent_degrees(vertebra.rib_number);
    let entry = cage_point(side * CAGE_ENTRY_DEGREES.to_radians(), neck[2]);
    let run = (entry[0] - neck[0]).hypot(entry[1] - neck[1]);
    line(&mut path, [entry[0], entry[1], neck[2] - 0.7 * run * descent.to_radians().tan()]);
    let so_far = length_of(&path);
    if so_far < length {
        walk(&mut path, length - so_far, -descent);
    }
    cut(&path, length)
}

/// The cage's outline at an angle from the posterior midline, positive to the left.
fn cage_point(angle: f64, z: f64) -> Point {
    let (sin, cos) = angle.sin_cos();
    let level = (sin.abs() / CAGE_MM[0]).powf(EXPONENT) + (cos.abs() / CAGE_MM[1]).powf(EXPONENT);
    let radius = cage_scale(z) * level.powf(-1.0 / EXPONENT);
    [radius * sin, radius * cos, z]
}

fn line(path: &mut Vec<Point>, to: Point) {
    let Some(from) = path.last().copied() else { return };
    let steps = (length_of(&[from, to]) / STEP_MM).ceil().max(1.0);
    for n in 1..=steps as usize {
        let t = n as f64 / steps;
        path.push(std::array::from_fn(|axis| from[axis] + t * (to[axis] - from[axis])));
    }
}

/// Goes on along the cage for `length`, rising by `rise_degrees`, not past the sternum.
fn walk(path: &mut Vec<Point>, length: f64, rise_degrees: f64) {
    let Some(mut point) = path.last().copied() else { return };
    let (sin, cos) = rise_degrees.to_radians().sin_cos();
    let mut angle = point[0].atan2(point[1]);
    let turn = angle.signum();
    for _ in 0..(length / STEP_MM).ceil() as usize {
        let radius = point[0].hypot(point[1]).max(20.0);
        angle += turn * STEP_MM * cos / radius;
        if angle.abs() > 2.9 {
            return;
        }
        point = cage_point(angle, point[2] + STEP_MM * sin);
        path.push(point);
    }
}

fn length_of(path: &[Point]) -> f64 {
    path.windows(2).map(|ends| subtract(ends[1], ends[0])).map(|step| dot(step, step).sqrt()).sum()
}

fn cut(path: &[Point], length: f64) -> Vec<Point> {
    let mut kept = vec![path[0]];
    let mut left = length;
    for ends in path.windows(2) {
        let step = length_of(ends);
        if step >= left {
            let t = left / step.max(1e-9);
            kept.push(std::array::from_fn(|axis| ends[0][axis] + t * (ends[1][axis] - ends[0][axis])));
            return kept;
        }
        left -= step;
        kept.push(ends[1]);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phantom::spine::vertebrae;

    #[test]
    fn ribs_are_as_long_as_asked() {
        let options = Options { last_rib_mm: Some([25.0, 110.0]), ..Options::default() };
        let found = paths(&options, &vertebrae(&options));
        let twelfth: Vec<f64> = found.iter().filter(|(_, n)| *n == 12).map(|(path, _)| length_of(path)).collect();
        assert!((twelfth[0] - 25.0).abs() < 1e-6, "{twelfth:?}");
        assert!((twelfth[1] - 110.0).abs() < 6.0, "{twelfth:?}");
    }

    #[test]
    fn there_are_as_many_pairs_as_asked() {
        for pairs in [11, 12, 13] {
            let options = Options { rib_pairs: pairs, ..Options::default() };
            assert_eq!(paths(&options, &vertebrae(&options)).len(), 2 * pairs);
        }
    }
}
