//! The named steps of the commit protocol, so that a test can kill the process at each of them.

/// A step that has just been taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A batch went through the component.
    BatchWritten,
    /// The host made its own commit that creates a table.
    TableCreated,
    /// The host made its own commit that adds columns, or added or widened them in the epoch's.
    ColumnsAdded,
    /// A data file is written or rows are copied, not yet synced, completed or committed.
    FileWritten,
    /// All of an epoch is staged durably.
    Staged,
    /// The rows of its dead letters are synced, the letters not yet.
    DeadLetterRowsWritten,
    /// Its dead letters are synced under their temporary name.
    DeadLettersWritten,
    /// The commit is about to be sent.
    Attempting,
    /// A database has moved the positions in a transaction that is not committed yet.
    PositionsMoved,
    /// The commit was answered, nothing of it is known outside yet.
    Attempted,
    /// Positions were read back.
    ReadBack,
    /// Dead letters have their final name.
    DeadLettersPublished,
    /// The source was told.
    Acknowledged,
    /// A checkpoint of the table's log is about to be written.
    Checkpointing,
    /// It is written down which dead letters are to be delivered again.
    RetryOrdered,
    /// All of them are committed, and none is removed yet.
    RetryDelivered,
    /// Those of one epoch are removed from their file.
    RetriedLettersRemoved,
}

impl Step {
    /// Every step of an epoch, in the order of its life.
    pub const ALL: [Self; 14] = [
        Self::BatchWritten,
        Self::TableCreated,
        Self::ColumnsAdded,
        Self::FileWritten,
        Self::Staged,
        Self::DeadLetterRowsWritten,
        Self::DeadLettersWritten,
        Self::Attempting,
        Self::PositionsMoved,
        Self::Attempted,
        Self::ReadBack,
        Self::DeadLettersPublished,
        Self::Acknowledged,
        Self::Checkpointing,
    ];

    /// As the environment variable names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BatchWritten => "batch-written",
            Self::TableCreated => "table-created",
            Self::ColumnsAdded => "columns-added",
            Self::FileWritten => "file-written",
            Self::Staged => "staged",
            Self::DeadLetterRowsWritten => "dead-letter-rows-written",
            Self::DeadLettersWritten => "dead-letters-written",
            Self::Attempting => "attempting",
            Self::PositionsMoved => "positions-moved",
            Self::Attempted => "attempted",
            Self::ReadBack => "read-back",
            Self::DeadLettersPublished => "dead-letters-published",
            Self::Acknowledged => "acknowledged",
            Self::Checkpointing => "checkpointing",
            Self::RetryOrdered => "retry-ordered",
            Self::RetryDelivered => "retry-delivered",
            Self::RetriedLettersRemoved => "retried-letters-removed",
        }
    }

    /// Marks the step as taken. In a build with debug assertions, `WASM_SINK_CRASH_AT=<step>[:n]`
    /// ends the process here the n-th time, without any clean-up, and `WASM_SINK_STALL_AT=<step>[:n]`
    /// stops it here until SIGCONT; otherwise this does nothing.
    pub fn reached(self) {
        #[cfg(debug_assertions)]
        orders::check(self);
    }
}

#[cfg(debug_assertions)]
mod orders {
    use std::process::Command;
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::Step;

    /// Something to do at a step, once.
    struct Order {
        step: String,
        left: AtomicU64,
    }

    impl Order {
        fn from_environment(variable: &str) -> Option<Self> {
            let text = std::env::var(variable).ok()?;
            let (step, times) = text.split_once(':').unwrap_or((&text, "1"));
            Some(Self {
                step: step.to_owned(),
                left: AtomicU64::new(times.parse().unwrap_or(1)),
            })
        }

        fn is_due(&self, step: Step) -> bool {
            self.step == step.as_str() && self.left.fetch_sub(1, Ordering::Relaxed) == 1
        }
    }

    static CRASH: LazyLock<Option<Order>> =
        LazyLock::new(|| Order::from_environment("WASM_SINK_CRASH_AT"));
    static STALL: LazyLock<Option<Order>> =
        LazyLock::new(|| Order::from_environment("WASM_SINK_STALL_AT"));

    pub(super) fn check(step: Step) {
        if CRASH.as_ref().is_some_and(|order| order.is_due(step)) {
            std::process::abort();
        }
        if STALL.as_ref().is_some_and(|order| order.is_due(step)) {
            let process = std::process::id().to_string();
            let stopped = Command::new("kill").args(["-STOP", &process]).status();
            assert!(stopped.is_ok(), "`kill` is there");
        }
    }
}
