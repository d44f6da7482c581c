//! A certificate authority of a test, with the files of a node that trusts it.

#![allow(dead_code, reason = "not every test that includes this file uses all of it")]

use condenser::net::TlsConfig;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertificateRevocationListParams, DistinguishedName,
    DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevocationReason,
    RevokedCertParams, SerialNumber, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use sha2::{Digest, Sha256};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// An authority, and the folder in which the node's files lie.
pub(crate) struct Authority {
    pub(crate) folder: tempfile::TempDir,
    certificate: Certificate,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate with its key.
pub(crate) struct Certified {
    certificate: Certificate,
    key: KeyPair,
    serial: SerialNumber,
}

impl Certified {
    pub(crate) fn fingerprint(&self) -> String {
        let digits: Vec<String> =
            Sha256::digest(self.certificate.der()).iter().map(|b| format!("{b:02X}")).collect();
        format!("sha256:{}", digits.join(":"))
    }
}

impl Authority {
    pub(crate) fn new() -> Authority {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name = named("authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key).unwrap();
        let authority =
            Authority { folder: tempfile::tempdir().unwrap(), certificate, issuer: Issuer::new(params, key) };
        authority.write("ca.pem", &authority.certificate.pem());
        let node = authority.certify_server("condenser.test");
        authority.write("node.pem", &node.certificate.pem());
        authority.write("key.pem", &node.key.serialize_pem());
        authority.write_revoked(&[]);
        authority
    }

    /// What a node is told that trusts this authority.
    pub(crate) fn node_config(&self) -> TlsConfig {
        TlsConfig {
            listen: Vec::new(),
            certificate: self.path("node.pem"),
            key: self.path("key.pem"),
            authorities: Some(self.path("ca.pem")),
            revoked: vec![self.path("revoked.pem")],
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    /// A certificate of a client.
    pub(crate) fn certify(&self, name: &str) -> Certified {
        self.certified(name, ExtendedKeyUsagePurpose::ClientAuth, |_| ())
    }

    /// A certificate of a server, which is none of a client.
    pub(crate) fn certify_server(&self, name: &str) -> Certified {
        self.certified(name, ExtendedKeyUsagePurpose::ServerAuth, |_| ())
    }

    /// One that was good until 2001.
    pub(crate) fn expired(&self, name: &str) -> Certified {
        self.certified(name, ExtendedKeyUsagePurpose::ClientAuth, |params| {
            params.not_before = date_time_ymd(2000, 1, 1);
            params.not_after = date_time_ymd(2001, 1, 1);
        })
    }

    fn certified(
        &self,
        name: &str,
        usage: ExtendedKeyUsagePurpose,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Certified {
        static LAST: AtomicU64 = AtomicU64::new(0);
        let serial = SerialNumber::from(LAST.fetch_add(1, Ordering::Relaxed) + 1);
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.distinguished_name = named(name);
        params.serial_number = Some(serial.clone());
        params.extended_key_usages = vec![usage];
        params.use_authority_key_identifier_extension = true;
        change(&mut params);
        Certified { certificate: params.signed_by(&key, &self.issuer).unwrap(), key, serial }
    }

    /// Writes the revocation list anew, with one certificate on it.
    pub(crate) fn revoke(&self, certified: &Certified) {
        self.write_revoked(std::slice::from_ref(&certified.serial));
    }

    fn write_revoked(&self, serials: &[SerialNumber]) {
        let revoked = |serial: &SerialNumber| RevokedCertParams {
            serial_number: serial.clone(),
            revocation_time: date_time_ymd(2024, 1, 1),
            reason_code: Some(RevocationReason::KeyCompromise),
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2024, 1, 1),
            next_update: date_time_ymd(2100, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: serials.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        self.write("revoked.pem", &list.signed_by(&self.issuer).unwrap().pem().unwrap());
    }

    /// Writes a certificate and its key to files of this name.
    pub(crate) fn write_certified(&self, name: &str, certified: &Certified) {
        self.write(&format!("{name}.pem"), &certified.certificate.pem());
        self.write(&format!("{name}.key"), &certified.key.serialize_pem());
    }

    /// Makes the node's key unusable.
    pub(crate) fn spoil_key(&self) {
        self.write("key.pem", "no key");
    }

    /// A client that trusts this authority.
    pub(crate) fn client(
        &self,
        certified: Option<&Certified>,
        versions: &[&'static SupportedProtocolVersion],
    ) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.der().clone()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots);
        match certified {
            None => builder.with_no_client_auth(),
            Some(Certified { certificate, key, .. }) => {
                let chain: Vec<CertificateDer<'static>> = vec![certificate.der().clone()];
                let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap();
                builder.with_client_auth_cert(chain, key).unwrap()
            }
        }
    }
}

/// OpenSSL takes a certificate for self-signed when its subject is that of its issuer.
fn named(name: &str) -> DistinguishedName {
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, name);
    subject
}
