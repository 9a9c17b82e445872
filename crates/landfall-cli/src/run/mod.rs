//! Runs `landfall run`: lands files with the steps of the cloud, on threads and a directory.

mod execution;
mod outcome;
mod progress;
mod running;
mod summary;
mod workers;

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use clap::Args;
use contract::Contract;
use job::bill::Dollars;
use job::message::{Failure, JobId, JobKeys, Landed, Settled, Submission, Unreadable};
use job::replay::Replay;
use job::sources::Sources;
use landing::plan::MAX_LAYOUTS;
use registry::Registry;
use steps::{Context, Settings};
use tokio::sync::watch;

use crate::exit::{CODES, Exit, examples};
use crate::size::parse_shard_size;
use crate::sources::Files;
use crate::submission::{self, Asked, Wishes, place, salt};
use crate::{complain, note, path, runtime, stdout};
use execution::Execution;
use outcome::Outcome;
use progress::Progress;
use running::{Present, Running};

const EXAMPLES: &[&str] = &[
    "landfall run flights.yaml flights.csv --lake lake",
    "landfall run flights.yaml 2013-*.csv --lake lake --json | jq .counts",
    "landfall run flights.yaml inbox/ --lake lake --skip-unreadable",
    "landfall run flights.yaml mended.csv --lake lake --replay 0b1d…",
    "zcat flights.csv.gz | landfall run flights.yaml - --lake lake",
];

/// Land files in a lake on this machine: all in one job and one commit, as the cloud would do it.
///
/// Rows go to `DIR/<dataset>/` as Parquet, all of them at once or none; rejected records go to
/// `DIR/_landfall/jobs/<job>/`, byte for byte, with each fault's file, line, column and reason.
/// The same bytes land only once: of several files those that landed before are left out. Masks
/// that hash take their salt from the environment variable
/// LANDFALL_MASK_SALT.
#[derive(Args)]
#[command(after_help = examples(EXAMPLES, CODES))]
pub(crate) struct Run {
    /// The contract: what the files hold, and what they become.
    contract: PathBuf,
    /// The files to land: paths, directories, patterns such as 'in/*.csv', or `-` for standard input
    #[arg(value_name = "SOURCE", required_unless_present = "replay")]
    sources: Vec<PathBuf>,
    /// The directory of the lake; it is made if need be.
    #[arg(long, value_name = "DIR")]
    lake: PathBuf,
    /// Bytes of a shard, of which several are worked at once: 1MiB, 64MiB [default: one shard a
    /// thread, of 16MiB to 2GiB]
    #[arg(long, value_name = "BYTES", value_parser = parse_shard_size, hide_default_value = true)]
    shard_size: Option<u64>,
    /// Shards that are worked at once [default: as many as there are cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Print the job as a line of JSON.
    #[arg(long)]
    json: bool,
    /// Land nothing if that is estimated to cost more USD on AWS: 0.05
    #[arg(long, value_name = "USD")]
    max_cost: Option<Dollars>,
    /// Land files even if the same bytes are in the dataset already.
    #[arg(long)]
    force: bool,
    /// Fail if something of what is named is in the dataset already; without it the rest lands.
    #[arg(long, conflicts_with_all = ["force", "replay"])]
    refuse_landed: bool,
    /// Of several files leave those out that can't be read or don't match the contract.
    #[arg(long)]
    skip_unreadable: bool,
    /// Land the rejects of an earlier job beside what it wrote: mended ones of one file, in their
    /// order; without a file as they are, by a contract that takes them.
    #[arg(long, value_name = "JOB", value_parser = JobId::parse)]
    replay: Option<JobId>,
    /// Which of the job's files of rejects is replayed: N of rejects-N.csv, and 0 of rejects.csv
    /// [default: the one whose header the mended file has]
    #[arg(long, value_name = "N", requires = "replay", hide_default_value = true)]
    layout: Option<u32>,
    /// Commit also what the contract holds for approval. Without it a terminal is asked.
    #[arg(long)]
    approve: bool,
    /// Answer with 4 when nothing lands because the same bytes are in the dataset already.
    #[arg(long)]
    strict: bool,
    /// Say what the job would have cost on AWS and elsewhere.
    #[arg(long)]
    cost: bool,
}

/// Fewest bytes of a shard where nobody says.
const LEAST_SHARD_BYTES: u64 = 16 << 20;
/// Most bytes of one: where there is no bar, progress is told by shards.
const MOST_SHARD_BYTES: u64 = 2 << 30;

/// Most bytes of a header by which the layout of mended rejects is found.
const MAX_HEADER_BYTES: u64 = 1 << 20;

/// What a run stands on.
struct Landing {
    context: Context,
    /// The contract's document.
    text: String,
    contract: Contract,
    shard_bytes: Option<u64>,
    max_cost: Option<Dollars>,
    threads: usize,
    force: bool,
    landed: Landed,
    unreadable: Unreadable,
    replay: Option<Replay>,
    approves: bool,
    lake: PathBuf,
}

impl Run {
    pub(crate) fn run(self) -> Exit {
        let (landing, files) = match self.settle() {
            Ok(settled) => settled,
            Err(exit) => return exit,
        };
        let runtime = match runtime() {
            Ok(runtime) => runtime,
            Err(exit) => return exit,
        };
        runtime.block_on(async {
            let (interrupt, interrupted) = watch::channel(false);
            let mut early = interrupted.clone();
            let listening = tokio::spawn(obey(interrupt));
            let worst = tokio::select! {
                present = landing.enter() => self.land(&landing, files, present, interrupted).await,
                () = heard(&mut early) => Exit::Interrupted,
            };
            listening.abort();
            worst
        })
    }

    async fn land(
        &self,
        landing: &Landing,
        files: Option<Files>,
        _present: Option<Present>,
        interrupted: watch::Receiver<bool>,
    ) -> Exit {
        let outcome = landing.land(files, self.json, interrupted).await;
        if let Some(guess) = &outcome.guessed_encoding {
            note(guess);
        }
        if let Some(failure) =
            outcome.failure.as_ref().filter(|_| outcome.exit(true) != Exit::Landed)
        {
            let name = outcome.source.display();
            complain(format_args!("{name}: {}: {}", failure.error, failure.cause));
        }
        // That nobody hears of it changes nothing of what has landed.
        stdout::note(if self.json {
            outcome.write_json()
        } else {
            summary::write(&outcome, self.cost)
        });
        outcome.exit(self.strict)
    }

    /// The call as it is meant: everything that can be known to be wrong is said before anything is
    /// done.
    fn settle(&self) -> Result<(Landing, Option<Files>), Exit> {
        let Asked { text, contract } = Asked::read(&self.contract)?;
        let files = match self.sources.as_slice() {
            [only] if path::is_stdin(only) => None,
            [] => Some(self.rejects_as_they_are()?),
            [_, _, ..] if self.replay.is_some() => {
                complain("--replay: the rejects of a job are sent again as one file");
                return Err(Exit::WrongUse);
            }
            named if named.iter().any(|path| path::is_stdin(path)) => {
                complain("-: standard input is landed alone, without other files");
                return Err(Exit::WrongUse);
            }
            named => Some(submission::files(named, &self.contract, Some(&self.lake))?),
        };
        path::check_lake(&self.lake).map_err(|message| {
            complain(message);
            Exit::WrongUse
        })?;
        let lake = std::path::absolute(&self.lake).map_err(|error| {
            complain(format_args!("{}: {error}", self.lake.display()));
            Exit::WrongUse
        })?;
        let threads = self.threads.map_or_else(
            || std::thread::available_parallelism().map_or(1, usize::from),
            usize::from,
        );
        let layout = self.layout(files.as_ref());
        let landing = Landing {
            context: context(&lake, &self.contract, threads)?,
            text,
            contract,
            shard_bytes: self.shard_size,
            max_cost: self.max_cost,
            threads,
            force: self.force,
            landed: match self.refuse_landed {
                true => Landed::Refuse,
                false => Landed::Skip,
            },
            unreadable: match self.skip_unreadable {
                true => Unreadable::Skip,
                false => Unreadable::Fail,
            },
            replay: self.replay.clone().map(|of| Replay { of, layout, rejects: None }),
            approves: self.approve,
            lake,
        };
        Ok((landing, files))
    }

    /// The rejects that the replayed job left.
    fn rejects_as_they_are(&self) -> Result<Files, Exit> {
        let Some(job) = &self.replay else { return Err(Exit::WrongUse) };
        let (layout, lake) = (self.layout.unwrap_or(0), self.lake.display());
        let rejects = rejects_of(&self.lake, job, layout);
        if !rejects.is_file() {
            let others = layouts(&self.lake, job);
            match others.is_empty() {
                true => {
                    complain(format_args!("--replay: {lake} has no rejects of a job {job}"));
                }
                false => {
                    let others: Vec<String> = others.iter().map(u32::to_string).collect();
                    complain(format_args!(
                        "--layout: job {job} has no rejects of layout {layout}; those it has are of {}",
                        others.join(", ")
                    ));
                }
            }
            return Err(Exit::WrongUse);
        }
        submission::files(&[rejects], &self.contract, Some(&self.lake))
    }

    /// Which layout the rejects that are sent again have.
    fn layout(&self, files: Option<&Files>) -> u32 {
        let Some(job) = &self.replay else { return 0 };
        let mended = files.and_then(|_| header(self.sources.first()?));
        let has_header = |layout: &u32| {
            mended.is_some() && header(&rejects_of(&self.lake, job, *layout)) == mended
        };
        let by_header = || layouts(&self.lake, job).into_iter().find(has_header);
        self.layout.or_else(by_header).unwrap_or(0)
    }
}

/// Where the rejects of a job lie that have a layout.
fn rejects_of(lake: &Path, job: &JobId, layout: u32) -> PathBuf {
    work(lake).join(JobKeys::new("", job).rejects(layout))
}

/// The layouts of which a job has rejects.
fn layouts(lake: &Path, job: &JobId) -> Vec<u32> {
    let layouts = 0..MAX_LAYOUTS as u32;
    layouts.filter(|layout| rejects_of(lake, job, *layout).is_file()).collect()
}

/// The first line of a file, if there is one that can be read.
fn header(path: &Path) -> Option<Vec<u8>> {
    let mut line = Vec::new();
    let file = BufReader::new(File::open(path).ok()?);
    file.take(MAX_HEADER_BYTES).read_until(b'\n', &mut line).ok()?;
    let end = line.trim_ascii_end().len();
    line.truncate(end);
    (!line.is_empty()).then_some(line)
}

impl Landing {
    /// Brings jobs of killed processes to their end, and clears up what else they left.
    async fn enter(&self) -> Option<Present> {
        let settled = running::settle_left(&self.context).await;
        match &settled {
            Ok(settled) => settled.iter().for_each(|job| {
                let Settled { job, dataset, status, .. } = job;
                complain(format_args!("job {job} in {dataset}, whose process was killed, was brought to its end: {status}"));
            }),
            Err(error) => complain(format_args!("jobs whose process was killed can't be brought to their end: {error}")),
        }
        // Where there can be no lock, the jobs say why.
        Present::enter(&self.context, settled.is_ok()).await.ok()
    }

    /// One job, from its admission to its end, of files or of standard input.
    async fn land(
        &self,
        files: Option<Files>,
        json: bool,
        mut interrupted: watch::Receiver<bool>,
    ) -> Outcome {
        let started = Instant::now();
        let job = submission::new_id();
        let spool = Path::new(&self.context.work.bucket)
            .join(self.context.keys(&job).prefix())
            .join("stdin");
        let is_spooled = files.is_none();
        let files = match files.map_or_else(|| Files::spool(&spool), Ok) {
            Ok(files) => files,
            Err(error) => {
                let mut outcome =
                    Outcome::new(&job, &self.contract.name, Path::new(path::STDIN), 0, &self.lake);
                let cause = format!("standard input can't be kept: {error}");
                outcome.failure = Some(Failure::new("StoreUnavailable", cause));
                outcome.has_ended = true;
                return outcome;
            }
        };
        let name = files.name();
        let mut outcome = Outcome::new(&job, &self.contract.name, &name, files.bytes, &self.lake);
        let shard_bytes =
            self.shard_bytes.or_else(|| Some(shard_bytes(files.bytes, self.threads as u64)));
        let wishes = Wishes {
            replay: self.replay.clone(),
            force: self.force,
            landed: self.landed,
            unreadable: self.unreadable,
            shard_bytes,
            max_cost: self.max_cost,
        };
        let source = files.source();
        let running = match Running::start(&self.context, &job) {
            Ok(running) => running,
            Err(error) => {
                let cause =
                    format!("{}: the job's lock can't be made: {error}", self.lake.display());
                outcome.fill(&self.context, Some(Failure::new("AccessDenied", cause))).await;
                return outcome;
            }
        };
        let admitted = tokio::select! {
            admitted = submission::admit(&self.context, &self.contract.name, &self.text, &job, source, wishes) => admitted,
            () = heard(&mut interrupted) => {
                // The registry may know it, or not.
                running.leave();
                outcome.interrupt();
                return outcome;
            }
        };
        let failure = match admitted {
            Ok(submission) => {
                let execution = self.execute(&name, submission, json, interrupted).await;
                outcome.execution = execution.inspection;
                outcome.shards = execution.shards;
                execution.outcome.err()
            }
            Err(error) => Some(Failure::from(&error)),
        };
        outcome.fill(&self.context, failure).await;
        outcome.seconds = started.elapsed().as_secs_f64();
        if outcome.is_left() {
            running.leave();
        } else if is_spooled {
            let _ = std::fs::remove_file(&spool);
        }
        outcome
    }

    /// Runs an admitted job, and shows how far it is.
    async fn execute(
        &self,
        path: &Path,
        submission: Submission,
        json: bool,
        mut interrupted: watch::Receiver<bool>,
    ) -> Execution {
        let (buckets, meter) = objects::Metered::new(self.context.buckets.clone());
        let context = Context { buckets: Arc::new(buckets), ..self.context.clone() };
        let progress = Progress::new(path, json, meter);
        let interrupted = async {
            heard(&mut interrupted).await;
            complain(
                "interrupted: the job is brought to its end; interrupt again to leave that to the next run in this lake",
            );
        };
        let ended = tokio::select! {
            ended = execution::execute(&context, submission, self.threads, &progress, self.approves, interrupted) => ended,
            () = progress.follow() => unreachable!("it goes on for ever"),
        };
        progress.end();
        ended
    }
}

/// Waits until the run is interrupted.
async fn heard(interrupted: &mut watch::Receiver<bool>) {
    // The sender lives as long as the run.
    if interrupted.wait_for(|interrupted| *interrupted).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Bytes of a shard where nobody says. More shards than threads gain nothing on one machine, and
/// each leaves files of its own that are put together afterwards.
fn shard_bytes(source_bytes: u64, threads: u64) -> u64 {
    let fewest = source_bytes.div_ceil(MOST_SHARD_BYTES).next_multiple_of(threads);
    let shards = fewest.min(source_bytes / LEAST_SHARD_BYTES).max(1);
    source_bytes.div_ceil(shards).next_multiple_of(2).max(LEAST_SHARD_BYTES)
}

/// Where the registry and the documents of jobs lie.
fn work(lake: &Path) -> PathBuf {
    lake.join("_landfall")
}

/// The lake's files lie under it by dataset, everything else in its `_landfall`. What a contract
/// joins lies beside it.
fn context(lake: &Path, contract: &Path, threads: usize) -> Result<Context, Exit> {
    let work = work(lake);
    let registry = registry::Directory::new(work.join("registry")).telling(|waiting| {
        let holder = waiting
            .holder
            .map_or_else(|| "another process".to_owned(), |process| format!("process {process}"));
        complain(format_args!(
            "waits for {holder}, which holds the lock {}",
            waiting.lock.display()
        ));
    });
    let registry: Arc<dyn Registry> = Arc::new(registry);
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
        live: None,
        settings,
        salt: Ok(salt()?),
    })
}

/// Passes an interrupt on. At a second one the process ends as it stands.
async fn obey(interrupt: watch::Sender<bool>) {
    asked_to_end().await;
    interrupt.send_replace(true);
    asked_to_end().await;
    // The next run brings the job to its end, as it does for a process that was killed.
    complain("interrupted again: the next run in this lake brings the job to its end");
    std::process::exit(Exit::Interrupted.code().into());
}

/// Ctrl-C, or being asked to end.
async fn asked_to_end() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let (Ok(mut interrupt), Ok(mut terminate)) =
            (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
        {
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
