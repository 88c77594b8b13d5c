//! Where the spinal canal runs.
//!
//! Input: a patient grid of HU. Output: the canal's centre line (LPS, mm) with its score, or that there is none.
//! Method: each voxel of each axial slice is scored as a canal centre (soft disc, ring of bone around, body in front);
//! the best path through all slices is exact, by dynamic programming over every pixel of the window.

use rayon::prelude::*;

use super::parameters::Parameters;
use crate::grid::Edge;
use crate::grid::Grid;
use crate::grid::Mask;
use crate::grid::PatientGrid;
use crate::grid::filter;
use crate::grid::label;
use crate::grid::morphology;

/// The canal as tracked.
#[derive(Debug, Clone)]
pub(super) struct Canal {
    /// Centre per slice of the run, caudal to cranial (LPS, mm).
    pub(super) line_mm: Vec<[f64; 3]>,
    /// Smoothed score per slice of the run.
    pub(super) scores: Vec<f64>,
}

/// Scores of the search window.
struct Window {
    first_row: usize,
    first_column: usize,
    scores: Grid<f32>,
}

/// The body: above the threshold, opened, largest component, holes filled in each slice.
pub(super) fn body_mask(grid: &PatientGrid<f32>, parameters: &Parameters) -> Mask {
    let hu = &grid.grid;
    let dense = Grid { shape: hu.shape, data: hu.data.iter().map(|&v| v > parameters.body_threshold_hu).collect() };
    let opened = morphology::open(&dense, parameters.body_opening_steps);
    morphology::fill_holes_per_slice(&label::largest_component(&opened, label::Neighbours::Six))
}

/// Tracks the canal; `None` where no run of it is long enough to be kept.
pub(super) fn track(grid: &PatientGrid<f32>, body: &Mask, parameters: &Parameters) -> Option<Canal> {
    let window = score(grid, body, parameters)?;
    let sigma = parameters.score_smoothing_mm / grid.spacing_mm;
    let smooth = filter::gaussian_along(&window.scores, 0, sigma, Edge::Reflect);
    let path = best_path(&smooth, parameters);
    let scores: Vec<f64> =
        path.iter().enumerate().map(|(k, &[row, column])| f64::from(smooth.at(k, row, column))).collect();
    let (first, end) = best_run(&scores, grid.spacing_mm, parameters)?;
    let line_mm = centre_line(grid, &window, &path, (first, end), parameters);
    Some(Canal { line_mm, scores: scores[first..end].to_vec() })
}

/// Bounds `(first, end)` of rows and columns of the search window.
fn window_bounds(body: &Mask, spacing_mm: f64, parameters: &Parameters) -> Option<[(usize, usize); 2]> {
    let [slices, rows, columns] = body.shape;
    let mut row_used = vec![false; rows];
    let mut centroids = Vec::new();
    for k in 0..slices {
        let (mut count, mut sum) = (0usize, 0usize);
        for (j, row) in body.slice(k).chunks(columns).enumerate() {
            for i in (0..columns).filter(|&i| row[i]) {
                count += 1;
                sum += i;
                row_used[j] = true;
            }
        }
        centroids.extend((count > 0).then(|| sum as f64 / count as f64));
    }
    let middle = filter::median(&mut centroids)? as usize;
    let front = row_used.iter().position(|&used| used)?;
    let back = row_used.iter().rposition(|&used| used)?;
    let half = (parameters.window_half_width_mm / spacing_mm) as usize;
    let start = front + (parameters.window_anterior_share * (back - front) as f64) as usize;
    Some([(start, back + 1), (middle.saturating_sub(half), columns.min(middle + half))])
}

/// Steps (row, column) within a disc.
fn disc(radius_mm: f64, spacing_mm: f64) -> Vec<[isize; 2]> {
    let reach = (radius_mm / spacing_mm).ceil() as isize;
    let within = |[j, i]: &[isize; 2]| ((j * j + i * i) as f64) * spacing_mm * spacing_mm <= radius_mm * radius_mm;
    (-reach..=reach).flat_map(|j| (-reach..=reach).map(move |i| [j, i])).filter(within).collect()
}

/// Steps (row, column) of every ray.
fn rays(spacing_mm: f64, parameters: &Parameters) -> Vec<Vec<[isize; 2]>> {
    let count = ((parameters.ray_reach_mm + 0.1 - parameters.canal_radius_mm) / spacing_mm).ceil() as usize;
    (0..parameters.ray_count)
        .map(|ray| {
            let angle = std::f64::consts::TAU * ray as f64 / parameters.ray_count as f64;
            (0..count)
                .map(|n| (parameters.canal_radius_mm + n as f64 * spacing_mm) / spacing_mm)
                .map(|far| [(angle.sin() * far).round() as isize, (angle.cos() * far).round() as isize])
                .collect()
        })
        .collect()
}

/// Scores every voxel of the window, 0 to 1.
fn score(grid: &PatientGrid<f32>, body: &Mask, parameters: &Parameters) -> Option<Window> {
    let spacing = grid.spacing_mm;
    let [(first_row, end_row), (first_column, end_column)] = window_bounds(body, spacing, parameters)?;
    let shape = [end_row - first_row, end_column.saturating_sub(first_column)];
    if shape.contains(&0) {
        return None;
    }
    let (disc, rays) = (disc(parameters.canal_radius_mm, spacing), rays(spacing, parameters));
    let columns = grid.grid.shape[2];
    let mut scores = Grid::filled([grid.grid.shape[0], shape[0], shape[1]], 0f32);
    scores.data.par_chunks_mut(shape[0] * shape[1]).enumerate().for_each(|(k, out)| {
        let mut section = Section { shape, hu: Vec::with_capacity(out.len()), bone: Vec::new(), body: Vec::new() };
        let mut inside = Vec::with_capacity(out.len());
        for j in first_row..end_row {
            let row = j * columns + first_column..j * columns + end_column;
            section.hu.extend(grid.grid.slice(k)[row.clone()].iter().map(|v| v.clamp(-200.0, 500.0)));
            inside.extend_from_slice(&body.slice(k)[row]);
        }
        section.bone = section.hu.iter().map(|&v| v > parameters.ring_threshold_hu).collect();
        section.body = body_in_front(&section, spacing, parameters);
        for (at, value) in out.iter_mut().enumerate().filter(|(at, _)| inside[*at]) {
            *value = section.score(at / shape[1], at % shape[1], &disc, &rays);
        }
    });
    Some(Window { first_row, first_column, scores })
}

/// One axial slice of the window.
struct Section {
    shape: [usize; 2],
    hu: Vec<f32>,
    bone: Vec<bool>,
    body: Vec<f32>,
}

impl Section {
    /// `soft disc * ring^2 * (0.35 + 0.65 * body in front)`.
    fn score(&self, j: usize, i: usize, disc: &[[isize; 2]], rays: &[Vec<[isize; 2]>]) -> f32 {
        let (mut sum, mut bones) = (0f32, 0f32);
        for &[dj, di] in disc {
            let row = Edge::Nearest.resolve(j as isize + dj, self.shape[0]);
            let at = row * self.shape[1] + Edge::Nearest.resolve(i as isize + di, self.shape[1]);
            sum += self.hu[at];
            bones += f32::from(u8::from(self.bone[at]));
        }
        let (mean, share) = (sum / disc.len() as f32, bones / disc.len() as f32);
        let not_air = ((mean + 90.0) / 70.0).clamp(0.0, 1.0);
        let not_bone = ((160.0 - mean) / 70.0).clamp(0.0, 1.0) * (1.0 - 2.5 * share).clamp(0.0, 1.0);
        let soft = not_air * not_bone;
        if soft <= 0.0 {
            return 0.0;
        }
        let hits = rays.iter().filter(|ray| ray.iter().any(|step| self.is_bone(j, i, *step))).count();
        let ring = hits as f32 / rays.len() as f32;
        soft * ring * ring * (0.35 + 0.65 * (self.body[j * self.shape[1] + i] / 0.6).clamp(0.0, 1.0))
    }

    #[inline]
    fn is_bone(&self, j: usize, i: usize, [dj, di]: [isize; 2]) -> bool {
        let (row, column) = (j as isize + dj, i as isize + di);
        let within = row >= 0 && column >= 0 && row < self.shape[0] as isize && column < self.shape[1] as isize;
        within && self.bone[row as usize * self.shape[1] + column as usize]
    }
}

/// How bone-like the box in front of each pixel is, 0 to 1.
fn body_in_front(section: &Section, spacing_mm: f64, parameters: &Parameters) -> Vec<f32> {
    let [rows, columns] = section.shape;
    let bright = section.hu.iter().map(|v| ((v - 40.0) / 160.0).clamp(0.0, 1.0)).collect();
    let size = parameters.body_box_mm.map(|extent| (extent / spacing_mm) as usize | 1);
    let image = Grid { shape: [1, rows, columns], data: bright };
    let mean = filter::uniform(&image, [1, size[0], size[1]], Edge::Nearest);
    let shift = ((parameters.body_box_distance_mm / spacing_mm) as usize).min(rows) * columns;
    let mut result = vec![0f32; mean.data.len()];
    result[shift..].copy_from_slice(&mean.data[..mean.data.len() - shift]);
    result
}

/// The path of the largest sum of scores less step costs: row and column per slice.
fn best_path(scores: &Grid<f32>, parameters: &Parameters) -> Vec<[usize; 2]> {
    let [slices, rows, columns] = scores.shape;
    let reach = parameters.path_step_limit;
    let steps: Vec<[isize; 2]> = (-reach..=reach).flat_map(|j| (-reach..=reach).map(move |i| [j, i])).collect();
    let mut sums = scores.slice(0).to_vec();
    let mut origins = Grid::filled(scores.shape, 0u8);
    for k in 1..slices {
        let before = sums.clone();
        let now = scores.slice(k);
        sums.par_chunks_mut(columns).zip(origins.slice_mut(k).par_chunks_mut(columns)).enumerate().for_each(
            |(j, (sums, origins))| {
                let mut best = vec![f32::NEG_INFINITY; columns];
                for (number, &[dj, di]) in steps.iter().enumerate() {
                    let from = j as isize - dj;
                    if from < 0 || from >= rows as isize {
                        continue;
                    }
                    let cost = parameters.path_step_cost * (dj * dj + di * di) as f32;
                    let row = &before[from as usize * columns..(from as usize + 1) * columns];
                    let start = di.max(0) as usize;
                    let end = (columns as isize + di.min(0)).max(0) as usize;
                    for i in start..end {
                        let value = row[(i as isize - di) as usize] - cost;
                        if value > best[i] {
                            best[i] = value;
                            origins[i] = number as u8;
                        }
                    }
                }
                for i in 0..columns {
                    sums[i] = best[i] + now[j * columns + i];
                }
            },
        );
    }
    trace_back(&sums, &origins, &steps)
}

fn trace_back(sums: &[f32], origins: &Grid<u8>, steps: &[[isize; 2]]) -> Vec<[usize; 2]> {
    let [slices, _, columns] = origins.shape;
    let mut at = 0;
    for (other, &sum) in sums.iter().enumerate() {
        if sum > sums[at] {
            at = other;
        }
    }
    let mut place = [at / columns, at % columns];
    let mut path = vec![place; slices];
    for k in (0..slices).rev() {
        path[k] = place;
        if k > 0 {
            let [dj, di] = steps[usize::from(origins.at(k, place[0], place[1]))];
            place = [(place[0] as isize - dj) as usize, (place[1] as isize - di) as usize];
        }
    }
    path
}

/// First and end slice of the run with the largest sum of scores whose running mean stays high.
///
/// Outside of the canal single slices may score high, a run does not: this ends the path in sacrum and skull.
fn best_run(scores: &[f64], spacing_mm: f64, parameters: &Parameters) -> Option<(usize, usize)> {
    let size = ((parameters.run_window_mm / spacing_mm) as usize | 1).max(3);
    let mean = filter::uniform_line(scores, size, Edge::Nearest);
    let mut best: Option<(f64, usize, usize)> = None;
    let mut start = None;
    for k in 0..=scores.len() {
        match (start, mean.get(k).is_some_and(|&value| value > parameters.run_score)) {
            (None, true) => start = Some(k),
            (Some(first), false) => {
                let sum: f64 = scores[first..k].iter().sum();
                if best.is_none_or(|(other, _, _)| sum > other) {
                    best = Some((sum, first, k));
                }
                start = None;
            }
            _ => {}
        }
    }
    best.map(|(_, first, end)| (first, end))
}

/// Centre line of the run: centroid of the cubed scores about the path, then median and Gaussian along z.
fn centre_line(
    grid: &PatientGrid<f32>,
    window: &Window,
    path: &[[usize; 2]],
    (first, end): (usize, usize),
    parameters: &Parameters,
) -> Vec<[f64; 3]> {
    let smooth = filter::gaussian_along(&window.scores, 0, 4.0 / grid.spacing_mm, Edge::Reflect);
    let reach = (parameters.centroid_radius_mm / grid.spacing_mm) as isize;
    let centres: Vec<[f64; 2]> = (first..end).map(|k| centroid(&smooth, k, path[k], reach)).collect();
    let sigma = parameters.line_smoothing_mm / grid.spacing_mm;
    let line = |axis: usize, offset: usize| {
        let raw: Vec<f64> = centres.iter().map(|centre| centre[axis] + offset as f64).collect();
        filter::gaussian_line(&filter::median_line(&raw, 5, Edge::Nearest), sigma, Edge::Nearest)
    };
    let (rows, columns) = (line(0, window.first_row), line(1, window.first_column));
    (first..end).zip(rows.iter().zip(&columns)).map(|(k, (&j, &i))| grid.patient_mm(k as f64, j, i)).collect()
}

fn centroid(scores: &Grid<f32>, k: usize, [row, column]: [usize; 2], reach: isize) -> [f64; 2] {
    let (mut weight, mut sums) = (0.0, [0.0; 2]);
    for dj in -reach..=reach {
        for di in -reach..=reach {
            let (j, i) = (row as isize + dj, column as isize + di);
            let within = j >= 0 && i >= 0 && j < scores.shape[1] as isize && i < scores.shape[2] as isize;
            if within && dj * dj + di * di <= reach * reach {
                let cubed = f64::from(scores.at(k, j as usize, i as usize)).powi(3);
                weight += cubed;
                sums = [sums[0] + cubed * j as f64, sums[1] + cubed * i as f64];
            }
        }
    }
    if weight < 1e-6 { [row as f64, column as f64] } else { sums.map(|sum| sum / weight) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_disc_and_the_rays_keep_to_their_radii() {
        let parameters = Parameters::default();
        assert_eq!(disc(4.5, 1.5).len(), 29);
        let rays = rays(1.5, &parameters);
        assert_eq!(rays.len(), 16);
        assert_eq!(rays[0].first(), Some(&[0, 3]));
        assert_eq!(rays[0].last(), Some(&[0, 12]));
    }

    #[test]
    fn the_run_of_the_largest_sum_is_kept() {
        let scores: Vec<f64> =
            (0..100).map(|k| if (10..20).contains(&k) || (30..80).contains(&k) { 0.9 } else { 0.0 }).collect();
        let (first, end) = best_run(&scores, 1.5, &Parameters::default()).expect("a run");
        assert!((28..=31).contains(&first) && (79..=82).contains(&end), "{first} to {end}");
        assert_eq!(best_run(&[0.1; 50], 1.5, &Parameters::default()), None);
    }

    #[test]
    fn the_path_follows_a_shifting_ridge() {
        let mut scores = Grid::filled([6, 9, 9], 0f32);
        for k in 0..6 {
            let at = scores.index(k, 2 + k, 4);
            scores.data[at] = 1.0;
        }
        let path = best_path(&scores, &Parameters::default());
        assert_eq!(path, (0..6).map(|k| [2 + k, 4]).collect::<Vec<_>>());
    }
}
