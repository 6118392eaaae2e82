//! A bucket's client, from what pipeline.toml says and from what the surroundings may say.

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey, S3ConditionalPut};
use object_store::{ClientOptions, RetryConfig};
use url::Url;
use wasm_sink_core::{Blame, Error, Kind, Result};

use super::{CONNECT_TIMEOUT, REQUEST_TIMEOUT};
use crate::settings::{Addressing, Credentials, S3Settings, is_endpoint};

/// Where the environment may name an endpoint; the first that does counts.
const ENDPOINT_VARIABLES: [&str; 2] = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"];

/// What a process is given beside pipeline.toml: who it is, and where. Everything else that the
/// client could read there (other buckets, addressing, conditional writes, unsigned requests) would
/// silently undo what the file says or what commits need.
#[derive(Default)]
pub(super) struct Surroundings {
    identity: Vec<(AmazonS3ConfigKey, String)>,
    /// By the order of `ENDPOINT_VARIABLES`.
    endpoints: [Option<String>; ENDPOINT_VARIABLES.len()],
}

impl Surroundings {
    pub(super) fn of_process() -> Self {
        Self::of(std::env::vars_os().filter_map(|(name, value)| {
            let text = |text: std::ffi::OsString| text.into_string().ok();
            Some((text(name)?, text(value)?))
        }))
    }

    fn of(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut surroundings = Self::default();
        for (name, value) in variables {
            if value.is_empty() || !name.starts_with("AWS_") {
                continue;
            }
            let endpoints = ENDPOINT_VARIABLES.iter().zip(&mut surroundings.endpoints);
            if let Some((_, endpoint)) = endpoints.into_iter().find(|(known, _)| **known == name) {
                *endpoint = Some(value);
            } else if let Ok(key) = name.to_ascii_lowercase().parse()
                && is_identity(&key)
            {
                surroundings.identity.push((key, value));
            }
        }
        surroundings
    }

    /// The endpoint, and the variable that names it.
    fn endpoint(&self, settings: &S3Settings) -> Result<Option<(&'static str, Url)>> {
        let named = ENDPOINT_VARIABLES.into_iter().zip(&self.endpoints);
        let Some((variable, text)) = named
            .into_iter()
            .find_map(|(variable, text)| Some((variable, text.as_ref()?)))
        else {
            return Ok(None);
        };
        let wrong = |what: &str| {
            let message = format!("the environment's {variable} {what}");
            Error::new(Kind::Invalid, Blame::Configuration, message)
        };
        let url = Url::parse(text).ok().filter(is_endpoint);
        let url = url.ok_or_else(|| wrong("is no http or https address"))?;
        if url.scheme() == "http" && !settings.allow_http {
            return Err(wrong(
                "is not encrypted: use https, or write allow_http = true in the connection if the \
                 way there is trusted",
            ));
        }
        Ok(Some((variable, url)))
    }
}

/// Credentials, what their providers need, and the region.
fn is_identity(key: &AmazonS3ConfigKey) -> bool {
    use AmazonS3ConfigKey as Key;
    matches!(
        key,
        Key::AccessKeyId
            | Key::SecretAccessKey
            | Key::Token
            | Key::Region
            | Key::DefaultRegion
            | Key::RoleArn
            | Key::RoleSessionName
            | Key::WebIdentityTokenFile
            | Key::StsEndpoint
            | Key::ContainerCredentialsRelativeUri
            | Key::ContainerCredentialsFullUri
            | Key::ContainerAuthorizationTokenFile
            | Key::MetadataEndpoint
            | Key::ImdsV1Fallback
    )
}

/// How a bucket is reached.
pub(super) struct Way {
    builder: AmazonS3Builder,
    /// The endpoint that the surroundings name, for people.
    pub(super) ambient_endpoint: Option<String>,
}

impl Way {
    /// A connection with keys of its own takes nothing from its surroundings: its keys must not go
    /// to a server that only the environment names.
    ///
    /// # Errors
    /// An endpoint in the environment that is none.
    pub(super) fn new(settings: &S3Settings, surroundings: &Surroundings) -> Result<Self> {
        let mut ambient = None;
        let mut builder = AmazonS3Builder::new();
        match &settings.credentials {
            Credentials::Ambient => {
                for (key, value) in &surroundings.identity {
                    builder = builder.with_config(*key, value);
                }
                if settings.endpoint.is_none() {
                    ambient = surroundings.endpoint(settings)?;
                }
            }
            Credentials::Keys {
                access_key_id,
                secret_access_key,
                session_token,
            } => {
                builder = builder
                    .with_access_key_id(access_key_id)
                    .with_secret_access_key(secret_access_key.expose());
                if let Some(token) = session_token {
                    builder = builder.with_token(token.expose());
                }
            }
        }
        if let Some(region) = &settings.region {
            builder = builder.with_region(region);
        }
        let named = ambient.as_ref().map(|(_, url)| url);
        let endpoint = settings.endpoint.as_ref().or(named);
        let addressing = settings.addressing.unwrap_or(match endpoint {
            Some(_) => Addressing::Path,
            None => Addressing::VirtualHost,
        });
        let client = ClientOptions::new()
            .with_timeout(REQUEST_TIMEOUT)
            .with_connect_timeout(CONNECT_TIMEOUT)
            .with_allow_http(endpoint.is_some_and(|url| url.scheme() == "http"));
        builder = builder
            .with_bucket_name(&settings.bucket)
            .with_client_options(client)
            .with_conditional_put(S3ConditionalPut::ETagMatch)
            .with_virtual_hosted_style_request(addressing == Addressing::VirtualHost);
        if let Some(endpoint) = endpoint {
            let mut endpoint = endpoint.clone();
            // The client wants the bucket in the endpoint when it stands in the host's name.
            if addressing == Addressing::VirtualHost
                && let Some(host) = endpoint.host_str()
            {
                let host = format!("{}.{host}", settings.bucket);
                // Only an address without a host refuses one, and such an endpoint was refused before.
                let _ = endpoint.set_host(Some(&host));
            }
            builder = builder.with_endpoint(endpoint.as_str().trim_end_matches('/'));
        }
        Ok(Self {
            builder,
            ambient_endpoint: ambient.map(|(variable, url)| {
                format!("{} of {variable}", url.origin().ascii_serialization())
            }),
        })
    }

    pub(super) fn client(
        &self,
        retry: RetryConfig,
    ) -> object_store::Result<object_store::aws::AmazonS3> {
        self.builder.clone().with_retry(retry).build()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use object_store::path::Path;
    use object_store::signer::Signer;
    use wasm_sink_core::secret::Secret;

    use super::*;

    const KEYS: [(&str, &str); 2] = [
        ("AWS_ACCESS_KEY_ID", "id-of-env"),
        ("AWS_SECRET_ACCESS_KEY", "hush"),
    ];

    fn settings() -> S3Settings {
        S3Settings {
            bucket: "lake".to_owned(),
            prefix: "payments".to_owned(),
            endpoint: None,
            region: None,
            allow_http: false,
            addressing: None,
            credentials: Credentials::Ambient,
        }
    }

    fn way(settings: &S3Settings, variables: &[(&str, &str)]) -> Result<Way> {
        let variables = KEYS.iter().chain(variables);
        let owned = variables.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Way::new(settings, &Surroundings::of(owned))
    }

    /// The address of a signed request for `payments/x`.
    async fn address(settings: &S3Settings, variables: &[(&str, &str)]) -> String {
        let client = way(settings, variables)
            .unwrap()
            .client(RetryConfig::default())
            .unwrap();
        let path = Path::from("payments/x");
        let url = client
            .signed_url(Default::default(), &path, Duration::from_secs(60))
            .await;
        url.unwrap().into()
    }

    #[tokio::test]
    async fn an_endpoint_of_the_environment_keeps_the_bucket() {
        let amazon = address(&settings(), &[]).await;
        assert!(amazon.starts_with("https://lake.s3.us-east-1.amazonaws.com/payments/x?"));
        let general = ("AWS_ENDPOINT_URL", "https://minio.example");
        let special = ("AWS_ENDPOINT_URL_S3", "https://s3.example");
        let by_path = address(&settings(), &[general]).await;
        assert!(
            by_path.starts_with("https://minio.example/lake/payments/x?"),
            "{by_path}"
        );
        let first = address(&settings(), &[general, special]).await;
        assert!(
            first.starts_with("https://s3.example/lake/payments/x?"),
            "{first}"
        );
        let virtual_host = S3Settings {
            addressing: Some(Addressing::VirtualHost),
            ..settings()
        };
        let by_host = address(&virtual_host, &[general]).await;
        assert!(
            by_host.starts_with("https://lake.minio.example/payments/x?"),
            "{by_host}"
        );
        let described = way(&settings(), &[general]).unwrap().ambient_endpoint;
        assert_eq!(
            described.unwrap(),
            "https://minio.example of AWS_ENDPOINT_URL"
        );
        let none = way(&settings(), &[("AWS_ENDPOINT_URL", "")]).unwrap();
        assert_eq!(none.ambient_endpoint, None);
    }

    #[tokio::test]
    async fn what_the_file_says_is_not_undone() {
        let written = S3Settings {
            endpoint: Some(Url::parse("https://written.example/").unwrap()),
            ..settings()
        };
        let variables = [
            ("AWS_ENDPOINT_URL_S3", "https://other.example"),
            ("AWS_ENDPOINT_URL", "https://other.example"),
            ("AWS_ENDPOINT", "https://other.example"),
            ("AWS_BUCKET", "other"),
            ("AWS_VIRTUAL_HOSTED_STYLE_REQUEST", "true"),
            ("AWS_SKIP_SIGNATURE", "true"),
            ("AWS_CONDITIONAL_PUT", "disabled"),
            ("AWS_REGION", "eu-west-1"),
        ];
        let url = address(&written, &variables).await;
        assert!(
            url.starts_with("https://written.example/lake/payments/x?"),
            "{url}"
        );
        // Who we are and where is taken.
        assert!(
            url.contains("id-of-env") && url.contains("eu-west-1"),
            "{url}"
        );
        assert_eq!(way(&written, &variables).unwrap().ambient_endpoint, None);
        let keys = S3Settings {
            credentials: Credentials::Keys {
                access_key_id: "id-of-file".to_owned(),
                secret_access_key: Secret::new("hush"),
                session_token: None,
            },
            ..settings()
        };
        let url = address(&keys, &variables).await;
        assert!(
            url.starts_with("https://lake.s3.us-east-1.amazonaws.com/payments/x?"),
            "{url}"
        );
        assert!(url.contains("id-of-file"), "{url}");
    }

    #[tokio::test]
    async fn an_endpoint_of_the_environment_is_checked_as_a_written_one() {
        let plain = [("AWS_ENDPOINT_URL", "http://user:hunter2@127.0.0.1:9000")];
        let refused = way(&settings(), &plain).err().unwrap().to_string();
        assert!(
            refused.contains("AWS_ENDPOINT_URL is not encrypted"),
            "{refused}"
        );
        assert!(!refused.contains("hunter2"), "{refused}");
        let trusted = S3Settings {
            allow_http: true,
            ..settings()
        };
        let described = way(&trusted, &plain).unwrap().ambient_endpoint.unwrap();
        assert_eq!(described, "http://127.0.0.1:9000 of AWS_ENDPOINT_URL");
        let none = way(&settings(), &[("AWS_ENDPOINT_URL", "minio")])
            .err()
            .unwrap();
        assert!(
            none.to_string().contains("no http or https address"),
            "{none}"
        );
    }
}
