//! A table's columns, and how they may grow.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};
use deltalake_core::kernel::{DataType, StructField, StructType};
use wasm_sink_core::guest::wit;
use wasm_sink_core::{Blame, Error, Kind, Result, data_type};

use crate::log::action::Metadata;
use crate::types::{self, Nulls, arrow_type, delta_type, takes};

/// One column.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Column {
    field: StructField,
}

impl Column {
    pub(crate) fn name(&self) -> &str {
        self.field.name()
    }

    pub(crate) fn data_type(&self) -> &DataType {
        self.field.data_type()
    }

    pub(crate) fn is_nullable(&self) -> bool {
        self.field.is_nullable()
    }

    pub(crate) fn has_metadata(&self, key: &str) -> bool {
        self.field.metadata.contains_key(key)
    }
}

/// The columns of a table at some version.
#[derive(Clone, Debug)]
pub(crate) struct TableSchema {
    /// Identity of the table: a dropped one that was made anew has another.
    pub(crate) table_id: String,
    columns: Vec<Column>,
    /// Their places in `columns`, in the order in which the table names them.
    partition_columns: Vec<usize>,
    /// All columns in our Arrow types, nulls anywhere.
    rows: SchemaRef,
    /// The columns of data files: all but the partition columns.
    file: SchemaRef,
}

impl TableSchema {
    /// Reads a `metaData` action.
    ///
    /// # Errors
    /// A schema that is none, or with types that we do not write.
    pub(crate) fn from_metadata(metadata: &Metadata) -> Result<Self> {
        let parsed: StructType = serde_json::from_str(&metadata.schema_string).map_err(|e| {
            Error::new(
                Kind::Other,
                Blame::Destination,
                "the table's schema cannot be read, or has a type that this version does not know",
            )
            .with_source(e)
        })?;
        let fields = parsed.into_fields().collect();
        Self::new(metadata.id.clone(), fields, &metadata.partition_columns)
    }

    fn new(table_id: String, fields: Vec<StructField>, partition_by: &[String]) -> Result<Self> {
        let columns: Vec<Column> = fields.into_iter().map(|field| Column { field }).collect();
        let rows = columns
            .iter()
            .map(|column| {
                let arrow = arrow_type(column.data_type(), Nulls::Anywhere).ok_or_else(|| {
                    Error::invalid(format!(
                        "column `{}` is {}, which this version does not write",
                        column.name(),
                        column.data_type()
                    ))
                })?;
                Ok(Field::new(column.name(), arrow, true))
            })
            .collect::<Result<Vec<Field>>>()?;
        let partition_columns = partition_by
            .iter()
            .map(|name| {
                columns
                    .iter()
                    .position(|column| column.name() == name)
                    .ok_or_else(|| {
                        Error::invalid(format!(
                            "the table is partitioned by `{name}`, which is no column of it"
                        ))
                    })
            })
            .collect::<Result<Vec<usize>>>()?;
        let in_files: Vec<Field> = rows
            .iter()
            .enumerate()
            .filter(|(index, _)| !partition_columns.contains(index))
            .map(|(_, field)| field.clone())
            .collect();
        Ok(Self {
            table_id,
            columns,
            partition_columns,
            rows: Arc::new(Schema::new(rows)),
            file: Arc::new(Schema::new(in_files)),
        })
    }

    /// The columns that a component asks for.
    ///
    /// # Errors
    /// `invalid`: a type, a name or a partition column that Delta cannot have.
    pub(crate) fn requested(fields: &[wit::Field], partition_by: &[String]) -> Result<Self> {
        let fields = requested_fields(fields)?;
        if fields.is_empty() {
            return Err(Error::invalid(
                "a table needs at least one column".to_owned(),
            ));
        }
        let mut seen = HashSet::new();
        for name in partition_by {
            let Some(field) = fields.iter().find(|field| field.name() == name) else {
                let known: Vec<_> = fields.iter().map(|field| field.name().as_str()).collect();
                return Err(Error::invalid(format!(
                    "`{name}` in `partition_by` is no column; columns are: {}",
                    known.join(", ")
                )));
            };
            let can_partition = field
                .data_type()
                .as_primitive_opt()
                .is_some_and(|primitive| DataType::from(primitive.clone()) != DataType::BINARY);
            if !can_partition {
                return Err(Error::invalid(format!(
                    "`{name}` is {} and cannot be in `partition_by`; text, numbers, dates and times \
                     can",
                    types::text(field.data_type())
                )));
            }
            if !seen.insert(name) {
                return Err(Error::invalid(format!(
                    "`{name}` is in `partition_by` twice"
                )));
            }
        }
        if partition_by.len() == fields.len() {
            return Err(Error::invalid(
                "every column is in `partition_by`; at least one must be left for the data files"
                    .to_owned(),
            ));
        }
        Self::new(String::new(), fields, partition_by)
    }

    pub(crate) fn columns(&self) -> &[Column] {
        &self.columns
    }

    pub(crate) fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name() == name)
    }

    /// A table that was made only to hold positions has no columns yet.
    pub(crate) fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    pub(crate) fn partition_columns(&self) -> &[usize] {
        &self.partition_columns
    }

    pub(crate) fn partition_names(&self) -> Vec<String> {
        self.partition_columns
            .iter()
            .filter_map(|index| self.columns.get(*index))
            .map(|column| column.name().to_owned())
            .collect()
    }

    pub(crate) fn is_partition_column(&self, name: &str) -> bool {
        self.partition_columns
            .iter()
            .filter_map(|index| self.columns.get(*index))
            .any(|column| column.name() == name)
    }

    pub(crate) fn rows(&self) -> &SchemaRef {
        &self.rows
    }

    pub(crate) fn file(&self) -> &SchemaRef {
        &self.file
    }

    pub(crate) fn types(&self) -> impl Iterator<Item = &DataType> {
        self.columns.iter().map(Column::data_type)
    }

    /// As the contract shows it to components.
    pub(crate) fn fields(&self) -> Vec<wit::Field> {
        self.columns
            .iter()
            .map(|column| wit::Field {
                name: column.name().to_owned(),
                data_type: types::text(column.data_type()),
                nullable: column.is_nullable(),
            })
            .collect()
    }

    /// The text of `metaData.schemaString`.
    ///
    /// # Errors
    /// Only a host bug.
    pub(crate) fn schema_string(&self) -> Result<String> {
        let fields = self.columns.iter().map(|column| column.field.clone());
        StructType::try_new(fields)
            .map_err(|e| Error::invalid("these columns make no schema".to_owned()).with_source(e))
            .and_then(|schema| {
                serde_json::to_string(&schema).map_err(|e| {
                    Error::new(Kind::Other, Blame::Host, "a schema has no text").with_source(e)
                })
            })
    }

    /// Whether both have the same columns and partitions, in any order of columns.
    pub(crate) fn has_same_columns(&self, other: &Self) -> bool {
        self.columns.len() == other.columns.len()
            && self.partition_names() == other.partition_names()
            && self.columns.iter().all(|column| {
                other.column(column.name()).is_some_and(|twin| {
                    twin.data_type() == column.data_type()
                        && twin.is_nullable() == column.is_nullable()
                })
            })
    }

    /// The schema with these columns as well; None where it has them already.
    ///
    /// # Errors
    /// `invalid`: a column that is there and takes no such values, or that cannot be added.
    pub(crate) fn with_columns(&self, fields: &[wit::Field]) -> Result<Option<Self>> {
        let mut columns: Vec<StructField> = self
            .columns
            .iter()
            .map(|column| column.field.clone())
            .collect();
        let mut has_grown = false;
        for field in requested_fields(fields)? {
            let Some(known) = columns
                .iter_mut()
                .find(|known| known.name() == field.name())
            else {
                if !field.is_nullable() {
                    return Err(Error::invalid(format!(
                        "column `{}` cannot be added without allowing nulls, since the rows that \
                         are there have none",
                        field.name()
                    )));
                }
                columns.push(field);
                has_grown = true;
                continue;
            };
            let merged = match merge(known.name(), known.data_type(), field.data_type()) {
                Ok(merged) => merged,
                // Value by value, then.
                Err(_) if takes_delta(known.data_type(), field.data_type()) => None,
                Err(error) => return Err(error),
            };
            if let Some(merged) = merged {
                if self.is_partition_column(known.name()) {
                    return Err(mismatch(known.name(), known.data_type(), field.data_type()));
                }
                known.data_type = merged;
                has_grown = true;
            }
        }
        if !has_grown {
            return Ok(None);
        }
        refuse_twins(columns.iter().map(|field| field.name().as_str()))?;
        Self::new(self.table_id.clone(), columns, &self.partition_names()).map(Some)
    }

    /// Why files written with `self` no longer fit a table that now is `now`; None where they do.
    pub(crate) fn obstacle(&self, now: &Self) -> Option<String> {
        if self.table_id != now.table_id {
            return Some("the table was dropped and made anew".to_owned());
        }
        if self.partition_names() != now.partition_names() {
            return Some("the table is partitioned otherwise now".to_owned());
        }
        for column in &self.columns {
            let name = column.name();
            let Some(twin) = now.column(name) else {
                return Some(format!("column `{name}` is gone"));
            };
            let fits = merge(name, twin.data_type(), column.data_type());
            if !fits.is_ok_and(|grown| grown.is_none()) {
                return Some(format!(
                    "column `{name}` is {} now",
                    types::text(twin.data_type())
                ));
            }
            if column.is_nullable() && !twin.is_nullable() {
                return Some(format!("column `{name}` no longer allows nulls"));
            }
        }
        now.columns
            .iter()
            .find(|column| !column.is_nullable() && self.column(column.name()).is_none())
            .map(|column| format!("column `{}` is new and allows no nulls", column.name()))
    }
}

/// What `known` becomes so that values of `wanted` fit: itself (None), or with further nullable
/// fields in its structs.
///
/// # Errors
/// `invalid`: the types differ in more than that.
pub(crate) fn merge(path: &str, known: &DataType, wanted: &DataType) -> Result<Option<DataType>> {
    if known == wanted {
        return Ok(None);
    }
    match (known, wanted) {
        (DataType::Struct(known_fields), DataType::Struct(wanted_fields)) => {
            let mut fields: Vec<StructField> = known_fields.fields().cloned().collect();
            let mut has_grown = false;
            for wanted in wanted_fields.fields() {
                let inner = format!("{path}.{}", wanted.name());
                match fields
                    .iter_mut()
                    .find(|field| field.name() == wanted.name())
                {
                    Some(field) => {
                        if let Some(grown) = merge(&inner, field.data_type(), wanted.data_type())? {
                            field.data_type = grown;
                            has_grown = true;
                        }
                    }
                    None => {
                        fields.push(StructField::nullable(
                            wanted.name(),
                            wanted.data_type().clone(),
                        ));
                        has_grown = true;
                    }
                }
            }
            if !has_grown {
                return Ok(None);
            }
            Ok(Some(types::struct_type(path, fields)?.into()))
        }
        (DataType::Array(known_array), DataType::Array(wanted_array)) => {
            let element = format!("{path}.element");
            let grown = merge(
                &element,
                known_array.element_type(),
                wanted_array.element_type(),
            )?;
            let keeps_nulls = known_array.contains_null();
            Ok(grown.map(|g| deltalake_core::kernel::ArrayType::new(g, keeps_nulls).into()))
        }
        (DataType::Map(known_map), DataType::Map(wanted_map))
            if known_map.key_type() == wanted_map.key_type() =>
        {
            let value = format!("{path}.value");
            let grown = merge(&value, known_map.value_type(), wanted_map.value_type())?;
            Ok(grown.map(|grown| {
                let keeps_nulls = known_map.value_contains_null();
                deltalake_core::kernel::MapType::new(
                    known_map.key_type().clone(),
                    grown,
                    keeps_nulls,
                )
                .into()
            }))
        }
        _ => Err(mismatch(path, known, wanted)),
    }
}

fn takes_delta(known: &DataType, wanted: &DataType) -> bool {
    arrow_type(wanted, Nulls::Anywhere).is_some_and(|wanted| takes(known, &wanted))
}

pub(crate) fn mismatch(path: &str, known: &DataType, wanted: &DataType) -> Error {
    Error::invalid(format!(
        "column `{path}` is {} in the table, which takes no {}; give it another type in `schema` or \
         `field_mappings`",
        types::text(known),
        types::text(wanted)
    ))
}

fn requested_fields(fields: &[wit::Field]) -> Result<Vec<StructField>> {
    refuse_twins(fields.iter().map(|field| field.name.as_str()))?;
    fields
        .iter()
        .map(|field| {
            let arrow = data_type::parse(&field.data_type)?;
            let delta = delta_type(&field.name, &arrow)?;
            refuse_name(&field.name)?;
            refuse_inner_names(&delta)?;
            Ok(StructField::new(&field.name, delta, field.nullable))
        })
        .collect()
}

fn refuse_inner_names(delta: &DataType) -> Result<()> {
    match delta {
        DataType::Struct(inner) => {
            refuse_twins(inner.fields().map(|field| field.name().as_str()))?;
            for field in inner.fields() {
                refuse_name(field.name())?;
                refuse_inner_names(field.data_type())?;
            }
            Ok(())
        }
        DataType::Array(array) => refuse_inner_names(array.element_type()),
        DataType::Map(map) => {
            refuse_inner_names(map.key_type())?;
            refuse_inner_names(map.value_type())
        }
        DataType::Primitive(_) | DataType::Variant(_) => Ok(()),
    }
}

/// What Parquet readers split names at; Delta takes them only with mapped columns.
fn refuse_name(name: &str) -> Result<()> {
    if name.is_empty() {
        return Err(Error::invalid(
            "a column has an empty name; map it to another one".to_owned(),
        ));
    }
    match name.chars().find(|c| " ,;{}()\n\t=".contains(*c)) {
        Some(wrong) => Err(Error::invalid(format!(
            "column `{name}` has {wrong:?} in its name, which Delta does not allow; give it another \
             name with `field_mappings`"
        ))),
        None => Ok(()),
    }
}

fn refuse_twins<'a>(names: impl Iterator<Item = &'a str>) -> Result<()> {
    let mut seen = std::collections::HashMap::new();
    for name in names {
        if let Some(twin) = seen.insert(name.to_lowercase(), name) {
            return Err(Error::invalid(format!(
                "columns `{twin}` and `{name}` differ only in case, and Delta takes them for one; \
                 give one of them another name with `field_mappings`"
            )));
        }
    }
    Ok(())
}
