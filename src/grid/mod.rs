//! Arrays without DICOM or anatomy.
//!
//! Input and output: [`Grid`]s in index order `[slice][row][column]`; distances in mm through explicit spacings.
//! No function here knows what a voxel means.

pub mod distance;
pub mod filter;
pub mod label;
pub mod morphology;
pub mod sample;
pub mod vector;

/// A dense three-dimensional array, last index fastest.
#[derive(Debug, Clone, PartialEq)]
pub struct Grid<T> {
    /// Extent `[slices, rows, columns]`.
    pub shape: [usize; 3],
    /// `shape[0] * shape[1] * shape[2]` values.
    pub data: Vec<T>,
}

/// A grid of truth values.
pub type Mask = Grid<bool>;

impl<T: Copy> Grid<T> {
    /// A grid filled with one value.
    pub fn filled(shape: [usize; 3], value: T) -> Grid<T> {
        Grid { shape, data: vec![value; shape[0] * shape[1] * shape[2]] }
    }

    /// Position of `[k, j, i]` (slice, row, column) in `data`.
    #[inline]
    pub fn index(&self, k: usize, j: usize, i: usize) -> usize {
        (k * self.shape[1] + j) * self.shape[2] + i
    }

    /// Value at `[k, j, i]`.
    #[inline]
    pub fn at(&self, k: usize, j: usize, i: usize) -> T {
        self.data[self.index(k, j, i)]
    }

    /// The values of slice `k`, row by row.
    #[inline]
    pub fn slice(&self, k: usize) -> &[T] {
        let size = self.shape[1] * self.shape[2];
        &self.data[k * size..(k + 1) * size]
    }

    /// The values of slice `k`, row by row, to be changed.
    #[inline]
    pub fn slice_mut(&mut self, k: usize) -> &mut [T] {
        let size = self.shape[1] * self.shape[2];
        &mut self.data[k * size..(k + 1) * size]
    }
}

impl Mask {
    /// Number of true voxels.
    pub fn count(&self) -> usize {
        self.data.iter().filter(|&&inside| inside).count()
    }
}

/// What lies beyond the last voxel of an axis, for filters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edge {
    /// `a a | a b c | c c`: the last value goes on.
    Nearest,
    /// `b a | a b c | c b`: mirrored about the edge of the last voxel.
    Reflect,
}

impl Edge {
    /// Index inside `0..length` that stands for a possibly outlying index; `length` must not be zero.
    #[inline]
    pub fn resolve(self, index: isize, length: usize) -> usize {
        let n = length as isize;
        match self {
            Edge::Nearest => index.clamp(0, n - 1) as usize,
            Edge::Reflect => {
                let folded = index.rem_euclid(2 * n);
                (if folded < n { folded } else { 2 * n - 1 - folded }) as usize
            }
        }
    }
}

/// What lies outside of a mask, for distances and morphology.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outside {
    /// Outside counts as false: the grid's border erodes.
    False,
    /// Outside is unknown and never the nearest false voxel.
    Ignored,
}

/// A grid whose axes are the patient's: column = +x (left), row = +y (posterior), slice = +z (head).
#[derive(Debug, Clone)]
pub struct PatientGrid<T> {
    /// The values.
    pub grid: Grid<T>,
    /// Patient position (LPS, mm) of the centre of voxel `[0, 0, 0]`, as `[x, y, z]`.
    pub origin_mm: [f64; 3],
    /// Distance between neighbours, equal along all axes (mm).
    pub spacing_mm: f64,
}

impl<T> PatientGrid<T> {
    /// Patient position (LPS, mm) of index `[k, j, i]` (indices may be fractional).
    pub fn patient_mm(&self, k: f64, j: f64, i: f64) -> [f64; 3] {
        let [x, y, z] = self.origin_mm;
        [x + i * self.spacing_mm, y + j * self.spacing_mm, z + k * self.spacing_mm]
    }

    /// Fractional index `[k, j, i]` of a patient position (LPS, mm).
    pub fn index_of(&self, point_mm: [f64; 3]) -> [f64; 3] {
        let [x, y, z] = self.origin_mm;
        [(point_mm[2] - z) / self.spacing_mm, (point_mm[1] - y) / self.spacing_mm, (point_mm[0] - x) / self.spacing_mm]
    }
}
