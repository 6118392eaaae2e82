//! Compiled components on disk, so that a start takes milliseconds.
//!
//! A file is native code that is going to run, so it is used only if nobody else can have written
//! it: its directory belongs to us and to us alone, and its digest covers the component, the
//! engine's settings and the code. Anything else is compiled anew.

use std::fs;
use std::hash::{Hash, Hasher};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use sha2::{Digest, Sha256};
use wasm_sink_core::error::{Blame, Error, Kind, Result};
use wasmtime::component::Component;

use crate::durable::{remove_unfinished, unfinished};

/// First bytes of a file; the number counts layouts.
const MAGIC: &[u8; 16] = b"wasm-sink code 1";
/// Bytes of the digest after it.
const DIGEST_BYTES: usize = 32;
/// Bytes kept in a directory; what was not used for the longest time goes.
const MAX_BYTES: u64 = 1 << 30;

/// How a component came to be runnable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compiled {
    /// Whether the code was there already.
    pub from_cache: bool,
    /// How long that took.
    pub elapsed: Duration,
}

impl Compiled {
    /// In this process.
    pub(super) const BEFORE: Self = Self {
        from_cache: true,
        elapsed: Duration::ZERO,
    };
}

/// Where compiled components are kept: in a place of the user's, so that whoever needs one next has it (another pipeline,
/// `test`, a swap); where there is none, in a pipeline's own state directory.
pub(crate) fn place(state_dir: &Path) -> PathBuf {
    of_user("compiled").unwrap_or_else(|| state_dir.join("compiled"))
}

/// A directory of the user's for what can be had again, which is made, and ours alone; None where there is no place for one.
pub(crate) fn of_user(name: &str) -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).map(PathBuf::from);
    // XDG Base Directory Specification: a path that is not absolute is as if it were not set.
    let caches = set("XDG_CACHE_HOME").filter(|path| path.is_absolute());
    let caches = caches.or_else(|| Some(set("HOME")?.join(".cache")));
    caches
        .filter(|path| path.is_absolute())
        .map(|path| path.join("wasm-sink").join(name))
        // Somebody else's home, as under `sudo`, is no place: they could put another directory there.
        .filter(|path| Cache::open(path).is_ok() && path.ancestors().skip(1).take(2).all(is_ours))
}

/// Names what was compiled, by whom.
#[derive(Clone, Debug)]
pub(super) struct Key(String);

impl Key {
    /// `hash` is that of the component's bytes.
    pub(super) fn new(engine: &wasmtime::Engine, hash: &str) -> Self {
        let mut hasher = Sha256Hasher(Sha256::new());
        env!("CARGO_PKG_VERSION").hash(&mut hasher);
        engine.precompile_compatibility_hash().hash(&mut hasher);
        let engine = hex(&hasher.0.finalize());
        Self(format!("{hash}-{}", engine.get(..16).unwrap_or(&engine)))
    }
}

struct Sha256Hasher(Sha256);

impl Hasher for Sha256Hasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        0
    }
}

/// Bytes as lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Compiles `wasm`, or takes the code from `directory`.
///
/// # Errors
/// The component does not validate. Trouble with the cache is a warning.
pub(super) fn compile(
    engine: &wasmtime::Engine,
    wasm: &[u8],
    hash: &str,
    directory: Option<&Path>,
) -> Result<(Component, Compiled)> {
    let started = Instant::now();
    let key = Key::new(engine, hash);
    let cache = directory.and_then(|directory| match Cache::open(directory) {
        Ok(cache) => Some(cache),
        Err(error) => {
            tracing::warn!(
                directory = %directory.display(),
                "compiled components are not kept: {error}"
            );
            None
        }
    });
    if let Some(component) = cache.as_ref().and_then(|cache| cache.load(engine, &key)) {
        let elapsed = started.elapsed();
        return Ok((
            component,
            Compiled {
                from_cache: true,
                elapsed,
            },
        ));
    }
    let component = Component::new(engine, wasm).map_err(|error| {
        Error::new(Kind::Invalid, Blame::Component, "it does not compile").with_source(error)
    })?;
    let elapsed = started.elapsed();
    if let Some(cache) = cache
        && let Err(error) = cache.store(&key, &component)
    {
        tracing::warn!(
            directory = %cache.directory.display(),
            "a compiled component could not be kept: {error}"
        );
    }
    Ok((
        component,
        Compiled {
            from_cache: false,
            elapsed,
        },
    ))
}

/// A directory that nobody else can write to.
#[derive(Debug)]
struct Cache {
    directory: PathBuf,
    max_bytes: u64,
}

impl Cache {
    /// Makes the directory where it is missing.
    fn open(directory: &Path) -> io::Result<Self> {
        create_private(directory)?;
        check_private(directory)?;
        Ok(Self {
            directory: directory.to_owned(),
            max_bytes: MAX_BYTES,
        })
    }

    fn path(&self, key: &Key) -> PathBuf {
        self.directory.join(format!("{}.cwasm", key.0))
    }

    fn load(&self, engine: &wasmtime::Engine, key: &Key) -> Option<Component> {
        let path = self.path(key);
        let file = match fs::read(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                tracing::warn!(file = %path.display(), "a compiled component is unreadable: {error}");
                return None;
            }
        };
        let Some(code) = verified(&file, key) else {
            tracing::warn!(file = %path.display(), "a damaged compiled component is compiled anew");
            return None;
        };
        // SAFETY: `code` must be what `Component::serialize` gave, unchanged. Only `Cache::store`
        // writes such files, and only from there. The directory belongs to this user and has no
        // permissions for others (checked in `open`), so nobody else can have put or changed one;
        // whoever can write as this user can replace this program as well. The digest, checked on
        // the very bytes that are used, covers the code, the component's hash, and the version and
        // settings of the engine, so that a file that is cut, damaged, renamed, or from another
        // build does not get here.
        match unsafe { Component::deserialize(engine, code) } {
            Ok(component) => {
                // The ones that are in use are to stay the longest. Another time will do as well.
                let used =
                    fs::File::open(&path).and_then(|file| file.set_modified(SystemTime::now()));
                drop(used);
                Some(component)
            }
            Err(error) => {
                tracing::warn!(file = %path.display(), "a component is compiled anew: {error}");
                None
            }
        }
    }

    fn store(&self, key: &Key, component: &Component) -> io::Result<()> {
        let code = component.serialize().map_err(io::Error::other)?;
        let mut file = unfinished(&self.directory)?;
        file.write_all(MAGIC)?;
        file.write_all(&digest(key, &code))?;
        file.write_all(&code)?;
        file.persist(self.path(key))?;
        keep_newest(&self.directory, "cwasm", self.max_bytes)
    }
}

/// Keeps the files with an ending that were used last, at least one, and nothing that a crash left half written. Others may do the same at the same time.
///
/// # Errors
/// The disk's.
pub(crate) fn keep_newest(directory: &Path, ending: &str, max_bytes: u64) -> io::Result<()> {
    remove_unfinished(directory);
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let is_one = entry.path().extension().is_some_and(|end| end == ending);
        if let (true, Ok(metadata)) = (is_one, entry.metadata()) {
            files.push((metadata.modified()?, metadata.len(), entry.path()));
        }
    }
    files.sort_by(|one, other| other.cmp(one));
    let mut kept = 0_u64;
    for (index, (_, bytes, path)) in files.into_iter().enumerate() {
        kept = kept.saturating_add(bytes);
        if index > 0 && kept > max_bytes {
            match fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
    }
    Ok(())
}

fn digest(key: &Key, code: &[u8]) -> [u8; DIGEST_BYTES] {
    Sha256::new()
        .chain_update(&key.0)
        .chain_update([0])
        .chain_update(code)
        .finalize()
        .into()
}

/// The code in a file, if that is whole and was stored under this key.
fn verified<'a>(file: &'a [u8], key: &Key) -> Option<&'a [u8]> {
    let rest = file.strip_prefix(MAGIC)?;
    let (stored, code) = rest.split_at_checked(DIGEST_BYTES)?;
    (stored == digest(key, code)).then_some(code)
}

#[cfg(unix)]
fn create_private(directory: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;

    if let Some(parent) = directory.parent() {
        fs::create_dir_all(parent)?;
    }
    match fs::DirBuilder::new().mode(0o700).create(directory) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Whether nobody else can rename what stands in a directory.
#[cfg(unix)]
fn is_ours(directory: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;

    let own = tempfile::tempfile_in(directory).and_then(|file| file.metadata());
    match (fs::metadata(directory), own) {
        (Ok(metadata), Ok(own)) => metadata.uid() == own.uid() && metadata.mode() & 0o022 == 0,
        _ => false,
    }
}

#[cfg(not(unix))]
fn is_ours(_directory: &Path) -> bool {
    false
}

#[cfg(unix)]
fn check_private(directory: &Path) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt;

    let metadata = fs::symlink_metadata(directory)?;
    if !metadata.is_dir() {
        return Err(io::Error::other("it is not a directory"));
    }
    if metadata.mode() & 0o077 != 0 {
        return Err(io::Error::other(
            "others may enter the directory; remove it, or `chmod 700` it",
        ));
    }
    // A file that this process makes belongs to whoever this process is.
    let own = tempfile::tempfile_in(directory)?.metadata()?.uid();
    if metadata.uid() != own {
        return Err(io::Error::other(
            "the directory belongs to another user; remove it",
        ));
    }
    Ok(())
}

#[cfg(not(unix))]
fn create_private(_directory: &Path) -> io::Result<()> {
    Err(io::Error::other(
        "this system has no directories that are known to be private",
    ))
}

#[cfg(not(unix))]
fn check_private(_directory: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests;
