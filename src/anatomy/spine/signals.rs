//! One-dimensional signals along the canal.
//!
//! Input: the [`Reformat`] and the [`Tube`]. Output: [`Signals`], one value per mm.

use rayon::prelude::*;

use super::reformat::COUNT_U;
use super::reformat::COUNT_V;
use super::reformat::Reformat;
use super::tube::Tube;
use crate::grid::Edge;
use crate::grid::Grid;
use crate::grid::filter;

/// Signals per mm of canal.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Signals {
    /// Mean HU of the windows beside the canal: one peak per pair of pedicles, a valley at each foramen.
    pub pedicle_hu: Vec<f64>,
    /// Mean HU on the outline: lowest at the waist, highest at the discs.
    pub rim_hu: Vec<f64>,
    /// Mean HU of the middle: endplates in thin slices, else dark discs.
    pub core_hu: Vec<f64>,
    /// Share of bone in the windows beside the body, of the poorer side: high beside the sacrum only.
    pub ala_share: Vec<f64>,
}

impl Signals {
    /// Reads all signals.
    pub(super) fn read(reformat: &Reformat, tube: &Tube) -> Signals {
        let clipped = reformat.clipped(-100.0, 700.0);
        let smooth = Reformat { grid: filter::uniform(&reformat.grid, [3, 3, 3], Edge::Reflect) };
        let rows: Vec<[f64; 4]> =
            (0..reformat.len()).into_par_iter().map(|k| at_level(&clipped, &smooth, tube, k)).collect();
        let line = |n: usize| rows.iter().map(|row| row[n]).collect();
        Signals { pedicle_hu: line(0), rim_hu: line(1), core_hu: line(2), ala_share: line(3) }
    }
}

fn at_level(clipped: &Reformat, smooth: &Reformat, tube: &Tube, k: usize) -> [f64; 4] {
    let e = tube.ellipses[k];
    let (middle, half_depth) = (e.middle(), e.depth / 2.0);
    let pedicle = clipped.mean(k, |u, v| {
        let aside = (u - e.lateral * 0.5).abs();
        aside > 9.0 && aside < 20.0 && v > -3.0 && v < 6.0
    });
    let rim = clipped.mean(k, |u, v| {
        let radius = e.radius_squared(u, v);
        radius > 0.7 && radius < 1.1 && v > middle - 0.3 * half_depth
    });
    let core = clipped.mean(k, |u, v| e.radius_squared(u, v) < 0.36 && v > middle - 0.35 * half_depth);
    let bone = |side: f64| {
        share_of_bone(smooth, k, |u, v| {
            let beside = side * (u - e.lateral) - e.width / 2.0;
            beside > 2.0 && beside < 16.0 && v > -2.0 && v < middle + 3.0
        })
    };
    [pedicle, rim, core, bone(-1.0).min(bone(1.0))]
}

fn share_of_bone(reformat: &Reformat, k: usize, inside: impl Fn(f64, f64) -> bool) -> f64 {
    let plane = reformat.grid.slice(k);
    let bone = plane.iter().map(|&hu| f32::from(u8::from(hu > 110.0))).collect();
    Reformat { grid: Grid { shape: [1, COUNT_V, COUNT_U], data: bone } }.mean(0, inside)
}

/// A signal less its local mean, over its local deviation (both over 25 mm), clipped to -2..2.
///
/// This takes out the trend of density and of enhancement; 25 HU2 keep a flat signal flat.
pub(super) fn normalised(signal: &[f64]) -> Vec<f64> {
    const LOCAL_MM: f64 = 25.0;
    let mean = filter::gaussian_line(signal, LOCAL_MM, Edge::Nearest);
    let deviation: Vec<f64> = signal.iter().zip(&mean).map(|(value, mean)| value - mean).collect();
    let squares: Vec<f64> = deviation.iter().map(|d| d * d).collect();
    let variance = filter::gaussian_line(&squares, LOCAL_MM, Edge::Nearest);
    deviation.iter().zip(&variance).map(|(d, variance)| (d / (variance + 25.0).sqrt()).clamp(-2.0, 2.0)).collect()
}

/// Pedicle and rim signals, smoothed and normalised: what segments are compared with.
pub(super) fn pedicle_and_rim(signals: &Signals) -> [Vec<f64>; 2] {
    [
        normalised(&filter::gaussian_line(&signals.pedicle_hu, 2.0, Edge::Reflect)),
        normalised(&filter::gaussian_line(&signals.rim_hu, 1.5, Edge::Reflect)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trend_vanishes_and_a_wave_stays() {
        let signal: Vec<f64> =
            (0..200).map(|s| 3.0 * f64::from(s) + 50.0 * (f64::from(s) * std::f64::consts::TAU / 25.0).sin()).collect();
        let normal = normalised(&signal);
        let (low, high) = normal[60..140].iter().fold((0f64, 0f64), |(low, high), &v| (low.min(v), high.max(v)));
        assert!((-1.7..-1.0).contains(&low) && (1.0..1.7).contains(&high), "{low} to {high}");
    }
}
