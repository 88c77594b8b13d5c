//! Mask operations in millimetres, on the part of the grid that a mask needs.
//!
//! Input: masks on an isotropic grid, radii in mm. Output: masks of the same shape, volumes in mL.
//! A scan may cut an organ: the border of the grid is never the nearest outside.

use rayon::prelude::*;

use crate::grid::Grid;
use crate::grid::Mask;
use crate::grid::Outside;
use crate::grid::distance;
use crate::grid::label;
use crate::grid::label::Neighbours;

/// A box of voxels, `[first, end)` along slices, rows, columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    /// First index along each axis.
    pub(crate) first: [usize; 3],
    /// One past the last index along each axis.
    pub(crate) end: [usize; 3],
}

impl Window {
    /// The smallest box around a mask, widened by `margin` voxels inside the grid; `None` of an empty mask.
    pub(crate) fn around(mask: &Mask, margin: usize) -> Option<Window> {
        let [_, rows, columns] = mask.shape;
        let mut low = [usize::MAX; 3];
        let mut high = [0; 3];
        for at in mask.data.iter().enumerate().filter(|(_, inside)| **inside).map(|(at, _)| at) {
            let place = [at / (rows * columns), at / columns % rows, at % columns];
            for axis in 0..3 {
                low[axis] = low[axis].min(place[axis]);
                high[axis] = high[axis].max(place[axis]);
            }
        }
        (low[0] != usize::MAX).then(|| Window {
            first: low.map(|value| value.saturating_sub(margin)),
            end: std::array::from_fn(|axis| (high[axis] + margin + 1).min(mask.shape[axis])),
        })
    }

    /// Extent of the box.
    pub(crate) fn shape(&self) -> [usize; 3] {
        std::array::from_fn(|axis| self.end[axis] - self.first[axis])
    }

    /// The values inside the box.
    pub(crate) fn crop<T: Copy>(&self, grid: &Grid<T>) -> Grid<T> {
        let shape = self.shape();
        let mut data = Vec::with_capacity(shape.iter().product());
        for k in self.first[0]..self.end[0] {
            for j in self.first[1]..self.end[1] {
                let from = grid.index(k, j, self.first[2]);
                data.extend_from_slice(&grid.data[from..from + shape[2]]);
            }
        }
        Grid { shape, data }
    }

    /// A mask of the full shape that holds `part` in this box and is false elsewhere.
    pub(crate) fn paste(&self, part: &Mask, shape: [usize; 3]) -> Mask {
        let mut whole = Grid::filled(shape, false);
        for (line, row) in part.data.chunks(part.shape[2].max(1)).enumerate() {
            let (k, j) = (line / part.shape[1], line % part.shape[1]);
            let to = whole.index(self.first[0] + k, self.first[1] + j, self.first[2]);
            whole.data[to..to + row.len()].copy_from_slice(row);
        }
        whole
    }
}

/// A mask from a rule on the index `[k, j, i]` and its position in `data`, slices in parallel.
pub(crate) fn mask_where(shape: [usize; 3], rule: impl Fn(usize, usize, usize, usize) -> bool + Sync) -> Mask {
    let [_, rows, columns] = shape;
    let mut mask = Grid::filled(shape, false);
    mask.data.par_chunks_mut((rows * columns).max(1)).enumerate().for_each(|(k, slice)| {
        for (at, value) in slice.iter_mut().enumerate() {
            *value = rule(k, at / columns, at % columns, k * rows * columns + at);
        }
    });
    mask
}

/// A mask built slice by slice; `make` gives the values of slice `k`, row by row.
pub(crate) fn by_slices(shape: [usize; 3], make: impl Fn(usize) -> Vec<bool> + Sync + Send) -> Mask {
    let slices: Vec<Vec<bool>> = (0..shape[0]).into_par_iter().map(make).collect();
    Grid { shape, data: slices.concat() }
}

/// Slice `k` as a grid of one slice.
pub(crate) fn slice_of(mask: &Mask, k: usize) -> Mask {
    Grid { shape: [1, mask.shape[1], mask.shape[2]], data: mask.slice(k).to_vec() }
}

/// What lies in both masks.
pub(crate) fn both(a: &Mask, b: &Mask) -> Mask {
    Grid { shape: a.shape, data: a.data.iter().zip(&b.data).map(|(&a, &b)| a && b).collect() }
}

/// Number of true voxels.
pub(crate) fn count(mask: &Mask) -> usize {
    mask.data.iter().filter(|inside| **inside).count()
}

/// Volume of a mask (mL).
pub(crate) fn volume_ml(mask: &Mask, spacing_mm: f64) -> f64 {
    voxels_ml(count(mask), spacing_mm)
}

/// Volume of a number of voxels (mL).
pub(crate) fn voxels_ml(voxels: usize, spacing_mm: f64) -> f64 {
    voxels as f64 * spacing_mm.powi(3) / 1000.0
}

/// What is farther than `radius_mm` from every voxel outside.
pub(crate) fn erode(mask: &Mask, spacing_mm: f64, radius_mm: f64) -> Mask {
    let Some(window) = Window::around(mask, 1) else { return mask.clone() };
    let part = window.crop(mask);
    let distances = distance::euclidean(&part, [spacing_mm; 3], Outside::Ignored);
    let limit = radius_mm as f32 + ROUNDING_MM;
    let kept = Grid { shape: part.shape, data: distances.data.iter().map(|&d| d > limit).collect() };
    window.paste(&kept, mask.shape)
}

/// What is within `radius_mm` of the mask.
pub(crate) fn dilate(mask: &Mask, spacing_mm: f64, radius_mm: f64) -> Mask {
    let margin = (radius_mm / spacing_mm) as usize + 2;
    let Some(window) = Window::around(mask, margin) else { return mask.clone() };
    let distances = distance_to(&window.crop(mask), spacing_mm);
    let limit = radius_mm as f32 + ROUNDING_MM;
    let grown = Grid { shape: distances.shape, data: distances.data.iter().map(|&d| d <= limit).collect() };
    window.paste(&grown, mask.shape)
}

/// Closing by a ball, with free room beyond the border of the grid.
pub(crate) fn close(mask: &Mask, spacing_mm: f64, radius_mm: f64) -> Mask {
    let Some(window) = Window::around(mask, (radius_mm / spacing_mm) as usize + 2) else { return mask.clone() };
    let closed = crate::grid::morphology::close_ball(&window.crop(mask), radius_mm / spacing_mm);
    window.paste(&closed, mask.shape)
}

/// Distance of every voxel to the nearest voxel of the mask (mm).
pub(crate) fn distance_to(mask: &Mask, spacing_mm: f64) -> Grid<f32> {
    distance::euclidean(&crate::grid::morphology::complement(mask), [spacing_mm; 3], Outside::Ignored)
}

/// Depth of every voxel below the outline within its own slice (mm); the border of the image is outline.
pub(crate) fn slice_depth(mask: &Mask, spacing_mm: f64) -> Grid<f32> {
    distance::euclidean_per_slice(mask, [spacing_mm; 2], Outside::False)
}

/// The component with most voxels in `within` (in the mask itself without it); empty when there is none.
pub(crate) fn largest(mask: &Mask, within: Option<&Mask>) -> Mask {
    let components = label::label(mask, Neighbours::Six);
    let Some(within) = within else {
        return components
            .largest()
            .map_or_else(|| Grid::filled(mask.shape, false), |largest| components.mask(largest));
    };
    let mut shared = vec![0usize; components.sizes.len() + 1];
    for (&number, _) in components.labels.data.iter().zip(&within.data).filter(|(_, inside)| **inside) {
        shared[number as usize] += 1;
    }
    shared[0] = 0;
    let most = shared.iter().copied().max().unwrap_or(0);
    if most == 0 {
        return Grid::filled(mask.shape, false);
    }
    let best = shared.iter().position(|&number| number == most).unwrap_or(0);
    components.mask(best as u32)
}

/// The components with at least `share` of the largest one's voxels.
pub(crate) fn large_parts(mask: &Mask, share: f64) -> Mask {
    let components = label::label(mask, Neighbours::Six);
    let least = share * components.sizes.iter().copied().max().unwrap_or(0) as f64;
    components.select(|_, size| size as f64 >= least)
}

/// Median of grid values inside a mask; `None` of an empty mask.
pub(crate) fn median_in(values: &Grid<f32>, mask: &Mask) -> Option<f64> {
    crate::grid::filter::median(&mut values_in(values, mask))
}

/// Scaled median absolute deviation of grid values inside a mask from `centre`.
pub(crate) fn deviation_in(values: &Grid<f32>, mask: &Mask, centre: f64) -> f64 {
    let mut offsets: Vec<f64> = values_in(values, mask).into_iter().map(|value| (value - centre).abs()).collect();
    NORMAL_DEVIATIONS * crate::grid::filter::median(&mut offsets).unwrap_or(0.0)
}

/// Grid values inside a mask, in index order.
pub(crate) fn values_in(values: &Grid<f32>, mask: &Mask) -> Vec<f64> {
    values.data.iter().zip(&mask.data).filter(|(_, inside)| **inside).map(|(&value, _)| f64::from(value)).collect()
}

/// Standard deviations per median absolute deviation of a normal distribution.
const NORMAL_DEVIATIONS: f64 = 1.4826;

/// Keeps radii that are multiples of the spacing on the side of their own lattice points.
const ROUNDING_MM: f32 = 1e-4;

#[cfg(test)]
mod tests {
    use super::*;

    fn ball(radius: f64) -> Mask {
        mask_where([21, 21, 21], |k, j, i, _| {
            [k, j, i].iter().map(|&at| (at as f64 - 10.0).powi(2)).sum::<f64>() <= radius * radius
        })
    }

    #[test]
    fn a_ball_loses_its_rind_and_gets_it_back() {
        let start = ball(7.0);
        let core = erode(&start, 3.0, 9.0);
        assert!(count(&core) > 0 && count(&core) < count(&start) / 2);
        let back = dilate(&core, 3.0, 9.0);
        assert!(back.data.iter().zip(&start.data).all(|(&grown, &original)| !grown || original));
        assert!(count(&back) as f64 > 0.6 * count(&start) as f64, "{} of {}", count(&back), count(&start));
    }

    #[test]
    fn the_border_of_the_scan_does_not_erode() {
        let cut = mask_where([6, 9, 9], |_, j, i, _| (2..7).contains(&j) && (2..7).contains(&i));
        let core = erode(&cut, 3.0, 4.0);
        assert!(core.at(0, 4, 4) && core.at(5, 4, 4));
        assert!(!core.at(3, 2, 4));
    }

    #[test]
    fn the_largest_component_is_the_one_inside_the_seed() {
        let two = mask_where([1, 3, 9], |_, _, i, _| !(2..4).contains(&i));
        let seed = mask_where([1, 3, 9], |_, _, i, _| i == 0);
        assert_eq!(count(&largest(&two, None)), 15);
        assert_eq!(count(&largest(&two, Some(&seed))), 6);
        assert_eq!(count(&largest(&two, Some(&Grid::filled([1, 3, 9], false)))), 0);
    }

    #[test]
    fn a_window_takes_out_and_puts_back() {
        let mask = ball(3.0);
        let window = Window::around(&mask, 2).unwrap();
        assert_eq!(window.shape(), [11, 11, 11]);
        assert_eq!(window.paste(&window.crop(&mask), mask.shape), mask);
    }
}
