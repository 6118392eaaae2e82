use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::Int64Type;
use async_trait::async_trait;

use super::*;
use crate::budget::Budget;
use crate::error::{Blame, Error, Kind};
use crate::settings::{Entry, Node, Problem, Table, Value};
use crate::source::{Source, SourceContext, SourceEvent};
use crate::sql::Names;
use crate::{PartitionKey, SourceBatch};

const NAMES: Names = Names {
    database: "the database",
    max_bytes: None,
};

/// Rows in order: their places, and a text.
type Rows = Arc<Mutex<Vec<(i64, &'static str)>>>;

/// A database whose answers stop after some pages, and begin with errors.
struct Model {
    rows: Rows,
    failures: Arc<AtomicUsize>,
}

struct ModelPages {
    rows: Vec<(i64, &'static str)>,
    failures: Arc<AtomicUsize>,
}

fn page(rows: &[(i64, &'static str)]) -> Page {
    let places: ArrayRef = Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.0)));
    let texts: ArrayRef = Arc::new(StringArray::from_iter_values(rows.iter().map(|row| row.1)));
    let misfits = rows.iter().zip(0..).filter(|(row, _)| row.1 == "misfit");
    Page {
        rows: RecordBatch::try_from_iter([("id", places), ("text", texts)]).unwrap(),
        misfits: misfits
            .map(|(_, row)| (row, "strange".to_owned()))
            .collect(),
    }
}

#[async_trait]
impl Database for Model {
    async fn newest(&mut self) -> Result<Option<Place>> {
        let rows = self.rows.lock().unwrap();
        Ok(rows.last().map(|row| Place(vec![row.0])))
    }

    async fn rows(&mut self, after: Option<&Place>, to: &Place) -> Result<Box<dyn Pages>> {
        let rows = self.rows.lock().unwrap();
        let is_due = |row: &&(i64, &str)| {
            let place = Place(vec![row.0]);
            after.is_none_or(|after| place > *after) && place <= *to
        };
        Ok(Box::new(ModelPages {
            rows: rows.iter().filter(is_due).copied().collect(),
            failures: Arc::clone(&self.failures),
        }))
    }
}

#[async_trait]
impl Pages for ModelPages {
    async fn next(&mut self, rows: usize) -> Result<Option<Page>> {
        if self.rows.is_empty() {
            return Ok(None);
        }
        let left = self.failures.load(Ordering::Relaxed);
        if left > 0 && self.rows.len().is_multiple_of(2) {
            self.failures.store(left - 1, Ordering::Relaxed);
            return Err(Error::new(Kind::Unavailable, Blame::Source, "gone"));
        }
        let rows = rows.min(self.rows.len());
        let taken: Vec<_> = self.rows.drain(..rows).collect();
        Ok(Some(page(&taken)))
    }
}

fn settings(batch_rows: usize, poll: Option<Duration>) -> OrderedSettings {
    OrderedSettings {
        rows: RowsOf::Query("select 1".to_owned()),
        order_by: vec![NAMES.name("id").unwrap()],
        poll,
        batch_rows: Some(batch_rows),
    }
}

fn open(rows: &Rows, failures: usize, settings: &OrderedSettings) -> OrderedSource<Model> {
    let context = SourceContext {
        pipeline: "p".into(),
        budget: Budget::new(1 << 20),
        directory: std::path::PathBuf::new(),
        batch_rows: 100,
    };
    let identity = Identity {
        database: "model".to_owned(),
        rows: "t".to_owned(),
    };
    let (rows, failures) = (Arc::clone(rows), Arc::new(AtomicUsize::new(failures)));
    OrderedSource::new(settings, identity, &context, move || Model {
        rows: Arc::clone(&rows),
        failures: Arc::clone(&failures),
    })
}

async fn begin(source: &mut impl Source, to: Option<&Position>) -> PartitionKey {
    let SourceEvent::Assigned(keys) = source.next().await.unwrap() else {
        panic!("first of all a partition is assigned");
    };
    source.seek(&keys[0], to).await.unwrap();
    keys[0].clone()
}

async fn batch(source: &mut impl Source) -> Option<SourceBatch> {
    match source.next().await.unwrap() {
        SourceEvent::Batch(batch) => Some(batch),
        _ => None,
    }
}

fn places(batch: &SourceBatch) -> Vec<i64> {
    let places = batch.rows.column(0).as_primitive::<Int64Type>();
    places.values().to_vec()
}

fn numbered(places: &[i64]) -> Rows {
    Arc::new(Mutex::new(
        places.iter().map(|place| (*place, "")).collect(),
    ))
}

#[test]
fn a_place_is_a_position_and_back_and_they_are_ordered_alike() {
    let numbers = [i64::MIN, i64::MIN + 1, -7, -1, 0, 1, 42, i64::MAX];
    let positions: Vec<_> = numbers
        .iter()
        .map(|number| Place(vec![*number, -*number.max(&-9)]).position().unwrap())
        .collect();
    assert!(positions.is_sorted());
    for (number, position) in numbers.iter().zip(&positions) {
        assert_eq!(Place::of(position, 2).unwrap().0[0], *number);
    }
    for (text, columns) in [("2.1", 1), ("1", 1), ("1.1.1.1", 1), ("7.0", 1)] {
        assert_eq!(Place::of(&text.parse().unwrap(), columns), None, "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn every_row_comes_once_whatever_fails_and_wherever_pages_end() {
    let all: Vec<i64> = vec![-3, -3, 0, 1, 1, 1, 1, 2, 3, 4, 4, 5, 9, 9];
    for batch_rows in 1..8 {
        for failures in 0..4 {
            let rows = numbered(&all);
            let mut source = open(&rows, failures, &settings(batch_rows, None));
            begin(&mut source, None).await;
            let (mut seen, mut end) = (Vec::new(), None);
            while let Some(batch) = batch(&mut source).await {
                assert_eq!(batch.begin, end, "batches follow each other");
                let own = places(&batch);
                assert!(seen.last() < own.first(), "equal places stay together");
                end = Some(batch.end);
                seen.extend(own);
            }
            assert_eq!(seen, all, "{batch_rows} rows a batch, {failures} failures");
            // And from every boundary on, the rest.
            let mut source = open(&rows, 0, &settings(batch_rows, None));
            let to = Place(vec![1]).position();
            begin(&mut source, to.as_ref()).await;
            let first = batch(&mut source).await.unwrap();
            assert_eq!((first.begin, first.rows.num_rows() > 0), (to, true));
            assert_eq!(first.lineage.position_after(0), Place(vec![2]).position());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_may_be_cut_between_places_only() {
    let rows = numbered(&[1, 1, 2, 3]);
    let mut source = open(&rows, 0, &settings(100, None));
    begin(&mut source, None).await;
    let batch = batch(&mut source).await.unwrap();
    assert_eq!(batch.boundary(0), None);
    assert_eq!(batch.boundary(1), None, "its other row is not out yet");
    assert_eq!(batch.boundary(2), Place(vec![1]).position());
    assert_eq!(batch.boundary(3), Place(vec![2]).position());
    assert_eq!(batch.boundary(4), Place(vec![3]).position());
    assert_eq!(batch.lineage.origin(2).to_string(), "t where id = 2");
}

#[tokio::test(start_paused = true)]
async fn with_a_poll_rows_that_come_later_are_read() {
    let rows = numbered(&[1]);
    let mut source = open(&rows, 0, &settings(100, Some(Duration::from_millis(50))));
    let key = begin(&mut source, None).await;
    assert_eq!(places(&batch(&mut source).await.unwrap()), [1]);
    rows.lock().unwrap().extend([(2, ""), (3, "")]);
    assert_eq!(places(&batch(&mut source).await.unwrap()), [2, 3]);
    // Paused, it keeps what it has.
    source.pause(&key);
    rows.lock().unwrap().push((4, ""));
    let waited = tokio::time::timeout(Duration::from_secs(5), source.next()).await;
    assert!(waited.is_err());
    source.resume(&key);
    assert_eq!(places(&batch(&mut source).await.unwrap()), [4]);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_told_becomes_a_letter_at_its_place() {
    let rows: Rows = Arc::new(Mutex::new(vec![
        (1, "a"),
        (2, "misfit"),
        (3, "b"),
        (4, "misfit"),
    ]));
    for batch_rows in 1..6 {
        let mut source = open(&rows, 0, &settings(batch_rows, None));
        begin(&mut source, None).await;
        let (mut seen, mut letters, mut end) = (Vec::new(), Vec::new(), None);
        while let Some(batch) = batch(&mut source).await {
            seen.extend(places(&batch));
            letters.extend(batch.undecodable);
            end = Some(batch.end);
        }
        assert_eq!(seen, [1, 3]);
        assert_eq!(end, Place(vec![4]).position());
        let told: Vec<_> = letters
            .iter()
            .map(|(_, letter)| (letter.origin.to_string(), letter.record.clone()))
            .collect();
        let (one, other) = (&told[0], &told[1]);
        assert_eq!(one.0, "t where id = 2");
        assert_eq!(one.1, r#"{"id":2,"text":"misfit"}"#);
        assert_eq!(other.0, "t where id = 4");
    }
}

/// Cut there, the letter would go with rows that a run behind the cut does not read.
#[tokio::test(start_paused = true)]
async fn no_epoch_ends_between_a_row_and_a_letter_of_its_place() {
    let rows: Rows = Arc::new(Mutex::new(vec![
        (1, "a"),
        (1, "misfit"),
        (2, "b"),
        (3, "c"),
    ]));
    let mut source = open(&rows, 0, &settings(100, None));
    begin(&mut source, None).await;
    let batch = batch(&mut source).await.unwrap();
    assert_eq!(places(&batch), [1, 2, 3]);
    assert_eq!(batch.boundary(1), None);
    assert_eq!(batch.boundary(2), Place(vec![2]).position());
}

/// What stands together is little, however large a row is that came with it.
#[tokio::test(start_paused = true)]
async fn a_large_row_is_no_part_of_the_tie_behind_it() {
    let large: &'static str = String::leak("x".repeat(65 << 20));
    let rows: Rows = Arc::new(Mutex::new(vec![(1, large), (2, ""), (2, "")]));
    let mut source = open(&rows, 0, &settings(2, None));
    begin(&mut source, None).await;
    assert_eq!(places(&batch(&mut source).await.unwrap()), [1]);
    assert_eq!(places(&batch(&mut source).await.unwrap()), [2, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_row_at_the_very_beginning_is_refused() {
    let mut source = open(&numbered(&[i64::MIN, 1]), 0, &settings(1, None));
    begin(&mut source, None).await;
    let error = source.next().await.unwrap_err();
    assert!(error.message().contains("the least values"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_position_from_elsewhere_is_refused() {
    let mut source = open(&numbered(&[1]), 0, &settings(1, None));
    let key = begin(&mut source, None).await;
    let wrong = Position::from_offset(7);
    let error = source.seek(&key, Some(&wrong)).await.unwrap_err();
    assert_eq!(error.blame(), Blame::Configuration);
    // The beginning is one that every source has.
    let beginning = source.beginning(&key);
    source.seek(&key, Some(&beginning)).await.unwrap();
    assert_eq!(batch(&mut source).await.unwrap().begin, Some(beginning));
}

fn table(entries: &[(&str, Value)]) -> Table {
    let entries = entries.iter().map(|(key, value)| Entry {
        key: (*key).to_owned(),
        key_span: 0..0,
        node: Node {
            value: value.clone(),
            span: 0..0,
        },
    });
    Table {
        entries: entries.collect(),
        span: 0..0,
    }
}

fn text(text: &str) -> Value {
    Value::String {
        text: text.to_owned(),
        from_environment: false,
    }
}

#[test]
fn keys_of_a_source() {
    let read = |entries: &[(&str, Value)]| {
        let mut problems: Vec<Problem> = Vec::new();
        let settings = OrderedSettings::read(&table(entries), &NAMES, &mut problems);
        let told: Vec<_> = problems
            .into_iter()
            .map(|problem| problem.message)
            .collect();
        (settings, told)
    };
    let list = |texts: &[&str]| {
        let nodes = texts.iter().map(|one| Node {
            value: text(one),
            span: 0..0,
        });
        Value::List(nodes.collect())
    };
    let (good, told) = read(&[
        ("query", text(" select * from t; ")),
        ("order_by", list(&["at", "id"])),
        ("poll_ms", Value::Integer(50)),
    ]);
    assert_eq!(told, [""; 0]);
    let good = good.unwrap();
    assert_eq!(good.rows, RowsOf::Query("select * from t".to_owned()));
    assert_eq!(
        (good.order_by.len(), good.poll),
        (2, Some(Duration::from_millis(50)))
    );

    for (entries, message) in [
        (vec![("order_by", text("id"))], "`table_name` is missing"),
        (vec![("table_name", text("t"))], "`order_by` is missing"),
        (
            vec![
                ("table_name", text("t")),
                ("query", text("q")),
                ("order_by", text("id")),
            ],
            "[source] has both `table_name` and `query`",
        ),
        (
            vec![("table_name", text("t")), ("order_by", list(&[]))],
            "`order_by` names 0 columns",
        ),
        (
            vec![("table_name", text("t")), ("order_by", list(&["a", "a"]))],
            "`order_by` names `a` twice",
        ),
        (
            vec![("query", text(" ; ")), ("order_by", text("id"))],
            "`query` is empty",
        ),
    ] {
        let (none, told) = read(&entries);
        assert!(none.is_none());
        assert_eq!(told, [message]);
    }
}
