//! What connectors and the pipeline share.
//!
//! A connector knows this crate and the system it talks to, nothing else; the pipeline knows this
//! crate and no connector. The words are those of the design: *source*, *batch*, *position*,
//! *epoch*, *stage*, *home*, *commit*, *dead letter*.

pub mod batch;
pub mod budget;
pub mod component;
pub mod connection;
pub mod data_type;
pub mod dead_letter;
pub mod epoch;
pub mod error;
pub mod guest;
pub mod home;
pub mod lag;
pub mod ordered;
pub mod position;
pub mod process;
pub mod secret;
pub mod settings;
pub mod source;
pub mod sql;
pub mod stage;
pub mod step;

pub use batch::{Lineage, MetadataKey, Rows, SourceBatch};
pub use dead_letter::DeadLetter;
pub use epoch::{Account, CommitId};
pub use error::{Blame, Error, Kind, Result};
pub use lag::Lag;
pub use position::{Move, PartitionKey, Position};
