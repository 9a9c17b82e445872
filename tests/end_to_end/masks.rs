//! Masks on the deployed stack: the stack is told of the salt as a secret, and without it no job
//! that hashes begins.

use serde_json::{Value, json};
use xtask::local::Options;

use super::stage::{Stage, flights, head, testdata};

const SALT: &str = "a salt of the end-to-end tests";

/// What is stored beside what DuckDB makes of the source and the salt.
const COMPARE: &str = "
import duckdb, json, sys
folder, csv, salt = sys.argv[1:]
lake = f\"read_parquet('{folder}/**/*.parquet', hive_partitioning=true)\"
source = f\"read_csv('{csv}', header=true, nullstr=['NA',''], auto_detect=true)\"
stored = duckdb.sql(f'select tailnum, carrier, count(*) from {lake} group by all order by all').fetchall()
expected = duckdb.sql(f\"select sha256('{salt}' || tailnum) as tailnum, 'redacted' as carrier, count(*) from {source} group by all order by all\").fetchall()
print(json.dumps({'same': stored == expected, 'tails': len(stored)}))
";

/// Whether the configuration of any function holds a text.
const CONFIGURATIONS: &str = "
import boto3, json, sys
print(json.dumps(sys.argv[1] in json.dumps(boto3.client('lambda').list_functions(), default=str)))
";

fn contract() -> String {
    let flights = std::fs::read_to_string(testdata("contracts/flights.yaml")).unwrap();
    flights
        + "transform:\n  mask:\n    - { field: tailnum, with: sha256 }\n    - { field: carrier, with: redact }\n"
}

#[test]
fn what_is_stored_is_hashed_with_the_salt_of_the_stack() {
    let stage = Stage::with(Options {
        secrets: vec![("MaskSaltArn".to_owned(), SALT.to_owned())],
        ..Options::default()
    });
    stage.register_text("flights", &contract());
    let mut source = head(&flights(), 2_000);
    // A record that is rejected: its masked cells are not those of the source.
    source.extend_from_slice(b"2013,13,1,517,515,2,830,819,11,UA,1545,N14228,EWR,IAH,227,1400,5,15,2013-01-01T10:00:00Z\n");
    let key = stage.stage("flights", "flights.csv", source.clone());
    let id = stage.submit(&json!({"dataset": "flights", "source": {"key": key}}));
    let job = stage.wait(&id);
    assert_eq!(
        (&job["status"], &job["counts"]["stored"], &job["counts"]["rejected"]),
        (&json!("SUCCEEDED"), &json!(2_000), &json!(1)),
        "{job}"
    );

    let folder = tempfile::tempdir().unwrap();
    let csv = folder.path().join("flights.csv");
    std::fs::write(&csv, head(&source, 2_000)).unwrap();
    let lake = stage.download_lake("flights", folder.path());
    let found: Value =
        stage.python(COMPARE, &[lake.to_str().unwrap(), csv.to_str().unwrap(), SALT]);
    assert!(found["same"] == true && found["tails"].as_u64() > Some(100), "{found}");
    let rejects =
        stage.cloud.api().get(&format!("/jobs/{id}/rejects")).unwrap().ok().unwrap().to_string();
    let errors =
        stage.cloud.api().get(&format!("/jobs/{id}/errors")).unwrap().ok().unwrap().to_string();
    assert!(!rejects.contains("N14228") && !errors.contains("N14228"), "{rejects} {errors}");

    // The salt is nowhere in the configuration of the functions, nor in what they said.
    assert_eq!(stage.python(CONFIGURATIONS, &[SALT]), json!(false));
    assert!(!std::fs::read_to_string(stage.cloud.log()).unwrap().contains(SALT));

    // What the functions measured is what the job is billed.
    let bill = &job["bill"];
    assert_eq!(
        (&bill["basis"], &bill["lines"]["transform"]["invocations"]),
        (&json!("measured"), &json!(1)),
        "{bill}"
    );
    for step in ["ingest", "transform", "verify", "store"] {
        let line = &bill["lines"][step];
        assert!(
            ["milliseconds", "mbMilliseconds", "puts", "gets"]
                .iter()
                .all(|what| line[what].as_u64() > Some(0)),
            "{step}: {bill}"
        );
    }
    assert!(bill["total"].as_f64().is_some_and(|total| total > 0.0 && total < 0.01), "{bill}");
}

#[test]
fn a_job_that_hashes_is_refused_where_there_is_no_salt() {
    let stage = Stage::new();
    stage.register_text("flights", &contract());
    let key = stage.stage("flights", "flights.csv", head(&flights(), 10));
    let refused = stage
        .cloud
        .api()
        .post("/jobs", &json!({"dataset": "flights", "source": {"key": key}}))
        .unwrap();
    assert_eq!(refused.status, 422, "{refused:?}");
    assert!(stage.jobs("flights").is_empty());
}
