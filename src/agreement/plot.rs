//! A comparison as pictures.
//!
//! Input: [`Comparison`] and [`Summary`]. Output: SVG text, the same for the same input. Axes in HU and in shares.
//! Source: SVG 1.1 (W3C).

use std::fmt::Write;

use super::compare::{Comparison, Judged, Verdict};
use super::summary::Summary;
use crate::codes::{Analysis, Term};

/// Size of a picture (pixels).
const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 440.0;
/// Room around the plotted area (pixels): left, top, right, bottom.
const MARGINS: [f64; 4] = [70.0, 40.0, 150.0, 60.0];
/// Most marks of an axis.
const TICKS_MAX: f64 = 8.0;
/// Shades of vertebrae and of organs.
const SHADES: [&str; 2] = ["#1f4e79", "#b85c00"];

/// Difference against mean of value and reading, with mean and limits of agreement; parameters in HU.
pub fn bland_altman(comparison: &Comparison, summary: &Summary) -> String {
    let points: Vec<(&Judged, f64, f64)> = comparison
        .rows
        .iter()
        .filter(|row| row.reading.term.unit() == "HU" && row.verdict != Verdict::WronglyGiven)
        .filter_map(|row| {
            let (value, read) = row.value.zip(row.reading.value)?;
            Some((row, (value + read) / 2.0, value - read))
        })
        .collect();
    let (low, high) = summary.all.limits.unwrap_or((0.0, 0.0));
    let extent = points.iter().map(|point| point.2.abs()).chain([low.abs(), high.abs(), 5.0]).fold(0.0, f64::max);
    let x = points.iter().map(|point| point.1);
    let mut plot = Plot::new(
        "Agreement with readings",
        [x.clone().fold(f64::INFINITY, f64::min), x.fold(f64::NEG_INFINITY, f64::max)],
        [-extent, extent],
        ["mean of value and reading (HU)", "value minus reading (HU)"],
    );
    plot.level(0.0, "#999999", "");
    if let Some((mean, (low, high))) = summary.all.mean.zip(summary.all.limits) {
        plot.level(mean, "#000000", &format!("mean {mean:.1}"));
        plot.level(low, "#777777", &format!("limit {low:.1}"));
        plot.level(high, "#777777", &format!("limit {high:.1}"));
    }
    for (row, x, y) in points {
        let shade = SHADES[usize::from(row.reading.term.analysis() == Analysis::LiverAttenuation)];
        let title = format!("{} {}: {y:+.1}", row.reading.case, row.reading.term.name());
        plot.point([x, y], shade, row.verdict == Verdict::Outside, &title);
    }
    plot.legend(0, SHADES[0], &[Term::Th12Hu, Term::L1Hu, Term::L2Hu].map(short).join(", "));
    plot.legend(1, SHADES[1], &[Term::LiverHu, Term::SpleenHu].map(short).join(", "));
    plot.finish()
}

fn short(term: Term) -> &'static str {
    term.name().trim_end_matches("_HU")
}

/// Mean size of the difference against the share of readings that has a value, from unflagged values to all.
pub fn risk_coverage(summary: &Summary) -> String {
    let extent = summary.risk.iter().map(|point| point.mean_absolute).fold(1.0, f64::max) * 1.15;
    let axes = ["share of readings with a value", "mean absolute difference (HU)"];
    let mut plot = Plot::new("Risk and coverage", [0.0, 1.0], [0.0, extent], axes);
    let places: Vec<[f64; 2]> = summary.risk.iter().map(|point| [point.coverage, point.mean_absolute]).collect();
    plot.path(&places, SHADES[0]);
    for (point, place) in summary.risk.iter().zip(places) {
        let title = format!("at most {} flags: {:.0} % outside", point.flags, point.outside * 100.0);
        plot.point(place, SHADES[0], false, &title);
        plot.label(place, &format!("{} flags", point.flags));
    }
    plot.finish()
}

/// A picture in the making.
struct Plot {
    text: String,
    x: [f64; 2],
    y: [f64; 2],
}

impl Plot {
    fn new(title: &str, x: [f64; 2], y: [f64; 2], names: [&str; 2]) -> Plot {
        let mut plot = Plot { text: String::new(), x: widened(x), y: widened(y) };
        let _ = writeln!(
            plot.text,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{HEIGHT}\" \
             viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"12\">\n\
             <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#ffffff\"/>"
        );
        plot.write([MARGINS[0], 24.0], "start", title, 15.0);
        plot.axes(names);
        plot
    }

    /// Place of a point in the picture (pixels).
    fn place(&self, point: [f64; 2]) -> [f64; 2] {
        let share = |value: f64, range: [f64; 2]| (value - range[0]) / (range[1] - range[0]);
        let [left, top, right, bottom] = MARGINS;
        [
            left + share(point[0], self.x) * (WIDTH - left - right),
            HEIGHT - bottom - share(point[1], self.y) * (HEIGHT - top - bottom),
        ]
    }

    fn axes(&mut self, names: [&str; 2]) {
        let [left, top, right, bottom] = MARGINS;
        let (width, height) = (WIDTH - left - right, HEIGHT - top - bottom);
        let _ = writeln!(
            self.text,
            "<rect x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{height}\" fill=\"none\" stroke=\"#444444\"/>"
        );
        for (at, digits) in ticks(self.x) {
            let [x, y] = self.place([at, self.y[0]]);
            self.line([x, y], [x, y + 5.0], "#444444");
            self.write([x, y + 19.0], "middle", &format!("{at:.digits$}"), 12.0);
        }
        for (at, digits) in ticks(self.y) {
            let [x, y] = self.place([self.x[0], at]);
            self.line([x - 5.0, y], [x, y], "#444444");
            self.write([x - 8.0, y + 4.0], "end", &format!("{at:.digits$}"), 12.0);
        }
        self.write([left + width / 2.0, HEIGHT - 16.0], "middle", names[0], 12.0);
        let middle = top + height / 2.0;
        let name = escaped(names[1]);
        let _ = writeln!(
            self.text,
            "<text x=\"18\" y=\"{middle}\" text-anchor=\"middle\" transform=\"rotate(-90 18 {middle})\">{name}</text>"
        );
    }

    fn line(&mut self, from: [f64; 2], to: [f64; 2], shade: &str) {
        let ([a, b], [c, d]) = (from, to);
        let _ =
            writeln!(self.text, "<line x1=\"{a:.2}\" y1=\"{b:.2}\" x2=\"{c:.2}\" y2=\"{d:.2}\" stroke=\"{shade}\"/>");
    }

    fn write(&mut self, at: [f64; 2], anchor: &str, text: &str, size: f64) {
        let ([x, y], text) = (at, escaped(text));
        let _ = writeln!(
            self.text,
            "<text x=\"{x:.2}\" y=\"{y:.2}\" text-anchor=\"{anchor}\" font-size=\"{size}\">{text}</text>"
        );
    }

    /// A horizontal line over the whole plot with words at its right end.
    fn level(&mut self, y: f64, shade: &str, words: &str) {
        let (from, to) = (self.place([self.x[0], y]), self.place([self.x[1], y]));
        self.line(from, to, shade);
        self.write([to[0] + 6.0, to[1] + 4.0], "start", words, 12.0);
    }

    /// A disc; a point that stands out is ringed.
    fn point(&mut self, at: [f64; 2], shade: &str, stands_out: bool, title: &str) {
        let ([x, y], title) = (self.place(at), escaped(title));
        let ring = if stands_out { " stroke=\"#d00000\" stroke-width=\"2.5\"" } else { "" };
        let _ = writeln!(
            self.text,
            "<circle cx=\"{x:.2}\" cy=\"{y:.2}\" r=\"4\" fill=\"{shade}\"{ring}><title>{title}</title></circle>"
        );
    }

    fn label(&mut self, at: [f64; 2], words: &str) {
        let [x, y] = self.place(at);
        self.write([x + 7.0, y - 6.0], "start", words, 11.0);
    }

    fn path(&mut self, points: &[[f64; 2]], shade: &str) {
        let places: Vec<String> =
            points.iter().map(|&point| self.place(point)).map(|[x, y]| format!("{x:.2},{y:.2}")).collect();
        let _ = writeln!(self.text, "<polyline points=\"{}\" fill=\"none\" stroke=\"{shade}\"/>", places.join(" "));
    }

    fn legend(&mut self, row: usize, shade: &str, words: &str) {
        let (x, y) = (WIDTH - MARGINS[2] + 8.0, 14.0 + 16.0 * row as f64);
        let _ = writeln!(self.text, "<circle cx=\"{x:.2}\" cy=\"{y:.2}\" r=\"4\" fill=\"{shade}\"/>");
        self.write([x + 8.0, y + 4.0], "start", words, 11.0);
    }

    fn finish(mut self) -> String {
        self.text.push_str("</svg>\n");
        self.text
    }
}

/// A range that is finite and not empty.
fn widened(range: [f64; 2]) -> [f64; 2] {
    match range {
        [low, high] if low.is_finite() && high > low => [low, high],
        [low, _] if low.is_finite() => [low - 1.0, low + 1.0],
        _ => [0.0, 1.0],
    }
}

/// Round numbers inside a range, with the decimals that they need.
fn ticks(range: [f64; 2]) -> Vec<(f64, usize)> {
    let rough = (range[1] - range[0]) / TICKS_MAX;
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|times| times * power).into_iter().find(|&step| step >= rough);
    let step = step.unwrap_or(power * 10.0);
    let digits = usize::try_from(-(step.log10().floor() as i64)).unwrap_or(0);
    let first = (range[0] / step).ceil();
    // The numbers of steps are small: the range holds at most TICKS_MAX of them.
    (0..=TICKS_MAX as usize)
        .map(|n| (first + n as f64) * step + 0.0)
        .take_while(|&at| at <= range[1] + step * 1e-9)
        .map(|at| (at, digits))
        .collect()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::super::summary::summarise;
    use super::super::summary::tests::five;
    use super::*;

    #[test]
    fn every_compared_value_is_a_point_and_one_outside_is_ringed() {
        let comparison = five();
        let text = bland_altman(&comparison, &summarise(&comparison));
        assert_eq!(text.matches("<title>").count(), 3);
        assert_eq!(text.matches("stroke=\"#d00000\"").count(), 1);
        assert!(text.contains("<title>c L1_HU: +20.0</title>"));
        assert!(text.contains("limit 29.6") && text.contains("mean 6.7"));
        assert_eq!(text, bland_altman(&comparison, &summarise(&comparison)));
    }

    #[test]
    fn the_curve_has_a_point_per_step() {
        let text = risk_coverage(&summarise(&five()));
        assert_eq!(text.matches("<title>").count(), 2);
        assert!(text.starts_with("<svg ") && text.ends_with("</svg>\n"));
    }

    #[test]
    fn pictures_of_nothing_hold_no_endless_numbers() {
        let summary = summarise(&Comparison::default());
        for text in [bland_altman(&Comparison::default(), &summary), risk_coverage(&summary)] {
            assert!(!text.contains("inf") && !text.contains("NaN"), "{text}");
        }
    }

    #[test]
    fn marks_are_round_numbers() {
        let values: Vec<f64> = ticks([-7.3, 31.0]).into_iter().map(|tick| tick.0).collect();
        assert_eq!(values, [-5.0, 0.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0]);
        assert_eq!(ticks([0.0, 1.0])[1], (0.2, 1));
    }

    #[test]
    fn names_cannot_break_the_picture() {
        assert_eq!(escaped("<a & \"b\">"), "&lt;a &amp; &quot;b&quot;&gt;");
    }
}
