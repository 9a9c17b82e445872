//! How far a job is: a bar on a terminal, a few lines in a pipe.

use std::io::{IsTerminal as _, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use landing::message::Shard;

use crate::size;

/// How far a job is.
#[derive(Clone)]
pub(super) struct Progress(Arc<Shown>);

struct Shown {
    name: String,
    form: Form,
    shards: AtomicU64,
    done: AtomicU64,
}

enum Form {
    Bar(ProgressBar),
    Lines,
    Nothing,
}

impl Progress {
    /// Of the landing of `path`. Nothing is shown to those who want JSON.
    pub(super) fn new(path: &Path, json: bool) -> Self {
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        let form = if json {
            Form::Nothing
        } else if std::io::stderr().is_terminal() {
            Form::Bar(bar(&name))
        } else {
            Form::Lines
        };
        Self(Arc::new(Shown { name, form, shards: AtomicU64::new(0), done: AtomicU64::new(0) }))
    }

    /// So many shards are to be worked, besides those before.
    pub(super) fn expect(&self, shards: &[Shard]) {
        let bytes: u64 = shards.iter().map(bytes).sum();
        let before = self.0.shards.fetch_add(shards.len() as u64, Ordering::Relaxed);
        match &self.0.form {
            Form::Bar(bar) => bar.set_length(bar.length().unwrap_or(0) + bytes),
            Form::Lines => {
                let (count, bytes) = (size::count(shards.len() as u64), size::bytes(bytes));
                let again = match shards.first() {
                    Some(shard) if !shard.taken.is_empty() => ", again now that it is known which keys are taken",
                    Some(_) if before > 0 => ", again now that it is known where they start",
                    _ => "",
                };
                let plural = if shards.len() == 1 { "" } else { "s" };
                self.line(format_args!("{count} shard{plural}, {bytes}{again}"));
            }
            Form::Nothing => {}
        }
    }

    /// A shard is done.
    pub(super) fn done(&self, shard: &Shard) {
        let done = self.0.done.fetch_add(1, Ordering::Relaxed) + 1;
        let shards = self.0.shards.load(Ordering::Relaxed);
        match &self.0.form {
            Form::Bar(bar) => bar.inc(bytes(shard)),
            // A line for each quarter, unless the whole is small.
            Form::Lines if shards >= 8 && done * 4 / shards > (done - 1) * 4 / shards => {
                self.line(format_args!("{} of {} shards", size::count(done), size::count(shards)));
            }
            Form::Lines | Form::Nothing => {}
        }
    }

    /// The job has ended, one way or the other.
    pub(super) fn end(&self) {
        if let Form::Bar(bar) = &self.0.form {
            bar.finish_and_clear();
        }
    }

    fn line(&self, text: impl std::fmt::Display) {
        let _ = writeln!(std::io::stderr(), "{}: {text}", self.0.name);
    }
}

fn bar(name: &str) -> ProgressBar {
    let style = ProgressStyle::with_template("{prefix} {wide_bar} {decimal_bytes}/{decimal_total_bytes} {decimal_bytes_per_sec} {elapsed}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::no_length().with_style(style).with_prefix(name.to_owned());
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

fn bytes(shard: &Shard) -> u64 {
    shard.to - shard.from
}
