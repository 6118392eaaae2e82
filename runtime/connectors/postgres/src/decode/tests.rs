//! Streams made by hand.

mod numbers;
mod streams;
mod types;
mod values;

use arrow::array::ArrayRef;
use tokio_postgres::types::Type;

use super::{Decoded, Decoder, Malformed, SourceColumn, SourceType};

const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
const TRAILER: &[u8] = &[0xff, 0xff];

fn decoder(kinds: &[SourceType]) -> Decoder {
    let columns = kinds.iter().enumerate().map(|(at, kind)| SourceColumn {
        name: format!("c{at}"),
        kind: kind.clone(),
    });
    Decoder::new(columns.collect())
}

fn sized(value: Option<&[u8]>) -> Vec<u8> {
    match value {
        Some(value) => [&(value.len() as i32).to_be_bytes(), value].concat(),
        None => (-1_i32).to_be_bytes().to_vec(),
    }
}

fn row(fields: &[Option<&[u8]>]) -> Vec<u8> {
    let mut row = (fields.len() as i16).to_be_bytes().to_vec();
    row.extend(fields.iter().flat_map(|field| sized(*field)));
    row
}

fn stream(rows: &[Vec<u8>]) -> Vec<u8> {
    [HEADER, &rows.concat(), TRAILER].concat()
}

fn decode(kinds: &[SourceType], stream: &[u8]) -> Result<Decoded, Malformed> {
    let mut decoder = decoder(kinds);
    decoder.feed(stream)?;
    assert!(decoder.is_complete());
    decoder.take()
}

/// The values of one column, and the reasons of those that are not there.
fn column(
    kind: &SourceType,
    values: &[Option<Vec<u8>>],
) -> Result<(ArrayRef, Vec<String>), Malformed> {
    let rows: Vec<_> = values
        .iter()
        .map(|value| row(&[value.as_deref()]))
        .collect();
    let decoded = decode(std::slice::from_ref(kind), &stream(&rows))?;
    let reasons = decoded.misfits.into_iter().map(|misfit| misfit.reason);
    Ok((decoded.rows.column(0).clone(), reasons.collect()))
}

/// The one value of a column, with what is wrong with it.
fn one(kind: &SourceType, value: &[u8]) -> Result<(ArrayRef, Vec<String>), Malformed> {
    column(kind, &[Some(value.to_vec())])
}

/// The reason of the one value, which is null.
fn misfit(kind: &SourceType, value: &[u8]) -> String {
    let (values, mut reasons) = one(kind, value).unwrap();
    assert_eq!(values.logical_null_count(), 1);
    assert_eq!(reasons.len(), 1);
    reasons.remove(0)
}

fn numeric(precision: i32, scale: i32) -> Option<SourceType> {
    SourceType::of(Type::NUMERIC.oid(), modifier(precision, scale))
}

fn modifier(precision: i32, scale: i32) -> i32 {
    (precision << 16 | (scale & 0x7ff)) + 4
}

/// The form of `numeric_send`, from text: sign, digits, perhaps a point.
fn numeric_bytes(text: &str) -> Vec<u8> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (0x4000_u16, digits),
        None => (0, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let width = whole.len().next_multiple_of(4);
    let all = format!("{whole:0>width$}{fraction}");
    let all = format!("{all:0<width$}", width = all.len().next_multiple_of(4));
    let mut groups: Vec<u16> = all
        .as_bytes()
        .chunks(4)
        .map(|group| str::from_utf8(group).unwrap().parse().unwrap())
        .collect();
    let zeros = groups.iter().take_while(|group| **group == 0).count();
    groups.drain(..zeros);
    while groups.last() == Some(&0) {
        groups.pop();
    }
    let weight = if groups.is_empty() {
        0
    } else {
        (width / 4) as i16 - 1 - zeros as i16
    };
    let sign = if groups.is_empty() { 0 } else { sign };
    let head = [
        groups.len() as u16,
        weight as u16,
        sign,
        fraction.len() as u16,
    ];
    let words = head.iter().chain(&groups);
    words.flat_map(|word| word.to_be_bytes()).collect()
}

fn array(oid: u32, dimensions: &[(i32, i32)], elements: &[Option<&[u8]>]) -> Vec<u8> {
    let has_nulls = elements.iter().any(Option::is_none);
    let mut out = Vec::new();
    out.extend((dimensions.len() as i32).to_be_bytes());
    out.extend(i32::from(has_nulls).to_be_bytes());
    out.extend(oid.to_be_bytes());
    for (length, first) in dimensions {
        out.extend(length.to_be_bytes());
        out.extend(first.to_be_bytes());
    }
    out.extend(elements.iter().flat_map(|element| sized(*element)));
    out
}

/// Numbers that look random: xorshift, the same in every run.
struct Random(u64);

impl Random {
    fn new() -> Self {
        Self(0x9e37_79b9_7f4a_7c15)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() >> 16) as usize % end
    }
}
