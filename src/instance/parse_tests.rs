use dicom_core::{DataElement, PrimitiveValue, VR, dicom_value, value::DataSetSequence};
use dicom_dictionary_std::tags as names;
use dicom_object::InMemDicomObject;
use dicom_transfer_syntax_registry::entries;
use std::path::{Path, PathBuf};

use super::*;
use crate::instance::part10;

const CT: &str = "1.2.840.10008.5.1.4.1.1.2";

fn identity() -> InMemDicomObject {
    InMemDicomObject::from_element_iter([
        DataElement::new(names::SOP_CLASS_UID, VR::UI, PrimitiveValue::from(CT)),
        DataElement::new(names::SOP_INSTANCE_UID, VR::UI, PrimitiveValue::from("1.2.3.4")),
        DataElement::new(names::STUDY_INSTANCE_UID, VR::UI, PrimitiveValue::from("1.2.3")),
        DataElement::new(names::SERIES_INSTANCE_UID, VR::UI, PrimitiveValue::from("1.2.3.5")),
        DataElement::new(names::ROWS, VR::US, PrimitiveValue::from(4u16)),
        DataElement::new(names::COLUMNS, VR::US, PrimitiveValue::from(6u16)),
        DataElement::new(names::SLICE_THICKNESS, VR::DS, PrimitiveValue::from("2.5 ")),
        DataElement::new(names::INSTANCE_NUMBER, VR::IS, PrimitiveValue::from("7.0")),
    ])
}

fn encode(object: &InMemDicomObject, uid: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let syntax = match uid {
        "1.2.840.10008.1.2" => entries::IMPLICIT_VR_LITTLE_ENDIAN.erased(),
        "1.2.840.10008.1.2.2" => entries::EXPLICIT_VR_BIG_ENDIAN.erased(),
        _ => entries::EXPLICIT_VR_LITTLE_ENDIAN.erased(),
    };
    object.write_dataset_with_ts(&mut bytes, &syntax).unwrap();
    bytes
}

fn uid(text: &str) -> Uid {
    Uid::parse(text).unwrap()
}

/// An explicit little endian element with a long header.
fn long(group: u16, number: u16, vr: &[u8; 2], length: u32, value: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend(group.to_le_bytes());
    bytes.extend(number.to_le_bytes());
    bytes.extend(vr);
    bytes.extend([0, 0]);
    bytes.extend(length.to_le_bytes());
    bytes.extend(value);
    bytes
}

const ITEM: [u8; 8] = [0xFE, 0xFF, 0x00, 0xE0, 0xFF, 0xFF, 0xFF, 0xFF];
const ITEM_END: [u8; 8] = [0xFE, 0xFF, 0x0D, 0xE0, 0, 0, 0, 0];
const SEQUENCE_END: [u8; 8] = [0xFE, 0xFF, 0xDD, 0xE0, 0, 0, 0, 0];

#[test]
fn all_encodings_give_the_same_instance() {
    let object = identity();
    let explicit = Instance::parse(&encode(&object, "1.2.840.10008.1.2.1"), &uid("1.2.840.10008.1.2.1")).unwrap();
    assert_eq!(explicit.pixels.rows, Some(4));
    assert_eq!(explicit.frames[0].slice_thickness_mm, Some(2.5));
    assert_eq!(explicit.instance_number, Some(7));
    for syntax in ["1.2.840.10008.1.2", "1.2.840.10008.1.2.2"] {
        let mut other = Instance::parse(&encode(&object, syntax), &uid(syntax)).unwrap();
        other.encoding = explicit.encoding;
        assert_eq!(other, explicit, "{syntax}");
    }
}

#[test]
fn a_deflated_data_set_cut_inside_its_pixels_still_shows_its_header() {
    let mut bytes = encode(&identity(), "1.2.840.10008.1.2.1");
    let mut state = 1u32;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    })
    .take(20_000)
    .collect();
    bytes.extend(long(0x7FE0, 0x0010, b"OW", 20_000, &noise));
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut encoder, &bytes).unwrap();
    let deflated = encoder.finish().unwrap();
    let plain = Instance::parse(&bytes, &uid("1.2.840.10008.1.2.1")).unwrap();
    for cut in [deflated.len(), deflated.len() - 2_000] {
        let instance = Instance::parse(&deflated[..cut], &uid("1.2.840.10008.1.2.1.99")).unwrap();
        assert_eq!(instance, plain);
    }
}

#[test]
fn a_wrongly_declared_encoding_is_seen() {
    let object = identity();
    let implicit = encode(&object, "1.2.840.10008.1.2");
    let instance = Instance::parse(&implicit, &uid("1.2.840.10008.1.2.1")).unwrap();
    assert_eq!(instance.encoding, Encoding::IMPLICIT_LITTLE);
    assert_eq!(instance.pixels.columns, Some(6));
}

#[test]
fn a_bad_attribute_costs_only_itself() {
    let mut object = identity();
    object.put(DataElement::new(names::SLICE_THICKNESS, VR::DS, PrimitiveValue::from("2,5 ")));
    let instance = Instance::parse(&encode(&object, "1.2.840.10008.1.2.1"), &uid("1.2.840.10008.1.2.1")).unwrap();
    assert_eq!(instance.frames[0].slice_thickness_mm, None);
    assert_eq!(instance.faults[0].tag, "0018,0050");
    assert_eq!(instance.faults[0].found, "2,5");
}

#[test]
fn a_missing_identity_is_an_error_that_names_its_tag() {
    let mut object = identity();
    object.remove_element(names::SERIES_INSTANCE_UID);
    let parsed = Instance::parse(&encode(&object, "1.2.840.10008.1.2.1"), &uid("1.2.840.10008.1.2.1"));
    assert!(matches!(parsed, Err(InstanceError::Identity { tag: "0020,000e" })));
}

#[test]
fn a_length_that_lies_is_an_error_before_any_allocation() {
    let mut bytes = encode(&identity(), "1.2.840.10008.1.2.1");
    bytes.extend(long(0x0021, 0x1001, b"UN", 0xFFFF_FFF0, b"few bytes"));
    let parsed = Instance::parse(&bytes, &uid("1.2.840.10008.1.2.1"));
    assert!(matches!(parsed, Err(InstanceError::Scan(ScanError::Length { tag: 0x0021_1001, left: 9, .. }))));
}

#[test]
fn nesting_deeper_than_the_limit_is_an_error() {
    let mut bytes = encode(&identity(), "1.2.840.10008.1.2.1");
    for _ in 0..100_000 {
        bytes.extend(long(0x0040, 0xA730, b"SQ", 0xFFFF_FFFF, &ITEM));
    }
    let parsed = Instance::parse(&bytes, &uid("1.2.840.10008.1.2.1"));
    assert!(matches!(parsed, Err(InstanceError::Scan(ScanError::Depth { .. }))));
}

#[test]
fn unknown_vr_of_undefined_length_is_stepped_over_as_implicit_items() {
    let mut bytes = encode(&identity(), "1.2.840.10008.1.2.1");
    let mut content = ITEM.to_vec();
    // An implicit element whose length bytes would be no VR.
    content.extend([0x05, 0x20, 0x5F, 0x10, 4, 0, 0, 0, 1, 2, 3, 4]);
    content.extend(ITEM_END);
    content.extend(SEQUENCE_END);
    bytes.extend(long(0x2005, 0x1084, b"UN", 0xFFFF_FFFF, &content));
    bytes.extend(long(0x7FE0, 0x0010, b"OW", 48, &[0; 48]));
    let instance = Instance::parse(&bytes, &uid("1.2.840.10008.1.2.1")).unwrap();
    let pixel_data = instance.pixel_data.unwrap();
    assert_eq!((pixel_data.offset, pixel_data.length), (bytes.len() as u64 - 48, Some(48)));
}

#[test]
fn made_up_vrs_and_implicit_elements_among_explicit_ones_are_stepped_over() {
    let tail = long(0x7FE0, 0x0010, b"OW", 0, &[]);
    let odd_elements: [&[u8]; 3] = [
        &[0x21, 0, 1, 0x10, b'Z', b'Z', 4, 0, 1, 2, 3, 4],
        &[0x21, 0, 1, 0x10, b'?', b'?', 0, 0, 4, 0, 0, 0, 1, 2, 3, 4],
        &[0x21, 0, 1, 0x10, 4, 0, 0, 0, 1, 2, 3, 4],
    ];
    for odd in odd_elements {
        let mut bytes = encode(&identity(), "1.2.840.10008.1.2.1");
        bytes.extend(odd);
        bytes.extend(&tail);
        let instance = Instance::parse(&bytes, &uid("1.2.840.10008.1.2.1")).unwrap();
        assert!(instance.pixel_data.is_some(), "{odd:?}");
    }
}

#[test]
fn padding_values_follow_pixel_representation() {
    let mut object = identity();
    object.put(DataElement::new(names::PIXEL_REPRESENTATION, VR::US, PrimitiveValue::from(1u16)));
    object.put(DataElement::new(names::PIXEL_PADDING_VALUE, VR::US, PrimitiveValue::from(63_536u16)));
    let instance = Instance::parse(&encode(&object, "1.2.840.10008.1.2.1"), &uid("1.2.840.10008.1.2.1")).unwrap();
    assert_eq!(instance.pixels.pixel_padding_value, Some(-2000));
}

fn item(elements: Vec<DataElement<InMemDicomObject>>) -> InMemDicomObject {
    InMemDicomObject::from_element_iter(elements)
}

fn sequence(tag: dicom_core::Tag, items: Vec<InMemDicomObject>) -> DataElement<InMemDicomObject> {
    DataElement::new(tag, VR::SQ, DataSetSequence::from(items))
}

#[test]
fn frames_take_their_own_groups_before_the_shared_ones() {
    let mut object = identity();
    let frame = |z: &str| {
        let position = DataElement::new(names::IMAGE_POSITION_PATIENT, VR::DS, dicom_value!(Strs, ["0", "0", z]));
        item(vec![sequence(names::PLANE_POSITION_SEQUENCE, vec![item(vec![position])])])
    };
    let spacing = DataElement::new(names::PIXEL_SPACING, VR::DS, dicom_value!(Strs, ["0.5", "0.75"]));
    let thickness = DataElement::new(names::SLICE_THICKNESS, VR::DS, PrimitiveValue::from("1.0 "));
    let slope = DataElement::new(names::RESCALE_SLOPE, VR::DS, PrimitiveValue::from("1 "));
    let shared = item(vec![
        sequence(names::PIXEL_MEASURES_SEQUENCE, vec![item(vec![spacing, thickness])]),
        sequence(names::PIXEL_VALUE_TRANSFORMATION_SEQUENCE, vec![item(vec![slope])]),
    ]);
    object.put(sequence(names::SHARED_FUNCTIONAL_GROUPS_SEQUENCE, vec![shared]));
    object.put(sequence(names::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE, vec![frame("1.5"), frame("2.5")]));
    object.put(DataElement::new(names::NUMBER_OF_FRAMES, VR::IS, PrimitiveValue::from("2 ")));
    for syntax in ["1.2.840.10008.1.2.1", "1.2.840.10008.1.2"] {
        let instance = Instance::parse(&encode(&object, syntax), &uid(syntax)).unwrap();
        assert_eq!(instance.frames.len(), 2, "{syntax}");
        let second = &instance.frames[1];
        assert_eq!((second.number, second.image_position_mm), (Some(2), Some([0.0, 0.0, 2.5])));
        assert_eq!(second.pixel_spacing_mm, Some([0.5, 0.75]));
        // The group's value goes before that of the object itself.
        assert_eq!((second.slice_thickness_mm, second.rescale_slope), (Some(1.0), Some(1.0)));
    }
}

#[test]
fn every_prefix_of_a_data_set_gives_a_result_without_panic() {
    let mut bytes = encode(&identity(), "1.2.840.10008.1.2.1");
    bytes.extend(long(0x7FE0, 0x0010, b"OW", 48, &[0; 48]));
    let whole = Instance::parse(&bytes, &uid("1.2.840.10008.1.2.1")).unwrap();
    let readable = (0..bytes.len()).filter(|&cut| {
        let parsed = Instance::parse(&bytes[..cut], &uid("1.2.840.10008.1.2.1"));
        parsed.is_ok_and(|instance| instance == whole)
    });
    // Only cuts inside the pixels leave the header whole.
    assert_eq!(readable.count(), 48);
}

proptest::proptest! {
    #[test]
    fn changed_bytes_never_panic(position in 0usize..400, value: u8, other in 0usize..400, second: u8) {
        let mut bytes = encode(&identity(), "1.2.840.10008.1.2.1");
        bytes.extend(long(0x5200, 0x9230, b"SQ", 0xFFFF_FFFF, &[ITEM, ITEM_END, SEQUENCE_END].concat()));
        let length = bytes.len();
        bytes[position % length] = value;
        bytes[other % length] = second;
        if let Ok(instance) = Instance::parse(&bytes, &uid("1.2.840.10008.1.2.1")) {
            proptest::prop_assert!(!instance.frames.is_empty());
        }
    }
}

#[test]
fn odd_files_of_other_projects_give_typed_results() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/odd");
    if !folder.exists() {
        println!("skipped: odd files are not here");
        return;
    }
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut read = 0;
    for path in &files {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        match part10::open(path) {
            Ok(location) => match Instance::read(&location) {
                Ok(instance) => {
                    read += 1;
                    println!(
                        "{name}: {} {:?} faults {:?}",
                        instance.sop_class_uid, instance.pixel_data, instance.faults
                    );
                }
                Err(error) => println!("{name}: {error}"),
            },
            Err(error) => println!("{name}: {error}"),
        }
    }
    assert!(read * 10 >= files.len() * 8, "{read} of {} files read", files.len());
}
