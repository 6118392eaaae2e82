//! What the capabilities of all destinations share that answer requests instead of taking rows into tables: handles, the
//! way from a call to the stage behind it, and what becomes of rows that were refused. A connector implements
//! [`ServiceStage`].
//!
//! A service's answer is the destination's last word on the rows that came with the request: there is no commit that
//! could still refuse them, and nothing that could be taken back. So a row that was refused must not be forgotten: it is
//! *unsettled* until it is sent again with success, or rejected, and an epoch with unsettled rows is not committed, except
//! for as many as the component says it leaves out.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::Instant;
use wasmtime::component::Resource;

use super::calls::{Asked, Target};
use super::tables::Answer;
use super::{Batch, Guest};
use crate::batch::Rows;
use crate::error::{Blame, Error, Kind, Result};
use crate::stage::Stage;

/// How long after its time a call may come to an end by itself, with an error that says more than ours.
const GRACE: Duration = Duration::from_secs(1);

/// What a component holds of a service: its connection's role. `S` keeps the handles of different capabilities apart.
pub struct ServiceHandle<S> {
    role: Arc<str>,
    stage: PhantomData<fn() -> S>,
}

impl<S> Clone for ServiceHandle<S> {
    fn clone(&self) -> Self {
        Self {
            role: Arc::clone(&self.role),
            stage: PhantomData,
        }
    }
}

impl<S> fmt::Debug for ServiceHandle<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceHandle")
            .field("role", &self.role)
            .finish_non_exhaustive()
    }
}

/// A stage that asks a service.
pub trait ServiceStage: Stage {
    /// Interface and resource of the capability: "http.service".
    const RESOURCE: &'static str;
}

/// What a service answered. The default is what is answered where there is no service, in a rehearsal or where a replay
/// asks for something new: all is well, and there is nothing to tell.
pub trait Reply: Default + Serialize + DeserializeOwned {
    /// The status that the rows of the request were refused with; None: they are delivered.
    fn refusal(&self) -> Option<u16>;
}

fn asked<S: ServiceStage>(function: &str, role: &str, arguments: Value) -> Asked {
    Asked {
        function: format!("{}.{function}", S::RESOURCE),
        target: Some(Target {
            connection: role.to_owned(),
            name: String::new(),
        }),
        arguments,
    }
}

impl Guest {
    /// `service.open`.
    ///
    /// # Errors
    /// A trap where the instance holds too many handles.
    pub fn open_service<S: ServiceStage>(
        &mut self,
        role: String,
    ) -> Answer<Resource<ServiceHandle<S>>> {
        let asked = self.asked(|| asked::<S>("open", &role, Value::Null));
        let opened = match self.replied::<()>(asked.as_ref(), None) {
            Some(opened) => opened,
            None => self.stage::<S>(&role).map(|_| ()),
        };
        self.heard(asked, None, &opened);
        if let Err(error) = self.answer(opened) {
            return Ok(Err(error));
        }
        let handle = ServiceHandle {
            role: role.into(),
            stage: PhantomData,
        };
        Ok(Ok(self.table().push(handle)?))
    }

    /// Has the stage behind a service ask what `function` asks for, without rows. `arguments`: as recordings keep them, and
    /// enough to tell two requests apart. `call` is told until when it may take.
    ///
    /// # Errors
    /// A trap for a handle that is none.
    pub async fn ask_service<S: ServiceStage, T: Reply>(
        &mut self,
        service: &Resource<ServiceHandle<S>>,
        function: &str,
        arguments: impl FnOnce() -> Value,
        call: impl AsyncFnOnce(&mut S, Instant) -> Result<T>,
    ) -> Answer<T> {
        let handle = self.table().get(service)?.clone();
        let asked = self.asked(|| asked::<S>(function, &handle.role, arguments()));
        let answered = match self.replied::<Option<T>>(asked.as_ref(), None) {
            Some(replied) => replied.map(Option::unwrap_or_default),
            None => self.of_service(&handle, call).await,
        };
        self.heard(asked, None, &answered);
        Ok(self.answer(answered))
    }

    /// The same with rows: they are delivered, or unsettled, as the answer says.
    ///
    /// # Errors
    /// A trap for a handle that is none, or of an earlier epoch.
    pub async fn send_rows<S: ServiceStage, T: Reply>(
        &mut self,
        service: &Resource<ServiceHandle<S>>,
        function: &str,
        rows: &Resource<Batch>,
        arguments: impl FnOnce() -> Value,
        call: impl AsyncFnOnce(&mut S, &Rows, Instant) -> Result<T>,
    ) -> Answer<T> {
        let handle = self.table().get(service)?.clone();
        let rows = self.rows(rows)?.clone();
        let asked = self.asked(|| asked::<S>(function, &handle.role, arguments()));
        let answered = match with_origin(&rows) {
            Err(error) => Err(error),
            Ok(()) => match self.replied::<Option<T>>(asked.as_ref(), Some(&rows)) {
                Some(replied) => replied.map(Option::unwrap_or_default),
                None => {
                    let call = async |stage: &mut S, until| call(stage, &rows, until).await;
                    self.of_service(&handle, call).await
                }
            },
        };
        self.heard(asked, Some(&rows), &answered);
        match answered.as_ref().map(Reply::refusal) {
            Ok(None) => {
                self.count_staged(rows.len() as u64);
                self.unsettled.settled(&rows);
            }
            Ok(Some(status)) => self.unsettled.refused(&rows, status),
            // The epoch is not committed, or, with `invalid`, nothing was sent: where it took rows of which nobody says
            // anything, they count as any other.
            Err(_) => {}
        }
        Ok(self.answer(answered))
    }

    /// `drop` of a service.
    ///
    /// # Errors
    /// A trap for a handle that is none.
    pub fn drop_service<S: 'static>(
        &mut self,
        service: Resource<ServiceHandle<S>>,
    ) -> wasmtime::Result<()> {
        self.table().delete(service)?;
        Ok(())
    }

    async fn of_service<S: ServiceStage, T>(
        &mut self,
        handle: &ServiceHandle<S>,
        call: impl AsyncFnOnce(&mut S, Instant) -> Result<T>,
    ) -> Result<T> {
        // What is sent cannot be taken back, and would be sent again with the whole epoch.
        if self.doom.is_set() {
            let message = "an earlier call has failed, and the epoch with it: nothing more is sent";
            return Err(Error::new(Kind::Unavailable, Blame::Destination, message));
        }
        let wait = self.limits().stage_wait;
        let until = Instant::now() + wait;
        let stage = self.stage::<S>(&handle.role)?;
        let called = call(stage, until);
        match tokio::time::timeout_at(until + GRACE, called).await {
            Ok(done) => done,
            Err(_) => Err(Error::new(
                Kind::Unavailable,
                Blame::Destination,
                format!(
                    "the service gave no answer for {} s ([limits] stage_wait_ms)",
                    wait.as_secs_f64()
                ),
            )),
        }
    }

    /// Whether the epoch may be committed: every row that a service refused was sent again with success, rejected, or is
    /// among those that the component left out.
    ///
    /// # Errors
    /// It may not.
    pub fn check_settled(&self) -> Result<()> {
        let by_status = self.unsettled.by_status();
        let rows: u64 = by_status.values().sum();
        let skipped = self.account.skipped;
        if rows <= skipped {
            return Ok(());
        }
        let statuses = by_status.iter();
        let statuses: Vec<_> = statuses
            .map(|(status, rows)| match by_status.len() {
                1 => status.to_string(),
                _ => format!("{status} ({rows})"),
            })
            .collect();
        let but = match skipped {
            0 => String::new(),
            skipped => format!(", and `epoch.skip` counts {skipped} alone"),
        };
        let rows = match rows {
            1 => "1 row".to_owned(),
            rows => format!("{rows} rows"),
        };
        Err(Error::new(
            Kind::Other,
            Blame::Component,
            format!(
                "{rows} would be lost: refused by the service with status {}, and neither sent again with success nor \
                 rejected{but}. `reject` what the service will never take, send in smaller requests what is too much at \
                 once, answer with an error where the request itself is wrong, or say `epoch.skip`",
                statuses.join(", ")
            ),
        ))
    }
}

fn with_origin(rows: &Rows) -> Result<()> {
    match rows.source() {
        Some(_) => Ok(()),
        None => Err(Error::invalid(
            "rows that came from `from-ipc` have no origin, and so no identity by which a service could tell that they \
             were sent before; put computed columns back with `with-columns`",
        )),
    }
}

#[cfg(test)]
mod tests;
