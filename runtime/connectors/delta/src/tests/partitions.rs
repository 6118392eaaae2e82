//! Partitioned tables.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::AsArray;
use arrow::array::{ArrayRef, Date32Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::Int64Type;

use super::fixture::{Fixture, append, commit, epoch};

#[tokio::test(flavor = "multi_thread")]
async fn odd_values_are_kept_and_found_again() {
    let lake = Fixture::new().await;
    let fields = [("n", "int64"), ("p", "utf8"), ("day", "date32")];
    let mut stage = lake.stage(1, &fields, &["p", "day"]).await;
    let long = "長".repeat(300);
    let odd = [
        Some("plain"),
        None,
        Some("a/b"),
        Some("50%"),
        Some("x=y z"),
        Some("../up"),
        Some("Ünï côdé"),
        Some("\"quoted\" #?&"),
        Some("tab\tline\n"),
        Some(&long),
        Some("plain"),
        Some(""),
    ];
    let rows = RecordBatch::try_from_iter_with_nullable([
        (
            "p",
            Arc::new(StringArray::from(odd.to_vec())) as ArrayRef,
            true,
        ),
        (
            "n",
            Arc::new(Int64Array::from_iter_values(0..odd.len() as i64)) as ArrayRef,
            true,
        ),
        (
            "day",
            Arc::new(Date32Array::from(vec![Some(20_000); odd.len()])) as ArrayRef,
            true,
        ),
    ])
    .unwrap();
    let refused = append(&mut stage, &rows).await.unwrap();
    assert_eq!(refused.len(), 1);
    assert!(refused[0].contains("`p` is an empty text"), "{refused:?}");
    let staged = stage.finish().await.unwrap();
    assert_eq!(staged[0].rows, 11);
    let home = lake.home();
    let base = home.read().await.unwrap();
    home.attempt(&base, &commit(vec![epoch(1, "0", (None, 12), staged)]))
        .await
        .unwrap();
    assert_eq!(lake.numbers().await, (0..11).collect::<Vec<_>>());

    let values: BTreeMap<String, i64> = lake
        .actions(1, "add")
        .iter()
        .map(|add| {
            assert_eq!(add["partitionValues"]["day"], "2024-10-04");
            let stats: serde_json::Value =
                serde_json::from_str(add["stats"].as_str().unwrap()).unwrap();
            (
                add["partitionValues"]["p"].to_string(),
                stats["numRecords"].as_i64().unwrap(),
            )
        })
        .collect();
    for value in odd.iter().take(11) {
        let text = serde_json::Value::from(value.map(str::to_owned)).to_string();
        assert_eq!(
            values[&text],
            if *value == Some("plain") { 2 } else { 1 },
            "{text}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_partitions_keep_each_row_in_order() {
    let lake = Fixture::new().await;
    let mut stage = lake
        .stage(1, &[("n", "int64"), ("p", "int64")], &["p"])
        .await;
    const PARTITIONS: i64 = 2_000;
    for batch in 0..4_i64 {
        let n = Int64Array::from_iter_values(batch * 5_000..(batch + 1) * 5_000);
        let p = Int64Array::from_iter_values(n.values().iter().map(|n| n * 7 % PARTITIONS));
        let rows = RecordBatch::try_from_iter_with_nullable([
            ("n", Arc::new(n) as ArrayRef, true),
            ("p", Arc::new(p) as ArrayRef, true),
        ]);
        append(&mut stage, &rows.unwrap()).await.unwrap();
    }
    let staged = stage.finish().await.unwrap();
    let home = lake.home();
    let base = home.read().await.unwrap();
    home.attempt(&base, &commit(vec![epoch(1, "0", (None, 12), staged)]))
        .await
        .unwrap();
    let files = lake.files().await;
    assert_eq!(files.len(), PARTITIONS as usize);
    for file in &files {
        let numbers = file
            .column_by_name("n")
            .unwrap()
            .as_primitive::<Int64Type>();
        assert!(numbers.values().is_sorted());
        assert_eq!(file.num_columns(), 1);
    }
    assert_eq!(lake.numbers().await, (0..20_000).collect::<Vec<_>>());
}
