//! Sacrum and iliac wings.
//!
//! Input: [`Options`]. Output: shells in torso coordinates (mm).

use super::Options;
use super::bones::Shells;
use super::shape::{Body, Frame, Point, Ring, Shape, sweep};
use super::spine::{SACRAL_SLOPE_DEGREES, sacral_frame, tilted_frame};

/// Heights of S1 to S5 (mm).
const HEIGHTS_MM: [f64; 5] = [28.0, 23.0, 20.0, 17.0, 16.0];
/// Widths at the plates (mm).
const WIDTHS_MM: [f64; 6] = [50.0, 42.0, 35.0, 29.0, 24.0, 18.0];
/// Depths at the plates (mm).
const DEPTHS_MM: [f64; 6] = [34.0, 28.0, 22.0, 18.0, 14.0, 10.0];
/// Lean of each segment.
const LEANS_DEGREES: [f64; 5] = [SACRAL_SLOPE_DEGREES, 40.0, 40.0, 28.0, 10.0];
/// Canal semi-axes at each segment (mm).
const CANAL_MM: [[f64; 2]; 5] = [[11.0, 7.0], [9.0, 6.0], [7.0, 5.0], [5.5, 4.0], [4.0, 3.0]];
/// Centre and semi-axes of the lateral masses of S1 to S3, in the segment's frame (mm).
const LATERAL_MASSES_MM: [(Point, Point); 3] = [
    ([35.0, 7.0, -6.0], [23.0, 14.0, 15.0]),
    ([31.0, 7.0, 0.0], [24.0, 13.0, 17.0]),
    ([22.0, 5.0, 0.0], [17.0, 10.0, 14.0]),
];
/// Thickness of the cortex (mm).
const CORTEX_MM: f64 = 1.0;
/// Height of the iliac crest above the sacral plate (mm).
const CREST_MM: f64 = 38.0;
/// Height over which the wing reaches its full length (mm).
const WING_MM: f64 = 80.0;
/// Distance of the strips that form a wing (mm).
const STRIP_MM: f64 = 5.0;

/// The frames at the centres of S1 to S5.
fn segments(options: &Options) -> Vec<Frame> {
    let mut plate = sacral_frame(options).origin;
    let mut frames = Vec::new();
    for (height, lean) in HEIGHTS_MM.iter().zip(LEANS_DEGREES) {
        let frame = tilted_frame(plate, lean);
        frames.push(frame.moved([0.0, 0.0, -height / 2.0]));
        plate = frame.world([0.0, 0.0, -height]);
    }
    frames
}

fn back(n: usize) -> f64 {
    (DEPTHS_MM[n] + DEPTHS_MM[n + 1]) / 4.0 - 1.0
}

/// Centres and semi-axes of the sacral canal, downwards.
pub(super) fn canal_nodes(options: &Options) -> Vec<(Point, [f64; 2])> {
    segments(options)
        .iter()
        .enumerate()
        .map(|(n, frame)| (frame.world([0.0, back(n) + 1.0 + CANAL_MM[n][1], 0.0]), CANAL_MM[n]))
        .collect()
}

/// Sacrum and both wings.
pub(super) fn shells(options: &Options) -> Shells {
    let mut shells = Shells::default();
    for (shell, inset) in [(&mut shells.outer, 0.0), (&mut shells.inner, CORTEX_MM)] {
        sacrum(options, inset, shell);
        for side in [-1.0, 1.0] {
            wing(options, side, inset, shell);
        }
    }
    shells
}

fn sacrum(options: &Options, inset: f64, shell: &mut Vec<Shape>) {
    for (n, frame) in segments(options).into_iter().enumerate() {
        shell.push(Shape::Body(Body {
            frame,
            width: [WIDTHS_MM[n], WIDTHS_MM[n + 1]],
            depth: [DEPTHS_MM[n], DEPTHS_MM[n + 1]],
            height: HEIGHTS_MM[n] - 1.0,
            anterior_ratio: 1.0,
            waist: 0.06,
            hollow: 0.5,
            flattening: 1.0,
            wall_inset: inset,
            rim_inset: inset,
            plate_inset: inset,
        }));
        let reach = HEIGHTS_MM[n] / 2.0;
        shell.push(Shape::Ring(Ring {
            frame: frame.moved([0.0, back(n) + 1.0 + CANAL_MM[n][1], 0.0]),
            semi: CANAL_MM[n],
            shell: [0.2 + inset, 5.5 - inset],
            span: [-reach, reach],
            behind: -2.0,
        }));
        let Some((centre, semi)) = LATERAL_MASSES_MM.get(n) else { continue };
        for side in [-1.0, 1.0] {
            let frame = frame.moved([side * centre[0], centre[1], centre[2]]);
            shell.push(Shape::Ellipsoid { frame, semi: semi.map(|axis| axis - inset) });
        }
    }
}

/// A wing as strips, each longer and further in than the one above.
fn wing(options: &Options, side: f64, inset: f64, shell: &mut Vec<Shape>) {
    let [x0, _, z0] = sacral_frame(options).origin;
    let mut depth = 0.0;
    while depth <= 120.0 {
        let share = (depth / WING_MM).min(1.0);
        let reach = share.sqrt();
        let inward = 0.72 * depth.min(75.0);
        let z = z0 + CREST_MM - depth;
        let middle = [126.0 - inward, 18.0];
        let back = [46.0 + 6.0 * (1.0 - share), 90.0];
        let front = [122.0 - 0.2 * inward, -52.0];
        let toward =
            |end: [f64; 2]| [middle[0] + reach * (end[0] - middle[0]), middle[1] + reach * (end[1] - middle[1])];
        let path: Vec<Point> =
            [toward(back), middle, toward(front)].iter().map(|p| [x0 + side * p[0], p[1], z]).collect();
        let thick = 5.0 - 1.5 * share;
        shell.extend(sweep(&path, [thick - inset, 7.0 - inset], [0.0, 0.0, 1.0]));
        depth += STRIP_MM;
    }
}
