//! The README is true: its tables are compared with the code, and the commands in it exist.

#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use condenser::codec::targets;
use condenser::dicom::TransferSyntax;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

fn text(file: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap()
}

/// The cells of each row of the table below a heading, without the row of names.
fn table(heading: &str) -> Vec<Vec<String>> {
    let readme = text("README.md");
    let (_, section) = readme.split_once(&format!("\n## {heading}\n")).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| ")).skip(1);
    rows.map(|line| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()).collect()
}

/// All keys below `section`, joined by dots, each with its value as TOML.
fn keys(section: toml::Table) -> BTreeSet<(String, String)> {
    let mut keys = BTreeSet::new();
    let mut open: Vec<(String, toml::Value)> = section.into_iter().collect();
    while let Some((key, value)) = open.pop() {
        match value {
            toml::Value::Table(table) => {
                open.extend(table.into_iter().map(|(name, value)| (format!("{key}.{name}"), value)));
            }
            value => {
                keys.insert((key, value.to_string()));
            }
        }
    }
    keys
}

fn bare(cell: &str) -> String {
    cell.trim_matches('`').to_owned()
}

#[test]
fn every_key_of_access_tls_audit_a_rule_and_a_peer_is_in_its_table() {
    let forwarding: toml::Table = toml::from_str(&text("config/forwarding.toml")).unwrap();
    let secure: toml::Table = toml::from_str(&text("config/secure.toml")).unwrap();
    let first = |entries: &toml::Value| entries.as_array().unwrap()[0].clone();
    // The entries of the example are of different kinds; together they show every key.
    let all = |entries: &toml::Value| {
        let tables = entries.as_array().unwrap().iter().flat_map(|entry| entry.as_table().unwrap().clone());
        toml::Value::Table(tables.collect())
    };
    for (heading, fullest) in [
        ("Access", all(&secure["access"])),
        ("TLS", secure["node"]["tls"].clone()),
        ("Audit trail", secure["audit"].clone()),
        ("Rules", first(&forwarding["rule"])),
        ("Peers", first(&forwarding["peer"])),
    ] {
        let fullest = fullest.as_table().unwrap().clone();
        let written: BTreeSet<String> = keys(fullest).into_iter().map(|(key, _)| key).collect();
        let shown: BTreeSet<String> = table(heading).iter().map(|row| bare(&row[0])).collect();
        assert_eq!(shown, written, "{heading}");
    }
}

#[test]
fn every_key_of_the_configuration_is_in_the_table_with_its_default() {
    let mut file: toml::Table = toml::from_str(&text("config/condenser.toml")).unwrap();
    file.remove("access");
    let shown: BTreeSet<_> =
        table("Configuration").iter().map(|row| (bare(&row[0]), bare(&row[1]))).collect();
    assert_eq!(shown, keys(file));
}

#[test]
fn the_transfer_syntaxes_are_those_that_there_is_an_encoder_for() {
    let shown: BTreeSet<String> = table("Transfer syntaxes").iter().map(|row| row[1].clone()).collect();
    let mut written: BTreeSet<String> = targets().map(|syntax| syntax.uid.to_owned()).collect();
    for row in table("Transfer syntaxes") {
        if let Some(syntax) = TransferSyntax::of_uid(&row[1]) {
            assert!(row[0].contains(&format!("`{}`", syntax.keyword)), "{row:?}");
        }
    }
    written.insert("–".to_owned());
    assert_eq!(shown, written);
}

#[test]
fn the_statuses_are_those_of_the_one_table() {
    let shown: BTreeSet<String> = table("Statuses").into_iter().map(|row| row[0].clone()).collect();
    let expected: BTreeSet<String> = condenser::node::STATUSES
        .iter()
        .map(|status| format!("{:04X}", status.0))
        .chain(["0000".to_owned(), "0122".to_owned(), "0210, 0211, 0212".to_owned()])
        .collect();
    assert_eq!(shown, expected);
}

#[test]
fn the_rejections_are_those_of_the_one_table() {
    let shown: BTreeSet<(String, String)> =
        table("Rejections").into_iter().map(|row| (row[0].clone(), row[1].clone())).collect();
    let expected = condenser::net::Rejection::all().map(|rejection| {
        let [result, source, reason] = rejection.code();
        (format!("{result},{source},{reason}"), rejection.to_string())
    });
    assert_eq!(shown, expected.collect());
}

#[test]
fn the_commands_exist_and_take_the_options_that_are_shown() {
    let readme = text("README.md");
    let mut seen = 0;
    for line in readme.split("```").skip(1).step_by(2).flat_map(str::lines) {
        let Some(command) = line.strip_prefix("condenser ") else { continue };
        let words: Vec<&str> = command.split_whitespace().collect();
        let help = Command::new(env!("CARGO_BIN_EXE_condenser")).args([words[0], "--help"]).output().unwrap();
        assert!(help.status.success(), "{line}");
        let help = String::from_utf8(help.stdout).unwrap();
        for option in words.iter().filter(|word| word.starts_with("--")) {
            assert!(help.contains(option), "{line}: {option}");
        }
        assert!(help.contains("Examples:"), "{}: no examples in the help", words[0]);
        seen += 1;
    }
    assert!(seen >= 6);
    for script in ["run", "test", "check", "interop", "bench", "faults"] {
        assert!(readme.contains(&format!("scripts/{script}")), "{script}");
        assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts").join(script).is_file(), "{script}");
    }
}

/// Each row of the comparison names a test, and the test is there.
#[test]
fn every_claim_beside_the_others_names_a_test() {
    let rows = table("Beside the others");
    assert!(rows.len() > 10);
    for row in rows {
        let claim = row.last().unwrap();
        let (name, file) = claim.trim_matches(['[', ')']).split_once("](").unwrap();
        let text = text(file);
        let Some((before, _)) = text.split_once(&format!("fn {}(", bare(name))) else {
            panic!("{claim} is not there")
        };
        // What stands between the item before and its name.
        let attributes = before.rsplit("\n\n").next().unwrap();
        assert!(attributes.contains("#[test]") && !attributes.contains("#[ignore"), "{claim} is no test");
    }
}
