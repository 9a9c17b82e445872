//! Shows executions and shards.

use axum::http::StatusCode;
use executions::history::{Attempt, Event, MapRun};
use executions::{Executions, Failure, History, Status};
use job::message::{ExecutionName, JobId, SourceRef};
use registry::{JobChange, JobStatus, Registry};
use serde_json::{Value, json};

use crate::door::{Door, keys};

fn event(second: u32, kind: &str, state: Option<&str>) -> Event {
    Event {
        at: format!("2026-01-31T12:00:{second:02}.000Z"),
        kind: kind.to_owned(),
        state: state.map(str::to_owned),
        input: state.map(|_| "{\"job\":\"j\"}".to_owned()),
        output: state.map(|_| "{\"job\":\"j\",\"plan\":{}}".to_owned()),
        ..Event::default()
    }
}

fn failed(second: u32, kind: &str, error: &str) -> Event {
    let cause = format!("{{\"errorType\":\"{error}\",\"errorMessage\":\"what happened\"}}");
    Event { failure: Some((error.to_owned(), cause)), ..event(second, kind, None) }
}

/// Leaves the documents of a planned job.
async fn plan(door: &Door, job: &JobId, shards: &[Value]) {
    let record = door.registry.job(job).await.unwrap().unwrap();
    let source = SourceRef::new("the-inbox".to_owned(), "staged/flights/a.csv".to_owned());
    let plan = json!({
        "submission": record.submission, "contract": "", "layouts": [], "objects": 1,
        "source_bytes": 20, "shard_bytes": 10, "shards": shards.len(),
        "first_objects": [{"source": source, "bytes": 20, "data_start": 5, "data_lines": 1}],
    });
    door.leave(&keys(job).plan(), plan.to_string()).await;
    door.leave(&keys(job).shards(), json!(shards).to_string()).await;
}

#[tokio::test]
async fn an_execution_is_shown_with_its_graph_and_with_what_to_do() {
    let door = Door::with_flights().await;
    let job = door.job().await;
    let events = [
        event(0, "TaskStateEntered", Some("Ingest")),
        event(0, "TaskScheduled", None),
        failed(1, "TaskFailed", "StoreUnavailable"),
    ];
    let arn = door.executions.arn(&ExecutionName::new(&job, 0));
    door.executions.tell(&arn, History::of(&events, Vec::new()));
    plan(&door, &job, &[json!({"index": 0, "from": 0, "to": 20, "round": 1})]).await;
    let path = format!("/jobs/{job}/execution");
    let view = door.get(&path).await.expect(StatusCode::OK).body;
    let ingest = &view["graph"]["nodes"][0];
    assert_eq!((&ingest["name"], &ingest["status"]), (&"Ingest".into(), &"RETRYING".into()));
    assert_eq!(ingest["nextRetry"]["by"], "2026-01-31T12:00:03.000Z");
    assert_eq!(view["rounds"][0]["shards"], 1);
    assert_eq!(view["criticalPath"]["steps"][0]["state"], "Ingest");
    let advice = view["advice"]["StoreUnavailable"].as_str().unwrap();
    assert_eq!(Some(advice), job::advice("StoreUnavailable"));

    let mut history = History::of(&events, Vec::new());
    history.states[0].attempts.push(Attempt::default());
    history.map_runs.push(MapRun {
        arn: "run".to_owned(),
        state: Some("TransformAll".to_owned()),
        status: Some("RUNNING".to_owned()),
        started: "2026-01-31T12:00:02.000Z".to_owned(),
        stopped: None,
        counts: Some(Default::default()),
    });
    door.executions.tell(&arn, history);
    let failure = Failure { error: "SchemaDrift".to_owned(), cause: "a field is new".to_owned() };
    door.executions.end(&arn, Status::Failed, Some(failure));
    let view = door.get(&path).await.expect(StatusCode::OK).body;
    assert_eq!(view["graph"]["nodes"][0]["status"], "FAILED");
    assert!(view["advice"]["SchemaDrift"].is_string(), "{}", view["advice"]);
}

#[tokio::test]
async fn a_failed_job_says_what_to_do() {
    let door = Door::with_flights().await;
    for (error, is_known) in [("SourceMissing", true), ("States.Timeout", true), ("Odd", false)] {
        let job = door.job().await;
        let failure = Some(job::message::Failure::new(error, "what happened"));
        let change = JobChange { status: Some(JobStatus::Failed), failure, ..JobChange::default() };
        door.change(&job, change).await;
        let view = door.get(&format!("/jobs/{job}")).await.expect(StatusCode::OK).body;
        assert_eq!(view["failure"]["error"], error);
        assert_eq!(view["failure"]["advice"].is_string(), is_known, "{view}");
        assert_eq!(view["links"]["shards"], format!("/jobs/{job}/shards"));
    }
}

#[tokio::test]
async fn shards_come_in_pages_with_links_to_their_logs() {
    let door = Door::with_flights().await;
    let job = door.job().await;
    let path = format!("/jobs/{job}/shards");
    let none = door.get(&path).await.expect_kind(StatusCode::NOT_FOUND, "no-shards");
    assert!(none.detail().contains("RUNNING"), "{}", none.detail());
    let shard = |index: u32, from: u32, to: u32| json!({"index": index, "from": from, "to": to, "round": 1});
    plan(&door, &job, &[shard(0, 0, 10), shard(1, 10, 20)]).await;
    let receipt = json!({
        "shard": 0, "round": 1, "attempt": "req-7", "object": 0, "parts": [], "errors": null,
        "counts": {"read": 3, "stored": 2, "rejected": 1, "filtered": 0}, "files": [],
        "started": "2026-01-31T12:00:02.500Z",
        "spent": {
            "invocations": 1, "milliseconds": 120, "mbMilliseconds": 1, "puts": 1, "gets": 1,
            "deletes": 0, "bytesRead": 15, "bytesWritten": 9,
        },
    });
    door.leave(&keys(&job).receipt(1, 0), receipt.to_string()).await;
    let lost = json!({
        "item": "transform", "usage": {"invocations": 1, "milliseconds": 40},
        "started": "2026-01-31T12:00:02.300Z", "error": "StoreUnavailable",
    });
    let later = json!({"item": "transform", "usage": {"invocations": 0}});
    for (name, spent) in [("req-5", &lost), ("req-7-later", &later)] {
        let key = keys(&job).spent(&format!("transform-1-000000-{name}"));
        door.leave(&key, spent.to_string()).await;
    }
    let noted = json!({
        "error": "LimitExceeded", "cause": "too long", "byte": 12,
        "shard": {"round": 1, "index": 1},
    });
    door.leave(&keys(&job).failure(), noted.to_string()).await;
    let first = door.get(&format!("{path}?limit=1")).await.expect(StatusCode::OK).body;
    let [done] = &first["items"].as_array().unwrap()[..] else { panic!("one shard: {first}") };
    assert_eq!((&first["count"], &first["next"]), (&2.into(), &1.into()));
    assert_eq!((&done["status"], &done["counts"]["rejected"]), (&"DONE".into(), &1.into()));
    assert_eq!((&done["milliseconds"], &done["bytesRead"]), (&120.into(), &15.into()));
    assert_eq!((&done["started"], &done["attempts"]), (&receipt["started"], &2.into()));
    assert_eq!(
        done["otherAttempts"],
        json!([{
            "round": 1, "started": "2026-01-31T12:00:02.300Z", "milliseconds": 40,
            "error": "StoreUnavailable",
        }])
    );
    assert_eq!(done["source"], "s3://the-inbox/staged/flights/a.csv");
    let log = done["log"].as_str().unwrap();
    assert!(log.contains("$252Faws$252Flambda$252Fstack-Transform/"), "{log}");
    assert!(log.contains("$2522req-7$2522"), "{log}");
    let second = door.get(&format!("{path}?after=1")).await.expect(StatusCode::OK).body;
    let failed = &second["items"][0];
    assert_eq!((&failed["status"], &second["next"]), (&"FAILED".into(), &Value::Null));
    assert_eq!(
        failed["failure"],
        json!({"error": "LimitExceeded", "cause": "too long", "byte": 12})
    );
    assert!(failed["log"].as_str().unwrap().contains(job.as_str()), "{failed}");
    for (query, field) in [("limit=0", "limit"), ("limit=101", "limit"), ("after=-1", "after")] {
        let refused = door.get(&format!("{path}?{query}")).await.expect(StatusCode::BAD_REQUEST);
        assert_eq!(refused.body["field"], field, "{query}");
    }
}
