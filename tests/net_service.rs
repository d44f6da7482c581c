//! The acceptor and the requestor over real sockets: storing, spooling, limits, failures of the handler, and the end.

#![expect(clippy::expect_used, reason = "a test may stop at the first surprise")]

#[path = "support/peer.rs"]
mod peer;

use condenser::dicom::{Source, Tag, TransferSyntax, VERIFICATION, uids};
use condenser::net::{
    Config, ContextRefusal, Deadlines, Limits, ProposedContext, Requestor, RequestorError, RequestorOptions,
    Status, StoreAnswer, UnknownSopClasses,
};
use peer::*;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

fn syntax(uid: &str) -> &'static TransferSyntax {
    TransferSyntax::of_uid(uid).expect("known")
}

fn options() -> RequestorOptions {
    RequestorOptions::new("SENDER", "CONDENSER")
}

fn proposing(abstract_syntax: &str, transfer_syntaxes: &[&str]) -> ProposedContext {
    ProposedContext {
        abstract_syntax: abstract_syntax.to_owned(),
        transfer_syntaxes: transfer_syntaxes.iter().map(|uid| syntax(uid)).collect(),
    }
}

fn connect(node: &Node) -> Requestor {
    let contexts = [
        proposing(VERIFICATION, &[uids::IMPLICIT_VR_LITTLE_ENDIAN]),
        proposing(CT, &[uids::IMPLICIT_VR_LITTLE_ENDIAN]),
    ];
    Requestor::connect(node.address, options(), &contexts).expect("is accepted")
}

fn content(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 31 + i / 257) as u8).collect()
}

/// A node whose instances wait until they are let go; gives the signals of arrival and the permits to go.
fn gated(config: Config) -> (Node, Receiver<()>, Sender<()>) {
    let (arrived, arrivals) = channel();
    let (permit, permits) = channel();
    let gate = Mutex::new((arrived, permits));
    let node = Node::behaving(config, move |_| {
        let gate = gate.lock().expect("no panic");
        gate.0.send(()).expect("somebody listens");
        // Without a sender nobody waits for the answer any more.
        let _ = gate.1.recv();
        StoreAnswer::from(Status::SUCCESS)
    });
    (node, arrivals, permit)
}

/// Without memory, the first bytes of a data set ask for a spool file: so a test can see that they have arrived.
fn without_memory() -> Config {
    let limits = Limits { memory: 0, memory_per_data_set: 0, ..Limits::default() };
    Config { limits, ..Config::default() }
}

#[test]
fn instances_arrive_as_they_were_sent_in_memory_and_spooled() {
    let limits = Limits { memory_per_data_set: 1 << 20, ..Limits::default() };
    let node = Node::start(Config { limits, ..Config::default() });
    let mut requestor = connect(&node);
    let sizes = [0, 1, 2, 65_535, 131_060, 131_062, 300_001, 1 << 20, (1 << 20) + 1, 5_000_003];
    for (at, size) in sizes.into_iter().enumerate() {
        let answer = requestor.store(3, CT, &format!("1.2.{at}"), &content(size)).expect("stores");
        assert_eq!(answer, StoreAnswer::from(Status::SUCCESS));
    }
    assert_eq!(requestor.echo().expect("echoes").status, Status::SUCCESS);
    requestor.release().expect("is released");
    node.seen.wait("the end", |seen| seen.closed.len() == 1);
    node.seen.look(|seen| {
        assert_eq!(seen.stored.len(), sizes.len());
        for ((at, size), (uid, bytes, spooled)) in sizes.into_iter().enumerate().zip(&seen.stored) {
            assert_eq!((uid, *spooled), (&format!("1.2.{at}"), size > 1 << 20));
            assert!(*bytes == content(size), "{size} bytes differ");
        }
        assert_eq!(seen.closed[0].0, "released");
    });
}

#[test]
fn without_a_memory_budget_everything_is_spooled() {
    let node = Node::start(without_memory());
    for _ in 0..2 {
        let mut requestor = connect(&node);
        requestor.store(3, CT, "1.2", &content(700_000)).expect("stores");
    }
    node.seen.look(|seen| {
        assert!(seen.stored.iter().all(|(_, bytes, spooled)| *spooled && *bytes == content(700_000)));
    });
}

#[test]
fn a_data_set_beyond_the_limit_is_answered_with_a_failure_and_the_next_one_stored() {
    let limits = Limits { data_set: 1_000_000, ..Limits::default() };
    let node = Node::start(Config { limits, ..Config::default() });
    let mut requestor = connect(&node);
    let answer = requestor.store(3, CT, "1.2.1", &content(1_000_001)).expect("is answered");
    assert_eq!(answer.status, Status::STORAGE_ERROR);
    let answer = requestor.store(3, CT, "1.2.2", &content(1_000_000)).expect("is answered");
    assert_eq!(answer.status, Status::SUCCESS);
    assert_eq!(node.seen.stored(), ["1.2.2"]);
    node.seen.look(|seen| assert_eq!(seen.failed, ["the data set has more than 1000000 bytes"]));
}

#[test]
fn p10_a_panic_of_the_handler_is_an_answer_and_not_the_end() {
    let node = Node::behaving(Config::default(), |received| {
        assert_ne!(received.sop_instance.text, "1.2.666", "a bug");
        StoreAnswer::from(Status::SUCCESS)
    });
    let mut requestor = connect(&node);
    let answer = requestor.store(3, CT, "1.2.666", &content(1_000)).expect("is answered");
    assert_eq!(answer.status, Status::STORAGE_ERROR);
    let answer = requestor.store(3, CT, "1.2.1", &content(1_000)).expect("is answered");
    assert_eq!(answer.status, Status::SUCCESS);
    node.seen.look(|seen| assert_eq!(seen.failed, ["an internal error while storing"]));
}

#[test]
fn what_the_handler_answers_reaches_the_sender() {
    let answer = StoreAnswer {
        status: Status::DATA_SET_DOES_NOT_MATCH_SOP_CLASS,
        comment: Some("SOP class of the data set is another one".to_owned()),
        offending: vec![Tag::SOP_CLASS_UID, Tag::SOP_INSTANCE_UID],
    };
    let expected = answer.clone();
    let node = Node::behaving(Config::default(), move |_| answer.clone());
    let mut requestor = connect(&node);
    assert_eq!(requestor.store(3, CT, "1.2", &content(10)).expect("is answered"), expected);

    // The same in crumbs, for a peer that takes little.
    let mut peer = Peer::connect(&node);
    peer.send(&associate_rq(&Rq { max_length: 64, ..Rq::default() }));
    assert_eq!(peer.read_pdu().map(|pdu| pdu.0), Some(2));
    peer.send(&pdata(&[pdv(1, COMMAND_END, &store_rq(1, "1.2")), pdv(1, DATA_END, b"data")]));
    let mut set = Vec::new();
    loop {
        let Some(Pdu(4, body)) = peer.read_pdu() else { panic!("no response") };
        assert!(body.len() <= 64);
        set.extend_from_slice(&body[6..]);
        if body[5] == COMMAND_END {
            break;
        }
    }
    assert_eq!(element(&set, 0x0900), Some(vec![0x00, 0xA9]));
    assert_eq!(element(&set, 0x0902), Some(b"SOP class of the data set is another one".to_vec()));
}

#[test]
fn the_handler_learns_what_was_agreed_and_what_was_said() {
    let (tell, told) = channel();
    let tell = Mutex::new(tell);
    let node = Node::behaving(Config::default(), move |received| {
        let association = &received.association;
        let facts = (
            (association.calling.clone(), association.called.clone(), association.peer.ip().is_loopback()),
            (received.context_id, received.transfer_syntax.uid, received.message_id),
            (received.sop_class.text.clone(), received.sop_instance.text.clone()),
            received.sop_instance.uid.is_ok(),
            received.data_set.len(),
        );
        tell.lock().expect("no panic").send(facts).expect("somebody listens");
        StoreAnswer::from(Status::SUCCESS)
    });
    let mut peer = Peer::associate(&node);
    let mut elements = store_elements(258, CT, "1.2.03");
    elements[5].1 = b"1.2.03  ".to_vec();
    let set = command_set(&elements);
    peer.send(&pdata(&[pdv(1, COMMAND_END, &set), pdv(1, DATA_END, b"data")]));
    peer.expect_response(0x8001, 258, Status::SUCCESS);
    let expected = (
        ("PEER".to_owned(), "CONDENSER".to_owned(), true),
        (1, uids::IMPLICIT_VR_LITTLE_ENDIAN, 258),
        (CT.to_owned(), "1.2.03".to_owned()),
        false,
        4,
    );
    assert_eq!(told.recv().expect("was told"), expected);
}

#[test]
fn contexts_are_agreed_by_the_preference_of_the_node() {
    let all = [uids::JPEG_BASELINE, uids::IMPLICIT_VR_LITTLE_ENDIAN, uids::JPEG_LS_LOSSLESS];
    let proposed = [
        proposing(CT, &all),
        proposing(MR, &all[..1]),
        proposing("1.2.826.0.1.3680043.8.1", &all),
        proposing("1.2.840.10008.5.1.4.1.2.2.1", &all),
        proposing(VERIFICATION, &[]),
    ];
    let mut config = Config { preferred: Some(syntax(uids::JPEG_LS_LOSSLESS)), ..Config::default() };
    for (unknown, private) in [
        (UnknownSopClasses::Accept, Ok(uids::JPEG_LS_LOSSLESS)),
        (UnknownSopClasses::Refuse, Err(ContextRefusal::AbstractSyntax)),
    ] {
        config.unknown_sop_classes = unknown;
        let node = Node::start(config.clone());
        let requestor = Requestor::connect(node.address, options(), &proposed).expect("is accepted");
        let results: Vec<_> =
            requestor.contexts().iter().map(|context| context.result.map(|syntax| syntax.uid)).collect();
        let expected = [
            Ok(uids::JPEG_LS_LOSSLESS),
            Ok(uids::JPEG_BASELINE),
            private,
            Err(ContextRefusal::AbstractSyntax),
            Err(ContextRefusal::TransferSyntaxes),
        ];
        assert_eq!(results, expected);
    }
}

#[test]
fn a_requestor_is_told_why_it_is_not_let_in() {
    let node = Node::start(Config::default());
    let wrong = RequestorOptions::new("SENDER", "SOMEBODY");
    let error =
        Requestor::connect(node.address, wrong, &[proposing(VERIFICATION, &[])]).expect_err("rejected");
    assert!(matches!(error, RequestorError::Rejected([1, 1, 7])), "{error}");
    let long = RequestorOptions::new("SENDER", "A NAME OF SEVENTEEN");
    let error = Requestor::connect(node.address, long, &[]).expect_err("cannot be written");
    assert!(matches!(error, RequestorError::Request(_)), "{error}");
    let address = node.address;
    drop(node);
    let error = Requestor::connect(address, options(), &[]).expect_err("nobody listens");
    assert!(matches!(error, RequestorError::Connect(_)), "{error}");
}

#[test]
fn n08_a_peer_that_never_reads_its_responses_is_left() {
    let deadlines = Deadlines { response: Duration::from_millis(300), ..Deadlines::default() };
    let node = Node::start(Config { deadlines, ..Config::default() });
    let mut peer = Peer::associate(&node);
    let echoes = pdata(&vec![pdv(5, COMMAND_END, &echo_rq(1)); 1_000]);
    // When the buffers in between are full, the node cannot answer, reads no more, and gives up.
    assert!((0..10_000).any(|_| !peer.try_send(&echoes)), "a gigabyte of echoes was taken");
    node.seen.wait("the end", |seen| seen.closed.len() == 1);
    node.seen
        .look(|seen| assert_eq!(seen.closed[0].1, "the peer took too long before it had taken the response"));
    Peer::associate(&node).expect_life();
}

#[test]
fn n09_what_was_sent_to_its_end_is_kept_although_the_sender_is_gone() {
    let (node, arrivals, permit) = gated(Config::default());
    let mut peer = Peer::associate(&node);
    peer.send(&pdata(&[pdv(1, COMMAND_END, &store_rq(1, "1.2.9")), pdv(1, DATA_END, b"data")]));
    arrivals.recv().expect("arrives");
    peer.reset();
    permit.send(()).expect("is waited for");
    node.seen.wait("the end", |seen| seen.closed.len() == 1);
    assert_eq!(node.seen.stored(), ["1.2.9"]);
}

#[test]
fn at_the_end_running_messages_are_answered_idle_peers_aborted_and_new_ones_told_to_come_later() {
    let (node, arrivals, permit) = gated(without_memory());
    let mut idle = Peer::associate(&node);
    let mut storing = Peer::associate(&node);
    storing.send(&pdata(&[pdv(1, COMMAND_END, &store_rq(1, "1.2.1")), pdv(1, DATA_END, b"data")]));
    arrivals.recv().expect("arrives");
    let mut sending = Peer::associate(&node);
    sending.send(&pdata(&[pdv(1, COMMAND_END, &store_rq(1, "1.2.2")), pdv(1, DATA, b"first half")]));
    node.seen.wait("the first half", |seen| seen.spools == 2);
    let mut early = Peer::connect(&node);

    node.ask_to_end();
    idle.expect_abort([2, 0]);
    early.send(&associate_rq(&Rq::default()));
    early.expect_rejection([2, 3, 1]);
    let mut late = Peer::connect(&node);
    late.send(&associate_rq(&Rq::default()));
    late.expect_rejection([2, 3, 1]);

    permit.send(()).expect("is waited for");
    storing.expect_response(0x8001, 1, Status::SUCCESS);
    storing.expect_abort([2, 0]);
    drop((idle, early, late, storing));
    sending.send(&pdata(&[pdv(1, DATA_END, b"second half")]));
    arrivals.recv().expect("arrives");
    permit.send(()).expect("is waited for");
    sending.expect_response(0x8001, 1, Status::SUCCESS);
    sending.expect_abort([2, 0]);
    drop(sending);
    assert_eq!(node.end().stored(), ["1.2.1", "1.2.2"]);
}

#[test]
fn the_end_comes_even_if_peers_and_handler_do_not() {
    let deadlines = Deadlines { drain: Duration::from_millis(300), ..Deadlines::default() };
    let (node, arrivals, permit) = gated(Config { deadlines, ..without_memory() });
    let mut storing = Peer::associate(&node);
    storing.send(&pdata(&[pdv(1, COMMAND_END, &store_rq(1, "1.2.1")), pdv(1, DATA_END, b"data")]));
    arrivals.recv().expect("arrives");
    let mut sending = Peer::associate(&node);
    sending.send(&pdata(&[pdv(1, COMMAND_END, &store_rq(1, "1.2.2")), pdv(1, DATA, b"first half")]));
    node.seen.wait("the first half", |seen| seen.spools == 2);
    let mut silent = Peer::connect(&node);
    node.ask_to_end();
    sending.expect_abort([2, 0]);
    storing.expect_abort([2, 0]);
    silent.expect_end();
    // All associations have ended, and only the handler is still at work.
    node.seen.wait("the ends", |seen| seen.closed.len() == 3);
    drop(permit);
    node.end();
}

#[test]
fn the_end_does_not_wait_for_a_peer_that_reads_nothing() {
    let deadlines = Deadlines {
        drain: Duration::from_millis(100),
        response: Duration::from_secs(3_600),
        ..Deadlines::default()
    };
    let node = Node::start(Config { deadlines, ..Config::default() });
    let mut peer = Peer::associate(&node);
    peer.fill(&pdata(&vec![pdv(5, COMMAND_END, &echo_rq(1)); 1_000]));
    node.ask_to_end();
    node.seen.wait("the end", |seen| seen.closed.len() == 1);
    node.seen.look(|seen| assert_eq!(seen.closed[0].0, "drained"));
}

#[test]
fn many_associations_at_a_time_are_served() {
    let node = Arc::new(Node::start(Config::default()));
    let threads: Vec<_> = (0..8)
        .map(|thread| {
            let node = Arc::clone(&node);
            std::thread::spawn(move || {
                let mut requestor = connect(&node);
                for instance in 0..10 {
                    let uid = format!("1.2.{thread}.{instance}");
                    let answer = requestor.store(3, CT, &uid, &content(400_000 + thread)).expect("stores");
                    assert_eq!(answer.status, Status::SUCCESS);
                }
                requestor.release().expect("is released");
            })
        })
        .collect();
    for thread in threads {
        thread.join().expect("no panic");
    }
    node.seen.look(|seen| {
        assert_eq!(seen.stored.len(), 80);
        for (uid, bytes, _) in &seen.stored {
            let thread: usize = uid.split('.').nth(2).and_then(|part| part.parse().ok()).expect("a number");
            assert!(*bytes == content(400_000 + thread), "{uid}");
        }
    });
}

#[test]
fn k17_while_nothing_can_be_stored_associations_for_it_are_rejected_for_the_time_being() {
    let node = Node::start(Config::default());
    let try_it = |abstract_syntax: &str| {
        let context = proposing(abstract_syntax, &[uids::IMPLICIT_VR_LITTLE_ENDIAN]);
        Requestor::connect(node.address, options(), &[context]).map(|_| ())
    };
    node.seen.ready.store(false, Ordering::Relaxed);
    assert!(matches!(try_it(CT), Err(RequestorError::Rejected([2, 3, 1]))));
    assert!(try_it(VERIFICATION).is_ok(), "a sign of life can be given always");
    node.seen.ready.store(true, Ordering::Relaxed);
    assert!(try_it(CT).is_ok());
}
