//! Avro, one record a message, with the number of its writer's schema before it.
//!
//! Records of several schemas may stand side by side. Columns come from a schema with the first record
//! that is one of it by its bytes: what merely begins like a record, with a number that happens to be
//! another topic's, changes no table.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use arrow::datatypes::{Schema as ArrowSchema, SchemaRef};
use async_trait::async_trait;
use tokio::task::spawn_blocking;
use wasm_sink_core::Result;

use super::text::bug;
use super::{DecodedMessages, MessageDecoder, Messages};
use crate::avro::input::Input;
use crate::avro::{Plan, Schema, types};
use crate::decoded::{Decoded, Rows, UnknownFields};
use crate::evolution::Evolution;
use crate::fault::{Fault, Parsed};
use crate::format::refused;
use crate::registry::{BODY, Found, Registry, split};

/// Decodes records of any schema that the registry has.
#[derive(Debug)]
pub(super) struct AvroDecoder {
    registry: Arc<Registry>,
    evolution: Evolution,
    writers: HashMap<u32, Writer>,
}

/// Who writes with one schema.
#[derive(Debug)]
struct Writer {
    schema: Arc<Schema>,
    /// Whether what it asks for is among the columns.
    has_columns: bool,
    /// None until a record needs it, and again where the columns have changed.
    plan: Option<Planned>,
}

/// A plan, or why there is none.
type Planned = Arc<Result<Plan, String>>;

impl AvroDecoder {
    /// `schema` is the user's, if there is one.
    pub(super) fn new(registry: Arc<Registry>, schema: Option<SchemaRef>) -> Self {
        Self {
            registry,
            evolution: match schema {
                Some(schema) => Evolution::given(schema),
                None => Evolution::inferred(Arc::new(ArrowSchema::empty())),
            },
            writers: HashMap::new(),
        }
    }
}

#[async_trait]
impl MessageDecoder for AvroDecoder {
    async fn decode(&mut self, messages: &Messages, from: usize) -> Result<DecodedMessages> {
        let mut ids = numbers(messages, from);
        ids.retain(|id| !self.writers.contains_key(id));
        let mut useless = HashMap::new();
        if !ids.is_empty() {
            for (id, found) in self.registry.find(&ids).await? {
                match found {
                    Found::Schema(schema) => {
                        let writer = Writer {
                            schema,
                            has_columns: self.evolution.unknown == UnknownFields::Ignore,
                            plan: None,
                        };
                        self.writers.insert(id, writer);
                    }
                    // Asked for again the next time: the registry knows how often that makes sense.
                    Found::Useless(reason) => {
                        useless.insert(id, reason);
                    }
                }
            }
        }
        let mut work = Work {
            writers: std::mem::take(&mut self.writers),
            useless,
            schema: Arc::clone(&self.evolution.current),
            unknown: self.evolution.unknown,
        };
        let all = messages.clone();
        let decoding = spawn_blocking(move || {
            work.grow(&all, from);
            let decoded = work.decode(&all, from);
            (work, decoded)
        });
        let (work, decoded) = decoding
            .await
            .map_err(|error| bug("decoding stopped half way").with_source(error))?;
        self.writers = work.writers;
        self.evolution.current = work.schema;
        decoded.map(DecodedMessages::from)
    }
}

/// The numbers of all schemas.
fn numbers(messages: &Messages, from: usize) -> BTreeSet<u32> {
    let mut ids = BTreeSet::new();
    let mut last = None;
    for payload in (from..messages.len()).filter_map(|message| messages.get(message)) {
        if let Ok(id) = split(payload)
            && last.replace(id) != Some(id)
        {
            ids.insert(id);
        }
    }
    ids
}

/// What decoding needs, off the thread that asks for it.
struct Work {
    writers: HashMap<u32, Writer>,
    /// Numbers that stand for no schema, and why.
    useless: HashMap<u32, Arc<str>>,
    schema: SchemaRef,
    unknown: UnknownFields,
}

impl Work {
    /// Takes up the columns of schemas that are new.
    fn grow(&mut self, messages: &Messages, from: usize) {
        let mut new = self.writers.values();
        if new.all(|writer| writer.has_columns) {
            return;
        }
        let mut fields = self.schema.fields().clone();
        for payload in (from..messages.len()).filter_map(|message| messages.get(message)) {
            let writer = split(payload).ok().and_then(|id| self.writers.get_mut(&id));
            let Some(writer) = writer.filter(|writer| !writer.has_columns) else {
                continue;
            };
            if Plan::is_whole(&writer.schema, payload, BODY) {
                writer.has_columns = true;
                let columns = types::columns(&writer.schema);
                fields = types::grown(&fields, &columns).unwrap_or(fields);
            }
        }
        if fields != *self.schema.fields() {
            self.schema = Arc::new(ArrowSchema::new(fields));
            for writer in self.writers.values_mut() {
                writer.plan = None;
            }
        }
    }

    fn decode(&mut self, messages: &Messages, from: usize) -> Result<Decoded> {
        let mut rows = Rows::new(&self.schema).map_err(|unsupported| refused(&unsupported))?;
        rows.reserve(messages.len().saturating_sub(from));
        let mut last: Option<(u32, Planned)> = None;
        let mut next = from;
        while next < messages.len() && !rows.is_full() {
            let read = match messages.get(next) {
                None => rows.root.push_null().map(|()| 0),
                Some(payload) => split(payload).and_then(|id| {
                    if last.as_ref().is_none_or(|(other, _)| *other != id) {
                        last = Some((id, self.plan(id)?));
                    }
                    match last.as_ref().map(|(_, plan)| plan.as_ref()) {
                        Some(Ok(plan)) => {
                            let mut input = Input::new(payload, BODY);
                            plan.read(&mut input, &mut rows.root)?;
                            Ok(input.unfolded)
                        }
                        Some(Err(reason)) => {
                            let reason =
                                format!("schema {id} cannot be laid over columns: {reason}");
                            Err(Fault::new(1, reason))
                        }
                        None => Ok(0),
                    }
                }),
            };
            match read {
                Ok(unfolded) => {
                    rows.unfold(unfolded);
                    rows.accept(next, next + 1);
                }
                Err(fault) => rows.refuse(next, next + 1, &fault),
            }
            next += 1;
        }
        let decoded = rows.finish(next);
        decoded.map_err(|error| bug("decoded columns do not fit together").with_source(error))
    }

    fn plan(&mut self, id: u32) -> Parsed<Planned> {
        let Some(writer) = self.writers.get_mut(&id) else {
            let reason = self
                .useless
                .get(&id)
                .map_or("it has no schema", AsRef::as_ref);
            return Err(Fault::new(1, reason));
        };
        let plan = writer.plan.get_or_insert_with(|| {
            let plan = Plan::new(&writer.schema, self.schema.fields(), self.unknown);
            Arc::new(plan)
        });
        Ok(Arc::clone(plan))
    }
}
