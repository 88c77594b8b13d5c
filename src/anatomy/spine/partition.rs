//! Where one vertebra ends and the next begins.
//!
//! Input: the [`Signals`]. Output: boundaries (arc length in mm) at the discs, caudal to cranial, covering the whole
//! canal; the outermost segments may reach beyond it.
//! Method: templates over the relative height of a segment, and an exact dynamic programme over (end, period).

use std::f64::consts::TAU;

use super::parameters::Parameters;
use super::signals::Signals;
use super::signals::normalised;
use super::signals::pedicle_and_rim;

/// Divides the canal into segments from disc to disc; at least two boundaries.
pub(super) fn boundaries(signals: &Signals, parameters: &Parameters) -> Vec<f64> {
    let length = signals.pedicle_hu.len();
    let [pedicle, rim] = pedicle_and_rim(signals);
    let lines = [padded(&pedicle), padded(&rim), padded(&normalised(&signals.core_hu))];
    let [shortest, longest] = parameters.period_limits_mm;
    let periods: Vec<usize> = (shortest..=longest).collect();
    let scores: Vec<Vec<f64>> = periods.iter().map(|&p| segment_scores(&lines, p, parameters)).collect();
    let (sums, origins) = accumulate(&scores, &periods, parameters);
    let (mut end, mut at) = best_end(&sums, length);
    let mut result = vec![end];
    loop {
        let start = end - periods[at];
        result.push(start);
        match origins[end][at] {
            Some(before) => (end, at) = (start, before),
            None => break,
        }
    }
    result.iter().rev().map(|&b| b as f64 - PADDING_MM as f64).collect()
}

/// Agreement of each segment with the pedicle and rim templates.
pub(super) fn agreements(signals: &Signals, boundaries: &[f64], parameters: &Parameters) -> Vec<f64> {
    let [pedicle, rim] = pedicle_and_rim(signals);
    let end = pedicle.len() as f64;
    boundaries
        .windows(2)
        .map(|pair| {
            let (low, high) = (pair[0].max(0.0) as usize, pair[1].min(end).max(0.0) as usize);
            let value = |k: usize| {
                let t = (k as f64 - pair[0] + 0.5) / (pair[1] - pair[0]);
                pedicle[k] * (TAU * (t - parameters.pedicle_phase)).cos() + 0.8 * rim[k] * (TAU * t).cos()
            };
            let count = high.saturating_sub(low);
            if count == 0 { 0.0 } else { (low..high).map(value).sum::<f64>() / count as f64 }
        })
        .collect()
}

/// Empty room beyond both ends, so that cut vertebrae can exist.
const PADDING_MM: usize = 30;

/// Score of what cannot be.
const IMPOSSIBLE: f64 = -1e9;

fn padded(line: &[f64]) -> Vec<f64> {
    let room = [0.0; PADDING_MM];
    [&room, line, &room].concat()
}

/// Score of the segment of period `p` that starts at each place.
fn segment_scores(lines: &[Vec<f64>; 3], p: usize, parameters: &Parameters) -> Vec<f64> {
    let templates = templates(p, parameters);
    let count = (lines[0].len() + 1).saturating_sub(p);
    (0..count)
        .map(|start| {
            let mut sum = 0.0;
            for ((line, template), weight) in lines.iter().zip(&templates).zip(parameters.signal_weights) {
                let product: f64 = line[start..start + p].iter().zip(template).map(|(a, b)| a * b).sum();
                sum += weight * product;
            }
            sum
        })
        .collect()
}

/// Pedicles in the cranial half, outline low at mid-height, endplates 4.5 mm inside both ends.
fn templates(p: usize, parameters: &Parameters) -> [Vec<f64>; 3] {
    let period = p as f64;
    let heights: Vec<f64> = (0..p).map(|n| (n as f64 + 0.5) / period).collect();
    let bump = |distance: f64| (-((distance - 4.5) / 2.0).powi(2)).exp();
    let plates: Vec<f64> = heights.iter().map(|t| bump(t * period) + bump(period - t * period)).collect();
    let mean = plates.iter().sum::<f64>() / period;
    [
        heights.iter().map(|t| (TAU * (t - parameters.pedicle_phase)).cos()).collect(),
        heights.iter().map(|t| (TAU * t).cos()).collect(),
        plates.iter().map(|value| value - mean).collect(),
    ]
}

type Origins = Vec<Vec<Option<usize>>>;

/// Best sum of scores of all segmentations that end at `[end]` with period `[at]`, and the period before.
fn accumulate(scores: &[Vec<f64>], periods: &[usize], parameters: &Parameters) -> (Vec<Vec<f64>>, Origins) {
    let ends = scores.iter().zip(periods).map(|(score, p)| score.len() + p).max().unwrap_or(0);
    let cost = |before: usize, now: usize| {
        let change = (now as f64).ln() - (before as f64).ln() + parameters.period_growth;
        parameters.period_change_cost * change * change
    };
    let costs: Vec<Vec<f64>> = periods.iter().map(|&b| periods.iter().map(|&n| cost(b, n)).collect()).collect();
    let mut sums = vec![vec![IMPOSSIBLE; periods.len()]; ends];
    let mut origins = vec![vec![None; periods.len()]; ends];
    for end in periods[0]..ends {
        for (at, &p) in periods.iter().enumerate() {
            let Some(start) = end.checked_sub(p) else { continue };
            let score = scores[at].get(start).copied().unwrap_or(IMPOSSIBLE);
            if start <= PADDING_MM {
                sums[end][at] = score;
                continue;
            }
            let mut best = (f64::NEG_INFINITY, 0);
            for (before, sum) in sums[start].iter().enumerate() {
                let value = sum - costs[before][at];
                if value > best.0 {
                    best = (value, before);
                }
            }
            sums[end][at] = best.0 + score;
            origins[end][at] = Some(best.1);
        }
    }
    (sums, origins)
}

/// The best end beyond the canal's cranial end, as (end, index of period).
fn best_end(sums: &[Vec<f64>], length: usize) -> (usize, usize) {
    let mut best = (f64::NEG_INFINITY, (length + 2 * PADDING_MM, 0));
    for (end, row) in sums.iter().enumerate().skip(PADDING_MM + length) {
        for (at, &sum) in row.iter().enumerate() {
            if sum > best.0 {
                best = (sum, (end, at));
            }
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn discs_of_a_regular_spine_are_found_where_they_were_put() {
        let period = 30.0;
        let wave = |shift: f64| -> Vec<f64> {
            (0..240).map(|s| 200.0 + 80.0 * (TAU * ((f64::from(s) - 10.0) / period - shift)).cos()).collect()
        };
        let signals =
            Signals { pedicle_hu: wave(0.68), rim_hu: wave(0.0), core_hu: vec![150.0; 240], ala_share: vec![] };
        let parameters = Parameters::default();
        let found = boundaries(&signals, &parameters);
        for disc in [40.0, 70.0, 100.0, 130.0, 160.0, 190.0] {
            assert!(found.iter().any(|b| (b - disc).abs() <= 1.0), "no boundary at {disc} in {found:?}");
        }
        let agreement = agreements(&signals, &found, &parameters);
        assert!(agreement[3] > 1.0, "{agreement:?}");
    }
}
