//! The binary: an allocator and the command line.

use std::process::ExitCode;

use wasm_sink::allocator::{self, Configuration, Jemalloc};
use wasm_sink::cli::{self, Cli};
use wasm_sink::launch::Launcher;

#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

// SAFETY: jemalloc has a weak definition of this name and type, which this one replaces.
#[unsafe(export_name = "malloc_conf")]
static ALLOCATOR_CONFIGURATION: Configuration = allocator::CONFIGURATION;

fn main() -> ExitCode {
    cli::main(Cli::from_process(), Launcher::new)
}

#[cfg(test)]
mod tests {
    /// Linked, understood, and not merely written down.
    #[test]
    fn the_allocator_is_configured() {
        assert_eq!(tikv_jemalloc_ctl::opt::narenas::read(), Ok(2));
        assert_eq!(tikv_jemalloc_ctl::opt::background_thread::read(), Ok(true));
    }
}
