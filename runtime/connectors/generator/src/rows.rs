//! The rows: each is a pure function of seed, partition and offset.

use std::ops::Range;
use std::sync::{Arc, LazyLock};

use arrow::array::{
    ArrayRef, Float64Array, Int32Array, Int64Array, ListArray, RecordBatch, StringArray,
    StructArray, TimestampMicrosecondArray,
};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};
use arrow::error::ArrowError;

/// 2026-01-01T00:00:00Z: when row 0 happened. Row i happened i milliseconds later.
const START_MICROS: i64 = 1_767_225_600_000_000;

/// Millennia after the start, where the clock stands still.
const MAX_MILLIS: u64 = 1 << 52;

const USERS: u64 = 10_000;
const USER_TEXT: &[u8; 10] = b"user-00000";
const TAGS: [&str; 8] = [
    "new", "sale", "gift", "repeat", "mobile", "web", "vip", "trial",
];
const COUNTRIES: [&str; 16] = [
    "AT", "AU", "BR", "CA", "CH", "CN", "DE", "ES", "FR", "GB", "IN", "IT", "JP", "NL", "SE", "US",
];
const ID_DIGITS: usize = 16;

static DETAIL: LazyLock<Fields> = LazyLock::new(|| {
    vec![
        Field::new("country", DataType::Utf8, true),
        Field::new("score", DataType::Int32, true),
    ]
    .into()
});

static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    let at = DataType::Timestamp(TimeUnit::Microsecond, Some("+00:00".into()));
    Arc::new(Schema::new(vec![
        Field::new("partition", DataType::Int32, false),
        Field::new("offset", DataType::Int64, false),
        Field::new("id", DataType::Utf8, false),
        Field::new("at", at, false),
        Field::new("user", DataType::Utf8, true),
        Field::new("amount", DataType::Float64, true),
        Field::new("tags", DataType::new_list(DataType::Utf8, true), true),
        Field::new("detail", DataType::Struct(DETAIL.clone()), true),
    ]))
});

/// The columns of a row.
pub fn schema() -> SchemaRef {
    Arc::clone(&SCHEMA)
}

/// Makes the rows of one partition.
#[derive(Clone, Copy, Debug)]
pub struct Rows {
    /// Another one gives other rows.
    pub seed: u64,
    /// Partitions in all.
    pub partitions: u32,
    /// Which of them.
    pub partition: u32,
}

/// What decides about a row: two independent words.
#[derive(Clone, Copy)]
struct Dice {
    id: u64,
    word: u64,
}

impl Dice {
    /// Whether a column is null: one row in 2^`bits`, by bits that no other column looks at.
    fn is_null(self, shift: u32, bits: u32) -> bool {
        (self.word >> shift) & ((1 << bits) - 1) == 0
    }

    fn user(self) -> Option<u64> {
        (!self.is_null(0, 6)).then_some((self.word >> 24) % USERS)
    }

    /// In hundredths.
    fn amount(self) -> Option<u32> {
        (!self.is_null(6, 6)).then_some((self.word >> 34) as u32 % 100_000)
    }

    fn tags(self) -> Option<usize> {
        (!self.is_null(12, 5)).then_some((self.word >> 52) as usize & 3)
    }

    fn tag(self, index: usize) -> &'static str {
        TAGS[(self.word >> (54 + 3 * index)) as usize % TAGS.len()]
    }

    fn has_detail(self) -> bool {
        !self.is_null(17, 4)
    }

    fn country(self) -> Option<&'static str> {
        let is_known = self.has_detail() && self.id & 0x1f != 0;
        is_known.then(|| COUNTRIES[(self.id >> 8) as usize % COUNTRIES.len()])
    }

    fn score(self) -> Option<i32> {
        let is_known = self.has_detail() && self.id >> 59 != 0;
        is_known.then_some((self.id >> 16) as i32 % 1000)
    }
}

impl Rows {
    /// Counted over all partitions.
    fn number(self, offset: u64) -> u64 {
        offset
            .wrapping_mul(u64::from(self.partitions))
            .wrapping_add(u64::from(self.partition))
    }

    fn dice(self, offset: u64) -> Dice {
        // `mix` is one to one, so that no two rows of a seed share an id.
        let id = mix(mix(self.seed).wrapping_add(self.number(offset)));
        Dice {
            id,
            word: mix(id ^ 0x5851_f42d_4c95_7f2d),
        }
    }

    /// Microseconds since 1970 at which a row happened.
    pub fn at_micros(self, offset: u64) -> i64 {
        START_MICROS + self.number(offset).min(MAX_MILLIS) as i64 * 1000
    }

    /// The rows at these offsets.
    ///
    /// # Errors
    /// More rows than one batch can hold.
    pub fn batch(self, offsets: Range<u64>) -> Result<RecordBatch, ArrowError> {
        let dice: Vec<Dice> = offsets.clone().map(|offset| self.dice(offset)).collect();
        let at = offsets.clone().map(|offset| self.at_micros(offset));
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int32Array::from_value(self.partition as i32, dice.len())),
            Arc::new(Int64Array::from_iter_values(
                offsets.map(|offset| offset as i64),
            )),
            Arc::new(ids(&dice)?),
            Arc::new(TimestampMicrosecondArray::from_iter_values(at).with_timezone("+00:00")),
            Arc::new(users(&dice)?),
            Arc::new(amounts(&dice)),
            Arc::new(tags(&dice)?),
            Arc::new(details(&dice)?),
        ];
        RecordBatch::try_new(schema(), columns)
    }
}

fn nulls(dice: &[Dice], is_valid: impl Fn(Dice) -> bool) -> Option<NullBuffer> {
    let bits = BooleanBuffer::collect_bool(dice.len(), |row| is_valid(dice[row]));
    Some(NullBuffer::new(bits)).filter(|nulls| nulls.null_count() > 0)
}

/// Texts of equal length, none of them null.
fn ids(dice: &[Dice]) -> Result<StringArray, ArrowError> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut bytes = Vec::with_capacity(dice.len() * ID_DIGITS);
    for dice in dice {
        let digits: [u8; ID_DIGITS] =
            std::array::from_fn(|digit| DIGITS[(dice.id >> (60 - 4 * digit)) as usize & 15]);
        bytes.extend_from_slice(&digits);
    }
    let offsets = OffsetBuffer::from_lengths(std::iter::repeat_n(ID_DIGITS, dice.len()));
    StringArray::try_new(offsets, Buffer::from_vec(bytes), None)
}

fn users(dice: &[Dice]) -> Result<StringArray, ArrowError> {
    let mut bytes = Vec::with_capacity(dice.len() * USER_TEXT.len());
    let mut ends = Vec::with_capacity(dice.len() + 1);
    ends.push(0);
    for dice in dice {
        if let Some(mut user) = dice.user() {
            let mut text = *USER_TEXT;
            for digit in text[5..].iter_mut().rev() {
                *digit = b'0' + (user % 10) as u8;
                user /= 10;
            }
            bytes.extend_from_slice(&text);
        }
        ends.push(end_of(&bytes)?);
    }
    let nulls = nulls(dice, |dice| dice.user().is_some());
    StringArray::try_new(offsets(ends), Buffer::from_vec(bytes), nulls)
}

fn amounts(dice: &[Dice]) -> Float64Array {
    let hundredths = dice.iter().map(|dice| dice.amount().unwrap_or(0));
    let values: ScalarBuffer<f64> = hundredths.map(|amount| f64::from(amount) / 100.0).collect();
    Float64Array::new(values, nulls(dice, |dice| dice.amount().is_some()))
}

fn tags(dice: &[Dice]) -> Result<ListArray, ArrowError> {
    let mut bytes = Vec::with_capacity(dice.len() * 8);
    let mut text_ends = Vec::with_capacity(dice.len() * 2);
    text_ends.push(0);
    let mut list_ends = Vec::with_capacity(dice.len() + 1);
    list_ends.push(0);
    for dice in dice {
        for index in 0..dice.tags().unwrap_or(0) {
            bytes.extend_from_slice(dice.tag(index).as_bytes());
            text_ends.push(end_of(&bytes)?);
        }
        list_ends.push(end_of(&text_ends)? - 1);
    }
    let texts = StringArray::try_new(offsets(text_ends), Buffer::from_vec(bytes), None)?;
    ListArray::try_new(
        Arc::new(Field::new_list_field(DataType::Utf8, true)),
        offsets(list_ends),
        Arc::new(texts),
        nulls(dice, |dice| dice.tags().is_some()),
    )
}

fn details(dice: &[Dice]) -> Result<StructArray, ArrowError> {
    let mut bytes = Vec::with_capacity(dice.len() * 2);
    let mut ends = Vec::with_capacity(dice.len() + 1);
    ends.push(0);
    for dice in dice {
        bytes.extend_from_slice(dice.country().unwrap_or_default().as_bytes());
        ends.push(end_of(&bytes)?);
    }
    let known = nulls(dice, |dice| dice.country().is_some());
    let countries = StringArray::try_new(offsets(ends), Buffer::from_vec(bytes), known)?;
    let scores: ScalarBuffer<i32> = dice.iter().map(|dice| dice.score().unwrap_or(0)).collect();
    let scores = Int32Array::new(scores, nulls(dice, |dice| dice.score().is_some()));
    StructArray::try_new(
        DETAIL.clone(),
        vec![Arc::new(countries), Arc::new(scores)],
        nulls(dice, Dice::has_detail),
    )
}

fn end_of<T>(values: &[T]) -> Result<i32, ArrowError> {
    i32::try_from(values.len()).map_err(|_| ArrowError::OffsetOverflowError(values.len()))
}

fn offsets(ends: Vec<i32>) -> OffsetBuffer<i32> {
    OffsetBuffer::new(ends.into())
}

/// The finaliser of splitmix64: every bit of the result hangs on every bit of the word.
fn mix(word: u64) -> u64 {
    let word = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use arrow::array::{Array, AsArray};
    use arrow::compute::concat_batches;

    use super::*;

    const ROWS: Rows = Rows {
        seed: 7,
        partitions: 3,
        partition: 1,
    };

    #[test]
    fn a_row_hangs_on_nothing_but_its_place() {
        let whole = ROWS.batch(0..1000).unwrap();
        for size in [1, 7, 999] {
            let parts: Vec<_> = (0..1000)
                .step_by(size)
                .map(|from| ROWS.batch(from..(from + size as u64).min(1000)).unwrap())
                .collect();
            assert_eq!(concat_batches(&schema(), &parts).unwrap(), whole);
        }
        let other = Rows { seed: 8, ..ROWS }.batch(0..1000).unwrap();
        assert_ne!(whole.column(2), other.column(2));
    }

    #[test]
    fn ids_are_unique_over_partitions_and_times_follow_the_row_number() {
        let mut ids = HashSet::new();
        for partition in 0..3 {
            let rows = Rows { partition, ..ROWS }.batch(0..50_000).unwrap();
            let column = rows.column_by_name("id").unwrap().as_string::<i32>();
            ids.extend(column.iter().flatten().map(str::to_owned));
        }
        assert_eq!(ids.len(), 150_000);
        assert_eq!(ROWS.at_micros(2) - ROWS.at_micros(1), 3_000);
        let last = Rows {
            partitions: 1,
            partition: 0,
            ..ROWS
        };
        assert!(last.at_micros(u64::MAX / 2) > 0);
    }

    #[test]
    fn some_values_are_null_and_none_of_those_that_name_the_row() {
        let rows = ROWS.batch(0..100_000).unwrap();
        rows.columns()
            .iter()
            .for_each(|column| column.to_data().validate_full().unwrap());
        for (column, field) in rows.columns().iter().zip(rows.schema().fields()) {
            let share = column.null_count() as f64 / 100_000.0;
            if field.is_nullable() {
                assert!((0.005..0.1).contains(&share), "{field}: {share}");
            } else {
                assert_eq!(share, 0.0, "{field}");
            }
        }
        let details = rows.column_by_name("detail").unwrap().as_struct();
        for column in details.columns() {
            assert!(column.null_count() > details.null_count());
        }
    }

    #[test]
    fn the_first_rows_are_the_same_for_ever() {
        let rows = Rows {
            seed: 0,
            partitions: 1,
            partition: 0,
        }
        .batch(0..2)
        .unwrap();
        let mut text = Vec::new();
        arrow::json::LineDelimitedWriter::new(&mut text)
            .write(&rows)
            .unwrap();
        let text = String::from_utf8(text).unwrap();
        assert_eq!(text, include_str!("../tests/first_rows.jsonl"));
    }
}
