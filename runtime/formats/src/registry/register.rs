//! Registering schemas, for whoever writes records.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};
use wasm_sink_core::settings::Reader;
use wasm_sink_core::{Blame, Error, Kind, Result};

use super::client::{Answer, Client};
use super::settings::RegistrySettings;
use super::{MAX_ID, lacks};

/// So long a registry that is away is waited for. Then what is being written is given up and written
/// again.
const PATIENCE: Duration = Duration::from_secs(30);

/// So many schemas are remembered.
const MAX_KNOWN: usize = 10_000;

/// The keys `schema_registry_…`: where a registry is, and how to get in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaRegistrySettings(RegistrySettings);

impl SchemaRegistrySettings {
    /// Reads the keys, which are those of a source; None where there is no address, or mistakes were
    /// reported through the reader.
    pub fn read(reader: &mut Reader<'_>) -> Option<Self> {
        RegistrySettings::read(reader).map(Self)
    }
}

/// A registry that takes schemas.
#[derive(Debug)]
pub struct SchemaRegistry {
    client: Client,
    /// By subject and text. A schema keeps its number.
    known: Mutex<HashMap<(String, String), u32>>,
    patience: Duration,
}

impl SchemaRegistry {
    /// Asks nothing yet. A relative path counts from `directory`.
    ///
    /// # Errors
    /// Certificates that are not there, or are none.
    pub fn open(settings: &SchemaRegistrySettings, directory: &Path) -> Result<Self> {
        Ok(Self {
            client: Client::new(&settings.0, directory)?,
            known: Mutex::default(),
            patience: PATIENCE,
        })
    }

    /// The same, that waits so long for a registry that is away.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Asks once whether it is a registry and lets us in. That it is away is no error, since it is
    /// waited for later.
    ///
    /// # Errors
    /// What waiting does not heal: an address of something else, credentials that are refused.
    pub async fn check(&self) -> Result<()> {
        // No schema has this number: it is the way there that counts.
        self.client.greet(&["schemas", "ids", "0"]).await
    }

    /// The number of a schema under a subject, which is made where it is not there. Each is asked for
    /// once.
    ///
    /// # Errors
    /// `unavailable`: it is away for too long. `denied`: it does not let us in. `other`: it does not take
    /// this schema. `invalid`: it is no registry.
    pub async fn register(&self, subject: &str, avro_schema_json: &str) -> Result<u32> {
        let key = (subject.to_owned(), avro_schema_json.to_owned());
        {
            let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(id) = known.get(&key) {
                return Ok(*id);
            }
        }
        let id = self.ask(subject, avro_schema_json).await?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_KNOWN {
            known.clear();
        }
        known.insert(key, id);
        Ok(id)
    }

    async fn ask(&self, subject: &str, schema: &str) -> Result<u32> {
        let path = ["subjects", subject, "versions"];
        // Avro is what a schema is where nothing else is said, also to old registries.
        let body = json!({ "schema": schema }).to_string();
        let answer = self.client.post(&path, &body, self.patience).await?;
        let refused = |status: &str, says: &str, help: &str| {
            let message = format!(
                "{} does not take the schema for subject `{subject}` ({status}): {says}; {help}",
                self.client.describe()
            );
            Error::new(Kind::Other, Blame::Destination, message)
        };
        match answer {
            Answer::Found(answer) => {
                let id = answer.get("id").and_then(Value::as_u64);
                let id = id.and_then(|id| u32::try_from(id).ok());
                id.filter(|id| *id <= MAX_ID)
                    .ok_or_else(|| lacks(&self.client, "id"))
            }
            Answer::Refused(StatusCode::CONFLICT, says) => Err(refused(
                "it is incompatible with an earlier one",
                &says,
                "give the columns back the types that they had, write to another topic, or change the \
                 compatibility of the subject in the registry",
            )),
            Answer::Refused(status, says) => Err(refused(
                status.as_str(),
                &says,
                "look at the rules and the mode of the subject in the registry, and at the columns",
            )),
            Answer::TooLong => Err(lacks(&self.client, "id")),
        }
    }
}
