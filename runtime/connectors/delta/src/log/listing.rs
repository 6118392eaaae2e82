//! Which files a log consists of.

use std::collections::BTreeMap;

use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore};
use serde::Deserialize;
use wasm_sink_core::Result;

use super::{corrupt, entry_path};
use crate::storage::{TableStorage, storage_error};

/// A checkpoint that is complete.
#[derive(Clone, Debug)]
pub(super) struct Checkpoint {
    pub(super) version: u64,
    /// All of its parts.
    pub(super) parts: Vec<ObjectMeta>,
}

/// The files that make up the newest version.
#[derive(Debug)]
pub(super) struct Listing {
    pub(super) checkpoint: Option<Checkpoint>,
    /// The first entry to be applied on top.
    pub(super) first_entry: u64,
    /// The version after the newest.
    pub(super) end: u64,
}

#[derive(Deserialize)]
struct LastCheckpoint {
    version: u64,
}

/// None where there is no table.
///
/// # Errors
/// The storage's; a log without its beginning.
pub(super) async fn list(storage: &TableStorage) -> Result<Option<Listing>> {
    // The hint only shortens the listing: a wrong one is as good as none.
    let hint = storage
        .read(&Path::from("_delta_log/_last_checkpoint"))
        .await?;
    let hinted = hint
        .and_then(|(_, bytes)| serde_json::from_slice::<LastCheckpoint>(&bytes).ok())
        .map(|last| last.version)
        .filter(|version| *version > 0);
    if let Some(version) = hinted {
        let listing = list_from(storage, Some(version)).await?;
        if let Some(listing) = listing.filter(|listing| listing.checkpoint.is_some()) {
            return Ok(Some(listing));
        }
    }
    list_from(storage, None).await
}

async fn list_from(storage: &TableStorage, version: Option<u64>) -> Result<Option<Listing>> {
    let prefix = Path::from("_delta_log");
    let stream = match version {
        // The offset itself is left out, so begin just below the version's first file.
        Some(version) => {
            let below = Path::from(format!("_delta_log/{version:020}"));
            storage.store.list_with_offset(Some(&prefix), &below)
        }
        None => storage.store.list(Some(&prefix)),
    };
    let files: Vec<ObjectMeta> = stream
        .try_collect()
        .await
        .map_err(|e| storage_error(&format!("listing {storage}/_delta_log"), e))?;

    let mut newest_entry = None;
    let mut oldest_entry = None;
    let mut checkpoints: BTreeMap<u64, Parts> = BTreeMap::new();
    for file in files {
        match Name::parse(&file.location) {
            Some(Name::Entry(version)) => {
                newest_entry = newest_entry.max(Some(version));
                oldest_entry = Some(oldest_entry.map_or(version, |old: u64| old.min(version)));
            }
            Some(Name::Checkpoint { version, part, of }) => {
                checkpoints.entry(version).or_default().add(file, part, of);
            }
            None => {}
        }
    }
    let checkpoint = checkpoints.into_iter().rev().find_map(|(version, parts)| {
        Some(Checkpoint {
            version,
            parts: parts.complete()?,
        })
    });
    let Some(newest) = newest_entry.max(checkpoint.as_ref().map(|c| c.version)) else {
        return Ok(None);
    };
    if checkpoint.is_none() && version.is_none() && oldest_entry != Some(0) {
        return Err(corrupt(
            &format!("{} is missing", entry_path(0)),
            "there is no checkpoint that could stand in for the beginning",
        ));
    }
    let first_entry = checkpoint
        .as_ref()
        .map_or(0, |checkpoint| checkpoint.version + 1);
    Ok(Some(Listing {
        checkpoint,
        first_entry,
        end: newest + 1,
    }))
}

/// The parts of one version's checkpoints: several kinds of them can stand side by side.
#[derive(Default)]
struct Parts {
    whole: Option<ObjectMeta>,
    /// By the number of parts that there should be.
    split: BTreeMap<u32, BTreeMap<u32, ObjectMeta>>,
}

impl Parts {
    fn add(&mut self, file: ObjectMeta, part: u32, of: u32) {
        if of == 1 {
            self.whole = Some(file);
        } else {
            self.split.entry(of).or_default().insert(part, file);
        }
    }

    fn complete(self) -> Option<Vec<ObjectMeta>> {
        if let Some(whole) = self.whole {
            return Some(vec![whole]);
        }
        self.split
            .into_iter()
            .find(|(of, parts)| parts.len() == *of as usize)
            .map(|(_, parts)| parts.into_values().collect())
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Name {
    Entry(u64),
    /// Parts count from 1.
    Checkpoint {
        version: u64,
        part: u32,
        of: u32,
    },
}

impl Name {
    fn parse(path: &Path) -> Option<Self> {
        let directory_and_file: Vec<_> = path.parts().collect();
        let [_, file] = directory_and_file.as_slice() else {
            return None;
        };
        let words: Vec<&str> = file.as_ref().split('.').collect();
        let version = words
            .first()
            .filter(|word| word.len() == 20)?
            .parse()
            .ok()?;
        let checkpoint = |part, of| Self::Checkpoint { version, part, of };
        match words.get(1..)? {
            ["json"] => Some(Self::Entry(version)),
            ["checkpoint", "parquet"] => Some(checkpoint(1, 1)),
            ["checkpoint", part, of, "parquet"] if part.len() == 10 && of.len() == 10 => {
                Some(checkpoint(part.parse().ok()?, of.parse().ok()?))
            }
            ["checkpoint", uuid, "parquet" | "json"] if uuid.len() == 36 => Some(checkpoint(1, 1)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_names_of_the_protocol_and_passes_over_others() {
        let name = |file: &str| Name::parse(&Path::from(format!("_delta_log/{file}")));
        assert_eq!(name("00000000000000000007.json"), Some(Name::Entry(7)));
        let whole = Name::Checkpoint {
            version: 7,
            part: 1,
            of: 1,
        };
        assert_eq!(name("00000000000000000007.checkpoint.parquet"), Some(whole));
        assert_eq!(
            name("00000000000000000007.checkpoint.0000000002.0000000003.parquet"),
            Some(Name::Checkpoint {
                version: 7,
                part: 2,
                of: 3
            })
        );
        assert!(
            name("00000000000000000007.checkpoint.80a083e8-7026-4e79-81be-64bd76c43a11.json")
                .is_some()
        );
        for other in [
            "_last_checkpoint",
            "00000000000000000007.crc",
            "7.json",
            "00000000000000000004.00000000000000000006.compacted.json",
            "_sidecars/00000000000000000007.json",
        ] {
            assert_eq!(name(other), None, "{other}");
        }
    }
}
