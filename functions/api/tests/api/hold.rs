//! Answers jobs that wait for approval.

use axum::http::StatusCode;
use job::decision::{Decision, Start};
use job::hold::{Answer, CommitMode, Hold};
use job::message::{Failure, JobId};
use landing::hold::{Changes, ColumnChange};
use registry::{JobChange, JobStatus, Registry};
use serde_json::json;

use crate::door::{Door, keys};

/// A job that waits, and its token.
async fn held(door: &Door) -> (JobId, String) {
    let job = door.job().await;
    let token = format!("token of {job}");
    let hold = Hold {
        token: token.clone(),
        reasons: vec!["its contract asks for approval".to_owned()],
        since: "2026-01-31T12:00:00.000Z".to_owned(),
        until: "2026-02-01T12:00:00.000Z".to_owned(),
        answer: None,
    };
    let change =
        JobChange { status: Some(JobStatus::Held), hold: Some(hold), ..JobChange::default() };
    door.change(&job, change).await;
    (job, token)
}

#[tokio::test]
async fn a_submission_may_ask_for_approval() {
    let door = Door::with_flights().await;
    let answer = door.submit(None, json!({"commit": "hold"})).await.expect(StatusCode::ACCEPTED);
    let id = JobId::parse(answer.body["job"].as_str().unwrap()).unwrap();
    let submission = door.registry.job(&id).await.unwrap().unwrap().submission;
    assert_eq!(submission.commit, CommitMode::Hold);
    let wrong = door.submit(None, json!({"commit": "later"})).await;
    let wrong = wrong.expect_kind(StatusCode::UNPROCESSABLE_ENTITY, "invalid");
    assert_eq!(wrong.body["field"], "commit");
}

#[tokio::test]
async fn a_held_job_says_why_and_keeps_its_token() {
    let door = Door::with_flights().await;
    let (job, token) = held(&door).await;
    let shown = door.get(&format!("/jobs/{job}")).await.expect(StatusCode::OK).body;
    assert_eq!((&shown["status"], &shown["hold"]["answer"]), (&json!("HELD"), &json!(null)));
    assert_eq!(shown["hold"]["reasons"], json!(["its contract asks for approval"]));
    assert!(!shown.to_string().contains(&token), "who has the token can approve the job");
}

/// Answered again the same is a success, and anything else comes too late.
#[tokio::test]
async fn an_execution_is_answered_once() {
    for (first, second, answer) in
        [("approve", "refuse", Answer::Approved), ("refuse", "approve", Answer::Refused)]
    {
        let door = Door::with_flights().await;
        let (job, token) = held(&door).await;
        for _ in 0..2 {
            let answered = door.post(&format!("/jobs/{job}/{first}"), json!({})).await;
            let shown = answered.expect(StatusCode::OK).body["hold"]["answer"].clone();
            assert_eq!(shown, json!(answer), "{first}");
        }
        let told = door.executions.answered(&token).unwrap();
        assert_eq!(
            told.map_err(|failure| failure.error),
            match answer {
                Answer::Approved => Ok(()),
                Answer::Refused => Err("HoldRefused".to_owned()),
            }
        );
        if answer == Answer::Refused {
            let because = Failure::new("HoldRefused", "refused through the API");
            assert_eq!(door.decision(&job).await, Some(Decision::NoCommit(because)));
        } else {
            let start = Start { from: 0, table: job::TableFormat::Landfall };
            let decision = serde_json::to_string(&Decision::Commit(start)).unwrap();
            door.leave(&keys(&job).decision(), decision).await;
        }
        let kind = if answer == Answer::Approved { "too-late" } else { "not-held" };
        let late = door.post(&format!("/jobs/{job}/{second}"), json!({})).await;
        assert_eq!(late.expect_kind(StatusCode::CONFLICT, kind).body["job"], job.as_str());
    }
}

#[tokio::test]
async fn only_a_held_job_is_answered() {
    let door = Door::with_flights().await;
    let running = door.job().await;
    for what in ["approve", "refuse"] {
        let answer = door.post(&format!("/jobs/{running}/{what}"), json!({})).await;
        let answer = answer.expect_kind(StatusCode::CONFLICT, "not-held");
        assert!(answer.detail().contains("it is RUNNING"), "{}", answer.detail());
        assert_eq!(door.decision(&running).await, None);
        let nobody = door.post(&format!("/jobs/nobody/{what}"), json!({})).await;
        nobody.expect_kind(StatusCode::NOT_FOUND, "no-such-job");
    }
}

#[tokio::test]
async fn what_a_held_job_would_change_is_shown() {
    let door = Door::with_flights().await;
    let (job, _) = held(&door).await;
    let path = format!("/jobs/{job}/changes");
    door.get(&path).await.expect_kind(StatusCode::NOT_FOUND, "no-changes");
    let column = ColumnChange { name: "year".to_owned(), nulls: Some(0.5), last_nulls: None };
    let changes = Changes {
        reasons: vec!["its contract asks for approval".to_owned()],
        stored: 2,
        files: 1,
        bytes: 100,
        removed: 0,
        last: None,
        last_stored: None,
        columns: vec![column],
    };
    door.leave(&keys(&job).changes(), serde_json::to_string(&changes).unwrap()).await;
    let shown = door.get(&path).await.expect(StatusCode::OK).body;
    assert_eq!(shown["columns"], json!([{"name": "year", "nulls": 0.5}]));
}
