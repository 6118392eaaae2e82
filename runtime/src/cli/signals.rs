//! SIGINT and SIGTERM: the first asks the pipeline to stop, the second ends the process.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use wasm_sink_core::{Blame, Error, Kind, Result};

use super::terminal::Terminal;

/// Begins to listen. What comes back turns true with the first signal.
///
/// # Errors
/// The operating system refuses.
pub(super) fn listen(terminal: &Terminal) -> Result<watch::Receiver<bool>> {
    let on = |kind| {
        signal(kind).map_err(|error| {
            Error::new(Kind::Other, Blame::Host, "cannot listen to signals").with_source(error)
        })
    };
    let mut interrupt = on(SignalKind::interrupt())?;
    let mut terminate = on(SignalKind::terminate())?;
    let (stop, stopped) = watch::channel(false);
    let terminal = terminal.clone();
    tokio::spawn(async move {
        either(&mut interrupt, &mut terminate).await;
        tracing::info!("told to stop: finishing what was begun");
        stop.send_replace(true);
        either(&mut interrupt, &mut terminate).await;
        // Nothing is lost: what is not committed is read again.
        terminal.set_status("");
        std::process::exit(1);
    });
    Ok(stopped)
}

async fn either(interrupt: &mut Signal, terminate: &mut Signal) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}
