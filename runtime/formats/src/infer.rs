//! A schema from the beginning of the data.

use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};

use crate::block::{Block, BlockKind};
use crate::column::number::Number;
use crate::csv::Header;
use crate::csv::split::{self, End, Fields};
use crate::fault::Parsed;
use crate::format::{Decoder, Format};
use crate::json::scan::{Cursor, MAX_DEPTH};
use crate::shape::{Learning, MAX_FIELDS, MAX_SHAPE_DEPTH, Members, Shape};

/// Collects what records look like. Records that do not decode are left out.
#[derive(Debug, Default)]
pub struct Inference {
    members: Members,
    records: u64,
}

impl Inference {
    /// Takes in the records of one block.
    pub fn observe(&mut self, decoder: &Decoder, block: &Block) {
        if block.kind != BlockKind::Records {
            return;
        }
        let from = decoder.first_record(block);
        let records = block.bytes.get(from..).unwrap_or_default();
        match (decoder.format(), &decoder.header) {
            (Format::Csv(dialect), Some(header)) => {
                self.observe_csv(records, dialect.delimiter, header);
            }
            _ => self.observe_json(records),
        }
    }

    fn observe_csv(&mut self, mut rest: &[u8], delimiter: u8, header: &Header) {
        let mut fields = Fields::default();
        while !rest.is_empty() {
            let (End::At(length) | End::Unclosed(length)) =
                split::record_end(rest, delimiter, true)
            else {
                return;
            };
            let (record, more) = rest.split_at(length.min(rest.len()));
            rest = more;
            self.observe_csv_record(record, &mut fields, delimiter, header);
        }
    }

    pub(crate) fn observe_csv_record(
        &mut self,
        record: &[u8],
        fields: &mut Fields,
        delimiter: u8,
        header: &Header,
    ) {
        let line = split::without_line_end(record);
        let is_whole = !line.is_empty()
            && std::str::from_utf8(line).is_ok()
            && fields.split(line, delimiter).is_ok()
            && fields.len() == header.names().len();
        if !is_whole {
            return;
        }
        self.records += 1;
        for (index, (name, (_, text))) in header.names().iter().zip(fields.iter(line)).enumerate() {
            self.members.shape(name, index).widen(Shape::of_text(text));
        }
    }

    fn observe_json(&mut self, lines: &[u8]) {
        for line in lines.split(|byte| *byte == b'\n') {
            self.observe_json_record(line);
        }
    }

    pub(crate) fn observe_json_record(&mut self, record: &[u8]) {
        let mut cursor = Cursor::new(record);
        cursor.skip_space();
        if cursor.peek() != b'{' || std::str::from_utf8(record).is_err() {
            return;
        }
        // First passed, then read: half a record leaves no trace.
        let mut whole = cursor.clone();
        if whole.skip_value(0).and_then(|()| whole.end()).is_err() {
            return;
        }
        if observe_object(&mut cursor, &mut self.members, 0).is_ok() {
            self.records += 1;
        }
    }

    /// Records seen.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// The schema that holds all of them.
    pub fn schema(&self) -> SchemaRef {
        Arc::new(self.members.schema())
    }

    /// `schema` with the fields that it lacks; None where it lacks none.
    pub fn extend(&self, schema: &Schema) -> Option<SchemaRef> {
        self.members.extend(schema, Learning::Over).map(Arc::new)
    }

    /// The same, and with types that hold what came.
    pub(crate) fn widen(&self, schema: &Schema) -> Option<SchemaRef> {
        self.members.extend(schema, Learning::Types).map(Arc::new)
    }
}

fn observe_object(cursor: &mut Cursor<'_>, members: &mut Members, depth: usize) -> Parsed<()> {
    let mut index = 0;
    let mut unescaped = Vec::new();
    cursor.object(|cursor, key| {
        unescaped.clear();
        key.unescape_into(&mut unescaped)?;
        let name = String::from_utf8_lossy(&unescaped);
        observe(cursor, members.shape(&name, index), depth + 1)?;
        index += 1;
        Ok(())
    })
}

fn observe(cursor: &mut Cursor<'_>, shape: &mut Shape, depth: usize) -> Parsed<()> {
    let next = cursor.peek();
    if depth >= MAX_SHAPE_DEPTH && matches!(next, b'{' | b'[') {
        cursor.skip_value(depth.min(MAX_DEPTH))?;
        shape.widen(Shape::Text);
        return Ok(());
    }
    match next {
        b'{' => {
            if *shape == Shape::Null {
                *shape = Shape::Object(Members::default());
            }
            match shape {
                Shape::Object(members) if members.len() <= MAX_FIELDS => {
                    observe_object(cursor, members, depth)?;
                }
                _ => {
                    cursor.skip_value(depth)?;
                    *shape = Shape::Text;
                }
            }
        }
        b'[' => {
            if *shape == Shape::Null {
                *shape = Shape::List(Box::default());
            }
            match shape {
                Shape::List(item) => {
                    cursor.list(|cursor| observe(cursor, item, depth + 1))?;
                }
                _ => {
                    cursor.skip_value(depth)?;
                    *shape = Shape::Text;
                }
            }
        }
        b'"' => {
            cursor.string()?;
            shape.widen(Shape::Text);
        }
        b't' | b'f' => {
            cursor.skip_value(depth)?;
            shape.widen(Shape::Boolean);
        }
        b'n' => cursor.word("null")?,
        _ => {
            let number = cursor.number()?;
            shape.widen(Shape::of_number(&number));
        }
    }
    Ok(())
}

impl Shape {
    /// A CSV field. `007` and `+1` are no numbers: as such they would lose a character.
    fn of_text(text: &[u8]) -> Self {
        if text.is_empty() {
            return Self::Null;
        }
        if text.eq_ignore_ascii_case(b"true") || text.eq_ignore_ascii_case(b"false") {
            return Self::Boolean;
        }
        match Number::whole(text) {
            Some(number) => Self::of_number(&number),
            None => Self::Text,
        }
    }
}
