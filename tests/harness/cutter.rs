//! A TCP proxy that cuts connections at the worst moment: when a client says a given word.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
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

/// A running proxy; it ends with the test's process.
#[derive(Debug)]
pub struct Cutter {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    upstream: SocketAddr,
    word: &'static [u8],
    cut: Cut,
    /// Every so many times that it is said.
    every: usize,
    said: AtomicUsize,
    cuts: AtomicUsize,
}

impl Cutter {
    /// A proxy before `upstream` that cuts every `every`-th time that `word` is said.
    pub fn start(upstream: SocketAddr, word: &'static [u8], cut: Cut, every: usize) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("the address of a listener");
        let shared = Arc::new(Shared {
            upstream,
            word,
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
        while let Ok(read @ 1..) = client.read(&mut buffer) {
            let chunk = &buffer[..read];
            if self.is_time(chunk) {
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

    fn is_time(&self, chunk: &[u8]) -> bool {
        let is_said = chunk.windows(self.word.len()).any(|at| at == self.word);
        is_said && (self.said.fetch_add(1, Ordering::AcqRel) + 1).is_multiple_of(self.every)
    }
}
