//! How much of each file is not delivered. (Of a compressed one nobody knows what it holds before it is read.)

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use wasm_sink_core::lag::{Ends, Standings};
use wasm_sink_core::{Lag, PartitionKey, Result};
use wasm_sink_formats::CheckedOffset;

use crate::blocking;

/// Where the files are.
pub(crate) struct Lengths(Arc<BTreeMap<PartitionKey, PathBuf>>);

impl Lengths {
    pub(crate) fn new(paths: impl Iterator<Item = (PartitionKey, PathBuf)>) -> Self {
        Self(Arc::new(paths.collect()))
    }
}

#[async_trait]
impl Ends for Lengths {
    async fn lags(&self, standings: &Standings) -> Result<BTreeMap<PartitionKey, Lag>> {
        let (paths, standings) = (Arc::clone(&self.0), standings.clone());
        blocking(move || {
            let lags = standings.into_iter().filter_map(|(key, at)| {
                let length = fs::metadata(paths.get(&key)?).ok()?.len();
                let done = match at {
                    Some(at) => CheckedOffset::of_position(&at)?.offset,
                    None => 0,
                };
                Some((key, Lag::Bytes(length.saturating_sub(done))))
            });
            Ok(lags.collect())
        })
        .await
    }
}
