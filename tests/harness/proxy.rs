//! An HTTP proxy that loses, delays, refuses and cuts what passes through it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// What happens to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It passes.
    Pass,
    /// It passes after a while.
    Delay(Duration),
    /// It passes and takes effect; its reply is swallowed and the connection closed.
    LoseReply,
    /// It passes and takes effect; it is answered with this status instead.
    Answer(u16),
    /// It goes nowhere and is answered with this status.
    Refuse(u16),
    /// It goes nowhere; the connection is closed.
    Cut,
}

/// A request as the proxy read it, whole.
#[derive(Clone, Debug)]
pub struct Request {
    /// GET, PUT, …
    pub method: String,
    /// Path and query.
    pub target: String,
    /// How many requests came before it.
    pub number: usize,
    head: Vec<u8>,
    /// The bytes after the head.
    pub body: Vec<u8>,
}

impl Request {
    /// Whether it puts a version into the log of a Delta table.
    pub fn is_delta_commit(&self) -> bool {
        let path = self.target.split('?').next().unwrap_or_default();
        self.method == "PUT" && path.contains("/_delta_log/") && path.ends_with(".json")
    }
}

type Decide = dyn Fn(&Request) -> Fate + Send + Sync;

struct Shared {
    upstream: SocketAddr,
    decide: Box<Decide>,
    fates: Mutex<Vec<(String, Fate)>>,
    ended: AtomicBool,
}

/// A running proxy; ended when dropped.
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

impl Proxy {
    /// A proxy before `upstream`. `decide` sees every request before it passes.
    pub fn start(
        upstream: SocketAddr,
        decide: impl Fn(&Request) -> Fate + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("the address of a listener");
        let shared = Arc::new(Shared {
            upstream,
            decide: Box::new(decide),
            fates: Mutex::new(Vec::new()),
            ended: AtomicBool::new(false),
        });
        let accepting = Arc::clone(&shared);
        let acceptor = std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if accepting.ended.load(Ordering::Acquire) {
                    return;
                }
                let shared = Arc::clone(&accepting);
                // A connection that breaks is the test's intention, or its client's business.
                std::thread::spawn(move || shared.serve(&client));
            }
        });
        Self {
            address,
            shared,
            acceptor: Some(acceptor),
        }
    }

    /// Its URL.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// "METHOD target" of every request that did not simply pass, with its fate, in order.
    pub fn disturbed(&self) -> Vec<(String, Fate)> {
        let fates = self
            .shared
            .fates
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        fates
            .iter()
            .filter(|(_, fate)| *fate != Fate::Pass)
            .cloned()
            .collect()
    }

    /// How many requests came.
    pub fn requests(&self) -> usize {
        self.shared
            .fates
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .len()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Release);
        // Wakes the acceptor.
        drop(TcpStream::connect(self.address));
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

impl Shared {
    /// Serves one connection: request after request, each over its own connection to the server.
    fn serve(&self, client: &TcpStream) -> std::io::Result<()> {
        let mut reader = BufReader::new(client);
        while let Some(request) = self.read_request(&mut reader)? {
            let fate = (self.decide)(&request);
            let name = format!("{} {}", request.method, request.target);
            let mut fates = self.fates.lock().unwrap_or_else(PoisonError::into_inner);
            fates.push((name, fate));
            drop(fates);
            match fate {
                Fate::Pass => self.forward(&request, Some(client))?,
                Fate::Delay(time) => {
                    std::thread::sleep(time);
                    self.forward(&request, Some(client))?;
                }
                Fate::LoseReply => {
                    self.forward(&request, None)?;
                    return client.shutdown(Shutdown::Both);
                }
                Fate::Answer(status) => {
                    self.forward(&request, None)?;
                    answer(client, status)?;
                }
                Fate::Refuse(status) => answer(client, status)?,
                Fate::Cut => return client.shutdown(Shutdown::Both),
            }
        }
        Ok(())
    }

    fn read_request(&self, client: &mut impl BufRead) -> std::io::Result<Option<Request>> {
        let Some(head) = read_head(client)? else {
            return Ok(None);
        };
        let body = read_body(client, &head, false)?;
        let line = String::from_utf8_lossy(&head);
        let mut words = line.split_ascii_whitespace();
        let mut word = || words.next().unwrap_or_default().to_owned();
        Ok(Some(Request {
            method: word(),
            target: word(),
            number: self
                .fates
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .len(),
            head,
            body,
        }))
    }

    /// Sends the request on and waits for the whole reply, which goes to `client`, if there is one.
    fn forward(&self, request: &Request, client: Option<&TcpStream>) -> std::io::Result<()> {
        let mut server = TcpStream::connect(self.upstream)?;
        server.write_all(&request.head)?;
        server.write_all(&request.body)?;
        let mut reader = BufReader::new(&server);
        let mut reply = read_head(&mut reader)?.unwrap_or_default();
        if request.method != "HEAD" && !has_no_body(&reply) {
            let body = read_body(&mut reader, &reply, true)?;
            reply.extend(body);
        }
        client.map_or(Ok(()), |mut client| client.write_all(&reply))
    }
}

fn answer(mut client: &TcpStream, status: u16) -> std::io::Result<()> {
    let text = format!("HTTP/1.1 {status} Disturbed\r\nContent-Length: 0\r\n\r\n");
    client.write_all(text.as_bytes())
}

/// Start line and headers with the empty line after them; None at the end of the connection.
fn read_head(reader: &mut impl BufRead) -> std::io::Result<Option<Vec<u8>>> {
    let mut head = Vec::new();
    while reader.read_until(b'\n', &mut head)? > 0 {
        if head.ends_with(b"\r\n\r\n") {
            return Ok(Some(head));
        }
    }
    Ok(None)
}

/// The body as it stands on the wire. Without a length, a reply lasts until the connection ends
/// and a request has none.
fn read_body(reader: &mut impl BufRead, head: &[u8], is_reply: bool) -> std::io::Result<Vec<u8>> {
    let mut body = Vec::new();
    if header(head, "transfer-encoding").is_some_and(|value| value.contains("chunked")) {
        loop {
            let start = body.len();
            reader.read_until(b'\n', &mut body)?;
            let line = String::from_utf8_lossy(&body[start..]);
            let size = line.split(';').next().unwrap_or_default().trim();
            let size = u64::from_str_radix(size, 16).map_err(std::io::Error::other)?;
            // The chunk and the end of its line; after the last one, there are no trailers.
            reader.take(size + 2).read_to_end(&mut body)?;
            if size == 0 {
                return Ok(body);
            }
        }
    }
    match header(head, "content-length") {
        Some(length) => {
            let length = length.parse().map_err(std::io::Error::other)?;
            reader.take(length).read_to_end(&mut body)?;
        }
        None if is_reply => {
            reader.read_to_end(&mut body)?;
        }
        None => {}
    }
    Ok(body)
}

fn header(head: &[u8], name: &str) -> Option<String> {
    let text = String::from_utf8_lossy(head);
    text.lines().skip(1).find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name)
            .then(|| value.trim().to_ascii_lowercase())
    })
}

fn has_no_body(reply: &[u8]) -> bool {
    let line = String::from_utf8_lossy(reply);
    let status = line.split_ascii_whitespace().nth(1).unwrap_or_default();
    matches!(status, "204" | "304") || status.starts_with('1')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that answers each request with its number, and counts them.
    fn counting_server() -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let mut reader = BufReader::new(&client);
                let Some(head) = read_head(&mut reader).unwrap() else {
                    continue;
                };
                let body = read_body(&mut reader, &head, false).unwrap();
                let mut seen = log.lock().unwrap();
                seen.push(String::from_utf8(body).unwrap());
                let reply = format!(
                    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n#{}\r\n0\r\n\r\n",
                    seen.len()
                );
                (&client).write_all(reply.as_bytes()).unwrap();
            }
        });
        (address, seen)
    }

    fn put(address: SocketAddr, target: &str) -> String {
        let mut client = TcpStream::connect(address).unwrap();
        let text = format!("PUT {target} HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody");
        client.write_all(text.as_bytes()).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let mut reply = String::new();
        client.read_to_string(&mut reply).unwrap();
        reply
    }

    #[test]
    fn each_request_meets_its_fate() {
        let (server, seen) = counting_server();
        let proxy = Proxy::start(server, |request| match request.target.as_str() {
            "/lost" => Fate::LoseReply,
            "/answered" => Fate::Answer(500),
            "/refused" => Fate::Refuse(503),
            "/cut" => Fate::Cut,
            _ => Fate::Pass,
        });
        assert!(put(proxy.address, "/a").contains("#1"));
        assert_eq!(put(proxy.address, "/lost"), "");
        assert!(put(proxy.address, "/answered").starts_with("HTTP/1.1 500"));
        assert!(put(proxy.address, "/refused").starts_with("HTTP/1.1 503"));
        assert_eq!(put(proxy.address, "/cut"), "");
        assert!(put(proxy.address, "/b").contains("#4"));
        assert_eq!(
            seen.lock().unwrap().as_slice(),
            ["body", "body", "body", "body"]
        );
        assert_eq!(proxy.requests(), 6);
        let disturbed: Vec<_> = proxy
            .disturbed()
            .into_iter()
            .map(|(_, fate)| fate)
            .collect();
        assert_eq!(
            disturbed,
            [
                Fate::LoseReply,
                Fate::Answer(500),
                Fate::Refuse(503),
                Fate::Cut
            ]
        );
    }

    #[test]
    fn a_commit_to_a_delta_log_is_recognised() {
        let request = |method: &str, target: &str| Request {
            method: method.to_owned(),
            target: target.to_owned(),
            number: 0,
            head: Vec::new(),
            body: Vec::new(),
        };
        assert!(request("PUT", "/lake/t/_delta_log/00000000000000000001.json").is_delta_commit());
        assert!(!request("GET", "/lake/t/_delta_log/00000000000000000001.json").is_delta_commit());
        assert!(!request("PUT", "/lake/t/part-0.parquet").is_delta_commit());
        assert!(!request("PUT", "/lake/t/_delta_log/_last_checkpoint").is_delta_commit());
    }
}
