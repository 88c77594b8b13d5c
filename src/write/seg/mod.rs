//! Mask regions of a record as a DICOM Segmentation, BINARY: one segment per region.
//!
//! Input: a [`Record`] and the [`SourceIdentity`] whose patient and study the object carries. Output: a
//! [`Segmentation`], or none where no mask was measured. Frames have the rows, columns and orientation of the source
//! images, so nothing is flipped; each names its image and its position.
//! Errors: [`SegError`].
//! Source: PS3.3 A.51, C.8.20.2, C.7.6.16, C.7.6.17; PS3.5 8.1.1 (packing of one-bit pixels).

mod frames;
mod segments;

use dicom_core::VR;
use dicom_dictionary_std::tags;
use dicom_dictionary_std::uids;

use super::objects;
use super::objects::DataSet;
use super::objects::EncodeError;
use super::objects::Making;
use crate::codes::Term;
use crate::identity::Uid;
use crate::instance::SourceIdentity;
use crate::measure::NativeMask;
use crate::measure::Part;
use crate::measure::Region;
use crate::record::Record;
use crate::volume::Geometry;
use crate::volume::SliceProvenance;

/// Segmentation Storage.
pub const SOP_CLASS_UID: &str = uids::SEGMENTATION_STORAGE;
/// Most frames of one object.
pub const FRAMES_MAX: usize = 16_384;
/// Most bytes of Pixel Data.
pub const PIXEL_BYTES_MAX: usize = 1 << 30;
/// First of the Series Numbers of segmentations.
const SERIES_NUMBER_FIRST: u32 = 950;
/// Series Numbers that segmentations use.
const SERIES_NUMBERS: u32 = 50;

/// What the object states about its making.
#[derive(Debug, Clone)]
pub struct Options {
    /// Program, content date and time.
    pub making: Making,
}

/// A segmentation and how reports refer to it.
#[derive(Debug, Clone)]
pub struct Segmentation {
    /// Part 10 file.
    pub file: Vec<u8>,
    /// Where its segments are.
    pub reference: SegReference,
}

/// How a report refers to the segments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegReference {
    /// SOP Instance UID.
    pub sop_instance_uid: Uid,
    /// Series Instance UID.
    pub series_instance_uid: Uid,
    /// Term and definition of each segment, in the order of Segment Number, which begins with 1.
    pub segments: Vec<(Term, &'static str)>,
}

impl SegReference {
    /// Segment Number of a region.
    pub fn segment(&self, term: Term, definition: &str) -> Option<u16> {
        let position = self.segments.iter().position(|&(of, named)| of == term && named == definition)?;
        u16::try_from(position + 1).ok()
    }
}

/// Why there is no segmentation.
#[derive(Debug, thiserror::Error)]
pub enum SegError {
    /// The object belongs to a study.
    #[error("the source names no study (0020,000D)")]
    NoStudy,
    /// Frames lie in a frame of reference.
    #[error("the source names no frame of reference (0020,0052)")]
    NoFrameOfReference,
    /// A mask reaches beyond the volume, or the record has none.
    #[error("{term}: the mask lies outside the slices of the record")]
    Outside {
        /// The parameter.
        term: &'static str,
    },
    /// More than one object can hold.
    #[error(
        "{frames} frames of {bytes} bytes in all; at most {FRAMES_MAX} frames and {PIXEL_BYTES_MAX} bytes are written"
    )]
    TooLarge {
        /// Frames.
        frames: usize,
        /// Bytes.
        bytes: usize,
    },
    /// It could not be encoded.
    #[error(transparent)]
    Encode(#[from] EncodeError),
}

/// A mask region with its Segment Number.
struct Segment<'a> {
    number: u16,
    region: &'a Region,
    mask: &'a NativeMask,
}

/// The segmentation of all mask regions of a record.
pub fn segmentation(
    record: &Record,
    identity: &SourceIdentity,
    options: &Options,
) -> Result<Option<Segmentation>, SegError> {
    let segments = segments_of(record);
    let Some(geometry) = record.geometry.as_ref().filter(|_| !segments.is_empty()) else { return Ok(None) };
    let source = &record.source;
    let study = source.study_instance_uid.as_ref().ok_or(SegError::NoStudy)?;
    let frame_of_reference = source.frame_of_reference_uid.as_ref().ok_or(SegError::NoFrameOfReference)?;
    let frames = frames::of(&segments, geometry, &record.slices)?;

    let mut set = DataSet::new();
    objects::copied(&mut set, identity, study);
    objects::equipment(&mut set, identity, &options.making);
    let number = objects::source_series_number(identity);
    let series_uid = Uid::derive(&["seg series", source.series_instance_uid.as_str()]);
    let series = objects::Series {
        modality: "SEG",
        uid: &series_uid,
        number: SERIES_NUMBER_FIRST + number % SERIES_NUMBERS,
        description: &format!("Measured regions of series {number}"),
    };
    objects::series(&mut set, &series, &options.making);
    set.text(tags::SOP_CLASS_UID, VR::UI, SOP_CLASS_UID);
    set.uid(tags::FRAME_OF_REFERENCE_UID, frame_of_reference);
    objects::position_reference(&mut set, identity);
    image(&mut set, geometry);
    set.sequence(tags::SEGMENT_SEQUENCE, segments.iter().map(|one| segments::item(record, one, options)).collect());
    frames::write(&mut set, &frames, record, geometry)?;
    let (sop_instance_uid, file) = set.finish("seg")?;
    let named = segments.iter().map(|one| (one.region.term, one.region.definition)).collect();
    let reference = SegReference { sop_instance_uid, series_instance_uid: series_uid, segments: named };
    Ok(Some(Segmentation { file, reference }))
}

/// The mask regions of all targets in output order, numbered from 1.
fn segments_of(record: &Record) -> Vec<Segment<'_>> {
    let regions = record.targets.iter().flat_map(|target| &target.regions);
    let masks = regions.filter_map(|region| match region.parts.as_slice() {
        [Part::Mask { voxels, .. }] if voxels.inside.count() > 0 => Some((region, voxels)),
        _ => None,
    });
    (1..).zip(masks).map(|(number, (region, mask))| Segment { number, region, mask }).collect()
}

/// General Image, Image Pixel and Segmentation Image modules.
fn image(set: &mut DataSet, geometry: &Geometry) {
    set.text(tags::IMAGE_TYPE, VR::CS, "DERIVED\\PRIMARY");
    set.text(tags::CONTENT_LABEL, VR::CS, "REGIONS");
    set.text(tags::CONTENT_DESCRIPTION, VR::LO, "Regions of interest of attenuation measurements");
    set.empty(tags::CONTENT_CREATOR_NAME, VR::PN);
    set.short(tags::SAMPLES_PER_PIXEL, 1);
    set.text(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME2");
    // Rows and columns were read as 16-bit numbers, so they fit.
    set.short(tags::ROWS, u16::try_from(geometry.shape[1]).unwrap_or(u16::MAX));
    set.short(tags::COLUMNS, u16::try_from(geometry.shape[2]).unwrap_or(u16::MAX));
    set.short(tags::BITS_ALLOCATED, 1);
    set.short(tags::BITS_STORED, 1);
    set.short(tags::HIGH_BIT, 0);
    set.short(tags::PIXEL_REPRESENTATION, 0);
    set.text(tags::LOSSY_IMAGE_COMPRESSION, VR::CS, "00");
    set.text(tags::BURNED_IN_ANNOTATION, VR::CS, "NO");
    set.text(tags::SEGMENTATION_TYPE, VR::CS, "BINARY");
}

/// Checks that a mask lies inside the volume.
fn check_inside(segment: &Segment<'_>, geometry: &Geometry, slices: &[SliceProvenance]) -> Result<(), SegError> {
    let NativeMask { first, inside } = segment.mask;
    let fits =
        (0..3).all(|axis| first[axis].checked_add(inside.shape[axis]).is_some_and(|end| end <= geometry.shape[axis]));
    let known = slices.len() == geometry.shape[0] && geometry.origins_mm.len() == geometry.shape[0];
    if fits && known { Ok(()) } else { Err(SegError::Outside { term: segment.region.term.name() }) }
}
