//! Which columns of a file are worth a dictionary. Filling one with values that are nearly all
//! different takes half the time of writing the file, and hardly makes it smaller: each value stands
//! in it about once, or it outgrows its page and Parquet's writer gives it up by itself.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::{partition, sort};
use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use parquet::schema::types::{ColumnPath, SchemaDescriptor};

/// So many values of a column are looked at.
const SAMPLED_VALUES: usize = 4096;
/// Fewer say nothing, and are soon encoded either way.
const FEWEST_VALUES: usize = 2048;
/// In a hundred values, of a column that goes without.
const DIFFERENT_PERCENT: usize = 95;

/// The columns that go without one, judged by some of its rows.
pub(super) fn without(rows: &RecordBatch, file: &SchemaDescriptor) -> Vec<ColumnPath> {
    let mut leaves = Vec::with_capacity(file.num_columns());
    for column in rows.columns() {
        push_leaves(column, &mut leaves);
    }
    leaves
        .iter()
        .zip(file.columns())
        .filter(|(values, _)| are_mostly_different(values).unwrap_or(false))
        .map(|(_, column)| column.path().clone())
        .collect()
}

/// In the order of the columns of a file.
fn push_leaves(column: &ArrayRef, leaves: &mut Vec<ArrayRef>) {
    match column.data_type() {
        DataType::Struct(_) => {
            for field in column.as_struct().columns() {
                push_leaves(field, leaves);
            }
        }
        DataType::List(_) => {
            let list = column.as_list::<i32>();
            push_leaves(&within(list.values(), list.value_offsets()), leaves);
        }
        DataType::Map(..) => {
            let map = column.as_map();
            for entries in [map.keys(), map.values()] {
                push_leaves(&within(entries, map.value_offsets()), leaves);
            }
        }
        _ => leaves.push(column.clone()),
    }
}

/// Of a list's items those that its offsets name.
fn within(items: &ArrayRef, offsets: &[i32]) -> ArrayRef {
    let at = |offset: Option<&i32>| offset.map_or(0, |offset| *offset as usize);
    let (from, to) = (at(offsets.first()), at(offsets.last()));
    items.slice(from, to - from)
}

fn are_mostly_different(values: &ArrayRef) -> Result<bool, ArrowError> {
    let sample = values.slice(0, values.len().min(SAMPLED_VALUES));
    let known = sample.len() - sample.null_count();
    if known < FEWEST_VALUES {
        return Ok(false);
    }
    let different = partition(&[sort(&sample, None)?])?.len();
    Ok(different * 100 > known * DIFFERENT_PERCENT)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Float64Array, Int64Array, ListArray, StringArray, StructArray};
    use arrow::datatypes::Int64Type;
    use parquet::arrow::ArrowSchemaConverter;

    use super::*;

    fn judged(columns: Vec<(&str, ArrayRef)>) -> Vec<String> {
        let rows = RecordBatch::try_from_iter(columns).unwrap();
        let file = ArrowSchemaConverter::new().convert(&rows.schema()).unwrap();
        let paths = without(&rows, &file);
        paths.iter().map(ColumnPath::string).collect()
    }

    #[test]
    fn values_that_repeat_have_a_dictionary() {
        let rows = 0..5000_i64;
        let unique: ArrayRef = Arc::new(Int64Array::from_iter(rows.clone()));
        let country = rows.clone().map(|row| format!("c{}", row % 7));
        let country: ArrayRef = Arc::new(StringArray::from_iter_values(country));
        let product: ArrayRef = Arc::new(Int64Array::from_iter(rows.clone().map(|row| row % 3500)));
        let sparse = rows.clone().map(|row| (row < 100).then_some(row as f64));
        let sparse: ArrayRef = Arc::new(Float64Array::from_iter(sparse));
        let person = StructArray::try_from(vec![
            ("country", country.clone()),
            ("number", unique.clone()),
        ]);
        let lists = rows.map(|row| Some([Some(row), Some(row + 50_000)]));
        // Cut off at the front, as a slice of a larger batch is.
        let lists = ListArray::from_iter_primitive::<Int64Type, _, _>(lists).slice(2500, 2500);
        let person: ArrayRef = Arc::new(person.unwrap());
        assert_eq!(
            judged(vec![
                ("id", unique),
                ("country", country),
                ("product", product),
                ("sparse", sparse),
                ("person", person),
            ]),
            ["id", "person.number"]
        );
        assert_eq!(
            judged(vec![("tags", Arc::new(lists) as ArrayRef)]),
            ["tags.list.item"]
        );
    }
}
