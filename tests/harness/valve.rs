//! A TCP proxy that can be shut: bytes wait then, as they do before a server that is too slow.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// A running proxy; it ends with the test's process.
#[derive(Debug)]
pub struct Valve {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    upstream: SocketAddr,
    /// How many more bytes clients may send.
    left: Mutex<usize>,
    changed: Condvar,
}

impl Valve {
    /// A proxy at `place` (port 0: anywhere there) before `upstream` that shuts once clients have sent so many bytes.
    pub fn start(place: SocketAddr, upstream: SocketAddr, bytes: usize) -> Self {
        let listener = TcpListener::bind(place).expect("a free port");
        let address = listener.local_addr().expect("the address of a listener");
        let shared = Arc::new(Shared {
            upstream,
            left: Mutex::new(bytes),
            changed: Condvar::new(),
        });
        let accepting = Arc::clone(&shared);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let shared = Arc::clone(&accepting);
                std::thread::spawn(move || shared.serve(client));
            }
        });
        Self { address, shared }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until it has shut.
    pub fn await_shut(&self) {
        let mut left = self.shared.left();
        while *left > 0 {
            left = self.shared.wait(left);
        }
    }

    /// Lets everything through from now on.
    pub fn open(&self) {
        *self.shared.left() = usize::MAX;
        self.shared.changed.notify_all();
    }
}

impl Shared {
    fn left(&self) -> std::sync::MutexGuard<'_, usize> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, left: std::sync::MutexGuard<'a, usize>) -> std::sync::MutexGuard<'a, usize> {
        let woken = self.changed.wait(left);
        woken.unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, mut client: TcpStream) -> Option<()> {
        let mut server = TcpStream::connect(self.upstream).ok()?;
        let (mut from, mut to) = (server.try_clone().ok()?, client.try_clone().ok()?);
        std::thread::spawn(move || {
            let _ = std::io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Both);
        });
        let mut buffer = [0; 1 << 14];
        while let Ok(read @ 1..) = client.read(&mut buffer) {
            let mut left = self.left();
            while *left == 0 {
                left = self.wait(left);
            }
            if *left != usize::MAX {
                *left = left.saturating_sub(read);
                self.changed.notify_all();
            }
            drop(left);
            if server.write_all(&buffer[..read]).is_err() {
                break;
            }
        }
        let _ = client.shutdown(Shutdown::Both);
        let _ = server.shutdown(Shutdown::Both);
        None
    }
}
