//! A DICOM peer: what it is offered, and an instance sent over one lasting association in a syntax that the peer accepts.
//!
//! For each SOP class the stored transfer syntax is proposed alone in a presentation context, so that the peer's choice
//! among several cannot hide that it takes it; native explicit and implicit little endian each have one too, into which
//! the instance is converted when the peer does not take it as it is. Pixels are decoded for that, never encoded again.

use super::convert::{ConvertError, NATIVE, Spool, convert, is_convertible};
use super::instance::Instance;
use crate::dicom::{Source, TransferSyntax};
use crate::net::{
    ContextRefusal, PeerAddress, ProposedContext, Requestor, RequestorError, RequestorOptions, StoreAnswer,
};
use std::collections::VecDeque;

/// A peer, and the association to it while there is one.
pub struct Peer {
    address: PeerAddress,
    options: RequestorOptions,
    spool: Spool,
    /// What was or will be sent to it, in the order in which that was known; each once.
    kinds: VecDeque<Kind>,
    association: Option<Association>,
}

/// What a presentation context is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kind {
    /// SOP Class UID.
    pub sop_class: String,
    /// The transfer syntax that instances are stored in.
    pub transfer_syntax: &'static TransferSyntax,
}

/// An instance that the peer has answered.
#[derive(Debug)]
pub struct Answered {
    /// What the peer said.
    pub answer: StoreAnswer,
    /// How the data set was encoded on the wire.
    pub transfer_syntax: &'static TransferSyntax,
    /// Its length on the wire, in bytes.
    pub bytes: u64,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum NotSent {
    /// There is no association; nothing was sent.
    #[error("{0}")]
    NoAssociation(#[source] RequestorError),
    /// The association ended while the instance was on its way.
    #[error("{0}")]
    Broken(#[source] RequestorError),
    /// The peer takes the SOP class neither as it is stored nor natively.
    #[error("the peer does not accept {sop_class} in {transfer_syntax}{}: {refusal}", also(*.natively))]
    NotAccepted {
        /// The SOP class by UID.
        sop_class: String,
        /// As it is stored.
        transfer_syntax: &'static str,
        /// Whether it was offered natively too.
        natively: bool,
        /// The peer's reason.
        refusal: ContextRefusal,
    },
    /// The peer takes it in another transfer syntax only, into which it cannot be converted without loss.
    #[error("the peer takes it in {wanted} only: {error}")]
    NotConverted {
        /// What the peer accepts.
        wanted: &'static str,
        /// Why not.
        error: ConvertError,
    },
}

struct Association {
    requestor: Requestor,
    kinds: Vec<Kind>,
}

/// PS3.8 7.1.1.13: presentation contexts have the odd numbers from 1 to 255.
const MOST_CONTEXTS: usize = 128;
/// More kinds than this are not remembered.
const MOST_KINDS: usize = 512;

impl Peer {
    /// A peer at an address that is looked up for each association. What is too large for memory when it has to be
    /// converted goes to files of `spool`.
    pub fn new(address: PeerAddress, options: RequestorOptions, spool: Spool) -> Self {
        Self { address, options, spool, kinds: VecDeque::new(), association: None }
    }

    /// What is going to be sent: the next association will have a context for it, when there is room.
    pub fn expect(&mut self, kind: Kind) {
        if !self.kinds.contains(&kind) {
            self.kinds.push_back(kind);
        }
        if self.kinds.len() > MOST_KINDS {
            self.kinds.pop_front();
        }
    }

    /// Sends an instance, over the association that there is or a new one.
    ///
    /// # Errors
    /// [`NotSent`]; after [`NotSent::NotAccepted`] and [`NotSent::NotConverted`] the association goes on.
    pub fn send(&mut self, instance: &Instance<'_>) -> Result<Answered, NotSent> {
        let kind =
            Kind { sop_class: instance.sop_class.to_owned(), transfer_syntax: instance.transfer_syntax };
        self.associate(&kind).map_err(NotSent::NoAssociation)?;
        let Some(association) = &mut self.association else {
            return Err(NotSent::NoAssociation(RequestorError::NoVerification));
        };
        let requestor = &mut association.requestor;
        let (context, transfer_syntax) = way(requestor, &kind)?;
        let (converted, section);
        let data_set: &dyn Source = if transfer_syntax == instance.transfer_syntax {
            instance.data_set
        } else {
            let fail = |error| NotSent::NotConverted { wanted: transfer_syntax.keyword, error };
            converted = convert(instance, transfer_syntax, &self.spool).map_err(fail)?;
            section = converted.data_set().map_err(|error| fail(error.into()))?;
            &section
        };
        match requestor.store(context, instance.sop_class, instance.sop_instance, data_set) {
            Ok(answer) => Ok(Answered { answer, transfer_syntax, bytes: data_set.len() }),
            Err(error) => {
                self.association = None;
                Err(NotSent::Broken(error))
            }
        }
    }

    /// Makes sure that there is an association that this was proposed on.
    ///
    /// # Errors
    /// Why there is none.
    pub fn associate(&mut self, kind: &Kind) -> Result<(), RequestorError> {
        let usable = |association: &mut Association| {
            association.kinds.contains(kind) && association.requestor.is_open()
        };
        if self.association.as_mut().is_some_and(usable) {
            return Ok(());
        }
        self.release();
        self.expect(kind.clone());
        // This one, then what comes after it, then what has been.
        let start = self.kinds.iter().position(|known| known == kind).unwrap_or(0);
        let (kinds, contexts) = proposal(self.kinds.iter().skip(start).chain(self.kinds.iter().take(start)));
        let address = (self.address.host.as_str(), self.address.port);
        let requestor = Requestor::connect(address, self.options.clone(), &contexts)?;
        self.association = Some(Association { requestor, kinds });
        Ok(())
    }

    /// Ends the association in order, if there is one. How it ends changes nothing: every instance has its answer.
    pub fn release(&mut self) {
        if let Some(association) = self.association.take() {
            let _ = association.requestor.release();
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.release();
    }
}

/// As many kinds as there are contexts for, from the first on, and these contexts.
fn proposal<'k>(kinds: impl IntoIterator<Item = &'k Kind>) -> (Vec<Kind>, Vec<ProposedContext>) {
    let (mut covered, mut contexts) = (Vec::new(), Vec::<ProposedContext>::new());
    for kind in kinds {
        let mut more: Vec<_> = offers(kind).filter(|context| !contexts.contains(context)).collect();
        if contexts.len() + more.len() <= MOST_CONTEXTS {
            contexts.append(&mut more);
            covered.push(kind.clone());
        }
    }
    (covered, contexts)
}

/// The contexts of one kind, the best first.
fn offers(kind: &Kind) -> impl Iterator<Item = ProposedContext> {
    let native = NATIVE.iter().filter_map(|uid| TransferSyntax::of_uid(uid));
    let converted = native.filter(|native| is_convertible(kind.transfer_syntax, native));
    std::iter::once(kind.transfer_syntax).chain(converted).map(|transfer_syntax| ProposedContext {
        abstract_syntax: kind.sop_class.clone(),
        transfer_syntaxes: vec![transfer_syntax],
    })
}

/// The first context of a kind that the peer has accepted.
fn way(requestor: &Requestor, kind: &Kind) -> Result<(u8, &'static TransferSyntax), NotSent> {
    let offered: Vec<_> = offers(kind).flat_map(|offer| offer.transfer_syntaxes).collect();
    let accepted =
        offered.iter().find_map(|syntax| Some((requestor.context(&kind.sop_class, syntax)?, *syntax)));
    accepted.ok_or_else(|| {
        let of_class =
            requestor.contexts().iter().filter(|context| context.abstract_syntax == kind.sop_class);
        let refusal = of_class.filter_map(|context| context.result.err()).next();
        NotSent::NotAccepted {
            sop_class: kind.sop_class.clone(),
            transfer_syntax: kind.transfer_syntax.keyword,
            natively: offered.len() > 1,
            refusal: refusal.unwrap_or(ContextRefusal::NoReason),
        }
    })
}

fn also(natively: bool) -> &'static str {
    if natively { ", nor natively" } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(sop_class: &str, transfer_syntax: &str) -> Kind {
        let transfer_syntax = TransferSyntax::of_name(transfer_syntax).unwrap();
        Kind { sop_class: sop_class.to_owned(), transfer_syntax }
    }

    fn proposed(kinds: &[Kind]) -> Vec<(String, &'static str)> {
        let contexts = proposal(kinds).1.into_iter();
        contexts.map(|context| (context.abstract_syntax, context.transfer_syntaxes[0].keyword)).collect()
    }

    #[test]
    fn the_stored_syntax_comes_first_and_what_it_can_become_after_it() {
        let names = |kind: Kind| proposed(&[kind]).into_iter().map(|(_, name)| name).collect::<Vec<_>>();
        let native = names(kind("1.2", "ExplicitVRLittleEndian"));
        assert_eq!(native, ["ExplicitVRLittleEndian", "ImplicitVRLittleEndian"]);
        let implicit = names(kind("1.2", "ImplicitVRLittleEndian"));
        assert_eq!(implicit, ["ImplicitVRLittleEndian", "ExplicitVRLittleEndian"]);
        let ours = names(kind("1.2", "JPEGLSLossless"));
        assert_eq!(ours, ["JPEGLSLossless", "ExplicitVRLittleEndian", "ImplicitVRLittleEndian"]);
        assert_eq!(names(kind("1.2", "MPEG2MPML")), ["MPEG2MPML"], "nobody here can decode it");
    }

    #[test]
    fn contexts_are_shared_and_there_are_never_too_many() {
        let two = [
            kind("1.2", "ImplicitVRLittleEndian"),
            kind("1.2", "ExplicitVRBigEndian"),
            kind("1.3", "ExplicitVRBigEndian"),
        ];
        let contexts = proposed(&two);
        let explicit = |class: &str| {
            contexts.iter().filter(|(c, name)| c == class && *name == "ExplicitVRLittleEndian").count()
        };
        assert_eq!((explicit("1.2"), explicit("1.3")), (1, 1));
        let many: Vec<_> = (0..200).map(|n| kind(&format!("1.2.{n}"), "ExplicitVRBigEndian")).collect();
        let (covered, contexts) = proposal(&many);
        assert!(
            contexts.len() <= MOST_CONTEXTS && covered.len() >= 40,
            "{} {}",
            covered.len(),
            contexts.len()
        );
        assert_eq!(covered[..40], many[..40], "the first ones come first");
    }

    #[test]
    fn the_latest_kinds_are_remembered() {
        let options = RequestorOptions::new("A", "B");
        let spool: Spool = std::sync::Arc::new(tempfile::tempfile);
        let mut peer = Peer::new("localhost:1".parse().unwrap(), options, spool);
        for n in (0..600).chain(300..310) {
            peer.expect(kind(&format!("1.2.{n}"), "RLELossless"));
        }
        assert_eq!((peer.kinds.len(), peer.kinds[0].sop_class.as_str()), (MOST_KINDS, "1.2.88"));
    }
}
