//! The positions of a pipeline: rows of a table, moved in the transaction that holds the data.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio_postgres::types::ToSql;
use wasm_sink_core::home::{
    AttemptError, Base, Commit, CommitPurpose, EpochCommit, History, Home, Staging, Stored, Winner,
};
use wasm_sink_core::stage::{Staged, UnitId};
use wasm_sink_core::step::Step;
use wasm_sink_core::{Blame, CommitId, Error, Kind, PartitionKey, Result, process};

use crate::bookkeeping::Book;
use crate::connection::Shared;
use crate::error::server_error;
use crate::session::{Session, gone};
use crate::stage::{PostgresStaged, mark};

/// How long a commit may stay without an answer.
const ATTEMPT_LIMIT: Duration = Duration::from_secs(60);

/// A database that takes positions.
pub(crate) struct PostgresHome {
    shared: Arc<Shared>,
}

impl PostgresHome {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// The epoch's transaction; a fresh one where only positions move.
    async fn session(&self, epoch: &EpochCommit) -> Result<Session> {
        match epoch.staged.first() {
            None => Session::begin(&self.shared).await,
            Some(staged) => {
                let staged = staged.payload.downcast_ref::<PostgresStaged>();
                staged.and_then(PostgresStaged::take).ok_or_else(gone)
            }
        }
    }

    /// Rule 4: each position must be the one where the epoch begins. Another transaction that moves
    /// it is waited for, so that its outcome is known.
    async fn swap(&self, session: &mut Session, epoch: &EpochCommit) -> Result<bool> {
        let positions = self.shared.books().await?.at(Book::Positions);
        for moved in &epoch.moves {
            let (source, partition) = (moved.key.source(), moved.key.partition());
            let end = moved.end.to_string();
            let begin = moved.begin.as_ref().map(ToString::to_string);
            let slot = epoch.id.slot();
            let mut parameters: Vec<&(dyn ToSql + Sync)> =
                vec![&self.shared.pipeline, &source, &partition, &end, &slot];
            let statement = match &begin {
                Some(begin) => {
                    parameters.push(begin);
                    format!(
                        "update {positions} set position = $4, commit_id = $5 \
                         where pipeline = $1 and source = $2 and partition = $3 and position = $6"
                    )
                }
                None => format!(
                    "insert into {positions} (pipeline, source, partition, position, commit_id) \
                     values ($1, $2, $3, $4, $5) on conflict do nothing"
                ),
            };
            let swapped = session.execute("moving positions", &statement, &parameters);
            if swapped.await? != 1 {
                return Ok(false);
            }
        }
        Step::PositionsMoved.reached();
        Ok(true)
    }

    async fn record(
        &self,
        session: &mut Session,
        base: &Base,
        epoch: &EpochCommit,
        commit: &Commit,
    ) -> Result<()> {
        let books = self.shared.books().await?;
        let commits = books.at(Book::Commits);
        let account = &epoch.account;
        let count = |rows: u64| i64::try_from(rows).unwrap_or(i64::MAX);
        session
            .execute(
                "recording the commit",
                &format!(
                    "insert into {commits} (pipeline, commit_id, is_first, process, component, configuration, \
                                            rows_taken, rows_staged, rows_rejected, rows_skipped) \
                     values ($1, $2, $9, $3, $4, $10, $5, $6, $7, $8)"
                ),
                &[
                    &self.shared.pipeline,
                    &epoch.id.slot(),
                    &process::describe(),
                    &commit.writer.component,
                    &count(account.taken),
                    &count(account.staged),
                    &count(account.rejected),
                    &count(account.skipped),
                    &base.positions.is_empty(),
                    &commit.writer.configuration,
                ],
            )
            .await?;
        for staged in &epoch.staged {
            let staged = staged.payload.downcast_ref::<PostgresStaged>();
            for table in staged.map(|staged| &*staged.tables).unwrap_or_default() {
                mark(&self.shared, session, table, epoch.id).await?;
            }
        }
        if commit.purpose == CommitPurpose::Restart {
            let overwrites = books.at(Book::Overwrites);
            let statement = format!("delete from {overwrites} where pipeline = $1");
            session
                .execute("restarting", &statement, &[&self.shared.pipeline])
                .await?;
        }
        Ok(())
    }

    async fn try_commit(
        &self,
        base: &Base,
        epoch: &EpochCommit,
        commit: &Commit,
    ) -> Result<(), AttemptError> {
        // Nothing is committed yet, and the session is gone with the error.
        let before = |error: Error| match error.is_transient() {
            true => AttemptError::Unknown(error),
            false => AttemptError::Failed(error),
        };
        let mut session = self.session(epoch).await.map_err(AttemptError::Conflict)?;
        session.will_commit().await.map_err(before)?;
        let swapped = self.swap(&mut session, epoch).await;
        if !swapped.map_err(before)? {
            session.roll_back(&self.shared).await;
            return Err(AttemptError::Conflict(Error::new(
                Kind::Conflict,
                Blame::Destination,
                format!(
                    "epoch {} begins elsewhere than where its partitions stand in {}",
                    epoch.id,
                    self.describe()
                ),
            )));
        }
        let recorded = self.record(&mut session, base, epoch, commit).await;
        recorded.map_err(before)?;
        let committed = session.commit(&self.shared).await;
        committed.map_err(AttemptError::Unknown)
    }
}

#[async_trait]
impl Home for PostgresHome {
    fn describe(&self) -> String {
        self.shared.describe()
    }

    fn unit(&self) -> Option<&UnitId> {
        Some(&self.shared.unit)
    }

    fn staging(&self) -> Staging {
        Staging::Session
    }

    async fn read(&self) -> Result<Base> {
        let books = self.shared.books().await?;
        let positions = books.at(Book::Positions);
        self.shared
            .with_client(async |client| {
                let failed = |error| server_error("reading positions", error);
                let statement = format!(
                    "select source, partition, position, commit_id from {positions} \
                     where pipeline = $1"
                );
                let rows = client.query(&statement, &[&self.shared.pipeline]).await;
                let mut stored = BTreeMap::new();
                for row in rows.map_err(failed)? {
                    // An administrator may have made the table, with types of their own.
                    let text = |column| row.try_get::<_, &str>(column).map_err(failed);
                    let key = PartitionKey::new(text(0)?, text(1)?);
                    let damaged = || damaged(&key, &positions.to_string());
                    let position = text(2)?.parse().map_err(|_| damaged())?;
                    let slot = row.try_get(3).map_err(failed)?;
                    let commit = CommitId::from_slot(slot).ok_or_else(damaged)?;
                    let found = Stored {
                        position,
                        commit,
                        intent: None,
                    };
                    stored.insert(key, found);
                }
                Ok(Base {
                    version: 0,
                    positions: stored,
                    token: Box::new(()),
                })
            })
            .await
    }

    async fn attempt(&self, base: &Base, commit: &Commit) -> Result<(), AttemptError> {
        let refuse = |why: &str| {
            let error = Error::new(Kind::Other, Blame::Host, why);
            Err(AttemptError::Failed(error))
        };
        let [epoch] = commit.epochs.as_slice() else {
            return refuse("a transaction takes one epoch");
        };
        if epoch.intent.is_some() {
            return refuse("the positions in PostgreSQL keep no intents");
        }
        if epoch.staged.len() > 1 {
            return refuse("one connection has two roles, and so two transactions: give it one");
        }
        match tokio::time::timeout(ATTEMPT_LIMIT, self.try_commit(base, epoch, commit)).await {
            Ok(answer) => answer,
            Err(_) => Err(AttemptError::Unknown(Error::new(
                Kind::Unavailable,
                Blame::Destination,
                format!(
                    "{} did not answer a commit within {} s",
                    self.describe(),
                    ATTEMPT_LIMIT.as_secs()
                ),
            ))),
        }
    }

    async fn history(&self, commit: CommitId) -> Result<History> {
        let commits = self.shared.books().await?.at(Book::Commits);
        self.shared
            .with_client(async |client| {
                let statement = format!(
                    "select coalesce(bool_or(commit_id = $2), false), \
                            coalesce(bool_or(is_first), false) \
                     from {commits} where pipeline = $1 and (commit_id = $2 or is_first)"
                );
                let row = client
                    .query_one(&statement, &[&self.shared.pipeline, &commit.slot()])
                    .await
                    .map_err(|error| server_error("looking for a commit", error))?;
                Ok(match (row.get(0), row.get(1)) {
                    (true, _) => History::Holds,
                    (false, true) => History::Lacks,
                    // The oldest are removed after a while, and the first is gone.
                    (false, false) => History::Forgotten,
                })
            })
            .await
    }

    async fn winner(&self, base: &Base, key: &PartitionKey) -> Winner {
        let Some(stored) = base.positions.get(key) else {
            return Winner::default();
        };
        let Ok(books) = self.shared.books().await else {
            return Winner::default();
        };
        let commits = books.at(Book::Commits);
        let found = self
            .shared
            .with_client(async |client| {
                let statement = format!(
                    "select number, process || ', ' || committed_at::text from {commits} \
                     where pipeline = $1 and commit_id = $2"
                );
                client
                    .query_opt(&statement, &[&self.shared.pipeline, &stored.commit.slot()])
                    .await
                    .map_err(|error| server_error("looking for a commit", error))
            })
            .await;
        match found {
            Ok(Some(row)) => Winner {
                version: row.try_get::<_, i64>(0).ok().map(i64::unsigned_abs),
                description: row.try_get(1).unwrap_or_default(),
            },
            _ => Winner::default(),
        }
    }

    async fn discard(&self, staged: &[Staged]) {
        for staged in staged {
            let staged = staged.payload.downcast_ref::<PostgresStaged>();
            if let Some(session) = staged.and_then(PostgresStaged::take) {
                session.roll_back(&self.shared).await;
            }
        }
    }
}

fn damaged(key: &PartitionKey, positions: &str) -> Error {
    Error::new(
        Kind::Other,
        Blame::Destination,
        format!("the position of partition {key} in {positions} is not what wasm-sink wrote"),
    )
}
