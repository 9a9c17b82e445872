//! The API does what it says of itself: schemathesis asks it all that its description allows, and
//! much that it does not.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use ureq::http::Method;
use xtask::{Python, checkout};

use super::stage::Stage;

const PUT: &str = "
import sys, boto3
bucket, key = sys.argv[1:]
boto3.client('s3').put_object(Bucket=bucket, Key=key, Body=b'id\\n4\\nx\\n')
print('null')
";

/// The function as a plain server, beside the deployed one; stopped when dropped.
struct Server {
    process: Child,
    url: String,
}

impl Server {
    fn start(stage: &Stage) -> Self {
        let cloud = &stage.cloud;
        let output = |name| cloud.output(name).unwrap();
        let mut command = Command::new(checkout::target().unwrap().join("debug/api"));
        command
            .arg("127.0.0.1:0")
            .envs(cloud.environment())
            .env("LANDFALL_AUTH", "open")
            .env("LANDFALL_TABLE", output("Table"))
            .env("LANDFALL_STATE_MACHINE", output("StateMachine"))
            .env("LANDFALL_FUNCTIONS", "transform=transform")
            .env("LANDFALL_INBOX_BUCKET", output("InboxBucket"))
            .env("LANDFALL_INBOX_PREFIX", "inbox/")
            .env("LANDFALL_SOURCE_BUCKET_ARNS", "")
            .env("LANDFALL_WORK_BUCKET", output("WorkBucket"))
            .env("LANDFALL_LAKE_BUCKET", output("LakeBucket"))
            .env("LANDFALL_LAKE_PREFIX", "lake/")
            .env("LANDFALL_CORS_ORIGINS", "")
            .env("LANDFALL_SOCKET_API", cloud.resource("Sockets").unwrap())
            .env("LANDFALL_SOCKET_STAGE", "live")
            .env("LANDFALL_HAS_MASK_SALT", "false")
            .env("LANDFALL_CHANGES_PER_MINUTE", "0");
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let url = lines.by_ref().map(Result::unwrap).find_map(|line| {
            let line: Value = serde_json::from_str(&line).ok()?;
            Some(format!("http://{}", line["address"].as_str()?))
        });
        // Somebody has to read what it writes, or it waits at some point.
        std::thread::spawn(move || lines.for_each(drop));
        Self { process, url: url.unwrap() }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

#[test]
fn the_api_is_as_it_is_described() {
    let stage = Stage::new();
    // What the description's examples and the dictionaries of schemathesis.toml name is there.
    let contract = "name: flights\nschema: { fields: [ { name: id, type: integer } ] }\n";
    stage.register_text("flights", contract);
    let (inbox, key) = (stage.cloud.output("InboxBucket").unwrap(), "staged/flights/june.csv");
    stage.python(PUT, &[inbox, key]);
    let request = json!({"dataset": "flights", "source": {"key": key}}).to_string().into_bytes();
    let api = stage.cloud.api();
    let submitted = api.call(Method::POST, "/jobs", &[("idempotency-key", "may")], request);
    let job = submitted.unwrap().ok().unwrap();
    let job = stage.wait(job["job"].as_str().unwrap());
    assert_eq!(job["status"], "SUCCEEDED", "{job}");

    let server = Server::start(&stage);
    let folder = tempfile::tempdir().unwrap();
    let config = checkout::root().join("tests/end_to_end/schemathesis.toml");
    let mut command = Python::of_schemathesis().unwrap().script("schemathesis").unwrap();
    let asked = command
        .current_dir(folder.path())
        .arg("--config-file")
        .arg(config)
        .args(["run", "--no-color", "--checks", "all"])
        .arg(format!("{}/openapi.json", server.url))
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&asked.stdout);
    assert!(
        asked.status.success(),
        "{told}\n{}\n{}",
        String::from_utf8_lossy(&asked.stderr),
        stage.log_tail()
    );
    for phase in ["Examples", "Coverage", "Fuzzing", "Stateful"] {
        assert!(told.contains(&format!("✅ {phase}")), "{phase} was left out: {told}");
    }
}
