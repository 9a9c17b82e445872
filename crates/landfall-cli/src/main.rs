//! Runs `landfall`: the core without any cloud.

mod new;
mod check;
mod schema;
mod plan;
mod run;
mod files;
mod rows;
mod profile;
mod watch;

mod document;
mod exit;
mod path;
mod size;
mod sources;
mod stdout;
mod submission;

use clap::{Parser, Subcommand};
use exit::Exit;

/// The version, and the commit that it was built of, where that is known.
const VERSION: &str = env!("LANDFALL_VERSION");

/// Land CSV files in a lake of Parquet, exactly: every row is stored, or rejected with its line,
/// column and reason.
#[derive(Parser)]
#[command(name = "landfall", version = VERSION, after_help = format!("Exit codes: {}", exit::CODES))]
struct Landfall {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    New(new::New),
    Check(check::Check),
    Schema(schema::Schema),
    Plan(plan::ShowPlan),
    Run(run::Run),
    Files(files::Files),
    Rows(rows::ReadRows),
    Profile(profile::ShowProfile),
    Watch(watch::Watch),
}

fn main() -> std::process::ExitCode {
    keep_memory();
    outlive_the_limit_of_files();
    let exit = match Landfall::try_parse() {
        Ok(landfall) => landfall.run(),
        Err(message) => answer(&message),
    };
    stdout::check(exit).into()
}

/// What clap answers itself: help and version on stdout, what is wrong with a call on stderr.
fn answer(message: &clap::Error) -> Exit {
    let printed = message.print();
    if message.use_stderr() {
        return Exit::WrongUse;
    }
    stdout::note(printed);
    Exit::Landed
}

impl Landfall {
    fn run(self) -> Exit {
        match self.command {
            Command::New(new) => new.run(),
            Command::Check(check) => check.run(),
            Command::Schema(schema) => schema.run(),
            Command::Plan(plan) => plan.run(),
            Command::Run(run) => run.run(),
            Command::Files(files) => files.run(),
            Command::Rows(rows) => rows.run(),
            Command::Profile(profile) => profile.run(),
            Command::Watch(watch) => watch.run(),
        }
    }
}

/// What one shard gives back the next one takes: without it, glibc returns memory to the system
/// after each, which then clears every page anew.
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
fn fault_line(fault: &contract::rejects::ErrorEntry) -> String {
    let column = fault.column.map_or_else(String::new, |column| format!(", column {column}"));
    let field = fault.field.as_ref().map_or_else(String::new, |field| format!(" `{field}`"));
    let source = fault.source.as_ref().map_or_else(String::new, |source| format!("{source}, "));
    let (line, error) = (fault.line, fault.error.as_str());
    format!("{source}line {line}{column}{field}: {error}: {}", fault.message)
}

/// Says the faults of the contract in a file, each as `file:line:column: path: message`.
fn complain_of(file: &std::path::Path, faults: &[contract::Fault]) {
    use std::io::Write as _;
    for fault in faults {
        let _ = writeln!(
            std::io::stderr(),
            "{}:{}:{}: {fault}",
            file.display(),
            fault.line,
            fault.column
        );
    }
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
