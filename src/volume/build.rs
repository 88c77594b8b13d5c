//! From the instances of a series to its volume.

use rayon::prelude::*;

use super::decode::{DecodeError, FrameSource};
use super::rescale::Rescale;
use super::stack::{self, Plane, Stack};
use super::{Built, Geometry, Options, SliceProvenance, Unsuitable, Volume, Voxels, acquisition, suitability};
use crate::checks::{Check, Scope, Verdict};
use crate::codes::{Reason, Term};
use crate::grid::Grid;
use crate::instance::SeriesInstance;

/// Stack of a decoding thread: decoders are third-party code.
const DECODE_STACK_BYTES: usize = 16 * 1024 * 1024;

/// Largest side of an image (mm): no gantry is wider.
const FIELD_OF_VIEW_MM_MAX: f64 = 1000.0;
/// Greatest length of a stack (mm).
const LENGTH_MM_MAX: f64 = 2500.0;
/// Parameters that are measured themselves; the others are derived from them.
const MEASURED: [Term; 5] = [Term::Th12Hu, Term::L1Hu, Term::L2Hu, Term::LiverHu, Term::SpleenHu];

/// Builds the volume of one series from its instances, in any order.
pub fn build(instances: &[SeriesInstance], options: &Options) -> Built {
    let (stack, verdicts) = stack::choose(instances);
    let Some(stack) = stack else {
        let volume = Err(Unsuitable { reason: Reason::ObjectUnsuitable, detail: "no_images_with_a_plane" });
        let checks = suitability::without_plane(instances);
        let volume = refusal(&checks).map_or(volume, Err);
        return Built { volume, checks, verdicts, acquisition: Vec::new(), geometry: None };
    };
    let geometry = geometry(&stack.planes);
    let mut checks = suitability::checks(&stack, &geometry);
    let entries = acquisition::entries(&stack.planes);
    let unsuitable = refusal(&checks);
    let volume = unsuitable.map_or_else(|| load(&stack, &geometry, options), Err);
    let mut volume = volume.map(|voxels| Volume {
        voxels,
        slices: stack.planes.iter().map(provenance).collect(),
        slice_thickness_mm: thickness_mm(&stack).unwrap_or(geometry.slice_spacing_mm),
        largest_hu: largest_hu(&stack),
        tube_voltage_kv: stack.planes[0].frame.technique.kvp_kv,
        acquisition: entries.clone(),
        contrast: acquisition::contrast(&stack.planes),
        checks: Vec::new(),
        geometry: geometry.clone(),
    });
    if let Ok(decoded) = &volume {
        checks.push(suitability::off_center(decoded, stack.planes[0].frame.technique.data_collection_center_mm));
    }
    // The one check that needs voxels may refuse a volume that was decoded.
    volume = refusal(&checks).map_or(volume, Err);
    if let Ok(decoded) = &mut volume {
        decoded.checks.clone_from(&checks);
    }
    Built { volume, checks, verdicts, acquisition: entries, geometry: Some(geometry) }
}

/// The first check that refuses the whole series, or, where every measured parameter is refused by one, the first of
/// those.
fn refusal(checks: &[Check]) -> Option<Unsuitable> {
    let mut refusing = checks.iter().filter(|check| check.verdict == Verdict::Refuse).peekable();
    let first = *refusing.peek()?;
    let whole = refusing.clone().find(|check| check.scope == Scope::Series);
    let nothing_left = MEASURED.iter().all(|&term| refusing.clone().any(|check| check.applies_to(term)));
    let refused = whole.or(nothing_left.then_some(first))?;
    Some(Unsuitable { reason: refused.reason, detail: refused.name })
}

/// Whether the stack is no larger than a patient can be; whatever resamples it relies on that.
fn within_extent(geometry: &Geometry) -> Result<(), Unsuitable> {
    let [_, rows, columns] = geometry.shape;
    let height = rows as f64 * geometry.row_spacing_mm;
    let width = columns as f64 * geometry.column_spacing_mm;
    let length =
        geometry.positions_mm.last().zip(geometry.positions_mm.first()).map_or(0.0, |(last, first)| last - first);
    let within = height <= FIELD_OF_VIEW_MM_MAX && width <= FIELD_OF_VIEW_MM_MAX && length <= LENGTH_MM_MAX;
    if within { Ok(()) } else { Err(Unsuitable { reason: Reason::ResourceLimit, detail: "extent_exceeds_limit" }) }
}

fn geometry(planes: &[Plane<'_>]) -> Geometry {
    let first = &planes[0];
    let positions_mm: Vec<f64> = planes.iter().map(|plane| plane.position_mm).collect();
    let spacing = median(positions_mm.windows(2).map(|pair| pair[1] - pair[0]).collect());
    Geometry {
        shape: [planes.len(), usize::from(first.rows), usize::from(first.columns)],
        origins_mm: planes.iter().map(|plane| plane.origin_mm).collect(),
        row_direction: first.row_direction,
        column_direction: first.column_direction,
        normal: first.normal(),
        row_spacing_mm: first.pixel_spacing_mm[0],
        column_spacing_mm: first.pixel_spacing_mm[1],
        // A single slice has no spacing but its thickness.
        slice_spacing_mm: spacing.or(first.frame.slice_thickness_mm).unwrap_or(1.0),
        positions_mm,
    }
}

/// Median; mean of the two middle values for an even count.
pub(super) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        count if count % 2 == 1 => Some(values[middle]),
        _ => Some((values[middle - 1] + values[middle]) / 2.0),
    }
}

/// Largest stated slice thickness of the stack.
fn thickness_mm(stack: &Stack<'_>) -> Option<f64> {
    stack.planes.iter().filter_map(|plane| plane.frame.slice_thickness_mm).reduce(f64::max)
}

fn provenance(plane: &Plane<'_>) -> SliceProvenance {
    SliceProvenance {
        sop_instance_uid: plane.instance().sop_instance_uid.clone(),
        frame: plane.frame.number,
        instance_number: plane.instance().instance_number,
    }
}

fn largest_hu(stack: &Stack<'_>) -> f64 {
    let rescales = stack.planes.iter().filter_map(|plane| Rescale::of(&plane.instance().pixels, plane.frame));
    let stored = rescales.map(|rescale| rescale.largest_hu()).fold(f64::INFINITY, f64::min);
    stored.min(f64::from(i16::MAX))
}

/// Decodes every slice straight into its place.
fn load(stack: &Stack<'_>, geometry: &Geometry, options: &Options) -> Result<Voxels, Unsuitable> {
    let rescales: Option<Vec<Rescale>> =
        stack.planes.iter().map(|plane| Rescale::of(&plane.instance().pixels, plane.frame)).collect();
    let rescales = rescales.ok_or(Unsuitable { reason: Reason::NotHounsfield, detail: "rescale_present" })?;
    within_extent(geometry)?;
    let integer = rescales.iter().all(Rescale::is_integer);
    let bytes = geometry.shape.iter().map(|&extent| extent as u64).product::<u64>() * if integer { 2 } else { 4 };
    if bytes > options.memory_bytes {
        return Err(Unsuitable { reason: Reason::ResourceLimit, detail: "volume_exceeds_memory" });
    }
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(options.threads.max(1))
        .stack_size(DECODE_STACK_BYTES)
        .build()
        .map_err(|_| Unsuitable { reason: Reason::ResourceLimit, detail: "threads" })?;
    let sources = open_sources(&stack.planes);
    pool.install(|| {
        if integer {
            let mut grid = Grid::filled(geometry.shape, 0i16);
            fill(&mut grid, stack, &sources, |k, samples, out| rescales[k].fill_integer(samples, out))?;
            Ok(Voxels::Int16(grid))
        } else {
            let mut grid = Grid::filled(geometry.shape, 0f32);
            fill(&mut grid, stack, &sources, |k, samples, out| rescales[k].fill_real(samples, out))?;
            Ok(Voxels::Float32(grid))
        }
    })
}

/// Sources of multi-frame instances, shared by their slices; single frames are opened where they are read.
type Sources<'a> = Vec<(&'a SeriesInstance, Result<FrameSource<'a>, DecodeError>)>;

fn open_sources<'a>(planes: &[Plane<'a>]) -> Sources<'a> {
    let mut sources: Sources<'a> = Vec::new();
    for plane in planes.iter().filter(|plane| plane.instance().pixels.number_of_frames > 1) {
        if !sources.iter().any(|(source, _)| std::ptr::eq(*source, plane.source)) {
            sources.push((plane.source, FrameSource::open(plane.instance(), &plane.source.location)));
        }
    }
    sources
}

fn fill<T: Copy + Send>(
    grid: &mut Grid<T>,
    stack: &Stack<'_>,
    sources: &Sources<'_>,
    convert: impl Fn(usize, &super::decode::Samples, &mut [T]) + Sync,
) -> Result<(), Unsuitable> {
    let size = grid.shape[1] * grid.shape[2];
    let results: Vec<Result<(), Unsuitable>> = grid
        .data
        .par_chunks_mut(size)
        .zip(stack.planes.par_iter())
        .enumerate()
        .map(|(k, (out, plane))| {
            let shared = sources.iter().find(|(source, _)| std::ptr::eq(*source, plane.source));
            let samples = match shared {
                Some((_, Ok(source))) => source.read(plane.frame_index),
                Some((_, Err(error))) => return Err(unreadable(error)),
                None => FrameSource::open(plane.instance(), &plane.source.location)
                    .and_then(|source| source.read(plane.frame_index)),
            };
            samples.map(|samples| convert(k, &samples, out)).map_err(|error| unreadable(&error))
        })
        .collect();
    // The first in slice order, whichever thread met one first.
    results.into_iter().collect()
}

fn unreadable(error: &DecodeError) -> Unsuitable {
    let detail = match error {
        DecodeError::NotDecodable => "transfer_syntax_not_decodable",
        DecodeError::Read(_) | DecodeError::Damaged(_) => "pixel_data_damaged",
    };
    Unsuitable { reason: Reason::PixelDataUnreadable, detail }
}

#[cfg(test)]
#[path = "build_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "real_tests.rs"]
mod real_tests;
