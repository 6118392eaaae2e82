//! Delta tables in a bucket, read by Python's `deltalake`.

use std::net::SocketAddr;

use serde_json::Value;
use wasm_sink_core::step::Step;
use wasm_sink_tests::{DeltaTable, Versitygw};

use crate::destination::{
    Delivery, Destination, Promise, Restartable, Routing, Shared, Wire, Wired,
};

pub struct Bucket(Versitygw);

impl Bucket {
    fn table(&self, name: &str) -> DeltaTable {
        DeltaTable::s3(&self.0, &format!("kit/{name}"))
    }
}

impl Destination for Bucket {
    const PROMISE: Promise = Promise {
        connector: "delta",
        title: "Delta Lake: S3 and compatible",
        delivery: Delivery::ExactlyOnce,
        positions: "in the table's own log, swapped with the data",
    };
    const COMPONENT: &'static str = "delta";
    const STEPS_NOT_TAKEN: &'static [Step] = &[Step::PositionsMoved];

    fn start() -> Self {
        Self(Versitygw::start())
    }

    fn connection(&self, address: Option<SocketAddr>) -> String {
        format!(
            r#"
[connections.out]
type = "delta"
path = "s3://{bucket}/kit"
endpoint = "http://{address}"
region = "{region}"
allow_http = true
access_key_id = "{access_key_id}"
secret_access_key = "${{LAKE_SECRET}}"
"#,
            bucket = Versitygw::BUCKET,
            address = address.unwrap_or(self.0.address()),
            region = Versitygw::REGION,
            access_key_id = Versitygw::ACCESS_KEY_ID,
        )
    }

    fn environment(&self) -> Vec<(String, String)> {
        let secret = Versitygw::SECRET_ACCESS_KEY.to_owned();
        vec![("LAKE_SECRET".to_owned(), secret)]
    }

    fn query(&self, table: &str, sql: &str) -> Vec<Value> {
        self.table(table).query(sql)
    }

    fn columns(&self, table: &str) -> Vec<String> {
        self.table(table).columns()
    }

    fn member(column: &str, name: &str) -> String {
        format!("{column}.{name}")
    }
}

impl Wired for Bucket {
    fn wire(&self) -> Wire {
        Wire::to(self.0.address(), b"PUT ")
    }
}

impl Shared for Bucket {}

impl Restartable for Bucket {
    fn interrupt(&mut self) {
        self.0.stop();
    }

    fn resume(&mut self) {
        self.0.resume();
    }
}

impl Routing for Bucket {
    const HAS_A_TABLE_WITHOUT_NAME: bool = true;
}

crate::suite!(Bucket, tabular, shared, wired, restartable, routing);
