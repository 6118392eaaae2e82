//! The admin server: `/metrics` and `/health`, on loopback.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;
use wasm_sink_core::{Blame, Error, Kind, Result};

use crate::metrics::Metrics;

/// Bound and not serving yet. Binding comes before the pipeline starts, so that a port that is
/// taken stops it before anything is read.
#[derive(Debug)]
pub struct Admin {
    listener: TcpListener,
}

impl Admin {
    /// Takes the port.
    ///
    /// # Errors
    /// The port is taken or may not be used; the message names the key.
    pub async fn bind(address: SocketAddr) -> Result<Self> {
        match TcpListener::bind(address).await {
            Ok(listener) => Ok(Self { listener }),
            Err(error) => {
                let message = match error.kind() {
                    io::ErrorKind::AddrInUse => format!(
                        "port {} is taken, perhaps by another pipeline: write another address \
                         into [admin], or \"{}:0\" for any free port",
                        address.port(),
                        address.ip()
                    ),
                    _ => format!("cannot listen on {address}, as [admin] address asks"),
                };
                Err(Error::new(Kind::Invalid, Blame::Configuration, message).with_source(error))
            }
        }
    }

    /// Where it listens.
    ///
    /// # Errors
    /// The operating system does not say.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers until `shutdown` is done.
    ///
    /// # Errors
    /// The listener failed.
    pub async fn serve(
        self,
        metrics: Arc<Metrics>,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        let router = Router::new()
            .route("/metrics", get(serve_metrics))
            .route("/health", get(serve_health))
            .fallback(|| async { (StatusCode::NOT_FOUND, "there are /metrics and /health\n") })
            .with_state(metrics);
        axum::serve(self.listener, router)
            .with_graceful_shutdown(shutdown)
            .await
    }
}

async fn serve_metrics(State(metrics): State<Arc<Metrics>>) -> impl IntoResponse {
    let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    match metrics.encode() {
        Ok(text) => Ok(([(header::CONTENT_TYPE, content_type)], text)),
        Err(_) => Err(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

async fn serve_health(State(metrics): State<Arc<Metrics>>) -> impl IntoResponse {
    let snapshot = metrics.snapshot();
    let status = if snapshot.phase.is_failing() {
        StatusCode::SERVICE_UNAVAILABLE
    } else {
        StatusCode::OK
    };
    let since_commit = snapshot.since_commit.map(|since| since.as_millis() as u64);
    let body = serde_json::json!({
        "status": snapshot.phase.as_str(),
        "last_commit_age_ms": since_commit,
        "records_read": snapshot.records_read,
        "records_written": snapshot.records_written,
        "dead_letters": snapshot.dead_letters,
        "retries": snapshot.retries,
        "error": snapshot.last_error,
    });
    (
        status,
        [(header::CONTENT_TYPE, "application/json")],
        format!("{body}\n"),
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;
    use tokio::sync::oneshot;

    use super::*;
    use crate::pipeline::Observer;

    async fn fetch(address: SocketAddr, path: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn health_follows_the_pipeline() {
        let metrics = Arc::new(Metrics::new("payments"));
        let admin = Admin::bind(SocketAddr::from(([127, 0, 0, 1], 0)))
            .await
            .unwrap();
        let address = admin.address().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let server = tokio::spawn(admin.serve(Arc::clone(&metrics), async {
            let _ = stopped.await;
        }));

        metrics.read(10, 100);
        let answer = fetch(address, "/metrics").await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(
            answer.contains("records_read_total{pipeline=\"payments\"} 10"),
            "{answer}"
        );

        let answer = fetch(address, "/health").await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(answer.contains("\"status\":\"running\""), "{answer}");
        assert!(answer.contains("\"last_commit_age_ms\":null"), "{answer}");

        let error = Error::new(Kind::Unavailable, Blame::Destination, "the lake is away");
        metrics.retrying(&error, Duration::ZERO);
        let answer = fetch(address, "/health").await;
        assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
        assert!(
            answer.contains("\"error\":\"the lake is away\""),
            "{answer}"
        );

        assert!(fetch(address, "/other").await.starts_with("HTTP/1.1 404"));
        stop.send(()).unwrap();
        server.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_taken_port_says_so() {
        let first = Admin::bind(SocketAddr::from(([127, 0, 0, 1], 0)))
            .await
            .unwrap();
        let address = first.address().unwrap();
        let error = Admin::bind(address).await.unwrap_err();
        assert_eq!(error.blame(), Blame::Configuration);
        let message = error.to_string();
        let expected = format!("port {} is taken", address.port());
        assert!(
            message.contains(&expected) && message.contains("[admin]"),
            "{message}"
        );
    }
}
