//! Asking a registry (OCI Distribution Specification 1.1).

use std::path::PathBuf;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use docker_credential::{CredentialRetrievalError, DockerCredential, get_credential};
use oci_client::client::{ClientConfig, ClientProtocol};
use oci_client::errors::{OciDistributionError, OciErrorCode};
use oci_client::secrets::RegistryAuth;
use oci_client::{Client as Http, RegistryOperation};
use tokio::io::AsyncWrite;
use tokio::time::timeout;
use wasm_sink_core::error::{Blame, Error, Kind, Result};

use super::artifact::{Artifact, MANIFEST, component_layer, digest};
use crate::config::Reference;

const CONNECT: Duration = Duration::from_secs(10);
/// Between two parts of an answer, and for a whole manifest.
const READ: Duration = Duration::from_secs(60);
/// A manifest that is longer is none of ours.
const MAX_MANIFEST_BYTES: usize = 4 << 20;
/// What Docker calls the registry of its own in its configuration.
const DOCKER: (&str, &str) = ("docker.io", "https://index.docker.io/v1/");

/// A registry, and how to be let in.
pub(super) struct Client {
    http: Http,
    auth: RegistryAuth,
}

impl Client {
    /// Credentials are those that `docker login` keeps, or its helpers. On this machine itself there is no TLS.
    ///
    /// # Errors
    /// Credentials that do not read.
    pub(super) fn of(reference: &Reference) -> Result<Self> {
        // Of all clients of a process, and so set by whoever comes first.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let registry = reference.registry();
        let config = ClientConfig {
            protocol: match is_this_machine(registry) {
                true => ClientProtocol::Http,
                false => ClientProtocol::Https,
            },
            connect_timeout: Some(CONNECT),
            read_timeout: Some(READ),
            user_agent: concat!("wasm-sink/", env!("CARGO_PKG_VERSION")),
            platform_resolver: None,
            ..ClientConfig::default()
        };
        let http = Http::try_from(config).map_err(|error| {
            let message = "a client for registries could not be made";
            Error::new(Kind::Other, Blame::Host, message).with_source(error)
        })?;
        Ok(Self {
            http,
            auth: credentials(registry)?,
        })
    }

    /// A component and its manifest, both as their digests say.
    pub(super) async fn pull(&self, reference: &Reference, max_bytes: u64) -> Result<Artifact> {
        let failed = |error| failed(reference, "fetched", error);
        let image = reference.of_client();
        let pulled = self.http.pull_manifest_raw(image, &self.auth, &[MANIFEST]);
        // The client takes answers of any length. One that has no end comes to one here.
        let pulled = timeout(READ, pulled).await.map_err(|_| {
            let message = format!("{reference}: its manifest was not there within {READ:?}");
            Error::new(Kind::Unavailable, Blame::Configuration, message)
        })?;
        let (manifest, _) = pulled.map_err(failed)?;
        if manifest.len() > MAX_MANIFEST_BYTES {
            return Err(unfit(format!(
                "{reference}: its manifest has {} bytes",
                manifest.len()
            )));
        }
        let is_other = |expected: &str| expected != digest(&manifest);
        if reference.digest().is_some_and(is_other) {
            return Err(altered(reference));
        }
        let layer =
            component_layer(&manifest).map_err(|error| error.context(reference.to_string()))?;
        let size = u64::try_from(layer.size).unwrap_or(u64::MAX);
        if size > max_bytes {
            return Err(unfit(format!(
                "{reference} has {size} bytes, and the largest that is loaded has {max_bytes}"
            )));
        }
        let mut wasm = Limited {
            bytes: Vec::new(),
            room: usize::try_from(size).unwrap_or(usize::MAX),
        };
        let pulled = self.http.pull_blob(image, &layer, &mut wasm).await;
        // Too long is as wrong as any other content.
        if wasm.is_over() {
            return Err(altered(reference));
        }
        pulled.map_err(failed)?;
        if digest(&wasm.bytes) != layer.digest {
            return Err(altered(reference));
        }
        Ok(Artifact {
            manifest: manifest.to_vec(),
            config: Vec::new(),
            wasm: wasm.bytes,
        })
    }

    /// Puts the parts there that are missing, and the manifest last.
    pub(super) async fn push(&self, artifact: &Artifact, reference: &Reference) -> Result<()> {
        let failed = |error| failed(reference, "pushed", error);
        let image = reference.of_client();
        let operation = RegistryOperation::Push;
        let let_in = self.http.auth(image, &self.auth, operation).await;
        let_in.map_err(failed)?;
        let wasm_digest = digest(&artifact.wasm);
        let config_digest = artifact.config_digest();
        for (bytes, digest) in [
            (&artifact.wasm, wasm_digest),
            (&artifact.config, config_digest),
        ] {
            // Whoever may push may not always look.
            let is_there = self.http.blob_exists(image, &digest).await;
            if !is_there.unwrap_or(false) {
                let pushed = self.http.push_blob(image, bytes.clone(), &digest).await;
                pushed.map_err(failed)?;
            }
        }
        let media_type = MANIFEST.parse().map_err(|_| {
            Error::new(
                Kind::Other,
                Blame::Host,
                "the type of manifests is no header",
            )
        })?;
        let manifest = artifact.manifest.clone();
        let pushed = self
            .http
            .push_manifest_raw(image, manifest, media_type)
            .await;
        pushed.map_err(failed).map(drop)
    }
}

/// Takes what it was told to expect, and not a byte more.
struct Limited {
    bytes: Vec<u8>,
    room: usize,
}

impl Limited {
    fn is_over(&self) -> bool {
        self.bytes.len() > self.room
    }
}

impl AsyncWrite for Limited {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        let left = (self.room + 1).saturating_sub(self.bytes.len());
        let taken = bytes.get(..left).unwrap_or(bytes);
        self.bytes.extend_from_slice(taken);
        Poll::Ready(match self.is_over() {
            true => Err(std::io::Error::other("it is longer than its manifest says")),
            false => Ok(taken.len()),
        })
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// As Docker has it.
fn is_this_machine(registry: &str) -> bool {
    let host = match registry.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => registry,
    };
    let address = host.trim_start_matches('[').trim_end_matches(']');
    let is_loopback = |address: std::net::IpAddr| address.is_loopback();
    host == "localhost" || address.parse().is_ok_and(is_loopback)
}

/// Where `docker login` keeps what it is told.
fn docker_config() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let folder = set("DOCKER_CONFIG").or_else(|| Some(set("HOME")?.join(".docker")));
    Some(folder?.join("config.json"))
}

fn credentials(registry: &str) -> Result<RegistryAuth> {
    let (docker, its_name) = DOCKER;
    let name = if registry == docker {
        its_name
    } else {
        registry
    };
    let unreadable = |why: String| {
        let message = format!(
            "the credentials for the registry {registry} do not read: {why}; `docker login` writes them, to \
             $DOCKER_CONFIG or ~/.docker"
        );
        Err(Error::new(Kind::Invalid, Blame::Configuration, message))
    };
    if !docker_config().is_some_and(|path| path.exists()) {
        return Ok(RegistryAuth::Anonymous);
    }
    match get_credential(name) {
        Ok(DockerCredential::UsernamePassword(user, password)) => {
            Ok(RegistryAuth::Basic(user, password))
        }
        Ok(DockerCredential::IdentityToken(_)) => unreadable(
            "an identity token is not supported, log in with a password or an access token"
                .to_owned(),
        ),
        Err(
            CredentialRetrievalError::NoCredentialConfigured
            | CredentialRetrievalError::ConfigNotFound,
        ) => Ok(RegistryAuth::Anonymous),
        // What it has said may be a secret.
        Err(CredentialRetrievalError::HelperFailure { helper, .. }) => {
            unreadable(format!("the helper {helper} failed"))
        }
        Err(error) => unreadable(error.to_string()),
    }
}

fn unfit(message: String) -> Error {
    Error::new(Kind::Invalid, Blame::Configuration, message)
}

/// Somebody put something else there, or it was changed on the way.
fn altered(reference: &Reference) -> Error {
    unfit(format!(
        "{reference}: what the registry gives is not what the digest names; it was changed there or on the way, and is \
         not used"
    ))
}

fn failed(reference: &Reference, doing: &str, error: OciDistributionError) -> Error {
    let registry = reference.registry();
    let errors = match &error {
        OciDistributionError::RegistryError { envelope, .. } => envelope.errors.as_slice(),
        _ => &[],
    };
    let says = |code: OciErrorCode| errors.iter().any(|error| error.code == code);
    let configured = |message: String| Error::new(Kind::Invalid, Blame::Configuration, message);
    match &error {
        OciDistributionError::DigestError(_) => altered(reference),
        OciDistributionError::ImageManifestNotFoundError(_) => configured(format!(
            "{reference} is not there: the registry has no such component"
        )),
        _ if says(OciErrorCode::ManifestUnknown)
            || says(OciErrorCode::NameUnknown)
            || says(OciErrorCode::NotFound) =>
        {
            configured(format!(
                "{reference} is not there: the registry has no such component"
            ))
        }
        OciDistributionError::UnauthorizedError { .. }
        | OciDistributionError::ServerError {
            code: 401 | 403, ..
        }
        | OciDistributionError::AuthenticationFailure(_) => configured(format!(
            "{reference} could not be {doing}: the registry does not let us in; `docker login {registry}` keeps \
             credentials that count here, too"
        )),
        _ if says(OciErrorCode::Unauthorized) || says(OciErrorCode::Denied) => configured(format!(
            "{reference} could not be {doing}: the registry does not let us; `docker login {registry}` keeps \
             credentials that count here, too"
        )),
        OciDistributionError::RequestError(_) => {
            let message = format!(
                "{reference} could not be {doing}: the registry {registry} does not answer"
            );
            Error::new(Kind::Unavailable, Blame::Configuration, message).with_source(error)
        }
        _ => {
            let message = format!("{reference} could not be {doing}");
            Error::new(Kind::Invalid, Blame::Configuration, message).with_source(error)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_asked_without_tls() {
        for here in [
            "localhost",
            "localhost:5000",
            "127.0.0.1:5000",
            "127.0.0.9",
            "[::1]:5000",
        ] {
            assert!(is_this_machine(here), "{here}");
        }
        for elsewhere in [
            "localhost.example.com",
            "10.0.0.1:5000",
            "ghcr.io",
            "docker.io",
            "1localhost",
        ] {
            assert!(!is_this_machine(elsewhere), "{elsewhere}");
        }
    }
}
