//! What crosses the boundary between host and component, kept in a folder and replayed from there, without
//! destination or network.
//!
//! A recording is the life of one instance, from `open` on, since only from there on it can be lived again:
//!
//! | file | |
//! |---|---|
//! | `000001.jsonl` | the header, then a line for each thing that happened |
//! | `000001.arrows` | rows: Arrow IPC streams, one behind the other, where the lines say |
//! | `components/<hash>.wasm` | what ran |
//!
//! Rows that a component stages are not kept: they are a function of the rest, and have a digest.

mod batch;
mod digest;
mod format;
mod read;
mod thread;
mod write;

#[cfg(test)]
mod tests;

pub use digest::digest;
pub use format::{
    Ending, FORMAT, Header, Line, RecordedAccount, RecordedBatch, RecordedCall, RecordedComponent,
    RecordedLimits, RecordedRows,
};
pub use read::{Recording, list};
pub use write::{Recorder, RecorderSettings, Tape};
