//! What a node takes: usual messages, and odd ones that are harmless.

use std::time::Duration;

use resetray::dimse::{CommandField, CommandSet, Quirk};
use resetray::receive::Ending;

use crate::wire_support::*;

#[tokio::test]
async fn an_object_is_kept_as_received_and_answered_with_its_own_message_id() {
    let node = Node::start().await;
    let mut peer = node.associate().await;
    let data = noise(100_000);
    peer.send(&store(77, "1.2.3", &data)).await;
    let (response, _) = peer.response().await;
    assert_eq!(response.field, CommandField::StoreResponse);
    assert_eq!((response.status, response.message_id), (Some(0), 77));
    assert_eq!((response.sop_class_uid.as_str(), response.sop_instance_uid.as_str()), (CT, "1.2.3"));
    peer.release().await;
    let seen = node.stop().await;
    let (incoming, bytes) = &seen.kept[0];
    assert!(*bytes == data);
    assert_eq!((incoming.called.as_str(), incoming.calling.as_str()), ("RESETRAY", "PEER"));
    assert_eq!((incoming.sequence, incoming.transfer_syntax_uid.as_str()), (1, EXPLICIT));
    let summary = &seen.summaries[0];
    assert_eq!(summary.association, incoming.association);
    assert!(summary.released());
    assert_eq!((summary.stored(), summary.refused(), summary.data_set_bytes), (1, 0, 100_000));
    assert_eq!(summary.implementation_class_uid, "1.2.3.4");
    assert!(summary.quirks.is_empty(), "{:?}", summary.quirks);
}

#[tokio::test]
async fn an_echo_is_answered_with_its_own_message_id_and_class() {
    let node = Node::start().await;
    let mut peer = node.associate().await;
    for message_id in [1, 500] {
        let mut echo = CommandSet::new(CommandField::EchoRequest, message_id);
        echo.sop_class_uid = VERIFICATION.to_owned();
        peer.send(&pdu(4, &fragment(3, 3, &echo.encode()))).await;
        let (response, _) = peer.response().await;
        assert_eq!((response.field, response.message_id), (CommandField::EchoResponse, message_id));
        assert_eq!((response.status, response.sop_class_uid.as_str()), (Some(0), VERIFICATION));
    }
    peer.release().await;
    assert_eq!(node.stop().await.summaries[0].echoes, 2);
}

#[tokio::test]
async fn one_byte_fragments_are_joined() {
    let node = Node::start().await;
    let mut peer = node.associate().await;
    let data = noise(600);
    let command = store_command(1, "1.2.3");
    let pieces = |bytes: &[u8], kind: u8| -> Vec<Vec<u8>> {
        let last = bytes.len() - 1;
        let piece = |(index, byte): (usize, &u8)| fragment(1, kind | if index == last { 2 } else { 0 }, &[*byte]);
        bytes.iter().enumerate().map(piece).collect()
    };
    // The command in PDUs of one fragment each; the data set twenty fragments to a PDU.
    for piece in pieces(&command, 1) {
        peer.send(&pdu(4, &piece)).await;
    }
    for twenty in pieces(&data, 0).chunks(20) {
        peer.send(&pdu(4, &twenty.concat())).await;
    }
    assert_eq!(peer.response().await.0.status, Some(0));
    drop(peer);
    assert!(node.stop().await.kept[0].1 == data);
}

#[tokio::test]
async fn a_line_that_delivers_byte_by_byte_is_understood() {
    let node = Node::start().await;
    let mut peer = node.connect().await;
    peer.line.set_nodelay(true).unwrap();
    let request = request("RESETRAY", "PEER", &user_information(&[]));
    for byte in &request {
        peer.send(&[*byte]).await;
    }
    assert_eq!(peer.read().await.unwrap().0, 2);
    for byte in &store(1, "1.2.3", &noise(50)) {
        peer.send(&[*byte]).await;
    }
    assert_eq!(peer.response().await.0.status, Some(0));
    drop(peer);
    assert!(node.stop().await.kept[0].1 == noise(50));
}

#[tokio::test]
async fn messages_and_pdus_need_not_share_their_boundaries() {
    let node = Node::start().await;
    let mut peer = node.associate().await;
    let (first, second) = (noise(300), noise(40));
    // Command, data and the next command in one PDU; an empty PDU and an empty fragment between; odd lengths.
    let mixed = [
        fragment(1, 3, &store_command(1, "1.2.1")),
        fragment(1, 0, &first[..101]),
        fragment(1, 0, &[]),
        fragment(1, 2, &first[101..]),
        fragment(1, 3, &store_command(2, "1.2.2")),
    ];
    peer.send(&pdu(4, &mixed.concat())).await;
    peer.send(&pdu(4, &[])).await;
    peer.send(&pdu(4, &[fragment(1, 0, &second), fragment(1, 0x82, &[])].concat())).await;
    for message_id in [1, 2] {
        assert_eq!(peer.response().await.0.message_id, message_id);
    }
    peer.release().await;
    let seen = node.stop().await;
    assert!(seen.kept[0].1 == first && seen.kept[1].1 == second);
    let expected = [Quirk::EmptyDataPdu, Quirk::EmptyFragment, Quirk::ControlHeaderBits];
    assert!(expected.iter().all(|quirk| seen.summaries[0].quirks.contains(quirk)), "{:?}", seen.summaries[0].quirks);
}

#[tokio::test]
async fn a_data_pdu_of_twice_the_announced_length_is_taken_and_a_longer_one_aborted() {
    let node = Node::start().await;
    let mut peer = node.associate().await;
    let announced = resetray::dimse::P_DATA_LENGTH_ANNOUNCED as usize;
    let data = noise(2 * announced - 6);
    peer.send(&store(1, "1.2.3", &data)).await;
    assert_eq!(peer.response().await.0.status, Some(0));
    peer.send(&store(2, "1.2.4", &noise(2 * announced))).await;
    peer.expect_abort(2, 6).await;
    let seen = node.stop().await;
    assert!(seen.kept[0].1 == data);
    assert!(seen.summaries[0].quirks.contains(&Quirk::LongDataPdu));
}

#[tokio::test]
async fn nul_padded_titles_and_uids_are_understood_and_the_titles_repeated_as_received() {
    let node = Node::start().await;
    let mut peer = node.connect().await;
    let padded_context = context(1, &format!("{CT}\0"), &["1.2.840.10008.1.2\0"]);
    let variable = [item(0x10, b"1.2.840.10008.3.1.1.1\0"), padded_context, user_information(&[])].concat();
    let called = padded("resetray", 0);
    peer.send(&raw_request(3, called, [b' '; 16], &variable)).await;
    let (kind, body) = peer.read().await.unwrap();
    assert_eq!(kind, 2);
    assert_eq!((&body[4..20], &body[20..36]), (&called[..], &[b' '; 16][..]));
    peer.send(&store(1, "1.2.3", &noise(10))).await;
    peer.response().await;
    peer.release().await;
    let seen = node.stop().await;
    assert_eq!(seen.kept[0].0.calling, "UNKNOWN@127.0.0.1");
    assert_eq!(seen.kept[0].0.transfer_syntax_uid.as_str(), IMPLICIT);
    let expected = [Quirk::NulInTitle, Quirk::PaddedUid, Quirk::ProtocolVersionBits, Quirk::BlankCallingTitle];
    assert!(expected.iter().all(|quirk| seen.summaries[0].quirks.contains(quirk)), "{:?}", seen.summaries[0].quirks);
}

#[tokio::test]
async fn unknown_items_role_selection_and_identity_do_not_disturb() {
    let node = Node::start().await;
    let mut peer = node.connect().await;
    let role = |pad: &[u8]| {
        let body = [&(CT.len() as u16).to_be_bytes()[..], CT.as_bytes(), &[1, 1], pad].concat();
        item(0x54, &body)
    };
    let identity = item(0x58, &[1, 1, 0, 4, b'n', b'a', b'm', b'e', 0, 0]);
    let more = [item(0x7f, b"?"), item(0x53, &[0, 0, 0, 0]), role(&[0]), identity].concat();
    let variable = [item(0x70, b"what"), variable_items(&user_information(&more)), vec![9, 9]].concat();
    peer.send(&raw_request(1, padded("RESETRAY", b' '), padded("PEER", b' '), &variable)).await;
    let (kind, body) = peer.read().await.unwrap();
    assert_eq!(kind, 2);
    let role_answer = item(0x54, &[&(CT.len() as u16).to_be_bytes()[..], CT.as_bytes(), &[1, 0]].concat());
    let holds = |part: &[u8]| body.windows(part.len()).any(|window| window == part);
    assert!(holds(&role_answer) && holds(&[0x59, 0, 0, 2, 0, 0]) && !holds(&[0x53, 0, 0, 4]));
    peer.release().await;
    assert_eq!(node.stop().await.summaries[0].ending, Ending::Released);
}

#[tokio::test]
async fn as_many_contexts_as_identifiers_exist_are_answered() {
    let node = Node::start().await;
    let mut peer = node.connect().await;
    let syntaxes: Vec<String> = (0..20).map(|number| format!("1.2.840.10008.1.2.4.{}", 900 + number)).collect();
    let mut syntaxes: Vec<&str> = syntaxes.iter().map(String::as_str).collect();
    syntaxes.push(IMPLICIT);
    let contexts: Vec<Vec<u8>> = (0..128).map(|index| context(2 * index + 1, CT, &syntaxes)).collect();
    let variable = [item(0x10, b"1.2.840.10008.3.1.1.1"), contexts.concat(), user_information(&[])].concat();
    peer.send(&raw_request(1, padded("RESETRAY", b' '), padded("PEER", b' '), &variable)).await;
    assert_eq!(peer.read().await.unwrap().0, 2);
    peer.release().await;
    assert_eq!(node.stop().await.summaries[0].contexts_accepted, 128);
}

#[tokio::test]
async fn an_association_without_an_accepted_context_is_answered_context_by_context() {
    let node = Node::start().await;
    let mut peer = node.connect().await;
    let contexts = [context(1, "1.2.3", &[IMPLICIT]), context(3, CT, &["1.2.3"])].concat();
    let variable = [item(0x10, b"1.2.840.10008.3.1.1.1"), contexts, user_information(&[])].concat();
    peer.send(&raw_request(1, padded("RESETRAY", b' '), padded("PEER", b' '), &variable)).await;
    let (kind, body) = peer.read().await.unwrap();
    assert_eq!(kind, 2);
    let results: Vec<[u8; 2]> = body.windows(8).filter(|item| item[0] == 0x21).map(|item| [item[4], item[6]]).collect();
    assert_eq!(results, [[1, 3], [3, 4]]);
    peer.release().await;
    node.stop().await;
}

#[tokio::test]
async fn a_peer_that_takes_few_bytes_gets_its_answer_in_pieces() {
    let node = Node::start().await;
    let mut peer = node.connect().await;
    peer.send(&request("RESETRAY", "PEER", &user_information_with(32, &[]))).await;
    assert_eq!(peer.read().await.unwrap().0, 2);
    peer.send(&store(1, "1.2.3", &noise(10))).await;
    let (response, count) = peer.response().await;
    assert_eq!(response.status, Some(0));
    assert!(count > 3, "{count}");
    drop(peer);
    node.stop().await;
}

#[tokio::test]
async fn a_missing_class_is_refused_and_blank_padding_is_cut() {
    let node = Node::start().await;
    let mut peer = node.associate().await;
    let mut command = CommandSet::new(CommandField::StoreRequest, 0);
    command.sop_instance_uid = "1.2.3 ".to_owned();
    command.data_set_follows = true;
    let message = [fragment(1, 3, &command.encode()), fragment(1, 2, &noise(8))].concat();
    peer.send(&pdu(4, &message)).await;
    assert_eq!(peer.response().await.0.status, Some(0x0122));
    command.sop_class_uid = CT.to_owned();
    let message = [fragment(1, 3, &command.encode()), fragment(1, 2, &noise(8))].concat();
    peer.send(&pdu(4, &message)).await;
    assert_eq!(peer.response().await.0.status, Some(0));
    peer.release().await;
    let seen = node.stop().await;
    assert_eq!((seen.kept[0].0.sop_class_uid.as_str(), seen.kept[0].0.sop_instance_uid.as_str()), (CT, "1.2.3"));
    assert!(seen.summaries[0].quirks.contains(&Quirk::BlankPaddedCommandUid));
}

#[tokio::test]
async fn an_operation_that_is_not_provided_is_answered_and_the_association_goes_on() {
    let node = Node::start().await;
    let mut peer = node.associate().await;
    let mut find = CommandSet::new(CommandField::Other(0x0020), 9);
    find.sop_class_uid = CT.to_owned();
    find.data_set_follows = true;
    peer.send(&pdu(4, &[fragment(1, 3, &find.encode()), fragment(1, 2, &noise(30))].concat())).await;
    let (response, _) = peer.response().await;
    assert_eq!((response.field, response.status), (CommandField::Other(0x8020), Some(0x0211)));
    // A cancel request has no response; the next message is answered.
    peer.send(&pdu(4, &fragment(1, 3, &CommandSet::new(CommandField::CancelRequest, 9).encode()))).await;
    peer.send(&store(10, "1.2.3", &noise(8))).await;
    assert_eq!(peer.response().await.0.message_id, 10);
    drop(peer);
    node.stop().await;
}

#[tokio::test]
async fn at_shutdown_a_message_under_way_is_answered_and_an_idle_line_aborted() {
    let node = Node::slow(Refuse::Never, options(), Duration::from_millis(200)).await;
    let mut idle = node.associate().await;
    let mut busy = node.associate().await;
    let message = store(1, "1.2.3", &noise(1000));
    busy.send(&message[..message.len() - 500]).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    node.shutdown.cancel();
    idle.expect_abort(0, 0).await;
    busy.send(&message[message.len() - 500..]).await;
    assert_eq!(busy.response().await.0.status, Some(0));
    busy.expect_abort(0, 0).await;
    let seen = node.stop().await;
    assert_eq!(seen.kept.len(), 1);
    assert!(seen.summaries.iter().all(|summary| summary.ending == Ending::Shutdown));
}
