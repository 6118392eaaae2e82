//! Text to type.

use std::sync::Arc;

use arrow::datatypes::{
    DECIMAL32_MAX_PRECISION, DECIMAL64_MAX_PRECISION, DECIMAL128_MAX_PRECISION,
    DECIMAL256_MAX_PRECISION, DataType, Field, IntervalUnit, TimeUnit,
};

use super::{is_name_char, is_zone_char, words};
use crate::error::{Blame, Error, Kind, Result};

/// How deep types may be nested; more is refused, so that nothing runs out of stack.
pub const MAX_DEPTH: usize = 32;

/// Bytes of a `fixed_size_binary`, or values in one `fixed_size_list` with all that it nests: each
/// null takes that room.
pub const MAX_FIXED_SIZE: i32 = 65_536;

/// The longest text of a type, in bytes: what it becomes takes many times that.
const MAX_TEXT_BYTES: usize = 1 << 20;

/// The longest text that is quoted in a message, in characters.
const QUOTED_CHARS: usize = 100;

/// `int64`, `decimal(10,2)`, `timestamp(us,+00:00)`, `list<utf8>`, `struct<country: utf8>`.
///
/// # Errors
/// A text that names no type that we carry, with a hint.
pub fn parse(text: &str) -> Result<DataType> {
    let mut parser = Parser { rest: text };
    let parsed = match text.len() > MAX_TEXT_BYTES {
        true => Err(format!(
            "its text is longer than {} MiB",
            MAX_TEXT_BYTES >> 20
        )),
        false => parser.data_type(0, MAX_FIXED_SIZE),
    };
    let parsed = parsed.and_then(|data_type| {
        parser.skip_space();
        match parser.rest {
            "" => Ok(data_type),
            more => Err(format!("`{}` is left over after the type", shown(more))),
        }
    });
    parsed.map_err(|reason| {
        Error::new(
            Kind::Invalid,
            Blame::Configuration,
            format!("data type \"{}\": {reason}", shown(text)),
        )
    })
}

fn shown(text: &str) -> String {
    match text.char_indices().nth(QUOTED_CHARS) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

type Parsed<T> = std::result::Result<T, String>;

struct Parser<'a> {
    rest: &'a str,
}

impl<'a> Parser<'a> {
    /// `fixed_size` is what the types around leave of [`MAX_FIXED_SIZE`].
    fn data_type(&mut self, depth: usize, fixed_size: i32) -> Parsed<DataType> {
        if depth > MAX_DEPTH {
            return Err(format!("types are nested more than {MAX_DEPTH} deep"));
        }
        let word = self.word();
        if let Some(plain) = words::plain_type(word) {
            return Ok(plain);
        }
        Ok(match word {
            "time32" => match self.in_parentheses(word, Self::unit)? {
                unit @ (TimeUnit::Second | TimeUnit::Millisecond) => DataType::Time32(unit),
                _ => return Err("`time32` counts s or ms; write `time64` for us and ns".into()),
            },
            "time64" => match self.in_parentheses(word, Self::unit)? {
                unit @ (TimeUnit::Microsecond | TimeUnit::Nanosecond) => DataType::Time64(unit),
                _ => return Err("`time64` counts us or ns; write `time32` for s and ms".into()),
            },
            "duration" => DataType::Duration(self.in_parentheses(word, Self::unit)?),
            "interval" => DataType::Interval(self.in_parentheses(word, Self::interval_unit)?),
            "timestamp" => self.in_parentheses(word, Self::timestamp)?,
            "decimal" => self.in_parentheses(word, |parser| {
                let (digits, scale) = parser.digits_and_scale(DECIMAL256_MAX_PRECISION)?;
                Ok(if digits > DECIMAL128_MAX_PRECISION {
                    DataType::Decimal256(digits, scale)
                } else {
                    DataType::Decimal128(digits, scale)
                })
            })?,
            "decimal32" => self.decimal(word, DECIMAL32_MAX_PRECISION, DataType::Decimal32)?,
            "decimal64" => self.decimal(word, DECIMAL64_MAX_PRECISION, DataType::Decimal64)?,
            "decimal256" => self.decimal(word, DECIMAL256_MAX_PRECISION, DataType::Decimal256)?,
            "fixed_size_binary" => DataType::FixedSizeBinary(
                self.in_parentheses(word, |parser| parser.fixed_size(fixed_size))?,
            ),
            "list" => DataType::List(self.item(word, depth, fixed_size)?),
            "large_list" => DataType::LargeList(self.item(word, depth, fixed_size)?),
            "list_view" => DataType::ListView(self.item(word, depth, fixed_size)?),
            "large_list_view" => DataType::LargeListView(self.item(word, depth, fixed_size)?),
            "fixed_size_list" => self.fixed_size_list(depth, fixed_size)?,
            "struct" => DataType::Struct(self.members(depth, fixed_size)?.into()),
            "map" => self.map(depth, fixed_size)?,
            "dictionary" => self.dictionary(depth, fixed_size)?,
            "run_end_encoded" => self.run_end_encoded(depth, fixed_size)?,
            "" => match self.rest.chars().next() {
                Some(found) => return Err(format!("a type was expected before `{found}`")),
                None => return Err("a type is missing at the end".into()),
            },
            unknown => {
                return Err(match words::suggestion(unknown) {
                    Some(right) => format!("`{unknown}` is no type; did you mean `{right}`?"),
                    None => format!(
                        "`{}` is no type; common ones are utf8, int64, float64, boolean, date32, \
                         timestamp(us,+00:00), decimal(10,2), list<utf8>, struct<name: utf8>",
                        shown(unknown)
                    ),
                });
            }
        })
    }

    /// A type with an optional `not null`.
    fn field(&mut self, name: &str, depth: usize, fixed_size: i32) -> Parsed<Field> {
        let data_type = self.data_type(depth, fixed_size)?;
        let nullable = match self.word() {
            "" => true,
            "not" if self.word() == "null" => false,
            word => {
                return Err(format!(
                    "`{}` after a type: only `not null` can stand there",
                    shown(word)
                ));
            }
        };
        Ok(Field::new(name, data_type, nullable))
    }

    fn item(&mut self, word: &str, depth: usize, fixed_size: i32) -> Parsed<Arc<Field>> {
        self.expect(word, '<')?;
        let item = self.field(Field::LIST_FIELD_DEFAULT_NAME, depth + 1, fixed_size)?;
        self.expect(word, '>')?;
        Ok(Arc::new(item))
    }

    fn fixed_size_list(&mut self, depth: usize, fixed_size: i32) -> Parsed<DataType> {
        let word = "fixed_size_list";
        self.expect(word, '<')?;
        // The size comes after the item; what the item may take is known only then.
        let item = self.field(Field::LIST_FIELD_DEFAULT_NAME, depth + 1, fixed_size)?;
        self.expect(word, ',')?;
        let each = fixed_room(item.data_type());
        let size = self.fixed_size(fixed_size / each.max(1))?;
        self.expect(word, '>')?;
        Ok(DataType::FixedSizeList(Arc::new(item), size))
    }

    fn members(&mut self, depth: usize, fixed_size: i32) -> Parsed<Vec<Field>> {
        self.expect("struct", '<')?;
        let mut members = Vec::new();
        let mut names = std::collections::HashSet::new();
        if self.eat('>') {
            return Ok(members);
        }
        loop {
            let name = self.name("a field's name", is_name_char)?;
            self.expect("struct", ':')?;
            members.push(self.field(&name, depth + 1, fixed_size)?);
            if let Some(twice) = names.replace(name) {
                return Err(format!("field `{}` stands twice", shown(&twice)));
            }
            if !self.eat(',') {
                break;
            }
        }
        self.expect("struct", '>')?;
        Ok(members)
    }

    fn map(&mut self, depth: usize, fixed_size: i32) -> Parsed<DataType> {
        self.expect("map", '<')?;
        // A map nests two levels: its entries, and what they hold.
        let key = self.data_type(depth + 2, fixed_size)?;
        self.expect("map", ',')?;
        let value = self.field("value", depth + 2, fixed_size)?;
        self.expect("map", '>')?;
        let pair = vec![Field::new("key", key, false), value];
        let entries = Field::new("entries", DataType::Struct(pair.into()), false);
        Ok(DataType::Map(Arc::new(entries), false))
    }

    fn dictionary(&mut self, depth: usize, fixed_size: i32) -> Parsed<DataType> {
        self.expect("dictionary", '<')?;
        let key = self.data_type(depth + 1, fixed_size)?;
        if !key.is_dictionary_key_type() {
            return Err("the key of a dictionary is an integer type".into());
        }
        self.expect("dictionary", ',')?;
        let value = self.data_type(depth + 1, fixed_size)?;
        self.expect("dictionary", '>')?;
        Ok(DataType::Dictionary(Box::new(key), Box::new(value)))
    }

    fn run_end_encoded(&mut self, depth: usize, fixed_size: i32) -> Parsed<DataType> {
        let word = "run_end_encoded";
        self.expect(word, '<')?;
        let ends = self.data_type(depth + 1, fixed_size)?;
        if !ends.is_run_ends_type() {
            return Err("run ends are int16, int32 or int64".into());
        }
        self.expect(word, ',')?;
        let values = self.field("values", depth + 1, fixed_size)?;
        self.expect(word, '>')?;
        let ends = Field::new("run_ends", ends, false);
        Ok(DataType::RunEndEncoded(Arc::new(ends), Arc::new(values)))
    }

    fn timestamp(&mut self) -> Parsed<DataType> {
        let unit = self.unit()?;
        let zone = if self.eat(',') {
            Some(Arc::from(self.name("a time zone", is_zone_char)?))
        } else {
            None
        };
        Ok(DataType::Timestamp(unit, zone))
    }

    fn decimal(&mut self, word: &str, max: u8, make: fn(u8, i8) -> DataType) -> Parsed<DataType> {
        let (digits, scale) = self.in_parentheses(word, |parser| parser.digits_and_scale(max))?;
        Ok(make(digits, scale))
    }

    fn digits_and_scale(&mut self, max_digits: u8) -> Parsed<(u8, i8)> {
        let digits = self.integer()?;
        self.expect("decimal", ',')?;
        let scale = self.integer()?;
        match (u8::try_from(digits), i8::try_from(scale)) {
            (Ok(digits), Ok(scale))
                if (1..=max_digits).contains(&digits) && i32::from(scale) <= i32::from(digits) =>
            {
                Ok((digits, scale))
            }
            _ => Err(format!(
                "a decimal here has 1 to {max_digits} digits, of which at most all stand after \
                 the point; ({digits},{scale}) does not fit"
            )),
        }
    }

    fn fixed_size(&mut self, max: i32) -> Parsed<i32> {
        let size = self.integer()?;
        i32::try_from(size)
            .ok()
            .filter(|size| (0..=max).contains(size))
            .ok_or_else(|| format!("the fixed size {size} is not between 0 and {max}"))
    }

    fn unit(&mut self) -> Parsed<TimeUnit> {
        match self.word() {
            "s" => Ok(TimeUnit::Second),
            "ms" => Ok(TimeUnit::Millisecond),
            "us" => Ok(TimeUnit::Microsecond),
            "ns" => Ok(TimeUnit::Nanosecond),
            other => Err(format!(
                "`{}` is no unit; units are s, ms, us, ns",
                shown(other)
            )),
        }
    }

    fn interval_unit(&mut self) -> Parsed<IntervalUnit> {
        match self.word() {
            "year_month" => Ok(IntervalUnit::YearMonth),
            "day_time" => Ok(IntervalUnit::DayTime),
            "month_day_nano" => Ok(IntervalUnit::MonthDayNano),
            other => Err(format!(
                "`{}` is no interval; intervals are year_month, day_time, month_day_nano",
                shown(other)
            )),
        }
    }

    fn in_parentheses<T>(
        &mut self,
        word: &str,
        inside: impl FnOnce(&mut Self) -> Parsed<T>,
    ) -> Parsed<T> {
        self.expect(word, '(')?;
        let value = inside(self)?;
        self.expect(word, ')')?;
        Ok(value)
    }

    /// A name, plain or in backticks.
    fn name(&mut self, what: &str, plain: fn(char) -> bool) -> Parsed<String> {
        if !self.eat('`') {
            return match self.take_while(plain) {
                "" => Err(match self.rest.chars().next() {
                    Some(found) => format!(
                        "{what} was expected before `{found}`; unusual names stand in backticks"
                    ),
                    None => format!("{what} is missing at the end"),
                }),
                name => Ok(name.to_owned()),
            };
        }
        let mut name = String::new();
        loop {
            let Some((part, rest)) = self.rest.split_once('`') else {
                return Err("a closing backtick is missing".into());
            };
            name.push_str(part);
            match rest.strip_prefix('`') {
                Some(rest) => {
                    name.push('`');
                    self.rest = rest;
                }
                None => {
                    self.rest = rest;
                    return Ok(name);
                }
            }
        }
    }

    fn word(&mut self) -> &'a str {
        self.skip_space();
        self.take_while(|c| c.is_alphanumeric() || c == '_')
    }

    fn integer(&mut self) -> Parsed<i64> {
        self.skip_space();
        let digits = self.take_while(|c| c.is_ascii_digit() || c == '-');
        digits
            .parse()
            .map_err(|_| format!("`{}` is no whole number", shown(digits)))
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !wanted(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    fn expect(&mut self, word: &str, symbol: char) -> Parsed<()> {
        if self.eat(symbol) {
            return Ok(());
        }
        let found = match self.rest.chars().next() {
            Some(found) => format!("not `{found}`"),
            None => "but the text ends".to_owned(),
        };
        Err(match words::suggestion(word) {
            Some(example) => {
                format!("`{symbol}` was expected in `{word}`, {found}; an example is `{example}`")
            }
            None => format!("`{symbol}` was expected in `{word}`, {found}"),
        })
    }

    fn eat(&mut self, symbol: char) -> bool {
        self.skip_space();
        match self.rest.strip_prefix(symbol) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start();
    }
}

/// How many fixed-size slots one value of a type takes, null or not.
fn fixed_room(data_type: &DataType) -> i32 {
    match data_type {
        DataType::FixedSizeBinary(size) => *size,
        DataType::FixedSizeList(item, size) => {
            size.saturating_mul(fixed_room(item.data_type()).max(1))
        }
        DataType::Struct(fields) => fields
            .iter()
            .map(|field| fixed_room(field.data_type()))
            .fold(0, i32::saturating_add),
        _ => 1,
    }
}
