//! A local disk whose writes have happened once they are answered: synced, under their name, and
//! the name synced in its directory.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use object_store::local::LocalFileSystem;
use object_store::path::Path as StorePath;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
    UploadPart,
};

use super::directories::{Directories, parent};

const STORE: &str = "local disk";

/// The whole file system, with "/" as its root.
#[derive(Debug)]
pub(super) struct DurableLocal {
    files: LocalFileSystem,
    directories: Arc<Directories>,
}

impl DurableLocal {
    /// `lake` is the directory below which files are written.
    pub(super) fn new(lake: PathBuf) -> Self {
        Self {
            files: LocalFileSystem::new(),
            directories: Arc::new(Directories::new(lake)),
        }
    }

    /// Runs what waits for the disk where it holds up nobody.
    async fn on_disk(
        &self,
        path: &Path,
        work: impl FnOnce(&Directories) -> io::Result<()> + Send + 'static,
    ) -> Result<()> {
        on_disk(Arc::clone(&self.directories), path, work).await
    }

    /// What is read from here on has happened, also if the power is cut.
    fn settled(&self) -> impl Future<Output = Result<()>> + Send + 'static {
        let directories = Arc::clone(&self.directories);
        async move {
            if !directories.are_unsettled() {
                return Ok(());
            }
            let lake = directories.lake().to_owned();
            on_disk(directories, &lake, Directories::settle).await
        }
    }
}

impl fmt::Display for DurableLocal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(STORE)
    }
}

#[async_trait]
impl ObjectStore for DurableLocal {
    async fn put_opts(
        &self,
        location: &StorePath,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        let naming = match options.mode {
            PutMode::Overwrite => Naming::Replace,
            PutMode::Create => Naming::OnlyIfAbsent,
            PutMode::Update(_) => {
                return Err(Error::NotImplemented {
                    operation: "conditional replacement".into(),
                    implementer: STORE.into(),
                });
            }
        };
        let path = self.files.path_to_filesystem(location)?;
        let file = path.clone();
        self.on_disk(&path, move |directories| {
            write(directories, &file, &payload, naming)
        })
        .await?;
        Ok(PutResult {
            e_tag: None,
            version: None,
        })
    }

    async fn put_multipart_opts(
        &self,
        location: &StorePath,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let path = self.files.path_to_filesystem(location)?;
        let file = path.clone();
        self.on_disk(&path, move |directories| directories.make_for(&file))
            .await?;
        let inner = self.files.put_multipart_opts(location, options).await?;
        Ok(Box::new(DurableUpload {
            inner,
            path,
            directories: Arc::clone(&self.directories),
        }))
    }

    async fn get_opts(&self, location: &StorePath, options: GetOptions) -> Result<GetResult> {
        self.settled().await?;
        self.files.get_opts(location, options).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<StorePath>>,
    ) -> BoxStream<'static, Result<StorePath>> {
        self.files.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&StorePath>) -> BoxStream<'static, Result<ObjectMeta>> {
        let listed = self.files.list(prefix);
        let settled = self.settled();
        futures::stream::once(async move { settled.await.map(|()| listed) })
            .try_flatten()
            .boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&StorePath>) -> Result<ListResult> {
        self.settled().await?;
        self.files.list_with_delimiter(prefix).await
    }

    async fn copy_opts(
        &self,
        from: &StorePath,
        to: &StorePath,
        options: CopyOptions,
    ) -> Result<()> {
        self.settled().await?;
        let path = self.files.path_to_filesystem(to)?;
        let file = path.clone();
        self.on_disk(&path, move |directories| directories.make_for(&file))
            .await?;
        self.files.copy_opts(from, to, options).await?;
        let file = path.clone();
        self.on_disk(&path, move |directories| sync_named(directories, &file))
            .await
    }
}

/// A file written in parts; synced when it is complete.
#[derive(Debug)]
struct DurableUpload {
    inner: Box<dyn MultipartUpload>,
    path: PathBuf,
    directories: Arc<Directories>,
}

#[async_trait]
impl MultipartUpload for DurableUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        self.inner.put_part(data)
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let result = self.inner.complete().await?;
        let file = self.path.clone();
        on_disk(Arc::clone(&self.directories), &self.path, move |known| {
            sync_named(known, &file)
        })
        .await?;
        Ok(result)
    }

    async fn abort(&mut self) -> Result<()> {
        self.inner.abort().await
    }
}

#[derive(Clone, Copy)]
enum Naming {
    Replace,
    OnlyIfAbsent,
}

/// Writes beside the final name, in a form that listings leave out, then takes the name.
fn write(
    directories: &Directories,
    path: &Path,
    payload: &PutPayload,
    naming: Naming,
) -> io::Result<()> {
    directories.make_for(path)?;
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(format!("#{}", uuid::Uuid::new_v4().as_u128()));
    let temporary = PathBuf::from(temporary);
    let file = match create(&temporary) {
        // Gone since we looked.
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            directories.make_for(path)?;
            create(&temporary)?
        }
        created => created?,
    };
    let outcome = fill(file, payload).and_then(|()| match naming {
        Naming::Replace => fs::rename(&temporary, path),
        Naming::OnlyIfAbsent => fs::hard_link(&temporary, path),
    });
    if outcome.is_err() || matches!(naming, Naming::OnlyIfAbsent) {
        // Listings leave it out, so one that stays does no harm.
        let _ = fs::remove_file(&temporary);
    }
    outcome?;
    directories.sync_name(parent(path))
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(path)
}

fn fill(mut file: File, payload: &PutPayload) -> io::Result<()> {
    for bytes in payload {
        file.write_all(bytes)?;
    }
    file.sync_all()
}

/// Syncs a file that somebody else has written and named.
fn sync_named(directories: &Directories, path: &Path) -> io::Result<()> {
    let file = File::open(path).and_then(|file| file.sync_all());
    directories.sync_name(parent(path))?;
    file
}

async fn on_disk(
    directories: Arc<Directories>,
    path: &Path,
    work: impl FnOnce(&Directories) -> io::Result<()> + Send + 'static,
) -> Result<()> {
    let result = tokio::task::spawn_blocking(move || work(&directories))
        .await
        .unwrap_or_else(|e| Err(io::Error::other(e)));
    result.map_err(|source| {
        let text = path.display().to_string();
        match source.kind() {
            io::ErrorKind::AlreadyExists => Error::AlreadyExists {
                path: text,
                source: source.into(),
            },
            io::ErrorKind::NotFound => Error::NotFound {
                path: text,
                source: source.into(),
            },
            _ => Error::Generic {
                store: STORE,
                source: source.into(),
            },
        }
    })
}

#[cfg(test)]
mod tests {
    use object_store::ObjectStoreExt;

    use super::super::directories::watch;
    use super::*;

    struct Disk {
        directory: tempfile::TempDir,
        store: DurableLocal,
    }

    impl Disk {
        fn new() -> Self {
            let directory = tempfile::tempdir().unwrap();
            let store = DurableLocal::new(directory.path().join("lake"));
            Self { directory, store }
        }

        fn path(&self, name: &str) -> StorePath {
            StorePath::from_absolute_path(self.directory.path().join(name)).unwrap()
        }

        async fn create(&self, name: &str, text: &'static str) -> Result<PutResult> {
            let create = PutOptions::from(PutMode::Create);
            self.store
                .put_opts(&self.path(name), text.into(), create)
                .await
        }

        fn synced(&self) -> Vec<String> {
            watch::synced(self.directory.path())
        }
    }

    #[tokio::test]
    async fn creates_only_if_absent_and_leaves_no_other_file() {
        let disk = Disk::new();
        disk.create("lake/b/0.json", "one").await.unwrap();
        let second = disk.create("lake/b/0.json", "two").await;
        assert!(
            matches!(second, Err(Error::AlreadyExists { .. })),
            "{second:?}"
        );
        let path = disk.path("lake/b/0.json");
        let kept = disk.store.get(&path).await.unwrap().bytes().await.unwrap();
        assert_eq!(&kept[..], b"one");
        let names = fs::read_dir(disk.directory.path().join("lake/b"))
            .unwrap()
            .count();
        assert_eq!(names, 1);
    }

    #[tokio::test]
    async fn every_directory_on_the_way_is_synced_once() {
        let disk = Disk::new();
        disk.create("lake/a=1/b=2/c=3/x", "x").await.unwrap();
        let all = ["", "lake", "lake/a=1", "lake/a=1/b=2", "lake/a=1/b=2/c=3"];
        assert_eq!(disk.synced(), all);
        disk.create("lake/a=1/b=2/c=3/y", "y").await.unwrap();
        assert_eq!(disk.synced(), ["lake/a=1/b=2/c=3"]);
        // Made by somebody else, a moment ago.
        fs::create_dir_all(disk.directory.path().join("lake/a=1/b=9/c=9/d=9")).unwrap();
        let large = disk.path("lake/a=1/b=9/c=9/d=9/z");
        let mut upload = disk.store.put_multipart(&large).await.unwrap();
        upload.put_part("z".into()).await.unwrap();
        upload.complete().await.unwrap();
        let new = [
            "lake/a=1",
            "lake/a=1/b=9",
            "lake/a=1/b=9/c=9",
            "lake/a=1/b=9/c=9/d=9",
        ];
        assert_eq!(disk.synced(), new);
        // Removed and made again.
        fs::remove_dir_all(disk.directory.path().join("lake/a=1")).unwrap();
        disk.create("lake/a=1/b=2/c=3/y", "y").await.unwrap();
        assert_eq!(disk.synced(), all[1..]);
    }

    #[tokio::test]
    async fn a_name_that_was_not_synced_is_not_believed() {
        let disk = Disk::new();
        disk.create("lake/log/0", "0").await.unwrap();
        let log = disk.directory.path().join("lake/log");
        watch::break_off(&log);
        disk.create("lake/log/1", "1").await.unwrap_err();
        assert!(log.join("1").exists());
        let (path, prefix) = (disk.path("lake/log/1"), disk.path("lake/log"));
        let list = || disk.store.list(Some(&prefix)).try_collect::<Vec<_>>();
        assert!(disk.store.get(&path).await.is_err());
        assert!(disk.store.head(&path).await.is_err());
        assert!(list().await.is_err());
        assert!(disk.store.list_with_delimiter(Some(&prefix)).await.is_err());
        watch::mend(&log);
        disk.synced();
        assert_eq!(list().await.unwrap().len(), 2);
        assert_eq!(disk.synced(), ["lake/log"]);
        disk.store.get(&path).await.unwrap();
        assert_eq!(disk.synced(), [""; 0]);
    }
}
