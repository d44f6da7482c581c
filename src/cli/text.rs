//! Text from outside, made fit for a terminal.

use std::fmt;
use std::path::Path;

/// Text of a file or a peer on one line: control characters (escape sequences begin with one), separators of lines and
/// marks that turn the direction of writing are spelt out; letters of all languages stay. Not cut, for it names files.
#[derive(Clone, Copy)]
pub(super) struct Shown<'a>(pub(super) &'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = String::with_capacity(self.0.len());
        for c in self.0.chars() {
            if c.is_control() || is_invisible(c) {
                out.push_str(&format!("\\u{{{:x}}}", u32::from(c)));
            } else {
                out.push(c);
            }
        }
        f.pad(&out)
    }
}

/// A path likewise.
pub(super) fn shown(path: &Path) -> String {
    Shown(&path.to_string_lossy()).to_string()
}

/// A number of bytes for people.
pub(super) fn bytes(count: u64) -> String {
    indicatif::HumanBytes(count).to_string()
}

/// `1 file`, `2 files`.
pub(super) fn counted(count: u64, one: &str, many: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {many}") }
}

/// Zero-width, line-separating and direction-turning characters of Unicode.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_reaches_the_terminal_that_steers_it() {
        let text = "a\u{1b}[31mb\r\nc\u{9b}d\u{202e}e Müller 山田";
        let expected = "a\\u{1b}[31mb\\u{d}\\u{a}c\\u{9b}d\\u{202e}e Müller 山田";
        assert_eq!(Shown(text).to_string(), expected);
        assert_eq!(shown(Path::new("a/\u{7}b")), "a/\\u{7}b");
    }
}
