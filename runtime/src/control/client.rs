//! The side of the command.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::UnixStream;
use tokio::net::unix::OwnedReadHalf;
use wasm_sink_core::{Blame, Error, Kind, Result};

use super::place::{self, END};
use super::protocol::{Event, Request};

/// A process that runs a pipeline.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Running {
    /// Its number.
    pub process: u32,
    path: PathBuf,
}

/// The processes of this user on this machine that run a pipeline.
///
/// # Errors
/// The folder of their sockets cannot be read.
pub async fn find(pipeline: &str) -> Result<Vec<Running>> {
    found(Some(&place::stem(pipeline))).await
}

/// All that this user's processes run on this machine; a process that runs several pipelines is there several times.
///
/// # Errors
/// As [`find`].
pub async fn find_all() -> Result<Vec<Running>> {
    found(None).await
}

async fn found(stem: Option<&str>) -> Result<Vec<Running>> {
    let listed = listed(stem).map_err(|error| {
        let message = "the folder of control sockets cannot be read";
        Error::new(Kind::Other, Blame::Host, message).with_source(error)
    })?;
    let mut found = Vec::new();
    for running in listed {
        match UnixStream::connect(&running.path).await {
            Ok(_) => found.push(running),
            // Of a process that was killed; one that is about to listen refuses as well.
            Err(error)
                if error.kind() == io::ErrorKind::ConnectionRefused
                    && !is_alive(running.process) =>
            {
                let _ = fs::remove_file(&running.path);
            }
            Err(_) => {}
        }
    }
    found.sort();
    Ok(found)
}

fn is_alive(process: u32) -> bool {
    Path::new("/proc").join(process.to_string()).exists()
}

/// Sockets whose names begin with `stem`.
fn listed(stem: Option<&str>) -> io::Result<Vec<Running>> {
    let mut listed = Vec::new();
    for entry in fs::read_dir(place::folder()?)? {
        let entry = entry?;
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| {
            let name = name.strip_suffix(END)?;
            match stem {
                Some(stem) => name.strip_prefix(stem),
                None => Some(name.rsplit_once('.')?.1),
            }
        });
        if let Some(process) = number.and_then(|number| number.parse().ok()) {
            listed.push(Running {
                process,
                path: entry.path(),
            });
        }
    }
    Ok(listed)
}

/// What happens, one event after the other.
#[derive(Debug)]
pub struct Events(Lines<BufReader<OwnedReadHalf>>);

/// Asks a process.
///
/// # Errors
/// It is gone.
pub async fn ask(running: &Running, request: &Request) -> Result<Events> {
    let asked = async {
        let (reader, mut writer) = connect(&running.path).await?.into_split();
        let mut line = serde_json::to_vec(request)?;
        line.push(b'\n');
        writer.write_all(&line).await?;
        // Closed for writing only when the last event is read.
        writer.forget();
        Ok(Events(BufReader::new(reader).lines()))
    };
    asked.await.map_err(gone)
}

async fn connect(path: &Path) -> io::Result<UnixStream> {
    UnixStream::connect(path).await
}

fn gone(error: io::Error) -> Error {
    let message = "the process that runs the pipeline does not answer";
    Error::new(Kind::Unavailable, Blame::Host, message).with_source(error)
}

impl Events {
    /// The next one.
    ///
    /// # Errors
    /// The process ended before the last one.
    pub async fn next(&mut self) -> Result<Event> {
        let line = self.0.next_line().await.map_err(gone)?;
        let line = line.ok_or_else(|| gone(io::ErrorKind::UnexpectedEof.into()))?;
        serde_json::from_str(&line).map_err(|error| {
            let message = "the process that runs the pipeline is of another version";
            Error::new(Kind::Other, Blame::Host, message).with_source(error)
        })
    }
}
