//! Call by call: whether it is as it was recorded.

use serde::Serialize;

use super::life::{Moment, What};
use crate::recording::{Ending, RecordedCall};

/// Deviations that are kept.
const KEPT: usize = 20;

/// What a replay came to.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Verdict {
    /// Epochs.
    pub epochs: u64,
    /// Rows that were given.
    pub rows: u64,
    /// Calls of the component that were compared.
    pub calls: u64,
    /// Fuel that it took: about the instructions that it ran, the same on every machine.
    pub fuel: u64,
    /// Failures that were recorded, and came again.
    pub failures: Vec<String>,
    /// Deadlines that were recorded: how long a call takes is not compared.
    pub deadlines: u64,
    /// How often something was otherwise.
    pub otherwise: u64,
    /// The first of these.
    pub deviations: Vec<Deviation>,
    /// The epoch that is being lived.
    #[serde(skip)]
    epoch: String,
}

/// Something that is not as it was recorded.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Deviation {
    /// In which epoch, by its commit id.
    pub epoch: String,
    /// In which call of the host.
    pub within: String,
    /// As it was recorded.
    pub recorded: String,
    /// As it is now.
    pub now: String,
}

impl Verdict {
    /// Whether all is as it was recorded.
    pub fn is_same(&self) -> bool {
        self.otherwise == 0
    }

    pub(super) fn take(&mut self, moment: &Moment) {
        if let What::Began { epoch } = &moment.what {
            self.epochs += 1;
            self.epoch.clone_from(epoch);
            return;
        }
        self.rows += moment.rows as u64;
        self.fuel += moment.fuel;
        // How far it came until then is a matter of time, too.
        if let Ending::Deadline(told) = &moment.then {
            self.deadlines += 1;
            self.failures.push(told.message.clone());
            return;
        }
        let calls: Vec<RecordedCall> = moment.calls.iter().map(RecordedCall::from).collect();
        self.calls += calls.len() as u64;
        let most = calls.len().max(moment.recorded.len());
        for at in 0..most {
            let (then, now) = (moment.recorded.get(at), calls.get(at));
            if then != now {
                self.deviates(moment, shown(then), shown(now));
            }
        }
        match (&moment.then, &moment.now) {
            (then, now) if then != now => self.deviates(moment, ending(then), ending(now)),
            (then, _) => self
                .failures
                .extend(then.told().map(|told| told.message.clone())),
        }
        if let (What::Flush { recorded }, Some(now)) = (&moment.what, moment.account)
            && *recorded != now
        {
            let said = |account| format!("{account:?}");
            self.deviates(moment, said(*recorded), said(now));
        }
    }

    fn deviates(&mut self, moment: &Moment, recorded: String, now: String) {
        self.otherwise += 1;
        if self.deviations.len() < KEPT {
            self.deviations.push(Deviation {
                epoch: self.epoch.clone(),
                within: moment.what.to_string(),
                recorded,
                now,
            });
        }
    }
}

fn shown(call: Option<&RecordedCall>) -> String {
    match call {
        None => "no call".to_owned(),
        Some(call) => serde_json::to_string(call).unwrap_or_default(),
    }
}

fn ending(ending: &Ending) -> String {
    match ending {
        Ending::Ok => "it answers ok".to_owned(),
        Ending::Trap(told) | Ending::Deadline(told) | Ending::Answer(told) => told.message.clone(),
    }
}
