//! `technical_measurements`: regions with geometry and statistics.

use sha2::Digest;
use sha2::Sha256;

use super::Identifiers;
use super::RsifError;
use super::build::Context;
use super::model;
use super::model::Number;
use super::words;
use crate::identity::KeyKind;
use crate::identity::hex;
use crate::measure::NativeMask;
use crate::measure::Part;
use crate::measure::Region;
use crate::measure::RegionType;
use crate::measure::Statistics;
use crate::units;

/// Decimals of unit vectors.
pub(super) const DIRECTION_DECIMALS: u32 = 6;

/// Key of a region: the structure, with the definition as suffix where it is supplementary.
pub(super) fn key(region: &Region) -> Option<String> {
    let words = words::region(region.term)?;
    Some(if region.public { words.key.to_owned() } else { format!("{}_{}", words.key, region.definition) })
}

/// One entry of `technical_measurements`; `None` for a derived term.
pub(super) fn entry(
    context: &Context<'_>,
    region: &Region,
) -> Result<Option<(String, model::TechnicalMeasurement)>, RsifError> {
    let (Some(key), Some(words)) = (key(region), words::region(region.term)) else { return Ok(None) };
    let statistics = statistics(&region.statistics)?;
    let parts: Result<Vec<_>, _> = region.parts.iter().map(|one| part(context, region, one)).collect();
    let entry = model::TechnicalMeasurement {
        parameter: words.parameter,
        mean_hu: statistics.mean,
        unit: "HU",
        label: words.label(context.options.language),
        body_region: words.body_region,
        definition: region.definition,
        role: if region.public { "public" } else { "supplementary" },
        measurement_area: model::MeasurementArea {
            kind: "ROI",
            roi_type: match region.region_type {
                RegionType::EllipseStack => "ellipse_stack",
                RegionType::DiscSet => "disc_set",
                RegionType::Mask => "mask",
            },
            purpose: words.purpose,
            parts: parts?,
        },
        statistics,
    };
    Ok(Some((key, entry)))
}

fn statistics(seen: &Statistics) -> Result<model::Statistics, RsifError> {
    let stored = |value, field| Number::rounded(value, units::LENGTH_DECIMALS, field);
    Ok(model::Statistics {
        mean: Number::rounded(seen.mean_hu, units::MEAN_DECIMALS, "statistics.mean")?,
        standard_deviation: Number::rounded(
            seen.standard_deviation_hu,
            units::DEVIATION_DECIMALS,
            "statistics.standard_deviation",
        )?,
        median: stored(seen.median_hu, "statistics.median")?,
        minimum: stored(seen.minimum_hu, "statistics.minimum")?,
        maximum: stored(seen.maximum_hu, "statistics.maximum")?,
        unit: "HU",
        voxel_count: seen.voxel_count,
        volume: model::Quantity {
            value: Number::rounded(seen.volume_mm3, units::VOLUME_DECIMALS, "statistics.volume")?,
            unit: "mm3",
        },
    })
}

fn part(context: &Context<'_>, region: &Region, part: &Part) -> Result<model::AreaPart, RsifError> {
    match part {
        Part::Ellipse { slice, center_mm, center_pixel, axis_row, axis_column, semi_axes_mm } => {
            let image = image(context, region, *slice)?;
            let center_pixel = Number::lengths(*center_pixel, "center_pixel")?;
            let center = Number::lengths(*center_mm, "center")?;
            if region.region_type == RegionType::DiscSet {
                let radius = Number::rounded(semi_axes_mm[0], units::LENGTH_DECIMALS, "radius")?;
                return Ok(model::AreaPart::Disc { shape: "disc", image, center_pixel, center, radius });
            }
            Ok(model::AreaPart::Ellipse {
                shape: "ellipse",
                image,
                center_pixel,
                center,
                axis_row: Number::vector(*axis_row, DIRECTION_DECIMALS, "axis_row")?,
                axis_column: Number::vector(*axis_column, DIRECTION_DECIMALS, "axis_column")?,
                semi_axes: Number::lengths(*semi_axes_mm, "semi_axes")?,
            })
        }
        Part::Mask { minimum_mm, maximum_mm, voxels } => Ok(model::AreaPart::Mask {
            shape: "mask",
            bounding_box: model::BoundingBox {
                minimum: Number::lengths(*minimum_mm, "bounding_box")?,
                maximum: Number::lengths(*maximum_mm, "bounding_box")?,
            },
            mask_digest: (context.options.identifiers != Identifiers::None).then(|| mask_digest(voxels)),
        }),
    }
}

fn image(context: &Context<'_>, region: &Region, slice: usize) -> Result<model::ImageReference, RsifError> {
    let provenance = context.record.slices.get(slice).ok_or(RsifError::Inconsistent {
        term: region.term.name(),
        problem: "a region lies in a slice that the record does not know",
    })?;
    let uid = provenance.sop_instance_uid.as_str();
    let identifiers = context.options.identifiers;
    Ok(model::ImageReference {
        instance_key: (identifiers != Identifiers::None).then(|| context.secret.key(KeyKind::Instance, uid)),
        sop_instance_uid: (identifiers == Identifiers::Source).then(|| uid.to_owned()),
        instance_number: provenance.instance_number,
        frame: provenance.frame,
    })
}

/// SHA-256 over one byte (0 or 1) per voxel of the bounding box, slice by slice, row by row.
fn mask_digest(voxels: &NativeMask) -> String {
    let bytes: Vec<u8> = voxels.inside.data.iter().map(|&inside| u8::from(inside)).collect();
    format!("sha256:{}", hex(&Sha256::digest(&bytes)))
}
