//! Decoding, geometry, rescale to HU: one settled series becomes one volume.
//!
//! Input: the parsed [`crate::instance::Instance`]s of one series and where their bytes lie.
//! Output: a [`Volume`] of its largest axial stack, with checks; or the reasons why there is none.
//! Source: PS3.3 C.7.6.2.1.1 (image plane), C.11.1 (modality LUT), C.7.6.16 (multi-frame functional groups).

mod acquisition;
mod build;
mod codestream;
mod decode;
mod digest;
mod encapsulated;
#[cfg(test)]
mod fixture;
pub mod resample;
mod rescale;
mod stack;
mod suitability;
mod words;

use crate::checks::Check;
use crate::codes::Reason;
use crate::grid::Grid;
use crate::identity::Uid;

pub use build::build;
pub use decode::DecodeError;
pub use digest::digest;
pub use suitability::core3d_thickness;

/// Limits of building a volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Most bytes of the voxels of one volume.
    pub memory_bytes: u64,
    /// Threads that decode.
    pub threads: usize,
}

impl Default for Options {
    fn default() -> Options {
        Options { memory_bytes: 2 * 1024 * 1024 * 1024, threads: 2 }
    }
}

/// Why a series has no volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unsuitable {
    /// Reason of every parameter of the series.
    pub reason: Reason,
    /// The check that refused, or what went wrong, e.g. `transfer_syntax_not_decodable`.
    pub detail: &'static str,
}

/// What became of one series.
#[derive(Debug, Clone)]
pub struct Built {
    /// The volume, or why there is none.
    pub volume: Result<Volume, Unsuitable>,
    /// All evaluated checks; also when there is no volume.
    pub checks: Vec<Check>,
    /// For every instance, by UID: `measured`, or why it is no part of the volume: `other_stack`, `same_position`,
    /// `no_plane`.
    pub verdicts: Vec<(Uid, &'static str)>,
    /// Technical attributes of the chosen stack; also when there is no volume.
    pub acquisition: Vec<AcquisitionEntry>,
    /// Where the chosen stack lies; also when it was not decoded.
    pub geometry: Option<Geometry>,
}

/// Where the voxels of a volume lie in the patient.
///
/// Slices are sorted along the normal whose z component is positive, so slice 0 is the most caudal one.
/// In-slice order is that of the images: nothing is flipped.
#[derive(Debug, Clone, PartialEq)]
pub struct Geometry {
    /// Extent `[slices, rows, columns]`.
    pub shape: [usize; 3],
    /// Patient position (LPS, mm) of the centre of the first voxel (row 0, column 0) of each slice.
    pub origins_mm: Vec<[f64; 3]>,
    /// Unit vector along increasing column index.
    pub row_direction: [f64; 3],
    /// Unit vector along increasing row index.
    pub column_direction: [f64; 3],
    /// Unit normal of the slices, z component positive.
    pub normal: [f64; 3],
    /// Distance between rows (Pixel Spacing value 1, mm).
    pub row_spacing_mm: f64,
    /// Distance between columns (Pixel Spacing value 2, mm).
    pub column_spacing_mm: f64,
    /// Position of each slice along `normal` (mm), strictly increasing.
    pub positions_mm: Vec<f64>,
    /// Median distance between neighbouring slices (mm).
    pub slice_spacing_mm: f64,
}

impl Geometry {
    /// Patient position (LPS, mm) of the voxel centre at slice `k`, row `j`, column `i` (rows and columns may be fractional).
    pub fn patient_mm(&self, k: usize, j: f64, i: f64) -> [f64; 3] {
        let origin = self.origins_mm[k];
        std::array::from_fn(|axis| {
            origin[axis]
                + i * self.column_spacing_mm * self.row_direction[axis]
                + j * self.row_spacing_mm * self.column_direction[axis]
        })
    }

    /// Fractional row and column of a patient point projected into slice `k`.
    pub fn pixel(&self, k: usize, point_mm: [f64; 3]) -> [f64; 2] {
        let origin = self.origins_mm[k];
        let offset: [f64; 3] = std::array::from_fn(|axis| point_mm[axis] - origin[axis]);
        let dot = |direction: [f64; 3]| offset.iter().zip(direction).map(|(a, b)| a * b).sum::<f64>();
        [dot(self.column_direction) / self.row_spacing_mm, dot(self.row_direction) / self.column_spacing_mm]
    }

    /// Position of a patient point along the normal (mm), comparable with `positions_mm`.
    pub fn position_mm(&self, point_mm: [f64; 3]) -> f64 {
        point_mm.iter().zip(self.normal).map(|(a, b)| a * b).sum()
    }

    /// Thickness that slice `k` stands for in volumes (mm): half the distance between both its neighbours.
    pub fn slab_mm(&self, k: usize) -> f64 {
        let p = &self.positions_mm;
        let last = p.len().saturating_sub(1);
        match (k, last) {
            (_, 0) => self.slice_spacing_mm,
            (0, _) => p[1] - p[0],
            (k, last) if k == last => p[last] - p[last - 1],
            (k, _) => (p[k + 1] - p[k - 1]) / 2.0,
        }
    }
}

/// HU values of a volume.
#[derive(Debug, Clone)]
pub enum Voxels {
    /// Rescale is integer in every slice (the usual case).
    Int16(Grid<i16>),
    /// Any other rescale.
    Float32(Grid<f32>),
}

/// HU that stands for padding in [`Voxels`]; never a measured value.
pub const PADDING_HU: i16 = i16::MIN;

/// From which image a slice came.
#[derive(Debug, Clone, PartialEq)]
pub struct SliceProvenance {
    /// SOP Instance UID.
    pub sop_instance_uid: Uid,
    /// Frame number, from 1, in a multi-frame object.
    pub frame: Option<u32>,
    /// Instance Number as stated.
    pub instance_number: Option<i64>,
}

/// One technical attribute of the acquisition, as it goes into the record.
#[derive(Debug, Clone, PartialEq)]
pub struct AcquisitionEntry {
    /// Name in the output, e.g. `tube_voltage`.
    pub name: &'static str,
    /// Value or range over the slices.
    pub value: AcquisitionValue,
    /// Unit, where it has one.
    pub unit: Option<&'static str>,
    /// Tag, e.g. `0018,0060`.
    pub tag: &'static str,
}

/// Value of an acquisition attribute over all slices.
#[derive(Debug, Clone, PartialEq)]
pub enum AcquisitionValue {
    /// The same text everywhere.
    Text(String),
    /// The same number everywhere.
    Number(f64),
    /// Smallest and largest number, where it varies.
    Range(f64, f64),
    /// A truth value.
    Bool(bool),
}

/// The volume of one series: what measurement sees.
#[derive(Debug, Clone)]
pub struct Volume {
    /// HU in acquisition order.
    pub voxels: Voxels,
    /// Where they lie.
    pub geometry: Geometry,
    /// One entry per slice.
    pub slices: Vec<SliceProvenance>,
    /// Nominal slice thickness (0018,0050), mm; the slice spacing where it is absent.
    pub slice_thickness_mm: f64,
    /// Largest HU that the stored representation can hold; voxels at it are saturated.
    pub largest_hu: f64,
    /// Tube voltage, where stated (kV).
    pub tube_voltage_kv: Option<f64>,
    /// Technical attributes for the record.
    pub acquisition: Vec<AcquisitionEntry>,
    /// Facts of header words that the contrast phase is cross-checked with.
    pub contrast: ContrastTags,
    /// Series-level checks of section 3.1 to 3.3 that need no anatomy.
    pub checks: Vec<Check>,
}

/// What the header says about contrast agent; never more than a cross-check.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ContrastTags {
    /// (0018,0010) or (0018,1041) carries a value.
    pub agent_present: Option<bool>,
    /// A phase word in Series Description or Protocol Name: `native`, `arterial`, `portal`, `delayed`.
    pub phase_word: Option<&'static str>,
}

impl Volume {
    /// HU of voxel `[k, j, i]`; padding reads [`PADDING_HU`].
    #[inline]
    pub fn hu(&self, k: usize, j: usize, i: usize) -> f32 {
        match &self.voxels {
            Voxels::Int16(grid) => f32::from(grid.at(k, j, i)),
            Voxels::Float32(grid) => grid.at(k, j, i),
        }
    }

    /// Copies slice `k` as HU into `out` (rows x columns).
    pub fn slice_hu(&self, k: usize, out: &mut Vec<f32>) {
        out.clear();
        match &self.voxels {
            Voxels::Int16(grid) => out.extend(grid.slice(k).iter().map(|&value| f32::from(value))),
            Voxels::Float32(grid) => out.extend_from_slice(grid.slice(k)),
        }
    }
}
