//! `resetray phantom --out DIR [--case NAME]`: a self-made series with known truth.

use std::path::PathBuf;

use super::Failure;
use super::progress::Progress;
use crate::phantom;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Folder for the files and truth.json; not needed with --list.
    #[arg(long, required_unless_present = "list")]
    out: Option<PathBuf>,
    /// Name of a case.
    #[arg(long, default_value = "default")]
    case: String,
    /// List the cases.
    #[arg(long)]
    list: bool,
    /// Seed of noise and UIDs.
    #[arg(long)]
    seed: Option<u64>,
    /// Rows and columns.
    #[arg(long)]
    matrix: Option<usize>,
    /// Distance of pixel centres (mm).
    #[arg(long)]
    pixel_spacing: Option<f64>,
    /// Slice thickness (mm).
    #[arg(long)]
    thickness: Option<f64>,
    /// Slice spacing (mm).
    #[arg(long)]
    spacing: Option<f64>,
    /// Centre of the uppermost slice (mm above the middle of L1).
    #[arg(long, allow_negative_numbers = true)]
    top: Option<f64>,
    /// Lowest slice (mm above the middle of L1).
    #[arg(long, allow_negative_numbers = true)]
    bottom: Option<f64>,
    /// Noise SD (HU).
    #[arg(long)]
    noise: Option<f64>,
    /// Trabecular attenuation of L1 (HU).
    #[arg(long)]
    l1: Option<f64>,
    /// Liver attenuation (HU).
    #[arg(long, allow_negative_numbers = true)]
    liver: Option<f64>,
    /// Spleen attenuation (HU).
    #[arg(long, allow_negative_numbers = true)]
    spleen: Option<f64>,
}

pub(super) fn run(arguments: Arguments) -> Result<(), Failure> {
    if arguments.list {
        phantom::CASES.iter().for_each(|name| println!("{name}"));
        return Ok(());
    }
    let Some(out) = &arguments.out else {
        return Err(Failure::Usage("--out is needed".into()));
    };
    let mut options = phantom::case(&arguments.case).map_err(|error| Failure::Usage(error.to_string()))?;
    let set = |place: &mut f64, given: Option<f64>| *place = given.unwrap_or(*place);
    options.seed = arguments.seed.unwrap_or(options.seed);
    options.rows = arguments.matrix.unwrap_or(options.rows);
    options.columns = arguments.matrix.unwrap_or(options.columns);
    set(&mut options.pixel_spacing_mm, arguments.pixel_spacing);
    set(&mut options.slice_thickness_mm, arguments.thickness);
    set(&mut options.slice_spacing_mm, arguments.spacing);
    set(&mut options.top_mm, arguments.top);
    set(&mut options.bottom_mm, arguments.bottom);
    set(&mut options.noise_sd_hu, arguments.noise);
    set(&mut options.l1_hu, arguments.l1);
    set(&mut options.liver_hu, arguments.liver);
    set(&mut options.spleen_hu, arguments.spleen);
    let progress = Progress::begin(&format!("phantom {}", arguments.case), 1);
    phantom::write_series_with_progress(&options, out, |_, _| {}).map_err(|error| Failure::work(&error))?;
    progress.end(&format!("written to {}", out.display()));
    Ok(())
}
