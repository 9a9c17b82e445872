//! Turns the events of an execution into what it did.
//!
//! The state machine runs one state after another (what runs side by side are the children of a map
//! run), so an event belongs to the state entered last. Neither the ids of preceding events nor the
//! events of map runs are needed, which not every service tells: what these would say of a map is
//! taken from the map runs themselves.

use chrono::DateTime;
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
    /// How long it took, once it was left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub milliseconds: Option<u64>,
    /// Names of the keys of its input: the input itself is not shown.
    pub input_keys: Vec<String>,
    /// What it added to its input, or changed in it: a message of keys and counts. What it only
    /// passes on is not shown again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<Value>,
    /// Its input, until it is left.
    #[serde(skip)]
    given: Option<Value>,
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
    /// The map that it is a run of, where the history tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
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
        history.place_map_runs();
        history
    }

    /// Finds the visit that each map run belongs to: the last one of a map that was entered by then.
    /// Each run is an attempt of it, also where no event tells of it.
    fn place_map_runs(&mut self) {
        let is_told: Vec<bool> =
            self.states.iter().map(|visit| !visit.attempts.is_empty()).collect();
        for run in &mut self.map_runs {
            let index = self.states.iter().rposition(|visit| {
                visit.kind == "Map" && milliseconds(&visit.entered) <= milliseconds(&run.started)
            });
            let Some(index) = index else { continue };
            let visit = &mut self.states[index];
            run.state = Some(visit.name.clone());
            if !is_told[index] {
                let (started, ended) = (run.started.clone(), run.stopped.clone());
                visit.attempts.push(Attempt { started, ended, failure: None });
            }
        }
    }

    fn read(&mut self, event: &Event) {
        let kind = event.kind.as_str();
        if let Some(state_kind) = kind.strip_suffix("StateEntered") {
            self.states.push(StateVisit {
                name: event.state.clone().unwrap_or_default(),
                kind: state_kind.to_owned(),
                entered: event.at.clone(),
                input_keys: event.input.as_deref().map(keys).unwrap_or_default(),
                given: event.input.as_deref().and_then(|text| serde_json::from_str(text).ok()),
                ..StateVisit::default()
            });
        } else if kind.ends_with("StateExited") {
            let left =
                self.states.iter_mut().rev().find(|visit| {
                    visit.exited.is_none() && Some(&visit.name) == event.state.as_ref()
                });
            if let Some(visit) = left {
                visit.exited = Some(event.at.clone());
                visit.milliseconds = Some(between(&visit.entered, &event.at));
                let output =
                    event.output.as_deref().and_then(|text| serde_json::from_str(text).ok());
                visit.output = output.and_then(|output| added(visit.given.take(), output));
            }
        } else if kind == "ExecutionRedriven" {
            // What ended it is made up for, or comes again.
            self.failure = None;
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
            "TaskScheduled" | "LambdaFunctionScheduled" | "ActivityScheduled" | "MapRunStarted" => {
                self.attempts.push(Attempt { started: event.at.clone(), ..Attempt::default() });
            }
            "TaskSucceeded"
            | "LambdaFunctionSucceeded"
            | "ActivitySucceeded"
            | "MapRunSucceeded" => self.end_attempt(event, None),
            "MapStateFailed" | "EvaluationFailed" if event.failure.is_some() => {
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

/// What an output has that the input has not, or has otherwise; nothing, where that is nothing.
fn added(input: Option<Value>, output: Value) -> Option<Value> {
    match (input, output) {
        (Some(Value::Object(input)), Value::Object(mut output)) => {
            output.retain(|key, value| input.get(key) != Some(value));
            (!output.is_empty()).then_some(Value::Object(output))
        }
        (Some(input), output) if input == output => None,
        (_, output) => Some(output),
    }
}

/// Milliseconds since 1970 of a moment in RFC 3339; 0 of what is none.
pub fn milliseconds(moment: &str) -> i64 {
    DateTime::parse_from_rfc3339(moment).map_or(0, |moment| moment.timestamp_millis())
}

/// Milliseconds between two moments; 0 if the second one comes first.
pub fn between(from: &str, to: &str) -> u64 {
    u64::try_from(milliseconds(to) - milliseconds(from)).unwrap_or(0)
}

/// The keys of a JSON object.
fn keys(text: &str) -> Vec<String> {
    match serde_json::from_str(text) {
        Ok(Value::Object(object)) => object.into_iter().map(|(key, _)| key).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]
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
            assert_eq!(ingest.milliseconds, Some(5_000));
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
        assert_eq!(history.states[0].attempts.len(), 1);
    }

    #[test]
    fn a_state_shows_what_it_added_and_not_what_it_passed_on() {
        let added = |input: &str, output: &str| {
            super::added(serde_json::from_str(input).ok(), serde_json::from_str(output).unwrap())
                .map_or_else(String::new, |added| added.to_string())
        };
        let input = r#"{"job":"j","plan":{"count":1}}"#;
        assert_eq!(added(input, input), "");
        assert_eq!(added(input, r#"{"job":"j","plan":{"count":1},"more":1}"#), r#"{"more":1}"#);
        assert_eq!(added(input, r#"{"job":"j","plan":{"count":2}}"#), r#"{"plan":{"count":2}}"#);
        assert_eq!(added(input, r#"{"sequence":4}"#), r#"{"sequence":4}"#);
        assert_eq!(added("lost", r#"{"sequence":4}"#), r#"{"sequence":4}"#);
        assert_eq!(added("[1]", "[1]"), "");
        assert_eq!(added(input, "[]"), "[]");
    }

    /// Not every service tells of map runs in its histories.
    #[test]
    fn a_map_run_is_an_attempt_of_its_map_whoever_tells_of_it() {
        let run = |second: u32, status: &str| MapRun {
            arn: format!("run-{second}"),
            state: None,
            status: Some(status.to_owned()),
            started: event(second, "").at,
            stopped: Some(event(second + 2, "").at),
            counts: None,
        };
        let told = |tells: bool| {
            let events = [
                entered(1, "MapStateEntered", "TransformAll"),
                event(1, "MapRunStarted"),
                event(3, "MapRunSucceeded"),
                exited(4, "MapStateExited", "TransformAll"),
                entered(4, "TaskStateEntered", "Verify"),
                exited(5, "TaskStateExited", "Verify"),
                entered(5, "MapStateEntered", "TransformAgain"),
                event(6, "MapRunStarted"),
            ];
            let events = events.into_iter();
            let events = events.filter(|event| tells || !event.kind.starts_with("MapRun"));
            let events: Vec<_> = events.collect();
            History::of(&events, vec![run(1, "SUCCEEDED"), run(6, "RUNNING")])
        };
        for tells in [true, false] {
            let history = told(tells);
            let of: Vec<_> = history.map_runs.iter().map(|run| run.state.as_deref()).collect();
            assert_eq!(of, [Some("TransformAll"), Some("TransformAgain")]);
            let attempts: Vec<_> =
                history.states.iter().map(|visit| visit.attempts.len()).collect();
            assert_eq!(attempts, [1, 0, 1], "events: {tells}");
        }
    }

    #[test]
    fn a_redriven_execution_has_not_failed_yet() {
        let history = History::of(
            &[
                entered(1, "TaskStateEntered", "Verify"),
                failed(2, "ExecutionFailed", "StoreUnavailable"),
                event(3, "ExecutionRedriven"),
                event(3, "TaskScheduled"),
            ],
            Vec::new(),
        );
        assert_eq!((&history.failure, history.states[0].attempts.len()), (&None, 1));
    }
}
