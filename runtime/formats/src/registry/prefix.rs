//! What stands before a record: a byte that is 0, and the number of its schema in four, the most
//! significant first (Confluent's "wire format").

use crate::fault::{Fault, Parsed};

/// Where the record itself begins.
pub(crate) const BODY: usize = 5;

/// The number of a message's schema.
#[inline]
pub(crate) fn split(message: &[u8]) -> Parsed<u32> {
    match message {
        [0, a, b, c, d, ..] => Ok(u32::from_be_bytes([*a, *b, *c, *d])),
        other => Err(wrong(other)),
    }
}

#[cold]
fn wrong(message: &[u8]) -> Box<Fault> {
    let begins = "a record begins with a byte 0 and the number of its schema in four";
    match message.first() {
        None => Fault::new(0, format!("{begins}, and this is empty")),
        Some(0) => Fault::new(
            message.len(),
            format!("{begins}, and this ends after {}", message.len()),
        ),
        Some(first) => Fault::new(0, format!("{begins}, and this begins with {first}")),
    }
}
