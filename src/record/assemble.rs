//! Values of the earlier rooms to a [`Record`]: pure and deterministic.
//!
//! A target that contradicts itself is never passed on: it ends as not measured, `internal_error`.

use super::LevelIdentification;
use super::Record;
use super::Source;
use crate::anatomy::Certainty;
use crate::anatomy::Findings;
use crate::anatomy::Spine;
use crate::checks::Check;
use crate::codes::Analysis;
use crate::codes::Phase;
use crate::codes::Reason;
use crate::codes::Term;
use crate::measure::Measurements;
use crate::measure::Outcome;
use crate::measure::TargetMeasurement;
use crate::units;
use crate::volume;
use crate::volume::AcquisitionEntry;
use crate::volume::Geometry;
use crate::volume::Volume;

/// What every record starts from, with or without a volume.
#[derive(Debug, Clone)]
pub struct Inputs {
    /// Where the images came from.
    pub source: Source,
    /// Requested analyses.
    pub analyses: Vec<Analysis>,
    /// Digest of the effective configuration, hexadecimal.
    pub configuration_digest: String,
}

impl Record {
    /// The record of a measured volume; reads every voxel once for the digest.
    pub fn assemble(inputs: Inputs, volume: &Volume, findings: &Findings, measurements: Measurements) -> Record {
        let analyses = in_output_order(&inputs.analyses);
        let mut given = measurements.targets;
        let targets = terms(&analyses).map(|term| take_target(&mut given, term)).collect();
        let mut checks = volume.checks.clone();
        checks.extend(measurements.checks.into_iter().filter(|check| !volume.checks.contains(check)));
        Record {
            source: inputs.source,
            analyses,
            acquisition: volume.acquisition.clone(),
            geometry: Some(volume.geometry.clone()),
            slices: volume.slices.clone(),
            phase: findings.phase.phase,
            phase_basis: "image",
            levels: findings.spine.as_ref().ok().map(level_identification),
            targets,
            checks,
            volume_digest: Some(volume::digest(volume)),
            configuration_digest: inputs.configuration_digest,
        }
    }

    /// The record of a series that gave no volume: every term ends as not measured for one reason.
    pub fn without_volume(inputs: Inputs, reason: Reason, detail: &'static str, checks: Vec<Check>) -> Record {
        let analyses = in_output_order(&inputs.analyses);
        Record {
            source: inputs.source,
            targets: terms(&analyses).map(|term| refused(term, reason, detail)).collect(),
            analyses,
            acquisition: Vec::new(),
            geometry: None,
            slices: Vec::new(),
            phase: Phase::Unknown,
            phase_basis: "image",
            levels: None,
            checks,
            volume_digest: None,
            configuration_digest: inputs.configuration_digest,
        }
    }

    /// Adds what is known of the chosen stack of a series without a volume: its attributes and where it lies.
    pub fn with_stack(mut self, acquisition: Vec<AcquisitionEntry>, geometry: Option<Geometry>) -> Record {
        self.acquisition = acquisition;
        self.geometry = geometry;
        self
    }
}

fn in_output_order(requested: &[Analysis]) -> Vec<Analysis> {
    Analysis::ALL.into_iter().filter(|analysis| requested.contains(analysis)).collect()
}

fn terms(analyses: &[Analysis]) -> impl Iterator<Item = Term> {
    Term::ALL.into_iter().filter(|term| analyses.contains(&term.analysis()))
}

fn refused(term: Term, reason: Reason, detail: &'static str) -> TargetMeasurement {
    let outcome = Outcome::NotMeasured { reason, detail, blocked_by: Vec::new() };
    TargetMeasurement { term, outcome, regions: Vec::new(), checks: Vec::new() }
}

/// The target of a term, checked: a value has a region and is finite, a refusal has no region.
fn take_target(given: &mut Vec<TargetMeasurement>, term: Term) -> TargetMeasurement {
    let Some(position) = given.iter().position(|target| target.term == term) else {
        return refused(term, Reason::InternalError, "target_missing");
    };
    let mut target = given.swap_remove(position);
    let derived = matches!(term, Term::LiverSpleenDiff | Term::LiverSpleenRatio);
    let sound = match &target.outcome {
        Outcome::NotMeasured { .. } => {
            target.regions.clear();
            true
        }
        Outcome::Measured { value, .. } => {
            let public: Vec<_> = target.regions.iter().filter(|region| region.public).collect();
            let printed = |hu: f64| units::round(hu, units::MEAN_DECIMALS);
            let means_agree = public.iter().all(|region| printed(region.statistics.mean_hu) == printed(*value));
            value.is_finite() && (derived || (public.len() == 1 && means_agree))
        }
    };
    if sound {
        return target;
    }
    TargetMeasurement { checks: target.checks, ..refused(term, Reason::InternalError, "target_inconsistent") }
}

fn level_identification(spine: &Spine) -> LevelIdentification {
    let numbering = &spine.numbering;
    let named = spine.vertebrae.iter().rev().filter_map(|vertebra| Some((vertebra.level?, vertebra.centre_mm)));
    LevelIdentification {
        certainty: numbering.certainty,
        basis: numbering.basis,
        evidence: numbering.evidence.iter().chain(&numbering.doubts).copied().collect(),
        levels: if numbering.certainty == Certainty::Ambiguous { Vec::new() } else { named.collect() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Uid;

    fn inputs(analyses: Vec<Analysis>) -> Inputs {
        let uid = Uid::parse("1.2.3").unwrap();
        let source = Source {
            study_instance_uid: None,
            series_instance_uid: uid.clone(),
            frame_of_reference_uid: None,
            sop_class_uid: uid,
            instance_count: 1,
            instances_digest: "00".repeat(32),
        };
        Inputs { source, analyses, configuration_digest: "11".repeat(32) }
    }

    #[test]
    fn a_series_without_volume_has_one_refusal_per_requested_term() {
        let record = Record::without_volume(
            inputs(vec![Analysis::LiverAttenuation]),
            Reason::ObjectUnsuitable,
            "sop_class",
            vec![],
        );
        let found: Vec<Term> = record.targets.iter().map(|target| target.term).collect();
        assert_eq!(found, Analysis::LiverAttenuation.terms().collect::<Vec<_>>());
        assert!(record.targets.iter().all(|target| {
            matches!(&target.outcome, Outcome::NotMeasured { reason: Reason::ObjectUnsuitable, .. })
        }));
    }

    #[test]
    fn a_value_without_region_is_not_passed_on() {
        let outcome = Outcome::Measured { value: 100.0, flags: Vec::new() };
        let mut given = vec![TargetMeasurement { term: Term::L1Hu, outcome, regions: Vec::new(), checks: Vec::new() }];
        let taken = take_target(&mut given, Term::L1Hu);
        assert!(matches!(taken.outcome, Outcome::NotMeasured { reason: Reason::InternalError, .. }));
    }
}
