//! One series, from instances to a record with previews.
//!
//! Input: the instances of one series and the [`Settings`] of its application entity.
//! Output: [`Measured`]: the record, the previews, a verdict per instance, time per step.
//! Pure but for the clock of `durations_ms`; a panic of a step ends as `internal_error`, never as a dead worker.

use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::time::Instant;

use crate::anatomy;
use crate::anatomy::Findings;
use crate::checks::Check;
use crate::checks::Verdict;
use crate::codes::Analysis;
use crate::codes::Reason;
use crate::codes::Term;
use crate::identity::Uid;
use crate::instance::SeriesInstance;
use crate::measure;
use crate::measure::Measurements;
use crate::record::Inputs;
use crate::record::Record;
use crate::record::Source;
use crate::volume;
use crate::volume::Volume;
use crate::write::preview;
use crate::write::preview::Preview;

/// What the configuration says about measuring one series.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Requested analyses.
    pub analyses: Vec<Analysis>,
    /// Whether previews are drawn.
    pub previews: bool,
    /// Largest volume that is decoded (bytes).
    pub memory_bytes: u64,
    /// Threads that decode.
    pub threads: usize,
    /// Digest of the effective configuration, hexadecimal.
    pub configuration_digest: String,
}

/// What became of one series.
#[derive(Debug)]
pub struct Measured {
    /// The record.
    pub record: Record,
    /// Pictures.
    pub previews: Vec<Preview>,
    /// What each instance was good for.
    pub verdicts: Vec<(Uid, &'static str)>,
    /// Time per step (ms), in step order.
    pub durations_ms: Vec<(String, u64)>,
    /// What the measurement rests on, for `--explain`; `None` without a volume.
    pub seen: Option<Seen>,
}

/// Volume and findings of a series.
#[derive(Debug)]
pub struct Seen {
    /// The volume.
    pub volume: Volume,
    /// What was found in it.
    pub findings: Findings,
}

/// Measures one series. `instances` must hold at least one.
pub fn measure_series(instances: &[SeriesInstance], settings: &Settings) -> Measured {
    let mut clock = Clock::start();
    let options = volume::Options { memory_bytes: settings.memory_bytes, threads: settings.threads };
    let built = catch_unwind(AssertUnwindSafe(|| volume::build(instances, &options)));
    clock.lap("decode");
    let inputs = Inputs {
        source: Source::of(instances),
        analyses: settings.analyses.clone(),
        configuration_digest: settings.configuration_digest.clone(),
    };
    let without_volume = |reason: Reason, detail: &'static str, checks: Vec<Check>| {
        Record::without_volume(inputs.clone(), reason, detail, checks)
    };
    let built = match built {
        Ok(built) => built,
        Err(_) => {
            let record = without_volume(Reason::InternalError, "decode", Vec::new());
            return Measured::bare(record, Vec::new(), clock.laps, settings);
        }
    };
    let volume = match built.volume {
        Ok(volume) => volume,
        Err(unsuitable) => {
            let record = without_volume(unsuitable.reason, unsuitable.detail, built.checks)
                .with_stack(built.acquisition, built.geometry);
            return Measured::bare(record, built.verdicts, clock.laps, settings);
        }
    };
    let step = catch_unwind(AssertUnwindSafe(|| find_and_measure(&volume, settings, &mut clock)));
    let Ok((findings, measurements)) = step else {
        let record = without_volume(Reason::InternalError, "anatomy", built.checks);
        return Measured::bare(record, built.verdicts, clock.laps, settings);
    };
    let record = Record::assemble(inputs, &volume, &findings, measurements);
    let previews = if settings.previews {
        let drawn = catch_unwind(AssertUnwindSafe(|| preview::previews(&volume, &findings, &record.targets)));
        drawn.unwrap_or_default()
    } else {
        Vec::new()
    };
    clock.lap("preview");
    Measured {
        record,
        previews,
        verdicts: built.verdicts,
        durations_ms: clock.laps,
        seen: Some(Seen { volume, findings }),
    }
}

/// Anatomy and measurement; a part whose every parameter is refused by a series check is not looked for.
fn find_and_measure(volume: &Volume, settings: &Settings, clock: &mut Clock) -> (Findings, Measurements) {
    let wanted = |analysis: Analysis| {
        settings.analyses.contains(&analysis) && analysis.terms().any(|term| !refused(&volume.checks, term))
    };
    let findings = anatomy::find(volume, wanted(Analysis::VertebralAttenuation), wanted(Analysis::LiverAttenuation));
    clock.lap("segment");
    let measurements = measure::measure(volume, &findings);
    clock.lap("measure");
    (findings, measurements)
}

/// Whether a series check refuses a parameter.
fn refused(checks: &[Check], term: Term) -> bool {
    checks.iter().any(|check| check.verdict == Verdict::Refuse && check.applies_to(term))
}

impl Measured {
    /// A series without a volume: reasons, and a card that shows them.
    fn bare(
        record: Record,
        verdicts: Vec<(Uid, &'static str)>,
        durations_ms: Vec<(String, u64)>,
        settings: &Settings,
    ) -> Measured {
        let previews = if settings.previews { preview::without_volume(&record.targets) } else { Vec::new() };
        Measured { record, previews, verdicts, durations_ms, seen: None }
    }
}

/// Time per step.
struct Clock {
    last: Instant,
    laps: Vec<(String, u64)>,
}

impl Clock {
    fn start() -> Clock {
        Clock { last: Instant::now(), laps: Vec::new() }
    }

    fn lap(&mut self, step: &str) {
        let elapsed = self.last.elapsed().as_millis();
        self.laps.push((step.to_owned(), u64::try_from(elapsed).unwrap_or(u64::MAX)));
        self.last = Instant::now();
    }
}
