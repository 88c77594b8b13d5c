//! Organs of known attenuation in made volumes.

use super::core::CoreRule;
use super::native::NativeOrgan;
use super::*;
use crate::anatomy::Organ;
use crate::grid::Grid;
use crate::grid::Mask;
use crate::grid::Outside;
use crate::grid::PatientGrid;
use crate::grid::distance;
use crate::volume::ContrastTags;
use crate::volume::Geometry;
use crate::volume::Voxels;

const PARENCHYMA_HU: f64 = 60.0;
const ORGAN_RADIUS_MM: f64 = 42.0;

/// A volume around the origin whose HU are a function of the patient position; values are rounded as stored ones are.
fn volume(
    row_direction: [f64; 3],
    column_direction: [f64; 3],
    slices: usize,
    slice_mm: f64,
    hu: impl Fn([f64; 3]) -> f64,
) -> Volume {
    let [a, b] = [row_direction, column_direction];
    let mut normal = [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
    if normal[2] < 0.0 {
        normal = normal.map(|value| -value);
    }
    let (rows, columns, row_mm, column_mm) = (70, 76, 1.7, 1.6);
    let positions_mm: Vec<f64> = (0..slices).map(|k| (k as f64 - (slices as f64 - 1.0) / 2.0) * slice_mm).collect();
    let origins_mm = positions_mm
        .iter()
        .map(|position| {
            std::array::from_fn(|axis| {
                position * normal[axis]
                    - column_mm * (columns as f64 - 1.0) / 2.0 * a[axis]
                    - row_mm * (rows as f64 - 1.0) / 2.0 * b[axis]
            })
        })
        .collect();
    let geometry = Geometry {
        shape: [slices, rows, columns],
        origins_mm,
        row_direction,
        column_direction,
        normal,
        row_spacing_mm: row_mm,
        column_spacing_mm: column_mm,
        positions_mm,
        slice_spacing_mm: slice_mm,
    };
    let mut data = Vec::new();
    for k in 0..slices {
        for j in 0..rows {
            data.extend((0..columns).map(|i| hu(geometry.patient_mm(k, j as f64, i as f64)).round() as i16));
        }
    }
    Volume {
        voxels: Voxels::Int16(Grid { shape: geometry.shape, data }),
        geometry,
        slices: Vec::new(),
        slice_thickness_mm: slice_mm,
        largest_hu: 3071.0,
        tube_voltage_kv: Some(120.0),
        acquisition: Vec::new(),
        contrast: ContrastTags::default(),
        checks: Vec::new(),
    }
}

fn distance_mm(point: [f64; 3]) -> f64 {
    point.iter().map(|value| value * value).sum::<f64>().sqrt()
}

/// A ball of parenchyma in fat, with a bright vessel along z.
fn ball_with_vessel(point: [f64; 3]) -> f64 {
    if distance_mm(point) > ORGAN_RADIUS_MM {
        -100.0
    } else if point[0].hypot(point[1] - 10.0) < 4.0 {
        150.0
    } else {
        PARENCHYMA_HU
    }
}

/// The ball on a coarse grid.
fn organ(mask_ml: f64) -> Organ {
    let (side, spacing_mm) = (35, 3.0);
    let origin_mm = [-51.0; 3];
    let mut mask = PatientGrid { grid: Grid::filled([side; 3], false), origin_mm, spacing_mm };
    for at in 0..side * side * side {
        let [k, j, i] = [at / (side * side), at / side % side, at % side].map(|index| index as f64);
        mask.grid.data[at] = distance_mm(mask.patient_mm(k, j, i)) <= ORGAN_RADIUS_MM;
    }
    Organ {
        mask,
        core_allowed: None,
        mode_hu: PARENCHYMA_HU,
        cut_caudal: false,
        cut_cranial: false,
        flags: Vec::new(),
        evidence: vec![("mask_ml", mask_ml), ("left_lung_base", 1.0)],
        midline_x_mm: vec![60.0; side],
    }
}

fn phase(phase: Phase) -> PhaseFinding {
    PhaseFinding { phase, rule: "made", aorta_hu: None, kidney_hu: None, aorta_mm: Vec::new(), flags: Vec::new() }
}

fn reference() -> ReferenceTissues {
    ReferenceTissues { air_hu: Some(-1000.0), fat_hu: Some(-105.0), soft_hu: Some(50.0), noise_sd_hu: Some(10.0) }
}

const AXIAL: ([f64; 3], [f64; 3]) = ([1.0, 0.0, 0.0], [0.0, 1.0, 0.0]);

fn measured(volume: &Volume, liver: Result<Organ, Absence>, spleen: Result<Organ, Absence>, of: Phase) -> Vec<Outcome> {
    let (targets, _) = measure_organs(volume, &liver, &spleen, &phase(of), &reference(), &[]);
    targets.into_iter().map(|target| target.outcome).collect()
}

fn refusal(outcome: &Outcome) -> (Reason, &'static str) {
    match outcome {
        Outcome::NotMeasured { reason, detail, .. } => (*reason, detail),
        Outcome::Measured { .. } => panic!("{outcome:?}"),
    }
}

#[test]
fn flips_and_tilts_of_the_images_do_not_change_the_value() {
    let (sine, cosine) = 8f64.to_radians().sin_cos();
    let directions = [
        AXIAL,
        ([-1.0, 0.0, 0.0], [0.0, 1.0, 0.0]),
        ([1.0, 0.0, 0.0], [0.0, -1.0, 0.0]),
        ([cosine, sine, 0.0], [-sine, cosine, 0.0]),
        ([1.0, 0.0, 0.0], [0.0, cosine, sine]),
    ];
    for (row, column) in directions {
        let volume = volume(row, column, 70, 1.5, ball_with_vessel);
        let liver = Ok(organ(300.0));
        let (targets, _) = measure_organs(&volume, &liver, &Ok(organ(200.0)), &phase(Phase::Portal), &reference(), &[]);
        let core = &targets[0].regions[0].statistics;
        assert!((core.mean_hu - PARENCHYMA_HU).abs() < 0.3, "{row:?}: {}", core.mean_hu);
        // A ball of 32 to 32.5 mm (depth counts between voxel centres) less a vessel and its smoothed rim.
        assert!((127_000.0..137_000.0).contains(&core.volume_mm3), "{row:?}: {}", core.volume_mm3);
        assert_eq!(core.maximum_hu, 60.0, "the vessel has left");
    }
}

#[test]
fn the_end_of_the_scan_is_no_border_but_the_end_of_the_organ_is() {
    let whole = volume(AXIAL.0, AXIAL.1, 70, 1.5, ball_with_vessel);
    let cut = volume(AXIAL.0, AXIAL.1, 21, 1.5, ball_with_vessel);
    let rule = CoreRule { depth_mm: 10.0, shallow_depth_mm: 6.0, shallow_below_ml: 1.0, least_window_hu: 15.0 };
    let ends = |volume: &Volume| {
        let native = NativeOrgan::new(volume, &organ(1.0).mask, None).unwrap();
        let core = core::cut(volume, &native, &rule).unwrap();
        let filled: Vec<usize> = (0..core.voxels.shape[0]).filter(|&k| core.voxels.slice(k).contains(&true)).collect();
        let position = |at: usize| volume.geometry.positions_mm[native.first[0] + filled[at]];
        (position(0), position(filled.len() - 1))
    };
    let (low, high) = ends(&whole);
    assert!((-32.5..-28.5).contains(&low) && (28.5..32.5).contains(&high), "{low} {high}");
    assert_eq!(ends(&cut), (-15.0, 15.0));
}

#[test]
fn erosion_in_discs_equals_erosion_by_distance() {
    let volume = volume(AXIAL.0, AXIAL.1, 60, 1.9, ball_with_vessel);
    let native = NativeOrgan::new(&volume, &organ(1.0).mask, None).unwrap();
    let rule = CoreRule { depth_mm: 7.3, shallow_depth_mm: 7.3, shallow_below_ml: 0.0, least_window_hu: 1000.0 };
    let rule = CoreRule { least_window_hu: 40.0, ..rule };
    let uniform = Volume { voxels: Voxels::Int16(Grid::filled(volume.geometry.shape, 55)), ..volume };
    let core = core::cut(&uniform, &native, &rule).unwrap();
    let depths = distance::euclidean(&native.mask, [1.9, 1.7, 1.6], Outside::False);
    let expected: Mask = Grid { shape: depths.shape, data: depths.data.iter().map(|&depth| depth >= 7.3).collect() };
    assert_eq!(core.voxels, expected);
}

#[test]
fn discs_lie_in_three_places_and_read_parenchyma() {
    let volume =
        volume(
            AXIAL.0,
            AXIAL.1,
            70,
            1.5,
            |point| {
                if distance_mm(point) > ORGAN_RADIUS_MM { -100.0 } else { PARENCHYMA_HU }
            },
        );
    let (targets, _) =
        measure_organs(&volume, &Ok(organ(300.0)), &Ok(organ(200.0)), &phase(Phase::Portal), &reference(), &[]);
    let discs = &targets[0].regions[1];
    assert_eq!((discs.definition, discs.region_type, discs.public), ("discs3", RegionType::DiscSet, false));
    assert_eq!(discs.statistics.mean_hu, PARENCHYMA_HU);
    // Three slices of 1.5 mm lie within 2.5 mm of a disc's own; the left part has room for none here.
    assert_eq!(discs.parts.len(), 6);
    assert_eq!(targets[1].regions[1].parts.len(), 9);
}

#[test]
fn difference_and_ratio_come_from_the_rounded_operands() {
    let volume = volume(AXIAL.0, AXIAL.1, 70, 1.5, |point| ball_with_vessel(point) + point[0] / 40.0);
    let outcomes = measured(&volume, Ok(organ(300.0)), Ok(organ(200.0)), Phase::Native);
    let value = |at: usize| match &outcomes[at] {
        Outcome::Measured { value, .. } => *value,
        other => panic!("{other:?}"),
    };
    let (liver, spleen) = (published(value(0)), published(value(1)));
    assert_eq!(value(2), liver - spleen);
    assert_eq!(value(3), liver / spleen);
}

#[test]
fn an_enhanced_phase_gives_flags_to_the_organs_and_refuses_the_difference() {
    let volume = volume(AXIAL.0, AXIAL.1, 70, 1.5, ball_with_vessel);
    let outcomes = measured(&volume, Ok(organ(300.0)), Ok(organ(200.0)), Phase::Portal);
    assert!(matches!(&outcomes[0], Outcome::Measured { flags, .. } if flags.contains(&"phase_not_native")));
    assert_eq!(refusal(&outcomes[2]), (Reason::PhaseUnsuitable, "phase"));
    assert_eq!(refusal(&outcomes[3]), (Reason::PhaseUnsuitable, "phase"));
}

#[test]
fn a_missing_spleen_blocks_the_difference_and_names_itself() {
    let volume = volume(AXIAL.0, AXIAL.1, 70, 1.5, ball_with_vessel);
    let absent = Absence { reason: Reason::StructureNotFound, detail: "spleen_absent" };
    let outcomes = measured(&volume, Ok(organ(300.0)), Err(absent), Phase::Native);
    assert!(matches!(&outcomes[0], Outcome::Measured { .. }));
    assert_eq!(refusal(&outcomes[1]), (Reason::StructureNotFound, "spleen_absent"));
    let Outcome::NotMeasured { reason, blocked_by, .. } = &outcomes[2] else { panic!("{:?}", outcomes[2]) };
    assert_eq!((*reason, blocked_by.as_slice()), (Reason::DependencyNotMeasured, &[Term::SpleenHu][..]));
}

#[test]
fn a_spleen_larger_than_the_liver_refuses_both() {
    let volume = volume(AXIAL.0, AXIAL.1, 70, 1.5, ball_with_vessel);
    let outcomes = measured(&volume, Ok(organ(200.0)), Ok(organ(300.0)), Phase::Native);
    assert_eq!(refusal(&outcomes[0]).1, "laterality_doubt");
    assert_eq!(refusal(&outcomes[1]).1, "laterality_doubt");
    assert_eq!(refusal(&outcomes[2]).0, Reason::DependencyNotMeasured);
}

#[test]
fn a_refusal_of_the_series_comes_first() {
    let volume = volume(AXIAL.0, AXIAL.1, 70, 1.5, ball_with_vessel);
    let shifted = ReferenceTissues { air_hu: Some(-900.0), ..reference() };
    let (targets, checks) =
        measure_organs(&volume, &Ok(organ(200.0)), &Ok(organ(300.0)), &phase(Phase::Native), &shifted, &[]);
    for target in &targets {
        assert_eq!(refusal(&target.outcome), (Reason::NotHounsfield, "hu_air"));
        assert!(target.regions.is_empty());
    }
    assert!(checks.iter().any(|check| check.name == "hu_air" && check.verdict == Verdict::Refuse));
}

#[test]
fn a_spleen_without_liver_and_lung_base_is_refused() {
    let volume = volume(AXIAL.0, AXIAL.1, 70, 1.5, ball_with_vessel);
    let no_liver = || Err(Absence { reason: Reason::StructureNotFound, detail: "no_liver_mode" });
    let mut lost = organ(200.0);
    lost.evidence.retain(|(name, _)| *name != "left_lung_base");
    assert_eq!(refusal(&measured(&volume, no_liver(), Ok(lost), Phase::Native)[1]).1, "spleen_without_landmarks");
    let kept = measured(&volume, no_liver(), Ok(organ(200.0)), Phase::Native);
    assert!(matches!(&kept[1], Outcome::Measured { flags, .. } if flags.contains(&"spleen_without_liver")));
}

#[test]
fn padding_in_the_organ_never_counts() {
    let volume = volume(AXIAL.0, AXIAL.1, 70, 1.5, |point| {
        if distance_mm([point[0] - 30.0, point[1], point[2]]) < 12.0 {
            f64::from(crate::volume::PADDING_HU)
        } else {
            ball_with_vessel(point)
        }
    });
    let liver = Ok(organ(300.0));
    let (targets, _) = measure_organs(&volume, &liver, &Ok(organ(200.0)), &phase(Phase::Portal), &reference(), &[]);
    assert!(targets[0].regions[0].statistics.minimum_hu >= 59.0);
}
