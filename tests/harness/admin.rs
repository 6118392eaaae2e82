//! What a running pipeline says of itself on its admin address.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::server::free_port;

/// The admin address of one pipeline.
#[derive(Clone, Copy, Debug)]
pub struct Admin(u16);

impl Admin {
    /// A port that is free.
    #[must_use]
    pub fn somewhere() -> Self {
        Self(free_port())
    }

    /// `[admin]`, whole.
    pub fn section(self) -> String {
        format!("[admin]\naddress = \"{}\"\n", self.address())
    }

    /// Where it is.
    pub fn address(self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.0).into()
    }

    /// What is answered for a path, with its headers.
    ///
    /// # Panics
    /// Nobody answers.
    pub fn get(self, path: &str) -> String {
        self.get_with(path, "")
    }

    /// The same, with headers of our own, whole lines.
    ///
    /// # Panics
    /// Nobody answers.
    pub fn get_with(self, path: &str, headers: &str) -> String {
        let mut stream = TcpStream::connect(self.address()).expect("an admin server");
        let request = format!("GET {path} HTTP/1.0\r\nHost: localhost\r\n{headers}\r\n");
        stream.write_all(request.as_bytes()).expect("a request");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("an answer");
        text
    }

    /// A counter of `/metrics`.
    ///
    /// # Panics
    /// Nobody answers, or there is no such counter.
    pub fn counter(self, name: &str) -> u64 {
        let text = self.get("/metrics");
        let line = text.lines().find(|line| line.starts_with(name));
        let value = line.and_then(|line| line.rsplit_once(' '));
        let value = value.and_then(|(_, value)| value.parse().ok());
        value.unwrap_or_else(|| panic!("no counter `{name}` in:\n{text}"))
    }

    /// Waits until a counter has stood still for `rest`; its value.
    ///
    /// # Panics
    /// It never does within `limit`.
    pub fn await_rest(self, name: &str, rest: Duration, limit: Duration) -> u64 {
        let started = Instant::now();
        let (mut value, mut since) = (self.counter(name), Instant::now());
        while since.elapsed() < rest {
            assert!(started.elapsed() < limit, "`{name}` still grows: {value}");
            std::thread::sleep(Duration::from_millis(20));
            let now = self.counter(name);
            if now != value {
                (value, since) = (now, Instant::now());
            }
        }
        value
    }
}
