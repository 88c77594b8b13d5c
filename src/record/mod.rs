//! The record: the one input of all writers.
//!
//! Input: the volume, its findings and measurements, or the reason why there is no volume.
//! Output: a `Record`, a pure function of (instances, configuration, program version, site secret).
//! Nothing in it depends on clocks, paths, arrival order or threads.

mod assemble;
mod digest;

use std::collections::BTreeMap;

use crate::anatomy::Certainty;
use crate::anatomy::NumberingBasis;
use crate::checks::Check;
use crate::codes::Analysis;
use crate::codes::Level;
use crate::codes::Phase;
use crate::identity::Uid;
use crate::identity::hex;
use crate::instance::SeriesInstance;
use crate::measure::TargetMeasurement;
use crate::volume::AcquisitionEntry;
use crate::volume::Geometry;
use crate::volume::SliceProvenance;

pub use assemble::Inputs;
pub use digest::instances_digest;

/// Everything that outputs say about one series.
#[derive(Debug, Clone)]
pub struct Record {
    /// Where the images came from.
    pub source: Source,
    /// Requested analyses, in output order.
    pub analyses: Vec<Analysis>,
    /// Technical attributes of the acquisition.
    pub acquisition: Vec<AcquisitionEntry>,
    /// Geometry of the measured volume; `None` where there is none.
    pub geometry: Option<Geometry>,
    /// Provenance of the slices of the measured volume.
    pub slices: Vec<SliceProvenance>,
    /// Contrast phase.
    pub phase: Phase,
    /// `image` or `tags`.
    pub phase_basis: &'static str,
    /// How vertebral levels were named, where a spine was found.
    pub levels: Option<LevelIdentification>,
    /// One entry per term of every analysis, in the order of `Term::ALL`.
    pub targets: Vec<TargetMeasurement>,
    /// All series-level checks.
    pub checks: Vec<Check>,
    /// SHA-256 over geometry and HU in slice order, hexadecimal; `None` without a volume.
    pub volume_digest: Option<String>,
    /// Digest of the effective configuration, hexadecimal.
    pub configuration_digest: String,
}

/// Source images of a record.
#[derive(Debug, Clone)]
pub struct Source {
    /// Study Instance UID.
    pub study_instance_uid: Option<Uid>,
    /// Series Instance UID.
    pub series_instance_uid: Uid,
    /// Frame of Reference UID.
    pub frame_of_reference_uid: Option<Uid>,
    /// SOP Class UID of the measured (or most frequent) class.
    pub sop_class_uid: Uid,
    /// Number of instances received for the series.
    pub instance_count: usize,
    /// SHA-256 over the sorted lines "SOPInstanceUID SP sha256(data set) LF", hexadecimal.
    pub instances_digest: String,
}

/// How vertebral levels were named.
#[derive(Debug, Clone)]
pub struct LevelIdentification {
    /// Certainty.
    pub certainty: Certainty,
    /// Basis.
    pub basis: NumberingBasis,
    /// Evidence and doubts, as flag names.
    pub evidence: Vec<&'static str>,
    /// Named levels with the centre of the body (LPS, mm), cranial to caudal; empty when ambiguous.
    pub levels: Vec<(Level, [f64; 3])>,
}

impl Source {
    /// The source of received instances, of which there must be one at least. The SOP class is the most frequent one
    /// (of equals the one with the smaller UID); study and frame of reference are those of the instance with the smallest
    /// SOP Instance UID, so that the order of arrival does not matter.
    pub fn of(instances: &[SeriesInstance]) -> Source {
        let mut sorted: Vec<&SeriesInstance> = instances.iter().collect();
        sorted.sort_by(|a, b| a.instance.sop_instance_uid.cmp(&b.instance.sop_instance_uid));
        let mut classes: BTreeMap<&Uid, usize> = BTreeMap::new();
        for one in &sorted {
            *classes.entry(&one.instance.sop_class_uid).or_default() += 1;
        }
        let most = classes.values().copied().max().unwrap_or(0);
        let class = classes.iter().find(|(_, count)| **count == most).map(|(class, _)| (*class).clone());
        let digests: Vec<String> = sorted.iter().map(|one| hex(&one.sha256)).collect();
        let lines = sorted.iter().zip(&digests).map(|(one, digest)| (&one.instance.sop_instance_uid, digest.as_str()));
        let first = sorted.first().map(|one| &one.instance);
        Source {
            study_instance_uid: first.map(|one| one.study_instance_uid.clone()),
            series_instance_uid: first
                .map_or_else(|| Uid::derive(&["no instance"]), |one| one.series_instance_uid.clone()),
            frame_of_reference_uid: first.and_then(|one| one.frame_of_reference_uid.clone()),
            sop_class_uid: class.unwrap_or_else(|| Uid::derive(&["no instance"])),
            instance_count: sorted.len(),
            instances_digest: instances_digest(lines),
        }
    }
}
