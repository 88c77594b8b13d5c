//! Technical attributes of a stack for the record, and what its header says about contrast agent.
//!
//! Only attributes that identify nobody; free text is looked through, never copied.

use super::stack::Plane;
use super::{AcquisitionEntry, AcquisitionValue, ContrastTags, words};
use crate::instance::Technique;

/// Most different texts of one attribute that are listed; more are left out.
const TEXTS_MAX: usize = 4;

/// The entries in the order of the result format.
pub(super) fn entries(planes: &[Plane<'_>]) -> Vec<AcquisitionEntry> {
    let text = |name, tag, values: Vec<Option<String>>| {
        texts(values).map(|value| AcquisitionEntry { name, value, unit: None, tag })
    };
    let number = |name, unit, tag, values: Vec<Option<f64>>| {
        range(values).map(|value| AcquisitionEntry { name, value, unit, tag })
    };
    let truth = |name, tag, value: Option<bool>| {
        value.map(|value| AcquisitionEntry { name, value: AcquisitionValue::Bool(value), unit: None, tag })
    };
    let objects = |get: fn(&crate::instance::Instance) -> &Option<String>| -> Vec<Option<String>> {
        planes.iter().map(|plane| get(plane.instance()).clone()).collect()
    };
    let technique = |get: fn(&Technique) -> Option<f64>| -> Vec<Option<f64>> {
        planes.iter().map(|plane| get(&plane.frame.technique)).collect()
    };
    let worded = |get: fn(&Technique) -> &Option<String>| -> Vec<Option<String>> {
        planes.iter().map(|plane| get(&plane.frame.technique).clone()).collect()
    };
    let frame = |get: fn(&crate::instance::Frame) -> Option<f64>| -> Vec<Option<f64>> {
        planes.iter().map(|plane| get(plane.frame)).collect()
    };
    let image_type = planes.iter().map(|plane| Some(plane.frame.image_type.join("\\")).filter(|text| !text.is_empty()));
    let rescale_type = planes.iter().map(|plane| plane.frame.rescale_type.clone());
    let lossy = planes.iter().filter_map(|plane| plane.instance().pixels.lossy_image_compression);
    let found = [
        text("manufacturer", "0008,0070", objects(|instance| &instance.manufacturer)),
        text("model", "0008,1090", objects(|instance| &instance.manufacturer_model_name)),
        text("software_versions", "0018,1020", objects(|instance| &instance.software_versions)),
        text("image_type", "0008,0008", image_type.collect()),
        number("tube_voltage", Some("kV"), "0018,0060", technique(|technique| technique.kvp_kv)),
        number("tube_current", Some("mA"), "0018,1151", technique(|technique| technique.tube_current_ma)),
        number("exposure", Some("mAs"), "0018,1152", technique(|technique| technique.exposure_mas)),
        number("exposure_time", Some("ms"), "0018,1150", technique(|technique| technique.exposure_time_ms)),
        number("ctdi_vol", Some("mGy"), "0018,9345", technique(|technique| technique.ctdi_vol_mgy)),
        text("convolution_kernel", "0018,1210", worded(|technique| &technique.convolution_kernel)),
        text("filter_type", "0018,1160", worded(|technique| &technique.filter_type)),
        number("slice_thickness", Some("mm"), "0018,0050", frame(|frame| frame.slice_thickness_mm)),
        number("spacing_between_slices", Some("mm"), "0018,0088", frame(|frame| frame.spacing_between_slices_mm)),
        number(
            "reconstruction_diameter",
            Some("mm"),
            "0018,1100",
            technique(|technique| technique.reconstruction_diameter_mm),
        ),
        number("gantry_tilt", Some("deg"), "0018,1120", technique(|technique| technique.gantry_tilt_degrees)),
        text("patient_position", "0018,5100", objects(|instance| &instance.patient_position)),
        text("body_part", "0018,0015", objects(|instance| &instance.body_part_examined)),
        truth("contrast_agent_present", "0018,0010", contrast(planes).agent_present),
        number("rescale_slope", None, "0028,1053", frame(|frame| frame.rescale_slope)),
        number("rescale_intercept", None, "0028,1052", frame(|frame| frame.rescale_intercept)),
        text("rescale_type", "0028,1054", rescale_type.collect()),
        truth("lossy_compressed", "0028,2110", lossy.reduce(|one, other| one || other)),
    ];
    found.into_iter().flatten().collect()
}

/// The different texts, sorted; one in the usual case.
fn texts(values: Vec<Option<String>>) -> Option<AcquisitionValue> {
    let mut different: Vec<String> = values.into_iter().flatten().collect();
    different.sort();
    different.dedup();
    (1..=TEXTS_MAX).contains(&different.len()).then(|| AcquisitionValue::Text(different.join(" | ")))
}

fn range(values: Vec<Option<f64>>) -> Option<AcquisitionValue> {
    let stated = || values.iter().flatten().copied();
    let (low, high) = (stated().reduce(f64::min)?, stated().reduce(f64::max)?);
    Some(if low == high { AcquisitionValue::Number(low) } else { AcquisitionValue::Range(low, high) })
}

/// What the headers say about contrast agent.
pub(super) fn contrast(planes: &[Plane<'_>]) -> ContrastTags {
    let stated = planes.iter().flat_map(|plane| {
        let instance = plane.instance();
        [instance.contrast_agent_present, instance.contrast_volume_present]
    });
    let instance = planes.first().map(Plane::instance);
    let text = |text: Option<&Option<String>>| text.and_then(Option::clone).unwrap_or_default();
    let description = text(instance.map(|instance| &instance.series_description));
    let protocol = text(instance.map(|instance| &instance.protocol_name));
    ContrastTags {
        agent_present: stated.flatten().reduce(|one, other| one || other),
        phase_word: words::phase(&[&description]).or_else(|| words::phase(&[&protocol])),
    }
}
