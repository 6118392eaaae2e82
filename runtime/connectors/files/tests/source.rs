//! The files source by its public door, on a real disk.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, and says where"
)]

mod common;

use std::fs;
use std::io::Write;

use arrow::array::AsArray;
use arrow::datatypes::{Float64Type, Int64Type, TimestampMicrosecondType};
use common::{Folder, Read, gzip, rows_of};
use wasm_sink_core::source::SourceEvent;
use wasm_sink_core::{MetadataKey, Position};
use wasm_sink_formats::CheckedOffset;

/// Lines of several lengths, with bad and blank ones between.
fn lines(rows: std::ops::Range<u64>) -> String {
    let mut text = String::new();
    for row in rows {
        match row % 13 {
            5 => text.push_str("{\"id\": broken\n"),
            8 => text.push_str("\r\n"),
            _ => {
                let name = "é".repeat(row as usize % 40);
                text.push_str(&format!("{{\"id\": {row}, \"name\": \"{name}\"}}\n"));
            }
        }
    }
    text
}

#[tokio::test]
async fn a_restart_at_every_row_gives_the_same_rows() {
    let folder = Folder::new();
    let text = lines(0..150);
    folder.write("data.jsonl", &text);
    folder.write("zipped.jsonl.gz", gzip(text.as_bytes()));
    let rows = folder.with(&[("batch_rows", 7.into())]);
    for name in ["data.jsonl", "zipped.jsonl.gz"] {
        let mut source = rows.open(name).await.unwrap();
        let whole = source.read_all().await.unwrap();
        let all = rows_of(&whole);
        let ids: Vec<_> = all.column(0).as_primitive::<Int64Type>().values().to_vec();
        let letters: Vec<_> = common::letters(&whole);
        assert_eq!((ids.len(), letters.len()), (127, 12));
        let mut done = 0;
        for batch in &whole {
            let count = batch.rows.num_rows() as u32;
            for row in 1..=count {
                let position = batch.boundary(row).unwrap();
                let mut again = rows.open(name).await.unwrap();
                let rest = again.read_from(Some(&position)).await.unwrap();
                done += 1;
                let rest_rows = rest
                    .iter()
                    .map(|batch| batch.rows.num_rows())
                    .sum::<usize>();
                assert_eq!(rest_rows, ids.len() - done, "{name} {position}");
                if rest_rows > 0 {
                    assert_eq!(rows_of(&rest), all.slice(done, rest_rows));
                }
                if let Some(first) = rest.first() {
                    assert_eq!(first.begin.as_ref(), Some(&position));
                    assert!(first.end > position);
                }
                // What stands behind the last row of a whole batch came with that batch, unless the
                // batch ends before it.
                let rest_letters = common::letters(&rest);
                assert_eq!(rest_letters, letters[letters.len() - rest_letters.len()..]);
                let place = CheckedOffset::of_position(&position).unwrap();
                let expected = letters
                    .iter()
                    .filter(|letter| letter.origin.offset.unwrap() >= place.offset)
                    .count();
                assert_eq!(rest_letters.len(), expected);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_big_file_is_decoded_side_by_side_and_comes_in_order() {
    let folder = Folder::new();
    let mut text = String::new();
    let mut rows = 0u64;
    while text.len() < 9 << 20 {
        text.push_str(&format!(
            "{{\"id\": {rows}, \"pad\": \"{}\"}}\n",
            "x".repeat(rows as usize % 500)
        ));
        rows += 1;
    }
    folder.write("big.jsonl", &text);
    let mut source = folder.open("big.jsonl").await.unwrap();
    let batches = source.read_all().await.unwrap();
    let mut next = 0;
    for batch in &batches {
        assert!(batch.rows.num_rows() <= 1000);
        for id in batch.rows.column(0).as_primitive::<Int64Type>().values() {
            assert_eq!(*id, next);
            next += 1;
        }
        assert_eq!(
            batch.lineage.origin(0).line,
            batch
                .rows
                .column(0)
                .as_primitive::<Int64Type>()
                .values()
                .first()
                .map(|id| *id as u64 + 1)
        );
    }
    assert_eq!(next as u64, rows);
    // Across blocks too a position finds its place again.
    for batch in batches.iter().step_by(7) {
        let position = batch.end.clone();
        let mut again = folder.open("big.jsonl").await.unwrap();
        let keys = again.assigned().await;
        again.source.seek(&keys[0], Some(&position)).await.unwrap();
        let id = *batch
            .rows
            .column(0)
            .as_primitive::<Int64Type>()
            .values()
            .last()
            .unwrap();
        match again.source.next().await.unwrap() {
            SourceEvent::Batch(next) => {
                assert_eq!(
                    next.rows.column(0).as_primitive::<Int64Type>().value(0),
                    id + 1
                );
            }
            SourceEvent::End => assert_eq!(id as u64 + 1, rows),
            other => panic!("{other:?}"),
        }
    }
    let used = source.budget.used_bytes();
    drop(batches);
    assert!(used > 0);
    assert_eq!(source.budget.used_bytes(), 0);
}

#[tokio::test]
async fn a_big_file_is_read_again_for_single_rows_and_not_kept() {
    let folder = Folder::new();
    let rows = (0..60_000).map(|row| format!("{{\"id\": {row}, \"pad\": \"{:-<30}\"}}\n", row));
    let text: String = rows.collect();
    assert!(text.len() > 2 << 20);
    folder.write("kept.jsonl.gz", gzip(text.as_bytes()));
    folder.write("left.jsonl", &text);
    let mut used = Vec::new();
    for name in ["kept.jsonl.gz", "left.jsonl"] {
        let mut source = folder.open(name).await.unwrap();
        let batches = source.read_all().await.unwrap();
        used.push(source.budget.used_bytes());
        let mut all = text.lines();
        let mut offset = 0;
        for batch in &batches {
            for row in 0..batch.rows.num_rows() as u32 {
                let line = all.next().unwrap();
                assert_eq!(batch.lineage.raw(row).unwrap(), line);
                offset += line.len() as u64 + 1;
                let after = batch.lineage.position_after(row).unwrap();
                let after = CheckedOffset::of_position(&after).unwrap();
                assert_eq!(after.offset, offset);
            }
        }
        assert_eq!(all.next(), None);
    }
    assert!(used[1] + text.len() / 10 * 9 < used[0], "{used:?}");

    let mut source = folder.open("left.jsonl").await.unwrap();
    let batches = source.read_all().await.unwrap();
    fs::remove_file(folder.path("left.jsonl")).unwrap();
    assert!(batches[0].lineage.raw(0).is_some(), "it is open still");
    folder.write("left.jsonl", &text);
    let mut source = folder.open("left.jsonl").await.unwrap();
    let batches = source.read_all().await.unwrap();
    folder.write("left.jsonl", text.replace('1', "2"));
    assert_eq!(batches[0].lineage.raw(0), None);
    assert_eq!(batches[0].lineage.position_after(0), None);
    let row = wasm_sink_core::batch::record(&batches[0], 0);
    assert!(row.starts_with(b"{\"id\":0"), "{row:?}");
}

#[tokio::test]
async fn files_come_one_after_the_other_and_a_grown_one_goes_on() {
    let folder = Folder::new();
    folder.write("b.jsonl", "{\"id\": 3}\n");
    folder.write("a.jsonl", "{\"id\": 1}\n{\"id\": 2}");
    folder.write("empty.jsonl", "");
    let mut source = folder.open("*.jsonl").await.unwrap();
    let batches = source.read_all().await.unwrap();
    let ids = rows_of(&batches);
    assert_eq!(
        ids.column(0).as_primitive::<Int64Type>().values(),
        &[1, 2, 3]
    );
    let key = batches[0].key.clone();
    assert!(key.partition().starts_with("a.jsonl#"), "{key}");
    let end = batches[0].end.clone();

    folder.append("a.jsonl", "\n{\"id\": 4}\n");
    let mut grown = folder.open("a.jsonl").await.unwrap();
    assert_eq!(grown.assigned().await, std::slice::from_ref(&key));
    grown.source.seek(&key, Some(&end)).await.unwrap();
    let more = grown.until_end().await.unwrap();
    assert_eq!(
        rows_of(&more)
            .column(0)
            .as_primitive::<Int64Type>()
            .values(),
        &[4]
    );
    assert_eq!(more[0].lineage.origin(0).line, Some(3));
    assert_eq!(more[0].begin, Some(end));

    folder.write("a.jsonl", "{\"id\": 9}\n");
    let mut replaced = folder.open("a.jsonl").await.unwrap();
    assert_ne!(replaced.assigned().await, [key]);
}

#[tokio::test]
async fn a_changed_file_is_an_error_and_no_restart() {
    let folder = Folder::new();
    let text = lines(0..50);
    let whole = text.as_bytes();
    for name in ["a.jsonl", "a.jsonl.gz"] {
        let put = |bytes: &[u8]| {
            if name.ends_with("gz") {
                folder.write(name, gzip(bytes));
            } else {
                folder.write(name, bytes);
            }
        };
        put(whole);
        let end = folder
            .open(name)
            .await
            .unwrap()
            .read_all()
            .await
            .unwrap()
            .last()
            .unwrap()
            .end
            .clone();
        let seek = async |end: &Position| {
            let mut source = folder.open(name).await.unwrap();
            let keys = source.assigned().await;
            source
                .source
                .seek(&keys[0], Some(end))
                .await
                .map_err(|error| error.to_string())
        };
        seek(&end).await.unwrap();

        put(&whole[..whole.len() - 20]);
        let shorter = seek(&end).await.unwrap_err();
        assert!(
            shorter.contains("became shorter") && shorter.contains("--restart"),
            "{shorter}"
        );

        let mut other = whole.to_vec();
        let at = whole.len() - 100;
        other[at] ^= 1;
        put(&other);
        let rewritten = seek(&end).await.unwrap_err();
        assert!(rewritten.contains("was rewritten"), "{rewritten}");

        put(&whole[..whole.len() - 1]);
        let open_end = folder
            .open(name)
            .await
            .unwrap()
            .read_all()
            .await
            .unwrap()
            .last()
            .unwrap()
            .end
            .clone();
        put(&[&whole[..whole.len() - 1], b"more\n"].concat());
        let goes_on = seek(&open_end).await.unwrap_err();
        assert!(goes_on.contains("now goes on"), "{goes_on}");

        let foreign: Position = "7".parse().unwrap();
        assert!(seek(&foreign).await.unwrap_err().contains("none of a file"));
    }
}

#[tokio::test]
async fn a_cut_gzip_gives_its_whole_lines_and_then_says_so() {
    let folder = Folder::new();
    let text = lines(0..5_000);
    let zipped = gzip(text.as_bytes());
    folder.write("cut.jsonl.gz", &zipped[..zipped.len() / 2]);
    let mut source = folder.open("cut.jsonl.gz").await.unwrap();
    let (batches, error) = source.read_to_error(None).await;
    let ids = rows_of(&batches);
    let ids = ids.column(0).as_primitive::<Int64Type>();
    assert!(ids.len() > 500);
    assert!(ids.values().is_sorted());
    let message = error.to_string();
    assert!(
        message.contains("cut.jsonl.gz") && message.contains("cut off"),
        "{message}"
    );
    let offset = CheckedOffset::of_position(&batches.last().unwrap().end)
        .unwrap()
        .offset;
    assert!(message.contains(&offset.to_string()), "{message}");

    // The whole file goes on where the cut one ended.
    let end = batches.last().unwrap().end.clone();
    folder.write("cut.jsonl.gz", &zipped);
    let rest = folder
        .open("cut.jsonl.gz")
        .await
        .unwrap()
        .read_from(Some(&end))
        .await
        .unwrap();
    let total = ids.len() + rows_of(&rest).num_rows();
    assert_eq!(
        total,
        (0..5_000u64)
            .filter(|row| !matches!(row % 13, 5 | 8))
            .count()
    );

    folder.write("bad.jsonl.gz", b"this is no gzip at all");
    let bad = folder.open("bad.jsonl.gz").await.err().unwrap().to_string();
    assert!(bad.contains("no whole gzip file"), "{bad}");
}

#[tokio::test]
async fn several_gzip_members_are_one_file() {
    let folder = Folder::new();
    let zipped = [gzip(b"{\"id\": 1}\n{\"i"), gzip(b"d\": 2}\n")].concat();
    folder.write("two.jsonl.gz", &zipped);
    let rows = rows_of(
        &folder
            .open("two.jsonl.gz")
            .await
            .unwrap()
            .read_all()
            .await
            .unwrap(),
    );
    assert_eq!(rows.column(0).as_primitive::<Int64Type>().values(), &[1, 2]);
}

#[tokio::test]
async fn a_file_that_vanishes_or_shrinks_is_named() {
    let folder = Folder::new();
    folder.write("a.jsonl", lines(0..10));
    let mut source = folder.open("a.jsonl").await.unwrap();
    let keys = source.assigned().await;
    source.source.seek(&keys[0], None).await.unwrap();
    fs::remove_file(folder.path("a.jsonl")).unwrap();
    let gone = source.until_end().await.unwrap_err().to_string();
    assert!(gone.contains("a.jsonl is gone"), "{gone}");

    let row = format!("{{\"id\": 1, \"pad\": \"{}\"}}\n", "x".repeat(1000));
    folder.write("b.jsonl", row.repeat(20 << 10));
    let mut source = folder.open("b.jsonl").await.unwrap();
    let keys = source.assigned().await;
    source.source.seek(&keys[0], None).await.unwrap();
    let SourceEvent::Batch(_) = source.source.next().await.unwrap() else {
        panic!("no batch");
    };
    let file = fs::OpenOptions::new()
        .write(true)
        .open(folder.path("b.jsonl"))
        .unwrap();
    file.set_len(1000).unwrap();
    let shrank = source.until_end().await.unwrap_err().to_string();
    assert!(
        shrank.contains("b.jsonl") && shrank.contains("became shorter"),
        "{shrank}"
    );
}

#[tokio::test]
async fn csv_files_with_unlike_headers_share_one_schema() {
    let folder = Folder::new();
    folder.write("1.csv", "\u{feff}id,price\r\n1,2\r\n2,\"2\"\r\nx,1,9\r\n");
    folder.write("2.csv", "price,id,note\n3.5,3,\"a\nb\"\n");
    folder.write("3.tsv", "id\tprice\n4\t1\n");
    let mut source = folder.open("*.?sv").await.unwrap();
    let batches = source.read_all().await.unwrap();
    let rows = rows_of(&batches);
    assert_eq!(
        rows.column(0).as_primitive::<Int64Type>().values(),
        &[1, 2, 3, 4]
    );
    assert_eq!(
        rows.column(1).as_primitive::<Float64Type>().values(),
        &[2.0, 2.0, 3.5, 1.0]
    );
    let notes: Vec<_> = rows.column(2).as_string::<i32>().iter().collect();
    assert_eq!(notes, [None, None, Some("a\nb"), None]);
    let letters = common::letters(&batches);
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].origin.to_string(), "1.csv line 4 offset 25");
    assert!(letters[0].reason.contains("3 fields, and 2 are expected"));

    // In the middle of a file the header is still known.
    let second = batches
        .iter()
        .find(|batch| batch.key.partition().starts_with("1.csv"))
        .unwrap();
    let position = second.boundary(1).unwrap();
    let rest = folder
        .open("1.csv")
        .await
        .unwrap()
        .read_from(Some(&position))
        .await
        .unwrap();
    assert_eq!(
        rows_of(&rest)
            .column(0)
            .as_primitive::<Int64Type>()
            .values(),
        &[2]
    );
}

#[tokio::test]
async fn metadata_is_file_line_and_time() {
    let folder = Folder::new();
    folder.write("a.jsonl", "{\"id\": 1}\n\n{\"id\": 2}\n");
    let mut source = folder.open("a.jsonl").await.unwrap();
    let batches = source.read_all().await.unwrap();
    let rows = arrow::array::UInt32Array::from(vec![1, 0]);
    let column = |key| batches[0].lineage.metadata(key, &rows);
    let lines = column(MetadataKey::Offset).unwrap();
    assert_eq!(lines.as_primitive::<Int64Type>().values(), &[3, 1]);
    assert_eq!(
        column(MetadataKey::Topic)
            .unwrap()
            .as_string::<i32>()
            .value(0),
        "a.jsonl"
    );
    assert_eq!(
        column(MetadataKey::Partition)
            .unwrap()
            .as_string::<i32>()
            .value(0),
        "0"
    );
    let time = column(MetadataKey::Timestamp).unwrap();
    let micros = time.as_primitive::<TimestampMicrosecondType>().value(0);
    assert_eq!(micros, batches[0].at.timestamp_micros());
    assert!(column(MetadataKey::Key).is_none() && column(MetadataKey::Headers).is_none());
}

#[tokio::test]
async fn mistakes_say_what_to_write() {
    let folder = Folder::new();
    folder.write("a.dat", "{}\n");
    let nothing = folder.open("*.jsonl").await.err().unwrap().to_string();
    assert!(
        nothing.contains("\"*.jsonl\"") && nothing.contains("looked for in"),
        "{nothing}"
    );
    let unnamed = folder.open("a.dat").await.err().unwrap().to_string();
    assert!(unnamed.contains("format = \"json\""), "{unnamed}");
    let json = folder.with(&[("format", "json".into())]);
    assert!(json.open("a.dat").await.is_ok());

    let problems = folder
        .with(&[("format", "parquet".into()), ("delimter", ";".into())])
        .problems("a");
    assert_eq!(problems.len(), 2, "{problems:?}");
    let schema = |data_type: &str| {
        folder
            .with(&[("schema", Read::schema(&[("at", data_type)]))])
            .problems("a.jsonl")
    };
    assert_eq!(schema("int64"), []);
    assert!(schema("string")[0].message.contains("utf8") || schema("string")[0].help.is_some());
    assert!(
        schema("interval(day_time)")[0]
            .message
            .contains("no type that text is decoded into")
    );
    let both = folder
        .with(&[("format", "json".into()), ("delimiter", ";".into())])
        .problems("a");
    assert!(both[0].message.contains("for CSV"), "{both:?}");
}

#[tokio::test]
async fn paused_files_wait_and_lose_nothing() {
    let folder = Folder::new();
    folder.write("a.jsonl", lines(0..40));
    folder.write("b.jsonl", lines(40..80));
    let few = folder.with(&[("batch_rows", 5.into())]);
    let mut source = few.open("*.jsonl").await.unwrap();
    let keys = source.assigned().await;
    source.source.seek(&keys[1], None).await.unwrap();
    source.source.seek(&keys[0], None).await.unwrap();
    let SourceEvent::Batch(first) = source.source.next().await.unwrap() else {
        panic!("no batch");
    };
    assert_eq!(first.key, keys[0]);
    source.source.pause(&keys[0]);
    let waited = tokio::time::timeout(std::time::Duration::from_millis(50), source.source.next());
    assert!(waited.await.is_err());
    source.source.resume(&keys[0]);
    let mut batches = vec![first];
    batches.extend(source.until_end().await.unwrap());
    let ids = rows_of(&batches);
    let expected: Vec<i64> = (0..80).filter(|row| !matches!(row % 13, 5 | 8)).collect();
    assert_eq!(
        ids.column(0).as_primitive::<Int64Type>().values(),
        &expected[..]
    );
    // A rewind after the end delivers again, and ends again.
    let back = batches[2].begin.clone();
    source.source.seek(&keys[0], back.as_ref()).await.unwrap();
    let again = source.until_end().await.unwrap();
    assert_eq!(again[0].rows, batches[2].rows);
}

#[test]
fn a_file_is_inspected_for_init() {
    let folder = Folder::new();
    folder.write("a.jsonl.gz", gzip(lines(0..30).as_bytes()));
    let seen = wasm_sink_files::inspect(&folder.path("a.jsonl.gz")).unwrap();
    let fields: Vec<_> = seen
        .fields
        .iter()
        .map(|f| format!("{} {}", f.name, f.data_type))
        .collect();
    assert_eq!(fields, ["id int64", "name utf8"]);
    assert_eq!(seen.records, 26);
    let mut empty = fs::File::create(folder.path("e.csv")).unwrap();
    empty.write_all(b"").unwrap();
    let nothing = wasm_sink_files::inspect(&folder.path("e.csv")).unwrap_err();
    assert!(nothing.to_string().contains("no record"), "{nothing}");
}

#[tokio::test]
async fn very_many_files_take_no_longer_each() {
    const FILES: usize = 20_000;
    let folder = Folder::new();
    for file in 0..FILES {
        folder.write(&format!("{file:05}.jsonl"), format!("{{\"id\": {file}}}\n"));
    }
    let mut source = folder.open("*.jsonl").await.unwrap();
    let keys = source.assigned().await;
    assert_eq!(keys.len(), FILES);
    let started = std::time::Instant::now();
    for key in &keys {
        source.source.seek(key, None).await.unwrap();
    }
    for _ in 0..10 {
        for key in &keys {
            source.source.pause(key);
        }
        for key in &keys {
            source.source.resume(key);
        }
    }
    // 420,000 calls, each of which looked through half of the files before: minutes.
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
    // What was sought anew is counted once.
    source.source.seek(&keys[7], None).await.unwrap();
    let mut ids = Vec::new();
    for batch in source.until_end().await.unwrap() {
        let values = batch.rows.column(0).as_primitive::<Int64Type>();
        ids.extend_from_slice(values.values());
    }
    assert_eq!(ids, (0..FILES as i64).collect::<Vec<_>>());
    source.source.seek(&keys[7], None).await.unwrap();
    assert_eq!(source.until_end().await.unwrap().len(), 1);
}
