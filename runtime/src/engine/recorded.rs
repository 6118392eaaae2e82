//! Limits as recordings keep them.

use std::time::Duration;

use wasm_sink_core::guest::GuestLimits;

use super::InstanceLimits;
use crate::recording::RecordedLimits;

impl From<&InstanceLimits> for RecordedLimits {
    fn from(limits: &InstanceLimits) -> Self {
        Self {
            memory_bytes: limits.memory_bytes,
            call_deadline_ms: u64::try_from(limits.call_deadline.as_millis()).unwrap_or(u64::MAX),
            log_lines_per_second: limits.log_lines_per_second,
            handles: limits.guest.handles,
            dead_letters: limits.guest.dead_letters,
            split_parts: limits.guest.split_parts,
            derived_bytes: limits.guest.derived_bytes,
        }
    }
}

impl From<&RecordedLimits> for InstanceLimits {
    fn from(limits: &RecordedLimits) -> Self {
        let own = Self::default();
        Self {
            memory_bytes: limits.memory_bytes,
            call_deadline: Duration::from_millis(limits.call_deadline_ms),
            log_lines_per_second: limits.log_lines_per_second,
            guest: GuestLimits {
                handles: limits.handles,
                dead_letters: limits.dead_letters,
                split_parts: limits.split_parts,
                derived_bytes: limits.derived_bytes,
                stage_wait: own.guest.stage_wait,
            },
        }
    }
}
