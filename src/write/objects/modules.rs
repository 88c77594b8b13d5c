//! Patient, study, series and equipment of a result.
//!
//! Source: PS3.3 C.7.1.1, C.7.2.1, C.7.2.2, C.7.3.1, C.7.5.1, C.7.5.2, C.12.1.

use dicom_core::Tag;
use dicom_core::VR;
use dicom_dictionary_std::tags;

use super::DataSet;
use super::Making;
use crate::identity::Uid;
use crate::instance::SourceAttribute;
use crate::instance::SourceIdentity;
use crate::write::concepts;

/// Copied where the source has them; those that stand here with `true` are of type 2 and written empty where it has not.
const PATIENT_AND_STUDY: [(Tag, VR, bool); 18] = [
    (tags::STUDY_DATE, VR::DA, true),
    (tags::STUDY_TIME, VR::TM, true),
    (tags::ACCESSION_NUMBER, VR::SH, true),
    (tags::REFERRING_PHYSICIAN_NAME, VR::PN, true),
    (tags::TIMEZONE_OFFSET_FROM_UTC, VR::SH, false),
    (tags::STUDY_DESCRIPTION, VR::LO, false),
    (tags::PATIENT_NAME, VR::PN, true),
    (tags::PATIENT_ID, VR::LO, true),
    (tags::ISSUER_OF_PATIENT_ID, VR::LO, false),
    (tags::PATIENT_BIRTH_DATE, VR::DA, true),
    (tags::PATIENT_BIRTH_TIME, VR::TM, false),
    (tags::PATIENT_SEX, VR::CS, true),
    (tags::PATIENT_AGE, VR::AS, false),
    (tags::PATIENT_SIZE, VR::DS, false),
    (tags::PATIENT_WEIGHT, VR::DS, false),
    (tags::PATIENT_IDENTITY_REMOVED, VR::CS, false),
    (tags::DEIDENTIFICATION_METHOD, VR::LO, false),
    (tags::STUDY_ID, VR::SH, true),
];
/// What the contributing equipment (the scanner) is described by.
const SCANNER: [(Tag, VR); 5] = [
    (tags::MANUFACTURER, VR::LO),
    (tags::INSTITUTION_NAME, VR::LO),
    (tags::STATION_NAME, VR::SH),
    (tags::MANUFACTURER_MODEL_NAME, VR::LO),
    (tags::SOFTWARE_VERSIONS, VR::LO),
];

fn number(tag: Tag) -> u32 {
    u32::from(tag.group()) << 16 | u32::from(tag.element())
}

/// Copies one attribute as the bytes that the source has. Decimal Strings and the character set, which the library
/// reads, go as text.
fn put(set: &mut DataSet, tag: Tag, vr: VR, identity: &SourceIdentity) -> bool {
    let Some(SourceAttribute { value, .. }) = identity.find(number(tag)) else { return false };
    if vr == VR::DS || tag == tags::SPECIFIC_CHARACTER_SET {
        // One that is no ASCII is damage.
        let Some(text) = identity.ascii(number(tag)) else { return false };
        set.text(tag, vr, text);
        return true;
    }
    let mut even = value.clone();
    if even.len() % 2 == 1 {
        even.push(b' ');
    }
    set.raw(tag, vr, &even);
    true
}

/// Patient, General Study and Patient Study as the source has them, with its Specific Character Set.
pub(in crate::write) fn copied(set: &mut DataSet, identity: &SourceIdentity, study_instance_uid: &Uid) {
    put(set, tags::SPECIFIC_CHARACTER_SET, VR::CS, identity);
    for (tag, vr, required) in PATIENT_AND_STUDY {
        if !put(set, tag, vr, identity) && required {
            set.empty(tag, vr);
        }
    }
    let has_value = |tag: Tag| identity.find(number(tag)).is_some_and(|attribute| !attribute.value.is_empty());
    // A method is required beside the statement; the source may give it as codes, which are not copied.
    if identity.ascii(number(tags::PATIENT_IDENTITY_REMOVED)) == Some("YES")
        && !has_value(tags::DEIDENTIFICATION_METHOD)
    {
        set.text(tags::DEIDENTIFICATION_METHOD, VR::LO, "As described in the source images");
    }
    set.uid(tags::STUDY_INSTANCE_UID, study_instance_uid);
}

/// Position Reference Indicator as the source has it, and Body Part Examined, which keeps laterality from being asked.
pub(in crate::write) fn position_reference(set: &mut DataSet, identity: &SourceIdentity) {
    if !put(set, tags::POSITION_REFERENCE_INDICATOR, VR::LO, identity) {
        set.empty(tags::POSITION_REFERENCE_INDICATOR, VR::LO);
    }
    if identity.ascii(number(tags::BODY_PART_EXAMINED)).is_none() {
        set.text(tags::BODY_PART_EXAMINED, VR::CS, "ABDOMEN");
    } else {
        put(set, tags::BODY_PART_EXAMINED, VR::CS, identity);
    }
}

/// Series Number of the source; zero where it has none.
pub(in crate::write) fn source_series_number(identity: &SourceIdentity) -> u32 {
    let text = identity.ascii(number(tags::SERIES_NUMBER));
    text.and_then(|text| text.parse::<u32>().ok()).unwrap_or(0)
}

/// General Series of a result.
pub(in crate::write) struct Series<'a> {
    pub(in crate::write) modality: &'a str,
    pub(in crate::write) uid: &'a Uid,
    pub(in crate::write) number: u32,
    pub(in crate::write) description: &'a str,
}

/// General Series, and Content Date and Time of the object in it.
pub(in crate::write) fn series(set: &mut DataSet, series: &Series<'_>, making: &Making) {
    set.text(tags::MODALITY, VR::CS, series.modality);
    set.uid(tags::SERIES_INSTANCE_UID, series.uid);
    set.text(tags::SERIES_NUMBER, VR::IS, &series.number.to_string());
    set.text(tags::SERIES_DESCRIPTION, VR::LO, series.description);
    set.text(tags::INSTANCE_NUMBER, VR::IS, "1");
    set.text(tags::CONTENT_DATE, VR::DA, &making.content_date);
    set.text(tags::CONTENT_TIME, VR::TM, &making.content_time);
}

/// Equipment: the program, which made the result, and the scanner as contributing equipment.
pub(in crate::write) fn equipment(set: &mut DataSet, identity: &SourceIdentity, making: &Making) {
    set.text(tags::MANUFACTURER, VR::LO, &making.software);
    set.text(tags::MANUFACTURER_MODEL_NAME, VR::LO, &making.software);
    set.text(tags::DEVICE_SERIAL_NUMBER, VR::LO, &making.device_serial_number);
    set.text(tags::SOFTWARE_VERSIONS, VR::LO, &making.version);
    put(set, tags::INSTITUTION_NAME, VR::LO, identity);
    // Manufacturer is required in an item, so a scanner without a name is not stated.
    if identity.ascii(number(tags::MANUFACTURER)).is_some() {
        let mut scanner = DataSet::new();
        for (tag, vr) in SCANNER {
            put(&mut scanner, tag, vr, identity);
        }
        scanner.code(tags::PURPOSE_OF_REFERENCE_CODE_SEQUENCE, concepts::ACQUISITION_EQUIPMENT);
        set.sequence(tags::CONTRIBUTING_EQUIPMENT_SEQUENCE, vec![scanner]);
    }
}
