//! One association to other people's receivers: what they take, what they refuse, and how they break. The names are those of
//! the rows of the fault matrix.

#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

#[path = "support/foreign_peer.rs"]
mod foreign_peer;
#[path = "support/made.rs"]
mod made;

use condenser::codec::{Options, compress};
use condenser::dicom::{FileMeta, Limits, Section, Source, TransferSyntax, VrEncoding, uids, walk};
use condenser::forward::{Absence, Answered, Instance, Kind, NotSent, Peer, Verdict};
use condenser::net::{PeerAddress, RequestorError, RequestorOptions, Status};
use foreign_peer::ForeignPeer;
use made::{CT, Image};
use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const NOTHING: [&str; 0] = [];

/// A data set in a transfer syntax.
struct Stored {
    uid: String,
    transfer_syntax: &'static TransferSyntax,
    data_set: Vec<u8>,
}

impl Stored {
    fn native(uid: &str) -> Self {
        Self {
            uid: uid.to_owned(),
            transfer_syntax: syntax("ExplicitVRLittleEndian"),
            data_set: Image::slope(uid, 64, 48).data_set(),
        }
    }

    fn condensed(uid: &str, to: &str) -> Self {
        let native = Self::native(uid);
        let elements = walk(&native.data_set, VrEncoding::ExplicitLittle, &Limits::default()).unwrap();
        let (meta, mut file) = (FileMeta::default(), Cursor::new(Vec::new()));
        let target = syntax(to);
        compress(&native.data_set, &elements, target, &meta, &Options::default(), &mut file).unwrap();
        let file = file.into_inner();
        let (_, offset) = FileMeta::parse(&file).unwrap();
        let section = Section::from(&file, offset).unwrap();
        let data_set = section.bytes(0..section.len()).unwrap().into_owned();
        Self { transfer_syntax: target, data_set, ..native }
    }

    fn instance(&self) -> Instance<'_> {
        Instance {
            sop_class: CT,
            sop_instance: &self.uid,
            transfer_syntax: self.transfer_syntax,
            data_set: &self.data_set,
            decoding: None,
        }
    }
}

fn syntax(name: &str) -> &'static TransferSyntax {
    TransferSyntax::of_name(name).unwrap()
}

fn options() -> RequestorOptions {
    RequestorOptions::new("CONDENSER", "ARCHIVE")
}

fn peer_with(foreign: &ForeignPeer, options: RequestorOptions) -> Peer {
    let address: PeerAddress = foreign.address.to_string().parse().unwrap();
    Peer::new(address, options, Arc::new(tempfile::tempfile))
}

fn peer(foreign: &ForeignPeer) -> Peer {
    peer_with(foreign, options())
}

fn sent(peer: &mut Peer, stored: &Stored) -> Answered {
    let answered = peer.send(&stored.instance()).unwrap();
    assert_eq!(Verdict::of_status(answered.answer.status), Verdict::Delivered, "{:?}", answered.answer);
    answered
}

/// The data set of the one file in a folder that a receiver wrote.
fn the_file(folder: &Path) -> (FileMeta, Vec<u8>) {
    let files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    let bytes = std::fs::read(&files[0]).unwrap();
    let (meta, offset) = FileMeta::parse(&bytes).unwrap();
    (meta, bytes[offset as usize..].to_vec())
}

/// The native pixel data of a data set.
fn pixels(data_set: &Vec<u8>, encoding: VrEncoding) -> Vec<u8> {
    let elements = walk(data_set, encoding, &Limits::default()).unwrap();
    let pixels = elements.pixel_data().unwrap();
    assert!(!pixels.undefined_length);
    data_set.bytes(pixels.value.clone()).unwrap().into_owned()
}

#[test]
fn f03_a_peer_that_takes_the_stored_syntax_gets_the_bytes_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let Some(foreign) = ForeignPeer::storescp(folder.path(), ["+xa", "+B"]) else { return };
    let stored = Stored::condensed("1.2.9.1", "JPEGLSLossless");
    let answered = sent(&mut peer(&foreign), &stored);
    assert_eq!(answered.transfer_syntax.uid, uids::JPEG_LS_LOSSLESS);
    let (meta, data_set) = the_file(folder.path());
    assert_eq!((meta.transfer_syntax.as_str(), data_set), (uids::JPEG_LS_LOSSLESS, stored.data_set));
}

#[test]
fn f03_a_peer_that_takes_native_pixels_alone_gets_every_sample() {
    for (options, taken) in
        [(&["+B"][..], uids::EXPLICIT_VR_LITTLE_ENDIAN), (&["+xi", "+B"], uids::IMPLICIT_VR_LITTLE_ENDIAN)]
    {
        for to in ["JPEGLSLossless", "RLELossless", "JPEG2000Lossless"] {
            let folder = tempfile::tempdir().unwrap();
            let Some(foreign) = ForeignPeer::storescp(folder.path(), options) else { return };
            let stored = Stored::condensed("1.2.9.1", to);
            assert_eq!(sent(&mut peer(&foreign), &stored).transfer_syntax.uid, taken, "{to}");
            let (meta, data_set) = the_file(folder.path());
            assert_eq!(meta.transfer_syntax, taken);
            let encoding = TransferSyntax::of_uid(taken).unwrap().vr_encoding;
            assert!(
                pixels(&data_set, encoding)
                    == pixels(&Stored::native("1.2.9.1").data_set, VrEncoding::ExplicitLittle)
            );
        }
    }
}

#[test]
fn f03_what_cannot_be_decoded_is_not_sent_without_its_pixels_and_the_association_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let Some(foreign) = ForeignPeer::storescp(folder.path(), ["+B"]) else { return };
    let mut peer = peer(&foreign);
    let mut damaged = Stored::condensed("1.2.9.1", "JPEGLSLossless");
    // The codestream ends where it begins.
    let at = damaged.data_set.windows(2).rposition(|bytes| bytes == [0xFF, 0xDA]).unwrap();
    damaged.data_set[at + 1] = 0xD9;
    let error = peer.send(&damaged.instance()).unwrap_err();
    assert!(matches!(error, NotSent::NotConverted { wanted: "ExplicitVRLittleEndian", .. }), "{error}");
    sent(&mut peer, &Stored::condensed("1.2.9.2", "JPEGLSLossless"));
    the_file(folder.path());
}

#[test]
fn f04_a_sop_class_that_the_peer_does_not_want_is_said_and_the_association_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let Some(foreign) = ForeignPeer::storescp(folder.path(), NOTHING) else { return };
    let mut peer = peer(&foreign);
    let stored = Stored::native("1.2.9.1");
    peer.expect(Kind { sop_class: CT.to_owned(), transfer_syntax: stored.transfer_syntax });
    let error = peer.send(&Instance { sop_class: "1.2.3.4", ..stored.instance() }).unwrap_err();
    assert!(matches!(error, NotSent::NotAccepted { .. }), "{error}");
    assert!(error.to_string().contains("does not accept 1.2.3.4"), "{error}");
    sent(&mut peer, &stored);
}

#[test]
fn f09_no_pdu_is_longer_than_the_peer_takes() {
    let folder = tempfile::tempdir().unwrap();
    let Some(foreign) = ForeignPeer::storescp(folder.path(), ["-pdu", "4096"]) else { return };
    let mut peer = peer(&foreign);
    for number in 0..20 {
        sent(&mut peer, &Stored::native(&format!("1.2.9.{number}")));
    }
    peer.release();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 20);
}

#[test]
fn f01_a_peer_that_is_not_there_is_absent_and_no_instance_is_to_blame() {
    let address: PeerAddress = format!("127.0.0.1:{}", foreign_peer::free_port()).parse().unwrap();
    let nowhere: PeerAddress = "no-such-host.invalid:104".parse().unwrap();
    for address in [address, nowhere] {
        let mut peer = Peer::new(address, options(), Arc::new(tempfile::tempfile));
        match peer.send(&Stored::native("1.2.9.1").instance()) {
            Err(NotSent::NoAssociation(error)) => assert_eq!(Absence::of(&error), Absence::Passing),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn f02_a_rejected_association_is_told_from_a_peer_that_is_down() {
    let folder = tempfile::tempdir().unwrap();
    let Some(foreign) = ForeignPeer::storescp(folder.path(), ["--refuse"]) else { return };
    let mut refused = peer(&foreign);
    let error = refused.send(&Stored::native("1.2.9.1").instance()).unwrap_err();
    assert!(matches!(error, NotSent::NoAssociation(RequestorError::Rejected(_))), "{error}");
    for (kind, absence) in [("permanent", Absence::Misconfigured), ("transient", Absence::Passing)] {
        let Some(foreign) = ForeignPeer::scripted(["--refuse", kind]) else { return };
        match peer(&foreign).send(&Stored::native("1.2.9.1").instance()) {
            Err(NotSent::NoAssociation(error)) => assert_eq!(Absence::of(&error), absence, "{error}"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn f05_f06_the_status_alone_says_what_was_delivered() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let statuses = "0000,B000,B006,B007,A700,A900,C000,0122,0124,0117,0210,FE00,1234,0000";
    let Some(foreign) = ForeignPeer::scripted(["--folder", path, "--statuses", statuses]) else { return };
    let mut peer = peer(&foreign);
    for (number, status) in statuses.split(',').enumerate() {
        let status = Status(u16::from_str_radix(status, 16).unwrap());
        let stored = Stored::native(&format!("1.2.9.{number}"));
        let answered = peer.send(&stored.instance()).unwrap();
        assert_eq!(answered.answer.status, status);
        let delivered = Verdict::of_status(status) == Verdict::Delivered;
        assert_eq!(folder.path().join(format!("1.2.9.{number}.dcm")).exists(), delivered, "{status}");
    }
}

#[test]
fn f07_a_peer_that_aborts_within_or_after_the_data_set_has_nothing_delivered() {
    for option in ["--abort-during", "--abort-after"] {
        let folder = tempfile::tempdir().unwrap();
        let Some(foreign) = ForeignPeer::storescp(folder.path(), [option]) else { return };
        let mut peer = peer(&foreign);
        for number in 0..3 {
            // Each time over a new association.
            let stored = Stored::native(&format!("1.2.9.{number}"));
            match peer.send(&stored.instance()) {
                Err(NotSent::Broken(error)) => assert_eq!(Verdict::of_broken(&error), Verdict::Broken),
                other => panic!("{option}: {other:?}"),
            }
        }
    }
}

#[test]
fn f07_a_peer_that_dies_after_storing_may_have_it_and_it_is_not_delivered() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let Some(foreign) = ForeignPeer::scripted(["--folder", path, "--exit-at", "2"]) else { return };
    let mut peer = peer(&foreign);
    sent(&mut peer, &Stored::native("1.2.9.1"));
    let error = peer.send(&Stored::native("1.2.9.2").instance()).unwrap_err();
    assert!(matches!(error, NotSent::Broken(_)), "{error}");
    assert!(folder.path().join("1.2.9.2.dcm").exists());
    let error = peer.send(&Stored::native("1.2.9.3").instance()).unwrap_err();
    // Refused, or reset when the dying process had not closed its listening socket yet.
    assert!(matches!(error, NotSent::NoAssociation(_)), "{error}");
}

#[test]
fn f08_a_peer_that_does_not_answer_in_time_is_left() {
    let Some(foreign) = ForeignPeer::scripted(["--delay", "20"]) else { return };
    let options = RequestorOptions { response: Duration::from_millis(200), ..options() };
    let error = peer_with(&foreign, options).send(&Stored::native("1.2.9.1").instance()).unwrap_err();
    assert!(matches!(error, NotSent::Broken(RequestorError::TimedOut(_))), "{error}");
}

#[test]
fn f10_what_was_answered_before_an_abort_is_delivered_and_the_rest_goes_over_another_association() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let Some(foreign) = ForeignPeer::scripted(["--folder", path, "--abort-at", "5"]) else { return };
    let mut peer = peer(&foreign);
    let outcomes: Vec<_> =
        (1..=8).map(|n| peer.send(&Stored::native(&format!("1.2.9.{n}")).instance()).is_ok()).collect();
    assert_eq!(outcomes, [true, true, true, true, false, true, true, true]);
}

#[test]
fn an_association_that_the_peer_has_ended_meanwhile_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let Some(first) = ForeignPeer::storescp(folder.path(), NOTHING) else { return };
    let port = first.address.port();
    let mut peer = peer(&first);
    sent(&mut peer, &Stored::native("1.2.9.1"));
    first.stop();
    let Some(_second) = ForeignPeer::storescp_at(port, folder.path(), NOTHING) else { return };
    sent(&mut peer, &Stored::native("1.2.9.2"));
}
