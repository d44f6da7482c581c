//! A delivery as `condenser queue` shows it: a line, a page, or a JSON object. Nothing of the patient is in it.

use super::text::{Shown, bytes};
use crate::queue::{Delivery, DeliveryId, State};
use serde::Serialize;
use std::time::{SystemTime, UNIX_EPOCH};

/// One delivery. Times are seconds since 1970.
#[derive(Serialize)]
pub(super) struct Row<'d> {
    delivery: DeliveryId,
    peer: &'d str,
    state: State,
    sop_instance: &'d str,
    sop_class: &'d str,
    study: &'d str,
    transfer_syntax: &'d str,
    file: &'d str,
    bytes: u64,
    priority: &'static str,
    queued: u64,
    /// When it is tried again, or its claim lapses.
    due: Option<u64>,
    attempts: u32,
    /// Tries in a row without an answer.
    unanswered: u32,
    /// The last status of the peer as four hexadecimal digits.
    status: Option<String>,
    error: Option<&'d str>,
    /// Since when it is in its state.
    changed: u64,
}

impl<'d> Row<'d> {
    pub(super) fn of(delivery: &'d Delivery) -> Self {
        let instance = &delivery.instance;
        Self {
            delivery: delivery.id,
            peer: &delivery.peer,
            state: delivery.state,
            sop_instance: &instance.sop_instance,
            sop_class: &instance.sop_class,
            study: &instance.study,
            transfer_syntax: &instance.transfer_syntax,
            file: &instance.file,
            bytes: instance.bytes,
            priority: delivery.priority.name(),
            queued: seconds(delivery.queued),
            due: delivery.due.map(seconds),
            attempts: delivery.attempts,
            unanswered: delivery.unanswered,
            status: delivery.status.map(|status| format!("{status:04X}")),
            error: delivery.error.as_deref(),
            changed: seconds(delivery.changed),
        }
    }

    /// One line of the list.
    pub(super) fn line(&self) -> String {
        let status = self.status.as_deref().unwrap_or("-");
        let error = self.error.map(|error| format!("  {}", Shown(error))).unwrap_or_default();
        format!(
            "{:>9} {:<16} {:<9} {:>5} {status:<6} {:>8} {}{error}",
            self.delivery,
            Shown(self.peer),
            self.state.name(),
            self.attempts,
            ago(self.queued),
            Shown(self.sop_instance),
        )
    }

    /// All of it, a line each.
    pub(super) fn page(&self) -> String {
        let due =
            self.due.map_or_else(|| "-".to_owned(), |due| format!("in {}", span(due.saturating_sub(now()))));
        let rows = [
            ("delivery", self.delivery.to_string()),
            ("peer", Shown(self.peer).to_string()),
            ("state", format!("{}, for {}", self.state.name(), ago(self.changed))),
            ("instance", Shown(self.sop_instance).to_string()),
            ("SOP class", Shown(self.sop_class).to_string()),
            ("study", Shown(self.study).to_string()),
            ("stored in", Shown(self.transfer_syntax).to_string()),
            ("file", format!("{} ({})", Shown(self.file), bytes(self.bytes))),
            ("priority", self.priority.to_owned()),
            ("queued", format!("{} ago", ago(self.queued))),
            ("due", due),
            (
                "attempts",
                format!("{}, of which {} without an answer in a row", self.attempts, self.unanswered),
            ),
            ("status", self.status.clone().unwrap_or_else(|| "-".to_owned())),
            ("error", self.error.map_or_else(|| "-".to_owned(), |error| Shown(error).to_string())),
        ];
        rows.iter().map(|(key, value)| format!("{key:<10} {value}\n")).collect()
    }
}

/// What stands above the lines.
pub(super) fn heading() -> String {
    format!(
        "{:>9} {:<16} {:<9} {:>5} {:<6} {:>8} INSTANCE  ERROR",
        "DELIVERY", "PEER", "STATE", "TRIES", "STATUS", "AGE"
    )
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn now() -> u64 {
    seconds(SystemTime::now())
}

fn ago(since: u64) -> String {
    span(now().saturating_sub(since))
}

/// Seconds as the largest unit of which there are two.
fn span(seconds: u64) -> String {
    let units = [(86_400, "d"), (3_600, "h"), (60, "min")];
    let unit = units.into_iter().find(|(length, _)| seconds >= 2 * length);
    unit.map_or_else(|| format!("{seconds} s"), |(length, name)| format!("{} {name}", seconds / length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_in_the_unit_that_says_enough() {
        let told = [0, 119, 120, 7_199, 7_200, 172_799, 172_800].map(span);
        assert_eq!(told, ["0 s", "119 s", "2 min", "119 min", "2 h", "47 h", "2 d"]);
    }
}
