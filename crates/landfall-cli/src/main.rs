//! `landfall`: the core without any cloud.

mod new;
mod check;
mod plan;
mod run;
mod files;
mod rows;
mod profile;

mod exit;
mod size;
mod submission;

use clap::{Parser, Subcommand};
use exit::Exit;

/// Land CSV files in a lake of Parquet, exactly: every row is stored, or rejected with its line, column and reason.
#[derive(Parser)]
#[command(name = "landfall", version, after_help = format!("Exit codes: {}", exit::CODES))]
struct Landfall {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    New(new::New),
    Check(check::Check),
    Plan(plan::ShowPlan),
    Run(run::Run),
    Files(files::Files),
    Rows(rows::ReadRows),
    Profile(profile::ShowProfile),
}

fn main() -> std::process::ExitCode {
    keep_memory();
    outlive_the_limit_of_files();
    let exit = match Landfall::parse().command {
        Command::New(new) => new.run(),
        Command::Check(check) => check.run(),
        Command::Plan(plan) => plan.run(),
        Command::Run(run) => run.run(),
        Command::Files(files) => files.run(),
        Command::Rows(rows) => rows.run(),
        Command::Profile(profile) => profile.run(),
    };
    exit.into()
}

/// What one shard gives back the next one takes: without it, glibc returns memory to the system after each, which then clears every page anew.
fn keep_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        /// The most that glibc takes for it.
        const MMAP_THRESHOLD: libc::c_int = 32 << 20;
        /// More than a shard ever has.
        const TRIM_THRESHOLD: libc::c_int = 256 << 20;
        // SAFETY: both are numbers that the allocator goes by, and no other thread is there yet.
        unsafe {
            libc::mallopt(libc::M_MMAP_THRESHOLD, MMAP_THRESHOLD);
            libc::mallopt(libc::M_TRIM_THRESHOLD, TRIM_THRESHOLD);
        }
    }
}

/// A file that may grow no more (`ulimit -f`) is an error that a job ends with, not a signal that
/// kills the process in the middle of it.
fn outlive_the_limit_of_files() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: to ignore a signal runs no code of ours, and no other thread is there yet.
    unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
    }
}

/// What steps run on: this thread, and others where files are waited for.
fn runtime() -> Result<tokio::runtime::Runtime, Exit> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| {
        complain(format_args!("no thread can be started: {error}"));
        Exit::Infrastructure
    })
}

/// A fault of a record, as a line.
fn fault_line(fault: &landing::rejects::ErrorEntry) -> String {
    let column = fault.column.map_or_else(String::new, |column| format!(", column {column}"));
    let field = fault.field.as_ref().map_or_else(String::new, |field| format!(" `{field}`"));
    format!("line {}{column}{field}: {}: {}", fault.line, fault.error.as_str(), fault.message)
}

/// Says what was asked for. Whoever reads no more of it needs no panic.
fn say(line: impl std::fmt::Display) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Says one fault of a contract: `path: message`.
fn complain_of(fault: &landing::contract::Fault) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "{fault}");
}

/// Says what is worth knowing, and no fault.
fn note(message: impl std::fmt::Display) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "{message}");
}

/// Says what went wrong. A closed stderr is no reason to panic.
fn complain(message: impl std::fmt::Display) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "landfall: {message}");
}

/// Reads a small text file, or says why not.
fn read_text(path: &std::path::Path) -> Result<String, Exit> {
    std::fs::read_to_string(path).map_err(|error| {
        complain(format_args!("{}: {error}", path.display()));
        Exit::WrongUse
    })
}
