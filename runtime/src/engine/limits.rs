//! How much memory an instance may take, and what it asked for when it was refused: all that the
//! guest's own trap says then is `unreachable`.

use wasmtime::ResourceLimiter;

/// Whether instances have deadlines and memory limits: always, but where a bench measures what they cost.
pub(super) fn are_enforced() -> bool {
    !(cfg!(feature = "unlimited") && std::env::var_os("WASM_SINK_UNLIMITED").is_some())
}

/// Elements of all tables; a pointer each.
const TABLE_ELEMENTS: usize = 4 << 20;
/// Core instances, tables and memories, each. A component of an interpreted language has dozens.
const PARTS: usize = 1000;

/// Growth that was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Linear memory of this many bytes in all.
    Memory {
        /// What the component would have had.
        asked_bytes: usize,
    },
    /// Tables with this many elements in all.
    Table {
        /// What the component would have had.
        asked_elements: usize,
    },
}

/// Counts what one store holds.
#[derive(Debug)]
pub(super) struct Limiter {
    limit_bytes: usize,
    bytes: usize,
    elements: usize,
    /// The last growth of memory, taken back if the system then fails to provide it.
    last_growth_bytes: usize,
    refused: Option<Refusal>,
}

impl Limiter {
    pub(super) fn new(limit_bytes: usize) -> Self {
        Self {
            limit_bytes,
            bytes: 0,
            elements: 0,
            last_growth_bytes: 0,
            refused: None,
        }
    }

    /// What all memories have.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// A new call begins; a refusal that the last one survived is over.
    pub(super) fn reset(&mut self) {
        self.refused = None;
    }

    /// What a trap of the current call probably comes from.
    pub(super) fn explanation(&self) -> Option<String> {
        Some(match self.refused? {
            Refusal::Memory { asked_bytes } => format!(
                "out of memory: the component asked for {}, limit {} ([limits] memory)",
                mebibytes(asked_bytes),
                mebibytes(self.limit_bytes)
            ),
            Refusal::Table { asked_elements } => format!(
                "the component asked for tables of {asked_elements} elements, and no component gets \
                 more than {TABLE_ELEMENTS}: have it keep fewer functions and references"
            ),
        })
    }
}

/// Rounded up, so that what was asked for is more than the limit in print as well.
fn mebibytes(bytes: usize) -> String {
    if bytes < 1 << 20 {
        format!("{} KiB", bytes.div_ceil(1 << 10))
    } else {
        format!("{} MiB", bytes.div_ceil(1 << 20))
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let growth = desired.saturating_sub(current);
        let asked_bytes = self.bytes.saturating_add(growth);
        if asked_bytes > self.limit_bytes {
            self.refused = Some(Refusal::Memory { asked_bytes });
            return Ok(false);
        }
        self.bytes = asked_bytes;
        self.last_growth_bytes = growth;
        Ok(true)
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.bytes = self.bytes.saturating_sub(self.last_growth_bytes);
        self.last_growth_bytes = 0;
        Ok(())
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let asked_elements = self
            .elements
            .saturating_add(desired.saturating_sub(current));
        if asked_elements > TABLE_ELEMENTS {
            self.refused = Some(Refusal::Table { asked_elements });
            return Ok(false);
        }
        self.elements = asked_elements;
        Ok(true)
    }

    fn instances(&self) -> usize {
        PARTS
    }

    fn tables(&self) -> usize {
        PARTS
    }

    fn memories(&self) -> usize {
        PARTS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memories_share_one_limit() {
        let mut limiter = Limiter::new(3 << 20);
        assert!(limiter.memory_growing(0, 2 << 20, None).unwrap());
        assert!(!limiter.memory_growing(0, 2 << 20, None).unwrap());
        let text = limiter.explanation().unwrap();
        assert!(
            text.contains("asked for 4 MiB, limit 3 MiB ([limits] memory)"),
            "{text}"
        );
        assert!(limiter.memory_growing(0, 1 << 20, None).unwrap());
        limiter.reset();
        assert_eq!(limiter.explanation(), None);
    }

    #[test]
    fn what_the_system_did_not_give_is_not_counted() {
        let mut limiter = Limiter::new(3 << 20);
        assert!(limiter.memory_growing(0, 3 << 20, None).unwrap());
        limiter
            .memory_grow_failed(wasmtime::Error::msg("no memory"))
            .unwrap();
        assert!(limiter.memory_growing(0, 3 << 20, None).unwrap());
    }
}
