//! Certificates made for one test: a CA, a message centre, and a client.

use std::path::Path;
use std::sync::Arc;

use rcgen::{CertificateParams, Issuer, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use svgate::smpp::bind::{ClientCertificate, TlsConfig};

/// A folder of PEM files, and the centre's side in memory.
pub(crate) struct Files {
    folder: tempfile::TempDir,
    server: Arc<ServerConfig>,
}

impl Files {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ca_key = KeyPair::generate().unwrap();
        let mut ca = CertificateParams::new(vec![]).unwrap();
        ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let ca_certificate = ca.self_signed(&ca_key).unwrap();
        write(folder.path(), "ca.pem", &ca_certificate.pem());
        let issuer = Issuer::new(ca, ca_key);
        let signed = |name: &str| {
            let key = KeyPair::generate().unwrap();
            let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
            (params.signed_by(&key, &issuer).unwrap(), key)
        };
        let (client, client_key) = signed("svgate.example");
        write(folder.path(), "client.pem", &client.pem());
        write(folder.path(), "client.key", &client_key.serialize_pem());
        let (smsc, smsc_key) = signed("smsc.example");
        let mut roots = RootCertStore::empty();
        roots.add(ca_certificate.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
        let server = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(verifier.build().unwrap())
            .with_single_cert(
                vec![smsc.der().clone()],
                PrivateKeyDer::try_from(smsc_key.serialize_der()).unwrap(),
            )
            .unwrap();
        Self {
            folder,
            server: Arc::new(server),
        }
    }

    /// The centre's side, which asks clients for a certificate.
    pub(crate) fn server(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.server)
    }

    /// Our side, with a certificate of ours or without one.
    pub(crate) fn client(&self, with_certificate: bool) -> TlsConfig {
        let file = |name: &str| self.folder.path().join(name);
        TlsConfig {
            ca_file: file("ca.pem"),
            domain: "smsc.example".to_owned(),
            client: with_certificate.then(|| ClientCertificate {
                certificate_file: file("client.pem"),
                key_file: file("client.key"),
            }),
        }
    }
}

fn write(folder: &Path, name: &str, pem: &str) {
    std::fs::write(folder.join(name), pem).unwrap();
}
