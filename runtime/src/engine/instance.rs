//! One running instance, epoch by epoch.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::time::Instant;
use wasm_sink_core::batch::{Rows, SourceBatch};
use wasm_sink_core::component::{Failure, FailureCause, Instance, Sealed};
use wasm_sink_core::epoch::CommitId;
use wasm_sink_core::error::{Blame, Error, Kind};
use wasm_sink_core::guest::calls::Call;
use wasm_sink_core::position::{PartitionKey, Position};
use wasm_sink_core::stage::{TablePreview, UnitId};

use super::Loaded;
use super::sandbox::Sandbox;
use super::state::{Phase, State};
use crate::recording::Tape;

/// An instance that was opened.
pub(super) struct WasmInstance {
    sandbox: Sandbox,
    units: Vec<UnitId>,
    /// Partitions of the open epoch that the stages know of.
    admitted: BTreeSet<PartitionKey>,
    is_worn: bool,
    /// Whether a call failed or never came back.
    is_spent: bool,
    tape: Option<Tape>,
}

impl WasmInstance {
    /// Starts an instance and calls `open`.
    ///
    /// # Errors
    /// The instance is none.
    pub(super) async fn open(
        loaded: &Loaded,
        state: State,
        config: &str,
        mut tape: Option<Tape>,
    ) -> Result<Self, Failure> {
        let started = Sandbox::start(loaded.engine(), loaded.pre(), state, Phase::Open).await;
        let mut sandbox = match started {
            Ok(sandbox) => sandbox,
            Err(failure) => {
                if let Some(tape) = &mut tape {
                    tape.opened(Vec::new(), Some(&failure)).await;
                }
                return Err(failure);
            }
        };
        let opened = sandbox.open(config).await;
        if let Some(tape) = &mut tape {
            let calls = sandbox.state().guest.take_calls();
            tape.opened(calls, opened.as_ref().err()).await;
        }
        opened?;
        let mut instance = Self {
            sandbox,
            units: Vec::new(),
            admitted: BTreeSet::new(),
            is_worn: false,
            is_spent: false,
            tape,
        };
        instance.note_units();
        Ok(instance)
    }

    fn note_units(&mut self) {
        let stages = self.sandbox.state().guest.stages();
        self.units = stages.flat_map(|(_, stage)| stage.units()).collect();
    }

    /// Spent until the call that follows has come back well: its future may be dropped.
    fn spend(&mut self) -> Result<(), Failure> {
        if std::mem::replace(&mut self.is_spent, true) {
            return Err(answer(Error::new(
                Kind::Other,
                Blame::Host,
                "an instance was used after it had failed",
            )));
        }
        Ok(())
    }

    async fn write_rows(&mut self, rows: Rows) -> Result<(), Failure> {
        if let Some(batch) = rows.source() {
            let batch = Arc::clone(batch);
            self.admit(&batch.key, begin(&rows, &batch).as_ref());
            self.sandbox.state().clock.set(batch.at);
        }
        let guest = &mut self.sandbox.state().guest;
        guest.count_taken(rows.len() as u64);
        let handle = guest.push_rows(rows).map_err(|error| Failure {
            // As where the guest itself makes one handle too many: fewer rows may pass.
            cause: FailureCause::Trap,
            error: Error::new(
                Kind::Other,
                Blame::Component,
                "the instance holds too many batches and other handles ([limits] handles)",
            )
            .with_source(error),
        })?;
        self.sandbox.write(handle).await
    }

    /// Has the guest stage what it holds.
    async fn flush_guest(&mut self) -> Result<(), Failure> {
        self.sandbox.flush().await?;
        // What became of rows is said before that nothing was said of others.
        let guest = &self.sandbox.state().guest;
        guest.check_settled().map_err(answer)?;
        let account = self.sandbox.state().guest.account();
        if account.is_silent() {
            return Err(answer(Error::new(
                Kind::Other,
                Blame::Component,
                format!(
                    "the component took {} rows and staged, rejected and skipped none: what it holds back has to be \
                     staged in `flush`, and what it leaves out on purpose goes to `skip`",
                    account.taken
                ),
            )));
        }
        Ok(())
    }

    /// Ends the recording. Where it is.
    pub(super) async fn close_tape(&mut self) -> Option<PathBuf> {
        self.tape.take()?.close().await
    }

    /// Waits for the stages. The guest has had its say.
    async fn finish(&mut self) -> Result<Sealed, Failure> {
        let guest = &mut self.sandbox.state().guest;
        let mut staged = Vec::new();
        for (_, stage) in guest.stages() {
            staged.extend(stage.finish().await.map_err(answer)?);
        }
        Ok(Sealed {
            staged,
            // Rows that a destination refused while it finished are counted by then.
            account: guest.account(),
            dead_letters: guest.take_dead_letters(),
        })
    }
}

/// The position before the first of these rows.
fn begin(rows: &Rows, batch: &SourceBatch) -> Option<Position> {
    let first = rows
        .source_rows()
        .and_then(|rows| rows.values().first().copied())
        .unwrap_or(0);
    match first {
        0 => batch.begin.clone(),
        // A probe may begin where no epoch could.
        first => batch.boundary(first).or_else(|| batch.begin.clone()),
    }
}

fn answer(error: Error) -> Failure {
    Failure {
        cause: FailureCause::Answer,
        error,
    }
}

#[async_trait]
impl Instance for WasmInstance {
    fn units(&self) -> Vec<UnitId> {
        self.units.clone()
    }

    fn begin(&mut self, id: CommitId) {
        self.admitted.clear();
        let state = self.sandbox.state();
        state.wish = None;
        state.enter(Phase::Epoch);
        state.guest.begin_epoch(id);
        if let Some(tape) = &mut self.tape {
            tape.began(id);
        }
    }

    /// Tells the stages, once per epoch.
    fn admit(&mut self, key: &PartitionKey, begin: Option<&Position>) {
        if !self.admitted.contains(key) {
            self.sandbox.state().guest.admit(key, begin);
            self.admitted.insert(key.clone());
        }
    }

    async fn write(&mut self, rows: Rows) -> Result<(), Failure> {
        self.spend()?;
        let recorded = self.tape.is_some().then(|| rows.clone());
        let written = self.write_rows(rows).await;
        if let (Some(tape), Some(rows)) = (&mut self.tape, recorded) {
            let calls = self.sandbox.state().guest.take_calls();
            tape.wrote(rows, calls, written.as_ref().err()).await;
        }
        written?;
        self.note_units();
        self.is_spent = false;
        Ok(())
    }

    fn wish(&self) -> Option<Instant> {
        self.sandbox.wish()
    }

    async fn flush(&mut self) -> Result<Sealed, Failure> {
        self.spend()?;
        let flushed = self.flush_guest().await;
        if let Some(tape) = &mut self.tape {
            let guest = &mut self.sandbox.state().guest;
            let (calls, account) = (guest.take_calls(), guest.account());
            tape.flushed(calls, flushed.as_ref().err(), account).await;
        }
        flushed?;
        let sealed = self.finish().await?;
        self.note_units();
        let state = self.sandbox.state();
        let guest = &mut state.guest;
        state.usage.flushed(
            guest.handles(),
            guest.most_derived_bytes(),
            sealed.dead_letters.len(),
        );
        guest.end_epoch();
        let is_recorded = self.tape.as_ref().is_some_and(Tape::is_full);
        self.is_worn = guest.is_worn() || is_recorded || wears_at_once();
        self.is_spent = false;
        Ok(sealed)
    }

    async fn forget(&mut self) {
        // What the guest holds in memory belongs to the epoch that is gone.
        self.is_spent = true;
        let guest = &mut self.sandbox.state().guest;
        for (_, stage) in guest.stages() {
            stage.forget().await;
        }
        guest.end_epoch();
        if let Some(tape) = &mut self.tape {
            tape.forgotten().await;
        }
    }

    fn preview(&mut self) -> Vec<TablePreview> {
        let stages = self.sandbox.state().guest.stages();
        stages.flat_map(|(_, stage)| stage.preview()).collect()
    }

    fn worn(&self) -> bool {
        self.is_worn
    }

    fn take_calls(&mut self) -> Vec<Call> {
        self.sandbox.state().guest.take_calls()
    }

    fn take_fuel(&mut self) -> u64 {
        self.sandbox.take_fuel()
    }
}

/// In a build with debug assertions, `WASM_SINK_FRESH_INSTANCES` gives every epoch an instance of its
/// own: what a component keeps in memory must make no difference (commit protocol, rule 9).
fn wears_at_once() -> bool {
    cfg!(debug_assertions) && std::env::var_os("WASM_SINK_FRESH_INSTANCES").is_some()
}
