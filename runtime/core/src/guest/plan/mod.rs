//! The `plan` resource: the shape of rows, without expressions. Built once for any schema,
//! compiled per schema.

mod apply;
mod compile;
mod metadata;

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::BooleanArray;
use arrow::datatypes::{DataType, SchemaRef};
use wasmtime::component::Resource;

use self::apply::{Applied, Misfits, apply};
use self::compile::{Compiled, compile};
use super::batch::{Copied, filtered, number_bytes, numbers_alone};
use super::charge::{Charge, Charges, Ledger};
use super::room::{Full, Room};
use super::{Batch, Guest, wit};
use crate::batch::{MetadataKey, Rows};
use crate::data_type;
use crate::dead_letter::RefusedBy;
use crate::error::{Error, Result};

/// Output columns of one plan, `rest` not counted.
const MAX_COLUMNS: usize = 10_000;

/// Bytes of names and paths in all plans of one instance.
const MAX_TEXT_BYTES: usize = 16 << 20;

/// Schemas that a plan is compiled for at a time.
const MAX_COMPILED: usize = 16;

/// The shape of rows.
#[derive(Debug)]
pub struct Plan {
    columns: Vec<Column>,
    names: HashSet<String>,
    policy: wit::Mismatch,
    compiled: Vec<Known>,
    /// Bytes of names and paths.
    text_bytes: usize,
    /// For the types of its columns.
    types: Vec<Charge>,
}

/// A schema that a plan was compiled for.
#[derive(Clone, Debug)]
struct Known {
    schema: SchemaRef,
    compiled: Arc<Compiled>,
    /// For all of that, which stays across epochs. Batches that have the new schema hold it, too.
    memory: Charges,
}

/// What one call added.
#[derive(Debug)]
enum Column {
    /// A value, as it is or converted.
    Value {
        name: String,
        path: Vec<String>,
        data_type: Option<DataType>,
        nullable: bool,
    },
    /// What the source knows beside the value; None: all of it as JSON.
    Metadata {
        name: String,
        key: Option<MetadataKey>,
    },
    /// A value as JSON text; the whole record where the path is empty.
    Json { name: String, path: Vec<String> },
    /// The columns that nothing else uses.
    Rest { without: Vec<String> },
}

impl Column {
    fn name(&self) -> Option<&str> {
        match self {
            Self::Value { name, .. } | Self::Metadata { name, .. } | Self::Json { name, .. } => {
                Some(name)
            }
            Self::Rest { .. } => None,
        }
    }

    fn text_bytes(&self) -> usize {
        let words = match self {
            Self::Value { path, .. } | Self::Json { path, .. } => path.as_slice(),
            Self::Rest { without } => without,
            Self::Metadata { .. } => &[],
        };
        let entry = size_of::<String>();
        let words: usize = words.iter().map(|word| word.len() + entry).sum();
        words + 2 * self.name().map_or(0, str::len) + size_of::<Self>()
    }

    /// What types with members take; others take nothing beside the column.
    fn type_bytes(&self) -> usize {
        match self {
            Self::Value {
                data_type: Some(data_type),
                ..
            } => data_type.size() - size_of::<DataType>(),
            _ => 0,
        }
    }
}

impl Plan {
    fn new() -> Self {
        Self {
            columns: Vec::new(),
            names: HashSet::new(),
            policy: wit::Mismatch::RejectRow,
            compiled: Vec::new(),
            text_bytes: 0,
            types: Vec::new(),
        }
    }

    /// # Errors
    /// A name that is there already, or a second `rest`.
    fn add(&mut self, column: Column) -> Result<()> {
        if self.columns.len() >= MAX_COLUMNS {
            return Err(Error::invalid(format!(
                "a plan has at most {MAX_COLUMNS} columns"
            )));
        }
        match column.name() {
            Some(name) if self.names.contains(name) => {
                return Err(Error::invalid(format!(
                    "the plan has a column `{name}` already"
                )));
            }
            Some(name) => {
                self.names.insert(name.to_owned());
            }
            None if self.columns.iter().any(|column| column.name().is_none()) => {
                return Err(Error::invalid("the plan has a `rest` already"));
            }
            None => {}
        }
        self.text_bytes += column.text_bytes();
        self.columns.push(column);
        self.compiled.clear();
        Ok(())
    }

    /// # Errors
    /// `rest` brings a name that the plan uses otherwise.
    fn compiled(
        &mut self,
        schema: &SchemaRef,
        ledger: &Ledger,
        room: &mut Room,
    ) -> Result<Result<Known>, Full> {
        let known = self
            .compiled
            .iter()
            .find(|known| Arc::ptr_eq(&known.schema, schema) || known.schema == *schema);
        if let Some(known) = known {
            return Ok(Ok(known.clone()));
        }
        let compiled = match compile(&self.columns, schema) {
            Ok(compiled) => Arc::new(compiled),
            Err(error) => return Ok(Err(error)),
        };
        let bytes = compiled.bytes().saturating_add(schema.fields().size());
        room.take(bytes)?;
        if self.compiled.len() >= MAX_COMPILED {
            self.compiled.remove(0);
        }
        let known = Known {
            schema: Arc::clone(schema),
            compiled,
            memory: Charges::one(Arc::new(ledger.charge(bytes))),
        };
        self.compiled.push(known.clone());
        Ok(Ok(known))
    }
}

impl Guest {
    fn add_to_plan(
        &mut self,
        plan: &Resource<Plan>,
        column: Column,
    ) -> wasmtime::Result<Result<()>> {
        let bytes = column.text_bytes();
        if self.plan_bytes + bytes > MAX_TEXT_BYTES {
            return Ok(Err(Error::invalid(format!(
                "the plans of an instance hold at most {} MiB of names and paths",
                MAX_TEXT_BYTES >> 20
            ))));
        }
        let type_bytes = column.type_bytes();
        if let Err(full) = self.room().take(type_bytes) {
            return Ok(Err(self.out_of_room(full)));
        }
        let charge = (type_bytes > 0).then(|| self.ledger.charge(type_bytes));
        let plan = self.table.get_mut(plan)?;
        let added = plan.add(column);
        if added.is_ok() {
            plan.types.extend(charge);
            self.plan_bytes += bytes;
        }
        Ok(added)
    }

    /// Applies a plan; rejected rows become dead letters.
    fn apply_plan(
        &mut self,
        plan: &Resource<Plan>,
        input: &Resource<Batch>,
    ) -> wasmtime::Result<Result<Resource<Batch>>> {
        let (rows, memory) = self.content(input)?;
        let mut input = Input {
            rows: rows.clone(),
            memory: memory.clone(),
            copied_bytes: 0,
        };
        let (ledger, mut room) = (self.ledger.clone(), self.room());
        let plan = self.table.get_mut(plan)?;
        let policy = plan.policy;
        let schema = input.rows.values().schema();
        let known = match plan.compiled(&schema, &ledger, &mut room) {
            Ok(Ok(known)) => known,
            Ok(Err(error)) => return Ok(Err(error)),
            Err(full) => return Ok(Err(self.out_of_room(full))),
        };
        loop {
            let mut room = self.room();
            if let Err(full) = room.take(input.copied_bytes) {
                return Ok(Err(self.out_of_room(full)));
            }
            match apply(&known.compiled, &input.rows, policy, &mut room) {
                Ok(Applied::Whole {
                    rows,
                    bytes,
                    is_shared,
                }) => {
                    if let Err(error) = self.check_extent(&rows) {
                        return Ok(Err(error));
                    }
                    let (memory, held) = input.held(is_shared);
                    let memory = memory.and(&known.memory);
                    return self.push_derived(rows, &memory, bytes.saturating_add(held));
                }
                Ok(Applied::Refused { keep, misfits }) => {
                    // What is kept converts; each turn leaves fewer rows.
                    input = match self.reject_others(&input.rows, &keep, &misfits, &mut room) {
                        Ok(Ok(Copied { rows, bytes })) => Input {
                            rows,
                            memory: Charges::default(),
                            copied_bytes: bytes,
                        },
                        Ok(Err(error)) => return Ok(Err(error)),
                        Err(full) => return Ok(Err(self.out_of_room(full))),
                    };
                }
                Ok(Applied::Full(full)) => return Ok(Err(self.out_of_room(full))),
                Err(error) => return Ok(Err(error)),
            }
        }
    }

    fn reject_others(
        &mut self,
        rows: &Rows,
        keep: &BooleanArray,
        misfits: &Misfits,
        room: &mut Room,
    ) -> Result<Result<Copied>, Full> {
        let kept = match filtered(rows, keep, room)? {
            Ok(kept) => kept,
            Err(error) => return Ok(Err(error)),
        };
        let others = BooleanArray::new(!keep.values(), None);
        let rejected = numbers_alone(rows)
            .and_then(|numbers| numbers.filter(&others))
            .map_err(|error| Error::invalid(error.to_string()))
            .and_then(|rejected| {
                self.reject(&rejected, RefusedBy::Host, |place| misfits.reason(place))
            });
        Ok(rejected.map(|()| kept))
    }
}

/// What a plan is applied to: a batch, or a copy of those of its rows that are left.
struct Input {
    rows: Rows,
    /// For what the batch refers to; nothing yet where it is a copy.
    memory: Charges,
    /// What the copy holds.
    copied_bytes: usize,
}

impl Input {
    /// What a result holds of it: charged for already, and not.
    fn held(&self, is_shared: bool) -> (Charges, usize) {
        if is_shared {
            (self.memory.clone(), self.copied_bytes)
        } else {
            // Where the rows are from, which every result says.
            (Charges::default(), number_bytes(&self.rows))
        }
    }
}

impl wit::HostPlan for Guest {
    async fn new(&mut self) -> wasmtime::Result<Resource<Plan>> {
        Ok(self.table.push(Plan::new())?)
    }

    async fn on_mismatch(
        &mut self,
        plan: Resource<Plan>,
        policy: wit::Mismatch,
    ) -> wasmtime::Result<()> {
        self.table.get_mut(&plan)?.policy = policy;
        Ok(())
    }

    async fn column(
        &mut self,
        plan: Resource<Plan>,
        name: String,
        path: Vec<String>,
        data_type: Option<String>,
        nullable: bool,
    ) -> wasmtime::Result<Result<(), wit::Error>> {
        let parsed = data_type.as_deref().map(data_type::parse).transpose();
        let column = parsed.and_then(|data_type| {
            if path.is_empty() {
                return Err(Error::invalid(format!(
                    "column `{name}` has an empty path: name what it is made from; `json` takes \
                     the whole record"
                )));
            }
            if let Some(data_type) = &data_type
                && !convertible(data_type)
            {
                return Err(Error::invalid(format!(
                    "column `{name}`: nothing converts to {}",
                    data_type::name(data_type)
                )));
            }
            Ok(Column::Value {
                name,
                path,
                data_type,
                nullable,
            })
        });
        self.added(&plan, column)
    }

    async fn metadata(
        &mut self,
        plan: Resource<Plan>,
        name: String,
        key: String,
    ) -> wasmtime::Result<Result<(), wit::Error>> {
        let found = match key.as_str() {
            "all" => Some(None),
            key => MetadataKey::ALL
                .into_iter()
                .find(|known| known.as_str() == key)
                .map(Some),
        };
        let column = match found {
            Some(key) => Ok(Column::Metadata { name, key }),
            None => Err(Error::invalid(format!(
                "there is no metadata `{key}`: key, topic, partition, offset, timestamp, headers, \
                 or all"
            ))),
        };
        self.added(&plan, column)
    }

    async fn json(
        &mut self,
        plan: Resource<Plan>,
        name: String,
        path: Vec<String>,
    ) -> wasmtime::Result<Result<(), wit::Error>> {
        self.added(&plan, Ok(Column::Json { name, path }))
    }

    async fn rest(
        &mut self,
        plan: Resource<Plan>,
        without: Vec<String>,
    ) -> wasmtime::Result<Result<(), wit::Error>> {
        self.added(&plan, Ok(Column::Rest { without }))
    }

    async fn apply(
        &mut self,
        plan: Resource<Plan>,
        input: Resource<Batch>,
    ) -> wasmtime::Result<Result<Resource<Batch>, wit::Error>> {
        let applied = self.apply_plan(&plan, &input)?;
        Ok(self.answer(applied))
    }

    async fn drop(&mut self, plan: Resource<Plan>) -> wasmtime::Result<()> {
        let plan = self.table.delete(plan)?;
        self.plan_bytes = self.plan_bytes.saturating_sub(plan.text_bytes);
        Ok(())
    }
}

impl Guest {
    fn added(
        &mut self,
        plan: &Resource<Plan>,
        column: Result<Column>,
    ) -> wasmtime::Result<Result<(), wit::Error>> {
        let added: Result<(), Error> = match column {
            Ok(column) => self.add_to_plan(plan, column)?,
            Err(error) => Err(error),
        };
        Ok(self.answer(added))
    }
}

/// Types that exist to be read, and that no value is made into.
fn convertible(data_type: &DataType) -> bool {
    match data_type {
        DataType::Null => false,
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::ListView(item)
        | DataType::LargeListView(item)
        | DataType::FixedSizeList(item, _) => convertible(item.data_type()),
        DataType::Struct(members) => members.iter().all(|member| convertible(member.data_type())),
        _ => true,
    }
}

#[cfg(test)]
mod tests;
