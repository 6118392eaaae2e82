//! Directories of a local disk whose names are durable, and those of which that is not known.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Directories that are remembered; beyond that they are synced anew, which costs time alone.
const MAX_REMEMBERED: usize = 10_000;

/// What is known of directories on the way to files.
#[derive(Debug)]
pub(super) struct Directories {
    lake: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Those whose own name is durable, and so are the names of all above them.
    durable: HashSet<PathBuf>,
    /// Those in which a file took its name, and then could not be synced: whoever reads such a name
    /// would take for done what a power cut undoes. With the number of their last failure.
    unsettled: HashMap<PathBuf, u64>,
    failures: u64,
}

impl Directories {
    /// `lake` is the directory below which files are written.
    pub(super) fn new(lake: PathBuf) -> Self {
        Self {
            lake,
            state: Mutex::default(),
        }
    }

    pub(super) fn lake(&self) -> &Path {
        &self.lake
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether something must be synced before it is read.
    pub(super) fn are_unsettled(&self) -> bool {
        !self.state().unsettled.is_empty()
    }

    /// The directory of a file is there, and its name durable. Whoever else may have made it, in
    /// this process or in one that was killed: all up to the lake are synced that this process has
    /// not synced itself.
    pub(super) fn make_for(&self, file: &Path) -> io::Result<()> {
        let directory = parent(file);
        if self.state().durable.contains(directory) && directory.is_dir() {
            return Ok(());
        }
        self.make(directory)
    }

    fn make(&self, directory: &Path) -> io::Result<()> {
        let made = first_missing(directory);
        fs::create_dir_all(directory)?;
        let mut new = Vec::new();
        for below in directory.ancestors() {
            let was_there = made.as_ref().is_none_or(|made| !below.starts_with(made));
            if was_there && self.state().durable.contains(below) {
                break;
            }
            let Some(above) = below.parent() else {
                break;
            };
            match sync_directory(above) {
                Ok(()) => {}
                // Not made by us, most likely, and maybe not ours to open.
                Err(_) if was_there && self.lake.starts_with(below) => {}
                Err(error) => return Err(error),
            }
            new.push(below.to_owned());
        }
        let mut state = self.state();
        if state.durable.len() > MAX_REMEMBERED {
            state.durable.clear();
        }
        state.durable.extend(new);
        Ok(())
    }

    /// A file has taken its name in `directory`.
    pub(super) fn sync_name(&self, directory: &Path) -> io::Result<()> {
        let synced = sync_directory(directory);
        if synced.is_err() {
            let mut state = self.state();
            state.failures += 1;
            let failure = state.failures;
            state.unsettled.insert(directory.to_owned(), failure);
        }
        synced
    }

    /// Syncs what could not be synced before.
    pub(super) fn settle(&self) -> io::Result<()> {
        let unsettled = self.state().unsettled.clone();
        for (directory, failure) in unsettled {
            match sync_directory(&directory) {
                Ok(()) => {}
                // With it went the name.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
            // Not where it failed once more in the meantime.
            let mut state = self.state();
            if state.unsettled.get(&directory) == Some(&failure) {
                state.unsettled.remove(&directory);
            }
        }
        Ok(())
    }
}

fn sync_directory(directory: &Path) -> io::Result<()> {
    #[cfg(test)]
    watch::syncing(directory)?;
    File::open(directory)?.sync_all()
}

pub(super) fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("/"))
}

/// The topmost directory of a path that is not there.
pub(super) fn first_missing(path: &Path) -> Option<PathBuf> {
    path.ancestors()
        .take_while(|directory| !directory.exists())
        .last()
        .map(Path::to_owned)
}

/// Removes empty directories from `leaf` up to `top`.
pub(super) fn remove_empty(leaf: &Path, top: &Path) {
    for directory in leaf.ancestors().take_while(|d| d.starts_with(top)) {
        if fs::remove_dir(directory).is_err() {
            break;
        }
    }
}

/// What tests see of syncing, and how they break it.
#[cfg(test)]
pub(super) mod watch {
    use super::*;

    /// Directories below each test's own that were synced, and those that cannot be.
    static SYNCED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());
    static BROKEN: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

    pub(crate) fn break_off(directory: &Path) {
        BROKEN.lock().unwrap().push(directory.to_owned());
    }

    pub(crate) fn mend(directory: &Path) {
        BROKEN.lock().unwrap().retain(|broken| broken != directory);
    }

    pub(super) fn syncing(directory: &Path) -> io::Result<()> {
        if BROKEN
            .lock()
            .unwrap()
            .iter()
            .any(|broken| broken == directory)
        {
            return Err(io::Error::other("no handle is left"));
        }
        SYNCED.lock().unwrap().push(directory.to_owned());
        Ok(())
    }

    /// What was synced below `top` since it was last asked.
    pub(crate) fn synced(top: &Path) -> Vec<String> {
        let mut all = SYNCED.lock().unwrap();
        let mut ours: Vec<_> = all
            .extract_if(.., |directory| directory.starts_with(top))
            .map(|directory| directory.strip_prefix(top).unwrap().display().to_string())
            .collect();
        ours.sort();
        ours
    }
}
