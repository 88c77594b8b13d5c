//! Vertebrae from segments: discs become endplates, the tube gives the frame, the waist the outline.
//!
//! Input: everything along the canal. Output: [`Vertebra`] values, caudal to cranial, in patient coordinates.

use rayon::prelude::*;

use super::ScanExtent;
use super::discs;
use super::discs::Disc;
use super::frame::CanalFrame;
use super::naming::Segment;
use super::reformat::Reformat;
use super::tube;
use super::tube::Plane;
use super::tube::Tube;
use crate::anatomy::Endplate;
use crate::anatomy::Vertebra;
use crate::codes::Level;
use crate::grid::vector;

/// What is known along the canal.
pub(super) struct Column<'a> {
    pub(super) frame: &'a CanalFrame,
    pub(super) reformat: &'a Reformat,
    pub(super) tube: &'a Tube,
    pub(super) boundaries: &'a [f64],
}

/// Vertebrae whose middle lies in the canal run, and for each segment its index among them.
pub(super) fn assemble(
    column: &Column,
    segments: &[Segment],
    agreements: &[f64],
    t12: Option<usize>,
    scan: ScanExtent,
) -> (Vec<Vertebra>, Vec<Option<usize>>) {
    let discs = discs::find(column.reformat, column.tube, column.boundaries);
    let built: Vec<Option<Vertebra>> = (0..segments.len())
        .into_par_iter()
        .map(|n| {
            let body = Body::between(discs[n], discs[n + 1]);
            let inside = body.middle >= 0.0 && body.middle < column.frame.len() as f64;
            inside.then(|| Vertebra {
                level: level(n, t12),
                partition_agreement: agreements[n],
                rib_lengths_mm: segments[n].lengths_mm,
                in_view: whole(column, &body, n, scan),
                ..vertebra(column, &body)
            })
        })
        .collect();
    let mut count = 0;
    let indices = built
        .iter()
        .map(|vertebra| {
            vertebra.as_ref().map(|_| {
                count += 1;
                count - 1
            })
        })
        .collect();
    (built.into_iter().flatten().collect(), indices)
}

/// The body between two discs.
struct Body {
    lower: Disc,
    upper: Disc,
    middle: f64,
    height: f64,
}

impl Body {
    fn between(lower: Disc, upper: Disc) -> Body {
        let (bottom, top) = (lower.s + lower.gap / 2.0, upper.s - upper.gap / 2.0);
        Body { lower, upper, middle: (bottom + top) / 2.0, height: top - bottom }
    }

    /// Arc lengths of both endplates at the body's centre, with their discs.
    fn plates(&self) -> [(f64, Disc); 2] {
        [(self.middle - self.height / 2.0, self.lower), (self.middle + self.height / 2.0, self.upper)]
    }
}

fn level(segment: usize, t12: Option<usize>) -> Option<Level> {
    let steps = segment as isize - t12? as isize + isize::from(Level::T12.0);
    u8::try_from(steps).ok().map(Level).filter(|level| level.name().is_some())
}

fn vertebra(column: &Column, body: &Body) -> Vertebra {
    let k = column.frame.nearest(body.middle);
    let e = column.tube.at(body.middle);
    let canal_mm = column.frame.centre_at(body.middle);
    let (left, anterior) = (column.frame.left[k], column.frame.anterior[k]);
    let plane = Plane {
        s: body.middle,
        anterior_slope: (body.lower.anterior_slope + body.upper.anterior_slope) / 2.0,
        left_slope: (body.lower.left_slope + body.upper.left_slope) / 2.0,
    };
    let endplates = body.plates().map(|(s, disc)| Endplate {
        height_mm: s - body.middle,
        anterior_slope: disc.anterior_slope,
        left_slope: disc.left_slope,
    });
    Vertebra {
        level: None,
        centre_mm: vector::along(vector::along(canal_mm, left, e.lateral), anterior, e.middle()),
        canal_mm,
        axis: column.frame.head[k],
        left,
        anterior,
        lateral_offset_mm: e.lateral,
        posterior_wall_mm: e.posterior,
        depth_mm: e.depth,
        width_mm: e.width,
        waist: tube::waist(column.reformat, column.tube, plane),
        endplates,
        height_mm: body.height,
        in_view: false,
        partition_agreement: 0.0,
        rib_lengths_mm: [0.0; 2],
    }
}

/// Whether both discs lie in the canal run and the corners of both endplates within the scan.
fn whole(column: &Column, body: &Body, segment: usize, scan: ScanExtent) -> bool {
    let (lower, upper) = (column.boundaries[segment], column.boundaries[segment + 1]);
    let k = column.frame.nearest(body.middle);
    let e = column.tube.at(body.middle);
    let (canal_mm, head, anterior) =
        (column.frame.centre_at(body.middle), column.frame.head[k], column.frame.anterior[k]);
    let margin = scan.slice_thickness / 2.0 + 0.5;
    let corners_inside = body.plates().into_iter().all(|(s, disc)| {
        [e.posterior + 2.0, e.posterior + e.depth - 2.0].into_iter().all(|v| {
            let height = s - body.middle + disc.anterior_slope * (v - e.middle());
            let z = vector::along(vector::along(canal_mm, head, height), anterior, v)[2];
            z > scan.lowest_z - margin && z < scan.highest_z + margin
        })
    });
    corners_inside && lower >= 3.0 && upper <= column.frame.len() as f64 - 4.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_count_from_t12_and_end_at_t1_and_l5() {
        assert_eq!(level(7, Some(7)), Some(Level::T12));
        assert_eq!(level(6, Some(7)), Some(Level::L1));
        assert_eq!(level(2, Some(7)), Some(Level(0)));
        assert_eq!(level(1, Some(7)), None);
        assert_eq!(level(18, Some(7)).and_then(Level::name).as_deref(), Some("T1"));
        assert_eq!(level(19, Some(7)), None);
        assert_eq!(level(3, None), None);
    }
}
