//! Trabecular attenuation of T12, L1 and L2.
//!
//! Input: the native [`Volume`], the [`Spine`] found in it, and the checks of the series. Output: one
//! [`TargetMeasurement`] each for T12, L1 and L2 in the order of the terms: the mean of `axial200` in HU, with `core3d`
//! beside it, or the first reason why there is no value.

mod axial;
mod core;
mod quality;

use crate::anatomy::Absence;
use crate::anatomy::Certainty;
use crate::anatomy::PhaseFinding;
use crate::anatomy::Spine;
use crate::anatomy::Vertebra;
use crate::checks::Check;
use crate::checks::Observed;
use crate::checks::Scope;
use crate::checks::Verdict;
use crate::codes::Analysis;
use crate::codes::Reason;
use crate::codes::Term;
use crate::measure::Outcome;
use crate::measure::Region;
use crate::measure::RegionType;
use crate::measure::Statistics;
use crate::measure::TargetMeasurement;
use crate::measure::statistics;
use crate::measure::vertebra::axial::Placement;
use crate::measure::vertebra::core::Placed;
use crate::volume::Volume;
use crate::volume::core3d_thickness;

/// Measures T12, L1 and L2; `series_checks` are those of the volume and those that anatomy made possible.
pub fn measure_vertebrae(
    volume: &Volume,
    spine: &Result<Spine, Absence>,
    phase: &PhaseFinding,
    series_checks: &[Check],
) -> Vec<TargetMeasurement> {
    let mut targets: Vec<Target> = Analysis::VertebralAttenuation
        .terms()
        .map(|term| {
            let mut target = Target::new(term);
            target.refuse_by_series(series_checks);
            match spine {
                Ok(spine) => target.measure(volume, spine),
                Err(absence) => target.refuse(absence.reason, absence.detail),
            }
            target
        })
        .collect();
    compare_levels(&mut targets);
    targets.into_iter().map(|target| target.finish(series_checks, spine, phase)).collect()
}

/// Evidence of the numbering that qualifies a value.
const QUALIFYING_EVIDENCE: [&str; 5] =
    ["rib_borderline", "level_below_not_in_view", "numbering_from_sacrum", "lumbar_count_4", "lumbar_count_6"];

/// Least voxels and volume of a core (definition set, sections 2.0 and 2.3).
const CORE_VOXELS: usize = 200;
const CORE_MM3: f64 = 2000.0;

/// Least volume of hardware (mL).
const HARDWARE_ML: f64 = 0.2;

/// One parameter on its way.
struct Target {
    term: Term,
    checks: Vec<Check>,
    refusal: Option<(Reason, &'static str)>,
    regions: Vec<Region>,
}

impl Target {
    fn new(term: Term) -> Target {
        Target { term, checks: Vec::new(), refusal: None, regions: Vec::new() }
    }

    /// Keeps the first refusal.
    fn refuse(&mut self, reason: Reason, detail: &'static str) {
        self.refusal.get_or_insert((reason, detail));
    }

    fn refuse_by_series(&mut self, series_checks: &[Check]) {
        let refusing = |check: &&Check| check.verdict == Verdict::Refuse && check.applies_to(self.term);
        if let Some(check) = series_checks.iter().find(refusing) {
            self.refuse(check.reason, check.name);
        }
    }

    /// Evaluates a check of this target; tells whether measurement may go on.
    fn check(&mut self, key: &'static str, observed: Option<Observed>) -> bool {
        let check = Check::against(key, Scope::Terms(vec![self.term]), observed);
        if check.verdict == Verdict::Refuse {
            self.refuse(check.reason, check.name);
        }
        self.checks.push(check);
        self.refusal.is_none()
    }

    fn check_number(&mut self, key: &'static str, observed: Option<f64>) -> bool {
        self.check(key, observed.map(Observed::Number))
    }

    fn measure(&mut self, volume: &Volume, spine: &Spine) {
        let Some(at) = self.identify(spine) else { return };
        let vertebra = &spine.vertebrae[at];
        if !self.check_number("z_coverage", Some(quality::room_to_scan_ends_mm(volume, vertebra))) {
            return;
        }
        let Some(placement) = Placement::of(&volume.geometry, vertebra) else { return };
        self.check_number("slice_missing@vertebra", quality::largest_gap_ratio(&volume.geometry, vertebra));
        let room = quality::room_to_border_mm(&volume.geometry, &placement, vertebra);
        self.check_number("fov_truncation@vertebra", Some(room));
        let Some((scale, axial)) = self.place(volume, vertebra, &placement) else { return };
        self.check_shape(volume, spine, at);
        self.check_number(
            "unstable",
            quality::spread_hu(volume, &placement, scale)
                .map(|spread| spread / quality::relative_limit(axial.mean_hu, 15.0, 0.12)),
        );
        self.check("metal", Some(Observed::Text(quality::metal(volume, &placement).to_owned())));
        self.check("cement_hardware", Some(Observed::Text(hardware(volume, spine, at).to_owned())));
        self.check_number("streaks", quality::streak_ratio(volume, &placement));
        self.add_core(volume, vertebra, &axial);
    }

    /// Index of the vertebra of this target.
    fn identify(&mut self, spine: &Spine) -> Option<usize> {
        let word = match spine.numbering.certainty {
            Certainty::Certain => "certain",
            Certainty::Probable => "probable",
            Certainty::Ambiguous => "ambiguous",
        };
        if spine.numbering.certainty == Certainty::Ambiguous {
            // The doubt says more than the check's name.
            let doubt = spine.numbering.doubts.first().copied().unwrap_or("numbering");
            if quality::surely_outside(spine, self.term) {
                self.refuse(Reason::OutOfCoverage, "level_outside_scan");
            }
            self.refuse(Reason::LevelNotIdentified, doubt);
        }
        if !self.check("numbering", Some(Observed::Text(word.to_owned()))) {
            return None;
        }
        let at = spine.vertebrae.iter().position(|v| v.level.is_some_and(|level| level.term() == Some(self.term)));
        if at.is_none() {
            self.refuse(Reason::OutOfCoverage, "level_outside_scan");
        }
        at
    }

    /// Places the public region; its scale and statistics, or `None` where it is not possible.
    fn place(&mut self, volume: &Volume, vertebra: &Vertebra, placement: &Placement) -> Option<(f64, Statistics)> {
        let geometry = &volume.geometry;
        let scale = placement.fitting_scale(geometry, vertebra, volume.slice_thickness_mm);
        self.check_number("roi_does_not_fit", Some(scale.unwrap_or(0.0)));
        let scale = scale?;
        let voxels = placement.voxels(geometry, scale);
        let values: Vec<f32> = voxels.iter().map(|&[k, j, i]| volume.hu(k, j, i)).collect();
        self.check_number("too_few_voxels", Some(values.len() as f64));
        self.check_number("roi_saturated", Some(quality::saturated(volume, &values) as f64));
        let volume_mm3 = voxels.iter().map(|[k, ..]| quality::voxel_mm3(geometry, *k)).sum();
        let statistics = statistics::of(&values, volume_mm3)?;
        self.regions.push(Region {
            term: self.term,
            definition: "axial200",
            public: true,
            region_type: RegionType::EllipseStack,
            parts: placement.parts(geometry, scale),
            statistics: statistics.clone(),
        });
        Some((scale, statistics))
    }

    fn check_shape(&mut self, volume: &Volume, spine: &Spine, at: usize) {
        let vertebra = &spine.vertebrae[at];
        self.check_number("partition_weak", Some(vertebra.partition_agreement));
        self.check_number("outline_weak", Some(vertebra.waist.support_hu));
        self.check_number("height_jump", quality::height_jump(spine, at));
        self.check_number("deformity", quality::lowest_height_ratio(volume, spine, at));
        self.check_number("deformity@wedge", quality::wedge_ratio(volume, spine, at));
    }

    /// Adds the core and the checks that compare with it; a core that cannot be given refuses nothing.
    fn add_core(&mut self, volume: &Volume, vertebra: &Vertebra, axial: &Statistics) {
        let voxels = core::voxels(&volume.geometry, vertebra, volume.slice_thickness_mm);
        let core = core_region(volume, self.term, &voxels);
        let statistics = core.as_ref().map(|region| region.statistics.clone());
        let compared = statistics
            .as_ref()
            .map(|core| (axial.mean_hu - core.mean_hu).abs() / quality::relative_limit(axial.mean_hu, 20.0, 0.15));
        self.check_number("v1_v2_disagree", compared);
        let share = statistics.as_ref().and_then(|core| quality::focal_share(volume, &voxels, core.median_hu));
        self.check_number("focal", share);
        let octants = statistics.as_ref().and_then(|core| quality::octant_range_ratio(volume, &voxels, core.mean_hu));
        self.check_number("focal@octants", octants);
        self.regions.extend(core);
    }

    fn value_hu(&self) -> Option<f64> {
        let public = self.regions.first().filter(|_| self.refusal.is_none());
        public.map(|region| region.statistics.mean_hu)
    }

    fn finish(
        self,
        series_checks: &[Check],
        spine: &Result<Spine, Absence>,
        phase: &PhaseFinding,
    ) -> TargetMeasurement {
        let Target { term, .. } = self;
        let Some(value) = self.value_hu() else {
            let (reason, detail) = self.refusal.unwrap_or((Reason::RegionNotPossible, "no_region"));
            let outcome = Outcome::NotMeasured { reason, detail, blocked_by: Vec::new() };
            return TargetMeasurement { term, outcome, regions: Vec::new(), checks: self.checks };
        };
        let mut flags: Vec<&'static str> = Vec::new();
        let mut add = |flag: &'static str| {
            if !flags.contains(&flag) {
                flags.push(flag);
            }
        };
        let flagging = |check: &&Check| check.verdict == Verdict::Flag && check.applies_to(term);
        series_checks
            .iter()
            .chain(&self.checks)
            .filter(flagging)
            .for_each(|check| add(super::flag_name(check, phase.phase)));
        if let Ok(spine) = spine {
            let evidence = spine.numbering.evidence.iter().filter(|word| QUALIFYING_EVIDENCE.contains(word));
            evidence.for_each(|word| add(word));
        }
        phase.flags.iter().for_each(|flag| add(flag));
        let outcome = Outcome::Measured { value, flags };
        TargetMeasurement { term, outcome, regions: self.regions, checks: self.checks }
    }
}

/// The core as a region; `None` where slices are too thick or too little is left of the body.
fn core_region(volume: &Volume, term: Term, voxels: &[Placed]) -> Option<Region> {
    let geometry = &volume.geometry;
    let values: Vec<f32> = voxels.iter().map(|([k, j, i], _)| volume.hu(*k, *j, *i)).collect();
    let volume_mm3: f64 = voxels.iter().map(|([k, ..], _)| quality::voxel_mm3(geometry, *k)).sum();
    let enough = core3d_thickness(volume).verdict != Verdict::Refuse
        && values.len() >= CORE_VOXELS
        && volume_mm3 >= CORE_MM3
        && quality::saturated(volume, &values) == 0;
    if !enough {
        return None;
    }
    Some(Region {
        term,
        definition: "core3d",
        public: false,
        region_type: RegionType::Mask,
        parts: vec![core::part(geometry, voxels)?],
        statistics: statistics::of(&values, volume_mm3)?,
    })
}

fn hardware(volume: &Volume, spine: &Spine, at: usize) -> &'static str {
    let dense = |other: Option<usize>| {
        let vertebra = other.and_then(|other| spine.vertebrae.get(other));
        vertebra.is_some_and(|v| v.in_view && quality::dense_volume_ml(volume, v) >= HARDWARE_ML)
    };
    if dense(Some(at)) {
        "here"
    } else if dense(at.checked_sub(1)) || dense(Some(at + 1)) {
        "neighbour"
    } else {
        "none"
    }
}

/// Flags levels that differ much from the others of the same scan.
fn compare_levels(targets: &mut [Target]) {
    let values: Vec<Option<f64>> = targets.iter().map(Target::value_hu).collect();
    for (at, target) in targets.iter_mut().enumerate() {
        let Some(own) = values[at] else { continue };
        let others = values.iter().enumerate().filter(|(other, _)| *other != at).filter_map(|(_, value)| *value);
        let ratio = |other: f64| (own - other).abs() / quality::relative_limit((own + other) / 2.0, 50.0, 0.30);
        target.check_number("level_outlier", others.map(ratio).reduce(f64::max));
    }
}
