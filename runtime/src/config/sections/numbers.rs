//! `[epoch]`, `[limits]` and `[retry]`.

use std::num::NonZeroUsize;

use wasm_sink_core::settings::{Problem, Reader, Table};

use crate::pipeline::limits::{EpochLimits, Limits, Retry};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const TIB: u64 = 1 << 40;

/// Instances of one process.
const MAX_TASKS: u64 = 1024;
/// More than this no instance needs of anything that is counted.
const MAX_COUNT: u64 = 10_000_000;
/// With fewer handles than this no component does anything.
const MIN_HANDLES: u64 = 100;
/// `max_rejected` counts per so many rows.
const REJECTED_PER_ROWS: u64 = 10_000;

pub(super) fn epoch(table: &Table, problems: &mut Vec<Problem>) -> EpochLimits {
    let mut limits = EpochLimits::default();
    let mut reader = table.reader(problems);
    if let Some((rows, _)) = reader.integer("max_rows", 1) {
        limits.max_rows = rows;
    }
    if let Some((bytes, _)) = reader.bytes("max_bytes", KIB..=TIB) {
        limits.max_bytes = bytes;
    }
    let max_age = reader.milliseconds("max_ms", 1);
    let min_age = reader.milliseconds("min_commit_ms", 0);
    limits.max_age = max_age.unwrap_or(limits.max_age);
    // The default gives way to a shorter `max_ms`; what is written does not.
    limits.min_age = min_age.unwrap_or(limits.min_age.min(limits.max_age));
    if limits.min_age > limits.max_age {
        ordered(
            &mut reader,
            "min_commit_ms",
            "max_ms",
            limits.max_age.as_millis(),
        );
    }
    if let Some(revoke) = reader.milliseconds("revoke_ms", 1) {
        limits.revoke = revoke;
    }
    if let Some(shutdown) = reader.milliseconds("shutdown_ms", 1) {
        limits.shutdown = shutdown;
    }
    reader.finish();
    limits
}

pub(super) fn limits(table: &Table, problems: &mut Vec<Problem>) -> Limits {
    let mut limits = Limits::default();
    let mut reader = table.reader(problems);
    // A component is a 32-bit machine.
    if let Some((bytes, _)) = reader.bytes("memory", MIB..=4 * GIB) {
        limits.memory_bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
    }
    if let Some(deadline) = reader.milliseconds("call_deadline_ms", 10) {
        limits.call_deadline = deadline;
    }
    if let Some((bytes, _)) = reader.bytes("bytes", MIB..=TIB) {
        limits.budget_bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
    }
    if let Some((tasks, _)) = reader.integer_within("tasks", 1..=MAX_TASKS) {
        limits.tasks = usize::try_from(tasks)
            .ok()
            .and_then(NonZeroUsize::new)
            .unwrap_or(limits.tasks);
    }
    if let Some((rows, _)) = reader.integer_within("max_rejected", 0..=REJECTED_PER_ROWS) {
        limits.max_rejected = rows;
    }
    if let Some((letters, _)) = reader.integer_within("epoch_dead_letters", 1..=MAX_COUNT) {
        limits.epoch_dead_letters = usize::try_from(letters).unwrap_or(usize::MAX);
    }
    if let Some((handles, _)) = reader.integer_within("handles", MIN_HANDLES..=MAX_COUNT) {
        limits.handles = usize::try_from(handles).unwrap_or(usize::MAX);
    }
    if let Some((bytes, _)) = reader.bytes("derived_bytes", MIB..=TIB) {
        limits.derived_bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
    }
    if let Some(wait) = reader.milliseconds("stage_wait_ms", 100) {
        limits.stage_wait = wait;
    }
    if let Some((lines, _)) = reader.integer_within("log_lines_per_second", 0..=MAX_COUNT) {
        limits.log_lines_per_second = u32::try_from(lines).unwrap_or(u32::MAX);
    }
    reader.finish();
    limits
}

pub(super) fn retry(table: &Table, problems: &mut Vec<Problem>) -> Retry {
    let mut retry = Retry::default();
    let mut reader = table.reader(problems);
    let initial = reader.milliseconds("initial_ms", 1);
    let max = reader.milliseconds("max_ms", 1);
    retry.max = max.unwrap_or(retry.max);
    retry.initial = initial.unwrap_or(retry.initial.min(retry.max));
    if retry.initial > retry.max {
        ordered(&mut reader, "initial_ms", "max_ms", retry.max.as_millis());
    }
    retry.give_up = reader.milliseconds("give_up_ms", 1);
    reader.finish();
    retry
}

/// Reports that `lesser`, which is written, is more than `greater`.
fn ordered(reader: &mut Reader<'_>, lesser: &'static str, greater: &str, greater_ms: u128) {
    let span = reader.take(lesser).map(|entry| entry.node.span.clone());
    reader.bad_value(
        &span.unwrap_or_default(),
        format!("`{lesser}` is more than `{greater}`"),
        format!("`{greater}` is {greater_ms} here: write less, or raise that"),
    );
}
