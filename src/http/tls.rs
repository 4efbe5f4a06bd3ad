//! The certificate and key with which the gateway answers by TLS 1.2 and 1.3.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Reads a chain (PEM, the server's certificate first) and its key (PEM: PKCS #8, SEC 1, PKCS #1).
///
/// # Errors
///
/// [`TlsError`] names the file and what is wrong with it; never what is in it.
pub fn server_config(cert_file: &Path, key_file: &Path) -> Result<Arc<ServerConfig>, TlsError> {
    let unreadable = |file: &Path| {
        let file = file.to_owned();
        move |source| TlsError::Unreadable { file, source }
    };
    let chain: Result<Vec<_>, _> = CertificateDer::pem_file_iter(cert_file)
        .map_err(unreadable(cert_file))?
        .collect();
    let chain = chain.map_err(unreadable(cert_file))?;
    if chain.is_empty() {
        return Err(TlsError::NoCertificate {
            file: cert_file.to_owned(),
        });
    }
    let key = PrivateKeyDer::from_pem_file(key_file).map_err(unreadable(key_file))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file that is not there, or no PEM of the kind that is needed.
    #[error("{file}: not readable as PEM", file = file.display())]
    Unreadable {
        /// Which.
        file: PathBuf,
        /// Why.
        source: pem::Error,
    },
    /// A PEM file with other things in it.
    #[error("{file}: holds no certificate", file = file.display())]
    NoCertificate {
        /// Which.
        file: PathBuf,
    },
    /// Key and certificate don't belong together, or their kind is not supported.
    #[error("certificate and key can't be used")]
    Unusable(#[from] rustls::Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_no_pem_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let [cert, key] = ["cert.pem", "key.pem"].map(|name| folder.path().join(name));
        let told = |cert: &Path, key: &Path| server_config(cert, key).unwrap_err().to_string();
        assert!(told(&cert, &key).contains("cert.pem"));
        std::fs::write(&cert, "no certificate").unwrap();
        assert!(told(&cert, &key).contains("cert.pem: holds no certificate"));
        std::fs::write(&cert, CERTIFICATE_OF_NOTHING).unwrap();
        assert!(told(&cert, &key).contains("key.pem"));
        std::fs::write(&key, CERTIFICATE_OF_NOTHING).unwrap();
        assert!(told(&cert, &key).contains("key.pem"));
    }

    const CERTIFICATE_OF_NOTHING: &str =
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
}
