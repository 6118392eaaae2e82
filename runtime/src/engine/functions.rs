//! What functions were compiled to, for the next version of a component: one that differs in a few of its functions, or
//! in its data alone, as those of interpreted languages do, has most of them still.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use wasmtime::CacheStore;

/// Those of about six versions of an interpreter.
const MAX_BYTES: usize = 256 << 20;

/// In memory, as long as the engine is there.
#[derive(Default)]
pub(super) struct Functions(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    by_key: HashMap<Vec<u8>, Vec<u8>>,
    bytes: usize,
}

impl Functions {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Functions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} functions", self.kept().by_key.len())
    }
}

impl CacheStore for Functions {
    fn get(&self, key: &[u8]) -> Option<Cow<'_, [u8]>> {
        self.kept().by_key.get(key).cloned().map(Cow::Owned)
    }

    fn insert(&self, key: &[u8], value: Vec<u8>) -> bool {
        let mut kept = self.kept();
        let bytes = key.len() + value.len();
        if kept.bytes + bytes > MAX_BYTES {
            // The present version begins anew.
            *kept = Kept::default();
        }
        kept.bytes += bytes;
        if let Some(former) = kept.by_key.insert(key.to_vec(), value) {
            kept.bytes -= key.len() + former.len();
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_has_a_bound() {
        let functions = Functions::default();
        for key in 0..5_u8 {
            assert!(functions.insert(&[key], vec![0; MAX_BYTES / 4]));
            assert!(functions.get(&[key]).is_some());
            assert!(functions.kept().bytes <= MAX_BYTES);
        }
        assert!(functions.get(&[0]).is_none());
        functions.insert(&[4], vec![0; 10]);
        functions.insert(&[4], vec![0; 20]);
        assert!(functions.kept().bytes < MAX_BYTES / 2);
    }
}
