//! Arrays without DICOM or anatomy.
//!
//! Input and output: [`Grid`]s in index order `[slice][row][column]`; distances in mm through explicit spacings.
//! No function here knows what a voxel means.

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
