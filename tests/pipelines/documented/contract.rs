//! docs/contract.md: what stands in wit/, to be read.

use std::fmt::Write as _;
use std::path::Path;

use wit_parser::{
    Docs, Function, FunctionKind, Handle, Interface, InterfaceId, Resolve, Type, TypeDefKind,
    TypeId, WorldItem,
};

const UPDATE: &str = "WASM_SINK_UPDATE_DOCS";

const INTRODUCTION: &str = "# The contract

What a component exports and what it may import, in the words of [WIT](https://component-model.bytecodealliance.org/design/wit.html).
`wasm-sink wit` writes the files that this page is made of, for those who bring their own toolchain; the SDKs of
[each language](sinks.md) have the same in that language's manner. [components.md](components.md) says how the host deals
with components.
";

struct Page<'a> {
    resolve: &'a Resolve,
    text: String,
}

/// The comment of an item as one paragraph.
fn prose(docs: &Docs) -> String {
    let text = docs.contents.as_deref().unwrap_or_default();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl Page<'_> {
    fn interface(&mut self, id: InterfaceId, heading: &str) {
        let interface = &self.resolve.interfaces[id];
        let _ = writeln!(self.text, "\n### {heading}\n\n{}", prose(&interface.docs));
        for (name, id) in &interface.types {
            self.type_definition(interface, name, *id);
        }
        let free = |function: &&Function| matches!(function.kind, FunctionKind::Freestanding);
        let functions: Vec<_> = interface.functions.values().filter(free).collect();
        if !functions.is_empty() {
            self.text.push('\n');
        }
        for function in functions {
            self.function(function);
        }
    }

    fn type_definition(&mut self, interface: &Interface, name: &str, id: TypeId) {
        let definition = &self.resolve.types[id];
        let cases: Vec<(String, &Docs)> = match &definition.kind {
            TypeDefKind::Record(record) => {
                let field =
                    |field: &wit_parser::Field| format!("{}: {}", field.name, self.name(&field.ty));
                record
                    .fields
                    .iter()
                    .map(|of| (field(of), &of.docs))
                    .collect()
            }
            TypeDefKind::Enum(cases) => cases
                .cases
                .iter()
                .map(|case| (case.name.clone(), &case.docs))
                .collect(),
            TypeDefKind::Resource => Vec::new(),
            // Names of what stands in another interface.
            _ => return,
        };
        let kind = definition.kind.as_str();
        let _ = write!(self.text, "\n**{kind} `{name}`**");
        let docs = prose(&definition.docs);
        let _ = match docs.is_empty() {
            true => writeln!(self.text, "\n"),
            false => writeln!(self.text, ": {docs}\n"),
        };
        for (case, docs) in cases {
            self.item(&case, docs);
        }
        for function in interface.functions.values() {
            if function.kind.resource() == Some(id) {
                self.function(function);
            }
        }
    }

    fn function(&mut self, function: &Function) {
        let is_method = matches!(function.kind, FunctionKind::Method(_));
        let parameters: Vec<_> = function
            .params
            .iter()
            .skip(usize::from(is_method))
            .map(|parameter| format!("{}: {}", parameter.name, self.name(&parameter.ty)))
            .collect();
        let result = match (&function.kind, &function.result) {
            (FunctionKind::Constructor(_), _) | (_, None) => String::new(),
            (_, Some(result)) => format!(" -> {}", self.name(result)),
        };
        let kind = match function.kind {
            FunctionKind::Static(_) => "static ",
            _ => "",
        };
        let name = match function.kind {
            FunctionKind::Constructor(_) => "constructor",
            _ => function.item_name(),
        };
        let signature = format!("{kind}{name}({}){result}", parameters.join(", "));
        self.item(&signature, &function.docs);
    }

    fn item(&mut self, signature: &str, docs: &Docs) {
        let docs = prose(docs);
        let separator = if docs.is_empty() { "" } else { ": " };
        let _ = writeln!(self.text, "- `{signature}`{separator}{docs}");
    }

    fn name(&self, of: &Type) -> String {
        let Type::Id(id) = of else {
            return format!("{of:?}").to_lowercase();
        };
        let definition = &self.resolve.types[*id];
        if let Some(name) = &definition.name {
            return name.clone();
        }
        let optional = |of: &Option<Type>| of.as_ref().map_or("_".to_owned(), |of| self.name(of));
        match &definition.kind {
            TypeDefKind::List(of) => format!("list<{}>", self.name(of)),
            TypeDefKind::Option(of) => format!("option<{}>", self.name(of)),
            TypeDefKind::Result(result) => {
                format!(
                    "result<{}, {}>",
                    optional(&result.ok),
                    optional(&result.err)
                )
            }
            TypeDefKind::Tuple(tuple) => {
                let names: Vec<_> = tuple.types.iter().map(|of| self.name(of)).collect();
                format!("tuple<{}>", names.join(", "))
            }
            TypeDefKind::Handle(Handle::Own(id)) => self.name(&Type::Id(*id)),
            TypeDefKind::Handle(Handle::Borrow(id)) => {
                format!("borrow<{}>", self.name(&Type::Id(*id)))
            }
            other => panic!("{other:?} has no name on this page"),
        }
    }
}

/// The page, from the files.
fn page() -> String {
    let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit");
    let mut resolve = Resolve::default();
    resolve.push_path(&wit).unwrap();
    let mut page = Page {
        resolve: &resolve,
        text: INTRODUCTION.to_owned(),
    };
    let mut packages: Vec<_> = resolve
        .packages
        .iter()
        .map(|(_, package)| package)
        .collect();
    packages.sort_by_key(|package| (package.name.name != "sink", package.name.name.clone()));
    for package in packages {
        if package.interfaces.is_empty() {
            continue;
        }
        let version = package.name.version.as_ref().unwrap();
        let name = format!("{}:{}", package.name.namespace, package.name.name);
        let _ = writeln!(page.text, "\n## `{name}` {version}");
        let exported: Vec<_> = package
            .worlds
            .values()
            .flat_map(|world| resolve.worlds[*world].exports.values())
            .filter_map(|item| match item {
                WorldItem::Interface { id, .. } => Some(*id),
                _ => None,
            })
            .collect();
        for (interface, id) in &package.interfaces {
            let role = match exported.contains(id) {
                true => "exported",
                false => "imported",
            };
            page.interface(*id, &format!("`{name}/{interface}`, {role}"));
        }
    }
    page.text
}

#[test]
fn the_contract_is_what_the_files_say() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/contract.md");
    let page = page();
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        there == page,
        "docs/contract.md is not what wit/ says: {UPDATE}=1 writes it"
    );
}
