//! What a user writes: properties of librdkafka in `[connections.<label>]`, our own keys in `[source]`.

mod connection;
mod properties;
mod refused;
mod source;

pub(crate) use connection::ConnectionSettings;
pub(crate) use properties::Properties;
pub(crate) use source::{OnLostPosition, Reset, SourceSettings, Tombstones, Topics, Until};
