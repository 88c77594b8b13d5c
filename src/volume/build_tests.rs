use dicom_core::value::DataSetSequence;
use dicom_core::{DataElement, PrimitiveValue, Tag, VR};
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;
use tempfile::TempDir;

use super::super::fixture::{self, COLUMNS, EXPLICIT, ROWS, Slice, slice};
use super::super::{digest, resample};
use super::*;

fn series(slices: &[Slice]) -> (TempDir, Vec<SeriesInstance>) {
    let folder = TempDir::new().unwrap();
    let instances = slices.iter().map(|slice| slice.write(folder.path(), EXPLICIT)).collect();
    (folder, instances)
}

fn built(slices: &[Slice]) -> Built {
    let (_folder, instances) = series(slices);
    build(&instances, &Options::default())
}

fn plain(count: usize) -> Vec<Slice> {
    (0..count).map(slice).collect()
}

fn verdict(built: &Built, name: &str) -> Verdict {
    built.checks.iter().find(|check| check.name == name).unwrap().verdict
}

#[test]
fn slices_stand_in_order_of_position_whatever_their_order_of_arrival() {
    let (_folder, mut instances) = series(&plain(5));
    let first = build(&instances, &Options::default());
    instances.reverse();
    instances.swap(0, 3);
    let second = build(&instances, &Options { threads: 1, ..Options::default() });
    let (first_volume, second_volume) = (first.volume.unwrap(), second.volume.unwrap());
    assert_eq!(digest(&first_volume), digest(&second_volume));
    assert_eq!(first.verdicts, second.verdicts);
    assert_eq!(first.checks, second.checks);
    assert_eq!(first_volume.geometry.shape, [5, usize::from(ROWS), usize::from(COLUMNS)]);
    assert_eq!(first_volume.hu(3, 4, 5), 345.0);
    assert_eq!(first_volume.geometry.patient_mm(2, 4.0, 2.0), [-8.5, -18.0, 6.0]);
}

#[test]
fn feet_first_columns_towards_the_front_change_nothing_in_the_patient() {
    let turned: Vec<Slice> = (0..4)
        .map(|k| {
            let mut turned = slice(k);
            turned.orientation = [-1.0, 0.0, 0.0, 0.0, -1.0, 0.0];
            turned.position = [-10.0 + 0.75 * 5.0, -20.0 + 0.5 * 7.0, 3.0 * k as f64];
            turned.pixels.reverse();
            turned
        })
        .collect();
    let (straight, turned) = (built(&plain(4)).volume.unwrap(), built(&turned).volume.unwrap());
    for resampled in [resample::tent, resample::boxed] {
        let (one, two) = (resampled(&straight, 0.6), resampled(&turned, 0.6));
        assert_eq!(one.origin_mm, two.origin_mm);
        assert_eq!(one.grid.shape, two.grid.shape);
        let differs = one.grid.data.iter().zip(&two.grid.data).any(|(one, two)| (one - two).abs() > 1e-3);
        assert!(!differs);
    }
}

#[test]
fn images_of_another_plane_are_left_out_and_named() {
    let mut slices = plain(4);
    let mut coronal = slice(9);
    coronal.orientation = [1.0, 0.0, 0.0, 0.0, 0.0, -1.0];
    slices.push(coronal);
    slices.push(slice(8).with(tags::IMAGE_TYPE, VR::CS, "ORIGINAL\\PRIMARY\\LOCALIZER"));
    let built = built(&slices);
    assert_eq!(built.volume.as_ref().unwrap().geometry.shape[0], 4);
    let left_out = built.verdicts.iter().filter(|(_, word)| *word == "other_stack").count();
    assert_eq!((left_out, built.verdicts.len()), (2, 6));
    assert_eq!(verdict(&built, "frame_consistent"), Verdict::Flag);
    assert_eq!(verdict(&built, "image_type_axial"), Verdict::Pass);
}

#[test]
fn two_acquisitions_at_the_same_positions_are_told_apart() {
    let number = |number: &str| (tags::ACQUISITION_NUMBER, VR::IS, number.to_owned());
    let mut slices = Vec::new();
    for k in 0..4 {
        let mut one = slice(k);
        one.texts.push(number("1"));
        slices.push(one);
    }
    for k in 0..3 {
        let mut two = slice(k);
        two.uid = format!("1.2.3.{}", 200 + k);
        two.texts.push(number("2"));
        slices.push(two);
    }
    let built = built(&slices);
    let volume = built.volume.as_ref().unwrap();
    assert_eq!(volume.geometry.shape[0], 4);
    assert!(volume.slices.iter().all(|slice| slice.sop_instance_uid.as_str().starts_with("1.2.3.1")));
    assert_eq!(built.verdicts.iter().filter(|(_, word)| *word == "same_position").count(), 3);
}

#[test]
fn equal_positions_that_nothing_tells_apart_are_refused() {
    let mut slices = plain(4);
    slices.push(Slice { uid: "1.2.3.999".to_owned(), ..slice(2) });
    let built = built(&slices);
    let expected = Unsuitable { reason: Reason::SamplingUnsuitable, detail: "slice_duplicate" };
    assert_eq!(built.volume.unwrap_err(), expected);
}

#[test]
fn an_instance_sent_twice_counts_once() {
    let (_folder, mut instances) = series(&plain(4));
    instances.push(instances[1].clone());
    let built = build(&instances, &Options::default());
    assert_eq!(built.volume.unwrap().geometry.shape[0], 4);
    assert_eq!(built.verdicts.len(), 4);
}

#[test]
fn a_missing_slice_is_flagged_and_many_are_refused() {
    let few: Vec<Slice> = [0, 1, 2, 3, 5, 6, 7].map(slice).to_vec();
    let flagged = built(&few);
    assert!(flagged.volume.is_ok());
    assert_eq!(verdict(&flagged, "slice_missing"), Verdict::Flag);
    assert_eq!(verdict(&flagged, "slice_uniform"), Verdict::Flag);
    let many: Vec<Slice> = [0, 1, 2, 3, 7, 8, 9].map(slice).to_vec();
    assert_eq!(built(&many).volume.unwrap_err().detail, "slice_missing");
}

#[test]
fn one_slice_without_rescale_makes_the_series_no_hounsfield() {
    let mut slices = plain(4);
    slices[2] = slice(2).with(tags::RESCALE_INTERCEPT, VR::DS, "");
    let expected = Unsuitable { reason: Reason::NotHounsfield, detail: "rescale_present" };
    assert_eq!(built(&slices).volume.unwrap_err(), expected);
}

#[test]
fn each_slice_has_its_own_rescale() {
    let mut slices = plain(4);
    slices[1] = slice(1).with(tags::RESCALE_SLOPE, VR::DS, "2").with(tags::RESCALE_INTERCEPT, VR::DS, "-1000");
    let volume = built(&slices).volume.unwrap();
    assert_eq!((volume.hu(0, 1, 2), volume.hu(1, 1, 2)), (12.0, 2.0 * 112.0 - 1000.0));
    slices[1] = slice(1).with(tags::RESCALE_SLOPE, VR::DS, "0.5");
    let volume = built(&slices).volume.unwrap();
    assert!(matches!(volume.voxels, Voxels::Float32(_)));
    assert_eq!(volume.hu(1, 1, 1), 55.5);
}

#[test]
fn ten_millimetre_slices_refuse_vertebrae_and_keep_organs() {
    let thick: Vec<Slice> = (0..4)
        .map(|k| {
            let mut thick = slice(k).with(tags::SLICE_THICKNESS, VR::DS, "10");
            thick.position[2] = 10.0 * k as f64;
            thick
        })
        .collect();
    let built = built(&thick);
    assert!(built.volume.is_ok());
    let of = |term| {
        let checks = built.checks.iter().filter(|check| check.scope != Scope::Series && check.applies_to(term));
        checks.map(|check| check.verdict).filter(|verdict| *verdict != Verdict::NotEvaluated).max()
    };
    assert_eq!(of(crate::codes::Term::L1Hu), Some(Verdict::Refuse));
    assert_eq!(of(crate::codes::Term::LiverHu), Some(Verdict::Flag));
}

#[test]
fn pixels_that_are_too_short_or_not_decodable_give_their_reason() {
    let (_folder, mut instances) = series(&plain(3));
    let length = instances[1].location.length;
    instances[1].location.length = length - 1;
    let short = build(&instances, &Options::default()).volume.unwrap_err();
    assert_eq!(short, Unsuitable { reason: Reason::PixelDataUnreadable, detail: "pixel_data_damaged" });
    let mut element = instances[1].instance.pixel_data.unwrap();
    element.length = None;
    instances[1].instance.pixel_data = Some(element);
    instances[1].location.transfer_syntax_uid = crate::identity::Uid::parse("1.2.840.10008.1.2.4.110").unwrap();
    let foreign = build(&instances, &Options::default()).volume.unwrap_err();
    assert_eq!(foreign.reason, Reason::PixelDataUnreadable);
}

#[test]
fn a_volume_beyond_the_memory_limit_is_not_begun() {
    let (_folder, instances) = series(&plain(3));
    let error = build(&instances, &Options { memory_bytes: 287, threads: 1 }).volume.unwrap_err();
    assert_eq!(error, Unsuitable { reason: Reason::ResourceLimit, detail: "volume_exceeds_memory" });
    assert!(build(&instances, &Options { memory_bytes: 288, threads: 1 }).volume.is_ok());
}

#[test]
fn a_stack_longer_than_a_patient_is_not_built() {
    let mut slices: Vec<Slice> = (0..2).map(|k| slice(k).with(tags::SLICE_THICKNESS, VR::DS, "")).collect();
    slices[1].position[2] = 1e9;
    // Two slices a thousand kilometres apart: no thickness contradicts that spacing.
    let expected = Unsuitable { reason: Reason::SamplingUnsuitable, detail: "slice_spacing" };
    assert_eq!(built(&slices).volume.unwrap_err(), expected);
    let wide: Vec<Slice> = (0..4).map(|k| slice(k).with(tags::PIXEL_SPACING, VR::DS, "3\\300")).collect();
    assert_eq!(built(&wide).volume.unwrap_err().detail, "pixel_spacing");
    let mut geometry = built(&plain(3)).geometry.unwrap();
    geometry.positions_mm[2] = f64::NAN;
    assert!(within_extent(&geometry).is_err());
}

#[test]
fn no_instances_and_no_images_are_reasons_too() {
    assert_eq!(build(&[], &Options::default()).volume.unwrap_err().reason, Reason::ObjectUnsuitable);
    let report = slice(0).with(tags::SOP_CLASS_UID, VR::UI, "1.2.840.10008.5.1.4.1.1.88.33").with(
        tags::IMAGE_POSITION_PATIENT,
        VR::DS,
        "",
    );
    let built = built(&[report]);
    assert_eq!(built.volume.unwrap_err().detail, "sop_class");
    assert_eq!(built.verdicts[0].1, "no_plane");
}

#[test]
fn every_uncompressed_syntax_gives_the_same_volume() {
    let folder = TempDir::new().unwrap();
    let digests = [EXPLICIT, "1.2.840.10008.1.2", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"].map(|syntax| {
        let instances: Vec<SeriesInstance> = plain(3).iter().map(|slice| slice.write(folder.path(), syntax)).collect();
        digest(&build(&instances, &Options::default()).volume.unwrap())
    });
    assert!(digests.iter().all(|digest| *digest == digests[0]), "{digests:?}");
}

fn item(elements: Vec<DataElement<InMemDicomObject>>) -> InMemDicomObject {
    InMemDicomObject::from_element_iter(elements)
}

fn sequence(tag: Tag, items: Vec<InMemDicomObject>) -> DataElement<InMemDicomObject> {
    DataElement::new(tag, VR::SQ, DataSetSequence::from(items))
}

/// The slices 0.. `count` as one Enhanced CT object, frames in reverse order.
fn enhanced(count: usize) -> InMemDicomObject {
    let text = |tag, vr, text: &str| DataElement::new(tag, vr, PrimitiveValue::from(text));
    let number = |tag, number: u16| DataElement::new(tag, VR::US, PrimitiveValue::from(number));
    let frame = |k: usize| {
        let position = text(tags::IMAGE_POSITION_PATIENT, VR::DS, &format!("-10\\-20\\{}", 3 * k));
        item(vec![sequence(tags::PLANE_POSITION_SEQUENCE, vec![item(vec![position])])])
    };
    let shared = item(vec![
        sequence(
            tags::PIXEL_MEASURES_SEQUENCE,
            vec![item(vec![text(tags::PIXEL_SPACING, VR::DS, "0.5\\0.75"), text(tags::SLICE_THICKNESS, VR::DS, "3")])],
        ),
        sequence(
            tags::PLANE_ORIENTATION_SEQUENCE,
            vec![item(vec![text(tags::IMAGE_ORIENTATION_PATIENT, VR::DS, "1\\0\\0\\0\\1\\0")])],
        ),
        sequence(
            tags::PIXEL_VALUE_TRANSFORMATION_SEQUENCE,
            vec![item(vec![
                text(tags::RESCALE_SLOPE, VR::DS, "1"),
                text(tags::RESCALE_INTERCEPT, VR::DS, "0"),
                text(tags::RESCALE_TYPE, VR::LO, "HU"),
            ])],
        ),
        sequence(tags::CTX_RAY_DETAILS_SEQUENCE, vec![item(vec![text(tags::KVP, VR::DS, "120")])]),
    ]);
    let order: Vec<usize> = (0..count).rev().collect();
    let words: Vec<u16> = order.iter().flat_map(|&k| fixture::ramp(k)).map(i16::cast_unsigned).collect();
    item(vec![
        text(tags::SOP_CLASS_UID, VR::UI, "1.2.840.10008.5.1.4.1.1.2.1"),
        text(tags::SOP_INSTANCE_UID, VR::UI, "1.2.3.7"),
        text(tags::STUDY_INSTANCE_UID, VR::UI, "1.2.3"),
        text(tags::SERIES_INSTANCE_UID, VR::UI, "1.2.4"),
        text(tags::MODALITY, VR::CS, "CT"),
        text(tags::IMAGE_TYPE, VR::CS, "ORIGINAL\\PRIMARY\\VOLUME\\NONE"),
        text(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME2"),
        text(tags::NUMBER_OF_FRAMES, VR::IS, &count.to_string()),
        number(tags::SAMPLES_PER_PIXEL, 1),
        number(tags::ROWS, ROWS),
        number(tags::COLUMNS, COLUMNS),
        number(tags::BITS_ALLOCATED, 16),
        number(tags::BITS_STORED, 16),
        number(tags::HIGH_BIT, 15),
        number(tags::PIXEL_REPRESENTATION, 1),
        sequence(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE, vec![shared]),
        sequence(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE, order.iter().map(|&k| frame(k)).collect()),
        DataElement::new(tags::PIXEL_DATA, VR::OW, PrimitiveValue::U16(words.into())),
    ])
}

#[test]
fn a_multi_frame_object_gives_the_volume_of_its_single_frames() {
    let folder = TempDir::new().unwrap();
    let single = digest(&built(&plain(4)).volume.unwrap());
    for syntax in [EXPLICIT, "1.2.840.10008.1.2", "1.2.840.10008.1.2.1.99"] {
        let instance = fixture::store(&enhanced(4), folder.path(), "enhanced", syntax);
        let built = build(&[instance], &Options::default());
        let volume = built.volume.unwrap();
        assert_eq!(digest(&volume), single, "{syntax}");
        assert_eq!(volume.slices[0].frame, Some(4));
        assert_eq!(volume.tube_voltage_kv, Some(120.0));
        assert_eq!(built.verdicts.len(), 1);
    }
}

#[test]
fn a_compressed_multi_frame_object_gives_the_same_volume() {
    let folder = TempDir::new().unwrap();
    let plain = folder.path().join("plain.dcm");
    let meta = dicom_object::FileMetaTableBuilder::new().transfer_syntax(EXPLICIT);
    enhanced(4).with_meta(meta).unwrap().write_to_file(&plain).unwrap();
    let read = |path: &std::path::Path| SeriesInstance::read(crate::instance::part10::open(path).unwrap()).unwrap();
    let expected = digest(&build(&[read(&plain)], &Options::default()).volume.unwrap());
    for (program, option) in [("dcmcjpls", "+un"), ("dcmcjpeg", "+e1"), ("dcmcrle", "+un"), ("gdcmconv", "--j2k")] {
        let target = folder.path().join(program);
        let option = Some(option).filter(|option| *option != "+un");
        let ran = std::process::Command::new(program).args(option).arg(&plain).arg(&target).output();
        if !ran.is_ok_and(|ran| ran.status.success()) {
            println!("skipped: {program} is not installed or cannot compress frames so small");
            continue;
        }
        let instance = read(&target);
        assert_eq!(instance.instance.pixel_data.unwrap().length, None, "{program}");
        assert_eq!(digest(&build(&[instance], &Options::default()).volume.unwrap()), expected, "{program}");
    }
}

/// A stack whose slices are tilted by `degrees` about x while their origins go straight up: a tilted gantry.
fn tilted(degrees: f64, slices: usize) -> Vec<Slice> {
    let (sine, cosine) = degrees.to_radians().sin_cos();
    let tilt = |k: usize| {
        let mut tilted = slice(k);
        tilted.orientation = [1.0, 0.0, 0.0, 0.0, cosine, -sine];
        let size = usize::from(ROWS) * usize::from(COLUMNS);
        // HU = z of the voxel in tenths of a millimetre: linear in space, so any right interpolation keeps it.
        tilted.pixels = (0..size)
            .map(|index| {
                let j = (index / usize::from(COLUMNS)) as f64;
                (10.0 * (3.0 * k as f64 - 0.5 * j * sine)).round() as i16
            })
            .collect();
        tilted
    };
    (0..slices).map(tilt).collect()
}

#[test]
fn a_tilted_stack_is_flagged_and_resampled_to_where_it_lies() {
    let built = built(&tilted(20.0, 12));
    assert_eq!(verdict(&built, "gantry_tilt"), Verdict::Flag);
    assert_eq!(verdict(&built, "orientation_axial"), Verdict::Flag);
    let volume = built.volume.unwrap();
    let resampled = resample::tent(&volume, 0.5);
    let [slices, rows, columns] = resampled.grid.shape;
    let mut inside = 0;
    for k in 0..slices {
        for j in 0..rows {
            for i in 0..columns {
                let hu = f64::from(resampled.grid.at(k, j, i));
                if hu > -1000.0 {
                    inside += 1;
                    let z = resampled.origin_mm[2] + 0.5 * k as f64;
                    assert!((hu - 10.0 * z).abs() < 1.5, "{hu} at z {z}");
                }
            }
        }
    }
    assert!(inside * 10 > slices * rows * columns * 7, "{inside}");
}

proptest::proptest! {
    #[test]
    fn pixels_and_patient_positions_are_each_other_s_inverse(
        degrees in -30.0..30.0f64,
        mirrored: bool,
        row in 0.0..7.0f64,
        column in 0.0..5.0f64,
        k in 0usize..5,
    ) {
        let mut slices = tilted(degrees, 5);
        if mirrored {
            slices.iter_mut().for_each(|slice| slice.orientation[0] = -1.0);
        }
        let (_folder, instances) = series(&slices);
        let geometry = build(&instances, &Options::default()).geometry.unwrap();
        let point = geometry.patient_mm(k, row, column);
        let [row_back, column_back] = geometry.pixel(k, point);
        proptest::prop_assert!((row_back - row).abs() < 1e-9 && (column_back - column).abs() < 1e-9);
        proptest::prop_assert!((geometry.position_mm(point) - geometry.positions_mm[k]).abs() < 1e-9);
        proptest::prop_assert!(geometry.normal[2] > 0.0);
        proptest::prop_assert!(geometry.positions_mm.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
