//! Turns the end of an execution into what it means for its job.

use executions::{Execution, Status};
use job::message::Failure;

/// Why nothing of the job is committed, if that is not decided yet.
pub(crate) fn failure(execution: Execution) -> Failure {
    let (name, cause) = match execution.status {
        Status::Aborted if execution.error.as_deref() == Some("Cancelled") => {
            ("Cancelled", "the job was cancelled")
        }
        Status::Aborted => ("Aborted", "the execution was stopped from outside"),
        Status::TimedOut => {
            ("States.Timeout", "the execution took longer than the state machine allows")
        }
        Status::Failed => ("States.Runtime", "the execution failed: its history says where"),
        // Its last step says that it committed, or why not, before the execution ends.
        Status::Succeeded | Status::Running => {
            ("Internal", "the execution ended without a decision")
        }
    };
    Failure::new(
        execution.error.unwrap_or_else(|| name.to_owned()),
        execution.cause.unwrap_or_else(|| cause.to_owned()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_an_execution_ends_is_how_its_job_ends() {
        let ended = |status, error: Option<&str>| {
            failure(Execution {
                arn: String::new(),
                status,
                started: String::new(),
                stopped: None,
                error: error.map(str::to_owned),
                cause: None,
                input: None,
            })
            .error
        };
        assert_eq!(ended(Status::Failed, Some("SchemaDrift")), "SchemaDrift");
        assert_eq!(ended(Status::Failed, None), "States.Runtime");
        assert_eq!(ended(Status::TimedOut, None), "States.Timeout");
        assert_eq!(ended(Status::Aborted, None), "Aborted");
        assert_eq!(ended(Status::Aborted, Some("Cancelled")), "Cancelled");
    }
}
