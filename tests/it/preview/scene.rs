//! A drawn torso with hand-made findings and regions: enough anatomy to look at pictures.
//!
//! Patient coordinates LPS, mm. Bodies lie 32 mm apart along a curved course; T12 is the fifth from below.

use resetray::anatomy::*;
use resetray::codes::*;
use resetray::grid::*;
use resetray::identity::Uid;
use resetray::measure::*;
use resetray::volume::*;
use resetray::write::preview::Preview;

/// How the slices are stored.
#[derive(Clone, Copy)]
pub(super) struct Storage {
    pub(super) row: [f64; 3],
    pub(super) column: [f64; 3],
    pub(super) row_spacing_mm: f64,
    pub(super) column_spacing_mm: f64,
    pub(super) slice_spacing_mm: f64,
    pub(super) height_mm: f64,
}

impl Default for Storage {
    fn default() -> Storage {
        Storage {
            row: [1.0, 0.0, 0.0],
            column: [0.0, 1.0, 0.0],
            row_spacing_mm: 0.9,
            column_spacing_mm: 0.9,
            slice_spacing_mm: 2.5,
            height_mm: 330.0,
        }
    }
}

pub(super) const FIRST_BODY_Z: f64 = 30.0;
pub(super) const BODY_STEP: f64 = 33.0;
const WIDTH_MM: f64 = 380.0;
const DEPTH_MM: f64 = 280.0;

pub(super) fn canal_at(z: f64) -> [f64; 3] {
    [10.0 * (z / 70.0).sin(), 62.0 + 16.0 * (z / 110.0).cos(), z]
}

fn body_at(z: f64) -> [f64; 3] {
    let canal = canal_at(z);
    [canal[0], canal[1] - 27.0, z]
}

/// HU of the drawn torso.
pub(super) fn hu_at([x, y, z]: [f64; 3]) -> f64 {
    let ball = |centre: [f64; 3], radius: [f64; 3]| {
        let part = |axis: usize| ((([x, y, z][axis]) - centre[axis]) / radius[axis]).powi(2);
        part(0) + part(1) + part(2)
    };
    let skin = (x / 168.0).powi(2) + (y / 112.0).powi(2);
    if skin > 1.0 {
        return if (y - 128.0).abs() < 4.0 && x.abs() < 180.0 { -60.0 } else { -1000.0 };
    }
    if let Some(bone) = bone_at([x, y, z]) {
        return bone;
    }
    if skin > 0.82 {
        return -100.0;
    }
    if ball(LIVER.0, LIVER.1) < 1.0 {
        return 58.0;
    }
    if ball(SPLEEN.0, SPLEEN.1) < 1.0 {
        return 49.0;
    }
    for side in [-1.0, 1.0] {
        if ball([side * 80.0, 0.0, 330.0], [68.0, 80.0, 130.0]) < 1.0 {
            return -850.0;
        }
        if ball([side * 62.0, 48.0, 115.0], [24.0, 26.0, 50.0]) < 1.0 {
            return 32.0;
        }
    }
    let body = body_at(z);
    if (x - body[0] - 16.0).hypot(y - body[1] + 30.0) < 11.0 {
        return 44.0;
    }
    if skin > 0.70 || y > 60.0 { 55.0 } else { -95.0 + 60.0 * ((x / 23.0).sin() * (y / 19.0).cos() * (z / 27.0).sin()) }
}

fn bone_at([x, y, z]: [f64; 3]) -> Option<f64> {
    let (canal, body) = (canal_at(z), body_at(z));
    let from_canal = (x - canal[0]).hypot(y - canal[1]);
    if from_canal < 9.0 {
        return Some(25.0);
    }
    let place = (z - FIRST_BODY_Z) / BODY_STEP;
    let height = (place - place.round()).abs() * BODY_STEP;
    let ring = ((x - body[0]) / 22.0).powi(2) + ((y - body[1]) / 17.0).powi(2);
    if ring < 1.0 {
        let cortex = ring > 0.86 || (height > 11.8 && height < 13.0);
        return Some(if height >= 13.0 {
            90.0
        } else if cortex {
            480.0
        } else {
            140.0
        });
    }
    if from_canal < 13.0 && height < 9.0 {
        return Some(420.0);
    }
    let spinous = (x - canal[0]).abs() < 3.5 && y > canal[1] && y < canal[1] + 34.0 && height < 9.0;
    let transverse = (y - canal[1]).abs() < 4.0 && (x - canal[0]).abs() < 38.0 && height < 5.0;
    (spinous || transverse).then_some(330.0)
}

pub(super) const LIVER: ([f64; 3], [f64; 3]) = ([-62.0, -14.0, 205.0], [78.0, 74.0, 78.0]);
pub(super) const SPLEEN: ([f64; 3], [f64; 3]) = ([98.0, 30.0, 215.0], [34.0, 44.0, 52.0]);

fn noise(seed: usize) -> f64 {
    let mut state = (seed as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x5DEE_CE66;
    let mut sum = 0.0;
    for _ in 0..4 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        sum += ((state >> 33) as f64) / f64::from(u32::MAX >> 1) - 0.5;
    }
    sum * 20.0
}

pub(super) fn volume(storage: Storage, hu: impl Fn([f64; 3]) -> f64) -> Volume {
    let extent = |direction: [f64; 3]| if direction[0].abs() > 0.5 { WIDTH_MM } else { DEPTH_MM };
    let columns = (extent(storage.row) / storage.column_spacing_mm) as usize;
    let rows = (extent(storage.column) / storage.row_spacing_mm) as usize;
    let slices = (storage.height_mm / storage.slice_spacing_mm) as usize + 1;
    let corner: [f64; 3] = std::array::from_fn(|axis| {
        [0.0, 15.0, 0.0][axis]
            - storage.row[axis] * (columns as f64 - 1.0) * storage.column_spacing_mm / 2.0
            - storage.column[axis] * (rows as f64 - 1.0) * storage.row_spacing_mm / 2.0
    });
    let positions_mm: Vec<f64> = (0..slices).map(|k| k as f64 * storage.slice_spacing_mm).collect();
    let geometry = Geometry {
        shape: [slices, rows, columns],
        origins_mm: positions_mm.iter().map(|&z| [corner[0], corner[1], z]).collect(),
        row_direction: storage.row,
        column_direction: storage.column,
        normal: [0.0, 0.0, 1.0],
        row_spacing_mm: storage.row_spacing_mm,
        column_spacing_mm: storage.column_spacing_mm,
        positions_mm,
        slice_spacing_mm: storage.slice_spacing_mm,
    };
    let mut grid = Grid::filled(geometry.shape, 0_i16);
    for k in 0..slices {
        for j in 0..rows {
            for i in 0..columns {
                let place = grid.index(k, j, i);
                let value = hu(geometry.patient_mm(k, j as f64, i as f64)) + noise(place);
                grid.data[place] = value.round().max(-1024.0) as i16;
            }
        }
    }
    let provenance = |k: usize| SliceProvenance {
        sop_instance_uid: Uid::derive(&["scene", &k.to_string()]),
        frame: None,
        instance_number: Some(k as i64 + 1),
    };
    Volume {
        voxels: Voxels::Int16(grid),
        slices: (0..slices).map(provenance).collect(),
        geometry,
        slice_thickness_mm: storage.slice_spacing_mm,
        largest_hu: 3071.0,
        tube_voltage_kv: Some(120.0),
        acquisition: vec![],
        contrast: ContrastTags::default(),
        checks: vec![],
    }
}

fn vertebra(place: usize, height_mm: f64) -> Option<Vertebra> {
    let z = FIRST_BODY_Z + BODY_STEP * place as f64;
    let plate = |height_mm| Endplate { height_mm, anterior_slope: 0.0, left_slope: 0.0 };
    let level = Level(place as u8 + 1);
    (z < height_mm).then(|| Vertebra {
        level: Some(level),
        centre_mm: body_at(z),
        canal_mm: canal_at(z),
        axis: [0.0, 0.0, 1.0],
        left: [1.0, 0.0, 0.0],
        anterior: [0.0, -1.0, 0.0],
        lateral_offset_mm: 0.0,
        posterior_wall_mm: 10.0,
        depth_mm: 34.0,
        width_mm: 44.0,
        waist: Outline {
            lateral_offset_mm: 0.0,
            posterior_wall_mm: 10.0,
            depth_mm: 34.0,
            width_mm: 44.0,
            support_hu: 250.0,
        },
        endplates: [plate(-13.0), plate(13.0)],
        height_mm: 26.0,
        in_view: z + 14.0 < height_mm && z > 14.0,
        partition_agreement: 1.0,
        rib_lengths_mm: if level >= Level::T12 { [120.0, 115.5] } else { [0.0, 18.0] },
    })
}

fn organ((centre, radius): ([f64; 3], [f64; 3]), mode_hu: f64) -> Organ {
    let spacing_mm = 3.0;
    let origin_mm: [f64; 3] = std::array::from_fn(|axis| centre[axis] - radius[axis] - 6.0);
    let extent = |axis: usize| ((radius[axis] * 2.0 + 12.0) / spacing_mm) as usize;
    let mut grid = Grid::filled([extent(2), extent(1), extent(0)], false);
    for k in 0..extent(2) {
        for j in 0..extent(1) {
            for i in 0..extent(0) {
                let at = [i, j, k];
                let part = |axis: usize| {
                    ((origin_mm[axis] + at[axis] as f64 * spacing_mm - centre[axis]) / (radius[axis] - 2.0)).powi(2)
                };
                let place = grid.index(k, j, i);
                grid.data[place] = part(0) + part(1) + part(2) < 1.0;
            }
        }
    }
    let mask = PatientGrid { grid, origin_mm, spacing_mm };
    Organ {
        mask,
        core_allowed: None,
        mode_hu,
        cut_caudal: false,
        cut_cranial: false,
        flags: vec![],
        evidence: vec![("volume_ml", 900.0)],
        midline_x_mm: Vec::new(),
    }
}

pub(super) fn findings(height_mm: f64) -> Findings {
    let spine = Spine {
        canal_mm: (0..height_mm as usize).map(|z| canal_at(z as f64)).collect(),
        canal_score: 0.91,
        vertebrae: (0..12).filter_map(|place| vertebra(place, height_mm)).collect(),
        numbering: Numbering {
            certainty: Certainty::Certain,
            basis: NumberingBasis::Ribs,
            evidence: vec!["lumbar_count_ok"],
            doubts: vec![],
            sacrum: None,
        },
    };
    let phase = PhaseFinding {
        phase: Phase::Native,
        rule: "aorta_native",
        aorta_hu: Some(44.0),
        kidney_hu: Some(32.0),
        aorta_mm: (60..260).map(|z| body_at(f64::from(z))).map(|p| [p[0] + 16.0, p[1] - 30.0, p[2]]).collect(),
        flags: vec![],
    };
    Findings {
        spine: Ok(spine),
        liver: Ok(organ(LIVER, 58.0)),
        spleen: Ok(organ(SPLEEN, 49.0)),
        phase,
        reference: ReferenceTissues::default(),
        surroundings: None,
    }
}

pub(super) fn absent(detail: &'static str) -> Findings {
    let absence = || Absence { reason: Reason::StructureNotFound, detail };
    Findings { spine: Err(absence()), liver: Err(absence()), spleen: Err(absence()), ..findings(200.0) }
}

fn statistics(mean_hu: f64) -> Statistics {
    Statistics {
        mean_hu,
        standard_deviation_hu: 20.0,
        median_hu: mean_hu,
        minimum_hu: mean_hu - 60.0,
        maximum_hu: mean_hu + 60.0,
        voxel_count: 500,
        volume_mm3: 1000.0,
    }
}

fn ellipse(volume: &Volume, slice: usize, center_mm: [f64; 3], semi_axes_mm: [f64; 2]) -> Part {
    let [row, column] = volume.geometry.pixel(slice, center_mm);
    Part::Ellipse {
        slice,
        center_mm: [center_mm[0], center_mm[1], volume.geometry.positions_mm[slice]],
        center_pixel: [column, row],
        axis_row: [1.0, 0.0, 0.0],
        axis_column: [0.0, 1.0, 0.0],
        semi_axes_mm,
    }
}

fn native(volume: &Volume, centre: [f64; 3], radius: [f64; 3]) -> Part {
    let geometry = &volume.geometry;
    let corners = [[-1.0, -1.0, -1.0], [1.0, 1.0, 1.0]]
        .map(|side| std::array::from_fn::<f64, 3, _>(|axis| centre[axis] + side[axis] * radius[axis]));
    let slices = geometry.positions_mm.iter().enumerate().filter(|(_, z)| (**z - centre[2]).abs() <= radius[2]);
    let slices: Vec<usize> = slices.map(|(k, _)| k).collect();
    let pixels = corners.map(|corner| geometry.pixel(0, corner));
    let first = [0, 1].map(|axis| pixels[0][axis].min(pixels[1][axis]).floor().max(0.0) as usize);
    let last = [0, 1].map(|axis| pixels[0][axis].max(pixels[1][axis]).ceil() as usize);
    let mut inside = Grid::filled([slices.len(), last[0] - first[0] + 1, last[1] - first[1] + 1], false);
    for (place, &k) in slices.iter().enumerate() {
        for j in first[0]..=last[0] {
            for i in first[1]..=last[1] {
                let point = geometry.patient_mm(k, j as f64, i as f64);
                let distance: f64 = (0..3).map(|axis| ((point[axis] - centre[axis]) / radius[axis]).powi(2)).sum();
                let at = inside.index(place, j - first[0], i - first[1]);
                inside.data[at] = distance <= 1.0;
            }
        }
    }
    let voxels = NativeMask { first: [slices[0], first[0], first[1]], inside };
    Part::Mask { minimum_mm: corners[0], maximum_mm: corners[1], voxels }
}

fn region(term: Term, definition: &'static str, public: bool, region_type: RegionType, parts: Vec<Part>) -> Region {
    Region { term, definition, public, region_type, parts, statistics: statistics(140.0) }
}

pub(super) fn vertebral(volume: &Volume, term: Term, level: Level, flags: Vec<&'static str>) -> TargetMeasurement {
    let z = FIRST_BODY_Z + BODY_STEP * f64::from(level.0 - 1);
    let middle = (z / volume.geometry.slice_spacing_mm).round() as usize;
    let mut centre = body_at(z);
    centre[1] -= 3.4;
    let parts = (middle - 1..=middle).map(|k| ellipse(volume, k, centre, [10.0, 6.366])).collect();
    let core = native(volume, [centre[0], centre[1], z], [17.0, 9.0, 8.5]);
    let regions = vec![
        region(term, "axial200", true, RegionType::EllipseStack, parts),
        region(term, "core3d", false, RegionType::Mask, vec![core]),
    ];
    TargetMeasurement { term, outcome: Outcome::Measured { value: 139.873, flags }, regions, checks: vec![] }
}

pub(super) fn organ_target(volume: &Volume, term: Term, flags: Vec<&'static str>) -> TargetMeasurement {
    let (centre, radius) = if term == Term::LiverHu { LIVER } else { SPLEEN };
    let disc_radius = if term == Term::LiverHu { 7.979 } else { 5.642 };
    let core = native(volume, centre, radius.map(|value| value - 11.0));
    let spots = [[-0.4, -0.3, 0.0], [-0.3, 0.4, 0.0], [0.45, 0.0, 0.25]];
    let discs = spots
        .iter()
        .flat_map(|spot| {
            let at: [f64; 3] = std::array::from_fn(|axis| centre[axis] + spot[axis] * radius[axis]);
            let k = (at[2] / volume.geometry.slice_spacing_mm).round() as usize;
            [k, k + 1].map(|k| ellipse(volume, k, at, [disc_radius; 2]))
        })
        .collect();
    let regions = vec![
        region(term, "core", true, RegionType::Mask, vec![core]),
        region(term, "discs3", false, RegionType::DiscSet, discs),
    ];
    TargetMeasurement { term, outcome: Outcome::Measured { value: 57.914, flags }, regions, checks: vec![] }
}

pub(super) fn refused(term: Term, reason: Reason, detail: &'static str) -> TargetMeasurement {
    let outcome = Outcome::NotMeasured { reason, detail, blocked_by: vec![] };
    TargetMeasurement { term, outcome, regions: vec![], checks: vec![] }
}

/// All seven terms: T12 refused, the rest measured.
pub(super) fn targets(volume: &Volume) -> Vec<TargetMeasurement> {
    let derived = |term, value| TargetMeasurement {
        term,
        outcome: Outcome::Measured { value, flags: vec![] },
        regions: vec![],
        checks: vec![],
    };
    vec![
        refused(Term::Th12Hu, Reason::NoiseOrArtifact, "streaks"),
        vertebral(volume, Term::L1Hu, Level::L1, vec![]),
        vertebral(volume, Term::L2Hu, Level::L2, vec!["slice_thickness", "v1_v2_disagree"]),
        organ_target(volume, Term::LiverHu, vec!["noise_sd"]),
        organ_target(volume, Term::SpleenHu, vec![]),
        derived(Term::LiverSpleenDiff, 8.5),
        derived(Term::LiverSpleenRatio, 1.1731),
    ]
}

/// The decoded pixels of a picture; the file must have the stated size.
pub(super) fn pixels(picture: &Preview) -> Vec<[u8; 3]> {
    let decoder = png::Decoder::new(std::io::Cursor::new(&picture.png));
    let mut reader = decoder.read_info().unwrap_or_else(|error| panic!("{}: {error}", picture.file));
    let size = (reader.info().width, reader.info().height);
    assert_eq!(size, (picture.width, picture.height), "{}", picture.file);
    let mut bytes = vec![0; reader.output_buffer_size().unwrap_or_default()];
    reader.next_frame(&mut bytes).unwrap_or_else(|error| panic!("{}: {error}", picture.file));
    bytes.chunks_exact(3).map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect()
}
