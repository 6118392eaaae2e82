//! Guests as core Wasm text, wrapped into components of the contract.

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

const TYPES: &str = include_str!("../../../../wit/deps/sink/types.wit");
const SINK: &str = include_str!("../../../../wit/deps/sink/sink.wit");
const DELTA: &str = include_str!("../../../../wit/deps/delta/delta.wit");

/// What the tests' own capability looks like; see `destination`.
const DEPOT: &str = "package wasm-sink:depot@0.1.0;
interface depot {
    /// 0 where it was accepted.
    put: func(rows: u32) -> u32;
    /// 0 where it was accepted after a while.
    put-slowly: func(rows: u32) -> u32;
}";

const WASI_IO: &str = "package wasi:io@0.2.3;
interface poll { resource pollable { block: func(); } }";
const WASI_CLOCKS: &str = "package wasi:clocks@0.2.3;
interface wall-clock { record datetime { seconds: u64, nanoseconds: u32 } now: func() -> datetime; }
interface monotonic-clock {
    use wasi:io/poll@0.2.3.{pollable};
    now: func() -> u64;
    subscribe-duration: func(when: u64) -> pollable;
}";
const WASI_RANDOM: &str = "package wasi:random@0.2.3;
interface random { get-random-u64: func() -> u64; }";
const WASI_HTTP: &str = "package wasi:http@0.2.3;
interface outgoing-handler { handle: func(); }";
const WASI_NEXT: &str = "package wasi:random@0.3.0;
interface random { get-random-u64: func() -> u64; }";
const STRANGER: &str = "package other:thing@1.0.0;
interface stuff { go: func(); }";

/// A component in the making. Bodies are Wasm text; the empty one answers ok or with nothing.
/// `$open`, `$write` and so on may use `$ok`, `$fail`, and whatever `definitions` hold.
#[derive(Clone, Debug)]
pub(super) struct Guest {
    /// `import` lines of the world beside those of every sink.
    pub(super) world: &'static str,
    /// Imports of the core module.
    pub(super) imports: &'static str,
    /// Globals, functions, data.
    pub(super) definitions: &'static str,
    pub(super) config_schema: &'static str,
    pub(super) validate: &'static str,
    pub(super) open: &'static str,
    pub(super) write: &'static str,
    pub(super) flush: &'static str,
    /// Version of the contract that it is built for.
    pub(super) contract: &'static str,
    /// Pages of 64 KiB at the start.
    pub(super) pages: u32,
}

impl Default for Guest {
    fn default() -> Self {
        Self {
            world: "",
            imports: "",
            definitions: "",
            config_schema: "i32.const 16",
            validate: "i32.const 16",
            open: "call $ok",
            write: "call $ok",
            flush: "call $ok",
            contract: "0.1.0",
            pages: 2,
        }
    }
}

/// Skips one row: the least that an honest sink does.
pub(super) const SKIP_IMPORT: &str =
    r#"(import "wasm-sink:sink/epoch@0.1.0" "skip" (func $skip (param i32 i32 i32)))"#;
/// As above.
pub(super) const SKIP_ONE: &str = "(call $skip (i32.const 1) (i32.const 0) (i32.const 0)) call $ok";

impl Guest {
    /// The component's bytes.
    pub(super) fn build(&self) -> Vec<u8> {
        let Self {
            imports,
            definitions,
            config_schema,
            validate,
            open,
            write,
            flush,
            contract,
            pages,
            ..
        } = self;
        let sink = format!("wasm-sink:sink/sink@{contract}");
        self.wrap(&format!(
            r#"(module
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
                (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
                    (local $at i32)
                    (local.set $at (i32.and (i32.add (global.get $heap) (i32.const 7)) (i32.const -8)))
                    (global.set $heap (i32.add (local.get $at) (local.get 3)))
                    local.get $at)
                (func $config-schema (export "{sink}#config-schema") (result i32) {config_schema})
                (func $validate (export "{sink}#validate") (param i32 i32) (result i32) {validate})
                (func $open (export "{sink}#open") (param i32 i32) (result i32) {open})
                (func $write (export "{sink}#write") (param $rows i32) (result i32) {write})
                (func $flush (export "{sink}#flush") (result i32) {flush})
            )"#
        ))
    }

    fn wrap(&self, module: &str) -> Vec<u8> {
        let mut resolve = Resolve::default();
        let contract = format!(
            "{SINK}\n{}",
            TYPES.replace("package wasm-sink:sink@0.1.0;", "")
        )
        .replace("@0.1.0", &format!("@{}", self.contract));
        let others = [
            DELTA,
            DEPOT,
            WASI_IO,
            WASI_CLOCKS,
            WASI_RANDOM,
            WASI_HTTP,
            WASI_NEXT,
            STRANGER,
        ];
        resolve.push_source("sink.wit", &contract).unwrap();
        for other in others {
            if other != DELTA || self.contract == "0.1.0" {
                resolve.push_source("other.wit", other).unwrap();
            }
        }
        let world = format!(
            "package test:guest;
            world guest {{
                import wasm-sink:sink/epoch@{0};
                import wasm-sink:sink/dead-letters@{0};
                import wasm-sink:sink/log@{0};
                {1}
                export wasm-sink:sink/sink@{0};
            }}",
            self.contract, self.world
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
