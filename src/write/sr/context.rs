//! What stands around the numbers: language, observer, procedure, image library, comments.
//!
//! Source: PS3.16 TID 1204, 1001, 1004, 1600, 1602, 1604, 4019; CID 100.

use super::Context;
use super::item::Content;
use super::item::ImageReference;
use super::item::Item;
use super::item::Relationship;
use crate::checks::Check;
use crate::checks::Scope;
use crate::checks::Verdict;
use crate::codes::DEFINITION_SET;
use crate::identity::Uid;
use crate::measure::Outcome;
use crate::measure::TargetMeasurement;
use crate::record::Record;
use crate::units;
use crate::volume::AcquisitionValue;
use crate::volume::Geometry;
use crate::volume::SliceProvenance;
use crate::write::concepts;
use crate::write::concepts::Code;
use crate::write::rsif;

/// What every report says of itself.
const TECHNICAL_ONLY: &str = "Technical measurement only: quantitative observations are not medical conclusions. Not a \
                              medical report; not clinical decision support. Parameters without a number were not \
                              measured; do not read them as zero.";

fn text(relationship: Relationship, name: Code, text: &str) -> Item {
    Item::new(relationship, name, Content::Text(text.to_owned()))
}

/// Language, observer and procedure reported.
pub(super) fn observation_context(context: &Context<'_>) -> Vec<Item> {
    let making = &context.options.making;
    let observer = Relationship::HasObservationContext;
    let device = Uid::derive(&["device", &making.software, &making.version, &making.device_serial_number]);
    vec![
        Item::new(Relationship::HasConceptModifier, concepts::LANGUAGE, Content::Code(concepts::ENGLISH)),
        Item::new(observer, concepts::OBSERVER_TYPE, Content::Code(concepts::DEVICE)),
        Item::new(observer, concepts::DEVICE_OBSERVER_UID, Content::UidReference(device)),
        text(observer, concepts::DEVICE_OBSERVER_NAME, &making.software),
        text(observer, concepts::DEVICE_OBSERVER_MANUFACTURER, &making.software),
        text(observer, concepts::DEVICE_OBSERVER_MODEL_NAME, &making.software),
        text(observer, concepts::DEVICE_OBSERVER_SERIAL_NUMBER, &making.device_serial_number),
        Item::new(
            Relationship::HasConceptModifier,
            concepts::PROCEDURE_REPORTED,
            Content::Code(concepts::CT_PROCEDURE),
        ),
    ]
}

/// Name, version and parameters of the algorithm (TID 4019).
pub(super) fn algorithm(context: &Context<'_>) -> Vec<Item> {
    let making = &context.options.making;
    let parameters = format!("definition={DEFINITION_SET}; configuration={}", context.record.configuration_digest);
    let modifier = Relationship::HasConceptModifier;
    vec![
        text(modifier, concepts::ALGORITHM_NAME, &making.software),
        text(modifier, concepts::ALGORITHM_VERSION, &making.version),
        text(modifier, concepts::ALGORITHM_PARAMETERS, &parameters),
    ]
}

/// The image of a slice.
pub(super) fn image_of(record: &Record, slice: &SliceProvenance) -> ImageReference {
    ImageReference {
        class: record.source.sop_class_uid.as_str().to_owned(),
        instance: slice.sop_instance_uid.clone(),
        frame: slice.frame,
        segment: None,
    }
}

/// All slices of the measured volume under one group, described once; `None` without a volume.
pub(super) fn image_library(context: &Context<'_>) -> Option<Item> {
    let record = context.record;
    let geometry = record.geometry.as_ref().filter(|_| !record.slices.is_empty())?;
    let mut group = descriptors(record, geometry);
    group.extend(
        record
            .slices
            .iter()
            .map(|slice| Item::unnamed(Relationship::Contains, Content::Image(image_of(record, slice)))),
    );
    let group = Item::container(concepts::IMAGE_LIBRARY_GROUP, None, group);
    Some(Item::container(concepts::IMAGE_LIBRARY, Some("1600"), vec![group]))
}

/// What all images of the library share.
fn descriptors(record: &Record, geometry: &Geometry) -> Vec<Item> {
    let acquisition = Relationship::HasAcquisitionContext;
    let number = |name, value: f64, unit| Item::new(acquisition, name, Content::Number(value, unit));
    let length = |name, value: f64| number(name, units::round(value, units::LENGTH_DECIMALS), concepts::MILLIMETER);
    let mut items = vec![Item::new(acquisition, concepts::MODALITY, Content::Code(concepts::COMPUTED_TOMOGRAPHY))];
    let frame = record.source.frame_of_reference_uid.clone();
    items.extend(frame.map(|uid| Item::new(acquisition, concepts::FRAME_OF_REFERENCE_UID, Content::UidReference(uid))));
    items.push(number(concepts::PIXEL_DATA_ROWS, geometry.shape[1] as f64, concepts::PIXELS));
    items.push(number(concepts::PIXEL_DATA_COLUMNS, geometry.shape[2] as f64, concepts::PIXELS));
    items.push(length(concepts::HORIZONTAL_PIXEL_SPACING, geometry.column_spacing_mm));
    items.push(length(concepts::VERTICAL_PIXEL_SPACING, geometry.row_spacing_mm));
    items.push(length(concepts::SPACING_BETWEEN_SLICES, geometry.slice_spacing_mm));
    let thickness = record.acquisition.iter().find(|entry| entry.name == "slice_thickness");
    if let Some(AcquisitionValue::Number(value)) = thickness.map(|entry| &entry.value) {
        items.push(length(concepts::SLICE_THICKNESS, *value));
    }
    items
}

/// Outcome, flags and suitability in words, and what the report is not.
pub(super) fn evaluations(context: &Context<'_>) -> Item {
    let record = context.record;
    let mut lines = vec![TECHNICAL_ONLY.to_owned()];
    lines.push(format!("series: phase={}, basis={}", record.phase.name(), record.phase_basis));
    lines.extend(suitability(record));
    lines.extend(record.targets.iter().map(|target| outcome(record, target)));
    let comments = lines.iter().map(|line| text(Relationship::Contains, concepts::COMMENT, line));
    Item::container(concepts::QUALITATIVE_EVALUATIONS, None, comments.collect())
}

/// The checks of the whole series that did not pass.
fn suitability(record: &Record) -> Option<String> {
    let failed = record
        .checks
        .iter()
        .filter(|check| check.scope == Scope::Series && matches!(check.verdict, Verdict::Flag | Verdict::Refuse));
    let words: Vec<String> = failed.map(|check| format!("{}={}", check.name, check.verdict.name())).collect();
    (!words.is_empty()).then(|| format!("series: suitability {}", words.join(", ")))
}

/// One line per parameter: `L1_HU: measured_with_flags; flags=kvp,phase_not_native`.
fn outcome(record: &Record, target: &TargetMeasurement) -> String {
    let name = target.term.name();
    match &target.outcome {
        Outcome::Measured { flags, .. } if flags.is_empty() => format!("{name}: measured"),
        Outcome::Measured { flags, .. } => {
            let mut unique: Vec<&str> = Vec::new();
            flags.iter().for_each(|flag| {
                if !unique.contains(flag) {
                    unique.push(flag);
                }
            });
            format!("{name}: measured_with_flags; flags={}", unique.join(","))
        }
        Outcome::NotMeasured { reason, detail, .. } => {
            let refusing = |check: &&Check| check.verdict == Verdict::Refuse && check.applies_to(target.term);
            let failed: Vec<&str> =
                record.checks.iter().chain(&target.checks).filter(refusing).map(|check| check.name).collect();
            let why = rsif::explanation(*reason, detail, &failed, rsif::Language::English);
            format!("{name}: not_measured; reason={}. {why}", reason.name())
        }
    }
}
