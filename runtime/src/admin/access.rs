//! Who may look.
//!
//! With a token, whoever shows it. Without one the address is loopback: then every process of this machine, and no
//! web page, which could have its own name lead here and read what its visitor's browser sees.

use std::net::IpAddr;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};
use wasm_sink_core::secret::Secret;

/// What is asked for.
#[derive(Clone, Debug)]
pub(super) enum Access {
    /// A token with this hash. Hashes are compared, so that the time it takes tells nothing of the token.
    Token([u8; 32]),
    /// A name of this machine's own.
    Loopback,
}

/// How much is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    All,
    Little,
}

impl Access {
    pub(super) fn new(token: Option<&Secret>) -> Self {
        match token {
            Some(token) => Self::Token(Sha256::digest(token.expose()).into()),
            None => Self::Loopback,
        }
    }

    fn shown(&self, headers: &HeaderMap) -> Shown {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let is_allowed = match self {
            Self::Token(wanted) => text(header::AUTHORIZATION)
                .and_then(|value| value.split_once(' '))
                .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
                .is_some_and(|(_, token)| {
                    <[u8; 32]>::from(Sha256::digest(token.trim())) == *wanted
                }),
            Self::Loopback => text(header::HOST).is_some_and(is_loopback),
        };
        match is_allowed {
            true => Shown::All,
            false => Shown::Little,
        }
    }
}

/// Whether a `Host` header names this machine as only this machine does.
fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost")
        || name
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// Turns away who may not look.
pub(super) async fn check(State(access): State<Access>, request: Request, next: Next) -> Response {
    if access.shown(request.headers()) == Shown::All {
        return next.run(request).await;
    }
    match access {
        Access::Token(_) => (
            StatusCode::UNAUTHORIZED,
            [(header::WWW_AUTHENTICATE, "Bearer")],
            "this needs the token of [admin]: Authorization: Bearer …\n",
        )
            .into_response(),
        Access::Loopback => (
            StatusCode::FORBIDDEN,
            "without a token in [admin] this is answered under localhost, 127.0.0.1 and [::1] alone\n",
        )
            .into_response(),
    }
}

/// Says how much may be shown.
pub(super) async fn note(
    State(access): State<Access>,
    mut request: Request,
    next: Next,
) -> Response {
    let shown = access.shown(request.headers());
    request.extensions_mut().insert(shown);
    next.run(request).await
}
