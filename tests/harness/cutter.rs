//! A TCP proxy that cuts connections at the worst moment: when a client says a given word.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// What becomes of a connection on which the word was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// The word does not arrive.
    Before,
    /// It arrives and is answered; the answer is lost.
    After,
}

/// What a client says.
#[derive(Clone, Copy, Debug)]
pub enum Word {
    /// These bytes, in one piece.
    Bytes(&'static [u8]),
    /// A request of Kafka's protocol with this key.
    KafkaRequest(i16),
}

impl From<&'static [u8]> for Word {
    fn from(bytes: &'static [u8]) -> Self {
        Self::Bytes(bytes)
    }
}

/// A running proxy; it ends with the test's process.
#[derive(Debug)]
pub struct Cutter {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    upstream: SocketAddr,
    word: Word,
    cut: Cut,
    /// Every so many times that it is said.
    every: usize,
    said: AtomicUsize,
    cuts: AtomicUsize,
}

impl Cutter {
    /// A proxy at `place` (port 0: anywhere there) before `upstream` that cuts every `every`-th time that `word` is
    /// said.
    pub fn start(
        place: SocketAddr,
        upstream: SocketAddr,
        word: impl Into<Word>,
        cut: Cut,
        every: usize,
    ) -> Self {
        let listener = TcpListener::bind(place).expect("a free port");
        let address = listener.local_addr().expect("the address of a listener");
        let shared = Arc::new(Shared {
            upstream,
            word: word.into(),
            cut,
            every,
            said: AtomicUsize::new(0),
            cuts: AtomicUsize::new(0),
        });
        let accepting = Arc::clone(&shared);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let shared = Arc::clone(&accepting);
                // A connection that breaks is the test's intention, or its client's business.
                std::thread::spawn(move || shared.serve(client));
            }
        });
        Self { address, shared }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many connections were cut.
    pub fn cuts(&self) -> usize {
        self.shared.cuts.load(Ordering::Acquire)
    }
}

impl Shared {
    fn serve(&self, mut client: TcpStream) -> Option<()> {
        let mut server = TcpStream::connect(self.upstream).ok()?;
        let swallows = Arc::new(AtomicBool::new(false));
        let answers = {
            let (mut from, mut to) = (server.try_clone().ok()?, client.try_clone().ok()?);
            let swallows = Arc::clone(&swallows);
            std::thread::spawn(move || {
                let mut buffer = [0; 1 << 16];
                while let Ok(read @ 1..) = from.read(&mut buffer) {
                    if swallows.load(Ordering::Acquire) {
                        // The answer was on its way: what it says has happened.
                        break;
                    }
                    if to.write_all(&buffer[..read]).is_err() {
                        break;
                    }
                }
                let _ = to.shutdown(Shutdown::Both);
                let _ = from.shutdown(Shutdown::Both);
            })
        };
        let mut buffer = [0; 1 << 16];
        let mut requests = Requests::default();
        while let Ok(read @ 1..) = client.read(&mut buffer) {
            let chunk = &buffer[..read];
            if self.is_time(chunk, &mut requests) {
                self.cuts.fetch_add(1, Ordering::AcqRel);
                match self.cut {
                    Cut::Before => break,
                    Cut::After => swallows.store(true, Ordering::Release),
                }
            }
            if server.write_all(chunk).is_err() {
                break;
            }
            if swallows.load(Ordering::Acquire) {
                let _ = answers.join();
                return None;
            }
        }
        let _ = client.shutdown(Shutdown::Both);
        let _ = server.shutdown(Shutdown::Both);
        None
    }

    fn is_time(&self, chunk: &[u8], requests: &mut Requests) -> bool {
        let is_said = match self.word {
            Word::Bytes(word) => chunk.windows(word.len()).any(|at| at == word),
            Word::KafkaRequest(key) => requests.begun(chunk).contains(&key),
        };
        is_said && (self.said.fetch_add(1, Ordering::AcqRel) + 1).is_multiple_of(self.every)
    }
}

/// Where Kafka's requests begin in what a client sends on a connection: each with its size and its key.
#[derive(Debug, Default)]
struct Requests {
    head: Vec<u8>,
    left: usize,
}

impl Requests {
    /// The keys of those that begin in the next bytes.
    fn begun(&mut self, mut chunk: &[u8]) -> Vec<i16> {
        let mut keys = Vec::new();
        while !chunk.is_empty() {
            let passed = self.left.min(chunk.len());
            self.left -= passed;
            chunk = &chunk[passed..];
            let head = (6 - self.head.len()).min(chunk.len());
            self.head.extend_from_slice(&chunk[..head]);
            chunk = &chunk[head..];
            if let [a, b, c, d, e, f] = *self.head {
                keys.push(i16::from_be_bytes([e, f]));
                self.left = (u32::from_be_bytes([a, b, c, d]) as usize).saturating_sub(2);
                self.head.clear();
            }
        }
        keys
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_found_however_they_are_cut_into_pieces() {
        let sent = [
            &[0, 0, 0, 4, 0, 26, 9, 9][..],
            &[0, 0, 0, 2, 0, 3],
            &[0, 0, 0, 9, 0, 0, 0, 26, 0, 26, 0, 26, 0],
            &[0, 0, 0, 3, 0, 18, 1],
        ]
        .concat();
        for size in 1..=sent.len() {
            let mut requests = Requests::default();
            let keys: Vec<_> = sent
                .chunks(size)
                .flat_map(|chunk| requests.begun(chunk))
                .collect();
            assert_eq!(keys, [26, 3, 0, 18], "in pieces of {size}");
        }
    }
}
