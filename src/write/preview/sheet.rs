//! The sheet: a picture of fixed size with heading, room for panels, legend and the technical-only line.
//!
//! Input: words, window, legend. Output: a [`Canvas`] with everything but the panels.

use super::canvas::Canvas;
use super::canvas::Colour;
use super::canvas::Pen;
use super::canvas::Rect;
use super::font::Align;
use super::font::Style;
use super::font::draw;
use super::font::text_width;
use super::panel;
use super::view::Window;
use super::wording;

/// Size of every sheet in pixels.
pub(super) const WIDTH: usize = 1024;
/// Size of every sheet in pixels.
pub(super) const HEIGHT: usize = 640;
/// Distance of everything from the edge, and between panels, in pixels.
pub(super) const MARGIN: usize = 16;
/// Room for panels.
pub(super) const CONTENT: Rect = Rect { left: MARGIN, top: 76, width: WIDTH - 2 * MARGIN, height: 504 };

/// Ground of the sheet.
pub(super) const GROUND: Colour = [19, 23, 29];
/// Ground of a panel where there is no image.
pub(super) const EMPTY: Colour = [10, 12, 16];
/// Edge of a panel.
pub(super) const PANEL_EDGE: Colour = [62, 70, 82];
/// Text.
pub(super) const TEXT: Colour = [233, 237, 242];
/// Text of second rank.
pub(super) const QUIET: Colour = [160, 170, 183];
/// The region whose mean is the value. Colours after Okabe and Ito, told apart by colour-blind eyes.
pub(super) const PUBLIC_REGION: Colour = [255, 194, 61];
/// A supplementary region.
pub(super) const SUPPLEMENTARY_REGION: Colour = [86, 180, 233];
/// Outline of a structure as found.
pub(super) const STRUCTURE: Colour = [51, 196, 150];
/// Spinal canal.
pub(super) const CANAL: Colour = [214, 134, 180];

/// One entry of the legend.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// How the thing is drawn.
    pub(super) pen: Pen,
    /// What it is.
    pub(super) text: &'static str,
}

/// Heading of a sheet.
#[derive(Debug, Clone)]
pub(super) struct Heading {
    /// What is shown, large.
    pub(super) title: String,
    /// Below it.
    pub(super) subtitle: String,
    /// Value or refusal, large, on the right.
    pub(super) result: String,
    /// Flags or reason, below it.
    pub(super) remark: String,
    /// Whether the result is a value.
    pub(super) measured: bool,
}

/// An empty sheet with its heading.
pub(super) fn sheet(heading: &Heading) -> Canvas {
    let mut canvas = Canvas::new(WIDTH, HEIGHT, GROUND);
    let bar = Rect { left: MARGIN, top: 8, width: WIDTH - 2 * MARGIN, height: CONTENT.top - 12 };
    let (left, right) = (bar.left as f64, bar.right() as f64);
    let result_style = Style::bold(22.0, if heading.measured { TEXT } else { QUIET });
    draw(&mut canvas, &heading.result, [right, 41.0], Align::Right, &result_style, bar);
    let result_width = text_width(&heading.result, 22.0) as usize + 24;
    let title_place = Rect { width: bar.width - result_width.min(bar.width / 2), ..bar };
    draw(&mut canvas, &heading.title, [left, 38.0], Align::Left, &Style::bold(19.0, TEXT), title_place);
    let quiet = Style::plain(10.5, QUIET);
    let subtitle_width = text_width(&heading.subtitle, 10.5).ceil() as usize + 24;
    draw(&mut canvas, &heading.subtitle, [left, 64.0], Align::Left, &quiet, bar);
    let remark_place = Rect { left: bar.left + subtitle_width.min(bar.width / 2), ..bar };
    let remark_place = Rect { width: bar.right() - remark_place.left, ..remark_place };
    draw(&mut canvas, &heading.remark, [right, 64.0], Align::Right, &quiet, remark_place);
    canvas
}

/// Lays the ground of a panel's image and gives its rectangle, below the strip of the caption.
pub(super) fn image_ground(canvas: &mut Canvas, panel: Rect) -> Rect {
    let rect = panel::image_rect(panel);
    canvas.fill(rect, EMPTY, 1.0);
    rect
}

/// Draws legend, window and the technical-only line below the panels.
pub(super) fn finish(canvas: &mut Canvas, legend: &[Entry], window: Option<Window>) {
    let rows = [CONTENT.bottom() as f64 + 22.0, HEIGHT as f64 - 16.0];
    let place = Rect { left: MARGIN, top: CONTENT.bottom(), width: CONTENT.width, height: HEIGHT - CONTENT.bottom() };
    let quiet = Style::plain(9.5, QUIET);
    let mut left = MARGIN as f64 + 2.0;
    for entry in legend {
        let middle = rows[0] - 5.0;
        canvas.stroke(&[vec![[left, middle], [left + 22.0, middle]]], &entry.pen, place);
        let extent = draw(canvas, entry.text, [left + 32.0, rows[0]], Align::Left, &quiet, place);
        left = extent.right() as f64 + 20.0;
    }
    if let Some(window) = window {
        let text = format!("Window C {} W {} HU", window.center_hu, window.width_hu);
        draw(canvas, &text, [place.right() as f64, rows[1]], Align::Right, &quiet, place);
    }
    draw(canvas, wording::TECHNICAL_ONLY, [MARGIN as f64, rows[1]], Align::Left, &Style::bold(11.0, TEXT), place);
}

/// Pen of the region whose mean is the value.
pub(super) fn public_pen() -> Pen {
    Pen::line(PUBLIC_REGION, 2.0)
}

/// Pen of a supplementary region.
pub(super) fn supplementary_pen() -> Pen {
    Pen::line(SUPPLEMENTARY_REGION, 1.6)
}

/// Pen of a structure as found.
pub(super) fn structure_pen() -> Pen {
    Pen::line(STRUCTURE, 1.3).faint(0.9)
}

/// Pen of the spinal canal.
pub(super) fn canal_pen() -> Pen {
    Pen::line(CANAL, 1.3).dashed(6.0, 5.0)
}
