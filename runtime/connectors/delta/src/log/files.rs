//! The files that stand in a table; only an overwrite asks for them.

use std::collections::BTreeMap;

use object_store::path::Path;
use serde_json::Value;
use wasm_sink_core::Result;

use super::action::{FileLine, LiveFile, parse_lines};
use super::{MAX_WINDOW, TableLog, checkpoint, corrupt, entry_path, listing};

/// A file counts as another one with each deletion vector.
type FileKey = (String, Option<String>);

fn key(path: &str, deletion_vector: Option<&Value>) -> FileKey {
    let vector = deletion_vector
        .filter(|value| !value.is_null())
        .map(|vector| {
            // The identity of the protocol, without the sizes.
            let text = |field: &str| {
                vector
                    .get(field)
                    .map(ToString::to_string)
                    .unwrap_or_default()
            };
            format!(
                "{}{}@{}",
                text("storageType"),
                text("pathOrInlineDv"),
                text("offset")
            )
        });
    (path.to_owned(), vector)
}

impl TableLog {
    /// The files of the table at `version`, in the order of their paths.
    ///
    /// # Errors
    /// The storage's; a damaged log; a log that lost that version.
    pub(crate) async fn live_files(&self, version: u64) -> Result<Vec<LiveFile>> {
        let listing = listing::list(&self.storage)
            .await?
            .filter(|l| l.end > version);
        let Some(listing) = listing else {
            return Err(corrupt(
                &format!("version {version} is gone"),
                "it was read before",
            ));
        };
        let mut live: BTreeMap<FileKey, LiveFile> = BTreeMap::new();
        let mut at = listing.first_entry;
        if let Some(checkpoint) = &listing.checkpoint {
            if checkpoint.version > version {
                return Err(super::Error::new(
                    wasm_sink_core::Kind::Conflict,
                    wasm_sink_core::Blame::Destination,
                    format!("the table has moved on from version {version}"),
                ));
            }
            for line in checkpoint::read_files(&self.storage, checkpoint).await? {
                apply(&mut live, line);
            }
        }
        while at <= version {
            let until = (at + MAX_WINDOW).min(version + 1);
            let entries = self.entries(at..until).await?;
            if (entries.len() as u64) < until - at {
                let missing = entry_path(at + entries.len() as u64);
                return Err(corrupt(
                    &format!("{missing} is missing"),
                    "it was there before",
                ));
            }
            for entry in &entries {
                let name: Path = entry_path(entry.version);
                for line in parse_lines(&entry.bytes, name.as_ref())? {
                    apply(&mut live, line);
                }
            }
            at = until;
        }
        Ok(live.into_values().collect())
    }
}

fn apply(live: &mut BTreeMap<FileKey, LiveFile>, line: FileLine) {
    if let Some(gone) = line.remove {
        live.remove(&key(&gone.path, gone.deletion_vector.as_ref()));
    }
    if let Some(file) = line.add {
        live.insert(key(&file.path, file.deletion_vector.as_ref()), file);
    }
}
