//! What pipeline.toml says now, in the place of what it said when it was read: as far as that can be changed while the
//! pipeline runs, and then as a restart would have it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::task::spawn_blocking;
use wasm_sink_core::component::Writer;
use wasm_sink_core::{Blame, Error, Kind};

use super::{Against, Asked, InForce, Listener, Swaps, refused};
use crate::config::{self, Key, LoadError, Pipeline, Style};
use crate::control::{Event, Extent, short};
use crate::pipeline::Verdict;

impl Swaps {
    /// The last event.
    pub(super) async fn apply(
        &self,
        file: PathBuf,
        extent: Extent,
        style: Style,
        listener: &Listener,
    ) -> Result<Event, Against> {
        self.no_canary()?;
        let mut in_force = self.in_force.try_lock().map_err(|_| Against::Busy)?;
        let pipeline = self.read(&file, style).await?;
        let next = InForce::of(&pipeline);
        let differences = in_force.written.differences(&next.written);
        if !differences.settled.is_empty() {
            return Err(needs_restart(&differences.settled).into());
        }
        let component = pipeline.sink.component.clone();
        let loaded = self.load(&next.slot, component, listener).await?;
        let running = self.logic.component().writer();
        let wanted = Writer {
            component: loaded.hash().to_owned(),
            configuration: next.slot.configuration().hash().to_owned(),
        };
        let changes = differences.changeable.iter().map(ToString::to_string);
        let mut changes: Vec<String> = changes.collect();
        if wanted.component != running.component {
            changes.push(format!(
                "[sink] component: {} → {} ({})",
                short(&running.component),
                short(&wanted.component),
                pipeline.sink.component
            ));
        }
        if changes.is_empty() && wanted != running {
            changes.push("[sink.config]: a variable has another value".to_owned());
        }
        if !changes.is_empty() {
            listener.tell(Event::Differs { changes });
        }
        if wanted == running {
            if matches!(extent, Extent::Change { .. }) {
                *in_force = next;
            }
            return Ok(Event::Same);
        }
        let problems = next.slot.problems(&loaded).await?;
        if !problems.is_empty() {
            let mistakes = pipeline.sink_config_diagnostics(&problems);
            return Err(Against::Mistakes(mistakes.render(style)));
        }
        let component = self.fitting(&next.slot, &loaded).await?;
        let trial_epochs = match extent {
            Extent::Show => return Ok(Event::Possible),
            Extent::Change { trial_epochs } => trial_epochs,
        };
        let verdict = self.take_over(component, trial_epochs, Asked::Apply, listener);
        let verdict = verdict.await?;
        if verdict == Verdict::Kept {
            *in_force = next;
        }
        Ok(verdict.into())
    }

    /// By this process's own environment, as at its start.
    async fn read(&self, file: &Path, style: Style) -> Result<Pipeline, Against> {
        let (path, registry) = (file.to_owned(), Arc::clone(&self.registry));
        let loaded = spawn_blocking(move || {
            let lookup = |name: &str| std::env::var_os(name);
            config::load(&path, &registry, &lookup)
        });
        let loaded = loaded.await.map_err(|error| {
            Error::new(Kind::Other, Blame::Host, "reading the file broke off").with_source(error)
        })?;
        let pipeline = loaded.map_err(|error| {
            Against::Mistakes(match error {
                LoadError::Unreadable(error) => format!("{error}\n"),
                LoadError::Wrong(diagnostics) => diagnostics.render(style),
            })
        })?;
        if pipeline.directory != self.directory {
            return Err(refused(format!(
                "this process runs the pipeline of {}, and paths would count from another folder",
                self.directory.display()
            ))
            .into());
        }
        Ok(pipeline)
    }
}

fn needs_restart(keys: &[Key]) -> Error {
    let keys: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
    refused(format!(
        "{} cannot be changed while the pipeline runs, and needs a restart: stop it, and run this file. To apply \
         the rest now, put that back first",
        keys.join(", ")
    ))
}
