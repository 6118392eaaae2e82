//! Arrow, one IPC stream a message, with any number of rows.
//!
//! A stream is checked in full before a row of it is believed, and its rows go in together or not at
//! all. Columns are found by name: those that a message lacks are null, new ones come at the end.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, new_null_array};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use async_trait::async_trait;
use tokio::task::spawn_blocking;
use wasm_sink_core::Result;
use wasm_sink_core::guest::fit::{exactly, goes_into};
use wasm_sink_core::guest::read_stream;

use super::text::bug;
use super::{DecodedMessages, MessageDecoder, Messages, UndecodableMessage};
use crate::avro::types::grown;
use crate::decoded::{MAX_CELLS, UnknownFields};
use crate::evolution::Evolution;
use crate::shape::MAX_FIELDS;

/// Decodes streams.
#[derive(Debug)]
pub(super) struct IpcDecoder(Evolution);

impl IpcDecoder {
    /// `schema` is the user's, if there is one.
    pub(super) fn new(schema: Option<SchemaRef>) -> Self {
        Self(match schema {
            Some(schema) => Evolution::given(schema),
            None => Evolution::inferred(Arc::new(Schema::empty())),
        })
    }
}

#[async_trait]
impl MessageDecoder for IpcDecoder {
    async fn decode(&mut self, messages: &Messages, from: usize) -> Result<DecodedMessages> {
        let (evolution, all) = (self.0.clone(), messages.clone());
        let decoding = spawn_blocking(move || Work::new(evolution).run(&all, from));
        let decoding = decoding
            .await
            .map_err(|error| bug("decoding stopped half way").with_source(error))?;
        let (schema, decoded) = decoding
            .map_err(|error| bug("decoded columns do not fit together").with_source(error))?;
        self.0.current = schema;
        Ok(decoded)
    }
}

/// What decoding needs, off the thread that asks for it.
struct Work {
    schema: SchemaRef,
    unknown: UnknownFields,
    /// Good streams so far, each with the number of its message.
    batches: Vec<(u32, RecordBatch)>,
    undecodable: Vec<(u32, String)>,
    cells: usize,
}

impl Work {
    fn new(evolution: Evolution) -> Self {
        Self {
            schema: evolution.current,
            unknown: evolution.unknown,
            batches: Vec::new(),
            undecodable: Vec::new(),
            cells: 0,
        }
    }

    fn run(
        mut self,
        messages: &Messages,
        from: usize,
    ) -> Result<(SchemaRef, DecodedMessages), arrow::error::ArrowError> {
        let mut next = from;
        while next < messages.len() && self.cells < MAX_CELLS {
            let message = next as u32;
            match self.read(messages.get(next)) {
                Ok(batch) => {
                    self.cells += batch.num_rows() * batch.num_columns().max(1);
                    self.batches.push((message, batch));
                }
                Err(reason) => self.undecodable.push((message, reason)),
            }
            next += 1;
        }
        let mut undecodable = self.undecodable;
        let mut numbers = Vec::new();
        let mut fitted = Vec::with_capacity(self.batches.len());
        for (message, batch) in self.batches {
            match fit(&batch, &self.schema) {
                Ok(batch) => {
                    numbers.extend(std::iter::repeat_n(message, batch.num_rows()));
                    fitted.push(batch);
                }
                Err(reason) => undecodable.push((message, reason)),
            }
        }
        undecodable.sort_by_key(|(message, _)| *message);
        let undecodable = undecodable.into_iter().map(|(message, reason)| {
            let before = numbers.partition_point(|number| *number < message);
            UndecodableMessage {
                after_rows: before as u32,
                message,
                reason,
            }
        });
        let rows = concat_batches(&self.schema, &fitted)?;
        let decoded = DecodedMessages {
            memory_bytes: rows.get_array_memory_size() + numbers.len() * size_of::<u32>(),
            undecodable: undecodable.collect(),
            rows,
            messages: numbers,
            end: next,
        };
        Ok((self.schema, decoded))
    }

    /// Reads a stream, and takes up what columns it brings.
    fn read(&mut self, payload: Option<&[u8]>) -> Result<RecordBatch, String> {
        let Some(payload) = payload else {
            // Without columns: all are missing, and null.
            let options = RecordBatchOptions::new().with_row_count(Some(1));
            let empty = Arc::new(Schema::empty());
            return RecordBatch::try_new_with_options(empty, Vec::new(), &options)
                .map_err(|error| error.to_string());
        };
        let batch = read_stream(payload.to_vec())
            .map_err(|reason| format!("not an Arrow IPC stream that can be taken: {reason}"))?;
        if self.unknown == UnknownFields::Ignore {
            return Ok(batch);
        }
        let schema = batch.schema();
        let fields: Vec<_> = schema.fields().iter().filter_map(column).collect();
        if let Some(grown) = grown(self.schema.fields(), &fields) {
            self.schema = Arc::new(Schema::new(grown));
        }
        match fields
            .iter()
            .find(|field| self.schema.fields().find(field.name()).is_none())
        {
            Some(field) => Err(format!(
                "the field `{}` is new, and there are {MAX_FIELDS} columns already: name the columns \
                 that you want in `schema`",
                field.name()
            )),
            None => Ok(batch),
        }
    }
}

/// A field as a column: null where a later message lacks it, and none where it has no values.
fn column(field: &FieldRef) -> Option<FieldRef> {
    (field.data_type() != &DataType::Null).then(|| nullable(field))
}

/// A field that allows nulls, also within.
fn nullable(field: &FieldRef) -> FieldRef {
    Arc::new(Field::new(field.name(), open(field.data_type()), true))
}

/// A type that allows nulls within.
fn open(of: &DataType) -> DataType {
    match of {
        DataType::Struct(members) => DataType::Struct(members.iter().map(nullable).collect()),
        DataType::List(item) => DataType::List(nullable(item)),
        DataType::LargeList(item) => DataType::LargeList(nullable(item)),
        DataType::FixedSizeList(item, size) => DataType::FixedSizeList(nullable(item), *size),
        DataType::Map(entries, is_sorted) => match entries.data_type() {
            DataType::Struct(pair) if pair.len() == 2 => {
                let pair = vec![Arc::clone(&pair[0]), nullable(&pair[1])];
                let pair = DataType::Struct(pair.into());
                let entries = entries.as_ref().clone().with_data_type(pair);
                DataType::Map(Arc::new(entries), *is_sorted)
            }
            _ => of.clone(),
        },
        _ => of.clone(),
    }
}

/// The rows of one message in these columns.
fn fit(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, String> {
    let rows = batch.num_rows();
    let columns = schema.fields().iter().map(|field| {
        let values = match batch.column_by_name(field.name()) {
            Some(values) => converted(values, field)?,
            None => new_null_array(field.data_type(), rows),
        };
        let nulls = values.logical_null_count();
        match !field.is_nullable() && nulls > 0 {
            true => Err(format!(
                "`{}` allows no null, and {nulls} of its {rows} rows have none",
                field.name()
            )),
            false => Ok(values),
        }
    });
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)
        .map_err(|error| error.to_string())
}

fn converted(values: &ArrayRef, field: &Field) -> Result<ArrayRef, String> {
    let (from, to) = (values.data_type(), field.data_type());
    let name = wasm_sink_core::data_type::name;
    if !goes_into(from, to) {
        return Err(format!(
            "`{}` takes {}, and the message has {}",
            field.name(),
            name(to),
            name(from)
        ));
    }
    let converted = exactly(values, to).map_err(|lost| {
        let row = lost.set_indices().next().unwrap_or_default();
        format!(
            "`{}` takes {}, and row {} of the message has a value that is none",
            field.name(),
            name(to),
            row + 1
        )
    })?;
    match converted.data_type() == to {
        true => Ok(converted),
        false => Err(format!("`{}` takes {}", field.name(), name(to))),
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{
        Array, AsArray, Float64Array, Int32Array, Int64Array, StringArray, StructArray,
    };
    use arrow::datatypes::Int64Type;
    use arrow::ipc::writer::StreamWriter;

    use super::*;
    use crate::message::{MessagesBuilder, is_last_of_message};

    fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
        RecordBatch::try_from_iter(columns).unwrap()
    }

    fn stream(batches: &[RecordBatch]) -> Vec<u8> {
        let mut writer = StreamWriter::try_new(Vec::new(), batches[0].schema_ref()).unwrap();
        for batch in batches {
            writer.write(batch).unwrap();
        }
        writer.into_inner().unwrap()
    }

    fn messages(payloads: &[Option<Vec<u8>>]) -> Messages {
        let mut builder = MessagesBuilder::default();
        for payload in payloads {
            assert!(builder.push(payload.as_deref()));
        }
        builder.finish()
    }

    fn numbers(values: &[i32]) -> ArrayRef {
        Arc::new(Int32Array::from(values.to_vec()))
    }

    #[tokio::test]
    async fn a_message_has_any_number_of_rows() {
        let two = batch(vec![("a", numbers(&[1, 2]))]);
        let wider: ArrayRef = Arc::new(Int64Array::from(vec![1 << 40]));
        let text: ArrayRef = Arc::new(StringArray::from(vec!["x"]));
        let truncated = stream(std::slice::from_ref(&two));
        let truncated = truncated[..truncated.len() / 2].to_vec();
        let all = messages(&[
            Some(stream(&[two.clone(), two.clone()])),
            Some(truncated),
            Some(stream(&[two.slice(0, 0)])),
            None,
            Some(stream(&[batch(vec![("b", text.clone()), ("a", wider)])])),
            Some(stream(&[batch(vec![("a", text)])])),
            Some(b"not arrow".to_vec()),
        ]);
        let mut decoder = IpcDecoder::new(None);
        let decoded = decoder.decode(&all, 0).await.unwrap();
        let column = decoded.rows.column_by_name("a").unwrap();
        let values: Vec<_> = column.as_primitive::<Int64Type>().iter().collect();
        let two = [Some(1), Some(2)];
        assert_eq!(values, [&two[..], &two, &[None, Some(1 << 40)]].concat());
        assert_eq!(decoded.messages, [0, 0, 0, 0, 3, 4]);
        let last: Vec<_> = (0..6)
            .map(|row| is_last_of_message(&decoded.messages, row))
            .collect();
        assert_eq!(last, [false, false, false, true, true, true]);
        let letters = decoded.undecodable.iter();
        let letters: Vec<_> = letters.map(|one| (one.after_rows, one.message)).collect();
        assert_eq!(letters, [(4, 1), (6, 5), (6, 6)]);
        let reason = &decoded.undecodable[1].reason;
        assert_eq!(reason, "`a` takes int64, and the message has utf8");
    }

    #[tokio::test]
    async fn structs_grow_within() {
        let whole = |name: &str| Arc::new(Field::new(name, DataType::Int32, false));
        let inner = |names: &[&str]| -> ArrayRef {
            let columns = names.iter().map(|name| (whole(name), numbers(&[7])));
            Arc::new(StructArray::from(columns.collect::<Vec<_>>()))
        };
        let all = messages(&[
            Some(stream(&[batch(vec![("s", inner(&["a"]))])])),
            Some(stream(&[batch(vec![("s", inner(&["b", "a"]))])])),
            None,
        ]);
        let decoded = IpcDecoder::new(None).decode(&all, 0).await.unwrap();
        assert_eq!(decoded.undecodable, []);
        let structs = decoded.rows.column(0).as_struct();
        let nulls = |column: usize| structs.column(column).logical_null_count();
        assert_eq!((structs.num_columns(), nulls(0), nulls(1)), (2, 1, 2));
    }

    #[tokio::test]
    async fn a_named_schema_is_all_there_is() {
        let schema = Arc::new(Schema::new(vec![Field::new("a", DataType::Int32, false)]));
        let mut decoder = IpcDecoder::new(Some(Arc::clone(&schema)));
        let halves: ArrayRef = Arc::new(Float64Array::from(vec![1.0, 1.5]));
        let whole: ArrayRef = Arc::new(Float64Array::from(vec![1.0, 2.0]));
        let all = messages(&[
            Some(stream(&[batch(vec![("a", halves)])])),
            Some(stream(&[batch(vec![("b", whole.clone()), ("a", whole)])])),
            None,
        ]);
        let decoded = decoder.decode(&all, 0).await.unwrap();
        assert_eq!(decoded.rows.schema(), schema);
        assert_eq!(decoded.messages, [1, 1]);
        let reasons: Vec<_> = decoded.undecodable.iter().map(|one| &one.reason).collect();
        assert_eq!(
            reasons,
            [
                "`a` takes int32, and row 2 of the message has a value that is none",
                "`a` allows no null, and 1 of its 1 rows have none"
            ]
        );
    }

    #[tokio::test]
    async fn bytes_that_were_changed_harm_no_other_message() {
        let mut random = fastrand::Rng::with_seed(11);
        let text: ArrayRef = Arc::new(StringArray::from(vec![Some("x"), None, Some("long")]));
        let good = stream(&[batch(vec![("a", numbers(&[1, 2, 3])), ("b", text)])]);
        for _ in 0..300 {
            let mut bad = good.clone();
            for _ in 0..random.usize(1..4) {
                let at = random.usize(..bad.len());
                bad[at] = random.u8(..);
            }
            bad.truncate(random.usize(bad.len() / 2..=bad.len()));
            let all = messages(&[Some(good.clone()), Some(bad), Some(good.clone())]);
            let decoded = IpcDecoder::new(None).decode(&all, 0).await.unwrap();
            let of = |message| decoded.messages.iter().filter(|of| **of == message).count();
            assert_eq!((of(0), of(2)), (3, 3));
        }
    }
}
