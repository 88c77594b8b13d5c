//! Aorta and kidneys: witnesses of the contrast phase.
//!
//! Input: the coarse patient grid (HU) and the torso. Output: attenuation of both, and the centre line of the aorta.
//! Neither is a measurement: they only tell which phase a series shows.

pub mod aorta;
pub mod kidneys;
