//! What a guest says: lines of the log under the target `component`. Bounded in length and rate,
//! without control characters, and remembered for the report of a trap.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// The longest line, in bytes; the rest is cut off.
const LINE_BYTES: usize = 4 << 10;
/// Lines of one message that are looked at; the others are left out.
const MESSAGE_LINES: usize = 1_000;
/// Lines remembered for the report of a trap.
const REMEMBERED_LINES: usize = 10;

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

impl Level {
    /// The word of the contract.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// Which of the two outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Output {
    Stdout,
    Stderr,
}

/// One instance's lines. Clones write to the same log.
#[derive(Clone, Debug)]
pub(super) struct GuestLog(Arc<Mutex<Lines>>);

#[derive(Debug)]
struct Lines {
    rate: LineRate,
    remembered: VecDeque<String>,
    /// What stands after the last line end of each output.
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

impl GuestLog {
    pub(super) fn new(rate: LineRate) -> Self {
        Self(Arc::new(Mutex::new(Lines {
            rate,
            remembered: VecDeque::new(),
            stdout: Vec::new(),
            stderr: Vec::new(),
        })))
    }

    fn lines(&self) -> std::sync::MutexGuard<'_, Lines> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A message; each of its lines counts. Nothing interrupts this, and a guest's whole memory may be line ends.
    pub(super) fn write(&self, level: Level, message: &str) {
        let mut lines = self.lines();
        for line in message.lines().take(MESSAGE_LINES) {
            lines.write(level, line.as_bytes());
        }
        let ends = message.bytes().filter(|byte| *byte == b'\n').count();
        lines
            .rate
            .leave_out(ends.saturating_sub(MESSAGE_LINES) as u64);
    }

    /// Bytes of an output; what has no line end yet waits for it.
    pub(super) fn output(&self, output: Output, bytes: &[u8]) {
        let mut lines = self.lines();
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            lines.output(output, part);
        }
    }

    /// Another call begins: what was said before has nothing to do with it.
    pub(super) fn forget_last_words(&self) {
        self.lines().remembered.clear();
    }

    /// The last lines, oldest first, and what has no line end; for the report of a trap.
    pub(super) fn take_last_words(&self) -> Vec<String> {
        let mut lines = self.lines();
        lines.end_open_lines();
        lines.remembered.drain(..).collect()
    }
}

impl Lines {
    fn open_line(&mut self, output: Output) -> &mut Vec<u8> {
        match output {
            Output::Stdout => &mut self.stdout,
            Output::Stderr => &mut self.stderr,
        }
    }

    fn output(&mut self, output: Output, part: &[u8]) {
        let line = self.open_line(output);
        let (text, is_ended) = match part.strip_suffix(b"\n") {
            Some(text) => (text, true),
            None => (part, false),
        };
        // One byte more than fits, so that the cut shows.
        let room = (LINE_BYTES + 1).saturating_sub(line.len());
        line.extend(text.iter().take(room));
        if is_ended {
            let line = std::mem::take(line);
            self.write(level_of(output), &line);
        }
    }

    fn end_open_lines(&mut self) {
        for output in [Output::Stdout, Output::Stderr] {
            let line = std::mem::take(self.open_line(output));
            if !line.is_empty() {
                self.write(level_of(output), &line);
            }
        }
    }

    fn write(&mut self, level: Level, line: &[u8]) {
        let end = line.len().min(LINE_BYTES + 1);
        let text = printable(
            &String::from_utf8_lossy(line.get(..end).unwrap_or(line)),
            LINE_BYTES,
        );
        if text.trim().is_empty() {
            return;
        }
        self.rate.emit(level, &text);
        if self.remembered.len() == REMEMBERED_LINES {
            self.remembered.pop_front();
        }
        self.remembered.push_back(text);
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.end_open_lines();
    }
}

fn level_of(output: Output) -> Level {
    match output {
        Output::Stdout => Level::Info,
        Output::Stderr => Level::Warn,
    }
}

fn emit(level: Level, pipeline: &str, line: &str) {
    match level {
        Level::Debug => tracing::debug!(target: "component", pipeline, "{line}"),
        Level::Info => tracing::info!(target: "component", pipeline, "{line}"),
        Level::Warn => tracing::warn!(target: "component", pipeline, "{line}"),
        Level::Error => tracing::error!(target: "component", pipeline, "{line}"),
    }
}

/// Text of a guest as it may stand in a log or on a terminal: no control characters, at most
/// `max_bytes` and a sign that more was there.
pub(super) fn printable(text: &str, max_bytes: usize) -> String {
    let mut printable = String::with_capacity(text.len().min(max_bytes));
    for c in text.chars() {
        if printable.len() + c.len_utf8() > max_bytes {
            printable.push('…');
            break;
        }
        match c {
            '\t' => printable.push(c),
            c if c.is_control() => printable.extend(c.escape_default()),
            c => printable.push(c),
        }
    }
    printable
}

/// So many lines per second reach the log. Clones count together: instances of one component, of which a trap may make
/// a new one a thousand times a second.
#[derive(Clone, Debug)]
pub(super) struct LineRate(Arc<Mutex<Rate>>);

impl LineRate {
    pub(super) fn new(pipeline: Arc<str>, per_second: u32) -> Self {
        Self(Arc::new(Mutex::new(Rate::new(
            pipeline,
            per_second,
            Instant::now(),
        ))))
    }

    fn rate(&self) -> std::sync::MutexGuard<'_, Rate> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn leave_out(&self, lines: u64) {
        self.rate().left_out += lines;
    }

    fn emit(&self, level: Level, text: &str) {
        let mut rate = self.rate();
        if rate.admits(Instant::now()) {
            rate.report_left_out();
            emit(level, &rate.pipeline, text);
        }
    }
}

/// So many per second, and as many at once.
#[derive(Debug)]
struct Rate {
    pipeline: Arc<str>,
    per_second: u32,
    available: f64,
    at: Instant,
    left_out: u64,
}

impl Drop for Rate {
    fn drop(&mut self) {
        self.report_left_out();
    }
}

impl Rate {
    fn new(pipeline: Arc<str>, per_second: u32, now: Instant) -> Self {
        Self {
            pipeline,
            per_second,
            available: f64::from(per_second),
            at: now,
            left_out: 0,
        }
    }

    fn admits(&mut self, now: Instant) -> bool {
        let limit = f64::from(self.per_second);
        let gained = now.saturating_duration_since(self.at).as_secs_f64() * limit;
        self.available = (self.available + gained).min(limit);
        self.at = now;
        let is_admitted = self.available >= 1.0;
        if is_admitted {
            self.available -= 1.0;
        } else {
            self.left_out += 1;
        }
        is_admitted
    }

    fn report_left_out(&mut self) {
        let left_out = std::mem::take(&mut self.left_out);
        if left_out > 0 {
            let limit = self.per_second;
            tracing::warn!(
                target: "component",
                pipeline = &*self.pipeline,
                "{left_out} lines were left out: more than {limit} per second ([limits] log_lines_per_second)"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn lines_over_the_rate_are_counted() {
        let start = Instant::now();
        let mut rate = Rate::new("p".into(), 10, start);
        assert_eq!((0..100).filter(|_| rate.admits(start)).count(), 10);
        assert_eq!(rate.left_out, 90);
        let later = start + Duration::from_millis(500);
        assert_eq!((0..100).filter(|_| rate.admits(later)).count(), 5);
    }

    #[test]
    fn instances_of_a_component_count_together() {
        let lines = LineRate::new("p".into(), 10);
        for _ in 0..100 {
            GuestLog::new(lines.clone()).write(Level::Info, "it fails");
        }
        let left_out = lines.rate().left_out;
        // Some more may be admitted while this takes its time.
        assert!((50..=90).contains(&left_out), "{left_out}");
    }

    #[test]
    fn outputs_become_lines_however_they_are_cut() {
        let log = GuestLog::new(LineRate::new("p".into(), 100));
        log.output(Output::Stderr, b"one\ntw");
        log.output(Output::Stdout, b"between");
        log.output(Output::Stderr, b"o\n\nthree");
        assert_eq!(log.take_last_words(), ["one", "two", "between", "three"]);
    }

    #[test]
    fn a_line_without_end_takes_no_more_than_a_line() {
        let log = GuestLog::new(LineRate::new("p".into(), 100));
        for _ in 0..100 {
            log.output(Output::Stdout, &[b'x'; 1 << 16]);
        }
        assert!(log.lines().stdout.len() <= LINE_BYTES + 1);
        let words = log.take_last_words();
        assert!(words[0].ends_with('…') && words[0].len() < LINE_BYTES + 8);
    }

    #[test]
    fn lines_of_one_message_are_looked_at_up_to_a_number() {
        let log = GuestLog::new(LineRate::new("p".into(), 10));
        log.write(Level::Info, &"x\n".repeat(1_000_000));
        assert_eq!(log.lines().rate.rate().left_out, 1_000_000 - 10);
        assert_eq!(log.take_last_words().len(), REMEMBERED_LINES);
    }

    #[test]
    fn terminals_are_safe_from_guests() {
        assert_eq!(
            printable("a\u{1b}[2Jb\r\u{7}", 100),
            "a\\u{1b}[2Jb\\r\\u{7}"
        );
        assert_eq!(printable("äöü", 4), "äö…");
    }
}
