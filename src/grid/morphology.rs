//! Binary morphology.
//!
//! Input: [`Mask`]s; structuring elements are the six-neighbour cross, repeated, or a ball with its radius in voxels.
//! Output: masks of the same shape. Beyond the border everything is false unless a function says otherwise.

use rayon::prelude::*;

use super::Grid;
use super::Mask;
use super::Outside;
use super::distance;

/// Erosion by the six-neighbour cross, `steps` times.
pub fn erode(mask: &Mask, steps: usize, outside: Outside) -> Mask {
    let mut result = mask.clone();
    for _ in 0..steps {
        result = cross(&result, outside == Outside::Ignored, |centre, others| centre && others.iter().all(|&x| x));
    }
    result
}

/// Dilation by the six-neighbour cross, `steps` times.
pub fn dilate(mask: &Mask, steps: usize) -> Mask {
    let mut result = mask.clone();
    for _ in 0..steps {
        result = cross(&result, false, |centre, others| centre || others.iter().any(|&x| x));
    }
    result
}

/// Opening by the six-neighbour cross: `steps` erosions, then as many dilations.
pub fn open(mask: &Mask, steps: usize) -> Mask {
    dilate(&erode(mask, steps, Outside::False), steps)
}

/// Erosion by a ball: what is farther than `radius` voxels from every false voxel.
pub fn erode_ball(mask: &Mask, radius: f64, outside: Outside) -> Mask {
    let limit = radius as f32 + TOLERANCE;
    threshold(&distance::euclidean(mask, [1.0; 3], outside), |distance| distance > limit)
}

/// Dilation by a ball: what is within `radius` voxels of a true voxel.
pub fn dilate_ball(mask: &Mask, radius: f64) -> Mask {
    let limit = radius as f32 + TOLERANCE;
    threshold(&distance::euclidean(&complement(mask), [1.0; 3], Outside::Ignored), |distance| distance <= limit)
}

/// Opening by a ball.
pub fn open_ball(mask: &Mask, radius: f64) -> Mask {
    dilate_ball(&erode_ball(mask, radius, Outside::False), radius)
}

/// Closing by a ball, as if the grid had room on all sides: the border neither attracts nor erodes.
pub fn close_ball(mask: &Mask, radius: f64) -> Mask {
    let margin = radius.ceil() as usize + 1;
    let padded = pad(mask, [margin; 3]);
    let closed = erode_ball(&dilate_ball(&padded, radius), radius, Outside::Ignored);
    crop(&closed, [margin; 3])
}

/// True where the mask is false.
pub fn complement(mask: &Mask) -> Mask {
    Grid { shape: mask.shape, data: mask.data.iter().map(|&inside| !inside).collect() }
}

/// The mask with `margin` false voxels added at both ends of each axis.
pub fn pad(mask: &Mask, margin: [usize; 3]) -> Mask {
    let shape: [usize; 3] = std::array::from_fn(|axis| mask.shape[axis] + 2 * margin[axis]);
    let mut result = Grid::filled(shape, false);
    for k in 0..mask.shape[0] {
        for j in 0..mask.shape[1] {
            let from = mask.index(k, j, 0);
            let to = result.index(k + margin[0], j + margin[1], margin[2]);
            result.data[to..to + mask.shape[2]].copy_from_slice(&mask.data[from..from + mask.shape[2]]);
        }
    }
    result
}

/// The mask without `margin` voxels at both ends of each axis; the inverse of [`pad`].
pub fn crop(mask: &Mask, margin: [usize; 3]) -> Mask {
    let shape: [usize; 3] = std::array::from_fn(|axis| mask.shape[axis].saturating_sub(2 * margin[axis]));
    let mut result = Grid::filled(shape, false);
    for k in 0..shape[0] {
        for j in 0..shape[1] {
            let to = result.index(k, j, 0);
            let from = mask.index(k + margin[0], j + margin[1], margin[2]);
            result.data[to..to + shape[2]].copy_from_slice(&mask.data[from..from + shape[2]]);
        }
    }
    result
}

/// Fills in each slice what false voxels are not joined to the border by common sides.
pub fn fill_holes_per_slice(mask: &Mask) -> Mask {
    let [_, rows, columns] = mask.shape;
    let size = (rows * columns).max(1);
    let mut result = Grid::filled(mask.shape, true);
    result.data.par_chunks_mut(size).zip(mask.data.par_chunks(size)).for_each(|(filled, inside)| {
        let mut waiting: Vec<usize> = (0..inside.len())
            .filter(|at| {
                let (j, i) = (at / columns, at % columns);
                j == 0 || i == 0 || j + 1 == rows || i + 1 == columns
            })
            .collect();
        while let Some(at) = waiting.pop() {
            if inside[at] || !filled[at] {
                continue;
            }
            filled[at] = false;
            let (j, i) = (at / columns, at % columns);
            waiting.extend((j > 0).then(|| at - columns));
            waiting.extend((j + 1 < rows).then(|| at + columns));
            waiting.extend((i > 0).then(|| at - 1));
            waiting.extend((i + 1 < columns).then(|| at + 1));
        }
    });
    result
}

/// Keeps a radius such as `2.0` on the side of its own lattice points in spite of rounding (voxels).
const TOLERANCE: f32 = 1e-4;

fn threshold(distances: &Grid<f32>, keep: impl Fn(f32) -> bool + Sync) -> Mask {
    Grid { shape: distances.shape, data: distances.data.par_iter().map(|&distance| keep(distance)).collect() }
}

/// Applies `rule` to each voxel and its six neighbours; neighbours beyond the border read `border`.
fn cross(mask: &Mask, border: bool, rule: impl Fn(bool, [bool; 6]) -> bool + Sync) -> Mask {
    let [nk, nj, ni] = mask.shape;
    let size = (nj * ni).max(1);
    let mut result = Grid::filled(mask.shape, false);
    result.data.par_chunks_mut(size).enumerate().for_each(|(k, out)| {
        let here = mask.slice(k);
        let below = (k > 0).then(|| mask.slice(k - 1));
        let above = (k + 1 < nk).then(|| mask.slice(k + 1));
        for j in 0..nj {
            for i in 0..ni {
                let at = j * ni + i;
                let others = [
                    below.map_or(border, |slice| slice[at]),
                    above.map_or(border, |slice| slice[at]),
                    if j > 0 { here[at - ni] } else { border },
                    if j + 1 < nj { here[at + ni] } else { border },
                    if i > 0 { here[at - 1] } else { border },
                    if i + 1 < ni { here[at + 1] } else { border },
                ];
                out[at] = rule(here[at], others);
            }
        }
    });
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(shape: [usize; 3], text: &str) -> Mask {
        let data: Vec<bool> = text.chars().filter(|c| !c.is_whitespace()).map(|c| c == '#').collect();
        assert_eq!(data.len(), shape.iter().product::<usize>());
        Grid { shape, data }
    }

    #[test]
    fn opening_removes_a_thread_and_keeps_a_diamond() {
        let mut block = Grid::filled([7, 7, 7], false);
        for (k, j, i) in (2..5).flat_map(|k| (2..5).flat_map(move |j| (2..5).map(move |i| (k, j, i)))) {
            let at = block.index(k, j, i);
            block.data[at] = true;
        }
        let thread = block.index(3, 3, 6);
        block.data[thread] = true;
        let opened = open(&block, 1);
        assert_eq!(opened.count(), 7);
        assert!(!opened.data[thread]);
    }

    #[test]
    fn erosion_sees_the_border_only_where_told() {
        let full = Grid::filled([3, 3, 3], true);
        assert_eq!(erode(&full, 1, Outside::False).count(), 1);
        assert_eq!(erode(&full, 1, Outside::Ignored).count(), 27);
        assert_eq!(erode_ball(&full, 1.0, Outside::False).count(), 1);
    }

    #[test]
    fn a_dilated_point_is_the_ball() {
        let mut point = Grid::filled([7, 7, 7], false);
        let at = point.index(3, 3, 3);
        point.data[at] = true;
        assert_eq!(dilate_ball(&point, 1.0).count(), 7);
        assert_eq!(dilate_ball(&point, 2.0).count(), 33);
        assert_eq!(dilate_ball(&point, 1.5).count(), 19);
    }

    #[test]
    fn closing_bridges_a_gap_without_growing() {
        let block = mask([1, 1, 7], "##.##..");
        let block = Grid { shape: [5, 5, 7], data: block.data.repeat(25) };
        let closed = close_ball(&block, 1.0);
        assert!(closed.at(2, 2, 2));
        assert!((0..5).all(|k| (0..5).all(|j| closed.at(k, j, 0) && !closed.at(k, j, 5))));
    }

    #[test]
    fn holes_are_filled_unless_they_reach_the_border() {
        let ring = mask([1, 5, 6], "######  #.##.#  #.##..  ######  ......");
        assert_eq!(fill_holes_per_slice(&ring), mask([1, 5, 6], "######  ####.#  ####..  ######  ......"));
        let leaky_corner = mask([1, 3, 3], "##.  #.#  ###");
        assert_eq!(fill_holes_per_slice(&leaky_corner), mask([1, 3, 3], "##.  ###  ###"));
    }
}
