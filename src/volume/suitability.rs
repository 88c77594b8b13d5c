//! The checks of a stack that need no anatomy (definition set section 3.1 to 3.3).
//!
//! Input: the chosen stack and its geometry. Output: [`Check`]s in the order of the definition set.

use super::stack::{Plane, Stack, degrees_between};
use super::words;
use super::{Geometry, Volume};
use crate::checks::{Check, Observed, Scope, Verdict};
use crate::codes::Term;
use crate::instance::{Instance, SeriesInstance};

/// Slice distances from this many medians on hide at least one missing slice.
const MISSING_FROM: f64 = 1.5;
/// Tolerance of slice distances: the larger of both.
const UNIFORM_MM: f64 = 0.1;
const UNIFORM_SHARE: f64 = 0.01;
/// Steepest tilt that a gantry can do.
const GANTRY_DEGREES_MAX: f64 = 30.0;
/// HU above which a voxel of the middle slice counts as patient for [`off_center`].
const BODY_HU_MIN: f32 = -300.0;
/// Observed ratio where compression is stated as lossy and nothing tells how strong: just above lossless.
const LOSSY_UNKNOWN_RATIO: f64 = 1.01;
/// Transfer syntaxes that lose.
const LOSSY_SYNTAXES: [&str; 5] = [
    "1.2.840.10008.1.2.4.50",
    "1.2.840.10008.1.2.4.51",
    "1.2.840.10008.1.2.4.81",
    "1.2.840.10008.1.2.4.91",
    "1.2.840.10008.1.2.4.203",
];

/// Parameters of vertebrae.
fn vertebrae() -> Scope {
    Scope::Terms(vec![Term::Th12Hu, Term::L1Hu, Term::L2Hu])
}

/// Parameters measured in organs; derived ones follow their operands.
fn organs() -> Scope {
    Scope::Terms(vec![Term::LiverHu, Term::SpleenHu])
}

fn series(key: &'static str, observed: Option<Observed>) -> Check {
    Check::against(key, Scope::Series, observed)
}

fn word(text: &str) -> Option<Observed> {
    Some(Observed::Text(text.to_owned()))
}

/// The check whose observation over the images concludes worst; the first of equals.
fn worst(key: &'static str, planes: &[Plane<'_>], observe: impl Fn(&Plane<'_>) -> Option<Observed>) -> Check {
    let mut seen: Vec<Option<Observed>> = Vec::new();
    for plane in planes {
        let observed = observe(plane);
        if !seen.contains(&observed) {
            seen.push(observed);
        }
    }
    let severity = |check: &Check| match check.verdict {
        Verdict::NotEvaluated => 0,
        Verdict::Pass => 1,
        Verdict::Flag => 2,
        Verdict::Refuse => 3,
    };
    let checks = seen.into_iter().map(|observed| series(key, observed));
    let worst = checks.reduce(|worst, check| if severity(&check) > severity(&worst) { check } else { worst });
    worst.unwrap_or_else(|| series(key, None))
}

/// Class and format of a series without any image in space.
pub(super) fn without_plane(instances: &[SeriesInstance]) -> Vec<Check> {
    let first = instances.iter().map(|source| &source.instance).min_by_key(|instance| &instance.sop_instance_uid);
    first.map_or_else(Vec::new, |instance| {
        vec![series("sop_class", word(instance.sop_class_uid.as_str())), modality(instance)]
    })
}

/// Slice thickness held against the limits of the volumetric core; it concerns no published value, so it is no part of
/// the series' checks.
pub fn core3d_thickness(volume: &Volume) -> Check {
    Check::against("slice_thickness@core3d", vertebrae(), Some(Observed::Number(volume.slice_thickness_mm)))
}

/// Distance of the patient from the centre of data collection, in the plane of the gantry; not evaluated where the
/// header does not state that centre.
pub(super) fn off_center(volume: &Volume, center_mm: Option<[f64; 3]>) -> Check {
    let distance = center_mm.zip(patient_center_mm(volume));
    let distance = distance.map(|(center, patient)| (center[0] - patient[0]).hypot(center[1] - patient[1]));
    series("off_center", distance.map(Observed::Number))
}

/// Centroid of everything denser than lung in the middle slice (mm).
fn patient_center_mm(volume: &Volume) -> Option<[f64; 3]> {
    let [slices, rows, columns] = volume.geometry.shape;
    let middle = slices / 2;
    let (mut count, mut row_sum, mut column_sum) = (0.0, 0.0, 0.0);
    for j in 0..rows {
        for i in (0..columns).filter(|&i| volume.hu(middle, j, i) > BODY_HU_MIN) {
            count += 1.0;
            row_sum += j as f64;
            column_sum += i as f64;
        }
    }
    (count > 0.0).then(|| volume.geometry.patient_mm(middle, row_sum / count, column_sum / count))
}

/// All checks of the chosen stack.
pub(super) fn checks(stack: &Stack<'_>, geometry: &Geometry) -> Vec<Check> {
    let mut checks = object(stack, geometry);
    checks.extend(calibration(stack));
    checks.extend(energy(stack));
    checks.extend(sampling(stack, geometry));
    checks
}

fn modality(instance: &Instance) -> Check {
    let pixels = &instance.pixels;
    let number = |value: Option<u16>| value.map_or_else(String::new, |value| value.to_string());
    let parts = [
        instance.modality.clone().unwrap_or_default(),
        pixels.photometric_interpretation.clone().unwrap_or_default(),
        number(pixels.samples_per_pixel),
        number(pixels.bits_allocated),
    ];
    series("modality_ct", Some(Observed::Text(parts.join("\\"))))
}

fn object(stack: &Stack<'_>, geometry: &Geometry) -> Vec<Check> {
    let planes = &stack.planes;
    let angle = degrees_between(geometry.normal, [0.0, 0.0, 1.0]);
    let axial = series("orientation_axial", Some(Observed::Number(angle)));
    let upright = axial.verdict == Verdict::Pass;
    let description = |plane: &Plane<'_>| plane.instance().series_description.clone().unwrap_or_default();
    let kernel = |plane: &Plane<'_>| plane.frame.technique.convolution_kernel.clone().unwrap_or_default();
    vec![
        worst("sop_class", planes, |plane| word(plane.instance().sop_class_uid.as_str())),
        planes.first().map_or_else(|| series("modality_ct", None), |plane| modality(plane.instance())),
        worst("image_type_primary", planes, |plane| word(&primary(&plane.frame.image_type, upright))),
        worst("image_type_axial", planes, |plane| word(plane.frame.image_type.get(2).map_or("absent", String::as_str))),
        axial,
        worst("image_type_words", planes, |plane| {
            match words::rendering(&plane.frame.image_type, &description(plane)) {
                found @ ("MPR" | "REFORMATTED" | "AVERAGE") if !upright => word(&format!("{found} not axial")),
                found => word(found),
            }
        }),
        worst("multi_energy", planes, |plane| {
            let technique = &plane.frame.technique;
            word(words::energy(technique.multi_energy, &plane.frame.image_type, &description(plane)))
        }),
        worst("virtual_words", planes, |plane| {
            word(words::virtual_image(&plane.frame.image_type, &description(plane), &kernel(plane)))
        }),
        worst("photon_counting", planes, |plane| {
            let model = plane.instance().manufacturer_model_name.as_deref();
            model.map(|model| Observed::Bool(words::counts_photons(model)))
        }),
        worst("post_denoised", planes, |plane| {
            let instance = plane.instance();
            let texts = [&instance.manufacturer, &instance.manufacturer_model_name, &instance.software_versions]
                .map(|text| text.as_deref().unwrap_or_default());
            Some(Observed::Bool(words::is_post_denoised(&texts) || words::is_post_denoised(&[&description(plane)])))
        }),
        worst("recon_method", planes, |plane| word(words::reconstruction(&kernel(plane), &description(plane)))),
    ]
}

/// Values 1 and 2 of Image Type; secondary images that are no axial stack say so.
fn primary(image_type: &[String], upright: bool) -> String {
    match image_type {
        [first, second, ..] if second == "SECONDARY" && !upright => format!("{first}\\{second} not axial"),
        [first, second, ..] => format!("{first}\\{second}"),
        _ => "absent".to_owned(),
    }
}

fn calibration(stack: &Stack<'_>) -> Vec<Check> {
    let planes = &stack.planes;
    vec![
        worst("rescale_present", planes, |plane| {
            let positive = plane.frame.rescale_slope.is_some_and(|slope| slope > 0.0);
            let table = plane.instance().pixels.modality_lut_present;
            Some(Observed::Bool(positive && plane.frame.rescale_intercept.is_some() && !table))
        }),
        worst("rescale_type", planes, |plane| word(words::rescale_type(plane.frame.rescale_type.as_deref()))),
        series("lossy", planes.iter().map(lossy_ratio).reduce(f64::max).map(Observed::Number)),
    ]
}

/// Stated compression ratio, else the one of the stored bytes; 1 for lossless images.
fn lossy_ratio(plane: &Plane<'_>) -> f64 {
    let (pixels, location) = (&plane.instance().pixels, &plane.source.location);
    let syntax = location.transfer_syntax_uid.as_str();
    let lossy = pixels.lossy_image_compression == Some(true) || LOSSY_SYNTAXES.contains(&syntax);
    if !lossy {
        return 1.0;
    }
    let stored = plane.instance().pixel_data.map_or(0, |element| location.length.saturating_sub(element.offset)).max(1);
    let samples = u64::from(plane.rows) * u64::from(plane.columns) * u64::from(pixels.number_of_frames.max(1));
    let whole = samples * u64::from(pixels.bits_allocated.unwrap_or(16)) / 8;
    pixels.lossy_image_compression_ratio.unwrap_or(whole as f64 / stored as f64).max(LOSSY_UNKNOWN_RATIO)
}

fn energy(stack: &Stack<'_>) -> Vec<Check> {
    let planes = &stack.planes;
    // The voltage farthest from the reference counts.
    let voltages = planes.iter().filter_map(|plane| plane.frame.technique.kvp_kv);
    let farthest = voltages.reduce(|one, two| if (two - 120.0).abs() > (one - 120.0).abs() { two } else { one });
    let observed = farthest.map(Observed::Number);
    vec![
        Check::against("kvp@vertebra", vertebrae(), observed.clone()),
        Check::against("kvp@organ", organs(), observed),
        series("kvp_unknown", Some(Observed::Bool(farthest.is_none()))),
        worst("spectral_filter", planes, |plane| {
            let technique = &plane.frame.technique;
            let text = |text: &Option<String>| text.clone().unwrap_or_default();
            let instance = plane.instance();
            let (kernel, description, protocol) = (
                text(&technique.convolution_kernel),
                text(&instance.series_description),
                text(&instance.protocol_name),
            );
            let texts = [kernel.as_str(), description.as_str(), protocol.as_str()];
            word(words::spectral_filter(&text(&technique.filter_material), &text(&technique.filter_type), &texts))
        }),
    ]
}

/// Share of slices that are absent at the median spacing (percent of those expected).
fn missing_percent(geometry: &Geometry) -> f64 {
    let median = geometry.slice_spacing_mm;
    let gaps = geometry.positions_mm.windows(2).map(|pair| (pair[1] - pair[0]) / median);
    let missing: f64 = gaps.filter(|&gap| gap >= MISSING_FROM).map(|gap| (gap.round() - 1.0).max(1.0)).sum();
    100.0 * missing / (missing + geometry.shape[0] as f64)
}

fn sampling(stack: &Stack<'_>, geometry: &Geometry) -> Vec<Check> {
    let planes = &stack.planes;
    let thickness = planes.iter().filter_map(|plane| plane.frame.slice_thickness_mm).reduce(f64::max);
    let thinnest = planes.iter().filter_map(|plane| plane.frame.slice_thickness_mm).reduce(f64::min);
    let several = geometry.shape[0] > 1;
    let spacing = several.then_some(geometry.slice_spacing_mm);
    let number = |value: Option<f64>| value.map(Observed::Number);
    let tolerance = UNIFORM_MM.max(UNIFORM_SHARE * geometry.slice_spacing_mm);
    let deviations = geometry.positions_mm.windows(2).map(|pair| (pair[1] - pair[0] - geometry.slice_spacing_mm).abs());
    let consistency = match (stack.others, thickness == thinnest) {
        (_, false) => "mixed_thickness",
        (true, true) => "split",
        (false, true) => "one_stack",
    };
    let widest = geometry.row_spacing_mm.max(geometry.column_spacing_mm);
    let narrowest = geometry.row_spacing_mm.min(geometry.column_spacing_mm);
    vec![
        Check::against("slice_thickness@vertebra", vertebrae(), number(thickness)),
        Check::against("slice_thickness@organ", organs(), number(thickness)),
        series("slice_spacing", number(spacing.zip(thickness).map(|(spacing, thickness)| spacing / thickness))),
        Check::against("slice_spacing@vertebra", vertebrae(), number(spacing)),
        Check::against("slice_spacing@organ", organs(), number(spacing)),
        series("slice_uniform", number(deviations.reduce(f64::max).map(|largest| largest / tolerance))),
        series("slice_missing", number(several.then(|| missing_percent(geometry)))),
        series("slice_duplicate", Some(Observed::Number(stack.duplicates as f64))),
        series("frame_consistent", word(consistency)),
        series("gantry_tilt", Some(Observed::Number(tilt_degrees(planes, geometry)))),
        Check::against("pixel_spacing@vertebra", vertebrae(), number(Some(widest))),
        Check::against("pixel_spacing@organ", organs(), number(Some(widest))),
        series("pixel_spacing@square", number(Some(widest / narrowest))),
        series("patient_position", word(&position(stack))),
        worst("kernel", planes, |plane| {
            let kernel = plane.frame.technique.convolution_kernel.as_deref();
            kernel.and_then(|kernel| word(words::kernel_class(kernel)))
        }),
    ]
}

/// The larger of the shear that positions show and the tilt that the header states.
///
/// Headers state tilts that are none (other units, zero for tilted images), so no tilt past what a gantry can do is
/// believed, and only the geometry refuses.
fn tilt_degrees(planes: &[Plane<'_>], geometry: &Geometry) -> f64 {
    let stated = planes.iter().filter_map(|plane| plane.frame.technique.gantry_tilt_degrees).map(f64::abs);
    let stated = stated.filter(|&degrees| degrees <= GANTRY_DEGREES_MAX);
    let shear = match (geometry.origins_mm.first(), geometry.origins_mm.last()) {
        (Some(first), Some(last)) if geometry.shape[0] > 1 => {
            degrees_between(geometry.normal, std::array::from_fn(|axis| last[axis] - first[axis]))
        }
        _ => 0.0,
    };
    stated.fold(shear, f64::max)
}

/// Stated patient position, else what the directions of rows and columns tell.
fn position(stack: &Stack<'_>) -> String {
    let Some(plane) = stack.planes.first() else { return "unknown".to_owned() };
    if let Some(stated) = &plane.instance().patient_position {
        return stated.clone();
    }
    let text = match (plane.row_direction[0], plane.column_direction[1]) {
        (x, y) if x > 0.7 && y > 0.7 => "supine",
        (x, y) if x < -0.7 && y < -0.7 => "prone",
        _ => "unknown",
    };
    text.to_owned()
}
