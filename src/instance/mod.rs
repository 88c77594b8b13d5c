//! Every attribute that is read of one object, parsed once.
//!
//! Input: where a data set lies ([`DataSetLocation`]) or its bytes. Output: an [`Instance`].
//! Lengths in mm, angles in degrees, times in ms, as the attributes have them; nothing is defaulted: what is absent or
//! unreadable is `None`.
//! Errors: [`Part10Error`] for files, [`InstanceError`] for data sets. A bad optional attribute is no error: it is
//! listed in [`Instance::faults`].
//! Source: PS3.3 C.8.2 (CT), C.7.6.16 (functional groups), PS3.5, PS3.10. No patient attribute is read,
//! but for [`SourceIdentity`], which only DICOM results use.

mod identity;
mod location;
mod parse;
pub mod part10;
mod scan;
mod tags;
mod value;
mod whole;

use crate::identity::Uid;

pub use identity::SourceAttribute;
pub use identity::SourceIdentity;
pub use location::DataSetLocation;
pub(crate) use parse::is_deflated;
pub use parse::{HEADER_BYTES_MAX, InstanceError};
pub use part10::Part10Error;
pub use scan::{DEPTH_MAX, Encoding, PixelDataElement, ScanError};
pub use value::AttributeFault;

/// One object, parsed up to Pixel Data.
#[derive(Debug, Clone, PartialEq)]
pub struct Instance {
    /// (0008,0016)
    pub sop_class_uid: Uid,
    /// (0008,0018)
    pub sop_instance_uid: Uid,
    /// (0020,000D)
    pub study_instance_uid: Uid,
    /// (0020,000E)
    pub series_instance_uid: Uid,
    /// (0020,0052)
    pub frame_of_reference_uid: Option<Uid>,
    /// (0020,1209), stated by some senders.
    pub number_of_series_related_instances: Option<u32>,
    /// (0008,0060)
    pub modality: Option<String>,
    /// (0020,0011)
    pub series_number: Option<i64>,
    /// (0020,0013)
    pub instance_number: Option<i64>,
    /// (0008,0032), as written.
    pub acquisition_time: Option<String>,
    /// (0008,103E); looked through for technical words, never copied to an output.
    pub series_description: Option<String>,
    /// (0018,1030); looked through for technical words, never copied to an output.
    pub protocol_name: Option<String>,
    /// (0008,0070)
    pub manufacturer: Option<String>,
    /// (0008,1090)
    pub manufacturer_model_name: Option<String>,
    /// (0018,1020)
    pub software_versions: Option<String>,
    /// (0018,0015)
    pub body_part_examined: Option<String>,
    /// (0018,5100)
    pub patient_position: Option<String>,
    /// Whether (0018,0010) or (0018,0012) carries a value; `None` when both are absent. The text is not kept.
    pub contrast_agent_present: Option<bool>,
    /// Whether (0018,1041) carries a value; `None` when absent.
    pub contrast_volume_present: Option<bool>,
    /// How pixels are stored.
    pub pixels: PixelDescription,
    /// One entry per frame; a single-frame object has one.
    pub frames: Vec<Frame>,
    /// Where Pixel Data lies in the (inflated) data set; `None` without one.
    pub pixel_data: Option<PixelDataElement>,
    /// How the data set is really encoded; differs from the transfer syntax when a sender got that wrong.
    pub encoding: Encoding,
    /// Attributes that could not be read.
    pub faults: Vec<AttributeFault>,
}

/// Image Pixel module and what concerns stored values (PS3.3 C.7.6.3, C.7.5.1.1.2).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PixelDescription {
    /// (0028,0010)
    pub rows: Option<u16>,
    /// (0028,0011)
    pub columns: Option<u16>,
    /// (0028,0002)
    pub samples_per_pixel: Option<u16>,
    /// (0028,0004)
    pub photometric_interpretation: Option<String>,
    /// (0028,0100)
    pub bits_allocated: Option<u16>,
    /// (0028,0101)
    pub bits_stored: Option<u16>,
    /// (0028,0102)
    pub high_bit: Option<u16>,
    /// (0028,0103) = 1
    pub signed: bool,
    /// (0028,0008); 1 where absent.
    pub number_of_frames: u32,
    /// (0028,0120), read by Pixel Representation whatever its VR says.
    pub pixel_padding_value: Option<i64>,
    /// (0028,0121), likewise.
    pub pixel_padding_range_limit: Option<i64>,
    /// Whether (0028,3000) has items.
    pub modality_lut_present: bool,
    /// (0028,2110) = `01`; `None` where absent.
    pub lossy_image_compression: Option<bool>,
    /// Largest value of (0028,2112).
    pub lossy_image_compression_ratio: Option<f64>,
}

/// What holds for one frame: from its functional groups, the shared ones, or the object itself.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Frame {
    /// Frame number from 1; `None` in a single-frame object.
    pub number: Option<u32>,
    /// Frame Type (0008,9007) or Image Type (0008,0008).
    pub image_type: Vec<String>,
    /// (0020,0032), LPS mm.
    pub image_position_mm: Option<[f64; 3]>,
    /// (0020,0037), direction of rows (increasing column), then of columns.
    pub image_orientation: Option<[f64; 6]>,
    /// (0028,0030): distance between rows, between columns.
    pub pixel_spacing_mm: Option<[f64; 2]>,
    /// (0018,0050)
    pub slice_thickness_mm: Option<f64>,
    /// (0018,0088)
    pub spacing_between_slices_mm: Option<f64>,
    /// (0028,1053)
    pub rescale_slope: Option<f64>,
    /// (0028,1052)
    pub rescale_intercept: Option<f64>,
    /// (0028,1054)
    pub rescale_type: Option<String>,
    /// (0020,0012) or Frame Acquisition Number (0020,9156).
    pub acquisition_number: Option<i64>,
    /// Technique of the exposure and reconstruction.
    pub technique: Technique,
}

/// Exposure and reconstruction of one frame.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Technique {
    /// (0018,0060), kV
    pub kvp_kv: Option<f64>,
    /// (0018,1151) or (0018,9330), mA
    pub tube_current_ma: Option<f64>,
    /// (0018,1150) or (0018,9328), ms
    pub exposure_time_ms: Option<f64>,
    /// (0018,1152) or (0018,9332), mAs
    pub exposure_mas: Option<f64>,
    /// (0018,9345), mGy
    pub ctdi_vol_mgy: Option<f64>,
    /// (0018,1210), values joined by a backslash.
    pub convolution_kernel: Option<String>,
    /// (0018,1160)
    pub filter_type: Option<String>,
    /// (0018,7050)
    pub filter_material: Option<String>,
    /// (0018,1100), mm
    pub reconstruction_diameter_mm: Option<f64>,
    /// (0018,9313), LPS mm
    pub data_collection_center_mm: Option<[f64; 3]>,
    /// (0018,1120), degrees
    pub gantry_tilt_degrees: Option<f64>,
    /// (0018,9361) = `YES`
    pub multi_energy: Option<bool>,
}

/// One instance of a series with the place and digest of its bytes.
#[derive(Debug, Clone)]
pub struct SeriesInstance {
    /// The parsed attributes.
    pub instance: Instance,
    /// Where the bytes lie.
    pub location: DataSetLocation,
    /// SHA-256 of the data set as received.
    pub sha256: [u8; 32],
}

impl SeriesInstance {
    /// Reads the header and digests the bytes at `location`.
    pub fn read(location: DataSetLocation) -> Result<SeriesInstance, InstanceError> {
        let instance = Instance::read(&location)?;
        let sha256 = location.sha256()?;
        Ok(SeriesInstance { instance, location, sha256 })
    }
}
