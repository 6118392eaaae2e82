//! A guest with one batch of four rows and a plan, for the tests of kernels.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::*;
use arrow::datatypes::*;
use bytes::Bytes;
use wasmtime::component::Resource;

use super::room::Room;
use super::wit::{Error, HostBatch, HostPlan, Mismatch};
use super::{Batch, Guest, GuestLimits, Plan, json};
use crate::batch::{Lineage, MetadataKey, Rows, SourceBatch};
use crate::dead_letter::{DeadLetter, RowOrigin};
use crate::position::{PartitionKey, Position};

#[derive(Debug)]
struct Lines;

impl Lineage for Lines {
    fn position_after(&self, row: u32) -> Option<Position> {
        Some(Position::from_offset(u64::from(row) + 101))
    }
    fn origin(&self, row: u32) -> RowOrigin {
        RowOrigin {
            name: "in.jsonl".into(),
            line: Some(u64::from(row) + 1),
            offset: None,
        }
    }
    fn raw(&self, row: u32) -> Option<Bytes> {
        (row == 0).then(|| Bytes::from_static(b"as read"))
    }
    fn metadata(&self, key: MetadataKey, rows: &UInt32Array) -> Option<ArrayRef> {
        Some(match key {
            MetadataKey::Topic => Arc::new(StringArray::from(vec!["in.jsonl"; rows.len()])),
            MetadataKey::Offset => Arc::new(rows.unary::<_, Int64Type>(i64::from)),
            MetadataKey::Headers => Arc::new(StringArray::from_iter(rows.iter().map(|row| {
                Some(if row == Some(0) {
                    "{\"a\": [1]}"
                } else {
                    "not json"
                })
            }))),
            _ => return None,
        })
    }
}

pub(super) fn source(rows: RecordBatch) -> Arc<SourceBatch> {
    Arc::new(SourceBatch {
        key: PartitionKey::new("files", "0"),
        begin: Some(Position::from_offset(100)),
        end: Position::from_offset(100 + rows.num_rows() as u64),
        bytes: rows.get_array_memory_size(),
        rows,
        lineage: Arc::new(Lines),
        undecodable: vec![],
        at: chrono::DateTime::UNIX_EPOCH,
        reservation: None,
    })
}

pub(super) fn json_rows(lines: &str) -> RecordBatch {
    let schema = Schema::new(vec![
        Field::new("id", DataType::Int64, true),
        Field::new("at", DataType::Utf8, true),
        Field::new("amount", DataType::Utf8, true),
        Field::new(
            "user",
            DataType::Struct(
                vec![
                    Field::new("name", DataType::Utf8, true),
                    Field::new("scores", DataType::new_list(DataType::Int64, true), true),
                ]
                .into(),
            ),
            true,
        ),
        Field::new("extra", DataType::Boolean, true),
    ]);
    let mut decoder = arrow::json::ReaderBuilder::new(Arc::new(schema))
        .build_decoder()
        .unwrap();
    decoder.decode(lines.as_bytes()).unwrap();
    decoder.flush().unwrap().unwrap()
}

pub(super) const ROWS: &str = r#"
{"id": 1, "at": "2026-11-21T10:00:00Z", "amount": "1.50", "user": {"name": "a", "scores": [7, 300]}, "extra": true}
{"id": 2, "at": "2026-11-20T23:00:00-05:00", "amount": "n/a", "user": {"name": "b", "scores": []}}
{"id": null, "at": null, "amount": "2", "user": null, "extra": false}
{"id": 4, "amount": "x"}
"#;

pub(super) fn guest() -> Guest {
    let limits = GuestLimits {
        handles: 1_000,
        dead_letters: 100,
        split_parts: 3,
        derived_bytes: 64 << 20,
        stage_wait: Duration::from_secs(1),
    };
    Guest::new(BTreeMap::new(), limits)
}

/// What a call answers that does not trap.
pub(super) fn run<T>(future: impl Future<Output = wasmtime::Result<T>>) -> T {
    now(future).unwrap()
}

pub(super) fn now<T>(future: impl Future<Output = T>) -> T {
    let mut future = Box::pin(future);
    match future
        .as_mut()
        .poll(&mut std::task::Context::from_waker(std::task::Waker::noop()))
    {
        std::task::Poll::Ready(result) => result,
        std::task::Poll::Pending => panic!("kernels do not wait"),
    }
}

pub(super) fn again<T: 'static>(handle: &Resource<T>) -> Resource<T> {
    Resource::new_borrow(handle.rep())
}

pub(super) struct Test {
    pub(super) guest: Guest,
    pub(super) input: Resource<Batch>,
    pub(super) plan: Resource<Plan>,
}

impl Test {
    pub(super) fn new(lines: &str) -> Self {
        let mut guest = guest();
        let input = guest
            .push_rows(Rows::whole(source(json_rows(lines))))
            .unwrap();
        let plan = run(HostPlan::new(&mut guest));
        Self { guest, input, plan }
    }

    pub(super) fn column(
        &mut self,
        name: &str,
        path: &[&str],
        to: Option<&str>,
        nullable: bool,
    ) -> Result<(), Error> {
        let path = path.iter().map(|word| (*word).to_owned()).collect();
        run(self.guest.column(
            again(&self.plan),
            name.into(),
            path,
            to.map(Into::into),
            nullable,
        ))
    }

    pub(super) fn policy(&mut self, policy: Mismatch) {
        run(self.guest.on_mismatch(again(&self.plan), policy));
    }

    pub(super) fn rest(&mut self, without: &[&str]) -> Result<(), Error> {
        let without = without.iter().map(|word| (*word).to_owned()).collect();
        run(self.guest.rest(again(&self.plan), without))
    }

    pub(super) fn apply(&mut self) -> Result<Resource<Batch>, Error> {
        let (plan, input) = (again(&self.plan), again(&self.input));
        run(HostPlan::apply(&mut self.guest, plan, input))
    }

    pub(super) fn applied(&mut self) -> Vec<String> {
        let handle = self.apply().unwrap();
        self.show(&handle)
    }

    pub(super) fn show(&self, handle: &Resource<Batch>) -> Vec<String> {
        let batch = self.guest.rows(handle).unwrap().values().clone();
        let rows: ArrayRef = Arc::new(StructArray::from(batch));
        let text = json::texts(&rows, &mut Room::new(1 << 20)).unwrap();
        text.as_string::<i32>()
            .iter()
            .map(|row| row.unwrap().to_owned())
            .collect()
    }

    pub(super) fn types(&mut self, handle: &Resource<Batch>) -> Vec<String> {
        let fields = run(self.guest.fields(again(handle)));
        fields
            .into_iter()
            .map(|field| {
                format!(
                    "{}: {}{}",
                    field.name,
                    field.data_type,
                    if field.nullable { "" } else { " not null" }
                )
            })
            .collect()
    }

    pub(super) fn letters(&mut self) -> Vec<DeadLetter> {
        self.guest.take_dead_letters()
    }
}
