//! Canonical text of a JSON value: our layout, and RFC 8785 for digests.
//!
//! Input: an ordered [`Value`] whose numbers are finite. Output: UTF-8 text; the same value always gives the same text.
//! Errors: none; `serde_json` cannot hold a number that is not finite, and its parser bounds the depth (128).
//! Source: RFC 8785 (JSON Canonicalization Scheme), ECMA-262 Number::toString.

use std::fmt::Write as _;

use serde_json::Value;

/// A container stays on one line when the line has at most this many characters.
const COLUMNS_MAX: usize = 110;
/// Shorter texts never lie exactly between two others.
const TIE_DIGITS_MIN: usize = 16;
/// Decimals that show every finite `f64` exactly.
const EXACT_DIGITS: usize = 770;
/// Spaces per level.
const INDENT: usize = 2;

/// The file form: keys in their order, two-space indent, short containers on one line, one final newline.
pub(crate) fn layout(value: &Value) -> String {
    let mut text = String::new();
    write_laid_out(&mut text, value, 0, 0);
    text.push('\n');
    text
}

/// The digest form of RFC 8785: no blanks, keys sorted by UTF-16 units.
pub(crate) fn jcs(value: &Value) -> String {
    let mut text = String::new();
    write_jcs(&mut text, value);
    text
}

/// Shortest text of a finite number that reads back as the same `f64`, in the form of ECMA-262; never `-0`.
pub(crate) fn number_text(value: f64) -> String {
    let magnitude = value.abs();
    let text = if value == 0.0 {
        "0".to_owned()
    } else if (1e-6..1e21).contains(&magnitude) {
        format!("{magnitude}")
    } else {
        let text = format!("{magnitude:e}");
        if text.contains("e-") { text } else { text.replacen('e', "e+", 1) }
    };
    let text = even_last_digit(text, magnitude);
    if value < 0.0 { format!("-{text}") } else { text }
}

/// Where two shortest texts lie equally near, ECMA-262 takes the even last digit; the standard library rounds up.
fn even_last_digit(text: String, magnitude: f64) -> String {
    let end = text.find('e').unwrap_or(text.len());
    let significant: Vec<usize> = text
        .bytes()
        .enumerate()
        .take(end)
        .filter(|(_, byte)| byte.is_ascii_digit())
        .map(|(position, _)| position)
        .skip_while(|&position| text.as_bytes()[position] == b'0')
        .collect();
    let digits: String = significant.iter().map(|&position| char::from(text.as_bytes()[position])).collect();
    let shortest = digits.trim_end_matches('0');
    let Some(last) = shortest.bytes().last().filter(|last| last % 2 == 1) else { return text };
    if shortest.len() < TIE_DIGITS_MIN {
        return text;
    }
    let exact = format!("{magnitude:.EXACT_DIGITS$e}");
    let exact: String = exact.split('e').next().unwrap_or_default().replace('.', "");
    let below = format!("{}{}5", &shortest[..shortest.len() - 1], char::from(last - 1));
    let tie = exact.strip_prefix(&below).is_some_and(|rest| rest.bytes().all(|digit| digit == b'0'));
    if !tie {
        return text;
    }
    let position = significant[shortest.len() - 1];
    let even = format!("{}{}{}", &text[..position], char::from(last - 1), &text[position + 1..]);
    // Below a power of two the neighbours lie closer: the lower text may read back as another number.
    if even.parse() == Ok(magnitude) { even } else { text }
}

fn write_laid_out(text: &mut String, value: &Value, indent: usize, used: usize) {
    let one_line = inline(value);
    let count = match value {
        Value::Array(items) => items.len(),
        Value::Object(entries) => entries.len(),
        _ => 0,
    };
    // One column is kept for the comma that may follow.
    if count == 0 || used + one_line.chars().count() < COLUMNS_MAX {
        text.push_str(&one_line);
        return;
    }
    let inner = indent + INDENT;
    match value {
        Value::Array(items) => {
            text.push_str("[\n");
            for (position, item) in items.iter().enumerate() {
                let _ = write!(text, "{:inner$}", "");
                write_laid_out(text, item, inner, inner);
                text.push_str(if position + 1 == count { "\n" } else { ",\n" });
            }
            let _ = write!(text, "{:indent$}]", "");
        }
        Value::Object(entries) => {
            text.push_str("{\n");
            for (position, (key, item)) in entries.iter().enumerate() {
                let key = format!("{}: ", string_text(key));
                let _ = write!(text, "{:inner$}{key}", "");
                write_laid_out(text, item, inner, inner + key.chars().count());
                text.push_str(if position + 1 == count { "\n" } else { ",\n" });
            }
            let _ = write!(text, "{:indent$}}}", "");
        }
        _ => {}
    }
}

fn inline(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", ")),
        Value::Object(entries) => {
            let parts: Vec<String> =
                entries.iter().map(|(key, item)| format!("{}: {}", string_text(key), inline(item))).collect();
            format!("{{{}}}", parts.join(", "))
        }
        scalar => scalar_text(scalar),
    }
}

fn write_jcs(text: &mut String, value: &Value) {
    match value {
        Value::Array(items) => {
            text.push('[');
            for (position, item) in items.iter().enumerate() {
                if position > 0 {
                    text.push(',');
                }
                write_jcs(text, item);
            }
            text.push(']');
        }
        Value::Object(entries) => {
            let mut sorted: Vec<(&String, &Value)> = entries.iter().collect();
            sorted.sort_by(|a, b| a.0.encode_utf16().cmp(b.0.encode_utf16()));
            text.push('{');
            for (position, (key, item)) in sorted.into_iter().enumerate() {
                if position > 0 {
                    text.push(',');
                }
                text.push_str(&string_text(key));
                text.push(':');
                write_jcs(text, item);
            }
            text.push('}');
        }
        scalar => text.push_str(&scalar_text(scalar)),
    }
}

fn scalar_text(value: &Value) -> String {
    match value {
        Value::Number(number) => number.as_f64().map_or_else(|| number.to_string(), number_text),
        Value::String(string) => string_text(string),
        other => other.to_string(),
    }
}

fn string_text(string: &str) -> String {
    // serde_json escapes exactly what RFC 8785 asks for: quotes, backslash and control characters below blank.
    Value::String(string.to_owned()).to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_have_the_form_of_rfc_8785() {
        let cases = [
            (0.0, "0"),
            (-0.0, "0"),
            (120.0, "120"),
            (-9.81, "-9.81"),
            (1e21, "1e+21"),
            (1e-7, "1e-7"),
            (1e-6, "0.000001"),
            (333_333_333.333_333_3, "333333333.3333333"),
            (295_147_905_179_352_830_000.0, "295147905179352830000"),
            (5e-324, "5e-324"),
            (2f64.powi(-25), "2.9802322387695312e-8"),
            (2f64.powi(-24), "5.960464477539063e-8"),
            (-2_692_544_651_046_425.0 / 4.0, "-673136162761606.2"),
            (f64::MAX, "1.7976931348623157e+308"),
        ];
        for (value, text) in cases {
            assert_eq!(number_text(value), text);
        }
    }

    #[test]
    fn keys_sort_by_utf16_units_and_strings_keep_their_letters() {
        let value = json!({"\u{20ac}": 1, "\r": "\u{7f}\u{1}", "\u{fb33}": [], "1": {}, "\u{1f600}": "я"});
        assert_eq!(
            jcs(&value),
            "{\"\\r\":\"\u{7f}\\u0001\",\"1\":{},\"\u{20ac}\":1,\"\u{1f600}\":\"я\",\"\u{fb33}\":[]}"
        );
    }

    #[test]
    fn a_container_breaks_when_its_line_and_comma_pass_110_columns() {
        let fits = json!({"k": "x".repeat(COLUMNS_MAX - 10)});
        assert_eq!(layout(&fits).lines().count(), 1);
        assert_eq!(layout(&fits).trim_end().len(), COLUMNS_MAX - 1);
        let long = json!({"k": "x".repeat(COLUMNS_MAX - 9)});
        assert_eq!(layout(&long).lines().count(), 3);
        assert!(layout(&long).starts_with("{\n  \"k\": \"x"));
    }
}
