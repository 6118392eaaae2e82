//! How far behind its source a pipeline is.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::position::{PartitionKey, Position};

/// What lies between a position and the end of its partition, as far as that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lag {
    /// Offsets; where a log was compacted, there are fewer records.
    Records(u64),
    /// Bytes of a file.
    Bytes(u64),
}

/// Where partitions stand; without a position at their beginning.
pub type Standings = BTreeMap<PartitionKey, Option<Position>>;

/// Knows where partitions end, and may be asked while the source is read.
#[async_trait]
pub trait Ends: Send + Sync {
    /// How far it is from these positions to the ends, now. What cannot be told is left out.
    ///
    /// # Errors
    /// The source does not answer. It is asked once; whoever looks may look again.
    async fn lags(&self, standings: &Standings) -> Result<BTreeMap<PartitionKey, Lag>>;
}
