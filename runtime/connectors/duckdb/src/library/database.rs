//! An open database.

use std::path::Path;
use std::ptr;
use std::sync::LazyLock;

use libduckdb_sys as ffi;

use super::{Failure, Result, c_string, feed, text};

/// An open database; closed with the last that holds it. A file that this process has open already is
/// not opened a second time: that would damage it, and no lock would be in the way.
#[derive(Debug)]
pub(crate) struct Database(ffi::duckdb_database);

// SAFETY: a database may be used by all threads at once; only connections may not
// (<https://duckdb.org/docs/stable/connect/concurrency>).
unsafe impl Send for Database {}
// SAFETY: as above; nothing here changes it but `drop`, which has it alone.
unsafe impl Sync for Database {}

/// The databases of this process.
struct Instances(ffi::duckdb_instance_cache);

// SAFETY: the cache locks itself (`DBInstanceCache` in the library's source).
unsafe impl Send for Instances {}
// SAFETY: as above.
unsafe impl Sync for Instances {}

static INSTANCES: LazyLock<Instances> = LazyLock::new(|| {
    // SAFETY: no precondition; it is never destroyed.
    Instances(unsafe { ffi::duckdb_create_instance_cache() })
});

/// Frees settings when it goes.
struct Settings(ffi::duckdb_config);

impl Drop for Settings {
    fn drop(&mut self) {
        // SAFETY: made by `duckdb_create_config`, destroyed once.
        unsafe { ffi::duckdb_destroy_config(&mut self.0) }
    }
}

impl Database {
    /// Opens a file, and makes it where it is missing.
    ///
    /// # Errors
    /// What the library says: that the file is locked, or is no database.
    pub(crate) fn open(path: &Path, settings: &[(&str, &str)]) -> Result<Self> {
        let Some(path) = path.to_str() else {
            return Err(Failure::ours("the path is not UTF-8"));
        };
        let path = c_string(path)?;
        let mut config = Settings(ptr::null_mut());
        // SAFETY: the pointer is one to a config that `Settings` frees.
        if unsafe { ffi::duckdb_create_config(&mut config.0) } != ffi::DuckDBSuccess {
            return Err(Failure::ours("there is no memory for settings"));
        }
        for (name, value) in settings {
            let (name, value) = (c_string(name)?, c_string(value)?);
            // SAFETY: a config that is alive, and strings that outlive the call.
            let set = unsafe { ffi::duckdb_set_config(config.0, name.as_ptr(), value.as_ptr()) };
            if set != ffi::DuckDBSuccess {
                return Err(Failure {
                    kind: ffi::duckdb_error_type_DUCKDB_ERROR_SETTINGS,
                    message: format!("DuckDB knows no {name:?} of {value:?}"),
                });
            }
        }
        let mut database = ptr::null_mut();
        let mut message = ptr::null_mut();
        // SAFETY: a cache and a config that are alive, a string that outlives the call, and two
        // places for the answer.
        let opened = unsafe {
            ffi::duckdb_get_or_create_from_cache(
                INSTANCES.0,
                path.as_ptr(),
                &mut database,
                config.0,
                &mut message,
            )
        };
        if opened == ffi::DuckDBSuccess {
            let database = Self(database);
            let mut connection = database.connect()?;
            let registered = feed::register(connection);
            // SAFETY: connected once, disconnected once.
            unsafe { ffi::duckdb_disconnect(&mut connection) };
            return registered.map(|()| database);
        }
        // SAFETY: null or a string of ours to free, which is copied before.
        let message = unsafe {
            let copied = text(message);
            ffi::duckdb_free(message.cast());
            copied
        };
        Err(Failure {
            kind: ffi::duckdb_error_type_DUCKDB_ERROR_IO,
            message: message.unwrap_or_else(|| "no reason was given".to_owned()),
        })
    }

    pub(super) fn connect(&self) -> Result<ffi::duckdb_connection> {
        let mut connection = ptr::null_mut();
        // SAFETY: the database is open as long as `self`.
        match unsafe { ffi::duckdb_connect(self.0, &mut connection) } {
            ffi::DuckDBSuccess => Ok(connection),
            _ => Err(Failure::ours("no further connection")),
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // SAFETY: opened once, closed once; sessions hold it and are gone.
        unsafe { ffi::duckdb_close(&mut self.0) }
    }
}
