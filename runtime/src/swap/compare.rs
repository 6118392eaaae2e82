//! A component beside the one that works, which is held against it.

use super::{Against, Listener, Swaps};
use crate::comparison::Key;
use crate::config::ComponentRef;
use crate::control::Event;
use crate::shadow::Shadow;

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
        let new = slot.grant(&loaded, &self.grants)?;
        let old = self.logic.component();
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
}
