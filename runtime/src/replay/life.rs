//! One instance, told line by line what the recorded one was told.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use arrow::array::UInt32Array;
use wasm_sink_core::component::{Failure, Instance};
use wasm_sink_core::guest::calls::Call;
use wasm_sink_core::{Blame, CommitId, DeadLetter, Error, Kind, Result, Rows, SourceBatch};

use super::replies::{Script, Scripted};
use crate::engine::Loaded;
use crate::recording::{Ending, Line, RecordedAccount, RecordedCall, Recording};

/// How long a call may take that was in time when it was recorded.
const PATIENCE: Duration = Duration::from_secs(120);

/// What the host did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// It started an instance and called `open`.
    Open,
    /// It began an epoch.
    Began {
        /// Its commit id.
        epoch: String,
    },
    /// It called `write`.
    Write {
        /// Source and partition of the rows, and the position before them.
        of: String,
    },
    /// It called `flush`.
    Flush {
        /// What became of the rows, when it was recorded.
        recorded: RecordedAccount,
    },
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open => f.write_str("open"),
            Self::Began { epoch } => write!(f, "epoch {epoch}"),
            Self::Write { of } => write!(f, "write of {of}"),
            Self::Flush { .. } => f.write_str("flush"),
        }
    }
}

/// A call of the host, as it was recorded and as it is now.
#[derive(Debug)]
pub struct Moment {
    /// What the host did.
    pub what: What,
    /// How many rows it gave.
    pub rows: usize,
    /// The rows, of `write`.
    pub given: Option<Rows>,
    /// What the recorded one asked for.
    pub recorded: Vec<RecordedCall>,
    /// How that ended.
    pub then: Ending,
    /// What this one asks for.
    pub calls: Vec<Call>,
    /// How this ends.
    pub now: Ending,
    /// What `flush` rejected.
    pub letters: Vec<DeadLetter>,
    /// What `flush` says of the rows now; only that of the present instance.
    pub account: Option<RecordedAccount>,
    /// How long it took.
    pub elapsed: Duration,
    /// Fuel that it took.
    pub fuel: u64,
}

impl Moment {
    fn new(what: What) -> Self {
        Self {
            what,
            rows: 0,
            given: None,
            recorded: Vec::new(),
            then: Ending::Ok,
            calls: Vec::new(),
            now: Ending::Ok,
            letters: Vec::new(),
            account: None,
            elapsed: Duration::ZERO,
            fuel: 0,
        }
    }
}

/// Has a component live what was recorded, and tells of each moment.
///
/// # Errors
/// The recording is damaged.
pub(super) async fn live(
    component: &Loaded,
    recording: &Recording,
    tell: &mut (dyn FnMut(Moment) + Send),
) -> Result<()> {
    let mut life = Life {
        component,
        recording,
        script: Arc::new(Mutex::new(Script::of(recording))),
        instance: None,
        opening: (&[], Ending::Ok),
        batch: None,
        call_deadline: call_deadline(recording),
        is_lost: false,
    };
    for line in recording.lines() {
        if let Some(moment) = life.line(line).await? {
            tell(moment);
        }
    }
    Ok(())
}

/// On a slower machine a call may take longer than it did; one that was cut off then shall be cut off now.
fn call_deadline(recording: &Recording) -> Duration {
    let recorded = Duration::from_millis(recording.header().limits.call_deadline_ms);
    let was_met = recording.lines().iter().any(|line| {
        matches!(
            line,
            Line::Opened { ended, .. } | Line::Wrote { ended, .. } | Line::Flushed { ended, .. }
                if matches!(ended, Ending::Deadline(_))
        )
    });
    match was_met {
        true => recorded,
        false => recorded.max(PATIENCE),
    }
}

struct Life<'a> {
    component: &'a Loaded,
    recording: &'a Recording,
    script: Arc<Mutex<Script>>,
    instance: Option<Box<dyn Instance>>,
    /// What the recorded one did in `open`.
    opening: (&'a [RecordedCall], Ending),
    batch: Option<Arc<SourceBatch>>,
    call_deadline: Duration,
    /// Whether the instance failed in an epoch in which the recorded one went on.
    is_lost: bool,
}

impl<'a> Life<'a> {
    async fn line(&mut self, line: &'a Line) -> Result<Option<Moment>> {
        Ok(match line {
            Line::Opened { calls, ended } => {
                self.opening = (calls, ended.clone());
                Some(self.open().await)
            }
            Line::Batch(batch) => {
                self.batch = Some(self.recording.batch(batch)?);
                None
            }
            Line::Began { epoch } => self.begin(epoch).await?,
            Line::Wrote { rows, calls, ended } => {
                let given = self.given(rows.as_deref())?;
                let of = given.source().map(|source| {
                    let begin = source.begin.as_ref();
                    let begin =
                        begin.map_or_else(|| "its beginning".to_owned(), |at| at.to_string());
                    format!("{} from {begin} on", source.key)
                });
                let what = What::Write {
                    of: of.unwrap_or_default(),
                };
                self.write(what, given, calls, ended).await
            }
            Line::Flushed {
                calls,
                ended,
                account,
            } => {
                let what = What::Flush { recorded: *account };
                self.flush(what, calls, ended).await
            }
            Line::Forgotten => {
                if let Some(mut instance) = self.instance.take() {
                    instance.forget().await;
                }
                None
            }
            Line::Ended => None,
        })
    }

    /// A fresh instance.
    async fn open(&mut self) -> Moment {
        let (recorded, then) = (self.opening.0.to_vec(), self.opening.1.clone());
        self.expect(&recorded);
        let begun = Instant::now();
        let replies = Box::new(Scripted(Arc::clone(&self.script)));
        let (calls, opened) = self
            .component
            .offline(self.recording.header(), self.call_deadline, replies)
            .await;
        let elapsed = begun.elapsed();
        let now = Ending::from(opened.as_ref().err());
        self.instance = opened.ok();
        let fuel = self.instance.as_mut().map(|instance| instance.take_fuel());
        Moment {
            recorded,
            then,
            calls,
            now,
            elapsed,
            fuel: fuel.unwrap_or_default(),
            ..Moment::new(What::Open)
        }
    }

    async fn begin(&mut self, epoch: &str) -> Result<Option<Moment>> {
        let id: CommitId = epoch.parse().map_err(|error| {
            let message = format!("the recording names an epoch `{epoch}`");
            Error::new(Kind::Invalid, Blame::Configuration, message).with_source(error)
        })?;
        self.is_lost = false;
        if self.instance.is_none() {
            // The recorded one went on where this one failed.
            self.open().await;
        }
        if let Some(instance) = &mut self.instance {
            instance.begin(id);
        }
        let epoch = epoch.to_owned();
        Ok(Some(Moment::new(What::Began { epoch })))
    }

    fn given(&self, numbers: Option<&[u32]>) -> Result<Rows> {
        let damaged = || {
            let message = "the recording writes rows that it does not have";
            Error::new(Kind::Invalid, Blame::Configuration, message)
        };
        let batch = self.batch.as_ref().ok_or_else(damaged)?;
        let all = Rows::whole(Arc::clone(batch));
        let Some(numbers) = numbers else {
            return Ok(all);
        };
        if numbers.iter().any(|row| *row as usize >= all.len()) {
            return Err(damaged());
        }
        let taken = all.take(&UInt32Array::from(numbers.to_vec()));
        taken.map_err(|error| damaged().with_source(error))
    }

    async fn write(
        &mut self,
        what: What,
        given: Rows,
        recorded: &[RecordedCall],
        then: &Ending,
    ) -> Option<Moment> {
        self.expect(recorded);
        let instance = self.instance.as_mut().filter(|_| !self.is_lost)?;
        let begun = Instant::now();
        let written = instance.write(given.clone()).await;
        let elapsed = begun.elapsed();
        let (calls, fuel) = (instance.take_calls(), instance.take_fuel());
        self.lose(written.as_ref().err());
        Some(Moment {
            rows: given.len(),
            given: Some(given),
            recorded: recorded.to_vec(),
            then: then.clone(),
            calls,
            now: Ending::from(written.as_ref().err()),
            elapsed,
            fuel,
            ..Moment::new(what)
        })
    }

    async fn flush(
        &mut self,
        what: What,
        recorded: &[RecordedCall],
        then: &Ending,
    ) -> Option<Moment> {
        self.expect(recorded);
        let instance = self.instance.as_mut().filter(|_| !self.is_lost)?;
        let begun = Instant::now();
        let flushed = instance.flush().await;
        let elapsed = begun.elapsed();
        let (calls, fuel) = (instance.take_calls(), instance.take_fuel());
        self.lose(flushed.as_ref().err());
        let now = Ending::from(flushed.as_ref().err());
        let (letters, account) = match flushed {
            Ok(sealed) => (sealed.dead_letters, Some(sealed.account.into())),
            Err(_) => (Vec::new(), None),
        };
        Some(Moment {
            recorded: recorded.to_vec(),
            then: then.clone(),
            calls,
            now,
            letters,
            account,
            elapsed,
            fuel,
            ..Moment::new(what)
        })
    }

    fn expect(&self, recorded: &[RecordedCall]) {
        Scripted(Arc::clone(&self.script)).expect(recorded);
    }

    fn lose(&mut self, failure: Option<&Failure>) {
        if failure.is_some() {
            self.is_lost = true;
            self.instance = None;
        }
    }
}
