//! Skin, fat, muscle, lungs, diaphragm, abdominal organs, vessels and couch as painted parts.
//!
//! Input: [`Options`], vertebrae, tissue table. Output: [`Part`]s, later ones painted over earlier ones (torso mm).

use super::raster::Part;
use super::ribs::EXPONENT;
use super::shape::{Column, Frame, Shape, UNBOUNDED_MM, cross, ellipsoid, sweep, unit};
use super::spine::{Vertebra, lateral_mm};
use super::tissue::Tissues;
use super::{Options, Position};

/// Semi-axes of the skin, the muscle wall and the cavity (mm).
const SKIN_MM: [f64; 2] = [170.0, 115.0];
const WALL_MM: [f64; 2] = [152.0, 97.0];
const CAVITY_MM: [f64; 2] = [138.0, 84.0];
/// Thickness of skin and of the diaphragm (mm).
const SKIN_THICKNESS_MM: f64 = 2.0;
const DIAPHRAGM_MM: f64 = 3.0;
/// Height of the lungs' lowest recess (mm).
const RECESS_Z_MM: f64 = 20.0;
/// Distance that the liver keeps from spine, vessels and kidney (mm).
const GAP_MM: f64 = 3.0;
/// Radius of the couch, distance of its top from the skin and its thickness (mm).
const COUCH_MM: [f64; 3] = [400.0, 12.0, 20.0];

fn prism(semi: [f64; 2], inset: f64) -> Shape {
    let node = |z: f64| [z, 0.0, 0.0, semi[0] - inset, semi[1] - inset];
    Shape::Column(Column { nodes: vec![node(-UNBOUNDED_MM), node(UNBOUNDED_MM)], exponent: EXPONENT })
}

/// The cavity follows the narrowing cage.
fn cavity() -> Shape {
    let nodes = [-UNBOUNDED_MM, 110.0, 155.0, 200.0, 245.0, 290.0, UNBOUNDED_MM]
        .map(|z| [z, 0.0, 0.0, CAVITY_MM[0], CAVITY_MM[1]])
        .map(|[z, x, y, a, b]| [z, x, y, a * super::ribs::cage_scale(z), b * super::ribs::cage_scale(z)]);
    Shape::Column(Column { nodes: nodes.to_vec(), exponent: EXPONENT })
}

fn above(z: f64) -> Shape {
    Shape::HalfSpace { normal: [0.0, 0.0, -1.0], offset: -z }
}

fn below(z: f64) -> Shape {
    Shape::HalfSpace { normal: [0.0, 0.0, 1.0], offset: z }
}

/// The abdominal side of the diaphragm: right, left and central dome.
fn domes(inset: f64) -> Vec<Shape> {
    [
        ([-66.0, -2.0, 20.0], [68.0, 80.0, 92.0]),
        ([68.0, -2.0, 20.0], [68.0, 83.0, 90.0]),
        ([0.0, -25.0, 20.0], [62.0, 56.0, 72.0]),
    ]
    .map(|(centre, semi): ([f64; 3], [f64; 3])| ellipsoid(centre, semi.map(|axis| axis - inset)))
    .to_vec()
}

/// An upright tube beside the column: offset and semi-axes at every level from `from` (counted from T1) to `to`.
fn beside(
    vertebrae: &[Vertebra],
    levels: std::ops::RangeInclusive<usize>,
    place: impl Fn(&Vertebra, f64) -> [f64; 4],
) -> Shape {
    let (first, last) = (*levels.start(), *levels.end());
    let mut nodes: Vec<[f64; 5]> = vertebrae
        .iter()
        .enumerate()
        .filter(|(n, _)| levels.contains(n))
        .map(|(n, vertebra)| {
            let share = (n - first) as f64 / (last - first).max(1) as f64;
            let [x, y, a, b] = place(vertebra, share);
            let [x0, y0, z0] = vertebra.frame.origin;
            [z0, x0 + x, y0 + y, a, b]
        })
        .collect();
    nodes.reverse();
    Shape::Column(Column { nodes, exponent: 2.0 })
}

/// Adds ends to a column, so that it runs from `low` to `high`.
fn prolonged(shape: Shape, low: f64, high: f64) -> Shape {
    let Shape::Column(mut column) = shape else { return shape };
    if let (Some(first), Some(last)) = (column.nodes.first().copied(), column.nodes.last().copied()) {
        if low < first[0] {
            column.nodes.insert(0, [low, first[1], first[2], first[3], first[4]]);
        }
        if high > last[0] {
            column.nodes.push([high, last[1], last[2], last[3], last[4]]);
        }
    }
    Shape::Column(column)
}

/// Half the depth of a body (mm).
fn half_depth(vertebra: &Vertebra) -> f64 {
    (vertebra.size.depth[0] + vertebra.size.depth[1]) / 4.0
}

/// The great vessels, each grown by `gap`.
struct Vessels {
    aorta: Shape,
    iliac: Vec<Shape>,
    cava: Shape,
}

fn vessels(options: &Options, vertebrae: &[Vertebra], gap: f64) -> Vessels {
    // T5 to L4.
    let aorta = beside(vertebrae, 4..=15, |v, share| {
        let radius = 12.0 - 3.0 * share + gap;
        [10.0 + 4.0 * (1.0 - share), -half_depth(v) - 13.0, radius, radius]
    });
    let aorta = prolonged(aorta, -108.0, 0.0);
    // T9 to L4.
    let cava = beside(vertebrae, 8..=15, |v, share| {
        let forward = 14.0 * (1.0 - 2.5 * share).max(0.0);
        [-18.0 - 2.0 * (1.0 - share), -half_depth(v) - 10.0 - forward, 12.0 + gap, 8.0 + gap + 2.0 * (1.0 - share)]
    });
    let fork = [lateral_mm(options, -108.0) + 10.0, -9.0, -106.0];
    let iliac = [-34.0, 46.0]
        .map(|x| sweep(&[fork, [x, 2.0, -150.0], [x * 1.25, -2.0, -230.0]], [5.5 + gap; 2], [0.0, 1.0, 0.0]))
        .concat();
    Vessels { aorta, iliac, cava: prolonged(cava, -112.0, 0.0) }
}

/// Everything that is not bone, from the air inwards.
pub(super) fn parts(options: &Options, vertebrae: &[Vertebra], tissues: &Tissues) -> Vec<Part> {
    let mut parts = Vec::new();
    if options.couch {
        parts.extend(couch(options.position));
    }
    parts.extend(wall(tissues));
    parts.extend(chest(tissues));
    parts.extend(muscles(vertebrae, tissues));
    parts.extend(bowel(options, tissues));
    parts.extend(solid_organs(options, vertebrae, tissues));
    let vessels = vessels(options, vertebrae, 0.0);
    parts.push(Part::new(tissues.caval_blood, vec![vessels.cava]));
    let mut arteries = vessels.iliac;
    arteries.push(vessels.aorta);
    parts.push(Part::new(tissues.arterial_blood, arteries));
    parts
}

fn couch(position: Position) -> Vec<Part> {
    let [radius, gap, thickness] = COUCH_MM;
    let (direction, reach) = match position {
        Position::HeadFirstSupine | Position::FeetFirstSupine => ([0.0, 1.0], SKIN_MM[1]),
        Position::HeadFirstProne | Position::FeetFirstProne => ([0.0, -1.0], SKIN_MM[1]),
        Position::HeadFirstDecubitusRight => ([-1.0, 0.0], SKIN_MM[0]),
        Position::HeadFirstDecubitusLeft => ([1.0, 0.0], SKIN_MM[0]),
    };
    let back = reach + gap - radius;
    let normal = [-direction[0], -direction[1], 0.0];
    let side = [direction[1], direction[0], 0.0];
    let disc = |r: f64| {
        let node = |z: f64| [z, back * direction[0], back * direction[1], r, r];
        Shape::Column(Column { nodes: vec![node(-UNBOUNDED_MM), node(UNBOUNDED_MM)], exponent: 2.0 })
    };
    let layer = |inner: f64, outer: f64| Shape::Cut {
        solid: Box::new(disc(radius + outer)),
        within: vec![
            Shape::HalfSpace { normal, offset: -40.0 },
            Shape::HalfSpace { normal: side, offset: 215.0 },
            Shape::HalfSpace { normal: side.map(|axis: f64| -axis), offset: 215.0 },
        ],
        without: vec![disc(radius + inner)],
        gap: 0.0,
    };
    vec![
        Part::new(-900.0, vec![layer(-gap, 0.0)]),
        Part::new(-700.0, vec![layer(0.0, thickness)]),
        Part::new(100.0, vec![layer(0.0, 1.0), layer(thickness - 1.0, thickness)]),
    ]
}

fn wall(tissues: &Tissues) -> Vec<Part> {
    vec![
        Part::new(tissues.skin, vec![prism(SKIN_MM, 0.0)]),
        Part::new(tissues.fat, vec![prism(SKIN_MM, SKIN_THICKNESS_MM)]),
        Part::new(tissues.muscle, vec![prism(WALL_MM, 0.0)]),
        Part::new(tissues.fat, vec![cavity()]),
    ]
}

/// Lungs, mediastinum, heart and the diaphragm with the space below it.
fn chest(tissues: &Tissues) -> Vec<Part> {
    let over = |solid: Shape, inset: f64| Shape::Cut {
        solid: Box::new(solid),
        within: vec![above(RECESS_Z_MM - inset)],
        without: vec![],
        gap: 0.0,
    };
    let midline = Shape::Cut {
        solid: Box::new(cavity()),
        within: vec![
            above(RECESS_Z_MM),
            Shape::HalfSpace { normal: [1.0, 0.0, 0.0], offset: 25.0 },
            Shape::HalfSpace { normal: [-1.0, 0.0, 0.0], offset: 25.0 },
        ],
        without: vec![],
        gap: 0.0,
    };
    let cavity_above = Shape::Cut {
        solid: Box::new(prism(CAVITY_MM, 4.0)),
        within: vec![cavity(), above(RECESS_Z_MM)],
        without: vec![],
        gap: 0.0,
    };
    let bronchi = sweep(&[[0.0, 20.0, 300.0], [0.0, 18.0, 205.0]], [8.0; 2], [0.0, 1.0, 0.0]);
    let gullet = sweep(&[[4.0, 26.0, 300.0], [8.0, 14.0, 130.0], [16.0, -2.0, 92.0]], [8.0; 2], [0.0, 1.0, 0.0]);
    vec![
        Part::new(tissues.lung, vec![cavity_above]),
        Part::new(tissues.fat, vec![midline]),
        Part::new(tissues.arterial_blood, vec![ellipsoid([25.0, -40.0, 150.0], [55.0, 45.0, 50.0])]),
        Part::new(tissues.bowel_wall, gullet),
        Part::new(tissues.gas, bronchi),
        Part::new(tissues.muscle, domes(0.0).into_iter().map(|dome| over(dome, 0.0)).collect()),
        Part::new(tissues.fat, domes(DIAPHRAGM_MM).into_iter().map(|dome| over(dome, 1.0)).collect()),
    ]
}

fn muscles(vertebrae: &[Vertebra], tissues: &Tissues) -> Vec<Part> {
    let last = vertebrae.len() - 1;
    let mut shapes = Vec::new();
    for side in [-1.0, 1.0] {
        let back = beside(vertebrae, 0..=last, |v, _| {
            let y = (v.frame.origin[1] + 40.0).min(74.0) - v.frame.origin[1];
            [side * 34.0, y, 27.0, 20.0]
        });
        shapes.push(prolonged(back, -260.0, 400.0));
        // Between the spinous processes and the erectors, in front of the fascia.
        let deep = beside(vertebrae, 0..=last, |v, _| [side * 17.0, half_depth(v) + 22.0, 15.0, 14.0]);
        shapes.push(prolonged(deep, -200.0, 400.0));
        let psoas = beside(vertebrae, 12..=last, |_, share| {
            let radius = 9.0 + 14.0 * (share * 1.3).min(1.0);
            [side * (31.0 + 15.0 * share), 6.0 - 4.0 * share, radius, radius * 1.05]
        });
        shapes.push(prolonged(psoas, -260.0, 12.0));
        let square =
            beside(vertebrae, 12..=15, |v, share| [side * (58.0 + 8.0 * share), 69.0 - v.frame.origin[1], 19.0, 6.5]);
        shapes.push(square);
        // Gluteal muscle behind the wings.
        shapes.push(ellipsoid([side * 80.0, 60.0, -235.0], [60.0, 36.0, 75.0]));
        shapes.push(ellipsoid([side * 96.0, -5.0, -185.0], [22.0, 55.0, 50.0]));
    }
    vec![Part::new(tissues.muscle, shapes)]
}

/// Colon, small bowel and stomach.
fn bowel(options: &Options, tissues: &Tissues) -> Vec<Part> {
    let tube = |side: f64, inset: f64| {
        let top = if side < 0.0 { -38.0 } else { -30.0 };
        let flank = [
            [side * 58.0, -44.0, -260.0],
            [side * 74.0, -48.0, -165.0],
            [side * 111.0, -6.0, -112.0],
            [side * 110.0, -18.0, top],
        ];
        sweep(&flank, [21.0 - inset; 2], [0.0, 1.0, 0.0])
    };
    let transverse = |inset: f64| {
        let path = [
            [-104.0, -20.0, -50.0],
            [-55.0, -60.0, -62.0],
            [10.0, -66.0, -66.0],
            [60.0, -60.0, -52.0],
            [104.0, -16.0, -36.0],
        ];
        sweep(&path, [17.0 - inset; 2], [0.0, 0.0, 1.0])
    };
    let colon = |inset: f64| [tube(-1.0, inset), tube(1.0, inset), transverse(inset)].concat();
    let uppermost = match options.position {
        Position::HeadFirstSupine | Position::FeetFirstSupine => [0.0, 1.0, 0.0],
        Position::HeadFirstProne | Position::FeetFirstProne => [0.0, -1.0, 0.0],
        Position::HeadFirstDecubitusRight => [-1.0, 0.0, 0.0],
        Position::HeadFirstDecubitusLeft => [1.0, 0.0, 0.0],
    };
    let stomach = |inset: f64| ellipsoid([56.0, -26.0, 58.0], [42.0, 38.0, 44.0].map(|axis: f64| axis - inset));
    // Gas collects above a level that lies 14 mm from the stomach's middle.
    let level = -26.0 * uppermost[1] + 56.0 * uppermost[0] - 14.0;
    let bubble = Shape::Cut {
        solid: Box::new(stomach(3.0)),
        within: vec![Shape::HalfSpace { normal: uppermost, offset: level }],
        without: vec![],
        gap: 0.0,
    };
    let coils: Vec<_> = (0..5)
        .map(|n| {
            let (z, sway) = (-78.0 - 24.0 * n as f64, if n % 2 == 0 { 1.0 } else { -1.0 });
            [
                [-62.0 * sway, -34.0, z],
                [-20.0 * sway, -52.0, z - 4.0],
                [28.0 * sway, -30.0, z - 9.0],
                [62.0 * sway, -44.0, z - 14.0],
            ]
        })
        .flat_map(|path| sweep(&path, [11.0; 2], [0.0, 0.0, 1.0]))
        .collect();
    let stool: Vec<_> = [-1.0, 1.0].into_iter().flat_map(|side| tube(side, 9.0)).collect();
    vec![
        Part::new(tissues.bowel_wall, coils),
        Part::new(tissues.bowel_wall, colon(0.0)),
        Part::new(tissues.gas, colon(3.0)),
        Part::new(tissues.stool, stool),
        Part::new(tissues.bowel_wall, vec![stomach(0.0)]),
        Part::new(tissues.gastric_fluid, vec![stomach(3.0)]),
        Part::new(tissues.gas, vec![bubble]),
    ]
}

/// Pancreas, gallbladder, spleen, liver with its vessels, kidneys.
fn solid_organs(options: &Options, vertebrae: &[Vertebra], tissues: &Tissues) -> Vec<Part> {
    let mut parts = Vec::new();
    let pancreas = [[-28.0, -22.0, -14.0], [0.0, -34.0, 6.0], [30.0, -24.0, 16.0], [66.0, 4.0, 28.0]];
    parts.push(Part::new(tissues.bowel_wall, sweep(&pancreas, [9.0, 11.0], [0.0, 0.0, 1.0])));
    parts.push(Part::new(tissues.bile, vec![ellipsoid([-42.0, -42.0, -2.0], [14.0, 16.0, 28.0])]));
    if options.spleen_present {
        let spleen = ellipsoid([100.0, 32.0, 56.0], [27.0, 42.0, 56.0]);
        let shape = Shape::Cut {
            solid: Box::new(spleen),
            within: vec![under_diaphragm(), prism(CAVITY_MM, 1.0)],
            without: vec![kidney(0, KIDNEY_MM, 0.0)],
            gap: GAP_MM,
        };
        let mut part = Part::new(tissues.spleen, vec![shape]);
        if options.phase == crate::codes::Phase::Arterial {
            part.texture_sd_hu = options.spleen_mottling_hu;
        }
        parts.push(part);
    }
    parts.push(Part::new(tissues.liver, liver(options, vertebrae)));
    let (portal, hepatic) = liver_vessels();
    parts.push(Part::new(tissues.portal_blood, portal));
    parts.push(Part::new(tissues.hepatic_blood, hepatic));
    parts.extend(kidneys(tissues));
    parts
}

/// Side and centre of the left and right kidney, semi-axes of both (mm).
const KIDNEYS_MM: [(f64, [f64; 3]); 2] = [(1.0, [66.0, 33.0, 0.0]), (-1.0, [-67.0, 33.0, -12.0])];
const KIDNEY_MM: [f64; 3] = [25.0, 22.0, 57.0];

/// A kidney whose upper pole leans inwards and backwards, or an ellipsoid inside it, nearer to the hilum.
fn kidney(n: usize, semi: [f64; 3], toward_hilum: f64) -> Shape {
    let (side, centre) = KIDNEYS_MM[n];
    let up = unit([-0.22 * side, 0.12, 1.0]);
    let left = unit(cross([0.0, 1.0, 0.0], up));
    let frame = Frame { origin: centre, left, posterior: cross(up, left), up };
    let frame = frame.moved([-side * toward_hilum, -0.5 * toward_hilum, 0.0]);
    Shape::Ellipsoid { frame, semi }
}

fn under_diaphragm() -> Shape {
    let mut spaces = domes(DIAPHRAGM_MM);
    spaces.push(below(RECESS_Z_MM));
    Shape::Union(spaces)
}

fn liver(options: &Options, vertebrae: &[Vertebra]) -> Vec<Shape> {
    let vessels = vessels(options, vertebrae, 0.0);
    let spine = beside(vertebrae, 6..=15, |v, _| [0.0, 4.0, v.size.width[1] / 2.0, half_depth(v) + 2.0]);
    let kidney = kidney(1, KIDNEY_MM, 0.0);
    // The lower border rises from right to left: z > -40 + 0.35 (x + 135).
    let edge = Shape::HalfSpace { normal: [0.330_3, 0.0, -0.943_9], offset: 0.943_9 * (40.0 - 0.35 * 135.0) };
    [([-72.0, -6.0, 38.0], [66.0, 78.0, 72.0]), ([2.0, -38.0, 66.0], [72.0, 36.0, 34.0])]
        .map(|(centre, semi)| Shape::Cut {
            solid: Box::new(ellipsoid(centre, semi)),
            within: vec![under_diaphragm(), prism(CAVITY_MM, 1.0), edge.clone()],
            without: vec![spine.clone(), vessels.aorta.clone(), vessels.cava.clone(), kidney.clone()],
            gap: GAP_MM,
        })
        .to_vec()
}

/// Portal tree and hepatic veins.
fn liver_vessels() -> (Vec<Shape>, Vec<Shape>) {
    let up = [0.0, 0.0, 1.0];
    let hilum = [-30.0, -14.0, 34.0];
    let fork = [-64.0, -12.0, 40.0];
    let left = [-10.0, -28.0, 52.0];
    let mut portal = sweep(&[[-8.0, -14.0, 4.0], hilum], [6.0; 2], [0.0, 1.0, 0.0]);
    portal.extend(sweep(&[hilum, fork], [4.5; 2], up));
    portal.extend(sweep(&[hilum, left, [20.0, -22.0, 58.0]], [4.5; 2], up));
    let segments = [[-104.0, -34.0, 20.0], [-108.0, 24.0, 16.0], [-96.0, -32.0, 70.0], [-98.0, 24.0, 66.0]];
    for tip in segments {
        portal.extend(sweep(&[fork, tip], [2.5; 2], up));
    }
    portal.extend(sweep(&[left, [-20.0, -56.0, 48.0]], [2.5; 2], up));
    portal.extend(sweep(&[[20.0, -22.0, 58.0], [44.0, -24.0, 60.0]], [2.5; 2], up));
    let confluence = [-22.0, 4.0, 84.0];
    let hepatic = [[-102.0, 6.0, 52.0], [-62.0, -48.0, 56.0], [12.0, -46.0, 74.0]]
        .map(|tip| sweep(&[confluence, tip], [4.0; 2], up))
        .concat();
    (portal, hepatic)
}

fn kidneys(tissues: &Tissues) -> Vec<Part> {
    let pair = |semi: [f64; 3], toward: f64| vec![kidney(0, semi, toward), kidney(1, semi, toward)];
    vec![
        Part::new(tissues.kidney_cortex, pair(KIDNEY_MM, 0.0)),
        Part::new(tissues.kidney_medulla, pair(KIDNEY_MM.map(|axis| axis - 7.0), 0.0)),
        Part::new(tissues.fat, pair([13.0, 9.0, 28.0], 9.0)),
        Part::new(tissues.kidney_pelvis, pair([7.0, 5.0, 14.0], 9.0)),
    ]
}

/// The outline inside which tissue lies, for the fall of noise towards the skin.
pub(super) fn torso_radius(x: f64, y: f64) -> f64 {
    (x / SKIN_MM[0]).hypot(y / SKIN_MM[1])
}
