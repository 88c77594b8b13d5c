//! The spine straightened: planes normal to the canal, 1 mm apart.
//!
//! Input: a patient grid and the [`CanalFrame`]. Output: [`Reformat`], HU on `[s][v][u]`, 1 mm in each direction.

use rayon::prelude::*;

use super::frame::AIR_HU;
use super::frame::CanalFrame;
use crate::grid::Grid;
use crate::grid::PatientGrid;
use crate::grid::sample;

/// First offset to the left (mm).
pub(super) const FIRST_U: f64 = -60.0;
/// Offsets to the left.
pub(super) const COUNT_U: usize = 121;
/// First offset to the front (mm).
pub(super) const FIRST_V: f64 = -45.0;
/// Offsets to the front.
pub(super) const COUNT_V: usize = 116;

/// HU along the canal.
#[derive(Debug, Clone)]
pub(super) struct Reformat {
    /// Values `[s][v][u]`.
    pub(super) grid: Grid<f32>,
}

impl Reformat {
    /// Straightens the grid along the canal.
    pub(super) fn new(grid: &PatientGrid<f32>, frame: &CanalFrame) -> Reformat {
        let mut result = Grid::filled([frame.len(), COUNT_V, COUNT_U], 0f32);
        result.data.par_chunks_mut(COUNT_V * COUNT_U).enumerate().for_each(|(k, out)| {
            for (at, value) in out.iter_mut().enumerate() {
                let point = frame.point(k, u(at % COUNT_U), v(at / COUNT_U));
                *value = sample::trilinear(grid, point, AIR_HU);
            }
        });
        Reformat { grid: result }
    }

    /// The same with every value clipped.
    pub(super) fn clipped(&self, low: f32, high: f32) -> Reformat {
        let data = self.grid.data.iter().map(|value| value.clamp(low, high)).collect();
        Reformat { grid: Grid { shape: self.grid.shape, data } }
    }

    /// Number of planes.
    pub(super) fn len(&self) -> usize {
        self.grid.shape[0]
    }

    /// Trilinear value; the border goes on outside.
    #[inline]
    pub(super) fn at(&self, s: f64, u: f64, v: f64) -> f32 {
        sample::trilinear_nearest(&self.grid, [s, v - FIRST_V, u - FIRST_U])
    }

    /// Mean over the pixels of plane `k` that `inside(u, v)` admits; 0 of none.
    pub(super) fn mean(&self, k: usize, inside: impl Fn(f64, f64) -> bool) -> f64 {
        let (mut sum, mut count) = (0.0, 0usize);
        for (at, &value) in self.grid.slice(k).iter().enumerate() {
            if inside(u(at % COUNT_U), v(at / COUNT_U)) {
                sum += f64::from(value);
                count += 1;
            }
        }
        if count == 0 { 0.0 } else { sum / count as f64 }
    }
}

/// Offset to the left of column `i` (mm).
#[inline]
pub(super) fn u(i: usize) -> f64 {
    FIRST_U + i as f64
}

/// Offset to the front of row `j` (mm).
#[inline]
pub(super) fn v(j: usize) -> f64 {
    FIRST_V + j as f64
}
