//! Checks of what lies around a measured target: arms, jumps of the outline, oral contrast. They flag and never refuse.
//!
//! Input: measured targets with their regions, the surroundings found. Output: the same targets with further checks and
//! flags; difference and ratio take over the flags of their operands.

use crate::anatomy::Findings;
use crate::anatomy::Surroundings;
use crate::checks::Check;
use crate::checks::Observed;
use crate::checks::Scope;
use crate::checks::Verdict;
use crate::codes::Term;
use crate::volume::Volume;

use super::Outcome;
use super::Part;
use super::TargetMeasurement;

/// Adds the checks to every target that has a region.
pub(super) fn qualify(targets: &mut [TargetMeasurement], volume: &Volume, findings: &Findings) {
    let mut organ_flags: Vec<&'static str> = Vec::new();
    for target in targets.iter_mut() {
        let derived = matches!(target.term, Term::LiverSpleenDiff | Term::LiverSpleenRatio);
        if derived {
            add_flags(target, &organ_flags);
            continue;
        }
        let Some((low, high)) = heights_mm(target, volume) else { continue };
        let flags = checks_of(target, findings, low, high);
        if matches!(target.term, Term::LiverHu | Term::SpleenHu) {
            organ_flags.extend(flags.iter().copied());
        }
        add_flags(target, &flags);
    }
}

fn checks_of(target: &mut TargetMeasurement, findings: &Findings, low: f64, high: f64) -> Vec<&'static str> {
    let around: Option<&Surroundings> = findings.surroundings.as_ref();
    let mut observed = vec![
        ("arms_down", around.and_then(|around| around.arms_between(low, high)).map(Observed::Bool)),
        ("motion", around.and_then(|around| around.contour_step_between_mm(low, high)).map(Observed::Number)),
    ];
    let organ = match target.term {
        Term::LiverHu => findings.liver.as_ref().ok(),
        Term::SpleenHu => findings.spleen.as_ref().ok(),
        _ => None,
    };
    if let Some(organ) = organ {
        let bright = organ.evidence.iter().find(|(name, _)| *name == "bright_beside_ml");
        observed.push(("oral_contrast", bright.map(|(_, ml)| Observed::Number(*ml))));
    }
    let mut flags = Vec::new();
    for (key, seen) in observed {
        let check = Check::against(key, Scope::Terms(vec![target.term]), seen);
        if check.verdict == Verdict::Flag {
            flags.push(check.name);
        }
        target.checks.push(check);
    }
    flags
}

fn add_flags(target: &mut TargetMeasurement, further: &[&'static str]) {
    if let Outcome::Measured { flags, .. } = &mut target.outcome {
        for flag in further {
            if !flags.contains(flag) {
                flags.push(flag);
            }
        }
    }
}

/// Lowest and highest patient z of the public region (mm).
fn heights_mm(target: &TargetMeasurement, volume: &Volume) -> Option<(f64, f64)> {
    let region = target.regions.iter().find(|region| region.public)?;
    let heights = region.parts.iter().flat_map(|part| match part {
        Part::Ellipse { slice, center_mm, .. } => {
            let half = volume.geometry.slab_mm(*slice) / 2.0;
            [center_mm[2] - half, center_mm[2] + half]
        }
        Part::Mask { minimum_mm, maximum_mm, .. } => [minimum_mm[2], maximum_mm[2]],
    });
    let heights: Vec<f64> = heights.collect();
    Some((heights.iter().copied().reduce(f64::min)?, heights.iter().copied().reduce(f64::max)?))
}
