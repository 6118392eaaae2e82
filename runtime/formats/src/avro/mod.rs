//! Avro, by the schema that a record was written with, into the columns that a source has by now.
//!
//! A writer's schema is read ([`schema`]), says which columns it would have ([`types`]), and is laid
//! over the columns that there are ([`plan`]); by that plan the bytes of a record go straight into
//! columns ([`decode`]), without a tree between. A record that breaks off leaves nothing behind.
//!
//! What is called Avro here is <https://avro.apache.org/docs/1.12.0/specification/>.

pub(crate) mod decode;
pub(crate) mod input;
pub(crate) mod plan;
pub(crate) mod schema;
mod skip;
mod text;
pub(crate) mod types;

pub(crate) use plan::Plan;
pub(crate) use schema::Schema;
