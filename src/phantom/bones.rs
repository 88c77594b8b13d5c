//! Vertebrae, discs, canal, ribs, sacrum and iliac wings as painted parts.
//!
//! Input: [`Options`], vertebrae, tissue table. Output: [`Part`]s, later ones painted over earlier ones.

use super::Options;
use super::pelvis;
use super::raster::Part;
use super::ribs;
use super::shape::{Body, Point, Ring, Segment, Shape};
use super::spine::Vertebra;
use super::tissue::{Tissues, trabecular};

/// Thickness of the wall of a vertebral body (mm).
const WALL_MM: f64 = 0.6;
/// Thickness of the wall at the rim of the endplates (mm).
const RIM_MM: f64 = 1.8;
/// Thickness of an endplate (mm).
const PLATE_MM: f64 = 0.7;
/// Thickness of the cortex of arch and processes (mm).
const ARCH_CORTEX_MM: f64 = 1.2;
/// How far a disc reaches into the bodies' hollows and wedge gaps (mm).
const DISC_OVERLAP_MM: f64 = 6.0;
/// No spinous process reaches behind this (mm behind the torso centre).
const SPINOUS_TIP_MAX_MM: f64 = 103.0;
/// Volume of cement in an augmented body: a ball of 4 mL has this radius (mm).
const CEMENT_RADIUS_MM: f64 = 9.85;

/// Solids with and without the thickness of their cortex.
#[derive(Default)]
pub(super) struct Shells {
    pub(super) outer: Vec<Shape>,
    pub(super) inner: Vec<Shape>,
}

/// All bones and what lies between them.
pub(super) fn parts(options: &Options, vertebrae: &[Vertebra], tissues: &Tissues) -> Vec<Part> {
    let mut arch = Shells::default();
    let mut bodies = Vec::new();
    for (n, vertebra) in vertebrae.iter().enumerate() {
        arch.outer.push(Shape::Body(body(options, vertebra, 0.0, 0.0)));
        posterior_elements(vertebra, n, &mut arch);
        let core = Shape::Body(body(options, vertebra, WALL_MM, PLATE_MM));
        let mut part = Part::new(trabecular(options, vertebra.trabecular_hu), vec![core]);
        part.texture_sd_hu = options.trabecular_texture_hu;
        bodies.push(part);
    }
    let pelvis = pelvis::shells(options);
    let cage = ribs::shells(options, vertebrae);
    arch.outer.extend(pelvis.outer);

    let mut parts = vec![
        Part::new(tissues.canal, canal(options, vertebrae)),
        Part::new(tissues.disc, vertebrae.windows(2).map(|pair| disc(&pair[0], &pair[1])).collect()),
        Part::new(tissues.cartilage, ribs::cartilage(options, vertebrae)),
        Part::new(tissues.rib_cortex, cage.outer),
        Part::new(tissues.cortex, arch.outer),
        Part::new(tissues.rib_marrow, cage.inner),
        Part::new(tissues.arch_marrow, arch.inner),
        Part::new(tissues.pelvic_marrow, pelvis.inner),
    ];
    parts.extend(bodies);
    parts.push(Part::new(tissues.caval_blood, vertebrae.iter().map(vein).collect()));
    if let Some(level) = &options.cement_level {
        let filled = vertebrae
            .iter()
            .filter(|v| &v.name == level)
            .map(|v| Shape::Ellipsoid { frame: v.frame.moved([0.0, -2.0, 0.0]), semi: [CEMENT_RADIUS_MM; 3] });
        parts.push(Part::new(tissues.cement, filled.collect()));
    }
    parts
}

fn body(options: &Options, vertebra: &Vertebra, wall_inset: f64, plate_inset: f64) -> Body {
    let size = &vertebra.size;
    let loss = options.wedge.as_ref().filter(|(level, _)| *level == vertebra.name).map_or(0.0, |(_, share)| *share);
    Body {
        frame: vertebra.frame,
        width: size.width,
        depth: size.depth,
        height: size.height,
        anterior_ratio: size.anterior_ratio * (1.0 - loss),
        waist: 0.10,
        hollow: 1.5,
        flattening: 2.0,
        wall_inset,
        rim_inset: if wall_inset > 0.0 { RIM_MM } else { 0.0 },
        plate_inset,
    }
}

fn disc(above: &Vertebra, below: &Vertebra) -> Shape {
    let low = above.frame.world([0.0, 0.0, -above.size.height / 2.0]);
    let high = below.frame.world([0.0, 0.0, below.size.height / 2.0]);
    let mut frame = above.frame;
    frame.origin = std::array::from_fn(|axis| (low[axis] + high[axis]) / 2.0);
    let mean = |a: f64, b: f64| (a + b) / 2.0 * 0.98;
    let width = mean(above.size.width[1], below.size.width[0]);
    let depth = mean(above.size.depth[1], below.size.depth[0]);
    Shape::Body(Body {
        frame,
        width: [width; 2],
        depth: [depth; 2],
        height: above.size.disc + DISC_OVERLAP_MM,
        anterior_ratio: 1.0,
        waist: 0.0,
        hollow: 0.0,
        flattening: 2.0,
        wall_inset: 0.0,
        rim_inset: 0.0,
        plate_inset: 0.0,
    })
}

/// The canal's contents: a sweep through both ends of every level, on into the sacrum.
fn canal(options: &Options, vertebrae: &[Vertebra]) -> Vec<Shape> {
    let mut nodes: Vec<(Point, [f64; 2])> = Vec::new();
    for vertebra in vertebrae {
        let frame = vertebra.canal();
        let semi = [vertebra.size.canal[0] / 2.0, vertebra.size.canal[1] / 2.0];
        for share in [0.5, -0.5] {
            nodes.push((frame.world([0.0, 0.0, share * vertebra.size.height]), semi));
        }
    }
    nodes.extend(pelvis::canal_nodes(options));
    nodes
        .windows(2)
        .map(|ends| {
            Shape::Segment(Segment {
                from: ends[0].0,
                to: ends[1].0,
                semi: [ends[0].1, ends[1].1],
                upright: [0.0, 1.0, 0.0],
            })
        })
        .collect()
}

/// The basivertebral vein: a cone from the middle of the posterior wall to 45 % of the depth.
fn vein(vertebra: &Vertebra) -> Shape {
    let depth = (vertebra.size.depth[0] + vertebra.size.depth[1]) / 2.0 * 0.9;
    let back = vertebra.back();
    Shape::Segment(Segment {
        from: vertebra.frame.world([0.0, back, 0.0]),
        to: vertebra.frame.world([0.0, back - 0.45 * depth, 0.0]),
        semi: [[2.5; 2], [0.2; 2]],
        upright: vertebra.frame.up,
    })
}

fn posterior_elements(vertebra: &Vertebra, n: usize, shells: &mut Shells) {
    for (shell, inset) in [(&mut shells.outer, 0.0), (&mut shells.inner, ARCH_CORTEX_MM)] {
        for side in [-1.0, 1.0] {
            shell.push(pedicle(vertebra, side, inset));
            shell.extend(articular_processes(vertebra, side, inset));
            shell.push(transverse_process(vertebra, side, inset));
        }
        shell.push(lamina(vertebra, inset));
        shell.push(spinous_process(vertebra, n, inset));
    }
}

fn pedicle(vertebra: &Vertebra, side: f64, inset: f64) -> Shape {
    let size = &vertebra.size;
    let u = side * (size.canal[0] / 2.0 + 0.5 + size.pedicle[0] / 2.0);
    let (w, back) = (0.2 * size.height, vertebra.back());
    Shape::Segment(Segment {
        from: vertebra.frame.world([u, back - 4.0, w]),
        to: vertebra.frame.world([u, back + 12.0, w]),
        semi: [[size.pedicle[0] / 2.0 - inset, size.pedicle[1] / 2.0 - inset]; 2],
        upright: vertebra.frame.up,
    })
}

/// Lower articular process, the bridge between both, upper articular process: side offset from the canal border, place
/// behind the canal centre (mm), height above mid-height and half height (shares of the body height), half thickness (mm).
const ARTICULAR: [([f64; 4], [f64; 2]); 3] = [
    ([2.5, 10.5, -0.58, 0.36], [4.0, 4.5]),
    ([4.0, 8.5, -0.05, 0.42], [4.5, 5.0]),
    ([6.0, 8.5, 0.48, 0.32], [3.8, 4.5]),
];

/// The articular processes of one side; the joint between two levels lies at the height of the disc.
fn articular_processes(vertebra: &Vertebra, side: f64, inset: f64) -> Vec<Shape> {
    let size = &vertebra.size;
    ARTICULAR
        .iter()
        .map(|([beside, behind, rise, half], thick)| {
            let local = [side * (size.canal[0] / 2.0 + beside), *behind, rise * size.height];
            let semi = [thick[0] - inset, thick[1] - inset, half * size.height - inset];
            Shape::Ellipsoid { frame: vertebra.canal().moved(local), semi }
        })
        .collect()
}

/// Thoracic laminae overlap like tiles, lumbar ones leave a window.
fn lamina(vertebra: &Vertebra, inset: f64) -> Shape {
    let size = &vertebra.size;
    let (low, high) = if vertebra.rib_number <= 11 { (-0.62, 0.34) } else { (-0.62, 0.16) };
    Shape::Ring(Ring {
        frame: vertebra.canal(),
        semi: [size.canal[0] / 2.0, size.canal[1] / 2.0],
        shell: [0.2 + inset, 6.5 - inset],
        span: [low * size.height + inset, high * size.height - inset],
        behind: 0.0,
    })
}

fn spinous_process(vertebra: &Vertebra, n: usize, inset: f64) -> Shape {
    // T1 to T3, T4 to T9, T10, T11, T12, lumbar.
    let slope_degrees: f64 = match n {
        0..=2 => 35.0,
        3..=8 => 50.0,
        9 => 38.0,
        10 => 25.0,
        11 => 14.0,
        _ => 8.0,
    };
    let (sin, cos) = slope_degrees.to_radians().sin_cos();
    let frame = vertebra.canal();
    let root = [0.0, vertebra.size.canal[1] / 2.0 + 4.0, -0.2 * vertebra.size.height];
    let from = frame.world(root);
    let room = ((SPINOUS_TIP_MAX_MM - from[1]) / cos).clamp(6.0, 26.0);
    Shape::Segment(Segment {
        from,
        to: frame.world([0.0, root[1] + room * cos, root[2] - room * sin]),
        semi: [[3.0 - inset, 8.5 - inset], [3.4 - inset, 7.0 - inset]],
        upright: vertebra.frame.up,
    })
}

/// Root and tip of a transverse process.
pub(super) fn transverse_ends(vertebra: &Vertebra, side: f64) -> [Point; 2] {
    let size = &vertebra.size;
    let lumbar = vertebra.name.starts_with('L') && vertebra.rib_mm == [0.0; 2];
    // A rib takes the place of a long process, and the other way round.
    let length = match (lumbar, vertebra.rib_number) {
        (true, 12) => 22.0,
        (false, 13) => 12.0,
        _ => size.process,
    };
    let (lean_degrees, behind): (f64, f64) = match (lumbar, vertebra.rib_number) {
        (true, 16..) => (12.0, 6.0),
        (true, _) => (8.0, 2.0),
        (false, _) => (30.0, 5.0),
    };
    let (sin, cos) = lean_degrees.to_radians().sin_cos();
    let root = [side * (size.canal[0] / 2.0 + 0.6 * size.pedicle[0]), behind, 0.15 * size.height];
    let tip = [root[0] + side * length * cos, root[1] + length * sin, root[2]];
    let frame = vertebra.canal();
    [frame.world(root), frame.world(tip)]
}

fn transverse_process(vertebra: &Vertebra, side: f64, inset: f64) -> Shape {
    let [from, to] = transverse_ends(vertebra, side);
    Shape::Segment(Segment {
        from,
        to,
        semi: [[4.0 - inset, 5.0 - inset], [3.2 - inset, 4.0 - inset]],
        upright: vertebra.frame.up,
    })
}
