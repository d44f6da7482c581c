//! Peers that break the rules of the upper layer or of the message exchange: each gets the answer that PS3.8 and PS3.7
//! have for it, nothing of it is stored, and a good peer does not notice. The names are the rows of the fault matrix.

#![expect(clippy::expect_used, reason = "a test may stop at the first surprise")]

#[path = "support/peer.rs"]
mod peer;

use condenser::net::{Access, AccessList, Config, Deadlines, Limits, Status};
use peer::*;
use std::time::Duration;

/// Runs a case beside a good peer, and checks that of all others nothing but `stored` was handed over.
fn beside_a_good_peer(config: Config, stored: &[&str], case: impl Fn(&Node)) {
    let node = Node::start(config);
    let mut good = Good::connect(&node);
    good.still_works();
    case(&node);
    good.still_works();
    drop(good);
    let seen = node.end();
    let others: Vec<_> = seen.stored().into_iter().filter(|uid| !is_good(uid)).collect();
    assert_eq!(others, stored);
}

/// Each row: what an associated peer sends, and the code of the A-ABORT that it gets.
fn all_aborted(rows: &[(&str, Vec<u8>, [u8; 2])]) {
    beside_a_good_peer(Config::default(), &[], |node| {
        for (name, bytes, code) in rows {
            println!("{name}");
            let mut peer = Peer::associate(node);
            peer.send(bytes);
            peer.expect_abort(*code);
        }
    });
}

/// A command that announces a data set, and the first part of that.
fn half_a_message(uid: &str) -> Vec<u8> {
    [pdata(&[pdv(1, COMMAND_END, &store_rq(1, uid))]), pdata(&[pdv(1, DATA, b"half")])].concat()
}

fn short(deadlines: Deadlines) -> Config {
    Config { deadlines, ..Config::default() }
}

#[test]
fn n01_silence_ends_at_the_deadline_without_a_word() {
    let request = Duration::from_millis(200);
    beside_a_good_peer(short(Deadlines { request, ..Deadlines::default() }), &[], |node| {
        let (answer, time) = Peer::connect(node).trickle([]);
        assert_eq!(answer, None);
        assert!(time >= request, "{time:?}");
        node.seen.wait("the deadline", |seen| seen.closed.iter().any(|(name, _)| name == "timed_out"));
    });
}

#[test]
fn n02_a_trickle_of_bytes_does_not_move_the_deadline() {
    let request = Duration::from_millis(300);
    beside_a_good_peer(short(Deadlines { request, ..Deadlines::default() }), &[], |node| {
        let (answer, time) = Peer::connect(node).trickle(associate_rq(&Rq::default()));
        assert_eq!(answer, None);
        assert!(time >= request && time < 10 * request, "{time:?}");
    });
}

#[test]
fn n04_an_idle_association_is_aborted_and_its_place_is_free_again() {
    let config = Config {
        deadlines: Deadlines { idle: Duration::from_millis(200), ..Deadlines::default() },
        limits: Limits { associations: 1, ..Limits::default() },
        ..Config::default()
    };
    let node = Node::start(config);
    for round in 1..=3 {
        Peer::associate(&node).expect_abort([2, 0]);
        node.seen.wait("the end", |seen| seen.closed.len() == round);
    }
}

#[test]
fn n05_a_message_that_comes_too_slowly_is_aborted() {
    let deadlines =
        Deadlines { minimum_rate: 20_000, rate_window: Duration::from_millis(200), ..Deadlines::default() };
    beside_a_good_peer(short(deadlines), &[], |node| {
        let mut peer = Peer::associate(node);
        peer.send(&half_a_message("1.2.5"));
        let (answer, _) = peer.trickle(pdata(&[pdv(1, DATA_END, &[0; 10_000])]));
        assert_eq!(answer, Some(Pdu(7, vec![0, 0, 2, 0])));
        drop(peer);
        node.seen.wait("too slow", |seen| seen.closed.iter().any(|(name, _)| name == "too_slow"));
    });
}

#[test]
fn n06_a_reset_around_any_boundary_stores_nothing() {
    let command = pdata(&[pdv(1, COMMAND_END, &store_rq(1, "1.2.6"))]);
    let data = [pdata(&[pdv(1, DATA, &[1; 500])]), pdata(&[pdv(1, DATA_END, &[2; 500])])];
    let message = [command.clone(), data[0].clone(), data[1].clone()].concat();
    let boundaries = [0, 6, 12, command.len(), command.len() + 6, command.len() + 12, message.len() - 512];
    beside_a_good_peer(Config::default(), &[], |node| {
        for boundary in boundaries.into_iter().chain([message.len()]) {
            for cut in boundary.saturating_sub(1)..=(boundary + 1).min(message.len() - 1) {
                let mut peer = Peer::associate(node);
                peer.send(&message[..cut]);
                peer.reset();
            }
        }
    });
}

#[test]
fn n10_unknown_pdu_types_are_aborted_as_unrecognized() {
    let rows = [0x00, 0x08, 0xFF].map(|kind| ("established", pdu(kind, &[0; 4]), [2, 1]));
    all_aborted(&rows);
    beside_a_good_peer(Config::default(), &[], |node| {
        for (_, bytes, code) in &rows {
            let mut peer = Peer::connect(node);
            peer.send(bytes);
            peer.expect_abort(*code);
        }
    });
}

#[test]
fn n11_strangers_are_closed_at_once_without_a_word() {
    beside_a_good_peer(Config::default(), &[], |node| {
        let strangers: [&[u8]; 4] = [
            b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
            b"\x16\x03\x01\x00\xC8\x01\x00\x00\xC4\x03\x03",
            b"SSH-2.0-OpenSSH_9.6\r\n",
            b"\x00\x00\xFF\xFF\xFF\xFF",
        ];
        for (count, bytes) in strangers.iter().enumerate() {
            let mut peer = Peer::connect(node);
            peer.send(bytes);
            peer.expect_end();
            node.seen.wait("a stranger", |seen| {
                seen.closed.iter().filter(|(name, _)| name == "stranger").count() == count + 1
            });
        }
    });
}

#[test]
fn n12_a_length_of_four_gigabytes_is_refused_by_its_header() {
    beside_a_good_peer(
        short(Deadlines { close: Duration::from_millis(300), ..Deadlines::default() }),
        &[],
        |node| {
            let header = |kind| [&[kind, 0][..], &0xFFFF_FFF0u32.to_be_bytes()].concat();
            let mut peer = Peer::connect(node);
            peer.send(&header(1));
            peer.expect_abort([2, 6]);
            // What it sends all the same is thrown away for a moment, then the connection is closed.
            let megabyte = vec![0; 1 << 20];
            let taken = (0..1 << 20).position(|_| !peer.try_send(&megabyte));
            assert!(taken.is_some(), "a terabyte was taken");

            let mut peer = Peer::associate(node);
            peer.send(&header(4));
            peer.expect_abort([2, 6]);
        },
    );
}

#[test]
fn n13_impossible_lengths_of_every_pdu_are_aborted() {
    let mut rows = Vec::new();
    for length in 0..=5 {
        let body = vec![0; length];
        for kind in [1, 2, 3, 6] {
            rows.push(("has no place", pdu(kind, &body), [2, 2]));
        }
        rows.push(("P-DATA-TF", pdu(4, &body), [2, 6]));
        if length != 4 {
            rows.push(("A-RELEASE-RQ", pdu(5, &body), [2, 6]));
            rows.push(("A-ABORT", pdu(7, &body), [2, 6]));
        }
    }
    all_aborted(&rows);
    beside_a_good_peer(Config::default(), &[], |node| {
        for length in [0, 1, 5, 67] {
            let mut peer = Peer::connect(node);
            peer.send(&pdu(1, &vec![0; length]));
            peer.expect_abort([2, 6]);
        }
    });
}

#[test]
fn n14_pdus_longer_than_we_take_are_aborted() {
    let of_length = |length: usize| pdata(&[pdv(1, COMMAND, &vec![0; length - 6])]);
    all_aborted(&[("by one", of_length(131_073), [2, 6]), ("twice", of_length(262_144), [2, 6])]);
    beside_a_good_peer(Config::default(), &["1.2.14"], |node| {
        let mut peer = Peer::associate(node);
        peer.send(&pdata(&[pdv(1, COMMAND_END, &store_rq(1, "1.2.14"))]));
        peer.send(&pdata(&[pdv(1, DATA_END, &[0; 131_072 - 6])]));
        peer.expect_response(0x8001, 1, Status::SUCCESS);
    });
}

#[test]
fn n15_a_peer_that_takes_only_crumbs_is_rejected() {
    beside_a_good_peer(Config::default(), &[], |node| {
        for max_length in [1, 7] {
            let mut peer = Peer::connect(node);
            peer.send(&associate_rq(&Rq { max_length, ..Rq::default() }));
            peer.expect_rejection([1, 2, 1]);
        }
        for max_length in [0, u32::MAX] {
            let mut peer = Peer::connect(node);
            peer.send(&associate_rq(&Rq { max_length, ..Rq::default() }));
            assert_eq!(peer.read_pdu().map(|pdu| pdu.0), Some(2));
            peer.expect_life();
            peer.release();
        }
    });
}

#[test]
fn n16_pdus_of_one_byte_each_are_stored() {
    let content: Vec<u8> = (0..1_000_000u32).map(|i| (i % 251) as u8).collect();
    let node = Node::start(Config::default());
    let mut peer = Peer::associate(&node);
    peer.send(&pdata(&[pdv(1, COMMAND_END, &store_rq(1, "1.2.16"))]));
    let (last, first) = content.split_last().expect("not empty");
    let bytes: Vec<u8> = first.iter().flat_map(|byte| pdata(&[pdv(1, DATA, &[*byte])])).collect();
    peer.send(&bytes);
    peer.send(&pdata(&[pdv(1, DATA_END, &[*last])]));
    peer.expect_response(0x8001, 1, Status::SUCCESS);
    node.seen.look(|seen| assert!(seen.stored[0].1 == content));
}

#[test]
fn n17_fragments_of_any_size_in_pdus_of_any_make_up_are_stored() {
    let stored = ["1.2.17.1", "1.2.17.2", "1.2.17.3"];
    beside_a_good_peer(Config::default(), &stored, |node| {
        let mut peer = Peer::associate(node);
        let in_crumbs = |set: &[u8]| -> Vec<Vec<u8>> {
            let control = |at| if at + 1 == set.len() { COMMAND_END } else { COMMAND };
            set.iter().enumerate().map(|(at, byte)| pdv(1, control(at), &[*byte])).collect()
        };
        let data = [pdv(1, DATA, b"one"), pdv(1, DATA, b" two"), pdv(1, DATA_END, b" three")];

        // The command in fragments of one byte, each in its own PDU.
        let crumbs = in_crumbs(&store_rq(1, stored[0]));
        peer.send(&crumbs.iter().flat_map(|crumb| pdata(std::slice::from_ref(crumb))).collect::<Vec<u8>>());
        peer.send(&pdata(&data));
        peer.expect_response(0x8001, 1, Status::SUCCESS);
        // The same with command and data set in one PDU.
        peer.send(&pdata(&[in_crumbs(&store_rq(2, stored[1])), data.to_vec()].concat()));
        peer.expect_response(0x8001, 2, Status::SUCCESS);
        // One fragment in each PDU, and each PDU in two segments.
        for value in [vec![pdv(1, COMMAND_END, &store_rq(3, stored[2]))], data.to_vec()].concat() {
            let bytes = pdata(&[value]);
            let (first, second) = bytes.split_at(9);
            peer.send(first);
            peer.send(second);
        }
        peer.expect_response(0x8001, 3, Status::SUCCESS);
        peer.release();
        node.seen.look(|seen| {
            let others = seen.stored.iter().filter(|(uid, ..)| !is_good(uid));
            assert!(others.map(|(_, bytes, _)| bytes).all(|bytes| bytes == b"one two three"));
        });
    });
}

#[test]
fn n18_presentation_data_values_must_fit() {
    let with_length = |length: u32, rest: &[u8]| pdata(&[[&length.to_be_bytes()[..], rest].concat()]);
    all_aborted(&[
        ("0", with_length(0, &[1, COMMAND, 0, 0]), [2, 6]),
        ("1", with_length(1, &[1, COMMAND, 0, 0]), [2, 6]),
        ("3 of 2", with_length(3, &[1, COMMAND]), [2, 6]),
        ("4 GiB", with_length(u32::MAX, &[1, COMMAND, 0, 0]), [2, 6]),
        ("a rest too short for a header", with_length(2, &[1, COMMAND, 0, 0, 0]), [2, 6]),
    ]);
    beside_a_good_peer(Config::default(), &["1.2.18"], |node| {
        let mut peer = Peer::associate(node);
        let empty = |control| pdv(1, control, &[]);
        peer.send(&pdata(&[empty(COMMAND), pdv(1, COMMAND, &store_rq(1, "1.2.18")), empty(COMMAND_END)]));
        peer.send(&pdata(&[empty(DATA), pdv(1, DATA, b"data"), empty(DATA), empty(DATA_END)]));
        peer.expect_response(0x8001, 1, Status::SUCCESS);
    });
}

#[test]
fn n19_a_pdu_without_values_is_aborted() {
    all_aborted(&[
        ("between messages", pdata(&[]), [2, 6]),
        ("within a message", [half_a_message("1.2.19"), pdata(&[])].concat(), [2, 6]),
    ]);
}

#[test]
fn n20_a_data_set_on_another_context_than_its_command_is_aborted() {
    let command = pdata(&[pdv(1, COMMAND_END, &store_rq(1, "1.2.20"))]);
    all_aborted(&[
        ("at once", [command.clone(), pdata(&[pdv(3, DATA_END, b"data")])].concat(), [2, 6]),
        ("later", [half_a_message("1.2.20"), pdata(&[pdv(3, DATA_END, b"data")])].concat(), [2, 6]),
        (
            "within the command",
            pdata(&[pdv(1, COMMAND, &[0; 8]), pdv(3, COMMAND_END, &store_rq(1, "1.2.20"))]),
            [2, 6],
        ),
    ]);
}

#[test]
fn n21_contexts_that_were_not_accepted_are_aborted() {
    all_aborted(&[9, 255, 7, 2, 0].map(|context| {
        ("not accepted", pdata(&[pdv(context, COMMAND_END, &store_rq(1, "1.2.21"))]), [2, 6])
    }));
}

#[test]
fn n22_messages_must_not_interleave() {
    let other = |control, bytes: &[u8]| pdata(&[pdv(3, control, bytes)]);
    all_aborted(&[
        ("commands", pdata(&[pdv(1, COMMAND, &[0; 8]), pdv(3, COMMAND, &[0; 8])]), [2, 6]),
        (
            "a command within a data set",
            [half_a_message("1.2.22"), other(COMMAND_END, &echo_rq(2))].concat(),
            [2, 6],
        ),
        ("data sets", [half_a_message("1.2.22"), other(DATA, b"other")].concat(), [2, 6]),
    ]);
}

#[test]
fn n23_commands_and_data_sets_must_alternate() {
    let echo = pdata(&[pdv(5, COMMAND_END, &echo_rq(1))]);
    all_aborted(&[
        (
            "a command while the data set is incomplete",
            [half_a_message("1.2.23"), pdata(&[pdv(1, COMMAND_END, &store_rq(2, "1.2.23"))])].concat(),
            [2, 6],
        ),
        ("a data set without a command", pdata(&[pdv(1, DATA_END, b"data")]), [2, 6]),
        (
            "a data set while the command is incomplete",
            pdata(&[pdv(1, COMMAND, &[0; 8]), pdv(1, DATA_END, b"data")]),
            [2, 6],
        ),
    ]);
    beside_a_good_peer(Config::default(), &[], |node| {
        // A data set after a command that said there is none: the command is answered, then all is over.
        let mut peer = Peer::associate(node);
        peer.send(&[echo.clone(), pdata(&[pdv(5, DATA_END, b"data")])].concat());
        peer.expect_response(0x8030, 1, Status::SUCCESS);
        peer.expect_abort([2, 6]);

        let mut elements = store_elements(1, CT, "1.2.23");
        elements[4].1 = vec![1, 1];
        let mut peer = Peer::associate(node);
        peer.send(&pdata(&[pdv(1, COMMAND_END, &command_set(&elements))]));
        peer.expect_response(0x8001, 1, Status::MISTYPED_ARGUMENT);
        peer.send(&pdata(&[pdv(1, DATA_END, b"data")]));
        peer.expect_abort([2, 6]);
    });
}

#[test]
fn n24_missing_elements_of_a_store_request_are_answered_as_mistyped() {
    beside_a_good_peer(Config::default(), &["1.2.24.9"], |node| {
        let mut peer = Peer::associate(node);
        for (message_id, missing) in [(1, 0x0002), (2, 0x1000), (3, 0x0700)] {
            let mut elements = store_elements(message_id, CT, "1.2.24");
            elements.retain(|(element, _)| *element != missing);
            // It announces a data set, which comes too and must not disturb what follows.
            peer.send(&pdata(&[pdv(1, COMMAND_END, &command_set(&elements)), pdv(1, DATA_END, &[9; 5_000])]));
            peer.expect_response(0x8001, message_id, Status::MISTYPED_ARGUMENT);
        }
        // Without Command Data Set Type nothing says that there is one.
        let mut elements = store_elements(4, CT, "1.2.24");
        elements.retain(|(element, _)| *element != 0x0800);
        peer.send(&pdata(&[pdv(1, COMMAND_END, &command_set(&elements))]));
        peer.expect_response(0x8001, 4, Status::MISTYPED_ARGUMENT);
        // A Priority of four bytes.
        let mut elements = store_elements(5, CT, "1.2.24");
        elements[3].1 = vec![0; 4];
        peer.send(&pdata(&[pdv(1, COMMAND_END, &command_set(&elements)), pdv(1, DATA_END, b"data")]));
        peer.expect_response(0x8001, 5, Status::MISTYPED_ARGUMENT);
        // The association is as good as before.
        peer.send(&pdata(&[pdv(1, COMMAND_END, &store_rq(6, "1.2.24.9")), pdv(1, DATA_END, b"data")]));
        peer.expect_response(0x8001, 6, Status::SUCCESS);
        assert_eq!(node.seen.look(|seen| seen.refused.clone()), [Status::MISTYPED_ARGUMENT; 5]);

        for elements in [
            store_elements(7, CT, "1.2.24").into_iter().filter(|(element, _)| *element != 0x0110).collect(),
            Vec::new(),
        ] {
            let mut peer = Peer::associate(node);
            peer.send(&pdata(&[pdv(1, COMMAND_END, &command_set(&elements))]));
            peer.expect_abort([0, 0]);
        }
    });
}

#[test]
fn n24_command_sets_that_cannot_be_read_are_aborted() {
    let whole = store_rq(1, "1.2.24");
    let mut overlong = whole.clone();
    overlong[16..20].copy_from_slice(&u32::MAX.to_le_bytes());
    all_aborted(&[
        ("cut", pdata(&[pdv(1, COMMAND_END, &whole[..whole.len() - 1])]), [0, 0]),
        ("a length of 4 GiB", pdata(&[pdv(1, COMMAND_END, &overlong)]), [0, 0]),
        ("empty", pdata(&[pdv(1, COMMAND_END, &[])]), [0, 0]),
        ("16 KiB and a byte", pdata(&[pdv(1, COMMAND_END, &[0; 16_385])]), [0, 0]),
        (
            "16 KiB and a byte in parts",
            pdata(&[pdv(1, COMMAND, &[0; 10_000]), pdv(1, COMMAND, &[0; 6_385])]),
            [0, 0],
        ),
        ("of another group", pdata(&[pdv(1, COMMAND_END, &[8, 0, 0x16, 0, 0, 0, 0, 0])]), [0, 0]),
    ]);
}

#[test]
fn n25_a_message_id_may_come_again_after_its_response() {
    beside_a_good_peer(Config::default(), &["1.2.25.1", "1.2.25.2"], |node| {
        let mut peer = Peer::associate(node);
        for uid in ["1.2.25.1", "1.2.25.2"] {
            peer.send(&pdata(&[pdv(1, COMMAND_END, &store_rq(7, uid)), pdv(1, DATA_END, b"data")]));
            peer.expect_response(0x8001, 7, Status::SUCCESS);
        }
    });
}

#[test]
fn n26_other_commands_are_answered_as_unrecognized_and_leave_the_association_sane() {
    let command = |field: u16, message_id: u16, data_set_type: u16| {
        command_set(&[
            (0x0002, even(CT)),
            (0x0100, field.to_le_bytes().to_vec()),
            (0x0110, message_id.to_le_bytes().to_vec()),
            (0x0800, data_set_type.to_le_bytes().to_vec()),
        ])
    };
    beside_a_good_peer(Config::default(), &["1.2.26"], |node| {
        let mut peer = Peer::associate(node);
        // C-FIND and C-MOVE with an identifier, N-ACTION with and without information, and a field that is none.
        for (message_id, field) in [(1, 0x0020), (2, 0x0021), (3, 0x0130), (4, 0x1234)] {
            peer.send(&pdata(&[
                pdv(1, COMMAND_END, &command(field, message_id, 0)),
                pdv(1, DATA, b"identi"),
                pdv(1, DATA_END, b"fier"),
            ]));
            peer.expect_response(field | 0x8000, message_id, Status::UNRECOGNIZED_OPERATION);
        }
        peer.send(&pdata(&[pdv(1, COMMAND_END, &command(0x0130, 5, 0x0101))]));
        peer.expect_response(0x8130, 5, Status::UNRECOGNIZED_OPERATION);
        // C-CANCEL has no response: the next one is that of the echo.
        let cancel = [(0x0100, vec![0xFF, 0x0F]), (0x0120, vec![1, 0]), (0x0800, vec![1, 1])];
        peer.send(&pdata(&[pdv(1, COMMAND_END, &command_set(&cancel))]));
        peer.expect_life();
        peer.send(&pdata(&[pdv(1, COMMAND_END, &store_rq(6, "1.2.26")), pdv(1, DATA_END, b"data")]));
        peer.expect_response(0x8001, 6, Status::SUCCESS);
        peer.release();
    });
    let response = command(0x8001, 1, 0x0101);
    all_aborted(&[("C-STORE-RSP", pdata(&[pdv(1, COMMAND_END, &response)]), [0, 0])]);
}

#[test]
fn n27_a_sop_class_other_than_that_of_the_context_is_not_supported() {
    beside_a_good_peer(Config::default(), &["1.2.27"], |node| {
        let mut peer = Peer::associate(node);
        let set = command_set(&store_elements(1, MR, "1.2.27.1"));
        peer.send(&pdata(&[pdv(1, COMMAND_END, &set), pdv(1, DATA_END, &[1; 9_000])]));
        peer.expect_response(0x8001, 1, Status::SOP_CLASS_NOT_SUPPORTED);
        // C-STORE on the context of Verification, and C-ECHO on that of a SOP class.
        peer.send(&pdata(&[pdv(5, COMMAND_END, &store_rq(2, "1.2.27.2")), pdv(5, DATA_END, b"data")]));
        peer.expect_response(0x8001, 2, Status::SOP_CLASS_NOT_SUPPORTED);
        peer.send(&pdata(&[pdv(1, COMMAND_END, &echo_rq(3))]));
        peer.expect_response(0x8030, 3, Status::SOP_CLASS_NOT_SUPPORTED);
        let set = command_set(&store_elements(4, MR, "1.2.27"));
        peer.send(&pdata(&[pdv(3, COMMAND_END, &set), pdv(3, DATA_END, b"data")]));
        peer.expect_response(0x8001, 4, Status::SUCCESS);
    });
}

#[test]
fn n28_an_abort_of_the_peer_ends_all_and_stores_nothing_that_is_incomplete() {
    let config = Config { limits: Limits { associations: 2, ..Limits::default() }, ..Config::default() };
    let node = Node::start(config);
    let abort = pdu(7, &[0, 0, 0, 0]);
    for (round, before) in [Vec::new(), half_a_message("1.2.28")].into_iter().enumerate() {
        let mut peer = Peer::associate(&node);
        peer.send(&before);
        peer.send(&abort);
        peer.expect_end();
        node.seen.wait("the end", |seen| seen.closed.len() == round + 1);
    }
    node.seen.look(|seen| {
        assert!(seen.closed.iter().all(|(name, _)| name == "peer_aborted"), "{:?}", seen.closed);
        assert!(seen.stored.is_empty());
    });
    Good::connect(&node).still_works();
}

#[test]
fn n29_a_release_waits_for_the_response_and_has_no_place_within_a_message() {
    let release = pdu(5, &[0; 4]);
    beside_a_good_peer(Config::default(), &["1.2.29"], |node| {
        let mut peer = Peer::associate(node);
        let store = pdata(&[pdv(1, COMMAND_END, &store_rq(1, "1.2.29")), pdv(1, DATA_END, b"data")]);
        peer.send(&[store, release.clone()].concat());
        peer.expect_response(0x8001, 1, Status::SUCCESS);
        assert_eq!(peer.read_pdu(), Some(Pdu(6, vec![0; 4])));
        let mut peer = Peer::associate(node);
        peer.send(&[half_a_message("1.2.29.1"), release.clone()].concat());
        peer.expect_abort([2, 2]);
    });
}

#[test]
fn n30_a_second_association_request_is_aborted_as_unexpected() {
    let request = associate_rq(&Rq::default());
    all_aborted(&[
        ("between messages", request.clone(), [2, 2]),
        ("within a message", [half_a_message("1.2.30"), request].concat(), [2, 2]),
    ]);
}

#[test]
fn n31_malformed_requests_are_rejected_or_aborted() {
    let context = |id: u8, abstract_syntax: &str| {
        (id, abstract_syntax.to_owned(), vec!["1.2.840.10008.1.2".to_owned()])
    };
    let with = |contexts: Vec<(u8, String, Vec<String>)>| Rq { contexts, ..Rq::default() };
    let rejected: Vec<(&str, Rq, [u8; 3])> = vec![
        ("no contexts", with(Vec::new()), [1, 2, 1]),
        ("129 contexts", with((0..129).map(|i| context((2 * i + 1) as u8, CT)).collect()), [1, 2, 1]),
        ("duplicate", with(vec![context(1, CT), context(1, MR)]), [1, 2, 1]),
        ("even", with(vec![context(2, CT)]), [1, 2, 1]),
        ("zero", with(vec![context(0, CT)]), [1, 2, 1]),
        ("application context", Rq { application_context: b"1.2.3".to_vec(), ..Rq::default() }, [1, 1, 2]),
        ("protocol version 0", Rq { protocol_version: 0, ..Rq::default() }, [1, 2, 2]),
    ];
    beside_a_good_peer(Config::default(), &[], |node| {
        for (name, rq, code) in &rejected {
            println!("{name}");
            let mut peer = Peer::connect(node);
            peer.send(&associate_rq(rq));
            peer.expect_rejection(*code);
        }
        let mut peer = Peer::connect(node);
        let mut cut = associate_rq(&Rq::default());
        cut.truncate(cut.len() - 3);
        let length = u32::try_from(cut.len() - 6).expect("short");
        cut[2..6].copy_from_slice(&length.to_be_bytes());
        peer.send(&cut);
        peer.expect_abort([2, 6]);
    });
}

#[test]
fn n31_odd_requests_are_answered_context_by_context() {
    let many =
        (0..900).map(|i| format!("1.2.826.0.1.3680043.9.1234.{i}.1234567890123456789012345678")).collect();
    let contexts = vec![
        (1, CT.to_owned(), vec!["1.2.840.10008.1.2".to_owned()]),
        (3, String::new(), vec!["1.2.840.10008.1.2".to_owned()]),
        (251, CT.to_owned(), Vec::new()),
        (253, CT.to_owned(), many),
        (255, "x".repeat(300), vec!["1.2.840.10008.1.2".to_owned()]),
    ];
    let odd = [
        Rq { contexts, ..Rq::default() },
        Rq { more: [item(0x99, &[1; 3_000]), item(0x11, &[])].concat(), ..Rq::default() },
        Rq { protocol_version: 3, ..Rq::default() },
        Rq { application_context: b"1.2.840.10008.3.1.1.1\0".to_vec(), ..Rq::default() },
        Rq { called: *b"   CONDENSER\0\0\0\0", ..Rq::default() },
    ];
    beside_a_good_peer(Config::default(), &[], |node| {
        for (at, rq) in odd.iter().enumerate() {
            let mut peer = Peer::connect(node);
            peer.send(&associate_rq(rq));
            let Some(Pdu(2, body)) = peer.read_pdu() else { panic!("request {at} was not accepted") };
            assert_eq!(body[4..68], associate_rq(rq)[10..74], "the names come back as they were");
            let results: Vec<(u8, u8)> = results(&body);
            let expected: &[(u8, u8)] = match at {
                0 => &[(1, 0), (3, 3), (251, 4), (253, 4), (255, 3)],
                _ => &[(1, 0), (3, 0), (5, 0), (7, 3)],
            };
            assert_eq!(results, expected, "request {at}");
            peer.send(&pdu(5, &[0; 4]));
            assert_eq!(peer.read_pdu(), Some(Pdu(6, vec![0; 4])));
        }
    });
}

/// Number and result of each presentation context of an A-ASSOCIATE-AC.
fn results(body: &[u8]) -> Vec<(u8, u8)> {
    let mut rest = &body[68..];
    let mut results = Vec::new();
    while let Some((header, after)) = rest.split_first_chunk::<4>() {
        let (value, after) = after.split_at(usize::from(u16::from_be_bytes([header[2], header[3]])));
        if header[0] == 0x21 {
            results.push((value[0], value[2]));
        }
        rest = after;
    }
    results
}

#[test]
fn n32_n33_names_are_compared_without_padding_and_nothing_else_is_forgiven() {
    let cases: [(&str, Rq, [u8; 3]); 6] = [
        ("another name", Rq { called: *b"ARCHIVE         ", ..Rq::default() }, [1, 1, 7]),
        ("lower case", Rq { called: *b"condenser       ", ..Rq::default() }, [1, 1, 7]),
        ("spaces", Rq { called: [b' '; 16], ..Rq::default() }, [1, 1, 7]),
        ("nobody", Rq { calling: [b' '; 16], ..Rq::default() }, [1, 1, 3]),
        ("a line feed", Rq { calling: *b"PEER\r\nOUT\x1B[31m  ", ..Rq::default() }, [1, 1, 3]),
        ("UTF-8", Rq { calling: *b"PEER\xC3\xA4          ", ..Rq::default() }, [1, 1, 3]),
    ];
    beside_a_good_peer(Config::default(), &[], |node| {
        for (name, rq, code) in &cases {
            println!("{name}");
            let mut peer = Peer::connect(node);
            peer.send(&associate_rq(rq));
            peer.expect_rejection(*code);
        }
    });
}

#[test]
fn n35_one_association_more_than_there_may_be_is_rejected_and_later_accepted() {
    let config = Config { limits: Limits { associations: 2, ..Limits::default() }, ..Config::default() };
    let node = Node::start(config);
    for round in 1..=3 {
        let (mut first, mut second) = (Peer::associate(&node), Peer::associate(&node));
        let mut third = Peer::connect(&node);
        third.send(&associate_rq(&Rq::default()));
        third.expect_rejection([2, 3, 2]);
        drop(third);
        first.expect_life();
        second.expect_life();
        first.release();
        drop(second);
        node.seen.wait("the ends", |seen| seen.closed.len() == 3 * round);
    }
}

#[test]
fn n35_one_connection_more_than_there_may_be_is_closed_and_later_served() {
    let config = Config { limits: Limits { connections: 2, ..Limits::default() }, ..Config::default() };
    let node = Node::start(config);
    let (silent, mut first) = (Peer::connect(&node), Peer::associate(&node));
    let mut third = Peer::connect(&node);
    third.expect_end();
    first.expect_life();
    drop(silent);
    node.seen.wait("the end of the silent one", |seen| seen.closed.len() == 2);
    Peer::associate(&node).expect_life();
}

#[test]
fn n03_one_address_cannot_take_all_connections_or_associations() {
    let limits = Limits {
        connections_per_address: 3,
        associations_per_address: 2,
        associations_per_calling: 2,
        ..Limits::default()
    };
    let node = Node::start(Config { limits, ..Config::default() });
    let [one, two] = [b"ONE             ", b"TWO             "];
    let mut held =
        [Peer::associate_from("127.0.0.2", *one, &node), Peer::associate_from("127.0.0.2", *two, &node)];
    // A third association of the address is rejected; beside a third connection a fourth is closed.
    let third = || {
        let mut peer = Peer::connect_from("127.0.0.2", &node);
        peer.send(&associate_rq(&Rq::default()));
        peer.expect_rejection([2, 3, 2]);
    };
    third();
    let silent = Peer::connect_from("127.0.0.2", &node);
    Peer::connect_from("127.0.0.2", &node).expect_end();
    // Other addresses have places of their own, as long as the AE title has.
    held[0].expect_life();
    let mut elsewhere = Peer::associate_from("127.0.0.3", *one, &node);
    let mut same_title = Peer::connect_from("127.0.0.4", &node);
    same_title.send(&associate_rq(&Rq { calling: *one, ..Rq::default() }));
    same_title.expect_rejection([2, 3, 2]);
    elsewhere.expect_life();
    drop(silent);
    held.iter_mut().for_each(Peer::expect_life);
}

#[test]
fn n33_an_address_that_may_not_come_in_is_told_nothing() {
    let access: AccessList = vec![Access::of_addresses(vec!["127.0.0.2".parse().unwrap()])].into();
    let node = Node::start(Config { access, ..Config::default() });
    Peer::connect_from("127.0.0.3", &node).expect_end();
    Peer::associate_from("127.0.0.2", *b"PEER            ", &node).expect_life();
    node.seen.look(|seen| assert_eq!(seen.closed[0].0, "unknown"));
}
