//! Rounding and printing of numbers for output.
//!
//! Input: finite `f64` values in the unit named by the caller.
//! Output: values rounded half away from zero to a number of decimals, and their shortest decimal text.
//! Source: RFC 8785 number form; PS3.5 6.2 (DS holds at most 16 characters).
//! Everywhere in this crate the unit stands in the name: `_mm`, `_hu`, `_ml`, `_seconds`.

/// Decimals of a mean attenuation (HU).
pub const MEAN_DECIMALS: u32 = 2;
/// Decimals of a standard deviation (HU).
pub const DEVIATION_DECIMALS: u32 = 1;
/// Decimals of a ratio.
pub const RATIO_DECIMALS: u32 = 3;
/// Decimals of a position or length (mm).
pub const LENGTH_DECIMALS: u32 = 3;
/// Decimals of a volume (mm3 or mL).
pub const VOLUME_DECIMALS: u32 = 1;

/// Rounds half away from zero to `decimals` places and never returns negative zero.
///
/// The printing routines of the standard library round exact ties to even, so rounding is done here, once.
pub fn round(value: f64, decimals: u32) -> f64 {
    let scale = 10f64.powi(decimals as i32);
    let rounded = (value * scale).round() / scale;
    if rounded == 0.0 { 0.0 } else { rounded }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_go_away_from_zero() {
        assert_eq!(round(159.25, 1), 159.3);
        assert_eq!(round(-159.25, 1), -159.3);
    }

    #[test]
    fn negative_zero_is_zero() {
        assert!(round(-0.001, 2).is_sign_positive());
    }
}
