//! What the node knows of its series: catalogue and states behind one door.
//!
//! Input: committed instances with their proof, ends of associations, results of workers.
//! Output: verdicts, settled series to be taken, states to be shown.
//! Errors: [`LedgerError`]. States of series that are being collected or worked on are held in memory and written through;
//! finished ones are read back when something happens to them.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::MutexGuard;

use serde::Deserialize;
use serde::Serialize;

use crate::catalogue::Catalogue;
use crate::catalogue::CatalogueError;
use crate::catalogue::PublishedRevision;
use crate::catalogue::Rebuild;
use crate::catalogue::Verdict;
use crate::identity::AeTitle;
use crate::identity::SeriesKey;
use crate::identity::Uid;
use crate::identity::hex;
use crate::record;
use crate::series;
use crate::series::Arrival;
use crate::series::ArrivalKind;
use crate::series::AssociationEnding;
use crate::series::Decision;
use crate::series::Lease;
use crate::series::Phase;
use crate::series::SeriesState;
use crate::spool::AssociationEnd;
use crate::spool::Durable;
use crate::spool::Note;
use crate::spool::Recovery;
use crate::spool::Spool;
use crate::spool::SpoolError;
use crate::spool::StoredInstance;

/// Kind of the note that a revision was published, or that a series needs none.
const NOTE_DONE: &str = "done";
/// Evidence of a series that an operator took up again.
pub const OPERATOR: &str = "operator";
/// How long a worker may be silent before its lease runs out (ms).
const LEASE_MS: i64 = 3_600_000;

/// Why the ledger could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The index refused.
    #[error("catalogue")]
    Catalogue(#[from] CatalogueError),
    /// The spool refused.
    #[error("spool")]
    Spool(#[from] SpoolError),
}

/// Content of the note [`NOTE_DONE`].
#[derive(Debug, Serialize, Deserialize)]
struct DoneNote {
    called: String,
    series_instance_uid: String,
    revision: u32,
    instances_digest: String,
}

/// A series that a worker has taken.
#[derive(Debug, Clone)]
pub struct Taken {
    /// Which.
    pub key: SeriesKey,
    /// Its state when it was taken.
    pub state: SeriesState,
    /// Why it was settled.
    pub evidence: String,
    /// Its instances, ordered by SOP Instance UID.
    pub instances: Vec<StoredInstance>,
}

/// A series as it is listed.
#[derive(Debug, Clone)]
pub struct Listed {
    /// Which.
    pub key: SeriesKey,
    /// Where it stands.
    pub state: SeriesState,
}

/// States of series and the index behind them.
pub struct Ledger {
    catalogue: Catalogue,
    spool: Spool,
    active: Mutex<Active>,
}

#[derive(Default)]
struct Active {
    states: HashMap<SeriesKey, SeriesState>,
    by_association: BTreeMap<String, BTreeSet<String>>,
    keys: BTreeMap<String, SeriesKey>,
}

fn text_of(key: &SeriesKey) -> String {
    format!("{}\0{}", key.called.as_str().to_ascii_uppercase(), key.series_instance_uid)
}

impl Ledger {
    /// Takes over what a start found: enters recovered instances where the index may lack them, ends associations that
    /// the stop cut off, and holds all unfinished series.
    pub fn open(
        catalogue: Catalogue,
        rebuild: Rebuild,
        spool: Spool,
        recovery: Recovery,
        now_ms: i64,
    ) -> Result<Ledger, LedgerError> {
        let ledger = Ledger { catalogue, spool, active: Mutex::new(Active::default()) };
        for (key, state) in ledger.catalogue.all_series::<SeriesState>()? {
            if !matches!(state.phase, Phase::Done { .. }) {
                ledger.lock().hold(key, state);
            }
        }
        if rebuild.is_needed() {
            for recovered in recovery.instances() {
                let (stored, durable) = recovered?;
                let at_ms = stored.header.received_at_ms;
                ledger.enter(&stored, durable, None, at_ms)?;
            }
            for record in &recovery.associations {
                let ending = match record.end {
                    AssociationEnd::Released => AssociationEnding::Released,
                    AssociationEnd::Aborted => AssociationEnding::Aborted,
                };
                ledger.association_ended(&record.id, ending, record.ended_at_ms)?;
            }
            if matches!(rebuild, Rebuild::Full { .. }) {
                ledger.apply_notes(&recovery.notes)?;
            }
        }
        if rebuild.is_needed() {
            ledger.reconcile(now_ms)?;
        }
        ledger.end_cut_associations(now_ms)?;
        Ok(ledger)
    }

    fn lock(&self) -> MutexGuard<'_, Active> {
        // A panic while the lock was held leaves states that were written through; they are good to go on with.
        self.active.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// What an instance would be if it were entered now.
    pub fn verdict(&self, key: &SeriesKey, sop_instance_uid: &Uid, sha256: &[u8; 32]) -> Result<Verdict, LedgerError> {
        Ok(self.catalogue.verdict(&key.called, sop_instance_uid, sha256, Some(&key.series_instance_uid))?)
    }

    /// Enters a committed instance.
    pub fn enter(
        &self,
        stored: &StoredInstance,
        durable: Durable,
        expected_count: Option<u32>,
        at_ms: i64,
    ) -> Result<Verdict, LedgerError> {
        let verdict = self.catalogue.enter(stored, durable)?;
        let (Some(series_instance_uid), Ok(called)) =
            (stored.parsed.series_instance_uid.clone(), AeTitle::parse(&stored.header.called))
        else {
            return Ok(verdict);
        };
        let key = SeriesKey { called, series_instance_uid };
        self.arrived(&key, &stored.header.association, &stored.header.calling, verdict, expected_count, at_ms)?;
        Ok(verdict)
    }

    /// Takes note of an arrival, stored or not.
    pub fn arrived(
        &self,
        key: &SeriesKey,
        association: &str,
        calling: &str,
        verdict: Verdict,
        expected_count: Option<u32>,
        at_ms: i64,
    ) -> Result<(), LedgerError> {
        let kind = match verdict {
            Verdict::New => ArrivalKind::New,
            Verdict::Duplicate => ArrivalKind::Identical,
            Verdict::Conflict => ArrivalKind::ConflictKept,
        };
        let mut active = self.lock();
        if !active.states.contains_key(key) {
            let state = self.catalogue.series::<SeriesState>(key)?;
            let state = state.unwrap_or_else(|| SeriesState::new(key.clone(), at_ms));
            active.hold(key.clone(), state);
        }
        let Some(state) = active.states.get_mut(key) else { return Ok(()) };
        let change = state.arrived(&Arrival { association, calling, at_ms, kind });
        if let Some(count) = expected_count {
            state.expected_count = Some(u64::from(count));
        }
        if change != series::Change::Nothing {
            self.catalogue.put_series(key, state)?;
        }
        active.by_association.entry(association.to_owned()).or_default().insert(text_of(key));
        Ok(())
    }

    /// Takes note of the end of an association.
    pub fn association_ended(
        &self,
        association: &str,
        ending: AssociationEnding,
        at_ms: i64,
    ) -> Result<(), LedgerError> {
        let mut active = self.lock();
        let touched = active.by_association.remove(association).unwrap_or_default();
        for text in touched {
            let Some(key) = active.keys.get(&text).cloned() else { continue };
            let Some(state) = active.states.get_mut(&key) else { continue };
            if state.association_ended(association, ending, at_ms) != series::Change::Nothing {
                self.catalogue.put_series(&key, state)?;
            }
        }
        Ok(())
    }

    /// Settles what is due and hands out one series to work on, if there is one. `first_look` after a start says that no
    /// worker of an earlier time lives.
    pub fn take(&self, now_ms: i64, options: &series::Options, first_look: bool) -> Result<Option<Taken>, LedgerError> {
        let mut active = self.lock();
        // The oldest first, so that no series starves.
        let mut order: Vec<(i64, String)> =
            active.states.iter().map(|(key, state)| (state.collecting_since_ms, text_of(key))).collect();
        order.sort();
        for (_, text) in order {
            let Some(key) = active.keys.get(&text).cloned() else { continue };
            let Some(state) = active.states.get_mut(&key) else { continue };
            if let Decision::Settle { evidence } = series::decide(state, now_ms, options) {
                state.settle(evidence);
                self.catalogue.put_series(&key, state)?;
            }
            let evidence = match &state.phase {
                Phase::Complete { evidence } => evidence.clone(),
                _ => "retry".to_owned(),
            };
            let lease = state.lease(now_ms, LEASE_MS, first_look);
            match lease {
                Lease::Granted { .. } => {
                    self.catalogue.put_series(&key, state)?;
                    let state = state.clone();
                    let instances = self.catalogue.instances(&key)?;
                    return Ok(Some(Taken { key, state, evidence, instances }));
                }
                Lease::Quarantined => {
                    tracing::error!(crashes = state.crashes, "series quarantined");
                    self.catalogue.put_series(&key, state)?;
                }
                Lease::NotNow => {}
            }
        }
        Ok(None)
    }

    /// A worker is done: the revision is durable in the results folder, or the series needs no result.
    pub fn finished(
        &self,
        key: &SeriesKey,
        revision: Option<(u32, String)>,
        instances_digest: &str,
        now_ms: i64,
    ) -> Result<(), LedgerError> {
        let note = DoneNote {
            called: key.called.as_str().to_owned(),
            series_instance_uid: key.series_instance_uid.to_string(),
            revision: revision.as_ref().map_or(0, |(number, _)| *number),
            instances_digest: instances_digest.to_owned(),
        };
        let content = serde_json::to_value(&note).unwrap_or_default();
        self.spool.note_blocking(&Note { kind: NOTE_DONE.to_owned(), written_at_ms: now_ms, content })?;
        if let Some((revision, folder)) = revision {
            let published = PublishedRevision {
                revision,
                folder,
                instances_digest: instances_digest.to_owned(),
                published_at_ms: now_ms,
            };
            self.catalogue.put_revision(key, &published)?;
        }
        let mut active = self.lock();
        if let Some(state) = active.states.get_mut(key) {
            state.finished(instances_digest);
            self.catalogue.put_series(key, state)?;
            if matches!(state.phase, Phase::Done { .. }) {
                active.release(key);
            }
        }
        Ok(())
    }

    /// A worker could not finish for a passing reason.
    pub fn wait(&self, key: &SeriesKey, reason: &str, until_ms: i64) -> Result<(), LedgerError> {
        let mut active = self.lock();
        if let Some(state) = active.states.get_mut(key) {
            state.wait(reason, Some(until_ms));
            self.catalogue.put_series(key, state)?;
        }
        Ok(())
    }

    /// A series that cannot be processed.
    pub fn quarantine(&self, key: &SeriesKey, reason: &str) -> Result<(), LedgerError> {
        let mut active = self.lock();
        if let Some(state) = active.states.get_mut(key) {
            state.quarantine(reason);
            self.catalogue.put_series(key, state)?;
        }
        Ok(())
    }

    /// All series.
    pub fn list(&self) -> Result<Vec<Listed>, LedgerError> {
        let all = self.catalogue.all_series::<SeriesState>()?;
        Ok(all.into_iter().map(|(key, state)| Listed { key, state }).collect())
    }

    /// Takes a finished, waiting or quarantined series up again on an operator's word; `false` where it is still being
    /// collected or worked on.
    pub fn replay(&self, key: &SeriesKey) -> Result<bool, LedgerError> {
        let mut active = self.lock();
        let known = match active.states.get(key) {
            Some(state) => Some(state.clone()),
            None => self.catalogue.series::<SeriesState>(key)?,
        };
        let Some(mut state) = known else { return Ok(false) };
        let before = state.phase.clone();
        state.replay(OPERATOR);
        if state.phase == before {
            return Ok(false);
        }
        self.catalogue.put_series(key, &state)?;
        active.hold(key.clone(), state);
        Ok(true)
    }

    /// Instances of a series, ordered by SOP Instance UID.
    pub fn instances(&self, key: &SeriesKey) -> Result<Vec<StoredInstance>, LedgerError> {
        Ok(self.catalogue.instances(key)?)
    }

    /// Published revisions of a series.
    pub fn revisions(&self, key: &SeriesKey) -> Result<Vec<PublishedRevision>, LedgerError> {
        Ok(self.catalogue.revisions(key)?)
    }

    /// Makes the index durable and marks an orderly stop. Blocks.
    pub fn close(&self) -> Result<(), LedgerError> {
        Ok(self.catalogue.clone().close()?)
    }

    /// Index and states are written one after the other, so a stop in between leaves them apart: the index holds.
    /// A finished series whose instances are not those of its result is collected again.
    fn reconcile(&self, now_ms: i64) -> Result<(), LedgerError> {
        for (key, mut state) in self.catalogue.all_series::<SeriesState>()? {
            let count = self.catalogue.count(&key)?;
            let stale = match &state.phase {
                Phase::Done { instances_digest, .. } => {
                    digest_of(&self.catalogue.instances(&key)?) != *instances_digest
                }
                _ => false,
            };
            if !stale && state.instances == count {
                continue;
            }
            if stale {
                state.arrived(&Arrival { association: "recovery", calling: "", at_ms: now_ms, kind: ArrivalKind::New });
                state.association_ended("recovery", AssociationEnding::Released, now_ms);
            }
            state.instances = count;
            self.catalogue.put_series(&key, &state)?;
            if !matches!(state.phase, Phase::Done { .. }) {
                self.lock().hold(key, state);
            }
        }
        Ok(())
    }

    /// Applies notes of finished work to an index that was rebuilt from nothing: a series whose instances are those of
    /// its last result needs no second one.
    fn apply_notes(&self, notes: &[Note]) -> Result<(), LedgerError> {
        let mut last: BTreeMap<String, DoneNote> = BTreeMap::new();
        for note in notes.iter().filter(|note| note.kind == NOTE_DONE) {
            let Ok(done) = serde_json::from_value::<DoneNote>(note.content.clone()) else { continue };
            last.insert(format!("{}\0{}", done.called.to_ascii_uppercase(), done.series_instance_uid), done);
        }
        for (text, done) in last {
            let mut active = self.lock();
            let Some(key) = active.keys.get(&text).cloned() else { continue };
            let digest = digest_of(&self.catalogue.instances(&key)?);
            let Some(state) = active.states.get_mut(&key) else { continue };
            if digest == done.instances_digest {
                state.phase = Phase::Done { revision: done.revision.max(1), instances_digest: digest };
                self.catalogue.put_series(&key, state)?;
                active.release(&key);
            }
        }
        Ok(())
    }

    /// Associations that were open when the node stopped are over.
    fn end_cut_associations(&self, now_ms: i64) -> Result<(), LedgerError> {
        let mut active = self.lock();
        active.by_association.clear();
        for (key, state) in &mut active.states {
            let open: Vec<String> = state
                .associations
                .iter()
                .filter(|(_, trace)| trace.ended.is_none())
                .map(|(association, _)| association.clone())
                .collect();
            state.clamp_times(now_ms);
            for association in &open {
                state.association_ended(association, AssociationEnding::Aborted, now_ms);
            }
            self.catalogue.put_series(key, state)?;
        }
        Ok(())
    }
}

/// Digest over the instances of a series, as records state it.
pub fn digest_of(instances: &[StoredInstance]) -> String {
    let digests: Vec<String> = instances.iter().map(|stored| hex(&stored.sha256)).collect();
    let uids = instances.iter().map(|stored| &stored.header.sop_instance_uid);
    record::instances_digest(uids.zip(digests.iter().map(String::as_str)))
}

impl Active {
    fn hold(&mut self, key: SeriesKey, state: SeriesState) {
        for association in state.associations.iter().filter(|(_, trace)| trace.ended.is_none()).map(|(id, _)| id) {
            self.by_association.entry(association.clone()).or_default().insert(text_of(&key));
        }
        self.keys.insert(text_of(&key), key.clone());
        self.states.insert(key, state);
    }

    fn release(&mut self, key: &SeriesKey) {
        let text = text_of(key);
        for touched in self.by_association.values_mut() {
            touched.remove(&text);
        }
        self.keys.remove(&text);
        self.states.remove(key);
    }
}
