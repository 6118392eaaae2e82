//! Whether somebody saved something that a component is made of.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::{BUILD, Project, SINK_TOML};

/// How often files are looked at. Whoever writes them is done when they are the same twice.
const LOOK: Duration = Duration::from_millis(200);
/// Folders that tools fill.
const NOT_OURS: [&str; 3] = [BUILD, "node_modules", "target"];
/// Files that each language takes something from.
const ALWAYS: [&str; 2] = [SINK_TOML, "config.schema.json"];

/// Files as they stand: their lengths, and when they were last written.
type Stand = BTreeMap<PathBuf, (u64, SystemTime)>;

/// The files that a project's component is made of.
#[derive(Debug)]
pub struct Sources {
    root: PathBuf,
    endings: &'static [&'static str],
    known: Stand,
}

impl Sources {
    /// Of a project, as they are now.
    pub fn of(project: &Project) -> Self {
        let mut sources = Self {
            root: project.root.clone(),
            endings: project.settings.language.endings,
            known: Stand::new(),
        };
        sources.known = sources.stand();
        sources
    }

    /// Waits until something was saved; the names of what is new, other or gone, from the project's folder.
    pub async fn changed(&mut self) -> Vec<String> {
        let mut before = self.stand();
        loop {
            tokio::time::sleep(LOOK).await;
            let now = self.stand();
            let is_settled = now == before;
            before = now;
            if is_settled && before != self.known {
                let others = before
                    .iter()
                    .filter(|(path, stand)| self.known.get(*path) != Some(stand));
                let gone = self.known.keys().filter(|path| !before.contains_key(*path));
                let paths = others.map(|(path, _)| path).chain(gone);
                let names = paths.map(|path| {
                    path.strip_prefix(&self.root)
                        .unwrap_or(path)
                        .display()
                        .to_string()
                });
                let names = names.collect();
                self.known = before;
                return names;
            }
        }
    }

    fn stand(&self) -> Stand {
        let mut found = Stand::new();
        self.look(&self.root, &mut found);
        found
    }

    /// What cannot be read is not there.
    fn look(&self, folder: &Path, found: &mut Stand) {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let (path, name) = (entry.path(), entry.file_name());
            let name = name.to_string_lossy();
            let Ok(metadata) = entry.metadata() else {
                continue;
            };
            if name.starts_with('.') {
            } else if metadata.is_dir() {
                if !NOT_OURS.contains(&&*name) {
                    self.look(&path, found);
                }
            } else if self.is_source(&path, &name)
                && let Ok(modified) = metadata.modified()
            {
                found.insert(path, (metadata.len(), modified));
            }
        }
    }

    fn is_source(&self, path: &Path, name: &str) -> bool {
        let ending = path.extension().and_then(|ending| ending.to_str());
        ALWAYS.contains(&name)
            || self.endings.contains(&name)
            || ending.is_some_and(|ending| self.endings.contains(&ending))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Language, ProjectName};
    use super::*;

    #[tokio::test]
    async fn what_is_saved_is_seen_and_what_is_made_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("orders");
        let name = ProjectName::try_from("orders").unwrap();
        Project::create(&root, &name, Language::find("python").unwrap()).unwrap();
        let mut sources = Sources::of(&Project::open(&root).unwrap());
        std::fs::create_dir(root.join("lake")).unwrap();
        for made in [
            "lake/1.json",
            "build/orders.wasm",
            "build/made.py",
            ".hidden.py",
        ] {
            std::fs::write(root.join(made), "made").unwrap();
        }
        std::fs::write(root.join("sink.py"), "saved").unwrap();
        std::fs::write(root.join("more.py"), "new").unwrap();
        std::fs::remove_file(root.join("config.schema.json")).unwrap();
        assert_eq!(
            sources.changed().await,
            ["more.py", "sink.py", "config.schema.json"]
        );
    }
}
