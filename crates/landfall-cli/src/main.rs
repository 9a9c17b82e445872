//! `landfall`: the core without any cloud.

mod new;
mod check;
mod run;
mod files;
mod rows;
mod profile;

mod exit;
mod size;

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
    Run(run::Run),
    Files(files::Files),
    Rows(rows::ReadRows),
    Profile(profile::ShowProfile),
}

fn main() -> std::process::ExitCode {
    keep_memory();
    let exit = match Landfall::parse().command {
        Command::New(new) => new.run(),
        Command::Check(check) => check.run(),
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
