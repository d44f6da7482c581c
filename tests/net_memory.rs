//! What the acceptor allocates for peers that announce or send a lot: what was promised to be the bound, and no more.

#![expect(clippy::expect_used, reason = "a test may stop at the first surprise")]

#[path = "support/held.rs"]
mod held;
#[path = "support/peer.rs"]
mod peer;

use condenser::net::{Config, Limits, Status};
use peer::*;

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// The only test of this binary, for all threads count.
#[test]
fn n11_n12_n18_n27_n31_d22_memory_is_bounded_whatever_is_sent() {
    let limits = Limits { memory_per_data_set: 2 << 20, memory: 4 << 20, ..Limits::default() };
    let node = Node::start(Config { limits, ..Config::default() });
    let rounds = std::cell::Cell::new(0);
    let peak_of = |name: &str, most: usize, work: &dyn Fn() -> Peer| {
        // Twice: what the first round leaves behind (threads, tables) does not count.
        for round in 0..2 {
            let peak = held::peak_of(|| {
                drop(work());
                rounds.set(rounds.get() + 1);
                node.seen.wait("the end", |seen| seen.closed.len() == rounds.get());
            });
            println!("{name}: {} KiB", peak / KIB);
            assert!(round == 0 || peak <= most, "{name}: {peak} bytes, {most} are allowed");
        }
    };

    let junk = vec![0x55; 8 * MIB];
    peak_of("n11 a stranger", 32 * KIB, &|| {
        let mut peer = Peer::connect(&node);
        peer.send(b"GET / HTTP/1.1\r\n\r\n");
        peer.expect_end();
        peer
    });
    peak_of("n12 an endless request", 64 * KIB, &|| {
        let mut peer = Peer::connect(&node);
        peer.send(&[1, 0, 0xFF, 0xFF, 0xFF, 0xF0]);
        peer.expect_abort([2, 6]);
        peer.send(&junk);
        peer
    });
    let many: Vec<String> = (0..1_500).map(|i| format!("1.2.{i}")).collect();
    let contexts = (0..6).map(|i| (2 * i + 1, CT.to_owned(), many.clone())).collect();
    let request = associate_rq(&Rq { contexts, ..Rq::default() });
    assert!(request.len() > 64 * KIB, "{}", request.len());
    peak_of("n31 a request full of transfer syntaxes", MIB, &|| {
        let mut peer = Peer::connect(&node);
        peer.send(&request);
        assert_eq!(peer.read_pdu().map(|pdu| pdu.0), Some(2));
        peer
    });
    let empty = pdata(&vec![pdv(1, COMMAND, &[]); 20_000]);
    peak_of("n18 fragments of nothing", 512 * KIB, &|| {
        let mut peer = Peer::associate(&node);
        (0..20).for_each(|_| peer.send(&empty));
        peer.send(&pdata(&[pdv(1, COMMAND_END, &[])]));
        peer.expect_abort([0, 0]);
        peer
    });

    let fragment = pdata(&[pdv(1, DATA, &junk[..100_000])]);
    let store = |set: &[u8], status| {
        let mut peer = Peer::associate(&node);
        peer.send(&pdata(&[pdv(1, COMMAND_END, set)]));
        (0..300).for_each(|_| peer.send(&fragment));
        peer.send(&pdata(&[pdv(1, DATA_END, &[])]));
        peer.expect_response(0x8001, 1, status);
        peer
    };
    let of_another_class = command_set(&store_elements(1, MR, "1.2.3"));
    peak_of("n27 30 MB that nobody wants", 512 * KIB, &|| {
        store(&of_another_class, Status::SOP_CLASS_NOT_SUPPORTED)
    });
    peak_of("30 MB that are spooled", 5 * MIB, &|| store(&store_rq(1, "1.2.3"), Status::SUCCESS));
}
