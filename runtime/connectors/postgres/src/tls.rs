//! The encrypted way to the server.

use std::path::Path;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};
use tokio_postgres_rustls::MakeRustlsConnect;
use wasm_sink_core::{Blame, Error, Kind, Result};

use crate::settings::{Tls, Trust};

/// What the client library makes connections with.
///
/// # Errors
/// A file that is not there, or holds something else.
pub(crate) fn connector(tls: &Tls, directory: &Path) -> Result<MakeRustlsConnect> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = Verifier::new(tls, directory, &provider)?;
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| misfit("the TLS library has no protocol to offer").with_source(error))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let config = match &tls.client {
        None => config.with_no_client_auth(),
        Some((certificate, key)) => {
            let (certificate, key) = (directory.join(certificate), directory.join(key));
            let chain = certificates(&certificate)?;
            let key_der = PrivateKeyDer::from_pem_file(&key)
                .map_err(|error| unreadable("a private key", &key).with_source(error))?;
            config
                .with_client_auth_cert(chain, key_der)
                .map_err(|error| {
                    misfit(format!(
                        "{} and {} do not belong together",
                        certificate.display(),
                        key.display()
                    ))
                    .with_source(error)
                })?
        }
    };
    Ok(MakeRustlsConnect::new(config))
}

fn misfit(message: impl Into<String>) -> Error {
    Error::new(Kind::Invalid, Blame::Configuration, message)
}

fn unreadable(what: &str, path: &Path) -> Error {
    misfit(format!("{} does not hold {what} as PEM", path.display()))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let all: std::result::Result<Vec<_>, _> = CertificateDer::pem_file_iter(path)
        .map_err(|error| unreadable("a certificate", path).with_source(error))?
        .collect();
    let all = all.map_err(|error| unreadable("a certificate", path).with_source(error))?;
    if all.is_empty() {
        return Err(unreadable("a certificate", path));
    }
    Ok(all)
}

/// Checks as much of the server's certificate as `sslmode` asks for. Whoever it is must have the
/// certificate's key in any case.
#[derive(Debug)]
struct Verifier {
    trust: Trust,
    /// None where anyone is trusted.
    authority: Option<Arc<WebPkiServerVerifier>>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Verifier {
    fn new(tls: &Tls, directory: &Path, provider: &Arc<CryptoProvider>) -> Result<Self> {
        let authority = match tls.trust {
            Trust::Anyone => None,
            Trust::Authority | Trust::Name => {
                let roots = Arc::new(roots(tls, directory)?);
                let verifier =
                    WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(provider));
                Some(verifier.build().map_err(|error| {
                    misfit("no certificate is trusted: name one with `sslrootcert`")
                        .with_source(error)
                })?)
            }
        };
        Ok(Self {
            trust: tls.trust,
            authority,
            algorithms: provider.signature_verification_algorithms,
        })
    }
}

fn roots(tls: &Tls, directory: &Path) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    match &tls.root {
        Some(path) => {
            let path = directory.join(path);
            for certificate in certificates(&path)? {
                roots
                    .add(certificate)
                    .map_err(|error| unreadable("a certificate", &path).with_source(error))?;
            }
        }
        // Some of a machine's certificates are always of an odd kind.
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    Ok(roots)
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> std::result::Result<ServerCertVerified, rustls::Error> {
        let Some(authority) = &self.authority else {
            return Ok(ServerCertVerified::assertion());
        };
        let verified = authority.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        match verified {
            // The name is looked at last, so that the rest is right.
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if self.trust == Trust::Authority => Ok(ServerCertVerified::assertion()),
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
