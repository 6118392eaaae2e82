//! A snapshot per mistake: exactly what a terminal without colours shows.

use super::read;
use crate::config::Style;

const SOURCE: &str = "[source]\ntype = \"files\"\npath = \"data/*.jsonl\"\n";
const SINK: &str = "[sink]\ncomponent = \"discard\"\n";
const LAKE: &str = "[connections.lake]\ntype = \"lake\"\npath = \"./table\"\n";
const SINK_LAKE: &str = "[sink]\ncomponent = \"delta\"\nconnection = \"lake\"\n";

/// All that is wrong with a file of these parts.
fn shown(parts: &[&str]) -> String {
    match read(&parts.concat()) {
        Ok(pipeline) => pipeline.warning_diagnostics().render(Style::Plain),
        Err(diagnostics) => {
            assert!(
                !diagnostics.mistakes.is_empty(),
                "refused without a mistake"
            );
            diagnostics.render(Style::Plain)
        }
    }
}

/// `cases! { name: parts; … }`: a test per case.
macro_rules! cases {
    ($($name:ident: [$($part:expr),* $(,)?];)*) => {
        $(
            #[test]
            fn $name() {
                insta::assert_snapshot!(stringify!($name), shown(&[$($part),*]));
            }
        )*
    };
}

cases! {
    empty_file: [""];
    not_toml: ["name = payments\n", SOURCE, "[sink\ncomponent = \"delta\"\n"];
    key_twice: ["name = \"p\"\nname = \"q\"\n", SOURCE, SINK];
    table_twice: ["name = \"p\"\n", SOURCE, SINK, SOURCE];
    huge_number: ["name = \"p\"\n", SOURCE, SINK, "[epoch]\nmax_rows = 99999999999999999999\n"];
    bad_pipeline_name: ["name = \"../payments\"\n", SOURCE, SINK];
    unknown_keys: ["name = \"p\"\nstate-dir = \"x\"\ncolour = 1\n", SOURCE, SINK];
    source_is_text: ["name = \"p\"\nsource = \"files\"\n", SINK];
    source_without_type: ["name = \"p\"\n[source]\npath = \"x\"\n", SINK];
    source_with_both: ["name = \"p\"\n[source]\ntype = \"files\"\nconnection = \"lake\"\n", LAKE, SINK_LAKE];
    source_key: ["name = \"p\"\n[source]\ntype = \"files\"\npaht = \"x\"\nformat = \"jsno\"\n", SINK];
    unknown_connector: ["name = \"p\"\n[source]\ntype = \"fiels\"\n", SINK];
    unknown_connector_far: ["name = \"p\"\n[source]\ntype = \"carrier-pigeon\"\n", SINK];
    connector_not_built: ["name = \"p\"\n[source]\ntype = \"warehouse\"\n", SINK];
    connector_without_a_word: ["name = \"p\"\n[source]\ntype = \"mute\"\n", SINK];
    source_without_connection: ["name = \"p\"\n[source]\ntype = \"broker\"\n", SINK];
    not_a_source: ["name = \"p\"\n[source]\nconnection = \"lake\"\n", LAKE, SINK_LAKE];
    connection_not_needed: ["name = \"p\"\n[connections.in]\ntype = \"files\"\n[source]\nconnection = \"in\"\n", SINK];
    connection_is_text: ["name = \"p\"\n", SOURCE, "[connections]\nlake = \"s3://lake\"\n", SINK_LAKE];
    connection_label: ["name = \"p\"\n", SOURCE, "[connections.\"my lake\"]\ntype = \"lake\"\npath = \"x\"\n", SINK];
    unknown_connection: ["name = \"p\"\n", SOURCE, LAKE, "[sink]\ncomponent = \"delta\"\nconnection = \"lkae\"\n"];
    no_connections_at_all: ["name = \"p\"\n", SOURCE, SINK_LAKE];
    dead_letters_in_two_places: ["name = \"p\"\n", SOURCE, SINK, "[connections.k]\ntype = \"broker\"\npath = \"x\"\n[dead_letters]\npath = \"x\"\nconnection = \"k\"\n"];
    dead_letters_without_connection: ["name = \"p\"\n", SOURCE, SINK, "[dead_letters]\ntopic = \"x\"\n"];
    dead_letters_to_a_lake: ["name = \"p\"\n", SOURCE, SINK, LAKE, "[dead_letters]\nconnection = \"lake\"\ntopic = \"x\"\n"];
    unused_connection: ["name = \"p\"\n", SOURCE, LAKE, SINK];
    not_for_components: ["name = \"p\"\n", SOURCE, "[connections.audit]\ntype = \"log\"\npath = \"x\"\n", "[sink]\ncomponent = \"delta\"\nconnection = \"audit\"\n"];
    sink_with_both: ["name = \"p\"\n", SOURCE, LAKE, SINK_LAKE, "connections = { default = \"lake\" }\n"];
    roles: ["name = \"p\"\n", SOURCE, LAKE, "[sink]\ncomponent = \"delta\"\nconnections = { default = \"lake\", \"a b\" = \"lake\", raw = 1, other = \"pond\" }\n"];
    unknown_component: ["name = \"p\"\n", SOURCE, "[sink]\ncomponent = \"detla\"\n"];
    component_not_found: ["name = \"p\"\n", SOURCE, "[sink]\ncomponent = \"./my_sink.wasm\"\n"];
    component_from_registry: ["name = \"p\"\n", SOURCE, "[sink]\ncomponent = \"oci://registry/name@sha256:abc\"\n"];
    numbers: [
        "name = \"p\"\n", SOURCE, SINK,
        "[epoch]\nmax_rows = 0\nmax_bytes = \"64 MiBs\"\nmax_ms = 100\nmin_commit_ms = 200\n",
        "[limits]\nmemory = \"8GiB\"\ntasks = 0\nmax_rejected = 20_000\ncall_deadline_ms = 1.5\n",
        "[retry]\ninitial_ms = 50_000\n",
    ];
    routes_in_single_brackets: ["name = \"p\"\n", SOURCE, SINK, "[routes]\ntopic = \"a\"\ntable = \"b\"\n"];
    routes_are_text: ["name = \"p\"\nroutes = \"orders\"\n", SOURCE, SINK];
    routes_in_sink_config: [
        "name = \"p\"\n", SOURCE, SINK, "[[sink.config.routes]]\ntopic = \"a\"\ntable = \"b\"\n",
        "[[routes]]\ntopic = \"a\"\ntable = \"b\"\n",
    ];
    variable_in_routes: ["name = \"p\"\n[[routes]]\ntopic = \"${STAGE}.orders\"\ntable = \"b\"\n", SOURCE, SINK];
    admin_address: ["name = \"p\"\n", SOURCE, SINK, "[admin]\naddress = \"9464\"\n"];
    admin_for_everybody: ["name = \"p\"\n", SOURCE, SINK, "[admin]\naddress = \"0.0.0.0:9464\"\n"];
    telemetry_without_collector: ["name = \"p\"\n", SOURCE, SINK, "[telemetry]\nsample = 2\ninterval = 1\n"];
    telemetry_is_no_url: ["name = \"p\"\n", SOURCE, SINK, "[telemetry]\notlp = \"localhost:4318\"\ninterval_ms = 1\n"];
    telemetry_names_a_user: ["name = \"p\"\n", SOURCE, SINK, "[telemetry]\notlp = \"http://me:hunter2@localhost:4318\"\n"];
    telemetry_by_grpc: ["name = \"p\"\n", SOURCE, SINK, "[telemetry]\notlp = \"http://localhost:4317\"\n"];
    telemetry_header_in_file: ["name = \"p\"\n", SOURCE, SINK, "[telemetry]\notlp = \"http://localhost:4318\"\nheaders = { \"x-scope\" = \"hunter2\", \"a b\" = \"${LONG_SECRET}\" }\n"];
    admin_token_in_file: ["name = \"p\"\n", SOURCE, SINK, "[admin]\naddress = \"0.0.0.0:9464\"\ntoken = \"0123456789abcdef\"\n"];
    admin_token_too_short: ["name = \"p\"\n", SOURCE, SINK, "[admin]\naddress = \"0.0.0.0:9464\"\ntoken = \"${SHORT_SECRET}\"\n"];
    missing_variables: ["name = \"p\"\n[source]\ntype = \"files\"\npath = \"${DATA}/${DATA}/${MORE}\"\n", SINK];
    broken_variable: ["name = \"p\"\n[source]\ntype = \"files\"\npath = \"${DATA\"\n", SINK];
    variable_in_sink_config: ["name = \"p\"\n", SOURCE, SINK, "[sink.config]\nstage = \"${STAGE}\"\n"];
    env_of_sink: ["name = \"p\"\n", SOURCE, SINK, "env = [\"${STAGE}\"]\n"];
    sink_config_numbers: ["name = \"p\"\n", SOURCE, SINK, "[sink.config]\nratio = nan\n"];
    carriage_returns_and_tabs: ["name\t=\t\"p\"\r\n[source]\r\n\ttype\t= \"fiels\"\r\n", SINK];
}
