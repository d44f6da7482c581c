//! TLS at the acceptor: who is refused (row N36 of the fault matrix), who comes in, and that nothing falls back to plain text.
//! All certificates are made here.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test may stop at the first surprise")]

#[path = "support/authority.rs"]
mod authority;
#[path = "support/peer.rs"]
mod peer;

use authority::Authority;
use condenser::dicom::TransferSyntax;
use condenser::net::{
    Access, AccessList, Config, Deadlines, PeerTlsConfig, ProposedContext, Requestor, RequestorError,
    RequestorOptions, Status, Tls,
};
use peer::{Node, Pdu, Peer, Rq, associate_rq, pdu};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned, SupportedProtocolVersion, version};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

/// A node that speaks TLS only, and the authority that certified it.
fn node(change: impl FnOnce(&mut Config)) -> (Node, Authority, Arc<Tls>) {
    let authority = Authority::new();
    let tls = Arc::new(Tls::load(&authority.node_config()).unwrap());
    let mut config = Config::default();
    change(&mut config);
    (Node::start_with_tls(config, Arc::clone(&tls)), authority, tls)
}

/// An association request over TLS: the type of the answer and its code, or that there is none.
fn request(node: &Node, client: ClientConfig, calling: &[u8; 16]) -> Result<(u8, [u8; 3]), String> {
    let stream = TcpStream::connect(node.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let name = ServerName::try_from("condenser.test").unwrap();
    let session = ClientConnection::new(Arc::new(client), name).unwrap();
    let mut stream = StreamOwned::new(session, stream);
    let rq = associate_rq(&Rq { calling: *calling, ..Rq::default() });
    stream.write_all(&rq).map_err(|error| error.to_string())?;
    let mut answer = [0; 10];
    stream.read_exact(&mut answer).map_err(|error| error.to_string())?;
    Ok((answer[0], [answer[7], answer[8], answer[9]]))
}

const CT1: &[u8; 16] = b"CT1             ";
const ACCEPTED: u8 = 2;
const REJECTED: u8 = 3;

fn is_accepted(node: &Node, client: ClientConfig) -> bool {
    matches!(request(node, client, CT1), Ok((ACCEPTED, _)))
}

#[test]
fn a_peer_with_a_good_certificate_comes_in_by_tls_1_2_and_1_3() {
    let (node, authority, _) = node(|_| ());
    let client = authority.certify("ct1.test");
    for version in [&version::TLS12, &version::TLS13] {
        assert!(is_accepted(&node, authority.client(Some(&client), &[version])), "{version:?}");
    }
}

#[test]
fn n36_strangers_are_refused_and_told_nothing_of_dicom() {
    let (node, authority, tls) = node(|_| ());
    let revoked = authority.certify("revoked.test");
    authority.revoke(&revoked);
    tls.exchange(Tls::load(&authority.node_config()).unwrap());
    let cases = [
        ("none at all", None),
        ("expired", Some(authority.expired("old.test"))),
        ("of another authority", Some(Authority::new().certify("ct1.test"))),
        ("revoked", Some(revoked)),
        ("for servers only", Some(authority.certify_server("ct1.test"))),
    ];
    for (name, certificate) in cases {
        let answer = request(&node, authority.client(certificate.as_ref(), ALL), CT1);
        assert!(answer.is_err(), "{name}: {answer:?}");
    }
    // The one that is good comes in all the same.
    assert!(is_accepted(&node, authority.client(Some(&authority.certify("ct1.test")), ALL)));
    node.seen.look(|seen| {
        let refused = seen.closed.iter().filter(|(name, _)| name == "handshake").count();
        assert_eq!(refused, 5, "{:?}", seen.closed);
    });
}

const ALL: &[&SupportedProtocolVersion] = &[&version::TLS12, &version::TLS13];

#[test]
fn n36_plain_text_and_old_versions_are_no_way_in() {
    let (node, ..) = node(|_| ());
    let mut plain = Peer::connect(&node);
    plain.send(&associate_rq(&Rq::default()));
    // An alert of TLS, or nothing; no A-ASSOCIATE-AC.
    let said = plain.read_to_end();
    assert!(said.is_empty() || said[0] == 21, "{said:?}");
    // The same ClientHello, but for the version in it: one is answered by a handshake, the other by an alert.
    let answer = |version| {
        let mut stream = TcpStream::connect(node.address).unwrap();
        stream.write_all(&client_hello(version)).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut said = Vec::new();
        stream.read_to_end(&mut said).unwrap();
        said
    };
    assert_eq!(answer(0x0303)[..1], [22]);
    assert_eq!(answer(0x0302)[..], [21, 3, 3, 0, 2, 2, 70], "fatal, protocol_version");
}

/// A ClientHello (RFC 5246 7.4.1.2) of a version, with one cipher suite, group and kind of signature, all widely known.
fn client_hello(version: u16) -> Vec<u8> {
    let mut body = version.to_be_bytes().to_vec();
    body.extend([7; 32]);
    body.push(0);
    body.extend([0, 2, 0xC0, 0x2B, 1, 0]);
    // supported_groups: secp256r1; signature_algorithms: ecdsa_secp256r1_sha256.
    let extensions = [0, 10, 0, 4, 0, 2, 0, 0x17, 0, 13, 0, 4, 0, 2, 4, 3];
    body.extend([0, extensions.len() as u8]);
    body.extend(extensions);
    let mut message = vec![1, 0, 0, u8::try_from(body.len()).unwrap()];
    message.extend(body);
    let mut record = vec![22, 3, 1, 0, u8::try_from(message.len()).unwrap()];
    record.extend(message);
    record
}

#[test]
fn n36_a_stalled_handshake_ends_at_its_deadline() {
    let handshake = Duration::from_millis(200);
    let (node, ..) = node(|config| config.deadlines = Deadlines { handshake, ..Deadlines::default() });
    let (answer, time) = Peer::connect(&node).trickle(client_hello(0x0303));
    assert_eq!(answer, None::<Pdu>);
    assert!(time >= handshake, "{time:?}");
    node.seen.wait("the deadline", |seen| seen.closed.iter().any(|(name, _)| name == "timed_out"));
}

#[test]
fn n36_a_certificate_opens_only_the_names_that_it_is_bound_to() {
    let authority = Authority::new();
    let (ct, mr) = (authority.certify("ct1.test"), authority.certify("mr1.test"));
    let access: Vec<Access> = ["ct1.test", &mr.fingerprint()]
        .iter()
        .zip(["CT1", "MR1"])
        .map(|(certificate, calling)| {
            toml::from_str(&format!(
                "from = ['127.0.0.0/8']\ncalling = ['{calling}']\ncertificate = ['{certificate}']"
            ))
            .unwrap()
        })
        .collect();
    let tls = Arc::new(Tls::load(&authority.node_config()).unwrap());
    let node = Node::start_with_tls(Config { access: AccessList::from(access), ..Config::default() }, tls);
    let mr1 = b"MR1             ";
    for (certificate, calling, expected) in [
        (&ct, CT1, (ACCEPTED, [0; 3])),
        (&ct, mr1, (REJECTED, [1, 1, 3])),
        (&mr, CT1, (REJECTED, [1, 1, 3])),
        (&mr, mr1, (ACCEPTED, [0; 3])),
    ] {
        let (kind, code) = request(&node, authority.client(Some(certificate), ALL), calling).unwrap();
        assert_eq!(kind, expected.0, "{calling:?}");
        assert!(kind == ACCEPTED || code == expected.1, "{code:?}");
    }
}

#[test]
fn n36_certificates_are_exchanged_while_the_node_runs_and_bad_files_change_nothing() {
    let (node, authority, tls) = node(|_| ());
    let certificate = authority.certify("ct1.test");
    let client = || authority.client(Some(&certificate), ALL);
    assert!(is_accepted(&node, client()));
    authority.revoke(&certificate);
    assert!(is_accepted(&node, client()), "not read yet");
    tls.exchange(Tls::load(&authority.node_config()).unwrap());
    assert!(!is_accepted(&node, client()));
    authority.spoil_key();
    let error = Tls::load(&authority.node_config()).err().unwrap().to_string();
    assert!(error.contains("node.tls.key") && error.contains("key.pem"), "{error}");
    assert!(is_accepted(&node, authority.client(Some(&authority.certify("mr1.test")), ALL)));
}

#[test]
fn instances_arrive_whole_over_tls() {
    let (node, authority, _) = node(|_| ());
    let stream = TcpStream::connect(node.address).unwrap();
    let name = ServerName::try_from("condenser.test").unwrap();
    let client = authority.client(Some(&authority.certify("ct1.test")), ALL);
    let session = ClientConnection::new(Arc::new(client), name).unwrap();
    let mut stream = StreamOwned::new(session, stream);
    stream.write_all(&associate_rq(&Rq::default())).unwrap();
    assert_eq!(read_pdu(&mut stream).0, ACCEPTED);
    let data: Vec<u8> = (0..3_000_001_u32).map(|i| (i * 31 + i / 257) as u8).collect();
    stream.write_all(&peer::pdata(&[peer::pdv(1, peer::COMMAND_END, &peer::store_rq(1, "1.2.3"))])).unwrap();
    let pieces: Vec<&[u8]> = data.chunks(100_000).collect();
    for (at, piece) in pieces.iter().enumerate() {
        let header = if at + 1 == pieces.len() { peer::DATA_END } else { peer::DATA };
        stream.write_all(&peer::pdata(&[peer::pdv(1, header, piece)])).unwrap();
    }
    let (kind, body) = read_pdu(&mut stream);
    assert_eq!(kind, 4);
    assert_eq!(peer::element(&body[6..], 0x0900), Some(vec![0, 0]));
    stream.write_all(&pdu(5, &[0; 4])).unwrap();
    assert_eq!(read_pdu(&mut stream).0, 6);
    node.seen.look(|seen| assert!(seen.stored[0].1 == data, "{} bytes differ", seen.stored[0].1.len()));
}

fn read_pdu(stream: &mut impl Read) -> (u8, Vec<u8>) {
    let mut header = [0; 6];
    stream.read_exact(&mut header).unwrap();
    let mut body = vec![0; u32::from_be_bytes([header[2], header[3], header[4], header[5]]) as usize];
    stream.read_exact(&mut body).unwrap();
    (header[0], body)
}

#[test]
fn f11_our_own_side_speaks_tls_or_not_at_all() {
    let (node, authority, _) = node(|_| ());
    let ours = authority.certify("ct1.test");
    authority.write_certified("ours", &ours);
    let tls = PeerTlsConfig {
        authorities: authority.path("ca.pem"),
        name: Some("condenser.test".to_owned()),
        certificate: Some(authority.path("ours.pem")),
        key: Some(authority.path("ours.key")),
    };
    let connect = |tls: Option<PeerTlsConfig>| {
        let tls = tls.map(|tls| (tls, "127.0.0.1".to_owned()));
        let short = Duration::from_secs(5);
        let options = RequestorOptions { tls, associate: short, ..RequestorOptions::new("CT1", "CONDENSER") };
        let context = ProposedContext {
            abstract_syntax: peer::CT.to_owned(),
            transfer_syntaxes: vec![TransferSyntax::of_uid("1.2.840.10008.1.2").unwrap()],
        };
        Requestor::connect(node.address, options, &[context])
    };
    let mut requestor = connect(Some(tls.clone())).unwrap();
    let data: Vec<u8> = (0..2_000_000_u32).map(|i| (i * 7 + i / 251) as u8).collect();
    for number in 0..3 {
        assert!(requestor.is_open());
        let answer = requestor.store(1, peer::CT, &format!("1.2.{number}"), &data).unwrap();
        assert_eq!(answer.status, Status::SUCCESS);
    }
    requestor.release().unwrap();
    node.seen.look(|seen| assert!(seen.stored.iter().all(|stored| stored.1 == data)));

    let other_authority = Authority::new();
    let refused: [(&str, PeerTlsConfig); 4] = [
        (
            "of another authority",
            PeerTlsConfig { authorities: other_authority.path("ca.pem"), ..tls.clone() },
        ),
        ("of another name", PeerTlsConfig { name: Some("archive.test".to_owned()), ..tls.clone() }),
        ("of the address", PeerTlsConfig { name: None, ..tls.clone() }),
        ("of a missing file", PeerTlsConfig { authorities: authority.path("gone.pem"), ..tls.clone() }),
    ];
    for (name, tls) in refused {
        let error = connect(Some(tls)).map(|_| ()).unwrap_err();
        assert!(matches!(error, RequestorError::Handshake(_) | RequestorError::Tls(_)), "{name}: {error}");
    }
    // Nothing of us at all: with TLS 1.3 the client learns by its first read that it is not let in.
    let nameless = PeerTlsConfig { certificate: None, key: None, ..tls };
    assert!(connect(Some(nameless)).is_err());
    assert!(connect(None).is_err(), "plain text on a TLS address");
}
