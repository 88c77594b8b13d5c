//! Segment descriptions. Source: PS3.3 C.8.20.2, table 10-19 (algorithm identification).

use dicom_core::VR;
use dicom_dictionary_std::tags;

use super::Options;
use super::Segment;
use crate::codes::DEFINITION_SET;
use crate::codes::Term;
use crate::record::Record;
use crate::write::concepts;
use crate::write::objects;
use crate::write::objects::DataSet;

/// The description of one segment; its tracking identifiers are those of the group in the report.
pub(super) fn item(record: &Record, segment: &Segment<'_>, options: &Options) -> DataSet {
    let term = segment.region.term;
    let definition = segment.region.definition;
    let (label, cielab) = appearance(term);
    let mut item = DataSet::new();
    item.short(tags::SEGMENT_NUMBER, segment.number);
    item.text(tags::SEGMENT_LABEL, VR::LO, label);
    item.text(tags::SEGMENT_ALGORITHM_TYPE, VR::CS, "AUTOMATIC");
    item.text(tags::SEGMENT_ALGORITHM_NAME, VR::LO, &options.making.software);
    item.sequence(tags::SEGMENTATION_ALGORITHM_IDENTIFICATION_SEQUENCE, vec![algorithm(options)]);
    item.code(tags::SEGMENTED_PROPERTY_CATEGORY_CODE_SEQUENCE, concepts::ANATOMICAL_STRUCTURE);
    if let Some(anatomy) = concepts::anatomy(term) {
        item.code(tags::SEGMENTED_PROPERTY_TYPE_CODE_SEQUENCE, anatomy);
    }
    item.shorts(tags::RECOMMENDED_DISPLAY_CIE_LAB_VALUE, &cielab);
    item.text(tags::TRACKING_ID, VR::UT, &objects::tracking_identifier(term, definition));
    item.uid(tags::TRACKING_UID, &objects::tracking_uid(record, term, definition));
    item
}

fn algorithm(options: &Options) -> DataSet {
    let mut item = DataSet::new();
    item.code(tags::ALGORITHM_FAMILY_CODE_SEQUENCE, concepts::MORPHOLOGICAL_OPERATIONS);
    item.text(tags::ALGORITHM_NAME, VR::LO, &options.making.software);
    item.text(tags::ALGORITHM_VERSION, VR::LO, &options.making.version);
    item.text(tags::ALGORITHM_PARAMETERS, VR::LT, &format!("definition={DEFINITION_SET}"));
    item
}

/// Label and Recommended Display CIELab Value: five well-parted colours of equal lightness, no scale of any kind.
fn appearance(term: Term) -> (&'static str, [u16; 3]) {
    match term {
        Term::Th12Hu => ("T12 trabecular core", [45_874, 40_000, 50_000]),
        Term::L1Hu => ("L1 trabecular core", [45_874, 22_000, 50_000]),
        Term::L2Hu => ("L2 trabecular core", [45_874, 22_000, 22_000]),
        Term::LiverHu => ("Liver core", [45_874, 45_000, 28_000]),
        _ => ("Spleen core", [45_874, 33_000, 16_000]),
    }
}
