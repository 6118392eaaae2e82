//! Another component in a running pipeline: made beside the one that works, and put in its place once nothing
//! speaks against it. Until then every mistake leaves things as they are.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use chrono::Utc;
use rustix::process::geteuid;
use serde_json::json;
use tokio::sync::{Mutex, mpsc};
use tokio::task::spawn_blocking;
use wasm_sink_core::component::Component;
use wasm_sink_core::stage::UnitId;
use wasm_sink_core::{Blame, Error, Kind, Result};

use crate::comparison::Key;
use crate::config::{ComponentRef, SinkConfigProblem};
use crate::control::{Event, Handler, Positions, Refusal, Request};
use crate::engine::{Engine, Grants, quietly};
use crate::launch::units;
use crate::pipeline::{Logic, Samples, TakenOver, Verdict};
use crate::shadow::Shadow;
use crate::slot::Slot;

/// A line for each swap, in the state directory.
const JOURNAL: &str = "swaps.jsonl";

/// What can be put into one running pipeline, and how.
pub(crate) struct Swaps {
    pub(crate) engine: Engine,
    pub(crate) slot: Slot,
    pub(crate) grants: Grants,
    pub(crate) logic: Logic,
    /// What the pipeline writes to. It was told the homes of its positions once, at its start.
    pub(crate) units: Vec<UnitId>,
    pub(crate) pipeline: String,
    pub(crate) state_dir: PathBuf,
    /// One swap at a time.
    pub(crate) turn: Mutex<()>,
    pub(crate) samples: Samples,
    /// One comparison at a time.
    pub(crate) comparing: Mutex<()>,
}

/// Why a component is not put in the place of another.
enum Against {
    /// It cannot run there.
    Error(Error),
    /// What it has against its configuration.
    Problems(Vec<SinkConfigProblem>),
    /// Another one is on trial.
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
            Against::Error(error) => (error.to_string(), Vec::new()),
            Against::Problems(problems) => (
                "the component does not take this pipeline's configuration".to_owned(),
                problems,
            ),
        };
        Self::Refused(Refusal { message, problems })
    }
}

fn refused(message: impl Into<String>) -> Error {
    Error::new(Kind::Invalid, Blame::Configuration, message)
}

#[async_trait]
impl Handler for Swaps {
    async fn handle(&self, request: Request, events: mpsc::UnboundedSender<Event>) {
        let last = match request {
            Request::Hello => Event::Hello {
                pipeline: self.pipeline.clone(),
                directory: self.slot.directory().to_owned(),
                component: self.logic.component().hash().to_owned(),
            },
            Request::Swap {
                component,
                trial_epochs,
            } => {
                let component = ComponentRef::of(&component);
                match self.swap(component, trial_epochs, &events).await {
                    Ok(Verdict::Kept | Verdict::Going | Verdict::Withdrawn) => Event::Kept,
                    Ok(Verdict::Reverted(error) | Verdict::Impossible(error)) => {
                        Event::Reverted { error }
                    }
                    Err(against) => against.into(),
                }
            }
            Request::Shadow {
                component,
                epochs,
                key,
            } => {
                let component = ComponentRef::of(&component);
                let shadowed = self.shadow(component, epochs, Key(key), &events);
                shadowed.await.unwrap_or_else(Event::from)
            }
        };
        // Whoever asked may be gone.
        let _ = events.send(last);
    }
}

impl Swaps {
    async fn swap(
        &self,
        component: ComponentRef,
        trial_epochs: u64,
        events: &mpsc::UnboundedSender<Event>,
    ) -> Result<Verdict, Against> {
        let _turn = self.turn.try_lock().map_err(|_| Against::Busy)?;
        let component = self.make(component, events).await?;
        self.has_same_units(&*component).await?;
        let (former, hash) = (self.logic.component(), component.hash().to_owned());
        if former.hash() == hash {
            return Err(refused(format!("the pipeline runs {hash} already")).into());
        }
        let begun = Instant::now();
        let replacement = self.logic.replace(component, trial_epochs);
        let mut replacement = replacement.ok_or(Against::Busy)?;
        let TakenOver { at, pause } = replacement.taken_over().await;
        let positions: Positions = at
            .into_iter()
            .map(|(key, at)| {
                let at = at.map_or_else(|| "its beginning".to_owned(), |at| at.to_string());
                (key.to_string(), at)
            })
            .collect();
        tracing::info!(
            former = former.hash(),
            component = hash,
            "the component was swapped"
        );
        self.note(
            json!({ "event": "taken-over", "from": former.hash(), "to": hash, "at": positions }),
        );
        let _ = events.send(Event::TakenOver {
            former: former.hash().to_owned(),
            positions,
            elapsed: begun.elapsed(),
            pause,
        });
        let verdict = replacement.verdict().await;
        self.note(match &verdict {
            Verdict::Kept | Verdict::Going | Verdict::Withdrawn => {
                json!({ "event": "kept", "component": hash })
            }
            Verdict::Reverted(error) | Verdict::Impossible(error) => {
                json!({ "event": "reverted", "from": hash, "to": former.hash(), "error": error })
            }
        });
        Ok(verdict)
    }

    /// Compiled, checked and tried on no rows; the one that works does not notice.
    async fn make(
        &self,
        component: ComponentRef,
        events: &mpsc::UnboundedSender<Event>,
    ) -> Result<Arc<dyn Component>, Against> {
        let begun = Instant::now();
        let (engine, slot) = (self.engine.clone(), self.slot.clone());
        let loaded = spawn_blocking(move || quietly(|| slot.load(&engine, &component)));
        let loaded = loaded.await.map_err(|error| {
            Error::new(Kind::Other, Blame::Host, "compiling broke off").with_source(error)
        })??;
        let _ = events.send(Event::Compiled {
            hash: loaded.hash().to_owned(),
            elapsed: begun.elapsed(),
        });
        let problems = self.slot.problems(&loaded).await?;
        if !problems.is_empty() {
            return Err(Against::Problems(problems));
        }
        Ok(self.slot.grant(&loaded, &self.grants)?)
    }

    async fn has_same_units(&self, component: &dyn Component) -> Result<(), Against> {
        let units = units(component).await?;
        if units != self.units {
            return Err(refused(format!(
                "it writes to {}, and the pipeline to {}: what takes positions is settled when a pipeline \
                 starts. Stop it, and start it with this component",
                named(&units),
                named(&self.units)
            ))
            .into());
        }
        Ok(())
    }

    /// Holds another component against the one that works.
    async fn shadow(
        &self,
        component: ComponentRef,
        epochs: u64,
        key: Key,
        events: &mpsc::UnboundedSender<Event>,
    ) -> Result<Event, Against> {
        let _turn = self.comparing.try_lock().map_err(|_| Against::Busy)?;
        let new = self.make(component, events).await?;
        let old = self.logic.component();
        let shadow = Shadow {
            samples: &self.samples,
            old: &*old,
            new: &*new,
        };
        let report = shadow.compare(epochs, key, events).await?;
        Ok(Event::Reported {
            former: old.hash().to_owned(),
            hash: new.hash().to_owned(),
            report,
        })
    }

    fn note(&self, mut line: serde_json::Value) {
        if let Some(line) = line.as_object_mut() {
            line.insert("time".to_owned(), json!(Utc::now()));
            line.insert(
                "process".to_owned(),
                json!(wasm_sink_core::process::describe()),
            );
            line.insert("user".to_owned(), json!(geteuid().as_raw()));
        }
        let path = self.state_dir.join(JOURNAL);
        if let Err(error) = append(&path, &line) {
            tracing::warn!(path = %path.display(), "a swap could not be noted down: {error}");
        }
    }
}

fn append(path: &Path, line: &serde_json::Value) -> std::io::Result<()> {
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    file.write_all(format!("{line}\n").as_bytes())
}

fn named(units: &[UnitId]) -> String {
    let names: BTreeMap<String, ()> = units.iter().map(|unit| (format!("`{unit}`"), ())).collect();
    match names.is_empty() {
        true => "nothing".to_owned(),
        false => names.into_keys().collect::<Vec<_>>().join(", "),
    }
}
