//! Takes one permission of its own role away from a function; all other tests run with exactly
//! those. Here one is missing.

use serde_json::json;
use xtask::checkout;
use xtask::local::Options;

use super::stage::{Stage, flights, head};

#[test]
fn a_missing_permission_fails_the_job_and_is_named() {
    let template = std::fs::read_to_string(checkout::root().join("template.yaml")).unwrap();
    let begin = template.find("\n  TransformFunction:").unwrap();
    let end = begin + template[begin..].find("\n  TransformLog:").unwrap();
    let without = template[begin..end]
        .replace("s3:GetObjectVersion", "s3:GetObjectVersionAcl")
        .replace("s3:GetObject\n", "s3:GetObjectAcl\n");
    assert_ne!(without, template[begin..end]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("template.yaml");
    std::fs::create_dir(folder.path().join("statemachine")).unwrap();
    std::fs::copy(
        checkout::root().join("statemachine/landing.asl.json"),
        folder.path().join("statemachine/landing.asl.json"),
    )
    .unwrap();
    std::fs::write(&path, format!("{}{without}{}", &template[..begin], &template[end..])).unwrap();

    let stage = Stage::with(Options { template: Some(path), ..Options::default() });
    stage.register("flights");
    let key = stage.stage("flights", "flights.csv", head(&flights(), 100));
    let job = stage.wait(&stage.submit(&json!({"dataset": "flights", "source": {"key": key}})));
    assert_eq!(
        (&job["status"], &job["failure"]["error"]),
        (&json!("FAILED"), &json!("AccessDenied")),
        "{job}"
    );
    assert!(job["redrive"]["until"].is_string(), "{job}");
    let cause = job["failure"]["cause"].as_str().unwrap();
    assert!(cause.contains("s3:GetObject"), "{cause}");
}
