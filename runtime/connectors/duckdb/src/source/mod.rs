//! Tables and queries as a source: rows in the order of columns that only grow. Nobody else writes to
//! the file meanwhile, so a look has all rows up to the last one.

mod query;

use std::sync::Arc;

use arrow::array::RecordBatch;
use async_trait::async_trait;
use wasm_sink_core::connection::Connection;
use wasm_sink_core::ordered::{
    Database, Identity, OrderedSettings, OrderedSource, Page, Pages, Place, RowsOf, last_place,
    of_source, wrong,
};
use wasm_sink_core::settings::{Problem, Table};
use wasm_sink_core::source::{Source, SourceContext, SourceSpec};
use wasm_sink_core::{Blame, Error, Kind, Result};

use crate::NAMES;
use crate::connection::{DuckDbConnection, Shared};
use crate::library::Stream;
use crate::session::{Session, blocking, gone};

use query::Query;

/// Reads a `[source]` whose connection is of type `duckdb`; None where it reported problems.
pub(crate) fn read(settings: &Table, problems: &mut Vec<Problem>) -> Option<Box<dyn SourceSpec>> {
    let settings = OrderedSettings::read(settings, &NAMES, problems)?;
    Some(Box::new(DuckDbRows(settings)))
}

/// A validated `[source]`.
struct DuckDbRows(OrderedSettings);

#[async_trait]
impl SourceSpec for DuckDbRows {
    async fn open(
        &self,
        connection: Option<Arc<dyn Connection>>,
        context: SourceContext,
    ) -> Result<Box<dyn Source>> {
        let connection = connection.as_ref().map(|connection| connection.as_any());
        let connection = connection.and_then(|any| any.downcast_ref::<DuckDbConnection>());
        let shared = Arc::clone(&connection.ok_or_else(elsewhere)?.0);
        // One that is not there would be made.
        if !shared.exists() {
            return Err(wrong(format!("there is no {}", shared.describe())));
        }
        let mut session = Session::connect(&shared).await.map_err(of_source)?;
        Query::describe(&mut session, &self.0)
            .await
            .map_err(of_source)?;
        let identity = Identity {
            database: format!("duckdb/{}", shared.path()?.display()),
            rows: match &self.0.rows {
                RowsOf::Query(_) => "query".to_owned(),
                RowsOf::Table(name) => {
                    let schema = name.schema().map_or("main", |schema| schema.as_str());
                    format!("{schema}.{}", name.table().as_str())
                }
            },
        };
        let settings = self.0.clone();
        let source = OrderedSource::new(&self.0, identity, &context, move || Rows {
            shared: Arc::clone(&shared),
            settings: settings.clone(),
        });
        Ok(Box::new(source))
    }
}

fn elsewhere() -> Error {
    Error::new(
        Kind::Other,
        Blame::Host,
        "the source was given a connection that is none of DuckDB",
    )
}

struct Rows {
    shared: Arc<Shared>,
    settings: OrderedSettings,
}

#[async_trait]
impl Database for Rows {
    async fn newest(&mut self) -> Result<Option<Place>> {
        self.look().await.map_err(of_source)
    }

    async fn rows(&mut self, after: Option<&Place>, to: &Place) -> Result<Box<dyn Pages>> {
        let begun = self.begin(after, to).await;
        Ok(Box::new(begun.map_err(of_source)?))
    }
}

impl Rows {
    async fn look(&self) -> Result<Option<Place>> {
        let mut session = Session::connect(&self.shared).await?;
        let query = Query::describe(&mut session, &self.settings).await?;
        query.require_places(&mut session).await?;
        let doing = format!("reading {}", self.settings.rows);
        let last = session.query(&doing, &query.newest(), &[]).await?;
        match last.iter().find(|rows| rows.num_rows() > 0) {
            Some(last) => last_place(last, &self.settings.rows.to_string()),
            None => Ok(None),
        }
    }

    async fn begin(&self, after: Option<&Place>, to: &Place) -> Result<StreamedPages> {
        let mut session = Session::connect(&self.shared).await?;
        let query = Query::describe(&mut session, &self.settings).await?;
        let doing = format!("reading {}", self.settings.rows);
        let stream = session.stream(&doing, query.rows(after, to)).await?;
        Ok(StreamedPages {
            shared: Arc::clone(&self.shared),
            doing,
            stream: Some(stream),
        })
    }
}

struct StreamedPages {
    shared: Arc<Shared>,
    doing: String,
    /// None while it is at work, and after a work that nobody waited for.
    stream: Option<Stream>,
}

#[async_trait]
impl Pages for StreamedPages {
    async fn next(&mut self, rows: usize) -> Result<Option<Page>> {
        let mut stream = self.stream.take().ok_or_else(gone)?;
        let (stream, rows) = blocking(move || {
            let rows = stream.next(rows);
            (stream, rows)
        })
        .await?;
        self.stream = Some(stream);
        let rows = rows.map_err(|failure| of_source(self.shared.judge(&self.doing, failure)))?;
        rows.map(page).transpose()
    }
}

/// Infinite dates and times are none that others have.
fn page(rows: RecordBatch) -> Result<Page> {
    let mut misfits: Vec<(u32, String)> = Vec::new();
    let mut columns = rows.columns().to_vec();
    for (field, values) in rows.schema_ref().fields().iter().zip(&mut columns) {
        let Some(infinite) = crate::types::strange(values) else {
            continue;
        };
        let reason = format!("column `{}` is infinite, or holds what is", field.name());
        let found = infinite.set_indices();
        misfits.extend(found.map(|row| (row as u32, reason.clone())));
        let kept = arrow::compute::nullif(values, &infinite.into());
        *values = kept.map_err(|error| {
            Error::new(Kind::Other, Blame::Host, "values could not be left out").with_source(error)
        })?;
    }
    misfits.sort();
    let nullable = rows.schema_ref().fields().iter();
    let nullable = nullable.map(|field| field.as_ref().clone().with_nullable(true));
    let schema = arrow::datatypes::Schema::new(nullable.collect::<Vec<_>>());
    let rows = RecordBatch::try_new(Arc::new(schema), columns).map_err(|error| {
        Error::new(Kind::Other, Blame::Host, "the columns make no batch").with_source(error)
    })?;
    Ok(Page { rows, misfits })
}
