//! How far partitions are behind the ends of their logs. The brokers are asked, since a partition that is held back
//! is not fetched, and the library would not hear of new records.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use async_trait::async_trait;
use tokio::task::spawn_blocking;
use wasm_sink_core::lag::{Ends, Standings};
use wasm_sink_core::{Lag, PartitionKey, Position, Result};

use super::home::Places;
use super::topics::broke_off;
use crate::connection::ASKING_ONCE;
use crate::error::source_error;
use crate::native::{Client, End, TopicPartition};

/// The logs of the partitions that are ours.
pub(super) struct LogEnds {
    client: Arc<Client>,
    places: Places,
}

impl LogEnds {
    pub(super) fn new(client: Arc<Client>, places: Places) -> Self {
        Self { client, places }
    }
}

#[async_trait]
impl Ends for LogEnds {
    async fn lags(&self, standings: &Standings) -> Result<BTreeMap<PartitionKey, Lag>> {
        let ours: BTreeMap<TopicPartition, PartitionKey> = {
            let places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
            let asked = standings.keys().filter_map(|key| {
                let place = places.get(key)?;
                Some((place.at.clone(), key.clone()))
            });
            asked.collect()
        };
        let (client, asked) = (
            Arc::clone(&self.client),
            ours.keys().cloned().collect::<Vec<_>>(),
        );
        // In front of transactions that are open: what is behind cannot be read either. A partition of which nothing
        // is delivered begins where its log does.
        let answers = spawn_blocking(move || {
            let ask = |end| client.offsets(&asked, end, ASKING_ONCE);
            Ok((ask(End::Low)?, ask(End::High)?))
        });
        let answers = answers.await.map_err(broke_off)?;
        let (lows, highs) =
            answers.map_err(|error| source_error("asking where partitions end", error))?;
        let lows: BTreeMap<TopicPartition, i64> = lows
            .into_iter()
            .filter(|(_, _, found)| found.is_ok())
            .map(|(place, low, _)| (place, low))
            .collect();
        let lags = highs.into_iter().filter_map(|(place, high, found)| {
            found.ok()?;
            let (key, low) = (ours.get(&place)?, lows.get(&place)?);
            let words = standings.get(key)?.as_ref().map(Position::words);
            let at = words.and_then(|words| words.first()).unwrap_or(low);
            let behind = high.saturating_sub(*at.max(low));
            Some((
                key.clone(),
                Lag::Records(u64::try_from(behind).unwrap_or(0)),
            ))
        });
        Ok(lags.collect())
    }
}
