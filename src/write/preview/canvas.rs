//! An RGB picture and the marks that are drawn on it.
//!
//! Input: canvas coordinates in pixels, an integer naming the centre of a pixel; x to the right, y downwards.
//! Output: 8-bit RGB pixels, and their PNG form, which is a pure function of the pixels.
//! Errors: none; everything outside the clip rectangle is not drawn.
//!
//! Source: ISO/IEC 15948 (PNG). Only IHDR, IDAT and IEND are written, so equal pixels give equal bytes.

use std::io;

/// Red, green, blue.
pub(super) type Colour = [u8; 3];

/// A point on the canvas, `[x, y]` in pixels.
pub(super) type Point = [f64; 2];

/// A rectangle of whole pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rect {
    /// First column.
    pub(super) left: usize,
    /// First row.
    pub(super) top: usize,
    /// Columns.
    pub(super) width: usize,
    /// Rows.
    pub(super) height: usize,
}

impl Rect {
    /// First column right of the rectangle.
    pub(super) fn right(&self) -> usize {
        self.left + self.width
    }

    /// First row below the rectangle.
    pub(super) fn bottom(&self) -> usize {
        self.top + self.height
    }

    /// The part inside both rectangles; may be empty.
    pub(super) fn intersection(&self, other: &Rect) -> Rect {
        let left = self.left.max(other.left);
        let top = self.top.max(other.top);
        let width = self.right().min(other.right()).saturating_sub(left);
        let height = self.bottom().min(other.bottom()).saturating_sub(top);
        Rect { left, top, width, height }
    }
}

/// How a line is drawn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pen {
    /// Colour of the line.
    pub(super) colour: Colour,
    /// Width in pixels.
    pub(super) width: f64,
    /// 0 (invisible) to 1.
    pub(super) opacity: f64,
    /// Lengths of dash and gap in pixels; `None` for a continuous line.
    pub(super) dash: Option<[f64; 2]>,
    /// Width of a dark rim on each side, in pixels; 0 for none.
    pub(super) rim: f64,
}

impl Pen {
    /// A continuous opaque line with a thin dark rim, legible on bright and dark ground.
    pub(super) fn line(colour: Colour, width: f64) -> Pen {
        Pen { colour, width, opacity: 1.0, dash: None, rim: 1.0 }
    }

    /// The same pen, dashed.
    pub(super) fn dashed(self, dash: f64, gap: f64) -> Pen {
        Pen { dash: Some([dash, gap]), ..self }
    }

    /// The same pen, see-through.
    pub(super) fn faint(self, opacity: f64) -> Pen {
        Pen { opacity, ..self }
    }
}

/// Colour of rims and halos.
pub(super) const SHADOW: Colour = [8, 10, 14];

/// An RGB picture.
#[derive(Debug, Clone)]
pub(super) struct Canvas {
    /// Columns.
    pub(super) width: usize,
    /// Rows.
    pub(super) height: usize,
    pixels: Vec<u8>,
}

impl Canvas {
    /// A picture of one colour.
    pub(super) fn new(width: usize, height: usize, colour: Colour) -> Canvas {
        Canvas { width, height, pixels: colour.repeat(width * height) }
    }

    /// The whole picture as a rectangle.
    pub(super) fn area(&self) -> Rect {
        Rect { left: 0, top: 0, width: self.width, height: self.height }
    }

    /// Colour at a pixel; only for pixels inside the canvas.
    #[cfg(test)]
    pub(super) fn at(&self, x: usize, y: usize) -> Colour {
        let start = (y * self.width + x) * 3;
        [self.pixels[start], self.pixels[start + 1], self.pixels[start + 2]]
    }

    /// Mixes a colour into one pixel; outside the canvas nothing happens.
    pub(super) fn blend(&mut self, x: usize, y: usize, colour: Colour, opacity: f64) {
        if x >= self.width || y >= self.height {
            return;
        }
        let start = (y * self.width + x) * 3;
        for (pixel, new) in self.pixels[start..start + 3].iter_mut().zip(colour) {
            let mixed = f64::from(*pixel) * (1.0 - opacity) + f64::from(new) * opacity;
            *pixel = mixed.round().clamp(0.0, 255.0) as u8;
        }
    }

    /// Fills a rectangle.
    pub(super) fn fill(&mut self, rect: Rect, colour: Colour, opacity: f64) {
        let inside = rect.intersection(&self.area());
        for y in inside.top..inside.bottom() {
            for x in inside.left..inside.right() {
                self.blend(x, y, colour, opacity);
            }
        }
    }

    /// Draws connected lines. Where lines cross or join, the ink counts once.
    pub(super) fn stroke(&mut self, lines: &[Vec<Point>], pen: &Pen, clip: Rect) {
        let pieces: Vec<Vec<Point>>;
        let lines = match pen.dash {
            Some(dash) => {
                pieces = lines.iter().flat_map(|line| dashes(line, dash)).collect();
                &pieces
            }
            None => lines,
        };
        if pen.rim > 0.0 {
            let rim = Ink::of(lines, pen.width / 2.0 + pen.rim, clip.intersection(&self.area()));
            self.apply(&rim, SHADOW, pen.opacity * 0.55);
        }
        let ink = Ink::of(lines, pen.width / 2.0, clip.intersection(&self.area()));
        self.apply(&ink, pen.colour, pen.opacity);
    }

    /// Draws an ellipse from its centre and its two semi-axes as vectors.
    pub(super) fn ellipse(&mut self, centre: Point, first: Point, second: Point, pen: &Pen, clip: Rect) {
        self.stroke(&[ellipse_points(centre, first, second)], pen, clip);
    }

    /// Lays ink onto the picture.
    pub(super) fn apply(&mut self, ink: &Ink, colour: Colour, opacity: f64) {
        for y in 0..ink.area.height {
            for x in 0..ink.area.width {
                let coverage = ink.coverage[y * ink.area.width + x];
                if coverage > 0.0 {
                    self.blend(ink.area.left + x, ink.area.top + y, colour, f64::from(coverage) * opacity);
                }
            }
        }
    }

    /// The picture as PNG.
    pub(super) fn png(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        // Writing into memory fails only for sizes that PNG does not have; an empty file then says so to every reader.
        match self.encode(&mut bytes) {
            Ok(()) => bytes,
            Err(_) => Vec::new(),
        }
    }

    fn encode(&self, sink: &mut Vec<u8>) -> Result<(), png::EncodingError> {
        let too_large = |_| png::EncodingError::IoError(io::Error::other("picture too large"));
        let width = u32::try_from(self.width).map_err(too_large)?;
        let height = u32::try_from(self.height).map_err(too_large)?;
        let mut encoder = png::Encoder::new(sink, width, height);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.set_deflate_compression(png::DeflateCompression::Level(DEFLATE_LEVEL));
        encoder.set_filter(png::Filter::Adaptive);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&self.pixels)?;
        writer.finish()
    }
}

/// How much of each pixel of a rectangle is covered, 0 to 1.
#[derive(Debug)]
pub(super) struct Ink {
    area: Rect,
    coverage: Vec<f32>,
}

impl Ink {
    /// Ink of lines with round ends, `half_width` pixels to each side, inside `clip`.
    pub(super) fn of(lines: &[Vec<Point>], half_width: f64, clip: Rect) -> Ink {
        let area = bounds(lines, half_width + 1.0).intersection(&clip);
        let mut ink = Ink { area, coverage: vec![0.0; area.width * area.height] };
        for line in lines {
            match line.as_slice() {
                [only] => ink.segment(*only, *only, half_width),
                points => points.windows(2).for_each(|pair| ink.segment(pair[0], pair[1], half_width)),
            }
        }
        ink
    }

    fn segment(&mut self, from: Point, to: Point, half_width: f64) {
        let inside = bounds(&[vec![from, to]], half_width + 1.0).intersection(&self.area);
        for y in inside.top..inside.bottom() {
            for x in inside.left..inside.right() {
                let distance = distance_to_segment([x as f64, y as f64], from, to);
                let coverage = (half_width + 0.5 - distance).clamp(0.0, 1.0) as f32;
                let place = (y - self.area.top) * self.area.width + (x - self.area.left);
                self.coverage[place] = self.coverage[place].max(coverage);
            }
        }
    }
}

/// Points of an ellipse, closed.
pub(super) fn ellipse_points(centre: Point, first: Point, second: Point) -> Vec<Point> {
    (0..=ELLIPSE_SEGMENTS)
        .map(|step| {
            let (sine, cosine) = (std::f64::consts::TAU * step as f64 / ELLIPSE_SEGMENTS as f64).sin_cos();
            std::array::from_fn(|axis| centre[axis] + cosine * first[axis] + sine * second[axis])
        })
        .collect()
}

/// The smallest rectangle of pixels that holds all points and `reach` around them, cut at zero.
fn bounds(lines: &[Vec<Point>], reach: f64) -> Rect {
    let points = || lines.iter().flatten().filter(|point| point.iter().all(|value| value.is_finite()));
    let low = |axis: usize| points().map(|point| point[axis]).fold(f64::INFINITY, f64::min);
    let high = |axis: usize| points().map(|point| point[axis]).fold(f64::NEG_INFINITY, f64::max);
    // A float that is negative or infinite becomes 0 or the largest integer, which the clip then cuts.
    let first = |axis: usize| (low(axis) - reach).floor().clamp(0.0, LARGEST_COORDINATE) as usize;
    let last = |axis: usize| (high(axis) + reach).ceil().clamp(-1.0, LARGEST_COORDINATE);
    let (left, top) = (first(0), first(1));
    let extent = |start: usize, end: f64| if end < 0.0 { 0 } else { (end as usize + 1).saturating_sub(start) };
    Rect { left, top, width: extent(left, last(0)), height: extent(top, last(1)) }
}

fn distance_to_segment(point: Point, from: Point, to: Point) -> f64 {
    let along = [to[0] - from[0], to[1] - from[1]];
    let offset = [point[0] - from[0], point[1] - from[1]];
    let length2 = along[0] * along[0] + along[1] * along[1];
    let share = if length2 > 0.0 { (along[0] * offset[0] + along[1] * offset[1]) / length2 } else { 0.0 };
    let share = share.clamp(0.0, 1.0);
    (offset[0] - share * along[0]).hypot(offset[1] - share * along[1])
}

/// Cuts a line into dashes.
fn dashes(line: &[Point], [dash, gap]: [f64; 2]) -> Vec<Vec<Point>> {
    let mut pieces = Vec::new();
    let mut piece: Vec<Point> = line.first().copied().into_iter().collect();
    let (mut drawing, mut left) = (true, dash);
    for pair in line.windows(2) {
        let (mut from, to) = (pair[0], pair[1]);
        let mut length = (to[0] - from[0]).hypot(to[1] - from[1]);
        if !length.is_finite() || length > DASHED_LENGTH_MAX {
            return vec![line.to_vec()];
        }
        while length > left {
            from = std::array::from_fn(|axis| from[axis] + (to[axis] - from[axis]) * left / length);
            length -= left;
            if drawing {
                piece.push(from);
                pieces.push(std::mem::take(&mut piece));
            } else {
                piece = vec![from];
            }
            drawing = !drawing;
            left = if drawing { dash } else { gap };
        }
        left -= length;
        if drawing {
            piece.push(to);
        }
    }
    if piece.len() > 1 {
        pieces.push(piece);
    }
    pieces
}

/// Fixed level, so that equal pixels give equal bytes.
const DEFLATE_LEVEL: u8 = 6;
/// Corners of a drawn ellipse; at 300 pixels radius the error is below a tenth of a pixel.
const ELLIPSE_SEGMENTS: usize = 96;
/// Larger coordinates are cut here before they become integers.
const LARGEST_COORDINATE: f64 = 65_535.0;
/// Longer lines are drawn without dashes, so that the number of pieces stays bounded.
const DASHED_LENGTH_MAX: f64 = 10_000.0;

#[cfg(test)]
mod tests {
    use super::*;

    const WHITE: Colour = [255, 255, 255];

    fn plain(width: f64) -> Pen {
        Pen { colour: WHITE, width, opacity: 1.0, dash: None, rim: 0.0 }
    }

    #[test]
    fn a_line_covers_its_pixels_and_no_others() {
        let mut canvas = Canvas::new(20, 10, [0; 3]);
        let clip = canvas.area();
        canvas.stroke(&[vec![[3.0, 4.0], [15.0, 4.0]]], &plain(1.0), clip);
        assert_eq!(canvas.at(8, 4), WHITE);
        assert_eq!(canvas.at(8, 6), [0; 3]);
        assert_eq!(canvas.at(18, 4), [0; 3]);
    }

    #[test]
    fn nothing_is_drawn_outside_the_clip_rectangle() {
        let mut canvas = Canvas::new(20, 20, [0; 3]);
        let clip = Rect { left: 5, top: 5, width: 5, height: 5 };
        canvas.stroke(&[vec![[-50.0, -50.0], [70.0, 70.0]]], &plain(4.0), clip);
        for y in 0..20 {
            for x in 0..20 {
                let inside = (5..10).contains(&x) && (5..10).contains(&y);
                assert!(inside || canvas.at(x, y) == [0; 3], "{x} {y}");
            }
        }
        assert_eq!(canvas.at(7, 7), WHITE);
    }

    #[test]
    fn points_that_are_no_numbers_are_not_drawn() {
        let mut canvas = Canvas::new(8, 8, [0; 3]);
        let clip = canvas.area();
        canvas.stroke(&[vec![[f64::NAN, 1.0], [f64::INFINITY, 2.0]]], &plain(2.0), clip);
        assert!((0..64).all(|place| canvas.at(place % 8, place / 8) == [0; 3]));
    }

    #[test]
    fn dashes_leave_gaps() {
        let pieces = dashes(&[[0.0, 0.0], [10.0, 0.0]], [3.0, 2.0]);
        assert_eq!(pieces, vec![vec![[0.0, 0.0], [3.0, 0.0]], vec![[5.0, 0.0], [8.0, 0.0]]]);
    }
}
