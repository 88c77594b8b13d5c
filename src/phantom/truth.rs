//! What a series holds, and what a careful program may say about it.
//!
//! Input: a [`Scan`]. Output: [`Truth`], written as JSON. Attenuation is that of the pure tissue before blur and noise (HU).
//! Levels are named by the node's convention: the lowest vertebra with a rib of at least 40 mm is T12.

use serde::{Deserialize, Serialize};

use super::Options;
use super::dicom::series_uids;
use super::scan::Scan;
use super::shape::Point;
use super::spine::Vertebra;
use super::tissue::trabecular;
use crate::codes::{DEFINITION_SET, Phase, Reason, Term};
use crate::units::{LENGTH_DECIMALS, MEAN_DECIMALS, RATIO_DECIMALS, round};

/// Distance that a body keeps from the ends of the scan to be measured without doubt (mm).
const SPARE_MM: f64 = 10.0;
/// Distance that a target keeps from the border of the field of view to be measured without doubt (mm).
const FIELD_SPARE_MM: f64 = 20.0;
/// Extent of the liver and the spleen along the torso (mm).
const LIVER_Z_MM: [f64; 2] = [-18.0, 110.0];
const SPLEEN_Z_MM: [f64; 2] = [0.0, 108.0];
/// Outermost x of both organs (mm).
const ORGANS_X_MM: f64 = 140.0;
/// Length of an organ in view that is surely enough, and surely too little (mm).
const ORGAN_ENOUGH_MM: f64 = 70.0;
const ORGAN_TOO_LITTLE_MM: f64 = 12.0;
/// Ribs shorter than this leave the numbering in doubt (mm).
const RIB_CLEAR_MM: f64 = 50.0;

/// The vertebra that the ribs name.
const LAST_THORACIC: &str = "T12";

/// What may happen to a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expected {
    /// A value within the tolerance.
    Measure,
    /// A value within the tolerance, or a refusal: both are right.
    MeasureOrRefuse,
    /// No value.
    Refuse,
}

/// Truth about one parameter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ParameterTruth {
    /// Name of the parameter in the RSIF vocabulary.
    pub parameter: String,
    /// The true value in `unit`; absent where the structure does not exist.
    pub value: Option<f64>,
    /// `HU` or `ratio`.
    pub unit: String,
    /// What may happen.
    pub expected: Expected,
    /// Reason code of a refusal.
    pub reason: Option<String>,
}

/// Truth about one vertebra.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LevelTruth {
    /// Name by the node's convention.
    pub name: String,
    /// Body centre in patient coordinates (LPS, mm).
    pub centre_mm: [f64; 3],
    /// Trabecular attenuation (HU).
    pub trabecular_hu: f64,
    /// Rib length, right and left (mm); 0 = no rib.
    pub rib_mm: [f64; 2],
    /// Whether the whole body lies between the first and the last slice.
    pub in_view: bool,
}

/// Truth about one series.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Truth {
    /// Name of the case.
    pub case: String,
    /// Version of the definitions the expectations are made for.
    pub definition_set: String,
    /// Series Instance UID.
    pub series_instance_uid: String,
    /// Contrast phase.
    pub phase: String,
    /// Tube voltage (kV).
    pub tube_kv: f64,
    /// Noise SD at the centre (HU).
    pub noise_sd_hu: f64,
    /// Rib pairs, stumps included.
    pub rib_pairs: usize,
    /// Vertebrae between the lowest one with a long rib and the sacrum.
    pub lumbar_count: usize,
    /// Blood in the aorta (HU).
    pub aorta_hu: f64,
    /// The parameters in output order.
    pub parameters: Vec<ParameterTruth>,
    /// All vertebrae that touch the scan, from the head downwards.
    pub levels: Vec<LevelTruth>,
}

impl Truth {
    /// Pretty JSON with a final line feed.
    pub fn to_json(&self) -> String {
        // A structure of strings and finite numbers always serialises.
        serde_json::to_string_pretty(self).map(|text| text + "\n").unwrap_or_default()
    }

    /// The truth about one parameter.
    pub fn parameter(&self, name: &str) -> Option<&ParameterTruth> {
        self.parameters.iter().find(|parameter| parameter.parameter == name)
    }

    /// The truth about one level.
    pub fn level(&self, name: &str) -> Option<&LevelTruth> {
        self.levels.iter().find(|level| level.name == name)
    }
}

type Verdict = (Expected, Option<Reason>);

const MEASURE: Verdict = (Expected::Measure, None);

const fn refuse(reason: Reason) -> Verdict {
    (Expected::Refuse, Some(reason))
}

const fn either(reason: Reason) -> Verdict {
    (Expected::MeasureOrRefuse, Some(reason))
}

/// The truth of one scan.
pub(super) fn truth(scan: &Scan) -> Truth {
    let options = &scan.options;
    let lumbar = scan.vertebrae.iter().filter(|vertebra| vertebra.name.starts_with('L')).count();
    Truth {
        case: options.name.clone(),
        definition_set: DEFINITION_SET.to_owned(),
        series_instance_uid: series_uids(options).series.to_string(),
        phase: options.phase.name().to_owned(),
        tube_kv: options.tube_kv,
        noise_sd_hu: options.noise_sd_hu,
        rib_pairs: options.rib_pairs,
        lumbar_count: lumbar,
        aorta_hu: round(scan.tissues.arterial_blood, MEAN_DECIMALS),
        parameters: parameters(scan),
        levels: scan.vertebrae.iter().filter_map(|vertebra| level(scan, vertebra)).collect(),
    }
}

fn level(scan: &Scan, vertebra: &Vertebra) -> Option<LevelTruth> {
    let overlap = overlap_mm(scan, span(scan, vertebra));
    (overlap > 0.0).then(|| LevelTruth {
        name: vertebra.name.clone(),
        centre_mm: scan.patient_mm(vertebra.frame.origin).map(|axis| round(axis, LENGTH_DECIMALS)),
        trabecular_hu: round(trabecular(&scan.options, vertebra.trabecular_hu), MEAN_DECIMALS),
        rib_mm: vertebra.rib_mm.map(|length| round(length * scan.options.scale[0], LENGTH_DECIMALS)),
        in_view: spare_mm(scan, span(scan, vertebra)) >= 0.0,
    })
}

/// Lowest and highest patient z of a body, corners included.
fn span(scan: &Scan, vertebra: &Vertebra) -> [f64; 2] {
    let size = &vertebra.size;
    let corner = |v: f64, w: f64| -> Point { [0.0, v * size.depth[0] / 2.0, w * size.height / 2.0] };
    [(-1.0, -1.0), (1.0, -1.0), (-1.0, 1.0), (1.0, 1.0)]
        .map(|(v, w)| scan.patient_mm(vertebra.frame.world(corner(v, w)))[2])
        .iter()
        .fold([f64::INFINITY, f64::NEG_INFINITY], |range, z| [range[0].min(*z), range[1].max(*z)])
}

/// Lowest and highest z of the scan, half a slice added.
fn covered(scan: &Scan) -> [f64; 2] {
    let z = scan.slice_z_mm();
    let half = scan.options.slice_spacing_mm / 2.0;
    let low = z.iter().copied().fold(f64::INFINITY, f64::min);
    let high = z.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    [low - half, high + half]
}

fn overlap_mm(scan: &Scan, span: [f64; 2]) -> f64 {
    let [low, high] = covered(scan);
    span[1].min(high) - span[0].max(low)
}

/// Distance from the span to the nearer end of the scan; negative where it is cut.
fn spare_mm(scan: &Scan, span: [f64; 2]) -> f64 {
    let [low, high] = covered(scan);
    (span[0] - low).min(high - span[1])
}

fn parameters(scan: &Scan) -> Vec<ParameterTruth> {
    let options = &scan.options;
    let liver = (Some(scan.tissues.liver), organ_verdict(scan, LIVER_Z_MM));
    let spleen = if options.spleen_present {
        (Some(scan.tissues.spleen), organ_verdict(scan, SPLEEN_Z_MM))
    } else {
        (None, refuse(Reason::StructureNotFound))
    };
    let derived = derived_verdict(options, liver.1, spleen.1);
    let both = liver.0.zip(spleen.0);
    Term::ALL
        .into_iter()
        .map(|term| {
            let (value, verdict) = match term {
                Term::Th12Hu => vertebral(scan, "T12"),
                Term::L1Hu => vertebral(scan, "L1"),
                Term::L2Hu => vertebral(scan, "L2"),
                Term::LiverHu => liver,
                Term::SpleenHu => spleen,
                Term::LiverSpleenDiff => (both.map(|(liver, spleen)| liver - spleen), derived),
                Term::LiverSpleenRatio => (both.map(|(liver, spleen)| liver / spleen), derived),
            };
            let decimals = if term == Term::LiverSpleenRatio { RATIO_DECIMALS } else { MEAN_DECIMALS };
            ParameterTruth {
                parameter: term.name().to_owned(),
                value: value.map(|value| round(value, decimals)),
                unit: term.unit().to_owned(),
                expected: verdict.0,
                reason: verdict.1.map(|reason| reason.name().to_owned()),
            }
        })
        .collect()
}

fn derived_verdict(options: &Options, liver: Verdict, spleen: Verdict) -> Verdict {
    match (liver.0, spleen.0) {
        (Expected::Refuse, _) | (_, Expected::Refuse) => refuse(Reason::DependencyNotMeasured),
        _ if options.phase != Phase::Native => refuse(Reason::PhaseUnsuitable),
        (Expected::MeasureOrRefuse, _) | (_, Expected::MeasureOrRefuse) => either(Reason::DependencyNotMeasured),
        _ => MEASURE,
    }
}

fn organ_verdict(scan: &Scan, z: [f64; 2]) -> Verdict {
    let options = &scan.options;
    let axial = options.scale[1];
    let seen = overlap_mm(scan, z.map(|end| end * axial));
    let half_field = options.columns.min(options.rows) as f64 * options.pixel_spacing_mm / 2.0;
    if options.slice_thickness_mm > 10.0 || options.slice_spacing_mm > 10.0 {
        refuse(Reason::SamplingUnsuitable)
    } else if seen < ORGAN_TOO_LITTLE_MM {
        refuse(Reason::OutOfCoverage)
    } else if seen < ORGAN_ENOUGH_MM || half_field < ORGANS_X_MM * options.scale[0] {
        either(Reason::OutOfCoverage)
    } else if options.noise_sd_hu > 40.0 {
        either(Reason::NoiseOrArtifact)
    } else {
        MEASURE
    }
}

fn vertebral(scan: &Scan, name: &str) -> (Option<f64>, Verdict) {
    let Some(vertebra) = scan.vertebrae.iter().find(|vertebra| vertebra.name == name) else {
        return (None, refuse(Reason::StructureNotFound));
    };
    let value = trabecular(&scan.options, vertebra.trabecular_hu);
    (Some(value), vertebral_verdict(scan, vertebra))
}

fn vertebral_verdict(scan: &Scan, vertebra: &Vertebra) -> Verdict {
    let options = &scan.options;
    let here = span(scan, vertebra);
    let centre = scan.patient_mm(vertebra.frame.origin);
    let half_field = options.columns.min(options.rows) as f64 * options.pixel_spacing_mm / 2.0;
    let aside = (centre[0] - options.field_centre_mm[0]).abs().max((centre[1] - options.field_centre_mm[1]).abs());
    let border = half_field - aside - vertebra.size.width[1] / 2.0;
    let wedge = options.wedge.as_ref().filter(|(level, _)| *level == vertebra.name).map_or(0.0, |(_, loss)| *loss);
    if options.tube_kv < 100.0 {
        refuse(Reason::EnergyUnsuitable)
    } else if options.slice_thickness_mm > 7.5 || options.slice_spacing_mm > 7.5 {
        refuse(Reason::SamplingUnsuitable)
    } else if vertebra.name == LAST_THORACIC && cut_below(scan, here) {
        // Nothing in view tells whether the cut body or the one above is the last with a long rib.
        refuse(Reason::LevelNotIdentified)
    } else if spare_mm(scan, here) < 0.0 || border < 0.0 {
        refuse(Reason::OutOfCoverage)
    } else if gap_in(scan, here) {
        refuse(Reason::InstancesMissing)
    } else if options.cement_level.as_ref() == Some(&vertebra.name) || wedge > 0.25 {
        refuse(Reason::TargetAltered)
    } else if wedge >= 0.20 {
        either(Reason::TargetAltered)
    } else if spare_mm(scan, here) < SPARE_MM || border < FIELD_SPARE_MM {
        either(Reason::OutOfCoverage)
    } else if numbering_in_doubt(scan) {
        either(Reason::LevelNotIdentified)
    } else if options.noise_sd_hu > 40.0 {
        either(Reason::NoiseOrArtifact)
    } else {
        MEASURE
    }
}

/// Whether the lower end of the scan lies inside a span.
fn cut_below(scan: &Scan, here: [f64; 2]) -> bool {
    let lowest = scan.slice_z_mm().into_iter().fold(f64::INFINITY, f64::min);
    lowest > here[0].min(here[1]) && lowest < here[0].max(here[1])
}

/// Whether slices are missing in the span and 10 mm around it.
fn gap_in(scan: &Scan, here: [f64; 2]) -> bool {
    let z = scan.slice_z_mm();
    z.windows(2).any(|pair| {
        let (low, high) = (pair[0].min(pair[1]), pair[0].max(pair[1]));
        let gap = high - low >= 1.5 * scan.options.slice_spacing_mm;
        gap && high > here[0] - SPARE_MM && low < here[1] + SPARE_MM
    })
}

/// Whether a careful reader could leave the levels unnamed: variants in number, short or cut ribs, strong curves, few
/// levels in view.
fn numbering_in_doubt(scan: &Scan) -> bool {
    let options = &scan.options;
    let variant = options.rib_pairs != 12 || options.lumbar_count != 5;
    let short = options.last_rib_mm.is_some_and(|lengths| lengths.iter().any(|mm| *mm < RIB_CLEAR_MM));
    let curved = options.cobb_degrees.abs() > 20.0;
    let in_view = |name: &str| {
        let level = scan.vertebrae.iter().find(|vertebra| vertebra.name == name);
        level.is_some_and(|vertebra| spare_mm(scan, span(scan, vertebra)) >= 0.0)
    };
    let few = !["T11", "T12", "L1", "L2"].into_iter().all(in_view);
    let half_field = options.columns.min(options.rows) as f64 * options.pixel_spacing_mm / 2.0;
    variant
        || short
        || curved
        || few
        || half_field < ORGANS_X_MM * options.scale[0]
        || !options.missing_slices.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phantom::{CASES, case};

    fn of(name: &str) -> Truth {
        truth(&Scan::new(&case(name).unwrap()).unwrap())
    }

    fn expected(truth: &Truth, parameter: &str) -> (Expected, Option<String>) {
        let found = truth.parameter(parameter).unwrap();
        (found.expected, found.reason.clone())
    }

    #[test]
    fn everything_is_measured_in_the_default_case() {
        let truth = of("default");
        assert_eq!(truth.parameters.len(), 7);
        assert!(truth.parameters.iter().all(|p| p.expected == Expected::Measure), "{truth:?}");
        assert_eq!(truth.parameter("L1_HU").unwrap().value, Some(150.0));
        assert_eq!(truth.parameter("LIVER_SPLEEN_RATIO").unwrap().value, Some(1.184));
        assert_eq!(truth.level("L1").unwrap().centre_mm, [0.0, 32.0, 0.0]);
    }

    #[test]
    fn refusals_have_the_right_reason() {
        let refused = |case: &str, parameter: &str| expected(&of(case), parameter);
        let is = |reason: Reason| (Expected::Refuse, Some(reason.name().to_owned()));
        assert_eq!(refused("splenectomy", "SPLEEN_HU"), is(Reason::StructureNotFound));
        assert_eq!(refused("splenectomy", "LIVER_SPLEEN_DIFF"), is(Reason::DependencyNotMeasured));
        assert_eq!(refused("portal", "LIVER_SPLEEN_RATIO"), is(Reason::PhaseUnsuitable));
        assert_eq!(refused("cropped_l1", "L1_HU"), is(Reason::OutOfCoverage));
        assert_eq!(refused("cropped_t12", "L1_HU"), is(Reason::OutOfCoverage));
        assert_eq!(refused("cropped_t12", "TH12_HU"), is(Reason::LevelNotIdentified));
        assert_eq!(refused("kv_80", "TH12_HU"), is(Reason::EnergyUnsuitable));
        assert_eq!(refused("cement_l2", "L2_HU"), is(Reason::TargetAltered));
        assert_eq!(refused("missing_slices", "L1_HU"), is(Reason::InstancesMissing));
    }

    #[test]
    fn contrast_and_tube_voltage_move_the_truth() {
        assert_eq!(of("portal").parameter("L1_HU").unwrap().value, Some(168.0));
        assert_eq!(of("kv_100").parameter("L1_HU").unwrap().value, Some(165.0));
        assert_eq!(of("portal").parameter("LIVER_HU").unwrap().value, Some(105.0));
    }

    #[test]
    fn the_truth_survives_json() {
        for name in CASES {
            let truth = of(name);
            assert_eq!(serde_json::from_str::<Truth>(&truth.to_json()).unwrap(), truth);
        }
    }
}
