//! What tells a request that is sent again from another one.

use std::fmt::Write as _;

use aws_lc_rs::digest::{Context, SHA256, digest as hash};
use wasm_sink_core::Rows;

/// Bytes of a request's identity; its text form has twice as many hexadecimal digits.
const BYTES: usize = 16;

/// SHA-256, hexadecimal.
pub(crate) fn digest(bytes: &[u8]) -> String {
    hexadecimal(hash(&SHA256, bytes).as_ref())
}

pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Text takes everything.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Whose request it is, and what it asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Identified<'a> {
    pub(crate) pipeline: &'a str,
    pub(crate) method: &'a str,
    /// With its query, without what the connection adds.
    pub(crate) path: &'a str,
    /// As the component gave it.
    pub(crate) body: &'a [u8],
}

impl Identified<'_> {
    /// The identity of a request with these rows: the first 128 bits of SHA-256 over pipeline, source, partition, place of
    /// the first row, method, path and body, each behind its length as 64 bits, the most significant byte first. The same
    /// rows with the same content have the same one in every try, replay and process. None: the rows have no origin.
    pub(crate) fn with(&self, rows: &Rows) -> Option<String> {
        let key = &rows.source()?.key;
        let place = first_place(rows)?;
        let parts = [
            self.pipeline.as_bytes(),
            key.source().as_bytes(),
            key.partition().as_bytes(),
            place.as_bytes(),
            self.method.as_bytes(),
            self.path.as_bytes(),
            self.body,
        ];
        let mut context = Context::new(&SHA256);
        for part in parts {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        let digest = context.finish();
        Some(hexadecimal(digest.as_ref().get(..BYTES)?))
    }
}

/// The position before the first row. Where there is none, since several rows share one, the nearest before it and how many
/// rows lie between: batches begin at positions, however they are cut.
fn first_place(rows: &Rows) -> Option<String> {
    let batch = rows.source()?;
    let numbers = rows.source_rows()?;
    let first = numbers.values().first().copied().unwrap_or_default();
    let mut row = first;
    while row > 0 {
        if let Some(position) = batch.boundary(row) {
            return Some(place(&position.to_string(), first - row));
        }
        row -= 1;
    }
    let begin = batch.begin.as_ref();
    let begin = begin.map(ToString::to_string).unwrap_or_default();
    Some(place(&begin, first))
}

fn place(position: &str, rows: u32) -> String {
    match rows {
        0 => position.to_owned(),
        rows => format!("{position}+{rows}"),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array, RecordBatch, UInt32Array};
    use bytes::Bytes;
    use chrono::DateTime;
    use wasm_sink_core::dead_letter::RowOrigin;
    use wasm_sink_core::{Lineage, MetadataKey, PartitionKey, Position, SourceBatch};

    use super::*;

    /// Offsets from `first`; every second row shares its position with the one before.
    #[derive(Debug)]
    struct Pairs {
        first: u64,
    }

    impl Lineage for Pairs {
        fn position_after(&self, row: u32) -> Option<Position> {
            let offset = self.first + u64::from(row) + 1;
            offset
                .is_multiple_of(2)
                .then(|| Position::from_offset(offset))
        }
        fn origin(&self, _: u32) -> RowOrigin {
            RowOrigin::default()
        }
        fn raw(&self, _: u32) -> Option<Bytes> {
            None
        }
        fn metadata(&self, _: MetadataKey, _: &UInt32Array) -> Option<ArrayRef> {
            None
        }
    }

    fn rows(first: u64, count: u64) -> Rows {
        let values = Int64Array::from_iter_values((first..first + count).map(|n| n as i64));
        let values = RecordBatch::try_from_iter([("n", Arc::new(values) as ArrayRef)]).unwrap();
        Rows::whole(Arc::new(SourceBatch {
            key: PartitionKey::new("topic", "3"),
            begin: (first > 0).then(|| Position::from_offset(first)),
            end: Position::from_offset(first + count),
            bytes: 8,
            rows: values,
            lineage: Arc::new(Pairs { first }),
            undecodable: Vec::new(),
            at: DateTime::UNIX_EPOCH,
            reservation: None,
        }))
    }

    const REQUEST: Identified<'static> = Identified {
        pipeline: "orders",
        method: "POST",
        path: "/v2/events?a=1",
        body: b"[1,2]",
    };

    #[test]
    fn it_depends_on_what_is_sent_and_not_on_how_rows_are_cut() {
        let identity = REQUEST.with(&rows(0, 8).slice(5, 2)).unwrap();
        assert_eq!(identity.len(), 32);
        for same in [
            rows(4, 4).slice(1, 2),
            rows(2, 9).slice(3, 2),
            rows(0, 8).take(&vec![5, 1].into()).unwrap(),
        ] {
            assert_eq!(REQUEST.with(&same).unwrap(), identity);
        }
        for other in [
            REQUEST.with(&rows(0, 8).slice(4, 2)),
            REQUEST.with(&rows(0, 8).slice(6, 2)),
            Identified {
                pipeline: "order",
                ..REQUEST
            }
            .with(&rows(0, 8).slice(5, 2)),
            Identified {
                method: "PUT",
                ..REQUEST
            }
            .with(&rows(0, 8).slice(5, 2)),
            Identified {
                path: "/v2/events?a=12",
                body: b"[1,2",
                ..REQUEST
            }
            .with(&rows(0, 8).slice(5, 2)),
            Identified {
                body: b"",
                ..REQUEST
            }
            .with(&rows(0, 8).slice(5, 2)),
        ] {
            assert_ne!(other.unwrap(), identity);
        }
    }

    #[test]
    fn places_are_positions() {
        let place = |rows: &Rows| first_place(rows).unwrap();
        assert_eq!(place(&rows(0, 8)), "");
        assert_eq!(place(&rows(0, 8).slice(1, 1)), "+1");
        assert_eq!(place(&rows(0, 8).slice(4, 1)), "4");
        assert_eq!(place(&rows(2, 8).slice(3, 1)), "4+1");
        assert_eq!(place(&rows(2, 8).slice(0, 0)), "2");
    }

    #[test]
    fn digests_are_those_of_the_standard() {
        // FIPS 180-2, B.1.
        assert_eq!(
            digest(b"abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
