//! Remembers that executions were started, and nothing else: for tests, and for trying the API
//! without a state machine.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use job::message::ExecutionName;

use crate::{
    Error, Execution, Executions, Failure, Histories, History, Result, Started, Status, same_input,
};

/// Executions in memory.
#[derive(Debug, Default)]
pub struct Memory {
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    executions: BTreeMap<String, (Execution, History)>,
    refusal: Option<Error>,
    answers: BTreeMap<String, std::result::Result<(), Failure>>,
}

impl Memory {
    /// No executions yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The inputs of all executions that were started, by job.
    pub fn inputs(&self) -> Vec<String> {
        self.held()
            .executions
            .values()
            .filter_map(|(execution, _)| execution.input.clone())
            .collect()
    }

    /// The answer to a token, if there is one.
    pub fn answered(&self, token: &str) -> Option<std::result::Result<(), Failure>> {
        self.held().answers.get(token).cloned()
    }

    /// Lets the next call fail, once.
    pub fn refuse_next(&self, error: Error) {
        self.held().refusal = Some(error);
    }

    /// Ends an execution.
    pub fn end(&self, arn: &str, status: Status, failure: Option<Failure>) {
        if let Some((execution, history)) = self.held().executions.get_mut(arn) {
            execution.status = status;
            execution.stopped = Some(execution.started.clone());
            execution.error = failure.as_ref().map(|failure| failure.error.clone());
            execution.cause = failure.as_ref().map(|failure| failure.cause.clone());
            history.failure = failure;
        }
    }

    /// Sets what [`Histories::history`] answers.
    pub fn tell(&self, arn: &str, history: History) {
        if let Some(entry) = self.held().executions.get_mut(arn) {
            entry.1 = history;
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state of things, unless the next call was to fail.
    fn call(&self) -> Result<MutexGuard<'_, Held>> {
        let mut held = self.held();
        match held.refusal.take() {
            Some(error) => Err(error),
            None => Ok(held),
        }
    }

    fn find(&self, arn: &str) -> Result<(Execution, History)> {
        self.call()?.executions.get(arn).cloned().ok_or_else(|| missing(arn))
    }
}

#[async_trait]
impl Executions for Memory {
    fn arn(&self, name: &ExecutionName) -> String {
        format!("arn:aws:states:us-east-1:000000000000:execution:memory:{name}")
    }

    async fn start(&self, name: &ExecutionName, input: &str) -> Result<Started> {
        let mut held = self.call()?;
        let arn = self.arn(name);
        if let Some((execution, _)) = held.executions.get(&arn) {
            return match &execution.input {
                Some(earlier) if same_input(earlier, input) => Ok(Started { arn, already: true }),
                _ => Err(Error::Different(format!(
                    "execution {name} was started before with another input"
                ))),
            };
        }
        let execution = Execution {
            arn: arn.clone(),
            status: Status::Running,
            started: "2026-01-31T12:00:00.000Z".to_owned(),
            stopped: None,
            error: None,
            cause: None,
            input: Some(input.to_owned()),
        };
        held.executions.insert(arn.clone(), (execution, History::default()));
        Ok(Started { arn, already: false })
    }

    async fn describe(&self, arn: &str) -> Result<Execution> {
        Ok(self.find(arn)?.0)
    }

    async fn answer(&self, token: &str, answer: std::result::Result<(), Failure>) -> Result<()> {
        let mut held = self.call()?;
        if held.answers.contains_key(token) {
            return Err(Error::Missing("nothing waits for an answer to the token".to_owned()));
        }
        held.answers.insert(token.to_owned(), answer);
        Ok(())
    }

    async fn stop(&self, arn: &str, cause: &str) -> Result<()> {
        let running = self.call()?.executions.get(arn).ok_or_else(|| missing(arn))?.0.status
            == Status::Running;
        if running {
            self.end(
                arn,
                Status::Aborted,
                Some(Failure { error: "Cancelled".to_owned(), cause: cause.to_owned() }),
            );
        }
        Ok(())
    }
}

#[async_trait]
impl Histories for Memory {
    async fn history(&self, arn: &str) -> Result<History> {
        Ok(self.find(arn)?.1)
    }
}

fn missing(arn: &str) -> Error {
    Error::Missing(format!("there is no execution {arn}"))
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_job_is_started_once() {
        let executions = Memory::new();
        let job = ExecutionName::parse("j-1").unwrap();
        let first = executions.start(&job, r#"{"a":1}"#).await.unwrap();
        assert!(!first.already);
        assert_eq!(
            executions.start(&job, r#"{ "a": 1 }"#).await.unwrap(),
            Started { arn: first.arn.clone(), already: true }
        );
        assert!(matches!(executions.start(&job, r#"{"a":2}"#).await, Err(Error::Different(_))));
        executions.stop(&first.arn, "by hand").await.unwrap();
        assert_eq!(executions.describe(&first.arn).await.unwrap().status, Status::Aborted);
        assert!(matches!(executions.describe("arn:none").await, Err(Error::Missing(_))));
    }
}
