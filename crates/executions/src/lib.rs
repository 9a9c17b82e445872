//! Starts, describes and stops executions of the state machine: AWS Step Functions, or memory.
//!
//! An execution has its name from its job, so a job is started once however often it is asked for.

use async_trait::async_trait;
use job::message::ExecutionName;

mod memory;
#[cfg(feature = "step-functions")]
mod step_functions;

pub use flow::history::{self, Failure, History, milliseconds};
pub use flow::{Execution, Status, cause};
pub use memory::Memory;
#[cfg(feature = "step-functions")]
pub use step_functions::StepFunctions;

/// The port to the state machine.
#[async_trait]
pub trait Executions: Send + Sync {
    /// The ARN of the execution with a name, whether it was started or not.
    fn arn(&self, name: &ExecutionName) -> String;
    /// Starts an execution of a job with `input`, a JSON document.
    ///
    /// Started before with the same input, it is a success ([`Started::already`]); with another
    /// input, [`Error::Different`].
    async fn start(&self, name: &ExecutionName, input: &str) -> Result<Started>;
    /// Where an execution stands.
    async fn describe(&self, arn: &str) -> Result<Execution>;
    /// Answers a task that waits with a token: the execution goes on, or the task fails with this.
    ///
    /// [`Error::Missing`]: nothing waits for the answer any more.
    async fn answer(&self, token: &str, answer: std::result::Result<(), Failure>) -> Result<()>;
    /// Stops an execution; one that has ended already stays as it is. `cause` is at most 32,768
    /// characters.
    async fn stop(&self, arn: &str, cause: &str) -> Result<()>;
}

/// The port to what executions did. It stands apart, as only the API asks for it and much code
/// reads it.
#[async_trait]
pub trait Histories: Executions {
    /// What an execution did: its states in order, and its map runs.
    async fn history(&self, arn: &str) -> Result<History>;
}

/// An execution that runs, or ran.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Started {
    /// Its ARN.
    pub arn: String,
    /// Whether it is known to have been started before.
    pub already: bool,
}

/// What went wrong with an execution.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No such execution, or no such state machine.
    #[error("{0}")]
    Missing(String),
    /// The execution was started before with another input.
    #[error("{0}")]
    Different(String),
    /// The service refused: what was tried, and the permission that it wants.
    #[error("{0}")]
    Denied(String),
    /// The service did not answer, or answered that it is busy; worth another attempt.
    #[error("{0}")]
    Unavailable(String),
    /// The service finds the request wrong: a bug.
    #[error("{0}")]
    Refused(String),
}

/// The result of a call to the state machine.
pub type Result<T> = std::result::Result<T, Error>;

impl From<Error> for job::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Denied(text) => Self::new(job::ErrorKind::AccessDenied, text),
            Error::Unavailable(text) => Self::new(job::ErrorKind::StoreUnavailable, text),
            Error::Missing(text) | Error::Different(text) | Error::Refused(text) => {
                Self::new(job::ErrorKind::Internal, text)
            }
        }
    }
}

/// Whether two inputs are the same JSON document: a service may write it anew.
fn same_input(a: &str, b: &str) -> bool {
    match (
        serde_json::from_str::<serde_json::Value>(a),
        serde_json::from_str::<serde_json::Value>(b),
    ) {
        (Ok(a), Ok(b)) => a == b,
        _ => a == b,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_are_compared_as_documents() {
        assert!(same_input(r#"{"a":1,"b":2}"#, r#"{ "b": 2, "a": 1 }"#));
        assert!(!same_input(r#"{"a":1}"#, r#"{"a":2}"#));
        assert!(!same_input("not json", r#"{"a":2}"#));
    }
}
