//! Stored samples to HU.
//!
//! Source: PS3.3 C.11.1 (HU = slope x stored + intercept), C.7.5.1.1.2 (padding), C.7.6.3 (Bits Stored, High Bit).

use super::PADDING_HU;
use super::decode::Samples;
use crate::instance::{Frame, PixelDescription};

/// Largest and smallest HU of an integer volume; the smallest `i16` is padding.
const HU_LIMIT: i64 = i16::MAX as i64;

/// How the samples of one frame become HU.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rescale {
    pub(super) slope: f64,
    pub(super) intercept: f64,
    /// Bits to shift out above and below the stored bits of a 32-bit word.
    left: u32,
    right: u32,
    signed: bool,
    bits_stored: u32,
    /// Stored values that stand for padding, both ends included.
    padding: Option<(i64, i64)>,
}

impl Rescale {
    /// `None` where slope or intercept is missing.
    pub(super) fn of(pixels: &PixelDescription, frame: &Frame) -> Option<Rescale> {
        let bits_stored = u32::from(pixels.bits_stored.or(pixels.bits_allocated)?).clamp(1, 32);
        let high_bit = pixels.high_bit.map_or(bits_stored - 1, u32::from).clamp(bits_stored - 1, 31);
        let limit = pixels.pixel_padding_range_limit;
        let padding = pixels.pixel_padding_value.map(|value| {
            let other = limit.unwrap_or(value);
            (value.min(other), value.max(other))
        });
        Some(Rescale {
            slope: frame.rescale_slope?,
            intercept: frame.rescale_intercept?,
            left: 31 - high_bit,
            right: 32 - bits_stored,
            signed: pixels.signed,
            bits_stored,
            padding,
        })
    }

    /// Whether every stored value gives a whole HU.
    pub(super) fn is_integer(&self) -> bool {
        self.slope.fract() == 0.0
            && self.intercept.fract() == 0.0
            && self.slope.abs() < 1e6
            && self.intercept.abs() < 1e6
    }

    /// HU of the largest stored value (smallest for a negative slope).
    pub(super) fn largest_hu(&self) -> f64 {
        let bits = if self.signed { self.bits_stored - 1 } else { self.bits_stored };
        self.slope * ((1u64 << bits) - 1) as f64 + self.intercept
    }

    fn stored(&self, word: u32) -> i64 {
        let shifted = word << self.left;
        if self.signed { i64::from(shifted.cast_signed() >> self.right) } else { i64::from(shifted >> self.right) }
    }

    fn is_padding(&self, stored: i64) -> bool {
        self.padding.is_some_and(|(low, high)| low <= stored && stored <= high)
    }

    fn integer_hu(&self, word: u32) -> i16 {
        let stored = self.stored(word);
        if self.is_padding(stored) {
            return PADDING_HU;
        }
        let hu = stored * self.slope as i64 + self.intercept as i64;
        hu.clamp(-HU_LIMIT, HU_LIMIT) as i16
    }

    fn real_hu(&self, word: u32) -> f32 {
        let stored = self.stored(word);
        if self.is_padding(stored) {
            return f32::from(PADDING_HU);
        }
        (self.slope * stored as f64 + self.intercept) as f32
    }

    /// Fills a slice of whole HU; wider values saturate.
    pub(super) fn fill_integer(&self, samples: &Samples, out: &mut [i16]) {
        // A table over all 16-bit words is faster than the arithmetic and exactly as right.
        match samples {
            Samples::Bytes { width: 4, .. } => each_word(samples, out, |word| self.integer_hu(word)),
            _ => {
                let table: Vec<i16> = (0..=u32::from(u16::MAX)).map(|word| self.integer_hu(word)).collect();
                each_word(samples, out, |word| table[(word & 0xFFFF) as usize]);
            }
        }
    }

    /// Fills a slice of real HU.
    pub(super) fn fill_real(&self, samples: &Samples, out: &mut [f32]) {
        each_word(samples, out, |word| self.real_hu(word));
    }
}

fn each_word<T>(samples: &Samples, out: &mut [T], convert: impl Fn(u32) -> T) {
    match samples {
        Samples::Words(words) => {
            for (slot, &word) in out.iter_mut().zip(words) {
                *slot = convert(u32::from(word));
            }
        }
        Samples::Bytes { bytes, width: 1, .. } => {
            for (slot, &byte) in out.iter_mut().zip(bytes) {
                *slot = convert(u32::from(byte));
            }
        }
        Samples::Bytes { bytes, width: 2, big_endian } => {
            let read = if *big_endian { u16::from_be_bytes } else { u16::from_le_bytes };
            for (slot, pair) in out.iter_mut().zip(bytes.chunks_exact(2)) {
                *slot = convert(u32::from(read([pair[0], pair[1]])));
            }
        }
        Samples::Bytes { bytes, big_endian, .. } => {
            let read = if *big_endian { u32::from_be_bytes } else { u32::from_le_bytes };
            for (slot, four) in out.iter_mut().zip(bytes.chunks_exact(4)) {
                *slot = convert(read([four[0], four[1], four[2], four[3]]));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rescale(bits_stored: u16, high_bit: u16, signed: bool, slope: f64, intercept: f64) -> Rescale {
        let pixels = PixelDescription {
            bits_allocated: Some(16),
            bits_stored: Some(bits_stored),
            high_bit: Some(high_bit),
            signed,
            pixel_padding_value: Some(-2000),
            ..PixelDescription::default()
        };
        let frame = Frame { rescale_slope: Some(slope), rescale_intercept: Some(intercept), ..Frame::default() };
        Rescale::of(&pixels, &frame).unwrap()
    }

    #[test]
    fn bits_above_those_stored_are_no_part_of_the_value() {
        let unsigned = rescale(12, 11, false, 1.0, -1024.0);
        assert_eq!(unsigned.integer_hu(0xF400), 0);
        let signed = rescale(12, 11, true, 1.0, 0.0);
        assert_eq!(signed.integer_hu(0x0FFF), -1);
        let shifted = rescale(12, 15, true, 1.0, 0.0);
        assert_eq!(shifted.integer_hu(0xFFF7), -1);
    }

    #[test]
    fn padding_and_saturation_stay_apart() {
        let signed = rescale(16, 15, true, 2.0, 0.0);
        assert_eq!(signed.integer_hu(u32::from((-2000i16).cast_unsigned())), PADDING_HU);
        assert_eq!(signed.integer_hu(u32::from((-30_000i16).cast_unsigned())), -32_767);
        assert_eq!(signed.largest_hu(), 65_534.0);
    }

    #[test]
    fn both_byte_orders_give_the_same_hu() {
        let signed = rescale(16, 15, true, 1.0, -1024.0);
        let (mut little, mut big) = ([0; 2], [0; 2]);
        signed.fill_integer(&Samples::Bytes { bytes: vec![1, 2, 3, 4], width: 2, big_endian: false }, &mut little);
        signed.fill_integer(&Samples::Bytes { bytes: vec![2, 1, 4, 3], width: 2, big_endian: true }, &mut big);
        assert_eq!(little, [513 - 1024, 1027 - 1024]);
        assert_eq!(little, big);
    }

    #[test]
    fn samples_of_one_and_four_bytes_are_read_too() {
        let mut out = [0; 2];
        let eight = rescale(8, 7, false, 1.0, -128.0);
        eight.fill_integer(&Samples::Bytes { bytes: vec![0, 255], width: 1, big_endian: false }, &mut out);
        assert_eq!(out, [-128, 127]);
        let wide = rescale(32, 31, true, 1.0, 0.0);
        let bytes = [(-7i32).to_be_bytes(), 70_000i32.to_be_bytes()].concat();
        wide.fill_integer(&Samples::Bytes { bytes, width: 4, big_endian: true }, &mut out);
        assert_eq!(out, [-7, i16::MAX]);
    }
}
