//! A component beside the one that works, which is held against it.

use std::sync::Arc;

use tokio::task::spawn_blocking;
use wasm_sink_core::component::Component;
use wasm_sink_core::{Blame, Error, Kind, Result};

use super::{Against, Listener, Swaps};
use crate::comparison::Key;
use crate::config::ComponentRef;
use crate::control::Event;
use crate::engine::{Loaded, quietly};
use crate::shadow::Shadow;
use crate::slot::Slot;

impl Swaps {
    pub(super) async fn shadow(
        &self,
        component: ComponentRef,
        epochs: u64,
        key: Key,
        listener: &Listener,
    ) -> Result<Event, Against> {
        let _turn = self.comparing.try_lock().map_err(|_| Against::Busy)?;
        let slot = match self.in_force.try_lock() {
            Ok(in_force) => in_force.slot.clone(),
            Err(_) => return Err(Against::Busy),
        };
        let loaded = self.checked(&slot, component, listener).await?;
        let runs = self.logic.component();
        let metered = self.metered(&slot, &*runs, &loaded).await?;
        let (old, new) = match metered {
            Some(metered) => metered,
            None => (Arc::clone(&runs), slot.grant(&loaded, &self.grants)?),
        };
        let shadow = Shadow {
            samples: &self.samples,
            old: &*old,
            new: &*new,
        };
        let report = shadow.compare(epochs, key, &listener.0).await?;
        Ok(Event::Reported {
            former: old.hash().to_owned(),
            hash: new.hash().to_owned(),
            report,
        })
    }

    /// Both once more, so that their fuel is counted; None where the bytes of one are gone.
    async fn metered(
        &self,
        slot: &Slot,
        old: &dyn Component,
        new: &Loaded,
    ) -> Result<Option<(Arc<dyn Component>, Arc<dyn Component>)>> {
        let (Some(old_wasm), Some(new_wasm)) = (old.wasm(), new.wasm()) else {
            return Ok(None);
        };
        let (engine, slot, grants) = (self.engine.clone(), slot.clone(), self.grants.clone());
        let names = [old.name().to_owned(), new.name().to_owned()];
        let compiled = spawn_blocking(move || {
            let engine = engine.metered()?;
            let [old, new] = [(&names[0], old_wasm), (&names[1], new_wasm)].map(|(name, wasm)| {
                let loaded = quietly(|| slot.load_bytes(&engine, name, &wasm))?;
                slot.grant(&loaded, &grants)
            });
            Ok((old?, new?))
        });
        let compiled = compiled.await.map_err(|error| {
            Error::new(Kind::Other, Blame::Host, "compiling broke off").with_source(error)
        })?;
        compiled.map(Some)
    }
}
