//! The column of vertebrae: sizes by level, places along the curve, local frames.
//!
//! Input: [`Options`](super::Options). Output: [`Vertebra`]e from the head downwards, in torso coordinates (mm).
//! Source: sizes after Panjabi 1991 and 1992 (thoracic and lumbar vertebrae), disc heights from imaging studies, reduced to
//! a middle-aged spine.

use super::Options;
use super::shape::{Frame, Point, cross, unit};

/// One row of the table of sizes (mm).
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    /// Width of upper and lower endplate.
    pub(super) width: [f64; 2],
    /// Depth of upper and lower endplate.
    pub(super) depth: [f64; 2],
    /// Height of the posterior wall.
    pub(super) height: f64,
    /// Height of the disc below.
    pub(super) disc: f64,
    /// Canal width and depth.
    pub(super) canal: [f64; 2],
    /// Pedicle width and height.
    pub(super) pedicle: [f64; 2],
    /// Anterior over posterior height.
    pub(super) anterior_ratio: f64,
    /// Length of the transverse process.
    pub(super) process: f64,
    /// Mid-height above mid-height of L1.
    z: f64,
    /// Body centre behind the torso centre.
    y: f64,
}

/// A row of the table: width and depth of upper and lower endplate, height, disc below, canal width and depth, pedicle width
/// and height, anterior ratio, transverse process, z, y.
const fn size(row: [f64; 14]) -> Size {
    Size {
        width: [row[0], row[1]],
        depth: [row[2], row[3]],
        height: row[4],
        disc: row[5],
        canal: [row[6], row[7]],
        pedicle: [row[8], row[9]],
        anterior_ratio: row[10],
        process: row[11],
        z: row[12],
        y: row[13],
    }
}

/// T1 to L5, then a sixth lumbar vertebra.
#[rustfmt::skip]
const SIZES: [Size; 18] = [
    size([27.0, 28.5, 17.0, 18.5, 15.0, 4.0, 21.0, 16.0, 8.0, 9.5, 0.98, 20.0, 281.5, 34.0]),
    size([27.0, 28.0, 19.0, 20.0, 16.0, 4.0, 19.0, 15.5, 7.0, 10.5, 0.97, 20.0, 262.0, 41.0]),
    size([26.5, 27.5, 21.5, 22.5, 16.5, 4.0, 18.0, 15.5, 5.5, 11.0, 0.96, 20.0, 241.7, 47.0]),
    size([26.5, 27.5, 23.0, 24.0, 17.0, 4.0, 17.5, 15.5, 5.0, 11.5, 0.95, 20.0, 220.9, 52.0]),
    size([27.0, 28.0, 24.5, 25.5, 17.5, 4.1, 17.5, 15.5, 5.0, 11.5, 0.94, 20.0, 199.5, 55.0]),
    size([27.5, 29.0, 26.0, 26.8, 17.8, 4.2, 17.5, 15.5, 5.0, 11.5, 0.94, 20.0, 177.6, 57.0]),
    size([28.5, 29.5, 27.0, 28.0, 18.2, 4.3, 17.5, 15.5, 5.0, 12.0, 0.94, 20.0, 155.0, 57.5]),
    size([29.5, 30.5, 27.9, 29.4, 18.7, 4.5, 17.5, 15.5, 5.0, 12.0, 0.94, 20.0, 131.7, 57.0]),
    size([30.6, 33.0, 29.3, 31.0, 19.3, 4.8, 18.0, 15.5, 5.5, 13.0, 0.94, 20.0, 108.1, 55.0]),
    size([31.9, 35.4, 30.5, 31.6, 20.2, 5.3, 18.0, 15.5, 6.5, 14.5, 0.94, 20.0, 83.6, 51.0]),
    size([34.9, 39.1, 31.9, 31.8, 21.3, 5.8, 19.5, 16.0, 8.0, 17.0, 0.94, 20.0, 57.5, 46.0]),
    size([39.0, 42.1, 32.8, 33.4, 22.7, 6.5, 22.2, 18.1, 8.0, 16.5, 0.94, 12.0, 29.8, 39.0]),
    size([41.2, 43.3, 34.1, 35.3, 23.8, 8.0, 23.7, 19.0, 8.6, 15.9, 0.97, 22.0, 0.0, 32.0]),
    size([42.6, 45.5, 34.6, 34.9, 24.3, 9.3, 23.8, 18.2, 8.3, 15.0, 1.0, 28.0, -32.0, 25.0]),
    size([44.1, 48.0, 35.2, 34.8, 23.8, 10.3, 24.3, 17.5, 10.2, 14.4, 1.04, 32.0, -65.4, 21.0]),
    size([46.6, 49.5, 35.5, 33.9, 24.1, 11.0, 25.4, 18.6, 14.1, 15.5, 1.07, 26.0, -99.7, 23.0]),
    size([47.3, 49.4, 34.7, 33.2, 22.9, 10.3, 27.1, 19.7, 15.5, 19.0, 1.10, 24.0, -134.2, 30.0]),
    size([48.0, 49.8, 34.5, 33.0, 22.5, 10.0, 27.5, 19.5, 15.5, 19.0, 1.10, 24.0, -167.8, 40.0]),
];

/// Position of T12 in [`SIZES`].
const T12: usize = 11;
/// Position of L1 in [`SIZES`].
const L1: usize = 12;
/// Half the wave length of the lateral curve (mm).
const LATERAL_HALF_WAVE_MM: f64 = 170.0;

/// One vertebra in its place.
#[derive(Debug, Clone)]
pub(super) struct Vertebra {
    pub(super) size: Size,
    /// Name by the convention of the node: the lowest vertebra with a rib of at least 40 mm is T12.
    pub(super) name: String,
    /// Frame at the body centre.
    pub(super) frame: Frame,
    /// Rib length right and left, along the rib from its head (mm); 0 = none.
    pub(super) rib_mm: [f64; 2],
    /// Pure trabecular attenuation (HU).
    pub(super) trabecular_hu: f64,
    /// Number of the rib that belongs here by anatomy, 1 to 13.
    pub(super) rib_number: usize,
}

impl Vertebra {
    /// Local posterior coordinate of the posterior wall at mid-height.
    pub(super) fn back(&self) -> f64 {
        (self.size.depth[0] + self.size.depth[1]) / 4.0 * 0.9 - 2.0
    }

    /// Frame at the centre of the canal.
    pub(super) fn canal(&self) -> Frame {
        self.frame.moved([0.0, self.back() + 1.0 + self.size.canal[1] / 2.0, 0.0])
    }
}

/// Length of rib `number` (mm) in an ordinary torso.
pub(super) fn usual_rib_mm(number: usize) -> f64 {
    const LENGTHS: [f64; 13] =
        [90.0, 160.0, 210.0, 250.0, 275.0, 290.0, 300.0, 290.0, 270.0, 240.0, 200.0, 110.0, 60.0];
    LENGTHS.get(number.wrapping_sub(1)).copied().unwrap_or(0.0)
}

/// Rib length a vertebra must carry to count as thoracic (mm).
const THORACIC_RIB_MIN_MM: f64 = 40.0;

/// The vertebrae from T1 to the last lumbar one.
pub(super) fn vertebrae(options: &Options) -> Vec<Vertebra> {
    let count = L1 + options.lumbar_count.clamp(4, 6);
    let ribs: Vec<[f64; 2]> = (0..count).map(|n| ribs_of(options, n)).collect();
    let last_thoracic = (0..count).rev().find(|n| ribs[*n][0].max(ribs[*n][1]) >= THORACIC_RIB_MIN_MM).unwrap_or(T12);
    (0..count)
        .map(|n| {
            let below = n as i64 - last_thoracic as i64;
            let name = if below <= 0 { format!("T{}", 12 + below) } else { format!("L{below}") };
            Vertebra {
                size: SIZES[n],
                frame: frame(options, n),
                rib_mm: ribs[n],
                trabecular_hu: trabecular_hu(options, below),
                rib_number: n + 1,
                name,
            }
        })
        .collect()
}

fn ribs_of(options: &Options, n: usize) -> [f64; 2] {
    let number = n + 1;
    if number > options.rib_pairs.clamp(11, 13) {
        return [0.0; 2];
    }
    match (number, options.last_rib_mm) {
        (number, Some(lengths)) if number == options.rib_pairs => lengths,
        _ => [usual_rib_mm(number); 2],
    }
}

/// `below` counts from the last thoracic vertebra downwards.
fn trabecular_hu(options: &Options, below: i64) -> f64 {
    match below {
        0 => options.t12_hu,
        1 => options.l1_hu,
        2 => options.l2_hu,
        _ if below < 0 => options.t12_hu * (1.0 + 0.02 * (-below).min(6) as f64),
        _ => options.l2_hu * (1.0 - 0.01 * (below - 2) as f64),
    }
}

/// Place of the body centre, moved sideways by the lateral curve.
fn place(options: &Options, n: usize) -> Point {
    let row = &SIZES[n];
    [lateral_mm(options, row.z), row.y, row.z]
}

/// Sideways shift of the column at height `z`; the two turning points enclose the Cobb angle.
pub(super) fn lateral_mm(options: &Options, z: f64) -> f64 {
    let slope = (options.cobb_degrees.to_radians() / 2.0).tan();
    let amplitude = slope * LATERAL_HALF_WAVE_MM / std::f64::consts::PI;
    amplitude * (std::f64::consts::PI * z / LATERAL_HALF_WAVE_MM).cos()
}

fn frame(options: &Options, n: usize) -> Frame {
    let above = place(options, n.saturating_sub(1));
    let below = place(options, (n + 1).min(SIZES.len() - 1));
    let up = unit(std::array::from_fn(|axis| above[axis] - below[axis]));
    let turn = options.axial_rotation_degrees.to_radians();
    let sideways: Point = [turn.cos(), turn.sin(), 0.0];
    let posterior = unit(cross(up, sideways));
    Frame { origin: place(options, n), left: cross(posterior, up), posterior, up }
}

/// The sacral endplate's frame: centre of the upper plate of S1, `up` along the sacrum towards the head.
pub(super) fn sacral_frame(options: &Options) -> Frame {
    let (z, y) = match options.lumbar_count {
        0..=4 => (-122.0, 27.0),
        5 => (-156.0, 37.0),
        _ => (-189.0, 47.0),
    };
    tilted_frame([lateral_mm(options, z), y, z], SACRAL_SLOPE_DEGREES)
}

/// Slope of the upper plate of S1.
pub(super) const SACRAL_SLOPE_DEGREES: f64 = 35.0;

/// A frame whose `up` leans forward by an angle.
pub(super) fn tilted_frame(origin: Point, degrees: f64) -> Frame {
    let (sin, cos) = degrees.to_radians().sin_cos();
    Frame { origin, left: [1.0, 0.0, 0.0], posterior: [0.0, cos, sin], up: [0.0, -sin, cos] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_lowest_long_rib() {
        let names = |options: &Options| vertebrae(options).iter().map(|v| v.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&Options::default())[T12..L1 + 1], ["T12", "L1"]);
        let eleven = Options { rib_pairs: 11, ..Options::default() };
        assert_eq!(names(&eleven)[T12], "L1");
        let stump = Options { last_rib_mm: Some([25.0, 25.0]), ..Options::default() };
        assert_eq!(names(&stump)[T12], "L1");
    }

    #[test]
    fn frames_are_right_handed() {
        for vertebra in vertebrae(&Options { cobb_degrees: 15.0, ..Options::default() }) {
            let made = cross(vertebra.frame.left, vertebra.frame.posterior);
            assert!((0..3).all(|axis| (made[axis] - vertebra.frame.up[axis]).abs() < 1e-9));
        }
    }
}
