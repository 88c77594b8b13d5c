//! A self-made torso series with known truth.
//!
//! Input: [`Options`]. Output: CT Image Storage instances as DICOM Part 10 files (Explicit VR Little Endian) and a
//! [`Truth`]. Lengths in mm, attenuation in HU, angles in degrees. Torso coordinates are patient coordinates (x left,
//! y posterior, z head) with the origin at the middle of the torso at mid-height of L1.
//! Errors: [`PhantomError`]. The same options give the same bytes, on any number of threads.
//! Source: anatomy from measured populations (see the tables); PS3.3 A.3 (CT Image IOD).

mod bones;
mod cases;
mod dicom;
mod noise;
mod organs;
mod pelvis;
mod raster;
mod ribs;
mod scan;
mod shape;
mod spine;
mod tissue;
mod truth;

use std::path::{Path, PathBuf};

use crate::codes::Phase;

pub use cases::{CASES, case};
pub use truth::{Expected, LevelTruth, ParameterTruth, Truth};

/// Name of the truth file beside the instances.
pub const TRUTH_FILE: &str = "truth.json";
/// Largest number of slices of one series.
pub const SLICES_MAX: usize = 4000;
/// Largest number of rows and of columns.
pub const PIXELS_MAX: usize = 2048;

/// How the patient lies (values of Patient Position, PS3.3 C.7.3.1.1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Position {
    /// HFS.
    HeadFirstSupine,
    /// FFS.
    FeetFirstSupine,
    /// HFP.
    HeadFirstProne,
    /// FFP.
    FeetFirstProne,
    /// HFDR: on the right side.
    HeadFirstDecubitusRight,
    /// HFDL: on the left side.
    HeadFirstDecubitusLeft,
}

/// How sharply the series is reconstructed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kernel {
    /// In-plane Gaussian of 0.75 mm.
    Soft,
    /// In-plane Gaussian of 0.55 mm.
    Standard,
    /// In-plane Gaussian of 0.35 mm.
    Bone,
}

/// Everything that one series depends on.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Name of the case; goes into Patient Name, Patient ID and the truth.
    pub name: String,
    /// Seed of noise and UIDs.
    pub seed: u64,
    /// Columns of a slice.
    pub columns: usize,
    /// Rows of a slice.
    pub rows: usize,
    /// Distance of neighbouring pixel centres (mm).
    pub pixel_spacing_mm: f64,
    /// Slice Thickness: length of the average along the slice normal (mm).
    pub slice_thickness_mm: f64,
    /// Distance of neighbouring slices along the table (mm).
    pub slice_spacing_mm: f64,
    /// Centre of the uppermost slice (mm, patient z).
    pub top_mm: f64,
    /// The lowest slice lies at or above this (mm, patient z).
    pub bottom_mm: f64,
    /// Centre of the field of view `[x, y]` (mm).
    pub field_centre_mm: [f64; 2],
    /// Reconstruction kernel.
    pub kernel: Kernel,
    /// Noise SD at the centre (HU); falls to 60 % at the skin.
    pub noise_sd_hu: f64,
    /// Contrast phase.
    pub phase: Phase,
    /// Tube voltage (kV): 80, 100, 120 or 140; bone, iodine and fat follow it.
    pub tube_kv: f64,
    /// Rib pairs: 11, 12 or 13.
    pub rib_pairs: usize,
    /// Length of the last rib pair, right and left (mm), where it is not the usual one.
    pub last_rib_mm: Option<[f64; 2]>,
    /// Free vertebrae between the twelfth thoracic one and the sacrum: 4, 5 or 6.
    pub lumbar_count: usize,
    /// Cobb angle of a lateral curve (degrees).
    pub cobb_degrees: f64,
    /// Axial rotation of all vertebrae (degrees).
    pub axial_rotation_degrees: f64,
    /// Tilt of the whole torso about the x axis and about the y axis (degrees).
    pub torso_tilt_degrees: [f64; 2],
    /// Gantry/Detector Tilt (degrees).
    pub gantry_tilt_degrees: f64,
    /// A level that has lost a share of its anterior height.
    pub wedge: Option<(String, f64)>,
    /// A level filled with 4 mL of cement.
    pub cement_level: Option<String>,
    /// Trabecular attenuation of T12, native at 120 kVp (HU).
    pub t12_hu: f64,
    /// Trabecular attenuation of L1, native at 120 kVp (HU).
    pub l1_hu: f64,
    /// Trabecular attenuation of L2, native at 120 kVp (HU).
    pub l2_hu: f64,
    /// Liver parenchyma, native (HU).
    pub liver_hu: f64,
    /// Spleen parenchyma, native (HU).
    pub spleen_hu: f64,
    /// SD of a fine pattern inside trabecular bone (HU).
    pub trabecular_texture_hu: f64,
    /// SD of a pattern inside the arterial spleen (HU).
    pub spleen_mottling_hu: f64,
    /// `false` after removal of the spleen.
    pub spleen_present: bool,
    /// How the patient lies.
    pub position: Position,
    /// Size of the torso in the transverse plane and along z, relative to the male one.
    pub scale: [f64; 2],
    /// Rescale Intercept (HU).
    pub intercept_hu: i32,
    /// Pixel Padding Value outside the circle of the field of view (stored value).
    pub padding: Option<i16>,
    /// Slices left out, counted from 0 in order of Instance Number.
    pub missing_slices: Vec<usize>,
    /// Whether the couch is in the picture.
    pub couch: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            name: "default".to_owned(),
            seed: 1,
            columns: 512,
            rows: 512,
            pixel_spacing_mm: 0.78,
            slice_thickness_mm: 2.5,
            slice_spacing_mm: 2.5,
            top_mm: 130.0,
            bottom_mm: -190.0,
            field_centre_mm: [0.0, 8.0],
            kernel: Kernel::Soft,
            noise_sd_hu: 0.0,
            phase: Phase::Native,
            tube_kv: 120.0,
            rib_pairs: 12,
            last_rib_mm: None,
            lumbar_count: 5,
            cobb_degrees: 0.0,
            axial_rotation_degrees: 0.0,
            torso_tilt_degrees: [0.0; 2],
            gantry_tilt_degrees: 0.0,
            wedge: None,
            cement_level: None,
            t12_hu: 155.0,
            l1_hu: 150.0,
            l2_hu: 147.0,
            liver_hu: 58.0,
            spleen_hu: 49.0,
            trabecular_texture_hu: 0.0,
            spleen_mottling_hu: 0.0,
            spleen_present: true,
            position: Position::HeadFirstSupine,
            scale: [1.0; 2],
            intercept_hu: -1024,
            padding: None,
            missing_slices: Vec::new(),
            couch: true,
        }
    }
}

/// Why no series was made.
#[derive(Debug, thiserror::Error)]
pub enum PhantomError {
    /// An option outside what can be made.
    #[error("phantom option {option}: {found} is not within {expected}")]
    Option {
        /// Field of [`Options`].
        option: &'static str,
        /// Its value.
        found: String,
        /// What would be accepted.
        expected: &'static str,
    },
    /// There is no case of this name.
    #[error("no phantom case {name:?}; known are {}", CASES.join(", "))]
    UnknownCase {
        /// The name asked for.
        name: String,
    },
    /// A file or folder could not be written.
    #[error("cannot write {path}", path = path.display())]
    Write {
        /// File or folder.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: std::io::Error,
    },
    /// An instance could not be encoded.
    #[error("cannot encode instance {number}: {message}")]
    Encode {
        /// Instance Number.
        number: usize,
        /// The encoder's message.
        message: String,
    },
}

/// One file of a series.
pub type File = (String, Vec<u8>);

/// Makes the series slice by slice, in order of Instance Number, without keeping it.
pub fn series_in_memory(
    options: &Options,
) -> Result<impl Iterator<Item = Result<File, PhantomError>> + use<>, PhantomError> {
    Ok(scan::Scan::new(options)?.files())
}

/// The truth of a series without making it.
pub fn truth(options: &Options) -> Result<Truth, PhantomError> {
    let scan = scan::Scan::new(options)?;
    Ok(truth::truth(&scan))
}

/// Writes the series and [`TRUTH_FILE`] into `folder`, which is made where it is missing.
pub fn write_series(options: &Options, folder: &Path) -> Result<Truth, PhantomError> {
    write_series_with_progress(options, folder, |_, _| ())
}

/// As [`write_series`]; calls `progress` with the number of files written and of all files.
pub fn write_series_with_progress(
    options: &Options,
    folder: &Path,
    mut progress: impl FnMut(usize, usize),
) -> Result<Truth, PhantomError> {
    let scan = scan::Scan::new(options)?;
    let truth = truth::truth(&scan);
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| PhantomError::Write { path, source }
    };
    std::fs::create_dir_all(folder).map_err(failed(folder))?;
    let count = scan.slice_count();
    for (n, file) in scan.files().enumerate() {
        let (name, bytes) = file?;
        let path = folder.join(name);
        std::fs::write(&path, bytes).map_err(failed(&path))?;
        progress(n + 1, count);
    }
    let path = folder.join(TRUTH_FILE);
    std::fs::write(&path, truth.to_json()).map_err(failed(&path))?;
    Ok(truth)
}
