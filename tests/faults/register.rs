//! Every row of the fault matrix is proven somewhere, or says what it needs.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The rows of each family: network, data set, codec, forwarding, disk and queue, process.
const FAMILIES: [(char, u32); 6] = [('N', 38), ('D', 25), ('C', 9), ('F', 17), ('K', 17), ('P', 20)];

/// One row of the register.
struct Row {
    title: String,
    test: bool,
    script: bool,
    needs: Option<String>,
}

#[test]
fn every_row_is_proven_or_says_what_it_needs() {
    let rows = register();
    let expected: BTreeSet<String> = FAMILIES
        .iter()
        .flat_map(|(family, count)| (1..=*count).map(move |number| format!("{family}{number:02}")))
        .collect();
    assert_eq!(rows.keys().cloned().collect::<BTreeSet<_>>(), expected, "the register has all rows, once");
    let (tests, script) = (rows_of_tests(), rows_of_the_script());
    let mut wrong = Vec::new();
    for (id, row) in &rows {
        if row.title.is_empty() {
            wrong.push(format!("{id} has no title"));
        }
        if row.test && !tests.contains_key(id) {
            wrong.push(format!("{id}: no test's name begins with {}_", id.to_lowercase()));
        }
        if row.script && !script.contains(id) {
            wrong.push(format!("{id} is not in the table of scripts/faults"));
        }
        if row.needs.as_ref().is_some_and(String::is_empty) {
            wrong.push(format!("{id} does not say what it needs"));
        }
    }
    let unknown = tests.keys().chain(&script).filter(|id| !rows.contains_key(*id));
    wrong.extend(unknown.map(|id| format!("{id} is proven and is not a row of the matrix")));
    wrong.extend(
        script
            .iter()
            .filter(|id| rows.get(*id).is_some_and(|row| !row.script))
            .map(|id| format!("{id} is in the table of scripts/faults, and the register does not say so")),
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn names_of_tests_are_read_as_rows() {
    let rows = |name| rows_of(name).into_iter().collect::<Vec<_>>().join(" ");
    assert_eq!(rows("k01_k02_a_fault"), "K01 K02");
    assert_eq!(rows("p13_a_second_node"), "P13");
    for name in ["n1_", "x01_something", "n001_no_row", "new_", "n01", ""] {
        assert_eq!(rows(name), "", "{name}");
    }
}

fn register() -> BTreeMap<String, Row> {
    let mut rows = BTreeMap::new();
    for line in include_str!("rows.tsv").lines().skip(1) {
        let cells: Vec<&str> = line.split('\t').collect();
        let [id, title, proof] = cells[..] else { panic!("three cells: {line}") };
        let (ways, needs) = match proof.split_once("needs:") {
            Some((ways, needs)) => (ways, Some(needs.trim().to_owned())),
            None => (proof, None),
        };
        let ways: Vec<&str> = ways.split_whitespace().collect();
        assert!(ways.iter().all(|way| ["test", "script"].contains(way)), "{line}");
        assert!(!ways.is_empty() || needs.is_some(), "{line}");
        let has = |way| ways.contains(&way);
        let row = Row { title: title.trim().to_owned(), test: has("test"), script: has("script"), needs };
        assert!(rows.insert(id.to_owned(), row).is_none(), "{id} is there twice");
    }
    rows
}

/// The rows that the names of tests begin with, each with one of them.
fn rows_of_tests() -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for file in files("src", "rs").into_iter().chain(files("tests", "rs")) {
        let text = fs::read_to_string(&file).unwrap();
        let mut is_test = false;
        for line in text.lines().map(str::trim) {
            if line == "#[test]" || line.starts_with("#[tokio::test") {
                is_test = true;
            } else if let Some((_, name)) = line.split_once("fn ").filter(|_| is_test) {
                is_test = false;
                let name = name.split('(').next().unwrap_or_default();
                found.extend(rows_of(name).into_iter().map(|row| (row, name.to_owned())));
            }
        }
    }
    found
}

/// The rows that one name begins with, as in `k01_k02_a_fault_at_any_call`.
fn rows_of(name: &str) -> BTreeSet<String> {
    let is_row = |word: &&str| {
        let (family, number) = word.split_at_checked(1).unwrap_or_default();
        FAMILIES.iter().any(|(known, _)| known.to_lowercase().eq(family.chars()))
            && number.len() == 2
            && number.bytes().all(|byte| byte.is_ascii_digit())
    };
    match name.rsplit_once('_') {
        Some((words, _)) => words.split('_').take_while(is_row).map(str::to_uppercase).collect(),
        None => BTreeSet::new(),
    }
}

/// The rows that `scripts/faults` has, which are in the first argument of a decorator: `@row("K01", …)`.
fn rows_of_the_script() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for file in files("tests/python", "py") {
        let text = fs::read_to_string(&file).unwrap();
        for line in text.lines() {
            let Some(arguments) = line.trim().strip_prefix("@row(\"") else { continue };
            let rows = arguments.split('"').next().unwrap_or_default();
            found.extend(rows.split_whitespace().map(str::to_owned));
        }
    }
    found
}

fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                found.push(path);
            }
        }
    }
    found
}
