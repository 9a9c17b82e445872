//! What the state machine does: the steps of a job in their order, retried and caught.

use std::time::Duration;

use job::DatasetName;
use job::Error;
use job::message::{
    Abandon, Caught, Failure, JobId, JobRef, MergeFiles, MergeItem, Shard, ShardList, Stored, Submission, TransformShard, VerifyJob,
};
use steps::Context;
use tokio::task::JoinSet;
use wording::Unquoted;

use super::progress::Progress;

/// How often a step is tried before a transient failure is final, as in the state machine.
const ATTEMPTS: u32 = 6;
/// How long after the first attempt the second begins; each further pause is twice as long. A disk answers sooner than a cloud.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// How long calls to the disk may take that were on their way when the job was cut off.
const LAST_CALLS: Duration = Duration::from_secs(60);
/// Most bytes of a list of shards.
const LIST_BYTES: u64 = 64 * 1024 * 1024;

/// Runs a job to its end. It either is visible afterwards, or nothing of it is and this is why.
///
/// The steps run on threads of their own. When they fail or are interrupted, those are ended first, so that nothing is on its way any more when the job is abandoned.
pub(super) async fn execute(
    context: &Context,
    submission: Submission,
    threads: usize,
    progress: &Progress,
    interrupted: impl Future<Output = ()>,
) -> Result<Stored, Failure> {
    let job = JobRef { job: submission.job.clone(), dataset: submission.dataset.clone() };
    let workers = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build();
    let outcome = match workers {
        Ok(workers) => {
            let work = land(context.clone(), submission, threads, progress.clone());
            let outcome = tokio::select! {
                ended = workers.spawn(work) => ended.unwrap_or_else(|_| Err(Error::Internal("a step panicked".to_owned()))),
                () = interrupted => Err(Error::Cancelled("the job was interrupted; nothing of it is visible".to_owned())),
            };
            // Waiting blocks, which the thread that waits for signals has nothing against: it has its signal, or needs none.
            tokio::task::spawn_blocking(move || workers.shutdown_timeout(LAST_CALLS)).await.ok();
            outcome
        }
        Err(error) => Err(Error::Internal(format!("no threads can be started: {error}"))),
    };
    match outcome {
        Ok(stored) => Ok(stored),
        Err(error) => abandon(context, job, error).await,
    }
}

/// The states up to `Store`.
async fn land(context: Context, submission: Submission, threads: usize, progress: Progress) -> Result<Stored, Error> {
    let (job, dataset) = (submission.job.clone(), submission.dataset.clone());
    let planned = retried(|| steps::ingest(&context, submission.clone())).await?;
    let shards = listed(&context, &planned.shards).await?;
    transform(&context, &job, &dataset, shards, threads, &progress).await?;
    let verify = |round| {
        let (context, job, dataset) = (&context, &job, &dataset);
        retried(move || steps::verify(context, VerifyJob { job: job.clone(), dataset: dataset.clone(), round }))
    };
    let mut verified = verify(1).await?;
    while verified.again.count > 0 {
        let shards = listed(&context, &verified.again).await?;
        transform(&context, &job, &dataset, shards, threads, &progress).await?;
        verified = verify(verified.round).await?;
    }
    merge(&context, &job, &dataset, verified.merges.count, threads).await?;
    retried(|| steps::store(&context, JobRef { job: job.clone(), dataset: dataset.clone() })).await
}

async fn listed(context: &Context, list: &ShardList) -> Result<Vec<Shard>, Error> {
    let bytes = context.buckets.bucket(&list.bucket).read(&list.key, LIST_BYTES).await?;
    serde_json::from_slice(&bytes).map_err(|error| Error::Internal(format!("{} can't be read: {}", list.key, error.unquoted())))
}

/// Transforms all shards, at most so many at once as there are threads. The first failure ends the others.
async fn transform(
    context: &Context,
    job: &JobId,
    dataset: &DatasetName,
    shards: Vec<Shard>,
    threads: usize,
    progress: &Progress,
) -> Result<(), Error> {
    progress.expect(&shards);
    let mut waiting = shards.into_iter();
    let mut running = JoinSet::new();
    loop {
        for shard in waiting.by_ref().take(threads - running.len()) {
            let context = context.clone();
            let message = TransformShard { job: job.clone(), dataset: dataset.clone(), shard };
            running.spawn(async move {
                retried(|| async {
                    let attempt = uuid::Uuid::new_v4().simple().to_string();
                    steps::transform(&context, message.clone(), &attempt).await
                })
                .await
                .map(|_| message.shard)
            });
        }
        match running.join_next().await {
            Some(ended) => progress.done(&ended.map_err(|_| Error::Internal("a shard panicked".to_owned()))??),
            None => return Ok(()),
        }
    }
}

/// Puts together what the shards left small.
async fn merge(context: &Context, job: &JobId, dataset: &DatasetName, merges: u32, threads: usize) -> Result<(), Error> {
    let mut waiting = (0..merges).map(|index| MergeItem { index });
    let mut running = JoinSet::new();
    loop {
        for item in waiting.by_ref().take(threads - running.len()) {
            let context = context.clone();
            let message = MergeFiles { job: job.clone(), dataset: dataset.clone(), merge: item };
            running.spawn(async move {
                retried(|| async {
                    let attempt = uuid::Uuid::new_v4().simple().to_string();
                    steps::merge(&context, message.clone(), &attempt).await
                })
                .await
            });
        }
        match running.join_next().await {
            Some(ended) => ended.map_err(|_| Error::Internal("a merge panicked".to_owned()))??,
            None => return Ok(()),
        };
    }
}

/// The state `Abandon`: how the job ended. It is called when nothing of the job is running any more.
async fn abandon(context: &Context, job: JobRef, error: Error) -> Result<Stored, Failure> {
    let failure = Caught { error: error.name().to_owned(), cause: error.to_string() };
    let message = Abandon { job: job.job, dataset: job.dataset, failure };
    match retried(|| steps::abandon(context, message.clone())).await {
        Ok(settled) => settled.outcome(),
        Err(second) => {
            let cause = format!("{error} (the job could not be brought to its end, which the next run in this lake tries again: {second})");
            Err(Failure::new(error.name(), cause))
        }
    }
}

/// Tries a step again when it failed for a reason that may pass.
async fn retried<T, F: Future<Output = Result<T, Error>>>(step: impl Fn() -> F) -> Result<T, Error> {
    let mut pause = FIRST_PAUSE;
    for _ in 1..ATTEMPTS {
        match step().await {
            Err(error) if error.is_transient() => tokio::time::sleep(pause).await,
            ended => return ended,
        }
        pause *= 2;
    }
    step().await
}
