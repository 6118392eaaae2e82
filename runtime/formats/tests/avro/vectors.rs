//! What fastavro writes, read (`make_vectors.py`).

use std::collections::HashMap;

use serde_json::{Value, json};
use wasm_sink_formats::describe;

use super::stub::{Reply, Stub, path};
use super::value::rows;
use super::{decoder, messages};

#[derive(Clone)]
struct Case {
    name: String,
    schemas: HashMap<String, String>,
    references: HashMap<String, Vec<u64>>,
    messages: Vec<Vec<u8>>,
    types: Value,
    rows: Vec<Value>,
}

fn cases() -> Vec<Case> {
    let file: Vec<Value> = serde_json::from_str(include_str!("vectors.json")).unwrap();
    let case = |case: &Value| Case {
        name: case["name"].as_str().unwrap().to_owned(),
        schemas: serde_json::from_value(case["schemas"].clone()).unwrap_or_default(),
        references: serde_json::from_value(case["references"].clone()).unwrap_or_default(),
        messages: case["messages"]
            .as_array()
            .unwrap()
            .iter()
            .map(|message| unhex(message.as_str().unwrap()))
            .collect(),
        types: case["types"].clone(),
        rows: case["rows"].as_array().unwrap().clone(),
    };
    file.iter().map(case).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    digits
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

impl Case {
    /// A registry with the schemas of this case. Those that are referred to have the subjects `s<number>`.
    async fn registry(&self) -> Stub {
        let case = self.clone();
        Stub::start(move |head, _| {
            let path = path(head);
            let id = path.strip_prefix("/schemas/ids/").or_else(|| {
                path.strip_prefix("/subjects/s")?
                    .strip_suffix("/versions/1")
            });
            let Some(schema) = id.and_then(|id| case.schemas.get(id)) else {
                return Reply::missing();
            };
            let references = case.references.get(id.unwrap_or_default());
            let references: Vec<_> = references
                .into_iter()
                .flatten()
                .map(|id| json!({ "name": "any", "subject": format!("s{id}"), "version": 1 }))
                .collect();
            let answer = json!({ "schema": schema, "references": references });
            Reply::new(200, answer.to_string())
        })
        .await
    }
}

#[tokio::test]
async fn what_others_write_is_read() {
    for case in cases() {
        let registry = case.registry().await;
        let mut decoder = decoder(&registry.url);
        let decoded = decoder.decode(&messages(&case.messages), 0).await.unwrap();
        let name = &case.name;
        assert_eq!(decoded.undecodable, [], "{name}");
        let types: Value = describe(&decoded.rows.schema())
            .into_iter()
            .map(|field| {
                assert!(field.nullable, "{name}");
                (field.name, Value::String(field.data_type))
            })
            .collect::<serde_json::Map<_, _>>()
            .into();
        assert_eq!(types, case.types, "{name}");
        assert_eq!(rows(&decoded.rows), case.rows, "{name}");
        let all: Vec<_> = (0..case.messages.len() as u32).collect();
        assert_eq!(decoded.messages, all, "{name}");
    }
}

/// Whatever is broken of any type makes its own record undecodable, and no other.
#[tokio::test]
async fn broken_bytes_of_every_type_harm_no_neighbour() {
    let mut random = fastrand::Rng::with_seed(20_261_129);
    for case in cases() {
        let registry = case.registry().await;
        let mut decoder = decoder(&registry.url);
        let whole = decoder.decode(&messages(&case.messages), 0).await.unwrap();
        let expected = rows(&whole.rows);
        for _ in 0..120 {
            // Each good message is followed by a broken one.
            let mut payloads = Vec::new();
            for good in &case.messages {
                let mut bad = good.clone();
                match random.u8(..4) {
                    0 => bad.truncate(random.usize(..bad.len())),
                    1 => bad.extend_from_slice(&[random.u8(..), random.u8(..)]),
                    _ if bad.len() > 5 => {
                        for _ in 0..random.usize(1..4) {
                            let at = random.usize(5..bad.len());
                            bad[at] = match random.bool() {
                                true => random.u8(..),
                                false => *random.choice(&[0, 1, 0x7f, 0x80, 0xff]).unwrap(),
                            };
                        }
                    }
                    _ => bad = (0..random.usize(..40)).map(|_| random.u8(..)).collect(),
                }
                // Of another schema's number nobody asks the stub, which would take a while.
                if bad.len() >= 5 && bad[0] == 0 {
                    bad[..5].copy_from_slice(&good[..5]);
                }
                payloads.push(good.clone());
                payloads.push(bad);
            }
            let all = messages(&payloads);
            let mut good = Vec::new();
            let (mut from, mut seen) = (0, 0);
            while from < all.len() {
                let decoded = decoder.decode(&all, from).await.unwrap();
                assert!(decoded.end > from, "{}", case.name);
                seen += decoded.messages.len() + decoded.undecodable.len();
                for (row, message) in rows(&decoded.rows).into_iter().zip(&decoded.messages) {
                    if message % 2 == 0 {
                        good.push(row);
                    }
                }
                from = decoded.end;
            }
            assert_eq!(seen, all.len(), "{}", case.name);
            assert_eq!(good, expected, "{}", case.name);
        }
    }
}
