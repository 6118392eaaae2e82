//! Calls that never end, eat what there is, trap, or answer what makes no sense.

use wasm_sink_core::error::Kind;

use super::case::{Case, fails, harmless, refused};
use super::guest::Guest;

const LOOP: &str = "(loop $again (br $again)) unreachable";
const DEADLINE: &[&str] = &["[limits] call_deadline_ms"];
const MEMORY: &[&str] = &["out of memory", "[limits] memory"];

/// Room for a string of 1 GB, and what else there is.
const GIGABYTE_PAGES: u32 = 16_400;
const MORE_THAN_A_GIGABYTE: usize = 1100 << 20;

/// A guest whose core module does this where it starts.
fn starting(body: &str) -> Guest {
    Guest {
        definitions: format!("(func $run {body}) (start $run)"),
        ..Guest::default()
    }
}

/// The same body in each export.
fn everywhere(what: &str, body: &'static str, says: &'static [&'static str]) -> Vec<Case> {
    let guest = Guest::default;
    let calls = [
        (
            "config-schema",
            Guest {
                config_schema: body,
                ..guest()
            },
        ),
        (
            "validate",
            Guest {
                validate: body,
                ..guest()
            },
        ),
        (
            "open",
            Guest {
                open: body,
                ..guest()
            },
        ),
        (
            "write",
            Guest {
                write: body,
                ..guest()
            },
        ),
        (
            "flush",
            Guest {
                flush: body,
                ..guest()
            },
        ),
    ];
    calls
        .into_iter()
        .map(|(call, guest)| fails(&format!("{what} in {call}"), guest, says))
        .collect()
}

/// Those of this file.
pub fn cases() -> Vec<Case> {
    let mut cases = everywhere("loop", LOOP, DEADLINE);
    cases.extend(everywhere(
        "trap",
        "unreachable",
        &["trapped", "unreachable"],
    ));
    cases.extend(everywhere(
        "an answer beyond its memory",
        "i32.const -8",
        &["trapped"],
    ));
    cases.push(fails(
        "loop in start",
        starting("(loop $again (br $again))"),
        DEADLINE,
    ));
    cases.push(fails(
        "trap in start",
        starting("unreachable"),
        &["trapped"],
    ));
    cases.push(fails(
        "recursion in start",
        starting("(call $run)"),
        &["stack"],
    ));
    cases.extend(afterwards());
    cases.extend(allocators());
    cases.extend(loops());
    cases.extend(memory());
    cases.extend(strings());
    cases.extend(verdicts());
    cases
}

/// In what a call leaves to be given back, when its answer was read.
fn afterwards() -> Vec<Case> {
    let after = |call: &str, body: &str| Guest {
        definitions: format!(
            "(func (export \"cabi_post_wasm-sink:sink/sink@0.1.0#{call}\") (param i32) {body})"
        ),
        ..Guest::default()
    };
    let mut cases = Vec::new();
    for call in ["config-schema", "validate", "open", "write", "flush"] {
        cases.push(fails(
            &format!("trap after the answer to {call}"),
            after(call, "unreachable"),
            &["trapped"],
        ));
        cases.push(fails(
            &format!("loop after the answer to {call}"),
            after(call, LOOP),
            DEADLINE,
        ));
    }
    cases
}

fn allocators() -> Vec<Case> {
    let allocating = |allocate| Guest {
        allocate,
        ..Guest::default()
    };
    vec![
        fails(
            "an allocator that traps",
            allocating("unreachable"),
            &["trapped"],
        ),
        fails("an allocator without end", allocating(LOOP), DEADLINE),
        fails(
            "an allocator of what is beyond",
            allocating("i32.const -8"),
            &["trapped"],
        ),
        fails(
            "an allocator that gives everything the same place",
            allocating("i32.const -1"),
            &["trapped"],
        ),
    ]
}

fn loops() -> Vec<Case> {
    let recursion = Guest {
        definitions: "(func $deeper (call $deeper))".to_owned(),
        ..Guest::writing("(call $deeper) call $ok")
    };
    vec![
        fails("recursion without end", recursion, &["stack"]),
        fails(
            "loop of host calls",
            Guest::writing("(loop $again (call $within (i32.const 5)) (br $again)) unreachable"),
            DEADLINE,
        ),
        fails(
            "loop of kernels",
            Guest::writing(
                "(loop $again (global.set $heap (i32.const 65536))
                    (call $ipc (local.get $rows) (i32.const 0) (i32.const 0) (i32.const 256))
                    (br $again)) unreachable",
            ),
            DEADLINE,
        ),
        fails(
            "log lines without end",
            Guest::writing(
                "(loop $again (call $log (i32.const 3) (i32.const 1024) (i32.const 100)) (br $again)) unreachable",
            ),
            DEADLINE,
        ),
    ]
}

fn memory() -> Vec<Case> {
    vec![
        fails(
            "memory by steps",
            Guest::writing(
                "(loop $again (br_if $again (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) unreachable",
            ),
            MEMORY,
        ),
        fails(
            "memory at once",
            Guest::writing("(drop (memory.grow (i32.const 65000))) unreachable"),
            MEMORY,
        ),
        fails(
            "memory before it starts",
            Guest {
                pages: 60_000,
                ..Guest::default()
            },
            MEMORY,
        ),
        harmless(
            "memory that it does without",
            Guest::writing(
                "(drop (memory.grow (i32.const 65000)))
                (call $skip (i32.const 1) (i32.const 0) (i32.const 0)) call $ok",
            ),
        ),
        fails(
            "a table of 5 million functions",
            Guest {
                definitions: "(table $t 1 funcref)".to_owned(),
                ..Guest::writing(
                    "(drop (table.grow $t (ref.null func) (i32.const 5000000))) unreachable",
                )
            },
            &["tables of", "keep fewer functions"],
        ),
    ]
}

fn strings() -> Vec<Case> {
    vec![
        fails(
            "a reason of 1 GB that is not there",
            Guest::writing(
                "(call $skip (i32.const 1) (i32.const 0) (i32.const 0x40000000)) call $ok",
            ),
            &["trapped"],
        ),
        fails(
            "a line of 4 GB that is not there",
            Guest::writing("(call $log (i32.const 1) (i32.const 0) (i32.const -1)) call $ok"),
            &["trapped"],
        ),
        harmless(
            "a million lines",
            Guest {
                pages: 50,
                ..Guest::writing(
                    "(local $at i32) (local.set $at (i32.const 65536))
                    (loop $again
                        (i64.store (local.get $at) (i64.const 0x0a780a780a780a78))
                        (br_if $again (i32.lt_u
                            (local.tee $at (i32.add (local.get $at) (i32.const 8))) (i32.const 2065536))))
                    (call $log (i32.const 1) (i32.const 65536) (i32.const 2000000))
                    (call $skip (i32.const 1) (i32.const 0) (i32.const 0)) call $ok",
                )
            },
        ),
        harmless(
            "a line of 3 MB",
            Guest {
                pages: 50,
                ..Guest::writing(
                    "(memory.fill (i32.const 65536) (i32.const 120) (i32.const 3000000))
                    (call $log (i32.const 1) (i32.const 65536) (i32.const 3000000))
                    (call $skip (i32.const 1) (i32.const 0) (i32.const 0)) call $ok",
                )
            },
        ),
        harmless(
            "a million calls for a line each",
            Guest::writing(
                "(local $n i32)
                (loop $again
                    (call $log (i32.const 1) (i32.const 1024) (i32.const 1))
                    (br_if $again (i32.lt_u
                        (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 1000000))))
                (call $skip (i32.const 1) (i32.const 0) (i32.const 0)) call $ok",
            ),
        )
        .once_with(4 << 20),
        fails(
            "a line of 1 GB",
            Guest {
                pages: GIGABYTE_PAGES,
                ..Guest::writing(
                    "(call $log (i32.const 1) (i32.const 65536) (i32.const 0x40000000)) call $ok",
                )
            },
            &["trapped"],
        )
        .once_with(MORE_THAN_A_GIGABYTE),
        fails(
            "a reason of 1 GB",
            Guest {
                pages: GIGABYTE_PAGES,
                ..Guest::writing(
                    "(call $skip (i32.const 1) (i32.const 65536) (i32.const 0x40000000)) call $ok",
                )
            },
            &["trapped"],
        )
        .once_with(MORE_THAN_A_GIGABYTE),
        fails(
            "an error of 1 GB that is there",
            Guest {
                pages: GIGABYTE_PAGES,
                ..Guest::writing(
                    "(call $fail (i32.const 0) (i32.const 65536) (i32.const 0x40000000))",
                )
            },
            &["trapped"],
        )
        .once_with(MORE_THAN_A_GIGABYTE),
        fails(
            "a schema of 1 GB",
            Guest {
                pages: GIGABYTE_PAGES,
                config_schema: "(i32.store (i32.const 16) (i32.const 65536))
                    (i32.store (i32.const 20) (i32.const 0x40000000)) i32.const 16",
                ..Guest::default()
            },
            &["trapped"],
        )
        .once_with(MORE_THAN_A_GIGABYTE),
        fails(
            "a line that is no text",
            Guest::writing(
                "(i32.store (i32.const 256) (i32.const -1))
                (call $log (i32.const 1) (i32.const 256) (i32.const 4)) call $ok",
            ),
            &["trapped", "utf-8"],
        ),
        fails(
            "a level that does not exist",
            Guest::writing("(call $log (i32.const 77) (i32.const 0) (i32.const 0)) call $ok"),
            &["trapped"],
        ),
        fails(
            "an error of 1 GB",
            Guest::writing("(call $fail (i32.const 0) (i32.const 0) (i32.const 0x40000000))"),
            &["trapped"],
        ),
        fails(
            "an error of a kind that does not exist",
            Guest::writing("(call $fail (i32.const 99) (i32.const 0) (i32.const 0))"),
            &["trapped"],
        ),
        fails(
            "an error without words",
            Guest::writing("(call $fail (i32.const 0) (i32.const 0) (i32.const 0))"),
            &["it gave no reason"],
        ),
    ]
}

fn verdicts() -> Vec<Case> {
    vec![
        fails(
            "silence",
            Guest::writing("call $ok"),
            &["took 3 rows", "`skip`"],
        ),
        harmless(
            "more rows skipped than there are",
            Guest::writing("(call $skip (i32.const -1) (i32.const 0) (i32.const 0)) call $ok"),
        ),
        harmless(
            "a commit in 49 days, and at once",
            Guest::writing(
                "(call $within (i32.const -1)) (call $within (i32.const 0))
                (call $skip (i32.const 1) (i32.const 0) (i32.const 0)) call $ok",
            ),
        ),
        refused(
            "too many dead letters",
            Guest::writing(
                "(call $reject (local.get $rows) (i32.const 0) (i32.const 0) (i32.const 256))
                (call $pass_on (i32.const 256))",
            ),
            Kind::Invalid,
            &["3 dead letters", "dead_letters"],
        ),
        harmless(
            "a row rejected a thousand times",
            Guest::writing(
                "(call $slice (local.get $rows) (i32.const 0) (i32.const 1) (i32.const 256))
                (loop $again (call $reject (i32.load (i32.const 260)) (i32.const 0) (i32.const 0) (i32.const 272))
                    (i32.store (i32.const 512) (i32.add (i32.load (i32.const 512)) (i32.const 1)))
                    (br_if $again (i32.lt_u (i32.load (i32.const 512)) (i32.const 1000))))
                (call $pass_on (i32.const 272))",
            ),
        ),
        refused(
            "rows that there are not",
            Guest::writing(
                "(call $slice (local.get $rows) (i32.const 2) (i32.const -1) (i32.const 256))
                (call $pass_on (i32.const 256))",
            ),
            Kind::Invalid,
            &["out of range", "the batch has 3"],
        ),
        refused(
            "rows rejected by an error",
            Guest::writing("(call $fail (i32.const 5) (i32.const 0) (i32.const 0))"),
            Kind::Rejected,
            &["it gave no reason"],
        ),
    ]
}
