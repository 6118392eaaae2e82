//! The bytes of a record into columns, by a plan.

use super::input::Input;
use super::number;
use super::plan::{Members, Plan, Row, Scale, Step, To};
use super::schema::{Node, Schema, Type};
use super::skip::skip;
use super::text;
use crate::column::number::Number;
use crate::column::{Column, Record, Values, check_distinct, has_digits};
use crate::fault::{Fault, Parsed};

impl Plan {
    /// Reads a record, which becomes the next row.
    #[inline]
    pub(crate) fn read(&self, input: &mut Input<'_>, root: &mut Record) -> Parsed<()> {
        self.row(&self.row, input, root)?;
        input.end()
    }

    fn row(&self, row: &Row, input: &mut Input<'_>, root: &mut Record) -> Parsed<()> {
        match row {
            Row::Members(members) => self.members(members, input, root),
            Row::Null => root.push_null(),
            Row::Union(rows) => {
                let branch = input.index(rows.len())?;
                match rows.get(branch) {
                    Some(row) => self.row(row, input, root),
                    None => Ok(()),
                }
            }
        }
    }

    fn members(&self, members: &Members, input: &mut Input<'_>, record: &mut Record) -> Parsed<()> {
        for member in &members.members {
            match member {
                To::Column(index, step) => {
                    if let Some(column) = record.columns.get_mut(*index) {
                        self.value(step, input, column)?;
                    }
                }
                To::Nothing(node) => skip(&self.schema, *node, input, 0)?,
                To::Excess(node, name) => self.excess(*node, name, input)?,
            }
        }
        for index in &members.missing {
            if let Some(column) = record.columns.get_mut(*index) {
                column.push_null(input.at(), "it is missing")?;
            }
        }
        Ok(())
    }

    /// A field for which there is no room: only null may stand there.
    fn excess(&self, node: Node, name: &str, input: &mut Input<'_>) -> Parsed<()> {
        let of = match self.schema.get(node) {
            Type::Union(branches) => {
                let branch = input.index(branches.len())?;
                branches
                    .get(branch)
                    .map_or(&Type::Null, |branch| self.schema.get(*branch))
            }
            of => of,
        };
        match of {
            Type::Null => Ok(()),
            _ => Err(Fault::new(
                input.at(),
                format!(
                    "the field `{name}` is new, and there are too many already for another column: \
                     name the columns that you want in `schema`"
                ),
            )),
        }
    }

    #[inline]
    fn value(&self, step: &Step, input: &mut Input<'_>, column: &mut Column) -> Parsed<()> {
        let is_null = match step {
            Step::Null => true,
            Step::Optional { null, step } => {
                let branch = input.index(2);
                let branch = branch.map_err(|fault| fault.inside(column.name()))?;
                if branch != *null {
                    return self.value(step, input, column);
                }
                true
            }
            Step::Union(steps) => {
                let branch = input.index(steps.len());
                let branch = branch.map_err(|fault| fault.inside(column.name()))?;
                return match steps.get(branch) {
                    Some(step) => self.value(step, input, column),
                    None => Ok(()),
                };
            }
            _ => false,
        };
        if is_null {
            return column.push_null(input.at(), "it is null");
        }
        match self.put(step, input, column) {
            Ok(()) => {
                column.seal();
                Ok(())
            }
            Err(fault) => Err(fault.inside(column.name())),
        }
    }

    /// Puts a value in, which is then sealed.
    #[inline]
    fn put(&self, step: &Step, input: &mut Input<'_>, column: &mut Column) -> Parsed<()> {
        let from = input.at();
        match (step, &mut column.values) {
            (Step::Whole { is_int, scale }, values) => {
                let value = if *is_int { input.int() } else { input.long() }?;
                if !put_whole(value, *scale, values) {
                    return Err(mismatch(column, from, &value.to_string()));
                }
            }
            (Step::Text, Values::Text(slices)) => {
                slices.bytes.extend_from_slice(input.string()?.as_bytes());
                return close(slices.close(), from);
            }
            (Step::Symbol(node), Values::Text(slices)) => {
                let Type::Enum(symbols) = self.schema.get(*node) else {
                    return Ok(());
                };
                let symbol = symbols.get(input.index(symbols.len())?);
                let symbol = symbol.map_or("", String::as_str);
                slices.bytes.extend_from_slice(symbol.as_bytes());
                return close(slices.close(), from);
            }
            (Step::Json(node), Values::Text(slices)) => {
                text::bare(&self.schema, *node, input, &mut slices.bytes)?;
                return close(slices.close(), from);
            }
            (Step::Boolean, Values::Boolean(bits)) => bits.append(input.boolean()?),
            (Step::Float, Values::Float { values, .. }) => values.push(input.float()?.into()),
            (Step::Double, Values::Float { values, single }) => {
                let value = input.double()?;
                if *single && !fits_single(value) {
                    return Err(mismatch(column, from, &value.to_string()));
                }
                values.push(value);
            }
            (Step::Decimal { width, scale }, Values::Decimal { .. }) => {
                let bytes = match width {
                    Some(width) => input.take(*width)?,
                    None => input.bytes()?,
                };
                put_decimal(bytes, *scale, from, column)?;
            }
            (Step::Digits(node), _) => {
                let digits = number::digits(self.schema.get(*node), input)?;
                return put_digits(&digits, from, column);
            }
            (Step::TimeText, Values::Time { values, clock }) => {
                let written = input.string()?;
                match clock.parse(written.as_bytes()) {
                    Some(units) => values.push(units),
                    None => return Err(mismatch(column, from, &format!("{written:?}"))),
                }
            }
            (Step::Bytes | Step::Fixed(_), Values::Binary { slices, width }) => {
                let bytes = match step {
                    Step::Fixed(size) => input.take(*size)?,
                    _ => input.bytes()?,
                };
                if width.is_some_and(|width| width != bytes.len()) {
                    let reason = format!(
                        "takes {} bytes, and the value has {}",
                        width.unwrap_or_default(),
                        bytes.len()
                    );
                    return Err(Fault::new(from, reason));
                }
                slices.bytes.extend_from_slice(bytes);
                return close(slices.close(), from);
            }
            (Step::List { least, item: step }, Values::List { offsets, item }) => {
                loop {
                    let count = input.block(*least)?;
                    if count == 0 {
                        break;
                    }
                    for _ in 0..count {
                        input.unfold(item.width)?;
                        self.value(step, input, item)?;
                    }
                }
                return close(offsets.close(item.len()), from);
            }
            (
                Step::Map { least, value: step },
                Values::Map {
                    offsets,
                    keys,
                    values,
                },
            ) => {
                loop {
                    let count = input.block(*least)?;
                    if count == 0 {
                        break;
                    }
                    for _ in 0..count {
                        input.unfold(1 + values.width)?;
                        let at = input.at();
                        keys.bytes.extend_from_slice(input.string()?.as_bytes());
                        close(keys.close(), at)?;
                        self.value(step, input, values)?;
                    }
                }
                check_distinct(keys, offsets.open(), from)?;
                return close(offsets.close(keys.len()), from);
            }
            (Step::Record(members), Values::Struct(record)) => {
                return self.members(members, input, record);
            }
            (Step::Refuse(what), _) => {
                let takes = wasm_sink_core::data_type::name(column.field.data_type());
                let reason = format!("takes {takes}, and the record has {what}");
                return Err(Fault::new(from, reason));
            }
            // The plan was made for columns of these types.
            _ => return Err(Fault::new(from, "takes nothing of this kind")),
        }
        Ok(())
    }

    /// Passes over a record, which shows whether it is one of this schema.
    pub(crate) fn is_whole(schema: &Schema, message: &[u8], at: usize) -> bool {
        let mut input = Input::new(message, at);
        skip(schema, schema.root(), &mut input, 0)
            .and_then(|()| input.end())
            .is_ok()
    }
}

#[inline]
fn put_whole(value: i64, scale: Scale, values: &mut Values) -> bool {
    let value = match scale {
        Scale::Same => value,
        // Few values of 64 bits are too large for their column; decimals are wider.
        _ => return put_scaled(i128::from(value), scale, values),
    };
    match values {
        Values::Integer {
            values,
            least,
            most,
        } if (*least..=*most).contains(&value) => values.push(value),
        Values::Time { values, clock } => match clock.count(value) {
            Some(units) => values.push(units),
            None => return false,
        },
        Values::Unsigned(values) => match u64::try_from(value) {
            Ok(value) => values.push(value),
            Err(_) => return false,
        },
        Values::Float { values, single } => {
            // Every digit counts, as of whole numbers in JSON.
            let back = match single {
                true => (value as f32) as i128,
                false => (value as f64) as i128,
            };
            if back != i128::from(value) {
                return false;
            }
            values.push(value as f64);
        }
        Values::Decimal { .. } => return put_scaled(value.into(), Scale::Same, values),
        _ => return false,
    }
    true
}

fn put_scaled(value: i128, scale: Scale, values: &mut Values) -> bool {
    let Some(scaled) = scaled(value, scale) else {
        return false;
    };
    match values {
        Values::Decimal {
            values, precision, ..
        } if has_digits(scaled, *precision) => {
            values.push(scaled);
            true
        }
        Values::Time { .. } => {
            i64::try_from(scaled).is_ok_and(|units| put_whole(units, Scale::Same, values))
        }
        _ => false,
    }
}

fn scaled(value: i128, scale: Scale) -> Option<i128> {
    match scale {
        Scale::Same => Some(value),
        Scale::Times(factor) => value.checked_mul(factor),
        Scale::Over(factor) => (value % factor == 0).then(|| value / factor),
    }
}

fn put_decimal(bytes: &[u8], scale: Scale, from: usize, column: &mut Column) -> Parsed<()> {
    let is_taken = number::narrow(bytes)
        .is_some_and(|unscaled| put_scaled(unscaled, scale, &mut column.values));
    if is_taken {
        return Ok(());
    }
    let takes = wasm_sink_core::data_type::name(column.field.data_type());
    let reason = match bytes.len() {
        0 => format!("takes {takes}, and the value has no byte"),
        _ => format!("takes {takes}, and the value has more digits"),
    };
    Err(Fault::new(from, reason))
}

/// A number as JSON would have it, by the rules for JSON.
fn put_digits(digits: &str, from: usize, column: &mut Column) -> Parsed<()> {
    let Some(whole) = Number::whole(digits.as_bytes()) else {
        return Err(mismatch(column, from, digits));
    };
    match column.put_number(whole) {
        Some(()) => Ok(()),
        None => Err(mismatch(column, from, digits)),
    }
}

/// Rounded, but neither made infinite nor without digits of a whole number.
fn fits_single(value: f64) -> bool {
    let single = value as f32;
    !value.is_finite() || single.is_finite() && (value.fract() != 0.0 || f64::from(single) == value)
}

#[inline]
fn close(has_room: bool, from: usize) -> Parsed<()> {
    match has_room {
        true => Ok(()),
        false => Err(Fault::new(from, "there is too much of it for one batch")),
    }
}

#[cold]
fn mismatch(column: &Column, from: usize, value: &str) -> Box<Fault> {
    let takes = wasm_sink_core::data_type::name(column.field.data_type());
    Fault::mismatch(from, takes, value.as_bytes())
}
