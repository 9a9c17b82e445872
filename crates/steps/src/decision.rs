//! Whether a job commits: read, taken, and heeded by whoever works for the job.

use job::decision::Decision;
use job::message::{Failure, JobKeys};
use job::{Error, ErrorKind};
use objects::{Objects, Put};

use crate::documents;

/// The decision, if there is one.
pub(crate) async fn find(work: &dyn Objects, keys: &JobKeys) -> Result<Option<Decision>, Error> {
    documents::find(work, &keys.decision()).await
}

/// Decides, unless that was done before. The answer is the decision that stands.
pub(crate) async fn decide(
    work: &dyn Objects,
    keys: &JobKeys,
    decision: Decision,
) -> Result<Decision, Error> {
    match documents::write(work, &keys.decision(), &decision, Put::IfAbsent).await? {
        true => Ok(decision),
        false => documents::read(work, &keys.decision()).await,
    }
}

/// Decides that nothing is committed, for a step that found out why. The answer is what the step
/// fails with.
///
/// A job that is decided to commit was brought so far by another run of its steps: this run has
/// nothing to say any more.
pub(crate) async fn give_way(work: &dyn Objects, keys: &JobKeys, because: Failure) -> Error {
    match decide(work, keys, Decision::NoCommit(because.clone())).await {
        Ok(Decision::NoCommit(standing)) => error_of(standing),
        Ok(Decision::Commit(_)) => error_of(because),
        Err(error) => error,
    }
}

/// Ends the work for a job that is decided not to commit. A stopped execution does not stop what
/// runs for it: this does.
pub(crate) async fn refuse_if_undone(work: &dyn Objects, keys: &JobKeys) -> Result<(), Error> {
    match find(work, keys).await? {
        Some(Decision::NoCommit(because)) => Err(Error::new(
            ErrorKind::Cancelled,
            format!("the job was ended before this step: {}", because.error),
        )),
        Some(Decision::Commit(_)) | None => Ok(()),
    }
}

/// A failure as a step's own.
pub(crate) fn error_of(failure: Failure) -> Error {
    let kind = ErrorKind::named(&failure.error).unwrap_or(ErrorKind::Internal);
    Error::new(kind, failure.cause)
}
