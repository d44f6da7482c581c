//! Who may come in: address × calling AE title × called AE title × certificate × user, and nobody else (PS3.8 9.3.4; PS3.15 B leaves it to
//! the implementation).
//!
//! An AE title is a name that anybody can use, so the address comes first: one that no entry names learns nothing at
//! all, not even that there is a DICOM node.

use super::address_range::AddressRange;
use super::certificate::{Certificate, CertificateName};
use super::reasons::Rejection;
use super::user::User;
use crate::dicom::Wildcard;
use serde::{Deserialize, Deserializer, de};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// One `[[access]]` of the configuration: an association that meets all its conditions may come in. Text may hold the
/// wild cards `*` and `?`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Access {
    /// The addresses that connections may come from, as `"10.1.0.0/16"` and the like.
    #[serde(deserialize_with = "some")]
    pub from: Vec<AddressRange>,
    /// The AE titles that peers may call themselves; any, unless said.
    #[serde(default = "anybody", deserialize_with = "some")]
    pub calling: Vec<Wildcard>,
    /// The AE titles that peers may call; that of the node, unless said.
    #[serde(default, deserialize_with = "some_if_said")]
    pub called: Option<Vec<Wildcard>>,
    /// The certificates that peers may show, which they can do over TLS only; none is asked for, unless said.
    #[serde(default, deserialize_with = "some_if_said")]
    pub certificate: Option<Vec<CertificateName>>,
    /// Who their users may say that they are (PS3.7 D.3.3.7); nobody need say anything, unless said.
    #[serde(default, deserialize_with = "some_if_said")]
    pub user: Option<Vec<User>>,
}

/// Somebody who asks for an association.
#[derive(Clone, Copy, Debug)]
pub(super) struct Caller<'c> {
    /// Where it comes from.
    pub(super) address: IpAddr,
    /// What it has shown over TLS.
    pub(super) certificate: Option<&'c Certificate>,
    /// What it calls itself; nothing where that is no AE title.
    pub(super) calling: &'c str,
    /// What it calls us.
    pub(super) called: &'c str,
}

/// Everybody who may come in: unless somebody is named, everybody on this machine.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "Vec<Access>")]
pub struct AccessList(Vec<Access>);

impl Access {
    /// Everybody from some addresses who calls the node by its own title.
    pub fn of_addresses(from: Vec<AddressRange>) -> Self {
        Self { from, calling: anybody(), called: None, certificate: None, user: None }
    }

    fn knows(&self, address: IpAddr) -> bool {
        self.from.iter().any(|range| range.contains(address))
    }

    fn trusts(&self, shown: Option<&Certificate>) -> bool {
        self.certificate
            .as_ref()
            .is_none_or(|names| shown.is_some_and(|shown| names.iter().any(|name| shown.is(name))))
    }

    fn admits(&self, caller: Caller<'_>) -> bool {
        any(&self.calling, caller.calling) && self.trusts(caller.certificate)
    }

    fn answers_to(&self, called: &str, ae_title: &str) -> bool {
        match &self.called {
            None => called == ae_title.trim_matches(' '),
            Some(titles) => any(titles, called),
        }
    }
}

impl AccessList {
    /// Whether connections from an address are answered at all.
    pub fn knows(&self, address: IpAddr) -> bool {
        self.0.iter().any(|entry| entry.knows(address))
    }

    /// Lets in everybody from some more addresses who calls the node by its own title.
    pub fn allow(&mut self, from: Vec<AddressRange>) {
        self.0.push(Access::of_addresses(from));
    }

    /// Whether nobody from another machine could come in.
    pub fn is_this_machine_only(&self) -> bool {
        let own = this_machine();
        self.0.iter().all(|entry| entry.from.iter().all(|range| own.contains(range)))
    }

    /// Whether somebody may have an association with a node of this AE title.
    ///
    /// # Errors
    /// The rejection that says which name is wrong, as far as somebody at this address may know.
    pub(super) fn admit(&self, caller: Caller<'_>, ae_title: &str) -> Result<(), Rejection> {
        let known = self.0.iter().filter(|entry| entry.knows(caller.address));
        let mut answering = known.filter(|entry| entry.answers_to(caller.called, ae_title)).peekable();
        if answering.peek().is_none() {
            return Err(Rejection::CalledAeTitle);
        }
        // A certificate that is bound to another title is told the same as an unknown title.
        if answering.any(|entry| entry.admits(caller)) { Ok(()) } else { Err(Rejection::CallingAeTitle) }
    }

    /// One of whom somebody who may have an association must say to be; `None` where nobody asks.
    pub(super) fn users(&self, caller: Caller<'_>, ae_title: &str) -> Option<Vec<User>> {
        let mut users = Vec::new();
        let fitting = self.0.iter().filter(|entry| {
            entry.knows(caller.address) && entry.answers_to(caller.called, ae_title) && entry.admits(caller)
        });
        for entry in fitting {
            users.extend_from_slice(entry.user.as_ref()?);
        }
        Some(users)
    }
}

impl From<Vec<Access>> for AccessList {
    fn from(entries: Vec<Access>) -> Self {
        Self(if entries.is_empty() { vec![Access::of_addresses(this_machine())] } else { entries })
    }
}

impl Default for AccessList {
    fn default() -> Self {
        Vec::new().into()
    }
}

fn any(titles: &[Wildcard], title: &str) -> bool {
    titles.iter().any(|pattern| pattern.matches(title))
}

fn anybody() -> Vec<Wildcard> {
    vec![Wildcard::from("*")]
}

fn this_machine() -> Vec<AddressRange> {
    vec![
        AddressRange::new(Ipv4Addr::new(127, 0, 0, 0).into(), 8),
        AddressRange::new(Ipv6Addr::LOCALHOST.into(), 128),
    ]
}

fn some<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    let entries = Vec::deserialize(deserializer)?;
    // Nobody could ever come in by it; whoever wrote it means either everybody or somebody who is missing.
    if entries.is_empty() {
        return Err(de::Error::custom("an empty list, which lets nobody in"));
    }
    Ok(entries)
}

fn some_if_said<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Vec<T>>, D::Error> {
    some(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> AccessList {
        #[derive(Deserialize)]
        struct File {
            access: AccessList,
        }
        toml::from_str::<File>(text).unwrap().access
    }

    fn verdict(
        list: &AccessList,
        address: &str,
        calling: &str,
        called: &str,
    ) -> Option<Result<(), Rejection>> {
        let address: IpAddr = address.parse().unwrap();
        list.knows(address).then(|| {
            let caller = Caller { address, certificate: None, calling, called };
            list.admit(caller, "CONDENSER")
        })
    }

    #[test]
    fn unless_somebody_is_named_this_machine_alone_comes_in() {
        let list = AccessList::default();
        assert!(list.is_this_machine_only());
        for (address, expected) in [
            ("127.0.0.1", Some(Ok(()))),
            ("127.9.9.9", Some(Ok(()))),
            ("::1", Some(Ok(()))),
            ("::ffff:127.0.0.1", Some(Ok(()))),
            ("10.1.2.3", None),
            ("fe80::1", None),
            ("::ffff:10.1.2.3", None),
        ] {
            assert_eq!(verdict(&list, address, "ANYBODY", "CONDENSER"), expected, "{address}");
        }
        assert_eq!(verdict(&list, "127.0.0.1", "ANYBODY", "OTHER"), Some(Err(Rejection::CalledAeTitle)));
    }

    #[test]
    fn n33_all_conditions_of_one_entry_must_be_met() {
        let list = list(
            "[[access]]\nfrom = ['10.1.0.0/16']\ncalling = ['CT*', 'MR1']\n\
             [[access]]\nfrom = ['10.2.0.7', 'fd00::/8']\ncalled = ['CONDENSER', 'OLD_NAME']\n",
        );
        assert!(!list.is_this_machine_only());
        let (calling, called) = (Some(Err(Rejection::CallingAeTitle)), Some(Err(Rejection::CalledAeTitle)));
        for (address, from, to, expected) in [
            ("10.1.4.4", "CT7", "CONDENSER", Some(Ok(()))),
            ("10.1.4.4", "MR1", "CONDENSER", Some(Ok(()))),
            ("::ffff:10.1.4.4", "MR1", "CONDENSER", Some(Ok(()))),
            ("10.1.4.4", "MR2", "CONDENSER", calling),
            ("10.1.4.4", "ct7", "CONDENSER", calling),
            ("10.1.4.4", "CT7", "OLD_NAME", called),
            ("10.2.0.7", "CT7", "OLD_NAME", Some(Ok(()))),
            ("fd00::1", "ANY", "CONDENSER", Some(Ok(()))),
            ("10.2.0.7", "CT7", "NEW_NAME", called),
            ("10.2.0.8", "CT7", "CONDENSER", None),
            ("127.0.0.1", "CT7", "CONDENSER", None),
        ] {
            assert_eq!(verdict(&list, address, from, to), expected, "{address} {from} {to}");
        }
    }

    #[test]
    fn an_entry_that_nobody_could_meet_is_refused() {
        for text in
            ["from = []", "from = ['10.0.0.0/8']\ncalling = []", "calling = ['CT']", "from = ['somewhere']"]
        {
            assert!(toml::from_str::<Access>(text).is_err(), "{text}");
        }
    }
}
