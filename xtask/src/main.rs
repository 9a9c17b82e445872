//! Runs the project's own tasks: `cargo xtask <task>`.

mod bench;
mod console;
mod demo;
mod lint;
mod package;
mod reference;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The project's own tasks")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Land real files on a local cloud, and show what came of them
    Demo {
        /// Leave the cloud running afterwards, until Ctrl-C
        #[arg(long)]
        keep: bool,
    },
    /// Run all tests, those on the local cloud included
    Test {
        /// Passed on to the test runner, instead of `--workspace`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Test the console, its pages in a browser on a local cloud
    Console,
    /// Check formatting, lints, documentation, template, state machine and dependencies
    Lint,
    /// Write the pages of docs/reference anew that the code says
    Reference,
    /// Measure how fast it is, beside the csv crate, DuckDB, Polars and PyArrow
    Bench {
        /// A tenth of the files
        #[arg(long)]
        quick: bool,
        /// Runs of each engine, of which the median is told
        #[arg(long, default_value_t = 5)]
        runs: u32,
    },
    /// Build the functions for AWS and zip them
    Package {
        /// The processors they are for
        #[arg(long = "arch", default_value = "arm64")]
        architecture: package::Architecture,
    },
}

fn main() -> ExitCode {
    let done = match Arguments::parse().task {
        Task::Demo { keep } => demo::demo(keep),
        Task::Test { arguments } => test::test(&arguments),
        Task::Console => console::console(),
        Task::Lint => lint::lint(),
        Task::Reference => reference::reference(),
        Task::Bench { quick, runs } => bench::bench(quick, runs),
        Task::Package { architecture } => package::package(architecture),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
