//! The checked configuration to the options of each stage.

use std::time::Duration;

use serde_json::json;
use sha2::Digest;
use sha2::Sha256;

use crate::checks;
use crate::codes::DEFINITION_SET;
use crate::config;
use crate::config::Config;
use crate::config::ResultKind;
use crate::dimse::Timeouts;
use crate::dimse::negotiation::Policy;
use crate::identity::AeTitle;
use crate::identity::hex;
use crate::node::pipeline::Settings;
use crate::receive;
use crate::receive::AddressRange;
use crate::receive::CallingTitles;
use crate::series;
use crate::spool;
use crate::write::rsif;

/// How the results of one application entity are made and written.
#[derive(Debug, Clone)]
pub struct EntitySettings {
    /// Measuring.
    pub pipeline: Settings,
    /// RSIF documents.
    pub rsif: rsif::Options,
    /// DICOM results.
    pub dicom: DicomResults,
}

/// Which DICOM results stand beside the documents. They carry the identity of the source, so there are none where the
/// documents do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DicomResults {
    /// Structured report.
    pub report: bool,
    /// Segmentation.
    pub segmentation: bool,
}

impl DicomResults {
    fn of(entity: &config::ApplicationEntity) -> DicomResults {
        let wanted = |kind| entity.identifiers == config::Identifiers::Source && entity.results.contains(&kind);
        DicomResults { report: wanted(ResultKind::Sr), segmentation: wanted(ResultKind::Seg) }
    }
}

impl EntitySettings {
    /// Settings of a configured application entity.
    pub fn of(config: &Config, entity: &config::ApplicationEntity) -> EntitySettings {
        let analyses = entity.requested_analyses();
        let rsif = rsif::Options {
            documents: if config.rsif.documents == "combined" {
                rsif::Documents::Combined
            } else {
                rsif::Documents::PerAnalysis
            },
            labels: labels(&config.rsif.labels),
            language: if config.rsif.language == "ru" { rsif::Language::Russian } else { rsif::Language::English },
            identifiers: match entity.identifiers {
                config::Identifiers::None => rsif::Identifiers::None,
                config::Identifiers::Pseudonym => rsif::Identifiers::Pseudonym,
                config::Identifiers::Source => rsif::Identifiers::Source,
            },
            ..rsif::Options::default()
        };
        let pipeline = Settings {
            previews: entity.results.contains(&ResultKind::Preview),
            memory_bytes: config.processing.memory_bytes,
            threads: threads(config),
            configuration_digest: digest(config, entity),
            analyses,
        };
        EntitySettings { pipeline, rsif, dicom: DicomResults::of(entity) }
    }
}

fn labels(configured: &[String]) -> rsif::Labels {
    let has = |language: &str| configured.iter().any(|label| label == language);
    match (has("en"), has("ru")) {
        (true, false) => rsif::Labels::English,
        (false, true) => rsif::Labels::Russian,
        _ => rsif::Labels::Both,
    }
}

/// Threads for voxel work.
pub fn threads(config: &Config) -> usize {
    match config.processing.workers {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        count => count,
    }
}

/// SHA-256 (hexadecimal) of what shapes results: definitions, limits and the entity's choices; no paths, ports, secrets.
fn digest(config: &Config, entity: &config::ApplicationEntity) -> String {
    let limits: Vec<String> =
        checks::rows().map(|row| format!("{} {:?} {:?} {:?}", row.key, row.unit, row.limit, row.reason)).collect();
    // Members in alphabetical order and text values only: this is the JCS form as it stands.
    let mut effective = json!({
        "analyses": entity.requested_analyses().iter().map(|analysis| analysis.name()).collect::<Vec<_>>(),
        "definition_set": DEFINITION_SET,
        "documents": config.rsif.documents,
        "identifiers": format!("{:?}", entity.identifiers),
        "labels": config.rsif.labels,
        "language": config.rsif.language,
        "limits": limits,
    });
    // Other files make another revision; without them the digest stays that of versions which had none.
    let dicom = DicomResults::of(entity);
    let kinds: Vec<&str> = [(dicom.segmentation, "seg"), (dicom.report, "sr")]
        .iter()
        .filter(|(wanted, _)| *wanted)
        .map(|(_, kind)| *kind)
        .collect();
    if !kinds.is_empty() {
        effective["results"] = json!(kinds);
    }
    hex(&Sha256::digest(effective.to_string().as_bytes()))
}

/// Options of the receiver; the configuration was checked, so what does not parse is left out.
pub fn receive_options(config: &Config) -> receive::Options {
    let entities = config.application_entity.iter().filter_map(|entity| {
        let mut policy = Policy::default();
        if !entity.sop_classes.is_empty() {
            policy.sop_classes.clone_from(&entity.sop_classes);
        }
        if !entity.transfer_syntaxes.is_empty() {
            policy.transfer_syntaxes.clone_from(&entity.transfer_syntaxes);
        }
        Some(receive::ApplicationEntity {
            title: AeTitle::parse(&entity.title).ok()?,
            accept_calling: CallingTitles::parse(entity.accept_calling.iter().map(String::as_str)).ok()?,
            accept_addresses: entity
                .accept_addresses
                .iter()
                .map(|range| range.parse::<AddressRange>())
                .collect::<Result<_, _>>()
                .ok()?,
            policy,
        })
    });
    let mut options = receive::Options::new(entities.collect());
    options.limits.associations = config.node.associations;
    options.limits.associations_per_peer = config.node.associations_per_peer;
    options.timeouts = Timeouts {
        association: Duration::from_secs(config.timeouts.association_seconds),
        idle: Duration::from_secs(config.timeouts.idle_seconds),
        stall: Duration::from_secs(config.timeouts.object_seconds),
        ..Timeouts::default()
    };
    options.shutdown = Duration::from_secs(config.timeouts.shutdown_seconds);
    options.max_pdu_length = config.node.max_pdu_length;
    options
}

/// Options of the spool.
pub fn spool_options(config: &Config) -> spool::Options {
    spool::Options {
        segment_bytes: config.durability.segment_bytes,
        group_delay_us: config.durability.group_delay_us,
        mode: match config.durability.mode {
            config::DurabilityMode::Flush => spool::Mode::Flush,
            config::DurabilityMode::Write => spool::Mode::Write,
        },
        free_space_min_bytes: config.retention.free_space_min_bytes,
        ..spool::Options::default()
    }
}

/// Options of completeness.
pub fn series_options(config: &Config) -> series::Options {
    let seconds = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
    series::Options {
        quiet_seconds: seconds(config.completeness.quiet_seconds),
        quiet_after_release_seconds: seconds(config.completeness.quiet_after_release_seconds),
        deadline_seconds: seconds(config.completeness.deadline_seconds),
    }
}

/// Name, version and revision of this program.
pub fn software() -> rsif::Software {
    rsif::Software {
        name: env!("CARGO_PKG_NAME").to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        source_revision: option_env!("RESETRAY_SOURCE_REVISION").unwrap_or("unknown").to_owned(),
    }
}
