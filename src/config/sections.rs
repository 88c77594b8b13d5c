//! The sections of the configuration, each with its defaults and ranges.

use std::net::SocketAddr;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

use super::load::Problem;
use crate::codes::Analysis;
use crate::dimse::negotiation;
use crate::identity::AeTitle;
use crate::receive::AddressRange;
use crate::telemetry::LogFormat;

/// The whole configuration.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
pub struct Config {
    /// The node itself.
    pub node: Node,
    /// How long to wait for peers.
    pub timeouts: Timeouts,
    /// What "stored" means.
    pub durability: Durability,
    /// Called AE titles and what each accepts.
    pub application_entity: Vec<ApplicationEntity>,
    /// When a series counts as complete.
    pub completeness: Completeness,
    /// Workers and memory.
    pub processing: Processing,
    /// RSIF documents.
    pub rsif: Rsif,
    /// Free space and what is kept.
    pub retention: Retention,
    /// Log lines.
    pub log: Log,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            node: Node::default(),
            timeouts: Timeouts::default(),
            durability: Durability::default(),
            application_entity: vec![ApplicationEntity::default()],
            completeness: Completeness::default(),
            processing: Processing::default(),
            rsif: Rsif::default(),
            retention: Retention::default(),
            log: Log::default(),
        }
    }
}

/// `[node]`
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
pub struct Node {
    /// Address and port of the DICOM listener. The default is reachable from this machine only.
    pub bind: SocketAddr,
    /// Our own AE title when we call others.
    pub ae_title: String,
    /// Spool, catalogue and the site secret.
    pub data_dir: PathBuf,
    /// Results folder.
    pub results_dir: PathBuf,
    /// Largest P-DATA PDU that we announce (bytes).
    pub max_pdu_length: u32,
    /// Associations at once, in total.
    pub associations: usize,
    /// Associations at once from one address.
    pub associations_per_peer: usize,
}

impl Default for Node {
    fn default() -> Node {
        Node {
            bind: SocketAddr::from(([127, 0, 0, 1], 11112)),
            ae_title: "RESETRAY".into(),
            data_dir: "resetray-data".into(),
            results_dir: "results".into(),
            max_pdu_length: 131_072,
            associations: 64,
            associations_per_peer: 16,
        }
    }
}

/// `[timeouts]`, in seconds.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
pub struct Timeouts {
    /// From connection to a complete A-ASSOCIATE-RQ, and from our last PDU to the closed socket (ARTIM).
    pub association_seconds: u64,
    /// Between two messages of an association.
    pub idle_seconds: u64,
    /// Without a byte inside a message.
    pub object_seconds: u64,
    /// For an orderly stop.
    pub shutdown_seconds: u64,
}

impl Default for Timeouts {
    fn default() -> Timeouts {
        Timeouts { association_seconds: 30, idle_seconds: 300, object_seconds: 60, shutdown_seconds: 30 }
    }
}

/// What must have happened before 0x0000 is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DurabilityMode {
    /// The bytes would survive power loss.
    #[default]
    Flush,
    /// The bytes would survive a crash of the program.
    Write,
}

/// `[durability]`
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
pub struct Durability {
    /// `flush` or `write`.
    pub mode: DurabilityMode,
    /// Size of a spool segment (bytes).
    pub segment_bytes: u64,
    /// How long a flush waits for company (microseconds).
    pub group_delay_us: u64,
}

impl Default for Durability {
    fn default() -> Durability {
        Durability { mode: DurabilityMode::Flush, segment_bytes: 256 << 20, group_delay_us: 0 }
    }
}

/// Outputs that one application entity can ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ResultKind {
    /// RSIF documents.
    Rsif,
    /// PNG previews.
    Preview,
    /// DICOM structured report; carries identity, so only with `identifiers = "source"`.
    Sr,
    /// DICOM segmentation of the mask regions; likewise.
    Seg,
}

/// How much identity the results carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Identifiers {
    /// No keys at all.
    None,
    /// Keyed pseudonyms.
    #[default]
    Pseudonym,
    /// DICOM UIDs beside the keys.
    Source,
}

/// Whether results wait for a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AccessMode {
    /// Results are published when they are ready.
    #[default]
    Open,
}

/// `[[application_entity]]`
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
pub struct ApplicationEntity {
    /// Called AE title.
    pub title: String,
    /// Calling AE titles that may associate; `*` admits all.
    pub accept_calling: Vec<String>,
    /// IP addresses or ranges (`192.0.2.0/24`) that may associate; empty admits all.
    pub accept_addresses: Vec<String>,
    /// SOP Class UIDs accepted; empty means all that the node knows.
    pub sop_classes: Vec<String>,
    /// Transfer Syntax UIDs accepted, best first; empty means all that the node knows, in its own order.
    pub transfer_syntaxes: Vec<String>,
    /// Analyses to run: `vertebral_attenuation`, `liver_attenuation`.
    pub analyses: Vec<String>,
    /// Outputs: `rsif`, `preview`, `sr`, `seg`.
    pub results: Vec<ResultKind>,
    /// Access gate.
    pub access: AccessMode,
    /// `none`, `pseudonym` or `source`.
    pub identifiers: Identifiers,
}

impl Default for ApplicationEntity {
    fn default() -> ApplicationEntity {
        ApplicationEntity {
            title: "RESETRAY".into(),
            accept_calling: vec!["*".into()],
            accept_addresses: Vec::new(),
            sop_classes: Vec::new(),
            transfer_syntaxes: Vec::new(),
            analyses: Analysis::ALL.iter().map(|analysis| analysis.name().to_owned()).collect(),
            results: vec![ResultKind::Rsif, ResultKind::Preview],
            access: AccessMode::Open,
            identifiers: Identifiers::Pseudonym,
        }
    }
}

impl ApplicationEntity {
    /// The analyses in output order.
    pub fn requested_analyses(&self) -> Vec<Analysis> {
        Analysis::ALL.into_iter().filter(|analysis| self.analyses.iter().any(|name| name == analysis.name())).collect()
    }
}

/// `[completeness]`, in seconds.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
pub struct Completeness {
    /// Without a new instance while the association stays open.
    pub quiet_seconds: u64,
    /// Without a new instance after the association was released.
    pub quiet_after_release_seconds: u64,
    /// At the latest after the first instance.
    pub deadline_seconds: u64,
}

impl Default for Completeness {
    fn default() -> Completeness {
        Completeness { quiet_seconds: 60, quiet_after_release_seconds: 5, deadline_seconds: 3600 }
    }
}

/// `[processing]`
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
pub struct Processing {
    /// Threads for voxel work; 0 means one per core.
    pub workers: usize,
    /// Largest volume that is decoded (bytes); a larger one ends as `resource_limit`.
    pub memory_bytes: u64,
}

impl Default for Processing {
    fn default() -> Processing {
        Processing { workers: 0, memory_bytes: 4 << 30 }
    }
}

/// `[rsif]`
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
pub struct Rsif {
    /// `per_analysis` or `combined`.
    pub documents: String,
    /// Languages of labels: `en`, `ru`.
    pub labels: Vec<String>,
    /// Language of notes and explanations: `en` or `ru`.
    pub language: String,
}

impl Default for Rsif {
    fn default() -> Rsif {
        Rsif { documents: "per_analysis".into(), labels: vec!["en".into(), "ru".into()], language: "en".into() }
    }
}

/// `[retention]`
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
pub struct Retention {
    /// Below this much free space nothing more is accepted (bytes).
    pub free_space_min_bytes: u64,
}

impl Default for Retention {
    fn default() -> Retention {
        Retention { free_space_min_bytes: 1 << 30 }
    }
}

/// `[log]`
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
pub struct Log {
    /// `text` or `json`.
    #[schemars(with = "String")]
    pub format: LogFormat,
    /// `error`, `warn`, `info`, `debug` or `trace`.
    pub level: String,
}

impl Default for Log {
    fn default() -> Log {
        Log { format: LogFormat::Text, level: "info".into() }
    }
}

impl Config {
    /// Everything that does not hold together, with the key it concerns.
    pub(super) fn problems(&self) -> Vec<Problem> {
        let mut found = Vec::new();
        let mut require = |holds: bool, key: &str, message: String| {
            if !holds {
                found.push(Problem { key: key.to_owned(), line: None, message });
            }
        };
        require(AeTitle::parse(&self.node.ae_title).is_ok(), "node.ae_title", title_message(&self.node.ae_title));
        require(
            (4096..=1 << 20).contains(&self.node.max_pdu_length),
            "node.max_pdu_length",
            format!("{} is outside 4096..=1048576", self.node.max_pdu_length),
        );
        require(self.node.associations > 0, "node.associations", "must be at least 1".into());
        require(self.node.associations_per_peer > 0, "node.associations_per_peer", "must be at least 1".into());
        for (key, seconds) in [
            ("timeouts.association_seconds", self.timeouts.association_seconds),
            ("timeouts.idle_seconds", self.timeouts.idle_seconds),
            ("timeouts.object_seconds", self.timeouts.object_seconds),
            ("timeouts.shutdown_seconds", self.timeouts.shutdown_seconds),
            ("completeness.quiet_seconds", self.completeness.quiet_seconds),
            ("completeness.deadline_seconds", self.completeness.deadline_seconds),
        ] {
            require((1..=86_400).contains(&seconds), key, format!("{seconds} is outside 1..=86400"));
        }
        require(
            (16 << 20..=4 << 30).contains(&self.durability.segment_bytes),
            "durability.segment_bytes",
            format!("{} is outside 16 MiB..=4 GiB", self.durability.segment_bytes),
        );
        require(
            self.durability.group_delay_us <= 100_000,
            "durability.group_delay_us",
            format!("{} is above 100000", self.durability.group_delay_us),
        );
        require(
            ["per_analysis", "combined"].contains(&self.rsif.documents.as_str()),
            "rsif.documents",
            format!("{:?} is neither \"per_analysis\" nor \"combined\"", self.rsif.documents),
        );
        require(
            ["en", "ru"].contains(&self.rsif.language.as_str()),
            "rsif.language",
            format!("{:?} is neither \"en\" nor \"ru\"", self.rsif.language),
        );
        require(
            !self.rsif.labels.is_empty() && self.rsif.labels.iter().all(|label| ["en", "ru"].contains(&label.as_str())),
            "rsif.labels",
            "must list \"en\", \"ru\" or both".into(),
        );
        require(!self.application_entity.is_empty(), "application_entity", "at least one is needed".into());
        for (index, entity) in self.application_entity.iter().enumerate() {
            let key = |name: &str| format!("application_entity[{index}].{name}");
            require(AeTitle::parse(&entity.title).is_ok(), &key("title"), title_message(&entity.title));
            let twice = self.application_entity.iter().take(index).any(|other| {
                matches!((AeTitle::parse(&other.title), AeTitle::parse(&entity.title)), (Ok(a), Ok(b)) if a == b)
            });
            require(!twice, &key("title"), format!("{:?} is configured twice", entity.title));
            for calling in &entity.accept_calling {
                require(
                    calling == "*" || AeTitle::parse(calling).is_ok(),
                    &key("accept_calling"),
                    title_message(calling),
                );
            }
            for range in &entity.accept_addresses {
                let message = format!("{range:?} is neither an IP address nor a range such as 192.0.2.0/24");
                require(range.parse::<AddressRange>().is_ok(), &key("accept_addresses"), message);
            }
            for uid in &entity.sop_classes {
                let known = negotiation::SOP_CLASSES.iter().any(|row| row.uid == uid);
                require(known, &key("sop_classes"), format!("{uid:?} is not a SOP class of the conformance statement"));
            }
            for uid in &entity.transfer_syntaxes {
                let known = negotiation::TRANSFER_SYNTAXES.iter().any(|row| row.uid == uid);
                let message = format!("{uid:?} is not a transfer syntax of the conformance statement");
                require(known, &key("transfer_syntaxes"), message);
            }
            for name in &entity.analyses {
                let known = Analysis::ALL.iter().any(|analysis| analysis.name() == name);
                require(
                    known,
                    &key("analyses"),
                    format!("{name:?} is not an analysis (vertebral_attenuation, liver_attenuation)"),
                );
            }
            require(!entity.analyses.is_empty(), &key("analyses"), "at least one is needed".into());
        }
        found
    }
}

fn title_message(title: &str) -> String {
    format!("{title:?} is not an AE title (1 to 16 printable characters)")
}
