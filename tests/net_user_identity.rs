//! User Identity Negotiation (PS3.7 D.3.3.7) with other implementations: pynetdicom, and DCMTK's `storescu`.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test may stop at the first surprise")]

#[path = "support/made.rs"]
mod made;
#[path = "support/peer.rs"]
mod peer;

use condenser::dicom::{FileMeta, uids};
use condenser::net::{Access, AccessList, Config, PasscodeHash, User};
use made::{CT, Image};
use peer::Node;
use std::path::Path;
use std::process::{Command, Output};

/// A node that lets in only these users.
fn node(users: Vec<User>) -> Node {
    let entry = Access { user: Some(users), ..Access::of_addresses(vec!["127.0.0.1".parse().unwrap()]) };
    Node::start(Config { access: AccessList::from(vec![entry]), ..Config::default() })
}

fn users() -> Vec<User> {
    let user = |name: &str, passcode: Option<&str>| User {
        name: name.to_owned(),
        passcode: passcode.map(|passcode| PasscodeHash::of(passcode.as_bytes()).unwrap()),
    };
    vec![user("ann", Some("p\u{E4}ss word")), user("ben", None)]
}

/// The identity that a requestor gives, and whether it is good.
const IDENTITIES: &[(&[&str], bool)] = &[
    (&["2", "ann", "p\u{E4}ss word"], true),
    (&["1", "ben", ""], true),
    (&["2", "ann", "wrong"], false),
    (&["1", "ann", ""], false),
    (&["2", "eve", "p\u{E4}ss word"], false),
    (&[], false),
];

#[test]
fn pynetdicom_is_let_in_by_name_and_passcode_and_told_so() {
    let Some(python) = std::env::var_os("CONDENSER_PYTHON") else {
        eprintln!("SKIPPED: pynetdicom did not say who it is (set CONDENSER_PYTHON, or run scripts/test)");
        return;
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/associate_as.py");
    let said = |node: &Node, identity: &[&str]| {
        let mut command = Command::new(&python);
        command.arg(&script).arg(node.address.port().to_string()).args(identity);
        let Output { stdout, stderr, .. } = command.output().unwrap();
        assert!(!stdout.is_empty(), "{}", String::from_utf8_lossy(&stderr));
        String::from_utf8(stdout).unwrap().trim().to_owned()
    };
    let asking = node(users());
    for (identity, is_good) in IDENTITIES {
        let expected = if *is_good { "accepted identified 0000" } else { "rejected (1, 2, 1)" };
        assert_eq!(said(&asking, identity), expected, "{identity:?}");
    }
    // Nobody is asked: nobody is identified either, and all come in.
    let open = Node::start(Config::default());
    for (identity, _) in IDENTITIES {
        assert_eq!(said(&open, identity), "accepted  0000", "{identity:?}");
    }
}

#[test]
fn dcmtk_is_let_in_by_name_and_passcode_and_told_so() {
    let folder = tempfile::tempdir().unwrap();
    let image = Image::slope("1.2.9", 16, 16);
    let meta = FileMeta {
        sop_class: CT.to_owned(),
        sop_instance: image.sop_instance.clone(),
        transfer_syntax: uids::EXPLICIT_VR_LITTLE_ENDIAN.to_owned(),
        ..FileMeta::default()
    };
    let mut bytes = Vec::new();
    meta.write(&mut bytes).unwrap();
    bytes.extend(image.data_set());
    let file = folder.path().join("image.dcm");
    std::fs::write(&file, bytes).unwrap();
    let asking = node(users());
    let mut stored = 0;
    for (identity, is_good) in IDENTITIES {
        let options: Vec<&str> = match identity {
            ["1", name, _] => vec!["-usr", name, "-rsp"],
            [_, name, passcode] => vec!["-usr", name, "-pwd", passcode, "-rsp"],
            _ => Vec::new(),
        };
        let mut command = Command::new("storescu");
        command.args(&options).args(["-aec", "CONDENSER", "127.0.0.1", &asking.address.port().to_string()]);
        let Ok(output) = command.arg(&file).output() else {
            eprintln!("SKIPPED: DCMTK's storescu is not installed; scripts/test installs it");
            return;
        };
        let words = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.success(), *is_good, "{identity:?}: {words}");
        stored += usize::from(*is_good);
        assert_eq!(asking.seen.look(|seen| seen.stored.len()), stored, "{identity:?}");
    }
}
