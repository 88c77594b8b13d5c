//! What every picture panel carries: edge, orientation letters, scale bar, caption.
//!
//! Input: a [`View`] whose image is already drawn. Output: marks inside the rectangle of the view.

use super::canvas::Canvas;
use super::canvas::Pen;
use super::canvas::Point;
use super::canvas::Rect;
use super::font::Align;
use super::font::Style;
use super::font::draw;
use super::sheet::PANEL_EDGE;
use super::sheet::QUIET;
use super::sheet::TEXT;
use super::view::View;

/// The part of a panel that the image takes: all but the strips of caption and letters.
pub(super) fn image_rect(panel: Rect) -> Rect {
    let top = CAPTION_STRIP.min(panel.height);
    let bottom = if is_small(panel) { 0 } else { LETTER_STRIP };
    Rect { top: panel.top + top, height: panel.height.saturating_sub(top + bottom), ..panel }
}

fn is_small(rect: Rect) -> bool {
    rect.width < SMALL_PANEL || rect.height < SMALL_PANEL
}

/// Draws edge, letters, scale bar of an image, and its caption in the strip above.
pub(super) fn dress(canvas: &mut Canvas, view: &View, caption: &str) {
    edge(canvas, view);
    let rect = view.rect;
    let small = is_small(rect);
    let cap = if small { 9.0 } else { 11.0 };
    let style = Style::on_picture(cap, TEXT);
    let [left, right, top, bottom] = view.letters();
    let middle = [(rect.left + rect.width / 2) as f64, (rect.top + rect.height / 2) as f64 + cap / 2.0];
    draw(canvas, &left, [rect.left as f64 + 4.0, middle[1]], Align::Left, &style, rect);
    draw(canvas, &right, [rect.right() as f64 - 4.0, middle[1]], Align::Right, &style, rect);
    let above = Rect { top: rect.top.saturating_sub(CAPTION_STRIP), height: CAPTION_STRIP, ..rect };
    let below = Rect { top: rect.bottom(), height: LETTER_STRIP, ..rect };
    let baseline = rect.top as f64 - 6.0;
    if small {
        draw(canvas, &top, [middle[0], rect.top as f64], Align::Centre, &style, rect);
        draw(canvas, &bottom, [middle[0], rect.bottom() as f64], Align::Centre, &style, rect);
    } else {
        // Outside the image, since the spine stands in the middle of most pictures.
        let plain = Style::plain(cap, TEXT);
        draw(canvas, &top, [middle[0], baseline], Align::Centre, &plain, above);
        draw(canvas, &bottom, [middle[0], rect.bottom() as f64 + 14.0], Align::Centre, &plain, below);
    }
    scale_bar(canvas, view, cap);
    let caption_place = if small { above } else { Rect { width: rect.width / 2 - 16, ..above } };
    let caption_style = Style::plain(if small { 8.5 } else { 9.5 }, QUIET);
    draw(canvas, caption, [rect.left as f64, baseline], Align::Left, &caption_style, caption_place);
}

fn edge(canvas: &mut Canvas, view: &View) {
    let rect = view.rect;
    let (left, top) = (rect.left as f64, rect.top as f64);
    let (right, bottom) = (rect.right() as f64 - 1.0, rect.bottom() as f64 - 1.0);
    let corners = vec![[left, top], [right, top], [right, bottom], [left, bottom], [left, top]];
    let pen = Pen { rim: 0.0, ..Pen::line(PANEL_EDGE, 1.0) };
    canvas.stroke(&[corners], &pen, rect);
}

/// A bar of a round number of centimetres at the bottom left.
fn scale_bar(canvas: &mut Canvas, view: &View, cap: f64) {
    let rect = view.rect;
    let width_cm = rect.width as f64 * view.mm_per_pixel / 10.0;
    let longest = width_cm * SCALE_BAR_SHARE;
    let length_cm = SCALE_BARS_CM.into_iter().rev().find(|&length| length <= longest).unwrap_or(SCALE_BARS_CM[0]);
    let length = length_cm * 10.0 / view.mm_per_pixel;
    let start: Point = [rect.left as f64 + 12.0, rect.bottom() as f64 - 12.0];
    let end = [start[0] + length, start[1]];
    let tick = |x: f64| vec![[x, start[1] - 4.0], [x, start[1] + 4.0]];
    let pen = Pen::line(TEXT, 2.0);
    canvas.stroke(&[vec![start, end], tick(start[0]), tick(end[0])], &pen, rect);
    let label = if length_cm < 1.0 { format!("{} mm", length_cm * 10.0) } else { format!("{length_cm} cm") };
    draw(canvas, &label, [start[0], start[1] - 9.0], Align::Left, &Style::on_picture(cap - 1.0, TEXT), rect);
}

/// Height of the strip above an image that holds its caption, in pixels.
const CAPTION_STRIP: usize = 20;
/// Height of the strip below a large image that holds a letter, in pixels.
const LETTER_STRIP: usize = 18;
/// Below this size (pixels) a panel gets smaller text.
const SMALL_PANEL: usize = 260;
/// Lengths that a scale bar may have (cm).
const SCALE_BARS_CM: [f64; 6] = [0.5, 1.0, 2.0, 5.0, 10.0, 20.0];
/// Longest scale bar as a share of the panel's width.
const SCALE_BAR_SHARE: f64 = 0.34;
