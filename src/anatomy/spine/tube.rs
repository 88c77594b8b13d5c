//! The outline of the vertebral column: an ellipse per level.
//!
//! Input: the [`Reformat`]. Output: [`Tube`], smooth along the canal, and the waist of one vertebra.
//! Smeared along the canal, bodies and discs melt into one bright tube, and one ellipse per level is a stable fit.

use rayon::prelude::*;

use super::parameters::Parameters;
use super::reformat::COUNT_U;
use super::reformat::COUNT_V;
use super::reformat::FIRST_U;
use super::reformat::FIRST_V;
use super::reformat::Reformat;
use super::reformat::u;
use super::reformat::v;
use crate::anatomy::Outline;
use crate::grid::Edge;
use crate::grid::Grid;
use crate::grid::filter;
use crate::grid::sample;

/// An ellipse in the plane of one level (mm, from the canal's centre).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Ellipse {
    /// Centre to the left.
    pub(super) lateral: f64,
    /// Posterior wall to the front.
    pub(super) posterior: f64,
    /// Extent from back to front.
    pub(super) depth: f64,
    /// Extent from right to left.
    pub(super) width: f64,
}

impl Ellipse {
    /// Centre to the front.
    pub(super) fn middle(&self) -> f64 {
        self.posterior + self.depth / 2.0
    }

    /// Squared relative radius of a point: below 1 inside.
    #[inline]
    pub(super) fn radius_squared(&self, u: f64, v: f64) -> f64 {
        let (across, along) = ((u - self.lateral) / (self.width / 2.0), (v - self.middle()) / (self.depth / 2.0));
        across * across + along * along
    }

    fn values(&self) -> [f64; 4] {
        [self.lateral, self.posterior, self.depth, self.width]
    }

    fn from_values([lateral, posterior, depth, width]: [f64; 4]) -> Ellipse {
        Ellipse { lateral, posterior, depth, width }
    }
}

/// The outline per mm of canal.
#[derive(Debug, Clone)]
pub(super) struct Tube {
    /// Ellipse per mm.
    pub(super) ellipses: Vec<Ellipse>,
    /// Mean HU drop across the outline per mm.
    pub(super) support_hu: Vec<f64>,
}

impl Tube {
    /// Fits the tube.
    pub(super) fn fit(reformat: &Reformat, parameters: &Parameters) -> Tube {
        let smeared = filter::gaussian(
            &reformat.clipped(-100.0, 500.0).grid,
            [parameters.tube_smoothing_mm, 1.0, 1.0],
            Edge::Reflect,
        );
        let candidates = candidates();
        let levels: Vec<usize> = (0..reformat.len()).step_by(parameters.tube_step_mm).collect();
        let ring = Ring::new();
        let best: Vec<Vec<(usize, f64)>> = levels
            .par_iter()
            .map(|&k| best_candidates(smeared.slice(k), &candidates, &ring, parameters.tube_candidates))
            .collect();
        let chosen = smooth_choice(&candidates, &best);
        let line = |read: fn(&Ellipse) -> f64| {
            let raw: Vec<f64> = chosen.iter().map(|(at, _)| read(&candidates[*at])).collect();
            filter::gaussian_line(&filter::median_line(&raw, 3, Edge::Nearest), 1.5, Edge::Nearest)
        };
        let lines = [line(|e| e.lateral), line(|e| e.posterior), line(|e| e.depth), line(|e| e.width)];
        let supports: Vec<f64> = chosen.iter().map(|(_, support)| *support).collect();
        let at = |line: &[f64], k: usize| {
            sample::linear_nearest(line, k as f64 / parameters.tube_step_mm as f64).unwrap_or(0.0)
        };
        let ellipses =
            (0..reformat.len()).map(|k| Ellipse::from_values([0, 1, 2, 3].map(|n: usize| at(&lines[n], k)))).collect();
        Tube { ellipses, support_hu: (0..reformat.len()).map(|k| at(&supports, k)).collect() }
    }

    /// The ellipse nearest to arc length `s`.
    pub(super) fn at(&self, s: f64) -> Ellipse {
        let last = self.ellipses.len() - 1;
        self.ellipses[(s.round_ties_even().max(0.0) as usize).min(last)]
    }
}

/// A plane through a vertebra: height at the body's centre and slopes to the front and to the left.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plane {
    /// Arc length at the body's centre (mm).
    pub(super) s: f64,
    /// Rise per mm to the front.
    pub(super) anterior_slope: f64,
    /// Rise per mm to the left.
    pub(super) left_slope: f64,
}

/// Outline at mid-height, where the body is narrowest: local search about the tube, which is the flared mean.
pub(super) fn waist(reformat: &Reformat, tube: &Tube, plane: Plane) -> Outline {
    let start = tube.at(plane.s);
    let image = mean_along_plane(reformat, start, plane);
    let image = filter::gaussian(&image, [0.0, 0.7, 0.7], Edge::Reflect);
    let expected = [start.lateral, start.posterior, start.depth - 1.5, start.width - 2.0];
    let ring = Ring::new();
    let around = |centre: f64, low: i32, high: i32| (low..=high).map(move |n| centre + f64::from(n));
    let mut best = (f64::NEG_INFINITY, start);
    for lateral in around(start.lateral, -4, 4) {
        for posterior in around(start.posterior, -2, 4) {
            for depth in around(start.depth, -8, 2) {
                for width in around(start.width, -10, 2) {
                    let ellipse = Ellipse { lateral, posterior, depth, width };
                    let distance = weighted_distance(ellipse.values(), expected, [0.8, 1.2, 0.5, 0.4]);
                    let score = ring.drop_across(&image.data, &ellipse, 1.0, 1.5) - distance;
                    if score > best.0 {
                        best = (score, ellipse);
                    }
                }
            }
        }
    }
    let (support_hu, ellipse) = best;
    Outline {
        lateral_offset_mm: ellipse.lateral,
        posterior_wall_mm: ellipse.posterior,
        depth_mm: ellipse.depth,
        width_mm: ellipse.width,
        support_hu,
    }
}

/// Mean of the nine planes within 4 mm of mid-height.
fn mean_along_plane(reformat: &Reformat, start: Ellipse, plane: Plane) -> Grid<f32> {
    let mut image = Grid::filled([1, COUNT_V, COUNT_U], 0f32);
    image.data.par_chunks_mut(COUNT_U).enumerate().for_each(|(j, row)| {
        let v = v(j);
        for (i, value) in row.iter_mut().enumerate() {
            let u = u(i);
            let s = plane.s + plane.anterior_slope * (v - start.middle()) + plane.left_slope * (u - start.lateral);
            let sum: f32 = (-4..=4).map(|n| clipped(reformat, s + f64::from(n), j, i)).sum();
            *value = sum / 9.0;
        }
    });
    image
}

/// HU between two planes of the reformat at a fixed pixel, clipped to -100..500.
fn clipped(reformat: &Reformat, s: f64, j: usize, i: usize) -> f32 {
    let s = s.clamp(0.0, (reformat.len() - 1) as f64);
    let low = s as usize;
    let high = (low + 1).min(reformat.len() - 1);
    let value = |k: usize| reformat.grid.at(k, j, i).clamp(-100.0, 500.0);
    value(low) + (value(high) - value(low)) * (s - low as f64) as f32
}

fn weighted_distance(a: [f64; 4], b: [f64; 4], weights: [f64; 4]) -> f64 {
    (0..4).map(|n| (a[n] - b[n]).abs() * weights[n]).sum()
}

/// Directions in which an outline is tested; the pedicles' (posterolateral) are left out.
struct Ring {
    /// Cosine, sine (to the front) and weight.
    directions: Vec<[f64; 3]>,
    weight: f64,
}

impl Ring {
    fn new() -> Ring {
        let mut directions = Vec::new();
        for n in 0..36 {
            let (sin, cos) = f64::from(10 * n).to_radians().sin_cos();
            if sin > -0.499_999 {
                directions.push([cos, sin, 1.0]);
            } else if sin < -0.9 {
                directions.push([cos, sin, 0.7]);
            }
        }
        let weight = directions.iter().map(|direction| direction[2]).sum();
        Ring { directions, weight }
    }

    /// Mean of HU `inside` mm within less HU `outside` mm beyond the outline, each clipped to -60..160.
    fn drop_across(&self, image: &[f32], ellipse: &Ellipse, inside: f64, outside: f64) -> f64 {
        let (a, b) = (ellipse.width / 2.0, ellipse.depth / 2.0);
        let (column, row) = (ellipse.lateral - FIRST_U, ellipse.middle() - FIRST_V);
        let hu = |[cos, sin, _]: &[f64; 3], beyond: f64| {
            sample::bilinear_nearest(image, [COUNT_V, COUNT_U], row + (b + beyond) * sin, column + (a + beyond) * cos)
        };
        let drop = |direction: &[f64; 3]| {
            let drop = (hu(direction, -inside) - hu(direction, outside)).clamp(-60.0, 160.0);
            direction[2] * f64::from(drop)
        };
        self.directions.iter().map(drop).sum::<f64>() / self.weight
    }
}

/// All ellipses that the tube may take, of plausible proportions.
fn candidates() -> Vec<Ellipse> {
    let steps = |first: f64, step: f64, count: usize| (0..count).map(move |n| first + step * n as f64);
    let mut result = Vec::new();
    for lateral in steps(-6.0, 2.0, 7) {
        for posterior in steps(5.0, 1.5, 6) {
            for depth in steps(18.0, 2.0, 14) {
                for width in steps(22.0, 3.0, 14).filter(|&width| width > 0.95 * depth && width < 1.75 * depth) {
                    result.push(Ellipse { lateral, posterior, depth, width });
                }
            }
        }
    }
    result
}

/// The best candidates of one level with their support, best first.
fn best_candidates(image: &[f32], candidates: &[Ellipse], ring: &Ring, count: usize) -> Vec<(usize, f64)> {
    let mut scored: Vec<(usize, f64)> =
        candidates.iter().enumerate().map(|(at, ellipse)| (at, ring.drop_across(image, ellipse, 1.5, 2.5))).collect();
    scored.sort_by(|a, b| b.1.total_cmp(&a.1));
    scored.truncate(count);
    scored
}

/// The sequence of candidates with the largest sum of supports less the cost of change.
fn smooth_choice(candidates: &[Ellipse], levels: &[Vec<(usize, f64)>]) -> Vec<(usize, f64)> {
    let Some(first) = levels.first() else { return Vec::new() };
    let mut sums: Vec<f64> = first.iter().map(|(_, support)| *support).collect();
    let mut origins: Vec<Vec<usize>> = Vec::new();
    for pair in levels.windows(2) {
        let (before, now) = (&pair[0], &pair[1]);
        let (mut next, mut origin) = (Vec::new(), Vec::new());
        for (at, support) in now {
            let mut best = (f64::NEG_INFINITY, 0);
            for (number, (other, _)) in before.iter().enumerate() {
                let (a, b) = (candidates[*at].values(), candidates[*other].values());
                let value = sums[number] - 1.2 * weighted_distance(a, b, [1.0, 1.5, 0.8, 0.6]);
                if value > best.0 {
                    best = (value, number);
                }
            }
            next.push(best.0 + support);
            origin.push(best.1);
        }
        sums = next;
        origins.push(origin);
    }
    let mut at = (0..sums.len()).fold(0, |best, n| if sums[n] > sums[best] { n } else { best });
    let mut chosen = vec![levels[levels.len() - 1][at]];
    for (level, origin) in levels.iter().zip(&origins).rev() {
        at = origin[at];
        chosen.push(level[at]);
    }
    chosen.reverse();
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A straight column of bone of known outline.
    fn column(truth: Ellipse) -> Reformat {
        let mut grid = Grid::filled([60, COUNT_V, COUNT_U], 40f32);
        for at in 0..grid.data.len() {
            let (j, i) = (at / COUNT_U % COUNT_V, at % COUNT_U);
            if truth.radius_squared(u(i), v(j)) <= 1.0 {
                grid.data[at] = 250.0;
            }
        }
        Reformat { grid }
    }

    #[test]
    fn the_tube_and_the_waist_find_a_known_outline() {
        let truth = Ellipse { lateral: 2.0, posterior: 9.0, depth: 30.0, width: 40.0 };
        let reformat = column(truth);
        let tube = Tube::fit(&reformat, &Parameters::default());
        let found = tube.at(30.0);
        for (found, truth) in found.values().iter().zip(truth.values()) {
            // The widths tried are 3 mm apart.
            assert!((found - truth).abs() <= 3.5, "{found} instead of {truth}");
        }
        assert!(tube.support_hu[30] > 100.0);
        let waist = waist(&reformat, &tube, Plane { s: 30.0, anterior_slope: 0.0, left_slope: 0.0 });
        assert!((waist.depth_mm - 30.0).abs() <= 2.0 && (waist.width_mm - 40.0).abs() <= 2.0, "{waist:?}");
    }
}
