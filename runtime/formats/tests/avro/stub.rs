//! A stub of a registry: answers what a test tells it to.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A stub, until it is dropped with its test's runtime.
pub struct Stub {
    pub url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

/// What comes back.
pub struct Reply {
    pub status: u16,
    pub body: String,
    pub headers: String,
    /// Waits so long before it answers.
    pub after: Duration,
    /// Breaks off after the head.
    pub is_cut: bool,
}

impl Reply {
    pub fn new(status: u16, body: impl Into<String>) -> Self {
        Self {
            status,
            body: body.into(),
            headers: String::new(),
            after: Duration::ZERO,
            is_cut: false,
        }
    }

    pub fn schema(text: &str) -> Self {
        Self::new(200, json!({ "schema": text }).to_string())
    }

    /// As Confluent's says that it has no such schema.
    pub fn missing() -> Self {
        Self::new(404, r#"{"error_code":40403,"message":"Schema not found"}"#)
    }
}

impl Stub {
    /// `answer` has the head of a request with its body, and how many of the same path came before.
    pub async fn start(answer: impl Fn(&str, usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let paths = Arc::clone(&asked);
        let answer = Arc::new(answer);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (paths, answer) = (Arc::clone(&paths), Arc::clone(&answer));
                tokio::spawn(async move {
                    let _ = serve(stream, &paths, answer.as_ref()).await;
                });
            }
        });
        Self { url, asked }
    }

    /// One that has these schemas.
    pub async fn with(schemas: &[(u32, &str)]) -> Self {
        let schemas: HashMap<_, _> = schemas
            .iter()
            .map(|(id, text)| (format!("/schemas/ids/{id}"), (*text).to_owned()))
            .collect();
        Self::start(move |head, _| {
            let known = schemas.get(path(head));
            known.map_or_else(Reply::missing, |text| Reply::schema(text))
        })
        .await
    }

    /// The paths that were asked for, in order.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// What a request asks for.
pub fn path(head: &str) -> &str {
    head.split(' ').nth(1).unwrap_or_default()
}

async fn serve(
    mut stream: TcpStream,
    asked: &Mutex<Vec<String>>,
    answer: &(dyn Fn(&str, usize) -> Reply + Send + Sync),
) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let mut head = String::from_utf8(head).unwrap();
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let is_length = name.eq_ignore_ascii_case("content-length");
        is_length.then(|| value.trim().parse().unwrap())
    });
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).await?;
    head.push_str(&String::from_utf8(body).unwrap());
    let before = {
        let mut asked = asked.lock().unwrap();
        let before = asked.iter().filter(|other| *other == path(&head)).count();
        asked.push(path(&head).to_owned());
        before
    };
    let reply = answer(&head, before);
    tokio::time::sleep(reply.after).await;
    let (status, headers, body) = (reply.status, reply.headers, reply.body);
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status} Stub\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    let body = if reply.is_cut { "" } else { body.as_str() };
    stream.write_all(body.as_bytes()).await?;
    stream.shutdown().await
}
