//! Topics of Kafka, read by Confluent's client, and asked by Python's `duckdb`: a table is what the values of the
//! records say, which are JSON.

use std::net::SocketAddr;

use serde_json::Value;
use wasm_sink_core::step::Step;
use wasm_sink_tests::kafka::{END_TXN, Kafka, fresh};

use crate::destination::{
    Delivery, Destination, Promise, Restartable, Routing, Shared, Time, Wire, Wired,
};

pub struct Broker {
    /// None: the one that all have.
    own: Option<Kafka>,
    /// What names begin with.
    prefix: String,
}

impl Broker {
    fn kafka(&self) -> &Kafka {
        match &self.own {
            Some(own) => own,
            None => Kafka::shared(),
        }
    }

    fn topic(&self, table: &str) -> String {
        format!("{}-{table}", self.prefix)
    }
}

impl Destination for Broker {
    const PROMISE: Promise = Promise {
        connector: "kafka",
        title: "Kafka",
        delivery: Delivery::ExactlyOnce,
        positions: "in a compacted topic, or as the source's group offsets, in the transaction that holds the records",
    };
    const COMPONENT: &'static str = "kafka";
    const TABLE_KEY: &'static str = "topic";
    const STEPS_NOT_TAKEN: &'static [Step] =
        &[Step::TableCreated, Step::ColumnsAdded, Step::Checkpointing];
    const FINEST_TIME: Time = Time::Nanosecond;

    fn start() -> Self {
        Self {
            own: None,
            prefix: fresh("kit"),
        }
    }

    fn start_alone() -> Self {
        Self {
            own: Some(Kafka::start()),
            ..Self::start()
        }
    }

    /// Topics and pipelines get the prefix. Dead letters are where they are without.
    fn adapt(&self, pipeline: &str) -> String {
        let mut section = "";
        let mut adapted = String::new();
        for line in pipeline.lines() {
            if line.starts_with('[') {
                section = line;
            }
            let line = match (section, line.split_once(" = \"")) {
                ("", Some(("name", rest))) => format!(
                    "name = \"{}\nstate_dir = \".wasm-sink/{rest}",
                    self.topic(rest)
                ),
                ("[sink.config]", Some((key @ ("topic" | "table_name"), rest)))
                | ("[[routes]]", Some((key @ "table", rest))) => {
                    format!("{key} = \"{}", self.topic(rest))
                }
                _ => line.to_owned(),
            };
            adapted.push_str(&line);
            adapted.push('\n');
        }
        adapted
    }

    fn connection(&self, address: Option<SocketAddr>) -> String {
        let servers = address.map_or_else(|| self.kafka().servers(), |address| address.to_string());
        format!(
            "[connections.out]\ntype = \"kafka\"\n\"bootstrap.servers\" = \"{servers}\"\n\
             \"reconnect.backoff.max.ms\" = \"500\"\n"
        )
    }

    fn query(&self, table: &str, sql: &str) -> Vec<Value> {
        self.kafka().query_settled(&self.topic(table), sql)
    }

    fn columns(&self, table: &str) -> Vec<String> {
        self.kafka().columns(&self.topic(table))
    }

    fn member(column: &str, name: &str) -> String {
        format!("{column}.{name}")
    }
}

impl Shared for Broker {}

impl Wired for Broker {
    fn wire(&self) -> Wire {
        let (place, address) = self.kafka().proxied();
        Wire {
            place,
            address,
            word: END_TXN,
        }
    }
}

impl Restartable for Broker {
    fn interrupt(&mut self) {
        self.own.as_mut().expect("one of its own").stop();
    }

    fn resume(&mut self) {
        self.own.as_mut().expect("one of its own").resume();
    }
}

impl Routing for Broker {}

crate::suite!(Broker, shared, wired, restartable, routing);
