//! Runs a job from its start to its end: the state machine in this process, over the steps.

use std::time::Duration;

use async_trait::async_trait;
use flow::{Clock, Ended, Fixed, Outside, Start};
use job::message::{Failure, Stored, Submission};
use serde_json::{Value, json};
use steps::Context;
use steps::functions::MACHINE;
use steps::inspection::{Inspection, inspect};
use steps::shards::{Shards, page};

use super::progress::Progress;
use super::workers::Workers;

/// How much shorter the pauses before retries are here: a disk answers sooner than a cloud.
const SOONER: u32 = 10;
/// Shards that are told one by one: a receipt is read of each.
const MOST_SHARDS: u32 = 1_000;
/// The state that brings a job to its end when its steps can't go on.
const ABANDON: &str = "Abandon";

/// How a job ended, and what its execution did.
pub(super) struct Execution {
    /// What landed, or why nothing of it is visible.
    pub(super) outcome: Result<Stored, Failure>,
    /// States with times and attempts, as the API shows them; none if documents of the job can't
    /// be read.
    pub(super) inspection: Option<Inspection>,
    /// What became of its shards, of the first ones of very many; none of a job that was not
    /// planned.
    pub(super) shards: Option<Shards>,
}

/// Runs a job to its end. It either is visible afterwards, or nothing of it is and this is why.
///
/// The steps run on threads of their own. Interrupted, the execution stops, and the job is
/// abandoned by the state machine's own state for it.
pub(super) async fn execute(
    context: &Context,
    submission: Submission,
    threads: usize,
    progress: &Progress,
    approves: bool,
    interrupted: impl Future<Output = ()>,
) -> Execution {
    let workers = Workers::start(context, threads, progress, approves);
    let (id, job) = (submission.job.clone(), submission.job.to_string());
    let stopped = async {
        interrupted.await;
        if workers.is_abandoning() {
            // It is on its way to its end, and is interrupted no more.
            std::future::pending::<()>().await;
        }
        let cause = "the job was interrupted; nothing of it is visible";
        flow::Failure { error: "Cancelled".to_owned(), cause: cause.to_owned() }
    };
    let input = json!(submission);
    let ended = run(&workers, Start { name: &job, input, at: None }, stopped).await;
    if let Err(failure) = &ended.outcome
        && !workers.is_abandoning()
    {
        let failure = json!({ "Error": failure.error, "Cause": failure.cause });
        let input = json!({ "job": job, "dataset": submission.dataset, "failure": failure });
        let start = Start { name: &job, input, at: Some(ABANDON) };
        run(&workers, start, std::future::pending()).await;
    }
    workers.end().await;
    let outcome = match (workers.abandoned(), &ended.outcome) {
        (Some(outcome), _) => outcome,
        (None, Ok(output)) => stored(output),
        (None, Err(failure)) => Err(Failure::new(&failure.error, &failure.cause)),
    };
    let work = context.buckets.bucket(&context.work.bucket);
    let (keys, history) = (context.keys(&id), ended.history());
    // It has ended, so what the time is now does not matter.
    let inspection = inspect(work.as_ref(), &keys, &id, ended.execution, history, 0).await.ok();
    let shards = page(work.as_ref(), &keys, 0, MOST_SHARDS, true).await.ok().flatten();
    Execution { outcome, inspection, shards }
}

async fn run(
    workers: &Workers<'_>,
    start: Start<'_>,
    stopped: impl Future<Output = flow::Failure>,
) -> Ended {
    let clock = Local(flow::Tokio::new());
    // The longest pauses: nobody else waits for the same disk.
    let outside = Outside { clock: &clock, chance: &Fixed::WHOLE, tasks: workers, items: workers };
    MACHINE.run(start, outside, stopped).await
}

fn stored(output: &Value) -> Result<Stored, Failure> {
    let read = serde_json::from_value(output.clone());
    read.map_err(|_| Failure::new("Internal", "the execution's output is no commit"))
}

/// The clock of this machine. Steps have all the time that they need: no function's time is over.
struct Local(flow::Tokio);

#[async_trait]
impl Clock for Local {
    fn now(&self) -> i64 {
        self.0.now()
    }

    async fn pause(&self, pause: Duration) {
        self.0.pause(pause / SOONER).await;
    }

    async fn limit(&self, _limit: Duration) {
        std::future::pending().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn pauses_are_a_tenth_as_long_and_nothing_times_out() {
        let clock = Local(flow::Tokio::new());
        let begun = std::time::Instant::now();
        clock.pause(Duration::from_millis(500)).await;
        assert!(begun.elapsed() >= Duration::from_millis(50));
        tokio::select! {
            () = clock.limit(Duration::ZERO) => panic!("a step's time was over"),
            () = clock.pause(Duration::from_millis(10)) => {}
        }
    }
}
