//! One audit message and its XML (the schema of PS3.15 A.5.1).

use super::time::utc;
use super::vocabulary::{Code, NODE_ID, PATIENT_NUMBER, STUDY_INSTANCE_UID};
use super::xml::Xml;
use std::collections::BTreeMap;
use std::time::SystemTime;

/// An audit message.
#[derive(Clone, Debug)]
pub(super) struct Message {
    /// What kind of event it is.
    pub(super) event: Code,
    /// And of which type.
    pub(super) kind: Option<Code>,
    /// What was done.
    pub(super) action: Action,
    /// When.
    pub(super) when: SystemTime,
    /// Whether it succeeded.
    pub(super) outcome: Outcome,
    /// In words.
    pub(super) description: Option<String>,
    /// Who took part.
    pub(super) participants: Vec<Participant>,
    /// What it was about.
    pub(super) objects: Vec<Object>,
}

/// EventActionCode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Action {
    Create,
    Read,
    Delete,
    Execute,
}

/// EventOutcomeIndicator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Outcome {
    Success,
    MinorFailure,
    SeriousFailure,
}

/// ActiveParticipant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Participant {
    /// Our process ID, as the log has it, or the AE title of a peer.
    pub(super) user_id: String,
    /// Its AE titles; none where it is no DICOM application.
    pub(super) ae_titles: Vec<String>,
    /// The name of the process, of our own alone.
    pub(super) name: Option<&'static str>,
    /// Whether it began what happened.
    pub(super) is_requestor: bool,
    /// What it did.
    pub(super) role: Option<Code>,
    /// Where it is.
    pub(super) at: Option<AccessPoint>,
}

/// NetworkAccessPointID with its type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum AccessPoint {
    /// A name of DNS.
    Machine(String),
    /// An IP address.
    Address(String),
}

/// ParticipantObjectIdentification.
#[derive(Clone, Debug)]
pub(super) enum Object {
    /// A study: its UID, and how many instances of each SOP class.
    Study { uid: String, classes: BTreeMap<String, u64> },
    /// A patient, by Patient ID.
    Patient { id: String },
    /// The node that an alert is about, and what is the matter.
    Node { id: String, alert: String },
}

/// Who makes the messages.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) id: String,
    pub(super) site: Option<String>,
}

/// «Application server process», PS3.15 A.5.1.2.1.
const APPLICATION_SERVER: &str = "4";

impl Message {
    /// The message on one line.
    pub(super) fn to_xml(&self, source: &Source) -> String {
        let mut xml = Xml::new();
        xml.element("AuditMessage", &[], |xml| {
            self.write_event(xml);
            for participant in &self.participants {
                participant.write(xml);
            }
            let site = source.site.as_deref().map(|site| ("AuditEnterpriseSiteID", site));
            let attributes: Vec<_> =
                site.into_iter().chain([("AuditSourceID", source.id.as_str())]).collect();
            xml.element("AuditSourceIdentification", &attributes, |xml| {
                xml.empty("AuditSourceTypeCode", &[("csd-code", APPLICATION_SERVER)]);
            });
            for object in &self.objects {
                object.write(xml);
            }
        });
        xml.finish()
    }

    fn write_event(&self, xml: &mut Xml) {
        let attributes = [
            ("EventActionCode", self.action.code()),
            ("EventDateTime", &*utc(self.when)),
            ("EventOutcomeIndicator", self.outcome.code()),
        ];
        xml.element("EventIdentification", &attributes, |xml| {
            code(xml, "EventID", self.event);
            if let Some(kind) = self.kind {
                code(xml, "EventTypeCode", kind);
            }
            if let Some(description) = &self.description {
                xml.element("EventOutcomeDescription", &[], |xml| xml.text(description));
            }
        });
    }
}

impl Participant {
    fn write(&self, xml: &mut Xml) {
        let titles = format!("AETITLES={}", self.ae_titles.join(";"));
        let mut attributes = vec![("UserID", self.user_id.as_str())];
        if !self.ae_titles.is_empty() {
            attributes.push(("AlternativeUserID", &titles));
        }
        attributes.extend(self.name.map(|name| ("UserName", name)));
        attributes.push(("UserIsRequestor", if self.is_requestor { "true" } else { "false" }));
        match &self.at {
            Some(AccessPoint::Machine(name)) => {
                attributes
                    .extend([("NetworkAccessPointID", name.as_str()), ("NetworkAccessPointTypeCode", "1")]);
            }
            Some(AccessPoint::Address(address)) => {
                attributes.extend([
                    ("NetworkAccessPointID", address.as_str()),
                    ("NetworkAccessPointTypeCode", "2"),
                ]);
            }
            None => {}
        }
        xml.element("ActiveParticipant", &attributes, |xml| {
            if let Some(role) = self.role {
                code(xml, "RoleIDCode", role);
            }
        });
    }
}

impl Object {
    fn write(&self, xml: &mut Xml) {
        let (id, kind, role, id_type) = match self {
            Self::Study { uid, .. } => (uid, "2", "3", STUDY_INSTANCE_UID),
            Self::Patient { id } => (id, "1", "1", PATIENT_NUMBER),
            Self::Node { id, .. } => (id, "2", "13", NODE_ID),
        };
        let attributes = [
            ("ParticipantObjectID", id.as_str()),
            ("ParticipantObjectTypeCode", kind),
            ("ParticipantObjectTypeCodeRole", role),
        ];
        xml.element("ParticipantObjectIdentification", &attributes, |xml| {
            code(xml, "ParticipantObjectIDTypeCode", id_type);
            // The schema wants a name or a query. Names of patients are not given, and nothing else here has one.
            xml.empty("ParticipantObjectName", &[]);
            match self {
                Self::Study { classes, .. } if !classes.is_empty() => {
                    xml.element("ParticipantObjectDescription", &[], |xml| {
                        for (uid, instances) in classes {
                            let count = instances.to_string();
                            xml.empty("SOPClass", &[("UID", uid), ("NumberOfInstances", &count)]);
                        }
                    });
                }
                Self::Node { alert, .. } => {
                    let value = base64(alert.as_bytes());
                    xml.empty("ParticipantObjectDetail", &[("type", "Alert Description"), ("value", &value)]);
                }
                Self::Study { .. } | Self::Patient { .. } => {}
            }
        });
    }
}

impl Action {
    fn code(self) -> &'static str {
        match self {
            Self::Create => "C",
            Self::Read => "R",
            Self::Delete => "D",
            Self::Execute => "E",
        }
    }
}

impl Outcome {
    fn code(self) -> &'static str {
        match self {
            Self::Success => "0",
            Self::MinorFailure => "4",
            Self::SeriousFailure => "8",
        }
    }
}

fn code(xml: &mut Xml, element: &str, code: Code) {
    let attributes =
        [("csd-code", code.value), ("codeSystemName", code.scheme), ("originalText", code.meaning)];
    xml.empty(element, &attributes);
}

/// RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let bits =
            group.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for place in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * place)) as usize & 63];
            out.push(if place <= group.len() { char::from(digit) } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_rfc_4648() {
        for (text, expected) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(text.as_bytes()), expected);
        }
    }
}
