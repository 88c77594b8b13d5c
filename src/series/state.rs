//! What is known of one series, and how events change it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::Serialize;

use crate::identity::SeriesKey;

/// Associations remembered per series; ended ones are forgotten first.
pub const ASSOCIATIONS_MAX: usize = 64;
/// Attempts that may end in a crash before a series is quarantined.
pub const CRASHES_MAX: u32 = 2;

/// How an association ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AssociationEnding {
    /// In good order.
    Released,
    /// By A-ABORT, a broken line, a timeout, or the end of the node.
    Aborted,
}

/// What one association had to do with a series.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssociationTrace {
    /// Calling AE title.
    pub calling: String,
    /// Its first instance of this series.
    pub first_arrival_ms: i64,
    /// How and when it ended; `None` while it is open.
    pub ended: Option<(AssociationEnding, i64)>,
}

/// Where a series stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum Phase {
    /// Instances are awaited.
    Collecting,
    /// Settled, not yet taken by a worker.
    Complete {
        /// Why it counts as settled.
        evidence: String,
    },
    /// A worker has it.
    Processing {
        /// When the worker is taken for dead.
        lease_until_ms: i64,
        /// Which attempt this is, from 1.
        attempts: u32,
    },
    /// A revision is published.
    Done {
        /// Which.
        revision: u32,
        /// Digest over the instances that went into it.
        instances_digest: String,
    },
    /// It waits for something other than instances.
    Waiting {
        /// For what.
        reason: String,
        /// When to try again; `None`: until it is told.
        until_ms: Option<i64>,
    },
    /// It cannot be processed; its bytes are kept.
    Quarantined {
        /// Why.
        reason: String,
    },
}

/// What came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArrivalKind {
    /// An instance that the series did not have.
    New,
    /// An instance that it has, byte for byte.
    Identical,
    /// Other bytes under a known SOP Instance UID; the first stay.
    ConflictKept,
    /// Other bytes under a known SOP Instance UID, which take the place of the first.
    Replaced,
}

/// One arrival.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival<'a> {
    /// Identifier of the association.
    pub association: &'a str,
    /// Calling AE title.
    pub calling: &'a str,
    /// When.
    pub at_ms: i64,
    /// What.
    pub kind: ArrivalKind,
}

/// What an arrival changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Nothing that has to be stored.
    Nothing,
    /// Times, counts or associations.
    Noted,
    /// A further revision was opened.
    Reopened,
}

/// The answer to a worker that asks for a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lease {
    /// The worker has it.
    Granted {
        /// Which attempt this is, from 1.
        attempt: u32,
    },
    /// There is nothing to do, or another worker has it.
    NotNow,
    /// It crashed too often and is quarantined now.
    Quarantined,
}

/// Everything that is known of one series; stored after every change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeriesState {
    /// Which series.
    #[serde(with = "key_text")]
    pub key: SeriesKey,
    /// Different instances, each counted once.
    pub instances: u64,
    /// Copies with other bytes under a known SOP Instance UID.
    pub conflicts: u64,
    /// First arrival of all.
    pub first_arrival_ms: i64,
    /// Last arrival, copies included while the series is being collected.
    pub last_arrival_ms: i64,
    /// When the collecting of the current revision began.
    pub collecting_since_ms: i64,
    /// Associations that brought instances, by identifier.
    pub associations: BTreeMap<String, AssociationTrace>,
    /// Number of instances stated by the sender.
    pub expected_count: Option<u64>,
    /// Whether the geometry shows no gap.
    pub geometry_closed: bool,
    /// The revision that is being collected or processed, from 1.
    pub revision: u32,
    /// Whether different instances came after a worker took the series.
    pub changed_since_lease: bool,
    /// Attempts of this revision that ended in a crash.
    pub crashes: u32,
    /// Where it stands.
    pub phase: Phase,
}

impl SeriesState {
    /// A series of which nothing has arrived.
    pub fn new(key: SeriesKey, now_ms: i64) -> SeriesState {
        SeriesState {
            key,
            instances: 0,
            conflicts: 0,
            first_arrival_ms: now_ms,
            last_arrival_ms: now_ms,
            collecting_since_ms: now_ms,
            associations: BTreeMap::new(),
            expected_count: None,
            geometry_closed: false,
            revision: 1,
            changed_since_lease: false,
            crashes: 0,
            phase: Phase::Collecting,
        }
    }

    /// Takes note of an arrival. A copy that is identical changes nothing once the series is settled; a different
    /// instance opens the next revision of a series that has a result.
    pub fn arrived(&mut self, arrival: &Arrival<'_>) -> Change {
        let different = matches!(arrival.kind, ArrivalKind::New | ArrivalKind::Replaced);
        if arrival.kind == ArrivalKind::ConflictKept {
            self.conflicts += 1;
        }
        if !different && self.phase != Phase::Collecting {
            return if arrival.kind == ArrivalKind::Identical { Change::Nothing } else { Change::Noted };
        }
        let change = if different { self.reopen(arrival.at_ms) } else { Change::Noted };
        if arrival.kind == ArrivalKind::New {
            self.instances += 1;
        }
        self.last_arrival_ms = self.last_arrival_ms.max(arrival.at_ms);
        self.first_arrival_ms = self.first_arrival_ms.min(arrival.at_ms);
        self.trace(arrival);
        change
    }

    /// Takes note of the end of an association. A second end of the same association changes nothing.
    pub fn association_ended(&mut self, association: &str, ending: AssociationEnding, at_ms: i64) -> Change {
        match self.associations.get_mut(association) {
            Some(trace) if trace.ended.is_none() => {
                trace.ended = Some((ending, at_ms));
                Change::Noted
            }
            _ => Change::Nothing,
        }
    }

    /// Marks the series as settled.
    pub fn settle(&mut self, evidence: &str) {
        if self.phase == Phase::Collecting {
            self.phase = Phase::Complete { evidence: evidence.to_owned() };
        }
    }

    /// A worker asks for the series. `holder_gone` says that no worker of an earlier time lives (after a restart), so
    /// that a lease need not run out. A lease that was never given back counts as a crash.
    pub fn lease(&mut self, now_ms: i64, lease_ms: i64, holder_gone: bool) -> Lease {
        match &self.phase {
            Phase::Complete { .. } => {}
            Phase::Waiting { until_ms: Some(until_ms), .. } if *until_ms <= now_ms => {}
            Phase::Processing { lease_until_ms, .. } if holder_gone || *lease_until_ms <= now_ms => {
                self.crashes += 1;
            }
            _ => return Lease::NotNow,
        }
        if self.crashes >= CRASHES_MAX {
            self.quarantine(&format!("processing crashed {} times", self.crashes));
            return Lease::Quarantined;
        }
        let attempts = self.crashes + 1;
        self.changed_since_lease = false;
        self.phase = Phase::Processing { lease_until_ms: now_ms.saturating_add(lease_ms), attempts };
        Lease::Granted { attempt: attempts }
    }

    /// A worker that is still at work extends its lease.
    pub fn extend_lease(&mut self, until_ms: i64) {
        if let Phase::Processing { lease_until_ms, .. } = &mut self.phase {
            *lease_until_ms = until_ms.max(*lease_until_ms);
        }
    }

    /// The current revision is published. Instances that came meanwhile open the next one at once.
    pub fn finished(&mut self, instances_digest: &str) {
        if !matches!(self.phase, Phase::Processing { .. }) {
            return;
        }
        let since_ms = self.last_arrival_ms;
        let instances_digest = instances_digest.to_owned();
        self.phase = Phase::Done { revision: self.revision, instances_digest };
        self.crashes = 0;
        if std::mem::take(&mut self.changed_since_lease) {
            self.reopen(since_ms);
        }
    }

    /// Processing has to wait for something other than instances; the attempt does not count as a crash.
    pub fn wait(&mut self, reason: &str, until_ms: Option<i64>) {
        self.phase = Phase::Waiting { reason: reason.to_owned(), until_ms };
    }

    /// The series cannot be processed.
    pub fn quarantine(&mut self, reason: &str) {
        self.phase = Phase::Quarantined { reason: reason.to_owned() };
    }

    /// Takes a waiting, quarantined or finished series up again, on an operator's word.
    pub fn replay(&mut self, evidence: &str) {
        match self.phase {
            Phase::Collecting | Phase::Processing { .. } | Phase::Complete { .. } => return,
            Phase::Done { .. } => self.revision += 1,
            Phase::Waiting { .. } | Phase::Quarantined { .. } => {}
        }
        self.crashes = 0;
        self.phase = Phase::Complete { evidence: evidence.to_owned() };
    }

    /// Moves stored times that lie in the future to `now_ms`: after a clock was set back, nobody waits for the old time
    /// to come round again.
    pub fn clamp_times(&mut self, now_ms: i64) {
        for time in [&mut self.first_arrival_ms, &mut self.last_arrival_ms, &mut self.collecting_since_ms] {
            *time = now_ms.min(*time);
        }
        for trace in self.associations.values_mut() {
            trace.first_arrival_ms = now_ms.min(trace.first_arrival_ms);
            trace.ended = trace.ended.map(|(ending, at_ms)| (ending, now_ms.min(at_ms)));
        }
    }

    /// When the last association was released; `None` while one is open, when none is known, or when one aborted and
    /// its sender has not come back over an association that was released.
    pub fn all_released_at_ms(&self) -> Option<i64> {
        let mut last_ms = None;
        for trace in self.associations.values() {
            match trace.ended? {
                (AssociationEnding::Released, at_ms) => last_ms = last_ms.max(Some(at_ms)),
                (AssociationEnding::Aborted, at_ms) if self.came_back(&trace.calling, at_ms) => {}
                (AssociationEnding::Aborted, _) => return None,
            }
        }
        last_ms
    }

    fn came_back(&self, calling: &str, after_ms: i64) -> bool {
        self.associations.values().any(|trace| {
            let released = matches!(trace.ended, Some((AssociationEnding::Released, _)));
            released && trace.calling == calling && trace.first_arrival_ms >= after_ms
        })
    }

    /// Makes room for a different instance.
    fn reopen(&mut self, at_ms: i64) -> Change {
        match self.phase {
            Phase::Collecting => {
                if self.instances == 0 {
                    self.collecting_since_ms = at_ms;
                }
                return Change::Noted;
            }
            Phase::Processing { .. } => {
                self.changed_since_lease = true;
                return Change::Noted;
            }
            Phase::Complete { .. } | Phase::Waiting { .. } => {}
            Phase::Done { .. } => {
                self.revision += 1;
                self.crashes = 0;
                // The number and the associations of the first time tell nothing about what comes now.
                self.expected_count = None;
                self.associations.retain(|_, trace| trace.ended.is_none());
            }
            // Other instances may be what it lacked; one more crash quarantines it again.
            Phase::Quarantined { .. } => self.crashes = self.crashes.min(CRASHES_MAX - 1),
        }
        self.phase = Phase::Collecting;
        self.collecting_since_ms = at_ms;
        self.geometry_closed = false;
        Change::Reopened
    }

    fn trace(&mut self, arrival: &Arrival<'_>) {
        if !self.associations.contains_key(arrival.association) {
            self.forget_oldest();
            let calling = arrival.calling.to_owned();
            let trace = AssociationTrace { calling, first_arrival_ms: arrival.at_ms, ended: None };
            self.associations.insert(arrival.association.to_owned(), trace);
        }
    }

    /// Forgets the association that ended first; if none has ended, the one that began first.
    fn forget_oldest(&mut self) {
        if self.associations.len() < ASSOCIATIONS_MAX {
            return;
        }
        let age = |trace: &AssociationTrace| {
            (trace.ended.is_none(), trace.ended.map(|ended| ended.1), trace.first_arrival_ms)
        };
        let oldest = self.associations.iter().min_by_key(|(_, trace)| age(trace)).map(|(id, _)| id.clone());
        if let Some(id) = oldest {
            self.associations.remove(&id);
        }
    }
}

/// A series key as two texts.
mod key_text {
    use serde::Deserialize;
    use serde::Deserializer;
    use serde::Serialize;
    use serde::Serializer;
    use serde::de::Error;

    use crate::identity::AeTitle;
    use crate::identity::SeriesKey;
    use crate::identity::Uid;

    #[derive(Serialize, Deserialize)]
    struct KeyText {
        called: String,
        series_instance_uid: String,
    }

    pub(super) fn serialize<S: Serializer>(key: &SeriesKey, serializer: S) -> Result<S::Ok, S::Error> {
        let called = key.called.as_str().to_owned();
        let series_instance_uid = key.series_instance_uid.as_str().to_owned();
        KeyText { called, series_instance_uid }.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SeriesKey, D::Error> {
        let text = KeyText::deserialize(deserializer)?;
        let called = AeTitle::parse(&text.called).map_err(D::Error::custom)?;
        let series_instance_uid = Uid::parse(&text.series_instance_uid).map_err(D::Error::custom)?;
        Ok(SeriesKey { called, series_instance_uid })
    }
}
