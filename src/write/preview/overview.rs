//! Pictures of the whole series: coronal overview, sagittal levels, and the card for a series without a volume.
//!
//! Input: volume, findings, all targets. Output: finished sheets.

use super::canvas::Canvas;
use super::canvas::Pen;
use super::canvas::Rect;
use super::contour::contour;
use super::contour::shadow;
use super::contour::shadow_membership;
use super::font::Align;
use super::font::Style;
use super::font::draw;
use super::font::wrapped;
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
use crate::anatomy::Absence;
use crate::anatomy::Certainty;
use crate::anatomy::Findings;
use crate::anatomy::NumberingBasis;
use crate::anatomy::Organ;
use crate::anatomy::Spine;
use crate::anatomy::Vertebra;
use crate::codes::Level;
use crate::grid::PatientGrid;
use crate::measure::TargetMeasurement;
use crate::volume::Volume;

/// Coronal overview with all levels and organs, and the list of results.
pub(super) fn overview(volume: &Volume, findings: &Findings, targets: &[&TargetMeasurement]) -> Canvas {
    let mut canvas = sheet::sheet(&Heading {
        title: "Overview".to_owned(),
        subtitle: "CT attenuation, all requested parameters".to_owned(),
        result: measured_count(targets),
        remark: format!("contrast phase: {}", findings.phase.phase.name()),
        measured: true,
    });
    let list = Rect { left: CONTENT.right() - LIST_WIDTH, width: LIST_WIDTH, ..CONTENT };
    let rect = Rect { width: CONTENT.width - LIST_WIDTH - MARGIN, ..CONTENT };
    let rect = sheet::image_ground(&mut canvas, rect);
    let spine = findings.spine.as_ref().ok();
    let view = coronal_view(volume, spine, rect);
    // A mean through the depth shows organs and spine at once; a single plane would miss one of them.
    view.mean_image(&mut canvas, volume, Window::MEAN, OVERVIEW_DEPTH_MM);
    organ_shadow(&mut canvas, &view, &findings.liver, &liver_pen(), "Liver");
    organ_shadow(&mut canvas, &view, &findings.spleen, &spleen_pen(), "Spleen");
    if let Some(spine) = spine {
        spine_marks(&mut canvas, &view, spine, true, targets);
    }
    panel::dress(&mut canvas, &view, "coronal, mean through the depth");
    results(&mut canvas, targets, list);
    let mut legend = Vec::new();
    if spine.is_some() {
        legend.push(Entry { pen: sheet::structure_pen(), text: "vertebral bodies as found" });
    }
    if findings.liver.is_ok() {
        legend.push(Entry { pen: liver_pen(), text: "liver as found, seen through" });
    }
    if findings.spleen.is_ok() {
        legend.push(Entry { pen: spleen_pen(), text: "spleen as found, seen through" });
    }
    sheet::finish(&mut canvas, &legend, Some(Window::MEAN));
    canvas
}

/// Sagittal and coronal planes along the spine with all levels and the measured slabs.
pub(super) fn levels(volume: &Volume, spine: &Spine, targets: &[&TargetMeasurement]) -> Canvas {
    let mut canvas = sheet::sheet(&Heading {
        title: "Vertebral levels".to_owned(),
        subtitle: basis_text(spine),
        result: certainty_text(spine).to_owned(),
        remark: evidence_text(spine),
        measured: spine.numbering.certainty != Certainty::Ambiguous,
    });
    let half = (CONTENT.width - MARGIN) / 2;
    let left = Rect { width: half, ..CONTENT };
    let right = Rect { left: CONTENT.right() - half, width: half, ..CONTENT };
    for (rect, sideways) in [(left, false), (right, true)] {
        let rect = sheet::image_ground(&mut canvas, rect);
        let view = spine_view(volume, spine, rect, sideways);
        view.image(&mut canvas, volume, Window::BONE);
        marks::course(&mut canvas, &view, &spine.canal_mm, &sheet::canal_pen());
        for target in targets.iter().filter(|target| wording::level(target.term).is_some()) {
            slabs(&mut canvas, &view, volume, spine, target);
        }
        spine_marks(&mut canvas, &view, spine, sideways, targets);
        let plane = if sideways { "coronal" } else { "sagittal" };
        panel::dress(&mut canvas, &view, &format!("{plane}, along the bodies"));
    }
    let legend = [
        Entry { pen: sheet::public_pen(), text: "axial200: measured slab" },
        Entry { pen: sheet::structure_pen(), text: "vertebral bodies as found" },
        Entry { pen: sheet::canal_pen(), text: "spinal canal" },
    ];
    sheet::finish(&mut canvas, &legend, Some(Window::BONE));
    canvas
}

/// A plain card: the targets and their reasons, no image.
pub(super) fn card(targets: &[&TargetMeasurement]) -> Canvas {
    let mut canvas = sheet::sheet(&Heading {
        title: "No image volume".to_owned(),
        subtitle: "The series has no stack of slices that can be measured.".to_owned(),
        result: measured_count(targets),
        remark: String::new(),
        measured: false,
    });
    results(&mut canvas, targets, CONTENT);
    sheet::finish(&mut canvas, &[], None);
    canvas
}

fn measured_count(targets: &[&TargetMeasurement]) -> String {
    let measured = targets.iter().filter(|target| wording::is_measured(&target.outcome)).count();
    format!("{measured} of {} measured", targets.len())
}

/// The list of results: name, value, flags or reason.
fn results(canvas: &mut Canvas, targets: &[&TargetMeasurement], rect: Rect) {
    for (row, target) in targets.iter().take(rect.height / RESULT_ROW).enumerate() {
        let place = Rect { top: rect.top + row * RESULT_ROW, height: RESULT_ROW - 2, ..rect };
        let (left, right) = (place.left as f64 + 4.0, place.right() as f64 - 4.0);
        let top = place.top as f64;
        let measured = wording::is_measured(&target.outcome);
        let colour = if measured { sheet::TEXT } else { sheet::QUIET };
        let result = wording::result(target.term, &target.outcome);
        draw(
            canvas,
            wording::subject(target.term),
            [left, top + 20.0],
            Align::Left,
            &Style::plain(11.0, sheet::TEXT),
            place,
        );
        draw(canvas, &result, [right, top + 20.0], Align::Right, &Style::bold(12.0, colour), place);
        let remark = format!("{}  {}", target.term.name(), wording::remark(&target.outcome));
        for (line, text) in wrapped(&remark, 8.5, place.width as f64 - 12.0, 2).iter().enumerate() {
            let baseline = top + 38.0 + 14.0 * line as f64;
            draw(canvas, text, [left, baseline], Align::Left, &Style::plain(8.5, sheet::QUIET), place);
        }
        let line = vec![[place.left as f64, top + 61.0], [right, top + 61.0]];
        let pen = Pen { rim: 0.0, ..Pen::line(sheet::PANEL_EDGE, 1.0) };
        canvas.stroke(&[line], &pen, place);
    }
}

/// Bodies and labels; measured levels stand out.
fn spine_marks(canvas: &mut Canvas, view: &View, spine: &Spine, sideways: bool, targets: &[&TargetMeasurement]) {
    for vertebra in &spine.vertebrae {
        marks::body(canvas, view, vertebra, sideways, &sheet::structure_pen());
    }
    let strong = |vertebra: &Vertebra| {
        let term =
            vertebra.level.and_then(Level::term).filter(|_| spine.numbering.certainty != Certainty::Ambiguous)?;
        let measured = |target: &&TargetMeasurement| target.term == term && wording::is_measured(&target.outcome);
        targets.iter().any(measured).then_some(sheet::PUBLIC_REGION)
    };
    marks::level_labels(canvas, view, spine, sideways, strong, sheet::TEXT);
}

fn slabs(canvas: &mut Canvas, view: &View, volume: &Volume, spine: &Spine, target: &TargetMeasurement) {
    let Some(region) = target.regions.iter().find(|region| region.public) else { return };
    let last = volume.geometry.shape[0] - 1;
    let slices = place::ellipse_slices(region);
    // Centred on the body, not on the region, which lies in its front half.
    let body = wording::level(target.term).and_then(|level| place::vertebra(spine, level));
    let centre = body.map(|vertebra| vertebra.centre_mm).or_else(|| marks::centre_mm(region));
    if let (Some(&first), Some(&end), Some(centre)) = (slices.first(), slices.last(), centre) {
        let half = body.map_or(SLAB_HALF_MM, |vertebra| vertebra.depth_mm / 2.0);
        marks::slab(canvas, view, volume, [first.min(last), end.min(last)], centre, half, &sheet::public_pen());
    }
}

fn organ_shadow(canvas: &mut Canvas, view: &View, organ: &Result<Organ, Absence>, pen: &Pen, name: &str) {
    let Ok(organ) = organ else { return };
    let shadow: PatientGrid<bool> = shadow(&organ.mask);
    let lines = contour(view, |point| shadow_membership(&shadow, point));
    canvas.stroke(&lines, pen, view.rect);
    if let Some(centre) = place::largest_patient_section(&organ.mask) {
        let style = Style::on_picture(11.0, pen.colour);
        draw(canvas, name, view.pixel(centre), Align::Centre, &style, view.rect);
    }
}

/// The whole scan from the front.
pub(super) fn coronal_view(volume: &Volume, spine: Option<&Spine>, rect: Rect) -> View {
    let [low, high] = place::z_range_mm(volume);
    let body = place::body_view(volume, rect, volume.geometry.shape[0] / 2);
    let mut centre = body.centre_mm;
    centre[2] = (low + high) / 2.0;
    let width = body.mm_per_pixel * rect.width as f64;
    let scale = place::scale_for(rect, width.min(WIDEST_BODY_MM), high - low + 2.0 * RIM_MM);
    View::coronal(rect, centre, scale, spine.and_then(|spine| place::body_course(spine, 1)))
}

/// The spine as far as it is tracked.
pub(super) fn spine_view(volume: &Volume, spine: &Spine, rect: Rect, sideways: bool) -> View {
    let canal = || spine.canal_mm.iter();
    let bodies = || spine.vertebrae.iter().map(|vertebra| &vertebra.centre_mm);
    let range = |axis: usize| {
        let values = || canal().chain(bodies()).map(move |point| point[axis]);
        [values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max)]
    };
    let middle = place::middle_mm(volume);
    let mut centre = middle;
    for (axis, value) in centre.iter_mut().enumerate() {
        let [low, high] = range(axis);
        if low <= high {
            *value = (low + high) / 2.0;
        }
    }
    let [scan_low, scan_high] = place::z_range_mm(volume);
    let [low, high] = range(2);
    let [low, high] = if low <= high { [low, high] } else { [scan_low, scan_high] };
    let height = (high - low + 40.0).min(scan_high - scan_low + 2.0 * RIM_MM).max(SHORTEST_VIEW_MM);
    let scale = height / rect.height as f64;
    let axis = usize::from(sideways);
    let curve = place::body_course(spine, axis);
    if sideways { View::coronal(rect, centre, scale, curve) } else { View::sagittal(rect, centre, scale, curve) }
}

pub(super) fn basis_text(spine: &Spine) -> String {
    let basis = match spine.numbering.basis {
        NumberingBasis::Ribs => "named by the last rib-bearing vertebra",
        NumberingBasis::SacrumCount => "named by counting from the sacrum",
        NumberingBasis::None => "nothing to count from",
    };
    format!("{} vertebrae, {basis}", spine.vertebrae.len())
}

pub(super) fn certainty_text(spine: &Spine) -> &'static str {
    match spine.numbering.certainty {
        Certainty::Certain => "names certain",
        Certainty::Probable => "names probable",
        Certainty::Ambiguous => "names not given",
    }
}

pub(super) fn evidence_text(spine: &Spine) -> String {
    let words: Vec<&str> = spine.numbering.evidence.iter().chain(&spine.numbering.doubts).copied().collect();
    words.join(", ")
}

fn liver_pen() -> Pen {
    Pen::line([230, 159, 0], 1.8)
}

fn spleen_pen() -> Pen {
    Pen::line([86, 180, 233], 1.8)
}

/// Depth of the overview before and behind the vertebral bodies: liver and spleen lie mostly in it.
const OVERVIEW_DEPTH_MM: [f64; 2] = [75.0, 15.0];
/// Width of the list of results in pixels.
const LIST_WIDTH: usize = 330;
/// Height of a row of the list in pixels.
const RESULT_ROW: usize = 68;
/// Half the length of a slab mark where no body tells it.
const SLAB_HALF_MM: f64 = 16.0;
/// Room around the scan in a picture.
const RIM_MM: f64 = 8.0;
/// Wider tables are cut.
const WIDEST_BODY_MM: f64 = 520.0;
/// A picture of a short spine is not magnified beyond this height.
const SHORTEST_VIEW_MM: f64 = 160.0;
