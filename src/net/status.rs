//! DIMSE status codes: the number, what it is called and what it means for the sender (PS3.4 B.2.3, PS3.7 Annex C).

use std::fmt;

/// The Status (0000,0900) of a DIMSE response.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Status(pub u16);

/// What a status means for the one who asked (PS3.7 Annex C).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Category {
    /// The operation was performed.
    Success,
    /// The operation was performed, and there is something to say about it.
    Warning,
    /// The operation was not performed.
    Failure,
    /// The operation was ended by a C-CANCEL request.
    Cancel,
    /// This is not the last response.
    Pending,
}

impl Status {
    /// The operation was performed; for C-STORE: the instance is stored.
    pub const SUCCESS: Status = Status(0x0000);
    /// The operation failed for a reason that no other code names.
    pub const PROCESSING_FAILURE: Status = Status(0x0110);
    /// There is no such SOP instance.
    pub const NO_SUCH_SOP_INSTANCE: Status = Status(0x0112);
    /// A UID breaks the construction rules of PS3.5 9.1.
    pub const INVALID_SOP_INSTANCE: Status = Status(0x0117);
    /// The SOP class is not the one that was negotiated for the presentation context.
    pub const SOP_CLASS_NOT_SUPPORTED: Status = Status(0x0122);
    /// The peer may not do this.
    pub const NOT_AUTHORIZED: Status = Status(0x0124);
    /// The Message ID belongs to an operation that is still running.
    pub const DUPLICATE_INVOCATION: Status = Status(0x0210);
    /// The Command Field names an operation that is not offered.
    pub const UNRECOGNIZED_OPERATION: Status = Status(0x0211);
    /// There is no such type of action.
    pub const NO_SUCH_ACTION: Status = Status(0x0123);
    /// The SOP class is not that of the SOP instance.
    pub const CLASS_INSTANCE_CONFLICT: Status = Status(0x0119);
    /// An attribute that must be there is missing.
    pub const MISSING_ATTRIBUTE: Status = Status(0x0120);
    /// The Transaction UID is in use already (PS3.4 J.3.3.1.2).
    pub const DUPLICATE_TRANSACTION: Status = Status(0x0131);
    /// There is too much of it at a time.
    pub const RESOURCE_LIMITATION: Status = Status(0x0213);
    /// A mandatory element of the command set is missing or has the wrong form.
    pub const MISTYPED_ARGUMENT: Status = Status(0x0212);
    /// There is no room to keep the instance.
    pub const OUT_OF_RESOURCES: Status = Status(0xA700);
    /// The storage failed; the sender should keep the instance and try again.
    pub const STORAGE_ERROR: Status = Status(0xA701);
    /// The data set does not match the SOP class of the command.
    pub const DATA_SET_DOES_NOT_MATCH_SOP_CLASS: Status = Status(0xA900);
    /// The data set does not match the SOP instance of the command.
    pub const DATA_SET_DOES_NOT_MATCH_SOP_INSTANCE: Status = Status(0xC001);
    /// The data set cannot be read to its end.
    pub const CANNOT_UNDERSTAND: Status = Status(0xC002);
    /// The data set exceeds a limit.
    pub const LIMIT_EXCEEDED: Status = Status(0xC003);
    /// The instance could not be condensed, and the node is configured to refuse what is not.
    pub const NOT_CONDENSED: Status = Status(0xC004);

    /// What the status means. A code that no table lists is a failure, unless its range says otherwise.
    pub fn category(self) -> Category {
        match self.0 {
            0x0000 => Category::Success,
            0x0001 | 0x0107 | 0x0116 | 0xB000..=0xBFFF => Category::Warning,
            0xFE00 => Category::Cancel,
            0xFF00 | 0xFF01 => Category::Pending,
            _ => Category::Failure,
        }
    }

    /// Whether the operation was performed, with or without a warning.
    pub fn is_performed(self) -> bool {
        matches!(self.category(), Category::Success | Category::Warning)
    }

    /// The status in words.
    pub fn name(self) -> &'static str {
        NAMES
            .iter()
            .find(|(first, last, _)| (*first..=*last).contains(&self.0))
            .map_or("unknown status", |(_, _, name)| name)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04X} ({})", self.0, self.name())
    }
}

impl fmt::Debug for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Status({:04X})", self.0)
    }
}

/// First and last code of a range, and its name; the first row that matches counts.
const NAMES: &[(u16, u16, &str)] = &[
    (0x0000, 0x0000, "success"),
    (0x0001, 0x0001, "requested optional attributes are not supported"),
    (0x0105, 0x0105, "no such attribute"),
    (0x0106, 0x0106, "invalid attribute value"),
    (0x0107, 0x0107, "attribute list error"),
    (0x0110, 0x0110, "processing failure"),
    (0x0111, 0x0111, "duplicate SOP instance"),
    (0x0112, 0x0112, "no such SOP instance"),
    (0x0113, 0x0113, "no such event type"),
    (0x0114, 0x0114, "no such argument"),
    (0x0115, 0x0115, "invalid argument value"),
    (0x0116, 0x0116, "attribute value out of range"),
    (0x0117, 0x0117, "invalid SOP instance"),
    (0x0118, 0x0118, "no such SOP class"),
    (0x0119, 0x0119, "class-instance conflict"),
    (0x0120, 0x0120, "missing attribute"),
    (0x0121, 0x0121, "missing attribute value"),
    (0x0122, 0x0122, "SOP class not supported"),
    (0x0123, 0x0123, "no such action"),
    (0x0124, 0x0124, "not authorized"),
    (0x0131, 0x0131, "duplicate transaction UID"),
    (0x0210, 0x0210, "duplicate invocation"),
    (0x0211, 0x0211, "unrecognized operation"),
    (0x0212, 0x0212, "mistyped argument"),
    (0x0213, 0x0213, "resource limitation"),
    (0xA700, 0xA7FF, "out of resources"),
    (0xA800, 0xA800, "SOP class not supported"),
    (0xA900, 0xA9FF, "data set does not match SOP class"),
    (0xB000, 0xB000, "coercion of data elements"),
    (0xB006, 0xB006, "elements discarded"),
    (0xB007, 0xB007, "data set does not match SOP class, stored all the same"),
    (0xB000, 0xBFFF, "unknown warning"),
    (0xC000, 0xCFFF, "cannot understand"),
    (0xFE00, 0xFE00, "cancelled"),
    (0xFF00, 0xFF01, "pending"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_decide_the_category_of_codes_that_no_table_lists() {
        let expected = [
            (0x0000, Category::Success),
            (0x0107, Category::Warning),
            (0x0122, Category::Failure),
            (0xA7C3, Category::Failure),
            (0xB123, Category::Warning),
            (0xC211, Category::Failure),
            (0xFE00, Category::Cancel),
            (0xFF01, Category::Pending),
            (0x7777, Category::Failure),
        ];
        for (code, category) in expected {
            assert_eq!(Status(code).category(), category, "{code:04X}");
        }
    }

    #[test]
    fn display_shows_the_number_and_the_words() {
        assert_eq!(Status(0xA7FE).to_string(), "A7FE (out of resources)");
        assert_eq!(Status(0xB006).to_string(), "B006 (elements discarded)");
        assert_eq!(Status(0xB999).to_string(), "B999 (unknown warning)");
        assert_eq!(Status(0x9999).to_string(), "9999 (unknown status)");
    }
}
