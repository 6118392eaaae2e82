//! Bytes to Arrow, and back: JSON, CSV, Avro and Arrow itself, with schemas that grow and row isolation.
//!
//! What sources that read bytes share, since connectors never import each other. The way of the
//! bytes: [`BlockReader`] cuts them into blocks of whole records, [`Decoder`] turns a block into
//! rows, [`DecodedStream`] does both ahead and side by side, and [`batches()`] makes batches of them
//! that know where each row is from. Records that come as separate messages take a shorter way: see
//! [`MessageDecoder`].
//!
//! What destinations that take records as bytes share is the way back: [`json_objects`],
//! [`plain_values`] and [`AvroEncoder`] make bytes of rows, and [`SchemaRegistry`] gives their schemas a
//! number.
//!
//! A record that does not decode never harms another one, and no value is shortened, wrapped or
//! guessed: it goes into its column whole, or its record is undecodable.

mod avro;
mod batches;
mod block;
mod column;
mod csv;
mod decoded;
mod encode;
mod evolution;
mod fault;
mod format;
mod infer;
mod json;
mod message;
mod original;
mod redecode;
mod registry;
mod settings;
mod shape;
mod stream;

pub use batches::{CheckedOffset, Origin, PositionForm, batches, check};
pub use block::{BLOCK_BYTES, Block, BlockKind, BlockReader, Fill, MAX_RECORD_BYTES};
pub use csv::Dialect;
pub use decoded::{Decoded, Place, Undecodable, UnknownFields};
pub use encode::{AvroEncoder, EncodedRows, json_objects, plain_values};
pub use evolution::{Evolution, FieldText, describe};
pub use format::{Decoder, Format, Outcome, check_schema};
pub use infer::Inference;
pub use message::{
    DecodedMessages, MessageDecoder, MessageDecoders, MessageSettings, Messages, MessagesBuilder,
    UndecodableMessage, is_last_of_message,
};
pub use original::Original;
pub use redecode::{Redecoding, record_decoder};
pub use registry::{SchemaRegistry, SchemaRegistrySettings, wire_prefix};
pub use settings::FormatSettings;
pub use shape::MAX_FIELDS;
pub use stream::{DecodedBlock, DecodedStream, StreamError};
