//! Pipelines as OpenMetrics text: each metric once, with a line for each pipeline.

use std::fmt;
use std::sync::Arc;

use futures::future::join_all;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode as encode_registry;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use wasm_sink_core::Lag;

use super::Metrics;
use crate::status::Status;

/// The text for these pipelines. Asks their sources where they end.
///
/// # Errors
/// Never in practice: the text goes into a `String`.
pub async fn encode(pipelines: &[Arc<Metrics>]) -> Result<String, fmt::Error> {
    let told = pipelines.iter().map(|metrics| async {
        let status = metrics.status().await;
        (Arc::clone(metrics), status)
    });
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Told(join_all(told).await)));
    let mut text = String::new();
    encode_registry(&mut text, &registry)?;
    Ok(text)
}

/// Pipelines at one moment.
struct Told(Vec<(Arc<Metrics>, Status)>);

impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|(_, status)| &status.pipeline))
            .finish()
    }
}

type Count = fn(&Status) -> u64;
type Gauge = fn(&Status) -> Option<f64>;

/// The encoder adds `_total` to their names.
const COUNTERS: [(&str, &str, Count); 7] = [
    ("records_read", "Rows read from the source", |status| {
        status.totals.records_read
    }),
    ("bytes_read", "Bytes read from the source", |status| {
        status.totals.bytes_read
    }),
    (
        "records_written",
        "Rows committed to the destination",
        |status| status.totals.records_written,
    ),
    (
        "bytes_written",
        "Bytes committed to the destination",
        |status| status.totals.bytes_written,
    ),
    (
        "batches_committed",
        "Commits to the destination",
        |status| status.totals.commits,
    ),
    ("dead_letters", "Rows that became dead letters", |status| {
        status.totals.dead_letters
    }),
    (
        "retries",
        "Attempts that failed and were made again",
        |status| status.totals.retries,
    ),
];

const GAUGES: [(&str, &str, Gauge); 6] = [
    (
        "pipeline_failing",
        "1 while the pipeline tries again what failed, or has stopped with an error",
        |status| Some(f64::from(u8::from(status.status.is_failing()))),
    ),
    (
        "pipeline_start_time_seconds",
        "When the pipeline was started, in seconds since 1970",
        |status| Some(seconds(status.started)),
    ),
    (
        "last_commit_timestamp_seconds",
        "When something was committed last, in seconds since 1970",
        |status| status.commits.first().map(|commit| seconds(commit.at)),
    ),
    ("buffered_bytes", "Bytes of rows in memory", |status| {
        limit(status, "bytes").map(|(used, _)| used)
    }),
    (
        "buffered_limit_bytes",
        "Bytes of rows that may be in memory: [limits] bytes",
        |status| limit(status, "bytes").map(|(_, limit)| limit),
    ),
    (
        "instance_memory_highest_bytes",
        "The most memory that an instance of the component has had",
        |status| limit(status, "memory").map(|(used, _)| used),
    ),
];

fn seconds(at: chrono::DateTime<chrono::Utc>) -> f64 {
    at.timestamp_millis() as f64 / 1_000.0
}

/// What is used of a limit, and the limit.
fn limit(status: &Status, key: &str) -> Option<(f64, f64)> {
    let open = status.open.as_ref()?;
    let limit = open.limits.iter().find(|limit| limit.key == key)?;
    Some((limit.used as f64, limit.limit as f64))
}

impl Told {
    /// One metric of all pipelines.
    fn each(
        &self,
        encoder: &mut DescriptorEncoder<'_>,
        (name, help, kind): (&str, &str, MetricType),
        mut write: impl FnMut(&Metrics, &Status, &mut MetricEncoder<'_>) -> fmt::Result,
    ) -> fmt::Result {
        let mut metric = encoder.encode_descriptor(name, help, None, kind)?;
        for (metrics, status) in &self.0 {
            write(metrics, status, &mut metric)?;
        }
        Ok(())
    }

    fn histogram(
        &self,
        encoder: &mut DescriptorEncoder<'_>,
        (name, help): (&str, &str),
        of: fn(&Metrics) -> &Histogram,
    ) -> fmt::Result {
        let kind = MetricType::Histogram;
        self.each(encoder, (name, help, kind), |metrics, status, metric| {
            let labels = [("pipeline", status.pipeline.as_str())];
            of(metrics).encode(metric.encode_family(&labels)?)
        })
    }
}

impl Collector for Told {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for (name, help, of) in COUNTERS {
            let kind = MetricType::Counter;
            self.each(&mut encoder, (name, help, kind), |_, status, metric| {
                let labels = [("pipeline", status.pipeline.as_str())];
                let mut metric = metric.encode_family(&labels)?;
                metric.encode_counter::<NoLabelSet, _, u64>(&of(status), None)
            })?;
        }
        for (name, help, of) in GAUGES {
            let kind = MetricType::Gauge;
            self.each(&mut encoder, (name, help, kind), |_, status, metric| {
                let Some(value) = of(status) else {
                    return Ok(());
                };
                let labels = [("pipeline", status.pipeline.as_str())];
                metric.encode_family(&labels)?.encode_gauge(&value)
            })?;
        }
        for (name, help, of) in [
            (
                "lag_records",
                "Records of a partition that are in the source and not delivered",
                (|lag| match lag {
                    Lag::Records(records) => Some(records),
                    Lag::Bytes(_) => None,
                }) as fn(Lag) -> Option<u64>,
            ),
            (
                "lag_bytes",
                "Bytes of a file that are not delivered",
                |lag| match lag {
                    Lag::Bytes(bytes) => Some(bytes),
                    Lag::Records(_) => None,
                },
            ),
        ] {
            let kind = MetricType::Gauge;
            self.each(&mut encoder, (name, help, kind), |_, status, metric| {
                let open = status.open.iter();
                for partition in open.flat_map(|open| &open.partitions) {
                    let Some(lag) = partition.lag.and_then(of) else {
                        continue;
                    };
                    let labels = [
                        ("pipeline", status.pipeline.as_str()),
                        ("source", partition.source.as_str()),
                        ("partition", partition.partition.as_str()),
                    ];
                    metric.encode_family(&labels)?.encode_gauge(&(lag as f64))?;
                }
                Ok(())
            })?;
        }
        let info = (
            "component_info",
            "What the pipeline runs",
            MetricType::Gauge,
        );
        self.each(&mut encoder, info, |_, status, metric| {
            let Some(open) = &status.open else {
                return Ok(());
            };
            let labels = [
                ("pipeline", status.pipeline.as_str()),
                ("component", open.component.name.as_str()),
                ("hash", open.component.hash.as_str()),
            ];
            metric.encode_family(&labels)?.encode_gauge(&1_f64)
        })?;
        self.histogram(
            &mut encoder,
            (
                "commit_duration_seconds",
                "From the attempt at a commit to its answer",
            ),
            |metrics| &metrics.commit_duration,
        )?;
        self.histogram(
            &mut encoder,
            ("records_per_batch", "Rows per commit"),
            |metrics| &metrics.records_per_batch,
        )
    }
}
