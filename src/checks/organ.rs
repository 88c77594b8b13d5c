//! Limits of the checks of liver and spleen (definition set section 3.4).

use super::Row;

/// The rows, in the order of the definition set.
pub(super) const ROWS: &[Row] = &[];
