//! The findings as JSON text.

use serde_json::Value;
use serde_json::json;

use crate::anatomy::Absence;
use crate::anatomy::Certainty;
use crate::anatomy::Endplate;
use crate::anatomy::Findings;
use crate::anatomy::NumberingBasis;
use crate::anatomy::Organ;
use crate::anatomy::Outline;
use crate::anatomy::Spine;
use crate::anatomy::Vertebra;
use crate::codes::Level;
use crate::units;

/// The findings as indented JSON with a final newline.
pub(super) fn text(findings: &Findings) -> Vec<u8> {
    let phase = &findings.phase;
    let reference = &findings.reference;
    let value = json!({
        "spine": found(&findings.spine, spine),
        "liver": found(&findings.liver, organ),
        "spleen": found(&findings.spleen, organ),
        "phase": {
            "name": phase.phase.name(),
            "rule": phase.rule,
            "aorta_hu": phase.aorta_hu.map(number),
            "kidney_hu": phase.kidney_hu.map(number),
            "aorta_mm": phase.aorta_mm.iter().map(point).collect::<Vec<_>>(),
            "flags": phase.flags,
        },
        "reference": {
            "air_hu": reference.air_hu.map(number),
            "fat_hu": reference.fat_hu.map(number),
            "soft_hu": reference.soft_hu.map(number),
            "noise_sd_hu": reference.noise_sd_hu.map(number),
        },
    });
    format!("{value:#}\n").into_bytes()
}

fn found<T>(finding: &Result<T, Absence>, describe: impl Fn(&T) -> Value) -> Value {
    match finding {
        Ok(structure) => describe(structure),
        Err(absence) => json!({"absent": absence.reason.name(), "detail": absence.detail}),
    }
}

fn spine(spine: &Spine) -> Value {
    let numbering = &spine.numbering;
    let certainty = match numbering.certainty {
        Certainty::Certain => "certain",
        Certainty::Probable => "probable",
        Certainty::Ambiguous => "ambiguous",
    };
    let basis = match numbering.basis {
        NumberingBasis::Ribs => "ribs",
        NumberingBasis::SacrumCount => "sacrum_count",
        NumberingBasis::None => "none",
    };
    json!({
        "canal_score": number(spine.canal_score),
        "numbering": {
            "certainty": certainty,
            "basis": basis,
            "evidence": numbering.evidence,
            "doubts": numbering.doubts,
            "sacrum": numbering.sacrum,
        },
        "vertebrae": spine.vertebrae.iter().map(vertebra).collect::<Vec<_>>(),
        "canal_mm": spine.canal_mm.iter().map(point).collect::<Vec<_>>(),
    })
}

fn vertebra(vertebra: &Vertebra) -> Value {
    json!({
        "level": vertebra.level.and_then(Level::name),
        "centre_mm": point(&vertebra.centre_mm),
        "canal_mm": point(&vertebra.canal_mm),
        "axis": point(&vertebra.axis),
        "left": point(&vertebra.left),
        "anterior": point(&vertebra.anterior),
        "lateral_offset_mm": number(vertebra.lateral_offset_mm),
        "posterior_wall_mm": number(vertebra.posterior_wall_mm),
        "depth_mm": number(vertebra.depth_mm),
        "width_mm": number(vertebra.width_mm),
        "waist": outline(&vertebra.waist),
        "endplates": vertebra.endplates.iter().map(endplate).collect::<Vec<_>>(),
        "height_mm": number(vertebra.height_mm),
        "in_view": vertebra.in_view,
        "partition_agreement": number(vertebra.partition_agreement),
        "rib_lengths_mm": {"right": number(vertebra.rib_lengths_mm[0]), "left": number(vertebra.rib_lengths_mm[1])},
    })
}

fn outline(outline: &Outline) -> Value {
    json!({
        "lateral_offset_mm": number(outline.lateral_offset_mm),
        "posterior_wall_mm": number(outline.posterior_wall_mm),
        "depth_mm": number(outline.depth_mm),
        "width_mm": number(outline.width_mm),
        "support_hu": number(outline.support_hu),
    })
}

fn endplate(endplate: &Endplate) -> Value {
    json!({
        "height_mm": number(endplate.height_mm),
        "anterior_slope": number(endplate.anterior_slope),
        "left_slope": number(endplate.left_slope),
    })
}

fn organ(organ: &Organ) -> Value {
    let voxels = organ.mask.grid.data.iter().filter(|&&set| set).count();
    let voxel_ml = organ.mask.spacing_mm.powi(3) / 1000.0;
    let evidence: serde_json::Map<String, Value> =
        organ.evidence.iter().map(|&(name, value)| (name.to_owned(), number(value))).collect();
    json!({
        "mode_hu": number(organ.mode_hu),
        "mask_ml": number(voxels as f64 * voxel_ml),
        "mask_origin_mm": point(&organ.mask.origin_mm),
        "mask_shape": organ.mask.grid.shape,
        "mask_spacing_mm": number(organ.mask.spacing_mm),
        "cut_caudal": organ.cut_caudal,
        "cut_cranial": organ.cut_cranial,
        "flags": organ.flags,
        "evidence": evidence,
    })
}

fn number(value: f64) -> Value {
    json!(units::round(value, units::LENGTH_DECIMALS))
}

fn point(point: &[f64; 3]) -> Value {
    json!(point.map(|value| units::round(value, units::LENGTH_DECIMALS)))
}
