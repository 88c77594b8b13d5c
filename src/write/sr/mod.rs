//! Structured reports (TID 1500) of a record.
//!
//! Input: a [`Record`], the [`SourceIdentity`] whose patient and study the report carries, where the segments of its
//! mask regions are. Output: a Part 10 file; HU, mm, mm2, cm3 with the digits of RSIF.
//! Errors: [`SrError`].
//! Source: PS3.3 A.35.2, A.35.3, A.35.13, C.17; PS3.16 TID 1500, 1501, 1410, 1411, 1420, 1001, 1204, 1600, 4019.

mod context;
mod groups;
mod item;

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use dicom_core::VR;
use dicom_dictionary_std::tags;
use dicom_dictionary_std::uids;

use super::concepts;
use super::objects;
use super::objects::DataSet;
use super::objects::EncodeError;
use super::objects::Making;
use super::seg::SegReference;
use crate::codes::Term;
use crate::identity::Uid;
use crate::instance::SourceIdentity;
use crate::measure::Outcome;
use crate::record::Record;
use item::Item;

/// First of the Series Numbers of reports; the source's number is added, so that reports of several series differ.
const SERIES_NUMBER_FIRST: u32 = 900;
/// Series Numbers that reports use.
const SERIES_NUMBERS: u32 = 50;

/// SOP class of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Storage {
    /// Comprehensive SR.
    #[default]
    Comprehensive,
    /// Comprehensive 3D SR.
    Comprehensive3d,
    /// Enhanced SR.
    Enhanced,
}

impl Storage {
    /// SOP Class UID.
    pub fn sop_class_uid(self) -> &'static str {
        match self {
            Storage::Comprehensive => uids::COMPREHENSIVE_SR_STORAGE,
            Storage::Comprehensive3d => uids::COMPREHENSIVE3_DSR_STORAGE,
            Storage::Enhanced => uids::ENHANCED_SR_STORAGE,
        }
    }
}

/// How a parameter without a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Refusals {
    /// As a comment only: readers in use fail on a number without a value.
    #[default]
    Text,
    /// As a number without a value, with its qualifier, beside the comment.
    Number,
}

/// How a derived value names its operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Operands {
    /// Repeated below it: a reader in use fails on references.
    #[default]
    ByValue,
    /// As references to the numbers of the measurement groups; Enhanced SR has none and repeats them.
    ByReference,
}

/// Choices of a destination, and what the report states about its making.
#[derive(Debug, Clone)]
pub struct Options {
    /// SOP class.
    pub storage: Storage,
    /// Parameters without a value.
    pub refusals: Refusals,
    /// Operands of difference and ratio.
    pub operands: Operands,
    /// Program, content date and time.
    pub making: Making,
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum SrError {
    /// A report belongs to a study.
    #[error("the source names no study (0020,000D)")]
    NoStudy,
    /// A region lies where the record has no slice, or its definition has no code.
    #[error("{term}: {problem}")]
    Inconsistent {
        /// The parameter.
        term: &'static str,
        /// What does not fit.
        problem: &'static str,
    },
    /// It could not be encoded.
    #[error(transparent)]
    Encode(#[from] EncodeError),
}

/// Everything that one report is made from.
struct Context<'a> {
    record: &'a Record,
    segmentation: Option<&'a SegReference>,
    options: &'a Options,
}

/// The report of a record as a Part 10 file.
pub fn report(
    record: &Record,
    identity: &SourceIdentity,
    segmentation: Option<&SegReference>,
    options: &Options,
) -> Result<Vec<u8>, SrError> {
    let source = &record.source;
    let study = source.study_instance_uid.as_ref().ok_or(SrError::NoStudy)?;
    let context = Context { record, segmentation, options };
    let mut set = DataSet::new();
    objects::copied(&mut set, identity, study);
    objects::equipment(&mut set, identity, &options.making);
    let number = objects::source_series_number(identity);
    let series_uid = Uid::derive(&["sr series", source.series_instance_uid.as_str(), options.storage.sop_class_uid()]);
    let series = objects::Series {
        modality: "SR",
        uid: &series_uid,
        number: SERIES_NUMBER_FIRST + number % SERIES_NUMBERS,
        description: &format!("Attenuation measurements of series {number}"),
    };
    objects::series(&mut set, &series, &options.making);
    document(&mut set, &context, study);
    item::encode(&content(&context)?, &mut set)?;
    Ok(set.finish("sr")?.1)
}

/// SR Document Series and General modules, and the private coding scheme.
fn document(set: &mut DataSet, context: &Context<'_>, study: &Uid) {
    let measured = |target: &crate::measure::TargetMeasurement| matches!(target.outcome, Outcome::Measured { .. });
    let complete = context.record.targets.iter().all(measured);
    set.text(tags::SOP_CLASS_UID, VR::UI, context.options.storage.sop_class_uid());
    set.sequence(tags::REFERENCED_PERFORMED_PROCEDURE_STEP_SEQUENCE, Vec::new());
    set.sequence(tags::PERFORMED_PROCEDURE_CODE_SEQUENCE, Vec::new());
    set.text(tags::COMPLETION_FLAG, VR::CS, if complete { "COMPLETE" } else { "PARTIAL" });
    set.text(tags::VERIFICATION_FLAG, VR::CS, "UNVERIFIED");
    set.text(tags::PRELIMINARY_FLAG, VR::CS, "FINAL");
    let mut scheme = DataSet::new();
    scheme.text(tags::CODING_SCHEME_DESIGNATOR, VR::SH, concepts::PRIVATE_SCHEME);
    scheme.text(tags::CODING_SCHEME_NAME, VR::ST, concepts::PRIVATE_SCHEME_NAME);
    scheme.text(tags::CODING_SCHEME_RESPONSIBLE_ORGANIZATION, VR::ST, concepts::PRIVATE_SCHEME_ORGANIZATION);
    set.sequence(tags::CODING_SCHEME_IDENTIFICATION_SEQUENCE, vec![scheme]);
    let evidence = evidence(context, study);
    if !evidence.is_empty() {
        set.sequence(tags::CURRENT_REQUESTED_PROCEDURE_EVIDENCE_SEQUENCE, evidence);
    }
}

/// Every referenced image and segmentation, by study and series; empty where nothing is referenced.
fn evidence(context: &Context<'_>, study: &Uid) -> Vec<DataSet> {
    let source = &context.record.source;
    // Frames of one object are one reference.
    let images: BTreeSet<&Uid> = context.record.slices.iter().map(|slice| &slice.sop_instance_uid).collect();
    let mut by_series: BTreeMap<&Uid, Vec<DataSet>> = BTreeMap::new();
    for image in images {
        let reference = DataSet::reference(source.sop_class_uid.as_str(), image);
        by_series.entry(&source.series_instance_uid).or_default().push(reference);
    }
    if let Some(seg) = context.segmentation {
        let reference = DataSet::reference(super::seg::SOP_CLASS_UID, &seg.sop_instance_uid);
        by_series.entry(&seg.series_instance_uid).or_default().push(reference);
    }
    if by_series.is_empty() {
        return Vec::new();
    }
    let series = by_series.into_iter().map(|(uid, references)| {
        let mut item = DataSet::new();
        item.uid(tags::SERIES_INSTANCE_UID, uid);
        item.sequence(tags::REFERENCED_SOP_SEQUENCE, references);
        item
    });
    let mut item = DataSet::new();
    item.uid(tags::STUDY_INSTANCE_UID, study);
    item.sequence(tags::REFERENCED_SERIES_SEQUENCE, series.collect());
    vec![item]
}

/// The content tree: TID 1500.
fn content(context: &Context<'_>) -> Result<Item, SrError> {
    let mut children = context::observation_context(context);
    children.extend(context::image_library(context));
    children.push(groups::imaging_measurements(context)?);
    children.extend(groups::derived_measurements(context));
    children.push(context::evaluations(context));
    Ok(Item::container(concepts::IMAGING_MEASUREMENT_REPORT, Some("1500"), children))
}

/// The value of a term, where it was measured.
fn measured_value(record: &Record, term: Term) -> Option<f64> {
    let target = record.targets.iter().find(|target| target.term == term)?;
    match target.outcome {
        Outcome::Measured { value, .. } => Some(value),
        Outcome::NotMeasured { .. } => None,
    }
}
