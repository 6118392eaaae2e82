//! What stands before a record: a byte that is 0, and the number of its schema in four, the most
//! significant first (Confluent's "wire format").

use crate::fault::{Fault, Parsed};

/// Where the record itself begins.
pub(crate) const BODY: usize = 5;

/// What stands before a record of this schema.
pub fn wire_prefix(schema_id: u32) -> [u8; BODY] {
    let [a, b, c, d] = schema_id.to_be_bytes();
    [0, a, b, c, d]
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        assert_eq!(wire_prefix(0x0102_0304), [0, 1, 2, 3, 4]);
        for id in [0, 1, u32::MAX] {
            assert_eq!(split(&wire_prefix(id)).unwrap(), id);
        }
    }
}
