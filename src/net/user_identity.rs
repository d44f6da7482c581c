//! Who a requestor says that its user is (User Identity Negotiation, PS3.7 D.3.3.7): username, or username and passcode.

use super::reasons::Violation;
use super::user::User;
use std::fmt;

/// The sub-item of a request.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct UserIdentity {
    kind: u8,
    /// Whether the requestor wants to be told that it was identified.
    pub(super) wants_response: bool,
    primary: Vec<u8>,
    secondary: Vec<u8>,
}

/// User-Identity-Type: username, and username with passcode. Others (Kerberos, SAML, JWT) identify nobody here.
const USERNAME: u8 = 1;
const USERNAME_AND_PASSCODE: u8 = 2;

impl UserIdentity {
    /// Reads the value of the sub-item (Table D.3-14).
    ///
    /// # Errors
    /// [`Violation::Items`] when its fields do not fill it.
    pub(super) fn parse(value: &[u8]) -> Result<Self, Violation> {
        let (&[kind, wants_response], rest) = value.split_first_chunk().ok_or(Violation::Items)?;
        let (primary, rest) = field(rest)?;
        let (secondary, rest) = field(rest)?;
        if !rest.is_empty() {
            return Err(Violation::Items);
        }
        Ok(Self {
            kind,
            wants_response: wants_response == 1,
            primary: primary.to_vec(),
            secondary: secondary.to_vec(),
        })
    }

    /// The name of the one of these users that it is. May take long: passcodes are compared by their hashes. An unknown
    /// name takes as long as a wrong passcode.
    pub(super) fn find(&self, users: &[User]) -> Option<String> {
        let with_passcode = self.kind == USERNAME_AND_PASSCODE;
        if !with_passcode && self.kind != USERNAME {
            return None;
        }
        let named = |user: &&User| user.name.as_bytes() == self.primary;
        let known = users.iter().find(named);
        let hash = match known {
            Some(user) => user.passcode.as_ref(),
            None => users.iter().find_map(|user| user.passcode.as_ref()),
        };
        let is_right = match hash {
            None => true,
            Some(hash) => with_passcode && hash.is_of(&self.secondary),
        };
        known.filter(|_| is_right).map(|user| user.name.clone())
    }
}

impl fmt::Debug for UserIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UserIdentity(type {})", self.kind)
    }
}

/// A field with its length before it, and what follows.
fn field(bytes: &[u8]) -> Result<(&[u8], &[u8]), Violation> {
    let (length, rest) = bytes.split_first_chunk().ok_or(Violation::Items)?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length))).ok_or(Violation::Items)
}

#[cfg(test)]
mod tests {
    use super::super::user::PasscodeHash;
    use super::*;

    fn item(kind: u8, primary: &str, secondary: &str) -> Vec<u8> {
        let mut item = vec![kind, 1];
        for field in [primary, secondary] {
            item.extend((field.len() as u16).to_be_bytes());
            item.extend(field.as_bytes());
        }
        item
    }

    #[test]
    fn names_and_passcodes_must_both_be_right() {
        let user = |name: &str, passcode: Option<&str>| User {
            name: name.to_owned(),
            passcode: passcode.map(|passcode| PasscodeHash::of(passcode.as_bytes()).unwrap()),
        };
        let users = [user("ann", Some("secret")), user("ben", None)];
        for (kind, name, passcode, expected) in [
            (2, "ann", "secret", Some("ann")),
            (2, "ann", "Secret", None),
            (2, "ann", "", None),
            (1, "ann", "secret", None),
            (1, "ben", "", Some("ben")),
            (2, "ben", "whatever", Some("ben")),
            (2, "eve", "secret", None),
            (1, "eve", "", None),
            (3, "ben", "", None),
            (4, "ann", "secret", None),
        ] {
            let found = UserIdentity::parse(&item(kind, name, passcode)).unwrap().find(&users);
            assert_eq!(found.as_deref(), expected, "{kind} {name} {passcode}");
        }
        assert_eq!(UserIdentity::parse(&item(1, "ben", "")).unwrap().find(&[]), None);
    }

    #[test]
    fn every_cut_and_a_longer_item_is_a_violation() {
        let whole = item(2, "ann", "secret");
        for end in 0..whole.len() {
            assert_eq!(UserIdentity::parse(&whole[..end]).err(), Some(Violation::Items), "{end}");
        }
        assert!(UserIdentity::parse(&[&whole[..], &[0]].concat()).is_err());
        let shown = format!("{:?}", UserIdentity::parse(&whole).unwrap());
        assert!(!shown.contains("ann") && !shown.contains("secret"), "{shown}");
    }
}
