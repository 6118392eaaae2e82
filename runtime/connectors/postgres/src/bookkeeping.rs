//! The tables in which the database keeps what it knows of pipelines.

use std::fmt;

use tokio_postgres::Client;
use tokio_postgres::error::SqlState;
use wasm_sink_core::sql::Name;
use wasm_sink_core::{Blame, Error, Kind, Result};

use crate::error::server_error;
use crate::name::NAMES;

/// How long a commit stays in the table of commits; old ones go when a process starts.
const HISTORY: &str = "30 days";

/// Where they are: in the first schema of the search path.
#[derive(Clone, Debug)]
pub(crate) struct Bookkeeping {
    schema: Name,
}

/// One of them.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Book {
    /// How far each source partition is in; what every commit swaps.
    Positions,
    /// A row per commit: its rows, and who made it.
    Commits,
    /// The tables whose older rows are gone.
    Overwrites,
}

/// Whether a table's name is one of these tables'.
pub(crate) fn is_reserved(table: &str) -> bool {
    Book::ALL.into_iter().any(|book| book.name() == table)
}

impl Book {
    const ALL: [Self; 3] = [Self::Positions, Self::Commits, Self::Overwrites];

    fn name(self) -> &'static str {
        match self {
            Self::Positions => "_wasm_sink_positions",
            Self::Commits => "_wasm_sink_commits",
            Self::Overwrites => "_wasm_sink_overwrites",
        }
    }

    fn columns(self) -> &'static str {
        match self {
            Self::Positions => {
                r#"pipeline text collate "C" not null,
                   source text collate "C" not null,
                   partition text collate "C" not null,
                   position text collate "C" not null,
                   commit_id bigint not null,
                   primary key (pipeline, source, partition)"#
            }
            Self::Commits => {
                r#"pipeline text collate "C" not null,
                   commit_id bigint not null,
                   number bigint generated always as identity,
                   is_first boolean not null,
                   committed_at timestamptz not null default now(),
                   process text not null,
                   component text not null,
                   rows_taken bigint not null,
                   rows_staged bigint not null,
                   rows_rejected bigint not null,
                   rows_skipped bigint not null,
                   primary key (pipeline, commit_id)"#
            }
            Self::Overwrites => {
                r#"pipeline text collate "C" not null,
                   table_name text collate "C" not null,
                   commit_id bigint not null,
                   primary key (pipeline, table_name)"#
            }
        }
    }
}

/// A book with its schema, as SQL takes it.
pub(crate) struct Place<'a>(&'a Name, Book);

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1.name())
    }
}

impl Bookkeeping {
    /// Finds the tables, or makes them.
    ///
    /// # Errors
    /// They are not there and may not be made.
    pub(crate) async fn open(client: &Client, pipeline: &str) -> Result<Self> {
        let found = Self::find(client).await?;
        for book in found.missing(client).await? {
            let statement = found.creation(book);
            match client.batch_execute(&statement).await {
                Ok(()) => {}
                // Somebody else was at it.
                Err(error)
                    if [
                        Some(&SqlState::UNIQUE_VIOLATION),
                        Some(&SqlState::DUPLICATE_OBJECT),
                        Some(&SqlState::DUPLICATE_TABLE),
                    ]
                    .contains(&error.code()) => {}
                Err(error) => return Err(found.unavailable(book, error)),
            }
        }
        let old = format!(
            "delete from {} where pipeline = $1 and committed_at < now() - interval '{HISTORY}'",
            found.at(Book::Commits)
        );
        client
            .execute(&old, &[&pipeline])
            .await
            .map_err(|error| server_error("removing old commits", error))?;
        Ok(found)
    }

    /// Looks whether they are there or could be made, and makes none.
    ///
    /// # Errors
    /// Neither.
    pub(crate) async fn check(client: &Client) -> Result<()> {
        let found = Self::find(client).await?;
        if found.missing(client).await?.is_empty() {
            return Ok(());
        }
        let row = client
            .query_one(
                "select has_schema_privilege($1, 'create')",
                &[&found.schema.as_str()],
            )
            .await
            .map_err(|error| server_error("asking for privileges", error))?;
        match row.get(0) {
            true => Ok(()),
            false => Err(found.not_allowed()),
        }
    }

    async fn find(client: &Client) -> Result<Self> {
        let row = client
            .query_one("select current_schema()::text", &[])
            .await
            .map_err(|error| server_error("asking for the schema", error))?;
        let schema: Option<String> = row.get(0);
        let schema = schema.ok_or_else(|| {
            Error::new(
                Kind::Denied,
                Blame::Configuration,
                "the search path has no schema, and positions need one: add \
                 options='-c search_path=…' to `connection_string`",
            )
        })?;
        Ok(Self {
            schema: NAMES.name(&schema)?,
        })
    }

    async fn missing(&self, client: &Client) -> Result<Vec<Book>> {
        let mut missing = Vec::new();
        for book in Book::ALL {
            let row = client
                .query_one(
                    "select to_regclass($1) is null",
                    &[&self.at(book).to_string()],
                )
                .await
                .map_err(|error| server_error("looking for the positions", error))?;
            if row.get(0) {
                missing.push(book);
            }
        }
        Ok(missing)
    }

    fn creation(&self, book: Book) -> String {
        format!(
            "create table if not exists {} ({})",
            self.at(book),
            book.columns()
        )
    }

    fn unavailable(&self, book: Book, error: tokio_postgres::Error) -> Error {
        match error.code() {
            Some(&SqlState::INSUFFICIENT_PRIVILEGE) => self.not_allowed().with_source(error),
            _ => server_error(&format!("creating {}", self.at(book)), error),
        }
    }

    fn not_allowed(&self) -> Error {
        let statements: Vec<String> = Book::ALL
            .into_iter()
            .map(|book| {
                let words: Vec<_> = self
                    .creation(book)
                    .split_whitespace()
                    .map(str::to_owned)
                    .collect();
                format!("  {};", words.join(" "))
            })
            .collect();
        Error::new(
            Kind::Denied,
            Blame::Configuration,
            format!(
                "positions are kept in tables of the schema {}, in which this user may create none. \
                 Have them made, and give it select, insert, update and delete on them:\n{}\n",
                self.schema,
                statements.join("\n")
            ),
        )
    }

    /// Where a book is.
    pub(crate) fn at(&self, book: Book) -> Place<'_> {
        Place(&self.schema, book)
    }
}
