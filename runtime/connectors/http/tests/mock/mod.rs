//! A mock of a web service: HTTP/1.1 by hand, which answers as a test says and remembers what it was asked. It is no
//! server that anybody runs; what real ones do is another test's affair.

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Received {
    pub method: String,
    pub target: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub at: Instant,
}

impl Received {
    /// The value of a header; "" where there is none.
    pub fn header(&self, name: &str) -> &str {
        let mut headers = self.headers.iter();
        headers
            .find(|(known, _)| known == name)
            .map_or("", |(_, value)| value)
    }
}

/// What is done with a request.
#[derive(Clone, Debug)]
pub struct Reply {
    bytes: Vec<u8>,
    /// Waits before it answers.
    delay: Duration,
    /// So many bytes are sent, and then the connection is closed.
    cut: Option<usize>,
}

impl Reply {
    pub fn new(status: u16, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Self {
        let body = body.as_ref();
        let mut bytes = format!("HTTP/1.1 {status} Whatever\r\n").into_bytes();
        for (name, value) in headers {
            bytes.extend(format!("{name}: {value}\r\n").into_bytes());
        }
        bytes.extend(format!("Content-Length: {}\r\n\r\n", body.len()).into_bytes());
        bytes.extend(body);
        Self {
            bytes,
            delay: Duration::ZERO,
            cut: None,
        }
    }

    pub fn status(status: u16) -> Self {
        Self::new(status, &[], "")
    }

    pub fn gzip(body: &[u8]) -> Self {
        Self::new(200, &[("Content-Encoding", "gzip")], gzip(body))
    }

    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Without its last so many bytes.
    pub fn without(mut self, bytes: usize) -> Self {
        self.cut = Some(self.bytes.len() - bytes);
        self
    }
}

pub fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

type Handler = dyn Fn(usize, &Received) -> Reply + Send + Sync;

/// A service that runs until the test ends.
pub struct Mock {
    pub address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
    connections: Arc<AtomicUsize>,
}

impl Mock {
    /// `handler` gets the number of requests before, and the request.
    pub async fn start(
        handler: impl Fn(usize, &Received) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let received = Arc::new(Mutex::new(Vec::new()));
        let (handler, kept): (Arc<Handler>, _) = (Arc::new(handler), Arc::clone(&received));
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&connections);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                counted.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(stream, Arc::clone(&handler), Arc::clone(&kept)));
            }
        });
        Self {
            address,
            received,
            connections,
        }
    }

    /// How often somebody connected.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// These answers in turn; the last one from then on.
    pub async fn answering(replies: Vec<Reply>) -> Self {
        Self::start(move |number, _| replies[number.min(replies.len() - 1)].clone()).await
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What came so far.
    pub fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }
}

async fn serve(mut stream: TcpStream, handler: Arc<Handler>, kept: Arc<Mutex<Vec<Received>>>) {
    let mut buffer = Vec::new();
    while let Some(request) = read(&mut stream, &mut buffer).await {
        let number = {
            let mut kept = kept.lock().unwrap();
            kept.push(request.clone());
            kept.len() - 1
        };
        let reply = handler(number, &request);
        tokio::time::sleep(reply.delay).await;
        let is_head = request.method == "HEAD";
        let end = match is_head {
            true => head_len(&reply.bytes).unwrap(),
            false => reply.cut.unwrap_or(reply.bytes.len()),
        };
        let is_written = stream.write_all(&reply.bytes[..end]).await.is_ok();
        if !is_written || reply.cut.is_some() {
            let _ = stream.shutdown().await;
            return;
        }
    }
}

fn head_len(bytes: &[u8]) -> Option<usize> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    Some(end + 4)
}

async fn read(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Received> {
    let mut more = async |buffer: &mut Vec<u8>| {
        let mut bytes = [0; 4_096];
        let count = stream.read(&mut bytes).await.ok()?;
        buffer.extend_from_slice(&bytes[..count]);
        (count > 0).then_some(())
    };
    let head_len = loop {
        match head_len(buffer) {
            Some(len) => break len,
            None => more(buffer).await?,
        }
    };
    let head = String::from_utf8(buffer[..head_len].to_vec()).ok()?;
    let mut lines = head.split("\r\n");
    let mut words = lines.next()?.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length: usize = length.map_or(0, |(_, value)| value.parse().unwrap());
    while buffer.len() < head_len + length {
        more(buffer).await?;
    }
    let body = buffer[head_len..head_len + length].to_vec();
    buffer.drain(..head_len + length);
    Some(Received {
        method,
        target,
        headers,
        body,
        at: Instant::now(),
    })
}
