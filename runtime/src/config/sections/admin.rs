//! `[admin]`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use wasm_sink_core::settings::{Problem, Table};

use crate::config::Admin;
use crate::config::codes::Code;

/// Where it listens unless it says otherwise.
const DEFAULT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9464);
/// Fewer characters can be guessed.
const MIN_TOKEN_CHARS: usize = 16;

/// None where mistakes were reported.
pub(super) fn read(table: &Table, problems: &mut Vec<Problem>) -> Option<Admin> {
    let mut reader = table.reader(problems);
    let written = reader.string("address");
    let token_span = table.get("token").map(|entry| entry.node.span.clone());
    let token = reader.secret("token");
    let mut is_wrong = token.is_none() && token_span.is_some();
    if let (Some(token), Some(span)) = (&token, &token_span)
        && token.expose().chars().count() < MIN_TOKEN_CHARS
    {
        reader.bad_value(
            span,
            format!("the token has fewer than {MIN_TOKEN_CHARS} characters"),
            "take a random one: openssl rand -hex 32",
        );
        is_wrong = true;
    }
    let address = match &written {
        None => Some(DEFAULT),
        Some((text, _)) => text.replacen("localhost:", "127.0.0.1:", 1).parse().ok(),
    };
    if let Some((text, span)) = written {
        match address {
            None => reader.bad_value(
                &span,
                format!("\"{text}\" is no address with a port"),
                format!("for example \"{DEFAULT}\""),
            ),
            Some(address) if !address.ip().is_loopback() && token_span.is_none() => {
                reader.problem(Problem {
                    code: Code::NotLoopback.as_str(),
                    message: format!("{address} can be reached from other machines"),
                    span,
                    help: Some(
                        "that needs a token, which whoever looks must show: token = \
                         \"${ADMIN_TOKEN}\"; or listen on 127.0.0.1 or [::1]"
                            .to_owned(),
                    ),
                });
                is_wrong = true;
            }
            Some(_) => {}
        }
    }
    reader.finish();
    let address = address.filter(|_| !is_wrong)?;
    Some(Admin { address, token })
}
