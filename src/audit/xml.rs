//! A writer of XML 1.0 on one line: elements and attributes, everything escaped.

/// A document that is being written.
#[derive(Debug)]
pub(super) struct Xml(String);

impl Xml {
    /// Begins a document.
    pub(super) fn new() -> Self {
        Self("<?xml version=\"1.0\" encoding=\"UTF-8\"?>".to_owned())
    }

    /// An element and what is within it.
    pub(super) fn element(
        &mut self,
        name: &str,
        attributes: &[(&str, &str)],
        content: impl FnOnce(&mut Self),
    ) {
        self.0.push('<');
        self.0.push_str(name);
        for (key, value) in attributes {
            self.0.push(' ');
            self.0.push_str(key);
            self.0.push_str("=\"");
            self.text(value);
            self.0.push('"');
        }
        self.0.push('>');
        content(self);
        self.0.push_str("</");
        self.0.push_str(name);
        self.0.push('>');
    }

    /// An element with nothing within it.
    pub(super) fn empty(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.element(name, attributes, |_| ());
    }

    /// Text, of an element or of an attribute.
    pub(super) fn text(&mut self, text: &str) {
        for c in text.chars() {
            match c {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\t' => self.0.push_str("&#9;"),
                '\n' => self.0.push_str("&#10;"),
                '\r' => self.0.push_str("&#13;"),
                // What XML has no way to write; U+0085 and U+2028 would end a line for some readers.
                '\0'..='\u{1F}' | '\u{7F}'..='\u{9F}' | '\u{2028}' | '\u{2029}' | '\u{FFFE}' | '\u{FFFF}' => {
                    self.0.push('\u{FFFD}');
                }
                c => self.0.push(c),
            }
        }
    }

    /// The document.
    pub(super) fn finish(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_outside_ends_an_attribute_or_the_line() {
        let mut xml = Xml::new();
        xml.element("A", &[("b", "\"/><X y=\"&\n\r\0\u{1b}\u{2028}é")], |xml| xml.text("<!--]]>"));
        let text = xml.finish();
        let expected =
            "<A b=\"&quot;/&gt;&lt;X y=&quot;&amp;&#10;&#13;\u{FFFD}\u{FFFD}\u{FFFD}é\">&lt;!--]]&gt;</A>";
        assert!(text.ends_with(expected), "{text}");
        assert_eq!(text.lines().count(), 1);
    }
}
