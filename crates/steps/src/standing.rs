//! What a claim of bytes is worth: that of a job which never commits is void, whoever finds it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use job::DatasetName;
use job::Error;
use job::decision::Decision;
use job::message::{Failure, JobId};
use registry::{JobRecord, JobStatus};

use crate::{Context, decision};

/// What a claim is worth.
pub(crate) enum Standing {
    /// Its job is committed, or decided to be.
    Commits,
    /// Its job never commits.
    Void,
    /// Nobody knows yet.
    Open,
}

/// The jobs about which somebody asked, and whether each commits: many objects were mostly landed
/// by few jobs.
#[derive(Default)]
pub(crate) struct Known(Mutex<HashMap<JobId, bool>>);

impl Known {
    async fn commits(&self, context: &Context, job: &JobId) -> Result<bool, Error> {
        let known = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(commits) = known().get(job) {
            return Ok(*commits);
        }
        let commits = matches!(look(context, job).await?.0, Standing::Commits);
        known().insert(job.clone(), commits);
        Ok(commits)
    }
}

/// The failure of a job whose bytes another job landed; `None`: nobody did. It is an early look:
/// only the claim before the decision is exact.
pub(crate) async fn landed_before(
    context: &Context,
    known: &Known,
    dataset: &DatasetName,
    contents: &[String],
    job: &JobId,
) -> Result<Option<Failure>, Error> {
    match context.registry.loaded(dataset, contents).await?.filter(|earlier| earlier != job) {
        Some(earlier) if known.commits(context, &earlier).await? => {
            Ok(Some(already_landed(earlier, dataset)))
        }
        _ => Ok(None),
    }
}

/// What a claim of `job` is worth. A job that failed and waits to be redriven gives way: whoever
/// asks needs what it claims, and decides it.
pub(crate) async fn standing(context: &Context, job: &JobId) -> Result<Standing, Error> {
    let failure = match look(context, job).await? {
        (Standing::Open, Some(JobRecord { failure, redrivable_until: Some(_), .. })) => failure,
        (standing, _) => return Ok(standing),
    };
    let because = failure.unwrap_or_else(|| Failure::new("Internal", "the job failed"));
    let decision = Decision::NoCommit(because);
    Ok(of(&decision::decide(context.work().as_ref(), &context.keys(job), decision).await?))
}

/// What a claim of `job` is worth as things are, and its record.
async fn look(context: &Context, job: &JobId) -> Result<(Standing, Option<JobRecord>), Error> {
    let record = context.registry.job(job).await?;
    // A status that is final follows the decision, and outlives the documents beside the job.
    let standing = match &record {
        Some(record) if record.status == JobStatus::Succeeded => Standing::Commits,
        Some(record) if record.is_over() => Standing::Void,
        _ => decision::find(context.work().as_ref(), &context.keys(job))
            .await?
            .map_or(Standing::Open, |decision| of(&decision)),
    };
    Ok((standing, record))
}

fn of(decision: &Decision) -> Standing {
    match decision {
        Decision::Commit(_) => Standing::Commits,
        Decision::NoCommit(_) => Standing::Void,
    }
}

/// The failure of a job whose bytes `earlier` landed.
pub(crate) fn already_landed(earlier: JobId, dataset: &DatasetName) -> Failure {
    let cause = format!(
        "job {earlier} landed the same bytes in {dataset}; submit with `force` to land them again"
    );
    Failure { job: Some(earlier), ..Failure::new("AlreadyLanded", cause) }
}
