//! Holds the source tree to its design: layers, doors, no circles, `//!` on every file, a small `main.rs`,
//! and the invariants that can be seen in the text. The checker itself is tested against injected violations.

#![expect(clippy::expect_used, reason = "a test may stop at the first surprise")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Rooms from the top layer to the bottom; rooms on one line never import each other.
const LAYERS: &[&[&str]] = &[
    &["main"],
    &["manual"],
    &["cli"],
    &["node"],
    &["config"],
    &["forward", "web"],
    &["audit", "queue", "rule", "store"],
    &["codec", "net"],
    &["dicom", "observe"],
];

/// Words that only the named files may contain, each with the invariant that it stands for.
const RESERVED: &[(&str, &[&str], &str)] = &[
    ("sync_all(", &["store/durable.rs"], "only store::durable syncs"),
    ("sync_data(", &["store/durable.rs"], "only store::durable syncs"),
    ("fsync(", &["store/durable.rs"], "only store::durable syncs"),
    ("fs::rename(", &["store/durable.rs"], "only store::durable renames"),
    ("renameat", &["store/durable.rs"], "only store::durable renames"),
    (
        "unsafe {",
        &[
            "codec/charls/decode.rs",
            "codec/charls/encode.rs",
            "codec/charls/error.rs",
            "codec/openjpeg/decode.rs",
            "codec/openjpeg/encode.rs",
            "codec/openjpeg/handle.rs",
            "codec/openjpeg/image.rs",
            "codec/openjpeg/stream.rs",
            "codec/encoders/jpeg_ls/kernel.rs",
            "codec/encoders/jpeg_xl/kernel.rs",
            "codec/encoders/rle_avx2.rs",
            "codec/encoders/rle_kernel.rs",
            "codec/decoders/jpeg_ls/proof.rs",
        ],
        "unsafe only in FFI and SIMD kernels",
    ),
    ("unsafe fn", &[], "unsafe only in FFI and SIMD kernels"),
    ("todo!(", &[], "no stubs"),
    ("unimplemented!(", &[], "no stubs"),
];

/// What a door must not hold: types and behaviour live in leaf files.
const NOT_IN_A_DOOR: &[&str] = &["struct ", "enum ", "trait ", "impl ", "impl<", "fn ", "macro_rules!"];

const MAIN_LINES: usize = 20;

type Tree = BTreeMap<String, String>;

#[test]
fn the_tree_keeps_to_its_design() {
    let tree = read_tree(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    assert!(tree.contains_key("lib.rs"), "the source tree was not found");
    let found = violations(&tree);
    assert!(found.is_empty(), "the design is violated:\n{}", found.join("\n"));
}

/// Each row: what is injected, the file it goes into, its text, and a word of the complaint that must follow.
#[test]
fn every_injected_violation_is_reported() {
    let cases: &[(&str, &str, &str, &str)] = &[
        ("upward import", "dicom/uid.rs", "//! U.\nuse crate::net::Status;\n", "layer"),
        ("sideways import", "net/status.rs", "//! S.\nuse crate::codec::Encoder;\n", "layer"),
        ("inline upward path", "dicom/uid.rs", "//! U.\nfn f() { crate::node::run(); }\n", "layer"),
        (
            "grouped upward import",
            "dicom/uid.rs",
            "//! U.\nuse crate::{dicom::tag::Tag, node::{Node}};\n",
            "layer",
        ),
        ("upward import through super", "dicom/uid.rs", "//! U.\nuse super::super::node::Node;\n", "layer"),
        ("past the door", "net/status.rs", "//! S.\nuse crate::dicom::uid::Uid;\n", "door"),
        ("own door", "dicom/tag.rs", "//! T.\nuse crate::dicom::Uid;\n", "own door"),
        ("own door by super", "dicom/tag.rs", "//! T.\nuse super::Uid;\n", "own door"),
        ("own door by glob", "dicom/tag.rs", "//! T.\nuse super::*;\n", "own door"),
        ("circle", "dicom/tag.rs", "//! T.\nuse super::uid::Uid;\n", "circle"),
        ("no module doc", "dicom/tag.rs", "pub struct Tag;\n", "//!"),
        ("type in a door", "dicom/mod.rs", "//! D.\nmod uid;\nmod tag;\npub struct Here;\n", "door holds"),
        ("open file in a door", "dicom/mod.rs", "//! D.\npub mod uid;\nmod tag;\n", "leaves a file open"),
        ("long main", "main.rs", &("//! M.\n".to_owned() + &"// x\n".repeat(30)), "main.rs"),
        ("rename elsewhere", "net/status.rs", "//! S.\nfn f() { std::fs::rename(a, b); }\n", "renames"),
        ("unsafe elsewhere", "dicom/tag.rs", "//! T.\nfn f() { unsafe { g() } }\n", "unsafe"),
        ("unknown room", "misc/thing.rs", "//! T.\n", "no layer"),
    ];
    let sound = sound_tree();
    assert_eq!(violations(&sound), Vec::<String>::new(), "the sound example must pass");
    for (name, file, text, word) in cases {
        let mut tree = sound.clone();
        tree.insert((*file).to_owned(), (*text).to_owned());
        let found = violations(&tree);
        assert!(found.iter().any(|line| line.contains(word)), "«{name}» was not reported, only {found:?}");
    }
}

#[test]
fn comments_strings_and_tests_do_not_count_as_imports() {
    let mut tree = sound_tree();
    let text = "//! T. See crate::node::Node.\n/* crate::node::Node */ const A: &str = \"crate::node::x\";\n\
                #[cfg(test)]\nmod tests {\n    use super::*;\n    use crate::node::Node;\n}\n";
    tree.insert("dicom/tag.rs".to_owned(), text.to_owned());
    assert_eq!(violations(&tree), Vec::<String>::new());
}

/// Each row of the inventory in SECURITY.md: file, uses of the word, why, and the tests that hold it.
#[test]
fn the_inventory_of_unsafe_code_is_true() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let policy = fs::read_to_string(root.join("SECURITY.md")).expect("SECURITY.md");
    let listed: BTreeMap<&str, (&str, &str)> = policy
        .lines()
        .filter_map(|line| line.strip_prefix("| `src/")?.strip_suffix(" |"))
        .map(|row| {
            let cells: Vec<&str> = row.split(" | ").collect();
            let [file, uses, _, tests] = cells[..] else { panic!("not four cells: {row}") };
            (file.trim_end_matches('`'), (uses, tests))
        })
        .collect();
    let tree = read_tree(&root.join("src"));
    let mut counted = BTreeMap::new();
    for (file, text) in &tree {
        let uses = words(&without_tests(&without_comments(text)), "unsafe");
        if uses > 0 {
            counted.insert(file.as_str(), uses.to_string());
        }
        assert_eq!(unexplained(text), None, "{file}: unsafe without `// SAFETY:` before it");
    }
    let shown: BTreeMap<&str, String> =
        listed.iter().map(|(file, (uses, _))| (*file, (*uses).to_owned())).collect();
    assert_eq!(shown, counted, "SECURITY.md, \"Unsafe code\", is out of date");
    for (file, (_, tests)) in listed {
        for test in tests.split(", ").map(|name| name.trim_matches('`')) {
            assert!(tree[file].contains(&format!("fn {test}(")), "{file} has no test {test}");
        }
    }
}

#[test]
fn unsafe_code_without_its_reason_is_found() {
    let of = |text: &str| unexplained(text);
    assert_eq!(of("//! U.\n// SAFETY: none is asked for.\nunsafe { f() };\n"), None);
    assert_eq!(of("// SAFETY: two\n// lines.\nlet a = match b {\n    _ => unsafe { f() },\n};\n"), None);
    assert_eq!(of("// unsafe { in a comment }\nlet a = 1;\n"), None);
    assert_eq!(of("//! U.\nlet a = unsafe { f() };\n"), Some(2));
    assert_eq!(of("// SAFETY: long ago.\nf();\ng();\nh();\ni();\nj();\nunsafe { k() };\n"), Some(7));
    assert_eq!(words("unsafe unsafely #[unsafe_op] x.unsafe{", "unsafe"), 2);
}

/// The first line, counted from 1, of an unsafe block that no `// SAFETY:` stands within four lines of code before.
fn unexplained(text: &str) -> Option<usize> {
    let lines: Vec<&str> = text.lines().collect();
    let is_comment = |line: &str| line.trim_start().starts_with("//");
    (0..lines.len()).filter(|at| !is_comment(lines[*at]) && lines[*at].contains("unsafe {")).find_map(|at| {
        let mut code = 0;
        for line in lines[..at].iter().rev() {
            if line.contains("// SAFETY:") {
                return None;
            }
            code += usize::from(!is_comment(line));
            if code > 3 {
                break;
            }
        }
        Some(at + 1)
    })
}

/// How often a word stands alone.
fn words(code: &str, word: &str) -> usize {
    code.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|found| *found == word).count()
}

fn sound_tree() -> Tree {
    [
        ("main.rs", "//! M.\nfn main() { condenser::cli::run(); }\n"),
        ("lib.rs", "//! L.\npub mod dicom;\npub mod net;\n"),
        ("dicom/mod.rs", "//! D.\nmod uid;\nmod tag;\npub use uid::Uid;\npub use tag::Tag;\n"),
        ("dicom/uid.rs", "//! U.\nuse super::tag::Tag;\n"),
        ("dicom/tag.rs", "//! T.\npub struct Tag;\n"),
        ("net/mod.rs", "//! N.\nmod status;\npub use status::Status;\n"),
        ("net/status.rs", "//! S.\nuse crate::dicom::{Tag, Uid};\npub struct Status;\n"),
    ]
    .into_iter()
    .map(|(file, text)| (file.to_owned(), text.to_owned()))
    .collect()
}

fn read_tree(root: &Path) -> Tree {
    let mut tree = Tree::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a readable source folder") {
            let path = entry.expect("a readable entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name =
                    path.strip_prefix(root).expect("below the root").to_string_lossy().replace('\\', "/");
                tree.insert(name, fs::read_to_string(&path).expect("a readable source file"));
            }
        }
    }
    tree
}

fn violations(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    let mut arrows: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for (file, text) in tree {
        if !text.starts_with("//!") {
            found.push(format!("{file}: does not open with //!"));
        }
        if file == "main.rs" && text.lines().count() > MAIN_LINES {
            found.push(format!("main.rs: has more than {MAIN_LINES} lines"));
        }
        if file == "lib.rs" {
            continue;
        }
        if rank(room(file)).is_none() {
            found.push(format!("{file}: its room has no layer in the design"));
        }
        let code = without_tests(&without_comments(text));
        for (word, allowed, why) in RESERVED {
            if code.contains(word) && !allowed.contains(&file.as_str()) {
                found.push(format!("{file}: holds `{word}`, but {why}"));
            }
        }
        if file.ends_with("mod.rs") {
            if code.lines().any(|line| line.trim_start().starts_with("pub mod ")) {
                found.push(format!("{file}: a door that leaves a file open"));
            }
            for word in NOT_IN_A_DOOR {
                let holds = |line: &str| {
                    let line = line.trim_start().trim_start_matches("pub ").trim_start_matches("pub(crate) ");
                    line.starts_with(word)
                };
                if code.lines().any(holds) {
                    found.push(format!("{file}: a door holds `{}`", word.trim()));
                }
            }
        }
        for path in imports(&code, file) {
            check_import(tree, file, &path, &mut found, arrows.entry(file).or_default());
        }
        if let Some(folder) = file.strip_suffix("mod.rs") {
            let children = tree.keys().filter(|name| is_child(folder, name)).cloned();
            arrows.entry(file).or_default().extend(children);
        }
    }
    found.extend(circle(&arrows));
    found
}

/// One import, as segments after `crate`: is it allowed, and which file does it point at?
fn check_import(
    tree: &Tree,
    file: &str,
    path: &[String],
    found: &mut Vec<String>,
    arrows: &mut BTreeSet<String>,
) {
    let Some(target_room) = path.first() else { return };
    let Some(target_rank) = rank(target_room) else { return };
    let shown = path.join("::");
    if target_room != room(file) {
        if rank(room(file)).is_some_and(|own| target_rank <= own) {
            found.push(format!("{file}: imports {shown}, which is not in a layer below"));
        }
        let door = format!("{target_room}/mod.rs");
        if tree.contains_key(&door) {
            // `crate::codec::compress` alone may be the function that the door offers: its files are private.
            if path.len() > 2 && module_file(tree, target_room, &path[1]).is_some() {
                found.push(format!("{file}: imports {shown} past the door of {target_room}"));
            }
            arrows.insert(door);
        } else {
            arrows.insert(format!("{target_room}.rs"));
        }
        return;
    }
    // Inside one room: walk down as far as the segments name modules.
    let mut folder = target_room.clone();
    for (depth, name) in path.iter().enumerate().skip(1) {
        match module_file(tree, &folder, name) {
            Some(target) if target.ends_with("/mod.rs") && depth + 1 < path.len() => {
                folder = format!("{folder}/{name}")
            }
            Some(target) => {
                arrows.insert(target);
                return;
            }
            None => break,
        }
    }
    let door = format!("{folder}/mod.rs");
    let own_folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
    if tree.contains_key(&door) && door != file {
        if own_folder == folder || own_folder.starts_with(&format!("{folder}/")) {
            found.push(format!("{file}: imports {shown} through its own door"));
        }
        arrows.insert(door);
    }
}

fn circle(arrows: &BTreeMap<&str, BTreeSet<String>>) -> Option<String> {
    // Doors point at all their children, so a child that reaches its own door closes a circle too.
    let mut done = BTreeSet::new();
    for start in arrows.keys() {
        let mut path: Vec<(String, Vec<String>)> = vec![((*start).to_owned(), next(arrows, start))];
        while let Some((_, rest)) = path.last_mut() {
            let Some(file) = rest.pop() else {
                let (file, _) = path.pop().expect("the path is not empty");
                done.insert(file);
                continue;
            };
            if let Some(at) = path.iter().position(|(name, _)| *name == file) {
                let names: Vec<&str> = path[at..].iter().map(|(name, _)| name.as_str()).collect();
                return Some(format!("circle: {} -> {file}", names.join(" -> ")));
            }
            if !done.contains(&file) {
                let rest = next(arrows, &file);
                path.push((file, rest));
            }
        }
    }
    None
}

fn next(arrows: &BTreeMap<&str, BTreeSet<String>>, file: &str) -> Vec<String> {
    arrows
        .get(file)
        .map(|targets| targets.iter().filter(|target| *target != file).cloned().collect())
        .unwrap_or_default()
}

fn rank(room: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&room))
}

fn room(file: &str) -> &str {
    file.split('/').next().unwrap_or(file).trim_end_matches(".rs")
}

fn module_file(tree: &Tree, folder: &str, name: &str) -> Option<String> {
    [format!("{folder}/{name}.rs"), format!("{folder}/{name}/mod.rs")]
        .into_iter()
        .find(|file| tree.contains_key(file))
}

fn is_child(folder: &str, name: &str) -> bool {
    let Some(rest) = name.strip_prefix(folder) else { return false };
    (!rest.contains('/') && rest != "mod.rs") || (rest.ends_with("/mod.rs") && rest.matches('/').count() == 1)
}

/// Every path that starts with `crate::` or `super::`, as segments after the crate root.
fn imports(code: &str, file: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let modules: Vec<&str> = file.trim_end_matches(".rs").trim_end_matches("/mod").split('/').collect();
    for (start, _) in code.match_indices("crate::").chain(code.match_indices("super::")) {
        let before = code[..start].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
            continue;
        }
        let mut rest = &code[start..];
        let mut base: Vec<String> = Vec::new();
        if let Some(after) = rest.strip_prefix("crate::") {
            rest = after;
        } else {
            let mut here = modules.len();
            while let Some(after) = rest.strip_prefix("super::") {
                rest = after;
                here = here.saturating_sub(1);
            }
            base = modules[..here].iter().map(|name| (*name).to_owned()).collect();
        }
        expand(rest, &base, &mut found);
    }
    found
}

/// Expands one use tree (`a::{b, c::d}`, `a::*`, `a as b`) and returns what follows it.
fn expand<'t>(text: &'t str, base: &[String], found: &mut Vec<Vec<String>>) -> &'t str {
    let mut path = base.to_vec();
    let mut rest = text.trim_start();
    loop {
        if let Some(mut group) = rest.strip_prefix('{') {
            loop {
                group = expand(group, &path, found).trim_start();
                match group.strip_prefix(',') {
                    Some(more) if !more.trim_start().starts_with('}') => group = more,
                    Some(more) => {
                        // A comma behind the last one.
                        group = more.trim_start();
                        break;
                    }
                    None => break,
                }
            }
            return group.strip_prefix('}').unwrap_or(group);
        }
        let name_len =
            rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '*')).unwrap_or(rest.len());
        if name_len == 0 {
            break;
        }
        if &rest[..name_len] != "self" {
            path.push(rest[..name_len].to_owned());
        }
        rest = &rest[name_len..];
        match rest.strip_prefix("::") {
            Some(after) => rest = after,
            None => break,
        }
    }
    found.push(path);
    let trimmed = rest.trim_start();
    if let Some(after) = trimmed.strip_prefix("as ") {
        let after = after.trim_start();
        let end = after.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(after.len());
        return &after[end..];
    }
    rest
}

/// Blanks comments and the contents of string literals, so that only code is looked at.
fn without_comments(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if rest.starts_with("//") {
            let end = rest.find('\n').unwrap_or(rest.len());
            rest = &rest[end..];
        } else if rest.starts_with("/*") {
            let end = rest.find("*/").map_or(rest.len(), |at| at + 2);
            rest = &rest[end..];
        } else if rest.starts_with("'\"'") {
            rest = &rest[3..];
        } else if c == '"' {
            let mut escaped = false;
            let end = rest.char_indices().skip(1).find(|(_, c)| {
                let closes = *c == '"' && !escaped;
                escaped = *c == '\\' && !escaped;
                closes
            });
            out.push_str("\"\"");
            rest = &rest[end.map_or(rest.len(), |(at, _)| at + 1)..];
        } else {
            out.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    out
}

/// Tests stand last in a file and may look at everything.
fn without_tests(code: &str) -> String {
    let cut = code.match_indices("#[cfg(test)]").find(|(at, word)| {
        let after = code[at + word.len()..].trim_start();
        after.starts_with("mod ") && after.find('{') < after.find(';').or(Some(usize::MAX))
    });
    cut.map_or(code, |(at, _)| &code[..at]).to_owned()
}
