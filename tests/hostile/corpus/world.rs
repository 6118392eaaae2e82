//! Asking for what was not granted: secrets, files, capabilities, the network.

use wasm_sink_core::error::{Blame, Kind};

use super::case::{Bytes, Case, Expected, Times, fails, harmless};
use super::guest::Guest;

const FOUND_NOTHING: &str = "(call $ask (i32.const 256))
    (if (i32.load (i32.const 260)) (then unreachable))
    (call $skip (i32.const 1) (i32.const 0) (i32.const 0)) call $ok";

fn asking(world: &'static str, imports: &'static str, write: &'static str) -> Guest {
    Guest {
        world,
        imports,
        ..Guest::writing(write)
    }
}

/// Those of this file.
pub fn cases() -> Vec<Case> {
    let environment = "import wasi:cli/environment@0.2.3;";
    let random = "import wasi:random/random@0.2.3;";
    let delta = asking(
        "import wasm-sink:delta/delta@0.1.0;",
        r#"(import "wasm-sink:delta/delta@0.1.0" "[static]table.open" (func $table (param i32 i32 i32 i32 i32)))"#,
        "(call $table (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 256)) call $ok",
    );
    vec![
        harmless(
            "the environment",
            asking(
                environment,
                r#"(import "wasi:cli/environment@0.2.3" "get-environment" (func $ask (param i32)))"#,
                FOUND_NOTHING,
            ),
        ),
        harmless(
            "the arguments",
            asking(
                environment,
                r#"(import "wasi:cli/environment@0.2.3" "get-arguments" (func $ask (param i32)))"#,
                FOUND_NOTHING,
            ),
        ),
        harmless(
            "folders",
            asking(
                "import wasi:filesystem/preopens@0.2.3;",
                r#"(import "wasi:filesystem/preopens@0.2.3" "get-directories" (func $ask (param i32)))"#,
                FOUND_NOTHING,
            ),
        ),
        harmless(
            "the time",
            asking(
                "import wasi:clocks/wall-clock@0.2.3;",
                r#"(import "wasi:clocks/wall-clock@0.2.3" "now" (func $ask (param i32)))"#,
                "(call $ask (i32.const 256))
                (if (i64.gt_u (i64.load (i32.const 256)) (i64.const 1700000100)) (then unreachable))
                (call $skip (i32.const 1) (i32.const 0) (i32.const 0)) call $ok",
            ),
        ),
        fails(
            "16 EB of randomness",
            asking(
                random,
                r#"(import "wasi:random/random@0.2.3" "get-random-bytes" (func $ask (param i64 i32)))"#,
                "(call $ask (i64.const -1) (i32.const 256)) call $ok",
            ),
            &["write"],
        ),
        fails(
            "1 TB of randomness",
            asking(
                random,
                r#"(import "wasi:random/random@0.2.3" "get-random-bytes" (func $ask (param i64 i32)))"#,
                "(call $ask (i64.const 1099511627776) (i32.const 256)) call $ok",
            ),
            &["write"],
        ),
        fails(
            "exit",
            asking(
                "import wasi:cli/exit@0.2.3;",
                r#"(import "wasi:cli/exit@0.2.3" "exit" (func $ask (param i32)))"#,
                "(call $ask (i32.const 1)) unreachable",
            ),
            &["it called exit(1)"],
        ),
        Case {
            name: "a capability that was not granted".to_owned(),
            component: Bytes::Guest(Box::new(delta)),
            expected: Expected::Refused {
                kind: Kind::Denied,
                blame: Blame::Configuration,
                says: &["wasm-sink:delta", "type = \"delta\""],
            },
            memory_bytes: None,
            times: Times::EachRound,
        },
    ]
}
