//! Tilted discs between the bodies.
//!
//! Input: the [`Reformat`], the [`Tube`] and the boundaries. Output: a [`Disc`] per boundary.
//! Method: the mean along a tilted normal must be high at both endplates and low between; weak expectations keep discs
//! that thick slices do not show at the place of the boundary.

use rayon::prelude::*;

use super::reformat::Reformat;
use super::tube::Ellipse;
use super::tube::Tube;
use crate::grid::Edge;
use crate::grid::filter;
use crate::grid::sample;

/// A disc: two parallel endplates about a plane.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Disc {
    /// Arc length of its middle at the tube's centre (mm).
    pub(super) s: f64,
    /// Distance between its endplates (mm).
    pub(super) gap: f64,
    /// Rise per mm to the front.
    pub(super) anterior_slope: f64,
    /// Rise per mm to the left.
    pub(super) left_slope: f64,
}

/// One disc per boundary.
pub(super) fn find(reformat: &Reformat, tube: &Tube, boundaries: &[f64]) -> Vec<Disc> {
    let clipped = reformat.clipped(-50.0, 450.0);
    let heights: Vec<f64> = boundaries.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let expected_gap = |n: usize| {
        let (below, above) = (heights[n.saturating_sub(1)], heights[n.min(heights.len() - 1)]);
        (GAP_SHARE * (below + above) / 2.0).clamp(4.0, 10.0)
    };
    (0..boundaries.len())
        .into_par_iter()
        .map(|n| {
            let expected = Disc { s: boundaries[n], gap: expected_gap(n), anterior_slope: 0.0, left_slope: 0.0 };
            let inside = expected.s >= 3.0 && expected.s <= reformat.len() as f64 - 4.0;
            if inside { best_disc(&clipped, tube.at(expected.s), expected) } else { expected }
        })
        .collect()
}

/// Usual share of the disc in the distance between discs.
const GAP_SHARE: f64 = 0.21;

/// Half length of the profile (mm).
const PROFILE_REACH_MM: i32 = 16;

fn best_disc(clipped: &Reformat, outline: Ellipse, expected: Disc) -> Disc {
    let offsets = core_offsets(outline);
    let mut best = (f64::NEG_INFINITY, expected);
    for sagittal in (-20..=20).step_by(4) {
        for coronal in (-16..=16).step_by(4) {
            let anterior_slope = f64::from(sagittal).to_radians().tan();
            let left_slope = f64::from(coronal).to_radians().tan();
            let tilt_cost = 200.0 * (anterior_slope * anterior_slope + left_slope * left_slope);
            let plane = Disc { anterior_slope, left_slope, ..expected };
            let profile = profile(clipped, outline, &offsets, plane);
            for gap in (3..=13).map(f64::from) {
                for shift in (-3..=3).map(f64::from) {
                    let contrast =
                        at(&profile, shift - gap / 2.0) + at(&profile, shift + gap / 2.0) - at(&profile, shift);
                    let gap_cost = 10.0 * ((gap - expected.gap) / (0.5 * expected.gap)).powi(2);
                    let score = contrast - gap_cost - 6.0 * (shift / 2.5).powi(2) - tilt_cost;
                    if score > best.0 {
                        best = (score, Disc { s: expected.s + shift, gap, ..plane });
                    }
                }
            }
        }
    }
    best.1
}

/// Offsets `(u, v)` from the outline's centre within 0.8 of its radius, 2.5 mm apart.
fn core_offsets(outline: Ellipse) -> Vec<[f64; 2]> {
    let (a, b) = (outline.width / 2.0, outline.depth / 2.0);
    let line = |half: f64| (0..).map(move |n| 2.5 * f64::from(n) - half).take_while(move |&x| x < half + 0.1);
    line(b)
        .flat_map(|v| line(a).map(move |u| [u, v]))
        .filter(|[u, v]| (u / a).powi(2) + (v / b).powi(2) < 0.64)
        .collect()
}

/// Mean over the core along the tilted normal, less its smooth part.
fn profile(clipped: &Reformat, outline: Ellipse, offsets: &[[f64; 2]], plane: Disc) -> Vec<f64> {
    let mean: Vec<f64> = (-PROFILE_REACH_MM..=PROFILE_REACH_MM)
        .map(|t| {
            let sum: f64 = offsets
                .iter()
                .map(|[u, v]| {
                    let s = plane.s + f64::from(t) + plane.anterior_slope * v + plane.left_slope * u;
                    f64::from(clipped.at(s, outline.lateral + u, outline.middle() + v))
                })
                .sum();
            sum / offsets.len().max(1) as f64
        })
        .collect();
    let smooth = filter::gaussian_line(&mean, 7.0, Edge::Nearest);
    mean.iter().zip(&smooth).map(|(value, smooth)| value - smooth).collect()
}

fn at(profile: &[f64], t: f64) -> f64 {
    sample::linear_nearest(profile, t + f64::from(PROFILE_REACH_MM)).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::anatomy::spine::reformat;
    use crate::grid::Grid;

    #[test]
    fn a_tilted_disc_is_found_with_its_gap() {
        let outline = Ellipse { lateral: 0.0, posterior: 9.0, depth: 30.0, width: 40.0 };
        let slope = 12f64.to_radians().tan();
        let mut grid = Grid::filled([90, reformat::COUNT_V, reformat::COUNT_U], 150f32);
        for at in 0..grid.data.len() {
            let (k, j) = (at / (reformat::COUNT_V * reformat::COUNT_U), at / reformat::COUNT_U % reformat::COUNT_V);
            let height = k as f64 - 45.0 - slope * (reformat::v(j) - outline.middle());
            if height.abs() < 3.0 {
                grid.data[at] = 80.0;
            } else if height.abs() < 5.0 {
                grid.data[at] = 350.0;
            }
        }
        let tube = Tube { ellipses: vec![outline; 90], support_hu: vec![100.0; 90] };
        let found = find(&Reformat { grid }, &tube, &[16.0, 44.0, 74.0])[1];
        assert!((found.s - 45.0).abs() <= 1.0 && (found.anterior_slope - slope).abs() < 0.08, "{found:?}");
        assert!((6.0..=9.0).contains(&found.gap), "{found:?}");
    }
}
