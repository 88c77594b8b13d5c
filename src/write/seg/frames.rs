//! Frames: which slices of which segment, their bits, their functional groups.
//!
//! Source: PS3.3 C.7.6.16.2, C.7.6.17, C.8.20.3; PS3.5 8.1.1: the first pixel of the first frame is the least significant
//! bit of the first byte, and frames follow one another without padding.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use dicom_core::Tag;
use dicom_core::VR;
use dicom_dictionary_std::tags;

use super::FRAMES_MAX;
use super::PIXEL_BYTES_MAX;
use super::SegError;
use super::Segment;
use super::check_inside;
use crate::identity::Uid;
use crate::record::Record;
use crate::volume::AcquisitionValue;
use crate::volume::Geometry;
use crate::volume::SliceProvenance;
use crate::write::concepts;
use crate::write::objects::DataSet;
use crate::write::objects::EncodeError;

/// One frame: a slice of a segment.
struct Frame {
    segment: u16,
    slice: usize,
}

/// All frames with their packed bits.
pub(super) struct Frames {
    frames: Vec<Frame>,
    bits: Vec<u8>,
}

/// The frames of all segments, by segment, then caudal to cranial; slices without a voxel have none.
pub(super) fn of(
    segments: &[Segment<'_>],
    geometry: &Geometry,
    slices: &[SliceProvenance],
) -> Result<Frames, SegError> {
    let mut frames = Vec::new();
    for segment in segments {
        check_inside(segment, geometry, slices)?;
        let first = segment.mask.first[0];
        let occupied = (0..segment.mask.inside.shape[0]).filter(|&k| segment.mask.inside.slice(k).contains(&true));
        frames.extend(occupied.map(|k| Frame { segment: segment.number, slice: first + k }));
    }
    let pixels = geometry.shape[1] * geometry.shape[2];
    let bytes = (frames.len().saturating_mul(pixels)).div_ceil(16).saturating_mul(2);
    if frames.len() > FRAMES_MAX || bytes > PIXEL_BYTES_MAX {
        return Err(SegError::TooLarge { frames: frames.len(), bytes });
    }
    let mut bits = vec![0_u8; bytes];
    for (position, frame) in frames.iter().enumerate() {
        if let Some(segment) = segments.get(usize::from(frame.segment) - 1) {
            pack(segment, frame.slice, position * pixels, geometry.shape[2], &mut bits);
        }
    }
    Ok(Frames { frames, bits })
}

/// Sets the bits of one slice of a mask; `start` is the bit of the first pixel of the frame.
fn pack(segment: &Segment<'_>, slice: usize, start: usize, columns: usize, bits: &mut [u8]) {
    let [first_slice, first_row, first_column] = segment.mask.first;
    let inside = &segment.mask.inside;
    for (row, line) in inside.slice(slice - first_slice).chunks_exact(inside.shape[2]).enumerate() {
        for column in (0..line.len()).filter(|&column| line[column]) {
            let bit = start + (first_row + row) * columns + first_column + column;
            bits[bit / 8] |= 1 << (bit % 8);
        }
    }
}

/// Functional groups, dimensions, references and Pixel Data.
pub(super) fn write(
    set: &mut DataSet,
    frames: &Frames,
    record: &Record,
    geometry: &Geometry,
) -> Result<(), EncodeError> {
    set.text(tags::NUMBER_OF_FRAMES, VR::IS, &frames.frames.len().to_string());
    dimensions(set, record);
    set.sequence(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE, vec![shared(record, geometry)?]);
    // Dimension index values count the positions in use, from 1.
    let slices: BTreeSet<usize> = frames.frames.iter().map(|frame| frame.slice).collect();
    let indices: BTreeMap<usize, u32> = slices.iter().copied().zip(1..).collect();
    let groups: Result<Vec<DataSet>, EncodeError> =
        frames.frames.iter().map(|frame| group(frame, indices[&frame.slice], record, geometry)).collect();
    set.sequence(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE, groups?);
    referenced_series(set, &slices, record);
    set.raw(tags::PIXEL_DATA, VR::OB, &frames.bits);
    Ok(())
}

/// Multi-frame Dimension module: segment, then position.
fn dimensions(set: &mut DataSet, record: &Record) {
    let uid = Uid::derive(&["seg dimensions", record.source.series_instance_uid.as_str()]);
    let mut organization = DataSet::new();
    organization.uid(tags::DIMENSION_ORGANIZATION_UID, &uid);
    set.sequence(tags::DIMENSION_ORGANIZATION_SEQUENCE, vec![organization]);
    let index = |pointer: Tag, group: Tag, label: &str| {
        let mut item = DataSet::new();
        item.uid(tags::DIMENSION_ORGANIZATION_UID, &uid);
        item.tag_value(tags::DIMENSION_INDEX_POINTER, pointer);
        item.tag_value(tags::FUNCTIONAL_GROUP_POINTER, group);
        item.text(tags::DIMENSION_DESCRIPTION_LABEL, VR::LO, label);
        item
    };
    let segment = index(tags::REFERENCED_SEGMENT_NUMBER, tags::SEGMENT_IDENTIFICATION_SEQUENCE, "Segment Number");
    let position = index(tags::IMAGE_POSITION_PATIENT, tags::PLANE_POSITION_SEQUENCE, "Image Position Patient");
    set.sequence(tags::DIMENSION_INDEX_SEQUENCE, vec![segment, position]);
}

/// Pixel measures and orientation of all frames.
fn shared(record: &Record, geometry: &Geometry) -> Result<DataSet, EncodeError> {
    let stated = record.acquisition.iter().find(|entry| entry.name == "slice_thickness");
    let thickness_mm = match stated.map(|entry| &entry.value) {
        Some(AcquisitionValue::Number(value)) => *value,
        _ => geometry.slice_spacing_mm,
    };
    let mut measures = DataSet::new();
    measures.decimals(tags::SLICE_THICKNESS, &[thickness_mm])?;
    measures.decimals(tags::SPACING_BETWEEN_SLICES, &[geometry.slice_spacing_mm])?;
    measures.decimals(tags::PIXEL_SPACING, &[geometry.row_spacing_mm, geometry.column_spacing_mm])?;
    let mut orientation = DataSet::new();
    let cosines = [geometry.row_direction, geometry.column_direction].concat();
    orientation.decimals(tags::IMAGE_ORIENTATION_PATIENT, &cosines)?;
    let mut group = DataSet::new();
    group.sequence(tags::PIXEL_MEASURES_SEQUENCE, vec![measures]);
    group.sequence(tags::PLANE_ORIENTATION_SEQUENCE, vec![orientation]);
    Ok(group)
}

/// What holds for one frame.
fn group(frame: &Frame, index: u32, record: &Record, geometry: &Geometry) -> Result<DataSet, EncodeError> {
    let provenance = &record.slices[frame.slice];
    let mut source = DataSet::reference(record.source.sop_class_uid.as_str(), &provenance.sop_instance_uid);
    if let Some(number) = provenance.frame {
        source.text(tags::REFERENCED_FRAME_NUMBER, VR::IS, &number.to_string());
    }
    source.text(tags::SPATIAL_LOCATIONS_PRESERVED, VR::CS, "YES");
    source.code(tags::PURPOSE_OF_REFERENCE_CODE_SEQUENCE, concepts::SOURCE_IMAGE);
    let mut derivation = DataSet::new();
    derivation.sequence(tags::SOURCE_IMAGE_SEQUENCE, vec![source]);
    derivation.code(tags::DERIVATION_CODE_SEQUENCE, concepts::SEGMENTATION);
    let mut content = DataSet::new();
    content.longs(tags::DIMENSION_INDEX_VALUES, &[u32::from(frame.segment), index]);
    let mut position = DataSet::new();
    position.decimals(tags::IMAGE_POSITION_PATIENT, &geometry.origins_mm[frame.slice])?;
    let mut identification = DataSet::new();
    identification.short(tags::REFERENCED_SEGMENT_NUMBER, frame.segment);
    let mut group = DataSet::new();
    group.sequence(tags::DERIVATION_IMAGE_SEQUENCE, vec![derivation]);
    group.sequence(tags::FRAME_CONTENT_SEQUENCE, vec![content]);
    group.sequence(tags::PLANE_POSITION_SEQUENCE, vec![position]);
    group.sequence(tags::SEGMENT_IDENTIFICATION_SEQUENCE, vec![identification]);
    Ok(group)
}

/// Common Instance Reference module.
fn referenced_series(set: &mut DataSet, slices: &BTreeSet<usize>, record: &Record) {
    let images: BTreeSet<&Uid> =
        slices.iter().filter_map(|&k| record.slices.get(k)).map(|slice| &slice.sop_instance_uid).collect();
    let class = record.source.sop_class_uid.as_str();
    let mut series = DataSet::new();
    series.uid(tags::SERIES_INSTANCE_UID, &record.source.series_instance_uid);
    series.sequence(
        tags::REFERENCED_INSTANCE_SEQUENCE,
        images.into_iter().map(|image| DataSet::reference(class, image)).collect(),
    );
    set.sequence(tags::REFERENCED_SERIES_SEQUENCE, vec![series]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codes::Term;
    use crate::grid::Mask;
    use crate::measure::NativeMask;
    use crate::measure::Region;
    use crate::measure::RegionType;
    use crate::measure::Statistics;

    #[test]
    fn bits_go_on_across_the_border_of_frames_least_significant_first() {
        let statistics = Statistics {
            mean_hu: 1.0,
            standard_deviation_hu: 0.0,
            median_hu: 1.0,
            minimum_hu: 1.0,
            maximum_hu: 1.0,
            voxel_count: 2,
            volume_mm3: 2.0,
        };
        let region = Region {
            term: Term::LiverHu,
            definition: "core",
            public: true,
            region_type: RegionType::Mask,
            parts: Vec::new(),
            statistics,
        };
        let mut inside = Mask::filled([1, 2, 2], false);
        inside.data[0] = true;
        inside.data[3] = true;
        let mask = NativeMask { first: [4, 1, 2], inside };
        let mut bits = vec![0; 4];
        // The second frame of 3 rows and 5 columns begins with bit 15.
        pack(&Segment { number: 1, region: &region, mask: &mask }, 4, 15, 5, &mut bits);
        assert_eq!(bits, [0, 0, 1 << 6, 1 << 4]);
    }
}
