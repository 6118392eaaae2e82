//! JSON lines: one object per line.

mod decode;
pub(crate) mod scan;

pub(crate) use decode::{decode, decode_record};
