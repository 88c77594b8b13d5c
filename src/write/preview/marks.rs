//! Marks of findings and regions on a panel: ellipses, masks, vertebrae, slabs.
//!
//! Input: a [`View`] and what is to be marked (LPS, mm). Output: lines and labels inside the rectangle of the view.

use super::canvas::Canvas;
use super::canvas::Colour;
use super::canvas::Pen;
use super::canvas::Point;
use super::contour::contour;
use super::contour::native_membership;
use super::contour::patient_membership;
use super::font::Align;
use super::font::Style;
use super::font::draw;
use super::place;
use super::vector;
use super::view::View;
use crate::anatomy::Spine;
use crate::anatomy::Vertebra;
use crate::grid::PatientGrid;
use crate::measure::NativeMask;
use crate::measure::Part;
use crate::measure::Region;
use crate::volume::Volume;

/// Draws the parts of a region that lie in slice `k`.
pub(super) fn region(canvas: &mut Canvas, view: &View, volume: &Volume, region: &Region, k: usize, pen: &Pen) {
    for part in &region.parts {
        match part {
            Part::Ellipse { slice, .. } if *slice == k => ellipse(canvas, view, part, pen),
            Part::Ellipse { .. } => {}
            Part::Mask { voxels, .. } => native_mask(canvas, view, volume, voxels, pen),
        }
    }
}

/// Centre of the first ellipse of a region (LPS, mm).
pub(super) fn centre_mm(region: &Region) -> Option<[f64; 3]> {
    region.parts.iter().find_map(|part| match part {
        Part::Ellipse { center_mm, .. } => Some(*center_mm),
        Part::Mask { .. } => None,
    })
}

/// Draws one ellipse part.
pub(super) fn ellipse(canvas: &mut Canvas, view: &View, part: &Part, pen: &Pen) {
    if let Part::Ellipse { center_mm, axis_row, axis_column, semi_axes_mm, .. } = part {
        let first = view.arrow(vector::times(*axis_row, semi_axes_mm[0]));
        let second = view.arrow(vector::times(*axis_column, semi_axes_mm[1]));
        canvas.ellipse(view.pixel(*center_mm), first, second, pen, view.rect);
    }
}

/// Draws the outline of a native mask in the plane of the view.
pub(super) fn native_mask(canvas: &mut Canvas, view: &View, volume: &Volume, mask: &NativeMask, pen: &Pen) {
    let lines = contour(view, |point| native_membership(&volume.geometry, mask, point));
    canvas.stroke(&lines, pen, view.rect);
}

/// Draws the outline of a patient mask in the plane of the view.
pub(super) fn patient_mask(canvas: &mut Canvas, view: &View, mask: &PatientGrid<bool>, pen: &Pen) {
    let lines = contour(view, |point| patient_membership(mask, point));
    canvas.stroke(&lines, pen, view.rect);
}

/// Draws the outline of a body at mid-height on an axial view.
pub(super) fn waist(canvas: &mut Canvas, view: &View, vertebra: &Vertebra, pen: &Pen) {
    let outline = &vertebra.waist;
    let centre = vector::along(vertebra.canal_mm, vertebra.left, outline.lateral_offset_mm);
    let centre = vector::along(centre, vertebra.anterior, outline.posterior_wall_mm + outline.depth_mm / 2.0);
    let first = view.arrow(vector::times(vertebra.left, outline.width_mm / 2.0));
    let second = view.arrow(vector::times(vertebra.anterior, outline.depth_mm / 2.0));
    canvas.ellipse(view.pixel(centre), first, second, pen, view.rect);
}

/// Corners of a body between its endplates, seen from the left (`sideways` false) or from the front (`sideways` true).
fn body_corners(vertebra: &Vertebra, sideways: bool) -> [[f64; 3]; 4] {
    let direction = if sideways { vertebra.left } else { vertebra.anterior };
    let half = if sideways { vertebra.width_mm } else { vertebra.depth_mm } / 2.0;
    let corner = |plate: usize, along: f64| {
        let endplate = &vertebra.endplates[plate];
        let slope = if sideways { endplate.left_slope } else { endplate.anterior_slope };
        let wall = vector::along(vertebra.centre_mm, direction, along);
        vector::along(wall, vertebra.axis, endplate.height_mm + slope * along)
    };
    [corner(0, -half), corner(0, half), corner(1, half), corner(1, -half)]
}

/// Draws the outline of a body between its endplates on a sagittal (`sideways` false) or coronal view.
pub(super) fn body(canvas: &mut Canvas, view: &View, vertebra: &Vertebra, sideways: bool, pen: &Pen) {
    let corners = body_corners(vertebra, sideways);
    let line: Vec<Point> = corners.iter().chain(&corners[..1]).map(|&corner| view.pixel(corner)).collect();
    canvas.stroke(&[line], pen, view.rect);
}

/// Draws a line through patient points.
pub(super) fn course(canvas: &mut Canvas, view: &View, points_mm: &[[f64; 3]], pen: &Pen) {
    let line: Vec<Point> = points_mm.iter().map(|&point| view.pixel(point)).collect();
    if !line.is_empty() {
        canvas.stroke(&[line], pen, view.rect);
    }
}

/// Labels every vertebra beside its body; `strong` names the colour of those that matter.
pub(super) fn level_labels(
    canvas: &mut Canvas,
    view: &View,
    spine: &Spine,
    sideways: bool,
    strong: impl Fn(&Vertebra) -> Option<Colour>,
    quiet: Colour,
) {
    let crowded = 22.0 / view.mm_per_pixel < 24.0;
    for vertebra in &spine.vertebrae {
        let (direction, half) = if sideways {
            (vertebra.left, vertebra.width_mm / 2.0)
        } else {
            (vertebra.anterior, vertebra.depth_mm / 2.0)
        };
        // Beside the body: on the left side of the picture of a sagittal view, on the right side of a coronal one.
        let wall = view.pixel(vector::along(vertebra.centre_mm, direction, half + LABEL_DISTANCE_MM));
        if !inside(view, wall) {
            continue;
        }
        let emphasis = strong(vertebra);
        let cap = if crowded { 9.0 } else { 11.0 } + if emphasis.is_some() { 2.0 } else { 0.0 };
        let style = Style::on_picture(cap, emphasis.unwrap_or(quiet));
        let align = if sideways { Align::Left } else { Align::Right };
        let anchor = [wall[0], wall[1] + cap / 2.0];
        draw(canvas, &place::shown_level(spine, vertebra), anchor, align, &style, view.rect);
    }
}

fn inside(view: &View, [x, y]: Point) -> bool {
    let rect = view.rect;
    x >= rect.left as f64 && x < rect.right() as f64 && y >= rect.top as f64 && y < rect.bottom() as f64
}

/// Marks the slab of slices `first..=last` on a sagittal view, around a point and `half_mm` to both sides.
pub(super) fn slab(
    canvas: &mut Canvas,
    view: &View,
    volume: &Volume,
    [first, last]: [usize; 2],
    around_mm: [f64; 3],
    half_mm: f64,
    pen: &Pen,
) {
    let geometry = &volume.geometry;
    let low = geometry.positions_mm[first] - geometry.slab_mm(first) / 2.0;
    let high = geometry.positions_mm[last] + geometry.slab_mm(last) / 2.0;
    // The line in which the slices cut the picture plane.
    let directions = [geometry.row_direction, geometry.column_direction];
    let lean = |direction: [f64; 3]| vector::dot(direction, view.right);
    let direction = if lean(directions[0]).abs() > lean(directions[1]).abs() { directions[0] } else { directions[1] };
    let at = |position: f64, side: f64| {
        let middle = vector::along(around_mm, geometry.normal, position - geometry.position_mm(around_mm));
        view.pixel(vector::along(middle, direction, side * half_mm))
    };
    let line = |position: f64| vec![at(position, -1.0), at(position, 1.0)];
    let thickness = (high - low) / view.mm_per_pixel;
    // A dashed mark is no measured slab, only the place of a slice.
    if thickness > 3.0 && pen.dash.is_none() {
        let ground = Pen { width: thickness, rim: 0.0, ..pen.faint(0.22) };
        canvas.stroke(&[line((low + high) / 2.0)], &ground, view.rect);
        canvas.stroke(&[line(low), line(high)], pen, view.rect);
    } else {
        canvas.stroke(&[line((low + high) / 2.0)], pen, view.rect);
    }
}

/// Distance of a label from its body.
const LABEL_DISTANCE_MM: f64 = 6.0;
