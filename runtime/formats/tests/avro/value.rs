//! Values of columns as JSON, by Arrow's own arrays: units as numbers, decimals as their digits, bytes
//! in hex.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Decimal128Type, Float32Type, Float64Type, Int64Type};
use serde_json::{Map, Value, json};

/// All rows.
pub fn rows(batch: &RecordBatch) -> Vec<Value> {
    let schema = batch.schema();
    let row = |row| {
        let members = schema.fields().iter().zip(batch.columns());
        let members: Map<_, _> = members
            .map(|(field, column)| (field.name().clone(), value(column, row)))
            .collect();
        Value::Object(members)
    };
    (0..batch.num_rows()).map(row).collect()
}

fn hex(bytes: &[u8]) -> Value {
    let digits: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Value::String(digits.concat())
}

fn value(array: &ArrayRef, row: usize) -> Value {
    if array.is_null(row) {
        return Value::Null;
    }
    match array.data_type() {
        DataType::Boolean => json!(array.as_boolean().value(row)),
        DataType::Utf8 => json!(array.as_string::<i32>().value(row)),
        DataType::Binary => hex(array.as_binary::<i32>().value(row)),
        DataType::FixedSizeBinary(_) => hex(array.as_fixed_size_binary().value(row)),
        DataType::Float32 => json!(array.as_primitive::<Float32Type>().value(row)),
        DataType::Float64 => json!(array.as_primitive::<Float64Type>().value(row)),
        DataType::Decimal128(..) => {
            json!(array.as_primitive::<Decimal128Type>().value_as_string(row))
        }
        DataType::List(_) => {
            let items = array.as_list::<i32>().value(row);
            Value::Array((0..items.len()).map(|item| value(&items, item)).collect())
        }
        DataType::Struct(fields) => {
            let columns = array.as_struct().columns();
            let members = fields.iter().zip(columns);
            let members: Map<_, _> = members
                .map(|(field, column)| (field.name().clone(), value(column, row)))
                .collect();
            Value::Object(members)
        }
        DataType::Map(..) => {
            let entries = array.as_map().value(row);
            let keys = entries.column(0).as_string::<i32>();
            let members: Map<_, _> = (0..entries.len())
                .map(|entry| {
                    (
                        keys.value(entry).to_owned(),
                        value(entries.column(1), entry),
                    )
                })
                .collect();
            Value::Object(members)
        }
        DataType::Date32 | DataType::Time32(_) => {
            let days = cast(&cast(array, &DataType::Int32).unwrap(), &DataType::Int64).unwrap();
            json!(days.as_primitive::<Int64Type>().value(row))
        }
        _ => {
            let whole = cast(array, &DataType::Int64).unwrap();
            json!(whole.as_primitive::<Int64Type>().value(row))
        }
    }
}
