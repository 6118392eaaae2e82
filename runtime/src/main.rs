//! The binary: an allocator and the command line.

use std::process::ExitCode;

use mimalloc::MiMalloc;
use wasm_sink::cli::{self, Cli};
use wasm_sink::launch::Launcher;

/// The system's allocator gives the pages of every large batch back and faults them in again for
/// the next one, which costs half as much again as the work on the batch.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    cli::main(Cli::from_process(), Launcher::new)
}
