//! The messages of PS3.15 A.5.3, one function for each event: who took part, and which studies of which patient it was about.

use super::config::Patient;
use super::fact::{Alarm, Flow, TransferOutcome};
use super::message::{AccessPoint, Action, Message, Object, Outcome, Participant};
use super::vocabulary as code;
use std::collections::BTreeMap;
use std::time::SystemTime;

/// Who we are.
#[derive(Clone, Debug)]
pub(super) struct Own {
    pub(super) process: String,
    pub(super) host: String,
    pub(super) ae_title: String,
}

/// What instances have in common that are told of together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Alike {
    /// `None`: removed here.
    pub(super) flow: Option<Flow>,
    pub(super) patient: String,
    pub(super) outcome: TransferOutcome,
}

/// How many instances of which SOP class, by study.
pub(super) type Studies = BTreeMap<String, BTreeMap<String, u64>>;

/// Tells of events in the node's name.
#[derive(Debug)]
pub(super) struct Narrator {
    pub(super) own: Own,
    pub(super) patient: Patient,
}

impl Narrator {
    /// Application Activity (A.5.3.1): the node starts or stops.
    pub(super) fn application(&self, starts: bool, when: SystemTime) -> Message {
        Message {
            kind: Some(if starts { code::APPLICATION_START } else { code::APPLICATION_STOP }),
            participants: vec![self.this_node(&self.own.ae_title, Some(code::APPLICATION))],
            ..blank(code::APPLICATION_ACTIVITY, Action::Execute, Outcome::Success, when)
        }
    }

    /// Begin Transferring DICOM Instances (A.5.3.3).
    pub(super) fn begin(
        &self,
        flow: &Flow,
        patient: &str,
        study: String,
        sop_class: String,
        when: SystemTime,
    ) -> Message {
        // How many will follow is not known; at least one.
        let studies = BTreeMap::from([(study, BTreeMap::from([(sop_class, 1)]))]);
        Message {
            participants: self.participants(flow),
            objects: self.objects(studies, patient),
            ..blank(code::BEGIN_TRANSFERRING, Action::Execute, Outcome::Success, when)
        }
    }

    /// DICOM Instances Transferred (A.5.3.7), or DICOM Instances Accessed (A.5.3.6) for what was removed here.
    pub(super) fn transferred(&self, alike: Alike, studies: Studies, when: SystemTime) -> Message {
        let (event, participants) = match &alike.flow {
            Some(flow) => (code::INSTANCES_TRANSFERRED, self.participants(flow)),
            None => (code::INSTANCES_ACCESSED, vec![self.this_node(&self.own.ae_title, None)]),
        };
        let (action, outcome, description) = match alike.outcome {
            TransferOutcome::New => (Action::Create, Outcome::Success, None),
            TransferOutcome::Held if alike.flow.is_none() => (Action::Delete, Outcome::Success, None),
            TransferOutcome::Held | TransferOutcome::Begins => (Action::Read, Outcome::Success, None),
            TransferOutcome::Failed(reason) => (Action::Read, Outcome::SeriousFailure, Some(reason)),
        };
        let objects = self.objects(studies, &alike.patient);
        Message { description, participants, objects, ..blank(event, action, outcome, when) }
    }

    /// Security Alert (A.5.3.11).
    pub(super) fn alert(&self, alarm: &Alarm, what: String, when: SystemTime) -> Message {
        let (kind, outcome) = if alarm.refused {
            (code::NODE_AUTHENTICATION, Outcome::MinorFailure)
        } else {
            (code::SECURITY_CONFIGURATION, Outcome::Success)
        };
        let mut participants = vec![self.this_node(&self.own.ae_title, None)];
        let address = alarm.address.map(|address| address.to_string());
        let id = alarm.ae_title.clone().or_else(|| address.clone());
        if let Some(user_id) = id.clone() {
            participants.push(Participant {
                user_id,
                ae_titles: alarm.ae_title.iter().cloned().collect(),
                name: None,
                // A.5.3.11 wants it to be false for who performs.
                is_requestor: false,
                role: None,
                at: address.clone().map(AccessPoint::Address),
            });
        }
        let id = address.or(id).unwrap_or_else(|| self.own.host.clone());
        Message {
            kind: Some(kind),
            description: Some(what.clone()),
            participants,
            objects: vec![Object::Node { id, alert: what }],
            ..blank(code::SECURITY_ALERT, Action::Execute, outcome, when)
        }
    }

    /// Who sends and who receives.
    fn participants(&self, flow: &Flow) -> Vec<Participant> {
        let peer = |title: &str, role, is_requestor, at| Participant {
            user_id: title.to_owned(),
            ae_titles: vec![title.to_owned()],
            name: None,
            is_requestor,
            role: Some(role),
            at: Some(at),
        };
        match flow {
            Flow::Received { calling, called, address, .. } => vec![
                peer(calling, code::SOURCE, true, AccessPoint::Address(address.to_string())),
                self.this_node(called, Some(code::DESTINATION)),
            ],
            Flow::Sent { calling, called, host } => {
                let at = if host.parse::<std::net::IpAddr>().is_ok() {
                    AccessPoint::Address(host.clone())
                } else {
                    AccessPoint::Machine(host.clone())
                };
                let own = Participant { is_requestor: true, ..self.this_node(calling, Some(code::SOURCE)) };
                vec![own, peer(called, code::DESTINATION, false, at)]
            }
        }
    }

    fn this_node(&self, ae_title: &str, role: Option<code::Code>) -> Participant {
        Participant {
            user_id: self.own.process.clone(),
            ae_titles: vec![ae_title.to_owned()],
            name: Some("condenser"),
            is_requestor: false,
            role,
            at: Some(AccessPoint::Machine(self.own.host.clone())),
        }
    }

    fn objects(&self, studies: Studies, patient: &str) -> Vec<Object> {
        let mut objects: Vec<Object> =
            studies.into_iter().map(|(uid, classes)| Object::Study { uid, classes }).collect();
        if self.patient == Patient::Id {
            objects.push(Object::Patient { id: patient.to_owned() });
        }
        objects
    }
}

/// A message about nobody and nothing yet.
fn blank(event: code::Code, action: Action, outcome: Outcome, when: SystemTime) -> Message {
    Message {
        event,
        kind: None,
        action,
        when,
        outcome,
        description: None,
        participants: Vec::new(),
        objects: Vec::new(),
    }
}
