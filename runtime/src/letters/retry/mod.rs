//! Dead letters that are delivered again, each once.
//!
//! What is chosen is written down as an [`Order`] first. Its letters are a source of their own whose positions
//! count in the order, and are kept where the pipeline keeps all positions: so what is committed of them is never
//! delivered again, wherever a retry is killed. Once all are committed they are removed from their files, and
//! then the order; until then the next retry goes on with it. A letter that is refused again is a new letter.

mod lineage;
mod order;
mod pass;
mod source;
mod survey;

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use chrono::Utc;
use serde::{Deserialize, Serialize};
use wasm_sink_core::step::Step;
use wasm_sink_core::{Blame, Error, Kind, Result};

pub use order::{OfEpoch, OfTopic, Order};
pub use source::LettersSpec;
pub use survey::{Left, Redecodes, Survey};

use super::{Selection, files};
use crate::durable;
use crate::pipeline::Entropy;

/// The only retry of a pipeline, while this lives.
#[derive(Debug)]
pub struct Retry {
    letters: PathBuf,
    /// Where orders are.
    folder: PathBuf,
    pipeline: String,
    _lock: File,
}

/// What tells the letters of this folder from those of all others, and the highest sequence so far.
#[derive(Debug, Serialize, Deserialize)]
struct Identity {
    folder: String,
    sequence: u64,
}

/// Orders that are not done, the oldest first.
///
/// # Errors
/// They cannot be read.
pub fn under_way(letters: &Path, pipeline: &str) -> Result<Vec<Order>> {
    Order::read_all(&folder(letters, pipeline))
}

fn folder(letters: &Path, pipeline: &str) -> PathBuf {
    letters.join(format!("{pipeline}.retry"))
}

impl Retry {
    /// Keeps every other retry away.
    ///
    /// # Errors
    /// There is one, or the disk's.
    pub fn open(letters: &Path, pipeline: &str) -> Result<Self> {
        let folder = folder(letters, pipeline);
        std::fs::create_dir_all(&folder).map_err(|error| durable::disk("make", &folder, error))?;
        durable::remove_unfinished(&folder);
        let path = folder.join("lock");
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(|error| durable::disk("open", &path, error))?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => {
                let message = format!(
                    "another process delivers dead letters of `{pipeline}` again: {} is locked",
                    path.display()
                );
                Error::new(Kind::Denied, Blame::Configuration, message)
            }
            TryLockError::Error(error) => durable::disk("lock", &path, error),
        })?;
        Ok(Self {
            letters: letters.to_owned(),
            folder,
            pipeline: pipeline.to_owned(),
            _lock: lock,
        })
    }

    /// Those of retries that were interrupted, the oldest first.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn orders(&self) -> Result<Vec<Order>> {
        Order::read_all(&self.folder)
    }

    /// Looks which letters are meant; those of `orders` are under way already.
    ///
    /// # Errors
    /// Letters cannot be read.
    pub fn survey(&self, selection: &Selection, orders: &[Order]) -> Result<Survey> {
        survey::survey(&self.letters, &self.pipeline, selection, orders)
    }

    /// Writes down that these letters are to be delivered again; None where there are none.
    ///
    /// # Errors
    /// The disk's.
    pub fn place(
        &self,
        survey: Survey,
        redecodes: Redecodes,
        entropy: &dyn Entropy,
    ) -> Result<(Option<Order>, Left)> {
        let (topics, left) = survey.finish(redecodes);
        if topics.is_empty() {
            return Ok((None, left));
        }
        let at = Utc::now();
        let known = self.identity()?;
        // By the clock as well: whoever restores an old copy of the folder has an old sequence with it.
        let by_clock = u64::try_from(at.timestamp_millis()).unwrap_or(0);
        let identity = match known {
            Some(known) => Identity {
                sequence: by_clock.max(known.sequence + 1),
                folder: known.folder,
            },
            None => Identity {
                folder: format!("{:016x}", entropy.next()),
                sequence: by_clock,
            },
        };
        let text = serde_json::to_vec(&identity).map_err(|error| {
            Error::new(Kind::Other, Blame::Host, "an identity did not encode").with_source(error)
        })?;
        durable::write_synced(&self.identity_path(), &text)?;
        let order = Order {
            folder: identity.folder,
            sequence: identity.sequence,
            at,
            topics,
        };
        order.write(&self.folder)?;
        Step::RetryOrdered.reached();
        Ok((Some(order), left))
    }

    fn identity_path(&self) -> PathBuf {
        self.folder.join("identity.json")
    }

    fn identity(&self) -> Result<Option<Identity>> {
        let path = self.identity_path();
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(durable::disk("read", &path, error)),
        };
        let known = serde_json::from_slice(&text).map_err(|error| {
            let message = format!(
                "{} is not what wasm-sink wrote; remove it to go on",
                path.display()
            );
            Error::new(Kind::Invalid, Blame::Configuration, message).with_source(error)
        })?;
        Ok(Some(known))
    }

    /// All letters of these orders are committed: removes them from their files, and then the orders.
    ///
    /// # Errors
    /// The disk's. The next retry does the rest.
    pub fn finish(&self, orders: &[Order]) -> Result<()> {
        Step::RetryDelivered.reached();
        for order in orders {
            let by_epoch = order.by_epoch();
            for file in files(&self.letters)? {
                if let Some(letters) = by_epoch.get(&file.commit) {
                    let is_done = |letter| letters.iter().any(|some| some.contains(letter));
                    file.remove(&self.pipeline, is_done)?;
                    Step::RetriedLettersRemoved.reached();
                }
            }
            order.remove(&self.folder)?;
        }
        Ok(())
    }
}
