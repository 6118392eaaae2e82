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
                   configuration text,
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

/// A column that the table of commits did not have from the beginning. It takes nulls: processes of earlier versions
/// may go on writing beside this one.
const LATER: (&str, &str) = ("configuration", "text");

/// What is to be made.
#[derive(Clone, Copy, Debug)]
enum Missing {
    Table(Book),
    /// [`LATER`], in a table that an earlier version made.
    Column,
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
        let missing = found.missing(client).await?;
        for lacking in &missing {
            let statement = found.creation(*lacking);
            match client.batch_execute(&statement).await {
                Ok(()) => {}
                // Somebody else was at it.
                Err(error)
                    if [
                        Some(&SqlState::UNIQUE_VIOLATION),
                        Some(&SqlState::DUPLICATE_OBJECT),
                        Some(&SqlState::DUPLICATE_TABLE),
                        Some(&SqlState::DUPLICATE_COLUMN),
                    ]
                    .contains(&error.code()) => {}
                Err(error) if error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) => {
                    return Err(found.not_allowed(&missing).with_source(error));
                }
                Err(error) => {
                    let doing = format!("making the tables of positions in {}", found.schema);
                    return Err(server_error(&doing, error));
                }
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
        let missing = found.missing(client).await?;
        for lacking in &missing {
            let (question, about) = match lacking {
                Missing::Table(_) => (
                    "select has_schema_privilege($1, 'create')",
                    found.schema.as_str().to_owned(),
                ),
                Missing::Column => (
                    "select pg_has_role(relowner, 'usage') from pg_class where oid = to_regclass($1)",
                    found.at(Book::Commits).to_string(),
                ),
            };
            let row = client
                .query_one(question, &[&about])
                .await
                .map_err(|error| server_error("asking for privileges", error))?;
            if !row.get::<_, bool>(0) {
                return Err(found.not_allowed(&missing));
            }
        }
        Ok(())
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

    async fn missing(&self, client: &Client) -> Result<Vec<Missing>> {
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
                missing.push(Missing::Table(book));
            }
        }
        // Looked for, since adding it would ask for the table's owner, and lock it, also where it is there.
        let row = client
            .query_one(
                "select exists (select from pg_class where oid = to_regclass($1)) \
                 and not exists (select from pg_attribute \
                                 where attrelid = to_regclass($1) and attname = $2 and not attisdropped)",
                &[&self.at(Book::Commits).to_string(), &LATER.0],
            )
            .await
            .map_err(|error| server_error("looking at the table of commits", error))?;
        if row.get(0) {
            missing.push(Missing::Column);
        }
        Ok(missing)
    }

    fn creation(&self, missing: Missing) -> String {
        match missing {
            Missing::Table(book) => {
                let columns = book.columns();
                format!("create table if not exists {} ({columns})", self.at(book))
            }
            Missing::Column => {
                let (name, data_type) = LATER;
                let commits = self.at(Book::Commits);
                format!("alter table {commits} add column if not exists {name} {data_type}")
            }
        }
    }

    fn not_allowed(&self, missing: &[Missing]) -> Error {
        let statements: Vec<String> = missing
            .iter()
            .map(|missing| {
                let statement = self.creation(*missing);
                let words: Vec<_> = statement.split_whitespace().collect();
                format!("  {};", words.join(" "))
            })
            .collect();
        Error::new(
            Kind::Denied,
            Blame::Configuration,
            format!(
                "positions are kept in tables of the schema {}, which this user may not create or alter. \
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
