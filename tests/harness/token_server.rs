//! A server that gives tokens to log in with at Kafka: a stand-in, in Python.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::certificates::make_certificates;
use crate::server::{Server, answers_http, lasting_ports};
use crate::tools::tool;

/// Gives tokens to one client. What a token is for (its audience) is what the client asks for as its scope.
#[derive(Debug)]
pub struct TokenServer {
    server: Option<Server>,
    port: u16,
    lifetime: Duration,
    folder: TempDir,
}

impl TokenServer {
    /// The client's id.
    pub const CLIENT: &'static str = "wasm-sink";
    /// The client's secret.
    pub const SECRET: &'static str = "only-for-tokens";

    /// Starts one whose tokens last for so many whole seconds.
    pub fn start(lifetime: Duration) -> Self {
        let folder = TempDir::with_prefix("tokens-").expect("a temporary folder");
        make_certificates(folder.path(), "client");
        let mut server = Self {
            server: None,
            port: lasting_ports(2),
            lifetime,
            folder,
        };
        server.resume();
        server
    }

    /// Ends it.
    pub fn stop(&mut self) {
        self.server = None;
    }

    /// Starts it again, where it was and with the key that it had.
    pub fn resume(&mut self) {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/harness/token_server.py");
        let mut command = Command::new(tool("python"));
        command
            .arg(script)
            .arg(self.folder.path())
            .arg(self.port.to_string())
            .arg(self.lifetime.as_secs().to_string());
        let (log, port) = (self.folder.path().join("log"), self.port);
        self.server = Some(Server::start(&command, &log, || {
            answers_http(port, "/jwks")
        }));
    }

    /// Where it gives tokens.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/token", self.port)
    }

    /// The same with TLS, made out to `localhost` and signed by [`ca`](Self::ca).
    pub fn url_with_tls(&self) -> String {
        format!("https://localhost:{}/token", self.port + 1)
    }

    /// The certificate of who signed its own.
    pub fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.crt")
    }

    /// Settings of a broker whose listener for SASL takes these tokens and nothing else, where they are made out to
    /// the audience `kafka`.
    pub fn broker(&self) -> Vec<String> {
        let login = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required;";
        let handler =
            "org.apache.kafka.common.security.oauthbearer.OAuthBearerValidatorCallbackHandler";
        let jwks = format!("http://127.0.0.1:{}/jwks", self.port);
        let bearer = [
            ("sasl.jaas.config", login),
            ("sasl.server.callback.handler.class", handler),
            ("sasl.oauthbearer.jwks.endpoint.url", &jwks),
            ("sasl.oauthbearer.expected.audience", "kafka"),
            ("sasl.oauthbearer.expected.issuer", "tests"),
            // A token that is over is refused.
            ("sasl.oauthbearer.clock.skew.seconds", "0"),
        ];
        let bearer =
            bearer.map(|(name, value)| format!("listener.name.sasl.oauthbearer.{name}={value}"));
        let mechanism = "listener.name.sasl.sasl.enabled.mechanisms=OAUTHBEARER".to_owned();
        [&[mechanism], &bearer[..]].concat()
    }

    /// The tokens that it gave, in turn; None for each refusal.
    pub fn given(&self) -> Vec<Option<String>> {
        // Without a request there is no file.
        let text = std::fs::read_to_string(self.folder.path().join("requests")).unwrap_or_default();
        let requests = text.lines().map(|line| {
            let request: Value = serde_json::from_str(line).expect("a line of JSON");
            request["token"].as_str().map(str::to_owned)
        });
        requests.collect()
    }
}
