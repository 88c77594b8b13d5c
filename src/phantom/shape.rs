//! Solids given by an approximate signed distance (mm, negative inside) and a bounding box.
//!
//! Input: points in torso coordinates (mm). Output: distances, good to first order near the surface, which is all that
//! anti-aliased painting needs. Implicit functions `f` are turned into distances as `f / |grad f|`.

/// A point or direction `[x left, y posterior, z head]` in mm.
pub(super) type Point = [f64; 3];

/// Half extent that stands for "without end" (mm).
pub(super) const UNBOUNDED_MM: f64 = 10_000.0;

/// An axis-parallel box.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) centre: Point,
    pub(super) half: Point,
}

impl Bounds {
    fn around(points: &[Point], margin: f64) -> Bounds {
        let mut low = [f64::INFINITY; 3];
        let mut high = [f64::NEG_INFINITY; 3];
        for point in points {
            for axis in 0..3 {
                low[axis] = low[axis].min(point[axis]);
                high[axis] = high[axis].max(point[axis]);
            }
        }
        Bounds {
            centre: std::array::from_fn(|axis| (low[axis] + high[axis]) / 2.0),
            half: std::array::from_fn(|axis| (high[axis] - low[axis]) / 2.0 + margin),
        }
    }
}

/// A right-handed local frame: `left`, `posterior`, `up` are unit vectors.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    pub(super) origin: Point,
    pub(super) left: Point,
    pub(super) posterior: Point,
    pub(super) up: Point,
}

impl Frame {
    /// Local coordinates of a point.
    #[inline]
    pub(super) fn local(&self, point: Point) -> Point {
        let offset = subtract(point, self.origin);
        [dot(offset, self.left), dot(offset, self.posterior), dot(offset, self.up)]
    }

    /// The point at local coordinates.
    pub(super) fn world(&self, local: Point) -> Point {
        std::array::from_fn(|axis| {
            self.origin[axis] + local[0] * self.left[axis] + local[1] * self.posterior[axis] + local[2] * self.up[axis]
        })
    }

    /// The same axes at another local position.
    pub(super) fn moved(&self, local: Point) -> Frame {
        Frame { origin: self.world(local), ..*self }
    }
}

/// A vertebral body, disc or sacral segment: an elliptic cylinder with waist, flattened back and concave plates.
#[derive(Debug, Clone, Copy)]
pub(super) struct Body {
    pub(super) frame: Frame,
    /// Transverse width at the upper and lower plate.
    pub(super) width: [f64; 2],
    /// Anteroposterior depth at the upper and lower plate.
    pub(super) depth: [f64; 2],
    /// Height of the posterior wall.
    pub(super) height: f64,
    /// Anterior height over posterior height.
    pub(super) anterior_ratio: f64,
    /// Share by which width and depth shrink at mid-height.
    pub(super) waist: f64,
    /// Depth of each plate's hollow at its centre.
    pub(super) hollow: f64,
    /// How far the posterior arc is cut flat.
    pub(super) flattening: f64,
    /// Thickness taken off the wall at mid-height: 0 for the outer surface.
    pub(super) wall_inset: f64,
    /// Thickness taken off the wall at the plates' rims.
    pub(super) rim_inset: f64,
    /// Thickness taken off both plates.
    pub(super) plate_inset: f64,
}

/// Share of the half height beyond which the wall thickens towards the rim.
const RIM_BEGIN: f64 = 0.72;

impl Body {
    fn distance(&self, point: Point) -> f64 {
        let [u, v, w] = self.frame.local(point);
        let t = (2.0 * w / self.height).clamp(-1.0, 1.0);
        let shrink = (1.0 - self.waist * (1.0 - t * t)) / 2.0;
        let blend = |pair: [f64; 2]| (pair[0] * (1.0 + t) + pair[1] * (1.0 - t)) / 2.0 * shrink;
        let (semi_u, semi_v) = (blend(self.width), blend(self.depth));
        let lateral = ellipse_distance(u, v, semi_u, semi_v);
        let back = v - (semi_v - self.flattening);
        let forward = ((semi_v - v) / (2.0 * semi_v)).clamp(0.0, 1.0);
        let height = self.height * (1.0 + (self.anterior_ratio - 1.0) * forward);
        let eccentric = (u / semi_u).powi(2) + (v / semi_v).powi(2);
        let plate = w.abs() - (height / 2.0 - self.hollow * (1.0 - eccentric).max(0.0));
        let rim = ((t.abs() - RIM_BEGIN) / (1.0 - RIM_BEGIN)).max(0.0);
        let inset = self.wall_inset + rim * (self.rim_inset - self.wall_inset);
        (lateral.max(back) + inset).max(plate + self.plate_inset)
    }

    fn bounds(&self) -> Bounds {
        let radius = self.width[0].max(self.width[1]).max(self.depth[0].max(self.depth[1])) / 2.0;
        let half = self.height * self.anterior_ratio.max(1.0) / 2.0;
        let tilt = |axis: usize| radius.hypot(half).min(radius + half * self.frame.up[axis].abs());
        let rise = half + radius * (1.0 - self.frame.up[2].powi(2)).max(0.0).sqrt();
        Bounds { centre: self.frame.origin, half: [tilt(0) + 1.0, tilt(1) + 1.0, rise + 1.0] }
    }
}

/// A piece of a sweep with elliptic section and round ends.
#[derive(Debug, Clone, Copy)]
pub(super) struct Segment {
    pub(super) from: Point,
    pub(super) to: Point,
    /// Semi-axes `[across, along the upright]` at both ends.
    pub(super) semi: [[f64; 2]; 2],
    /// Direction of the second semi-axis (made perpendicular to the path).
    pub(super) upright: Point,
}

impl Segment {
    fn distance(&self, point: Point) -> f64 {
        let path = subtract(self.to, self.from);
        let square = dot(path, path).max(1e-12);
        let offset = subtract(point, self.from);
        let t = (dot(offset, path) / square).clamp(0.0, 1.0);
        let rest: Point = std::array::from_fn(|axis| offset[axis] - t * path[axis]);
        let lean = dot(self.upright, path) / square;
        let upright = unit(std::array::from_fn(|axis| self.upright[axis] - lean * path[axis]));
        let along = dot(rest, upright);
        let across = (dot(rest, rest) - along * along).max(0.0).sqrt();
        let semi = |n: usize| self.semi[0][n] + t * (self.semi[1][n] - self.semi[0][n]);
        ellipse_distance(across, along, semi(0), semi(1))
    }
}

/// An upright tube: an axis-parallel ellipse in every transverse plane, interpolated between nodes.
#[derive(Debug, Clone)]
pub(super) struct Column {
    /// `[z, centre x, centre y, semi x, semi y]`, z ascending.
    pub(super) nodes: Vec<[f64; 5]>,
    /// Exponent of the superellipse; 2 is an ellipse.
    pub(super) exponent: f64,
}

impl Column {
    fn distance(&self, point: Point) -> f64 {
        let nodes = &self.nodes;
        let (Some(first), Some(last)) = (nodes.first(), nodes.last()) else { return UNBOUNDED_MM };
        let end = (first[0] - point[2]).max(point[2] - last[0]);
        let upper = nodes.partition_point(|node| node[0] < point[2]).clamp(1, nodes.len() - 1);
        let (low, high) = (&nodes[upper - 1], &nodes[upper]);
        let t = ((point[2] - low[0]) / (high[0] - low[0])).clamp(0.0, 1.0);
        let at = |n: usize| low[n] + t * (high[n] - low[n]);
        let (x, y) = (point[0] - at(1), point[1] - at(2));
        let side = if self.exponent == 2.0 {
            ellipse_distance(x, y, at(3), at(4))
        } else {
            superellipse_distance(x, y, at(3), at(4), self.exponent)
        };
        side.max(end)
    }

    fn bounds(&self) -> Bounds {
        let corners: Vec<Point> = self
            .nodes
            .iter()
            .flat_map(|n| [[n[1] - n[3], n[2] - n[4], n[0]], [n[1] + n[3], n[2] + n[4], n[0]]])
            .collect();
        Bounds::around(&corners, 1.0)
    }
}

/// The posterior part of an elliptic ring: the laminae round the canal.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ring {
    /// Frame at the canal centre.
    pub(super) frame: Frame,
    /// Semi-axes of the canal.
    pub(super) semi: [f64; 2],
    /// Begin and end of the bone, measured from the canal border.
    pub(super) shell: [f64; 2],
    /// Begin and end along the frame's up direction.
    pub(super) span: [f64; 2],
    /// The ring exists behind this local posterior coordinate.
    pub(super) behind: f64,
}

impl Ring {
    fn distance(&self, point: Point) -> f64 {
        let [u, v, w] = self.frame.local(point);
        // The shell is measured outside the canal, where the clamp of the inner depth does not matter.
        let radial = ellipse_distance(u, v, self.semi[0], self.semi[1]);
        let shell = (self.shell[0] - radial).max(radial - self.shell[1]);
        let span = (self.span[0] - w).max(w - self.span[1]);
        shell.max(span).max(self.behind - v)
    }
}

/// A solid.
#[derive(Debug, Clone)]
pub(super) enum Shape {
    Ellipsoid {
        frame: Frame,
        semi: Point,
    },
    Body(Body),
    Segment(Segment),
    Column(Column),
    Ring(Ring),
    /// Everything with `dot(normal, p) <= offset`.
    HalfSpace {
        normal: Point,
        offset: f64,
    },
    Union(Vec<Shape>),
    /// `solid` inside every one of `within` and outside every one of `without` by at least `gap`.
    Cut {
        solid: Box<Shape>,
        within: Vec<Shape>,
        without: Vec<Shape>,
        gap: f64,
    },
}

impl Shape {
    /// Signed distance, negative inside.
    pub(super) fn distance(&self, point: Point) -> f64 {
        match self {
            Shape::Ellipsoid { frame, semi } => ellipsoid_distance(frame.local(point), *semi),
            Shape::Body(body) => body.distance(point),
            Shape::Segment(segment) => segment.distance(point),
            Shape::Column(column) => column.distance(point),
            Shape::Ring(ring) => ring.distance(point),
            Shape::HalfSpace { normal, offset } => dot(*normal, point) - offset,
            Shape::Union(parts) => parts.iter().fold(UNBOUNDED_MM, |near, part| near.min(part.distance(point))),
            Shape::Cut { solid, within, without, gap } => {
                let inner = within.iter().fold(solid.distance(point), |far, part| far.max(part.distance(point)));
                without.iter().fold(inner, |far, part| far.max(gap - part.distance(point)))
            }
        }
    }

    /// A box that holds the solid.
    pub(super) fn bounds(&self) -> Bounds {
        match self {
            Shape::Ellipsoid { frame, semi } => {
                let reach = |axis: usize| {
                    let [a, b, c] = [frame.left[axis], frame.posterior[axis], frame.up[axis]];
                    ((a * semi[0]).powi(2) + (b * semi[1]).powi(2) + (c * semi[2]).powi(2)).sqrt() + 1.0
                };
                Bounds { centre: frame.origin, half: [reach(0), reach(1), reach(2)] }
            }
            Shape::Body(body) => body.bounds(),
            Shape::Segment(segment) => {
                let radius = segment.semi.iter().flatten().fold(0.0, |most: f64, semi| most.max(*semi));
                Bounds::around(&[segment.from, segment.to], radius + 1.0)
            }
            Shape::Column(column) => column.bounds(),
            Shape::Ring(ring) => {
                let reach = ring.semi[0].max(ring.semi[1]) + ring.shell[1];
                let rise = ring.span[0].abs().max(ring.span[1].abs());
                Bounds { centre: ring.frame.origin, half: [reach + rise + 1.0; 3] }
            }
            Shape::HalfSpace { .. } => Bounds { centre: [0.0; 3], half: [UNBOUNDED_MM; 3] },
            Shape::Union(parts) => {
                let corners: Vec<Point> = parts.iter().map(Shape::bounds).flat_map(corners).collect();
                Bounds::around(&corners, 0.0)
            }
            Shape::Cut { solid, .. } => solid.bounds(),
        }
    }
}

fn corners(bounds: Bounds) -> [Point; 2] {
    [
        std::array::from_fn(|axis| bounds.centre[axis] - bounds.half[axis]),
        std::array::from_fn(|axis| bounds.centre[axis] + bounds.half[axis]),
    ]
}

/// An ellipsoid with its axes along the torso's.
pub(super) fn ellipsoid(centre: Point, semi: Point) -> Shape {
    Shape::Ellipsoid { frame: upright_frame(centre), semi }
}

/// The torso's axes at a point.
pub(super) fn upright_frame(origin: Point) -> Frame {
    Frame { origin, left: [1.0, 0.0, 0.0], posterior: [0.0, 1.0, 0.0], up: [0.0, 0.0, 1.0] }
}

/// A sweep along `path` with constant section `[across, along upright]`.
pub(super) fn sweep(path: &[Point], semi: [f64; 2], upright: Point) -> Vec<Shape> {
    path.windows(2)
        .map(|ends| Shape::Segment(Segment { from: ends[0], to: ends[1], semi: [semi; 2], upright }))
        .collect()
}

fn ellipse_distance(x: f64, y: f64, semi_x: f64, semi_y: f64) -> f64 {
    let (p, q) = (x / semi_x, y / semi_y);
    let level = (p * p + q * q).sqrt();
    let slope = ((p / semi_x).powi(2) + (q / semi_y).powi(2)).sqrt();
    let deepest = -semi_x.min(semi_y);
    if slope < 1e-9 { deepest } else { ((level - 1.0) * level / slope).max(deepest) }
}

fn superellipse_distance(x: f64, y: f64, semi_x: f64, semi_y: f64, exponent: f64) -> f64 {
    let (p, q) = ((x / semi_x).abs().max(1e-9), (y / semi_y).abs().max(1e-9));
    let (pn, qn) = (p.powf(exponent), q.powf(exponent));
    let level = (pn + qn).powf(1.0 / exponent);
    // grad level = level^(1-n) * (p^(n-1)/a, q^(n-1)/b)
    let slope = level / (pn + qn) * (pn / p / semi_x).hypot(qn / q / semi_y);
    let deepest = -semi_x.min(semi_y);
    if slope < 1e-9 { deepest } else { ((level - 1.0) / slope).max(deepest) }
}

fn ellipsoid_distance(local: Point, semi: Point) -> f64 {
    let [p, q, r]: Point = std::array::from_fn(|axis| local[axis] / semi[axis]);
    let level = (p * p + q * q + r * r).sqrt();
    let slope = ((p / semi[0]).powi(2) + (q / semi[1]).powi(2) + (r / semi[2]).powi(2)).sqrt();
    let deepest = -semi[0].min(semi[1]).min(semi[2]);
    if slope < 1e-9 { deepest } else { ((level - 1.0) * level / slope).max(deepest) }
}

#[inline]
pub(super) fn dot(a: Point, b: Point) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

#[inline]
pub(super) fn subtract(a: Point, b: Point) -> Point {
    [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
}

pub(super) fn cross(a: Point, b: Point) -> Point {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

pub(super) fn unit(a: Point) -> Point {
    let length = dot(a, a).sqrt().max(1e-12);
    [a[0] / length, a[1] / length, a[2] / length]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_to_an_ellipsoid_are_true_on_its_axes() {
        let shape = ellipsoid([1.0, 2.0, 3.0], [10.0, 20.0, 30.0]);
        assert!((shape.distance([14.0, 2.0, 3.0]) - 3.0).abs() < 1e-9);
        assert!((shape.distance([1.0, 2.0, 31.0]) + 2.0).abs() < 1e-9);
        assert!(shape.distance([1.0, 2.0, 3.0]) <= -10.0);
    }

    #[test]
    fn a_superellipse_lies_outside_the_ellipse_of_its_axes() {
        let round = superellipse_distance(70.0, 50.0, 100.0, 70.0, 2.0);
        let square = superellipse_distance(70.0, 50.0, 100.0, 70.0, 2.4);
        assert!(square < round);
        assert!(superellipse_distance(103.0, 0.0, 100.0, 70.0, 2.4) > 2.9);
    }

    #[test]
    fn a_cut_keeps_its_gap() {
        let shape = Shape::Cut {
            solid: Box::new(ellipsoid([0.0; 3], [20.0; 3])),
            within: vec![],
            without: vec![ellipsoid([20.0, 0.0, 0.0], [10.0; 3])],
            gap: 3.0,
        };
        assert!(shape.distance([8.0, 0.0, 0.0]) > 0.0);
        assert!(shape.distance([6.0, 0.0, 0.0]) < 0.0);
    }

    #[test]
    fn a_segment_has_the_section_it_was_given() {
        let rib = sweep(&[[0.0; 3], [30.0, 0.0, 0.0]], [3.5, 6.0], [0.0, 0.0, 1.0]);
        assert!((rib[0].distance([15.0, 4.5, 0.0]) - 1.0).abs() < 1e-9);
        assert!((rib[0].distance([15.0, 0.0, 5.0]) + 1.0).abs() < 1e-9);
    }
}
