//! What a user writes: properties of librdkafka in `[connections.<label>]`, our own keys in `[source]`.

mod connection;
mod oauth;
mod properties;
mod refused;
mod source;
mod text;

pub(crate) use connection::ConnectionSettings;
pub(crate) use oauth::TokenSettings;
pub(crate) use properties::Properties;
pub(crate) use source::{OnLostPosition, Reset, SourceSettings, Tombstones, Topics, Until};
