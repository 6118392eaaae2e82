//! From rows to data files: fitted to the table, split by partition, encoded, put, described.

pub(crate) mod convert;
mod dictionary;
mod encoder;
mod file;
pub(crate) mod partition;
mod stats;

pub(crate) use self::encoder::{DataFile, Encoder, EncoderSettings, remove};
