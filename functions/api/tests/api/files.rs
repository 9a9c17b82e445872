use std::collections::BTreeMap;

use axum::http::StatusCode;
use contract::Mode;
use job::TableFormat;
use job::message::{Counts, JobId, SourceRef};
use landing::commit::{Commit, CommittedFile};
use objects::{Buckets, Put};
use registry::{JobChange, JobStatus};
use serde_json::{Value, json};

use crate::door::Door;

fn file(name: &str) -> CommittedFile {
    CommittedFile {
        key: format!("lake/flights/{name}.parquet"),
        partition: BTreeMap::new(),
        rows: 3,
        bytes: 10,
        stats: None,
    }
}

/// A table in which one commit appended `a` and `b`, and the next one replaced them by `c`.
async fn overwritten() -> Door {
    let door = Door::with_flights().await;
    for (sequence, mode, files, removed) in
        [(0, Mode::Append, vec!["a", "b"], vec![]), (1, Mode::Overwrite, vec!["c"], vec!["a", "b"])]
    {
        let commit = Commit {
            sequence,
            committed: format!("2026-01-0{}T00:00:00.000Z", sequence + 1),
            job: JobId::parse("job").unwrap(),
            mode,
            table: TableFormat::Landfall,
            replay_of: None,
            afterwards: None,
            contract: 1,
            source: SourceRef::new("the-inbox".to_owned(), "staged/flights/a.csv".to_owned())
                .into(),
            objects: 1,
            source_bytes: 10,
            source_crc64nvme: Some("0".repeat(16)),
            counts: Counts::default(),
            bytes: 10,
            drift: None,
            nulls: BTreeMap::new(),
            bounds: BTreeMap::new(),
            bill: None,
            files: files.into_iter().map(file).collect(),
            void: None,
            removed: removed.into_iter().map(|name| file(name).key).collect(),
            schema: None,
        };
        let (key, json) = (
            landing::commit::log_key("lake/flights/", sequence),
            serde_json::to_vec(&commit).unwrap(),
        );
        door.buckets.bucket("the-lake").put(&key, json.into(), Put::IfAbsent).await.unwrap();
    }
    door
}

async fn keys(door: &Door, query: &str) -> (u64, Vec<String>, Value) {
    let body =
        door.get(&format!("/datasets/flights/files{query}")).await.expect(StatusCode::OK).body;
    let keys = body["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| file["key"].as_str().unwrap().to_owned())
        .collect();
    (body["sequence"].as_u64().unwrap(), keys, body["next"].clone())
}

#[tokio::test]
async fn the_files_are_those_of_a_commit() {
    let door = overwritten().await;
    let [a, b, c] = ["a", "b", "c"].map(|name| file(name).key);
    assert_eq!(keys(&door, "").await, (1, vec![c.clone()], Value::Null));
    assert_eq!(keys(&door, "?at=1").await, (1, vec![c], Value::Null));
    assert_eq!(keys(&door, "?at=0").await, (0, vec![a.clone(), b.clone()], Value::Null));
    assert_eq!(
        keys(&door, "?at=2026-01-01T12:00:00Z").await,
        (0, vec![a.clone(), b.clone()], Value::Null)
    );
    assert_eq!(keys(&door, "?at=0&limit=1").await, (0, vec![a], 1.into()));
    assert_eq!(keys(&door, "?at=0&limit=1&after=1").await, (0, vec![b], Value::Null));
    let body = door.get("/datasets/flights/files").await.expect(StatusCode::OK).body;
    assert_eq!(
        (&body["committed"], &body["rows"], &body["files"]),
        (&json!("2026-01-02T00:00:00.000Z"), &json!(3), &json!(1))
    );
    assert!(body["items"][0]["url"].as_str().is_some_and(|url| !url.is_empty()), "{body}");
}

#[tokio::test]
async fn what_is_not_there_is_named() {
    let door = overwritten().await;
    door.get("/datasets/flights/files?at=2")
        .await
        .expect_kind(StatusCode::NOT_FOUND, "no-such-commit");
    door.get("/datasets/flights/files?at=2025-01-01T00:00:00Z")
        .await
        .expect_kind(StatusCode::NOT_FOUND, "no-files");
    door.get("/datasets/flights/files?at=newest")
        .await
        .expect_kind(StatusCode::BAD_REQUEST, "bad-request");
    door.get("/datasets/boats/files").await.expect_kind(StatusCode::NOT_FOUND, "no-such-dataset");
    Door::with_flights()
        .await
        .get("/datasets/flights/files")
        .await
        .expect_kind(StatusCode::NOT_FOUND, "no-files");
}

#[tokio::test]
async fn a_dataset_tells_how_its_table_stands() {
    let door = Door::with_flights().await;
    let dataset = door.get("/datasets/flights").await.expect(StatusCode::OK).body;
    assert_eq!(dataset.get("table"), None, "nothing has landed yet");
    let door = overwritten().await;
    let job = door.job().await;
    let counts = Counts { read: 5, stored: 3, rejected: 2, filtered: 0 };
    let change = JobChange {
        status: Some(JobStatus::Succeeded),
        counts: Some(counts),
        ..JobChange::default()
    };
    door.change(&job, change).await;
    door.job().await;
    let dataset = door.get("/datasets/flights").await.expect(StatusCode::OK).body;
    let table = &dataset["table"];
    assert_eq!((&dataset["version"], &table["commit"]["sequence"]), (&json!(1), &json!(1)));
    let added = ["rows", "files", "bytes"].map(|what| table["commit"][what].as_u64());
    assert_eq!((&table["commit"]["job"], added), (&json!("job"), [3, 1, 10].map(Some)));
    assert_eq!(table["location"], "s3://the-lake/lake/flights/");
    assert!(table["freshnessSeconds"].as_u64() > Some(0), "{table}");
    assert_eq!(table["rejects"], json!({"jobs": 1, "rows": 2}));
    let older = door.get("/datasets/flights?version=1").await.expect(StatusCode::OK).body;
    assert_eq!(older.get("table"), None, "a version is a contract");
}
