//! Fits arrays to a table's types. A value that does not fit exactly is never wrapped, cut or
//! rounded: its row is refused, with the column's name and why.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanBufferBuilder, ListArray, MapArray, PrimitiveArray,
    StructArray, new_null_array,
};
use arrow::buffer::{BooleanBuffer, NullBuffer, OffsetBuffer};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType as Arrow, Date32Type, Date64Type, Decimal128Type, Decimal256Type,
    Field, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType,
};
use deltalake_core::kernel::{DataType, StructType};
use wasm_sink_core::guest::fit::{Refusals, exactly, shown};
use wasm_sink_core::{Error, Result};

use crate::types::{Nulls, arrow_type, text};

const MS_PER_DAY: i64 = 86_400_000;

/// Rows that do not fit, and why.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// Set for each row that is refused.
    pub(crate) rows: BooleanBuffer,
    /// A sentence that names the column.
    pub(crate) reason: String,
}

/// Values in the table's type, and the rows among them that must not be written.
#[derive(Debug)]
pub(crate) struct Fitted {
    pub(crate) values: ArrayRef,
    pub(crate) refusals: Vec<Refusal>,
}

impl Fitted {
    fn whole(values: ArrayRef) -> Self {
        Self {
            values,
            refusals: Vec::new(),
        }
    }

    /// Refuses the nulls of a column that must have none.
    fn without_nulls(mut self, path: &str) -> Self {
        if let Some(nulls) = self
            .values
            .logical_nulls()
            .filter(|nulls| nulls.null_count() > 0)
        {
            self.refusals.push(Refusal {
                rows: !nulls.inner(),
                reason: format!("column `{path}` is null, and the table does not allow that"),
            });
        }
        self
    }
}

/// Fits `values` to `to`, whose types were found to agree before.
///
/// # Errors
/// `invalid`: a batch too large for one array of its new type.
pub(crate) fn fit(
    path: &str,
    values: &ArrayRef,
    to: &DataType,
    allows_null: bool,
) -> Result<Fitted> {
    let fitted = fit_values(path, values, to)?;
    Ok(if allows_null {
        fitted
    } else {
        fitted.without_nulls(path)
    })
}

/// Values in the type of a column that [takes](crate::types::takes) them; null where they are not the same there.
///
/// # Errors
/// `invalid`: a column that is not written here.
pub(crate) fn same_values(
    path: &str,
    values: &ArrayRef,
    to: &DataType,
    refusals: &mut Refusals,
) -> Result<ArrayRef> {
    let target = held_as(path, to)?;
    let refuse = |row| {
        format!(
            "column `{path}`: {} does not go into {} as it is",
            shown(values, row),
            text(to)
        )
    };
    let rows = match exactly(values, &target) {
        Ok(same) => return Ok(same),
        Err(rows) => rows,
    };
    refusals.add(&rows, refuse);
    // Once more, without them: their rows go anyway.
    let rest = arrow::compute::nullif(values, &rows.into());
    if let Some(Ok(same)) = rest.ok().map(|rest| exactly(&rest, &target)) {
        return Ok(same);
    }
    refusals.add(&BooleanBuffer::new_set(values.len()), refuse);
    Ok(new_null_array(&target, values.len()))
}

/// A column that the rows do not have.
pub(crate) fn absent(path: &str, to: &DataType, rows: usize) -> Result<Fitted> {
    Ok(Fitted::whole(new_null_array(&held_as(path, to)?, rows)))
}

fn held_as(path: &str, to: &DataType) -> Result<Arrow> {
    arrow_type(to, Nulls::Anywhere).ok_or_else(|| {
        Error::invalid(format!(
            "column `{path}` has a type that is not written here"
        ))
    })
}

fn fit_values(path: &str, values: &ArrayRef, to: &DataType) -> Result<Fitted> {
    let target = held_as(path, to)?;
    match (values.data_type(), to) {
        (Arrow::Null, _) => absent(path, to, values.len()),
        (Arrow::Dictionary(_, inner), _) => fit_values(path, &exact_cast(path, values, inner)?, to),
        (Arrow::RunEndEncoded(_, inner), _) => {
            fit_values(path, &exact_cast(path, values, inner.data_type())?, to)
        }
        (Arrow::Struct(_), DataType::Struct(inner)) => fit_struct(path, values.as_struct(), inner),
        (Arrow::List(_), DataType::Array(array)) => fit_list(
            path,
            values.as_list(),
            array.element_type(),
            array.contains_null(),
        ),
        (
            Arrow::LargeList(item)
            | Arrow::FixedSizeList(item, _)
            | Arrow::ListView(item)
            | Arrow::LargeListView(item),
            DataType::Array(array),
        ) => {
            let list = exact_cast(path, values, &Arrow::List(Arc::clone(item)))?;
            fit_list(
                path,
                list.as_list(),
                array.element_type(),
                array.contains_null(),
            )
        }
        (Arrow::Map(..), DataType::Map(map)) => fit_map(
            path,
            values.as_map(),
            map.key_type(),
            map.value_type(),
            map.value_contains_null(),
        ),
        (Arrow::Date64, _) => Ok(fit_date64(path, values.as_primitive())),
        (Arrow::Timestamp(unit, _), _) => Ok(fit_timestamp(path, values, *unit, &target)),
        (Arrow::Decimal256(precision, scale), _)
            if Arrow::Decimal128(*precision, *scale) != target
                || *precision > crate::types::MAX_DECIMAL_DIGITS =>
        {
            Ok(fit_decimal256(path, values.as_primitive(), &target))
        }
        (same, _) if *same == target => Ok(Fitted::whole(Arc::clone(values))),
        // What is left is wider or laid out otherwise, and casts exactly.
        _ => exact_cast(path, values, &target).map(Fitted::whole),
    }
}

/// A cast that keeps every value, or fails.
fn exact_cast(path: &str, values: &ArrayRef, to: &Arrow) -> Result<ArrayRef> {
    let options = CastOptions {
        safe: false,
        ..CastOptions::default()
    };
    cast_with_options(values, to, &options).map_err(|e| {
        Error::invalid(format!(
            "column `{path}` cannot be written as {}; give smaller batches, or cast it",
            wasm_sink_core::data_type::name(to)
        ))
        .with_source(e)
    })
}

/// Converts value by value; what has none is refused.
fn convert<F: ArrowPrimitiveType, T: ArrowPrimitiveType>(
    values: &PrimitiveArray<F>,
    held_as: &Arrow,
    reason: impl FnOnce() -> String,
    exact: impl Fn(F::Native) -> Option<T::Native>,
) -> Fitted {
    let converted: PrimitiveArray<T> = values.unary_opt(exact);
    let converted = converted.with_data_type(held_as.clone());
    let refusals = if converted.null_count() == values.null_count() {
        Vec::new()
    } else {
        let rows = BooleanBuffer::collect_bool(values.len(), |row| {
            values.is_valid(row) && converted.is_null(row)
        });
        vec![Refusal {
            rows,
            reason: reason(),
        }]
    };
    Fitted {
        values: Arc::new(converted),
        refusals,
    }
}

fn fit_date64(path: &str, values: &PrimitiveArray<Date64Type>) -> Fitted {
    let reason = || format!("column `{path}` is a date64 that is no whole day");
    convert::<_, Date32Type>(values, &Arrow::Date32, reason, |ms| {
        (ms % MS_PER_DAY == 0).then(|| i32::try_from(ms / MS_PER_DAY).ok())?
    })
}

fn fit_timestamp(path: &str, values: &ArrayRef, unit: TimeUnit, target: &Arrow) -> Fitted {
    let too_far = || format!("column `{path}` is a time too far away for microseconds");
    match unit {
        TimeUnit::Second => convert::<_, TimestampMicrosecondType>(
            values.as_primitive::<TimestampSecondType>(),
            target,
            too_far,
            |s| s.checked_mul(1_000_000),
        ),
        TimeUnit::Millisecond => convert::<_, TimestampMicrosecondType>(
            values.as_primitive::<TimestampMillisecondType>(),
            target,
            too_far,
            |ms| ms.checked_mul(1_000),
        ),
        TimeUnit::Microsecond => {
            let values = values.as_primitive::<TimestampMicrosecondType>().clone();
            Fitted::whole(Arc::new(values.with_data_type(target.clone())))
        }
        TimeUnit::Nanosecond => convert::<_, TimestampMicrosecondType>(
            values.as_primitive::<TimestampNanosecondType>(),
            target,
            || {
                format!(
                    "column `{path}` is a time that is no whole microsecond, the finest of Delta"
                )
            },
            |ns| (ns % 1_000 == 0).then_some(ns / 1_000),
        ),
    }
}

fn fit_decimal256(path: &str, values: &PrimitiveArray<Decimal256Type>, target: &Arrow) -> Fitted {
    let Arrow::Decimal256(_, scale) = values.data_type() else {
        return Fitted::whole(new_null_array(target, values.len()));
    };
    // A negative scale became further digits.
    let factor = 10_i128.checked_pow(u32::from(scale.min(&0).unsigned_abs()));
    let limit = match target {
        Arrow::Decimal128(precision, _) => 10_u128.pow(u32::from(*precision)),
        _ => 0,
    };
    let reason = || format!("column `{path}` is a decimal with more digits than the table holds");
    convert::<_, Decimal128Type>(values, target, reason, |value| {
        let value = value.to_i128()?.checked_mul(factor?)?;
        (value.unsigned_abs() < limit).then_some(value)
    })
}

fn fit_struct(path: &str, values: &StructArray, to: &StructType) -> Result<Fitted> {
    let mut fields = Vec::with_capacity(to.num_fields());
    let mut columns = Vec::with_capacity(to.num_fields());
    let mut refusals = Vec::new();
    for field in to.fields() {
        let inner = format!("{path}.{}", field.name());
        let fitted = match values.column_by_name(field.name()) {
            Some(column) => fit_values(&inner, column, field.data_type())?,
            None => absent(&inner, field.data_type(), values.len())?,
        };
        let fitted = if field.is_nullable() {
            fitted
        } else {
            fitted.without_nulls(&inner)
        };
        fields.push(Field::new(
            field.name(),
            fitted.values.data_type().clone(),
            true,
        ));
        columns.push(fitted.values);
        refusals.extend(fitted.refusals);
    }
    // What stands below a null struct is nobody's value.
    if let Some(valid) = values.nulls() {
        for refusal in &mut refusals {
            refusal.rows = &refusal.rows & valid.inner();
        }
        refusals.retain(|refusal| refusal.rows.count_set_bits() > 0);
    }
    let values = StructArray::try_new_with_length(
        fields.into(),
        columns,
        values.nulls().cloned(),
        values.len(),
    )
    .map_err(|e| Error::invalid(format!("column `{path}` is a broken struct")).with_source(e))?;
    Ok(Fitted {
        values: Arc::new(values),
        refusals,
    })
}

fn fit_list(
    path: &str,
    values: &ListArray,
    element: &DataType,
    allows_null: bool,
) -> Result<Fitted> {
    let inner = format!("{path}.element");
    let fitted = fit(&inner, values.values(), element, allows_null)?;
    let refusals = lift(fitted.refusals, values.offsets(), values.nulls());
    let item = Arc::new(Field::new(
        "element",
        fitted.values.data_type().clone(),
        true,
    ));
    let offsets = values.offsets().clone();
    let list = ListArray::try_new(item, offsets, fitted.values, values.nulls().cloned())
        .map_err(|e| Error::invalid(format!("column `{path}` is a broken list")).with_source(e))?;
    Ok(Fitted {
        values: Arc::new(list),
        refusals,
    })
}

fn fit_map(
    path: &str,
    values: &MapArray,
    key: &DataType,
    value: &DataType,
    allows_null: bool,
) -> Result<Fitted> {
    let keys = fit(&format!("{path}.key"), values.keys(), key, false)?;
    let items = fit(
        &format!("{path}.value"),
        values.values(),
        value,
        allows_null,
    )?;
    let mut refusals = keys.refusals;
    refusals.extend(items.refusals);
    let refusals = lift(refusals, values.offsets(), values.nulls());
    let fields = vec![
        Field::new("key", keys.values.data_type().clone(), false),
        Field::new("value", items.values.data_type().clone(), true),
    ];
    let broken = |e| Error::invalid(format!("column `{path}` is a broken map")).with_source(e);
    let entries = StructArray::try_new(fields.into(), vec![keys.values, items.values], None)
        .map_err(broken)?;
    let field = Arc::new(Field::new("key_value", entries.data_type().clone(), false));
    let offsets = values.offsets().clone();
    let map = MapArray::try_new(field, offsets, entries, values.nulls().cloned(), false)
        .map_err(broken)?;
    Ok(Fitted {
        values: Arc::new(map),
        refusals,
    })
}

/// From elements to the rows that hold them.
fn lift(
    refusals: Vec<Refusal>,
    offsets: &OffsetBuffer<i32>,
    nulls: Option<&NullBuffer>,
) -> Vec<Refusal> {
    refusals
        .into_iter()
        .filter_map(|refusal| {
            let mut rows = BooleanBufferBuilder::new(offsets.len().saturating_sub(1));
            for (row, bounds) in offsets.windows(2).enumerate() {
                let (start, end) = match bounds {
                    [start, end] => (*start as usize, *end as usize),
                    _ => (0, 0),
                };
                let is_valid = nulls.is_none_or(|nulls| nulls.is_valid(row));
                rows.append(is_valid && (start..end).any(|element| refusal.rows.value(element)));
            }
            let rows = rows.finish();
            (rows.count_set_bits() > 0).then_some(Refusal {
                rows,
                reason: refusal.reason,
            })
        })
        .collect()
}

/// The type of a partition column's text that Delta cannot tell from null.
pub(crate) fn refuse_empty_text(path: &str, values: &ArrayRef) -> Option<Refusal> {
    let text = values.as_string_opt::<i32>()?;
    let rows = BooleanBuffer::collect_bool(text.len(), |row| {
        text.is_valid(row) && text.value_length(row) == 0
    });
    (rows.count_set_bits() > 0).then(|| Refusal {
        rows,
        reason: format!(
            "column `{path}` is an empty text, which Delta cannot tell from null in `partition_by`"
        ),
    })
}
