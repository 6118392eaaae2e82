//! The build script of every package whose programs use DuckDB: they look for the shared library beside
//! themselves, then where it was when they were built. Cargo asks for this per package.

#![allow(clippy::print_stdout, reason = "how a build script talks to Cargo")]

use std::env;

fn main() {
    const FOLDER: &str = "DUCKDB_LIB_DIR";
    println!("cargo::rerun-if-env-changed={FOLDER}");
    let is_left_out = env::var_os("CARGO_FEATURE_BUNDLED").is_some()
        || env::var_os("CARGO_FEATURE_DUCKDB_BUNDLED").is_some();
    if is_left_out || env::var_os("CARGO_CFG_UNIX").is_none() {
        return;
    }
    println!("cargo::rustc-link-arg=-Wl,-rpath,$ORIGIN");
    if let Ok(folder) = env::var(FOLDER) {
        println!("cargo::rustc-link-arg=-Wl,-rpath,{folder}");
    }
}
