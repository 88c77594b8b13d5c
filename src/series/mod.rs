//! Which instances make one series, and when it is settled.
//!
//! Input: arrivals, ends of associations, times (milliseconds since 1970-01-01 UTC) as arguments.
//! Output: [`SeriesState`], which is stored, and [`decide`], which says whether a series is settled, on which evidence,
//! or until when to wait. There is no clock here: all timers are stored times, so a restart neither forgets nor
//! restarts one.
//! Errors: none; an event that does not fit a state changes nothing.
//!
//! A series is the pair of called AE title and Series Instance UID. Evidence, strongest first: the number that the
//! sender stated; closed geometry with released associations; release and a short quiet; a long quiet; the deadline.
//! An association that aborted is evidence of nothing.
//! Limits: [`ASSOCIATIONS_MAX`] associations are remembered per series.

mod state;

pub use state::ASSOCIATIONS_MAX;
pub use state::Arrival;
pub use state::ArrivalKind;
pub use state::AssociationEnding;
pub use state::AssociationTrace;
pub use state::CRASHES_MAX;
pub use state::Change;
pub use state::Lease;
pub use state::Phase;
pub use state::SeriesState;

/// Evidence: as many instances as the sender stated.
pub const STATED_COUNT: &str = "stated_count";
/// Evidence: no gap in the geometry, and the associations were released.
pub const GEOMETRY_CLOSED: &str = "geometry_closed";
/// Evidence: the associations were released and nothing came for a short while.
pub const ASSOCIATION_RELEASED: &str = "association_released";
/// Evidence: nothing came for a long while.
pub const QUIET: &str = "quiet";
/// Evidence: none, but the longest wait is over.
pub const DEADLINE: &str = "deadline";

/// How long a series is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Seconds without a new instance after which a series is settled whatever its associations do.
    pub quiet_seconds: u32,
    /// Seconds without a new instance after the release of its associations.
    pub quiet_after_release_seconds: u32,
    /// Seconds after the first instance at which a series is settled at the latest.
    pub deadline_seconds: u32,
}

impl Default for Options {
    fn default() -> Options {
        Options { quiet_seconds: 60, quiet_after_release_seconds: 5, deadline_seconds: 3600 }
    }
}

/// What to do with a series now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Nothing before this time, unless something arrives or an association ends. `i64::MAX`: the series is not being
    /// collected.
    Wait {
        /// When to ask again.
        until_ms: i64,
    },
    /// The series is settled.
    Settle {
        /// Why.
        evidence: &'static str,
    },
}

/// Whether a series is settled at `now_ms`.
pub fn decide(state: &SeriesState, now_ms: i64, options: &Options) -> Decision {
    if state.phase != Phase::Collecting {
        return Decision::Wait { until_ms: i64::MAX };
    }
    let due = evidence_due(state, options);
    let reached = due.iter().flatten().find(|(_, due_ms)| *due_ms <= now_ms);
    if let Some((evidence, _)) = reached {
        return Decision::Settle { evidence };
    }
    Decision::Wait { until_ms: due.iter().flatten().map(|(_, due_ms)| *due_ms).min().unwrap_or(i64::MAX) }
}

/// From when on each evidence holds if nothing further happens, strongest first.
fn evidence_due(state: &SeriesState, options: &Options) -> [Option<(&'static str, i64)>; 5] {
    let after = |from_ms: i64, seconds: u32| from_ms.saturating_add(i64::from(seconds) * 1000);
    // A number that was passed was wrong, and says nothing more.
    let stated = state.expected_count.is_some_and(|expected| expected > 0 && state.instances == expected);
    // A stated number that is not reached contradicts a release: the rest may come over another association.
    let short_of_stated = state.expected_count.is_some_and(|expected| state.instances < expected);
    let released_ms = state.all_released_at_ms().filter(|_| !short_of_stated);
    let last_ms = state.last_arrival_ms;
    [
        stated.then_some((STATED_COUNT, last_ms)),
        released_ms.filter(|_| state.geometry_closed).map(|released_ms| (GEOMETRY_CLOSED, released_ms.max(last_ms))),
        released_ms.map(|released_ms| {
            (ASSOCIATION_RELEASED, after(released_ms.max(last_ms), options.quiet_after_release_seconds))
        }),
        Some((QUIET, after(last_ms, options.quiet_seconds))),
        Some((DEADLINE, after(state.collecting_since_ms, options.deadline_seconds))),
    ]
}

#[cfg(test)]
mod tests;
