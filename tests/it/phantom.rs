//! The phantom as another program meets it: files on a disk.
#![allow(clippy::unwrap_used)] // helpers of tests are not tests to the lint

use std::collections::BTreeSet;

use dicom_dictionary_std::{tags, uids};
use dicom_object::{FileDicomObject, InMemDicomObject, from_reader};
use resetray::phantom::{Expected, Options, Position, TRUTH_FILE, Truth, case, series_in_memory, write_series};

type Instance = FileDicomObject<InMemDicomObject>;

/// A series that is made in a moment: coarse pixels, thick slices.
fn coarse(options: Options) -> Options {
    Options {
        columns: 128,
        rows: 128,
        pixel_spacing_mm: options.pixel_spacing_mm * 4.0,
        slice_thickness_mm: 2.5,
        slice_spacing_mm: 5.0,
        ..options
    }
}

fn instances(options: &Options) -> Vec<Instance> {
    series_in_memory(options).unwrap().map(|file| from_reader(file.unwrap().1.as_slice()).unwrap()).collect()
}

fn numbers(instance: &Instance, tag: dicom_core::Tag) -> Vec<f64> {
    instance.element(tag).unwrap().to_multi_float64().unwrap()
}

fn words(instance: &Instance) -> Vec<u16> {
    instance.element(tags::PIXEL_DATA).unwrap().to_multi_int().unwrap()
}

/// Attenuation at a patient position, read through position, orientation and rescale of the nearest slice.
fn attenuation(series: &[Instance], point: [f64; 3]) -> f64 {
    let nearest = series
        .iter()
        .min_by(|a, b| {
            let far = |instance: &Instance| (numbers(instance, tags::IMAGE_POSITION_PATIENT)[2] - point[2]).abs();
            far(a).total_cmp(&far(b))
        })
        .unwrap();
    let position = numbers(nearest, tags::IMAGE_POSITION_PATIENT);
    let cosines = numbers(nearest, tags::IMAGE_ORIENTATION_PATIENT);
    let spacing = numbers(nearest, tags::PIXEL_SPACING)[0];
    let along = |first: usize| -> f64 {
        (0..3).map(|axis| (point[axis] - position[axis]) * cosines[first + axis]).sum::<f64>() / spacing
    };
    let columns = numbers(nearest, tags::COLUMNS)[0] as usize;
    let (i, j) = (along(0).round() as usize, along(3).round() as usize);
    f64::from(words(nearest)[j * columns + i]) + numbers(nearest, tags::RESCALE_INTERCEPT)[0]
}

#[test]
fn the_written_series_is_whole_and_carries_its_truth() {
    let folder = tempfile::tempdir().unwrap();
    let options = coarse(Options::default());
    let truth = write_series(&options, folder.path()).unwrap();
    let text = std::fs::read_to_string(folder.path().join(TRUTH_FILE)).unwrap();
    assert_eq!(serde_json::from_str::<Truth>(&text).unwrap(), truth);

    let files = std::fs::read_dir(folder.path()).unwrap().count() - 1;
    let series = instances(&options);
    assert_eq!(files, series.len());
    assert_eq!(series.len(), 65);
    let uids: BTreeSet<String> = series.iter().map(|one| one.meta().media_storage_sop_instance_uid.clone()).collect();
    assert_eq!(uids.len(), series.len());
    for instance in &series {
        assert_eq!(instance.meta().transfer_syntax(), uids::EXPLICIT_VR_LITTLE_ENDIAN);
        let found = instance.element(tags::SERIES_INSTANCE_UID).unwrap().to_str().unwrap();
        assert_eq!(found, truth.series_instance_uid);
    }
}

#[test]
fn the_same_options_give_the_same_bytes_on_any_number_of_threads() {
    let options = coarse(Options { noise_sd_hu: 10.0, top_mm: 40.0, bottom_mm: 0.0, ..Options::default() });
    let make = |threads: usize| -> Vec<(String, Vec<u8>)> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| series_in_memory(&options).unwrap().map(Result::unwrap).collect())
    };
    assert!(make(1) == make(3), "bytes depend on the number of threads");
    let other = Options { seed: 2, ..options.clone() };
    let changed: Vec<(String, Vec<u8>)> = series_in_memory(&other).unwrap().map(Result::unwrap).collect();
    assert!(make(2) != changed);
}

#[test]
fn tissues_lie_where_the_truth_says_in_every_position() {
    for position in [
        Position::HeadFirstSupine,
        Position::FeetFirstSupine,
        Position::HeadFirstProne,
        Position::FeetFirstProne,
        Position::HeadFirstDecubitusRight,
        Position::HeadFirstDecubitusLeft,
    ] {
        let options = coarse(Options { position, top_mm: 70.0, bottom_mm: -40.0, ..Options::default() });
        let series = instances(&options);
        let truth = resetray::phantom::truth(&options).unwrap();
        for name in ["T12", "L1", "L2"] {
            let level = truth.level(name).unwrap();
            let anterior = [level.centre_mm[0], level.centre_mm[1] - 5.0, level.centre_mm[2]];
            let found = attenuation(&series, anterior);
            assert!((found - level.trabecular_hu).abs() <= 2.0, "{position:?} {name}: {found}");
        }
        assert_eq!(attenuation(&series, [-90.0, 20.0, 30.0]), 58.0, "{position:?} liver");
        assert_eq!(attenuation(&series, [100.0, 25.0, 50.0]), 49.0, "{position:?} spleen");
    }
}

#[test]
fn a_tilted_torso_keeps_its_truth() {
    for name in ["oblique_10", "scoliosis_30", "rotation_15", "female"] {
        let options = coarse(Options { top_mm: 55.0, bottom_mm: -50.0, ..case(name).unwrap() });
        let truth = resetray::phantom::truth(&options).unwrap();
        let series = instances(&options);
        for level in ["T12", "L1", "L2"].map(|name| truth.level(name).unwrap()) {
            let [x, y, z] = level.centre_mm;
            let found = attenuation(&series, [x, y - 4.0, z]);
            assert!((found - level.trabecular_hu).abs() <= 3.0, "{name} {}: {found}", level.name);
        }
    }
}

#[test]
fn noise_has_the_deviation_asked_for() {
    let quiet = Options { top_mm: 40.0, bottom_mm: 0.0, ..Options::default() };
    let noisy = Options { noise_sd_hu: 20.0, ..quiet.clone() };
    let (quiet, noisy) = (
        instances(&Options { slice_spacing_mm: 20.0, ..quiet }),
        instances(&Options { slice_spacing_mm: 20.0, ..noisy }),
    );
    let differences: Vec<f64> = quiet
        .iter()
        .zip(&noisy)
        .flat_map(|(a, b)| {
            let (a, b) = (words(a), words(b));
            // A square of 60 pixels about the middle of the field.
            (226..286)
                .flat_map(move |j| (226..286).map(move |i| j * 512 + i))
                .map(move |n| f64::from(b[n]) - f64::from(a[n]))
                .collect::<Vec<_>>()
        })
        .collect();
    let mean = differences.iter().sum::<f64>() / differences.len() as f64;
    let variance = differences.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (differences.len() - 1) as f64;
    assert!((variance.sqrt() - 20.0).abs() < 2.0, "deviation {}", variance.sqrt());
    assert!(mean.abs() < 2.0, "mean {mean}");
}

#[test]
fn padding_and_missing_slices_are_written_as_asked() {
    let padded = coarse(Options { top_mm: 5.0, bottom_mm: 0.0, ..case("padded").unwrap() });
    let first = &instances(&padded)[0];
    assert_eq!(words(first)[0] as i16, -2000);
    assert_eq!(first.element(tags::PIXEL_REPRESENTATION).unwrap().to_int::<u16>().unwrap(), 1);

    let gap =
        Options { missing_slices: vec![2], ..coarse(Options { top_mm: 20.0, bottom_mm: 0.0, ..Options::default() }) };
    let z: Vec<f64> = instances(&gap).iter().map(|one| numbers(one, tags::IMAGE_POSITION_PATIENT)[2]).collect();
    assert_eq!(z, [20.0, 15.0, 5.0, 0.0]);
}

#[test]
fn variants_in_number_never_promise_a_level() {
    for name in ["ribs_11", "ribs_13", "stump_12", "lumbar_4", "lumbar_6"] {
        let truth = resetray::phantom::truth(&case(name).unwrap()).unwrap();
        let found = truth.parameter("TH12_HU").unwrap();
        assert_eq!(found.expected, Expected::MeasureOrRefuse, "{name}");
        assert_eq!(found.reason.as_deref(), Some("level_not_identified"), "{name}");
    }
}
