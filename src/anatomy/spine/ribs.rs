//! Ribs and transverse processes, by their length from the spine.
//!
//! Input: a patient grid of HU, the body mask, the [`CanalFrame`] and the boundaries. Output: [`Rib`]s.
//! Method: bone beside the spine; roots are the components of a shell beside the vertebrae; geodesic distances from all
//! roots at once give each voxel to its nearest root, so that touching ribs come apart.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::frame::CanalFrame;
use super::parameters::Parameters;
use crate::grid::Grid;
use crate::grid::Mask;
use crate::grid::PatientGrid;
use crate::grid::label;

/// Side of the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The patient's right.
    Right,
    /// The patient's left.
    Left,
}

/// A bone that leaves the spine sideways.
#[derive(Debug, Clone, PartialEq)]
pub struct Rib {
    /// Index of the segment (between boundaries) that it starts from; -1 below the first.
    pub segment: isize,
    /// Side.
    pub side: Side,
    /// Arc length of its root (mm).
    pub root_mm: f64,
    /// Length including the part inside the root shell (mm).
    pub length_mm: f64,
    /// Volume over length: a rib's cross-section; pelvis and scapula are far larger (mm2).
    pub section_mm2: f64,
    /// Angle downwards of the first centimetres while going outward (degrees).
    pub slope_degrees: f64,
    /// Whether its tip touches the border of the scan.
    pub cut: bool,
}

/// A bone voxel beside the spine.
struct Voxel {
    at: [usize; 3],
    s: f64,
    u: f64,
    v: f64,
    is_root: bool,
}

/// Finds what leaves the spine sideways, at one threshold.
pub(super) fn find(
    grid: &PatientGrid<f32>,
    body: &Mask,
    frame: &CanalFrame,
    boundaries: &[f64],
    threshold_hu: f32,
    parameters: &Parameters,
) -> Vec<Rib> {
    let voxels = bone_beside(grid, body, frame, threshold_hu, parameters);
    let mut index = Grid::filled(grid.grid.shape, u32::MAX);
    let mut roots = Grid::filled(grid.grid.shape, false);
    for (number, voxel) in voxels.iter().enumerate() {
        let at = index.index(voxel.at[0], voxel.at[1], voxel.at[2]);
        index.data[at] = number as u32;
        roots.data[at] = voxel.is_root;
    }
    let components = label::label(&roots, label::Neighbours::TwentySix);
    let labels: Vec<u32> =
        voxels.iter().map(|voxel| components.labels.at(voxel.at[0], voxel.at[1], voxel.at[2])).collect();
    let (distances, owners) = geodesic(grid.spacing_mm, &voxels, &index, &labels, parameters.rib_reach_mm);
    let mut members: Vec<Vec<usize>> = vec![Vec::new(); components.sizes.len()];
    for (number, &owner) in owners.iter().enumerate().filter(|(_, owner)| **owner > 0) {
        members[owner as usize - 1].push(number);
    }
    let voxel_mm3 = grid.spacing_mm.powi(3);
    (0..members.len())
        .filter(|&n| components.sizes[n] as f64 * voxel_mm3 >= parameters.rib_root_volume_mm3)
        .map(|n| {
            let root: Vec<usize> = members[n].iter().copied().filter(|&m| labels[m] == n as u32 + 1).collect();
            describe(grid, &voxels, &distances, &members[n], &root, boundaries, parameters)
        })
        .collect()
}

/// Bone beside the spine, in scan order.
fn bone_beside(
    grid: &PatientGrid<f32>,
    body: &Mask,
    frame: &CanalFrame,
    threshold_hu: f32,
    parameters: &Parameters,
) -> Vec<Voxel> {
    let inner = parameters.rib_root_distance_mm;
    let [slices, rows, columns] = grid.grid.shape;
    let mut voxels = Vec::new();
    for (at, (&hu, &inside)) in grid.grid.data.iter().zip(&body.data).enumerate() {
        if hu <= threshold_hu || !inside {
            continue;
        }
        let at = [at / (rows * columns), at / columns % rows, at % columns];
        debug_assert!(at[0] < slices);
        let (k, [u, v, rest]) = frame.locate(grid.patient_mm(at[0] as f64, at[1] as f64, at[2] as f64));
        if u.abs() > inner && u.abs() < 150.0 && v > -70.0 && v < 130.0 {
            let is_root = u.abs() < inner + 5.0 && v < 8.0 && v > -45.0 && rest.abs() < 3.0;
            voxels.push(Voxel { at, s: k as f64, u, v, is_root });
        }
    }
    voxels
}

/// Distance (mm) from the nearest root along bone and that root's label; 0 where none is within reach.
fn geodesic(
    spacing_mm: f64,
    voxels: &[Voxel],
    index: &Grid<u32>,
    labels: &[u32],
    reach_mm: f64,
) -> (Vec<f64>, Vec<u32>) {
    let mut distances = vec![f64::INFINITY; voxels.len()];
    let mut owners = vec![0u32; voxels.len()];
    // Distances are not negative, so their bits sort like the numbers; the number breaks ties the same way every time.
    let mut waiting: BinaryHeap<Reverse<(u64, u32)>> = BinaryHeap::new();
    for (number, &label) in labels.iter().enumerate().filter(|(_, label)| **label > 0) {
        distances[number] = 0.0;
        owners[number] = label;
        waiting.push(Reverse((0, number as u32)));
    }
    while let Some(Reverse((bits, number))) = waiting.pop() {
        let (distance, number) = (f64::from_bits(bits), number as usize);
        if distance > distances[number] {
            continue;
        }
        for (other, steps) in neighbours(index, voxels[number].at) {
            let reached = distance + spacing_mm * steps;
            if reached <= reach_mm && reached < distances[other] {
                distances[other] = reached;
                owners[other] = owners[number];
                waiting.push(Reverse((reached.to_bits(), other as u32)));
            }
        }
    }
    (distances, owners)
}

/// Numbered voxels among the 26 neighbours, with their distance in voxels.
fn neighbours(index: &Grid<u32>, at: [usize; 3]) -> impl Iterator<Item = (usize, f64)> {
    (0..27usize).filter(|&n| n != 13).filter_map(move |n| {
        let steps = [n / 9, n / 3 % 3, n % 3].map(|step| step as isize - 1);
        let mut place = [0; 3];
        for axis in 0..3 {
            let moved = at[axis] as isize + steps[axis];
            if moved < 0 || moved >= index.shape[axis] as isize {
                return None;
            }
            place[axis] = moved as usize;
        }
        let number = index.at(place[0], place[1], place[2]);
        let squares: isize = steps.iter().map(|step| step * step).sum();
        (number != u32::MAX).then(|| (number as usize, (squares as f64).sqrt()))
    })
}

fn describe(
    grid: &PatientGrid<f32>,
    voxels: &[Voxel],
    distances: &[f64],
    members: &[usize],
    root: &[usize],
    boundaries: &[f64],
    parameters: &Parameters,
) -> Rib {
    let mean = |read: fn(&Voxel) -> f64| root.iter().map(|&m| read(&voxels[m])).sum::<f64>() / root.len().max(1) as f64;
    let (side, root_mm) = (if mean(|x| x.u) > 0.0 { Side::Left } else { Side::Right }, mean(|x| x.s));
    // A root lies from 0.3 below to 0.7 above the lower disc of its own body, in parts of the body's distance of discs.
    let below = boundaries.windows(2).filter(|pair| pair[0] + 0.2 * (pair[1] - pair[0]) < root_mm).count();
    let tip = members.iter().copied().fold(None, |tip: Option<usize>, m| match tip {
        Some(tip) if distances[m] <= distances[tip] => Some(tip),
        _ => Some(m),
    });
    let reach = tip.map_or(0.0, |tip| distances[tip]);
    let volume = members.len() as f64 * grid.spacing_mm.powi(3);
    Rib {
        segment: below as isize - 1,
        side,
        root_mm,
        length_mm: reach + parameters.rib_inner_length_mm,
        section_mm2: volume / reach.max(5.0),
        slope_degrees: slope(voxels, distances, members, reach, side),
        cut: tip.is_some_and(|tip| touches_border(grid, voxels[tip].at)),
    }
}

/// Angle downwards from the first 12 mm to what lies between 25 and 40 mm.
fn slope(voxels: &[Voxel], distances: &[f64], members: &[usize], reach: f64, side: Side) -> f64 {
    let outward = if side == Side::Left { 1.0 } else { -1.0 };
    let near: Vec<usize> = members.iter().copied().filter(|&m| distances[m] < 40.0).collect();
    let centre = |part: &dyn Fn(f64) -> bool| {
        let (mut sum, mut count) = ([0.0; 3], 0.0);
        for voxel in near.iter().filter(|m| part(distances[**m])).map(|&m| &voxels[m]) {
            sum = [sum[0] + outward * voxel.u, sum[1] + voxel.v, sum[2] + voxel.s];
            count += 1.0;
        }
        (count > 0.0).then(|| sum.map(|value| value / count))
    };
    let start = centre(&|distance| distance < 12.0);
    let end = centre(&|distance| distance > (0.6 * reach).min(25.0));
    match (start, end) {
        (Some(start), Some(end)) if near.len() > 10 => {
            let outward = (end[0] - start[0]).hypot(end[1] - start[1]);
            (start[2] - end[2]).atan2(outward + 1e-6).to_degrees()
        }
        _ => 0.0,
    }
}

/// Whether a voxel lies within 4 mm of the scan's ends or 3 voxels of its lateral borders.
fn touches_border(grid: &PatientGrid<f32>, at: [usize; 3]) -> bool {
    let to_end = at[0].min(grid.grid.shape[0] - 1 - at[0]) as f64 * grid.spacing_mm;
    to_end < 4.0 || at[2].min(grid.grid.shape[2] - 1 - at[2]) < 3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_touching_bars_are_divided_and_measured() {
        let shape = [60, 60, 120];
        let mut grid = PatientGrid { grid: Grid::filled(shape, 0f32), origin_mm: [-90.0, -45.0, 0.0], spacing_mm: 1.5 };
        let body = Grid::filled(shape, true);
        // Bars to the left in two heights, joined at their far ends; the upper one is 10 voxels longer.
        for (k, end) in [(20, 105), (30, 115)] {
            for i in 62..end {
                for (dk, dj) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                    let at = grid.grid.index(k + dk, 30 + dj, i);
                    grid.grid.data[at] = 400.0;
                }
            }
        }
        for k in 20..32 {
            let at = grid.grid.index(k, 30, 104);
            grid.grid.data[at] = 400.0;
        }
        let line: Vec<[f64; 3]> = (0..58).map(|k| [0.0, 0.0, 1.5 * f64::from(k)]).collect();
        let parameters = Parameters::default();
        let frame = CanalFrame::along(&line, &parameters).expect("a frame");
        let ribs = find(&grid, &body, &frame, &[10.0, 38.0, 70.0], 160.0, &parameters);
        assert_eq!(
            ribs.iter().map(|rib| (rib.segment, rib.side)).collect::<Vec<_>>(),
            [(0, Side::Left), (1, Side::Left)]
        );
        let reach = |end: f64| -90.0 + 1.5 * (end - 1.0) - 35.0 + 18.0;
        assert!((ribs[1].length_mm - reach(115.0)).abs() < 2.5, "{ribs:?}");
        assert!(ribs[0].length_mm < reach(105.0) + 10.0 && ribs[0].length_mm > reach(105.0) - 2.5, "{ribs:?}");
        assert!(!ribs[0].cut);
    }
}
