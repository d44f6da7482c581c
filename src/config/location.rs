//! The line of a configuration file on which a key stands, so that a fault that is found later can still name it.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The line, counted from 1, of the key that a sentence begins with: `node.limits.memory must be …`,
/// `rule[2].forward[0]: …`. Where the last steps of the key are not in the file, the line of what they belong to.
pub(super) fn line_of(text: &str, sentence: &str) -> Option<usize> {
    let key = sentence.split([' ', ':']).next()?;
    let document = DeTable::parse(text).ok()?;
    let mut steps = key.split(['.', '[']).map(|step| step.trim_end_matches(']'));
    let first = document.get_ref().get(steps.next()?)?;
    let mut found = first;
    for step in steps {
        match child(found, step) {
            Some(child) => found = child,
            None => break,
        }
    }
    let start = found.span().start;
    text.get(..start).map(|before| before.matches('\n').count() + 1)
}

fn child<'t, 'i>(value: &'t Spanned<DeValue<'i>>, step: &str) -> Option<&'t Spanned<DeValue<'i>>> {
    match value.get_ref() {
        DeValue::Table(table) => table.get(step),
        DeValue::Array(array) => array.get(step.parse::<usize>().ok()?),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "[node]\nae_title = 'A'\nlimits.memory = 1\n\n[[rule]]\nname = 'a'\n\n[[rule]]\nname = 'b'\n\
                        forward = [\n  'x',\n  'y',\n]\n";

    #[test]
    fn keys_are_found_as_deep_as_the_file_has_them() {
        for (sentence, line) in [
            ("node.ae_title: it is wrong", Some(2)),
            ("node.limits.memory must be more", Some(3)),
            ("rule[1].name: twice", Some(9)),
            ("rule[1].forward[1]: unknown", Some(12)),
            ("rule[0].forward: missing", Some(5)),
            ("peer[0].name: not in the file", None),
            ("", None),
        ] {
            assert_eq!(line_of(TEXT, sentence), line, "{sentence}");
        }
        assert_eq!(line_of("not [ toml", "node.x"), None);
    }
}
