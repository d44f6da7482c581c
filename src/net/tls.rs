//! TLS for the acceptor (PS3.15 B.12, the BCP 195 profile): TLS 1.2 and 1.3, no plaintext fallback, peers known by
//! their certificates.
//!
//! Certificates, key and revocation lists are read again when the node is asked to reload; connections that are open
//! stay, and files that cannot be used change nothing.

use rustls::RootCertStore;
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use tokio_rustls::TlsAcceptor;

/// `[node.tls]`: where TLS is spoken, and by whom. All files are PEM.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// The addresses to listen on with TLS, besides those of `node.listen`.
    pub listen: Vec<SocketAddr>,
    /// The certificate of the node, followed by those that lead to its authority.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// The authorities that certify peers. Without it, peers are not asked who they are.
    pub authorities: Option<PathBuf>,
    /// The revocation lists of those authorities. Where there are any, a peer whose authority has none is refused.
    #[serde(default)]
    pub revoked: Vec<PathBuf>,
}

/// Why TLS cannot be spoken.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or is not what it should be.
    #[error("{key}: {}: {error}", path.display())]
    File {
        /// The key of the configuration that names it.
        key: String,
        /// The file.
        path: PathBuf,
        /// What is wrong.
        error: pem::Error,
    },
    /// Certificate and key do not fit together, or cannot be used.
    #[error("tls.certificate: {0}")]
    Certificate(#[from] rustls::Error),
    /// The authorities or their revocation lists cannot be used.
    #[error("tls.authorities: {0}")]
    Authorities(#[from] VerifierBuilderError),
    /// The name of a peer is none that a certificate could be made out to.
    #[error("{key}: {name:?} is neither a DNS name nor an address")]
    Name {
        /// The key of the configuration that says it, or could.
        key: String,
        /// The name.
        name: String,
    },
}

/// What the node says of itself and whom it believes; may be exchanged while it runs.
pub struct Tls {
    now: RwLock<Arc<ServerConfig>>,
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// [`TlsError`], which names the key and the file.
    pub fn load(config: &TlsConfig) -> Result<Tls, TlsError> {
        Ok(Tls { now: RwLock::new(server_config(config)?) })
    }

    /// Says and believes what `new` does, for connections that come from now on.
    pub fn exchange(&self, new: Tls) {
        let new = new.now.into_inner().unwrap_or_else(PoisonError::into_inner);
        *self.now.write().unwrap_or_else(PoisonError::into_inner) = new;
    }

    /// For the next connection.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.now.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

fn server_config(config: &TlsConfig) -> Result<Arc<ServerConfig>, TlsError> {
    let chain = certificates("node.tls.certificate", &config.certificate)?;
    let key = private_key("node.tls.key", &config.key)?;
    let provider = provider();
    let builder =
        ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
    let builder = match &config.authorities {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let mut authorities = RootCertStore::empty();
            for certificate in certificates("node.tls.authorities", path)? {
                authorities.add(certificate)?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(authorities), provider)
                .with_crls(revocation_lists(&config.revoked)?)
                .only_check_end_entity_revocation();
            builder.with_client_cert_verifier(verifier.build()?)
        }
    };
    Ok(Arc::new(builder.with_single_cert(chain, key)?))
}

/// The cryptography that both sides of the node use.
pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// All certificates of a file, at least one.
pub(super) fn certificates(key: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let fault = |error| TlsError::File { key: key.to_owned(), path: path.to_owned(), error };
    let found: Vec<_> = CertificateDer::pem_file_iter(path).and_then(Iterator::collect).map_err(fault)?;
    if found.is_empty() { Err(fault(pem::Error::NoItemsFound)) } else { Ok(found) }
}

/// The private key of a file.
pub(super) fn private_key(key: &str, path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_file(path).map_err(|error| TlsError::File {
        key: key.to_owned(),
        path: path.to_owned(),
        error,
    })
}

fn revocation_lists(paths: &[PathBuf]) -> Result<Vec<CertificateRevocationListDer<'static>>, TlsError> {
    let mut lists = Vec::new();
    for path in paths {
        let found: Result<Vec<_>, _> =
            CertificateRevocationListDer::pem_file_iter(path).and_then(Iterator::collect);
        lists.extend(found.map_err(|error| TlsError::File {
            key: "node.tls.revoked".to_owned(),
            path: path.clone(),
            error,
        })?);
    }
    Ok(lists)
}
