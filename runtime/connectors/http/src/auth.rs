//! Whom a request is from: what is added to it just before it is sent, one file per kind.

mod api_key;
mod aws;
mod basic;
mod bearer;
mod google;
mod oauth2;
mod tokens;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderValue};
use url::Url;
use wasm_sink_core::secret::Secret;
use wasm_sink_core::{Blame, Error, Kind, Result};

use self::aws::Signer;
use self::google::ServiceAccount;
use self::oauth2::Client;
pub(crate) use self::tokens::Token;
use self::tokens::Tokens;
use crate::error::Trouble;
use crate::settings::{ApiKeySettings, AuthSettings};

/// How requests show whom they are from.
#[derive(Debug)]
pub(crate) enum Auth {
    None,
    /// The same header in each.
    Basic(HeaderValue),
    Bearer(HeaderValue),
    ApiKey(ApiKeySettings),
    OAuth2(Tokens<Client>),
    Aws(Signer),
    Google(Tokens<ServiceAccount>),
}

/// What a request is about, for who signs it.
#[derive(Debug)]
pub(crate) struct Unsigned<'a> {
    pub(crate) method: &'a Method,
    pub(crate) url: &'a Url,
    /// As it is sent.
    pub(crate) body: &'a [u8],
}

/// What is added to a request.
#[derive(Debug)]
pub(crate) struct Credentials {
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    /// The token among them, if that is what they are.
    pub(crate) token: Option<Arc<Token>>,
}

impl Auth {
    /// Relative paths count from `directory`. Asks nobody.
    ///
    /// # Errors
    /// A file that is not there, or holds something else.
    pub(crate) fn new(settings: &AuthSettings, directory: &Path) -> Result<Self> {
        Ok(match settings {
            AuthSettings::None => Self::None,
            AuthSettings::Basic { username, password } => {
                Self::Basic(basic::header(username, password)?)
            }
            AuthSettings::Bearer(token) => Self::Bearer(bearer::header(token)?),
            AuthSettings::ApiKey(key) => Self::ApiKey(key.clone()),
            AuthSettings::OAuth2(client) => Self::OAuth2(Tokens::new(Client::new(client))),
            AuthSettings::Aws(keys) => Self::Aws(Signer::new(keys.clone())),
            AuthSettings::Google(settings) => {
                let account = ServiceAccount::read(settings, directory)?;
                Self::Google(Tokens::new(account))
            }
        })
    }

    /// What must not be seen, as long as the connection lives. Tokens come and go.
    pub(crate) fn secrets(settings: &AuthSettings) -> Vec<Secret> {
        match settings {
            AuthSettings::None | AuthSettings::Google(_) => Vec::new(),
            AuthSettings::Basic { username, password } => {
                vec![password.clone(), basic::encoded(username, password)]
            }
            AuthSettings::Bearer(token) => vec![token.clone()],
            AuthSettings::ApiKey(key) => vec![key.value.clone()],
            AuthSettings::OAuth2(client) => vec![client.client_secret.clone()],
            AuthSettings::Aws(keys) => {
                let token = keys.session_token.iter().cloned();
                token.chain([keys.secret_access_key.clone()]).collect()
            }
        }
    }

    /// What to add to a request that is sent now. Where a token is needed first, it is asked for, within this time.
    ///
    /// # Errors
    /// There is no token.
    pub(crate) async fn credentials(
        &self,
        request: &Unsigned<'_>,
        http: &reqwest::Client,
        within: Duration,
    ) -> Result<Credentials, Trouble> {
        let mut credentials = Credentials {
            url: request.url.clone(),
            headers: HeaderMap::new(),
            token: None,
        };
        let headers = &mut credentials.headers;
        match self {
            Self::None => {}
            Self::Basic(value) | Self::Bearer(value) => bearer::put(value.clone(), headers),
            Self::ApiKey(key) => {
                api_key::put(key, &mut credentials.url, headers).map_err(Trouble::Fatal)?;
            }
            Self::Aws(signer) => {
                let signed = signer.sign(request, SystemTime::now());
                signed.put(headers).map_err(Trouble::Fatal)?;
            }
            Self::OAuth2(tokens) => {
                let token = tokens.token(http, within).await?;
                bearer::put(token.header(), headers);
                credentials.token = Some(token);
            }
            Self::Google(tokens) => {
                let token = tokens.token(http, within).await?;
                bearer::put(token.header(), headers);
                credentials.token = Some(token);
            }
        }
        Ok(credentials)
    }

    /// The service did not take this token: another one is asked for next time.
    pub(crate) async fn forget(&self, token: &Token) {
        match self {
            Self::OAuth2(tokens) => tokens.forget(token).await,
            Self::Google(tokens) => tokens.forget(token).await,
            Self::None | Self::Basic(_) | Self::Bearer(_) | Self::ApiKey(_) | Self::Aws(_) => {}
        }
    }
}

/// A header's value that does not print.
///
/// # Errors
/// It has characters that no header has; which ones is not said.
fn sensitive(text: &str) -> Result<HeaderValue> {
    let value = HeaderValue::from_bytes(text.as_bytes());
    let mut value = value.map_err(|_| {
        let message = "a secret has characters that cannot be sent in a header";
        Error::new(Kind::Invalid, Blame::Configuration, message)
    })?;
    value.set_sensitive(true);
    Ok(value)
}
