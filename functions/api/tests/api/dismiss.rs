//! Dismisses rejects of a job.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use futures::future::join_all;
use job::message::{Counts, JobId};
use job::replay::{Claimant, Claimed, Positions};
use registry::{JobChange, JobStatus};
use serde_json::{Value, json};

use crate::door::{Answer, Door, keys};

const COUNTS: Counts = Counts { read: 10, stored: 6, rejected: 4, filtered: 0 };

async fn landed(door: &Door) -> JobId {
    let job = door.job().await;
    let (status, counts) = (Some(JobStatus::Succeeded), Some(COUNTS));
    door.change(&job, JobChange { status, counts, ..JobChange::default() }).await;
    job
}

async fn dismiss(door: &Door, job: &JobId, body: Value) -> Answer {
    let request = Request::post(format!("/jobs/{job}/rejects/dismiss"))
        .header("content-type", "application/json")
        .body(Body::from(body.to_string()));
    door.send(request.unwrap()).await
}

/// The claim of a child.
async fn claim(door: &Door, parent: &JobId, number: u32, rejects: &[u32]) -> JobId {
    let child = door.job().await;
    let rejects = Positions::from_iter(rejects.iter().copied());
    let claimed = Claimed { by: Claimant::Job(child.clone()), layout: 0, rejects };
    let text = serde_json::to_string(&claimed).unwrap();
    door.leave(&keys(parent).replay(number), text).await;
    child
}

#[tokio::test]
async fn dismissed_rejects_are_shown_with_the_reason_and_are_open_no_more() {
    let door = Door::with_flights().await;
    let job = landed(&door).await;
    let body = json!({"why": "test records", "rejects": [3, 1, 3]});
    let shown = dismiss(&door, &job, body.clone()).await.expect(StatusCode::OK).body;
    assert_eq!((&shown["open"], &shown["replays"]), (&json!(2), &json!([])));
    let [dismissed] = shown["dismissed"].as_array().unwrap().as_slice() else { panic!("{shown}") };
    let at = dismissed["at"].as_str().unwrap();
    let expected = json!({
        "count": 2, "why": "test records", "by": null, "at": at, "layout": 0,
        "rejects": [[1, 1], [3, 1]],
    });
    assert_eq!(dismissed, &expected);
    let of_job = door.get(&format!("/jobs/{job}")).await.expect(StatusCode::OK).body;
    assert_eq!(of_job["rejects"], shown);

    // Done again, nothing changes; with more, these are added; without any, all that are left.
    assert_eq!(dismiss(&door, &job, body).await.expect(StatusCode::OK).body, shown);
    let more = json!({"why": "more", "rejects": [1, 0]});
    let shown = dismiss(&door, &job, more).await.expect(StatusCode::OK).body;
    assert_eq!((&shown["open"], &shown["dismissed"][1]["rejects"]), (&json!(1), &json!([[0, 1]])));
    let rest = dismiss(&door, &job, json!({"why": "rest"})).await.expect(StatusCode::OK).body;
    assert_eq!((&rest["open"], &rest["dismissed"][2]["rejects"]), (&json!(0), &json!([[2, 1]])));
    let items = door.get("/datasets/flights/rejects").await.expect(StatusCode::OK).body;
    assert_eq!(items["items"], json!([]));
}

#[tokio::test]
async fn a_reject_that_a_job_landed_or_may_land_is_not_dismissed() {
    let door = Door::with_flights().await;
    let job = landed(&door).await;
    let child = claim(&door, &job, 0, &[1]).await;
    for status in [JobStatus::Running, JobStatus::Succeeded] {
        let status = Some(status);
        door.change(&child, JobChange { status, ..JobChange::default() }).await;
        for body in [json!({"why": "w", "rejects": [0, 1]}), json!({"why": "w"})] {
            let answer = dismiss(&door, &job, body).await;
            let answer = answer.expect_kind(StatusCode::CONFLICT, "rejects-taken");
            assert!(answer.detail().contains(child.as_str()), "{}", answer.detail());
        }
    }
    let void = claim(&door, &job, 1, &[2]).await;
    let status = Some(JobStatus::Failed);
    door.change(&void, JobChange { status, ..JobChange::default() }).await;
    let body = json!({"why": "w", "rejects": [0, 2, 3]});
    let shown = dismiss(&door, &job, body).await.expect(StatusCode::OK).body;
    assert_eq!((&shown["open"], &shown["dismissed"][0]["count"]), (&json!(0), &json!(3)));
}

/// Whoever asks at once: each reject is dismissed once.
#[tokio::test]
async fn a_reject_is_dismissed_once() {
    let door = Door::with_flights().await;
    let job = landed(&door).await;
    let asked = (0..12).map(|racer: u32| {
        dismiss(
            &door,
            &job,
            json!({"why": racer.to_string(), "rejects": [racer % 4, (racer + 1) % 4]}),
        )
    });
    for answer in join_all(asked).await {
        answer.expect(StatusCode::OK);
    }
    let shown =
        door.get(&format!("/jobs/{job}")).await.expect(StatusCode::OK).body["rejects"].clone();
    let counts =
        shown["dismissed"].as_array().unwrap().iter().map(|it| it["count"].as_u64().unwrap());
    assert_eq!((shown["open"].clone(), counts.sum::<u64>()), (json!(0), 4));
}

#[tokio::test]
async fn what_can_not_be_dismissed_is_explained() {
    let door = Door::with_flights().await;
    let job = landed(&door).await;
    for (body, field) in [
        (json!({"why": "  "}), "why"),
        (json!({"why": "w".repeat(1_001)}), "why"),
        (json!({"why": "w", "rejects": []}), "rejects"),
        (json!({"why": "w", "rejects": [4]}), "rejects"),
        (json!({"why": "w", "layout": 1}), "layout"),
    ] {
        let answer = dismiss(&door, &job, body.clone()).await;
        let answer = answer.expect_kind(StatusCode::UNPROCESSABLE_ENTITY, "invalid");
        assert_eq!(answer.body["field"], field, "{body}");
    }
    let running = door.job().await;
    let early = dismiss(&door, &running, json!({"why": "w"})).await;
    early.expect_kind(StatusCode::CONFLICT, "not-landed");
    let nobody = dismiss(&door, &JobId::parse("nobody").unwrap(), json!({"why": "w"})).await;
    nobody.expect_kind(StatusCode::NOT_FOUND, "no-such-job");
}
