//! What rows come to once they are written out: columns may share memory, values may stand for each other, and then
//! what is written (a stream, a record as text, rows on the wire) is a multiple of what is held.

use arrow::array::{
    Array, ArrayRef, AsArray, GenericListArray, GenericListViewArray, OffsetSizeTrait, RecordBatch,
    RunArray,
};
use arrow::datatypes::{
    ArrowNativeType, DataType, Field, Int16Type, Int32Type, Int64Type, RunEndIndexType,
};

/// A value's length, a delimiter or the sign for null, in whatever format.
const CELL_BYTES: usize = 4;

/// All of a batch in a format that writes each value, with the name of its column.
pub(super) fn written_bytes(batch: &RecordBatch) -> usize {
    let fields = batch.schema_ref().fields().iter();
    let columns = fields.zip(batch.columns()).map(|(field, column)| {
        let cells = (CELL_BYTES + name_bytes(field)).saturating_mul(batch.num_rows());
        plain_bytes(column).saturating_add(cells)
    });
    columns.fold(0, usize::saturating_add)
}

/// Those of what is inside included.
fn name_bytes(field: &Field) -> usize {
    let inside = match field.data_type() {
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::ListView(item)
        | DataType::LargeListView(item)
        | DataType::FixedSizeList(item, _)
        | DataType::Map(item, _)
        | DataType::RunEndEncoded(_, item) => name_bytes(item),
        DataType::Struct(members) => members.iter().map(|member| name_bytes(member)).sum(),
        _ => 0,
    };
    field.name().len() + inside
}

/// The values in plain types: without dictionaries, views and run ends, at any depth.
pub(super) fn plain_bytes(array: &ArrayRef) -> usize {
    match array.data_type() {
        DataType::Utf8View => {
            let lengths = array.as_string_view().lengths();
            lengths.fold(0, |all, length| all + 4 + length as usize)
        }
        DataType::BinaryView => {
            let lengths = array.as_binary_view().lengths();
            lengths.fold(0, |all, length| all + 4 + length as usize)
        }
        DataType::Dictionary(..) => match array.as_any_dictionary_opt() {
            Some(dictionary) if !dictionary.values().is_empty() => {
                let each = each_bytes(dictionary.values());
                let keys = dictionary.normalized_keys().into_iter();
                let bytes = keys.map(|key| each.get(key).copied().unwrap_or_default());
                bytes.fold(0, usize::saturating_add)
            }
            _ => 0,
        },
        DataType::RunEndEncoded(ends, _) => match ends.data_type() {
            DataType::Int16 => run_bytes::<Int16Type>(array),
            DataType::Int32 => run_bytes::<Int32Type>(array),
            _ => run_bytes::<Int64Type>(array),
        },
        DataType::List(_) => list_bytes(array.as_list::<i32>()),
        DataType::LargeList(_) => list_bytes(array.as_list::<i64>()),
        DataType::ListView(_) => list_view_bytes(array.as_list_view::<i32>()),
        DataType::LargeListView(_) => list_view_bytes(array.as_list_view::<i64>()),
        DataType::FixedSizeList(..) => plain_bytes(array.as_fixed_size_list().values()),
        DataType::Map(..) => {
            let map = array.as_map();
            let entries: ArrayRef = std::sync::Arc::new(map.entries().clone());
            offsets_bytes(map.offsets(), &entries)
        }
        DataType::Struct(_) => {
            let members = array.as_struct().columns().iter();
            members.map(plain_bytes).fold(0, usize::saturating_add)
        }
        _ => {
            let slice = array.to_data().get_slice_memory_size();
            slice.unwrap_or_else(|_| array.get_buffer_memory_size())
        }
    }
}

fn each_bytes(values: &ArrayRef) -> Vec<usize> {
    let one = |place| plain_bytes(&values.slice(place, 1));
    (0..values.len()).map(one).collect()
}

fn run_bytes<R: RunEndIndexType>(array: &ArrayRef) -> usize {
    let Some(runs) = array.as_any().downcast_ref::<RunArray<R>>() else {
        return array.get_buffer_memory_size();
    };
    let each = each_bytes(runs.values());
    let (from, to) = (runs.offset(), runs.offset() + runs.len());
    let mut begin = 0;
    let mut all = 0_usize;
    for (end, bytes) in runs.run_ends().values().iter().zip(each) {
        let end = end.as_usize();
        let rows = end.min(to).saturating_sub(begin.max(from));
        all = all.saturating_add(rows.saturating_mul(bytes));
        begin = end;
    }
    all
}

fn list_bytes<O: OffsetSizeTrait>(lists: &GenericListArray<O>) -> usize {
    offsets_bytes(lists.offsets(), lists.values())
}

fn offsets_bytes<O: OffsetSizeTrait>(offsets: &[O], values: &ArrayRef) -> usize {
    let (Some(first), Some(last)) = (offsets.first(), offsets.last()) else {
        return 0;
    };
    let (first, last) = (first.as_usize(), last.as_usize());
    let inside = plain_bytes(&values.slice(first, last.saturating_sub(first)));
    inside.saturating_add(size_of_val(offsets))
}

fn list_view_bytes<O: OffsetSizeTrait>(lists: &GenericListViewArray<O>) -> usize {
    let each = lists.offsets().iter().zip(lists.sizes());
    let bytes = each.map(|(offset, size)| {
        let values = lists.values().slice(offset.as_usize(), size.as_usize());
        plain_bytes(&values).saturating_add(size_of::<O>())
    });
    bytes.fold(0, usize::saturating_add)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{
        DictionaryArray, Int32Array, ListArray, RunArray, StringArray, StringViewArray, StructArray,
    };
    use arrow::datatypes::Int8Type;

    use super::*;

    #[test]
    fn what_stands_for_another_counts_as_what_it_stands_for() {
        let long = "x".repeat(1_000);
        let texts = || vec![long.as_str(); 100];
        let views: ArrayRef = Arc::new(StringViewArray::from(texts()));
        let words: DictionaryArray<Int8Type> = texts().into_iter().collect();
        let ends = Int32Array::from(vec![40, 100]);
        let two = StringArray::from(vec![long.as_str(); 2]);
        let runs = RunArray::<Int32Type>::try_new(&ends, &two).unwrap();
        for array in [views, Arc::new(words), Arc::new(runs)] {
            let bytes = plain_bytes(&array);
            assert!((100_000..110_000).contains(&bytes), "{bytes}");
            let bytes = plain_bytes(&array.slice(20, 50));
            assert!((50_000..55_000).contains(&bytes), "{bytes}");
        }
    }

    #[test]
    fn a_slice_is_no_more_than_itself() {
        let lists = ListArray::from_iter_primitive::<Int32Type, _, _>(
            (0..100).map(|_| Some(vec![Some(1); 10])),
        );
        let lists: ArrayRef = Arc::new(lists);
        let inside = Arc::new(Field::new("a", lists.data_type().clone(), true));
        let nested: ArrayRef = Arc::new(StructArray::from(vec![(inside, Arc::clone(&lists))]));
        for array in [lists, nested] {
            let bytes = plain_bytes(&array.slice(10, 2));
            assert!((80..120).contains(&bytes), "{bytes}");
        }
    }

    #[test]
    fn names_and_nulls_count_for_each_row() {
        let nulls = arrow::array::new_null_array(&DataType::Null, 1_000);
        let batch = RecordBatch::try_from_iter([("n".repeat(100), nulls)]).unwrap();
        assert_eq!(written_bytes(&batch), 104_000);
    }
}
