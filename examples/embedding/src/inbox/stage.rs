//! What an epoch has for the inbox.

use std::any::Any;
use std::sync::Arc;

use arrow::array::{AsArray as _, RecordBatch};
use arrow::datatypes::{DataType, Int64Type};
use async_trait::async_trait;
use wasm_sink_core::guest::tables::{Fitted, TableStage};
use wasm_sink_core::guest::wit;
use wasm_sink_core::stage::{Stage, Staged, UnitId};
use wasm_sink_core::{CommitId, Error, PartitionKey, Position, Result};

use crate::tickets::Ticket;

/// Of one instance of a component.
pub struct InboxStage {
    unit: UnitId,
    tickets: Vec<Ticket>,
}

impl InboxStage {
    pub(super) fn new(unit: UnitId) -> Self {
        Self {
            unit,
            tickets: Vec::new(),
        }
    }
}

#[async_trait]
impl Stage for InboxStage {
    fn as_any(&mut self) -> &mut dyn Any {
        self
    }

    fn begin(&mut self, _id: CommitId) {
        self.tickets.clear();
    }

    fn admit(&mut self, _key: &PartitionKey, _begin: Option<&Position>) {}

    fn units(&self) -> Vec<UnitId> {
        vec![self.unit.clone()]
    }

    async fn finish(&mut self) -> Result<Vec<Staged>> {
        let tickets = std::mem::take(&mut self.tickets);
        if tickets.is_empty() {
            return Ok(Vec::new());
        }
        Ok(vec![Staged {
            unit: self.unit.clone(),
            rows: tickets.len() as u64,
            bytes: tickets
                .iter()
                .map(|ticket| ticket.subject.len() as u64)
                .sum(),
            payload: Arc::new(tickets),
        }])
    }

    async fn forget(&mut self) {
        self.tickets.clear();
    }
}

#[async_trait]
impl TableStage for InboxStage {
    type Rows = Vec<Ticket>;

    const RESOURCE: &'static str = "inbox.inbox";

    async fn open(&mut self, _table: &str) -> Result<()> {
        Ok(())
    }

    fn fields(&mut self, _table: &str) -> Result<Option<Vec<wit::Field>>> {
        let field = |name: &str, data_type: &str| wit::Field {
            name: name.to_owned(),
            data_type: data_type.to_owned(),
            nullable: false,
        };
        Ok(Some(vec![
            field("subject", "utf8"),
            field("urgency", "int64"),
        ]))
    }

    async fn add_columns(&mut self, _table: &str, _fields: &[wit::Field]) -> Result<()> {
        Err(Error::invalid("tickets are what they are"))
    }

    fn overwrite(&mut self, _table: &str) -> Result<()> {
        Err(Error::invalid("what has arrived stays"))
    }

    fn fit(&mut self, _table: &str, rows: &RecordBatch) -> Result<Fitted<Vec<Ticket>>> {
        let column = |name: &str, data_type: &DataType| {
            let column = rows.column_by_name(name);
            let column = column.filter(|column| column.data_type() == data_type);
            column.ok_or_else(|| Error::invalid(format!("`{name}` is missing, or no {data_type}")))
        };
        let subjects = column("subject", &DataType::Utf8)?.as_string::<i32>();
        let urgencies = column("urgency", &DataType::Int64)?.as_primitive::<Int64Type>();
        let tickets: Vec<Ticket> = subjects
            .iter()
            .zip(urgencies)
            .map(|(subject, urgency)| Ticket {
                subject: subject.unwrap_or_default().to_owned(),
                urgency: urgency.unwrap_or_default(),
            })
            .collect();
        Ok(Fitted {
            row_count: tickets.len(),
            rows: tickets,
            refused: None,
        })
    }

    async fn push(&mut self, _table: &str, tickets: Vec<Ticket>) -> Result<()> {
        self.tickets.extend(tickets);
        Ok(())
    }
}
