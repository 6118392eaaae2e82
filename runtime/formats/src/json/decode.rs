//! JSON lines to columns, in one pass and without a tree between.
//!
//! Strict where other readers are lenient: a value goes into its column whole or its record is
//! undecodable. What a column takes:
//!
//! | column | JSON |
//! |---|---|
//! | boolean | `true`, `false` |
//! | int, uint, decimal | a number of exactly such a value: `12`, `12.0` and `1.2e1` are all 12 |
//! | float | a number, rounded to the nearest; whole numbers that would lose digits do not fit |
//! | utf8 | any value: a string as it is, everything else as its JSON text |
//! | binary | a string in base64 |
//! | date, time, timestamp | a string, or a whole number of units since 1970 or midnight |
//! | list, struct, map | a list, an object, an object |
//!
//! A key that stands twice in one object makes its record undecodable: which one counts is a guess.

use super::scan::{Cursor, Text};
use crate::column::{Column, Record, Values, check_distinct};
use crate::decoded::{MAX_RECORD_CELLS, Rows, UnknownFields};
use crate::fault::{Fault, Parsed};

/// What holds for one record.
struct Context {
    unknown: UnknownFields,
    /// Whether it has a field with a value that no column takes.
    has_unknown: bool,
    /// Cells in its lists and maps.
    unfolded: usize,
    /// How many it may have.
    most_unfolded: usize,
}

impl Context {
    /// One more value in a list or map, of so many cells.
    #[inline]
    fn unfold(&mut self, cells: usize, at: usize) -> Parsed<()> {
        self.unfolded += cells;
        if self.unfolded > self.most_unfolded {
            let reason = "the objects in its lists have so many fields between them, most of them \
                          missing, that memory would not hold them: name those that you want in \
                          `schema`";
            return Err(Fault::new(at, reason));
        }
        Ok(())
    }
}

/// Decodes `block[from..]` until `rows` are full, and returns where that is; None where new fields
/// stopped it.
pub(crate) fn decode(
    block: &[u8],
    from: usize,
    unknown: UnknownFields,
    rows: &mut Rows,
) -> Option<usize> {
    let block = first_lines(block, from, rows.most_rows());
    let is_utf8 = std::str::from_utf8(block).is_ok();
    let mut start = from;
    while let Some(rest) = block.get(start..).filter(|rest| !rest.is_empty())
        && !rows.is_full()
    {
        let length = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        let line = rest.get(..length).unwrap_or_default();
        let has_end = length < rest.len();
        let end = start + length + usize::from(has_end);
        if !line.trim_ascii().is_empty() && !decode_record(line, is_utf8, unknown, rows, start, end)
        {
            return None;
        }
        rows.pass_lines(usize::from(has_end));
        start = end;
    }
    Some(start)
}

/// Decodes one record, which stands at `start..end`; false where new fields stopped it. `is_utf8`:
/// whether it is known to be UTF-8.
#[inline]
pub(crate) fn decode_record(
    record: &[u8],
    is_utf8: bool,
    unknown: UnknownFields,
    rows: &mut Rows,
    start: usize,
    end: usize,
) -> bool {
    let mut context = Context {
        unknown,
        has_unknown: false,
        unfolded: 0,
        most_unfolded: MAX_RECORD_CELLS + record.len(),
    };
    let read = if is_utf8 { Ok(()) } else { check_utf8(record) }
        .and_then(|()| read_record(record, &mut rows.root, &mut context));
    match read {
        Ok(()) if context.has_unknown => return false,
        Ok(()) => {
            rows.unfold(context.unfolded);
            rows.accept(start, end);
        }
        Err(fault) if fault.wants_fractions && unknown == UnknownFields::Learn => return false,
        Err(fault) => {
            // What is wrong with the record itself is said first.
            let fault = check_syntax(record).err().unwrap_or(fault);
            rows.refuse(start, end, &fault);
        }
    }
    true
}

/// `block` up to the end of its line number `most` from `from` on: no more will be decoded, so no
/// more needs to be looked at.
fn first_lines(block: &[u8], from: usize, most: usize) -> &[u8] {
    let rest = block.get(from..).unwrap_or_default();
    match memchr::memchr_iter(b'\n', rest).nth(most.saturating_sub(1)) {
        Some(end) => block.get(..=from + end).unwrap_or(block),
        None => block,
    }
}

fn check_utf8(line: &[u8]) -> Parsed<()> {
    std::str::from_utf8(line)
        .map(drop)
        .map_err(|error| Fault::new(error.valid_up_to(), "the bytes are not UTF-8"))
}

fn check_syntax(line: &[u8]) -> Parsed<()> {
    check_utf8(line)?;
    let mut cursor = Cursor::new(line);
    cursor.skip_space();
    cursor.skip_value(0)?;
    cursor.end()
}

fn read_record(line: &[u8], root: &mut Record, context: &mut Context) -> Parsed<()> {
    let mut cursor = Cursor::new(line);
    cursor.skip_space();
    if cursor.peek() != b'{' {
        let is = match cursor.peek() {
            b'[' => "a list",
            b'"' => "a string",
            b't' | b'f' => "a boolean",
            b'n' => "null",
            _ => "a number",
        };
        let reason = format!("a record is one JSON object, and this is {is}");
        return Err(Fault::new(cursor.at, reason));
    }
    let row = root.columns.first().map_or(0, Column::len);
    root.read_json(row, &mut cursor, context, 0)?;
    cursor.end()
}

impl Record {
    /// Reads an object, which becomes row `row` of every column.
    fn read_json(
        &mut self,
        row: usize,
        cursor: &mut Cursor<'_>,
        context: &mut Context,
        depth: usize,
    ) -> Parsed<()> {
        cursor.at += 1;
        cursor.skip_space();
        let mut found = 0;
        if !cursor.take(b'}') {
            loop {
                if !cursor.take(b'"') {
                    return Err(cursor.expected("a key in quotes"));
                }
                match self.read_key(cursor)? {
                    Ok(index) => {
                        cursor.colon()?;
                        self.likely = index + 1;
                        if let Some(column) = self.columns.get_mut(index) {
                            if column.len() > row {
                                let reason = format!("the key `{}` stands twice", column.name());
                                return Err(Fault::new(cursor.at, reason));
                            }
                            column.read_json(cursor, context, depth)?;
                            found += 1;
                        }
                    }
                    Err(key) => {
                        cursor.colon()?;
                        skip_unknown(key, cursor, context, depth)?;
                    }
                }
                if cursor.ends(b'}', "`,` or `}`")? {
                    break;
                }
            }
        }
        self.likely = 0;
        if found < self.columns.len() {
            for column in &mut self.columns {
                if column.len() == row {
                    column.push_null(cursor.at, "it is missing")?;
                }
            }
        }
        Ok(())
    }

    /// Passes a key of which the first quote has been taken; the key itself where no column has
    /// this name.
    #[inline]
    fn read_key<'a>(&self, cursor: &mut Cursor<'a>) -> Parsed<Result<usize, Text<'a>>> {
        if let Some(quoted) = self.quoted.get(self.likely)
            && !quoted.is_empty()
            && cursor.rest().starts_with(quoted)
        {
            cursor.at += quoted.len();
            return Ok(Ok(self.likely));
        }
        cursor.at -= 1;
        let key = cursor.string()?;
        let found = if key.is_escaped {
            let mut name = Vec::with_capacity(key.raw.len());
            key.unescape_into(&mut name)?;
            self.find(&name)
        } else {
            self.find(key.raw)
        };
        Ok(found.ok_or(key))
    }
}

fn skip_unknown(
    key: Text<'_>,
    cursor: &mut Cursor<'_>,
    context: &mut Context,
    depth: usize,
) -> Parsed<()> {
    let is_null = cursor.peek() == b'n';
    cursor.skip_value(depth + 1)?;
    match context.unknown {
        UnknownFields::Ignore => {}
        UnknownFields::Report | UnknownFields::Learn => context.has_unknown |= !is_null,
        UnknownFields::Refuse if is_null => {}
        UnknownFields::Refuse => {
            let key = crate::fault::shown(key.raw);
            let reason = format!(
                "the field `{key}` is new, and there are too many already for another column: \
                 name the columns that you want in `schema`"
            );
            return Err(Fault::new(cursor.at, reason));
        }
    }
    Ok(())
}

impl Column {
    /// Reads the value before the cursor.
    #[inline]
    fn read_json(
        &mut self,
        cursor: &mut Cursor<'_>,
        context: &mut Context,
        depth: usize,
    ) -> Parsed<()> {
        let from = cursor.at;
        let next = cursor.peek();
        if next == b'n' {
            cursor.word("null")?;
            return self.push_null(from, "it is null");
        }
        let row = self.len();
        let has_room = match &mut self.values {
            Values::Text(slices) => {
                if next == b'"' {
                    push_string(cursor.string()?, &mut slices.bytes)?;
                } else {
                    cursor.skip_value(depth + 1)?;
                    slices.bytes.extend_from_slice(cursor.since(from));
                }
                slices.close()
            }
            Values::Boolean(bits) => {
                match next {
                    b't' => cursor.word("true")?,
                    b'f' => cursor.word("false")?,
                    _ => return Err(self.refuse(cursor, depth)),
                }
                bits.append(next == b't');
                true
            }
            Values::Struct(record) if next == b'{' => record
                .read_json(row, cursor, context, depth + 1)
                .map(|()| true)
                .map_err(|fault| fault.inside(self.field.name()))?,
            Values::List { offsets, item } if next == b'[' => cursor
                .list(|cursor| {
                    context.unfold(item.width, cursor.at)?;
                    item.read_json(cursor, context, depth + 1)
                })
                .map(|()| offsets.close(item.len()))
                .map_err(|fault| fault.inside(self.field.name()))?,
            Values::Map {
                offsets,
                keys,
                values,
            } if next == b'{' => {
                let mut entry = |cursor: &mut Cursor<'_>, key: Text<'_>| {
                    context.unfold(1 + values.width, cursor.at)?;
                    push_string(key, &mut keys.bytes)?;
                    // Keys are shorter than the record, which 32 bits can count.
                    let _ = keys.close();
                    values.read_json(cursor, context, depth + 1)
                };
                cursor
                    .object(&mut entry)
                    .and_then(|()| check_distinct(keys, offsets.open(), cursor.at))
                    .map_err(|fault| fault.inside(self.field.name()))?;
                offsets.close(keys.len())
            }
            Values::Binary { slices, width } if next == b'"' => {
                let mut text = Vec::new();
                push_string(cursor.string()?, &mut text)?;
                if !slices.push_base64(&text, *width) {
                    return Err(self.mismatch(from, cursor.since(from)));
                }
                true
            }
            Values::Time { values, clock } if next == b'"' => {
                let text = cursor.string()?;
                match clock.parse(text.raw) {
                    Some(units) => values.push(units),
                    None => return Err(self.mismatch(from, cursor.since(from))),
                }
                true
            }
            Values::Integer { .. }
            | Values::Unsigned(_)
            | Values::Float { .. }
            | Values::Decimal { .. }
            | Values::Time { .. }
                if matches!(next, b'-' | b'0'..=b'9') =>
            {
                let number = cursor.number()?;
                return self.push_number(number, from);
            }
            _ => return Err(self.refuse(cursor, depth)),
        };
        if !has_room {
            return Err(
                Fault::new(from, "there is too much of it for one batch").inside(self.name())
            );
        }
        self.seal();
        Ok(())
    }

    /// The value before the cursor is of another kind.
    #[cold]
    fn refuse(&self, cursor: &mut Cursor<'_>, depth: usize) -> Box<Fault> {
        let from = cursor.at;
        match cursor.skip_value(depth + 1) {
            Ok(()) => self.mismatch(from, cursor.since(from)),
            Err(fault) => fault,
        }
    }
}

#[inline]
fn push_string(text: Text<'_>, out: &mut Vec<u8>) -> Parsed<()> {
    if text.is_escaped {
        return text.unescape_into(out);
    }
    out.extend_from_slice(text.raw);
    Ok(())
}
