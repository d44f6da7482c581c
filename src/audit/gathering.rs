//! From facts to messages (PS3.15 A.5.3): instances of one patient that go the same way are told of together.
//!
//! A message of Instances Transferred is about one patient (A.5.3.7) and about what went alike: it is made when the
//! association has ended, when a peer was sent nothing more for a while, or when the group has become old or large.

use super::config::Patient;
use super::fact::{Alarm, Fact, Flow, PatientId, Transfer, TransferOutcome};
use super::message::Message;
use super::narrator::{Alike, Narrator, Own, Studies};
use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

/// Nothing more is sent to a peer for so long: what was sent is told of.
const QUIET: Duration = Duration::from_secs(10);
/// A group is told of at the latest after so long.
const OLD: Duration = Duration::from_secs(600);
/// The same alarm is told of once within this time, and then how often it was repeated.
const REPEATED: Duration = Duration::from_secs(60);
/// More groups, studies of a group, or different alarms are not gathered at a time: memory is bounded whatever comes.
const MOST: usize = 256;

/// What was told and is not in a message yet.
#[derive(Debug)]
pub(super) struct Gathering {
    narrator: Narrator,
    groups: BTreeMap<Alike, Group>,
    /// The patient of each study that is being sent to a peer.
    begun: BTreeMap<(Flow, String), String>,
    alarms: BTreeMap<Alarm, Repeats>,
}

/// Instances that are told of together.
#[derive(Debug)]
struct Group {
    since: Instant,
    last: Instant,
    when: SystemTime,
    studies: Studies,
}

#[derive(Debug)]
struct Repeats {
    since: Instant,
    more: u64,
}

impl Gathering {
    pub(super) fn new(own: Own, patient: Patient) -> Self {
        Self {
            narrator: Narrator { own, patient },
            groups: BTreeMap::new(),
            begun: BTreeMap::new(),
            alarms: BTreeMap::new(),
        }
    }

    /// The node starts or stops.
    pub(super) fn application(&self, starts: bool, when: SystemTime) -> Message {
        self.narrator.application(starts, when)
    }

    /// Takes in a fact; gives the messages that are due because of it.
    pub(super) fn take(&mut self, fact: Fact, now: Instant, when: SystemTime) -> Vec<Message> {
        match fact {
            Fact::Transfer(transfer) => self.transfer(transfer, now, when),
            Fact::Ended(flow) => self.give_out(|key, _| key.flow.as_ref() == Some(&flow)),
            Fact::Removed { study, sop_class } => {
                let key = Alike { flow: None, patient: String::new(), outcome: TransferOutcome::Held };
                self.count(key, study, sop_class, now, when)
            }
            Fact::Alarm(alarm) => self.alarm(alarm, now, when).into_iter().collect(),
            Fact::Reopen => Vec::new(),
        }
    }

    /// The messages that are due because of the time.
    pub(super) fn due(&mut self, now: Instant, when: SystemTime) -> Vec<Message> {
        let mut messages = self.give_out(|key, group| {
            let quiet = !matches!(key.flow, Some(Flow::Received { .. })) && now - group.last >= QUIET;
            quiet || now - group.since >= OLD
        });
        messages.extend(self.repeated(when, |repeats| now - repeats.since >= REPEATED));
        messages
    }

    /// All that is left.
    pub(super) fn rest(&mut self, when: SystemTime) -> Vec<Message> {
        let mut messages = self.give_out(|_, _| true);
        messages.extend(self.repeated(when, |_| true));
        messages
    }

    fn transfer(&mut self, transfer: Transfer, now: Instant, when: SystemTime) -> Vec<Message> {
        let Transfer { flow, patient, study, sop_class, outcome } = transfer;
        let place = (flow.clone(), study.clone());
        if outcome == TransferOutcome::Begins {
            if self.begun.contains_key(&place) {
                return Vec::new();
            }
            let mut messages = Vec::new();
            if self.begun.len() >= MOST {
                messages = self.give_out(|key, _| matches!(key.flow, Some(Flow::Sent { .. })));
                self.begun.clear();
            }
            let patient = self.named(patient);
            self.begun.insert(place, patient.clone());
            messages.push(self.narrator.begin(&flow, &patient, study, sop_class, when));
            return messages;
        }
        let patient = match self.begun.get(&place) {
            Some(patient) => patient.clone(),
            None => self.named(patient),
        };
        self.count(Alike { flow: Some(flow), patient, outcome }, study, sop_class, now, when)
    }

    /// Nobody looks for a patient that is not told of.
    fn named(&self, patient: PatientId) -> String {
        if self.narrator.patient == Patient::Id { patient.get() } else { String::new() }
    }

    fn count(
        &mut self,
        key: Alike,
        study: String,
        sop_class: String,
        now: Instant,
        when: SystemTime,
    ) -> Vec<Message> {
        let is_new_study = self.groups.get(&key).is_some_and(|group| !group.studies.contains_key(&study));
        let messages = match self.groups.get(&key) {
            None if self.groups.len() >= MOST => self.give_out(|_, _| true),
            Some(group) if is_new_study && group.studies.len() >= MOST => {
                self.give_out(|known, _| *known == key)
            }
            _ => Vec::new(),
        };
        let group = self.groups.entry(key).or_insert_with(|| Group {
            since: now,
            last: now,
            when,
            studies: BTreeMap::new(),
        });
        (group.last, group.when) = (now, when);
        *group.studies.entry(study).or_default().entry(sop_class).or_default() += 1;
        messages
    }

    /// Makes messages of groups and forgets them.
    fn give_out(&mut self, is_due: impl Fn(&Alike, &Group) -> bool) -> Vec<Message> {
        let due: Vec<Alike> = self
            .groups
            .iter()
            .filter(|(key, group)| is_due(key, group))
            .map(|(key, _)| key.clone())
            .collect();
        let mut messages = Vec::new();
        for key in due {
            if let Some(group) = self.groups.remove(&key) {
                if let Some(flow) = &key.flow {
                    for study in group.studies.keys() {
                        self.begun.remove(&(flow.clone(), study.clone()));
                    }
                }
                messages.push(self.narrator.transferred(key, group.studies, group.when));
            }
        }
        messages
    }

    fn alarm(&mut self, alarm: Alarm, now: Instant, when: SystemTime) -> Option<Message> {
        if let Some(repeats) = self.alarms.get_mut(&alarm) {
            repeats.more += 1;
            return None;
        }
        if self.alarms.len() < MOST {
            self.alarms.insert(alarm.clone(), Repeats { since: now, more: 0 });
        }
        Some(self.narrator.alert(&alarm, alarm.what.clone(), when))
    }

    fn repeated(&mut self, when: SystemTime, is_due: impl Fn(&Repeats) -> bool) -> Vec<Message> {
        let due: Vec<Alarm> = self
            .alarms
            .iter()
            .filter(|(_, repeats)| is_due(repeats))
            .map(|(alarm, _)| alarm.clone())
            .collect();
        let told = due.into_iter().filter_map(|alarm| {
            let more = self.alarms.remove(&alarm)?.more;
            let what = format!("{} ({more} more times within a minute)", alarm.what);
            (more > 0).then(|| self.narrator.alert(&alarm, what, when))
        });
        told.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::message::Source;
    use super::*;
    use std::net::IpAddr;

    fn gathering(patient: Patient) -> Gathering {
        let own = Own { process: "7".to_owned(), host: "node".to_owned(), ae_title: "CONDENSER".to_owned() };
        Gathering::new(own, patient)
    }

    fn received(association: u64) -> Flow {
        let address = IpAddr::from([192, 0, 2, 7]);
        Flow::Received { association, calling: "CT".into(), called: "CONDENSER".into(), address }
    }

    fn sent() -> Flow {
        Flow::Sent { calling: "CONDENSER".into(), called: "ARCHIVE".into(), host: "pacs.example".into() }
    }

    fn transfer(flow: Flow, patient: &str, study: &str, outcome: TransferOutcome) -> Fact {
        let (patient, study) = (PatientId::Known(patient.to_owned()), study.to_owned());
        Fact::Transfer(Transfer { flow, patient, study, sop_class: "1.2.3".to_owned(), outcome })
    }

    fn texts(messages: Vec<Message>) -> Vec<String> {
        let source = Source { id: "CONDENSER".to_owned(), site: None };
        messages.iter().map(|message| message.to_xml(&source)).collect()
    }

    #[test]
    fn an_association_is_one_message_for_each_patient_and_outcome() {
        let mut gathering = gathering(Patient::Id);
        let (now, when) = (Instant::now(), SystemTime::now());
        for (patient, study, outcome) in [
            ("A", "1.1", TransferOutcome::New),
            ("A", "1.1", TransferOutcome::New),
            ("A", "1.2", TransferOutcome::New),
            ("B", "1.3", TransferOutcome::New),
            ("A", "1.1", TransferOutcome::Held),
            ("", "", TransferOutcome::Failed("unreadable".to_owned())),
        ] {
            assert!(gathering.take(transfer(received(1), patient, study, outcome), now, when).is_empty());
        }
        gathering.take(transfer(received(2), "A", "1.1", TransferOutcome::New), now, when);
        let told = texts(gathering.take(Fact::Ended(received(1)), now, when));
        assert_eq!(told.len(), 4, "{told:#?}");
        let of_a =
            told.iter().find(|text| text.contains("\"A\"") && text.contains("ActionCode=\"C\"")).unwrap();
        assert!(
            of_a.contains("UID=\"1.2.3\" NumberOfInstances=\"2\"") && of_a.contains("ID=\"1.2\""),
            "{of_a}"
        );
        assert!(!of_a.contains("1.3\""), "another patient's study: {of_a}");
        assert!(told.iter().any(|text| text.contains("Indicator=\"8\"") && text.contains(">unreadable<")));
        assert_eq!(gathering.rest(when).len(), 1, "the other association");
        assert!(gathering.rest(when).is_empty());
    }

    #[test]
    fn what_is_sent_begins_once_and_is_told_of_when_it_is_quiet() {
        let mut gathering = gathering(Patient::Id);
        let (now, when) = (Instant::now(), SystemTime::now());
        for number in 0..3 {
            let begun = gathering.take(transfer(sent(), "A", "1.1", TransferOutcome::Begins), now, when);
            assert_eq!(begun.len(), usize::from(number == 0));
            gathering.take(transfer(sent(), "", "1.1", TransferOutcome::Held), now, when);
        }
        assert!(gathering.due(now + QUIET / 2, when).is_empty());
        let told = texts(gathering.due(now + QUIET, when));
        assert_eq!(told.len(), 1);
        assert!(told[0].contains("110104") && told[0].contains("NumberOfInstances=\"3\""), "{told:?}");
        assert!(told[0].contains("ParticipantObjectID=\"A\""), "the patient is remembered: {told:?}");
        assert_eq!(gathering.take(transfer(sent(), "A", "1.1", TransferOutcome::Begins), now, when).len(), 1);
    }

    #[test]
    fn patients_can_be_left_out() {
        let mut gathering = gathering(Patient::Omit);
        let (now, when) = (Instant::now(), SystemTime::now());
        gathering.take(transfer(received(1), "SECRET", "1.1", TransferOutcome::New), now, when);
        let told = texts(gathering.take(Fact::Ended(received(1)), now, when));
        assert!(told[0].contains("ParticipantObjectID=\"1.1\"") && !told[0].contains("SECRET"), "{told:?}");
    }

    #[test]
    fn a_repeated_alarm_is_told_once_and_then_counted() {
        let mut gathering = gathering(Patient::Id);
        let (now, when) = (Instant::now(), SystemTime::now());
        let alarm = Alarm {
            refused: true,
            ae_title: None,
            address: Some(IpAddr::from([192, 0, 2, 9])),
            what: "refused".to_owned(),
        };
        let told: usize =
            (0..1000).map(|_| gathering.take(Fact::Alarm(alarm.clone()), now, when).len()).sum();
        assert_eq!(told, 1);
        let told = texts(gathering.due(now + REPEATED, when));
        assert!(told.len() == 1 && told[0].contains("refused (999 more times within a minute)"), "{told:?}");
        assert!(gathering.due(now + 2 * REPEATED, when).is_empty());
    }

    #[test]
    fn whatever_comes_there_are_never_many_groups() {
        let mut gathering = gathering(Patient::Id);
        let (now, when) = (Instant::now(), SystemTime::now());
        let mut told = 0;
        for number in 0..10 * MOST {
            let name = number.to_string();
            told +=
                gathering.take(transfer(received(1), &name, &name, TransferOutcome::New), now, when).len();
            told += gathering.take(transfer(received(1), "", &name, TransferOutcome::New), now, when).len();
            gathering.take(transfer(sent(), &name, &name, TransferOutcome::Begins), now, when);
            assert!(gathering.groups.len() <= MOST && gathering.begun.len() <= MOST);
            assert!(gathering.groups.values().all(|group| group.studies.len() <= MOST));
        }
        assert!(told + gathering.rest(when).len() >= 10 * MOST);
    }
}
