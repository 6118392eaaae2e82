//! Files of a lake: on a local disk, durably, or in a bucket.

mod directories;
mod error;
mod local;
mod s3;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{
    BackoffConfig, ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutOptions, RetryConfig,
};
use url::Url;
use wasm_sink_core::error::Context;
use wasm_sink_core::{Blame, Error, Kind, Result};

pub(crate) use self::error::{presentable, storage_error};
use self::local::DurableLocal;
use self::s3::{Surroundings, Way};
use crate::settings::{Location, S3Settings};

/// The directory beside the tables that holds what is ours alone.
const OWN_DIRECTORY: &str = "_wasm_sink";

/// How long the client tries one request again by itself; beyond that the pipeline decides.
const RETRY_TIMEOUT: Duration = Duration::from_secs(10);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The place that a connection names.
#[derive(Clone)]
pub(crate) struct Lake {
    /// Rooted where the storage is: "/" of the file system, or the bucket.
    root: Arc<dyn ObjectStore>,
    /// As `root`, but each request is sent once.
    once: Arc<dyn ObjectStore>,
    prefix: Path,
    url: Url,
    directory: Option<PathBuf>,
    /// The endpoint that only the environment names.
    ambient_endpoint: Option<Arc<str>>,
}

/// The place of one table. Paths count from the table.
#[derive(Clone)]
pub(crate) struct TableStorage {
    /// For everything but commits.
    pub(crate) store: Arc<dyn ObjectStore>,
    commits: Arc<dyn ObjectStore>,
    /// For the checkpoint writer, which works with whole addresses.
    pub(crate) root: Arc<dyn ObjectStore>,
    /// Ends in a slash.
    pub(crate) url: Url,
    directory: Option<PathBuf>,
}

impl fmt::Display for Lake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.directory {
            Some(directory) => write!(f, "{}", directory.display()),
            None => f.write_str(self.url.as_str().trim_end_matches('/')),
        }
    }
}

impl fmt::Display for TableStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.directory {
            Some(directory) => write!(f, "{}", directory.display()),
            None => f.write_str(self.url.as_str().trim_end_matches('/')),
        }
    }
}

impl Lake {
    /// Touches neither disk nor network. `base` is where relative directories count from.
    ///
    /// # Errors
    /// A path that no address can be made of.
    pub(crate) fn new(location: &Location, base: &std::path::Path) -> Result<Self> {
        match location {
            Location::Local(path) => Self::local(base.join(path)),
            Location::S3(settings) => Self::s3(settings, &Surroundings::of_process()),
        }
    }

    fn local(directory: PathBuf) -> Result<Self> {
        let directory =
            std::path::absolute(&directory).map_err(|e| error::bad_path(&directory, e))?;
        let directory = without_dots(&directory);
        let url = Url::from_directory_path(&directory)
            .map_err(|()| error::bad_path(&directory, "it is not absolute"))?;
        let prefix =
            Path::from_absolute_path(&directory).map_err(|e| error::bad_path(&directory, e))?;
        let store: Arc<dyn ObjectStore> = Arc::new(DurableLocal::new(directory.clone()));
        Ok(Self {
            root: Arc::clone(&store),
            once: store,
            prefix,
            url,
            directory: Some(directory),
            ambient_endpoint: None,
        })
    }

    fn s3(settings: &S3Settings, surroundings: &Surroundings) -> Result<Self> {
        let place = format!("s3://{}/{}", settings.bucket, settings.prefix);
        let place = place.trim_end_matches('/');
        let prefix = Path::parse(&settings.prefix).map_err(|e| error::bad_path(&place, e))?;
        let url = Url::parse(&format!("{place}/")).map_err(|e| error::bad_path(&place, e))?;
        let setting_up = || format!("setting up {place}");
        let way = Way::new(settings, surroundings).context(setting_up)?;
        let build = |max_retries| {
            way.client(RetryConfig {
                backoff: BackoffConfig::default(),
                max_retries,
                retry_timeout: RETRY_TIMEOUT,
            })
            .map_err(|e| storage_error(&setting_up(), e))
        };
        Ok(Self {
            root: Arc::new(build(3)?),
            once: Arc::new(build(0)?),
            prefix,
            url,
            directory: None,
            ambient_endpoint: way.ambient_endpoint.map(Arc::from),
        })
    }

    /// What it is called where people should see all of it.
    pub(crate) fn describe(&self) -> String {
        match &self.ambient_endpoint {
            Some(endpoint) => format!("{self}, by {endpoint}"),
            None => self.to_string(),
        }
    }

    /// The table of a name; "" is the place itself.
    ///
    /// # Errors
    /// `invalid`: a name that leads elsewhere.
    pub(crate) fn table(&self, name: &str) -> Result<TableStorage> {
        let mut prefix = self.prefix.clone();
        let mut url = self.url.clone();
        let mut directory = self.directory.clone();
        if !name.is_empty() {
            for part in name.split('/') {
                if !is_table_name_part(part) {
                    return Err(error::bad_table_name(name));
                }
                prefix = prefix.join(part);
                directory = directory.map(|directory| directory.join(part));
            }
            url = url
                .join(&format!("{name}/"))
                .map_err(|_| error::bad_table_name(name))?;
        }
        Ok(TableStorage {
            store: Arc::new(PrefixStore::new(Arc::clone(&self.root), prefix.clone())),
            commits: Arc::new(PrefixStore::new(Arc::clone(&self.once), prefix)),
            root: Arc::clone(&self.root),
            url,
            directory,
        })
    }

    /// Tries whether we may list, write and delete here, and whether the store keeps two writers
    /// from making the same object; leaves nothing behind.
    ///
    /// # Errors
    /// What is not allowed, or away.
    pub(crate) async fn probe(&self, nonce: u64) -> Result<()> {
        use futures::StreamExt;
        let doing = |what: &str| format!("{what} {self}");
        if let Some(Err(e)) = self.root.list(Some(&self.prefix)).next().await {
            return Err(storage_error(&doing("listing"), e));
        }
        let made = match &self.directory {
            Some(directory) => directories::first_missing(&directory.join(OWN_DIRECTORY)),
            None => None,
        };
        let probe = self
            .prefix
            .clone()
            .join(OWN_DIRECTORY)
            .join(format!("probe-{nonce:016x}"));
        let outcome = async {
            let doing_write = doing("writing below");
            let create = || {
                let options = PutOptions::from(PutMode::Create);
                let payload = Bytes::from_static(b"probe").into();
                self.root.put_opts(&probe, payload, options)
            };
            match create().await {
                // The name is ours alone: the store repeats a request whose answer was lost.
                Ok(_) | Err(object_store::Error::AlreadyExists { .. }) => {}
                Err(e) => return Err(storage_error(&doing_write, e)),
            }
            let is_refused = match create().await {
                Ok(_) => false,
                Err(object_store::Error::AlreadyExists { .. }) => true,
                Err(e) => return Err(storage_error(&doing_write, e)),
            };
            let deleted = self.root.delete(&probe).await;
            deleted.map_err(|e| storage_error(&doing("deleting below"), e))?;
            if !is_refused {
                let message = format!(
                    "{self} lets an object be created twice (it leaves out If-None-Match), so that \
                     two writers would both make the same version of a table: use a store with \
                     conditional writes"
                );
                return Err(Error::new(Kind::Denied, Blame::Destination, message));
            }
            Ok(())
        }
        .await;
        if let (Some(made), Some(directory)) = (made, &self.directory) {
            directories::remove_empty(&directory.join(OWN_DIRECTORY), &made);
        }
        outcome
    }
}

impl TableStorage {
    /// The bytes of a file, or None where there is none.
    ///
    /// # Errors
    /// Anything but its absence.
    pub(crate) async fn read(&self, path: &Path) -> Result<Option<(ObjectMeta, Bytes)>> {
        let result = async {
            let found = self.store.get(path).await?;
            let meta = found.meta.clone();
            Ok((meta, found.bytes().await?))
        }
        .await;
        match result {
            Ok(found) => Ok(Some(found)),
            Err(object_store::Error::NotFound { source, .. })
                if !error::is_missing_bucket(&source.to_string()) =>
            {
                Ok(None)
            }
            Err(e) => Err(storage_error(&format!("reading {self}/{path}"), e)),
        }
    }

    /// What a file is, or None where there is none.
    ///
    /// # Errors
    /// Anything but its absence.
    pub(crate) async fn head(&self, path: &Path) -> Result<Option<ObjectMeta>> {
        match self.store.head(path).await {
            Ok(meta) => Ok(Some(meta)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(e) => Err(storage_error(&format!("reading {self}/{path}"), e)),
        }
    }

    /// Creates a log entry only if there is none of that version, durably, and sends it once.
    ///
    /// # Errors
    /// `AlreadyExists` may be our own success of an earlier request; anything else may have taken
    /// effect.
    pub(crate) async fn create_once(
        &self,
        path: &Path,
        bytes: Bytes,
    ) -> Result<(), object_store::Error> {
        let options = PutOptions::from(PutMode::Create);
        self.commits.put_opts(path, bytes.into(), options).await?;
        Ok(())
    }

    /// Whether the directory of the log is there; true in a bucket, which has none.
    pub(crate) fn has_log_directory(&self) -> bool {
        self.directory
            .as_ref()
            .is_none_or(|directory| directory.join("_delta_log").is_dir())
    }
}

fn is_table_name_part(part: &str) -> bool {
    !part.is_empty()
        && part.len() <= 200
        && !part.starts_with(['.', '_'])
        && part
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '='))
}

/// Takes out `.` and `..` by their words, which is how the addresses of object stores are made.
fn without_dots(path: &std::path::Path) -> PathBuf {
    use std::path::Component;
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                plain.pop();
            }
            other => plain.push(other),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_names_stay_below_the_place() {
        let lake = Lake::new(&Location::Local("/lake".into()), "/".as_ref()).unwrap();
        assert_eq!(lake.table("a/b").unwrap().to_string(), "/lake/a/b");
        assert_eq!(lake.table("").unwrap().to_string(), "/lake");
        for wrong in [
            "..",
            "a/../b",
            "/a",
            "a//b",
            "_delta_log",
            "a b",
            ".x",
            "a/",
        ] {
            assert!(lake.table(wrong).is_err(), "{wrong}");
        }
    }

    #[tokio::test]
    async fn probing_leaves_nothing_behind() {
        let directory = tempfile::tempdir().unwrap();
        let lake = directory.path().join("not/there/yet");
        let lake = Lake::new(&Location::Local(lake), "/".as_ref()).unwrap();
        lake.probe(7).await.unwrap();
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn a_path_that_is_a_file_is_refused_by_name() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let lake = Lake::new(&Location::Local(file.path().into()), "/".as_ref()).unwrap();
        let error = lake.probe(7).await.unwrap_err();
        assert!(
            error
                .to_string()
                .contains(&file.path().display().to_string()),
            "{error}"
        );
    }
}
