use proptest::prelude::*;

use super::*;
use crate::identity::AeTitle;
use crate::identity::SeriesKey;
use crate::identity::Uid;

const SECOND: i64 = 1000;

fn empty() -> SeriesState {
    let key =
        SeriesKey { called: AeTitle::parse("RESETRAY").unwrap(), series_instance_uid: Uid::parse("1.2.3").unwrap() };
    SeriesState::new(key, 0)
}

fn arrival(association: &str, at_ms: i64, kind: ArrivalKind) -> Arrival<'_> {
    Arrival { association, calling: "CT01", at_ms, kind }
}

fn with_instances(count: i64) -> SeriesState {
    let mut state = empty();
    for number in 0..count {
        state.arrived(&arrival("a1", number * SECOND, ArrivalKind::New));
    }
    state
}

fn at(state: &SeriesState, now_ms: i64) -> Decision {
    decide(state, now_ms, &Options::default())
}

fn done() -> SeriesState {
    let mut state = with_instances(10);
    state.settle(QUIET);
    assert_eq!(state.lease(100 * SECOND, SECOND, false), Lease::Granted { attempt: 1 });
    state.finished("d1");
    state
}

#[test]
fn a_released_series_settles_after_a_short_quiet() {
    let mut state = with_instances(10);
    state.association_ended("a1", AssociationEnding::Released, 9_500);
    assert_eq!(at(&state, 14_499), Decision::Wait { until_ms: 14_500 });
    assert_eq!(at(&state, 14_500), Decision::Settle { evidence: ASSOCIATION_RELEASED });
}

#[test]
fn an_aborted_association_is_evidence_of_nothing() {
    let mut state = with_instances(10);
    state.association_ended("a1", AssociationEnding::Aborted, 9_500);
    assert_eq!(at(&state, 68_999), Decision::Wait { until_ms: 69_000 });
    assert_eq!(at(&state, 69_000), Decision::Settle { evidence: QUIET });
}

#[test]
fn a_sender_that_comes_back_after_an_abort_and_releases_has_finished() {
    let mut state = with_instances(10);
    state.association_ended("a1", AssociationEnding::Aborted, 9_500);
    state.arrived(&arrival("a2", 11_000, ArrivalKind::New));
    assert_eq!(at(&state, 20_000), Decision::Wait { until_ms: 71_000 });
    state.association_ended("a2", AssociationEnding::Released, 12_000);
    assert_eq!(at(&state, 17_000), Decision::Settle { evidence: ASSOCIATION_RELEASED });
}

#[test]
fn one_open_association_of_two_holds_the_series_open() {
    let mut state = with_instances(10);
    state.arrived(&arrival("a2", 9_000, ArrivalKind::New));
    state.association_ended("a1", AssociationEnding::Released, 9_500);
    assert_eq!(at(&state, 30_000), Decision::Wait { until_ms: 69_000 });
}

#[test]
fn the_stated_number_settles_at_once_and_a_smaller_one_outweighs_a_release() {
    let mut state = with_instances(10);
    state.expected_count = Some(10);
    assert_eq!(at(&state, 9_000), Decision::Settle { evidence: STATED_COUNT });
    state.expected_count = Some(11);
    state.association_ended("a1", AssociationEnding::Released, 9_500);
    assert_eq!(at(&state, 30_000), Decision::Wait { until_ms: 69_000 });
}

#[test]
fn late_replacements_do_not_each_make_a_revision() {
    let mut state = with_instances(10);
    state.expected_count = Some(10);
    state.settle(STATED_COUNT);
    state.lease(10 * SECOND, SECOND, false);
    state.finished("d1");
    state.arrived(&arrival("a2", 500 * SECOND, ArrivalKind::Replaced));
    assert_eq!(at(&state, 501 * SECOND), Decision::Wait { until_ms: 560 * SECOND });
}

#[test]
fn a_number_that_was_passed_says_nothing() {
    let mut state = with_instances(10);
    state.expected_count = Some(5);
    assert_eq!(at(&state, 10 * SECOND), Decision::Wait { until_ms: 69 * SECOND });
}

#[test]
fn closed_geometry_needs_a_release_but_no_quiet() {
    let mut state = with_instances(10);
    state.geometry_closed = true;
    assert_eq!(at(&state, 10_000), Decision::Wait { until_ms: 69_000 });
    state.association_ended("a1", AssociationEnding::Released, 10_000);
    assert_eq!(at(&state, 10_000), Decision::Settle { evidence: GEOMETRY_CLOSED });
}

#[test]
fn a_series_that_never_pauses_settles_at_the_deadline() {
    let mut state = empty();
    for number in 0..=3600 / 30 {
        state.arrived(&arrival("a1", number * 30 * SECOND, ArrivalKind::New));
    }
    assert_eq!(at(&state, 3_599_999), Decision::Wait { until_ms: 3_600_000 });
    assert_eq!(at(&state, 3_600_000), Decision::Settle { evidence: DEADLINE });
}

#[test]
fn an_identical_late_copy_changes_nothing() {
    let mut state = done();
    let before = state.clone();
    assert_eq!(state.arrived(&arrival("a9", 500 * SECOND, ArrivalKind::Identical)), Change::Nothing);
    assert_eq!(state, before);
}

#[test]
fn a_late_different_instance_opens_the_next_revision() {
    let mut state = done();
    assert_eq!(state.arrived(&arrival("a9", 500 * SECOND, ArrivalKind::New)), Change::Reopened);
    assert_eq!((state.revision, state.instances, &state.phase), (2, 11, &Phase::Collecting));
    assert_eq!(at(&state, 501 * SECOND), Decision::Wait { until_ms: 560 * SECOND });
    assert_eq!(at(&state, 560 * SECOND), Decision::Settle { evidence: QUIET });
}

#[test]
fn an_instance_that_comes_while_a_worker_is_busy_opens_the_next_revision_afterwards() {
    let mut state = with_instances(10);
    state.settle(QUIET);
    state.lease(100 * SECOND, 60 * SECOND, false);
    state.arrived(&arrival("a9", 101 * SECOND, ArrivalKind::New));
    assert!(matches!(state.phase, Phase::Processing { .. }));
    state.finished("d1");
    assert_eq!((state.revision, &state.phase), (2, &Phase::Collecting));
    assert_eq!(at(&state, 161 * SECOND), Decision::Settle { evidence: QUIET });
}

#[test]
fn two_crashes_quarantine_and_a_living_lease_is_respected() {
    let mut state = with_instances(3);
    state.settle(QUIET);
    assert_eq!(state.lease(0, 10 * SECOND, false), Lease::Granted { attempt: 1 });
    assert_eq!(state.lease(9 * SECOND, 10 * SECOND, false), Lease::NotNow);
    assert_eq!(state.lease(9 * SECOND, 10 * SECOND, true), Lease::Granted { attempt: 2 });
    assert_eq!(state.lease(19 * SECOND, 10 * SECOND, false), Lease::Quarantined);
    assert!(matches!(&state.phase, Phase::Quarantined { reason } if reason.contains("2 times")));
    assert_eq!(state.lease(99 * SECOND, 10 * SECOND, true), Lease::NotNow);
}

#[test]
fn a_quarantined_series_gets_one_more_attempt_for_a_further_instance() {
    let mut state = with_instances(3);
    state.settle(QUIET);
    for _ in 0..3 {
        state.lease(0, 0, true);
    }
    assert_eq!(state.arrived(&arrival("a2", 9, ArrivalKind::New)), Change::Reopened);
    state.settle(QUIET);
    assert_eq!(state.lease(10, 0, false), Lease::Granted { attempt: 2 });
    assert_eq!(state.lease(10, 0, true), Lease::Quarantined);
}

#[test]
fn waiting_is_no_crash() {
    let mut state = with_instances(3);
    state.settle(QUIET);
    for round in 0..5 {
        assert_eq!(state.lease(round * 100, 1_000, false), Lease::Granted { attempt: 1 });
        state.wait("results folder full", Some(round * 100 + 50));
        assert_eq!(state.lease(round * 100 + 49, 1_000, false), Lease::NotNow);
    }
}

#[test]
fn a_clock_that_was_set_back_does_not_hold_a_series() {
    let mut state = with_instances(1);
    state.arrived(&arrival("a1", 1_000_000 * SECOND, ArrivalKind::New));
    state.clamp_times(10 * SECOND);
    assert_eq!(at(&state, 70 * SECOND), Decision::Settle { evidence: QUIET });
}

#[test]
fn what_is_remembered_of_associations_is_bounded() {
    let mut state = empty();
    for number in 0..1_000 {
        let id = format!("a{number}");
        state.arrived(&arrival(&id, number, ArrivalKind::New));
        state.association_ended(&id, AssociationEnding::Released, number);
    }
    assert_eq!(state.associations.len(), ASSOCIATIONS_MAX);
    assert_eq!(state.all_released_at_ms(), Some(999));
}

#[derive(Debug, Clone)]
enum Event {
    Arrives(u8, ArrivalKind),
    Ends(u8, AssociationEnding),
    Settles,
    Leases(bool),
    Finishes,
    States(u64),
}

fn event() -> impl Strategy<Value = Event> {
    let kind = prop_oneof![
        4 => Just(ArrivalKind::New),
        2 => Just(ArrivalKind::Identical),
        1 => Just(ArrivalKind::ConflictKept),
        1 => Just(ArrivalKind::Replaced),
    ];
    let ending = prop_oneof![Just(AssociationEnding::Released), Just(AssociationEnding::Aborted)];
    prop_oneof![
        6 => (0..4u8, kind).prop_map(|(id, kind)| Event::Arrives(id, kind)),
        2 => (0..4u8, ending).prop_map(|(id, ending)| Event::Ends(id, ending)),
        1 => Just(Event::Settles),
        1 => any::<bool>().prop_map(Event::Leases),
        1 => Just(Event::Finishes),
        1 => (0..30u64).prop_map(Event::States),
    ]
}

fn apply(state: &mut SeriesState, event: &Event, at_ms: i64) {
    match event {
        Event::Arrives(id, kind) => {
            state.arrived(&arrival(&format!("a{id}"), at_ms, *kind));
        }
        Event::Ends(id, ending) => {
            state.association_ended(&format!("a{id}"), *ending, at_ms);
        }
        Event::Settles => state.settle(QUIET),
        Event::Leases(gone) => {
            state.lease(at_ms, 30 * SECOND, *gone);
        }
        Event::Finishes => state.finished("d"),
        Event::States(count) => state.expected_count = Some(*count),
    }
}

proptest! {
    /// The time that a wait names is the time at which the series settles, and it stays settled.
    #[test]
    fn a_wait_ends_when_it_says(events in prop::collection::vec((event(), 0..90_000i64), 1..40)) {
        let mut state = empty();
        let mut now_ms = 0;
        for (event, pause_ms) in &events {
            now_ms += pause_ms;
            apply(&mut state, event, now_ms);
        }
        match at(&state, now_ms) {
            Decision::Wait { until_ms: i64::MAX } => prop_assert!(state.phase != Phase::Collecting),
            Decision::Wait { until_ms } => {
                prop_assert!(until_ms > now_ms && until_ms <= now_ms + 60 * SECOND);
                prop_assert_eq!(at(&state, until_ms - 1), Decision::Wait { until_ms });
                let settled = matches!(at(&state, until_ms), Decision::Settle { .. });
                prop_assert!(settled);
            }
            Decision::Settle { .. } => {
                let settled = matches!(at(&state, now_ms + 1_000_000), Decision::Settle { .. });
                prop_assert!(settled);
            }
        }
    }

    /// A stored state is the whole state: a restart between any two events changes nothing.
    #[test]
    fn a_restart_forgets_nothing(events in prop::collection::vec((event(), 0..90_000i64), 1..40)) {
        let (mut lived, mut restarted) = (empty(), empty());
        let mut now_ms = 0;
        for (event, pause_ms) in &events {
            now_ms += pause_ms;
            apply(&mut lived, event, now_ms);
            apply(&mut restarted, event, now_ms);
            let text = serde_json::to_string(&restarted).unwrap();
            restarted = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(&lived, &restarted);
            prop_assert_eq!(at(&lived, now_ms), at(&restarted, now_ms));
        }
    }

    /// Every new instance is counted once and the revision never falls.
    #[test]
    fn counts_and_revisions_only_grow(events in prop::collection::vec((event(), 0..90_000i64), 1..60)) {
        let mut state = empty();
        let (mut now_ms, mut new, mut revision) = (0, 0, 1);
        for (event, pause_ms) in &events {
            now_ms += pause_ms;
            new += u64::from(matches!(event, Event::Arrives(_, ArrivalKind::New)));
            apply(&mut state, event, now_ms);
            prop_assert_eq!(state.instances, new);
            prop_assert!(state.revision >= revision && state.revision <= revision + 1);
            revision = state.revision;
            prop_assert!(state.crashes <= CRASHES_MAX);
        }
    }
}
