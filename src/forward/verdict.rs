//! What an attempt to deliver an instance has come to, sorted by what is to be done next: one table for the statuses of
//! C-STORE-RSP (PS3.4 B.2.3, PS3.7 Annex C), one for the ends of an association.

use crate::net::{RequestorError, Status};

/// What is to be done about one instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The peer has it: nothing. Only a status of success or warning says so.
    Delivered,
    /// The peer could not take it now: again, for as long as the peer's window is open.
    Temporary,
    /// The peer does not want this instance: again a few times, for peers say so for passing reasons too, then hold.
    Permanent,
    /// The instance was in flight when the association broke, and may be why: again, and hold when that repeats itself.
    Broken,
    /// It was not even tried, since there was no association: wait for the peer.
    PeerUnavailable,
}

/// First and last status of a range, and what it means; the first row that fits counts. Whatever no row lists is
/// permanent: known failures (A9xx, Cxxx, 0117, 0122, 0124) and codes that nobody knows alike.
const STATUSES: &[(u16, u16, Verdict)] = &[
    (0x0000, 0x0001, Verdict::Delivered),
    (0x0107, 0x0107, Verdict::Delivered),
    (0x0116, 0x0116, Verdict::Delivered),
    (0xB000, 0xBFFF, Verdict::Delivered),
    // Out of resources.
    (0xA700, 0xA7FF, Verdict::Temporary),
    // Duplicate invocation: the peer believes that an earlier request still runs.
    (0x0210, 0x0210, Verdict::Temporary),
    // Resource limitation.
    (0x0213, 0x0213, Verdict::Temporary),
    // Cancelled, or pending: neither is an answer to a C-STORE, and the instance is not to blame.
    (0xFE00, 0xFF01, Verdict::Temporary),
];

impl Verdict {
    /// By the status of the response.
    pub fn of_status(status: Status) -> Self {
        let row = STATUSES.iter().find(|(first, last, _)| (*first..=*last).contains(&status.0));
        row.map_or(Self::Permanent, |(_, _, verdict)| *verdict)
    }

    /// By how the association ended while the instance was in flight.
    pub fn of_broken(error: &RequestorError) -> Self {
        match error {
            // Our own file: the peer is not to blame, and other instances can be read.
            RequestorError::Source(_) => Self::Permanent,
            _ => Self::Broken,
        }
    }
}

/// Why there is no association, by whether waiting alone will help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absence {
    /// The peer is down, busy, or not reached: try again soon, then less and less often.
    Passing,
    /// Somebody has to change something, here or there: raise an alarm, and try again seldom.
    Misconfigured,
}

impl Absence {
    /// By how the association was refused or missed.
    pub fn of(error: &RequestorError) -> Self {
        match error {
            // Result 1 of A-ASSOCIATE-RJ is «rejected-permanent»: an AE title that one side does not know, mostly.
            RequestorError::Rejected([1, ..])
            | RequestorError::PeerMaximum(_)
            | RequestorError::Tls(_)
            | RequestorError::Handshake(_)
            | RequestorError::Request(_)
            | RequestorError::TooManyContexts(_) => Self::Misconfigured,
            _ => Self::Passing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    #[test]
    fn f05_f06_statuses_are_sorted_by_range() {
        use Verdict::{Delivered, Permanent, Temporary};
        for (statuses, verdict) in [
            (&[0x0000, 0x0001, 0x0107, 0x0116, 0xB000, 0xB006, 0xB007, 0xB123, 0xBFFF][..], Delivered),
            (&[0xA700, 0xA701, 0xA7FF, 0x0210, 0x0213, 0xFE00, 0xFF00, 0xFF01], Temporary),
            (&[0xA800, 0xA900, 0xC000, 0xC001, 0xCFFF, 0x0110, 0x0111, 0x0117, 0x0122, 0x0124], Permanent),
            (&[0x0211, 0x0212, 0x1234, 0x0002, 0xD000, 0xFFFF], Permanent),
        ] {
            for status in statuses {
                assert_eq!(Verdict::of_status(Status(*status)), verdict, "{status:04X}");
            }
        }
    }

    #[test]
    fn nothing_is_delivered_that_the_peer_did_not_perform() {
        for status in 0..=u16::MAX {
            let delivered = Verdict::of_status(Status(status)) == Verdict::Delivered;
            assert_eq!(delivered, Status(status).is_performed(), "{status:04X}");
        }
    }

    #[test]
    fn f02_rejections_for_good_need_somebody_and_those_for_now_need_time() {
        use RequestorError::{Aborted, Closed, Connect, PeerMaximum, Rejected, TimedOut};
        for error in [Rejected([1, 1, 7]), Rejected([1, 1, 3]), Rejected([1, 2, 2]), PeerMaximum(7)] {
            assert_eq!(Absence::of(&error), Absence::Misconfigured, "{error}");
        }
        let connect = Connect(io::ErrorKind::ConnectionRefused.into());
        for error in
            [connect, Rejected([2, 3, 1]), Rejected([2, 3, 2]), Aborted([0, 0]), Closed("x"), TimedOut("x")]
        {
            assert_eq!(Absence::of(&error), Absence::Passing, "{error}");
        }
    }

    #[test]
    fn our_own_file_is_not_the_fault_of_the_association() {
        let unreadable = RequestorError::Source(io::ErrorKind::Other.into());
        assert_eq!(Verdict::of_broken(&unreadable), Verdict::Permanent);
        assert_eq!(Verdict::of_broken(&RequestorError::Aborted([0, 0])), Verdict::Broken);
        assert_eq!(Verdict::of_broken(&RequestorError::WrongResponse), Verdict::Broken);
    }
}
