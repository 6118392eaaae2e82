//! The atomic units that a pipeline writes to: a home, and those that follow it; or several homes, where
//! routes lead the topics to tables that each take positions by themselves.

use std::collections::BTreeMap;
use std::sync::Arc;

use wasm_sink_core::connection::Connection;
use wasm_sink_core::home::{Home, IntentPart, Unit};
use wasm_sink_core::source::Source;
use wasm_sink_core::stage::{Staged, UnitId};
use wasm_sink_core::{Blame, Error, Kind, Result};

use super::route::Route;

/// Where epochs go that one task writes.
#[derive(Clone)]
pub struct Destination {
    /// Takes the positions.
    pub home: Arc<dyn Home>,
    /// Rolled forward from intents.
    pub units: BTreeMap<UnitId, Arc<dyn Unit>>,
}

impl Destination {
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
                        "rows were staged to `{}`, which is not where this source partition goes: \
                         open every table in `open`, and choose by `[[routes]]` alone",
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

/// The destinations of a pipeline. Each source partition has one of them, by its topic.
#[derive(Clone)]
pub struct Destinations {
    all: Vec<Destination>,
    /// Which topics go where, by index; the first that matches counts.
    routes: Vec<(Route, usize)>,
    /// Where all others go.
    rest: usize,
}

impl From<Destination> for Destinations {
    fn from(only: Destination) -> Self {
        Self {
            all: vec![only],
            routes: Vec::new(),
            rest: 0,
        }
    }
}

impl Destinations {
    /// Those of a component that opened `units`. The first unit that can take positions is the home of
    /// all; it may be one with `source`. Others that can are homes beside it where `routes`, or `rest` for what no route takes, lead
    /// there: each takes the positions of its own topics then. Without any home, `local` is.
    ///
    /// # Errors
    /// A connection that is not there, or cannot do its part.
    pub fn resolve(
        units: &[UnitId],
        connections: &BTreeMap<String, Arc<dyn Connection>>,
        routes: &[Route],
        rest: Option<&str>,
        mut source: Option<&mut dyn Source>,
        local: impl FnOnce(Option<&mut dyn Source>) -> Result<Arc<dyn Home>>,
    ) -> Result<Self> {
        let is_led_to = |unit: &UnitId| {
            let mut tables = routes.iter().map(|route| route.table.as_str()).chain(rest);
            !routes.is_empty() && tables.any(|table| table == &*unit.name)
        };
        let mut homes: Vec<(&UnitId, Arc<dyn Home>)> = Vec::new();
        let mut followers: BTreeMap<UnitId, Arc<dyn Unit>> = BTreeMap::new();
        for unit in units {
            let connection = connections.get(&*unit.connection).ok_or_else(|| {
                Error::new(
                    Kind::Other,
                    Blame::Host,
                    format!("`{unit}` was opened on a connection that is not there"),
                )
            })?;
            let may_be_home = homes.iter().all(|(home, _)| {
                home.connection == unit.connection && is_led_to(home) && is_led_to(unit)
            });
            let home = match may_be_home {
                true => connection.home(unit, source.as_mut().map(|source| &mut **source as _))?,
                false => None,
            };
            match home {
                Some(home) => homes.push((unit, home)),
                None => {
                    followers.insert(unit.clone(), connection.unit(unit)?);
                }
            }
        }
        let index_of = |table: &str| homes.iter().position(|(unit, _)| &*unit.name == table);
        let led = |route: &Route| Some((route.clone(), index_of(&route.table)?));
        let routes = match homes.len() {
            0 | 1 => Vec::new(),
            _ => routes.iter().filter_map(led).collect(),
        };
        let rest = rest.and_then(index_of).unwrap_or(0);
        let mut homes: Vec<_> = homes.into_iter().map(|(_, home)| home).collect();
        if homes.is_empty() {
            homes.push(local(source)?);
        }
        let destinations = homes.into_iter().map(|home| Destination {
            home,
            units: followers.clone(),
        });
        Ok(Self {
            all: destinations.collect(),
            routes,
            rest,
        })
    }

    /// All, at least one.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Destination> {
        self.all.iter()
    }

    /// The place among them of the one that takes a topic's rows.
    pub(super) fn index_of(&self, topic: Option<&str>) -> usize {
        let takes = |topic| {
            self.routes
                .iter()
                .find(|(route, _)| route.topics.takes(topic))
        };
        topic.and_then(takes).map_or(self.rest, |(_, index)| *index)
    }
}
