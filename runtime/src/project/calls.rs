//! Who calls what in a core module that names its functions.

use std::collections::BTreeMap;

use wasmparser::{BinaryReaderError, KnownCustom, Name, Operator, Parser, Payload, TypeRef};

/// A call that stands in a function's own code.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Call<'m> {
    pub(super) caller: &'m str,
    pub(super) called: &'m str,
}

/// The calls of functions that have these names, by functions that are `looked_at`. None in a module without names.
pub(super) fn calls<'m>(
    module: &'m [u8],
    called: &[&str],
    looked_at: impl Fn(&str) -> bool,
) -> Result<Vec<Call<'m>>, BinaryReaderError> {
    let mut imported = 0;
    let mut bodies = Vec::new();
    let mut names = BTreeMap::new();
    for payload in Parser::new(0).parse_all(module) {
        match payload? {
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    if let TypeRef::Func(_) | TypeRef::FuncExact(_) = import?.ty {
                        imported += 1;
                    }
                }
            }
            Payload::CodeSectionEntry(body) => bodies.push(body),
            Payload::CustomSection(custom) => {
                if let KnownCustom::Name(sections) = custom.as_known() {
                    for section in sections {
                        if let Name::Function(functions) = section? {
                            for function in functions {
                                let function = function?;
                                names.insert(function.index, function.name);
                            }
                        }
                    }
                }
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    for (index, body) in (imported..).zip(&bodies) {
        let Some(caller) = names.get(&index).filter(|name| looked_at(name)) else {
            continue;
        };
        for operator in body.get_operators_reader()? {
            if let Operator::Call { function_index } = operator?
                && let Some(name) = names.get(&function_index)
                && called.contains(name)
            {
                found.push(Call {
                    caller,
                    called: name,
                });
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_are_found_that_are_looked_at() {
        let module = wat::parse_str(
            r#"(module
                (import "host" "now" (func $host.now (result i64)))
                (func $time.Now (result i64) call $host.now)
                (func $main.write (result i64) call $time.Now)
                (func $runtime.tick (result i64) call $time.Now)
                (func $main.flush (result i64) i64.const 0))"#,
        )
        .unwrap();
        let found = calls(&module, &["time.Now"], |name| name.starts_with("main.")).unwrap();
        let expected = Call {
            caller: "main.write",
            called: "time.Now",
        };
        assert_eq!(found, [expected]);
        assert!(calls(b"\0asm", &[], |_| true).is_err());
    }
}
