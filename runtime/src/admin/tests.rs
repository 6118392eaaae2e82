use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use wasm_sink_core::secret::Secret;

use super::*;
use crate::pipeline::Observer;

const TOKEN: &str = "0123456789abcdef-token";

async fn fetch(address: SocketAddr, path: &str, headers: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nConnection: close\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

async fn get_local(address: SocketAddr, path: &str) -> String {
    fetch(address, path, "Host: localhost:9464\r\n").await
}

fn anywhere(token: Option<&str>) -> config::Admin {
    config::Admin {
        address: SocketAddr::from(([127, 0, 0, 1], 0)),
        token: token.map(Secret::new),
    }
}

/// Serves until what comes back is dropped.
async fn serve(
    token: Option<&str>,
    pipelines: &[&Arc<Metrics>],
) -> (SocketAddr, oneshot::Sender<()>) {
    let admin = Admin::bind(&anywhere(token)).await.unwrap();
    let address = admin.address().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let pipelines = pipelines.iter().map(|metrics| Arc::clone(metrics));
    tokio::spawn(admin.serve(pipelines.collect(), async {
        let _ = stopped.await;
    }));
    (address, stop)
}

#[tokio::test]
async fn health_follows_the_pipeline() {
    let metrics = Arc::new(Metrics::new("payments"));
    let (address, _stop) = serve(None, &[&metrics]).await;
    metrics.read(10, 100);
    let answer = get_local(address, "/metrics").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(
        answer.contains("records_read_total{pipeline=\"payments\"} 10"),
        "{answer}"
    );

    let answer = get_local(address, "/health").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("\"status\":\"running\""), "{answer}");
    assert!(answer.contains("\"last_commit_age_ms\":null"), "{answer}");

    let error = Error::new(Kind::Unavailable, Blame::Destination, "the lake is away");
    metrics.retrying(&error, Duration::ZERO);
    let answer = get_local(address, "/health").await;
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(
        answer.contains("\"error\":\"the lake is away\""),
        "{answer}"
    );
    assert!(
        get_local(address, "/other")
            .await
            .starts_with("HTTP/1.1 404")
    );
}

#[tokio::test]
async fn several_pipelines_share_an_address() {
    let (good, bad) = (
        Arc::new(Metrics::new("good")),
        Arc::new(Metrics::new("bad")),
    );
    let (address, _stop) = serve(None, &[&good, &bad]).await;
    good.read(10, 100);
    let error = Error::new(Kind::Unavailable, Blame::Destination, "the lake is away");
    bad.stopped(Some(&error));
    let answer = get_local(address, "/metrics").await;
    assert_eq!(
        answer.matches("# TYPE records_read counter").count(),
        1,
        "{answer}"
    );
    for line in [
        "records_read_total{pipeline=\"good\"} 10",
        "records_read_total{pipeline=\"bad\"} 0",
        "pipeline_failing{pipeline=\"good\"} 0.0",
        "pipeline_failing{pipeline=\"bad\"} 1.0",
    ] {
        assert!(answer.contains(line), "{line}\n{answer}");
    }
    let answer = get_local(address, "/health").await;
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(answer.contains("\"status\":\"failed\""), "{answer}");
    assert!(answer.contains("\"pipeline\":\"good\""), "{answer}");
    let answer = get_local(address, "/status").await;
    let json = answer.split("\r\n\r\n").nth(1).unwrap();
    let told: Statuses = serde_json::from_str(json).unwrap();
    let told: Vec<_> = told
        .pipelines
        .iter()
        .map(|one| (one.pipeline.as_str(), one.status))
        .collect();
    assert_eq!(told, [("good", Phase::Running), ("bad", Phase::Failed)]);
}

#[tokio::test]
async fn a_token_is_asked_for_and_health_tells_little_without() {
    let metrics = Arc::new(Metrics::new("p"));
    let (address, _stop) = serve(Some(TOKEN), &[&metrics]).await;
    let shown = format!("Host: example.org\r\nAuthorization: Bearer {TOKEN}\r\n");
    let wrong = "Host: localhost\r\nAuthorization: Bearer 0123456789abcdef-tokem\r\n";
    for path in ["/status", "/metrics"] {
        for headers in ["Host: localhost\r\n", wrong] {
            let answer = fetch(address, path, headers).await;
            assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
        }
        let answer = fetch(address, path, &shown).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    let error = Error::new(Kind::Unavailable, Blame::Destination, "the lake is away");
    metrics.retrying(&error, Duration::ZERO);
    let answer = fetch(address, "/health", wrong).await;
    assert!(
        answer.starts_with("HTTP/1.1 503") && answer.contains("{\"status\":\"retrying\"}"),
        "{answer}"
    );
    assert!(!answer.contains("lake"), "{answer}");
    assert!(fetch(address, "/health", &shown).await.contains("the lake"));
    // The page has nothing in it.
    let answer = fetch(address, "/", "Host: example.org\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn without_a_token_no_page_from_elsewhere_reads_anything() {
    let metrics = Arc::new(Metrics::new("p"));
    let error = Error::new(Kind::Unavailable, Blame::Destination, "the lake is away");
    metrics.retrying(&error, Duration::ZERO);
    let (address, _stop) = serve(None, &[&metrics]).await;
    for host in ["evil.example:9464", "127.0.0.1.evil.example", ""] {
        let host = format!("Host: {host}\r\n");
        let answer = fetch(address, "/status", &host).await;
        assert!(answer.starts_with("HTTP/1.1 403"), "{host}: {answer}");
        // A probe may come under any name.
        let answer = fetch(address, "/health", &host).await;
        assert!(answer.starts_with("HTTP/1.1 503"), "{host}: {answer}");
        assert!(!answer.contains("the lake"), "{host}: {answer}");
    }
    for host in ["127.0.0.1:9464", "[::1]:9464", "LOCALHOST"] {
        let answer = fetch(address, "/status", &format!("Host: {host}\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{host}: {answer}");
    }
}

#[tokio::test]
async fn connections_that_say_nothing_leave_room_for_others() {
    let metrics = Arc::new(Metrics::new("p"));
    let (address, _stop) = serve(None, &[&metrics]).await;
    let mut silent = Vec::new();
    for _ in 0..64 {
        silent.push(TcpStream::connect(address).await.unwrap());
    }
    tokio::time::pause();
    let begun = tokio::time::Instant::now();
    let other = tokio::spawn(async move {
        let answer = get_local(address, "/health").await;
        (answer, begun.elapsed())
    });
    for mut stream in silent {
        let _ = stream.read_to_end(&mut Vec::new()).await;
    }
    tokio::time::resume();
    let (answer, waited) = other.await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(waited >= Duration::from_secs(29), "{waited:?}");
}

#[tokio::test]
async fn a_taken_port_says_so() {
    let first = Admin::bind(&anywhere(None)).await.unwrap();
    let admin = config::Admin {
        address: first.address().unwrap(),
        token: None,
    };
    let error = Admin::bind(&admin).await.unwrap_err();
    assert_eq!(error.blame(), Blame::Configuration);
    let message = error.to_string();
    let expected = format!("port {} is taken", admin.address.port());
    assert!(
        message.contains(&expected) && message.contains("[admin]"),
        "{message}"
    );
}
