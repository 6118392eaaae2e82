//! Guests as core Wasm text, wrapped into components of the contract.

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

const TYPES: &str = include_str!("../../../wit/deps/sink/types.wit");
const SINK: &str = include_str!("../../../wit/deps/sink/sink.wit");
const DELTA: &str = include_str!("../../../wit/deps/delta/delta.wit");

/// As much of the world outside as the corpus asks for.
const OUTSIDE: [&str; 5] = [
    "package wasi:cli@0.2.3;
    interface environment {
        get-environment: func() -> list<tuple<string, string>>;
        get-arguments: func() -> list<string>;
        initial-cwd: func() -> option<string>;
    }
    interface exit { exit: func(status: result); }",
    "package wasi:filesystem@0.2.3;
    interface types { resource descriptor {} }
    interface preopens {
        use types.{descriptor};
        get-directories: func() -> list<tuple<descriptor, string>>;
    }",
    "package wasi:clocks@0.2.3;
    interface wall-clock { record datetime { seconds: u64, nanoseconds: u32 } now: func() -> datetime; }",
    "package wasi:random@0.2.3;
    interface random { get-random-u64: func() -> u64; get-random-bytes: func(len: u64) -> list<u8>; }",
    "package wasi:http@0.2.3;
    interface outgoing-handler { handle: func(); }",
];

/// What every guest may call, by the contract.
const CALLS: &str = r#"
(import "wasm-sink:sink/epoch@VERSION" "skip" (func $skip (param i32 i32 i32)))
(import "wasm-sink:sink/epoch@VERSION" "commit-within" (func $within (param i32)))
(import "wasm-sink:sink/log@VERSION" "write" (func $log (param i32 i32 i32)))
(import "wasm-sink:sink/dead-letters@VERSION" "reject" (func $reject (param i32 i32 i32 i32)))
(import "wasm-sink:sink/types@VERSION" "[constructor]plan" (func $plan (result i32)))
(import "wasm-sink:sink/types@VERSION" "[resource-drop]batch" (func $drop (param i32)))
(import "wasm-sink:sink/types@VERSION" "[method]batch.row-count" (func $count (param i32) (result i32)))
(import "wasm-sink:sink/types@VERSION" "[method]batch.slice" (func $slice (param i32 i32 i32 i32)))
(import "wasm-sink:sink/types@VERSION" "[method]batch.ipc" (func $ipc (param i32 i32 i32 i32)))
(import "wasm-sink:sink/types@VERSION" "[static]batch.from-ipc" (func $from_ipc (param i32 i32 i32)))
"#;

/// A component in the making. Bodies are Wasm text; the empty one answers ok or with nothing. They may use what
/// `CALLS` has, `$ok`, `$fail` and `$pass_on`, and whatever `definitions` hold.
#[derive(Clone)]
pub struct Guest {
    /// `import` lines of the world beside those of every sink.
    pub world: &'static str,
    /// Imports of the core module beside those of every guest.
    pub imports: &'static str,
    /// Globals, functions, data.
    pub definitions: String,
    /// The body of `config-schema`.
    pub config_schema: &'static str,
    /// The body of `validate`.
    pub validate: &'static str,
    /// The body of `open`.
    pub open: &'static str,
    /// The body of `write`.
    pub write: &'static str,
    /// The body of `flush`.
    pub flush: &'static str,
    /// The body of what gives the host memory for arguments and answers.
    pub allocate: &'static str,
    /// Version of the contract that it is built for.
    pub contract: &'static str,
    /// Pages of 64 KiB at the start.
    pub pages: u32,
}

impl Default for Guest {
    fn default() -> Self {
        Self {
            world: "",
            imports: "",
            definitions: String::new(),
            config_schema: "i32.const 16",
            validate: "i32.const 16",
            open: "call $ok",
            write: "(call $skip (i32.const 1) (i32.const 0) (i32.const 0)) call $ok",
            flush: "call $ok",
            allocate: "(local $at i32)
                (local.set $at (i32.and (i32.add (global.get $heap) (i32.const 7)) (i32.const -8)))
                (global.set $heap (i32.add (local.get $at) (local.get 3)))
                local.get $at",
            contract: "0.1.0",
            pages: 2,
        }
    }
}

impl Guest {
    /// One that misbehaves in `write`.
    pub fn writing(write: &'static str) -> Self {
        Self {
            write,
            ..Self::default()
        }
    }

    /// The component's bytes.
    pub fn build(&self) -> Vec<u8> {
        let Self {
            imports,
            definitions,
            config_schema,
            validate,
            open,
            write,
            flush,
            allocate,
            contract,
            pages,
            ..
        } = self;
        let sink = format!("wasm-sink:sink/sink@{contract}");
        let calls = CALLS.replace("VERSION", contract);
        self.wrap(&format!(
            r#"(module
                {calls}
                {imports}
                (memory (export "memory") {pages})
                (global $heap (mut i32) (i32.const 65536))
                {definitions}
                (func $ok (result i32) (i32.store8 (i32.const 64) (i32.const 0)) i32.const 64)
                (func $fail (param $kind i32) (param $text i32) (param $length i32) (result i32)
                    (i32.store8 (i32.const 128) (i32.const 1))
                    (i32.store8 (i32.const 132) (local.get $kind))
                    (i32.store (i32.const 136) (local.get $text))
                    (i32.store (i32.const 140) (local.get $length))
                    (i32.store8 (i32.const 144) (i32.const 0))
                    i32.const 128)
                (func $pass_on (param $at i32) (result i32)
                    (if (result i32) (i32.load8_u (local.get $at))
                        (then (call $fail (i32.load8_u offset=4 (local.get $at))
                            (i32.load offset=8 (local.get $at)) (i32.load offset=12 (local.get $at))))
                        (else call $ok)))
                (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) {allocate})
                (func $config-schema (export "{sink}#config-schema") (result i32) {config_schema})
                (func $validate (export "{sink}#validate") (param i32 i32) (result i32) {validate})
                (func $open (export "{sink}#open") (param i32 i32) (result i32) {open})
                (func $write (export "{sink}#write") (param $rows i32) (result i32) {write})
                (func $flush (export "{sink}#flush") (result i32) {flush})
            )"#
        ))
    }

    fn wrap(&self, module: &str) -> Vec<u8> {
        let version = self.contract;
        let mut resolve = Resolve::default();
        let contract = format!(
            "{SINK}\n{}",
            TYPES.replace("package wasm-sink:sink@0.1.0;", "")
        )
        .replace("@0.1.0", &format!("@{version}"));
        resolve.push_source("sink.wit", &contract).unwrap();
        if version == "0.1.0" {
            resolve.push_source("delta.wit", DELTA).unwrap();
        }
        for outside in OUTSIDE {
            resolve.push_source("outside.wit", outside).unwrap();
        }
        let world = format!(
            "package test:guest;
            world guest {{
                import wasm-sink:sink/types@{version};
                import wasm-sink:sink/epoch@{version};
                import wasm-sink:sink/dead-letters@{version};
                import wasm-sink:sink/log@{version};
                {}
                export wasm-sink:sink/sink@{version};
            }}",
            self.world
        );
        let package = resolve.push_source("guest.wit", &world).unwrap();
        let world = resolve.select_world(&[package], Some("guest")).unwrap();
        let mut module = wat::parse_str(module).unwrap();
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
        ComponentEncoder::default()
            .validate(true)
            .module(&module)
            .unwrap()
            .encode()
            .unwrap()
    }
}
