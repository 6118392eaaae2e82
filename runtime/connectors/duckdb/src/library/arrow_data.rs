//! Rows across the C data interface.

use std::ffi::c_char;
use std::ptr;
use std::sync::Arc;

use arrow::array::{RecordBatch, StructArray};
use arrow::datatypes::{DataType, Schema, SchemaRef};
use arrow::ffi::{FFI_ArrowArray, FFI_ArrowSchema, from_ffi};
use libduckdb_sys as ffi;

use super::{Failure, Result};

/// A column's type as the library has it.
pub(super) struct LogicalType(pub(super) ffi::duckdb_logical_type);

impl Drop for LogicalType {
    fn drop(&mut self) {
        // SAFETY: given to us, destroyed once.
        unsafe { ffi::duckdb_destroy_logical_type(&mut self.0) }
    }
}

/// Rows as the library has them.
pub(super) struct Chunk(pub(super) ffi::duckdb_data_chunk);

impl Drop for Chunk {
    fn drop(&mut self) {
        // SAFETY: given to us, destroyed once.
        unsafe { ffi::duckdb_destroy_data_chunk(&mut self.0) }
    }
}

struct Options(ffi::duckdb_arrow_options);

impl Drop for Options {
    fn drop(&mut self) {
        // SAFETY: given to us, destroyed once.
        unsafe { ffi::duckdb_destroy_arrow_options(&mut self.0) }
    }
}

/// The columns of an answer.
pub(super) struct Shape {
    options: Options,
    schema: SchemaRef,
}

impl Shape {
    /// # Safety
    /// An answer that did not fail and is alive.
    pub(super) unsafe fn of_answer(answer: *mut ffi::duckdb_result) -> Result<Self> {
        // SAFETY: as promised; names live as long as the answer, types are ours.
        let (options, columns, mut names) = unsafe {
            let options = Options(ffi::duckdb_result_get_arrow_options(answer));
            let count = ffi::duckdb_column_count(answer);
            let types: Vec<_> = (0..count)
                .map(|column| LogicalType(ffi::duckdb_column_logical_type(answer, column)))
                .collect();
            let names: Vec<*const c_char> = (0..count)
                .map(|column| ffi::duckdb_column_name(answer, column))
                .collect();
            (options, types, names)
        };
        let mut types: Vec<_> = columns.iter().map(|column| column.0).collect();
        let mut schema = FFI_ArrowSchema::empty();
        // SAFETY: two lists of `count` entries that outlive the call, and a place for the schema, whose
        // layout is the C data interface's on both sides.
        unsafe {
            Failure::check(ffi::duckdb_to_arrow_schema(
                options.0,
                types.as_mut_ptr(),
                names.as_mut_ptr(),
                types.len() as ffi::idx_t,
                ptr::from_mut(&mut schema).cast::<ffi::ArrowSchema>(),
            ))?;
        }
        let schema = Schema::try_from(&schema).map_err(Failure::ours)?;
        Ok(Self {
            options,
            schema: Arc::new(schema),
        })
    }

    pub(super) fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// # Safety
    /// A chunk of the answer that this is the shape of; it is taken.
    pub(super) unsafe fn rows(&mut self, chunk: ffi::duckdb_data_chunk) -> Result<RecordBatch> {
        let chunk = Chunk(chunk);
        let mut array = FFI_ArrowArray::empty();
        // SAFETY: a chunk that is alive, and a place for the rows.
        unsafe {
            Failure::check(ffi::duckdb_data_chunk_to_arrow(
                self.options.0,
                chunk.0,
                ptr::from_mut(&mut array).cast::<ffi::ArrowArray>(),
            ))?;
        }
        let fields = DataType::Struct(self.schema.fields().clone());
        let described = FFI_ArrowSchema::try_from(&fields).map_err(Failure::ours)?;
        // SAFETY: the library made the array for this schema.
        let rows = unsafe { from_ffi(array, &described) }.map_err(Failure::ours)?;
        Ok(RecordBatch::from(StructArray::from(rows)))
    }
}

/// A schema of ours, as the library reads it.
pub(super) struct Converted(ffi::duckdb_arrow_converted_schema);

impl Drop for Converted {
    fn drop(&mut self) {
        // SAFETY: given to us, destroyed once.
        unsafe { ffi::duckdb_destroy_arrow_converted_schema(&mut self.0) }
    }
}

impl Converted {
    /// # Safety
    /// A connection that is alive.
    pub(super) unsafe fn new(connection: ffi::duckdb_connection, schema: &Schema) -> Result<Self> {
        let mut described = FFI_ArrowSchema::try_from(schema).map_err(Failure::ours)?;
        let mut converted = Self(ptr::null_mut());
        // SAFETY: a live connection; a schema that outlives the call and is released by its own drop.
        unsafe {
            Failure::check(ffi::duckdb_schema_from_arrow(
                connection,
                ptr::from_mut(&mut described).cast::<ffi::ArrowSchema>(),
                &mut converted.0,
            ))?;
        }
        Ok(converted)
    }

    /// # Safety
    /// The connection that this was made with, alive.
    pub(super) unsafe fn chunk(
        &self,
        connection: ffi::duckdb_connection,
        rows: &RecordBatch,
    ) -> Result<Chunk> {
        let rows = StructArray::from(rows.clone());
        let mut array = FFI_ArrowArray::new(&rows.into());
        let mut chunk = Chunk(ptr::null_mut());
        // SAFETY: a live connection; an array of this schema, which the call takes over by clearing its
        // `release`, so that our own drop does nothing.
        unsafe {
            Failure::check(ffi::duckdb_data_chunk_from_arrow(
                connection,
                ptr::from_mut(&mut array).cast::<ffi::ArrowArray>(),
                self.0,
                &mut chunk.0,
            ))?;
        }
        Ok(chunk)
    }

    /// The types of the columns.
    ///
    /// # Safety
    /// The connection that this was made with, alive.
    pub(super) unsafe fn types(
        &self,
        connection: ffi::duckdb_connection,
        schema: &SchemaRef,
    ) -> Result<Vec<LogicalType>> {
        let nothing = RecordBatch::new_empty(Arc::clone(schema));
        // SAFETY: as promised; vectors live as long as their chunk, types are ours.
        unsafe {
            let chunk = self.chunk(connection, &nothing)?;
            let columns = 0..schema.fields().len() as ffi::idx_t;
            Ok(columns
                .map(|column| {
                    let vector = ffi::duckdb_data_chunk_get_vector(chunk.0, column);
                    LogicalType(ffi::duckdb_vector_get_column_type(vector))
                })
                .collect())
        }
    }
}
