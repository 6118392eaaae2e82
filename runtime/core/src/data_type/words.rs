//! Types that are one word, and the words that people write instead.

use arrow::datatypes::DataType;

/// Every type that has no parameters.
const PLAIN: [(&str, DataType); 21] = [
    ("null", DataType::Null),
    ("boolean", DataType::Boolean),
    ("int8", DataType::Int8),
    ("int16", DataType::Int16),
    ("int32", DataType::Int32),
    ("int64", DataType::Int64),
    ("uint8", DataType::UInt8),
    ("uint16", DataType::UInt16),
    ("uint32", DataType::UInt32),
    ("uint64", DataType::UInt64),
    ("float16", DataType::Float16),
    ("float32", DataType::Float32),
    ("float64", DataType::Float64),
    ("utf8", DataType::Utf8),
    ("large_utf8", DataType::LargeUtf8),
    ("utf8_view", DataType::Utf8View),
    ("binary", DataType::Binary),
    ("large_binary", DataType::LargeBinary),
    ("binary_view", DataType::BinaryView),
    ("date32", DataType::Date32),
    ("date64", DataType::Date64),
];

/// Types that take parameters, as a person would write them first.
const WITH_PARAMETERS: [(&str, &str); 23] = [
    ("time32", "time32(ms)"),
    ("time64", "time64(us)"),
    ("timestamp", "timestamp(us,+00:00)"),
    ("duration", "duration(us)"),
    ("interval", "interval(month_day_nano)"),
    ("decimal", "decimal(38,10)"),
    ("decimal32", "decimal32(9,2)"),
    ("decimal64", "decimal64(18,2)"),
    ("decimal128", "decimal(38,10)"),
    ("decimal256", "decimal256(76,10)"),
    ("fixed_size_binary", "fixed_size_binary(16)"),
    ("list", "list<utf8>"),
    ("large_list", "large_list<utf8>"),
    ("list_view", "list_view<utf8>"),
    ("large_list_view", "large_list_view<utf8>"),
    ("fixed_size_list", "fixed_size_list<float32, 3>"),
    ("struct", "struct<name: utf8>"),
    ("map", "map<utf8, utf8>"),
    ("dictionary", "dictionary<int32, utf8>"),
    ("run_end_encoded", "run_end_encoded<int32, utf8>"),
    ("array", "list<utf8>"),
    ("object", "struct<name: utf8>"),
    ("record", "struct<name: utf8>"),
];

/// Words of other systems, and ours.
const ELSEWHERE: [(&str, &str); 36] = [
    ("string", "utf8"),
    ("str", "utf8"),
    ("text", "utf8"),
    ("varchar", "utf8"),
    ("char", "utf8"),
    ("json", "utf8"),
    ("jsonb", "utf8"),
    ("uuid", "utf8"),
    ("byte", "int8"),
    ("tinyint", "int8"),
    ("short", "int16"),
    ("smallint", "int16"),
    ("int", "int32"),
    ("integer", "int32"),
    ("long", "int64"),
    ("bigint", "int64"),
    ("ubyte", "uint8"),
    ("ushort", "uint16"),
    ("uint", "uint32"),
    ("ulong", "uint64"),
    ("half", "float16"),
    ("float", "float32"),
    ("real", "float32"),
    ("double", "float64"),
    ("number", "float64"),
    ("bool", "boolean"),
    ("date", "date32"),
    ("time", "time64(us)"),
    ("datetime", "timestamp(us,+00:00)"),
    ("timestamptz", "timestamp(us,+00:00)"),
    ("timestamp_ntz", "timestamp(us)"),
    ("numeric", "decimal(38,10)"),
    ("bytes", "binary"),
    ("blob", "binary"),
    ("bytea", "binary"),
    ("varbinary", "binary"),
];

/// The word of a type that has no parameters.
pub(super) fn plain_word(data_type: &DataType) -> Option<&'static str> {
    PLAIN
        .iter()
        .find(|(_, plain)| plain == data_type)
        .map(|(word, _)| *word)
}

/// The type that a word means by itself.
pub(super) fn plain_type(word: &str) -> Option<DataType> {
    PLAIN
        .iter()
        .find(|(plain, _)| *plain == word)
        .map(|(_, data_type)| data_type.clone())
}

/// What somebody who wrote `word` most likely wants.
pub(super) fn suggestion(word: &str) -> Option<&'static str> {
    let word = word.to_ascii_lowercase();
    let known = || {
        let plain = PLAIN.iter().map(|(plain, _)| (*plain, *plain));
        plain.chain(WITH_PARAMETERS).chain(ELSEWHERE)
    };
    if let Some((_, right)) = known().find(|(from, _)| *from == word) {
        return Some(right);
    }
    // Longer words are no typos of ours.
    if word.len() > 24 {
        return None;
    }
    known()
        .map(|(from, right)| (edits(&word, from), right))
        .filter(|(edits, _)| *edits <= 2)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, right)| right)
}

/// Levenshtein distance.
fn edits(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, from) in left.chars().enumerate() {
        let mut diagonal = i;
        let mut last = i + 1;
        for (to, cell) in right.iter().zip(row.iter_mut().skip(1)) {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = *cell;
            *cell = replaced.min(last + 1).min(diagonal + 1);
            last = *cell;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}
