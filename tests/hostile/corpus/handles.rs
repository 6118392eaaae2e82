//! Handles that are leaked, forged or dropped twice.

use super::case::{Case, fails};
use super::guest::Guest;

/// Those of this file.
pub fn cases() -> Vec<Case> {
    let kept = Guest {
        definitions: "(global $kept (mut i32) (i32.const 0))".to_owned(),
        flush: "(drop (call $count (i32.add (global.get $kept) (i32.const 1)))) call $ok",
        ..Guest::writing("(global.set $kept (local.get $rows)) call $ok")
    };
    vec![
        fails(
            "leaked handles",
            Guest::writing("(loop $again (drop (call $plan)) (br $again)) unreachable"),
            &["may hold no more ([limits] handles)"],
        ),
        fails(
            "leaked slices",
            Guest::writing(
                "(loop $again (call $slice (local.get $rows) (i32.const 0) (i32.const 1) (i32.const 256))
                    (br $again)) unreachable",
            ),
            &["[limits] handles"],
        ),
        fails(
            "a forged handle",
            Guest::writing("(drop (call $count (i32.const 4242))) call $ok"),
            &["trapped", "handle"],
        ),
        fails(
            "the handle of no number",
            Guest::writing("(drop (call $count (i32.const -1))) call $ok"),
            &["trapped", "handle"],
        ),
        fails(
            "a plan in a batch's place",
            Guest::writing("(drop (call $count (call $plan))) call $ok"),
            &["trapped", "handle"],
        ),
        fails(
            "dropped twice",
            Guest::writing("(call $drop (local.get $rows)) (call $drop (local.get $rows)) call $ok"),
            &["trapped", "handle"],
        ),
        fails(
            "used after it was dropped",
            Guest::writing("(call $drop (local.get $rows)) (drop (call $count (local.get $rows))) call $ok"),
            &["trapped", "handle"],
        ),
        fails("a forged handle in flush", kept, &["trapped", "handle"]),
        fails(
            "rejects what is no batch",
            Guest::writing(
                "(call $reject (i32.const 99) (i32.const 0) (i32.const 0) (i32.const 256)) call $ok",
            ),
            &["trapped", "handle"],
        ),
        fails(
            "a column list of 4 billion names",
            Guest::writing(
                "(call $ipc (local.get $rows) (i32.const 0) (i32.const -1) (i32.const 256)) call $ok",
            ),
            &["trapped"],
        ),
    ]
}
