//! Text from outside, made safe to print: one line, no control characters, no terminal sequences, bounded length.

use std::fmt;

/// More characters than this are cut and replaced by «…»: a peer must not be able to flood a log line.
const LONGEST: usize = 256;

/// Shows text that a peer or a file supplied: printable ASCII as it is, everything else as `\u{…}`.
///
/// AE titles, UIDs and file names come from outside, and a line feed or an escape sequence in one of them would let a
/// stranger write into the log or onto the operator's terminal.
#[derive(Clone, Copy, Debug)]
pub struct Escaped<'a>(pub &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (count, c) in self.0.chars().enumerate() {
            if count == LONGEST {
                return f.write_str("…");
            }
            match c {
                '\\' => f.write_str("\\\\")?,
                ' '..='~' => write!(f, "{c}")?,
                _ => write!(f, "\\u{{{:x}}}", u32::from(c))?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d24_control_characters_and_terminal_sequences_are_spelt_out() {
        let shown = Escaped("A\r\nB\x1b[31m\\é").to_string();
        assert_eq!(shown, "A\\u{d}\\u{a}B\\u{1b}[31m\\\\\\u{e9}");
    }

    #[test]
    fn long_text_is_cut() {
        let shown = Escaped(&"x".repeat(4096)).to_string();
        assert_eq!(shown.chars().count(), LONGEST + 1);
        assert!(shown.ends_with('…'));
    }
}
