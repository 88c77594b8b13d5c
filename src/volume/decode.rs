//! Pixel Data to stored samples. The only place that calls decoders of compressed transfer syntaxes.
//!
//! Input: one instance and a frame index. Output: [`Samples`], rows x columns, exactly.
//! Errors: [`DecodeError`]. What a codestream says of itself is compared with the attributes first, and a decoder that
//! panics on damaged bytes gives an error.
//! Source: PS3.5 section 8 and annex A.

use std::io::Read;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

use dicom_core::value::PixelFragmentSequence;
use dicom_core::{DataElement, PrimitiveValue, Tag, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::{FileDicomObject, FileMetaTableBuilder, InMemDicomObject};
use dicom_pixeldata::{DecodedPixelData, PixelDecoder};
use flate2::read::DeflateDecoder;

use super::codestream::{self, Header};
use super::encapsulated;
use crate::instance::{DataSetLocation, Instance};

/// Most bytes of one decoded frame.
const FRAME_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// A compressed frame larger than twice its pixels and this much is damaged.
const COMPRESSED_SLACK_BYTES: u64 = 1024 * 1024;
/// Inflated data sets of several frames are kept whole up to this size.
const INFLATED_BYTES_MAX: u64 = 2 * 1024 * 1024 * 1024;

/// Why pixels could not be read.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The file could not be read.
    #[error("pixel data cannot be read: {0}")]
    Read(#[from] std::io::Error),
    /// No decoder for this transfer syntax, or for this way of storing pixels.
    #[error("transfer syntax or pixel format is not decodable")]
    NotDecodable,
    /// Bytes and attributes do not fit each other.
    #[error("pixel data is damaged: {0}")]
    Damaged(&'static str),
}

/// Stored samples of one frame, before masking and rescale.
#[derive(Debug)]
pub(super) enum Samples {
    /// `width` bytes per sample in the stated order.
    Bytes { bytes: Vec<u8>, width: usize, big_endian: bool },
    /// Samples of up to 16 bits.
    Words(Vec<u16>),
}

/// Where the frames of one instance lie; made once per instance.
pub(super) struct FrameSource<'a> {
    location: &'a DataSetLocation,
    frame: FrameFormat,
    store: Store,
}

/// The attributes that decoding needs, all present.
#[derive(Debug, Clone, Copy)]
struct FrameFormat {
    rows: u16,
    columns: u16,
    bits_allocated: u16,
    bits_stored: u16,
}

impl FrameFormat {
    fn samples(self) -> usize {
        usize::from(self.rows) * usize::from(self.columns)
    }

    fn width(self) -> usize {
        usize::from(self.bits_allocated / 8)
    }

    fn bytes(self) -> u64 {
        (self.samples() * self.width()) as u64
    }
}

enum Store {
    Native { start: u64, big_endian: bool },
    Inflated { pixels: Vec<u8> },
    Encapsulated { frames: Vec<Vec<Range<u64>>> },
}

impl<'a> FrameSource<'a> {
    /// Looks where the frames lie; only item headers are read.
    pub(super) fn open(instance: &Instance, location: &'a DataSetLocation) -> Result<FrameSource<'a>, DecodeError> {
        let frame = frame_format(instance)?;
        let pixel_data = instance.pixel_data.ok_or(DecodeError::Damaged("no Pixel Data"))?;
        let frames = u64::from(instance.pixels.number_of_frames.max(1));
        let store = if crate::instance::is_deflated(&location.transfer_syntax_uid) {
            Store::Inflated { pixels: inflate(location, pixel_data.offset, frame.bytes() * frames)? }
        } else if let Some(length) = pixel_data.length {
            let held = location.length.saturating_sub(pixel_data.offset).min(length);
            if held < frame.bytes() * frames {
                return Err(DecodeError::Damaged("Pixel Data is shorter than rows x columns x frames"));
            }
            Store::Native { start: pixel_data.offset, big_endian: instance.encoding.big_endian }
        } else {
            Store::Encapsulated { frames: encapsulated::frames(location, pixel_data.offset, frames as usize)? }
        };
        Ok(FrameSource { location, frame, store })
    }

    /// Stored samples of the frame at `index` (from 0).
    pub(super) fn read(&self, index: usize) -> Result<Samples, DecodeError> {
        let (size, width) = (self.frame.bytes(), self.frame.width());
        match &self.store {
            Store::Native { start, big_endian } => {
                let bytes = self.location.read_range(start + index as u64 * size, size)?;
                Ok(Samples::Bytes { bytes, width, big_endian: *big_endian })
            }
            Store::Inflated { pixels } => {
                let start = index * size as usize;
                let bytes = pixels.get(start..start + size as usize).ok_or(DecodeError::Damaged("frame is missing"))?;
                Ok(Samples::Bytes { bytes: bytes.to_vec(), width, big_endian: false })
            }
            Store::Encapsulated { frames } => {
                let fragments = frames.get(index).ok_or(DecodeError::Damaged("frame is missing"))?;
                self.decompress(self.join(fragments)?)
            }
        }
    }

    /// The codestream of one frame: its fragments, joined.
    fn join(&self, fragments: &[Range<u64>]) -> Result<Vec<u8>, DecodeError> {
        let total: u64 = fragments.iter().map(|fragment| fragment.end - fragment.start).sum();
        if total > 2 * self.frame.bytes() + COMPRESSED_SLACK_BYTES {
            return Err(DecodeError::Damaged("compressed frame is larger than its pixels"));
        }
        let mut stream = Vec::with_capacity(total as usize);
        for fragment in fragments {
            stream.extend(self.location.read_range(fragment.start, fragment.end - fragment.start)?);
        }
        Ok(stream)
    }

    fn decompress(&self, stream: Vec<u8>) -> Result<Samples, DecodeError> {
        let transfer_syntax = self.location.transfer_syntax_uid.as_str();
        match transfer_syntax {
            "1.2.840.10008.1.2.5" => {
                let (samples, width) = (self.frame.samples(), self.frame.width());
                let bytes = codestream::rle(&stream, samples, width).ok_or(DecodeError::Damaged("RLE segments"))?;
                Ok(Samples::Bytes { bytes, width, big_endian: false })
            }
            "1.2.840.10008.1.2.4.80" | "1.2.840.10008.1.2.4.81" => {
                self.agree(codestream::jpeg(&stream))?;
                jpeg_ls(codestream::without_fill_bytes(stream), self.frame)
            }
            "1.2.840.10008.1.2.4.50"
            | "1.2.840.10008.1.2.4.51"
            | "1.2.840.10008.1.2.4.57"
            | "1.2.840.10008.1.2.4.70" => {
                let header = self.agree(codestream::jpeg(&stream))?;
                self.by_library(stream, header, transfer_syntax)
            }
            "1.2.840.10008.1.2.4.90"
            | "1.2.840.10008.1.2.4.91"
            | "1.2.840.10008.1.2.4.201"
            | "1.2.840.10008.1.2.4.202"
            | "1.2.840.10008.1.2.4.203" => {
                let header = self.agree(codestream::jpeg_2000(&stream))?;
                self.by_library(stream, header, transfer_syntax)
            }
            _ => Err(DecodeError::NotDecodable),
        }
    }

    fn agree(&self, header: Option<Header>) -> Result<Header, DecodeError> {
        let header = header.ok_or(DecodeError::Damaged("no frame header in the codestream"))?;
        let frame = self.frame;
        let agrees = header.rows == u32::from(frame.rows)
            && header.columns == u32::from(frame.columns)
            && header.components == 1
            && (2..=u32::from(frame.bits_allocated)).contains(&header.precision);
        if agrees { Ok(header) } else { Err(DecodeError::Damaged("codestream and attributes disagree")) }
    }

    fn by_library(&self, stream: Vec<u8>, header: Header, transfer_syntax: &str) -> Result<Samples, DecodeError> {
        // The sequential DCT decoder knows 8 bits only; 12-bit extended JPEG has no decoder here.
        if transfer_syntax == "1.2.840.10008.1.2.4.51" && header.precision != 8 {
            return Err(DecodeError::NotDecodable);
        }
        let width = if header.precision <= 8 { 1 } else { 2 };
        let frame = FrameFormat { bits_allocated: 8 * width as u16, ..self.frame };
        let expected = frame.samples() * width;
        let object = one_frame(stream, frame, transfer_syntax)?;
        let decoded = catch_unwind(AssertUnwindSafe(|| object.decode_pixel_data().map(DecodedPixelData::into_data)));
        match decoded {
            Ok(Ok(bytes)) if bytes.len() == expected => Ok(Samples::Bytes { bytes, width, big_endian: false }),
            _ => Err(DecodeError::Damaged("the decoder gave up")),
        }
    }
}

fn jpeg_ls(stream: Vec<u8>, frame: FrameFormat) -> Result<Samples, DecodeError> {
    let (columns, rows) = (u32::from(frame.columns), u32::from(frame.rows));
    let decoded = catch_unwind(AssertUnwindSafe(|| jpegls::decode(&stream, columns, rows)));
    match decoded {
        Ok(Ok((words, ..))) if words.len() == frame.samples() => Ok(Samples::Words(words)),
        _ => Err(DecodeError::Damaged("the decoder gave up")),
    }
}

fn frame_format(instance: &Instance) -> Result<FrameFormat, DecodeError> {
    let pixels = &instance.pixels;
    let (Some(rows), Some(columns), Some(bits_allocated)) = (pixels.rows, pixels.columns, pixels.bits_allocated) else {
        return Err(DecodeError::Damaged("rows, columns or bits allocated are missing"));
    };
    let bits_stored = pixels.bits_stored.unwrap_or(bits_allocated);
    if !matches!(bits_allocated, 8 | 16 | 32) || pixels.samples_per_pixel.unwrap_or(1) != 1 {
        return Err(DecodeError::NotDecodable);
    }
    if rows == 0 || columns == 0 || bits_stored == 0 || bits_stored > bits_allocated {
        return Err(DecodeError::Damaged("rows, columns or bits stored are impossible"));
    }
    let frame = FrameFormat { rows, columns, bits_allocated, bits_stored };
    if frame.bytes() > FRAME_BYTES_MAX {
        return Err(DecodeError::Damaged("a frame is larger than the limit"));
    }
    Ok(frame)
}

fn inflate(location: &DataSetLocation, start: u64, size: u64) -> Result<Vec<u8>, DecodeError> {
    if start + size > INFLATED_BYTES_MAX {
        return Err(DecodeError::Damaged("inflated data set is larger than the limit"));
    }
    let mut inflater = DeflateDecoder::new(location.open_at(0)?.take(location.length));
    std::io::copy(&mut (&mut inflater).take(start), &mut std::io::sink())?;
    let mut pixels = Vec::new();
    inflater.take(size).read_to_end(&mut pixels)?;
    if (pixels.len() as u64) < size {
        return Err(DecodeError::Damaged("Pixel Data is shorter than rows x columns x frames"));
    }
    Ok(pixels)
}

/// One frame as an object of its own, which is what the decoder takes; attributes that do not shape its bytes are fixed.
fn one_frame(
    stream: Vec<u8>,
    frame: FrameFormat,
    transfer_syntax: &str,
) -> Result<FileDicomObject<InMemDicomObject>, DecodeError> {
    let number = |tag: Tag, value: u16| DataElement::new(tag, VR::US, PrimitiveValue::from(value));
    let bits_stored = frame.bits_stored.min(frame.bits_allocated);
    let pixels = PixelFragmentSequence::new(Vec::new(), vec![stream]);
    let object = InMemDicomObject::from_element_iter([
        number(tags::SAMPLES_PER_PIXEL, 1),
        DataElement::new(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, PrimitiveValue::from("MONOCHROME2")),
        number(tags::ROWS, frame.rows),
        number(tags::COLUMNS, frame.columns),
        number(tags::BITS_ALLOCATED, frame.bits_allocated),
        number(tags::BITS_STORED, bits_stored),
        number(tags::HIGH_BIT, bits_stored - 1),
        number(tags::PIXEL_REPRESENTATION, 0),
        DataElement::new(tags::PIXEL_DATA, VR::OB, pixels),
    ]);
    let meta = FileMetaTableBuilder::new()
        .transfer_syntax(transfer_syntax)
        .media_storage_sop_class_uid(uids::CT_IMAGE_STORAGE)
        .media_storage_sop_instance_uid("2.25.0");
    object.with_meta(meta).map_err(|_| DecodeError::Damaged("the frame makes no object"))
}
