//! A table that is open, and how rows get there.

use std::rc::Rc;

use super::config::{Config, SchemaEvolution, WriteMode};
use super::plans::{Plans, has_values};
use super::shape::{Lane, Shape};
use super::{Destination, Table};
use crate::{Batch, Error, ErrorKind, Field, Result};

/// Where rows of one shape go.
#[derive(Debug)]
pub(super) struct Target<T> {
    name: String,
    /// Those with the same name have it together.
    table: Rc<T>,
    shape: Shape,
    plans: Plans,
    /// Ids of the schemas whose columns the table was seen to have.
    fitting: Vec<u32>,
}

impl<T: Table> Target<T> {
    /// Opens the table, unless one of `others` has it.
    ///
    /// # Errors
    /// Of the host; a destination that cannot do what the keys ask for.
    pub(super) fn open<D>(
        lane: Lane<'_>,
        others: &[Self],
        config: &Config<D::Config>,
    ) -> Result<Self>
    where
        D: Destination<Table = T>,
    {
        let mut others = others.iter();
        let table = match others.find(|it| T::is_same_name(&it.name, lane.table)) {
            Some(other) => Rc::clone(&other.table),
            None => {
                let table = opened(&lane)?;
                D::opened(&table, config)?;
                Rc::new(table)
            }
        };
        Ok(Self {
            name: lane.table.to_owned(),
            table,
            shape: lane.shape,
            plans: Plans::default(),
            fitting: Vec::new(),
        })
    }

    /// Shapes and stages rows.
    ///
    /// # Errors
    /// Of the host; rows that do not go with the keys.
    pub(super) fn write<D>(&mut self, rows: &Batch, config: &Config<D::Config>) -> Result<()>
    where
        D: Destination<Table = T>,
    {
        let shaped = self.plans.plan_for(rows, &self.shape)?.apply(rows)?;
        let schema = shaped.schema_id();
        if !self.fitting.contains(&schema) {
            self.fit_table::<D>(&shaped, config)?;
            self.fitting.push(schema);
        }
        self.table.append(&shaped)
    }

    /// A table with keys is made of rows that have them.
    fn require_keys(&self, fields: &mut [Field]) -> Result<()> {
        for key in &self.shape.key_fields {
            match fields
                .iter_mut()
                .find(|field| T::is_same_name(&field.name, key))
            {
                Some(field) => field.nullable = false,
                None => {
                    return Err(Error::new(
                        ErrorKind::Rejected,
                        format!("column `{key}` is in `key_fields`, and no row has a value there"),
                    ));
                }
            }
        }
        Ok(())
    }

    /// Sees to it that the table has the columns of these rows.
    fn fit_table<D>(&self, rows: &Batch, config: &Config<D::Config>) -> Result<()>
    where
        D: Destination<Table = T>,
    {
        let mut fields = rows.fields();
        fields.retain(has_values);
        if self.table.fields()?.is_none() {
            self.require_keys(&mut fields)?;
            match D::create(&self.table, &fields, config) {
                // Another instance may have been first, with other rows.
                Err(error)
                    if error.kind == ErrorKind::Invalid && self.table.fields()?.is_some() => {}
                Err(error) => return Err(error),
                // Or first with columns that hold less.
                Ok(()) if self.shape.schema_evolution == SchemaEvolution::Widen => {
                    return self.widen(&fields);
                }
                Ok(()) => return Ok(()),
            }
        }
        let known = self.table.fields()?.unwrap_or_default();
        let is_known = |field: &Field| {
            let mut known = known.iter();
            known.any(|column| T::is_same_name(&column.name, &field.name))
        };
        match self.shape.schema_evolution {
            evolution @ (SchemaEvolution::AddColumns | SchemaEvolution::Widen) => {
                // First: a column that takes no such values at all is refused where others are added.
                if evolution == SchemaEvolution::Widen {
                    self.widen(&fields)?;
                }
                for field in fields.iter_mut().filter(|field| !is_known(field)) {
                    field.nullable = true;
                }
                self.table.add_columns(&fields)
            }
            SchemaEvolution::Strict => match fields.iter().find(|field| !is_known(field)) {
                Some(new) => Err(Error::new(
                    ErrorKind::Other,
                    format!(
                        "the records have a column `{}` ({}) that the table{} lacks; name it in \
                         `leave_out`, add it to the table, or set schema_evolution = \"add_columns\"",
                        new.name,
                        new.data_type,
                        self.quoted_name(),
                    ),
                )),
                None => Ok(()),
            },
        }
    }

    fn widen(&self, fields: &[Field]) -> Result<()> {
        self.table.widen_columns(fields).unwrap_or_else(|| {
            Err(Error::new(
                ErrorKind::Invalid,
                "this destination widens no columns: schema_evolution is \"add_columns\" or \"strict\"",
            ))
        })
    }

    /// Behind the word "table"; it may have no name.
    fn quoted_name(&self) -> String {
        match self.name.as_str() {
            "" => String::new(),
            name => format!(" `{name}`"),
        }
    }
}

fn opened<T: Table>(lane: &Lane<'_>) -> Result<T> {
    let table = T::open("default", lane.table)?;
    match lane.shape.write_mode {
        WriteMode::Append => {}
        WriteMode::Overwrite => table.overwrite()?,
        WriteMode::Upsert => match table.upsert_by(&lane.shape.key_fields) {
            Some(done) => done?,
            None => {
                return Err(Error::new(
                    ErrorKind::Invalid,
                    "this destination has no upsert: write_mode is \"append\" or \"overwrite\"",
                ));
            }
        },
    }
    Ok(table)
}
