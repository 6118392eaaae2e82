//! Metrics as OTLP: read from the text of `/metrics`, so that both have the same ones, under the same names.

use std::collections::BTreeMap;
use std::time::SystemTime;

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint, Sum,
};

use super::attributes::text as attribute;
use super::life::nanoseconds;

/// Labels of a sample, in order.
type Labels<'a> = Vec<(&'a str, String)>;

/// When what is counted began, and now.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) started: SystemTime,
    pub(super) now: SystemTime,
}

/// The metrics of a text that this process wrote. A line that is not understood is left out.
pub(super) fn metrics(text: &str, span: Span) -> Vec<Metric> {
    let mut families: Vec<Family<'_>> = Vec::new();
    for line in text.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            let mut words = comment.splitn(3, ' ');
            let (Some(word), Some(name)) = (words.next(), words.next()) else {
                continue;
            };
            if families.last().is_none_or(|family| family.name != name) {
                families.push(Family::new(name));
            }
            let (Some(family), Some(rest)) = (families.last_mut(), words.next()) else {
                continue;
            };
            match word {
                "HELP" => family.help = rest.trim_end_matches('.'),
                "TYPE" => family.kind = rest,
                _ => {}
            }
        } else if let (Some(family), Some(sample)) = (families.last_mut(), sample(line)) {
            family.samples.push(sample);
        }
    }
    let metrics = families.into_iter();
    metrics.filter_map(|family| family.metric(span)).collect()
}

#[derive(Debug)]
struct Family<'a> {
    name: &'a str,
    help: &'a str,
    kind: &'a str,
    samples: Vec<Sample<'a>>,
}

#[derive(Debug)]
struct Sample<'a> {
    name: &'a str,
    labels: Labels<'a>,
    value: &'a str,
}

/// `name{label="value",…} number`
fn sample(line: &str) -> Option<Sample<'_>> {
    let end = line.find(['{', ' '])?;
    let (name, rest) = line.split_at(end);
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(rest) => labels(rest)?,
        None => (Vec::new(), rest),
    };
    Some(Sample {
        name,
        labels,
        value: rest.split_whitespace().next()?,
    })
}

/// Labels up to the closing brace, and what follows.
fn labels(mut rest: &str) -> Option<(Labels<'_>, &str)> {
    let mut labels = Vec::new();
    loop {
        rest = rest.trim_start_matches(',');
        if let Some(rest) = rest.strip_prefix('}') {
            return Some((labels, rest));
        }
        let (name, quoted) = rest.split_once("=\"")?;
        let mut value = String::new();
        let mut characters = quoted.char_indices();
        rest = loop {
            match characters.next()? {
                (at, '"') => break &quoted[at + 1..],
                (_, '\\') => match characters.next()?.1 {
                    'n' => value.push('\n'),
                    other => value.push(other),
                },
                (_, other) => value.push(other),
            }
        };
        labels.push((name, value));
    }
}

impl<'a> Family<'a> {
    fn new(name: &'a str) -> Self {
        Self {
            name,
            help: "",
            kind: "",
            samples: Vec::new(),
        }
    }

    /// None where there is nothing to tell.
    fn metric(self, span: Span) -> Option<Metric> {
        let cumulative = AggregationTemporality::Cumulative as i32;
        let data = match self.kind {
            _ if self.samples.is_empty() => return None,
            "counter" => Data::Sum(Sum {
                data_points: self.numbers(span, true),
                aggregation_temporality: cumulative,
                is_monotonic: true,
            }),
            "gauge" => Data::Gauge(Gauge {
                data_points: self.numbers(span, false),
            }),
            "histogram" => Data::Histogram(Histogram {
                data_points: self.histograms(span),
                aggregation_temporality: cumulative,
            }),
            _ => return None,
        };
        Some(Metric {
            name: self.name.to_owned(),
            description: self.help.to_owned(),
            data: Some(data),
            ..Metric::default()
        })
    }

    fn numbers(&self, span: Span, is_counted: bool) -> Vec<NumberDataPoint> {
        let points = self.samples.iter().filter_map(|sample| {
            let value = match sample.value.parse::<i64>() {
                Ok(whole) if is_counted => Value::AsInt(whole),
                _ => Value::AsDouble(sample.value.parse().ok()?),
            };
            Some(NumberDataPoint {
                attributes: attributes(&sample.labels),
                start_time_unix_nano: match is_counted {
                    true => nanoseconds(span.started),
                    false => 0,
                },
                time_unix_nano: nanoseconds(span.now),
                value: Some(value),
                ..NumberDataPoint::default()
            })
        });
        points.collect()
    }

    /// The text counts what is at most a bound; OTLP, what lies between two of them.
    fn histograms(&self, span: Span) -> Vec<HistogramDataPoint> {
        let mut points: BTreeMap<Labels<'_>, HistogramDataPoint> = BTreeMap::new();
        for sample in &self.samples {
            let mut labels = sample.labels.clone();
            let bound = labels.iter().position(|(name, _)| *name == "le");
            let bound = bound.map(|index| labels.remove(index).1);
            let point = points.entry(labels).or_default();
            let suffix = sample.name.strip_prefix(self.name);
            match (suffix, bound) {
                (Some("_bucket"), Some(bound)) => {
                    let Ok(up_to) = sample.value.parse::<u64>() else {
                        continue;
                    };
                    let below: u64 = point.bucket_counts.iter().sum();
                    point.bucket_counts.push(up_to.saturating_sub(below));
                    if let Some(bound) = bound.parse().ok().filter(|bound: &f64| bound.is_finite())
                        && bound < f64::MAX
                    {
                        point.explicit_bounds.push(bound);
                    }
                }
                (Some("_sum"), None) => point.sum = sample.value.parse().ok(),
                (Some("_count"), None) => {
                    point.count = sample.value.parse().unwrap_or_default();
                }
                _ => {}
            }
        }
        let points = points.into_iter().map(|(labels, mut point)| {
            point.attributes = attributes(&labels);
            point.start_time_unix_nano = nanoseconds(span.started);
            point.time_unix_nano = nanoseconds(span.now);
            point
        });
        points.collect()
    }
}

fn attributes(labels: &Labels<'_>) -> Vec<KeyValue> {
    let labels = labels.iter();
    labels.map(|(name, value)| attribute(name, value)).collect()
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use opentelemetry_proto::tonic::common::v1::any_value;

    use super::*;

    fn read(text: &str) -> Vec<Metric> {
        let span = Span {
            started: UNIX_EPOCH,
            now: UNIX_EPOCH,
        };
        metrics(text, span)
    }

    #[test]
    fn counters_and_gauges_keep_names_and_labels() {
        let found = read(
            "# HELP rows Rows.\n# TYPE rows counter\nrows_total{pipeline=\"a\"} 7\n\
             rows_total{pipeline=\"b\"} 8\n# HELP lag Behind.\n# TYPE lag gauge\n\
             lag{partition=\"x,\\\"y\\\\}\",pipeline=\"a\"} 1.5\n# HELP none None.\n# TYPE none gauge\n# EOF\n",
        );
        let [rows, lag] = &found[..] else {
            panic!("{found:#?}");
        };
        assert_eq!((&*rows.name, &*rows.description), ("rows", "Rows"));
        let Some(Data::Sum(sum)) = &rows.data else {
            panic!("{rows:#?}");
        };
        let values: Vec<_> = sum.data_points.iter().map(|point| point.value).collect();
        assert_eq!(values, [Some(Value::AsInt(7)), Some(Value::AsInt(8))]);
        let Some(Data::Gauge(gauge)) = &lag.data else {
            panic!("{lag:#?}");
        };
        assert_eq!(gauge.data_points[0].value, Some(Value::AsDouble(1.5)));
        let label = gauge.data_points[0].attributes[0].clone();
        let value = label.value.and_then(|value| value.value);
        let expected = any_value::Value::StringValue("x,\"y\\}".to_owned());
        assert_eq!(value, Some(expected));
    }

    #[test]
    fn buckets_count_what_lies_between_bounds() {
        let found = read(
            "# HELP took Seconds.\n# TYPE took histogram\ntook_sum{pipeline=\"a\"} 3.5\n\
             took_count{pipeline=\"a\"} 6\ntook_bucket{le=\"0.5\",pipeline=\"a\"} 1\n\
             took_bucket{le=\"1.0\",pipeline=\"a\"} 4\ntook_bucket{le=\"+Inf\",pipeline=\"a\"} 6\n# EOF\n",
        );
        let Some(Data::Histogram(histogram)) = &found[0].data else {
            panic!("{found:#?}");
        };
        let [point] = &histogram.data_points[..] else {
            panic!("{histogram:#?}");
        };
        assert_eq!((point.count, point.sum), (6, Some(3.5)));
        assert_eq!(point.explicit_bounds, [0.5, 1.0]);
        assert_eq!(point.bucket_counts, [1, 3, 2]);
        assert_eq!(point.attributes.len(), 1);
    }
}
