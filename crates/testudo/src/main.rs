//! The `testudo` program: allocator, arguments, exit code.

use std::process::ExitCode;

use clap::Parser as _;
use testudo::cli::Cli;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    testudo::cli::run(Cli::parse())
}
