//! Connected components.
//!
//! Input: a [`Mask`] and a neighbourhood. Output: labels from 1 in the scan order of each component's first voxel,
//! with the sizes in voxels. Method: union-find over one scan, then renumbering.

use super::Grid;
use super::Mask;

/// Which voxels touch each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Neighbours {
    /// Common face.
    Six,
    /// Common face or edge.
    Eighteen,
    /// Common face, edge or corner.
    TwentySix,
    /// Common side, within one slice only.
    FourInSlice,
    /// Common side or corner, within one slice only.
    EightInSlice,
}

impl Neighbours {
    /// Steps to the neighbours that come earlier in scan order.
    fn earlier(self) -> Vec<[isize; 3]> {
        let mut steps = Vec::new();
        for dk in -1..=0isize {
            for dj in -1..=1isize {
                for di in -1..=1isize {
                    let distance = dk.abs() + dj.abs() + di.abs();
                    if [dk, dj, di] < [0, 0, 0] && self.touches(dk, distance) {
                        steps.push([dk, dj, di]);
                    }
                }
            }
        }
        steps
    }

    fn touches(self, dk: isize, distance: isize) -> bool {
        match self {
            Neighbours::Six => distance == 1,
            Neighbours::Eighteen => distance <= 2,
            Neighbours::TwentySix => true,
            Neighbours::FourInSlice => dk == 0 && distance == 1,
            Neighbours::EightInSlice => dk == 0,
        }
    }
}

/// Components of a mask.
#[derive(Debug, Clone, PartialEq)]
pub struct Components {
    /// 0 outside, else the component's number from 1.
    pub labels: Grid<u32>,
    /// Voxels per component; `sizes[0]` belongs to label 1.
    pub sizes: Vec<usize>,
}

impl Components {
    /// Label of the largest component (the first of equals); `None` without any.
    pub fn largest(&self) -> Option<u32> {
        let size = *self.sizes.iter().max()?;
        self.sizes.iter().position(|&other| other == size).map(|at| at as u32 + 1)
    }

    /// Mask of one component.
    pub fn mask(&self, label: u32) -> Mask {
        Grid { shape: self.labels.shape, data: self.labels.data.iter().map(|&other| other == label).collect() }
    }

    /// Mask of all components whose label `keep` admits (called with label and size).
    pub fn select(&self, mut keep: impl FnMut(u32, usize) -> bool) -> Mask {
        let kept: Vec<bool> = std::iter::once(false)
            .chain(self.sizes.iter().enumerate().map(|(at, &size)| keep(at as u32 + 1, size)))
            .collect();
        Grid { shape: self.labels.shape, data: self.labels.data.iter().map(|&label| kept[label as usize]).collect() }
    }
}

/// Labels the connected components of a mask.
pub fn label(mask: &Mask, neighbours: Neighbours) -> Components {
    let (mut labels, mut parents) = provisional(mask, neighbours);
    // Unions keep the smaller number as root, so roots ascend in scan order and one pass renumbers.
    let mut numbers = vec![0u32; parents.len()];
    let mut count = 0;
    for at in 1..parents.len() {
        let root = find(&mut parents, at as u32);
        if root as usize == at {
            count += 1;
            numbers[at] = count;
        } else {
            numbers[at] = numbers[root as usize];
        }
    }
    let mut sizes = vec![0; count as usize];
    for value in labels.data.iter_mut().filter(|value| **value > 0) {
        *value = numbers[*value as usize];
        sizes[*value as usize - 1] += 1;
    }
    Components { labels, sizes }
}

/// The largest connected component of a mask; an empty mask stays empty.
pub fn largest_component(mask: &Mask, neighbours: Neighbours) -> Mask {
    let components = label(mask, neighbours);
    match components.largest() {
        Some(largest) => components.mask(largest),
        None => Grid::filled(mask.shape, false),
    }
}

fn provisional(mask: &Mask, neighbours: Neighbours) -> (Grid<u32>, Vec<u32>) {
    let [nk, nj, ni] = mask.shape;
    let steps = neighbours.earlier();
    let offsets: Vec<isize> = steps.iter().map(|[dk, dj, di]| (dk * nj as isize + dj) * ni as isize + di).collect();
    let mut labels = Grid::filled(mask.shape, 0u32);
    let mut parents = vec![0u32];
    for k in 0..nk {
        for j in 0..nj {
            for i in 0..ni {
                let at = mask.index(k, j, i);
                if !mask.data[at] {
                    continue;
                }
                let mut own = 0;
                for (step, offset) in steps.iter().zip(&offsets) {
                    if !inside(k, step[0], nk) || !inside(j, step[1], nj) || !inside(i, step[2], ni) {
                        continue;
                    }
                    let other = labels.data[(at as isize + offset) as usize];
                    if other > 0 && other != own {
                        own = if own == 0 { other } else { unite(&mut parents, own, other) };
                    }
                }
                if own == 0 {
                    own = parents.len() as u32;
                    parents.push(own);
                }
                labels.data[at] = own;
            }
        }
    }
    (labels, parents)
}

#[inline]
fn inside(index: usize, step: isize, length: usize) -> bool {
    let moved = index as isize + step;
    moved >= 0 && moved < length as isize
}

fn find(parents: &mut [u32], mut at: u32) -> u32 {
    while parents[at as usize] != at {
        let grandparent = parents[parents[at as usize] as usize];
        parents[at as usize] = grandparent;
        at = grandparent;
    }
    at
}

fn unite(parents: &mut [u32], a: u32, b: u32) -> u32 {
    let (a, b) = (find(parents, a), find(parents, b));
    let (low, high) = (a.min(b), a.max(b));
    parents[high as usize] = low;
    low
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
    fn a_u_shape_is_one_component_numbered_by_its_first_voxel() {
        let u = mask([1, 3, 5], "#.#.#  #.#..  ###.#");
        let found = label(&u, Neighbours::Six);
        assert_eq!(found.labels.data, [1, 0, 1, 0, 2, 1, 0, 1, 0, 0, 1, 1, 1, 0, 3]);
        assert_eq!(found.sizes, [7, 1, 1]);
        assert_eq!(found.largest(), Some(1));
    }

    #[test]
    fn a_corner_joins_only_where_corners_count() {
        let corner = mask([2, 2, 2], "#. ..  .. .#");
        assert_eq!(label(&corner, Neighbours::Six).sizes.len(), 2);
        assert_eq!(label(&corner, Neighbours::Eighteen).sizes.len(), 2);
        assert_eq!(label(&corner, Neighbours::TwentySix).sizes, [2]);
        let edge = mask([2, 2, 2], "#. ..  .# ..");
        assert_eq!(label(&edge, Neighbours::Eighteen).sizes, [2]);
        assert_eq!(label(&edge, Neighbours::EightInSlice).sizes, [1, 1]);
    }

    #[test]
    fn slice_neighbours_never_join_slices() {
        let column = mask([2, 1, 2], "##  ##");
        assert_eq!(label(&column, Neighbours::FourInSlice).sizes, [2, 2]);
        assert_eq!(label(&column, Neighbours::Six).sizes, [4]);
    }

    #[test]
    fn the_largest_component_of_nothing_is_nothing() {
        let empty = Grid::filled([1, 2, 2], false);
        assert_eq!(largest_component(&empty, Neighbours::Six), empty);
    }
}
