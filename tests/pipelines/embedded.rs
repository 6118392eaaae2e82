//! What docs/embedding.md says: a program with a source and a destination of its own.

use std::path::{Path, PathBuf};
use std::process::Command;

use wasm_sink_tests::{Binary, build_component, sha256, target_directory};

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/embedding");

fn component() -> PathBuf {
    let sink = Path::new(EXAMPLE).join("sink");
    build_component(&sink, "component", &target_directory().join("components"))
}

/// The same with another hash: an empty custom section at its end.
fn another(component: &Path, folder: &Path) -> PathBuf {
    let mut wasm = std::fs::read(component).unwrap();
    wasm.extend([0, 2, 1, b'x']);
    let path = folder.join("another.wasm");
    std::fs::write(&path, wasm).unwrap();
    path
}

/// The lines of a file, of which only the words count.
fn lines(path: &str) -> Vec<String> {
    let text = std::fs::read_to_string(Path::new(EXAMPLE).join(path)).unwrap();
    let lines = text.lines().map(|line| line.trim_start_matches("//!"));
    lines.map(|line| line.trim().to_owned()).collect()
}

/// What the page shows is compiled, as a part of the example or of the crate's own documentation.
#[test]
fn the_page_shows_code_that_is_compiled() {
    let compiled = [
        "../../runtime/src/embedding/mod.rs",
        "src/main.rs",
        "src/tickets.rs",
        "src/inbox/mod.rs",
    ]
    .map(lines);
    let page = lines("../../docs/embedding.md");
    let blocks = page.split(|line| line == "```rust").skip(1);
    let blocks: Vec<&[String]> = blocks
        .filter_map(|rest| rest.split(|line| line == "```").next())
        .collect();
    assert_eq!(blocks.len(), 3);
    for block in blocks {
        let is_compiled =
            |lines: &Vec<String>| lines.windows(block.len()).any(|some| some == block);
        assert!(compiled.iter().any(is_compiled), "{}", block.join("\n"));
    }
}

#[test]
fn urgent_tickets_arrive_once_across_a_swap_and_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let component = component();
    let another = another(&component, folder.path());
    let output = Command::new(Binary::find().path().with_file_name("embedding"))
        .arg(component.file_name().unwrap())
        .arg(folder.path())
        .current_dir(component.parent().unwrap())
        .arg(&another)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert_eq!(said, "", "an embedded pipeline prints nothing");
    let hash = sha256(&another);
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        format!(
            "swapped to {hash}\nfirst run: 400 urgent\nsecond run: 1600 urgent\n\
             in the inbox: 2000 tickets, 2000 different ones\n"
        )
    );
}
