//! What every stage of the spine chain saw, for explanatory pictures.

use super::frame::CanalFrame;
use super::reformat::COUNT_U;
use super::reformat::COUNT_V;
use super::reformat::FIRST_U;
use super::reformat::FIRST_V;
use super::reformat::Reformat;
use super::ribs::Rib;
use super::signals::Signals;
use super::tube::Tube;
use crate::grid::Mask;
use crate::grid::PatientGrid;

/// An image along the canal: one row per mm of arc length, caudal row first; columns 1 mm apart.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Image {
    /// Rows and columns.
    pub shape: [usize; 2],
    /// Offset of the first column from the canal's centre (mm; left or anterior positive).
    pub first_mm: f64,
    /// HU, row by row.
    pub hu: Vec<f32>,
}

/// Intermediate results; empty where the chain did not get so far.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SpineTrace {
    /// Centroid of the body mask (LPS, mm).
    pub body_centre_mm: Option<[f64; 3]>,
    /// Smoothed canal score per grid slice of the run.
    pub canal_scores: Vec<f64>,
    /// Axial rotation per mm of canal (degrees, positive turns the front to the left).
    pub rotation_degrees: Vec<f64>,
    /// Largest coronal tilt about T12 (degrees), where T12 is named.
    pub coronal_tilt_degrees: Option<f64>,
    /// Straightened sagittal image through the canal's centre; columns towards the front.
    pub sagittal: Image,
    /// Straightened coronal image through the middle of the bodies; columns towards the left.
    pub coronal: Image,
    /// Per mm: lateral offset, posterior wall, depth and width of the tube ellipse (mm).
    pub tube_mm: Vec<[f64; 4]>,
    /// Mean HU drop across the tube per mm.
    pub tube_support_hu: Vec<f64>,
    /// Signals per mm.
    pub signals: Signals,
    /// Arc lengths of the boundaries between segments (mm).
    pub boundaries_mm: Vec<f64>,
    /// Ribs and processes at the first threshold.
    pub ribs: Vec<Rib>,
}

impl SpineTrace {
    pub(super) fn record(
        &mut self,
        reformat: &Reformat,
        tube: &Tube,
        frame: &CanalFrame,
        signals: Signals,
        boundaries_mm: Vec<f64>,
        ribs: Vec<Rib>,
    ) {
        self.rotation_degrees = frame.rotation.iter().map(|angle| angle.to_degrees()).collect();
        self.sagittal = image(reformat, COUNT_V, FIRST_V, |k, column| reformat.grid.at(k, column, -FIRST_U as usize));
        self.coronal = image(reformat, COUNT_U, FIRST_U, |k, column| {
            let row = (tube.ellipses[k].middle() - FIRST_V).round().clamp(0.0, COUNT_V as f64 - 1.0);
            reformat.grid.at(k, row as usize, column)
        });
        self.tube_mm = tube.ellipses.iter().map(|e| [e.lateral, e.posterior, e.depth, e.width]).collect();
        self.tube_support_hu.clone_from(&tube.support_hu);
        self.signals = signals;
        self.boundaries_mm = boundaries_mm;
        self.ribs = ribs;
    }
}

/// Centroid of a mask (LPS, mm); `None` of an empty one.
pub(super) fn centre_of(grid: &PatientGrid<f32>, mask: &Mask) -> Option<[f64; 3]> {
    let [_, rows, columns] = mask.shape;
    let (mut sums, mut count) = ([0.0; 3], 0.0);
    for (at, _) in mask.data.iter().enumerate().filter(|(_, inside)| **inside) {
        let place = [at / (rows * columns), at / columns % rows, at % columns];
        sums = std::array::from_fn(|axis| sums[axis] + place[axis] as f64);
        count += 1.0;
    }
    let [k, j, i] = sums.map(|sum| sum / count);
    (count > 0.0).then(|| grid.patient_mm(k, j, i))
}

fn image(reformat: &Reformat, columns: usize, first_mm: f64, hu: impl Fn(usize, usize) -> f32) -> Image {
    let rows = reformat.len();
    let hu = (0..rows).flat_map(|k| (0..columns).map(move |column| (k, column))).map(|(k, c)| hu(k, c)).collect();
    Image { shape: [rows, columns], first_mm, hu }
}
