//! The value representation of a data element (PS3.5 section 6.2).

use std::fmt;

/// A value representation, as its two bytes were encoded.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Vr(pub [u8; 2]);

impl Vr {
    /// Whether an explicit header of this VR has two reserved bytes and then a 32-bit length (PS3.5 section 7.1.2).
    ///
    /// The VRs of table 7.1-2 have a 16-bit length, every other VR and every VR that may come has the long form.
    /// What is not a VR at all, because it is not two uppercase letters (`??` is seen), never had more than
    /// 16 bits for its length in the equipment that wrote it: DCMTK reads it so too.
    pub const fn is_long_form(self) -> bool {
        self.is_two_letters() && !self.is_short()
    }

    /// Whether the standard defines this VR.
    pub const fn is_standard(self) -> bool {
        self.is_short()
            || matches!(
                &self.0,
                b"OB"
                    | b"OD"
                    | b"OF"
                    | b"OL"
                    | b"OV"
                    | b"OW"
                    | b"SQ"
                    | b"SV"
                    | b"UC"
                    | b"UN"
                    | b"UR"
                    | b"UT"
                    | b"UV"
            )
    }

    /// Whether both bytes are printable characters, as they are in every VR and even in what equipment writes for
    /// want of one. Bytes that are not show that these are not explicit headers at all.
    pub const fn is_printable(self) -> bool {
        let [first, second] = self.0;
        matches!(first, 0x20..=0x7E) && matches!(second, 0x20..=0x7E)
    }

    /// Whether a value of undefined length under this VR holds encapsulated fragments (PS3.5 section A.4).
    pub const fn may_be_encapsulated(self) -> bool {
        matches!(&self.0, b"OB" | b"OD" | b"OF" | b"OL" | b"OV" | b"OW")
    }

    const fn is_short(self) -> bool {
        matches!(
            &self.0,
            b"AE"
                | b"AS"
                | b"AT"
                | b"CS"
                | b"DA"
                | b"DS"
                | b"DT"
                | b"FD"
                | b"FL"
                | b"IS"
                | b"LO"
                | b"LT"
                | b"PN"
                | b"SH"
                | b"SL"
                | b"SS"
                | b"ST"
                | b"TM"
                | b"UI"
                | b"UL"
                | b"US"
        )
    }

    const fn is_two_letters(self) -> bool {
        self.0[0].is_ascii_uppercase() && self.0[1].is_ascii_uppercase()
    }
}

macro_rules! value_representations {
    ($($name:ident)*) => {
        /// The value representations of PS3.5 table 6.2-1.
        impl Vr {
            $(
                #[doc = concat!("The value representation ", stringify!($name), ".")]
                pub const $name: Vr = {
                    let name = stringify!($name).as_bytes();
                    Vr([name[0], name[1]])
                };
            )*
        }
    };
}

value_representations! {
    AE AS AT CS DA DS DT FD FL IS LO LT OB OD OF OL OV OW PN SH SL SQ SS ST SV TM UC UI UL UN UR US UT UV
}

impl fmt::Display for Vr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

impl fmt::Debug for Vr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_forms_follow_table_7_1_2() {
        for vr in [Vr::OB, Vr::OV, Vr::SQ, Vr::SV, Vr::UC, Vr::UN, Vr::UR, Vr::UT, Vr::UV, Vr(*b"XX")] {
            assert!(vr.is_long_form(), "{vr}");
        }
        for vr in [Vr::AE, Vr::AT, Vr::FD, Vr::LT, Vr::ST, Vr::UI, Vr::US, Vr(*b"??"), Vr(*b"  "), Vr(*b"Ob")]
        {
            assert!(!vr.is_long_form(), "{vr}");
        }
    }

    #[test]
    fn only_two_printable_bytes_can_be_a_value_representation() {
        assert!(Vr(*b"??").is_printable());
        assert!(!Vr([0x0A, 0x00]).is_printable());
        assert!(!Vr([b'U', 0x7F]).is_printable());
        assert!(!Vr(*b"XX").is_standard());
        assert_eq!(Vr([b'U', 0]).to_string(), "U\\x00");
    }
}
