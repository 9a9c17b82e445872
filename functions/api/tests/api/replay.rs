//! Sends rejects of a job again.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use job::message::{Counts, JobId, SourceRef};
use job::replay::{Claimant, Claimed, Positions, Replay};
use registry::{JobChange, JobFilter, JobStatus, Registry};
use serde_json::{Value, json};

use crate::door::{Answer, Door, FLIGHTS, keys};

const COUNTS: Counts = Counts { read: 10, stored: 7, rejected: 3, filtered: 0 };
const MENDED: &str = "year\n1\n2\n3\n";

/// A job that landed and left rejects.
async fn landed(door: &Door) -> JobId {
    let job = door.job().await;
    let change = JobChange {
        status: Some(JobStatus::Succeeded),
        counts: Some(COUNTS),
        ..JobChange::default()
    };
    door.change(&job, change).await;
    door.leave(&keys(&job).rejects(0), "year\nx\ny\nz\n").await;
    job
}

async fn replay(door: &Door, job: &JobId, key: Option<&str>, body: Value) -> Answer {
    let mut request = Request::post(format!("/jobs/{job}/replay"));
    if let Some(key) = key {
        request = request.header("Idempotency-Key", key);
    }
    door.send(request.body(Body::from(body.to_string())).unwrap()).await
}

/// What a child was asked for.
async fn submission(door: &Door, answer: &Answer) -> (JobId, SourceRef, Replay) {
    let id = JobId::parse(answer.body["job"].as_str().unwrap()).unwrap();
    let submission = door.registry.job(&id).await.unwrap().unwrap().submission;
    (id, submission.source.object().unwrap().clone(), submission.replay.unwrap())
}

#[tokio::test]
async fn mended_rejects_come_with_the_request_or_as_an_object_or_are_those_that_are_there() {
    let door = Door::with_flights().await;
    let parent = landed(&door).await;
    let of_parent = Replay { of: parent.clone(), layout: 0, rejects: None };

    let answer = replay(&door, &parent, None, json!({})).await.expect(StatusCode::ACCEPTED);
    let (child, source, asked) = submission(&door, &answer).await;
    assert_eq!(answer.body["replayOf"], parent.as_str());
    assert_eq!(answer.headers["location"], format!("/jobs/{child}"));
    assert_eq!((source.bucket.as_str(), source.key), ("the-work", keys(&parent).rejects(0)));
    assert!(source.etag.is_some(), "it is pinned");
    assert_eq!(asked, of_parent);

    let answer = replay(&door, &parent, None, json!({"csv": MENDED})).await;
    let (child, source, asked) = submission(&door, &answer).await;
    assert!(source.key.starts_with(keys(&child).prefix()), "{}", source.key);
    assert_eq!(door.work(&source.key).await, MENDED);
    assert_eq!(asked, of_parent);

    door.drop_off("staged/flights/mended.csv", MENDED).await;
    let body = json!({
        "source": {"key": "staged/flights/mended.csv"}, "rejects": [2, 0, 1],
        "maxCost": 1, "labels": {"team": "ops"},
    });
    let answer = replay(&door, &parent, None, body).await.expect(StatusCode::ACCEPTED);
    let (_, source, asked) = submission(&door, &answer).await;
    assert_eq!(source.key, "staged/flights/mended.csv");
    assert_eq!(asked.rejects, Some(Positions::from_iter([2, 0, 1])));
    assert_eq!(answer.body["labels"], json!({"team": "ops"}));
}

#[tokio::test]
async fn a_repeat_is_the_same_child() {
    let door = Door::with_flights().await;
    let parent = landed(&door).await;
    let first = replay(&door, &parent, Some("k"), json!({"csv": MENDED})).await;
    let again = replay(&door, &parent, Some("k"), json!({"csv": MENDED})).await;
    assert_eq!(first.expect(StatusCode::ACCEPTED).body["job"], again.body["job"]);
    let other = json!({"csv": "year\n4\n"});
    replay(&door, &parent, Some("k"), other)
        .await
        .expect_kind(StatusCode::CONFLICT, "idempotency-key-reused");
}

#[tokio::test]
async fn what_can_not_be_sent_again_is_refused() {
    let door = Door::with_flights().await;
    let parent = landed(&door).await;
    for (body, status, kind, field) in [
        (json!({"csv": "a", "source": {"key": "b"}}), 422, "invalid", "csv"),
        (json!({"rejects": []}), 422, "invalid", "rejects"),
        (json!({"rejects": vec![0; 10_001]}), 422, "invalid", "rejects"),
        (json!({"rejects": [-1]}), 422, "invalid", "rejects[0]"),
        (json!({"reject": [1]}), 422, "invalid", "reject"),
        (json!({"layout": 7}), 422, "source-missing", "source"),
        (json!({"source": {"key": "staged/flights/none.csv"}}), 422, "source-missing", "source"),
        (
            json!({"source": {"bucket": "the-work", "key": "jobs/other/rejects.csv"}}),
            422,
            "source-forbidden",
            "source",
        ),
    ] {
        let answer = replay(&door, &parent, None, body.clone()).await;
        let answer = answer.expect_kind(StatusCode::from_u16(status).unwrap(), kind);
        assert_eq!(answer.body["field"], field, "{body}");
    }
    let nobody = JobId::parse("nobody").unwrap();
    let none = replay(&door, &nobody, None, json!({})).await;
    none.expect_kind(StatusCode::NOT_FOUND, "no-such-job");

    let running = door.job().await;
    let early = replay(&door, &running, None, json!({})).await;
    let early = early.expect_kind(StatusCode::CONFLICT, "not-landed");
    assert_eq!(early.body["job"], running.as_str());
    assert!(early.detail().contains("is RUNNING"), "{}", early.detail());

    let clean = Counts { rejected: 0, stored: 10, ..COUNTS };
    let change = JobChange {
        status: Some(JobStatus::Succeeded),
        counts: Some(clean),
        ..JobChange::default()
    };
    door.change(&running, change).await;
    let clean = replay(&door, &running, None, json!({})).await;
    clean.expect_kind(StatusCode::NOT_FOUND, "no-rejects");
}

/// The answers of a dry run are tested in `tests/flow`, where jobs leave rejects.
#[tokio::test]
async fn what_can_not_be_tried_is_refused() {
    let door = Door::with_flights().await;
    let parent = landed(&door).await;
    let other = "name: trips\nschema: { fields: [{ name: year, type: integer }] }\n";
    for (body, kind, field) in [
        (json!({"contract": FLIGHTS}), "invalid", json!("contract")),
        (json!({"contract": FLIGHTS, "csv": MENDED}), "invalid", json!("contract")),
        (json!({"dryRun": true, "contract": other}), "contract-invalid", Value::Null),
        (json!({"dryRun": true, "contract": "name: flights\n"}), "contract-invalid", Value::Null),
    ] {
        let answer = replay(&door, &parent, None, body.clone()).await;
        let answer = answer.expect_kind(StatusCode::UNPROCESSABLE_ENTITY, kind);
        assert_eq!(answer.body["field"], field, "{body}");
    }

    let dismissal = json!({"why": "a test"});
    door.post(&format!("/jobs/{parent}/rejects/dismiss"), dismissal).await.expect(StatusCode::OK);
    let none = replay(&door, &parent, None, json!({"dryRun": true})).await;
    let none = none.expect_kind(StatusCode::NOT_FOUND, "no-rejects");
    assert!(none.detail().contains("GET /datasets/flights/rejects"), "{}", none.detail());
    let jobs = door.registry.jobs(&JobFilter::default(), None, 10).await.unwrap();
    assert_eq!(jobs.items.len(), 1, "nothing is begun");
}

/// Only children that landed count.
#[tokio::test]
async fn a_job_shows_which_of_its_rejects_are_open() {
    let door = Door::with_flights().await;
    let parent = landed(&door).await;
    let shown = || async {
        door.get(&format!("/jobs/{parent}")).await.expect(StatusCode::OK).body["rejects"].clone()
    };
    assert_eq!(shown().await, json!({"open": 3, "replays": [], "dismissed": []}));
    let mut children = Vec::new();
    for (number, positions) in [&[0, 1][..], &[1], &[2]].into_iter().enumerate() {
        let answer = replay(&door, &parent, None, json!({})).await.expect(StatusCode::ACCEPTED);
        let (job, ..) = submission(&door, &answer).await;
        let rejects = positions.iter().copied().collect();
        let claimed = Claimed { by: Claimant::Job(job.clone()), layout: 0, rejects };
        let key = keys(&parent).replay(number as u32);
        door.leave(&key, serde_json::to_string(&claimed).unwrap()).await;
        children.push(job);
    }
    assert_eq!(shown().await["open"], 3, "none of them has landed yet");
    let ends = [JobStatus::Failed, JobStatus::Succeeded, JobStatus::Succeeded];
    for (child, status) in children.iter().zip(ends) {
        let counts = Some(Counts { read: 1, stored: 1, ..Counts::default() });
        door.change(child, JobChange { status: Some(status), counts, ..JobChange::default() })
            .await;
    }
    let landed = |number: usize| {
        let job = children[number].as_str();
        json!({"job": job, "landed": 1, "layout": 0, "rejects": [[number, 1]]})
    };
    let expected = json!({"open": 1, "replays": [landed(1), landed(2)], "dismissed": []});
    assert_eq!(shown().await, expected);
    let child = door.get(&format!("/jobs/{}", children[1])).await.expect(StatusCode::OK).body;
    assert_eq!((&child["replayOf"], &child["rejects"]), (&json!(parent.as_str()), &Value::Null));
}

/// By job and by fault, without those that a replay landed.
#[tokio::test]
async fn the_open_rejects_of_a_dataset_are_grouped_by_fault() {
    let door = Door::with_flights().await;
    let parent = landed(&door).await;
    let fault = |record: u64, field: &str, error: &str| {
        let message = format!("`x{record}` is not an integer");
        let entry = json!({
            "line": record + 1, "record": record, "byte": 0, "field": field, "column": 1,
            "error": error, "message": message,
        });
        format!("{entry}\n")
    };
    let faults = [
        fault(2, "year", "type-error"),
        fault(2, "month", "constraint-error"),
        fault(5, "year", "type-error"),
        fault(7, "year", "type-error"),
    ];
    door.leave(&keys(&parent).errors(), faults.concat()).await;
    let shown = || async {
        let answer = door.get("/datasets/flights/rejects").await.expect(StatusCode::OK);
        assert_eq!(answer.body["next"], Value::Null);
        answer.body["items"].clone()
    };
    let group = |field: &str, error: &str, records: u64, record: u64| {
        let example = format!("`x{record}` is not an integer");
        json!({"field": field, "error": error, "records": records, "example": example})
    };
    let of_parent = shown().await[0].clone();
    assert_eq!((&of_parent["job"], &of_parent["open"]), (&json!(parent.as_str()), &json!(3)));
    let expected = [group("year", "type-error", 3, 2), group("month", "constraint-error", 1, 2)];
    assert_eq!((&of_parent["faults"], &of_parent["complete"]), (&json!(expected), &json!(true)));

    let answer = replay(&door, &parent, None, json!({})).await.expect(StatusCode::ACCEPTED);
    let (child, ..) = submission(&door, &answer).await;
    let rejects = Positions::from_iter([0]);
    let claimed = Claimed { by: Claimant::Job(child.clone()), layout: 0, rejects };
    let text = serde_json::to_string(&claimed).unwrap();
    door.leave(&keys(&parent).replay(0), text).await;
    let counts = Some(Counts { read: 1, stored: 1, ..Counts::default() });
    let status = Some(JobStatus::Succeeded);
    door.change(&child, JobChange { status, counts, ..JobChange::default() }).await;
    let of_parent = shown().await[0].clone();
    assert_eq!(of_parent["open"], 2);
    assert_eq!(of_parent["faults"], json!([group("year", "type-error", 2, 5)]));
    let none = door.get("/datasets/nothing/rejects").await;
    none.expect_kind(StatusCode::NOT_FOUND, "no-such-dataset");
}
