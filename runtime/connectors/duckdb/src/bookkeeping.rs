//! The tables in which the database keeps what it knows of pipelines.

use std::time::{Duration, SystemTime};

use wasm_sink_core::Result;

use crate::session::{Parameter, Session};

/// How long a commit stays in the table of commits; old ones go when a process starts.
const HISTORY: Duration = Duration::from_secs(30 * 24 * 3_600);

/// How far each source partition is in; what every commit swaps.
pub(crate) const POSITIONS: &str = "main._wasm_sink_positions";
/// A row per commit: its rows, and who made it.
pub(crate) const COMMITS: &str = "main._wasm_sink_commits";
/// The tables whose older rows are gone. Without a key: two tasks may note the same at once, and neither
/// has to begin again. Where older rows are there, only one of two can remove them.
pub(crate) const OVERWRITES: &str = "main._wasm_sink_overwrites";

const CREATION: &str = "
    begin transaction;
    create table if not exists main._wasm_sink_positions (
        pipeline varchar not null,
        source varchar not null,
        partition varchar not null,
        position varchar not null,
        commit_id bigint not null,
        primary key (pipeline, source, partition)
    );
    create table if not exists main._wasm_sink_commits (
        pipeline varchar not null,
        commit_id bigint not null,
        is_first boolean not null,
        committed_at timestamp not null,
        process varchar not null,
        component varchar not null,
        configuration varchar,
        rows_taken bigint not null,
        rows_staged bigint not null,
        rows_rejected bigint not null,
        rows_skipped bigint not null
    );
    create table if not exists main._wasm_sink_overwrites (
        pipeline varchar not null,
        table_name varchar not null,
        commit_id bigint not null
    );
    -- Earlier versions made the table without it.
    alter table main._wasm_sink_commits add column if not exists configuration varchar;
    commit;";

/// A moment in UTC as `make_timestamp` takes it: µs since 1970. The database's own clock would ask for an
/// extension that not every build has.
pub(crate) fn micros_ago(age: Duration) -> Parameter {
    let since_1970 = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let micros = since_1970.saturating_sub(age).as_micros();
    Parameter::Integer(i64::try_from(micros).unwrap_or(i64::MAX))
}

/// Whether a table's name is one of these tables'.
pub(crate) fn is_reserved(table: &str) -> bool {
    [POSITIONS, COMMITS, OVERWRITES]
        .iter()
        .filter_map(|book| book.strip_prefix("main."))
        .any(|book| book.eq_ignore_ascii_case(table))
}

/// Finds the tables, or makes them.
///
/// # Errors
/// Of the library.
pub(crate) async fn open(session: &mut Session, pipeline: &str) -> Result<()> {
    session
        .run("creating the table of positions", CREATION)
        .await?;
    session
        .execute(
            "removing old commits",
            &format!(
                "delete from {COMMITS} where pipeline = ? and committed_at < make_timestamp(?)"
            ),
            &[Parameter::from(pipeline), micros_ago(HISTORY)],
        )
        .await?;
    Ok(())
}
