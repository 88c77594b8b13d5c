//! Contrast phase from the image; header words only contradict.
//!
//! Input: median attenuation of aorta, kidneys, liver and spleen (HU), each where found. Output: the phase and the
//! rule that decided. Differences to the aorta tell phases apart better than absolute limits.

use crate::anatomy::PhaseFinding;
use crate::codes::Phase;
use crate::volume::ContrastTags;

/// Attenuations that tell the phase (HU); `None` where the structure is not found.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Witnesses {
    /// Median of the aorta.
    pub aorta_hu: Option<f64>,
    /// Median of the brighter kidney.
    pub kidney_hu: Option<f64>,
    /// Median of the liver's core.
    pub liver_hu: Option<f64>,
    /// Median of the spleen's core.
    pub spleen_hu: Option<f64>,
}

/// The phase, by the first rule that holds, and the rule's name.
pub fn decide(seen: Witnesses) -> (Phase, &'static str) {
    let Witnesses { aorta_hu, kidney_hu, liver_hu: liver, spleen_hu: spleen } = seen;
    let Some(aorta) = aorta_hu else { return without_aorta(kidney_hu, spleen) };
    if aorta <= NATIVE_AORTA_HU {
        let enhanced = [spleen, kidney_hu].into_iter().flatten().any(|value| value >= ENHANCED_WITNESS_HU);
        return if enhanced {
            (Phase::Unknown, "aorta_native_but_spleen_or_kidney_enhanced")
        } else {
            (Phase::Native, "aorta_native")
        };
    }
    let far = match (spleen, liver) {
        (Some(spleen), _) => aorta - spleen >= ARTERIAL_ABOVE_SPLEEN_HU,
        (None, Some(liver)) => aorta - liver >= ARTERIAL_ABOVE_LIVER_HU,
        (None, None) => return (Phase::EnhancedUnknown, "no_liver_no_spleen"),
    };
    let near_liver = liver.is_none_or(|liver| aorta - liver <= DELAYED_ABOVE_LIVER_HU);
    let near_spleen = spleen.is_none_or(|spleen| (aorta - spleen).abs() <= DELAYED_FROM_SPLEEN_HU);
    let parenchyma = match (spleen, liver) {
        (Some(spleen), _) => spleen >= PORTAL_SPLEEN_HU,
        (None, liver) => liver.is_some_and(|liver| liver >= PORTAL_LIVER_HU),
    };
    if aorta >= ARTERIAL_AORTA_HU && far {
        (Phase::Arterial, "aorta_far_above_parenchyma")
    } else if aorta >= ARTERIAL_ANYWAY_HU {
        (Phase::Arterial, "aorta_very_bright")
    } else if aorta <= DELAYED_AORTA_HU && near_liver && near_spleen {
        (Phase::Delayed, "aorta_near_parenchyma")
    } else if PORTAL_AORTA_HU.contains(&aorta) && parenchyma {
        (Phase::Portal, "aorta_above_enhanced_parenchyma")
    } else {
        (Phase::EnhancedUnknown, "no_rule")
    }
}

fn without_aorta(kidney: Option<f64>, spleen: Option<f64>) -> (Phase, &'static str) {
    match (kidney, spleen) {
        (Some(kidney), Some(spleen)) if kidney <= NATIVE_KIDNEY_HU && spleen <= NATIVE_SPLEEN_HU => {
            (Phase::Native, "kidney_and_spleen_native")
        }
        _ => (Phase::Unknown, "no_aorta"),
    }
}

/// The flag that a phase puts on a measured attenuation; none in the native phase.
pub fn flag(phase: Phase) -> Option<&'static str> {
    match phase {
        Phase::Native => None,
        Phase::Arterial | Phase::Portal | Phase::Delayed => Some("phase_not_native"),
        Phase::EnhancedUnknown | Phase::Unknown => Some("phase_unknown"),
    }
}

impl PhaseFinding {
    /// Adds `phase_tag_conflict` where header words say something else than the image; the image stands.
    pub fn compared_with(mut self, tags: &ContrastTags) -> PhaseFinding {
        let undecided = matches!(self.phase, Phase::EnhancedUnknown | Phase::Unknown);
        let word = tags.phase_word.is_some_and(|word| !undecided && word != self.phase.name());
        let enhanced_word = self.phase == Phase::EnhancedUnknown && tags.phase_word == Some(Phase::Native.name());
        let agent = self.phase == Phase::Native && tags.agent_present == Some(true);
        if word || enhanced_word || agent {
            self.flags.push("phase_tag_conflict");
        }
        self
    }
}

/// Aorta without contrast agent: seen 30 to 45.
const NATIVE_AORTA_HU: f64 = 70.0;
/// Kidney without contrast agent, where no aorta decides.
const NATIVE_KIDNEY_HU: f64 = 60.0;
/// Spleen without contrast agent, where no aorta decides.
const NATIVE_SPLEEN_HU: f64 = 70.0;
/// Spleen or kidney that contradicts a native aorta.
const ENHANCED_WITNESS_HU: f64 = 75.0;
/// Least aorta of the arterial phase.
const ARTERIAL_AORTA_HU: f64 = 150.0;
/// Aorta above the spleen: arterial 102 to 221, portal 24 to 56.
const ARTERIAL_ABOVE_SPLEEN_HU: f64 = 80.0;
/// Aorta above the liver: arterial 123 to 325, portal 39 to 59.
const ARTERIAL_ABOVE_LIVER_HU: f64 = 100.0;
/// Aorta that no other phase reaches.
const ARTERIAL_ANYWAY_HU: f64 = 250.0;
/// Largest aorta of the delayed phase.
const DELAYED_AORTA_HU: f64 = 140.0;
/// Aorta above the liver in the delayed phase: seen 14.
const DELAYED_ABOVE_LIVER_HU: f64 = 25.0;
/// Distance of aorta and spleen in the delayed phase: seen 14.
const DELAYED_FROM_SPLEEN_HU: f64 = 20.0;
/// Aorta of the portal phase.
const PORTAL_AORTA_HU: std::ops::Range<f64> = 95.0..230.0;
/// Least spleen of the portal phase.
const PORTAL_SPLEEN_HU: f64 = 75.0;
/// Least liver of the portal phase, where there is no spleen.
const PORTAL_LIVER_HU: f64 = 70.0;

#[cfg(test)]
mod tests {
    use super::*;

    fn phase(aorta: f64, kidney: Option<f64>, liver: Option<f64>, spleen: Option<f64>) -> Phase {
        decide(Witnesses { aorta_hu: Some(aorta), kidney_hu: kidney, liver_hu: liver, spleen_hu: spleen }).0
    }

    #[test]
    fn real_scans_fall_into_the_phase_that_readers_gave() {
        assert_eq!(phase(331.0, Some(161.0), Some(60.4), Some(110.3)), Phase::Arterial);
        assert_eq!(phase(179.0, Some(99.0), Some(55.5), Some(76.4)), Phase::Arterial);
        assert_eq!(phase(111.0, Some(174.0), Some(97.4), Some(97.5)), Phase::Delayed);
        assert_eq!(phase(140.0, Some(109.0), Some(81.5), Some(84.1)), Phase::Portal);
        assert_eq!(phase(44.0, None, Some(25.7), Some(49.9)), Phase::Native);
    }

    #[test]
    fn a_dark_aorta_with_a_bright_kidney_is_not_native() {
        assert_eq!(phase(44.0, Some(120.0), Some(60.0), Some(50.0)), Phase::Unknown);
    }

    #[test]
    fn without_aorta_only_two_native_witnesses_decide() {
        let native = Witnesses { kidney_hu: Some(30.0), spleen_hu: Some(48.0), ..Witnesses::default() };
        assert_eq!(decide(native).0, Phase::Native);
        assert_eq!(decide(Witnesses { kidney_hu: None, ..native }).0, Phase::Unknown);
    }

    #[test]
    fn a_contrast_tag_on_a_native_image_is_a_conflict() {
        let finding = PhaseFinding {
            phase: Phase::Native,
            rule: "aorta_native",
            aorta_hu: Some(40.0),
            kidney_hu: None,
            aorta_mm: Vec::new(),
            flags: Vec::new(),
        };
        let tags = ContrastTags { agent_present: Some(true), phase_word: None };
        assert_eq!(finding.clone().compared_with(&tags).flags, vec!["phase_tag_conflict"]);
        assert!(finding.compared_with(&ContrastTags::default()).flags.is_empty());
    }
}
