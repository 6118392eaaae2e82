//! Every code that a mistake in pipeline.toml can have, apart from those that connectors add.

use wasm_sink_core::settings::code;

macro_rules! codes {
    ($($name:ident = $text:expr, $meaning:literal;)*) => {
        /// What kind of mistake it is. The text is stable: documentation and scripts refer to it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Code {
            $(#[doc = $meaning] $name,)*
        }

        impl Code {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The stable text.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }

            /// What it means, in one sentence.
            pub const fn meaning(self) -> &'static str {
                match self {
                    $(Self::$name => $meaning,)*
                }
            }
        }
    };
}

codes! {
    Syntax = "syntax", "The file is not TOML.";
    NotUtf8 = "not-utf8", "The file is not UTF-8 text.";
    DuplicateKey = "duplicate-key", "A key or a table stands twice.";
    UnknownKey = code::UNKNOWN_KEY, "Nothing reads this key.";
    MissingKey = code::MISSING_KEY, "A key or a table must be there and is not.";
    WrongType = code::WRONG_TYPE, "The value is of another type than the key takes.";
    BadValue = code::BAD_VALUE, "The value is of the right type and makes no sense.";
    SecretInFile = code::SECRET_IN_FILE, "A secret stands in the file instead of the environment.";
    BadName = "bad-name", "A name has characters that names do not have, or too many.";
    KeysExclude = "keys-exclude", "Of two keys that say the same, only one may be there.";
    BadVariable = "bad-variable", "`${` begins something that names no environment variable.";
    MissingVariable = "missing-variable", "An environment variable is not set, or is not UTF-8 text.";
    VariableReachesComponent = "variable-reaches-component",
        "A variable stands in `[sink.config]` or `[[routes]]`, which the component sees, without being granted.";
    UnknownConnector = "unknown-connector", "No connector has this name.";
    ConnectorNotBuilt = "connector-not-built", "This build was made without the connector's Cargo feature.";
    NotASource = "not-a-source", "Records cannot be read from this connector.";
    NoConnection = "no-connection", "This connector has no connections.";
    NotForComponents = "not-for-components", "Components cannot use connections of this connector.";
    UnknownConnection = "unknown-connection", "No connection has this label.";
    UnusedConnection = "unused-connection", "Nothing uses this connection; a warning.";
    UnknownComponent = "unknown-component", "No built-in component has this name.";
    ComponentNotFound = "component-not-found", "There is no file at the component's path.";
    UnsupportedComponent = "unsupported-component", "Components are not loaded from there.";
    NotLoopback = "not-loopback", "The admin address can be reached from other machines, and asks for no token.";
    GrpcPort = "grpc-port", "Collectors take gRPC at this port, and telemetry is sent by HTTP; a warning.";
    SinkConfig = "sink-config", "The component does not take what stands in `[sink.config]` or `[[routes]]`.";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::Code;

    #[test]
    fn codes_are_unique_and_written_alike() {
        let texts: BTreeSet<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(texts.len(), Code::ALL.len());
        for text in texts {
            let is_kebab = text
                .bytes()
                .all(|b| b == b'-' || b.is_ascii_lowercase() || b.is_ascii_digit());
            assert!(is_kebab, "{text}");
        }
    }
}
