//! Another component, or another configuration, in a running pipeline: made beside what works, and put in its place
//! once nothing speaks against it. Until then every mistake leaves things as they are.

mod apply;
mod canary;
mod compare;
mod journal;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{Mutex, mpsc};
use tokio::task::spawn_blocking;
use wasm_sink_core::component::Component;
use wasm_sink_core::stage::UnitId;
use wasm_sink_core::{Blame, Error, Kind, Position, Result};

use crate::comparison::Key;
use crate::config::{ComponentRef, Pipeline, Registry, SinkConfigProblem, Written};
use crate::control::{Event, Positions, Refusal, Request, SwapExtent};
use crate::engine::{Engine, Grants, Loaded, quietly};
use crate::launch::units;
use crate::pipeline::{Logic, Replacement, Samples, TakenOver, Verdict};
use crate::slot::Slot;
use journal::{Asked, Exchange};

pub(crate) use journal::Journal;

/// What can be put into one running pipeline, and how.
pub(crate) struct Swaps {
    pub(crate) engine: Engine,
    pub(crate) registry: Arc<Registry>,
    pub(crate) grants: Grants,
    pub(crate) logic: Logic,
    /// What the pipeline writes to. It was told the homes of its positions once, at its start.
    pub(crate) units: Vec<UnitId>,
    /// The folder of its pipeline.toml.
    pub(crate) directory: PathBuf,
    pub(crate) journal: Journal,
    /// Whoever changes something holds it until the trial is over: one at a time.
    pub(crate) in_force: Mutex<InForce>,
    /// Its epochs as they pass.
    pub(crate) samples: Samples,
    /// One comparison at a time.
    pub(crate) comparing: Mutex<()>,
}

/// What counts for a component, and the file that said so.
pub(crate) struct InForce {
    slot: Slot,
    written: Written,
}

impl InForce {
    pub(crate) fn of(pipeline: &Pipeline) -> Self {
        Self {
            slot: Slot::of(pipeline),
            written: pipeline.written.clone(),
        }
    }
}

/// Where what happens is told. Whoever asked may be gone.
struct Listener(mpsc::UnboundedSender<Event>);

impl Listener {
    fn tell(&self, event: Event) {
        let _ = self.0.send(event);
    }
}

/// Why nothing is put in the place of another.
enum Against {
    /// It cannot run there.
    Error(Error),
    /// What a component has against its configuration.
    Problems(Vec<SinkConfigProblem>),
    /// The file's mistakes, as people see them.
    Mistakes(String),
    /// Something else is on trial.
    Busy,
}

impl From<Error> for Against {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl From<Against> for Event {
    fn from(against: Against) -> Self {
        let (message, problems) = match against {
            Against::Busy => return Self::Busy,
            Against::Mistakes(mistakes) => return Self::Misconfigured { mistakes },
            Against::Error(error) => (error.to_string(), Vec::new()),
            Against::Problems(problems) => (
                "the component does not take this pipeline's configuration".to_owned(),
                problems,
            ),
        };
        Self::Refused(Refusal { message, problems })
    }
}

impl From<Verdict> for Event {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Kept => Self::Kept,
            Verdict::Going => Self::Going,
            Verdict::Withdrawn => Self::Withdrawn,
            Verdict::Reverted(error) => Self::Reverted { error },
            Verdict::Impossible(message) => Self::Refused(Refusal::new(message)),
            Verdict::Ended => Self::Ended,
        }
    }
}

fn refused(message: impl Into<String>) -> Error {
    Error::new(Kind::Invalid, Blame::Configuration, message)
}

impl Swaps {
    /// The hash of what runs.
    pub(crate) fn component(&self) -> String {
        self.logic.component().hash().to_owned()
    }

    /// The pipeline has ended, and with it whatever is on trial.
    pub(crate) fn ended(&self) {
        self.logic.end();
    }

    /// Does what is asked for, and sends what happens.
    pub(crate) async fn handle(&self, request: Request, events: mpsc::UnboundedSender<Event>) {
        let listener = Listener(events);
        let done = match request {
            // Answered before.
            Request::Hello | Request::Status => return,
            Request::Swap {
                component,
                trial_epochs,
                extent,
            } => match ComponentRef::of(&component) {
                Ok(component) => {
                    let swapped = self.swap(component, trial_epochs, extent, &listener);
                    swapped.await.map(Event::from)
                }
                Err(bad) => Err(Error::from(bad).into()),
            },
            Request::Promote { trial_epochs } => {
                let promoted = self.promote(trial_epochs, &listener).await;
                promoted.map(Event::from)
            }
            Request::Withdraw => self.withdraw(),
            Request::Shadow {
                component,
                epochs,
                key,
            } => match ComponentRef::of(&component) {
                Ok(component) => self.shadow(component, epochs, Key(key), &listener).await,
                Err(bad) => Err(Error::from(bad).into()),
            },
            Request::Apply {
                file,
                extent,
                style,
            } => self.apply(file.into(), extent, style, &listener).await,
        };
        listener.tell(done.unwrap_or_else(Event::from));
    }
}

impl Swaps {
    async fn swap(
        &self,
        component: ComponentRef,
        trial_epochs: u64,
        extent: SwapExtent,
        listener: &Listener,
    ) -> Result<Verdict, Against> {
        self.no_canary()?;
        let in_force = self.in_force.try_lock().map_err(|_| Against::Busy)?;
        let slot = &in_force.slot;
        let loaded = self.checked(slot, component, listener).await?;
        let component = self.fitting(slot, &loaded).await?;
        let hash = component.hash();
        if self.logic.component().hash() == hash {
            return Err(refused(format!("the pipeline runs {hash} already")).into());
        }
        match extent {
            SwapExtent::All => {
                self.take_over(component, trial_epochs, Asked::Swap, listener)
                    .await
            }
            SwapExtent::Canary { percent } => {
                self.try_on_some(component, percent, trial_epochs, listener)
                    .await
            }
        }
    }

    /// Compiled, and it has nothing against its place.
    async fn checked(
        &self,
        slot: &Slot,
        component: ComponentRef,
        listener: &Listener,
    ) -> Result<Loaded, Against> {
        let loaded = self.load(slot, component, listener).await?;
        let problems = slot.problems(&loaded).await?;
        match problems.is_empty() {
            true => Ok(loaded),
            false => Err(Against::Problems(problems)),
        }
    }

    /// Compiled; what works does not notice.
    async fn load(
        &self,
        slot: &Slot,
        component: ComponentRef,
        listener: &Listener,
    ) -> Result<Loaded> {
        let begun = Instant::now();
        let (engine, slot) = (self.engine.clone(), slot.clone());
        let loaded = spawn_blocking(move || quietly(|| slot.load(&engine, &component)));
        let loaded = loaded.await.map_err(|error| {
            Error::new(Kind::Other, Blame::Host, "compiling broke off").with_source(error)
        })??;
        listener.tell(Event::Compiled {
            hash: loaded.hash().to_owned(),
            elapsed: begun.elapsed(),
        });
        Ok(loaded)
    }

    /// Opened, on no rows: it writes to the same tables as what works.
    async fn fitting(&self, slot: &Slot, loaded: &Loaded) -> Result<Arc<dyn Component>> {
        let component = slot.grant(loaded, &self.grants)?;
        let units = units(&*component).await?;
        if units != self.units {
            return Err(refused(format!(
                "it writes to {}, and the pipeline to {}: what takes positions is settled when a pipeline \
                 starts. Stop it, and start it with this component and configuration",
                named(&units),
                named(&self.units)
            )));
        }
        Ok(component)
    }

    /// Puts it in the place of what works, between two epochs, and waits for the end of its trial.
    async fn take_over(
        &self,
        component: Arc<dyn Component>,
        trial_epochs: u64,
        asked: Asked,
        listener: &Listener,
    ) -> Result<Verdict, Against> {
        let exchange = Exchange {
            asked,
            from: self.logic.component().writer(),
            to: component.writer(),
        };
        let begun = Instant::now();
        let replacement = self.logic.replace(component, trial_epochs);
        let mut replacement = replacement.ok_or(Against::Busy)?;
        self.follow(&mut replacement, begun, &exchange, listener)
            .await
    }

    /// Tells how a replacement goes, until something is settled.
    async fn follow(
        &self,
        replacement: &mut Replacement,
        begun: Instant,
        exchange: &Exchange,
        listener: &Listener,
    ) -> Result<Verdict, Against> {
        let TakenOver { at, pause } = replacement.taken_over().await;
        let shown = |at: Option<Position>| at.map(|at| at.to_string());
        let shown = |at| shown(at).unwrap_or_else(|| "its beginning".to_owned());
        let positions: Positions = at
            .into_iter()
            .map(|(key, at)| (key.to_string(), shown(at)))
            .collect();
        // A canary that found no partitions has taken nothing over.
        if !positions.is_empty() || exchange.asked != Asked::Canary {
            tracing::info!(
                component = exchange.to.component,
                configuration = exchange.to.configuration,
                former_component = exchange.from.component,
                former_configuration = exchange.from.configuration,
                "{}: another component or configuration has taken over",
                exchange.asked
            );
            self.journal.taken_over(exchange, &positions);
            listener.tell(Event::TakenOver {
                former: exchange.from.component.clone(),
                positions,
                elapsed: begun.elapsed(),
                pause,
            });
        }
        let verdict = replacement.verdict().await;
        self.journal.ended(exchange, &verdict);
        Ok(verdict)
    }
}

fn named(units: &[UnitId]) -> String {
    let names: BTreeMap<String, ()> = units.iter().map(|unit| (format!("`{unit}`"), ())).collect();
    match names.is_empty() {
        true => "nothing".to_owned(),
        false => names.into_keys().collect::<Vec<_>>().join(", "),
    }
}
