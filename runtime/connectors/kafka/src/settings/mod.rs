//! What a user writes: properties of librdkafka in `[connections.<label>]`, our own keys in `[source]`.

mod properties;
mod refused;
mod source;

pub(crate) use properties::Properties;
pub(crate) use source::{OnLostPosition, Reset, SourceSettings, Tombstones, Topics, Until};
