//! Whose telemetry it is.

use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::resource::v1::Resource;
use uuid::Uuid;

use super::attributes::text;

/// One run of a pipeline.
pub(super) fn of(pipeline: &str) -> Resource {
    Resource {
        attributes: vec![
            text("service.name", "wasm-sink"),
            text("service.version", env!("CARGO_PKG_VERSION")),
            text("service.instance.id", &Uuid::new_v4().to_string()),
            text("wasm_sink.pipeline", pipeline),
        ],
        ..Resource::default()
    }
}

/// What made it.
pub(super) fn scope() -> InstrumentationScope {
    InstrumentationScope {
        name: "wasm-sink".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..InstrumentationScope::default()
    }
}
