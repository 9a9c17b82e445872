use axum::http::StatusCode;
use executions::{Executions, Status};
use futures::future::join_all;
use job::TableFormat;
use job::bill::prices::Processor;
use job::bill::{Basis, Bill, Item, Usage};
use job::decision::{Decision, Start};
use job::message::{Counts, ExecutionName, Failure, JobId, Submission, Unreadable};
use objects::{Buckets, Put};
use registry::{JobChange, JobStatus};
use serde_json::{Value, json};

use crate::door::{Door, flights, keys};

#[tokio::test]
async fn a_submitted_job_runs_and_can_be_looked_at() {
    let door = Door::with_flights().await;
    let answer = door
        .submit(None, json!({"shardBytes": 65_536, "force": true}))
        .await
        .expect(StatusCode::ACCEPTED);
    let job = answer.body["job"].as_str().unwrap();
    assert_eq!(answer.headers["location"], format!("/jobs/{job}"));
    let body = door.get(&format!("/jobs/{job}")).await.expect(StatusCode::OK).body;
    assert_eq!(
        (&body["status"], &body["contract"], &body["shardBytes"], &body["force"]),
        (&"RUNNING".into(), &1.into(), &65_536.into(), &true.into())
    );
    let (bucket, key) = ("the-inbox", "staged/flights/a.csv");
    let etag = door.buckets.bucket(bucket).head(key, None).await.unwrap().etag;
    assert_eq!(body["source"], json!({"bucket": bucket, "key": key, "etag": etag}));
    assert_eq!(body["links"]["execution"], format!("/jobs/{job}/execution"));
    let view = door.get(&format!("/jobs/{job}/execution")).await.expect(StatusCode::OK).body;
    assert_eq!((&view["execution"]["status"], &view["states"]), (&"RUNNING".into(), &json!([])));
}

#[tokio::test]
async fn what_landed_before_may_be_refused() {
    let door = Door::with_flights().await;
    let asked = json!({"landed": "refuse"});
    let answer = door.submit(Some("monday"), asked.clone()).await.expect(StatusCode::ACCEPTED);
    assert_eq!(answer.body["landed"], "refuse");
    let input = serde_json::from_str::<Submission>(&door.executions.inputs()[0]).unwrap();
    assert!(input.refuses_landed());
    door.submit(Some("monday"), json!({}))
        .await
        .expect_kind(StatusCode::CONFLICT, "idempotency-key-reused");
    assert_eq!(door.submit(None, json!({})).await.body["landed"], "skip");
    let both = json!({"landed": "refuse", "force": true});
    let problem =
        door.submit(None, both).await.expect_kind(StatusCode::UNPROCESSABLE_ENTITY, "invalid");
    assert_eq!(problem.body["field"], "landed");
    let wrong = door.submit(None, json!({"landed": "again"})).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn a_source_may_have_many_objects() {
    let door = Door::with_flights().await;
    let key = "staged/flights/a.csv";
    for source in [
        json!({"prefix": "inbox/flights/2013/", "glob": "**/*.csv"}),
        json!({"objects": [{"key": key}, {"key": "inbox/flights/b.csv", "version": "v"}]}),
        json!({"manifest": {"key": key}}),
    ] {
        let asked = json!({"source": source, "unreadable": "skip"});
        let answer = door.submit(None, asked).await.expect(StatusCode::ACCEPTED);
        let inputs = door.executions.inputs().into_iter();
        let mut submissions =
            inputs.map(|input| serde_json::from_str::<Submission>(&input).unwrap());
        let submission =
            submissions.find(|submission| answer.body["job"] == submission.job.as_str()).unwrap();
        assert_eq!(answer.body["source"], serde_json::to_value(&submission.source).unwrap());
        assert_eq!(submission.unreadable, Unreadable::Skip);
    }
    let many = vec![json!({"key": key}); 101];
    for (source, kind) in [
        (json!({"prefix": "reference/"}), "source-forbidden"),
        (json!({"prefix": "", "bucket": "the-lake"}), "source-forbidden"),
        (json!({"objects": [{"key": "reference/a.csv"}]}), "source-forbidden"),
        (json!({"manifest": {"key": "staged/gone.jsonl"}}), "source-missing"),
        (json!({"objects": many}), "invalid"),
        (json!({"objects": []}), "invalid"),
    ] {
        door.submit(None, json!({"source": source}))
            .await
            .expect_kind(StatusCode::UNPROCESSABLE_ENTITY, kind);
    }
}

#[tokio::test]
async fn a_backfill_lands_the_folder_of_a_dataset() {
    let door = Door::with_flights().await;
    let asked = json!({"glob": "2025/**/*.csv.gz", "unreadable": "skip"});
    let answer = door.post("/datasets/flights/backfill", asked).await.expect(StatusCode::ACCEPTED);
    assert_eq!(
        answer.body["source"],
        json!({"bucket": "the-inbox", "prefix": "inbox/flights/", "glob": "2025/**/*.csv.gz"})
    );
    assert_eq!((&answer.body["dataset"], door.executions.inputs().len()), (&json!("flights"), 1));
    let all = door.post("/datasets/flights/backfill", json!({})).await.expect(StatusCode::ACCEPTED);
    assert_eq!(all.body["source"], json!({"bucket": "the-inbox", "prefix": "inbox/flights/"}));
    door.post("/datasets/weather/backfill", json!({}))
        .await
        .expect_kind(StatusCode::NOT_FOUND, "no-such-dataset");
}

#[tokio::test]
async fn the_same_submission_five_times_at_once_is_one_job() {
    let door = Door::with_flights().await;
    let answers = join_all((0..5).map(|_| door.submit(Some("monday"), json!({})))).await;
    let jobs: Vec<Value> = answers
        .into_iter()
        .map(|answer| answer.expect(StatusCode::ACCEPTED).body["job"].clone())
        .collect();
    assert!(jobs.iter().all(|job| job == &jobs[0]), "{jobs:?}");
    assert_eq!(door.executions.inputs().len(), 1);
    assert_eq!(jobs[0], JobId::of_idempotency_key(&flights(), "monday").as_str());
}

#[tokio::test]
async fn a_repeat_is_the_same_job_even_when_its_source_is_gone() {
    let door = Door::with_flights().await;
    let first = door.submit(Some("monday"), json!({})).await.expect(StatusCode::ACCEPTED);
    door.buckets.bucket("the-inbox").delete("staged/flights/a.csv").await.unwrap();
    let again = door.submit(Some("monday"), json!({})).await.expect(StatusCode::ACCEPTED);
    assert_eq!(
        (&again.body["job"], &again.headers["location"]),
        (&first.body["job"], &first.headers["location"])
    );
    door.submit(Some("monday"), json!({"force": true}))
        .await
        .expect_kind(StatusCode::CONFLICT, "idempotency-key-reused");
}

#[tokio::test]
async fn a_job_is_for_the_source_as_it_was_when_it_was_submitted() {
    for door in [Door::with_flights().await, Door::versioned().await] {
        let inbox = door.buckets.bucket("the-inbox");
        let there = async || {
            let head = inbox.head("staged/flights/a.csv", None).await.unwrap();
            (head.version, Some(head.etag))
        };
        let mut seen = Vec::new();
        for state in 0..3 {
            door.drop_off("staged/flights/a.csv", &format!("year\n{state}\n")).await;
            seen.push(there().await);
            door.submit(Some(&state.to_string()), json!({})).await.expect(StatusCode::ACCEPTED);
            // Repeats of what was submitted before are about what was there before.
            for (earlier, (_, etag)) in seen.iter().take(state).enumerate() {
                let key = earlier.to_string();
                let repeat = door.submit(Some(&key), json!({})).await.expect(StatusCode::ACCEPTED);
                assert_eq!(
                    repeat.body["job"],
                    JobId::of_idempotency_key(&flights(), &key).as_str()
                );
                assert_eq!(repeat.body["source"]["etag"].as_str(), etag.as_deref());
            }
        }
        let inputs = door.executions.inputs();
        let submitted = inputs.iter().map(|input| {
            let submission: Submission = serde_json::from_str(input).unwrap();
            let source = submission.source.object().unwrap();
            (source.version.clone(), source.etag.clone())
        });
        assert_eq!(submitted.collect::<Vec<_>>(), seen);
        if let Some(first) = &seen[0].0 {
            let named = json!({"source": {"key": "staged/flights/a.csv", "version": first}});
            let named = door.submit(None, named).await.expect(StatusCode::ACCEPTED);
            assert_eq!(named.body["source"]["etag"].as_str(), seen[0].1.as_deref());
        }
    }
}

#[tokio::test]
async fn what_can_not_land_is_no_job() {
    let door = Door::with_flights().await;
    let missing = json!({"source": {"key": "staged/flights/none.csv"}});
    let refused = door
        .submit(None, missing)
        .await
        .expect_kind(StatusCode::UNPROCESSABLE_ENTITY, "source-missing");
    assert!(
        refused.detail().contains("s3://the-inbox/staged/flights/none.csv"),
        "{}",
        refused.detail()
    );
    door.submit(None, json!({"dataset": "weather"}))
        .await
        .expect_kind(StatusCode::NOT_FOUND, "no-such-dataset");
    for bytes in [0, 1, 65_535] {
        let refused = door
            .submit(None, json!({"shardBytes": bytes}))
            .await
            .expect_kind(StatusCode::UNPROCESSABLE_ENTITY, "invalid");
        assert!(
            refused.detail().contains("`shardBytes` is a number of bytes from 65536"),
            "{}",
            refused.detail()
        );
    }
    door.submit(None, json!({"source": {"key": "folder/"}}))
        .await
        .expect_kind(StatusCode::UNPROCESSABLE_ENTITY, "invalid");
    door.submit(Some(""), json!({})).await.expect_kind(StatusCode::BAD_REQUEST, "bad-request");
    door.submit(Some(&"k".repeat(256)), json!({}))
        .await
        .expect_kind(StatusCode::BAD_REQUEST, "bad-request");
    assert_eq!(door.get("/jobs").await.body["items"], json!([]));
    assert!(door.executions.inputs().is_empty());
}

#[tokio::test]
async fn jobs_are_listed_by_dataset_and_status_page_by_page() {
    let door = Door::with_flights().await;
    let mut jobs = Vec::new();
    for _ in 0..3 {
        jobs.push(door.job().await);
    }
    door.change(&jobs[0], JobChange { status: Some(JobStatus::Succeeded), ..JobChange::default() })
        .await;
    let listed = |body: &Value| {
        body["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|job| job["job"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let running =
        door.get("/jobs?dataset=flights&status=RUNNING").await.expect(StatusCode::OK).body;
    assert_eq!(listed(&running).len(), 2);
    assert_eq!(listed(&door.get("/jobs?status=SUCCEEDED").await.body), [jobs[0].as_str()]);
    assert_eq!(listed(&door.get("/jobs?dataset=weather").await.body), Vec::<String>::new());
    let first = door.get("/jobs?limit=2").await.body;
    let second = door
        .get(&format!("/jobs?limit=2&after={}", first["next"].as_str().unwrap()))
        .await
        .expect(StatusCode::OK)
        .body;
    let mut all = [listed(&first), listed(&second)].concat();
    all.sort();
    let mut expected: Vec<_> = jobs.iter().map(|job| job.as_str().to_owned()).collect();
    expected.sort();
    assert_eq!(all, expected);
    door.get("/jobs?limit=101").await.expect(StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_job_can_be_looked_at_while_the_state_machine_can_not() {
    let door = Door::with_flights().await;
    let job = door.job().await;
    door.executions.refuse_next(executions::Error::Unavailable("busy".to_owned()));
    assert_eq!(
        door.get(&format!("/jobs/{job}")).await.expect(StatusCode::OK).body["status"],
        "RUNNING"
    );
}

#[tokio::test]
async fn a_cancelled_job_is_decided_and_stopped_and_says_that_it_is_not_settled() {
    let door = Door::with_flights().await;
    let job = door.job().await;
    for _ in 0..2 {
        let body =
            door.post(&format!("/jobs/{job}/cancel"), json!({})).await.expect(StatusCode::OK).body;
        assert_eq!(body["status"], "CANCELLING");
        assert!(
            matches!(door.decision(&job).await, Some(Decision::NoCommit(because)) if because.error == "Cancelled")
        );
        assert_eq!(
            door.executions
                .describe(&door.executions.arn(&ExecutionName::new(&job, 0)))
                .await
                .unwrap()
                .status,
            Status::Aborted
        );
    }
    let settled = JobChange { status: Some(JobStatus::Cancelled), ..JobChange::default() };
    door.change(&job, settled).await;
    assert_eq!(
        door.post(&format!("/jobs/{job}/cancel"), json!({})).await.expect(StatusCode::OK).body["status"],
        "CANCELLED"
    );
}

#[tokio::test]
async fn a_job_that_is_decided_is_not_cancelled() {
    let door = Door::with_flights().await;
    let commit = Decision::Commit(Start { from: 0, table: TableFormat::Landfall });
    let fails = Decision::NoCommit(Failure::new("SchemaDrift", "two fields are new"));
    for (decision, kind) in [(commit, "too-late"), (fails, "job-ended")] {
        let job = door.job().await;
        let text = serde_json::to_vec(&decision).unwrap();
        door.buckets
            .bucket("the-work")
            .put(&keys(&job).decision(), text.into(), Put::IfAbsent)
            .await
            .unwrap();
        door.post(&format!("/jobs/{job}/cancel"), json!({}))
            .await
            .expect_kind(StatusCode::CONFLICT, kind);
        assert_eq!(
            door.executions
                .describe(&door.executions.arn(&ExecutionName::new(&job, 0)))
                .await
                .unwrap()
                .status,
            Status::Running,
            "{kind}"
        );
        assert_eq!(door.get(&format!("/jobs/{job}")).await.body["status"], "RUNNING", "{kind}");
    }
}

#[tokio::test]
async fn an_ended_job_is_not_cancelled() {
    let door = Door::with_flights().await;
    let job = door.job().await;
    let counts = Counts { read: 1, stored: 1, ..Counts::default() };
    door.change(
        &job,
        JobChange {
            status: Some(JobStatus::Succeeded),
            counts: Some(counts),
            ..JobChange::default()
        },
    )
    .await;
    door.post(&format!("/jobs/{job}/cancel"), json!({}))
        .await
        .expect_kind(StatusCode::CONFLICT, "job-ended");
    assert_eq!(door.decision(&job).await, None);
    door.post("/jobs/j-0/cancel", json!({}))
        .await
        .expect_kind(StatusCode::NOT_FOUND, "no-such-job");
}

#[tokio::test]
async fn a_job_that_was_never_started_is_cancelled_by_an_execution_that_ends_at_once() {
    let door = Door::with_flights().await;
    door.executions.refuse_next(executions::Error::Unavailable("busy".to_owned()));
    door.submit(Some("k"), json!({})).await.expect(StatusCode::SERVICE_UNAVAILABLE);
    let job = JobId::of_idempotency_key(&flights(), "k");
    door.get(&format!("/jobs/{job}/execution"))
        .await
        .expect_kind(StatusCode::NOT_FOUND, "no-such-execution");
    assert_eq!(door.get(&format!("/jobs/{job}")).await.body["status"], "PENDING");
    assert_eq!(
        door.post(&format!("/jobs/{job}/cancel"), json!({})).await.expect(StatusCode::OK).body["status"],
        "CANCELLING"
    );
    assert_eq!(
        door.submit(Some("k"), json!({})).await.expect(StatusCode::ACCEPTED).body["status"],
        "CANCELLING"
    );
    assert_eq!(door.executions.inputs().len(), 1, "its first step finds the decision");
}

#[tokio::test]
async fn a_job_may_have_a_cap_and_has_a_bill() {
    let door = Door::with_flights().await;
    let answer =
        door.submit(Some("k"), json!({"maxCost": 0.25})).await.expect(StatusCode::ACCEPTED);
    assert_eq!(answer.body["maxCost"], 0.25);
    assert!(
        door.executions.inputs()[0].contains(r#""max_cost":0.25"#),
        "{:?}",
        door.executions.inputs()
    );
    door.submit(Some("k"), json!({"maxCost": 0.5}))
        .await
        .expect_kind(StatusCode::CONFLICT, "idempotency-key-reused");
    for wrong in [json!(-1), json!("much")] {
        let answer = door.submit(None, json!({ "maxCost": wrong })).await;
        assert!(answer.status.is_client_error(), "{wrong}: {}", answer.status);
    }
    let job = JobId::of_idempotency_key(&flights(), "k");
    let bill = Bill::new(
        Basis::Measured,
        Processor::Arm64,
        [(Item::Ingest, Usage { invocations: 1, puts: 3, ..Usage::default() })],
        1_000,
    );
    door.change(&job, JobChange { bill: Some(bill), ..JobChange::default() }).await;
    let shown = door.get(&format!("/jobs/{job}")).await.expect(StatusCode::OK).body["bill"].clone();
    assert_eq!(
        (&shown["basis"], &shown["lines"]["ingest"]["puts"]),
        (&"measured".into(), &3.into())
    );
    assert!(
        shown["total"].as_f64() > Some(0.0)
            && shown["elsewhere"]["athenaCtas"].as_f64() > Some(0.0),
        "{shown}"
    );
}

#[tokio::test]
async fn jobs_are_found_by_their_labels_and_by_time() {
    let door = Door::with_flights().await;
    let labels = json!({"labels": {"team": "ops", "run": "a:b c"}});
    let job = door.submit(Some("k"), labels.clone()).await.expect(StatusCode::ACCEPTED).body;
    assert_eq!(job["labels"], labels["labels"]);
    let id = &job["job"];
    assert_eq!(&door.submit(Some("k"), labels).await.expect(StatusCode::ACCEPTED).body["job"], id);
    door.submit(Some("k"), json!({"labels": {"team": "dev"}}))
        .await
        .expect_kind(StatusCode::CONFLICT, "idempotency-key-reused");
    let other = door.submit(None, json!({})).await.expect(StatusCode::ACCEPTED).body;
    assert_eq!(other.get("labels"), None);
    let created = job["created"].as_str().unwrap();
    for (query, is_found) in [
        ("label=team:ops", true),
        ("label=run:a:b%20c&dataset=flights&status=RUNNING", true),
        ("label=team:dev", false),
        ("label=team:ops&status=FAILED", false),
        (&format!("label=team:ops&createdAfter={created}"), true),
        (&format!("label=team:ops&createdBefore={created}"), false),
        ("label=team:ops&createdAfter=2000-01-01T00:00:00.0001%2B01:00", true),
        ("label=team:ops&createdBefore=2000-01-01T00:00:00Z", false),
    ] {
        let found = door.get(&format!("/jobs?{query}")).await.expect(StatusCode::OK).body;
        let found: Vec<_> =
            found["items"].as_array().unwrap().iter().map(|job| &job["job"]).collect();
        assert_eq!(found, if is_found { vec![id] } else { vec![] }, "{query}");
    }
    for (query, field) in [
        ("label=ops", "label"),
        ("label=team:", "label"),
        ("createdAfter=yesterday", "createdAfter"),
        ("createdBefore=2026-01-31", "createdBefore"),
    ] {
        let refused = door.get(&format!("/jobs?{query}")).await.expect(StatusCode::BAD_REQUEST);
        assert_eq!(refused.body["field"], field, "{query}");
    }
    let many: serde_json::Map<_, _> = (0..17).map(|n| (format!("k{n}"), json!("v"))).collect();
    for wrong in [json!(many), json!({"te am": "ops"}), json!({"team": ""}), json!({"team": 1})] {
        let refused = door
            .submit(None, json!({ "labels": wrong }))
            .await
            .expect_kind(StatusCode::UNPROCESSABLE_ENTITY, "invalid");
        assert!(refused.body["field"].as_str().unwrap().starts_with("labels"), "{}", refused.body);
    }
}

#[tokio::test]
async fn a_contract_that_hashes_needs_a_salt() {
    for (has_salt, with, status) in [
        (false, "sha256", StatusCode::UNPROCESSABLE_ENTITY),
        (false, "redact", StatusCode::ACCEPTED),
        (true, "sha256", StatusCode::ACCEPTED),
    ] {
        let door = Door::salted(has_salt).await;
        let contract = format!(
            "{}\ntransform: {{ mask: [ {{ field: year, with: {with} }} ] }}\n",
            crate::door::FLIGHTS
        );
        door.put("/datasets/flights", &contract).await;
        let answer = door.submit(None, json!({})).await;
        assert_eq!(answer.status, status, "{has_salt} {with}: {}", answer.body);
        if status == StatusCode::UNPROCESSABLE_ENTITY {
            assert!(
                answer
                    .expect_kind(status, "salt-missing")
                    .detail()
                    .contains("`MaskSaltArn` is not set")
            );
            assert!(door.executions.inputs().is_empty());
        }
    }
}
