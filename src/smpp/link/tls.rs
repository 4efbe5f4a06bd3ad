//! TLS to an SMSC: rustls with the ring provider, and only the CA that the operator configured.
//!
//! An SMSC is a private peer. The public web's roots would let anybody with a certificate for the
//! name pose as it, so they are not used: the file names the roots, all of them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

use crate::smpp::bind::{ClientCertificate, TlsConfig};

/// Why a bind's TLS cannot be set up. The start stops at each of them.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file is missing, unreadable, or not PEM.
    #[error("{}: not a readable PEM file", file.display())]
    File {
        /// Which file.
        file: PathBuf,
        /// What its reader says.
        #[source]
        cause: rustls::pki_types::pem::Error,
    },
    /// The CA file holds no certificate at all, so that no SMSC could ever be trusted.
    #[error("{}: holds no certificate", file.display())]
    NoCertificate {
        /// Which file.
        file: PathBuf,
    },
    /// `domain` is neither a DNS name nor an IP address.
    #[error("\"{domain}\" is neither a DNS name nor an IP address")]
    Domain {
        /// As configured.
        domain: String,
    },
    /// rustls refuses the certificate or the key.
    #[error("certificate or key refused")]
    Refused(#[from] rustls::Error),
}

/// What a connection needs: the connector, and the name to expect.
#[derive(Clone)]
pub(super) struct Tls {
    pub(super) connector: TlsConnector,
    pub(super) name: ServerName<'static>,
}

impl Tls {
    /// Reads the files of `config`, once per start.
    pub(super) fn load(config: &TlsConfig) -> Result<Self, TlsError> {
        let mut roots = RootCertStore::empty();
        for certificate in certificates(&config.ca_file)? {
            roots.add(certificate)?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots);
        let client = match &config.client {
            None => builder.with_no_client_auth(),
            Some(ClientCertificate {
                certificate_file,
                key_file,
            }) => {
                let key =
                    PrivateKeyDer::from_pem_file(key_file).map_err(|cause| TlsError::File {
                        file: key_file.clone(),
                        cause,
                    })?;
                builder.with_client_auth_cert(certificates(certificate_file)?, key)?
            }
        };
        let name = ServerName::try_from(config.domain.clone()).map_err(|_| TlsError::Domain {
            domain: config.domain.clone(),
        })?;
        Ok(Self {
            connector: TlsConnector::from(Arc::new(client)),
            name,
        })
    }
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates: Vec<_> = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect)
        .map_err(|cause| TlsError::File {
            file: file.to_owned(),
            cause,
        })?;
    if certificates.is_empty() {
        return Err(TlsError::NoCertificate {
            file: file.to_owned(),
        });
    }
    Ok(certificates)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config_in(folder: &Path, ca: &str, domain: &str) -> TlsConfig {
        let ca_file = folder.join("ca.pem");
        std::fs::write(&ca_file, ca).unwrap();
        TlsConfig {
            ca_file,
            domain: domain.to_owned(),
            client: None,
        }
    }

    fn self_signed() -> rcgen::CertifiedKey<rcgen::KeyPair> {
        rcgen::generate_simple_self_signed(vec!["smsc.example".to_owned()]).unwrap()
    }

    #[test]
    fn an_empty_ca_file_stops_the_start_instead_of_trusting_nobody_later() {
        let folder = tempfile::tempdir().unwrap();
        let config = config_in(folder.path(), "no certificate here\n", "smsc.example");
        assert!(matches!(
            Tls::load(&config),
            Err(TlsError::NoCertificate { .. })
        ));
        let missing = TlsConfig {
            ca_file: folder.path().join("absent.pem"),
            ..config
        };
        assert!(matches!(Tls::load(&missing), Err(TlsError::File { .. })));
    }

    #[test]
    fn names_addresses_and_our_own_certificate_are_taken_and_nonsense_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let ours = self_signed();
        let ca = ours.cert.pem();
        for (domain, good) in [
            ("smsc.example", true),
            ("10.0.0.1", true),
            ("not a name", false),
        ] {
            assert_eq!(
                Tls::load(&config_in(folder.path(), &ca, domain)).is_ok(),
                good,
                "{domain}"
            );
        }
        let key_file = folder.path().join("key.pem");
        std::fs::write(&key_file, ours.signing_key.serialize_pem()).unwrap();
        let mut config = config_in(folder.path(), &ca, "smsc.example");
        let certificate_file = config.ca_file.clone();
        config.client = Some(ClientCertificate {
            certificate_file,
            key_file: key_file.clone(),
        });
        assert!(Tls::load(&config).is_ok());
        std::fs::write(&key_file, self_signed().signing_key.serialize_pem()).unwrap();
        assert!(
            matches!(Tls::load(&config), Err(TlsError::Refused(_))),
            "another's key"
        );
    }
}
