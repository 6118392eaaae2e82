//! What stands wrong in the file, as `check` shows it.

use wasm_sink_tests::Case;

use super::{To, pipeline};

/// All that is said of a file with this in `[sink.config]`, and behind it.
fn shown(config: &str) -> String {
    let case = Case::new(&pipeline("mistaken", config), To::shared());
    let outcome = case.command("check").finish();
    assert_eq!(outcome.code(), Some(2), "{}", outcome.said());
    let folder = case.path("").display().to_string();
    outcome.said().replace(&folder, "")
}

/// `cases! { name: config; … }`: a test and a snapshot per case.
macro_rules! cases {
    ($($name:ident: $config:expr;)*) => {
        $(
            #[test]
            fn $name() {
                insta::assert_snapshot!(stringify!($name), shown($config));
            }
        )*
    };
}

cases! {
    two_keys: "key = \"id\"\nkey_template = \"{region}-{id}\"";
    template_with_a_brace: "key_template = \"{region\"";
    template_without_a_column: "key_template = \"{{region}}\"";
    keys_of_tables: "write_mode = \"upsert\"\nkey_fields = [\"id\"]\nschema_evolution = \"widen\"";
    keys_of_tables_in_a_route: "[[routes]]\ntopic = \"a\"\ntable = \"b\"\nwrite_mode = \"overwrite\"";
    name_of_a_table: "table_name = \"t\"";
    value_of_an_object: "format = \"json\"\nvalue = \"data\"";
    parts_of_one_column: "format = \"string\"\nvalue_without = [\"id\"]";
    format_and_partitioner: "format = \"protobuf\"\npartitioner = \"murmur3\"";
    column_that_is_not_there: "key = \"customer\"\nschema = [{ name = \"id\", data_type = \"int64\" }]";
}
