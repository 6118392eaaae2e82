//! CSV by RFC 4180: one record per line, unless a line end stands between quotes.

mod decode;
mod header;
pub(crate) mod split;

pub(crate) use decode::{Layout, decode, read_record};
pub(crate) use header::Header;

/// How fields are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dialect {
    /// Between fields; neither a quote nor a line end.
    pub delimiter: u8,
    /// Whether the first record names the columns.
    pub has_header: bool,
}

impl Default for Dialect {
    fn default() -> Self {
        Self {
            delimiter: b',',
            has_header: true,
        }
    }
}
