//! The positions of a pipeline: rows of a table, moved in the transaction that holds the data.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use async_trait::async_trait;
use wasm_sink_core::home::{
    AttemptError, Base, Commit, CommitPurpose, EpochCommit, History, Home, Staging, Stored, Winner,
};
use wasm_sink_core::stage::{Staged, UnitId};
use wasm_sink_core::step::Step;
use wasm_sink_core::{Blame, CommitId, Error, Kind, PartitionKey, Result, process};

use crate::bookkeeping::{COMMITS, OVERWRITES, POSITIONS, micros_ago};
use crate::connection::Shared;
use crate::session::{Parameter, Session, Turns, gone};
use crate::stage::{DuckDbStaged, mark};

/// A database that takes positions.
pub(crate) struct DuckDbHome {
    shared: Arc<Shared>,
}

impl DuckDbHome {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    fn pipeline(&self) -> Parameter {
        self.shared.pipeline.as_ref().into()
    }

    async fn connect(&self) -> Result<Session> {
        self.shared.books().await?;
        Session::connect(&self.shared).await
    }

    /// The epoch's transaction; a fresh one where only positions move.
    async fn session(&self, epoch: &EpochCommit) -> Result<Session> {
        match epoch.staged.first() {
            None => {
                self.shared.books().await?;
                Session::begin(&self.shared, Turns::new()).await
            }
            Some(staged) => {
                let staged = staged.payload.downcast_ref::<DuckDbStaged>();
                staged.and_then(DuckDbStaged::take).ok_or_else(gone)
            }
        }
    }

    /// Rule 4: each position must be the one where the epoch begins. Another transaction that moves it
    /// at the same time makes this one fail, here or at its commit.
    async fn swap(&self, session: &mut Session, epoch: &EpochCommit) -> Result<bool> {
        for moved in &epoch.moves {
            let end = Parameter::Text(moved.end.to_string());
            let slot = Parameter::Integer(epoch.id.slot());
            let key = [
                self.pipeline(),
                moved.key.source().into(),
                moved.key.partition().into(),
            ];
            let mut parameters = Vec::from(key);
            let statement = match &moved.begin {
                Some(begin) => {
                    parameters.splice(0..0, [end, slot]);
                    parameters.push(Parameter::Text(begin.to_string()));
                    format!(
                        "update {POSITIONS} set position = ?, commit_id = ?
                         where pipeline = ? and source = ? and partition = ? and position = ?"
                    )
                }
                None => {
                    parameters.extend([end, slot]);
                    format!(
                        "insert into {POSITIONS} (pipeline, source, partition, position, commit_id)
                         values (?, ?, ?, ?, ?) on conflict do nothing"
                    )
                }
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
        let account = &epoch.account;
        session
            .execute(
                "recording the commit",
                &format!(
                    "insert into {COMMITS} (pipeline, commit_id, committed_at, is_first, process, component, configuration,
                                            rows_taken, rows_staged, rows_rejected, rows_skipped)
                     values (?, ?, make_timestamp(?), ?, ?, ?, ?, ?, ?, ?, ?)"
                ),
                &[
                    self.pipeline(),
                    Parameter::Integer(epoch.id.slot()),
                    micros_ago(Duration::ZERO),
                    Parameter::Bool(base.positions.is_empty()),
                    Parameter::Text(process::describe()),
                    commit.writer.component.as_str().into(),
                    commit.writer.configuration.as_str().into(),
                    Parameter::count(account.taken),
                    Parameter::count(account.staged),
                    Parameter::count(account.rejected),
                    Parameter::count(account.skipped),
                ],
            )
            .await?;
        for staged in &epoch.staged {
            let staged = staged.payload.downcast_ref::<DuckDbStaged>();
            for table in staged.map(|staged| &*staged.tables).unwrap_or_default() {
                mark(&self.shared, session, table, epoch.id).await?;
            }
        }
        if commit.purpose == CommitPurpose::Restart {
            let statement = format!("delete from {OVERWRITES} where pipeline = ?");
            session
                .execute("restarting", &statement, &[self.pipeline()])
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
        let swapped = match self.swap(&mut session, epoch).await {
            // Somebody else has put the same partition there since this transaction began.
            Err(error) if error.kind() == Kind::Rejected => false,
            swapped => swapped.map_err(before)?,
        };
        if !swapped {
            session.roll_back().await;
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
        // In a transaction that the library gave up, this would roll back and say that all is well; but
        // then the statements before it failed.
        let committed = session.commit().await;
        committed.map_err(AttemptError::Unknown)
    }
}

#[async_trait]
impl Home for DuckDbHome {
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
        let mut session = self.connect().await?;
        let query = format!(
            "select source, partition, position, commit_id from {POSITIONS} where pipeline = ?"
        );
        let doing = "reading positions";
        let found = session.query(doing, &query, &[self.pipeline()]).await?;
        let mut positions = BTreeMap::new();
        for rows in &found {
            let text = |column: usize| rows.column(column).as_string_opt::<i32>();
            let (Some(sources), Some(partitions), Some(ends), Some(commits)) = (
                text(0),
                text(1),
                text(2),
                rows.column(3).as_primitive_opt::<Int64Type>(),
            ) else {
                return Err(damaged("a column"));
            };
            for row in 0..rows.num_rows() {
                let key = PartitionKey::new(sources.value(row), partitions.value(row));
                let damaged = || damaged(&format!("partition {key}"));
                let position = ends.value(row).parse().map_err(|_| damaged())?;
                let commit = CommitId::from_slot(commits.value(row)).ok_or_else(damaged)?;
                let stored = Stored {
                    position,
                    commit,
                    intent: None,
                };
                positions.insert(key, stored);
            }
        }
        Ok(Base {
            version: 0,
            positions,
            token: Box::new(()),
        })
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
            return refuse("the positions in DuckDB keep no intents");
        }
        if epoch.staged.len() > 1 {
            return refuse("one connection has two roles, and so two transactions: give it one");
        }
        // Without a limit: while it moves its log into the file, others see a commit that a crash would
        // still undo. A disk that hangs holds up everything else, too.
        self.try_commit(base, epoch, commit).await
    }

    async fn history(&self, commit: CommitId) -> Result<History> {
        let mut session = self.connect().await?;
        let query = format!(
            "select coalesce(bool_or(commit_id = ?), false), coalesce(bool_or(is_first), false)
             from {COMMITS} where pipeline = ?"
        );
        let parameters = [Parameter::Integer(commit.slot()), self.pipeline()];
        let found = session
            .query("looking for a commit", &query, &parameters)
            .await?;
        let told = found.iter().find(|rows| rows.num_rows() == 1).map(|rows| {
            let answer = |column: usize| {
                let yes = rows.column(column).as_boolean_opt();
                yes.is_some_and(|yes| yes.value(0))
            };
            (answer(0), answer(1))
        });
        Ok(match told {
            Some((true, _)) => History::Holds,
            Some((false, true)) => History::Lacks,
            // The oldest are removed after a while, and the first is gone.
            _ => History::Forgotten,
        })
    }

    async fn winner(&self, base: &Base, key: &PartitionKey) -> Winner {
        let Some(stored) = base.positions.get(key) else {
            return Winner::default();
        };
        let Ok(mut session) = self.connect().await else {
            return Winner::default();
        };
        let query = format!(
            "select process || ', ' || committed_at::varchar || ' UTC' from {COMMITS}
             where pipeline = ? and commit_id = ?"
        );
        let parameters = [self.pipeline(), Parameter::Integer(stored.commit.slot())];
        let found = session.query("looking for a commit", &query, &parameters);
        let found = found.await.unwrap_or_default();
        let description = found
            .iter()
            .find(|rows| rows.num_rows() > 0)
            .and_then(|rows| rows.column(0).as_string_opt::<i32>())
            .map(|texts| texts.value(0).to_owned());
        Winner {
            version: None,
            description: description.unwrap_or_default(),
        }
    }

    async fn discard(&self, staged: &[Staged]) {
        for staged in staged {
            let staged = staged.payload.downcast_ref::<DuckDbStaged>();
            if let Some(session) = staged.and_then(DuckDbStaged::take) {
                session.roll_back().await;
            }
        }
    }
}

fn damaged(what: &str) -> Error {
    Error::new(
        Kind::Other,
        Blame::Destination,
        format!("{what} in {POSITIONS} is not what wasm-sink wrote"),
    )
}
