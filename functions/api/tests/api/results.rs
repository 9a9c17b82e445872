use std::collections::BTreeMap;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use contract::Mode;
use job::TableFormat;
use job::message::{Counts, JobId, SourceRef};
use landing::commit::{Commit, CommittedFile};
use registry::{JobChange, JobStatus};
use serde_json::{Value, json};

use crate::door::{Door, keys};

const COUNTS: Counts = Counts { read: 10, stored: 7, rejected: 3, filtered: 0 };

async fn landed(counts: Counts) -> (Door, JobId) {
    let door = Door::with_flights().await;
    let job = door.job().await;
    let change = JobChange {
        status: Some(JobStatus::Succeeded),
        counts: Some(counts),
        sequence: Some(4),
        ..JobChange::default()
    };
    door.change(&job, change).await;
    (door, job)
}

#[tokio::test]
async fn rejects_are_a_url_or_a_redirect_to_it() {
    let (door, job) = landed(COUNTS).await;
    door.leave(&keys(&job).rejects(0), "year\nx\n").await;
    let body = door.get(&format!("/jobs/{job}/rejects")).await.expect(StatusCode::OK).body;
    assert_eq!(body["rows"], 3);
    assert!(body["url"].as_str().is_some_and(|url| !url.is_empty()) && body["expires"].is_string());
    let asked = Request::get(format!("/jobs/{job}/rejects"))
        .header("accept", "text/csv")
        .body(Body::empty())
        .unwrap();
    let redirect = door.send(asked).await.expect(StatusCode::TEMPORARY_REDIRECT);
    assert!(!redirect.headers["location"].is_empty());
    for (accept, status) in [
        ("application/json, text/csv;q=0.9", StatusCode::OK),
        ("application/json;q=0.8, text/csv", StatusCode::TEMPORARY_REDIRECT),
        ("*/*", StatusCode::OK),
        ("text/html", StatusCode::NOT_ACCEPTABLE),
        ("text/csv;q=0, application/json;q=0", StatusCode::NOT_ACCEPTABLE),
    ] {
        let asked = Request::get(format!("/jobs/{job}/rejects")).header("accept", accept);
        let answer = door.send(asked.body(Body::empty()).unwrap()).await.expect(status);
        if status == StatusCode::NOT_ACCEPTABLE {
            let detail = answer.expect_kind(status, "not-acceptable").detail().to_owned();
            assert!(detail.contains("`application/json` or `text/csv`"), "{detail}");
        }
    }
}

#[tokio::test]
async fn a_job_without_rejects_says_so() {
    let (door, job) = landed(Counts { read: 1, stored: 1, ..Counts::default() }).await;
    assert_eq!(
        door.get(&format!("/jobs/{job}/rejects")).await.expect(StatusCode::OK).body,
        json!({"rows": 0, "url": null, "expires": null})
    );
    assert_eq!(
        door.get(&format!("/jobs/{job}/errors")).await.expect(StatusCode::OK).body["items"],
        json!([])
    );
    let running = door.job().await;
    for (what, kind) in
        [("rejects", "no-rejects"), ("errors", "no-errors"), ("outputs", "no-outputs")]
    {
        let refused = door
            .get(&format!("/jobs/{running}/{what}"))
            .await
            .expect_kind(StatusCode::NOT_FOUND, kind);
        assert!(refused.detail().contains("RUNNING"), "{}", refused.detail());
        door.get(&format!("/jobs/j-0/{what}"))
            .await
            .expect_kind(StatusCode::NOT_FOUND, "no-such-job");
    }
}

#[tokio::test]
async fn errors_come_in_pages_of_whole_entries() {
    let (door, job) = landed(COUNTS).await;
    let entry = |line: usize| {
        let message = "é".repeat(line % 7);
        json!({"line": line, "record": line, "byte": 0, "error": "type-error", "message": message})
    };
    let entries: Vec<Value> = (0..250).map(entry).collect();
    let text: String = entries.iter().map(|entry| format!("{entry}\n")).collect();
    door.leave(&keys(&job).errors(), text).await;
    let (mut read, mut next, mut pages) = (Vec::new(), Some(0), 0);
    while let Some(after) = next {
        let page = door
            .get(&format!("/jobs/{job}/errors?after={after}&limit=99"))
            .await
            .expect(StatusCode::OK)
            .body;
        read.extend(page["items"].as_array().unwrap().clone());
        next = page["next"].as_u64();
        pages += 1;
    }
    assert_eq!((read, pages), (entries, 3));
    door.get(&format!("/jobs/{job}/errors?after=3"))
        .await
        .expect_kind(StatusCode::BAD_REQUEST, "bad-request");
    assert_eq!(
        door.get(&format!("/jobs/{job}/errors?after=99999999")).await.expect(StatusCode::OK).body["items"],
        json!([])
    );
}

#[tokio::test]
async fn outputs_are_the_files_of_the_commit() {
    let (door, job) = landed(COUNTS).await;
    let file = |n: u64| CommittedFile {
        key: format!("lake/flights/part-{n}.parquet"),
        partition: BTreeMap::new(),
        rows: n,
        bytes: 10 * n,
        stats: None,
    };
    let commit = Commit {
        sequence: 4,
        committed: "2026-01-01T00:00:00.000Z".to_owned(),
        mode: Mode::Append,
        table: TableFormat::Landfall,
        job: job.clone(),
        replay_of: None,
        afterwards: None,
        contract: 1,
        source: SourceRef::new("the-inbox".to_owned(), "staged/flights/a.csv".to_owned()).into(),
        objects: 1,
        source_bytes: 10,
        source_crc64nvme: Some("0".repeat(16)),
        counts: COUNTS,
        bytes: 60,
        drift: None,
        nulls: BTreeMap::new(),
        bounds: BTreeMap::new(),
        bill: None,
        files: vec![file(1), file(2), file(3)],
        void: None,
        removed: vec![],
        schema: None,
    };
    door.leave(&keys(&job).stored(), serde_json::to_vec(&commit).unwrap()).await;
    for n in 1..=3 {
        let put = objects::Put::Overwrite;
        objects::Buckets::bucket(door.buckets.as_ref(), "the-lake")
            .put(&file(n).key, "PAR1".into(), put)
            .await
            .unwrap();
    }
    let first = door.get(&format!("/jobs/{job}/outputs?limit=2")).await.expect(StatusCode::OK).body;
    assert_eq!(
        (&first["sequence"], &first["rows"], &first["bytes"], &first["files"]),
        (&4.into(), &7.into(), &60.into(), &3.into())
    );
    assert_eq!(
        (&first["items"][1]["key"], &first["items"][1]["rows"]),
        (&"lake/flights/part-2.parquet".into(), &2.into())
    );
    assert!(first["items"][0]["url"].as_str().is_some_and(|url| !url.is_empty()));
    let second = door
        .get(&format!("/jobs/{job}/outputs?limit=2&after={}", first["next"]))
        .await
        .expect(StatusCode::OK)
        .body;
    assert_eq!((second["items"].as_array().unwrap().len(), &second["next"]), (1, &Value::Null));
}

#[tokio::test]
async fn a_profile_is_there_once_the_job_is() {
    let (door, job) = landed(COUNTS).await;
    door.get(&format!("/jobs/{job}/profile"))
        .await
        .expect_kind(StatusCode::NOT_FOUND, "no-profile");
    let profile = json!({"rows": 7, "columns": []});
    door.leave(&keys(&job).profile(), profile.to_string()).await;
    assert_eq!(
        door.get(&format!("/jobs/{job}/profile")).await.expect(StatusCode::OK).body,
        profile
    );
}
