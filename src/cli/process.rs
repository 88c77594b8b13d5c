//! `resetray process PATH... --out DIR`: the node's pipeline on files and folders.

use std::path::PathBuf;

use super::Failure;
use super::progress::Progress;
use crate::config::Config;
use crate::config::Identifiers;
use crate::config::ResultKind;
use crate::deliver;
use crate::deliver::Outcome;
use crate::deliver::ResultsFolder;
use crate::identity::SiteSecret;
use crate::identity::Uid;
use crate::measure;
use crate::node::files;
use crate::node::pipeline;
use crate::node::pipeline::Measured;
use crate::node::publish;
use crate::node::publish::Circumstances;
use crate::node::service;
use crate::node::settings::EntitySettings;
use crate::write::preview::explain;
use crate::write::rsif::Trigger;

/// Unreadable files that are named one by one.
const UNREADABLE_SHOWN: usize = 20;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Files and folders, nested, with other files among them.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Results folder.
    #[arg(long)]
    out: PathBuf,
    /// Folder for pictures and numbers of the intermediate findings.
    #[arg(long)]
    explain: Option<PathBuf>,
    /// Leave the previews out.
    #[arg(long)]
    no_previews: bool,
    /// What to write instead of what the configuration says: rsif, preview, sr, seg. Documents are always written; sr and
    /// seg carry the identity of the source and need `identifiers = "source"`.
    #[arg(long, value_delimiter = ',', value_parser = result_kind)]
    results: Vec<ResultKind>,
}

/// What every series of one command shares.
struct Setting {
    results: ResultsFolder,
    secret: SiteSecret,
    entity: EntitySettings,
    explain: Option<PathBuf>,
}

pub(super) fn run(arguments: Arguments, config: Config) -> Result<(), Failure> {
    super::limit_voxel_threads(&config)?;
    let entity = config.application_entity.first().ok_or_else(|| Failure::Usage("no application entity".into()))?;
    let mut entity = entity.clone();
    if !arguments.results.is_empty() {
        entity.results = arguments.results;
    }
    if entity.identifiers != Identifiers::Source
        && entity.results.iter().any(|kind| matches!(kind, ResultKind::Sr | ResultKind::Seg))
    {
        eprintln!("sr and seg carry the identity of the source; without identifiers = \"source\" they are left out");
    }
    let mut entity = EntitySettings::of(&config, &entity);
    entity.pipeline.previews &= !arguments.no_previews;
    let secret = service::site_secret(&config).map_err(|error| Failure::work(&error))?;
    std::fs::create_dir_all(&arguments.out)
        .map_err(|error| Failure::in_context(format!("folder {}", arguments.out.display()), &error))?;
    let results = ResultsFolder::open(&arguments.out, deliver::Options::default())
        .map_err(|error| Failure::in_context("results folder", &error))?;
    let setting = Setting { results, secret, entity, explain: arguments.explain };

    let paths = files::walk(&arguments.paths).map_err(|error| Failure::work(&error))?;
    let progress = Progress::begin("reading", paths.len() as u64);
    let found = files::find_series(&paths, |number| progress.at(number as u64));
    progress.end(&format!(
        "{} files: {} image series, {} other DICOM objects, {} copies, {} no DICOM files, {} unreadable",
        paths.len(),
        found.series.len(),
        found.not_images,
        found.copies,
        found.not_dicom,
        found.unreadable.len()
    ));
    for (path, reason) in found.unreadable.iter().take(UNREADABLE_SHOWN) {
        eprintln!("{}: {reason}", path.display());
    }
    let mut failed = 0_usize;
    for (series, files) in &found.series {
        failed += usize::from(!one_series(series, files, &setting));
    }
    setting.results.refresh_index().map_err(|error| Failure::work(&error))?;
    println!("{} series, {} without a result", found.series.len(), failed);
    if failed > 0 { Err(Failure::Work(format!("{failed} series have no result"))) } else { Ok(()) }
}

/// A result by its word in the configuration.
fn result_kind(word: &str) -> Result<ResultKind, String> {
    match word {
        "rsif" => Ok(ResultKind::Rsif),
        "preview" => Ok(ResultKind::Preview),
        "sr" => Ok(ResultKind::Sr),
        "seg" => Ok(ResultKind::Seg),
        _ => Err("one of rsif, preview, sr, seg".to_owned()),
    }
}

/// Measures and publishes one series; says what became of it in one line.
fn one_series(series: &Uid, paths: &[(Uid, PathBuf)], setting: &Setting) -> bool {
    let identifiers = setting.entity.rsif.identifiers;
    let folder = match publish::series_folder(&setting.secret, series, identifiers) {
        Ok(folder) => folder,
        Err(error) => {
            eprintln!("{series}: {error}");
            return false;
        }
    };
    let progress = Progress::begin(folder.as_str(), 3);
    progress.doing("reading");
    let instances = match files::read_series(paths) {
        Ok(instances) => instances,
        Err(error) => {
            progress.end(&error.to_string());
            return false;
        }
    };
    progress.at(1);
    progress.doing("measuring");
    let measured = pipeline::measure_series(&instances, &setting.entity.pipeline);
    progress.at(2);
    progress.doing("writing");
    if let Some(folder_of_pictures) = &setting.explain
        && let Err(error) = explain_series(&measured, &folder_of_pictures.join(folder.as_str()))
    {
        eprintln!("{}: pictures were not written: {error}", folder.as_str());
    }
    let circumstances = Circumstances {
        evidence: "files".to_owned(),
        expected: None,
        associations: Vec::new(),
        brought_by: Vec::new(),
        trigger: Trigger::SeriesComplete,
        node: None,
    };
    let outcome =
        publish::publish(&setting.results, &setting.secret, &setting.entity, &instances, &measured, circumstances);
    match outcome {
        Ok(Outcome::Published { revision, .. }) => {
            progress.end(&format!("{} instances, revision {revision}: {}", instances.len(), summary(&measured)));
            true
        }
        Ok(Outcome::Unchanged { revision }) => {
            progress.end(&format!("{} instances, unchanged since revision {revision}", instances.len()));
            true
        }
        Err(error) => {
            progress.end(&super::chain(&error));
            false
        }
    }
}

/// Values and reasons in one line.
fn summary(measured: &Measured) -> String {
    let parts = measured.record.targets.iter().map(|target| match &target.outcome {
        measure::Outcome::Measured { value, .. } => format!("{} {value:.2}", target.term.name()),
        measure::Outcome::NotMeasured { reason, .. } => format!("{} {}", target.term.name(), reason.name()),
    });
    parts.collect::<Vec<_>>().join(", ")
}

fn explain_series(measured: &Measured, folder: &std::path::Path) -> std::io::Result<()> {
    let Some(seen) = &measured.seen else { return Ok(()) };
    std::fs::create_dir_all(folder)?;
    for picture in explain::explain(&seen.volume, &seen.findings) {
        std::fs::write(folder.join(picture.file), picture.bytes)?;
    }
    Ok(())
}
