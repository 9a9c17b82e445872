//! Sends a file over its rejects limit.

use serde_json::json;
use xtask::local::Options;

use super::stage::{Stage, flights, head};

#[test]
fn a_file_over_its_limit_leaves_only_its_rejects() {
    let stage = Stage::with(Options { shard_bytes: Some(64 * 1024), ..Options::default() });
    stage.register("flights");
    let mut source = head(&flights(), 1000);
    for fault in 0..20 {
        source.extend_from_slice(
            format!("2013,13,{fault},NA,515,NA,NA,819,NA,UA,x,N1,EWR,IAH,NA,1400,5,15,2013-01-01T10:00:00Z\n").as_bytes(),
        );
    }
    let key = stage.stage("flights", "bad.csv", source);
    let id = stage.submit(&json!({"dataset": "flights", "source": {"key": key}}));
    let job = stage.wait(&id);
    assert_eq!(
        (&job["status"], &job["failure"]["error"]),
        (&json!("FAILED"), &json!("RejectLimitExceeded")),
        "{job}"
    );
    let cause = job["failure"]["cause"].as_str().unwrap();
    assert!(
        cause.starts_with("20 of 1020 records were rejected, more than the limit of 1%"),
        "{cause}"
    );
    assert_eq!(stage.listing("LakeBucket", "lake/flights/"), (vec![], 0));

    // Why is told all the same.
    let errors =
        stage.cloud.api().get(&format!("/jobs/{id}/errors?limit=3")).unwrap().ok().unwrap();
    let first = &errors["items"][0];
    assert_eq!(
        (&first["line"], &first["field"], &first["error"]),
        (&json!(1002), &json!("month"), &json!("constraint-error")),
        "{first}"
    );
    let rejects = stage.cloud.api().get(&format!("/jobs/{id}/rejects")).unwrap().ok().unwrap();
    let bytes = stage.cloud.api().download(rejects["url"].as_str().unwrap()).unwrap();
    assert_eq!(
        bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count(),
        21,
        "the header and 20 records"
    );

    let execution = stage.execution(&id);
    assert_eq!(execution["execution"]["error"], "RejectLimitExceeded", "{execution}");
}
