//! The side of the running process.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rustix::process::geteuid;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tracing::Instrument as _;

use super::place::{self, END};
use super::protocol::{Event, MAX_REQUEST_BYTES, Refusal, Request};

/// A request is there within this.
const PATIENCE: Duration = Duration::from_secs(5);

/// Does what is asked.
#[async_trait]
pub trait Handler: Send + Sync {
    /// Sends what happens. Whoever asked may be gone; the work goes on.
    async fn handle(&self, request: Request, events: mpsc::UnboundedSender<Event>);
}

/// An open socket, until it is dropped.
#[derive(Debug)]
pub struct Server {
    path: PathBuf,
    /// Which file it is: another pipeline of the name may have opened its own there.
    file: (u64, u64),
    serving: JoinHandle<()>,
}

/// Which file is at a path.
fn file_at(path: &Path) -> io::Result<(u64, u64)> {
    let found = fs::symlink_metadata(path)?;
    Ok((found.dev(), found.ino()))
}

impl Server {
    /// Opens the socket of a pipeline of this process.
    ///
    /// # Errors
    /// There is no place for it.
    pub fn open(pipeline: &str, handler: Arc<dyn Handler>) -> io::Result<Self> {
        let name = format!("{}{}{END}", place::stem(pipeline), std::process::id());
        let path = place::folder()?.join(name);
        // Of a process that had this number before.
        let _ = fs::remove_file(&path);
        let listener = UnixListener::bind(&path)?;
        let file = file_at(&path)?;
        let serving = async move {
            while let Ok((stream, _)) = listener.accept().await {
                let is_owner = stream
                    .peer_cred()
                    .is_ok_and(|peer| peer.uid() == geteuid().as_raw());
                if is_owner {
                    let served = serve(stream, Arc::clone(&handler));
                    tokio::spawn(served.in_current_span());
                }
            }
        };
        let serving = tokio::spawn(serving.in_current_span());
        Ok(Self {
            path,
            file,
            serving,
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.serving.abort();
        if file_at(&self.path).is_ok_and(|file| file == self.file) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

async fn serve(stream: UnixStream, handler: Arc<dyn Handler>) {
    let (reader, mut writer) = stream.into_split();
    let mut line = String::new();
    let mut reader = BufReader::new(reader.take(MAX_REQUEST_BYTES));
    let read = timeout(PATIENCE, reader.read_line(&mut line)).await;
    if !matches!(read, Ok(Ok(1..))) {
        return;
    }
    let (events, mut happened) = mpsc::unbounded_channel();
    match serde_json::from_str(&line) {
        Ok(request) => {
            // Not dropped with the connection.
            let handled = async move { handler.handle(request, events).await };
            tokio::spawn(handled.in_current_span());
        }
        Err(error) => {
            let message = format!("the request is not understood: {error}; take the same version");
            let _ = events.send(Event::Refused(Refusal::new(message)));
        }
    }
    while let Some(event) = happened.recv().await {
        let Ok(mut line) = serde_json::to_vec(&event) else {
            return;
        };
        line.push(b'\n');
        if writer.write_all(&line).await.is_err() || event.is_last() {
            return;
        }
    }
}
