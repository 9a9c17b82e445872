//! Checks what the documents can't say: refusals, stops, times, and the history.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use flow::{
    Call, Clock, Ended, Failure, Fixed, Hasty, Items, Machine, Outside, Seeded, Start, Status,
    Tasks, Tokio,
};
use serde_json::{Value, json};

const LANDING: &str = include_str!("../../../statemachine/landing.asl.json");
const NOON: i64 = 1_769_860_800_000;

fn landing() -> Machine {
    let functions =
        ["Ingest", "Transform", "Verify", "Store"].map(|name| (format!("{name}Function"), name));
    let functions = functions.each_ref().map(|(open, put)| (open.as_str(), *put));
    Machine::read("landing", LANDING, &functions).unwrap_or_else(|refusal| panic!("{refusal}"))
}

/// Functions of a job of two shards, of which each takes a minute. The second fails so often.
#[derive(Default)]
struct Job {
    failures: AtomicUsize,
    running: AtomicUsize,
    most_running: AtomicUsize,
    /// Whether it waits for approval, and what is answered, if anything.
    is_held: bool,
    approval: Option<Result<(), Failure>>,
    /// The tokens by which it can be answered.
    tokens: Mutex<Vec<String>>,
}

impl Job {
    fn failing(failures: usize) -> Self {
        Self { failures: failures.into(), ..Self::default() }
    }
}

/// Counts down when it is dropped.
struct Guard<'a>(&'a AtomicUsize);

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl Tasks for Job {
    async fn invoke(&self, call: Call) -> Result<Value, Failure> {
        let running = self.running.fetch_add(1, Ordering::SeqCst) + 1;
        let _guard = Guard(&self.running);
        self.most_running.fetch_max(running, Ordering::SeqCst);
        let none = json!({ "count": 0, "bucket": "work", "key": "none" });
        match call.function.as_str() {
            "Ingest" => Ok(json!({
                "shards": { "count": 2, "bucket": "work", "key": "shards", "only": null },
                "max_concurrency": 2,
            })),
            "Transform" => {
                tokio::time::sleep(Duration::from_secs(60)).await;
                let fails = call.payload["shard"] == 1
                    && self
                        .failures
                        .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
                            left.checked_sub(1)
                        })
                        .is_ok();
                match fails {
                    true => Err(Failure { error: "StoreUnavailable".into(), cause: "busy".into() }),
                    false => Ok(json!({})),
                }
            }
            "Verify" => Ok(json!({
                "again": none, "round": 2, "merges": none, "hold": self.is_held,
                "counts": { "read": 7 },
            })),
            "Store" if call.payload.get("store").is_some() => Ok(json!({ "sequence": 4 })),
            "Store" if call.payload.get("hold").is_some() => {
                let token = call.payload["hold"]["token"].as_str().unwrap_or_default().to_owned();
                self.tokens.lock().expect("nobody panics").push(token);
                Ok(json!({ "what": "nobody reads" }))
            }
            _ => Ok(json!({ "status": "FAILED", "error": "Told", "cause": "by the child" })),
        }
    }

    async fn answered(&self, token: &str) -> Result<Value, Failure> {
        let is_known =
            self.tokens.lock().expect("nobody panics").iter().any(|known| known == token);
        assert!(is_known && !token.is_empty(), "{token} was given to nobody");
        match &self.approval {
            Some(answer) => answer.clone().map(|()| json!({})),
            None => std::future::pending().await,
        }
    }

    async fn put_events(&self, entries: Value) -> Result<Value, Failure> {
        assert_eq!(
            entries,
            json!([{ "Source": "landfall", "DetailType": "landfall.job.landed", "Detail": { "sequence": 4 } }])
        );
        Ok(json!({ "FailedEntryCount": 0 }))
    }
}

#[async_trait]
impl Items for Job {
    async fn read(&self, bucket: &str, key: &str) -> Result<Vec<Value>, String> {
        assert_eq!((bucket, key), ("work", "shards"));
        Ok(vec![json!(0), json!(1)])
    }
}

async fn run(job: &Job, clock: &dyn Clock, stopped: impl Future<Output = Failure>) -> Ended {
    let outside = Outside { clock, chance: &Fixed::WHOLE, tasks: job, items: job };
    let input = json!({ "job": "j", "dataset": "d" });
    landing().run(Start { name: "j", input, at: None }, outside, stopped).await
}

fn states(ended: &Ended) -> Vec<String> {
    ended.history().states.into_iter().map(|visit| visit.name).collect()
}

/// A token is answered, or the time of the state is over.
#[tokio::test(start_paused = true)]
async fn a_held_job_waits_for_the_answer_to_its_token() {
    let refusal = Failure { error: "HoldRefused".into(), cause: "by hand".into() };
    for (approval, last, seconds) in [
        (Some(Ok(())), ["Hold", "Store", "Announce", "Landed"], 60),
        (Some(Err(refusal)), ["Hold", "Abandon", "How did it end?", "Abandoned"], 60),
        (None, ["Hold expired", "Abandon", "How did it end?", "Abandoned"], 60 + 86_400),
    ] {
        let clock = Tokio::at(NOON);
        let job = Job { is_held: true, approval, ..Job::default() };
        let ended = run(&job, &clock, std::future::pending()).await;
        let states = states(&ended);
        assert_eq!(states[states.len() - 4..], last);
        assert_eq!(clock.now(), NOON + seconds * 1_000);
        let expired = ended.history().states.iter().any(|visit| visit.name == "Hold expired");
        assert_eq!(expired, last[0] == "Hold expired");
    }
}

#[tokio::test(start_paused = true)]
async fn the_landing_lands() {
    let job = Job::default();
    let ended = run(&job, &Tokio::at(NOON), std::future::pending()).await;
    assert_eq!(ended.outcome, Ok(json!({ "sequence": 4 })));
    let expected = [
        "Ingest",
        "One shard?",
        "TransformAll",
        "Verify",
        "Run again?",
        "Store",
        "Announce",
        "Landed",
    ];
    assert_eq!(states(&ended), expected);
    assert_eq!(job.most_running.load(Ordering::SeqCst), 2, "both shards at once");
    assert_eq!(ended.execution.started, "2026-01-31T12:00:00.000Z");
    assert_eq!(ended.execution.stopped.as_deref(), Some("2026-01-31T12:01:00.000Z"));
    let view = json!(ended.history());
    assert_eq!(
        view["states"][0],
        json!({
            "name": "Ingest",
            "type": "Task",
            "entered": "2026-01-31T12:00:00.000Z",
            "exited": "2026-01-31T12:00:00.000Z",
            "milliseconds": 0,
            "inputKeys": ["dataset", "job"],
            "output": {
                "plan": {
                    "shards": { "count": 2, "bucket": "work", "key": "shards", "only": null },
                    "max_concurrency": 2,
                },
            },
            "attempts": [{ "started": "2026-01-31T12:00:00.000Z", "ended": "2026-01-31T12:00:00.000Z" }],
        })
    );
    assert_eq!(
        view["mapRuns"],
        json!([{
            "arn": "arn:aws:states:local:000000000000:mapRun:landing/transform:0",
            "state": "TransformAll",
            "status": "SUCCEEDED",
            "started": "2026-01-31T12:00:00.000Z",
            "stopped": "2026-01-31T12:01:00.000Z",
            "counts": { "total": 2, "pending": 0, "running": 0, "succeeded": 2, "failed": 0, "timedOut": 0, "aborted": 0 },
        }])
    );
}

#[tokio::test(start_paused = true)]
async fn a_shard_that_fails_for_good_has_the_job_abandoned() {
    let ended = run(&Job::failing(usize::MAX), &Hasty::at(NOON), std::future::pending()).await;
    assert_eq!(ended.execution.status, Status::Failed);
    assert_eq!(ended.execution.error.as_deref(), Some("Told"));
    let expected =
        ["Ingest", "One shard?", "TransformAll", "Abandon", "How did it end?", "Abandoned"];
    assert_eq!(states(&ended), expected);
    let [run] = ended.map_runs.as_slice() else { panic!("one map run") };
    let counts = run.run.counts.expect("they are known");
    assert_eq!(
        (counts.succeeded, counts.failed, run.run.status.as_deref()),
        (1, 1, Some("FAILED"))
    );
    let failed =
        run.items.iter().find(|item| item.index == 1).and_then(|item| item.failure.clone());
    assert_eq!(failed.map(|failure| failure.error), Some("StoreUnavailable".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn an_express_item_has_five_minutes_with_all_its_attempts() {
    let ended = run(&Job::failing(usize::MAX), &Tokio::at(NOON), std::future::pending()).await;
    let counts = ended.map_runs[0].run.counts.expect("they are known");
    assert_eq!((counts.succeeded, counts.timed_out, counts.failed), (1, 1, 0));
    assert_eq!(ended.map_runs[0].items[1].status, Status::TimedOut);
}

#[tokio::test(start_paused = true)]
async fn a_stopped_execution_drops_what_is_on_its_way() {
    let job = Job::default();
    let stopped = async {
        tokio::time::sleep(Duration::from_secs(30)).await;
        Failure { error: "Cancelled".into(), cause: "by hand".into() }
    };
    let ended = run(&job, &Tokio::at(NOON), stopped).await;
    assert_eq!(ended.execution.status, Status::Aborted);
    assert_eq!(ended.execution.stopped.as_deref(), Some("2026-01-31T12:00:30.000Z"));
    assert_eq!(job.running.load(Ordering::SeqCst), 0, "both shards are dropped");
    let run = &ended.map_runs[0].run;
    let counts = run.counts.expect("they are known");
    assert_eq!((run.status.as_deref(), counts.running, counts.aborted), (Some("ABORTED"), 0, 2));
    assert_eq!(ended.history().failure.map(|failure| failure.error), Some("Cancelled".to_owned()));
    assert_eq!(states(&ended), ["Ingest", "One shard?", "TransformAll"]);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_execution_drops_what_is_on_its_way() {
    let job = Job::default();
    let clock = Tokio::at(NOON);
    let ended = run(&job, &clock, std::future::pending());
    assert!(tokio::time::timeout(Duration::from_secs(30), ended).await.is_err());
    assert_eq!(job.running.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn an_execution_may_start_at_another_state() {
    let job = Job::default();
    let (clock, chance) = (Hasty::at(NOON), Seeded::new(1));
    let outside = Outside { clock: &clock, chance: &chance, tasks: &job, items: &job };
    let input = json!({ "job": "j", "dataset": "d", "failure": { "Error": "Cancelled", "Cause": "by hand" } });
    let start = Start { name: "j", input, at: Some("Abandon") };
    let ended = landing().run(start, outside, std::future::pending()).await;
    assert_eq!(states(&ended), ["Abandon", "How did it end?", "Abandoned"]);
}

/// A document of one state, `S`, with these fields.
fn refusal(state: Value) -> String {
    let document = json!({ "StartAt": "S", "States": { "S": state } });
    Machine::read("m", &document.to_string(), &[]).expect_err("it is not known").to_string()
}

#[test]
fn what_is_not_known_is_refused_with_its_state_and_its_field() {
    let invoke = "arn:aws:states:::lambda:invoke";
    let task = |with: Value| {
        let mut task = json!({ "Type": "Task", "Resource": invoke, "Parameters": { "FunctionName": "f" }, "End": true });
        with.as_object()
            .expect("fields")
            .iter()
            .for_each(|(name, value)| task[name] = value.clone());
        task
    };
    for (state, said) in [
        (json!({ "Type": "Parallel", "End": true }), "S: Type: `Parallel` is not known"),
        (task(json!({ "Resource": "arn:x" })), "S: Resource: `arn:x` is not known"),
        (
            task(json!({ "HeartbeatSeconds": 3 })),
            "S: HeartbeatSeconds: the field is not known here",
        ),
        (
            task(json!({ "Parameters": { "FunctionName": "f", "Qualifier": "1" } })),
            "S: Parameters.Qualifier: the field is not known here",
        ),
        (task(json!({ "Parameters": {} })), "S: Parameters.FunctionName: it is missing"),
        (
            task(json!({ "ResultSelector": { "id.$": "States.UUID()" } })),
            "S: ResultSelector.id.$: `States.UUID()` is an intrinsic function, and none is known",
        ),
        (task(json!({ "Next": "S" })), "S: Next: there is End too"),
        (task(json!({ "QueryLanguage": "JSONata" })), "S: QueryLanguage: only JSONPath is known"),
        (
            task(json!({ "TimeoutSeconds": 1, "TimeoutSecondsPath": "$.t" })),
            "S: TimeoutSecondsPath: it is given by `TimeoutSeconds` already",
        ),
        (
            task(json!({ "Catch": [{ "ErrorEquals": ["States.ALL"], "Next": "T" }] })),
            "S: it leads to `T`, which is no state",
        ),
        (json!({ "Type": "Pass" }), "S: Next: neither Next nor End is there"),
        (
            json!({ "Type": "Pass", "InputPath": "$..a", "End": true }),
            "S: InputPath: `$..a` is not a path to one value",
        ),
        (
            json!({ "Type": "Choice", "Choices": [{ "Variable": "$.a", "NumericAbout": 1, "Next": "S" }] }),
            "S: Choices[0].NumericAbout: no comparison is known here",
        ),
        (
            json!({ "Type": "Map", "ItemBatcher": {}, "End": true, "ItemProcessor": { "StartAt": "T", "States": { "T": { "Type": "Succeed" } } } }),
            "S: ItemBatcher: the field is not known here",
        ),
        (
            json!({ "Type": "Map", "End": true, "ItemProcessor": { "StartAt": "T", "States": { "T": { "Type": "Wait", "End": true } } } }),
            "S/T: Seconds: either Seconds or Timestamp is expected",
        ),
        (
            json!({ "Type": "Map", "End": true, "ToleratedFailureCount": 1, "ItemProcessor": { "StartAt": "T", "States": { "T": { "Type": "Succeed" } } } }),
            "S: ToleratedFailureCount: only a distributed map has it",
        ),
    ] {
        assert_eq!(refusal(state), said);
    }
}

#[test]
fn a_machine_that_is_not_whole_is_refused() {
    let read = |document: &str| {
        Machine::read("m", document, &[]).expect_err("it is not whole").to_string()
    };
    assert_eq!(read(LANDING), "nothing is put in for `${IngestFunction}`");
    assert!(read("{").starts_with("not JSON: "));
    assert_eq!(read(r#"{"States": {}}"#), "StartAt: it is missing");
    assert_eq!(read(r#"{"StartAt": "S", "States": {}}"#), "StartAt: there is no state `S`");
    let jsonata = r#"{"StartAt": "S", "QueryLanguage": "JSONata", "States": {}}"#;
    assert_eq!(read(jsonata), "QueryLanguage: `JSONata` is not one of JSONPath");
}
