//! The picture of a vertebral target: an axial slice through mid-height beside a sagittal plane along the bodies.
//!
//! Input: volume, findings, one target. Output: a finished sheet.
//! Where the level is not located, the pictures show the middle of the spine, or of the scan, and the reason.

use super::canvas::Canvas;
use super::canvas::Pen;
use super::canvas::Rect;
use super::marks;
use super::panel;
use super::place;
use super::sheet;
use super::sheet::CONTENT;
use super::sheet::Entry;
use super::sheet::Heading;
use super::sheet::MARGIN;
use super::vector;
use super::view::View;
use super::view::Window;
use super::wording;
use crate::anatomy::Findings;
use crate::anatomy::Spine;
use crate::anatomy::Vertebra;
use crate::codes::Level;
use crate::measure::Region;
use crate::measure::TargetMeasurement;
use crate::volume::Volume;

/// What a picture of one level looks at.
struct Focus<'a> {
    spine: Option<&'a Spine>,
    vertebra: Option<&'a Vertebra>,
    /// What is shown in place of a level that is not found: the nearest one, or the middle of the spine.
    instead: Option<&'a Vertebra>,
    /// Point in the middle of the target, or of what stands for it (LPS, mm).
    point_mm: [f64; 3],
    /// First and last slice of the measured slab; the shown slice where nothing is measured.
    slab: [usize; 2],
    /// The slice of the axial panel.
    slice: usize,
    public: Option<&'a Region>,
}

/// Draws the picture of one vertebral target.
pub(super) fn picture(volume: &Volume, findings: &Findings, target: &TargetMeasurement, level: Level) -> Canvas {
    let focus = focus(volume, findings, target, level);
    let mut canvas = sheet::sheet(&heading(target));
    // The image of the axial panel is square.
    let side = panel::image_rect(CONTENT).height;
    let axial = Rect { width: side, ..CONTENT };
    let sagittal = Rect { left: axial.right() + MARGIN, width: CONTENT.width - side - MARGIN, ..CONTENT };
    axial_panel(&mut canvas, volume, target, &focus, axial);
    sagittal_panel(&mut canvas, volume, target, &focus, level, sagittal);
    sheet::finish(&mut canvas, &legend(&focus, target), Some(Window::BONE));
    canvas
}

fn heading(target: &TargetMeasurement) -> Heading {
    Heading {
        title: wording::subject(target.term).to_owned(),
        subtitle: format!("{}, mean trabecular attenuation", target.term.name()),
        result: wording::result(target.term, &target.outcome),
        remark: wording::remark(&target.outcome),
        measured: wording::is_measured(&target.outcome),
    }
}

fn focus<'a>(volume: &Volume, findings: &'a Findings, target: &'a TargetMeasurement, level: Level) -> Focus<'a> {
    let spine = findings.spine.as_ref().ok();
    let vertebra = spine.and_then(|spine| place::vertebra(spine, level));
    let public = target.regions.iter().find(|region| region.public);
    let slices = public.map(place::ellipse_slices).unwrap_or_default();
    let instead = spine.filter(|_| vertebra.is_none() && public.is_none()).and_then(|spine| {
        place::nearest_named(spine, level).or_else(|| spine.vertebrae.get(spine.vertebrae.len() / 2))
    });
    let point_mm = (vertebra.or(instead).map(|shown| shown.centre_mm))
        .or_else(|| public.and_then(marks::centre_mm))
        .unwrap_or_else(|| place::middle_mm(volume));
    let nearest = place::slice_at(volume, point_mm);
    let last = volume.geometry.shape[0] - 1;
    let slice = slices.get(slices.len() / 2).copied().unwrap_or(nearest).min(last);
    let slab = match (slices.first(), slices.last()) {
        (Some(&first), Some(&end)) => [first.min(last), end.min(last)],
        _ => [slice, slice],
    };
    Focus { spine, vertebra, instead, point_mm, slab, slice, public }
}

fn axial_panel(canvas: &mut Canvas, volume: &Volume, target: &TargetMeasurement, focus: &Focus<'_>, rect: Rect) {
    let rect = sheet::image_ground(canvas, rect);
    let view = match (focus.vertebra, focus.public) {
        (None, None) => place::body_view(volume, rect, focus.slice),
        (vertebra, _) => {
            // Body and canal together stand in the middle.
            let canal = vertebra.map_or(focus.point_mm, |vertebra| vertebra.canal_mm);
            let centre = vector::along(focus.point_mm, vector::minus(canal, focus.point_mm), 0.4);
            let scale = AXIAL_FIELD_MM / rect.width as f64;
            View::in_slices(volume, rect, place::in_slice(volume, focus.slice, centre), scale)
        }
    };
    view.image(canvas, volume, Window::BONE);
    if let Some(vertebra) = focus.vertebra {
        marks::waist(canvas, &view, vertebra, &sheet::structure_pen());
    }
    for region in &target.regions {
        let pen = if region.public { sheet::public_pen() } else { sheet::supplementary_pen() };
        marks::region(canvas, &view, volume, region, focus.slice, &pen);
    }
    let mut caption = format!("axial, slice {} of {}", focus.slice + 1, volume.geometry.shape[0]);
    if let Some((spine, instead)) = focus.spine.zip(focus.instead) {
        caption.push_str(&format!(", at {}", place::shown_level(spine, instead)));
    }
    panel::dress(canvas, &view, &caption);
}

fn sagittal_panel(
    canvas: &mut Canvas,
    volume: &Volume,
    target: &TargetMeasurement,
    focus: &Focus<'_>,
    level: Level,
    rect: Rect,
) {
    let rect = sheet::image_ground(canvas, rect);
    let located = focus.vertebra.is_some() || focus.public.is_some();
    let curve = focus.spine.and_then(|spine| place::body_course(spine, 0));
    let caption = if curve.is_some() { "sagittal, along the bodies" } else { "sagittal, middle" };
    let [low, high] = place::z_range_mm(volume);
    let height = if located { SAGITTAL_HEIGHT_MM } else { (high - low + 20.0).max(SAGITTAL_HEIGHT_MM) };
    let mut centre = focus.point_mm;
    if !located {
        centre[2] = (low + high) / 2.0;
    }
    let view = View::sagittal(rect, centre, height / rect.height as f64, curve);
    view.image(canvas, volume, Window::BONE);
    let marked = if target.regions.is_empty() { shown_slice_pen() } else { sheet::public_pen() };
    if let Some(spine) = focus.spine {
        marks::course(canvas, &view, &spine.canal_mm, &sheet::canal_pen());
        for vertebra in &spine.vertebrae {
            let own = focus.vertebra.is_some_and(|own| std::ptr::eq(own, vertebra));
            let pen = sheet::structure_pen().faint(if own { 0.95 } else { 0.5 });
            marks::body(canvas, &view, vertebra, false, &pen);
        }
    }
    let half = focus.vertebra.map_or(25.0, |vertebra| vertebra.depth_mm / 2.0 + 2.0);
    let around = if located { focus.point_mm } else { centre };
    let half = if located { half } else { SAGITTAL_HEIGHT_MM };
    marks::slab(canvas, &view, volume, focus.slab, around, half, &marked);
    if let Some(spine) = focus.spine {
        let strong = |vertebra: &Vertebra| {
            (focus.vertebra.is_some() && vertebra.level == Some(level)).then_some(sheet::PUBLIC_REGION)
        };
        marks::level_labels(canvas, &view, spine, false, strong, sheet::TEXT);
    }
    panel::dress(canvas, &view, caption);
}

fn legend(focus: &Focus<'_>, target: &TargetMeasurement) -> Vec<Entry> {
    let mut entries = Vec::new();
    for region in &target.regions {
        let pen = if region.public { sheet::public_pen() } else { sheet::supplementary_pen() };
        entries.push(Entry { pen, text: definition_text(region) });
    }
    if target.regions.is_empty() {
        entries.push(Entry { pen: shown_slice_pen(), text: "slice shown" });
    }
    if focus.vertebra.is_some() {
        entries.push(Entry { pen: sheet::structure_pen(), text: "body as found" });
    }
    if focus.spine.is_some() {
        entries.push(Entry { pen: sheet::canal_pen(), text: "spinal canal" });
    }
    entries
}

fn definition_text(region: &Region) -> &'static str {
    match region.definition {
        "axial200" => "axial200: region of the value",
        "core3d" => "core3d: supplementary region",
        other => other,
    }
}

fn shown_slice_pen() -> Pen {
    Pen::line(sheet::QUIET, 1.4).dashed(8.0, 6.0)
}

/// Side of the axial panel.
const AXIAL_FIELD_MM: f64 = 120.0;
/// Height of the sagittal panel around a located level.
const SAGITTAL_HEIGHT_MM: f64 = 210.0;
