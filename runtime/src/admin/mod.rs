//! The admin server: the status page, `/status`, `/metrics` and `/health`. It changes nothing.

mod access;
mod connections;
mod page;
mod served;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::io;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures::future::join_all;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use wasm_sink_core::{Blame, Error, Kind, Result};

use crate::config;
use crate::metrics::{Metrics, Phase, Snapshot, encode};
use crate::status::Statuses;

use access::{Access, Shown};
use connections::Connections;

pub(crate) use served::serve;

/// Bound and not serving yet. Binding comes before the pipelines start, so that a port that is
/// taken stops them before anything is read.
#[derive(Debug)]
pub struct Admin {
    listener: TcpListener,
    access: Access,
}

/// Pipelines that are shown on one address.
type Pipelines = Arc<[Arc<Metrics>]>;

impl Admin {
    /// Takes the port.
    ///
    /// # Errors
    /// The port is taken or may not be used; the message names the key.
    pub async fn bind(admin: &config::Admin) -> Result<Self> {
        let address = admin.address;
        match TcpListener::bind(address).await {
            Ok(listener) => Ok(Self {
                listener,
                access: Access::new(admin.token.as_ref()),
            }),
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
    pub fn address(&self) -> io::Result<std::net::SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers until `shutdown` is done.
    ///
    /// # Errors
    /// The listener failed.
    pub async fn serve(
        self,
        pipelines: Vec<Arc<Metrics>>,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        let pipelines: Pipelines = pipelines.into();
        let read = Router::new()
            .route("/metrics", get(serve_metrics))
            .route("/status", get(serve_status))
            .layer(from_fn_with_state(self.access.clone(), access::check));
        let router = Router::new()
            .merge(read)
            // Whoever may not see more is told whether all is well, and no more.
            .route(
                "/health",
                get(serve_health).layer(from_fn_with_state(self.access, access::note)),
            )
            .with_state(pipelines)
            .merge(page::routes())
            .fallback(|| async {
                let there_are = "there are /, /status, /metrics and /health\n";
                (StatusCode::NOT_FOUND, there_are)
            });
        axum::serve(Connections::of(self.listener), router)
            .with_graceful_shutdown(shutdown)
            .await
    }
}

async fn serve_metrics(State(pipelines): State<Pipelines>) -> Response {
    let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    match encode(&pipelines).await {
        Ok(text) => ([(header::CONTENT_TYPE, content_type)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn serve_status(State(pipelines): State<Pipelines>) -> Response {
    let told = pipelines.iter().map(|metrics| metrics.status());
    let pipelines = join_all(told).await;
    match serde_json::to_string(&Statuses { pipelines }) {
        Ok(text) => ([(header::CONTENT_TYPE, "application/json")], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn serve_health(
    State(pipelines): State<Pipelines>,
    axum::Extension(shown): axum::Extension<Shown>,
) -> Response {
    let snapshots: Vec<(&str, Snapshot)> = pipelines
        .iter()
        .map(|metrics| (metrics.pipeline(), metrics.snapshot()))
        .collect();
    let status = match snapshots.iter().any(|(_, one)| one.phase.is_failing()) {
        true => StatusCode::SERVICE_UNAVAILABLE,
        false => StatusCode::OK,
    };
    let body = match (&snapshots[..], shown) {
        (all, Shown::Little) => json!({ "status": worst(all).as_str() }),
        ([(_, only)], Shown::All) => health(only),
        (all, Shown::All) => {
            let each = all.iter().map(|(name, one)| {
                let mut told = health(one);
                if let Some(told) = told.as_object_mut() {
                    told.insert("pipeline".to_owned(), json!(name));
                }
                told
            });
            json!({ "status": worst(all).as_str(), "pipelines": each.collect::<Vec<_>>() })
        }
    };
    (
        status,
        [(header::CONTENT_TYPE, "application/json")],
        format!("{body}\n"),
    )
        .into_response()
}

/// What of several pipelines somebody should know of first.
fn worst(all: &[(&str, Snapshot)]) -> Phase {
    let order = [
        Phase::Failed,
        Phase::Retrying,
        Phase::Starting,
        Phase::Running,
    ];
    let is_there = |phase: &Phase| all.iter().any(|(_, one)| one.phase == *phase);
    order.into_iter().find(is_there).unwrap_or(Phase::Finished)
}

fn health(snapshot: &Snapshot) -> Value {
    let since_commit = snapshot.since_commit.map(|since| since.as_millis() as u64);
    json!({
        "status": snapshot.phase.as_str(),
        "last_commit_age_ms": since_commit,
        "records_read": snapshot.records_read,
        "records_written": snapshot.records_written,
        "dead_letters": snapshot.dead_letters,
        "retries": snapshot.retries,
        "error": snapshot.last_error,
    })
}
