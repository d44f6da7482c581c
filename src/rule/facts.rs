//! What a rule can ask about an instance.

use std::net::IpAddr;

/// An instance as a rule sees it: text as received, without padding; empty where it says nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts<'f> {
    /// The AE title of the sender.
    pub calling: &'f str,
    /// The AE title that it called.
    pub called: &'f str,
    /// Where it sent from; `None` where that is not known any more. No condition on an address fits then.
    pub from: Option<IpAddr>,
    /// SOP Class UID (0008,0016).
    pub sop_class: &'f str,
    /// The transfer syntax UID in which it was received.
    pub transfer_syntax: &'f str,
    /// Modality (0008,0060).
    pub modality: &'f str,
    /// Station Name (0008,1010).
    pub station_name: &'f str,
    /// Body Part Examined (0018,0015).
    pub body_part: &'f str,
}
