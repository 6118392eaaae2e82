//! Where sockets are: in a folder that belongs to this user alone.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::PathBuf;

use rustix::process::geteuid;
use sha2::{Digest, Sha256};

/// Of a name, so many characters are in the file's: addresses of sockets are short.
const NAME_CHARS: usize = 24;

/// The folder, made if need be.
///
/// # Errors
/// It cannot be made, or others could put something there.
pub(super) fn folder() -> io::Result<PathBuf> {
    let own = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let folder = match own.filter(|own| own.is_absolute() && own.is_dir()) {
        Some(own) => own.join("wasm-sink"),
        None => std::env::temp_dir().join(format!("wasm-sink-{}", geteuid().as_raw())),
    };
    match fs::DirBuilder::new().mode(0o700).create(&folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let found = fs::symlink_metadata(&folder)?;
    let is_ours = found.is_dir() && found.uid() == geteuid().as_raw() && found.mode() & 0o077 == 0;
    match is_ours {
        true => Ok(folder),
        false => Err(io::Error::other(format!(
            "{} is not a folder of this user's that is closed to others",
            folder.display()
        ))),
    }
}

/// How the names of a pipeline's sockets begin; the process's number and an end follow.
pub(super) fn stem(pipeline: &str) -> String {
    let digest = Sha256::digest(pipeline);
    let [a, b, c, d] = digest.first_chunk().copied().unwrap_or_default();
    let short: String = pipeline.chars().take(NAME_CHARS).collect();
    format!("{short}-{a:02x}{b:02x}{c:02x}{d:02x}.")
}

/// How they end.
pub(super) const END: &str = ".sock";
