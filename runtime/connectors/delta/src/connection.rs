//! An open place of tables.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use wasm_sink_core::connection::{Connection, ConnectionContext, ConnectionSpec};
use wasm_sink_core::home::Home;
use wasm_sink_core::source::Source;
use wasm_sink_core::stage::{Purpose, Stage, UnitId};
use wasm_sink_core::{Blame, Error, Kind, Result};

use crate::home::DeltaHome;
use crate::settings::Location;
use crate::stage::DeltaStage;
use crate::storage::Lake;
use crate::table::Table;

/// Tables of one connection at most, since a component names them and each is kept.
const MAX_TABLES: usize = 1_000;

/// A validated `[connections.<label>]`.
pub(crate) struct DeltaSpec(pub(crate) Location);

#[async_trait]
impl ConnectionSpec for DeltaSpec {
    async fn open(&self, context: ConnectionContext) -> Result<Arc<dyn Connection>> {
        let lake = Lake::new(&self.0, &context.directory)?;
        Ok(Arc::new(DeltaConnection(Arc::new(Shared {
            label: context.label,
            pipeline: context.pipeline,
            lake,
            tables: Mutex::new(BTreeMap::new()),
        }))))
    }
}

/// What the stages and homes of a connection have in common.
pub(crate) struct Shared {
    label: Arc<str>,
    pipeline: Arc<str>,
    lake: Lake,
    /// By name, so that the log of a table is read once per process.
    tables: Mutex<BTreeMap<Arc<str>, Arc<Table>>>,
}

impl Shared {
    /// The table of a name.
    ///
    /// # Errors
    /// `invalid`: a name that leads elsewhere, and one more than [`MAX_TABLES`].
    pub(crate) fn table(&self, name: &str) -> Result<Arc<Table>> {
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(table) = tables.get(name) {
            return Ok(Arc::clone(table));
        }
        let storage = self.lake.table(name)?;
        if tables.len() >= MAX_TABLES {
            return Err(Error::invalid(format!(
                "`{name}` would be one table too many: a connection has at most {MAX_TABLES} in \
                 one run"
            )));
        }
        let unit = UnitId {
            connection: Arc::clone(&self.label),
            name: Arc::from(name),
        };
        let table = Arc::new(Table::new(
            unit.clone(),
            storage,
            Arc::clone(&self.pipeline),
        ));
        tables.insert(unit.name, Arc::clone(&table));
        Ok(table)
    }
}

struct DeltaConnection(Arc<Shared>);

#[async_trait]
impl Connection for DeltaConnection {
    fn describe(&self) -> String {
        format!("Delta tables at {}", self.0.lake.describe())
    }

    async fn check(&self) -> Result<()> {
        // What stands at the place itself should be a table of ours, or none at all.
        self.0
            .lake
            .probe(uuid::Uuid::new_v4().as_u64_pair().0)
            .await?;
        self.0.table("")?.open().await?;
        Ok(())
    }

    fn stage(&self, purpose: Purpose) -> Option<Box<dyn Stage>> {
        Some(Box::new(DeltaStage::new(Arc::clone(&self.0), purpose)))
    }

    fn home(
        &self,
        unit: &UnitId,
        _source: Option<&mut dyn Source>,
    ) -> Result<Option<Arc<dyn Home>>> {
        if unit.connection != self.0.label {
            return Err(Error::new(
                Kind::Other,
                Blame::Host,
                format!("`{unit}` is not below the connection `{}`", self.0.label),
            ));
        }
        let table = self.0.table(&unit.name)?;
        Ok(Some(Arc::new(DeltaHome::new(table))))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_cannot_open_tables_without_end() {
        let lake = Lake::new(&Location::Local("/lake".into()), "/".as_ref()).unwrap();
        let shared = Shared {
            label: Arc::from("lake"),
            pipeline: Arc::from("pipeline"),
            lake,
            tables: Mutex::new(BTreeMap::new()),
        };
        for table in 0..MAX_TABLES {
            shared.table(&format!("t{table}")).unwrap();
        }
        let error = shared.table("further").err().unwrap();
        assert_eq!(error.kind(), Kind::Invalid);
        assert!(error.message().contains("1000"), "{error}");
        // Those that are known stay.
        shared.table("t7").unwrap();
    }
}
