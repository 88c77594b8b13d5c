//! The named default cases.
//!
//! Input: a name of [`CASES`]. Output: [`Options`].

use super::{Kernel, Options, PhantomError, Position};
use crate::codes::Phase;

/// Names of the default cases.
pub const CASES: [&str; 43] = [
    "default",
    "thin_1mm",
    "thin_0_6mm",
    "thick_5mm",
    "spacing_7_5mm",
    "arterial",
    "portal",
    "delayed",
    "kv_80",
    "kv_100",
    "kv_140",
    "noise_10",
    "noise_25",
    "noise_45",
    "kernel_standard",
    "kernel_bone",
    "ribs_11",
    "ribs_13",
    "stump_12",
    "stump_12_one_sided",
    "lumbar_4",
    "lumbar_6",
    "scoliosis_15",
    "scoliosis_30",
    "rotation_15",
    "oblique_10",
    "gantry_tilt_15",
    "wedge_l1_30",
    "cement_l2",
    "fatty_liver",
    "dense_bone",
    "porous_bone",
    "splenectomy",
    "feet_first",
    "prone",
    "decubitus",
    "cropped_t12",
    "cropped_l1",
    "cropped_liver",
    "fov_200",
    "padded",
    "missing_slices",
    "female",
];

/// The options of a named case.
pub fn case(name: &str) -> Result<Options, PhantomError> {
    let base = Options { name: name.to_owned(), ..Options::default() };
    let options = acquisition(name, &base).or_else(|| patient(name, &base)).or_else(|| framing(name, &base));
    options.ok_or_else(|| PhantomError::UnknownCase { name: name.to_owned() })
}

fn slices(base: &Options, thickness: f64, spacing: f64) -> Options {
    Options { slice_thickness_mm: thickness, slice_spacing_mm: spacing, ..base.clone() }
}

/// Cases that differ in how the scan was made.
fn acquisition(name: &str, base: &Options) -> Option<Options> {
    let phase = |phase| Options { phase, ..base.clone() };
    let tube = |tube_kv| Options { tube_kv, ..base.clone() };
    let noise = |noise_sd_hu| Options { noise_sd_hu, ..base.clone() };
    let kernel = |kernel, noise_sd_hu| Options { kernel, noise_sd_hu, ..base.clone() };
    Some(match name {
        "default" => base.clone(),
        "thin_1mm" => slices(base, 1.0, 1.0),
        "thin_0_6mm" => Options { top_mm: 150.0, bottom_mm: -209.4, ..slices(base, 0.6, 0.6) },
        "thick_5mm" => slices(base, 5.0, 5.0),
        "spacing_7_5mm" => slices(base, 5.0, 7.5),
        "arterial" => phase(Phase::Arterial),
        "portal" => phase(Phase::Portal),
        "delayed" => phase(Phase::Delayed),
        "kv_80" => tube(80.0),
        "kv_100" => tube(100.0),
        "kv_140" => tube(140.0),
        "noise_10" => noise(10.0),
        "noise_25" => noise(25.0),
        "noise_45" => noise(45.0),
        "kernel_standard" => kernel(Kernel::Standard, 10.0),
        "kernel_bone" => kernel(Kernel::Bone, 30.0),
        _ => return None,
    })
}

/// Cases that differ in the patient.
fn patient(name: &str, base: &Options) -> Option<Options> {
    let bone = |t12_hu, l1_hu, l2_hu| Options { t12_hu, l1_hu, l2_hu, ..base.clone() };
    Some(match name {
        "ribs_11" => Options { rib_pairs: 11, ..base.clone() },
        "ribs_13" => Options { rib_pairs: 13, ..base.clone() },
        "stump_12" => Options { last_rib_mm: Some([25.0, 25.0]), ..base.clone() },
        "stump_12_one_sided" => Options { last_rib_mm: Some([110.0, 25.0]), ..base.clone() },
        "lumbar_4" => Options { lumbar_count: 4, ..base.clone() },
        "lumbar_6" => Options { lumbar_count: 6, bottom_mm: -225.0, ..base.clone() },
        "scoliosis_15" => Options { cobb_degrees: 15.0, ..base.clone() },
        "scoliosis_30" => Options { cobb_degrees: 30.0, ..base.clone() },
        "rotation_15" => Options { axial_rotation_degrees: 15.0, ..base.clone() },
        "oblique_10" => Options { torso_tilt_degrees: [10.0, 4.0], ..base.clone() },
        "wedge_l1_30" => Options { wedge: Some(("L1".to_owned(), 0.30)), ..base.clone() },
        "cement_l2" => Options { cement_level: Some("L2".to_owned()), ..base.clone() },
        "fatty_liver" => Options { liver_hu: 20.0, ..base.clone() },
        "dense_bone" => bone(240.0, 230.0, 225.0),
        "porous_bone" => bone(88.0, 80.0, 76.0),
        "splenectomy" => Options { spleen_present: false, ..base.clone() },
        "female" => Options { scale: [0.90, 0.93], top_mm: 120.0, bottom_mm: -177.5, ..base.clone() },
        _ => return None,
    })
}

/// Cases that differ in position and in what is in the picture.
fn framing(name: &str, base: &Options) -> Option<Options> {
    let position = |position| Options { position, ..base.clone() };
    Some(match name {
        "gantry_tilt_15" => Options { gantry_tilt_degrees: 15.0, ..base.clone() },
        "feet_first" => position(Position::FeetFirstSupine),
        "prone" => Options { field_centre_mm: [0.0, -8.0], ..position(Position::HeadFirstProne) },
        "decubitus" => Options { field_centre_mm: [-8.0, 0.0], ..position(Position::HeadFirstDecubitusRight) },
        "cropped_t12" => Options { bottom_mm: 25.0, top_mm: 180.0, ..base.clone() },
        "cropped_l1" => Options { bottom_mm: -5.0, ..base.clone() },
        "cropped_liver" => Options { top_mm: 60.0, ..base.clone() },
        "fov_200" => Options { pixel_spacing_mm: 0.39, field_centre_mm: [0.0, 35.0], ..base.clone() },
        "padded" => Options { padding: Some(-2000), intercept_hu: 0, ..base.clone() },
        "missing_slices" => Options { missing_slices: vec![51, 52], ..base.clone() },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_listed_case_exists_and_carries_its_name() {
        for name in CASES {
            assert_eq!(case(name).unwrap().name, name);
        }
        assert!(case("no_such_case").is_err());
    }

    #[test]
    fn cases_differ_from_each_other() {
        let all: Vec<Options> =
            CASES.iter().map(|name| Options { name: String::new(), ..case(name).unwrap() }).collect();
        for (n, options) in all.iter().enumerate() {
            assert!(!all[..n].contains(options), "{} repeats another case", CASES[n]);
        }
    }
}
