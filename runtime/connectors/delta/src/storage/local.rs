//! A local disk whose writes have happened once they are answered: synced, under their name, and
//! the name synced in its directory.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use futures::stream::BoxStream;
use object_store::local::LocalFileSystem;
use object_store::path::Path as StorePath;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
    UploadPart,
};

const STORE: &str = "local disk";

/// The whole file system, with "/" as its root.
#[derive(Debug)]
pub(super) struct DurableLocal(LocalFileSystem);

impl DurableLocal {
    pub(super) fn new() -> Self {
        Self(LocalFileSystem::new())
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
        let path = self.0.path_to_filesystem(location)?;
        blocking(path.clone(), move || write(&path, &payload, naming)).await?;
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
        let path = self.0.path_to_filesystem(location)?;
        let inner = self.0.put_multipart_opts(location, options).await?;
        Ok(Box::new(DurableUpload { inner, path }))
    }

    async fn get_opts(&self, location: &StorePath, options: GetOptions) -> Result<GetResult> {
        self.0.get_opts(location, options).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<StorePath>>,
    ) -> BoxStream<'static, Result<StorePath>> {
        self.0.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&StorePath>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.0.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&StorePath>) -> Result<ListResult> {
        self.0.list_with_delimiter(prefix).await
    }

    async fn copy_opts(
        &self,
        from: &StorePath,
        to: &StorePath,
        options: CopyOptions,
    ) -> Result<()> {
        self.0.copy_opts(from, to, options).await?;
        let path = self.0.path_to_filesystem(to)?;
        blocking(path.clone(), move || sync_under_name(&path)).await
    }
}

/// A file written in parts; synced when it is complete.
#[derive(Debug)]
struct DurableUpload {
    inner: Box<dyn MultipartUpload>,
    path: PathBuf,
}

#[async_trait]
impl MultipartUpload for DurableUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        self.inner.put_part(data)
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let result = self.inner.complete().await?;
        let path = self.path.clone();
        blocking(path.clone(), move || sync_under_name(&path)).await?;
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
fn write(path: &Path, payload: &PutPayload, naming: Naming) -> io::Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(format!("#{}", uuid::Uuid::new_v4().as_u128()));
    let temporary = PathBuf::from(temporary);
    let made = match create(&temporary) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            let parent = parent(path);
            let made = first_missing(parent);
            fs::create_dir_all(parent)?;
            made.map(|made| (create(&temporary), Some(made)))
                .unwrap_or_else(|| (create(&temporary), None))
        }
        created => (created, None),
    };
    let (file, made) = (made.0?, made.1);
    let outcome = fill(file, payload).and_then(|()| match naming {
        Naming::Replace => fs::rename(&temporary, path),
        Naming::OnlyIfAbsent => fs::hard_link(&temporary, path),
    });
    if outcome.is_err() || matches!(naming, Naming::OnlyIfAbsent) {
        // Listings leave it out, so one that stays does no harm.
        let _ = fs::remove_file(&temporary);
    }
    outcome?;
    sync_directories(path, made.as_deref())
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

fn sync_under_name(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()?;
    // Which of the directories are new is not known here: those up to the table's root may be.
    for directory in path.ancestors().skip(1).take(3) {
        File::open(directory)?.sync_all()?;
    }
    Ok(())
}

/// Syncs the directory of a new name, and those that hold a directory made for it.
fn sync_directories(path: &Path, first_made: Option<&Path>) -> io::Result<()> {
    for directory in path.ancestors().skip(1) {
        File::open(directory)?.sync_all()?;
        let is_older = first_made.is_none_or(|made| !directory.starts_with(made));
        if is_older {
            break;
        }
    }
    Ok(())
}

fn parent(path: &Path) -> &Path {
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

async fn blocking(
    path: PathBuf,
    work: impl FnOnce() -> io::Result<()> + Send + 'static,
) -> Result<()> {
    let result = tokio::task::spawn_blocking(work)
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

    use super::*;

    #[tokio::test]
    async fn creates_only_if_absent_and_leaves_no_other_file() {
        let directory = tempfile::tempdir().unwrap();
        let store = DurableLocal::new();
        let path = StorePath::from_absolute_path(directory.path().join("a/b/0.json")).unwrap();
        let create = PutOptions::from(PutMode::Create);
        store
            .put_opts(&path, "one".into(), create.clone())
            .await
            .unwrap();
        let second = store.put_opts(&path, "two".into(), create).await;
        assert!(
            matches!(second, Err(Error::AlreadyExists { .. })),
            "{second:?}"
        );
        let kept = store.get(&path).await.unwrap().bytes().await.unwrap();
        assert_eq!(&kept[..], b"one");
        let names = fs::read_dir(directory.path().join("a/b")).unwrap().count();
        assert_eq!(names, 1);
    }
}
