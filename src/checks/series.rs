//! Limits of the checks of object, calibration, energy, sampling (definition set section 3.1 to 3.3).

use super::Row;

/// The rows, in the order of the definition set.
pub(super) const ROWS: &[Row] = &[];
