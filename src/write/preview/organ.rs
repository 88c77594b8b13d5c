//! The picture of an organ target: the slice of the largest core area, and a small panel per disc.
//!
//! Input: volume, findings, one target. Output: a finished sheet.
//! Where there is no core, the largest section of the organ as found is shown, else the middle slice, with the reason.

use super::canvas::Canvas;
use super::canvas::Rect;
use super::marks;
use super::panel;
use super::place;
use super::sheet;
use super::sheet::CONTENT;
use super::sheet::Entry;
use super::sheet::Heading;
use super::sheet::MARGIN;
use super::view::View;
use super::view::Window;
use super::wording;
use crate::anatomy::Findings;
use crate::anatomy::Organ;
use crate::codes::Term;
use crate::measure::Part;
use crate::measure::Region;
use crate::measure::TargetMeasurement;
use crate::volume::Volume;

/// A disc of a region: its part in the middle slice of its slab.
struct Disc<'a> {
    part: &'a Part,
    slice: usize,
    center_mm: [f64; 3],
}

/// Draws the picture of one organ target.
pub(super) fn picture(volume: &Volume, findings: &Findings, target: &TargetMeasurement) -> Canvas {
    let organ = if target.term == Term::LiverHu { &findings.liver } else { &findings.spleen }.as_ref().ok();
    let mut canvas = sheet::sheet(&heading(target));
    let discs = discs(target);
    let main = if discs.is_empty() { CONTENT } else { Rect { width: CONTENT.width - DISC_COLUMN - MARGIN, ..CONTENT } };
    main_panel(&mut canvas, volume, target, organ, main);
    for (number, disc) in discs.iter().enumerate() {
        disc_panel(&mut canvas, volume, target, disc, number, discs.len());
    }
    sheet::finish(&mut canvas, &legend(target, organ.is_some()), Some(Window::SOFT_TISSUE));
    canvas
}

fn heading(target: &TargetMeasurement) -> Heading {
    Heading {
        title: wording::subject(target.term).to_owned(),
        subtitle: format!("{}, mean attenuation", target.term.name()),
        result: wording::result(target.term, &target.outcome),
        remark: wording::remark(&target.outcome),
        measured: wording::is_measured(&target.outcome),
    }
}

fn main_panel(canvas: &mut Canvas, volume: &Volume, target: &TargetMeasurement, organ: Option<&Organ>, rect: Rect) {
    let rect = sheet::image_ground(canvas, rect);
    let k = shown_slice(volume, target, organ);
    let view = place::body_view(volume, rect, k);
    view.image(canvas, volume, Window::SOFT_TISSUE);
    if let Some(organ) = organ {
        marks::patient_mask(canvas, &view, &organ.mask, &sheet::structure_pen());
    }
    for region in target.regions.iter().rev() {
        let pen = if region.public { sheet::public_pen() } else { sheet::supplementary_pen() };
        marks::region(canvas, &view, volume, region, k, &pen);
    }
    panel::dress(canvas, &view, &format!("axial, slice {} of {}", k + 1, volume.geometry.shape[0]));
}

/// The slice of the largest core area; without a core that of the largest section of the organ; else the middle one.
fn shown_slice(volume: &Volume, target: &TargetMeasurement, organ: Option<&Organ>) -> usize {
    let last = volume.geometry.shape[0] - 1;
    let public = target.regions.iter().find(|region| region.public).or(target.regions.first());
    let core = public.and_then(|region| place::masks(region).next()).and_then(place::largest_native_slice);
    let disc = || public.map(place::ellipse_slices).and_then(|slices| slices.get(slices.len() / 2).copied());
    let section = || {
        let organ = organ?;
        let centre = place::largest_patient_section(&organ.mask)?;
        Some(place::slice_at(volume, centre))
    };
    core.or_else(disc).or_else(section).unwrap_or(last / 2).min(last)
}

fn discs(target: &TargetMeasurement) -> Vec<Disc<'_>> {
    let mut discs: Vec<Vec<&Part>> = Vec::new();
    for part in target.regions.iter().filter(|region| region.definition == "discs3").flat_map(|region| &region.parts) {
        let same = |other: &&Part| same_disc(part, other);
        match discs.iter_mut().find(|disc| disc.iter().any(same)) {
            Some(disc) => disc.push(part),
            None => discs.push(vec![part]),
        }
    }
    discs.iter().filter_map(|parts| disc(parts[parts.len() / 2])).take(DISCS_MAX).collect()
}

fn disc(part: &Part) -> Option<Disc<'_>> {
    match part {
        Part::Ellipse { slice, center_mm, .. } => Some(Disc { part, slice: *slice, center_mm: *center_mm }),
        Part::Mask { .. } => None,
    }
}

/// Ellipses at the same place of neighbouring slices are one disc.
fn same_disc(first: &Part, second: &Part) -> bool {
    match (first, second) {
        (Part::Ellipse { slice: a, center_pixel: p, .. }, Part::Ellipse { slice: b, center_pixel: q, .. }) => {
            a.abs_diff(*b) == 1 && (p[0] - q[0]).abs() < 1.0 && (p[1] - q[1]).abs() < 1.0
        }
        _ => false,
    }
}

fn disc_panel(
    canvas: &mut Canvas,
    volume: &Volume,
    target: &TargetMeasurement,
    disc: &Disc<'_>,
    number: usize,
    count: usize,
) {
    let height = (CONTENT.height - (count - 1) * MARGIN) / count;
    let left = CONTENT.right() - DISC_COLUMN;
    let rect = Rect {
        left,
        top: CONTENT.top + number * (height + MARGIN),
        width: DISC_COLUMN,
        height: height.min(DISC_COLUMN),
    };
    let rect = sheet::image_ground(canvas, rect);
    let k = disc.slice.min(volume.geometry.shape[0] - 1);
    let centre = place::in_slice(volume, k, disc.center_mm);
    let view = View::in_slices(volume, rect, centre, DISC_FIELD_MM / rect.width as f64);
    view.image(canvas, volume, Window::SOFT_TISSUE);
    for region in target.regions.iter().filter(|region| !is_discs(region)) {
        let pen = if region.public { sheet::public_pen() } else { sheet::supplementary_pen() };
        marks::region(canvas, &view, volume, region, k, &pen);
    }
    marks::ellipse(canvas, &view, disc.part, &sheet::supplementary_pen());
    panel::dress(canvas, &view, &format!("disc {}, slice {}", number + 1, k + 1));
}

fn is_discs(region: &Region) -> bool {
    region.definition == "discs3"
}

fn legend(target: &TargetMeasurement, found: bool) -> Vec<Entry> {
    let mut entries = Vec::new();
    for region in &target.regions {
        let pen = if region.public { sheet::public_pen() } else { sheet::supplementary_pen() };
        let text = match region.definition {
            "core" => "core: region of the value",
            "discs3" => "discs3: supplementary region",
            other => other,
        };
        entries.push(Entry { pen, text });
    }
    if found {
        entries.push(Entry { pen: sheet::structure_pen(), text: "organ as found (incomplete on purpose)" });
    }
    entries
}

/// Width of the column of disc panels in pixels.
const DISC_COLUMN: usize = 236;
/// Width of a disc panel.
const DISC_FIELD_MM: f64 = 90.0;
/// Panels that fit into the column.
const DISCS_MAX: usize = 3;
