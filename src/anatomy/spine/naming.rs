//! Which segment is T12.
//!
//! Input: the ribs, the ala signal and the tube's support per segment. Output: [`Naming`] with its certainty.
//! Rule first: the last vertebra with a rib of 40 mm is T12 (VerSe); sacrum and first rib are cross-checks.
//! The danger of the rule is a scan that ends inside T12: its cut rib makes T11 the "last" one. Hence `rib_cut` and
//! `level_below_not_in_view`; they are never relaxed.

use super::parameters::Parameters;
use super::ribs::Rib;
use super::ribs::Side;
use super::signals::Signals;
use super::tube::Tube;
use crate::anatomy::Certainty;
use crate::grid::filter;

/// The names, as the segment that is T12.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Naming {
    /// Segment of T12; may lie above the last one.
    pub(super) t12: Option<usize>,
    /// The same by ribs alone.
    pub(super) t12_by_ribs: Option<usize>,
    /// First sacral segment.
    pub(super) sacrum: Option<usize>,
    /// Certainty.
    pub(super) certainty: Certainty,
    /// Evidence words.
    pub(super) evidence: Vec<&'static str>,
    /// Doubt words.
    pub(super) doubts: Vec<&'static str>,
}

impl Naming {
    /// Takes the names back.
    pub(super) fn doubt(&mut self, word: &'static str) {
        self.certainty = Certainty::Ambiguous;
        self.doubts.push(word);
    }

    /// One independent basis more lifts an ambiguous name, unless rib roots cannot be trusted.
    fn lift(&mut self) {
        if self.certainty == Certainty::Ambiguous && !self.doubts.contains(&"one_sided_rib") {
            self.certainty = Certainty::Probable;
        }
    }
}

/// What is known of one segment. Pairs are right, left.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Segment {
    /// Arc length of its middle (mm).
    pub(super) middle_mm: f64,
    /// Whether the middle lies in the canal run.
    pub(super) seen: bool,
    /// Whether at least 8 mm of the canal run lie above the middle.
    clear_of_top: bool,
    /// Lengths of rib or process (mm).
    pub(super) lengths_mm: [f64; 2],
    slopes_degrees: [f64; 2],
    cut: [bool; 2],
    broad: bool,
    ala_share: f64,
    support_hu: f64,
    /// Agreement with the template of pedicles and waist.
    agreement: f64,
}

impl Segment {
    fn longest(&self) -> f64 {
        self.lengths_mm[0].max(self.lengths_mm[1])
    }

    fn shortest(&self) -> f64 {
        self.lengths_mm[0].min(self.lengths_mm[1])
    }

    fn one_sided(&self) -> bool {
        self.shortest() < 20.0 && self.longest() > 60.0
    }

    fn any_side(&self, test: impl Fn(f64, bool) -> bool) -> bool {
        (0..2).any(|side| test(self.lengths_mm[side], self.cut[side]))
    }
}

/// Gathers what is known of every segment.
pub(super) fn segments(
    boundaries: &[f64],
    ribs: &[Rib],
    signals: &Signals,
    tube: &Tube,
    agreements: &[f64],
) -> Vec<Segment> {
    let length = signals.ala_share.len();
    let mut result: Vec<Segment> = boundaries
        .windows(2)
        .zip(agreements)
        .map(|(pair, &agreement)| {
            let middle_mm = (pair[0] + pair[1]) / 2.0;
            let last = length.saturating_sub(1);
            let (low, high) = (pair[0].max(0.0) as usize, (pair[1].max(0.0) as usize).min(length));
            let count = high.saturating_sub(low);
            let sum: f64 = (low..high).map(|k| signals.ala_share[k]).sum();
            Segment {
                middle_mm,
                seen: middle_mm > 0.0 && middle_mm < length as f64,
                clear_of_top: middle_mm < length as f64 - 8.0,
                ala_share: if count == 0 { 0.0 } else { sum / count as f64 },
                support_hu: tube.support_hu[(middle_mm.max(0.0) as usize).min(last)],
                agreement,
                ..Segment::default()
            }
        })
        .collect();
    for rib in ribs {
        let Some(segment) = usize::try_from(rib.segment).ok().and_then(|n| result.get_mut(n)) else { continue };
        let side = usize::from(rib.side == Side::Left);
        if rib.length_mm > segment.lengths_mm[side] {
            segment.lengths_mm[side] = rib.length_mm;
            segment.slopes_degrees[side] = rib.slope_degrees;
            segment.cut[side] = rib.cut;
            // Several hundred mm2 are pelvis or scapula, not a rib.
            segment.broad |= rib.section_mm2 > 300.0;
        }
    }
    result
}

/// Names the segments.
pub(super) fn name(segments: &[Segment], parameters: &Parameters) -> Naming {
    let sacrum = find_sacrum(segments, parameters);
    let has_rib = rib_bearing(segments, sacrum, parameters);
    let bears = |n: usize| has_rib.get(n).is_none_or(|&bears| bears || !segments[n].seen);
    let t12 = (0..segments.len()).find(|&n| segments[n].seen && (n..n + 3).all(bears) && has_rib[n]);
    let mut naming = Naming {
        t12,
        t12_by_ribs: t12,
        sacrum,
        certainty: Certainty::Ambiguous,
        evidence: Vec::new(),
        doubts: Vec::new(),
    };
    match (t12, sacrum) {
        (Some(t12), _) => {
            let below = t12 >= 1 && segments[t12 - 1].middle_mm > -4.0;
            judge_ribs(&mut naming, segments, t12, below, parameters);
            judge_first_rib(&mut naming, first_thoracic(segments, &has_rib), t12, below);
            judge_sacrum(&mut naming, t12);
        }
        (None, Some(sacrum)) => name_from_sacrum(&mut naming, segments, sacrum, parameters),
        (None, None) => naming.doubt("no_rib_no_sacrum"),
    }
    naming
}

/// Highest segment with bone beside it and a weak outline; the one above it too where it lacks the pattern of a free
/// vertebra: a first sacral segment of strong outline.
fn find_sacrum(segments: &[Segment], parameters: &Parameters) -> Option<usize> {
    let mut supports: Vec<f64> = segments.iter().filter(|s| s.seen).map(|s| s.support_hu).collect();
    let usual = filter::median(&mut supports)?;
    let is_sacral =
        |s: &Segment| s.ala_share > parameters.ala_share && s.support_hu < parameters.sacral_support_share * usual;
    let found = (0..segments.len().saturating_sub(1)).rev().find(|&n| segments[n].seen && is_sacral(&segments[n]))?;
    let above = segments.get(found + 1).filter(|_| found + 2 < segments.len());
    let merged = above
        .is_some_and(|s| s.seen && s.ala_share > parameters.ala_share && s.agreement < parameters.sacral_agreement);
    Some(found + usize::from(merged))
}

fn rib_bearing(segments: &[Segment], sacrum: Option<usize>, parameters: &Parameters) -> Vec<bool> {
    let bears = |(n, segment): (usize, &Segment)| {
        let downward = segment.slopes_degrees[0].max(segment.slopes_degrees[1]) > 0.0;
        let long = segment.longest() >= parameters.rib_length_mm && (downward || segment.longest() > 60.0);
        let above_sacrum = sacrum.is_none_or(|sacrum| n > sacrum + 1);
        let pelvic = segment.broad && n <= 2 && sacrum.is_none() && segment.ala_share > 0.25;
        long && above_sacrum && !pelvic
    };
    segments.iter().enumerate().map(bears).collect()
}

/// The highest rib-bearing segment with a rib of 80 mm, if a segment above it is in view without one.
fn first_thoracic(segments: &[Segment], has_rib: &[bool]) -> Option<usize> {
    let top = (0..segments.len()).rev().find(|&n| segments[n].seen && has_rib[n] && segments[n].longest() > 80.0)?;
    let above = segments.get(top + 1)?;
    above.clear_of_top.then_some(top)
}

fn judge_ribs(naming: &mut Naming, segments: &[Segment], t12: usize, below: bool, parameters: &Parameters) {
    let segment = &segments[t12];
    let process = if t12 >= 1 { segments[t12 - 1].longest() } else { 0.0 };
    let shortens = segments.get(t12 + 1).is_some_and(|above| above.longest() - segment.longest() >= 25.0);
    if below && segment.shortest() >= parameters.rib_certain_mm && process <= parameters.process_certain_mm {
        naming.certainty = Certainty::Certain;
    } else if below && process <= parameters.process_probable_mm {
        naming.certainty = Certainty::Probable;
        naming.evidence.push("rib_borderline");
    } else if !below && !segment.any_side(|_, cut| cut) && segment.longest() <= 130.0 && shortens {
        naming.certainty = Certainty::Probable;
        naming.evidence.push("level_below_not_in_view");
    } else {
        naming.doubt("rib_pattern");
    }
    let cut_here = segment.any_side(|length, cut| cut && length < parameters.rib_certain_mm);
    // What the border cuts below may be the stump of the true last rib, however short the part in view.
    let cut_below = below && segments[t12 - 1].any_side(|_, cut| cut);
    let blind_below = below && process == 0.0 && segment.any_side(|_, cut| cut);
    if cut_here || cut_below || blind_below {
        naming.doubt("rib_cut");
    }
    // A rib on one side here and on the other side one level up: roots were assigned across a curve.
    if segments[t12..].iter().take(2).any(|s| s.seen && s.one_sided()) {
        naming.doubt("one_sided_rib");
    }
}

fn judge_first_rib(naming: &mut Naming, t1: Option<usize>, t12: usize, below: bool) {
    match t1 {
        Some(t1) if t1 == t12 + 11 => {
            naming.evidence.push("first_rib_agrees");
            if !below {
                naming.lift();
            }
        }
        Some(_) => naming.doubt("first_rib_count"),
        None => {}
    }
}

fn judge_sacrum(naming: &mut Naming, t12: usize) {
    let Some(sacrum) = naming.sacrum else { return };
    match t12 as isize - sacrum as isize - 1 {
        5 => {
            naming.evidence.push("lumbar_count_ok");
            naming.lift();
        }
        count @ (4 | 6) => {
            naming.evidence.push(if count == 4 { "lumbar_count_4" } else { "lumbar_count_6" });
            naming.certainty = match naming.certainty {
                Certainty::Certain => Certainty::Probable,
                _ => Certainty::Ambiguous,
            };
        }
        _ => naming.doubt("lumbar_count"),
    }
}

/// Without a rib: L5 is the first segment above the sacrum, L1 the fifth.
fn name_from_sacrum(naming: &mut Naming, segments: &[Segment], sacrum: usize, parameters: &Parameters) {
    let t12 = sacrum + 6;
    naming.t12 = Some(t12);
    naming.evidence.push("numbering_from_sacrum");
    let lumbar = segments.iter().take(t12).skip(sacrum + 2);
    if t12 <= segments.len() && lumbar.clone().all(|s| s.longest() <= parameters.rib_length_mm) {
        naming.certainty = Certainty::Probable;
    } else {
        naming.doubt("rib_pattern");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Segments caudal to cranial with the same rib length on both sides; 30 mm each, all in view.
    fn spine(lengths_mm: &[f64]) -> Vec<Segment> {
        lengths_mm
            .iter()
            .enumerate()
            .map(|(n, &length)| Segment {
                middle_mm: 15.0 + 30.0 * n as f64,
                seen: true,
                clear_of_top: true,
                lengths_mm: [length, length],
                slopes_degrees: [20.0, 20.0],
                support_hu: 130.0,
                agreement: 0.8,
                ..Segment::default()
            })
            .collect()
    }

    fn named(segments: &[Segment]) -> Naming {
        name(segments, &Parameters::default())
    }

    #[test]
    fn long_ribs_above_short_processes_are_certain() {
        let naming = named(&spine(&[22.0, 20.0, 90.0, 160.0, 168.0]));
        assert_eq!((naming.t12, naming.certainty), (Some(2), Certainty::Certain));
    }

    #[test]
    fn short_ribs_or_long_processes_are_only_probable_or_less() {
        let naming = named(&spine(&[22.0, 34.0, 45.0, 160.0, 168.0]));
        assert_eq!(
            (naming.certainty, naming.evidence.as_slice()),
            (Certainty::Probable, ["rib_borderline"].as_slice())
        );
        let naming = named(&spine(&[22.0, 38.0, 90.0, 160.0, 168.0]));
        assert_eq!((naming.certainty, naming.doubts.as_slice()), (Certainty::Ambiguous, ["rib_pattern"].as_slice()));
    }

    #[test]
    fn a_rib_at_the_lower_end_of_the_scan_is_never_trusted() {
        let naming = named(&spine(&[168.0, 168.0, 168.0]));
        assert_eq!(naming.certainty, Certainty::Ambiguous);
        let mut segments = spine(&[20.0, 45.0, 160.0, 168.0]);
        segments[1].cut = [true, false];
        assert_eq!(named(&segments).doubts, ["rib_cut"]);
        // The last rib of all is cut to a stump, the one above is cut but long.
        let mut segments = spine(&[20.0, 88.0, 160.0, 168.0]);
        segments[0].cut = [true, true];
        segments[1].cut = [true, true];
        assert_eq!(named(&segments).doubts, ["rib_cut"]);
    }

    #[test]
    fn a_one_sided_rib_beside_a_long_one_is_a_doubt_that_nothing_lifts() {
        let mut segments = spine(&[10.0, 20.0, 20.0, 20.0, 20.0, 20.0, 90.0, 160.0, 168.0]);
        segments[6].lengths_mm = [0.0, 160.0];
        segments[0].ala_share = 0.6;
        segments[0].support_hu = 60.0;
        let naming = named(&segments);
        assert!(naming.evidence.contains(&"lumbar_count_ok"));
        assert_eq!(naming.certainty, Certainty::Ambiguous);
    }

    #[test]
    fn the_sacrum_counts_where_no_rib_is_in_view() {
        let mut segments = spine(&[10.0, 20.0, 20.0, 20.0, 20.0, 20.0]);
        segments[0].ala_share = 0.6;
        segments[0].support_hu = 60.0;
        let naming = named(&segments);
        assert_eq!((naming.t12, naming.certainty), (Some(6), Certainty::Probable));
        assert_eq!((naming.t12_by_ribs, naming.evidence.as_slice()), (None, ["numbering_from_sacrum"].as_slice()));
    }

    #[test]
    fn a_count_of_six_lumbar_bodies_lowers_the_certainty() {
        let mut segments = spine(&[10.0, 20.0, 20.0, 20.0, 20.0, 20.0, 20.0, 90.0, 160.0, 168.0]);
        segments[0].ala_share = 0.6;
        segments[0].support_hu = 60.0;
        let naming = named(&segments);
        assert_eq!(
            (naming.certainty, naming.evidence.as_slice()),
            (Certainty::Probable, ["lumbar_count_6"].as_slice())
        );
    }

    #[test]
    fn a_first_sacral_segment_of_strong_outline_is_told_by_its_missing_pedicles() {
        let mut segments = spine(&[10.0, 10.0, 20.0, 20.0, 20.0, 20.0, 20.0, 90.0, 160.0, 168.0]);
        segments[0].ala_share = 0.6;
        segments[0].support_hu = 60.0;
        segments[1].ala_share = 0.6;
        assert_eq!(named(&segments).evidence, ["lumbar_count_6"]);
        segments[1].agreement = -0.2;
        assert_eq!(named(&segments).evidence, ["lumbar_count_ok"]);
    }

    #[test]
    fn the_first_rib_must_agree() {
        let mut lengths = vec![20.0, 20.0];
        lengths.extend([120.0; 12]);
        lengths.push(0.0);
        assert_eq!(named(&spine(&lengths)).evidence, ["first_rib_agrees"]);
        lengths.remove(5);
        assert_eq!(named(&spine(&lengths)).doubts, ["first_rib_count"]);
    }
}
