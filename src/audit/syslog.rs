//! The envelope of a message (RFC 5424, RFC 5425; PS3.15 A.6): header, message, and the length before both.

use super::time::utc;
use std::time::SystemTime;

/// Facility 10, security; severity 5, normal but significant (PS3.15 A.6.3).
const PRIORITY: u8 = 10 * 8 + 5;

/// Who is speaking.
#[derive(Clone, Debug)]
pub(super) struct Sender {
    host: String,
    process: String,
}

impl Sender {
    /// The names as they may stand in a header: printable ASCII without spaces.
    pub(super) fn new(host: &str, process: &str) -> Self {
        let printable = |text: &str| {
            let text: String = text.chars().filter(char::is_ascii_graphic).take(128).collect();
            if text.is_empty() { "-".to_owned() } else { text }
        };
        Self { host: printable(host), process: printable(process) }
    }

    /// A message in its frame, to be written to the stream as it is.
    pub(super) fn frame(&self, when: SystemTime, xml: &str) -> Vec<u8> {
        let (time, Self { host, process }) = (utc(when), self);
        // The mark of byte order says that the text is UTF-8 (RFC 5424, 6.4).
        let message =
            format!("<{PRIORITY}>1 {time} {host} condenser {process} DICOM+RFC3881 - \u{FEFF}{xml}");
        format!("{} {message}", message.len()).into_bytes()
    }
}

/// How many bytes at the start of `bytes` are whole frames.
pub(super) fn whole_frames(bytes: &[u8]) -> usize {
    let mut whole = 0;
    while let Some(length) = frame_length(bytes.get(whole..).unwrap_or_default()) {
        whole += length;
    }
    whole
}

/// The length of the first frame with its own length before it; `None` where it is not whole, or is none.
fn frame_length(bytes: &[u8]) -> Option<usize> {
    let digits = bytes.iter().take(10).position(|byte| *byte == b' ')?;
    let length: usize = std::str::from_utf8(bytes.get(..digits)?).ok()?.parse().ok()?;
    let end = length.checked_add(digits + 1)?;
    (length > 0 && end <= bytes.len()).then_some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_counts_its_octets() {
        let frame = Sender::new("node 1\n", "42").frame(SystemTime::UNIX_EPOCH, "<é/>");
        let text = String::from_utf8(frame.clone()).unwrap();
        let expected = "<85>1 1970-01-01T00:00:00.000Z node1 condenser 42 DICOM+RFC3881 - \u{FEFF}<é/>";
        assert_eq!(text, format!("{} {expected}", expected.len()));
        assert_eq!(whole_frames(&frame), frame.len());
        let two = [&frame[..], &frame[..]].concat();
        for cut in 0..two.len() {
            let expected = if cut < frame.len() { 0 } else { frame.len() };
            assert_eq!(whole_frames(&two[..cut]), expected, "{cut}");
        }
        assert_eq!(whole_frames(b"99999999999999999999 x"), 0);
        assert_eq!(whole_frames(b"x 1"), 0);
    }
}
