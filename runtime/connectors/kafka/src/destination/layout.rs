//! How a row of a topic becomes a record.

use std::collections::BTreeMap;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int32Array, Int64Array, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Int32Type, Int64Type, SchemaRef, TimeUnit, TimestampMillisecondType,
};
use wasm_sink_core::guest::tables::Refused;
use wasm_sink_core::{Error, Result};
use wasm_sink_formats::{AvroEncoder, EncodedRows, json_objects, plain_values, wire_prefix};

use super::headers::{self, Headers};
use super::template::Template;
use crate::bindings::wasm_sink::kafka::kafka::{Encoding, Role, Share};
use crate::cluster::TopicFacts;
use crate::native::Record;

/// What a record takes in a batch beside key, value and headers, with all that a batch has of its own, at most.
const RECORD_OVERHEAD_BYTES: usize = 128;
/// The same of a header.
const HEADER_OVERHEAD_BYTES: usize = 10;

/// What the component said of a topic.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub(super) encoding: Encoding,
    roles: Vec<(Role, String, Share)>,
    left_out: Vec<String>,
    template: Option<Template>,
}

impl Default for Layout {
    fn default() -> Self {
        Self {
            encoding: Encoding::Json,
            roles: Vec::new(),
            left_out: Vec::new(),
            template: None,
        }
    }
}

impl Layout {
    pub(crate) fn assign(&mut self, role: Role, column: String, share: Share) {
        self.roles.retain(|(other, ..)| *other != role);
        self.roles.push((role, column, share));
    }

    pub(crate) fn leave_out(&mut self, columns: Vec<String>) {
        self.left_out.extend(columns);
    }

    /// # Errors
    /// `invalid`: it is no template.
    pub(crate) fn key_from(&mut self, template: &str) -> Result<()> {
        self.template = Some(Template::parse(template)?);
        Ok(())
    }

    fn column<'a>(&self, role: Role, rows: &'a RecordBatch) -> Option<&'a ArrayRef> {
        let mut roles = self.roles.iter();
        let (_, name, _) = roles.find(|(it, ..)| *it == role)?;
        rows.column_by_name(name)
    }

    /// Columns that have a role beside the value's, and that the rows lack.
    pub(super) fn absent<'a>(&'a self, rows: &'a RecordBatch) -> impl Iterator<Item = &'a str> {
        let roles = self.roles.iter().filter(|(role, ..)| *role != Role::Value);
        let names = roles.map(|(_, name, _)| name.as_str());
        names.filter(|name| rows.column_by_name(name).is_none())
    }

    /// The columns that make an object, by their places.
    fn value_columns(&self, schema: &SchemaRef) -> Vec<usize> {
        let is_aside = |name: &String| {
            let mut roles = self.roles.iter();
            self.left_out.contains(name)
                || roles.any(|(_, column, share)| column == name && *share == Share::Only)
        };
        let fields = schema.fields().iter().enumerate();
        fields
            .filter(|(_, field)| !is_aside(field.name()))
            .map(|(index, _)| index)
            .collect()
    }

    /// The columns that make an object.
    ///
    /// # Errors
    /// `invalid`: there are none.
    pub(super) fn value_schema(&self, schema: &SchemaRef) -> Result<SchemaRef> {
        let columns = self.value_columns(schema);
        if columns.is_empty() {
            return Err(Error::invalid(
                "the rows have no columns of which a record's value could be made",
            ));
        }
        let projected = schema.project(&columns);
        projected
            .map(Into::into)
            .map_err(|error| Error::invalid(error.to_string()))
    }

    /// Makes records of rows. `avro` is there where that is the encoding.
    ///
    /// # Errors
    /// `invalid`: rows of this schema do not go with what was said.
    pub(super) fn records(
        &self,
        rows: &RecordBatch,
        facts: &TopicFacts,
        queue_bytes: usize,
        avro: Option<(&AvroEncoder, u32)>,
    ) -> Result<(Records, Option<Refused>)> {
        let mut refused: BTreeMap<usize, String> = BTreeMap::new();
        let values = self.values(rows, avro)?;
        refused.extend(values.refused().clone());
        let keys = self.keys(rows, &mut refused)?;
        let timestamps = self.timestamps(rows, &mut refused)?;
        let partitions = self.partitions(rows, facts, &mut refused)?;
        let headers = self.headers(rows, &mut refused)?;
        let mut records = Records {
            values,
            keys,
            timestamps,
            partitions,
            headers,
            rows: Vec::new(),
            bytes: 0,
        };
        for row in 0..rows.num_rows() {
            if refused.contains_key(&row) {
                continue;
            }
            let bytes = records.size(row);
            let most = facts.max_bytes.unwrap_or(usize::MAX);
            match bytes {
                bytes if bytes > most.min(queue_bytes) => {
                    let (limit, property) = match most <= queue_bytes {
                        true => ("the topic takes", "max.message.bytes"),
                        false => ("a producer's queue takes", "queue.buffering.max.kbytes"),
                    };
                    let most = most.min(queue_bytes);
                    refused.insert(
                        row,
                        format!(
                            "the record has {bytes} bytes with its overhead, and {limit} {most} \
                             ({property})"
                        ),
                    );
                }
                _ => {
                    records.bytes += bytes;
                    records.rows.push(row);
                }
            }
        }
        let refused = (!refused.is_empty()).then(|| Refused {
            rows: (0..rows.num_rows())
                .map(|row| Some(refused.contains_key(&row)))
                .collect::<BooleanArray>(),
            reasons: refused.into_values().collect(),
        });
        Ok((records, refused))
    }

    fn values(&self, rows: &RecordBatch, avro: Option<(&AvroEncoder, u32)>) -> Result<EncodedRows> {
        if self.encoding == Encoding::Plain {
            let column = self.column(Role::Value, rows).ok_or_else(|| {
                let mut roles = self.roles.iter();
                let named = roles.find(|(role, ..)| *role == Role::Value);
                let name = named.map_or("data", |(_, name, _)| name);
                Error::invalid(format!(
                    "the rows have no column `{name}` for the records' values: say which one with \
                     `value` in [sink.config]"
                ))
            })?;
            return plain_values(column);
        }
        self.value_schema(&rows.schema())?;
        let projected = rows.project(&self.value_columns(&rows.schema()));
        let projected = projected.map_err(|error| Error::invalid(error.to_string()))?;
        match (self.encoding, avro) {
            (Encoding::Avro, Some((encoder, id))) => encoder.encode(&projected, &wire_prefix(id)),
            (Encoding::Avro, None) => Err(super::stage::gone()),
            (Encoding::Json | Encoding::Plain, _) => json_objects(&projected),
        }
    }

    fn keys(&self, rows: &RecordBatch, refused: &mut BTreeMap<usize, String>) -> Result<Keys> {
        if let Some(template) = &self.template {
            let filled = template.columns(rows)?;
            let key = |row| match filled.key(row) {
                Ok(key) => key,
                Err(reason) => {
                    refused.entry(row).or_insert(reason);
                    Vec::new()
                }
            };
            return Ok(Keys::Made((0..rows.num_rows()).map(key).collect()));
        }
        let Some(column) = self.column(Role::Key, rows) else {
            return Ok(Keys::None);
        };
        let keys = plain_values(column)?;
        for (row, reason) in keys.refused() {
            refused.entry(*row).or_insert_with(|| reason.clone());
        }
        Ok(Keys::Column(keys))
    }

    fn timestamps(
        &self,
        rows: &RecordBatch,
        refused: &mut BTreeMap<usize, String>,
    ) -> Result<Option<Int64Array>> {
        let Some(column) = self.column(Role::Timestamp, rows) else {
            return Ok(None);
        };
        let times = if column.data_type().is_integer() {
            converted(column, &DataType::Int64)?
        } else {
            let times = converted(column, &DataType::Timestamp(TimeUnit::Millisecond, None))?;
            let times = times.as_primitive_opt::<TimestampMillisecondType>();
            let times = times.ok_or_else(super::stage::gone)?;
            std::sync::Arc::new(times.reinterpret_cast::<Int64Type>()) as ArrayRef
        };
        let times = times.as_primitive_opt::<Int64Type>();
        let times = times.ok_or_else(super::stage::gone)?.clone();
        for row in 0..rows.num_rows() {
            // The library takes a zero for the time of sending.
            let is_time = times.is_valid(row) && times.value(row) > 0;
            if !column.is_null(row) && !is_time {
                let reason = || {
                    "its time is none that a record can have: not after the beginning of 1970, or no time"
                        .to_owned()
                };
                refused.entry(row).or_insert_with(reason);
            }
        }
        Ok(Some(times))
    }

    fn partitions(
        &self,
        rows: &RecordBatch,
        facts: &TopicFacts,
        refused: &mut BTreeMap<usize, String>,
    ) -> Result<Option<Int32Array>> {
        let Some(column) = self.column(Role::Partition, rows) else {
            return Ok(None);
        };
        let numbers = converted(column, &DataType::Int32)?;
        let numbers = numbers.as_primitive_opt::<Int32Type>();
        let numbers = numbers.ok_or_else(super::stage::gone)?.clone();
        for row in 0..rows.num_rows() {
            let is_there =
                numbers.is_valid(row) && (0..facts.partitions).contains(&numbers.value(row));
            if !column.is_null(row) && !is_there {
                let reason = || {
                    format!(
                        "its partition is none of the topic's, which has {}",
                        facts.partitions
                    )
                };
                refused.entry(row).or_insert_with(reason);
            }
        }
        Ok(Some(numbers))
    }

    fn headers(
        &self,
        rows: &RecordBatch,
        refused: &mut BTreeMap<usize, String>,
    ) -> Result<Option<Vec<Headers>>> {
        let Some(column) = self.column(Role::Headers, rows) else {
            return Ok(None);
        };
        let texts = headers::texts(column)?;
        let headers = (0..rows.num_rows()).map(|row| {
            headers::of_row(&texts, row).unwrap_or_else(|reason| {
                refused.entry(row).or_insert(reason);
                Headers::new()
            })
        });
        Ok(Some(headers.collect()))
    }
}

/// Values of another type; null where there is none.
fn converted(column: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    cast(column, to).map_err(|error| Error::invalid(error.to_string()))
}

#[derive(Debug)]
enum Keys {
    None,
    Column(EncodedRows),
    Made(Vec<Vec<u8>>),
}

/// Records of one topic, next to each other.
#[derive(Debug)]
pub struct Records {
    values: EncodedRows,
    keys: Keys,
    timestamps: Option<Int64Array>,
    partitions: Option<Int32Array>,
    headers: Option<Vec<Headers>>,
    /// Those that are sent.
    rows: Vec<usize>,
    pub(super) bytes: usize,
}

impl Records {
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    fn record(&self, row: usize) -> Record<'_> {
        Record {
            value: self.values.get(row),
            key: match &self.keys {
                Keys::None => None,
                Keys::Column(keys) => keys.get(row),
                Keys::Made(keys) => keys.get(row).map(Vec::as_slice),
            },
            partition: self
                .partitions
                .as_ref()
                .filter(|numbers| numbers.is_valid(row))
                .map(|numbers| numbers.value(row)),
            timestamp: self
                .timestamps
                .as_ref()
                .filter(|times| times.is_valid(row))
                .map(|times| times.value(row)),
            headers: self
                .headers
                .as_ref()
                .and_then(|headers| headers.get(row))
                .map_or(&[], Vec::as_slice),
        }
    }

    /// Bytes that a record takes, at most.
    fn size(&self, row: usize) -> usize {
        let record = self.record(row);
        let of_headers = record.headers.iter().map(|(name, value)| {
            name.as_bytes().len() + value.as_ref().map_or(0, Vec::len) + HEADER_OVERHEAD_BYTES
        });
        record.value.map_or(0, <[u8]>::len)
            + record.key.map_or(0, <[u8]>::len)
            + of_headers.sum::<usize>()
            + RECORD_OVERHEAD_BYTES
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Record<'_>> {
        self.rows.iter().map(|row| self.record(*row))
    }
}
