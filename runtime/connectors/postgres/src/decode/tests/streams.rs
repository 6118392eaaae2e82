//! Where a stream is cut, and what is no stream.

use arrow::array::RecordBatch;
use tokio_postgres::types::Type;

use super::super::{Decoder, Misfit, SourceType};
use super::{HEADER, Random, TRAILER, array, decode, decoder, numeric, numeric_bytes, row, stream};

fn kinds() -> Vec<SourceType> {
    vec![
        SourceType::Int4,
        SourceType::Text,
        numeric(20, 4).unwrap(),
        SourceType::Array(Box::new(SourceType::Text)),
        SourceType::Date,
    ]
}

fn rows() -> Vec<Vec<u8>> {
    let words = array(Type::TEXT.oid(), &[(3, 1)], &[Some(b"a"), None, Some(b"")]);
    let broken = array(Type::TEXT.oid(), &[(2, 1)], &[Some(b"lost"), Some(b"\xff")]);
    let number = numeric_bytes("-1234567.89");
    let seven = 7_i32.to_be_bytes();
    vec![
        row(&[
            Some(&seven),
            Some("größe".as_bytes()),
            Some(&number),
            Some(&words),
            Some(&seven),
        ]),
        row(&[None; 5]),
        row(&[
            Some(&seven),
            Some(b""),
            None,
            Some(&broken),
            Some(&i32::MAX.to_be_bytes()),
        ]),
        row(&[None, Some(&[b'x'; 300]), None, Some(&words), None]),
    ]
}

/// A header with an extension of five bytes.
fn extended() -> Vec<u8> {
    let mut stream = HEADER[..15].to_vec();
    stream.extend(5_i32.to_be_bytes());
    stream.extend(b"extra");
    stream.extend(rows().concat());
    stream.extend(TRAILER);
    stream
}

fn taken(decoder: &mut Decoder) -> (RecordBatch, Vec<Misfit>) {
    let decoded = decoder.take().unwrap();
    (decoded.rows, decoded.misfits)
}

#[test]
fn a_stream_is_the_same_wherever_it_is_cut() {
    for stream in [stream(&rows()), extended()] {
        let whole = decode(&kinds(), &stream).unwrap();
        assert_eq!(whole.rows.num_rows(), 4);
        let reasons: Vec<_> = whole.misfits.iter().map(|misfit| misfit.row).collect();
        assert_eq!(reasons, [2, 2]);
        let expected = (whole.rows, whole.misfits);
        for cut in 0..=stream.len() {
            let mut decoder = decoder(&kinds());
            let (left, right) = stream.split_at(cut);
            decoder.feed(left).unwrap();
            assert_eq!(decoder.is_complete(), right.is_empty());
            decoder.feed(right).unwrap();
            assert!(decoder.is_complete());
            assert_eq!(taken(&mut decoder), expected, "cut at {cut}");
        }
        for size in 1..40 {
            let mut decoder = decoder(&kinds());
            for piece in stream.chunks(size) {
                decoder.feed(piece).unwrap();
                decoder.feed(&[]).unwrap();
            }
            assert!(decoder.is_complete());
            assert_eq!(taken(&mut decoder), expected, "pieces of {size}");
        }
    }
}

#[test]
fn rows_are_taken_as_they_come() {
    let mut decoder = decoder(&kinds());
    assert_eq!(taken(&mut decoder).0.num_rows(), 0);
    assert!(decoder.bytes() < 50);
    let stream = stream(&rows());
    let mut batches = Vec::new();
    let mut misfits = Vec::new();
    for byte in &stream {
        decoder.feed(&[*byte]).unwrap();
        if decoder.rows() > 0 {
            assert!(decoder.bytes() > 0);
            let (batch, found) = taken(&mut decoder);
            assert_eq!(batch.num_rows(), 1);
            batches.push(batch);
            misfits.extend(found.into_iter().map(|misfit| misfit.row));
        }
    }
    assert_eq!(misfits, [0, 0]);
    let all = arrow::compute::concat_batches(&decoder.schema(), &batches).unwrap();
    assert_eq!(all, decode(&kinds(), &stream).unwrap().rows);
}

#[test]
fn a_query_without_columns_has_rows() {
    let decoded = decode(&[], &stream(&[row(&[]), row(&[])])).unwrap();
    assert_eq!(decoded.rows.num_rows(), 2);
}

#[test]
fn flags_that_may_be_ignored_are() {
    let mut stream = stream(&[]);
    stream[14] = 1;
    assert_eq!(decode(&kinds(), &stream).unwrap().rows.num_rows(), 0);
}

#[test]
fn what_the_server_never_writes_is_refused() {
    let header = |at: usize, byte: u8| {
        let mut header = HEADER.to_vec();
        header[at] = byte;
        header
    };
    let field = |length: i32| [HEADER, &[0, 1], &length.to_be_bytes()].concat();
    for (stream, expected) in [
        (b"1,2,3\n".to_vec(), "no COPY in the binary format"),
        (header(5, b'y'), "no COPY in the binary format"),
        (header(12, 1), "flags"),
        (header(15, 0x80), "negative length"),
        (
            [HEADER, &[0, 2]].concat(),
            "a row has 2 fields, and the query has 1",
        ),
        ([HEADER, &[0xff, 0xfe]].concat(), "a row has -2 fields"),
        (field(-2), "negative length"),
        (field(i32::MIN), "negative length"),
        (field(0x4000_0000), "longer than 1 GiB"),
        (field(i32::MAX), "longer than 1 GiB"),
        ([HEADER, TRAILER, &[0]].concat(), "after the last row"),
        (
            [HEADER, &row(&[Some(&[1, 2])])].concat(),
            "column `c0` is 2 bytes long where 4 stand",
        ),
    ] {
        let mut decoder = decoder(&[SourceType::Int4]);
        let error = decoder.feed(&stream).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        // It stays so.
        assert_eq!(decoder.feed(&[]).unwrap_err(), error);
        assert_eq!(decoder.take().unwrap_err(), error);
        assert!(!decoder.is_complete());
    }
}

#[test]
fn a_length_alone_takes_no_memory() {
    let mut decoder = decoder(&[SourceType::Bytea]);
    let begin = [HEADER, &[0, 1], &0x3fff_0000_i32.to_be_bytes()].concat();
    decoder.feed(&begin).unwrap();
    decoder.feed(&[0; 100]).unwrap();
    assert!(decoder.bytes() < 1000);
    assert!(!decoder.is_complete());
}

#[test]
fn garbage_is_an_error_or_values() {
    let mut random = Random::new();
    let mut kinds = kinds();
    kinds.extend([
        SourceType::Bool,
        SourceType::Jsonb,
        SourceType::Uuid,
        SourceType::Time,
        SourceType::Timestamptz,
        numeric(70, 30).unwrap(),
        SourceType::Array(Box::new(numeric(5, 1).unwrap())),
        SourceType::Array(Box::new(SourceType::Array(Box::new(SourceType::Int2)))),
    ]);
    for _ in 0..20_000 {
        // Values of any bytes, in a frame that holds, so that they are looked at.
        let kind = &kinds[random.below(kinds.len())];
        let mut value: Vec<u8> = (0..random.below(48)).map(|_| random.next() as u8).collect();
        for byte in &mut value {
            if random.below(2) == 0 {
                *byte = [0, 0, 0, 1, 2, 0xff][random.below(6)];
            }
        }
        if let Ok(decoded) = decode(std::slice::from_ref(kind), &stream(&[row(&[Some(&value)])])) {
            decoded.rows.column(0).to_data().validate_full().unwrap();
        }
    }
    let kinds = &kinds[..5];
    let good = stream(&rows());
    for _ in 0..20_000 {
        // A good stream with some bytes changed, in two pieces.
        let mut bad = good.clone();
        for _ in 0..random.below(4) {
            let at = random.below(bad.len());
            bad[at] = random.next() as u8;
        }
        let mut decoder = decoder(kinds);
        let (left, right) = bad.split_at(random.below(bad.len()));
        if decoder
            .feed(left)
            .and_then(|()| decoder.feed(right))
            .is_ok()
        {
            let decoded = decoder.take().unwrap();
            for column in decoded.rows.columns() {
                column.to_data().validate_full().unwrap();
            }
        }
    }
    for _ in 0..5_000 {
        let noise: Vec<u8> = (0..random.below(200))
            .map(|_| random.next() as u8)
            .collect();
        let mut decoder = decoder(kinds);
        let _ = decoder.feed(&[HEADER, &noise].concat());
        let _ = decoder.take();
    }
}
