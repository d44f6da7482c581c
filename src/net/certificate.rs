//! The certificate of a peer, and the names by which an access rule knows it (RFC 5280 4.2.1.6, RFC 9525).

use rustls::client::verify_server_name;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::ParsedCertificate;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::fmt;

/// The certificate that a peer has shown and that an authority vouches for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate(CertificateDer<'static>);

/// A certificate as an access rule names it: by a DNS name or an address that it was made out to, or by its SHA-256
/// fingerprint, `"sha256:"` and 64 hexadecimal digits, with or without colons.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum CertificateName {
    /// A Subject Alternative Name.
    Subject(ServerName<'static>),
    /// The hash of the whole certificate.
    Fingerprint([u8; 32]),
}

impl Certificate {
    pub(super) fn new(der: &CertificateDer<'_>) -> Certificate {
        Certificate(der.clone().into_owned())
    }

    /// Whether it is the one that is meant.
    pub(super) fn is(&self, name: &CertificateName) -> bool {
        match name {
            CertificateName::Fingerprint(fingerprint) => self.fingerprint() == *fingerprint,
            CertificateName::Subject(name) => ParsedCertificate::try_from(&self.0)
                .is_ok_and(|certificate| verify_server_name(&certificate, name).is_ok()),
        }
    }

    fn fingerprint(&self) -> [u8; 32] {
        Sha256::digest(&self.0).into()
    }
}

/// Its fingerprint, as an access rule takes it.
impl fmt::Display for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(PREFIX)?;
        self.fingerprint().iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

const PREFIX: &str = "sha256:";

impl TryFrom<String> for CertificateName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = || {
            format!(
                "{text:?} is no name of a certificate: neither a DNS name, nor an address, nor \"sha256:…\""
            )
        };
        let Some(digits) = text.strip_prefix(PREFIX) else {
            let name = ServerName::try_from(text.clone()).map_err(|_| wrong())?;
            return Ok(Self::Subject(name));
        };
        let digits: Vec<char> = digits.chars().filter(|digit| *digit != ':').collect();
        let mut fingerprint = [0; 32];
        if digits.len() != 64 {
            return Err(wrong());
        }
        for (byte, digits) in fingerprint.iter_mut().zip(digits.chunks(2)) {
            let value = digits.iter().try_fold(0, |value, digit| Some(value << 4 | digit.to_digit(16)?));
            // Two hexadecimal digits are one byte.
            *byte = value.ok_or_else(wrong)? as u8;
        }
        Ok(Self::Fingerprint(fingerprint))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_dns_name_an_address_or_a_fingerprint() {
        let name = |text: &str| CertificateName::try_from(text.to_owned());
        assert!(matches!(name("ct1.example"), Ok(CertificateName::Subject(ServerName::DnsName(_)))));
        assert!(matches!(name("192.0.2.7"), Ok(CertificateName::Subject(ServerName::IpAddress(_)))));
        let digits = "0123456789abcdefABCDEF0123456789".repeat(2);
        let Ok(CertificateName::Fingerprint(bytes)) = name(&format!("sha256:{digits}")) else {
            panic!("{digits}")
        };
        assert_eq!(bytes[..11], [0x01, 0x23, 0x45, 0x67, 0x89, 0xAB, 0xCD, 0xEF, 0xAB, 0xCD, 0xEF]);
        for text in ["", "a b", "CN=ct1", "sha256:", "sha256:00", &format!("sha256:{}", "g".repeat(64))] {
            assert!(name(text).is_err(), "{text}");
        }
    }

    #[test]
    fn it_is_shown_as_it_may_be_written() {
        let certificate = Certificate(CertificateDer::from(vec![1, 2, 3]));
        let name = CertificateName::try_from(certificate.to_string()).unwrap();
        assert!(certificate.is(&name));
        assert!(!certificate.is(&CertificateName::Fingerprint([0; 32])));
    }
}
