//! The destination of a rehearsal: it takes what fits its tables, and refuses one call on purpose.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use wasm_sink_core::guest::calls::{Answered, Asked, Culprit, Replies, Told, Word};
use wasm_sink_core::{Rows, data_type};

use crate::stand_in::{StandIn, function};

/// The one call that is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// Counted from 0, over all calls to capabilities.
    pub(super) call: usize,
    /// As what.
    pub(super) kind: Word,
}

/// Tables that live as long as any instance. Clones are one.
#[derive(Clone, Debug)]
pub(super) struct Destination(Arc<Mutex<Tables>>);

#[derive(Debug)]
struct Tables {
    stand_in: StandIn,
    calls: usize,
    refusal: Option<Refusal>,
}

impl Destination {
    pub(super) fn new(roles: impl IntoIterator<Item = String>) -> Self {
        Self(Arc::new(Mutex::new(Tables {
            stand_in: StandIn::new(roles),
            calls: 0,
            refusal: None,
        })))
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// With the same tables, and no memory of calls.
    pub(super) fn copy(&self) -> Self {
        let stand_in = self.tables().stand_in.clone();
        Self(Arc::new(Mutex::new(Tables {
            stand_in,
            calls: 0,
            refusal: None,
        })))
    }

    /// Tables whose columns are other ones there.
    pub(super) fn differing(&self, other: &Self) -> Vec<String> {
        let other = other.tables().stand_in.clone();
        self.tables().stand_in.differing(&other)
    }

    /// The same, refusing a call.
    pub(super) fn refusing(self, refusal: Refusal) -> Self {
        self.tables().refusal = Some(refusal);
        self
    }
}

impl Replies for Destination {
    fn reply(&mut self, asked: &Asked, rows: Option<&Rows>) -> Option<Answered> {
        self.tables().reply(asked, rows)
    }
}

impl Tables {
    fn reply(&mut self, asked: &Asked, rows: Option<&Rows>) -> Option<Answered> {
        let answer = self.stand_in.answer(asked)?;
        let call = self.calls;
        self.calls += 1;
        if let Some(refusal) = self.refusal.filter(|refusal| refusal.call == call) {
            return Some(Err(refused(refusal.kind, asked)));
        }
        if answer.is_ok()
            && let Err(message) = self.fits(asked, rows)
        {
            return Some(Err(told(Word::Invalid, message)));
        }
        if let Ok(answer) = &answer {
            self.stand_in.learn(asked, answer);
        }
        Some(answer)
    }

    /// What tables refuse: rows and columns that do not go with theirs.
    fn fits(&self, asked: &Asked, rows: Option<&Rows>) -> Result<(), String> {
        let Some(table) = &asked.target else {
            return Ok(());
        };
        let Some(Value::Array(known)) = self.stand_in.columns(table) else {
            return match function(asked) {
                "append" if has_columns(asked) => Err(format!(
                    "the table `{}` is not there: make it with `create`",
                    table.name
                )),
                // Topics have no columns.
                _ => Ok(()),
            };
        };
        let named = |name: &str| known.iter().find(|column| column["name"] == name);
        match function(asked) {
            "create" => {
                let given = asked.arguments[0].as_array().cloned().unwrap_or_default();
                let names = |columns: &[Value]| -> BTreeSet<String> {
                    columns
                        .iter()
                        .map(|column| column["name"].to_string())
                        .collect()
                };
                match names(&given) == names(known) {
                    true => Ok(()),
                    false => Err(format!(
                        "the table `{}` is there, with other columns: ask for its `fields` first, and add what it lacks \
                         with `add-columns`",
                        table.name
                    )),
                }
            }
            "append" => {
                let schema = rows.map(|rows| rows.values().schema());
                let fields = schema.iter().flat_map(|schema| schema.fields());
                for field in fields {
                    let name = field.name();
                    let Some(column) = named(name) else {
                        return Err(format!(
                            "the table `{}` has no column `{name}`: add it with `add-columns`, or select the others",
                            table.name
                        ));
                    };
                    let of_table = column["data_type"].as_str().unwrap_or_default();
                    let of_table = data_type::parse(of_table).ok();
                    if of_table.is_some_and(|of_table| of_table != *field.data_type()) {
                        return Err(format!(
                            "the column `{name}` of the table `{}` is {}, and the rows have {}",
                            table.name,
                            column["data_type"].as_str().unwrap_or_default(),
                            data_type::name(field.data_type())
                        ));
                    }
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// Whether it is about a table, of which columns are known.
fn has_columns(asked: &Asked) -> bool {
    asked.function.ends_with(".table.append")
}

fn told(kind: Word, message: String) -> Told {
    Told {
        kind,
        retry_after_ms: (kind == Word::Throttled).then_some(100),
        blame: Culprit::Destination,
        message,
    }
}

fn refused(kind: Word, asked: &Asked) -> Told {
    told(
        kind,
        format!("`{}` is refused by the rehearsal", asked.function),
    )
}
