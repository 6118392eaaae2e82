//! Tokens for who knows a client's secret (RFC 6749, 4.4).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::RequestBuilder;
use reqwest::header::AUTHORIZATION;
use url::Url;
use url::form_urlencoded::byte_serialize;
use wasm_sink_core::secret::Secret;

use super::sensitive;
use super::tokens::TokenServer;
use crate::error::Trouble;
use crate::secrets::Secrets;
use crate::settings::OAuth2Settings;

/// A client, and the server that knows it.
#[derive(Debug)]
pub(crate) struct Client {
    settings: OAuth2Settings,
    /// RFC 6749, 2.3.1: name and secret, each as in a form, behind HTTP's basic scheme.
    encoded: Secret,
}

impl Client {
    pub(super) fn new(settings: &OAuth2Settings) -> Self {
        let form = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
        let (id, secret) = (&settings.client_id, settings.client_secret.expose());
        let encoded = STANDARD.encode(format!("{}:{}", form(id), form(secret)));
        Self {
            settings: settings.clone(),
            encoded: Secret::new(encoded),
        }
    }
}

impl TokenServer for Client {
    fn url(&self) -> &Url {
        &self.settings.token_url
    }

    fn ask(&self, request: RequestBuilder) -> Result<(RequestBuilder, Secrets), Trouble> {
        let login = sensitive(&format!("Basic {}", self.encoded.expose()));
        let mut form = vec![("grant_type", "client_credentials")];
        if let Some(scope) = &self.settings.scope {
            form.push(("scope", scope));
        }
        if let Some(audience) = &self.settings.audience {
            form.push(("audience", audience));
        }
        let request = request.header(AUTHORIZATION, login.map_err(Trouble::Fatal)?);
        let secrets = Secrets::new([&self.settings.client_secret, &self.encoded]);
        Ok((request.form(&form), secrets))
    }

    fn help(&self) -> &'static str {
        "look at token_url, client_id, client_secret, scope and audience of `auth`"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_logs_in_as_the_standard_says() {
        let client = Client::new(&OAuth2Settings {
            token_url: Url::parse("https://id.example/token").unwrap(),
            client_id: "a:b".to_owned(),
            client_secret: Secret::new("hunter2 ü"),
            scope: Some("read write".to_owned()),
            audience: Some("https://api.example".to_owned()),
        });
        let http = reqwest::Client::new();
        let (request, secrets) = client.ask(http.post(client.url().clone())).unwrap();
        assert!(secrets.is_in(b"hunter2 \xc3\xbc"));
        let request = request.build().unwrap();
        let login = STANDARD.encode("a%3Ab:hunter2+%C3%BC");
        assert_eq!(request.headers()[AUTHORIZATION], format!("Basic {login}"));
        assert_eq!(
            request.body().unwrap().as_bytes().unwrap(),
            b"grant_type=client_credentials&scope=read+write&audience=https%3A%2F%2Fapi.example"
        );
        let printed = format!("{client:?} {request:?}");
        assert!(
            !printed.contains("hunter2") && !printed.contains(&login),
            "{printed}"
        );
    }
}
