//! A-ASSOCIATE-RQ and A-ASSOCIATE-AC as they come in: read within bounds, whatever else they hold (PS3.8 9.3.2 and 9.3.3,
//! PS3.7 Annex D).

use super::reasons::Violation;
use super::user_identity::UserIdentity;

/// The application context name of DICOM (PS3.7 Annex A).
pub(super) const APPLICATION_CONTEXT: &str = "1.2.840.10008.3.1.1.1";

/// As many contexts as there are odd numbers from 1 to 255.
pub(super) const MAX_CONTEXTS: usize = 128;

/// Transfer syntaxes of one context that are looked at; the standard does not define as many.
pub(super) const MAX_TRANSFER_SYNTAXES: usize = 64;

/// The contents of an A-ASSOCIATE-RQ or A-ASSOCIATE-AC PDU.
#[derive(Clone, Debug)]
pub(super) struct Associate {
    /// One bit for each version; bit 0 is the only one defined.
    pub(super) protocol_version: u16,
    /// Called AE title, calling AE title and 32 reserved bytes: what an acceptor sends back as it came.
    pub(super) names: [u8; 64],
    /// The application context name; empty when there is none.
    pub(super) application_context: String,
    /// The presentation contexts in their order, at most one more than there may be.
    pub(super) contexts: Vec<ContextItem>,
    /// The user information; that of the last item when there are several.
    pub(super) user: UserInformation,
}

/// A presentation context item of either PDU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ContextItem {
    /// The number of the context.
    pub(super) id: u8,
    /// The result; without meaning in a request.
    pub(super) result: u8,
    /// The abstract syntax; empty in an acceptance.
    pub(super) abstract_syntax: String,
    /// The transfer syntaxes; one in an acceptance.
    pub(super) transfer_syntaxes: Vec<String>,
}

/// What is known of the user information item (PS3.7 Annex D).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct UserInformation {
    /// Maximum length received; 0 means that there is none.
    pub(super) max_length: u32,
    /// Implementation Class UID.
    pub(super) implementation_class_uid: Option<String>,
    /// Implementation Version Name.
    pub(super) implementation_version_name: Option<String>,
    /// Whether an asynchronous operations window is asked for.
    pub(super) asynchronous: bool,
    /// SCP/SCU role selections: SOP class, whether the requestor is SCU, whether it is SCP.
    pub(super) roles: Vec<(String, bool, bool)>,
    /// Who the user of the requestor says to be.
    pub(super) identity: Option<UserIdentity>,
}

impl Associate {
    /// Reads what follows the PDU header. Unknown items are passed over, as PS3.8 9.3.1 wants.
    ///
    /// # Errors
    /// [`Violation::Items`] when items do not fit into each other or the fixed part is cut.
    pub(super) fn parse(body: &[u8]) -> Result<Associate, Violation> {
        let (fixed, items) = body.split_at_checked(68).ok_or(Violation::Items)?;
        let (version, names) = fixed.split_at(4);
        let mut associate = Associate {
            protocol_version: be_u16(version).ok_or(Violation::Items)?,
            names: names.try_into().map_err(|_| Violation::Items)?,
            application_context: String::new(),
            contexts: Vec::new(),
            user: UserInformation::default(),
        };
        for item in Items(items) {
            match item? {
                (0x10, value) => associate.application_context = text(value),
                (0x20 | 0x21, value) if associate.contexts.len() <= MAX_CONTEXTS => {
                    associate.contexts.push(ContextItem::parse(value)?);
                }
                (0x50, value) => associate.user = UserInformation::parse(value)?,
                _ => (),
            }
        }
        Ok(associate)
    }

    /// The called AE title, without padding.
    pub(super) fn called(&self) -> &[u8] {
        trim(&self.names[..16])
    }

    /// The calling AE title, without padding.
    pub(super) fn calling(&self) -> &[u8] {
        trim(&self.names[16..32])
    }
}

impl ContextItem {
    fn parse(item: &[u8]) -> Result<ContextItem, Violation> {
        let (&[id, _, result, _], items) = item.split_first_chunk().ok_or(Violation::Items)?;
        let mut context =
            ContextItem { id, result, abstract_syntax: String::new(), transfer_syntaxes: Vec::new() };
        for item in Items(items) {
            match item? {
                (0x30, value) => context.abstract_syntax = text(value),
                (0x40, value) if context.transfer_syntaxes.len() < MAX_TRANSFER_SYNTAXES => {
                    context.transfer_syntaxes.push(text(value));
                }
                _ => (),
            }
        }
        Ok(context)
    }
}

impl UserInformation {
    fn parse(items: &[u8]) -> Result<UserInformation, Violation> {
        let mut user = UserInformation::default();
        for item in Items(items) {
            match item? {
                (0x51, value) => {
                    let bytes: [u8; 4] = value.try_into().map_err(|_| Violation::Items)?;
                    user.max_length = u32::from_be_bytes(bytes);
                }
                (0x52, value) => user.implementation_class_uid = Some(text(value)),
                (0x53, _) => user.asynchronous = true,
                (0x54, value) if user.roles.len() < MAX_CONTEXTS => {
                    let (length, rest) = value.split_at_checked(2).ok_or(Violation::Items)?;
                    let length = usize::from(be_u16(length).ok_or(Violation::Items)?);
                    let (uid, roles) = rest.split_at_checked(length).ok_or(Violation::Items)?;
                    let &[scu, scp, ..] = roles else { return Err(Violation::Items) };
                    user.roles.push((text(uid), scu == 1, scp == 1));
                }
                (0x58, value) => user.identity = Some(UserIdentity::parse(value)?),
                (0x55, value) => user.implementation_version_name = Some(text(value)),
                _ => (),
            }
        }
        Ok(user)
    }
}

/// The items of a variable field: type, reserved byte, 16-bit length, value.
struct Items<'a>(&'a [u8]);

impl<'a> Iterator for Items<'a> {
    type Item = Result<(u8, &'a [u8]), Violation>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let item = self.0.split_first_chunk().and_then(|(&[kind, _, high, low], rest)| {
            let (value, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes([high, low])))?;
            self.0 = rest;
            Some((kind, value))
        });
        if item.is_none() {
            // What is left cannot be read; there is nothing to go on with.
            self.0 = &[];
        }
        Some(item.ok_or(Violation::Items))
    }
}

fn be_u16(bytes: &[u8]) -> Option<u16> {
    bytes.first_chunk().map(|bytes| u16::from_be_bytes(*bytes))
}

/// A text without padding. What is longer than any UID or name is cut, so that it equals none that is known.
fn text(bytes: &[u8]) -> String {
    let bytes = trim(bytes);
    String::from_utf8_lossy(bytes.get(..65).unwrap_or(bytes)).into_owned()
}

/// Without the spaces around it and without the NULs that some peers pad with.
fn trim(bytes: &[u8]) -> &[u8] {
    let is_padding = |byte: &u8| *byte == b' ' || *byte == 0;
    let start = bytes.iter().position(|b| !is_padding(b)).unwrap_or(bytes.len());
    let end = bytes.iter().rposition(|b| !is_padding(b)).map_or(start, |last| last + 1);
    &bytes[start..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Written by hand from PS3.8 Tables 9-11 to 9-16 and PS3.7 Tables D.3-1 to D.3-9.
    fn request() -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend_from_slice(&[0, 1, 0, 0]);
        bytes.extend_from_slice(b"CONDENSER       SENDER          ");
        bytes.extend_from_slice(&[0xAB; 32]);
        bytes.extend_from_slice(b"\x10\x00\x00\x151.2.840.10008.3.1.1.1");
        bytes.extend_from_slice(b"\x77\x00\x00\x03???");
        bytes.extend_from_slice(b"\x20\x00\x00\x2E\x01\x00\x00\x00");
        bytes.extend_from_slice(b"\x30\x00\x00\x111.2.840.10008.1.1");
        bytes.extend_from_slice(b"\x40\x00\x00\x111.2.840.10008.1.2");
        bytes.extend_from_slice(b"\x50\x00\x00\x26");
        bytes.extend_from_slice(b"\x51\x00\x00\x04\x00\x00\x40\x00");
        bytes.extend_from_slice(b"\x52\x00\x00\x071.2.3.4");
        bytes.extend_from_slice(b"\x53\x00\x00\x04\x00\x05\x00\x05");
        bytes.extend_from_slice(b"\x55\x00\x00\x03OLD");
        bytes.extend_from_slice(b"\x66\x00\x00\x00");
        bytes
    }

    #[test]
    fn a_request_is_read_past_items_that_nobody_knows() {
        let associate = Associate::parse(&request()).unwrap();
        assert_eq!((associate.protocol_version, &associate.names[..]), (1, &request()[4..68]));
        assert_eq!((associate.called(), associate.calling()), (&b"CONDENSER"[..], &b"SENDER"[..]));
        assert_eq!(associate.application_context, APPLICATION_CONTEXT);
        let context = &associate.contexts[0];
        assert_eq!((context.id, context.abstract_syntax.as_str()), (1, "1.2.840.10008.1.1"));
        assert_eq!(context.transfer_syntaxes, ["1.2.840.10008.1.2"]);
        assert_eq!(associate.user.max_length, 16_384);
        assert_eq!(associate.user.implementation_class_uid.as_deref(), Some("1.2.3.4"));
        assert_eq!(associate.user.implementation_version_name.as_deref(), Some("OLD"));
        assert!(associate.user.asynchronous);
    }

    #[test]
    fn every_cut_of_a_request_is_a_violation_or_a_shorter_request() {
        let whole = request();
        let ends_of_items = [68, 93, 100, 150, whole.len()];
        for end in 0..whole.len() {
            assert_eq!(Associate::parse(&whole[..end]).is_ok(), ends_of_items.contains(&end), "cut at {end}");
        }
    }

    #[test]
    fn items_are_bounded_by_the_item_around_them() {
        for (at, value) in [(71, 0xFF), (103, 0x2F), (111, 0x12), (157, 0x05)] {
            let mut bytes = request();
            bytes[at] = value;
            assert_eq!(Associate::parse(&bytes).err(), Some(Violation::Items), "byte {at}");
        }
    }
}
