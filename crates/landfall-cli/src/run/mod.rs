//! `landfall run`: the whole landing, embedded: the steps of the cloud on threads and a directory.

mod execution;
mod outcome;
mod progress;
mod running;
mod summary;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use clap::Args;
use landing::bill::Dollars;
use landing::contract::Contract;
use landing::message::{Failure, Settled, SourceRef};
use landing::sources::Sources;
use registry::Registry;
use steps::{Context, Settings};
use tokio::sync::watch;

use crate::exit::{CODES, Exit, examples};
use crate::size::parse_shard_size;
use crate::submission::{self, Asked, Wishes, place, salt};
use crate::{complain, note, runtime};
use outcome::Outcome;
use progress::Progress;
use running::Running;

const EXAMPLES: &[&str] =
    &["landfall run flights.yaml flights.csv --lake lake", "landfall run flights.yaml 2013-*.csv --lake lake --json | jq .counts"];

/// Land files in a lake on this machine: one job for each, as the cloud would do it.
///
/// Rows go to `DIR/<dataset>/` as Parquet, all of a file at once or none of it; what is refused goes to `DIR/_landfall/jobs/<job>/`, byte for byte, with each fault's line, column and
/// reason. The same bytes land only once. Masks that hash take their salt from the environment variable LANDFALL_MASK_SALT.
#[derive(Args)]
#[command(after_help = examples(EXAMPLES, CODES))]
pub(crate) struct Run {
    /// What the files should hold, and what they become.
    contract: PathBuf,
    /// The files to land.
    #[arg(value_name = "SOURCE", required = true)]
    sources: Vec<PathBuf>,
    /// The directory of the lake; it is made if need be.
    #[arg(long, value_name = "DIR")]
    lake: PathBuf,
    /// Bytes of a shard, of which several are worked at once: 1MiB, 64MiB [default: one shard a thread, of 16MiB to 2GiB]
    #[arg(long, value_name = "BYTES", value_parser = parse_shard_size, hide_default_value = true)]
    shard_size: Option<u64>,
    /// Shards that are worked at once [default: as many as there are cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Print each job as a line of JSON.
    #[arg(long)]
    json: bool,
    /// Land nothing of a file that is estimated to cost more USD on AWS: 0.05
    #[arg(long, value_name = "USD")]
    max_cost: Option<Dollars>,
    /// Land a file even if the same bytes are in the dataset already.
    #[arg(long)]
    force: bool,
    /// Answer with 1 when a file lands nothing because the same bytes are in the dataset already.
    #[arg(long)]
    strict: bool,
}

/// Fewest bytes of a shard where nobody says.
const LEAST_SHARD_BYTES: u64 = 16 << 20;
/// Most bytes of one: progress is told by shards.
const MOST_SHARD_BYTES: u64 = 2 << 30;

/// What all jobs of a run share.
struct Landing {
    context: Context,
    /// The contract's document.
    text: String,
    contract: Contract,
    shard_bytes: Option<u64>,
    max_cost: Option<Dollars>,
    threads: usize,
    force: bool,
    lake: PathBuf,
}

impl Run {
    pub(crate) fn run(self) -> Exit {
        let (landing, sources) = match self.settle() {
            Ok(settled) => settled,
            Err(exit) => return exit,
        };
        let runtime = match runtime() {
            Ok(runtime) => runtime,
            Err(exit) => return exit,
        };
        runtime.block_on(async {
            let (interrupt, interrupted) = watch::channel(false);
            let listening = tokio::spawn(async move {
                asked_to_end().await;
                interrupt.send_replace(true);
            });
            let mut worst = Exit::Landed;
            match running::settle_left(&landing.context).await {
                Ok(settled) => settled.iter().for_each(|job| {
                    let Settled { job, dataset, status, .. } = job;
                    complain(format_args!("job {job} in {dataset}, whose process was killed, was brought to its end: {status}"));
                }),
                Err(error) => complain(format_args!("jobs whose process was killed can't be brought to their end: {error}")),
            }
            for (path, source) in sources {
                if *interrupted.borrow() {
                    worst = Exit::Interrupted;
                    break;
                }
                let outcome = landing.land(&path, source, self.json, interrupted.clone()).await;
                if let Some(guess) = &outcome.guessed_encoding {
                    note(guess);
                }
                if let Some(failure) = outcome.failure.as_ref().filter(|_| outcome.exit(true) != Exit::Landed) {
                    complain(format_args!("{}: {}: {}", path.display(), failure.error, failure.cause));
                }
                // A closed stdout changes nothing of what has landed.
                let _ = if self.json { outcome.write_json() } else { summary::write(&outcome) };
                worst = worst.max(outcome.exit(self.strict));
            }
            listening.abort();
            worst
        })
    }

    /// The call as it is meant: everything that can be known to be wrong is said before anything is done.
    fn settle(&self) -> Result<(Landing, Vec<(PathBuf, SourceRef)>), Exit> {
        let Asked { text, contract, sources } = Asked::settle(&self.contract, &self.sources)?;
        let lake = std::path::absolute(&self.lake).map_err(|error| {
            complain(format_args!("{}: {error}", self.lake.display()));
            Exit::WrongUse
        })?;
        let threads = self.threads.map_or_else(|| std::thread::available_parallelism().map_or(1, usize::from), usize::from);
        let landing = Landing {
            context: context(&lake, &self.contract, threads)?,
            text,
            contract,
            shard_bytes: self.shard_size,
            max_cost: self.max_cost,
            threads,
            force: self.force,
            lake,
        };
        Ok((landing, sources))
    }
}

impl Landing {
    /// One job, from its admission to its end.
    async fn land(&self, path: &Path, source: SourceRef, json: bool, mut interrupted: watch::Receiver<bool>) -> Outcome {
        let started = Instant::now();
        let job = submission::new_id();
        let mut outcome = Outcome::new(&job, &self.contract.name, path, &self.lake);
        let shard_bytes = self.shard_bytes.or_else(|| Some(shard_bytes(std::fs::metadata(path).ok()?.len(), self.threads as u64)));
        let wishes = Wishes { force: self.force, shard_bytes, max_cost: self.max_cost };
        let _running = match Running::start(&self.context, &job) {
            Ok(running) => running,
            Err(error) => {
                let cause = format!("{}: the job's lock can't be made: {error}", self.lake.display());
                outcome.fill(&self.context, Some(Failure::new("AccessDenied", cause))).await;
                return outcome;
            }
        };
        let failure = match submission::admit(&self.context, &self.contract.name, &self.text, &job, source, wishes).await {
            Ok(submission) => {
                let progress = Progress::new(path, json);
                let ended = execution::execute(&self.context, submission, self.threads, &progress, async {
                    // The sender lives as long as the run.
                    let _ = interrupted.wait_for(|interrupted| *interrupted).await;
                })
                .await;
                progress.end();
                ended.err()
            }
            Err(error) => Some(Failure::from(&error)),
        };
        outcome.fill(&self.context, failure).await;
        outcome.seconds = started.elapsed().as_secs_f64();
        outcome
    }
}

/// Bytes of a shard where nobody says. More shards than threads gain nothing on one machine, and each leaves files of its own that are put together afterwards.
fn shard_bytes(source_bytes: u64, threads: u64) -> u64 {
    let fewest = source_bytes.div_ceil(MOST_SHARD_BYTES).next_multiple_of(threads);
    let shards = fewest.min(source_bytes / LEAST_SHARD_BYTES).max(1);
    source_bytes.div_ceil(shards).next_multiple_of(2).max(LEAST_SHARD_BYTES)
}

/// The lake's files lie under it by dataset, everything else in its `_landfall`. What a contract joins lies beside it.
fn context(lake: &Path, contract: &Path, threads: usize) -> Result<Context, Exit> {
    let work = lake.join("_landfall");
    let registry: Arc<dyn Registry> = Arc::new(registry::Directory::new(work.join("registry")));
    let settings = Settings { max_concurrency: threads as u32, ..Settings::default() };
    Ok(Context {
        buckets: Arc::new(objects::Directories),
        registry,
        lake: place(lake)?,
        references: submission::beside(contract)?,
        sources: Sources::any(),
        work: place(&work)?,
        catalog: None,
        events: None,
        settings,
        salt: Ok(salt()?),
    })
}

/// Ctrl-C, or being asked to end.
async fn asked_to_end() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate())) {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_thread_has_as_many_shards() {
        let shards = |source: u64, threads| source.div_ceil(shard_bytes(source, threads)).max(1);
        assert_eq!([0, 1, 16 << 20, (32 << 20) - 1].map(|source| shards(source, 8)), [1; 4]);
        assert_eq!([32 << 20, 100 << 20, 1 << 40].map(|source| shards(source, 2)), [2, 2, 512]);
        assert_eq!([1 << 30, (2 << 30) + 1, 5 << 30].map(|source| shards(source, 1)), [1, 2, 3]);
        assert_eq!([1 << 30, (48 << 30) + 1].map(|source| shards(source, 8)), [8, 32]);
    }
}
