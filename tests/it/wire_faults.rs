//! What a node refuses, how it says so, and that every line ends.

use std::time::Duration;

use resetray::dimse::{CommandField, CommandSet, Phase, Quirk};
use resetray::identity::AeTitle;
use resetray::receive::{CallingTitles, Ending, Limits, Options};

use crate::wire_support::*;

async fn rejected(request: &[u8], code: (u8, u8, u8)) {
    let mut options = options();
    options.application_entities[0].accept_calling = CallingTitles::Listed(vec![AeTitle::parse("PEER").unwrap()]);
    let node = Node::with(Refuse::Never, options).await;
    let mut peer = node.connect().await;
    peer.send(request).await;
    peer.expect_rejection(code.0, code.1, code.2).await;
    let seen = node.stop().await;
    assert_eq!((seen.opened, seen.summaries.len()), (0, 0));
}

#[tokio::test]
async fn each_reason_of_a_rejection_is_told() {
    let user = user_information(&[]);
    let titles = (padded("RESETRAY", b' '), padded("PEER", b' '));
    rejected(&request("OTHER", "PEER", &user), (1, 1, 7)).await;
    rejected(&request("RESETRAY", "OTHER", &user), (1, 1, 3)).await;
    rejected(&raw_request(1, titles.0, [b' '; 16], &variable_items(&user)), (1, 1, 3)).await;
    rejected(&raw_request(2, titles.0, titles.1, &variable_items(&user)), (1, 2, 2)).await;
    let without_context = [item(0x10, b"1.2.840.10008.3.1.1.1"), user.clone()].concat();
    rejected(&raw_request(1, titles.0, titles.1, &without_context), (1, 1, 1)).await;
    let foreign = [item(0x10, b"1.2.3"), context(1, CT, &[IMPLICIT]), user].concat();
    rejected(&raw_request(1, titles.0, titles.1, &foreign), (1, 1, 2)).await;
    rejected(&request("RESETRAY", "PEER", &user_information_with(4, &[])), (1, 1, 1)).await;
}

#[tokio::test]
async fn an_address_that_may_not_call_is_rejected() {
    let mut options = options();
    options.application_entities[0].accept_addresses = vec!["192.0.2.0/24".parse().unwrap()];
    let node = Node::with(Refuse::Never, options).await;
    let mut peer = node.connect().await;
    peer.send(&request("RESETRAY", "PEER", &user_information(&[]))).await;
    peer.expect_rejection(1, 1, 3).await;
    node.stop().await;
}

#[tokio::test]
async fn more_associations_than_allowed_are_rejected_for_now_and_admitted_later() {
    let limits = Limits { associations: 8, associations_per_peer: 2, ..Limits::default() };
    let node = Node::with(Refuse::Never, Options { limits, ..options() }).await;
    let mut first = node.associate().await;
    let second = node.associate().await;
    let mut third = node.connect().await;
    let asked = request("RESETRAY", "PEER", &user_information(&[]));
    third.send(&asked).await;
    third.expect_rejection(2, 3, 2).await;
    first.release().await;
    node.ended(1).await;
    let mut fourth = node.connect().await;
    fourth.send(&asked).await;
    assert_eq!(fourth.read().await.unwrap().0, 2);
    drop((second, fourth));
    node.stop().await;
}

#[tokio::test]
async fn a_storage_without_room_rejects_the_association_for_now() {
    let node = Node::with(Refuse::Association, options()).await;
    let mut peer = node.connect().await;
    peer.send(&request("RESETRAY", "PEER", &user_information(&[]))).await;
    peer.expect_rejection(2, 3, 2).await;
    assert!(node.stop().await.summaries.is_empty());
}

/// Sends `bytes` on a fresh line and expects an abort.
async fn aborted_at_once(bytes: &[u8], reason: u8) {
    let node = Node::start().await;
    let mut peer = node.connect().await;
    peer.send(bytes).await;
    peer.expect_abort(2, reason).await;
    node.stop().await;
}

#[tokio::test]
async fn what_is_no_request_is_aborted_with_its_reason() {
    aborted_at_once(&pdu(9, &[0; 4]), 1).await;
    aborted_at_once(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 1).await;
    aborted_at_once(&[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3], 1).await;
    aborted_at_once(&pdu(4, &fragment(1, 3, &[0; 8])), 2).await;
    aborted_at_once(&pdu(5, &[0; 4]), 2).await;
    aborted_at_once(&[1, 0, 0, 4, 0, 1], 6).await;
    aborted_at_once(&[1, 0, 0xff, 0xff, 0xff, 0xf0], 6).await;
    aborted_at_once(&pdu(1, &[0; 20]), 6).await;
}

/// Sends `bytes` on an open association and expects an abort and its summary.
async fn aborted_later(bytes: &[u8], reason: u8) {
    let node = Node::start().await;
    let mut peer = node.associate().await;
    peer.send(bytes).await;
    peer.expect_abort(2, reason).await;
    let seen = node.stop().await;
    assert!(matches!(seen.summaries[0].ending, Ending::Violation { .. }), "{:?}", seen.summaries[0].ending);
    assert_eq!(seen.kept.len(), 0);
}

#[tokio::test]
async fn each_violation_on_an_open_association_has_its_reason() {
    let command = store_command(1, "1.2.3");
    let started = pdu(4, &fragment(1, 3, &command));
    let after = |more: Vec<u8>| [started.clone(), more].concat();
    aborted_later(&pdu(9, &[0; 4]), 1).await;
    aborted_later(&request("RESETRAY", "PEER", &[]), 2).await;
    aborted_later(&pdu(6, &[0; 4]), 2).await;
    aborted_later(&after(pdu(5, &[0; 4])), 2).await;
    aborted_later(&pdu(4, &fragment(99, 3, &command)), 6).await;
    aborted_later(&pdu(4, &fragment(1, 2, &[0; 8])), 5).await;
    aborted_later(&after(pdu(4, &fragment(1, 3, &command))), 5).await;
    aborted_later(&after(pdu(4, &fragment(3, 2, &[0; 8]))), 6).await;
    aborted_later(&pdu(4, &[[fragment(1, 1, &command[..20])], [fragment(3, 3, &command[20..])]].concat().concat()), 6)
        .await;
    // A P-DATA PDU beyond one mebibyte, a fragment beyond its PDU, a fragment without room for its header.
    aborted_later(&[4, 0, 0, 0x10, 0, 1], 6).await;
    aborted_later(&pdu(4, &[0, 0, 0, 50, 1, 3, 0, 0]), 6).await;
    aborted_later(&pdu(4, &[0, 0, 0, 1, 1, 3]), 6).await;
    aborted_later(&pdu(4, &[0, 0]), 6).await;
    // A command that is none, and one that never ends.
    aborted_later(&pdu(4, &fragment(1, 3, &[8, 0, 5, 0, 0, 0, 0, 0])), 6).await;
    aborted_later(&pdu(4, &fragment(1, 1, &[0; 70_000])), 6).await;
}

#[tokio::test]
async fn fragments_without_data_cannot_go_on_for_ever() {
    let node = Node::start().await;
    let mut peer = node.associate().await;
    peer.send(&pdu(4, &[]).repeat(5000)).await;
    peer.expect_abort(2, 6).await;
    node.stop().await;
}

#[tokio::test]
async fn a_silent_line_and_half_a_request_are_closed_by_the_association_limit() {
    let node = Node::with(Refuse::Never, hasty()).await;
    let mut silent = node.connect().await;
    let mut half = node.connect().await;
    half.send(&request("RESETRAY", "PEER", &[])[..40]).await;
    silent.expect_abort(2, 0).await;
    half.expect_abort(2, 0).await;
    node.stop().await;
}

#[tokio::test]
async fn an_idle_association_and_a_stalled_object_are_closed() {
    let node = Node::with(Refuse::Never, hasty()).await;
    let mut idle = node.associate().await;
    idle.expect_abort(2, 0).await;
    let mut stalled = node.associate().await;
    let message = store(1, "1.2.3", &noise(1000));
    stalled.send(&message[..message.len() - 1]).await;
    stalled.expect_abort(2, 0).await;
    let seen = node.stop().await;
    assert_eq!((seen.kept.len(), seen.abandoned), (0, 1));
    let endings: Vec<&Ending> = seen.summaries.iter().map(|summary| &summary.ending).collect();
    assert_eq!(endings, [&Ending::TimedOut { phase: Phase::Idle }, &Ending::TimedOut { phase: Phase::Message }]);
}

#[tokio::test]
async fn a_whole_object_that_takes_too_long_is_given_up() {
    let mut options = options();
    options.timeouts.object = Duration::from_millis(200);
    let node = Node::with(Refuse::Never, options).await;
    let mut peer = node.associate().await;
    peer.send(&pdu(4, &fragment(1, 3, &store_command(1, "1.2.3")))).await;
    // Never silent for long, never done either.
    for _ in 0..40 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        if tokio::io::AsyncWriteExt::write_all(&mut peer.line, &pdu(4, &fragment(1, 0, &[0; 2]))).await.is_err() {
            break;
        }
    }
    node.ended(1).await;
    drop(peer);
    let seen = node.stop().await;
    assert_eq!(seen.summaries[0].ending, Ending::TimedOut { phase: Phase::Message });
    assert_eq!(seen.abandoned, 1);
}

#[tokio::test]
async fn a_refused_object_is_read_to_its_end_and_answered_and_the_next_one_too() {
    for refuse in [Refuse::Begin, Refuse::Write, Refuse::Commit] {
        let node = Node::with(refuse, options()).await;
        let mut peer = node.associate().await;
        for message_id in [1, 2] {
            peer.send(&store(message_id, "1.2.3", &noise(100_000))).await;
            let (response, _) = peer.response().await;
            assert_eq!((response.status, response.message_id), (Some(0xA700), message_id));
            assert_eq!(response.error_comment.as_deref(), Some("no room for this"));
        }
        peer.release().await;
        let seen = node.stop().await;
        assert_eq!((seen.summaries[0].stored(), seen.summaries[0].refused()), (0, 2));
        assert_eq!(seen.summaries[0].instances[1].status, 0xA700);
        assert_eq!(seen.abandoned, if refuse == Refuse::Begin { 0 } else { 2 });
    }
}

#[tokio::test]
async fn an_object_beyond_the_length_limit_is_refused() {
    let limits = Limits { object_length: 1000, ..Limits::default() };
    let node = Node::with(Refuse::Never, Options { limits, ..options() }).await;
    let mut peer = node.associate().await;
    peer.send(&store(1, "1.2.3", &noise(1001))).await;
    assert_eq!(peer.response().await.0.status, Some(0xA700));
    peer.send(&store(2, "1.2.4", &noise(1000))).await;
    assert_eq!(peer.response().await.0.status, Some(0));
    drop(peer);
    let seen = node.stop().await;
    assert_eq!((seen.kept.len(), seen.abandoned), (1, 1));
}

#[tokio::test]
async fn requests_that_cannot_be_stored_are_answered_with_their_status() {
    let node = Node::start().await;
    let mut peer = node.associate().await;
    let mut command = CommandSet::new(CommandField::StoreRequest, 1);
    command.sop_class_uid = CT.to_owned();
    command.data_set_follows = true;
    for (context, instance, data, status) in
        [(1, "", true, 0x0117), (1, "../x", true, 0x0117), (1, "1.2.3", false, 0xC000), (3, "1.2.3", true, 0x0122)]
    {
        command.sop_instance_uid = instance.to_owned();
        command.data_set_follows = data;
        let mut message = fragment(context, 3, &command.encode());
        if data {
            message.extend(fragment(context, 2, &noise(8)));
        }
        peer.send(&pdu(4, &message)).await;
        let (response, _) = peer.response().await;
        assert_eq!(response.status, Some(status), "{response:?}");
        assert!(response.error_comment.is_some());
    }
    command.sop_class_uid = "1.2.840.10008.5.1.4.1.1.4".to_owned();
    command.sop_instance_uid = "1.2.3".to_owned();
    command.data_set_follows = true;
    peer.send(&pdu(4, &[fragment(1, 3, &command.encode()), fragment(1, 2, &noise(8))].concat())).await;
    assert_eq!(peer.response().await.0.status, Some(0x0122));
    peer.release().await;
    node.stop().await;
}

#[tokio::test]
async fn an_abort_or_a_closed_line_inside_an_object_abandons_it() {
    let node = Node::start().await;
    let message = store(1, "1.2.3", &noise(1000));
    let mut aborting = node.associate().await;
    let command = pdu(4, &fragment(1, 3, &store_command(1, "1.2.3")));
    aborting.send(&[command, pdu(4, &fragment(1, 0, &noise(50))), pdu(7, &[0, 0, 0, 0])].concat()).await;
    assert_eq!(aborting.read().await, None);
    node.ended(1).await;
    let mut closing = node.associate().await;
    closing.send(&message[..500]).await;
    drop(closing);
    node.ended(2).await;
    drop(aborting);
    let seen = node.stop().await;
    assert_eq!((seen.kept.len(), seen.abandoned), (0, 2));
    assert_eq!(seen.summaries[0].ending, Ending::AbortedByPeer { origin: 0, reason: 0 });
    assert_eq!(seen.summaries[1].ending, Ending::LineClosed { phase: Phase::Message });
}

#[tokio::test]
async fn a_line_closed_without_release_is_told_as_such() {
    let node = Node::start().await;
    let mut peer = node.associate().await;
    peer.send(&store(1, "1.2.3", &noise(10))).await;
    peer.response().await;
    drop(peer);
    node.ended(1).await;
    let seen = node.stop().await;
    assert!(!seen.summaries[0].released());
    assert!(seen.summaries[0].quirks.contains(&Quirk::ClosedWithoutRelease));
    assert_eq!(seen.kept.len(), 1);
}

#[tokio::test]
async fn a_storage_that_crashes_costs_its_association_only() {
    let node = Node::with(Refuse::Panic, options()).await;
    let mut peer = node.associate().await;
    peer.send(&store(1, "1.2.3", &noise(10))).await;
    assert_eq!(peer.read().await, None);
    let mut next = node.associate().await;
    next.release().await;
    node.stop().await;
}

/// What answers a PDU.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Answer {
    /// A PDU of this type.
    Pdu(u8),
    /// An A-ABORT of the service provider with this reason.
    Abort(u8),
    /// The end of the line.
    End,
}

async fn answer_to(opening: &[u8], open: bool, sent: &[u8]) -> Answer {
    let node = Node::start().await;
    let mut peer = if open { node.associate().await } else { node.connect().await };
    peer.send(&[opening, sent].concat()).await;
    let answer = match peer.read().await {
        None => Answer::End,
        Some((7, body)) if body[2] == 2 => Answer::Abort(body[3]),
        Some((kind, _)) => Answer::Pdu(kind),
    };
    drop(peer);
    node.stop().await;
    answer
}

#[tokio::test]
async fn every_pdu_has_its_answer_in_every_state() {
    use Answer::{Abort, End, Pdu};
    let command = store_command(1, "1.2.3");
    let data = pdu(4, &fragment(1, 2, &[0; 8]));
    let sent = [
        request("RESETRAY", "PEER", &user_information(&[])),
        pdu(2, &[0; 80]),
        pdu(3, &[0, 1, 1, 1]),
        data.clone(),
        pdu(5, &[0; 4]),
        pdu(6, &[0; 4]),
        pdu(7, &[0; 4]),
        pdu(8, &[0; 4]),
    ];
    let half_a_command = pdu(4, &fragment(1, 1, &command[..30]));
    let a_command = pdu(4, &fragment(1, 3, &command));
    let states: [(&str, &[u8], bool, [Answer; 8]); 4] = [
        ("no association", &[], false, [Pdu(2), Abort(2), Abort(2), Abort(2), Abort(2), Abort(2), End, Abort(1)]),
        ("idle", &[], true, [Abort(2), Abort(2), Abort(2), Abort(5), Pdu(6), Abort(2), End, Abort(1)]),
        (
            "in a command",
            &half_a_command,
            true,
            [Abort(2), Abort(2), Abort(2), Abort(5), Abort(2), Abort(2), End, Abort(1)],
        ),
        ("in a data set", &a_command, true, [Abort(2), Abort(2), Abort(2), Pdu(4), Abort(2), Abort(2), End, Abort(1)]),
    ];
    for (state, opening, open, answers) in states {
        for (bytes, expected) in sent.iter().zip(answers) {
            let found = answer_to(opening, open, bytes).await;
            assert_eq!(found, expected, "PDU {} in state {state}", bytes[0]);
        }
    }
}

#[tokio::test]
async fn a_peer_that_drips_single_bytes_is_given_up() {
    let node = Node::with(Refuse::Never, hasty()).await;
    let mut peer = node.associate().await;
    peer.send(&pdu(4, &fragment(1, 3, &store_command(1, "1.2.3")))).await;
    peer.send(&[4, 0, 0, 1, 0, 0, 0, 0, 0xff, 0xfc, 1, 2]).await;
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        if tokio::io::AsyncWriteExt::write_all(&mut peer.line, &[0]).await.is_err() {
            break;
        }
    }
    node.ended(1).await;
    drop(peer);
    let seen = node.stop().await;
    assert_eq!(seen.summaries[0].ending, Ending::TimedOut { phase: Phase::Message });
    assert_eq!((seen.kept.len(), seen.abandoned), (0, 1));
}

#[tokio::test]
async fn lines_without_an_association_are_limited_by_address() {
    let limits = Limits { associations_per_peer: 1, ..Limits::default() };
    let node = Node::with(Refuse::Never, Options { limits, ..options() }).await;
    let mut silent = Vec::new();
    for _ in 0..17 {
        silent.push(node.connect().await);
    }
    let mut beyond = node.connect().await;
    assert_eq!(beyond.read().await, None);
    // One line fewer, and the next one is served.
    drop(silent.pop());
    let asked = request("RESETRAY", "PEER", &user_information(&[]));
    let mut served = None;
    for _ in 0..100 {
        let mut next = node.connect().await;
        if tokio::io::AsyncWriteExt::write_all(&mut next.line, &asked).await.is_ok() {
            served = next.read().await;
        }
        if served.is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(served.map(|(kind, _)| kind), Some(2));
    drop(silent);
    node.stop().await;
}

#[tokio::test]
async fn a_peer_that_never_reads_its_answers_is_given_up() {
    let mut options = options();
    options.timeouts.write = Duration::from_millis(150);
    let node = Node::with(Refuse::Never, options).await;
    let mut peer = node.associate().await;
    let mut echo = CommandSet::new(CommandField::EchoRequest, 1);
    echo.sop_class_uid = VERIFICATION.to_owned();
    let echoes = pdu(4, &fragment(3, 3, &echo.encode())).repeat(1000);
    let sending = async { while tokio::io::AsyncWriteExt::write_all(&mut peer.line, &echoes).await.is_ok() {} };
    tokio::select! {
        () = sending => {}
        () = node.ended(1) => {}
    }
    node.ended(1).await;
    drop(peer);
    assert_eq!(node.stop().await.summaries[0].ending, Ending::TimedOut { phase: Phase::Writing });
}
