//! WASI 0.2 without anything behind it: no files, no network, no environment, no arguments, an
//! empty input. Output becomes lines of the log; clock and randomness are made up.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use async_trait::async_trait;
use tokio::io::AsyncWrite;
use wasmtime::component::{HasSelf, Linker};
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::bindings::clocks::{monotonic_clock, wall_clock};
use wasmtime_wasi::p2::bindings::random::{insecure, insecure_seed, random};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use super::clock::{ClockView, HasClock};
use super::log::{GuestLog, Output};
use super::state::State;

/// What one write to an output may hold, in bytes.
const WRITE_BYTES: usize = 64 << 10;

/// A context in which nothing is allowed.
pub(super) fn context(log: &GuestLog) -> WasiCtx {
    let stream = |output| LogStream {
        log: log.clone(),
        output,
    };
    WasiCtx::builder()
        .stdout(stream(Output::Stdout))
        .stderr(stream(Output::Stderr))
        .allow_tcp(false)
        .allow_udp(false)
        .allow_ip_name_lookup(false)
        .build()
}

/// Links all of WASI 0.2 but HTTP.
pub(super) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    linker.allow_shadowing(true);
    wall_clock::add_to_linker::<State, HasClock>(linker, State::clock)?;
    monotonic_clock::add_to_linker::<State, HasClock>(linker, State::clock)?;
    random::add_to_linker::<State, HasSelf<_>>(linker, |state| &mut state.random)?;
    insecure::add_to_linker::<State, HasSelf<_>>(linker, |state| &mut state.random)?;
    insecure_seed::add_to_linker::<State, HasSelf<_>>(linker, |state| &mut state.random)?;
    linker.allow_shadowing(false);
    Ok(())
}

impl State {
    fn clock(&mut self) -> ClockView<'_> {
        ClockView {
            clock: &self.clock,
            table: self.guest.table(),
        }
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: self.guest.table(),
        }
    }
}

/// One of the two outputs. Takes everything at once: a guest's last words before a trap count most.
struct LogStream {
    log: GuestLog,
    output: Output,
}

impl IsTerminal for LogStream {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for LogStream {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.stream())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.stream())
    }
}

impl LogStream {
    fn stream(&self) -> Self {
        Self {
            log: self.log.clone(),
            output: self.output,
        }
    }
}

#[async_trait]
impl Pollable for LogStream {
    async fn ready(&mut self) {}
}

#[async_trait]
impl OutputStream for LogStream {
    fn write(&mut self, bytes: bytes::Bytes) -> StreamResult<()> {
        self.log.output(self.output, &bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(WRITE_BYTES)
    }
}

impl AsyncWrite for LogStream {
    fn poll_write(
        self: Pin<&mut Self>,
        _context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.log.output(self.output, bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
