//! A help desk that has wasm-sink inside: tickets are written down by the program, and the urgent ones among them
//! arrive in its inbox, each once, whatever happens in between. What is urgent is the component's business.

#![allow(clippy::print_stdout, reason = "that is what it shows")]

mod inbox;
mod tickets;

use std::error::Error;
use std::ffi::OsStr;
use std::path::Path;

use serde_json::json;
use wasm_sink::{Pipeline, PipelineError, Runtime};

use inbox::Inbox;
use tickets::{Ticket, Tickets};

/// From this urgency on a ticket goes into the inbox.
const URGENT: i64 = 4;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(component), Some(folder)) = (arguments.next(), arguments.next()) else {
        return Err("usage: embedding <component.wasm> <folder> [<another component.wasm>]".into());
    };
    let component = whole(&component)?;

    let (tickets, inbox) = (Tickets::default(), Inbox::new());
    let runtime = Runtime::with_connectors([tickets.connector(), inbox.connector()])?;
    let pipeline = || desk(&runtime, &component, Path::new(&folder));

    write_down(&tickets, 0..1_000);
    let running = runtime.start(pipeline()?).await?;
    inbox.wait_for(400).await;
    if let Some(another) = arguments.next() {
        let another = whole(&another)?;
        running.swap(&another, 0).await?;
        let hash = running.status().await.open.map(|open| open.component.hash);
        println!("swapped to {}", hash.unwrap_or_default());
    }
    running.stop();
    let first = running.wait().await?;
    println!("first run: {} urgent", first.account.staged);

    // Meanwhile nobody reads.
    write_down(&tickets, 1_000..3_000);
    let running = runtime.start(pipeline()?).await?;
    write_down(&tickets, 3_000..5_000);
    tickets.close();
    let second = running.wait().await?;
    println!("second run: {} urgent", second.account.staged);

    let mut arrived: Vec<String> = inbox
        .tickets()
        .into_iter()
        .map(|ticket| ticket.subject)
        .collect();
    let all = arrived.len();
    arrived.sort_unstable();
    arrived.dedup();
    println!(
        "in the inbox: {all} tickets, {} different ones",
        arrived.len()
    );
    Ok(())
}

/// A path that counts from no folder: those in a pipeline count from its own.
fn whole(path: &OsStr) -> Result<String, Box<dyn Error>> {
    let path = Path::new(path).canonicalize()?;
    Ok(path
        .into_os_string()
        .into_string()
        .map_err(|_| "a path is not UTF-8")?)
}

/// The pipeline, with the keys of pipeline.toml.
fn desk(runtime: &Runtime, component: &str, folder: &Path) -> Result<Pipeline, PipelineError> {
    runtime
        .pipeline("desk")
        .directory(folder)
        .source(json!({ "type": "tickets" }))
        .connection("desk", json!({ "type": "inbox" }))
        .sink(json!({
            "component": component,
            "connection": "desk",
            "config": { "urgent_from": URGENT },
        }))
        .table("epoch", json!({ "max_ms": 100 }))
        .build()
}

fn write_down(tickets: &Tickets, numbers: std::ops::Range<i64>) {
    for number in numbers {
        tickets.add(Ticket {
            subject: format!("ticket {number}"),
            urgency: number % 5 + 1,
        });
    }
}
