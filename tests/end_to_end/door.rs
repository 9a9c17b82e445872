//! Checks what the gateway's routes let through, which sources may be named, and what an upload is
//! bound to.

use serde_json::json;
use ureq::http::Method;
use xtask::local::{Answer, Options};

use super::stage::Stage;

const PAGE: &str = "https://app.example.org";
const PUT: &str = "
import sys, json, boto3
bucket, key, text = sys.argv[1:]
s3 = boto3.client('s3')
try: s3.create_bucket(Bucket=bucket)
except Exception: pass
print(json.dumps(s3.put_object(Bucket=bucket, Key=key, Body=text.encode()).get('VersionId')))
";
const CONTRACT: &str = "name: things\nschema: { fields: [ { name: id, type: integer } ] }\n";

fn call(stage: &Stage, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
    stage.cloud.api().call(method, path, headers, Vec::new()).unwrap()
}

fn kind(answer: &Answer) -> (u16, &str, &str) {
    (answer.status, &answer.content_type, answer.body["type"].as_str().unwrap_or_default())
}

#[test]
fn the_door_answers_whatever_is_asked() {
    let parameters = [("CorsOrigins", PAGE), ("SourceBucketArns", "arn:aws:s3:::elsewhere/in/*")];
    let parameters = parameters.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let stage = Stage::with(Options { parameters, ..Options::default() });
    stage.register_text("things", CONTRACT);

    let head = call(&stage, Method::HEAD, "/datasets/things", &[]);
    assert_eq!((head.status, head.headers["cache-control"].as_str()), (200, "no-store"));
    let problem = "application/problem+json";
    for (method, path, expected) in [
        (Method::GET, "/nowhere", (404, problem, "urn:landfall:problem:no-such-route")),
        (Method::GET, "/", (404, problem, "urn:landfall:problem:no-such-route")),
        (
            Method::PATCH,
            "/datasets/things",
            (405, problem, "urn:landfall:problem:method-not-allowed"),
        ),
    ] {
        assert_eq!(
            kind(&call(&stage, method.clone(), path, &[("origin", PAGE)])),
            expected,
            "{method} {path}"
        );
    }
    // The local cloud answers OPTIONS itself and asks no route, so what the function says to it is
    // tested in `functions/api`. What it says to others tells its origins.
    let asked = call(&stage, Method::GET, "/datasets/things", &[("origin", PAGE)]);
    assert_eq!(asked.headers["access-control-allow-origin"], PAGE, "{:?}", asked.headers);

    // Of another job nothing may be named, and elsewhere only what the stack's parameter says.
    let work = stage.cloud.output("WorkBucket").unwrap().to_owned();
    for key in ["in/a.csv", "out/a.csv"] {
        stage.python(PUT, &["elsewhere", key, "id\n1\n2\n"]);
    }
    stage.python(PUT, &[&work, "jobs/other/rejects.csv", "id\n1\n"]);
    for (bucket, key) in [(work.as_str(), "jobs/other/rejects.csv"), ("elsewhere", "out/a.csv")] {
        let request = json!({"dataset": "things", "source": {"bucket": bucket, "key": key}});
        for (path, body) in [("/jobs", &request), ("/infer", &json!({"source": request["source"]}))]
        {
            let refused = stage.cloud.api().post(path, body).unwrap();
            assert_eq!(
                kind(&refused),
                (422, problem, "urn:landfall:problem:source-forbidden"),
                "{}",
                refused.body
            );
        }
    }
    let source = json!({"bucket": "elsewhere", "key": "in/a.csv"});
    let job = stage.wait(&stage.submit(&json!({"dataset": "things", "source": source})));
    assert_eq!(
        (&job["status"], &job["counts"]["stored"]),
        (&json!("SUCCEEDED"), &json!(2)),
        "{job}"
    );

    // What waits to be submitted is written once, and with the bytes that were announced.
    let wanted = json!({"dataset": "things", "name": "b.csv", "land": "submit", "size": 5, "crc64nvme": "AAAAAAAAAAA="});
    let upload = stage.cloud.api().post("/uploads", &wanted).unwrap().ok().unwrap();
    let signed = upload["url"].as_str().unwrap().replace("%3B", ";");
    let bound = "X-Amz-SignedHeaders=content-length;host;if-none-match;x-amz-checksum-crc64nvme";
    assert!(signed.contains(bound), "the local cloud lets other lengths pass, S3 does not");
    let wanted = json!({"dataset": "things", "name": "b.csv", "land": "submit", "size": 5});
    let upload = stage.cloud.api().post("/uploads", &wanted).unwrap().ok().unwrap();
    let send = |text: &[u8]| stage.cloud.api().upload(&upload, text.to_vec()).unwrap().status;
    assert_eq!((send(b"id\n3\n"), send(b"id\n4\n")), (200, 412));

    // The version lands that was submitted, though another one is there when the job looks.
    let inbox = stage.cloud.output("InboxBucket").unwrap().to_owned();
    let key = upload["key"].as_str().unwrap();
    let id = stage.submit(&json!({"dataset": "things", "source": {"key": key}}));
    let newer = stage.python(PUT, &[&inbox, key, "id\n5\n6\n7\n8\n"]);
    let job = stage.wait(&id);
    assert_eq!(
        (&job["status"], &job["counts"]["stored"]),
        (&json!("SUCCEEDED"), &json!(1)),
        "{job}"
    );
    assert!(job["source"]["version"].is_string() && job["source"]["version"] != newer, "{job}");
}
