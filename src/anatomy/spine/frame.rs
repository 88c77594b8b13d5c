//! The coordinate frame along the canal.
//!
//! Input: the canal's centre line (LPS, mm). Output: [`CanalFrame`], one frame per mm of arc length:
//! s towards the head along the canal, u to the left, v to the front (mm from the canal's centre).

use rayon::prelude::*;

use super::parameters::Parameters;
use crate::grid::Edge;
use crate::grid::Grid;
use crate::grid::PatientGrid;
use crate::grid::filter;
use crate::grid::sample;
use crate::grid::vector;

/// Frames along the canal, 1 mm of arc length apart, caudal to cranial.
#[derive(Debug, Clone)]
pub(super) struct CanalFrame {
    /// Centre of the canal (LPS, mm).
    pub(super) centre_mm: Vec<[f64; 3]>,
    /// Unit vector along the canal towards the head.
    pub(super) head: Vec<[f64; 3]>,
    /// Unit vector to the left.
    pub(super) left: Vec<[f64; 3]>,
    /// Unit vector to the front.
    pub(super) anterior: Vec<[f64; 3]>,
    /// Axial rotation that was found (radians, positive turns the front to the left).
    pub(super) rotation: Vec<f64>,
}

impl CanalFrame {
    /// Frames of a line before axial rotation; `None` of a line without extent.
    pub(super) fn along(line_mm: &[[f64; 3]], parameters: &Parameters) -> Option<CanalFrame> {
        let centre_mm = by_arc_length(line_mm);
        if centre_mm.len() < 3 {
            return None;
        }
        let head = tangents(&centre_mm, parameters.tangent_smoothing_mm);
        let left: Vec<_> = head.iter().map(|t| vector::unit(vector::along([1.0, 0.0, 0.0], *t, -t[0]))).collect();
        let anterior = left.iter().zip(&head).map(|(left, head)| vector::cross(*left, *head)).collect();
        let rotation = vec![0.0; centre_mm.len()];
        Some(CanalFrame { centre_mm, head, left, anterior, rotation })
    }

    /// Number of frames, the length of the canal in mm.
    pub(super) fn len(&self) -> usize {
        self.centre_mm.len()
    }

    /// Index of the frame nearest to arc length `s`.
    pub(super) fn nearest(&self, s: f64) -> usize {
        (s.round_ties_even().max(0.0) as usize).min(self.len() - 1)
    }

    /// Centre of the canal at arc length `s`, which may lie between frames or beyond the ends.
    pub(super) fn centre_at(&self, s: f64) -> [f64; 3] {
        let k = self.nearest(s);
        vector::along(self.centre_mm[k], self.head[k], s - k as f64)
    }

    /// Patient point at offsets `u` and `v` in frame `k`.
    pub(super) fn point(&self, k: usize, u: f64, v: f64) -> [f64; 3] {
        vector::along(vector::along(self.centre_mm[k], self.left[k], u), self.anterior[k], v)
    }

    /// Frame index and offsets `[u, v, rest along the axis]` of a patient point.
    pub(super) fn locate(&self, point_mm: [f64; 3]) -> (usize, [f64; 3]) {
        let last = self.len() - 1;
        let mut k = self.centre_mm.partition_point(|centre| centre[2] < point_mm[2]).min(last);
        for _ in 0..3 {
            let along = vector::dot(vector::subtract(point_mm, self.centre_mm[k]), self.head[k]);
            k = ((k as f64 + along).round_ties_even().max(0.0) as usize).min(last);
        }
        let offset = vector::subtract(point_mm, self.centre_mm[k]);
        (k, [self.left[k], self.anterior[k], self.head[k]].map(|axis| vector::dot(offset, axis)))
    }

    /// Turns the frames about the canal to the best mirror symmetry of the section.
    pub(super) fn turn_to_symmetry(&mut self, grid: &PatientGrid<f32>, parameters: &Parameters) {
        let levels: Vec<usize> = (0..self.len()).step_by(ROTATION_STEP_MM).collect();
        let limit = parameters.rotation_limit_degrees;
        let angles: Vec<f64> =
            (0..=(2.0 * limit / 3.0) as usize).map(|n| (n as f64 * 3.0 - limit).to_radians()).collect();
        let scores: Vec<Vec<f32>> =
            levels.par_iter().map(|&k| angles.iter().map(|&angle| self.symmetry(grid, k, angle)).collect()).collect();
        let table = Grid { shape: [levels.len(), 1, angles.len()], data: scores.concat() };
        let sigma = parameters.rotation_smoothing_mm / ROTATION_STEP_MM as f64;
        let smooth = filter::gaussian_along(&table, 0, sigma, Edge::Nearest);
        let best: Vec<f64> = (0..levels.len()).map(|n| best_angle(smooth.slice(n), &angles)).collect();
        let best = filter::gaussian_line(&best, 3.0, Edge::Nearest);
        for k in 0..self.len() {
            let angle = sample::linear_nearest(&best, k as f64 / ROTATION_STEP_MM as f64).unwrap_or(0.0);
            self.turn(k, angle);
        }
    }

    fn turn(&mut self, k: usize, angle: f64) {
        let (left, anterior) = (self.left[k], self.anterior[k]);
        self.anterior[k] = vector::along(vector::scale(anterior, angle.cos()), left, angle.sin());
        self.left[k] = vector::along(vector::scale(left, angle.cos()), anterior, -angle.sin());
        self.rotation[k] = angle;
    }

    /// Negative mean difference between both sides on polar rings, for one angle of the anterior axis.
    fn symmetry(&self, grid: &PatientGrid<f32>, k: usize, angle: f64) -> f32 {
        let hu = |radius: f64, angle: f64| {
            let point = self.point(k, radius * angle.sin(), radius * angle.cos());
            sample::trilinear(grid, point, AIR_HU).clamp(-50.0, 350.0)
        };
        let (mut sum, mut count) = (0f32, 0f32);
        for ring in 0..19 {
            let radius = 8.0 + 2.0 * f64::from(ring);
            for turn in 0..29 {
                let aside = (4.0 + 6.0 * f64::from(turn)).to_radians();
                sum += (hu(radius, angle + aside) - hu(radius, angle - aside)).abs();
                count += 1.0;
            }
        }
        -sum / count
    }
}

/// HU of what lies outside of the grid.
pub(super) const AIR_HU: f32 = -1000.0;

const ROTATION_STEP_MM: usize = 6;

/// The angle of the best score, with a weak preference for none.
fn best_angle(scores: &[f32], angles: &[f64]) -> f64 {
    let top = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut best = (f64::NEG_INFINITY, 0.0);
    for (&score, &angle) in scores.iter().zip(angles) {
        let value = f64::from(score - top) - 0.75 * (angle.to_degrees() / 10.0).powi(2);
        if value > best.0 {
            best = (value, angle);
        }
    }
    best.1
}

/// The line at whole mm of its arc length.
fn by_arc_length(line_mm: &[[f64; 3]]) -> Vec<[f64; 3]> {
    let mut result = Vec::new();
    let mut travelled = 0.0;
    for pair in line_mm.windows(2) {
        let length = vector::length(vector::subtract(pair[1], pair[0]));
        while (result.len() as f64) < travelled + length {
            let fraction = (result.len() as f64 - travelled) / length;
            result.push(vector::along(pair[0], vector::subtract(pair[1], pair[0]), fraction));
        }
        travelled += length;
    }
    result
}

/// Unit tangents of the line, smoothed; the line goes on point-mirrored beyond its ends.
fn tangents(line_mm: &[[f64; 3]], smoothing_mm: f64) -> Vec<[f64; 3]> {
    let count = line_mm.len();
    let margin = ((3.0 * smoothing_mm) as usize).min(count - 1);
    let axes: Vec<Vec<f64>> = (0..3)
        .map(|axis| {
            let at = |k: usize| line_mm[k][axis];
            let mut line: Vec<f64> = (1..=margin).rev().map(|k| 2.0 * at(0) - at(k)).collect();
            line.extend((0..count).map(at));
            line.extend((1..=margin).map(|k| 2.0 * at(count - 1) - at(count - 1 - k)));
            filter::gaussian_line(&line, smoothing_mm, Edge::Reflect)
        })
        .collect();
    let rise = |line: &[f64], k: usize| {
        let (before, after) = ((k + margin).saturating_sub(1), (k + margin + 1).min(line.len() - 1));
        line[after] - line[before]
    };
    (0..count).map(|k| vector::unit([rise(&axes[0], k), rise(&axes[1], k), rise(&axes[2], k)])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slanted() -> CanalFrame {
        let line: Vec<[f64; 3]> = (0..80).map(|n| [5.0, 0.5 * f64::from(n), f64::from(n)]).collect();
        CanalFrame::along(&line, &Parameters::default()).expect("a frame")
    }

    #[test]
    fn frames_are_one_millimetre_apart_and_right_handed() {
        let frame = slanted();
        assert_eq!(frame.len(), 89);
        let step = vector::length(vector::subtract(frame.centre_mm[41], frame.centre_mm[40]));
        assert!((step - 1.0).abs() < 1e-9);
        assert!(frame.anterior[40][1] < -0.8 && frame.left[40][0] > 0.99);
        assert!(vector::dot(frame.head[3], frame.anterior[3]).abs() < 1e-9);
        assert!((frame.head[0][2] - frame.head[40][2]).abs() < 1e-6);
    }

    #[test]
    fn a_point_is_located_where_it_was_made() {
        let frame = slanted();
        let point = frame.point(50, 12.0, -7.0);
        let (k, [u, v, rest]) = frame.locate(point);
        assert_eq!(k, 50);
        assert!((u - 12.0).abs() < 1e-9 && (v + 7.0).abs() < 1e-9 && rest.abs() < 1e-9);
    }

    #[test]
    fn a_turned_body_is_found_by_its_symmetry() {
        let shape = [60, 80, 80];
        let mut grid = PatientGrid { grid: Grid::filled(shape, 0f32), origin_mm: [-60.0, -60.0, 0.0], spacing_mm: 1.5 };
        let (sin, cos) = 15f64.to_radians().sin_cos();
        for at in 0..grid.grid.data.len() {
            let (k, j, i) = (at / 6400, at / 80 % 80, at % 80);
            let [x, y, _] = grid.patient_mm(k as f64, j as f64, i as f64);
            // Front and left of a body turned by 15 degrees.
            let (v, u) = (-y * cos + x * sin, x * cos + y * sin);
            if (u / 22.0).powi(2) + ((v - 22.0) / 14.0).powi(2) < 1.0 {
                grid.grid.data[at] = 250.0;
            }
        }
        let line: Vec<[f64; 3]> = (0..58).map(|k| [0.0, 0.0, 1.5 * f64::from(k)]).collect();
        let mut frame = CanalFrame::along(&line, &Parameters::default()).expect("a frame");
        frame.turn_to_symmetry(&grid, &Parameters::default());
        let found = frame.rotation[40].to_degrees();
        assert!((found - 15.0).abs() < 3.1, "{found}");
    }
}
