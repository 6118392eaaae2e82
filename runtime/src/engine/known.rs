//! Components that this process has compiled: the same bytes are compiled once, however many pipelines run them.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::load::Code;

/// So many are kept that nobody runs just now: what was checked will be run.
const KEPT: usize = 4;

/// By the hashes of their bytes. Clones are the same.
#[derive(Clone, Default)]
pub(super) struct Known(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    all: HashMap<String, Weak<Code>>,
    /// The latest last.
    kept: VecDeque<Arc<Code>>,
}

impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.state().all.keys()).finish()
    }
}

impl Known {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn find(&self, hash: &str) -> Option<Arc<Code>> {
        self.state().all.get(hash)?.upgrade()
    }

    /// What counts from now on: of two that were compiled at the same time, the first.
    pub(super) fn add(&self, code: Code) -> Arc<Code> {
        let mut state = self.state();
        state.all.retain(|_, code| code.strong_count() > 0);
        let known = state.all.get(&code.hash).and_then(Weak::upgrade);
        let code = known.unwrap_or_else(|| Arc::new(code));
        state.all.insert(code.hash.clone(), Arc::downgrade(&code));
        if state.kept.len() >= KEPT {
            state.kept.pop_front();
        }
        state.kept.push_back(Arc::clone(&code));
        code
    }
}
