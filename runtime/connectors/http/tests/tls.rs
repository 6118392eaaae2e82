//! Over TLS, with certificates that `openssl` makes: whom a connection trusts, and which HTTP it speaks. The servers are
//! mocks: rustls and, for HTTP/2, the protocol's own crate.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test"
)]

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use wasm_sink_core::Kind;
use wasm_sink_core::connection::{Connection, ConnectionContext};
use wasm_sink_core::settings::{Entry, Node, Table, Value};

/// A certificate authority, and a certificate of `localhost`.
const SCRIPT: &str = r#"
set -e
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=test CA" \
  -keyout ca.key -out ca.pem
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=localhost" \
  -keyout server.key -out server.csr
printf 'subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE\n' > server.ext
openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 \
  -extfile server.ext -out server.pem
"#;

fn certificates() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let mut shell = Command::new("sh");
    let made = shell.args(["-c", SCRIPT]).current_dir(directory.path());
    let made = made.output().expect("sh");
    let said = String::from_utf8_lossy(&made.stderr);
    assert!(made.status.success(), "openssl: {said}");
    directory
}

/// What a server saw of each request: the version of HTTP, and the path.
type Seen = Arc<Mutex<Vec<String>>>;

async fn serve(directory: &Path, protocol: &'static [u8]) -> (SocketAddr, Seen) {
    let chain = CertificateDer::from_pem_file(directory.join("server.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(directory.join("server.key")).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider);
    let config = config.with_safe_default_protocol_versions().unwrap();
    let config = config
        .with_no_client_auth()
        .with_single_cert(vec![chain], key);
    let mut config = config.unwrap();
    config.alpn_protocols = vec![protocol.to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let seen = Seen::default();
    let kept = Arc::clone(&seen);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (acceptor, kept) = (acceptor.clone(), Arc::clone(&kept));
            tokio::spawn(async move {
                // A client that trusts us not breaks it off.
                let Ok(stream) = acceptor.accept(stream).await else {
                    return;
                };
                match protocol {
                    b"h2" => second(stream, kept).await,
                    _ => first(stream, kept).await,
                }
            });
        }
    });
    (address, seen)
}

async fn first(mut stream: TlsStream<TcpStream>, seen: Seen) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(stream.read_u8().await.unwrap());
    }
    let request = String::from_utf8(request).unwrap();
    let mut words = request.split_whitespace().skip(1);
    let (path, version) = (words.next().unwrap(), words.next().unwrap());
    seen.lock().unwrap().push(format!("{version} {path}"));
    let answer = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";
    stream.write_all(answer).await.unwrap();
    let _ = stream.shutdown().await;
}

async fn second(stream: TlsStream<TcpStream>, seen: Seen) {
    let mut connection = h2::server::handshake(stream).await.unwrap();
    while let Some(Ok((request, mut reply))) = connection.accept().await {
        let (version, path) = (request.version(), request.uri().path());
        seen.lock().unwrap().push(format!("{version:?} {path}"));
        let _ = reply.send_response(Default::default(), true);
    }
}

async fn connection(
    address: SocketAddr,
    host: &str,
    ca_certificate: Option<&str>,
    directory: &Path,
) -> wasm_sink_core::Result<Arc<dyn Connection>> {
    let mut entries = vec![("url", format!("https://{host}:{}/v2", address.port()))];
    entries.extend(ca_certificate.map(|path| ("ca_certificate", path.to_owned())));
    let entry = |(key, text): (&str, String)| Entry {
        key: key.to_owned(),
        key_span: 0..0,
        node: Node {
            value: Value::String {
                text,
                from_environment: false,
            },
            span: 0..0,
        },
    };
    let table = Table {
        entries: entries.into_iter().map(entry).collect(),
        span: 0..0,
    };
    let mut problems = Vec::new();
    let spec = wasm_sink_http::connection(&table, &mut problems);
    let spec = spec.unwrap_or_else(|| panic!("{problems:?}"));
    let context = ConnectionContext {
        label: "api".into(),
        pipeline: "shop".into(),
        directory: directory.to_owned(),
        max_epoch: Duration::from_secs(1),
    };
    spec.open(context).await
}

#[tokio::test]
async fn the_newest_http_that_both_have_is_spoken() {
    let directory = certificates();
    let directory = directory.path();
    for (protocol, seen) in [(&b"h2"[..], "HTTP/2.0 /v2"), (b"http/1.1", "HTTP/1.1 /v2")] {
        let (address, requests) = serve(directory, protocol).await;
        let connection = connection(address, "localhost", Some("ca.pem"), directory).await;
        connection.unwrap().check().await.unwrap();
        assert_eq!(*requests.lock().unwrap(), [seen]);
    }
}

#[tokio::test]
async fn strangers_are_not_trusted() {
    let directory = certificates();
    let directory = directory.path();
    let (address, requests) = serve(directory, b"http/1.1").await;
    for (host, ca_certificate) in [
        // The machine does not know who signed this.
        ("localhost", None),
        // It is somebody else's.
        ("127.0.0.1", Some("ca.pem")),
    ] {
        let connection = connection(address, host, ca_certificate, directory)
            .await
            .unwrap();
        let error = connection.check().await.unwrap_err();
        assert_eq!(error.kind(), Kind::Unavailable);
        assert!(error.to_string().contains("certificate"), "{error}");
    }
    assert!(requests.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_file_without_certificates_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let address = SocketAddr::from(([127, 0, 0, 1], 1));
    let opened = connection(address, "localhost", Some("none.pem"), directory.path()).await;
    let Err(error) = opened else {
        panic!("opened");
    };
    assert!(error.to_string().contains("none.pem"), "{error}");
}
