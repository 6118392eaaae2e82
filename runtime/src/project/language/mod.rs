//! The languages of SDKs, one per file.

mod c;
mod go;
mod javascript;
mod python;
mod rust;

use std::borrow::Cow;
use std::fmt;

use rust_embed::RustEmbed;
use wasm_sink_core::Result;

use super::Project;
use super::tools::Tools;

/// A file of ours: its path, and what is in it.
pub(super) type File = (String, Cow<'static, [u8]>);

/// A language that sinks can be written in. All that is particular to one stands in its file.
pub struct Language {
    /// The one word: of the command line, of `sink.toml`.
    pub name: &'static str,
    /// The file that a sink begins with.
    pub source: &'static str,
    /// Endings of files, and names of files, that the component is made of.
    pub(super) endings: &'static [&'static str],
    /// Where in `embedded` the template is.
    template: &'static str,
    /// The folder of the SDK.
    embedded: Embedded,
    /// What else belongs into the project's folder `build`, besides `sdk`.
    beside: fn() -> Vec<File>,
    /// Compiles; the component's bytes.
    pub(super) build: fn(&Project, &Tools) -> Result<Vec<u8>>,
}

/// All of them, in the order in which they are shown.
pub static LANGUAGES: [&Language; 6] = [
    &python::PYTHON,
    &javascript::JAVASCRIPT,
    &javascript::TYPESCRIPT,
    &go::GO,
    &c::C,
    &rust::RUST,
];

impl Language {
    /// The language of a name.
    pub fn find(name: &str) -> Option<&'static Self> {
        LANGUAGES.into_iter().find(|language| language.name == name)
    }

    /// What `new` writes.
    pub(super) fn template(&self) -> impl Iterator<Item = File> {
        let files = self.embedded.files();
        files.filter_map(|(path, bytes)| {
            let path = path.strip_prefix(self.template)?.strip_prefix('/')?;
            Some((path.to_owned(), bytes))
        })
    }

    /// What belongs into the project's folder `build`.
    pub(super) fn sdk(&self) -> impl Iterator<Item = File> {
        let files = self
            .embedded
            .files()
            .filter(|(path, _)| !path.starts_with("template"));
        let files = files.map(|(path, bytes)| (format!("sdk/{path}"), bytes));
        files.chain((self.beside)())
    }
}

impl fmt::Debug for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// Folders that are for us, or that tools leave behind.
const NOT_FOR_USERS: [&str; 4] = ["tests", "__pycache__", ".mypy_cache", "node_modules"];

/// Tests in Go stand beside what they test; that of the template is the user's.
fn is_ours_alone(path: &str) -> bool {
    let in_folder = path.split('/').any(|part| NOT_FOR_USERS.contains(&part));
    in_folder || (path.ends_with("_test.go") && !path.starts_with("template/"))
}

/// A folder of `sdk/`, as it was when this binary was compiled.
struct Embedded {
    paths: fn() -> Vec<Cow<'static, str>>,
    get: fn(&str) -> Option<rust_embed::EmbeddedFile>,
}

impl Embedded {
    const fn of<E: RustEmbed>() -> Self {
        Self {
            paths: || E::iter().collect(),
            get: E::get,
        }
    }

    fn files(&self) -> impl Iterator<Item = File> {
        let paths = (self.paths)()
            .into_iter()
            .filter(|path| !is_ours_alone(path));
        paths.filter_map(|path| {
            let file = (self.get)(&path)?;
            Some((path.into_owned(), file.data))
        })
    }
}

fn nothing_beside() -> Vec<File> {
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::super::{Project, ProjectName, SINK_TOML};
    use super::*;

    #[test]
    fn each_template_is_a_project_of_its_language() {
        for language in LANGUAGES {
            let folder = tempfile::tempdir().unwrap();
            let root = folder.path().join("orders");
            let name = ProjectName::try_from("orders").unwrap();
            let written = Project::create(&root, &name, language).unwrap();
            assert!(
                root.join(language.source).exists(),
                "{language:?}: {written:?}"
            );
            assert!(root.join(".gitignore").exists(), "{language:?}");
            assert!(root.join("pipeline.toml").exists(), "{language:?}");
            let project = Project::open(&root).unwrap();
            assert_eq!(project.settings.language.name, language.name);
            assert_eq!(project.settings.name, name);
            for path in written {
                let text = std::fs::read_to_string(&path).unwrap();
                assert!(!text.contains("my-sink"), "{}", path.display());
            }
            assert!(root.join("build/wit/world.wit").exists());
            assert!(root.join("build/sdk/README.md").exists(), "{language:?}");
            assert!(root.join(SINK_TOML).exists());
        }
    }

    #[test]
    fn a_refresh_leaves_what_is_the_same_and_removes_what_is_not_ours() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("orders");
        let name = ProjectName::try_from("orders").unwrap();
        Project::create(&root, &name, &python::PYTHON).unwrap();
        let project = Project::open(&root).unwrap();
        let world = root.join("build/wit/world.wit");
        let old = root.join("build/wit/deps/old/old.wit");
        let changed = root.join("build/wit/deps/sink/sink.wit");
        std::fs::create_dir(old.parent().unwrap()).unwrap();
        std::fs::write(&old, "package old:old;").unwrap();
        std::fs::write(&changed, "mine").unwrap();
        let before = std::fs::metadata(&world).unwrap().modified().unwrap();
        project.refresh().unwrap();
        assert_eq!(
            std::fs::metadata(&world).unwrap().modified().unwrap(),
            before
        );
        assert!(
            !old.parent().unwrap().exists(),
            "an empty package is no WIT"
        );
        assert_ne!(std::fs::read_to_string(&changed).unwrap(), "mine");
    }
}
