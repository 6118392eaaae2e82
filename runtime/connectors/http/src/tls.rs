//! The encrypted way to the service.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use wasm_sink_core::{Blame, Error, Kind, Result};

/// TLS 1.2 or 1.3, with HTTP/2 where the service has it. Trusts the certificates of this machine, and those in the file.
///
/// # Errors
/// The file is not there, or holds no certificates.
pub(crate) fn config(ca_certificate: Option<&Path>) -> Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    // Some of a machine's certificates are always of an odd kind.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(path) = ca_certificate {
        for certificate in certificates(path)? {
            let added = roots.add(certificate);
            added.map_err(|error| unreadable(path).with_source(error))?;
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|error| {
        let message = "the TLS library has no protocol to offer";
        Error::new(Kind::Other, Blame::Host, message).with_source(error)
    })?;
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

fn unreadable(path: &Path) -> Error {
    let message = format!("{} does not hold a certificate as PEM", path.display());
    Error::new(Kind::Invalid, Blame::Configuration, message).context("`ca_certificate`")
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let all = read.map_err(|error| unreadable(path).with_source(error))?;
    if all.is_empty() {
        return Err(unreadable(path));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_that_are_none_are_named() {
        for path in ["/nowhere", "/dev/null"] {
            let error = config(Some(Path::new(path))).unwrap_err();
            assert_eq!(error.blame(), Blame::Configuration);
            assert!(error.to_string().contains(path), "{error}");
        }
        let protocols = config(None).unwrap().alpn_protocols;
        assert_eq!(protocols, [b"h2".to_vec(), b"http/1.1".to_vec()]);
    }
}
