//! Turns the events of an execution into what it did.
//!
//! The state machine runs one state after another (what runs side by side are the children of a map
//! run), so an event belongs to the state entered last. Neither the ids of preceding events nor the
//! events of map runs are needed, which not every service tells.

use serde::Serialize;
use serde_json::Value;

use crate::execution::cause;

/// The states an execution went through, in order, and its map runs.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct History {
    /// One entry for each time a state was entered.
    pub states: Vec<StateVisit>,
    /// The map runs, oldest first.
    pub map_runs: Vec<MapRun>,
    /// Why the execution ended before its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

/// One visit of a state.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StateVisit {
    /// Name of the state.
    pub name: String,
    /// `Task`, `Choice`, `Map`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// When it was entered, RFC 3339 in UTC.
    pub entered: String,
    /// When it was left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exited: Option<String>,
    /// Names of the keys of its input: the input itself is not shown.
    pub input_keys: Vec<String>,
    /// Its output: a message of keys and counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<Value>,
    /// The calls it made, retries included.
    pub attempts: Vec<Attempt>,
    /// How its last attempt failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

/// One call of a state.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    /// When it was scheduled, RFC 3339 in UTC.
    pub started: String,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
    /// How it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

/// An error with its text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// Its name.
    pub error: String,
    /// Its text.
    pub cause: String,
}

/// A run of a Distributed Map.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MapRun {
    /// Its ARN.
    pub arn: String,
    /// `RUNNING`, `SUCCEEDED`, `FAILED` or `ABORTED`; `None` when it may not be looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// When it was started, RFC 3339 in UTC.
    pub started: String,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped: Option<String>,
    /// Its items; `None` when it may not be looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counts: Option<MapCounts>,
}

/// How many items of a map run stand where.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MapCounts {
    /// All items.
    pub total: i64,
    /// Not begun.
    pub pending: i64,
    /// Begun.
    pub running: i64,
    /// Done.
    pub succeeded: i64,
    /// Failed for good.
    pub failed: i64,
    /// Cut off by a timeout.
    pub timed_out: i64,
    /// Stopped.
    pub aborted: i64,
}

/// An event of an execution, as far as it is used here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Event {
    /// When, RFC 3339 in UTC.
    pub at: String,
    /// `TaskStateEntered`, `TaskScheduled`, …
    pub kind: String,
    /// The state that is entered or left.
    pub state: Option<String>,
    /// Input of the state that is entered.
    pub input: Option<String>,
    /// Output of the state that is left.
    pub output: Option<String>,
    /// Name of the error, and its cause.
    pub failure: Option<(String, String)>,
}

impl History {
    /// Reads the events of an execution, oldest first.
    pub fn of(events: &[Event], map_runs: Vec<MapRun>) -> Self {
        let mut history = Self { map_runs, ..Self::default() };
        for event in events {
            history.read(event);
        }
        history
    }

    fn read(&mut self, event: &Event) {
        let kind = event.kind.as_str();
        if let Some(state_kind) = kind.strip_suffix("StateEntered") {
            self.states.push(StateVisit {
                name: event.state.clone().unwrap_or_default(),
                kind: state_kind.to_owned(),
                entered: event.at.clone(),
                input_keys: event.input.as_deref().map(keys).unwrap_or_default(),
                ..StateVisit::default()
            });
        } else if kind.ends_with("StateExited") {
            let left =
                self.states.iter_mut().rev().find(|visit| {
                    visit.exited.is_none() && Some(&visit.name) == event.state.as_ref()
                });
            if let Some(visit) = left {
                visit.exited = Some(event.at.clone());
                visit.output =
                    event.output.as_deref().and_then(|text| serde_json::from_str(text).ok());
            }
        } else if matches!(kind, "ExecutionFailed" | "ExecutionAborted" | "ExecutionTimedOut") {
            self.failure = Some(event.failure());
        } else if let Some(visit) = self.states.last_mut() {
            visit.read(event);
        }
    }
}

impl StateVisit {
    /// An event between the entry and the exit.
    fn read(&mut self, event: &Event) {
        match event.kind.as_str() {
            "TaskScheduled" | "LambdaFunctionScheduled" | "ActivityScheduled" => {
                self.attempts.push(Attempt { started: event.at.clone(), ..Attempt::default() });
            }
            "TaskSucceeded" | "LambdaFunctionSucceeded" | "ActivitySucceeded" => {
                self.end_attempt(event, None)
            }
            "MapStateFailed" | "MapRunFailed" | "EvaluationFailed" if event.failure.is_some() => {
                self.failure = Some(event.failure())
            }
            kind if event.failure.is_some()
                && (kind.ends_with("Failed") || kind.ends_with("TimedOut")) =>
            {
                self.end_attempt(event, Some(event.failure()));
            }
            _ => {}
        }
    }

    fn end_attempt(&mut self, event: &Event, failure: Option<Failure>) {
        if let Some(attempt) = self.attempts.last_mut() {
            attempt.ended = Some(event.at.clone());
            attempt.failure.clone_from(&failure);
        }
        self.failure = failure;
    }
}

impl Event {
    fn failure(&self) -> Failure {
        let (error, text) = self.failure.clone().unwrap_or_default();
        Failure { error, cause: cause(&text) }
    }
}

/// The keys of a JSON object.
fn keys(text: &str) -> Vec<String> {
    match serde_json::from_str(text) {
        Ok(Value::Object(object)) => object.into_iter().map(|(key, _)| key).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(second: u32, kind: &str) -> Event {
        Event {
            at: format!("2026-01-31T12:00:{second:02}.000Z"),
            kind: kind.to_owned(),
            ..Event::default()
        }
    }

    fn entered(second: u32, kind: &str, state: &str) -> Event {
        Event {
            state: Some(state.to_owned()),
            input: Some(r#"{"job":"j","dataset":"d"}"#.to_owned()),
            ..event(second, kind)
        }
    }

    fn exited(second: u32, kind: &str, state: &str) -> Event {
        Event {
            state: Some(state.to_owned()),
            output: Some(r#"{"count":3}"#.to_owned()),
            ..event(second, kind)
        }
    }

    fn failed(second: u32, kind: &str, error: &str) -> Event {
        let cause = format!(r#"{{"errorType":"{error}","errorMessage":"what happened"}}"#);
        Event { failure: Some((error.to_owned(), cause)), ..event(second, kind) }
    }

    #[test]
    fn a_retry_is_two_attempts_of_one_visit() {
        for call in ["Task", "LambdaFunction"] {
            let history = History::of(
                &[
                    event(0, "ExecutionStarted"),
                    entered(1, "TaskStateEntered", "Ingest"),
                    event(2, &format!("{call}Scheduled")),
                    event(2, &format!("{call}Started")),
                    failed(3, &format!("{call}Failed"), "StoreUnavailable"),
                    event(4, &format!("{call}Scheduled")),
                    event(5, &format!("{call}Succeeded")),
                    exited(6, "TaskStateExited", "Ingest"),
                    entered(6, "ChoiceStateEntered", "OneShard"),
                    exited(7, "ChoiceStateExited", "OneShard"),
                    event(8, "ExecutionSucceeded"),
                ],
                Vec::new(),
            );
            let [ingest, choice] = history.states.as_slice() else {
                panic!("two visits, not {:?}", history.states)
            };
            assert_eq!((ingest.name.as_str(), ingest.kind.as_str()), ("Ingest", "Task"));
            assert_eq!(ingest.exited.as_deref(), Some("2026-01-31T12:00:06.000Z"));
            assert_eq!(ingest.input_keys, ["dataset", "job"]);
            assert_eq!(ingest.output, Some(serde_json::json!({"count": 3})));
            assert_eq!(ingest.attempts.len(), 2);
            assert_eq!(
                ingest.attempts[0].failure,
                Some(Failure { error: "StoreUnavailable".into(), cause: "what happened".into() })
            );
            assert_eq!(
                (ingest.attempts[1].ended.as_deref(), &ingest.attempts[1].failure),
                (Some("2026-01-31T12:00:05.000Z"), &None)
            );
            assert_eq!(ingest.failure, None, "the second attempt made up for the first");
            assert_eq!((choice.attempts.len(), &choice.failure), (0, &None));
            assert_eq!(history.failure, None);
        }
    }

    #[test]
    fn a_caught_failure_stays_with_its_state_and_the_last_one_ends_the_execution() {
        let history = History::of(
            &[
                entered(1, "TaskStateEntered", "Verify"),
                event(2, "TaskScheduled"),
                failed(3, "TaskFailed", "RejectLimitExceeded"),
                exited(3, "TaskStateExited", "Verify"),
                entered(4, "TaskStateEntered", "Abandon"),
                event(4, "TaskScheduled"),
                event(5, "TaskSucceeded"),
                exited(5, "TaskStateExited", "Abandon"),
                entered(5, "FailStateEntered", "Failed"),
                failed(6, "ExecutionFailed", "RejectLimitExceeded"),
            ],
            Vec::new(),
        );
        let failures: Vec<_> = history
            .states
            .iter()
            .map(|visit| visit.failure.as_ref().map(|failure| failure.error.as_str()))
            .collect();
        assert_eq!(failures, [Some("RejectLimitExceeded"), None, None]);
        assert_eq!(
            history.failure,
            Some(Failure { error: "RejectLimitExceeded".into(), cause: "what happened".into() })
        );
        assert_eq!(history.states[2].exited, None);
    }

    #[test]
    fn a_failed_map_run_is_the_failure_of_its_state() {
        let history = History::of(
            &[
                entered(1, "MapStateEntered", "TransformEach"),
                event(1, "MapStateStarted"),
                event(1, "MapRunStarted"),
                failed(2, "MapRunFailed", "States.ExceedToleratedFailureThreshold"),
                event(2, "MapStateFailed"),
                exited(2, "MapStateExited", "TransformEach"),
            ],
            Vec::new(),
        );
        assert_eq!(history.states.len(), 1);
        assert_eq!(
            history.states[0].failure.as_ref().map(|f| f.error.as_str()),
            Some("States.ExceedToleratedFailureThreshold")
        );
        assert!(history.states[0].attempts.is_empty());
    }
}
