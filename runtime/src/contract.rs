//! The contract as text, for those who build components.

use std::collections::BTreeMap;

use crate::connectors::{BUILT, Connector};
use crate::engine::CONTRACT;

const TYPES: &str = include_str!("../../wit/deps/sink/types.wit");
const SINK: &str = include_str!("../../wit/deps/sink/sink.wit");

/// The file that says what a component may do.
pub(crate) const WORLD_FILE: &str = "world.wit";
/// The package in that file.
pub(crate) const PACKAGE: &str = "my:component";
/// The world in that file.
pub(crate) const WORLD: &str = "sink";

/// A WIT folder with the contract, these capabilities, and a world that imports them: paths and texts.
pub(crate) fn files(capabilities: &[&Connector]) -> Vec<(String, String)> {
    let texts: BTreeMap<_, _> = capabilities
        .iter()
        .map(|connector| {
            (
                connector.name,
                connector.capability.map_or("", |capability| capability.wit),
            )
        })
        .collect();
    let imports: String = texts
        .keys()
        .map(|name| format!("    import wasm-sink:{name}/{name}@{CONTRACT};\n"))
        .collect();
    let world = format!(
        "package {PACKAGE};\n\n\
         /// What the component may do, and what the host calls.\n\
         world {WORLD} {{\n    include wasm-sink:sink/sink-component@{CONTRACT};\n{imports}}}\n"
    );
    let mut files = vec![
        ("deps/sink/types.wit".to_owned(), TYPES.to_owned()),
        ("deps/sink/sink.wit".to_owned(), SINK.to_owned()),
        (WORLD_FILE.to_owned(), world),
    ];
    let texts = texts.into_iter();
    files.extend(texts.map(|(name, text)| (format!("deps/{name}/{name}.wit"), text.to_owned())));
    files
}

/// The connectors that components can write to.
pub(crate) fn capabilities() -> impl Iterator<Item = &'static Connector> {
    BUILT
        .iter()
        .filter(|connector| connector.capability.is_some())
}

/// The connector whose capability has this name.
///
/// # Errors
/// There is none; the names that there are.
pub(crate) fn capability(text: &str) -> Result<&'static Connector, String> {
    let found = capabilities().find(|connector| connector.name == text);
    found.ok_or_else(|| {
        let names: Vec<_> = capabilities().map(|connector| connector.name).collect();
        format!(
            "`{text}` is no capability of this build, which has {}",
            names.join(", ")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_that_there_are_not_are_refused() {
        let refused = capability("oracle").unwrap_err();
        assert!(refused.contains("delta"), "{refused}");
    }
}
