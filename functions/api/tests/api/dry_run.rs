//! Tells what a job is going to be.

use std::io::Write as _;

use axum::http::StatusCode;
use bytes::Bytes;
use job::DatasetName;
use objects::{Buckets, Put};
use registry::{JobFilter, Registry};
use serde_json::{Value, json};

use crate::door::Door;

async fn dry_run(door: &Door, key: &str) -> Value {
    let body = json!({"dataset": "flights", "source": {"key": key}, "dryRun": true});
    door.post("/jobs", body).await.expect(StatusCode::OK).body
}

fn gzip(text: &str) -> Bytes {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    writer.write_all(text.as_bytes()).unwrap();
    writer.finish().unwrap().into()
}

#[tokio::test]
async fn a_dry_run_plans_and_tries_the_first_records() {
    let door = Door::with_flights().await;
    let text = "year\n2013\nx\n2014\n";
    door.drop_off("staged/flights/plain.csv", text).await;
    let inbox = door.buckets.bucket("the-inbox");
    inbox.put("staged/flights/packed.csv.gz", gzip(text), Put::Overwrite).await.unwrap();
    for key in ["staged/flights/plain.csv", "staged/flights/packed.csv.gz"] {
        let outlook = dry_run(&door, key).await;
        assert_eq!(outlook["plan"]["shards"], 1, "{key}: {outlook}");
        assert!(outlook["plan"]["estimate"]["total"].is_number(), "{key}: {outlook}");
        let sample = &outlook["sample"];
        assert_eq!(
            sample["counts"],
            json!({"read": 3, "stored": 2, "rejected": 1, "filtered": 0}),
            "{key}: {outlook}"
        );
        assert_eq!((&sample["faults"][0]["line"], &sample["moreFaults"]), (&json!(3), &json!(0)));
    }
}

#[tokio::test]
async fn a_dry_run_tells_why_a_source_can_not_be_landed() {
    let door = Door::with_flights().await;
    door.drop_off("staged/flights/other.csv", "month\n1\n").await;
    let outlook = dry_run(&door, "staged/flights/other.csv").await;
    assert_eq!(outlook["failure"]["error"], "SchemaDrift", "{outlook}");
    assert_eq!(outlook["faults"][0]["error"], "missing-label", "{outlook}");
    assert_eq!((&outlook["plan"], &outlook["sample"]), (&Value::Null, &Value::Null));
}

/// The same may be asked again and again, of what landed too, and no job comes of it.
#[tokio::test]
async fn a_dry_run_leaves_nothing() {
    let door = Door::with_flights().await;
    for _ in 0..2 {
        dry_run(&door, "staged/flights/a.csv").await;
    }
    let jobs = door.registry.jobs(&JobFilter::default(), None, 10).await.unwrap();
    assert!(jobs.items.is_empty() && door.executions.inputs().is_empty());
    for bucket in ["the-work", "the-lake"] {
        assert!(door.buckets.bucket(bucket).list("", None, 10).await.unwrap().is_empty());
    }
    let body =
        json!({"dataset": "nothing", "source": {"key": "staged/flights/a.csv"}, "dryRun": true});
    door.post("/jobs", body).await.expect_kind(StatusCode::NOT_FOUND, "no-such-dataset");
}

#[tokio::test]
async fn a_dry_run_tries_a_contract_that_is_not_registered() {
    let door = Door::with_flights().await;
    door.drop_off("staged/flights/a.csv", "year\n2013\nx\n2014\n").await;
    let ask = async |dataset: &str, contract: Value| {
        let source = json!({"key": "staged/flights/a.csv"});
        let contract = contract.to_string();
        let body =
            json!({"dataset": dataset, "source": source, "dryRun": true, "contract": contract});
        door.post("/jobs", body).await
    };
    let year = |kind: &str| json!({"fields": [{"name": "year", "type": kind}]});
    // The second dataset has no contract at all.
    for dataset in ["flights", "trips"] {
        let text = json!({"name": dataset, "schema": year("string")});
        let outlook = ask(dataset, text).await.expect(StatusCode::OK).body;
        let counts = &outlook["sample"]["counts"];
        assert_eq!((&counts["stored"], &counts["rejected"]), (&json!(3), &json!(0)), "{outlook}");
    }
    let flights = DatasetName::parse("flights").unwrap();
    let versions = door.registry.contract_versions(&flights, None, 10).await.unwrap();
    assert_eq!(versions.items.len(), 1, "nothing is registered");
    let other = json!({"name": "trips", "schema": year("string")});
    for faulty in [other, json!({"name": "flights", "schema": year("number of years")})] {
        let refused = ask("flights", faulty).await;
        let problem = refused.expect_kind(StatusCode::UNPROCESSABLE_ENTITY, "contract-invalid");
        assert_eq!(problem.body["errors"].as_array().map(Vec::len), Some(1));
    }
}

#[tokio::test]
async fn a_job_lands_by_no_contract_of_its_own() {
    let door = Door::with_flights().await;
    let source = json!({"key": "staged/flights/a.csv"});
    let body = json!({"dataset": "flights", "source": source, "contract": "name: flights"});
    let problem =
        door.post("/jobs", body).await.expect_kind(StatusCode::UNPROCESSABLE_ENTITY, "invalid");
    assert_eq!(problem.body["field"], "contract");
}
