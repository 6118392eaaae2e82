//! The sample, and what becomes of it.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, RecordBatch, RecordBatchOptions, StringArray, UInt32Array, new_null_array,
};
use arrow::compute::take_record_batch;
use arrow::datatypes::{DataType, Field, Schema};
use arrow::error::ArrowError;
use chrono::TimeDelta;
use wasm_sink_core::{Blame, Error, Kind, Lineage, Result, Rows, SourceBatch};
use wasm_sink_core::{MetadataKey, Position};

/// Rows that are many.
const MANY: u32 = 100_000;

/// A sample of rows, with where they are from.
#[derive(Debug)]
pub(super) struct Sample(Arc<SourceBatch>);

/// The sample with something changed.
pub(super) struct Variation {
    /// What was changed, for a person.
    pub(super) what: String,
    pub(super) rows: Rows,
}

impl Sample {
    pub(super) fn new(batch: SourceBatch) -> Self {
        Self(Arc::new(batch))
    }

    /// The same rows, read an hour later: a clock shows another time, and nothing else differs.
    pub(super) fn later(&self) -> Self {
        let original = &self.0;
        Self(Arc::new(SourceBatch {
            key: original.key.clone(),
            begin: original.begin.clone(),
            end: original.end.clone(),
            rows: original.rows.clone(),
            lineage: Arc::clone(&original.lineage),
            undecodable: original.undecodable.clone(),
            at: original.at + TimeDelta::hours(1),
            bytes: original.bytes,
            reservation: None,
        }))
    }

    pub(super) fn len(&self) -> usize {
        self.0.rows.num_rows()
    }

    /// In a few batches.
    pub(super) fn batches(&self) -> Vec<Rows> {
        let all = Rows::whole(Arc::clone(&self.0));
        let each = self.len().div_ceil(3).max(1);
        (0..self.len())
            .step_by(each)
            .map(|from| all.slice(from, each.min(all.len() - from)))
            .collect()
    }

    pub(super) fn whole(&self) -> Rows {
        Rows::whole(Arc::clone(&self.0))
    }

    pub(super) fn none(&self) -> Rows {
        self.whole().slice(0, 0)
    }

    /// The rows again and again, as one batch.
    pub(super) fn many(&self) -> Result<Rows> {
        let length = self.len() as u32;
        let rows = UInt32Array::from_iter_values((0..MANY).map(|row| row % length));
        let values = take_record_batch(&self.0.rows, &rows).map_err(failed)?;
        Ok(self.other(values, rows))
    }

    /// Each column once with nothing but nulls.
    pub(super) fn with_nulls(&self) -> Result<Vec<Variation>> {
        let schema = self.0.rows.schema();
        let columns = schema.fields().iter().enumerate();
        columns
            .map(|(index, field)| {
                let nulls = new_null_array(field.data_type(), self.len());
                let field = field.as_ref().clone().with_nullable(true);
                Ok(Variation {
                    what: format!("with nothing but nulls in `{}`", field.name()),
                    rows: self.with(index, field, nulls)?,
                })
            })
            .collect()
    }

    /// A column more, each once not there, each once as text or as a number.
    pub(super) fn with_other_columns(&self) -> Result<Vec<Variation>> {
        let values = &self.0.rows;
        let schema = values.schema();
        let mut variations = Vec::new();
        let more = Field::new("a_new_column", DataType::Utf8, true);
        let text: ArrayRef = Arc::new(StringArray::from_iter_values(std::iter::repeat_n(
            "new",
            self.len(),
        )));
        let mut fields: Vec<Field> = schema.fields().iter().map(|f| f.as_ref().clone()).collect();
        fields.push(more);
        let mut columns = values.columns().to_vec();
        columns.push(text);
        variations.push(Variation {
            what: "with a column more (`a_new_column`)".to_owned(),
            rows: self.same(batch(fields, columns, self.len())?),
        });
        for (index, field) in schema.fields().iter().enumerate() {
            let rest: Vec<usize> = (0..schema.fields().len()).filter(|i| *i != index).collect();
            variations.push(Variation {
                what: format!("without the column `{}`", field.name()),
                rows: self.same(values.project(&rest).map_err(failed)?),
            });
            let other = match field.data_type() {
                DataType::Utf8 => DataType::Int64,
                _ => DataType::Utf8,
            };
            let column = match &other {
                DataType::Utf8 => {
                    let texts = std::iter::repeat_n("text", self.len());
                    Arc::new(StringArray::from_iter_values(texts)) as ArrayRef
                }
                other => new_null_array(other, self.len()),
            };
            variations.push(Variation {
                what: format!(
                    "with `{}` as {}",
                    field.name(),
                    wasm_sink_core::data_type::name(&other)
                ),
                rows: self.with(index, Field::new(field.name(), other, true), column)?,
            });
        }
        Ok(variations)
    }

    fn with(&self, index: usize, field: Field, column: ArrayRef) -> Result<Rows> {
        let schema = self.0.rows.schema();
        let mut fields: Vec<Field> = schema.fields().iter().map(|f| f.as_ref().clone()).collect();
        let mut columns = self.0.rows.columns().to_vec();
        fields[index] = field;
        columns[index] = column;
        Ok(self.same(batch(fields, columns, self.len())?))
    }

    /// Other values for the same rows.
    fn same(&self, values: RecordBatch) -> Rows {
        let rows = UInt32Array::from_iter_values(0..values.num_rows() as u32);
        self.other(values, rows)
    }

    fn other(&self, values: RecordBatch, of: UInt32Array) -> Rows {
        let original = &self.0;
        let lineage = Repeated {
            original: Arc::clone(original),
            of,
        };
        Rows::whole(Arc::new(SourceBatch {
            key: original.key.clone(),
            begin: original.begin.clone(),
            end: original.end.clone(),
            bytes: values.get_array_memory_size(),
            rows: values,
            lineage: Arc::new(lineage),
            undecodable: Vec::new(),
            at: original.at,
            reservation: None,
        }))
    }
}

fn batch(fields: Vec<Field>, columns: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    let schema = Arc::new(Schema::new(fields));
    RecordBatch::try_new_with_options(schema, columns, &options).map_err(failed)
}

fn failed(error: ArrowError) -> Error {
    let message = "the sample could not be varied; this is a bug in wasm-sink, please report it";
    Error::new(Kind::Other, Blame::Host, message).with_source(error)
}

/// Rows that stand for rows of the sample.
#[derive(Debug)]
struct Repeated {
    original: Arc<SourceBatch>,
    of: UInt32Array,
}

impl Repeated {
    fn row(&self, row: u32) -> u32 {
        self.of.values().get(row as usize).copied().unwrap_or(0)
    }
}

impl Lineage for Repeated {
    fn position_after(&self, row: u32) -> Option<Position> {
        (row as usize + 1 == self.of.len()).then(|| self.original.end.clone())
    }

    fn origin(&self, row: u32) -> wasm_sink_core::dead_letter::RowOrigin {
        self.original.lineage.origin(self.row(row))
    }

    fn raw(&self, row: u32) -> Option<bytes::Bytes> {
        self.original.lineage.raw(self.row(row))
    }

    fn metadata(&self, key: MetadataKey, rows: &UInt32Array) -> Option<ArrayRef> {
        let rows = UInt32Array::from_iter_values(rows.values().iter().map(|row| self.row(*row)));
        self.original.lineage.metadata(key, &rows)
    }
}
