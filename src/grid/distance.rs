//! Exact Euclidean distance transform.
//!
//! Input: a [`Mask`] and the voxel spacing (mm). Output: for every true voxel the distance (mm) between its centre and
//! that of the nearest false voxel; 0 for false voxels; infinite where there is no false voxel.
//! Method: lower envelope of parabolas, axis by axis (Felzenszwalb and Huttenlocher, Theory of Computing 2012).

use rayon::prelude::*;

use super::Grid;
use super::Mask;
use super::Outside;

/// Distance in three dimensions; `spacing_mm` is `[slice, row, column]`.
pub fn euclidean(mask: &Mask, spacing_mm: [f64; 3], outside: Outside) -> Grid<f32> {
    let mut squares = in_slices(mask, [spacing_mm[1], spacing_mm[2]], outside);
    along_slices(&mut squares, spacing_mm[0], outside);
    root(squares)
}

/// Distance within each slice; `spacing_mm` is `[row, column]`.
pub fn euclidean_per_slice(mask: &Mask, spacing_mm: [f64; 2], outside: Outside) -> Grid<f32> {
    root(in_slices(mask, spacing_mm, outside))
}

fn root(mut squares: Grid<f32>) -> Grid<f32> {
    squares.data.par_iter_mut().for_each(|value| *value = value.sqrt());
    squares
}

/// Squared distances within slices.
fn in_slices(mask: &Mask, spacing_mm: [f64; 2], outside: Outside) -> Grid<f32> {
    let [_, rows, columns] = mask.shape;
    let mut squares = Grid::filled(mask.shape, 0f32);
    let size = (rows * columns).max(1);
    squares.data.par_chunks_mut(size).zip(mask.data.par_chunks(size)).for_each(|(out, inside)| {
        let mut line = Line::new(rows.max(columns));
        for (row, truth) in out.chunks_mut(columns.max(1)).zip(inside.chunks(columns.max(1))) {
            for (value, &is_inside) in row.iter_mut().zip(truth) {
                *value = if is_inside { f32::INFINITY } else { 0.0 };
            }
            line.load(row.iter().copied());
            line.transform(spacing_mm[1], outside);
            row.copy_from_slice(&line.result);
        }
        for i in 0..columns {
            line.load((0..rows).map(|j| out[j * columns + i]));
            line.transform(spacing_mm[0], outside);
            for (j, &value) in line.result.iter().enumerate() {
                out[j * columns + i] = value;
            }
        }
    });
    squares
}

/// Carries squared distances along the slice axis; works on a row-major copy so that threads own what they write.
fn along_slices(squares: &mut Grid<f32>, spacing_mm: f64, outside: Outside) {
    let [slices, rows, columns] = squares.shape;
    let mut turned = vec![0f32; squares.data.len()];
    let plane = (slices * columns).max(1);
    turned.par_chunks_mut(plane).enumerate().for_each(|(j, out)| {
        let mut line = Line::new(slices);
        for i in 0..columns {
            line.load((0..slices).map(|k| squares.data[(k * rows + j) * columns + i]));
            line.transform(spacing_mm, outside);
            for (k, &value) in line.result.iter().enumerate() {
                out[k * columns + i] = value;
            }
        }
    });
    let size = (rows * columns).max(1);
    squares.data.par_chunks_mut(size).enumerate().for_each(|(k, out)| {
        for (j, row) in out.chunks_mut(columns.max(1)).enumerate() {
            let from = j * plane + k * columns;
            row.copy_from_slice(&turned[from..from + row.len()]);
        }
    });
}

/// Working memory for one line.
struct Line {
    values: Vec<f64>,
    result: Vec<f32>,
    apexes: Vec<f64>,
    heights: Vec<f64>,
    starts: Vec<f64>,
}

impl Line {
    fn new(length: usize) -> Line {
        let reserve = || Vec::with_capacity(length + 2);
        Line {
            values: reserve(),
            result: Vec::with_capacity(length),
            apexes: reserve(),
            heights: reserve(),
            starts: reserve(),
        }
    }

    fn load(&mut self, values: impl Iterator<Item = f32>) {
        self.values.clear();
        self.values.extend(values.map(f64::from));
    }

    /// `result[q] = min over p of values[p] + (spacing * (q - p))^2`.
    fn transform(&mut self, spacing_mm: f64, outside: Outside) {
        self.result.clear();
        if self.values.iter().all(|&value| value == 0.0) {
            self.result.resize(self.values.len(), 0.0);
            return;
        }
        self.envelope(spacing_mm, outside);
        let mut at = 0;
        for q in 0..self.values.len() {
            let Some(_) = self.apexes.first() else {
                self.result.push(f32::INFINITY);
                continue;
            };
            let position = q as f64 * spacing_mm;
            while at + 1 < self.apexes.len() && self.starts[at + 1] <= position {
                at += 1;
            }
            let step = position - self.apexes[at];
            self.result.push((self.heights[at] + step * step) as f32);
        }
    }

    fn envelope(&mut self, spacing_mm: f64, outside: Outside) {
        self.apexes.clear();
        self.heights.clear();
        self.starts.clear();
        if outside == Outside::False {
            self.add(-spacing_mm, 0.0);
        }
        for q in 0..self.values.len() {
            let height = self.values[q];
            if height.is_finite() {
                self.add(q as f64 * spacing_mm, height);
            }
        }
        if outside == Outside::False {
            self.add(self.values.len() as f64 * spacing_mm, 0.0);
        }
    }

    fn add(&mut self, apex: f64, height: f64) {
        let mut start = f64::NEG_INFINITY;
        while let (Some(&last), Some(&low), Some(&from)) = (self.apexes.last(), self.heights.last(), self.starts.last())
        {
            start = ((height + apex * apex) - (low + last * last)) / (2.0 * (apex - last));
            if start > from {
                break;
            }
            self.apexes.pop();
            self.heights.pop();
            self.starts.pop();
            start = f64::NEG_INFINITY;
        }
        self.apexes.push(apex);
        self.heights.push(height);
        self.starts.push(start);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A scattered mask without symmetry, from a fixed recurrence.
    fn scattered(shape: [usize; 3]) -> Mask {
        let mut state = 7u32;
        let next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state >> 24 > 40
        };
        Grid { shape, data: std::iter::repeat_with(next).take(shape.iter().product()).collect() }
    }

    fn by_trying_all(mask: &Mask, spacing: [f64; 3], outside: Outside) -> Vec<f64> {
        let [nk, nj, ni] = mask.shape.map(|n| n as isize);
        let margin = isize::from(outside == Outside::False);
        let is_false = |k: isize, j: isize, i: isize| {
            let within = (0..nk).contains(&k) && (0..nj).contains(&j) && (0..ni).contains(&i);
            !within || !mask.at(k as usize, j as usize, i as usize)
        };
        let mut result = Vec::new();
        for (k, j, i) in (0..nk).flat_map(|k| (0..nj).flat_map(move |j| (0..ni).map(move |i| (k, j, i)))) {
            let mut best = f64::INFINITY;
            for c in -margin..nk + margin {
                for b in -margin..nj + margin {
                    for a in -margin..ni + margin {
                        if is_false(c, b, a) {
                            let steps = [(c - k) as f64, (b - j) as f64, (a - i) as f64];
                            let square: f64 = steps.iter().zip(spacing).map(|(n, s)| (n * s) * (n * s)).sum();
                            best = best.min(square.sqrt());
                        }
                    }
                }
            }
            result.push(best);
        }
        result
    }

    #[test]
    fn the_distance_equals_the_one_found_by_trying_all_voxels() {
        let mask = scattered([5, 6, 7]);
        for outside in [Outside::Ignored, Outside::False] {
            let spacing = [2.5, 0.8, 0.7];
            let expected = by_trying_all(&mask, spacing, outside);
            let found = euclidean(&mask, spacing, outside);
            for (found, expected) in found.data.iter().zip(expected) {
                assert!((f64::from(*found) - expected).abs() < 1e-5, "{found} instead of {expected}");
            }
        }
    }

    #[test]
    fn slices_stay_apart() {
        let mut mask = Grid::filled([2, 1, 3], true);
        mask.data[0] = false;
        let found = euclidean_per_slice(&mask, [1.0, 2.0], Outside::Ignored);
        assert_eq!(found.data, [0.0, 2.0, 4.0, f32::INFINITY, f32::INFINITY, f32::INFINITY]);
    }

    #[test]
    fn without_a_false_voxel_only_the_outside_limits() {
        let mask = Grid::filled([1, 1, 4], true);
        assert!(euclidean(&mask, [1.0; 3], Outside::Ignored).data.iter().all(|d| d.is_infinite()));
        assert_eq!(euclidean_per_slice(&mask, [9.0, 1.0], Outside::False).data, [1.0, 2.0, 2.0, 1.0]);
    }
}
