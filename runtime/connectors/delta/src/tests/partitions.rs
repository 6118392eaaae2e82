//! Partitioned tables.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::AsArray;
use arrow::array::{
    ArrayRef, Date32Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
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

#[tokio::test(flavor = "multi_thread")]
async fn days_and_times_without_a_text_are_refused_alone() {
    let lake = Fixture::new().await;
    let fields = [
        ("n", "int64"),
        ("day", "date32"),
        ("at", "timestamp(us,+00:00)"),
    ];
    let mut stage = lake.stage(1, &fields, &["day", "at"]).await;
    // 0000-01-01 and 9999-12-31 are the outermost.
    let days = [
        0,
        -719_528,
        2_932_896,
        -719_529,
        2_932_897,
        i32::MIN,
        i32::MAX,
        0,
        0,
        0,
    ];
    let (first, end) = (
        -719_528 * 86_400_000_000_i64,
        2_932_897 * 86_400_000_000_i64,
    );
    let times = [0, first, end - 1, 0, 0, 0, 0, first - 1, end, i64::MAX];
    let rows = RecordBatch::try_from_iter_with_nullable([
        (
            "n",
            Arc::new(Int64Array::from_iter_values(0..10)) as ArrayRef,
            true,
        ),
        (
            "day",
            Arc::new(Date32Array::from(days.to_vec())) as ArrayRef,
            true,
        ),
        (
            "at",
            Arc::new(TimestampMicrosecondArray::from(times.to_vec()).with_timezone("+00:00"))
                as ArrayRef,
            true,
        ),
    ]);
    let refused = append(&mut stage, &rows.unwrap()).await.unwrap();
    assert_eq!(refused.len(), 7, "{refused:?}");
    let of_day = |reason: &&String| reason.contains("`day` is not in the years 0 to 9999");
    assert_eq!(refused.iter().filter(of_day).count(), 4);
    let staged = stage.finish().await.unwrap();
    let home = lake.home();
    let base = home.read().await.unwrap();
    home.attempt(&base, &commit(vec![epoch(1, "0", (None, 12), staged)]))
        .await
        .unwrap();
    assert_eq!(lake.numbers().await, [0, 1, 2]);
    let mut texts: Vec<_> = lake
        .actions(1, "add")
        .iter()
        .map(|add| add["partitionValues"]["day"].as_str().unwrap().to_owned())
        .collect();
    texts.sort();
    assert_eq!(texts, ["0000-01-01", "1970-01-01", "9999-12-31"]);
}

#[tokio::test]
async fn open_epochs_take_no_thread_that_writes_need() {
    // A runtime with one thread for blocking work, which every write to a disk needs.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .max_blocking_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let work = runtime.spawn(async {
        let lake = Fixture::new().await;
        let mut stages = Vec::new();
        for id in 1..4 {
            let mut stage = lake.stage(id, &[("n", "int64")], &[]).await;
            append(&mut stage, &super::fixture::numbers(0..3))
                .await
                .unwrap();
            stages.push(stage);
        }
        for mut stage in stages {
            assert_eq!(stage.finish().await.unwrap()[0].rows, 3);
        }
    });
    let done = tokio::time::timeout(std::time::Duration::from_secs(20), work).await;
    runtime.shutdown_background();
    done.expect("the writes wait for ever").unwrap();
}
