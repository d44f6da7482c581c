//! `[audit]`: where the audit trail goes, and what it says of patients.

use crate::net::{PeerAddress, PeerTls, PeerTlsConfig, TlsError, read_bytes};
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// `[audit]`. Without a file and without a server there is no audit trail.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuditConfig {
    /// The file that messages are appended to, one a line; opened anew on SIGHUP.
    pub file: Option<PathBuf>,
    /// Audit Source ID: what the trail calls this node; without it, the AE title of the node.
    pub source: Option<String>,
    /// Audit Enterprise Site ID: where the node is.
    pub site: Option<String>,
    /// Whether messages name patients.
    pub patient: Patient,
    /// The server that is told.
    pub syslog: Option<SyslogConfig>,
}

/// Whether messages name patients by Patient ID; their names are never given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Patient {
    /// As PS3.15 A.5.3 wants it.
    #[default]
    Id,
    /// Messages have no participant object for the patient, which departs from the standard.
    Omit,
}

/// `[audit.syslog]`: a server of syslog over TLS (RFC 5425).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SyslogConfig {
    /// Where it listens; port 6514 is that of syslog-tls.
    pub address: PeerAddress,
    /// Whom we believe to be it, and what we show of ourselves.
    pub tls: PeerTlsConfig,
    /// The folder of what it has not been told yet; nothing else may lie there.
    pub spool: PathBuf,
    /// How much may wait there, in bytes; what happens beyond that is lost, counted and logged.
    #[serde(default = "spool_limit", deserialize_with = "read_bytes")]
    pub spool_limit: u64,
}

impl AuditConfig {
    /// Whether there is to be a trail.
    pub fn is_on(&self) -> bool {
        self.file.is_some() || self.syslog.is_some()
    }

    /// All that is wrong, one sentence a fault, each beginning with its key. `store` is the folder of the store.
    pub fn check(&self, store: &Path) -> Vec<String> {
        let mut faults = Vec::new();
        if self.file.as_ref().is_some_and(|file| file.starts_with(store)) {
            faults.push(
                "file: it lies within the store, where nothing else belongs; choose another folder"
                    .to_owned(),
            );
        }
        for (key, text) in [("source", &self.source), ("site", &self.site)] {
            if text.as_ref().is_some_and(|text| text.trim().is_empty()) {
                faults.push(format!("{key}: it is empty; leave the line out or name something"));
            }
        }
        if let Some(syslog) = &self.syslog {
            if syslog.spool.starts_with(store) {
                faults.push(
                    "syslog.spool: it lies within the store, where nothing else belongs; choose another folder"
                        .to_owned(),
                );
            }
            if syslog.spool_limit < LEAST_SPOOL {
                faults.push(
                    "syslog.spool_limit: less than 1 MiB; not even a short outage would fit".to_owned(),
                );
            }
            if syslog.tls.certificate.is_some() != syslog.tls.key.is_some() {
                faults
                    .push("syslog.tls.key: certificate and key go together; name both or neither".to_owned());
            }
        }
        faults
    }

    /// Reads the files of TLS, as a dry run.
    ///
    /// # Errors
    /// [`TlsError`], which names the key and the file.
    pub fn check_files(&self) -> Result<(), TlsError> {
        self.syslog.as_ref().map_or(Ok(()), |syslog| syslog.session_config().map(|_| ()))
    }
}

impl SyslogConfig {
    /// Whom to believe and what to show, read from the files.
    ///
    /// # Errors
    /// [`TlsError`], which names the key and the file.
    pub(super) fn session_config(&self) -> Result<PeerTls, TlsError> {
        PeerTls::load(&self.tls, &self.address.host, "audit.syslog")
    }
}

const LEAST_SPOOL: u64 = 1 << 20;

fn spool_limit() -> u64 {
    64 << 20
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> String {
        toml::from_str::<AuditConfig>(text).unwrap().check(Path::new("/srv/store")).join("; ")
    }

    #[test]
    fn each_fault_names_its_key_and_a_way_out() {
        let syslog = "[syslog]\naddress = 'a:6514'\n";
        for (text, key) in [
            ("file = '/srv/store/audit.xml'".to_owned(), "file: "),
            ("source = ' '".to_owned(), "source: "),
            (format!("{syslog}spool = '/srv/store/s'\ntls = {{ authorities = 'a' }}"), "syslog.spool: "),
            (
                format!("{syslog}spool = 's'\nspool_limit = 10\ntls = {{ authorities = 'a' }}"),
                "syslog.spool_limit: ",
            ),
            (format!("{syslog}spool = 's'\ntls = {{ authorities = 'a', key = 'k' }}"), "syslog.tls.key: "),
        ] {
            assert!(faults(&text).starts_with(key), "{text}: {}", faults(&text));
        }
        assert_eq!(faults("file = '/var/log/audit.xml'\npatient = 'omit'"), "");
        assert_eq!(faults(&format!("{syslog}spool = 's'\ntls = {{ authorities = 'a' }}")), "");
        assert!(toml::from_str::<AuditConfig>("patient = 'name'").is_err());
        assert!(toml::from_str::<AuditConfig>(&format!("{syslog}tls = {{ authorities = 'a' }}")).is_err());
    }
}
