//! Text, drawn with a stroke font of our own.
//!
//! Input: text; letters outside printable ASCII are drawn as `?`. Output: ink on a [`Canvas`], never outside its place.
//! A glyph is a width and a few lines on a grid 9 units high from baseline to cap height; the lines are drawn
//! antialiased, so that one table serves every size. Digits have equal widths.

use super::canvas::Canvas;
use super::canvas::Colour;
use super::canvas::Ink;
use super::canvas::Point;
use super::canvas::Rect;
use super::canvas::SHADOW;

/// Where a text stands in relation to its anchor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Align {
    /// The text begins at the anchor.
    Left,
    /// The text is centred on the anchor.
    Centre,
    /// The text ends at the anchor.
    Right,
}

/// How a text is drawn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Style {
    /// Height of a capital letter in pixels.
    pub(super) cap_height: f64,
    /// Colour of the strokes.
    pub(super) colour: Colour,
    /// Stroke width in pixels.
    pub(super) stroke: f64,
    /// Width of the dark halo in pixels; 0 for none.
    pub(super) halo: f64,
}

impl Style {
    /// Text of normal weight without halo, for plain ground.
    pub(super) fn plain(cap_height: f64, colour: Colour) -> Style {
        Style { cap_height, colour, stroke: (cap_height / 8.5).max(1.1), halo: 0.0 }
    }

    /// Bold text without halo.
    pub(super) fn bold(cap_height: f64, colour: Colour) -> Style {
        Style { stroke: (cap_height / 6.2).max(1.5), ..Style::plain(cap_height, colour) }
    }

    /// Text with a dark halo, for picture ground.
    pub(super) fn on_picture(cap_height: f64, colour: Colour) -> Style {
        Style { halo: 2.0, stroke: (cap_height / 7.0).max(1.3), ..Style::plain(cap_height, colour) }
    }
}

/// Width of a text in pixels.
pub(super) fn text_width(text: &str, cap_height: f64) -> f64 {
    let units: f64 = text.chars().map(|letter| f64::from(glyph(letter).0) + LETTER_GAP).sum();
    (units - LETTER_GAP).max(0.0) * cap_height / CAP_UNITS
}

/// Cuts a text to a width; what was cut is shown by two dots.
pub(super) fn fitted(text: &str, cap_height: f64, width: f64) -> String {
    if text_width(text, cap_height) <= width {
        return text.to_owned();
    }
    let mut kept: Vec<char> = text.chars().collect();
    while !kept.is_empty() {
        kept.pop();
        let candidate: String = kept.iter().chain(&['.', '.']).collect();
        if text_width(&candidate, cap_height) <= width {
            return candidate;
        }
    }
    String::new()
}

/// Breaks a text at blanks into at most `lines` lines of a width; the last one takes the rest.
pub(super) fn wrapped(text: &str, cap_height: f64, width: f64, lines: usize) -> Vec<String> {
    let mut broken: Vec<String> = Vec::new();
    for word in text.split(' ') {
        let full = broken.len() >= lines;
        match broken.last_mut() {
            Some(line) if full || text_width(&format!("{line} {word}"), cap_height) <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => broken.push(word.to_owned()),
        }
    }
    broken
}

/// Draws a text near an anchor (baseline), moved and cut so that it lies inside `place` whole; gives its extent.
pub(super) fn draw(canvas: &mut Canvas, text: &str, anchor: Point, align: Align, style: &Style, place: Rect) -> Rect {
    let rim = style.halo + style.stroke / 2.0 + 1.0;
    let descent = style.cap_height * DESCENT_UNITS / CAP_UNITS;
    let text = fitted(text, style.cap_height, place.width as f64 - 2.0 * rim);
    let width = text_width(&text, style.cap_height);
    let left = match align {
        Align::Left => anchor[0],
        Align::Centre => anchor[0] - width / 2.0,
        Align::Right => anchor[0] - width,
    };
    let left = hold(left, place.left as f64 + rim, place.right() as f64 - 1.0 - rim - width);
    let top = place.top as f64 + rim + style.cap_height;
    let baseline = hold(anchor[1], top, place.bottom() as f64 - 1.0 - rim - descent);
    let lines = outline(&text, [left, baseline], style.cap_height);
    let clip = place.intersection(&canvas.area());
    if style.halo > 0.0 {
        canvas.apply(&Ink::of(&lines, style.stroke / 2.0 + style.halo, clip), SHADOW, 0.8);
    }
    canvas.apply(&Ink::of(&lines, style.stroke / 2.0, clip), style.colour, 1.0);
    let height = style.cap_height + descent + 2.0 * rim;
    Rect {
        left: (left - rim).max(0.0) as usize,
        top: (baseline - style.cap_height - rim).max(0.0) as usize,
        width: (width + 2.0 * rim).ceil() as usize,
        height: height.ceil() as usize,
    }
}

/// Moves a value into a range; where the range is empty its lower end wins.
fn hold(value: f64, low: f64, high: f64) -> f64 {
    value.min(high).max(low)
}

fn outline(text: &str, [left, baseline]: Point, cap_height: f64) -> Vec<Vec<Point>> {
    let unit = cap_height / CAP_UNITS;
    let mut lines = Vec::new();
    let mut start = left;
    for letter in text.chars() {
        let (width, strokes) = glyph(letter);
        for stroke in strokes.split_ascii_whitespace() {
            let points = stroke.as_bytes().chunks_exact(2);
            let place = |pair: &[u8]| [start + column(pair[0]) * unit, baseline - row(pair[1]) * unit];
            lines.push(rounded(&points.map(place).collect::<Vec<Point>>(), unit * ROUNDED_UNITS));
        }
        start += (f64::from(width) + LETTER_GAP) * unit;
    }
    lines
}

/// Rounds the bends of a stroke and keeps its corners: two passes of corner cutting where the line turns a little.
fn rounded(points: &[Point], reach: f64) -> Vec<Point> {
    let mut line = points.to_vec();
    for pass in 0..2 {
        let reach = reach / f64::from(1 << pass);
        let closed = line.len() > 3 && line.first() == line.last();
        let mut next = Vec::with_capacity(line.len() * 2);
        for (place, &point) in line.iter().enumerate() {
            let before = if place > 0 { Some(line[place - 1]) } else { closed.then(|| line[line.len() - 2]) };
            let after = line.get(place + 1).copied().or_else(|| closed.then(|| line[1]));
            match (before, after) {
                (Some(before), Some(after)) if turns_a_little(before, point, after) => {
                    next.push(shifted(point, before, reach));
                    next.push(shifted(point, after, reach));
                }
                _ => next.push(point),
            }
        }
        if closed {
            next.push(next[0]);
        }
        line = next;
    }
    line
}

fn turns_a_little(before: Point, point: Point, after: Point) -> bool {
    let (first, second) = ([point[0] - before[0], point[1] - before[1]], [after[0] - point[0], after[1] - point[1]]);
    let lengths = first[0].hypot(first[1]) * second[0].hypot(second[1]);
    first[0] * second[0] + first[1] * second[1] > lengths * ROUNDED_COSINE
}

/// A point moved towards another, at most by a quarter of the way.
fn shifted(point: Point, aim: Point, reach: f64) -> Point {
    let length = (aim[0] - point[0]).hypot(aim[1] - point[1]);
    let share = (reach / length.max(f64::MIN_POSITIVE)).min(0.25);
    std::array::from_fn(|axis| point[axis] + (aim[axis] - point[axis]) * share)
}

fn column(code: u8) -> f64 {
    f64::from(code.saturating_sub(b'0'))
}

/// `0` to `:` stand for 0 to 10 units above the baseline, `d`, `e`, `f` for 1, 2, 3 units below it.
fn row(code: u8) -> f64 {
    match code {
        b'd'..=b'f' => -f64::from(code - b'c'),
        _ => f64::from(code.saturating_sub(b'0')),
    }
}

fn glyph(letter: char) -> (u8, &'static str) {
    let place = |letter: char| (letter as usize).checked_sub(FIRST).and_then(|place| GLYPHS.get(place));
    place(letter).or_else(|| place('?')).copied().unwrap_or((3, ""))
}

/// Units from baseline to cap height.
const CAP_UNITS: f64 = 9.0;
/// Units from baseline to the lowest point.
const DESCENT_UNITS: f64 = 3.0;
/// How far from a bend its rounding begins, in units.
const ROUNDED_UNITS: f64 = 1.0;
/// A stroke that turns by more than 60 degrees has a corner there.
const ROUNDED_COSINE: f64 = 0.5;
/// Units between two letters.
const LETTER_GAP: f64 = 2.6;
/// Code of the first glyph.
const FIRST: usize = 0x20;

/// Printable ASCII from space to tilde: width, then strokes as pairs of column and row.
const GLYPHS: [(u8, &str); 95] = [
    (2, ""),                                      // space
    (0, "0903 00"),                               // !
    (2, "0907 2927"),                             // "
    (6, "1029 4059 0363 0666"),                   // #
    (5, "584919080615455451401001 2:29 202d"),    // $
    (7, "0079 0709292707 5052727050"),            // %
    (6, "601718293948470301103063"),              // &
    (0, "0907"),                                  // '
    (2, "2907012d"),                              // (
    (2, "0927210d"),                              // )
    (4, "2925 0846 0648"),                        // *
    (4, "2226 0444"),                             // +
    (1, "100e"),                                  // ,
    (3, "0434"),                                  // -
    (0, "00"),                                    // .
    (4, "0d49"),                                  // /
    (5, "194958514010010819"),                    // 0
    (5, "173930"),                                // 1
    (5, "08194958560050"),                        // 2
    (5, "08194958564525 455451401001"),           // 3
    (5, "40490353"),                              // 4
    (5, "590905455451401001"),                    // 5
    (5, "584919080110405154451504"),              // 6
    (5, "095920"),                                // 7
    (5, "150608194958564515 1504011040515445"),   // 8
    (5, "011040515849190805144455"),              // 9
    (0, "00 05"),                                 // :
    (1, "100e 15"),                               // ;
    (4, "470441"),                                // <
    (5, "0353 0656"),                             // =
    (4, "074401"),                                // >
    (5, "08194958563433 30"),                     // ?
    (8, "702002072969878372625356 563625233253"), // @
    (6, "003960 1353"),                           // A
    (5, "00094958564505 4554514000"),             // B
    (6, "6859190801105061"),                      // C
    (6, "00094967624000"),                        // D
    (5, "59090050 0545"),                         // E
    (5, "590900 0545"),                           // F
    (6, "68591908011050616434"),                  // G
    (6, "0009 6069 0565"),                        // H
    (0, "0009"),                                  // I
    (4, "4941301001"),                            // J
    (5, "0009 5903 2550"),                        // K
    (4, "090040"),                                // L
    (6, "0009346960"),                            // M
    (6, "00096069"),                              // N
    (6, "195968615010010819"),                    // O
    (5, "00094958554404"),                        // P
    (6, "195968615010010819 4260"),               // Q
    (5, "00094958554404 3450"),                   // R
    (5, "584919080615455451401001"),              // S
    (6, "0969 3930"),                             // T
    (6, "090110506169"),                          // U
    (6, "093069"),                                // V
    (8, "0920476089"),                            // W
    (6, "0069 0960"),                             // X
    (6, "093469 3430"),                           // Y
    (6, "09690060"),                              // Z
    (2, "29090d2d"),                              // [
    (4, "094d"),                                  // backslash
    (2, "09292d0d"),                              // ]
    (4, "062946"),                                // ^
    (5, "0d5d"),                                  // _
    (1, "0917"),                                  // `
    (4, "0516364540 43130201103041"),             // a
    (4, "0900 0516364541301001"),                 // b
    (4, "4536160501103041"),                      // c
    (4, "4940 4536160501103041"),                 // d
    (4, "03434536160501103041"),                  // e
    (3, "39291810 0636"),                         // f
    (4, "4536160501103041 464e3f1f0e"),           // g
    (4, "0900 0516364540"),                       // h
    (0, "0006 08"),                               // i
    (1, "161e0f 18"),                             // j
    (4, "0900 4602 1340"),                        // k
    (1, "090110"),                                // l
    (6, "0600 0516263530 3546566560"),            // m
    (4, "0600 0516364540"),                       // n
    (4, "163645413010010516"),                    // o
    (4, "060f 0516364541301001"),                 // p
    (4, "464f 4536160501103041"),                 // q
    (3, "0600 042636"),                           // r
    (4, "453616050413334241301001"),              // s
    (3, "18112030 0636"),                         // t
    (4, "0601103041 4640"),                       // u
    (4, "062046"),                                // v
    (6, "0620354066"),                            // w
    (4, "0046 0640"),                             // x
    (4, "0620 461f"),                             // y
    (4, "06460040"),                              // z
    (3, "3928261422203d"),                        // {
    (0, "0d09"),                                  // |
    (3, "0918162412100d"),                        // }
    (5, "031525334355"),                          // ~
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stroke_is_pairs_inside_the_cell() {
        for (place, (width, strokes)) in GLYPHS.iter().enumerate() {
            for stroke in strokes.split(' ').filter(|stroke| !stroke.is_empty()) {
                assert_eq!(stroke.len() % 2, 0, "glyph {place}: {stroke}");
                for pair in stroke.as_bytes().chunks_exact(2) {
                    assert!(
                        pair[0].is_ascii_digit() && column(pair[0]) <= f64::from(*width),
                        "glyph {place}: {stroke}"
                    );
                    assert!(
                        (b'0'..=b':').contains(&pair[1]) || (b'd'..=b'f').contains(&pair[1]),
                        "glyph {place}: {stroke}"
                    );
                }
            }
        }
    }

    #[test]
    fn no_two_glyphs_are_alike() {
        let different: std::collections::BTreeSet<(u8, &str)> = GLYPHS.into_iter().collect();
        assert_eq!(different.len(), GLYPHS.len());
    }

    #[test]
    fn text_keeps_inside_its_place_wherever_it_is_anchored() {
        let place = Rect { left: 30, top: 20, width: 60, height: 40 };
        for anchor in [[-100.0, -100.0], [500.0, 500.0], [60.0, 40.0]] {
            for align in [Align::Left, Align::Centre, Align::Right] {
                let mut canvas = Canvas::new(120, 80, [0; 3]);
                let style = Style::on_picture(10.0, [255; 3]);
                let extent = draw(&mut canvas, "a long label gq", anchor, align, &style, place);
                assert_eq!(extent.intersection(&place), extent);
                assert!((0..120 * 80).any(|at| canvas.at(at % 120, at / 120) != [0; 3]));
            }
        }
    }

    #[test]
    fn a_text_that_does_not_fit_ends_in_two_dots() {
        let cut = fitted("slice_thickness, image_type_primary", 10.0, 120.0);
        assert!(cut.ends_with("..") && text_width(&cut, 10.0) <= 120.0);
        assert_eq!(fitted("L1", 10.0, 120.0), "L1");
    }

    #[test]
    fn long_text_is_broken_at_blanks_and_its_last_line_takes_the_rest() {
        let width = text_width("one two", 10.0) + 0.5;
        assert_eq!(wrapped("one two three four", 10.0, width, 2), ["one two", "three four"]);
        assert_eq!(wrapped("one", 10.0, width, 2), ["one"]);
    }

    #[test]
    fn letters_that_the_font_lacks_are_question_marks() {
        assert_eq!(glyph('\u{e9}'), glyph('?'));
    }
}
