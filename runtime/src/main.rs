//! The binary: an allocator and the command line.

use std::process::ExitCode;

use mimalloc::MiMalloc;
use wasm_sink::cli::{self, Cli};
use wasm_sink::launch::Launcher;

/// The system's allocator gives the pages of every large batch back and faults them in again for
/// the next one, which costs half as much again as the work on the batch. Without huge pages, of
/// which a part in use would keep the whole.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    // SAFETY: this is the first thing that the process does.
    unsafe { wasm_sink::allocator::tune() };
    cli::main(Cli::from_process(), Launcher::new)
}
