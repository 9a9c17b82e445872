//! Holds a job for approval, lands it, and sends its rejects again, over the API of the local cloud.

use serde_json::{Value, json};
use ureq::http::Method;

use super::stage::Stage;

const CONTRACT: &str = "
name: orders
schema:
  fields:
    - { name: id, type: integer }
    - { name: day, type: date }
output: { mode: overwrite }
holdWhen: { rejects: 10% }
";
const ORDERS: &[u8] =
    b"id,day\n1,2026-03-01\n2,2026-03-32\n3,2026-03-02\n4,2026-13-01\n5,2026-03-03\n";

fn post(stage: &Stage, path: &str, body: Value) -> (u16, Value) {
    let answer =
        stage.cloud.api().call(Method::POST, path, &[], body.to_string().into_bytes()).unwrap();
    (answer.status, answer.body)
}

/// Submits the orders, and waits until the job is held.
fn held(stage: &Stage, name: &str, bytes: Vec<u8>) -> String {
    let key = stage.stage("orders", name, bytes);
    let job = stage.submit(&json!({"dataset": "orders", "source": {"key": key}}));
    stage.until("the job is held", || {
        let status = stage.job(&job)["status"].clone();
        assert!(status != "FAILED" && status != "SUCCEEDED", "{status}");
        (status == "HELD").then_some(())
    });
    job
}

#[test]
fn a_held_job_is_approved_and_its_rejects_are_replayed_to_the_last() {
    let stage = Stage::new();
    stage.register_text("orders", CONTRACT);

    let refused = held(&stage, "refused.csv", ORDERS.to_vec());
    let (files, _) = stage.listing("LakeBucket", "lake/orders/");
    assert!(files.is_empty(), "nothing is visible: {files:?}");
    let changes = stage.cloud.api().get(&format!("/jobs/{refused}/changes")).unwrap().ok().unwrap();
    assert_eq!(changes["stored"], 3, "{changes}");
    let (status, answer) = post(&stage, &format!("/jobs/{refused}/refuse"), json!({}));
    assert_eq!(status, 200, "{answer} {}", stage.log_tail());
    let ended = stage.wait(&refused);
    assert_eq!(
        (&ended["status"], &ended["hold"]["answer"]),
        (&json!("CANCELLED"), &json!("refused"))
    );

    // Nothing of it is left, so the same bytes land.
    let job = held(&stage, "approved.csv", ORDERS.to_vec());
    let (status, answer) = post(&stage, &format!("/jobs/{job}/approve"), json!({}));
    assert_eq!((status, &answer["hold"]["answer"]), (200, &json!("approved")), "{answer}");
    let landed = stage.wait(&job);
    assert_eq!((&landed["status"], &landed["counts"]["stored"]), (&json!("SUCCEEDED"), &json!(3)));

    // The dataset is one that is overwritten; the rejects are added all the same.
    let mended = "id,day\n2,2026-03-31\n4,2026-13-01\n";
    let (status, child) = post(&stage, &format!("/jobs/{job}/replay"), json!({"csv": mended}));
    assert_eq!(status, 202, "{child}");
    let child = stage.wait(child["job"].as_str().unwrap());
    assert_eq!(child["counts"], json!({"read": 2, "stored": 1, "rejected": 1, "filtered": 0}));
    let parent = stage.job(&job);
    let replays = json!([{"job": child["job"], "landed": 1, "layout": 0, "rejects": [[0, 1]]}]);
    let rejects = json!({"open": 1, "replays": replays, "dismissed": []});
    assert_eq!(parent["rejects"], rejects, "{parent}");

    let id = child["job"].as_str().unwrap();
    let body = json!({"csv": "id,day\n4,2026-12-01\n"});
    let last = post(&stage, &format!("/jobs/{id}/replay"), body).1;
    assert_eq!(stage.wait(last["job"].as_str().unwrap())["status"], "SUCCEEDED");
    assert_eq!(stage.job(&job)["rejects"]["open"], 0);
    let table = stage.cloud.api().get("/datasets/orders/files").unwrap().ok().unwrap();
    assert_eq!(table["rows"], 5, "{table}");

    let again = post(&stage, &format!("/jobs/{job}/replay"), json!({"csv": mended})).1;
    assert_eq!(stage.wait(again["job"].as_str().unwrap())["status"], "DUPLICATE");
}
