//! The host's side of `wasm-sink:sink/types`: batches and plans as resources, and the account of
//! the epoch that a guest is working on. A connector links its capability through [`HasGuest`].

mod batch;
pub mod calls;
mod charge;
mod convert;
pub mod fit;
#[cfg(test)]
mod fixture;
mod ipc;
mod json;
mod plan;
mod rejected;
mod room;
pub mod service;
pub mod tables;
mod unsettled;
mod written;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use wasmtime::component::{Resource, ResourceTable};

use crate::batch::Rows;
use crate::dead_letter::{DeadLetter, RefusedBy};
use crate::epoch::{Account, CommitId, Doom};
use crate::error::{Blame, Error, Kind};
use crate::position::{PartitionKey, Position};
use crate::stage::Stage;

pub use batch::Batch;
pub use bindings::wasm_sink::sink::types as wit;
pub use ipc::read_stream;
pub use json::whole as json_texts;
pub use plan::Plan;

use calls::Replies;
use charge::{Charges, Ledger};
use rejected::Rejected;
use room::{Full, Room};
use unsettled::Unsettled;
use written::written_bytes;

/// Generated from wit/deps/sink. A connector's own `bindgen!` maps `wasm-sink:sink/types` here.
#[allow(missing_docs, reason = "generated")]
pub mod bindings {
    wasmtime::component::bindgen!({
        path: "../../wit",
        inline: "package wasm-sink:core-host; world types { import wasm-sink:sink/types@0.1.0; }",
        imports: { default: async | trappable },
        additional_derives: [serde::Deserialize, serde::Serialize],
        with: {
            "wasm-sink:sink/types.batch": super::Batch,
            "wasm-sink:sink/types.plan": super::Plan,
        },
    });
}

/// A store's data that holds a [`Guest`]; what a capability's `add_to_linker` is generic over.
pub trait HasGuest: Send + 'static {
    /// The guest.
    fn guest(&mut self) -> &mut Guest;
}

/// What a guest may do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// `validate` and `config-schema`: every capability answers `denied`.
    Denied,
    /// `open`, `write`, `flush`.
    Granted,
}

/// The longest reason of a dead letter.
pub const MAX_REASON_BYTES: usize = 4 << 10;
/// Once an epoch's reasons are so many bytes together, those that follow are cut short.
const MAX_REASONS_BYTES: usize = 32 << 20;
const SHORT_REASON_BYTES: usize = 256;

/// How much one epoch of a guest may hold.
#[derive(Clone, Copy, Debug)]
pub struct GuestLimits {
    /// Handles, dead or alive, per instance.
    pub handles: usize,
    /// Dead letters per epoch.
    pub dead_letters: usize,
    /// Parts of one `split`.
    pub split_parts: usize,
    /// Bytes that batches made by kernels and `from-ipc`, and plans for their schemas, may hold at
    /// once.
    pub derived_bytes: usize,
    /// How long one staging call may wait for its destination.
    pub stage_wait: Duration,
}

/// One instance's host side: handles, stages by role, and the open epoch.
pub struct Guest {
    table: ResourceTable,
    access: Access,
    limits: GuestLimits,
    stages: BTreeMap<String, Box<dyn Stage>>,
    /// Counts epochs of this instance; handles remember theirs.
    epoch: u64,
    account: Account,
    dead_letters: Vec<DeadLetter>,
    rejected: Rejected,
    /// Bytes of the reasons of dead letters.
    reason_bytes: usize,
    doom: Doom,
    /// Rows that a service refused.
    unsettled: Unsettled,
    schemas: batch::SchemaIds,
    /// What batches that kernels made hold, and what plans keep for schemas.
    ledger: Ledger,
    /// Bytes of text that plans hold.
    plan_bytes: usize,
    /// Where somebody listens, the calls so far.
    calls: Option<calls::Kept>,
    /// In place of stages.
    replies: Option<Box<dyn Replies>>,
}

impl Guest {
    /// `stages` by role, as granted in `[sink]`.
    pub fn new(stages: BTreeMap<String, Box<dyn Stage>>, limits: GuestLimits) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits.handles);
        Self {
            table,
            access: Access::Denied,
            limits,
            stages,
            epoch: 0,
            account: Account::default(),
            dead_letters: Vec::new(),
            rejected: Rejected::default(),
            reason_bytes: 0,
            doom: Doom::default(),
            unsettled: Unsettled::default(),
            schemas: batch::SchemaIds::default(),
            ledger: Ledger::default(),
            plan_bytes: 0,
            calls: None,
            replies: None,
        }
    }

    /// Without destinations: capabilities answer from a recording.
    pub fn offline(replies: Box<dyn Replies>, limits: GuestLimits) -> Self {
        Self {
            replies: Some(replies),
            ..Self::new(BTreeMap::new(), limits)
        }
    }

    /// For resources of capabilities and of WASI.
    pub fn table(&mut self) -> &mut ResourceTable {
        &mut self.table
    }

    /// Opens or closes the capabilities.
    pub fn set_access(&mut self, access: Access) {
        self.access = access;
    }

    /// Begins an epoch; its id names what is staged.
    pub fn begin_epoch(&mut self, id: CommitId) {
        self.account = Account::default();
        self.dead_letters.clear();
        self.rejected.clear();
        self.reason_bytes = 0;
        self.doom = Doom::default();
        self.unsettled.clear();
        for stage in self.stages.values_mut() {
            stage.begin(id);
        }
    }

    /// Takes a partition into the epoch, before its first rows are written.
    pub fn admit(&mut self, key: &PartitionKey, begin: Option<&Position>) {
        for stage in self.stages.values_mut() {
            stage.admit(key, begin);
        }
    }

    /// Counts rows that the guest is given.
    pub fn count_taken(&mut self, rows: u64) {
        self.account.taken += rows;
    }

    /// Counts rows that a capability accepted.
    pub fn count_staged(&mut self, rows: u64) {
        self.account.staged += rows;
    }

    /// Counts rows left out on purpose.
    pub fn count_skipped(&mut self, rows: u64) {
        self.account.skipped += rows;
    }

    /// The open epoch's account.
    pub fn account(&self) -> Account {
        self.account
    }

    /// What doomed the open epoch.
    pub fn doom(&mut self) -> &mut Doom {
        &mut self.doom
    }

    /// Takes the open epoch's dead letters.
    pub fn take_dead_letters(&mut self) -> Vec<DeadLetter> {
        std::mem::take(&mut self.dead_letters)
    }

    /// Frees the rows of the epoch that ends. Handles that the guest did not drop stay as dead
    /// entries: the guest may still use them, and a slot that were used again would let it read
    /// another batch. (A handle that it dropped is gone from the guest's own table, so that its
    /// entry can go as well.)
    pub fn end_epoch(&mut self) {
        for entry in self.table.iter_mut() {
            if let Some(batch) = entry.downcast_mut::<Batch>() {
                batch.free();
            }
        }
        self.unsettled.clear();
        self.rejected.clear();
        self.epoch += 1;
    }

    /// Handles in the table, alive or dead.
    pub fn handles(&mut self) -> usize {
        self.table.iter_mut().count()
    }

    /// The most that batches which the host made have held at once.
    pub fn most_derived_bytes(&self) -> usize {
        self.ledger.most_bytes()
    }

    /// Whether the instance is to be replaced between epochs: half of what it may collect in its
    /// life is there, be it handles that it did not drop or schemas that it asked about.
    pub fn is_worn(&mut self) -> bool {
        self.handles() >= self.limits.handles / 2 || self.schemas.is_half_full()
    }

    /// The stages, by role.
    pub fn stages(&mut self) -> impl Iterator<Item = (&str, &mut Box<dyn Stage>)> {
        self.stages
            .iter_mut()
            .map(|(role, stage)| (role.as_str(), stage))
    }

    /// The stage behind a role, as its connector's own type. `denied` where the role was not
    /// granted, belongs to another connector, or nothing is granted now.
    ///
    /// # Errors
    /// [`Kind::Denied`].
    pub fn stage<S: Stage>(&mut self, role: &str) -> Result<&mut S, Error> {
        if self.access == Access::Denied {
            return Err(denied());
        }
        let known: Vec<&str> = self.stages.keys().map(String::as_str).collect();
        let refusal = format!(
            "no connection with the role `{role}` is granted for this; granted: {}",
            if known.is_empty() {
                "none".to_owned()
            } else {
                known.join(", ")
            }
        );
        self.stages
            .get_mut(role)
            .and_then(|stage| stage.as_any().downcast_mut::<S>())
            .ok_or_else(|| Error::new(Kind::Denied, Blame::Configuration, refusal))
    }

    /// The longest that a staging call may wait for its destination.
    pub fn limits(&self) -> GuestLimits {
        self.limits
    }

    /// Turns a capability's result into its answer to the guest. Anything but ok and `invalid`
    /// dooms the epoch, whatever the guest makes of it (commit.md, 8).
    pub fn answer<T>(&mut self, result: Result<T, Error>) -> Result<T, wit::Error> {
        result.map_err(|error| {
            let answer = wit::Error::from(&error);
            if error.kind() != Kind::Invalid {
                self.doom.set(error);
            }
            answer
        })
    }

    /// The rows behind a handle.
    ///
    /// # Errors
    /// A trap that says so where the handle is of an earlier epoch.
    pub fn rows(&self, batch: &Resource<Batch>) -> wasmtime::Result<&Rows> {
        Ok(self.content(batch)?.0)
    }

    /// The rows behind a handle, and what is charged for the memory that they refer to.
    fn content(&self, batch: &Resource<Batch>) -> wasmtime::Result<(&Rows, &Charges)> {
        self.table.get(batch)?.content(self.epoch)
    }

    /// A new handle for rows of a source, valid until the epoch ends.
    ///
    /// # Errors
    /// A trap where the instance holds too many handles.
    pub fn push_rows(&mut self, rows: Rows) -> wasmtime::Result<Resource<Batch>> {
        Ok(self.table.push(Batch::of_source(self.epoch, rows))?)
    }

    /// Room for batches that kernels make.
    fn room(&self) -> Room {
        let held = self.ledger.bytes();
        Room::new(self.limits.derived_bytes.saturating_sub(held))
    }

    /// A new handle for rows that a kernel made: in `bytes` of fresh memory, and in memory that is
    /// charged for already, `shared`.
    fn push_derived(
        &mut self,
        rows: Rows,
        shared: &Charges,
        bytes: usize,
    ) -> wasmtime::Result<Result<Resource<Batch>, Error>> {
        let frame = batch::frame_bytes(rows.values());
        let mut room = self.room();
        if let Err(full) = room.take(frame).and_then(|()| room.take(bytes)) {
            return Ok(Err(self.out_of_room(full)));
        }
        let memory = self.charged(shared, bytes);
        let frame = self.ledger.charge(frame);
        let batch = Batch::derived(self.epoch, rows, memory, frame);
        Ok(Ok(self.table.push(batch)?))
    }

    /// `bytes` of fresh memory beside what is charged for already.
    fn charged(&self, shared: &Charges, bytes: usize) -> Charges {
        match bytes {
            0 => shared.clone(),
            bytes => {
                let bytes = bytes.saturating_add(shared.next_list_bytes());
                shared.and(&Charges::one(Arc::new(self.ledger.charge(bytes))))
            }
        }
    }

    /// Whether rows that may share memory are of a size that they can be written out.
    ///
    /// # Errors
    /// [`Kind::Invalid`]: they are not, and their source's are not to blame.
    fn check_extent(&self, rows: &Rows) -> Result<(), Error> {
        let most = self.limits.derived_bytes;
        let bytes = written_bytes(rows.values());
        let given = || {
            rows.source()
                .map_or(0, |source| written_bytes(&source.rows))
        };
        if bytes <= most || bytes <= most.saturating_add(given()) {
            return Ok(());
        }
        Err(Error::invalid(format!(
            "written out, the rows would come to {} MiB, and {} MiB is the most ([limits] \
             derived_bytes): each column counts, also where several share their values. Take fewer \
             columns, or work on fewer rows at a time",
            bytes.div_ceil(1 << 20),
            most >> 20
        )))
    }

    fn out_of_room(&self, _: Full) -> Error {
        Error::invalid(format!(
            "batches made by `slice`, `filter`, `split`, `with-columns`, `apply`, `from-ipc` would \
             hold more than {} MiB at once ([limits] derived_bytes): drop what is no longer needed, \
             or work on fewer rows at a time",
            self.limits.derived_bytes >> 20
        ))
    }

    /// Makes dead letters of `rows`, but for those that are some already; `reason` is asked by their places here.
    /// Over the epoch's limit, or without origin: `invalid`.
    ///
    /// # Errors
    /// [`Kind::Invalid`], and nothing was rejected.
    pub fn reject(
        &mut self,
        rows: &Rows,
        by: RefusedBy,
        reason: impl Fn(usize) -> String,
    ) -> Result<(), Error> {
        if rows.source().is_none() && !rows.is_empty() {
            return Err(Error::invalid(
                "rows that came from `from-ipc` have no origin to file a dead letter under; put \
                 computed columns back with `with-columns`",
            ));
        }
        let places = self.rejected.others(rows);
        let wanted = self.dead_letters.len() + places.len();
        if wanted > self.limits.dead_letters {
            return Err(Error::new(
                Kind::Invalid,
                Blame::Component,
                format!(
                    "{wanted} dead letters are more than an epoch takes ({}; [limits] epoch_dead_letters)",
                    self.limits.dead_letters
                ),
            ));
        }
        let mut held = self.reason_bytes;
        let reason = |place| {
            let reason = cut(&reason(place), reason_limit(held)).into_owned();
            held += reason.len();
            reason
        };
        batch::dead_letters(rows, &places, by, reason, &mut self.dead_letters);
        self.reason_bytes = held;
        self.rejected.mark(rows);
        self.unsettled.settled(rows);
        self.account.rejected += places.len() as u64;
        Ok(())
    }
}

/// How long the next reason may be, after so many bytes of others.
fn reason_limit(held_bytes: usize) -> usize {
    match held_bytes < MAX_REASONS_BYTES {
        true => MAX_REASON_BYTES,
        false => SHORT_REASON_BYTES,
    }
}

/// No more than so many bytes of a text, and a sign where there was more.
pub(crate) fn cut(text: &str, most_bytes: usize) -> Cow<'_, str> {
    if text.len() <= most_bytes + '…'.len_utf8() {
        return Cow::Borrowed(text);
    }
    let end = text.floor_char_boundary(most_bytes);
    Cow::Owned(format!("{}…", text.get(..end).unwrap_or_default()))
}

fn denied() -> Error {
    Error::new(
        Kind::Denied,
        Blame::Component,
        "capabilities are not available in `validate`",
    )
}

impl From<&Error> for wit::Error {
    fn from(error: &Error) -> Self {
        let (kind, retry_after) = match error.kind() {
            Kind::Other => (wit::ErrorKind::Other, None),
            Kind::Unavailable => (wit::ErrorKind::Unavailable, None),
            Kind::Throttled { retry_after } => (wit::ErrorKind::Throttled, retry_after),
            Kind::Conflict => (wit::ErrorKind::Conflict, None),
            Kind::OutcomeUnknown => (wit::ErrorKind::OutcomeUnknown, None),
            Kind::Rejected => (wit::ErrorKind::Rejected, None),
            Kind::Denied => (wit::ErrorKind::Denied, None),
            Kind::Invalid => (wit::ErrorKind::Invalid, None),
        };
        Self {
            kind,
            message: error.to_string(),
            retry_after_ms: retry_after
                .map(|wait| u32::try_from(wait.as_millis()).unwrap_or(u32::MAX)),
        }
    }
}

impl From<wit::Error> for Error {
    fn from(error: wit::Error) -> Self {
        let kind = match error.kind {
            wit::ErrorKind::Other => Kind::Other,
            wit::ErrorKind::Unavailable => Kind::Unavailable,
            wit::ErrorKind::Throttled => Kind::Throttled {
                retry_after: error
                    .retry_after_ms
                    .map(|ms| Duration::from_millis(ms.into())),
            },
            wit::ErrorKind::Conflict => Kind::Conflict,
            wit::ErrorKind::OutcomeUnknown => Kind::OutcomeUnknown,
            wit::ErrorKind::Rejected => Kind::Rejected,
            wit::ErrorKind::Denied => Kind::Denied,
            wit::ErrorKind::Invalid => Kind::Invalid,
        };
        Self::new(kind, Blame::Component, error.message)
    }
}
