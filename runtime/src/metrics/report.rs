//! From what was counted to what is told.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use wasm_sink_core::component::Component;
use wasm_sink_core::lag::Standings;
use wasm_sink_core::{Lag, PartitionKey};

use super::{Live, Metrics};
use crate::engine::Highest;
use crate::pipeline::Committed;
use crate::status::{
    CommitStatus, ComponentStatus, LagStatus, LimitStatus, OpenStatus, PartitionStatus, Rates,
    Refusal, Status, Totals, Unit,
};

/// Partitions that are told one by one.
const PARTITIONS: usize = 1_000;
/// Swaps that are told.
const SWAPS: usize = 10;
/// So much of the end of their file is looked at.
const SWAPS_BYTES: u64 = 64 << 10;
/// A source has so long to say where it ends.
const ASKING: Duration = Duration::from_secs(3);

/// Lags by partition, or why there are none.
type Lags = Result<BTreeMap<PartitionKey, Lag>, String>;

impl Metrics {
    /// How the pipeline is doing. Asks the source where it ends.
    pub async fn status(&self) -> Status {
        let (mut status, standings) = self.counted();
        if let Some(live) = self.live.get() {
            let lags = lags(live, &standings).await;
            let path = live.swaps.clone();
            // A file that cannot be read has nothing to tell.
            let swaps = spawn_blocking(move || last_lines(&path).unwrap_or_default()).await;
            status.open = Some(live.told(
                &self.usage.highest(),
                &standings,
                &lags,
                swaps.unwrap_or_default(),
            ));
        }
        status
    }

    /// What is known without asking anybody.
    fn counted(&self) -> (Status, Standings) {
        let snapshot = self.snapshot();
        let mut state = self.state();
        let rates = state.rates.per_second(Instant::now());
        let commits = state.commits.iter().rev();
        let commits = commits.map(|(at, commit)| {
            let Committed {
                epochs,
                account,
                bytes,
                took,
            } = *commit;
            CommitStatus {
                at: *at,
                records: account.staged,
                bytes,
                dead_letters: account.rejected,
                skipped: account.skipped,
                epochs,
                took_ms: milliseconds(took),
            }
        });
        let refusals = state.refusals.sorted().into_iter();
        let refusals = refusals.map(|refused| Refusal {
            by: refused.by.as_str().to_owned(),
            reason: refused.reason,
            count: refused.count,
            last_reason: refused.last_reason,
            last: refused.last,
            last_at: refused.at,
        });
        let status = Status {
            pipeline: self.pipeline.clone(),
            process: std::process::id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            status: snapshot.phase,
            error: snapshot.last_error,
            started: self.started_at,
            uptime_ms: milliseconds(snapshot.elapsed),
            last_commit_age_ms: snapshot.since_commit.map(milliseconds),
            totals: Totals {
                records_read: snapshot.records_read,
                bytes_read: snapshot.bytes_read,
                records_written: snapshot.records_written,
                bytes_written: snapshot.bytes_written,
                commits: snapshot.commits,
                dead_letters: snapshot.dead_letters,
                retries: snapshot.retries,
            },
            rates: Rates {
                records_read: rates.read_rows,
                bytes_read: rates.read_bytes,
                records_written: rates.written_rows,
            },
            dead_letters: refusals.collect(),
            commits: commits.collect(),
            open: None,
        };
        (status, state.partitions.clone())
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn number(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// Where the source cannot tell, there are none, and nothing is wrong.
async fn lags(live: &Live, standings: &Standings) -> Lags {
    let Some(ends) = live.ends.as_ref().filter(|_| !standings.is_empty()) else {
        return Ok(BTreeMap::new());
    };
    match timeout(ASKING, ends.lags(standings)).await {
        Ok(Ok(lags)) => Ok(lags),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!(
            "the source did not say within {} s where it ends",
            ASKING.as_secs()
        )),
    }
}

/// The last lines of a file of JSON, the latest first.
fn last_lines(path: &Path) -> io::Result<Vec<Value>> {
    let mut file = fs::File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(SWAPS_BYTES)))?;
    let mut bytes = Vec::new();
    file.take(SWAPS_BYTES).read_to_end(&mut bytes)?;
    let lines = bytes.split(|byte| *byte == b'\n').rev();
    // The first of them may be cut, and the last one half written.
    let values = lines.filter_map(|line| serde_json::from_slice(line).ok());
    Ok(values.take(SWAPS).collect())
}

fn named(component: &Arc<dyn Component>) -> ComponentStatus {
    ComponentStatus {
        name: component.name().to_owned(),
        hash: component.hash().to_owned(),
        configuration: component.configuration().to_owned(),
    }
}

impl Live {
    fn told(
        &self,
        highest: &Highest,
        standings: &Standings,
        lags: &Lags,
        swaps: Vec<Value>,
    ) -> OpenStatus {
        let found = lags.as_ref().ok();
        let partitions = standings.iter().take(PARTITIONS);
        let partitions = partitions.map(|(key, at)| PartitionStatus {
            source: key.source().to_owned(),
            partition: key.partition().to_owned(),
            position: at.as_ref().map(ToString::to_string),
            lag: found.and_then(|lags| lags.get(key).copied()),
        });
        let mut lag = LagStatus {
            error: lags.as_ref().err().cloned(),
            ..LagStatus::default()
        };
        for one in found.into_iter().flat_map(BTreeMap::values) {
            let (sum, more) = match one {
                Lag::Records(records) => (&mut lag.records, records),
                Lag::Bytes(bytes) => (&mut lag.bytes, bytes),
            };
            *sum = Some(sum.unwrap_or(0).saturating_add(*more));
        }
        OpenStatus {
            source: self.source.to_owned(),
            destinations: self.destinations.clone(),
            dead_letters_in: self.dead_letters.clone(),
            component: named(&self.logic.component()),
            canary: self.logic.canary().as_ref().map(named),
            trial_epochs_left: self.logic.trial_epochs_left(),
            partitions_total: standings.len(),
            partitions: partitions.collect(),
            lag,
            swaps,
            limits: self.limited(highest),
        }
    }

    fn limited(&self, highest: &Highest) -> Vec<LimitStatus> {
        let limits = &self.limits;
        let limit = |key: &str, unit, limit, used| LimitStatus {
            key: key.to_owned(),
            unit,
            limit,
            used,
        };
        vec![
            limit(
                "bytes",
                Unit::Bytes,
                number(self.budget.capacity_bytes()),
                number(self.budget.used_bytes()),
            ),
            limit(
                "memory",
                Unit::Bytes,
                number(limits.memory_bytes),
                highest.memory_bytes,
            ),
            limit(
                "call_deadline_ms",
                Unit::Ms,
                milliseconds(limits.call_deadline),
                milliseconds(highest.call),
            ),
            limit(
                "derived_bytes",
                Unit::Bytes,
                number(limits.derived_bytes),
                highest.derived_bytes,
            ),
            limit(
                "handles",
                Unit::Count,
                number(limits.handles),
                highest.handles,
            ),
            limit(
                "epoch_dead_letters",
                Unit::Count,
                number(limits.epoch_dead_letters),
                highest.epoch_dead_letters,
            ),
        ]
    }
}
