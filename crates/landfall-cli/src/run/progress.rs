//! Shows how far a job is: a bar on a terminal, a few lines in a pipe.

use std::io::{IsTerminal as _, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use job::message::Shard;
use objects::Metering;

use crate::size;

/// How far a job is.
#[derive(Clone)]
pub(super) struct Progress(Arc<Shown>);

struct Shown {
    name: String,
    form: Form,
    shards: AtomicU64,
    done: AtomicU64,
    /// Bytes of the shards that are done.
    done_bytes: AtomicU64,
    /// Counts what is read.
    meter: Arc<Metering>,
    /// Bytes that were read before the first shard.
    read_before: AtomicU64,
}

/// How often a bar moves.
const TICK: Duration = Duration::from_millis(200);

enum Form {
    Bar(ProgressBar),
    Lines,
    Nothing,
}

impl Progress {
    /// The progress of the landing of `path`, whose reads `meter` counts. Nothing is shown to those
    /// who want JSON.
    pub(super) fn new(path: &Path, json: bool, meter: Arc<Metering>) -> Self {
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        let form = if json {
            Form::Nothing
        } else if std::io::stderr().is_terminal() {
            Form::Bar(bar(&name))
        } else {
            Form::Lines
        };
        let [shards, done, done_bytes, read_before] = [0; 4].map(AtomicU64::new);
        Self(Arc::new(Shown { name, form, shards, done, done_bytes, meter, read_before }))
    }

    /// Moves the bar with the bytes that are read, as long as it is polled.
    pub(super) async fn follow(&self) {
        loop {
            tokio::time::sleep(TICK).await;
            self.show();
        }
    }

    /// Shows how far the bytes are that were read.
    fn show(&self) {
        if let Form::Bar(bar) = &self.0.form
            && let Some(all) = bar.length()
        {
            let read = self.0.meter.usage().bytes_read - self.0.read_before.load(Ordering::Relaxed);
            bar.set_position(position(self.0.done_bytes.load(Ordering::Relaxed), read, all));
        }
    }

    /// So many shards are to be worked, besides those before.
    pub(super) fn expect(&self, shards: &[Shard]) {
        let bytes: u64 = shards.iter().map(Shard::bytes).sum();
        let before = self.0.shards.fetch_add(shards.len() as u64, Ordering::Relaxed);
        if before == 0 {
            self.0.read_before.store(self.0.meter.usage().bytes_read, Ordering::Relaxed);
        }
        match &self.0.form {
            Form::Bar(bar) => bar.set_length(bar.length().unwrap_or(0) + bytes),
            Form::Lines => {
                let count = size::counted(shards.len() as u64, "shard");
                let again = match shards.first() {
                    Some(shard) if !shard.taken.is_empty() => {
                        ", again now that it is known which keys are taken"
                    }
                    Some(_) if before > 0 => ", again now that it is known where they start",
                    _ => "",
                };
                self.line(format_args!("{count}, {}{again}", size::bytes(bytes)));
            }
            Form::Nothing => {}
        }
    }

    /// A shard is done.
    pub(super) fn done(&self, shard: &Shard) {
        let done = self.0.done.fetch_add(1, Ordering::Relaxed) + 1;
        let shards = self.0.shards.load(Ordering::Relaxed);
        match &self.0.form {
            Form::Bar(_) => {
                self.0.done_bytes.fetch_add(shard.bytes(), Ordering::Relaxed);
                self.show();
            }
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

    /// Asks whoever sits at the terminal whether a job that is held is to commit. Where nobody does,
    /// it is not.
    pub(super) async fn ask(&self, reasons: &[String]) -> bool {
        if !std::io::stdin().is_terminal() || !matches!(self.0.form, Form::Bar(_)) {
            return false;
        }
        let reasons: Vec<String> = reasons.to_vec();
        let shown = self.clone();
        let ask = move || {
            let ask = || {
                let mut stderr = std::io::stderr();
                for reason in &reasons {
                    let _ = writeln!(stderr, "held: {reason}");
                }
                let _ = write!(stderr, "commit it? [y/N] ");
                let mut answer = String::new();
                let read = std::io::stdin().read_line(&mut answer);
                read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
            };
            match &shown.0.form {
                Form::Bar(bar) => bar.suspend(ask),
                _ => false,
            }
        };
        tokio::task::spawn_blocking(ask).await.unwrap_or(false)
    }

    fn line(&self, text: impl std::fmt::Display) {
        let _ = writeln!(std::io::stderr(), "{}: {text}", self.0.name);
    }
}

fn bar(name: &str) -> ProgressBar {
    let style = ProgressStyle::with_template("{prefix} {wide_bar} {decimal_bytes}/{decimal_total_bytes} {decimal_bytes_per_sec} {elapsed}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::no_length().with_style(style).with_prefix(name.to_owned());
    bar.enable_steady_tick(TICK);
    bar
}

/// How far a bar of `all` bytes is: what was read counts, which is more than the source where
/// shards read past their ends or again, and less where what is read is not counted.
fn position(done: u64, read: u64, all: u64) -> u64 {
    read.max(done).min(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_moves_with_what_is_read_and_never_past_its_end() {
        assert_eq!(position(0, 0, 100), 0);
        assert_eq!(position(0, 7, 100), 7, "before any shard is done");
        assert_eq!(position(50, 45, 100), 50);
        assert_eq!(position(50, 130, 100), 100);
    }

    #[test]
    fn a_bar_is_fed_by_the_meter() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let (buckets, meter) = objects::Metered::new(Arc::new(objects::Memory::new()));
        let bar = ProgressBar::hidden();
        let [shards, done, done_bytes, read_before] = [0; 4].map(AtomicU64::new);
        let shown = Shown {
            name: String::new(),
            form: Form::Bar(bar.clone()),
            shards,
            done,
            done_bytes,
            meter,
            read_before,
        };
        let progress = Progress(Arc::new(shown));
        let shard = |from, to| Shard::of_range(0, 0, from..to);
        runtime.block_on(async {
            let bucket = objects::Buckets::bucket(&buckets, "b");
            bucket.put("a", vec![0; 100].into(), objects::Put::Overwrite).await.expect("it is put");
            bucket.get("a", &objects::Pin::default(), 0..30).await.expect("the header");
            progress.expect(&[shard(0, 60), shard(60, 100)]);
            bucket.get("a", &objects::Pin::default(), 0..10).await.expect("a block");
        });
        progress.show();
        assert_eq!((bar.position(), bar.length()), (10, Some(100)));
        progress.done(&shard(0, 60));
        assert_eq!(bar.position(), 60);
    }
}
