//! Values of attributes, read tolerantly and typed strictly.
//!
//! Input: the bytes of one element. Output: text, numbers, UIDs; a value that cannot be read is `None` and leaves an
//! [`AttributeFault`], so that one bad attribute never costs the object.
//! Source: PS3.5 6.2 (value representations). Seen and accepted: IS as `7.0`, blanks around DS, NUL padding.

use std::cell::RefCell;

use super::scan::{Content, Element, Elements, Encoding};
use super::tags;
use crate::identity::Uid;

/// Characters of a wrong value that are kept for the message.
const FOUND_LENGTH_MAX: usize = 40;

/// One attribute whose value could not be read as what the standard says it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("({tag}) is {found:?}, expected {expected}")]
pub struct AttributeFault {
    /// Tag, e.g. `0018,0050`.
    pub tag: String,
    /// What would have been read.
    pub expected: &'static str,
    /// What was found, cut to 40 characters.
    pub found: String,
}

/// How a number is stored where no VR says so.
#[derive(Debug, Clone, Copy)]
pub(super) enum Stored {
    /// DS or IS text.
    Text,
    /// US.
    Unsigned16,
    /// FD.
    Double,
}

/// Attributes seen from one place: the first of `scopes` that holds a tag gives its value.
pub(super) struct Attributes<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) encoding: Encoding,
    pub(super) scopes: Vec<&'a Elements>,
    pub(super) faults: &'a RefCell<Vec<AttributeFault>>,
}

impl<'a> Attributes<'a> {
    fn element(&self, tag: u32) -> Option<&'a Element> {
        self.scopes.iter().find_map(|scope| scope.find(tag))
    }

    fn value(&self, tag: u32) -> Option<(&'a [u8], Option<[u8; 2]>)> {
        let element = self.element(tag)?;
        match &element.content {
            Content::Bytes(range) => Some((self.bytes.get(range.clone())?, element.vr)),
            Content::Items(_) => None,
        }
    }

    /// Whether the sequence `tag` has items anywhere in sight.
    pub(super) fn has_items(&self, tag: u32) -> bool {
        self.scopes.iter().any(|scope| !scope.items(tag).is_empty())
    }

    fn fault(&self, tag: u32, expected: &'static str, found: String) {
        let found = found.chars().take(FOUND_LENGTH_MAX).collect();
        let fault = AttributeFault { tag: tags::text(tag), expected, found };
        let mut faults = self.faults.borrow_mut();
        if !faults.contains(&fault) {
            faults.push(fault);
        }
    }

    /// Whether the element is there at all, and whether it carries a value.
    pub(super) fn carries_value(&self, tag: u32) -> Option<bool> {
        self.element(tag).map(|element| match &element.content {
            Content::Bytes(_) => !self.texts(tag).is_empty(),
            Content::Items(items) => !items.is_empty(),
        })
    }

    /// All values of a text attribute, without padding; empty when absent or blank.
    pub(super) fn texts(&self, tag: u32) -> Vec<String> {
        let Some((bytes, _)) = self.value(tag) else { return Vec::new() };
        let text = decode_text(bytes);
        let values: Vec<String> = text.split('\\').map(|value| value.trim_matches(['\0', ' ']).to_owned()).collect();
        if values.iter().all(String::is_empty) { Vec::new() } else { values }
    }

    /// The whole value as one text.
    pub(super) fn text(&self, tag: u32) -> Option<String> {
        let values = self.texts(tag);
        if values.is_empty() { None } else { Some(values.join("\\")) }
    }

    pub(super) fn uid(&self, tag: u32) -> Option<Uid> {
        let text = self.text(tag)?;
        let uid = Uid::parse(&text);
        if uid.is_err() {
            self.fault(tag, "a UID", text);
        }
        uid.ok()
    }

    /// All values of a numeric attribute; `None` when absent, empty or when any value is no number.
    pub(super) fn numbers(&self, tag: u32, stored: Stored) -> Option<Vec<f64>> {
        let (bytes, vr) = self.value(tag)?;
        if bytes.is_empty() {
            return None;
        }
        match vr.as_ref() {
            Some(b"DS" | b"IS" | b"LO" | b"SH" | b"CS") => self.numbers_of_text(tag),
            Some(b"FD") => Some(self.binary(bytes, f64::from_le_bytes)),
            Some(b"FL") => Some(self.binary(bytes, |raw| f64::from(f32::from_le_bytes(raw)))),
            Some(b"US") => Some(self.binary(bytes, |raw| f64::from(u16::from_le_bytes(raw)))),
            Some(b"SS") => Some(self.binary(bytes, |raw| f64::from(i16::from_le_bytes(raw)))),
            Some(b"UL") => Some(self.binary(bytes, |raw| f64::from(u32::from_le_bytes(raw)))),
            Some(b"SL") => Some(self.binary(bytes, |raw| f64::from(i32::from_le_bytes(raw)))),
            _ => match stored {
                Stored::Text => self.numbers_of_text(tag),
                Stored::Unsigned16 => Some(self.binary(bytes, |raw| f64::from(u16::from_le_bytes(raw)))),
                Stored::Double => Some(self.binary(bytes, f64::from_le_bytes)),
            },
        }
    }

    fn binary<const N: usize>(&self, bytes: &[u8], convert: impl Fn([u8; N]) -> f64) -> Vec<f64> {
        let numbers = bytes.chunks_exact(N).map(|chunk| {
            let mut raw = [0; N];
            raw.copy_from_slice(chunk);
            if self.encoding.big_endian {
                raw.reverse();
            }
            convert(raw)
        });
        numbers.collect()
    }

    fn numbers_of_text(&self, tag: u32) -> Option<Vec<f64>> {
        let texts = self.texts(tag);
        if texts.is_empty() {
            return None;
        }
        let numbers: Option<Vec<f64>> = texts.iter().map(|text| decimal(text)).collect();
        if numbers.is_none() {
            self.fault(tag, "decimal numbers", texts.join("\\"));
        }
        numbers
    }

    /// Exactly one number; more than one value is a fault.
    pub(super) fn number(&self, tag: u32, stored: Stored) -> Option<f64> {
        let [number] = self.array(tag, stored)?;
        Some(number)
    }

    /// Exactly `N` finite numbers.
    pub(super) fn array<const N: usize>(&self, tag: u32, stored: Stored) -> Option<[f64; N]> {
        let numbers = self.numbers(tag, stored)?;
        let array: Option<[f64; N]> = numbers.as_slice().try_into().ok();
        let array = array.filter(|array: &[f64; N]| array.iter().all(|number| number.is_finite()));
        if array.is_none() {
            self.fault(tag, "a fixed count of finite numbers", format!("{numbers:?}"));
        }
        array
    }

    /// The first number of a multi-valued attribute.
    pub(super) fn first_number(&self, tag: u32, stored: Stored) -> Option<f64> {
        self.numbers(tag, stored)?.first().copied().filter(|number| number.is_finite())
    }

    /// A whole number; `7.0` is one.
    pub(super) fn integer(&self, tag: u32, stored: Stored) -> Option<i64> {
        let number = self.number(tag, stored)?;
        let whole = number.fract() == 0.0 && number.abs() < 9e15;
        if !whole {
            self.fault(tag, "a whole number", number.to_string());
        }
        whole.then_some(number as i64)
    }

    /// An unsigned 16-bit number.
    pub(super) fn unsigned(&self, tag: u32) -> Option<u16> {
        self.integer(tag, Stored::Unsigned16).and_then(|number| u16::try_from(number).ok())
    }
}

/// One decimal string; a decimal comma is not a number.
fn decimal(text: &str) -> Option<f64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E'));
    if !plain {
        return None;
    }
    text.parse::<f64>().ok().filter(|number| number.is_finite())
}

/// UTF-8 where it is valid, else Latin-1: only technical words are looked for.
fn decode_text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|&byte| char::from(byte)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decimal_comma_is_not_a_number() {
        assert_eq!(decimal("1,0"), None);
        assert_eq!(decimal("+1.0e+00"), Some(1.0));
        assert_eq!(decimal("7.0"), Some(7.0));
        assert_eq!(decimal("nan"), None);
        assert_eq!(decimal(""), None);
    }
}
