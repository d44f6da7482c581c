//! TLS towards a peer (PS3.15 B.12): whom we believe, and what we show of ourselves. There is no way back to plain text.

use super::tls::{TlsError, certificates, private_key, provider};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use serde::Deserialize;
use std::path::PathBuf;
use std::sync::Arc;

/// `tls` of a `[[peer]]`. All files are PEM; they are read again for each connection.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeerTlsConfig {
    /// The authorities that certify the peer.
    pub authorities: PathBuf,
    /// The name that its certificate must be made out to; that of its address where nothing is said.
    #[serde(default)]
    pub name: Option<String>,
    /// Our certificate, followed by those that lead to its authority, for a peer that asks who we are.
    #[serde(default)]
    pub certificate: Option<PathBuf>,
    /// Its private key.
    #[serde(default)]
    pub key: Option<PathBuf>,
}

/// TLS with one peer.
#[derive(Clone, Debug)]
pub struct PeerTls {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

impl PeerTls {
    /// Reads the files, for a peer at this host. `section` is where the configuration speaks of it.
    ///
    /// # Errors
    /// [`TlsError`], which names the key and the file.
    pub fn load(config: &PeerTlsConfig, host: &str, section: &str) -> Result<PeerTls, TlsError> {
        let key = |name: &str| format!("{section}.tls.{name}");
        let mut authorities = RootCertStore::empty();
        for certificate in certificates(&key("authorities"), &config.authorities)? {
            authorities.add(certificate)?;
        }
        let builder = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .with_root_certificates(authorities);
        let config_of_session = match (&config.certificate, &config.key) {
            (Some(certificate), Some(private)) => builder.with_client_auth_cert(
                certificates(&key("certificate"), certificate)?,
                private_key(&key("key"), private)?,
            )?,
            _ => builder.with_no_client_auth(),
        };
        let name = config.name.as_deref().unwrap_or(host);
        let name = ServerName::try_from(name.to_owned())
            .map_err(|_| TlsError::Name { key: key("name"), name: name.to_owned() })?;
        Ok(PeerTls { config: Arc::new(config_of_session), name })
    }

    /// A session that is still to be agreed on.
    ///
    /// # Errors
    /// Those of rustls, when the settings cannot be used.
    pub fn session(&self) -> Result<ClientConnection, rustls::Error> {
        ClientConnection::new(Arc::clone(&self.config), self.name.clone())
    }
}
