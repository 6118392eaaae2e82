//! Which tables we may write to. A table asks its writers for features; one that we do not know
//! would be damaged by a writer that passes over it, so it is refused by name.

use wasm_sink_core::{Blame, Error, Kind, Result};

use crate::log::Snapshot;
use crate::log::action::{Metadata, Protocol};
use crate::schema::TableSchema;

/// Features that ask nothing of a writer that only adds and removes whole files, or whose demands
/// are checked in [`refuse_used_features`].
const HARMLESS: [&str; 14] = [
    "appendOnly",
    "invariants",
    "checkConstraints",
    "changeDataFeed",
    "generatedColumns",
    "columnMapping",
    "identityColumns",
    "deletionVectors",
    "timestampNtz",
    "domainMetadata",
    "v2Checkpoint",
    "vacuumProtocolCheck",
    "inCommitTimestamp",
    "checkpointProtection",
];

const TIMESTAMP_NTZ: &str = "timestampNtz";

/// Whether what is written may need an upgrade of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Timestamps {
    /// All have a zone, or there are none.
    Zoned,
    /// One has none: a feature of the protocol.
    SomeWithoutZone,
}

/// The least protocol for a new table.
pub(crate) fn for_new_table(timestamps: Timestamps) -> Protocol {
    let plain = Protocol {
        min_reader_version: 1,
        min_writer_version: 2,
        reader_features: None,
        writer_features: None,
    };
    upgraded(&plain, timestamps).unwrap_or(plain)
}

/// What `protocol` must become to hold such columns; None where it is enough.
pub(crate) fn upgraded(protocol: &Protocol, timestamps: Timestamps) -> Option<Protocol> {
    if timestamps == Timestamps::Zoned || names_feature(protocol, TIMESTAMP_NTZ) {
        return None;
    }
    let mut reader: Vec<String> = match protocol.min_reader_version {
        3.. => protocol.reader_features.clone().unwrap_or_default(),
        2 => vec!["columnMapping".to_owned()],
        _ => Vec::new(),
    };
    // Older versions of the protocol imply these features; from 7 on they are spelt out.
    let implied: [(i32, &[&str]); 5] = [
        (2, &["appendOnly", "invariants"]),
        (3, &["checkConstraints"]),
        (4, &["changeDataFeed", "generatedColumns"]),
        (5, &["columnMapping"]),
        (6, &["identityColumns"]),
    ];
    let mut writer: Vec<String> = match protocol.min_writer_version {
        7.. => protocol.writer_features.clone().unwrap_or_default(),
        version => implied
            .iter()
            .filter(|(since, _)| version >= *since)
            .flat_map(|(_, features)| features.iter().map(|f| (*f).to_owned()))
            .collect(),
    };
    reader.push(TIMESTAMP_NTZ.to_owned());
    writer.push(TIMESTAMP_NTZ.to_owned());
    Some(Protocol {
        min_reader_version: 3,
        min_writer_version: 7,
        reader_features: Some(reader),
        writer_features: Some(writer),
    })
}

fn names_feature(protocol: &Protocol, feature: &str) -> bool {
    protocol
        .writer_features
        .as_ref()
        .is_some_and(|features| features.iter().any(|name| name == feature))
}

/// Whether rows may be added to this table.
///
/// # Errors
/// `invalid`, naming the feature that is in the way.
pub(crate) fn ensure_writable(snapshot: &Snapshot) -> Result<()> {
    let protocol = &snapshot.protocol;
    if protocol.min_reader_version > 3 || protocol.min_writer_version > 7 {
        return Err(refusal(format!(
            "asks for version {} of the Delta protocol to be read and {} to be written, and 3 and 7 \
             are the newest that are known here",
            protocol.min_reader_version, protocol.min_writer_version
        )));
    }
    let features = [&protocol.reader_features, &protocol.writer_features];
    for feature in features.into_iter().flatten().flatten() {
        if !HARMLESS.contains(&feature.as_str()) {
            return Err(refusal(format!("uses the feature `{feature}`")));
        }
    }
    refuse_used_features(&snapshot.metadata, &snapshot.schema)
}

/// Features that are in use, whatever the protocol lists.
fn refuse_used_features(metadata: &Metadata, schema: &TableSchema) -> Result<()> {
    let setting = |key: &str| metadata.configuration.get(key).and_then(Option::as_deref);
    let is_on = |key| setting(key).is_some_and(|value| value.eq_ignore_ascii_case("true"));
    if let Some(constraint) = metadata
        .configuration
        .keys()
        .find_map(|key| key.strip_prefix("delta.constraints."))
    {
        return Err(refusal(format!("has the check constraint `{constraint}`")));
    }
    if setting("delta.columnMapping.mode").is_some_and(|mode| mode != "none") {
        return Err(refusal(
            "maps its column names (`delta.columnMapping.mode`)".to_owned(),
        ));
    }
    for key in ["delta.enableRowTracking", "delta.enableInCommitTimestamps"] {
        if is_on(key) {
            return Err(refusal(format!("has `{key}` set")));
        }
    }
    for column in schema.columns() {
        let refused = ["delta.generationExpression", "delta.invariants"]
            .into_iter()
            .find(|key| column.has_metadata(key))
            .or_else(|| {
                column
                    .has_metadata("delta.identity.start")
                    .then_some("delta.identity")
            });
        if let Some(key) = refused {
            return Err(refusal(format!(
                "has the rule `{key}` on column `{}`",
                column.name()
            )));
        }
    }
    Ok(())
}

/// Whether files may be removed from this table.
pub(crate) fn is_append_only(metadata: &Metadata) -> bool {
    metadata
        .configuration
        .get("delta.appendOnly")
        .and_then(Option::as_deref)
        .is_some_and(|value| value.eq_ignore_ascii_case("true"))
}

fn refusal(what: String) -> Error {
    Error::new(
        Kind::Invalid,
        Blame::Destination,
        format!(
            "this table {what}, which this version of wasm-sink cannot honour; write to another \
             table, or switch it off there"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upgrade_spells_out_what_older_versions_imply() {
        let old = Protocol {
            min_reader_version: 1,
            min_writer_version: 4,
            reader_features: None,
            writer_features: None,
        };
        let new = upgraded(&old, Timestamps::SomeWithoutZone).unwrap();
        assert_eq!(new.reader_features, Some(vec![TIMESTAMP_NTZ.to_owned()]));
        let features = new.writer_features.clone().unwrap();
        for feature in [
            "appendOnly",
            "changeDataFeed",
            "generatedColumns",
            TIMESTAMP_NTZ,
        ] {
            assert!(features.iter().any(|name| name == feature), "{feature}");
        }
        assert_eq!(upgraded(&new, Timestamps::SomeWithoutZone), None);
        assert_eq!(upgraded(&old, Timestamps::Zoned), None);
    }
}
