//! Which images of a series make its largest axial stack, in which order, and why the others are left out.
//!
//! Input: the instances in any order. Output: a [`Stack`] sorted along the normal, and a word for every instance.
//! The result does not depend on the order of the input.
//! Source: PS3.3 C.7.6.2.1.1 (image plane attributes).

use std::collections::BTreeMap;

use crate::identity::Uid;
use crate::instance::{Frame, Instance, SeriesInstance};

/// Positions nearer than this are the same (mm).
const SAME_POSITION_MM: f64 = 0.01;
/// Direction cosines that differ less belong to one stack: over 500 mm the edge moves half a millimetre.
const SAME_COSINE: f64 = 1e-3;
/// Cosines whose vectors are longer or shorter by more are no directions.
const UNIT_TOLERANCE: f64 = 0.01;
/// Relative difference of pixel spacings within one stack.
const SAME_SPACING: f64 = 1e-3;
/// Steepest normal of a stack that counts as axial when the largest is chosen (degrees).
const AXIAL_DEGREES_MAX: f64 = 30.0;

/// SOP classes whose images carry attenuation.
pub(super) const CT_IMAGE: &str = "1.2.840.10008.5.1.4.1.1.2";
/// Enhanced CT Image Storage.
pub(super) const ENHANCED_CT_IMAGE: &str = "1.2.840.10008.5.1.4.1.1.2.1";
/// Legacy Converted Enhanced CT Image Storage.
pub(super) const LEGACY_CONVERTED_CT_IMAGE: &str = "1.2.840.10008.5.1.4.1.1.2.2";

/// One image with a complete plane.
#[derive(Debug, Clone)]
pub(super) struct Plane<'a> {
    pub(super) source: &'a SeriesInstance,
    pub(super) frame: &'a Frame,
    /// Index of the frame in Pixel Data.
    pub(super) frame_index: usize,
    pub(super) rows: u16,
    pub(super) columns: u16,
    pub(super) origin_mm: [f64; 3],
    pub(super) row_direction: [f64; 3],
    pub(super) column_direction: [f64; 3],
    pub(super) pixel_spacing_mm: [f64; 2],
    /// Position along the stack's normal; set when the stack is chosen.
    pub(super) position_mm: f64,
}

impl Plane<'_> {
    pub(super) fn instance(&self) -> &Instance {
        &self.source.instance
    }

    pub(super) fn normal(&self) -> [f64; 3] {
        let normal = cross(self.row_direction, self.column_direction);
        if normal[2] < 0.0 { normal.map(|cosine| -cosine) } else { normal }
    }

    fn is_localizer(&self) -> bool {
        self.frame.image_type.get(2).is_some_and(|value| value == "LOCALIZER")
    }

    /// Whether two images can be slices of one stack.
    fn fits(&self, other: &Plane<'_>) -> bool {
        let close = |one: &[f64], two: &[f64], tolerance: f64| {
            one.iter().zip(two).all(|(one, two)| (one - two).abs() <= tolerance)
        };
        let (one, two) = (self.instance(), other.instance());
        one.sop_class_uid == two.sop_class_uid
            && one.frame_of_reference_uid == two.frame_of_reference_uid
            && (self.rows, self.columns) == (other.rows, other.columns)
            && self.is_localizer() == other.is_localizer()
            && close(&self.row_direction, &other.row_direction, SAME_COSINE)
            && close(&self.column_direction, &other.column_direction, SAME_COSINE)
            && close(
                &self.pixel_spacing_mm,
                &other.pixel_spacing_mm,
                SAME_SPACING * self.pixel_spacing_mm[0].min(self.pixel_spacing_mm[1]),
            )
    }
}

/// The chosen images, sorted along the normal.
#[derive(Debug)]
pub(super) struct Stack<'a> {
    pub(super) planes: Vec<Plane<'a>>,
    /// Positions that stand more than once and could not be told apart.
    pub(super) duplicates: usize,
    /// Whether other images of the series have another plane, matrix or frame of reference.
    pub(super) others: bool,
}

/// The largest axial stack of a series, and a word for every instance: `measured`, or why it was left out.
pub(super) fn choose(instances: &[SeriesInstance]) -> (Option<Stack<'_>>, Vec<(Uid, &'static str)>) {
    let mut words: BTreeMap<Uid, &'static str> = BTreeMap::new();
    let mut sorted: Vec<&SeriesInstance> = instances.iter().collect();
    sorted.sort_by(|a, b| key(a).cmp(&key(b)));
    sorted.dedup_by(|a, b| a.instance.sop_instance_uid == b.instance.sop_instance_uid);
    let mut groups: Vec<Vec<Plane<'_>>> = Vec::new();
    for source in sorted {
        let planes = planes(source);
        words.insert(
            source.instance.sop_instance_uid.clone(),
            if planes.is_empty() { "no_plane" } else { "other_stack" },
        );
        for plane in planes {
            match groups.iter_mut().find(|group| group[0].fits(&plane)) {
                Some(group) => group.push(plane),
                None => groups.push(vec![plane]),
            }
        }
    }
    let others = groups.len() > 1;
    // The first of equals is kept, and groups stand in the order of their smallest UID.
    let best = groups.into_iter().reduce(|best, group| if rank(&group) > rank(&best) { group } else { best });
    let Some(group) = best else { return (None, words.into_iter().collect()) };
    for plane in &group {
        words.insert(plane.instance().sop_instance_uid.clone(), "same_position");
    }
    let stack = sort(group, others);
    for plane in &stack.planes {
        words.insert(plane.instance().sop_instance_uid.clone(), "measured");
    }
    (Some(stack), words.into_iter().collect())
}

fn key(source: &SeriesInstance) -> (&Uid, [u8; 32]) {
    (&source.instance.sop_instance_uid, source.sha256)
}

/// Complete planes of an instance; none for objects that are no images in space.
fn planes(source: &SeriesInstance) -> Vec<Plane<'_>> {
    let pixels = &source.instance.pixels;
    let (Some(rows), Some(columns)) = (pixels.rows, pixels.columns) else { return Vec::new() };
    let plane = |frame: &Frame| -> Option<([[f64; 3]; 3], [f64; 2])> {
        let orientation = frame.image_orientation?;
        let row = unit([orientation[0], orientation[1], orientation[2]])?;
        let column = unit([orientation[3], orientation[4], orientation[5]])?;
        let spacing = frame.pixel_spacing_mm.filter(|spacing| spacing.iter().all(|&spacing| spacing > 0.0))?;
        let perpendicular = dot(row, column).abs() < UNIT_TOLERANCE;
        perpendicular.then_some(([frame.image_position_mm?, row, column], spacing))
    };
    let frames = source.instance.frames.iter().take(pixels.number_of_frames.max(1) as usize).enumerate();
    let found = frames.filter_map(|(frame_index, frame)| {
        let ([origin_mm, row_direction, column_direction], pixel_spacing_mm) = plane(frame)?;
        Some(Plane {
            source,
            frame,
            frame_index,
            rows,
            columns,
            origin_mm,
            row_direction,
            column_direction,
            pixel_spacing_mm,
            position_mm: 0.0,
        })
    });
    found.collect()
}

/// Order of preference: CT before others, no localizer, axial, then the count of distinct positions.
fn rank(group: &[Plane<'_>]) -> (bool, bool, bool, usize) {
    let first = &group[0];
    let class = first.instance().sop_class_uid.as_str();
    let ct = matches!(class, CT_IMAGE | ENHANCED_CT_IMAGE | LEGACY_CONVERTED_CT_IMAGE);
    let axial = degrees_between(first.normal(), [0.0, 0.0, 1.0]) <= AXIAL_DEGREES_MAX;
    (ct, !first.is_localizer(), axial, distinct(group, first.normal()))
}

fn distinct(group: &[Plane<'_>], normal: [f64; 3]) -> usize {
    let mut positions: Vec<f64> = group.iter().map(|plane| dot(plane.origin_mm, normal)).collect();
    positions.sort_by(f64::total_cmp);
    positions.dedup_by(|a, b| (*a - *b).abs() < SAME_POSITION_MM);
    positions.len()
}

/// What tells images at equal positions apart, in the order in which it is tried.
fn traits(plane: &Plane<'_>) -> [String; 5] {
    let technique = &plane.frame.technique;
    let acquisition = format!("{:?}", plane.frame.acquisition_number);
    let image_type = plane.frame.image_type.join("\\");
    let kernel = technique.convolution_kernel.clone().unwrap_or_default();
    let exposure = format!("{:?}", technique.exposure_time_ms);
    let thickness = format!("{:?}", plane.frame.slice_thickness_mm);
    [acquisition, image_type, kernel, exposure, thickness]
}

/// Sorts one group along its normal; where positions repeat, the largest part that can be told apart is taken.
fn sort(mut group: Vec<Plane<'_>>, others: bool) -> Stack<'_> {
    let normal = group[0].normal();
    for plane in &mut group {
        plane.position_mm = dot(plane.origin_mm, normal);
    }
    // Equal positions are put in order of UID and frame, so that what is kept never depends on arrival.
    group.sort_by(|a, b| {
        let by_uid = || a.instance().sop_instance_uid.cmp(&b.instance().sop_instance_uid);
        a.position_mm.total_cmp(&b.position_mm).then_with(by_uid).then(a.frame_index.cmp(&b.frame_index))
    });
    if duplicates(&group) > 0 {
        group = told_apart(group, normal);
    }
    let duplicates = duplicates(&group);
    group.dedup_by(|a, b| (a.position_mm - b.position_mm).abs() < SAME_POSITION_MM);
    Stack { planes: group, duplicates, others }
}

fn duplicates(sorted: &[Plane<'_>]) -> usize {
    sorted.windows(2).filter(|pair| (pair[1].position_mm - pair[0].position_mm).abs() < SAME_POSITION_MM).count()
}

/// The largest part without repeated positions, split by the first trait that gives one; else everything.
fn told_apart<'a>(group: Vec<Plane<'a>>, normal: [f64; 3]) -> Vec<Plane<'a>> {
    let all = distinct(&group, normal);
    for index in 0..5 {
        let mut parts: BTreeMap<String, Vec<Plane<'a>>> = BTreeMap::new();
        for plane in &group {
            parts.entry(traits(plane)[index].clone()).or_default().push(plane.clone());
        }
        let clean = parts.into_values().filter(|part| duplicates(part) == 0);
        let best = clean.reduce(|best, part| if part.len() > best.len() { part } else { best });
        // A part of less than half the positions is a fragment, not one of two stacks.
        if let Some(best) = best.filter(|best| 2 * best.len() >= all) {
            return best;
        }
    }
    group
}

pub(super) fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

pub(super) fn cross(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

/// A direction of length one; `None` where the length is off by more than a hundredth.
fn unit(vector: [f64; 3]) -> Option<[f64; 3]> {
    let length = dot(vector, vector).sqrt();
    ((length - 1.0).abs() < UNIT_TOLERANCE).then(|| vector.map(|cosine| cosine / length))
}

/// Angle between two directions, sign ignored (degrees).
pub(super) fn degrees_between(a: [f64; 3], b: [f64; 3]) -> f64 {
    let crossed = cross(a, b);
    // Better than the arc cosine for small angles.
    dot(crossed, crossed).sqrt().atan2(dot(a, b).abs()).to_degrees()
}
