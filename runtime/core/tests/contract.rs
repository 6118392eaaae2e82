//! The contract's text, so that no change to it goes unnoticed: sinks that were built against it
//! must keep running. Adding a function or an interface that is imported is safe; a case, a record
//! field, or anything in the exported `sink` interface is not.
//!
//! A change that is meant is accepted with `INSTA_UPDATE=always cargo test -p wasm-sink-core --test
//! contract`.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the answer")]

use std::fs;
use std::path::{Path, PathBuf};

use wit_parser::{Interface, Resolve, Type, TypeDef, TypeDefKind};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit")
}

fn files(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "wit") {
            found.push(path);
        }
    }
}

#[test]
fn text() {
    let mut paths = Vec::new();
    files(&root(), &mut paths);
    paths.sort();
    let text: String = paths
        .iter()
        .map(|path| {
            let name = path.strip_prefix(root()).unwrap().display().to_string();
            format!("// {name}\n{}\n", fs::read_to_string(path).unwrap())
        })
        .collect();
    insta::assert_snapshot!("contract", text);
}

/// Items that were looked at, and those without a word on them.
#[derive(Default)]
struct Review {
    items: usize,
    bare: Vec<String>,
}

impl Review {
    fn item(&mut self, name: String, docs: &wit_parser::Docs) {
        self.items += 1;
        if docs.is_empty() {
            self.bare.push(name);
        }
    }

    fn interface(&mut self, name: &str, interface: &Interface, resolve: &Resolve) {
        self.item(name.to_owned(), &interface.docs);
        for (function, item) in &interface.functions {
            self.item(format!("{name}.{function}"), &item.docs);
        }
        for (word, item) in &interface.types {
            self.type_def(&format!("{name}.{word}"), &resolve.types[*item]);
        }
    }

    fn type_def(&mut self, name: &str, item: &TypeDef) {
        match &item.kind {
            // A word that another interface lends is explained there.
            TypeDefKind::Type(Type::Id(_)) => return,
            TypeDefKind::Record(record) => {
                for field in &record.fields {
                    self.item(format!("{name}.{}", field.name), &field.docs);
                }
            }
            TypeDefKind::Enum(cases) => {
                for case in &cases.cases {
                    self.item(format!("{name}.{}", case.name), &case.docs);
                }
            }
            TypeDefKind::Variant(cases) => {
                for case in &cases.cases {
                    self.item(format!("{name}.{}", case.name), &case.docs);
                }
            }
            _ => {}
        }
        self.item(name.to_owned(), &item.docs);
    }
}

#[test]
fn every_item_resolves_and_says_what_it_is() {
    let mut resolve = Resolve::default();
    resolve.push_dir(root()).unwrap();
    let mut review = Review::default();
    for (_, package) in &resolve.packages {
        assert_eq!(package.name.namespace, "wasm-sink");
        let version = package.name.version.as_ref().unwrap().to_string();
        assert_eq!(version, "0.1.0", "{}: all packages share one", package.name);
        for (name, world) in &package.worlds {
            review.item(format!("world {name}"), &resolve.worlds[*world].docs);
        }
        for (name, interface) in &package.interfaces {
            review.interface(name, &resolve.interfaces[*interface], &resolve);
        }
    }
    assert!(review.items > 60, "only {} items were found", review.items);
    assert!(
        review.bare.is_empty(),
        "without a word on them: {:#?}",
        review.bare
    );
}
