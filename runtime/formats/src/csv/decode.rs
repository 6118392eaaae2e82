//! CSV records to columns.
//!
//! An empty field is null, and an empty text where its column allows no null. Text goes into a utf8
//! column as it is; into any other type it must convert whole: `1.5` is no int64, `300` no int8, and
//! `true` in any case is a boolean. Every record has as many fields as the first one.

use super::Header;
use super::split::{self, End, Fields};
use crate::column::number::Number;
use crate::column::{Column, Values};
use crate::decoded::{Rows, UnknownFields};
use crate::fault::{Fault, Parsed};

/// Where the fields of a record go.
#[derive(Debug)]
pub(crate) struct Layout {
    /// For each field its column.
    columns: Vec<Option<usize>>,
    /// Columns that no field fills.
    missing: Vec<usize>,
}

impl Layout {
    pub(crate) fn new(header: &Header, rows: &Rows) -> Self {
        let root = &rows.root;
        let names = header.names().iter();
        let columns: Vec<_> = names.map(|name| root.find(name.as_bytes())).collect();
        let missing = (0..root.columns.len()).filter(|column| !columns.contains(&Some(*column)));
        Self {
            missing: missing.collect(),
            columns,
        }
    }
}

/// Decodes `block[from..]` until `rows` are full, and returns where that is; None where new fields
/// stopped it.
pub(crate) fn decode(
    block: &[u8],
    from: usize,
    delimiter: u8,
    header: &Header,
    unknown: UnknownFields,
    rows: &mut Rows,
) -> Option<usize> {
    let layout = Layout::new(header, rows);
    let mut fields = Fields::default();
    let mut start = from;
    while let Some(rest) = block.get(start..).filter(|rest| !rest.is_empty())
        && !rows.is_full()
    {
        let (length, is_closed) = match split::record_end(rest, delimiter, true) {
            End::At(length) => (length, true),
            End::Unclosed(length) => (length, false),
            End::Beyond => (rest.len(), true),
        };
        let record = rest.get(..length).unwrap_or_default();
        let line = split::without_line_end(record);
        if !line.is_empty() {
            let read = if is_closed {
                read_record(line, &mut fields, delimiter, &layout, unknown, rows)
            } else {
                Err(Fault::new(0, "a quote is opened and never closed"))
            };
            match read {
                Ok(true) => return None,
                Ok(false) => rows.accept(start, start + length),
                Err(fault) => rows.refuse(start, start + length, &fault),
            }
        }
        rows.pass_lines(memchr::memchr_iter(b'\n', record).count());
        start += length;
    }
    Some(start)
}

/// Reads one record without its line end. Whether a field with a value has no column.
pub(crate) fn read_record(
    line: &[u8],
    fields: &mut Fields,
    delimiter: u8,
    layout: &Layout,
    unknown: UnknownFields,
    rows: &mut Rows,
) -> Parsed<bool> {
    if let Err(error) = std::str::from_utf8(line) {
        return Err(Fault::new(error.valid_up_to(), "the bytes are not UTF-8"));
    }
    fields.split(line, delimiter)?;
    if fields.len() != layout.columns.len() {
        let reason = format!(
            "the record has {} fields, and {} are expected",
            fields.len(),
            layout.columns.len()
        );
        return Err(Fault::new(0, reason));
    }
    let mut has_unknown = false;
    for ((at, text), column) in fields.iter(line).zip(&layout.columns) {
        match column.and_then(|column| rows.root.columns.get_mut(column)) {
            Some(column) => column.push_text(text, at)?,
            None if text.is_empty() || unknown == UnknownFields::Ignore => {}
            None if matches!(unknown, UnknownFields::Report | UnknownFields::Learn) => {
                has_unknown = true;
            }
            None => {
                let reason = "there are too many columns: name those that you want in `schema`";
                return Err(Fault::new(at, reason));
            }
        }
    }
    for column in &layout.missing {
        if let Some(column) = rows.root.columns.get_mut(*column) {
            column.push_null(0, "it is missing")?;
        }
    }
    Ok(has_unknown)
}

impl Column {
    fn push_text(&mut self, text: &[u8], at: usize) -> Parsed<()> {
        if text.is_empty() && (self.is_nullable() || !matches!(self.values, Values::Text(_))) {
            return self.push_null(at, "it is empty");
        }
        let fits = match &mut self.values {
            Values::Text(slices) => {
                slices.bytes.extend_from_slice(text);
                slices.close()
            }
            Values::Boolean(bits) => {
                let is_true = text.eq_ignore_ascii_case(b"true");
                bits.append(is_true);
                is_true || text.eq_ignore_ascii_case(b"false")
            }
            Values::Binary { slices, width } => slices.push_base64(text, *width),
            Values::Time { values, clock } => {
                let units = clock.parse(text).or_else(|| {
                    let units = Number::whole(text)?.to_i64()?;
                    clock.count(units)
                });
                units.map(|units| values.push(units)).is_some()
            }
            Values::Float { values, .. } if not_finite(text).is_some() => {
                values.extend(not_finite(text));
                true
            }
            Values::Integer { .. }
            | Values::Unsigned(_)
            | Values::Float { .. }
            | Values::Decimal { .. } => match Number::whole(without_padding(text)) {
                Some(number) => return self.push_number(number, at),
                None => false,
            },
            Values::List { .. } | Values::Struct(_) | Values::Map { .. } => false,
        };
        if !fits {
            return Err(self.mismatch(at, text));
        }
        self.seal();
        Ok(())
    }
}

/// Doubles that JSON has no word for.
fn not_finite(text: &[u8]) -> Option<f64> {
    match text {
        b"NaN" | b"nan" => Some(f64::NAN),
        b"inf" | b"Infinity" | b"+inf" => Some(f64::INFINITY),
        b"-inf" | b"-Infinity" => Some(f64::NEG_INFINITY),
        _ => None,
    }
}

/// A positive number without the sign and the zeros that JSON would not allow before it.
fn without_padding(text: &[u8]) -> &[u8] {
    let mut text = match text {
        [b'+', digits @ ..] if digits.first() != Some(&b'-') => digits,
        text => text,
    };
    while let [b'0', rest @ ..] = text
        && rest.first().is_some_and(u8::is_ascii_digit)
    {
        text = rest;
    }
    text
}
