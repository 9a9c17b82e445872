//! Redrives failed jobs, or gives them up.

use axum::http::StatusCode;
use executions::Executions;
use job::decision::{Decision, Start};
use job::message::{ExecutionName, Failure, JobId};
use landing::plan::STEPS;
use registry::{JobChange, JobRecord, JobStatus, Registry};
use serde_json::json;

use crate::door::{Door, keys};

const UNTIL: &str = "9999-01-31T12:00:00.000Z";

/// A job that failed, and can be redriven until a moment.
async fn failed(door: &Door, until: Option<&str>) -> JobId {
    let job = door.job().await;
    let change = JobChange {
        status: Some(JobStatus::Failed),
        failure: Some(Failure::new("StoreUnavailable", "the store does not answer")),
        redrivable_until: until.map(str::to_owned),
        ..JobChange::default()
    };
    door.change(&job, change).await;
    job
}

async fn record(door: &Door, job: &JobId) -> JobRecord {
    door.registry.job(job).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_failed_job_goes_on_in_a_new_execution() {
    let door = Door::with_flights().await;
    let job = failed(&door, Some(UNTIL)).await;
    let shown = door.get(&format!("/jobs/{job}")).await.expect(StatusCode::OK).body;
    assert_eq!((&shown["redrive"], &shown["redrives"]), (&json!({"until": UNTIL}), &json!(null)));

    let plan = json!({
        "steps": STEPS, "submission": record(&door, &job).await.submission, "contract": "",
        "layouts": [], "objects": 1, "source_bytes": 20, "shard_bytes": 10, "shards": 1,
        "first_objects": [],
    });
    door.leave(&keys(&job).plan(), plan.to_string()).await;
    door.leave(&keys(&job).shards(), json!([]).to_string()).await;
    // Asked for again, it is started once.
    for _ in 0..2 {
        let answer = door.post(&format!("/jobs/{job}/redrive"), json!({})).await;
        let shown = answer.expect(StatusCode::ACCEPTED).body;
        assert_eq!((&shown["status"], &shown["redrives"]), (&json!("RUNNING"), &json!(1)));
        assert_eq!((&shown["redrive"], &shown["failure"]), (&json!(null), &json!(null)));
    }
    let arns = [0, 1, 2].map(|redrives| door.executions.arn(&ExecutionName::new(&job, redrives)));
    let record = record(&door, &job).await;
    assert_eq!(record.execution.as_deref(), Some(arns[1].as_str()));
    assert!(door.executions.describe(&arns[2]).await.is_err());
    let started = door.executions.describe(&arns[1]).await.unwrap();
    assert_eq!(started.input, Some(serde_json::to_string(&record.submission).unwrap()));
    door.get(&format!("/jobs/{job}/execution")).await.expect(StatusCode::OK);
}

/// Whoever redrove it died before the execution was started.
#[tokio::test]
async fn a_repeat_starts_what_was_left() {
    let door = Door::with_flights().await;
    let job = failed(&door, Some(UNTIL)).await;
    let (now, running) = ("2026-01-31T12:00:00.000Z", JobStatus::Running);
    door.registry.redrive_job(&job, 1, running, now).await.unwrap();
    let arn = door.executions.arn(&ExecutionName::new(&job, 1));
    assert!(door.executions.describe(&arn).await.is_err());
    door.post(&format!("/jobs/{job}/redrive"), json!({})).await.expect(StatusCode::ACCEPTED);
    assert!(door.executions.describe(&arn).await.is_ok());
}

#[tokio::test]
async fn a_job_that_can_not_go_on_is_refused_with_the_reason() {
    let door = Door::with_flights().await;
    let decided = failed(&door, Some(UNTIL)).await;
    let because = Decision::NoCommit(Failure::new("StoreUnavailable", "why"));
    door.leave(&keys(&decided).decision(), serde_json::to_string(&because).unwrap()).await;
    let other = failed(&door, Some(UNTIL)).await;
    door.leave(&keys(&other).plan(), json!({"steps": 99}).to_string()).await;
    let older = failed(&door, Some(UNTIL)).await;
    door.leave(&keys(&older).plan(), json!({"shards": 3}).to_string()).await;
    for (job, why) in [
        (door.job().await, "is RUNNING: only a job that failed".to_owned()),
        (failed(&door, None).await, "ended with StoreUnavailable and was given up".to_owned()),
        (
            failed(&door, Some("2026-01-31T12:00:00.000Z")).await,
            "could be redriven until 2026-01-31T12:00:00.000Z".to_owned(),
        ),
        (decided, "was given up: it was cancelled".to_owned()),
        (other, format!("steps of version 99, and the deployment has version {STEPS}")),
        (older, "steps of version 0".to_owned()),
    ] {
        let before = record(&door, &job).await;
        let refused = door.post(&format!("/jobs/{job}/redrive"), json!({})).await;
        let refused = refused.expect_kind(StatusCode::CONFLICT, "not-redrivable");
        assert!(refused.detail().contains(&why), "{}", refused.detail());
        assert_eq!(refused.body["job"], job.as_str());
        assert_eq!(record(&door, &job).await, before);
    }
    let nobody = door.post("/jobs/nobody/redrive", json!({})).await;
    nobody.expect_kind(StatusCode::NOT_FOUND, "no-such-job");
}

#[tokio::test]
async fn a_job_that_waits_to_be_redriven_can_be_cancelled() {
    let door = Door::with_flights().await;
    let job = failed(&door, Some(UNTIL)).await;
    for _ in 0..2 {
        let answer = door.post(&format!("/jobs/{job}/cancel"), json!({})).await;
        let shown = answer.expect(StatusCode::OK).body;
        assert_eq!((&shown["status"], &shown["redrive"]), (&json!("CANCELLING"), &json!(null)));
        let because = Failure::new("Cancelled", "cancelled through the API");
        assert_eq!(door.decision(&job).await, Some(Decision::NoCommit(because)));
        // Its next execution settles it.
        let arn = door.executions.arn(&ExecutionName::new(&job, 1));
        assert!(door.executions.describe(&arn).await.is_ok());
    }
    let commits = failed(&door, Some(UNTIL)).await;
    let start = Start { from: 0, table: job::TableFormat::Landfall };
    let decision = serde_json::to_string(&Decision::Commit(start)).unwrap();
    door.leave(&keys(&commits).decision(), decision).await;
    let late = door.post(&format!("/jobs/{commits}/cancel"), json!({})).await;
    late.expect_kind(StatusCode::CONFLICT, "too-late");
}
