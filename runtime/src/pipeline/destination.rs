//! The atomic units that a pipeline writes to: one home, and those that follow it.

use std::collections::BTreeMap;
use std::sync::Arc;

use wasm_sink_core::connection::Connection;
use wasm_sink_core::home::{Home, IntentPart, Unit};
use wasm_sink_core::stage::{Staged, UnitId};
use wasm_sink_core::{Blame, Error, Kind, Result};

/// Where epochs go.
#[derive(Clone)]
pub struct Destination {
    /// Takes the positions.
    pub home: Arc<dyn Home>,
    /// Rolled forward from intents.
    pub units: BTreeMap<UnitId, Arc<dyn Unit>>,
}

impl Destination {
    /// The destination of a component that opened `units`: the first that can take positions is
    /// the home. Without any, `local` is.
    ///
    /// # Errors
    /// A connection that is not there, or cannot do its part.
    pub fn resolve(
        units: &[UnitId],
        connections: &BTreeMap<String, Arc<dyn Connection>>,
        local: impl FnOnce() -> Result<Arc<dyn Home>>,
    ) -> Result<Self> {
        let mut home: Option<Arc<dyn Home>> = None;
        let mut followers = BTreeMap::new();
        for unit in units {
            let connection = connections.get(&*unit.connection).ok_or_else(|| {
                Error::new(
                    Kind::Other,
                    Blame::Host,
                    format!("`{unit}` was opened on a connection that is not there"),
                )
            })?;
            if home.is_none()
                && let Some(found) = connection.home(unit)?
            {
                home = Some(found);
            } else {
                followers.insert(unit.clone(), connection.unit(unit)?);
            }
        }
        Ok(Self {
            home: match home {
                Some(home) => home,
                None => local()?,
            },
            units: followers,
        })
    }

    /// What the home takes itself, and what becomes its intent.
    pub(super) fn divide(&self, staged: &[Staged]) -> Result<(Vec<Staged>, Vec<IntentPart>)> {
        let mut own = Vec::new();
        let mut parts = Vec::new();
        for part in staged {
            if self.home.unit() == Some(&part.unit) {
                own.push(part.clone());
                continue;
            }
            let unit = self.units.get(&part.unit).ok_or_else(|| {
                Error::new(
                    Kind::Invalid,
                    Blame::Component,
                    format!(
                        "`{}` was first opened while records were flowing; open every table in \
                         `open`",
                        part.unit
                    ),
                )
            })?;
            parts.push(IntentPart {
                unit: part.unit.clone(),
                staged: unit.describe_staged(part)?,
            });
        }
        Ok((own, parts))
    }
}
