//! Measurement groups: one per region, and the values derived from them.
//!
//! Source: PS3.16 TID 1410, 1411, 1501, 1419, 1420; PS3.3 C.18.6 (spatial coordinates).

use super::Context;
use super::Operands;
use super::Options;
use super::Refusals;
use super::SrError;
use super::Storage;
use super::context;
use super::item::Content;
use super::item::ImageReference;
use super::item::Item;
use super::item::Relationship;
use super::measured_value;
use crate::codes::Reason;
use crate::codes::Term;
use crate::grid::vector::dot;
use crate::measure::NativeMask;
use crate::measure::Outcome;
use crate::measure::Part;
use crate::measure::Region;
use crate::measure::RegionType;
use crate::measure::Statistics;
use crate::record::Record;
use crate::units;
use crate::volume::Geometry;
use crate::write::concepts;
use crate::write::concepts::Code;
use crate::write::objects::tracking_identifier;
use crate::write::objects::tracking_uid;
use crate::write::seg;

/// Spacings that differ by less (mm) make a disc a circle in pixel coordinates.
const SQUARE_PIXEL_TOLERANCE_MM: f64 = 1e-6;
/// Terms that are derived from others.
const DERIVED: [Term; 2] = [Term::LiverSpleenDiff, Term::LiverSpleenRatio];
/// Decimals of a volume in cm3: those that RSIF has in mm3.
const VOLUME_DECIMALS_CM3: u32 = units::VOLUME_DECIMALS + 3;
/// mm3 in a cm3.
const CUBIC_MM_PER_CUBIC_CM: f64 = 1000.0;

/// The container of all groups.
pub(super) fn imaging_measurements(context: &Context<'_>) -> Result<Item, SrError> {
    let mut children = context::algorithm(context);
    for target in context.record.targets.iter().filter(|target| !DERIVED.contains(&target.term)) {
        match &target.outcome {
            Outcome::Measured { .. } => {
                for region in &target.regions {
                    children.push(group(context, region)?);
                }
            }
            Outcome::NotMeasured { reason, .. } if context.options.refusals == Refusals::Number => {
                children.extend(group_without_value(context.record, target.term, *reason));
            }
            Outcome::NotMeasured { .. } => {}
        }
    }
    Ok(Item::container(concepts::IMAGING_MEASUREMENTS, None, children))
}

/// The container of difference and ratio; `None` where neither stands in it.
pub(super) fn derived_measurements(context: &Context<'_>) -> Option<Item> {
    let mut numbers = Vec::new();
    for term in DERIVED {
        let Some(target) = context.record.targets.iter().find(|target| target.term == term) else { continue };
        match &target.outcome {
            Outcome::Measured { value, .. } => numbers.push(derived(context, term, *value)),
            Outcome::NotMeasured { reason, .. } if context.options.refusals == Refusals::Number => {
                let content = Content::NoNumber(concepts::qualifier(*reason));
                let number = Item::new(Relationship::Contains, concepts::quantity(term), content);
                numbers.push(number.with(vec![public_name(term)]));
            }
            Outcome::NotMeasured { .. } => {}
        }
    }
    if numbers.is_empty() {
        return None;
    }
    let mut children = context::algorithm(context);
    children.extend(numbers);
    Some(Item::container(concepts::DERIVED_IMAGING_MEASUREMENTS, None, children))
}

/// Difference or ratio with its operands (TID 1420).
fn derived(context: &Context<'_>, term: Term, value: f64) -> Item {
    let (decimals, unit) = match term {
        Term::LiverSpleenRatio => (units::RATIO_DECIMALS, concepts::RATIO),
        _ => (units::MEAN_DECIMALS, concepts::HOUNSFIELD_UNIT),
    };
    let content = Content::Number(units::round(value, decimals), unit);
    let Options { operands, storage, .. } = context.options;
    let by_reference = *operands == Operands::ByReference && *storage != Storage::Enhanced;
    let mut children = vec![public_name(term)];
    for operand in [Term::LiverHu, Term::SpleenHu] {
        let Some(value) = measured_value(context.record, operand) else { continue };
        children.push(if by_reference {
            Item::unnamed(Relationship::InferredFrom, Content::Reference(operand))
        } else {
            Item { relationship: Relationship::InferredFrom, ..mean(value, Some(operand)) }
        });
    }
    Item::new(Relationship::Contains, concepts::quantity(term), content).with(children)
}

/// The public parameter name (TID 1419 row 18).
fn public_name(term: Term) -> Item {
    let name = Content::Text(term.name().to_owned());
    Item::new(Relationship::HasConceptModifier, concepts::EQUIVALENT_MEANING, name)
}

fn attenuation(value: f64, decimals: u32, derivation: Code) -> Item {
    let content = Content::Number(units::round(value, decimals), concepts::HOUNSFIELD_UNIT);
    let derivation = Item::new(Relationship::HasConceptModifier, concepts::DERIVATION, Content::Code(derivation));
    Item::new(Relationship::Contains, concepts::ATTENUATION_COEFFICIENT, content).with(vec![derivation])
}

fn mean(value: f64, public: Option<Term>) -> Item {
    let item = attenuation(value, units::MEAN_DECIMALS, concepts::MEAN);
    item.with(public.map(public_name).into_iter().collect())
}

/// Mean, median, SD, minimum, maximum, with the digits of RSIF.
fn statistics(seen: &Statistics, public: Option<Term>) -> Vec<Item> {
    let first = mean(seen.mean_hu, public);
    vec![
        match public {
            Some(term) => first.anchored(term),
            None => first,
        },
        attenuation(seen.median_hu, units::LENGTH_DECIMALS, concepts::MEDIAN),
        attenuation(seen.standard_deviation_hu, units::DEVIATION_DECIMALS, concepts::STANDARD_DEVIATION),
        attenuation(seen.minimum_hu, units::LENGTH_DECIMALS, concepts::MINIMUM),
        attenuation(seen.maximum_hu, units::LENGTH_DECIMALS, concepts::MAXIMUM),
    ]
}

/// Tracking, finding, method and site: the beginning of every group.
fn identification(record: &Record, term: Term, definition: Option<&str>, site: Code) -> Vec<Item> {
    let context = Relationship::HasObservationContext;
    let identifier =
        definition.map_or_else(|| term.name().to_owned(), |definition| tracking_identifier(term, definition));
    let uid = tracking_uid(record, term, definition.unwrap_or("none"));
    let method = definition.and_then(|definition| concepts::method(term, definition));
    let mut finding_site = Item::new(Relationship::HasConceptModifier, concepts::FINDING_SITE, Content::Code(site));
    if definition == Some("axial200") {
        let anterior = Content::Code(concepts::ANTERIOR);
        let modifier = Item::new(Relationship::HasConceptModifier, concepts::TOPOGRAPHICAL_MODIFIER, anterior);
        finding_site = finding_site.with(vec![modifier]);
    }
    let mut items = vec![
        Item::new(context, concepts::TRACKING_IDENTIFIER, Content::Text(identifier)),
        Item::new(context, concepts::TRACKING_UNIQUE_IDENTIFIER, Content::UidReference(uid)),
        Item::new(Relationship::Contains, concepts::FINDING, Content::Code(site)),
    ];
    items.extend(method.map(|method| {
        Item::new(Relationship::HasConceptModifier, concepts::MEASUREMENT_METHOD, Content::Code(method))
    }));
    items.push(finding_site);
    items
}

/// The group of one region. Its template says how the region is given: one ellipse (1410), ellipses or a segment (1411),
/// or, where there is no segmentation, not at all (1501).
fn group(context: &Context<'_>, region: &Region) -> Result<Item, SrError> {
    let term = region.term;
    let inconsistent = |problem| SrError::Inconsistent { term: term.name(), problem };
    let site = concepts::anatomy(term).ok_or(inconsistent("a derived parameter has a region"))?;
    concepts::method(term, region.definition).ok_or(inconsistent("the definition has no code"))?;
    let record = context.record;
    let geometry = record.geometry.as_ref().ok_or(inconsistent("a region without a geometry"))?;
    let single = matches!(region.parts.as_slice(), [Part::Ellipse { .. }]);
    let mut items = identification(record, term, Some(region.definition), site);
    items.push(size(&region.statistics, geometry, single));
    items.extend(statistics(&region.statistics, region.public.then_some(term)));
    let mut template = if single { "1410" } else { "1411" };
    for part in &region.parts {
        match part {
            Part::Ellipse { .. } => items.push(ellipse(record, geometry, region, part)?),
            Part::Mask { voxels, .. } => match segment(context, region) {
                Some(segment) => items.extend(segment),
                None => {
                    template = "1501";
                    items.extend(sources(record, voxels));
                }
            },
        }
    }
    Ok(Item::container(concepts::MEASUREMENT_GROUP, Some(template), items))
}

/// Area of a region in one slice, volume of any other.
fn size(seen: &Statistics, geometry: &Geometry, single: bool) -> Item {
    let (name, content) = if single {
        let pixel_mm2 = geometry.row_spacing_mm * geometry.column_spacing_mm;
        let area_mm2 = units::round(seen.voxel_count as f64 * pixel_mm2, units::VOLUME_DECIMALS);
        (concepts::AREA, Content::Number(area_mm2, concepts::SQUARE_MILLIMETER))
    } else {
        let volume_mm3 = units::round(seen.volume_mm3, units::VOLUME_DECIMALS);
        let volume_cm3 = units::round(volume_mm3 / CUBIC_MM_PER_CUBIC_CM, VOLUME_DECIMALS_CM3);
        (concepts::VOLUME, Content::Number(volume_cm3, concepts::CUBIC_CENTIMETER))
    };
    Item::new(Relationship::Contains, name, content)
}

/// An ellipse on its image: both ends of the major axis, then of the minor one; or a circle: centre and one point.
fn ellipse(record: &Record, geometry: &Geometry, region: &Region, part: &Part) -> Result<Item, SrError> {
    let Part::Ellipse { slice, center_pixel, axis_row, axis_column, semi_axes_mm, .. } = part else {
        return Err(SrError::Inconsistent { term: region.term.name(), problem: "a part is no ellipse" });
    };
    let slice = record.slices.get(*slice).ok_or(SrError::Inconsistent {
        term: region.term.name(),
        problem: "a region lies in a slice that the record does not know",
    })?;
    let center = center_pixel.map(|coordinate| coordinate + 0.5);
    let step = |axis: [f64; 3], length_mm: f64| {
        [
            dot(axis, geometry.row_direction) * length_mm / geometry.column_spacing_mm,
            dot(axis, geometry.column_direction) * length_mm / geometry.row_spacing_mm,
        ]
    };
    let square = (geometry.row_spacing_mm - geometry.column_spacing_mm).abs() < SQUARE_PIXEL_TOLERANCE_MM;
    let mut steps = [step(*axis_row, semi_axes_mm[0]), step(*axis_column, semi_axes_mm[1])];
    if steps[1][0].hypot(steps[1][1]) > steps[0][0].hypot(steps[0][1]) {
        steps.swap(0, 1);
    }
    let end = |step: [f64; 2], sign: f64| [center[0] + sign * step[0], center[1] + sign * step[1]];
    let (graphic, points) = if region.region_type == RegionType::DiscSet && square {
        ("CIRCLE", vec![center, end(steps[0], 1.0)])
    } else {
        let ends = steps.into_iter().flat_map(|step| [end(step, -1.0), end(step, 1.0)]);
        ("ELLIPSE", ends.collect())
    };
    let points = points.into_iter().flatten().map(|coordinate| coordinate as f32).collect();
    let image = Content::Image(context::image_of(record, slice));
    let region = Item::new(Relationship::Contains, concepts::IMAGE_REGION, Content::Coordinates(graphic, points));
    Ok(region.with(vec![Item::unnamed(Relationship::SelectedFrom, image)]))
}

/// The segment of a mask region and the series that it was drawn on.
fn segment(context: &Context<'_>, region: &Region) -> Option<[Item; 2]> {
    let seg = context.segmentation?;
    let number = seg.segment(region.term, region.definition)?;
    let image = ImageReference {
        class: seg::SOP_CLASS_UID.to_owned(),
        instance: seg.sop_instance_uid.clone(),
        frame: None,
        segment: Some(number),
    };
    let series = Content::UidReference(context.record.source.series_instance_uid.clone());
    Some([
        Item::new(Relationship::Contains, concepts::REFERENCED_SEGMENT, Content::Image(image)),
        Item::new(Relationship::Contains, concepts::SOURCE_SERIES, series),
    ])
}

/// The images that a mask lies in.
fn sources(record: &Record, voxels: &NativeMask) -> Vec<Item> {
    let first = voxels.first[0];
    let slices = record.slices.iter().skip(first).take(voxels.inside.shape[0]);
    let image = |slice| {
        let content = Content::Image(context::image_of(record, slice));
        Item::new(Relationship::Contains, concepts::SOURCE_OF_MEASUREMENT, content)
    };
    slices.map(image).collect()
}

/// A group that says why there is no number.
fn group_without_value(record: &Record, term: Term, reason: Reason) -> Option<Item> {
    let mut items = identification(record, term, None, concepts::anatomy(term)?);
    let content = Content::NoNumber(concepts::qualifier(reason));
    let derivation = Item::new(Relationship::HasConceptModifier, concepts::DERIVATION, Content::Code(concepts::MEAN));
    let number = Item::new(Relationship::Contains, concepts::ATTENUATION_COEFFICIENT, content);
    items.push(number.with(vec![derivation, public_name(term)]));
    Some(Item::container(concepts::MEASUREMENT_GROUP, Some("1501"), items))
}
