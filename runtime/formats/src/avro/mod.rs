//! Avro, by the schema that a record was written with, into the columns that a source has by now.
//!
//! A writer's schema is read ([`schema`]), says which columns it would have ([`types`]), and is laid
//! over the columns that there are ([`plan`]); by that plan the bytes of a record go straight into
//! columns ([`decode`]), without a tree between. A record that breaks off leaves nothing behind.
//!
//! What is called Avro here is <https://avro.apache.org/docs/1.12.0/specification/>.

pub(crate) mod decode;
pub(crate) mod input;
mod number;
pub(crate) mod plan;
pub(crate) mod schema;
mod skip;
mod text;
pub(crate) mod types;

pub(crate) use plan::Plan;
pub(crate) use schema::Schema;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::datatypes::{Fields, Schema as ArrowSchema};

    use super::input::Input;
    use super::*;
    use crate::decoded::{Rows, UnknownFields};

    /// The schemas of the tests with other implementations.
    fn schemas() -> Vec<String> {
        let cases: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/avro/vectors.json")).unwrap();
        let cases = cases.as_array().unwrap().iter();
        let schemas = cases.flat_map(|case| case["schemas"].as_object().unwrap().values());
        schemas
            .map(|schema| schema.as_str().unwrap().to_owned())
            .collect()
    }

    /// Reads a schema and, by it, bytes that are nobody's record.
    fn try_out(text: &str, random: &mut fastrand::Rng) -> bool {
        let Ok(schema) = Schema::parse(&[text]) else {
            return false;
        };
        let schema = Arc::new(schema);
        let columns: Fields = types::columns(&schema).into();
        assert!(types::grown(&columns, &columns).is_none());
        let Ok(plan) = Plan::new(&schema, &columns, UnknownFields::Refuse) else {
            return false;
        };
        let mut rows = Rows::new(&Arc::new(ArrowSchema::new(columns))).unwrap();
        for number in 0..20 {
            let bytes: Vec<_> = (0..random.usize(..30))
                .map(|_| match random.u8(..3) {
                    0 => random.u8(..),
                    1 => random.u8(..8),
                    _ => 0,
                })
                .collect();
            let mut input = Input::new(&bytes, 0);
            match plan.read(&mut input, &mut rows.root) {
                Ok(()) => rows.accept(number, number + 1),
                Err(fault) => rows.refuse(number, number + 1, &fault),
            }
        }
        rows.finish(20).unwrap();
        true
    }

    #[test]
    fn whatever_a_schema_says_is_read_or_refused() {
        let mut random = fastrand::Rng::with_seed(3);
        let schemas = schemas();
        let words: Vec<&str> = schemas.iter().flat_map(|text| text.split('"')).collect();
        let mut readable = 0;
        for _ in 0..4_000 {
            let mut parts: Vec<&str> = random.choice(&schemas).unwrap().split('"').collect();
            for _ in 0..random.usize(..3) {
                let at = random.usize(..parts.len());
                parts[at] = random.choice(&words).unwrap();
            }
            readable += usize::from(try_out(&parts.join("\""), &mut random));
        }
        assert!(readable > 1_000, "{readable}");
    }
}
