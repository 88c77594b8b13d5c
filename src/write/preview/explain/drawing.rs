//! The explanation pictures.
//!
//! Input: volume and findings. Output: finished sheets.

use super::super::canvas::Canvas;
use super::super::canvas::Pen;
use super::super::canvas::Rect;
use super::super::contour::contour;
use super::super::contour::patient_membership;
use super::super::font::Align;
use super::super::font::Style;
use super::super::font::draw;
use super::super::marks;
use super::super::overview;
use super::super::panel;
use super::super::place;
use super::super::sheet;
use super::super::sheet::CONTENT;
use super::super::sheet::Entry;
use super::super::sheet::Heading;
use super::super::sheet::MARGIN;
use super::super::vector;
use super::super::view::Curve;
use super::super::view::View;
use super::super::view::Window;
use crate::anatomy::Findings;
use crate::anatomy::Organ;
use crate::anatomy::Spine;
use crate::anatomy::Vertebra;
use crate::grid::PatientGrid;
use crate::volume::Volume;

/// Canal and partition on a sagittal and a coronal plane, and a table of the vertebrae.
pub(super) fn spine(volume: &Volume, spine: &Spine) -> Canvas {
    let mut canvas = sheet::sheet(&Heading {
        title: "Spine".to_owned(),
        subtitle: overview::basis_text(spine),
        result: overview::certainty_text(spine).to_owned(),
        remark: format!("canal score {:.2}  {}", spine.canal_score, overview::evidence_text(spine)),
        measured: true,
    });
    let width = (CONTENT.width - TABLE_WIDTH - 2 * MARGIN) / 2;
    for (number, sideways) in [false, true].into_iter().enumerate() {
        let rect = Rect { left: CONTENT.left + number * (width + MARGIN), width, ..CONTENT };
        let rect = sheet::image_ground(&mut canvas, rect);
        let view = overview::spine_view(volume, spine, rect, sideways);
        view.image(&mut canvas, volume, Window::BONE);
        spine_lines(&mut canvas, &view, spine, sideways);
        panel::dress(
            &mut canvas,
            &view,
            if sideways { "coronal, along the bodies" } else { "sagittal, along the bodies" },
        );
    }
    let table_rect = Rect { left: CONTENT.right() - TABLE_WIDTH, width: TABLE_WIDTH, ..CONTENT };
    let header = ["level", "height", "depth", "width", "agree", "in view"];
    let rows = spine.vertebrae.iter().rev().map(|vertebra| {
        vec![
            place::shown_level(spine, vertebra),
            format!("{:.1}", vertebra.height_mm),
            format!("{:.1}", vertebra.depth_mm),
            format!("{:.1}", vertebra.width_mm),
            format!("{:.2}", vertebra.partition_agreement),
            if vertebra.in_view { "yes" } else { "no" }.to_owned(),
        ]
    });
    table(&mut canvas, table_rect, &header, rows);
    sheet::finish(&mut canvas, &spine_legend(), Some(Window::BONE));
    canvas
}

/// Bones seen through from the front, and the rib lengths.
pub(super) fn ribs(volume: &Volume, spine: &Spine) -> Canvas {
    let mut canvas = sheet::sheet(&Heading {
        title: "Ribs".to_owned(),
        subtitle: "largest HU through the depth, longest rib or transverse process per side".to_owned(),
        result: overview::certainty_text(spine).to_owned(),
        remark: overview::evidence_text(spine),
        measured: true,
    });
    let rect = Rect { width: CONTENT.width - RIB_TABLE_WIDTH - MARGIN, ..CONTENT };
    let rect = sheet::image_ground(&mut canvas, rect);
    let view = overview::coronal_view(volume, Some(spine), rect);
    view.largest_image(&mut canvas, volume, PROJECTION, [PROJECTION_HALF_DEPTH_MM; 2]);
    spine_lines(&mut canvas, &view, spine, true);
    panel::dress(&mut canvas, &view, "coronal projection along the bodies");
    let rows = spine.vertebrae.iter().rev().map(|vertebra| {
        let [right, left] = vertebra.rib_lengths_mm;
        vec![place::shown_level(spine, vertebra), format!("{right:.1}"), format!("{left:.1}")]
    });
    let table_rect = Rect { left: CONTENT.right() - RIB_TABLE_WIDTH, width: RIB_TABLE_WIDTH, ..CONTENT };
    table(&mut canvas, table_rect, &["level", "right mm", "left mm"], rows);
    sheet::finish(&mut canvas, &spine_legend(), Some(PROJECTION));
    canvas
}

/// Axial slices through the middle of the vertebrae, cranial ones first.
pub(super) fn vertebrae(volume: &Volume, spine: &Spine) -> Canvas {
    let mut canvas = sheet::sheet(&Heading {
        title: "Vertebral bodies at mid-height".to_owned(),
        subtitle: "outline of the waist and canal centre".to_owned(),
        result: format!("{} found", spine.vertebrae.len()),
        remark: String::new(),
        measured: true,
    });
    let shown: Vec<&Vertebra> = spread(&spine.vertebrae.iter().rev().collect::<Vec<_>>(), 12);
    for (vertebra, rect) in shown.into_iter().zip(tiles(4, 3)) {
        let rect = sheet::image_ground(&mut canvas, rect);
        let k = place::slice_at(volume, vertebra.centre_mm);
        let centre = vector::along(vertebra.centre_mm, vector::minus(vertebra.canal_mm, vertebra.centre_mm), 0.5);
        let view = View::in_slices(volume, rect, place::in_slice(volume, k, centre), 95.0 / rect.height as f64);
        view.image(&mut canvas, volume, Window::BONE);
        marks::waist(&mut canvas, &view, vertebra, &sheet::structure_pen());
        let canal = view.pixel(vertebra.canal_mm);
        canvas.stroke(&[vec![canal]], &Pen::line(sheet::CANAL, 5.0), rect);
        let name = place::shown_level(spine, vertebra);
        panel::dress(&mut canvas, &view, &format!("{name}, support {:.0} HU", vertebra.waist.support_hu));
    }
    sheet::finish(&mut canvas, &spine_legend(), Some(Window::BONE));
    canvas
}

/// Nine axial slices through an organ's mask.
pub(super) fn organ(volume: &Volume, organ: &Organ, findings: &Findings, name: &str) -> Canvas {
    let flags = if organ.flags.is_empty() { "no flags".to_owned() } else { organ.flags.join(", ") };
    let mut canvas = sheet::sheet(&Heading {
        title: format!("{name} as found"),
        subtitle: "mask on the coarse grid, incomplete on purpose".to_owned(),
        result: format!("mode {:.1} HU", organ.mode_hu),
        remark: flags,
        measured: true,
    });
    let heights = mask_heights(&organ.mask);
    let core = organ.core_allowed.as_ref().filter(|core| core.shape == organ.mask.grid.shape);
    let core = core.map(|core| PatientGrid { grid: core.clone(), ..organ.mask });
    for (z, rect) in spread(&heights, 9).into_iter().rev().zip(tiles(3, 3)) {
        let rect = sheet::image_ground(&mut canvas, rect);
        let mut point = place::middle_mm(volume);
        point[2] = z;
        let k = place::slice_at(volume, point);
        let view = place::body_view(volume, rect, k);
        view.image(&mut canvas, volume, Window::SOFT_TISSUE);
        marks::patient_mask(&mut canvas, &view, &organ.mask, &sheet::structure_pen());
        if let Some(core) = &core {
            let both = |point| patient_membership(core, point).min(patient_membership(&organ.mask, point));
            canvas.stroke(&contour(&view, both), &core_pen(), rect);
        }
        aorta_spot(&mut canvas, &view, findings, z);
        panel::dress(&mut canvas, &view, &format!("slice {}, z {z:.1} mm", k + 1));
    }
    let mut legend = vec![Entry { pen: sheet::structure_pen(), text: "mask" }];
    if core.is_some() {
        legend.push(Entry { pen: core_pen(), text: "part where the core may lie" });
    }
    if !findings.phase.aorta_mm.is_empty() {
        legend.push(Entry { pen: aorta_pen(), text: "aorta" });
    }
    sheet::finish(&mut canvas, &legend, Some(Window::SOFT_TISSUE));
    canvas
}

/// The course of the aorta on planes that follow it.
pub(super) fn aorta(volume: &Volume, findings: &Findings) -> Canvas {
    let phase = &findings.phase;
    let hu = |value: Option<f64>| value.map_or("none".to_owned(), |value| format!("{value:.1} HU"));
    let mut canvas = sheet::sheet(&Heading {
        title: "Aorta and contrast phase".to_owned(),
        subtitle: format!("aorta {}, kidneys {}", hu(phase.aorta_hu), hu(phase.kidney_hu)),
        result: phase.phase.name().to_owned(),
        remark: format!("rule: {}  {}", phase.rule, phase.flags.join(", ")),
        measured: true,
    });
    let width = (CONTENT.width - MARGIN) / 2;
    let middle = phase.aorta_mm[phase.aorta_mm.len() / 2];
    let [low, high] = place::z_range_mm(volume);
    for (number, sideways) in [false, true].into_iter().enumerate() {
        let rect = Rect { left: CONTENT.left + number * (width + MARGIN), width, ..CONTENT };
        let rect = sheet::image_ground(&mut canvas, rect);
        let axis = number;
        let mut knots: Vec<[f64; 2]> = phase.aorta_mm.iter().map(|point| [point[2], point[axis]]).collect();
        knots.sort_by(|a, b| a[0].total_cmp(&b[0]));
        knots.dedup_by(|next, kept| next[0] - kept[0] < 0.2);
        let curve = Some(Curve { axis, knots });
        let centre = [middle[0], middle[1], (low + high) / 2.0];
        let scale = (high - low + 16.0) / rect.height as f64;
        let view = if sideways {
            View::coronal(rect, centre, scale, curve)
        } else {
            View::sagittal(rect, centre, scale, curve)
        };
        view.image(&mut canvas, volume, Window::SOFT_TISSUE);
        marks::course(&mut canvas, &view, &phase.aorta_mm, &aorta_pen());
        panel::dress(
            &mut canvas,
            &view,
            if sideways { "coronal, along the aorta" } else { "sagittal, along the aorta" },
        );
    }
    sheet::finish(&mut canvas, &[Entry { pen: aorta_pen(), text: "aorta" }], Some(Window::SOFT_TISSUE));
    canvas
}

fn spine_lines(canvas: &mut Canvas, view: &View, spine: &Spine, sideways: bool) {
    marks::course(canvas, view, &spine.canal_mm, &sheet::canal_pen());
    for vertebra in &spine.vertebrae {
        marks::body(canvas, view, vertebra, sideways, &sheet::structure_pen());
    }
    marks::level_labels(canvas, view, spine, sideways, |_| None, sheet::TEXT);
}

fn spine_legend() -> [Entry; 2] {
    [
        Entry { pen: sheet::structure_pen(), text: "vertebral bodies" },
        Entry { pen: sheet::canal_pen(), text: "spinal canal" },
    ]
}

/// Marks where the aorta passes a slice.
fn aorta_spot(canvas: &mut Canvas, view: &View, findings: &Findings, z: f64) {
    let path = &findings.phase.aorta_mm;
    let nearest = path.iter().min_by(|a, b| (a[2] - z).abs().total_cmp(&(b[2] - z).abs()));
    if let Some(&point) = nearest.filter(|point| (point[2] - z).abs() < AORTA_REACH_MM) {
        canvas.stroke(&[vec![view.pixel(point)]], &Pen::line(aorta_pen().colour, 5.0), view.rect);
    }
}

/// Heights (z, mm) of the slices of a mask that hold voxels, caudal to cranial.
fn mask_heights(mask: &PatientGrid<bool>) -> Vec<f64> {
    let filled = (0..mask.grid.shape[0]).filter(|&k| mask.grid.slice(k).contains(&true));
    filled.map(|k| mask.origin_mm[2] + k as f64 * mask.spacing_mm).collect()
}

/// At most `count` of the values, evenly spread, first and last kept a little inside.
fn spread<T: Copy>(values: &[T], count: usize) -> Vec<T> {
    if values.len() <= count {
        return values.to_vec();
    }
    (0..count).map(|number| values[(2 * number + 1) * values.len() / (2 * count)]).collect()
}

/// Tiles of a grid, row by row.
fn tiles(columns: usize, rows: usize) -> impl Iterator<Item = Rect> {
    let width = (CONTENT.width - (columns - 1) * TILE_GAP) / columns;
    let height = (CONTENT.height - (rows - 1) * TILE_GAP) / rows;
    (0..rows * columns).map(move |number| Rect {
        left: CONTENT.left + number % columns * (width + TILE_GAP),
        top: CONTENT.top + number / columns * (height + TILE_GAP),
        width,
        height,
    })
}

fn table(canvas: &mut Canvas, rect: Rect, header: &[&str], rows: impl Iterator<Item = Vec<String>>) {
    let rows: Vec<Vec<String>> = rows.collect();
    let height = ((rect.height - TABLE_ROW) / rows.len().max(1)).min(TABLE_ROW);
    let column = rect.width / header.len();
    let cell = |column_number: usize, top: usize, height: usize| Rect {
        left: rect.left + column_number * column,
        top,
        width: column,
        height,
    };
    for (number, text) in header.iter().enumerate() {
        let place = cell(number, rect.top, TABLE_ROW);
        let anchor = [place.right() as f64, (rect.top + 18) as f64];
        draw(canvas, text, anchor, Align::Right, &Style::plain(8.0, sheet::QUIET), place);
    }
    for (row, cells) in rows.iter().enumerate() {
        for (number, text) in cells.iter().enumerate() {
            let place = cell(number, rect.top + TABLE_ROW + row * height, height);
            let anchor = [place.right() as f64, place.bottom() as f64 - 6.0];
            let cap = (height as f64 - 9.0).clamp(6.0, 10.0);
            draw(canvas, text, anchor, Align::Right, &Style::plain(cap, sheet::TEXT), place);
        }
    }
}

fn core_pen() -> Pen {
    Pen::line(sheet::PUBLIC_REGION, 1.3)
}

fn aorta_pen() -> Pen {
    Pen::line([213, 94, 0], 2.0)
}

/// Window of projections: only bone is bright.
const PROJECTION: Window = Window { center_hu: 450.0, width_hu: 900.0 };
/// Depth before and behind the bodies that a projection sees.
const PROJECTION_HALF_DEPTH_MM: f64 = 60.0;
/// Width of the table of vertebrae in pixels.
const TABLE_WIDTH: usize = 330;
/// Width of the table of ribs in pixels.
const RIB_TABLE_WIDTH: usize = 220;
/// Height of a table row in pixels.
const TABLE_ROW: usize = 26;
/// Distance of tiles in pixels.
const TILE_GAP: usize = 8;
/// The aorta is marked in slices this close to its path.
const AORTA_REACH_MM: f64 = 5.0;
