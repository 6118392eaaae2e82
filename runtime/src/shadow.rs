//! Another component beside the one that works: it is given the same rows, with capabilities that keep what they are
//! given and write nothing. What it would do otherwise is reported.

use std::time::Instant;

use tokio::sync::mpsc;
use wasm_sink_core::component::{Component, Failure, Instance};
use wasm_sink_core::stage::Purpose;
use wasm_sink_core::{CommitId, DeadLetter, Result, Rows};

use crate::comparison::{Comparison, Key, Lived, Report};
use crate::control::Event;
use crate::pipeline::{Entropy, OsEntropy, Samples};

/// Runs both components, the present one as well: the one that works is not touched.
pub(crate) struct Shadow<'a> {
    pub(crate) samples: &'a Samples,
    pub(crate) old: &'a dyn Component,
    pub(crate) new: &'a dyn Component,
}

impl Shadow<'_> {
    /// Compares so many epochs, or as many as pass until whoever asked is gone.
    ///
    /// # Errors
    /// One of them cannot be started.
    pub(crate) async fn compare(
        &self,
        epochs: u64,
        key: Key,
        events: &mpsc::UnboundedSender<Event>,
    ) -> Result<Report> {
        let mut comparison = Comparison::new(key);
        let (mut old, mut new) = (Player::new(self.old), Player::new(self.new));
        // What either does in `open` counts as the first epoch's.
        old.ready().await?;
        new.ready().await?;
        for epoch in 1..=epochs {
            let rows = tokio::select! {
                rows = self.samples.next() => rows,
                () = events.closed() => break,
            };
            let begun = Instant::now();
            let count = rows.iter().map(|rows| rows.len() as u64).sum();
            let before = old.live(&rows).await?;
            let now = new.live(&rows).await?;
            // What is compared needs no rows of the source for longer than this.
            drop(rows);
            comparison.epoch(count, &before, &now);
            let _ = events.send(Event::Compared { epochs: epoch });
            // Half of the time is the pipeline's alone.
            tokio::time::sleep(begun.elapsed()).await;
        }
        Ok(comparison.report())
    }
}

/// A component that plays epochs to nobody.
struct Player<'a> {
    component: &'a dyn Component,
    instance: Option<Box<dyn Instance>>,
}

impl<'a> Player<'a> {
    fn new(component: &'a dyn Component) -> Self {
        Self {
            component,
            instance: None,
        }
    }

    async fn ready(&mut self) -> Result<&mut Box<dyn Instance>> {
        let instance = match self.instance.take().filter(|instance| !instance.worn()) {
            Some(instance) => instance,
            None => self.component.start(Purpose::Preview).await?,
        };
        Ok(self.instance.insert(instance))
    }

    async fn live(&mut self, rows: &[Rows]) -> Result<Lived> {
        let instance = self.ready().await?;
        instance.begin(CommitId::from_random(OsEntropy.next()));
        let begun = Instant::now();
        let played = play(&mut **instance, rows).await;
        let elapsed = begun.elapsed();
        let mut lived = Lived {
            calls: instance.take_calls(),
            fuel: instance.take_fuel(),
            elapsed,
            ..Lived::default()
        };
        match played {
            Ok(letters) => lived.letters = letters,
            Err(failure) => {
                lived.failure = Some(failure.to_string());
                self.instance = None;
            }
        }
        Ok(lived)
    }
}

async fn play(instance: &mut dyn Instance, rows: &[Rows]) -> Result<Vec<DeadLetter>, Failure> {
    for rows in rows {
        instance.write(rows.clone()).await?;
    }
    Ok(instance.flush().await?.dead_letters)
}
