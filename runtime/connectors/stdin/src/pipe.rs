//! Standard input on a thread of its own: a read of a pipe may never return, and nothing else may
//! wait for it.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use wasm_sink_core::{Blame, Error, Kind, Result};

const CHUNK_BYTES: usize = 256 << 10;

/// Chunks that are read ahead.
const CHUNKS_AHEAD: usize = 4;

#[derive(Debug)]
enum Message {
    Chunk(Vec<u8>),
    Ended(io::Result<()>),
    /// Look whether somebody reads on.
    Wake,
}

/// The reading end.
#[derive(Debug)]
pub(crate) struct Input {
    messages: Receiver<Message>,
    /// Nobody reads on.
    is_closed: Arc<AtomicBool>,
    /// Taken off the channel already.
    chunks: VecDeque<Vec<u8>>,
    /// Bytes of the first chunk that have been read.
    read: usize,
    end: Option<io::Result<()>>,
}

/// Wakes a read that waits, when the source is dropped.
#[derive(Debug)]
pub(crate) struct Closer {
    messages: SyncSender<Message>,
    is_closed: Arc<AtomicBool>,
}

impl Drop for Closer {
    fn drop(&mut self) {
        self.is_closed.store(true, Ordering::Release);
        // A channel that is full wakes the read as well.
        let _ = self.messages.try_send(Message::Wake);
    }
}

/// Starts the thread. It ends with the input, or with the process.
pub(crate) fn read_on_a_thread(mut from: impl Read + Send + 'static) -> Result<(Input, Closer)> {
    let (sender, messages) = sync_channel(CHUNKS_AHEAD);
    let is_closed = Arc::new(AtomicBool::new(false));
    let closer = Closer {
        messages: sender.clone(),
        is_closed: Arc::clone(&is_closed),
    };
    let read = move || {
        loop {
            let mut chunk = vec![0; CHUNK_BYTES];
            let message = match from.read(&mut chunk) {
                Ok(0) => Message::Ended(Ok(())),
                Ok(read) => {
                    chunk.truncate(read);
                    Message::Chunk(chunk)
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => Message::Ended(Err(error)),
            };
            let is_end = matches!(message, Message::Ended(_));
            if sender.send(message).is_err() || is_end {
                return;
            }
        }
    };
    std::thread::Builder::new()
        .name("stdin".to_owned())
        .spawn(read)
        .map_err(|error| {
            let message = "no thread could be started to read standard input";
            Error::new(Kind::Other, Blame::Host, message).with_source(error)
        })?;
    let input = Input {
        messages,
        is_closed,
        chunks: VecDeque::new(),
        read: 0,
        end: None,
    };
    Ok((input, closer))
}

impl Input {
    fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Acquire)
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Chunk(chunk) => self.chunks.push_back(chunk),
            Message::Ended(end) => self.end = Some(end),
            Message::Wake => {}
        }
    }

    /// Collects the first bytes for the schema: until there are `bytes`, the end, or `patience` after
    /// the first ones; but at least one whole line.
    pub(crate) fn collect(&mut self, bytes: usize, patience: Duration) {
        let mut collected = 0;
        let mut has_line = false;
        let mut until = None;
        while collected < bytes && self.end.is_none() && !self.is_closed() {
            let wait = until.map(|until: Instant| until.saturating_duration_since(Instant::now()));
            let message = match wait {
                Some(wait) if has_line => self.messages.recv_timeout(wait),
                _ => self.messages.recv().map_err(RecvTimeoutError::from),
            };
            match message {
                Ok(message) => {
                    if let Message::Chunk(chunk) = &message {
                        collected += chunk.len();
                        has_line |= chunk.contains(&b'\n');
                        until.get_or_insert_with(|| Instant::now() + patience);
                    }
                    self.take(message);
                }
                Err(RecvTimeoutError::Disconnected) => self.end = Some(Ok(())),
                Err(RecvTimeoutError::Timeout) => return,
            }
        }
    }
}

impl Read for Input {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.chunks.is_empty() && self.end.is_none() && !self.is_closed() {
            match self.messages.recv() {
                Ok(message) => self.take(message),
                Err(_) => self.end = Some(Ok(())),
            }
        }
        // As many chunks as there are, so that a busy pipe gives whole blocks.
        let mut filled = 0;
        while filled < out.len() {
            if self.chunks.is_empty()
                && self.end.is_none()
                && let Ok(message) = self.messages.try_recv()
            {
                self.take(message);
            }
            let Some(chunk) = self.chunks.front() else {
                break;
            };
            let rest = chunk.get(self.read..).unwrap_or_default();
            let length = rest.len().min(out.len() - filled);
            if let (Some(target), Some(now)) =
                (out.get_mut(filled..filled + length), rest.get(..length))
            {
                target.copy_from_slice(now);
            }
            filled += length;
            self.read += length;
            if length == rest.len() {
                self.chunks.pop_front();
                self.read = 0;
            }
        }
        match (filled, &mut self.end) {
            (0, Some(end)) => std::mem::replace(end, Ok(())).map(|()| 0),
            _ => Ok(filled),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_bytes_come_through_then_the_error() {
        struct Broken(usize);
        impl Read for Broken {
            fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
                if self.0 == 0 {
                    return Err(io::Error::other("gone"));
                }
                let length = self.0.min(out.len()).min(1000);
                out[..length].fill(b'x');
                self.0 -= length;
                Ok(length)
            }
        }
        let (mut input, _closer) = read_on_a_thread(Broken(10_500)).unwrap();
        input.collect(2_500, Duration::from_secs(60));
        let mut bytes = Vec::new();
        let error = input.read_to_end(&mut bytes).unwrap_err();
        assert_eq!(bytes.len(), 10_500);
        assert_eq!(error.to_string(), "gone");
    }

    #[test]
    fn a_waiting_read_ends_with_its_source() {
        /// Never returns.
        struct Silent;
        impl Read for Silent {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                loop {
                    std::thread::park();
                }
            }
        }
        let (mut input, closer) = read_on_a_thread(Silent).unwrap();
        let reading = std::thread::spawn(move || input.read(&mut [0; 8]));
        drop(closer);
        assert_eq!(reading.join().unwrap().unwrap(), 0);
    }
}
