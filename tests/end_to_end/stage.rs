//! Deploys a stack, and does there what users do.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use xtask::checkout;
use xtask::local::{LocalCloud, Options};

/// How long anything may take before a test says that it does not happen: many times what it takes
/// on a slow machine.
const PATIENCE: Duration = Duration::from_secs(240);
/// Between two looks at something that is awaited.
const LOOK: Duration = Duration::from_millis(50);

/// A stack on a local cloud that enforces permissions.
pub(crate) struct Stage {
    pub(crate) cloud: LocalCloud,
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self::with(Options::default())
    }

    pub(crate) fn with(options: Options) -> Self {
        // The waits between attempts are those of a cloud: here they are cut short.
        let options =
            Options { auth: true, wait_scale: options.wait_scale.or(Some(0.05)), ..options };
        Self { cloud: LocalCloud::start(&options).unwrap() }
    }

    /// Registers one of the contracts of the test data, under its own name.
    pub(crate) fn register(&self, dataset: &str) {
        self.register_text(
            dataset,
            &std::fs::read_to_string(testdata(&format!("contracts/{dataset}.yaml"))).unwrap(),
        );
    }

    pub(crate) fn register_text(&self, dataset: &str, contract: &str) {
        self.cloud
            .api()
            .put(&format!("/datasets/{dataset}"), "application/yaml", contract)
            .unwrap()
            .ok()
            .unwrap();
    }

    /// Uploads a file that does not land by itself; its key.
    pub(crate) fn stage(&self, dataset: &str, name: &str, bytes: Vec<u8>) -> String {
        self.upload(dataset, name, "submit", bytes)
    }

    /// Drops a file in the inbox: it lands by itself. Its key.
    pub(crate) fn drop_in_inbox(&self, dataset: &str, name: &str, bytes: Vec<u8>) -> String {
        self.upload(dataset, name, "event", bytes)
    }

    fn upload(&self, dataset: &str, name: &str, land: &str, bytes: Vec<u8>) -> String {
        let wanted = json!({"dataset": dataset, "name": name, "land": land, "size": bytes.len()});
        let upload = self.cloud.api().post("/uploads", &wanted).unwrap().ok().unwrap();
        self.cloud.api().upload(&upload, bytes).unwrap().ok().unwrap();
        upload["key"].as_str().unwrap().to_owned()
    }

    /// Submits a job; its id.
    pub(crate) fn submit(&self, request: &Value) -> String {
        let job = self.cloud.api().post("/jobs", request).unwrap().ok().unwrap();
        job["job"].as_str().unwrap().to_owned()
    }

    pub(crate) fn job(&self, id: &str) -> Value {
        self.cloud.api().get(&format!("/jobs/{id}")).unwrap().ok().unwrap()
    }

    /// Waits until a job has ended; the job.
    pub(crate) fn wait(&self, id: &str) -> Value {
        self.until("the job ends", || {
            let job = self.job(id);
            matches!(
                job["status"].as_str(),
                Some("SUCCEEDED" | "FAILED" | "CANCELLED" | "DUPLICATE" | "SUPERSEDED")
            )
            .then_some(job)
        })
    }

    /// Waits until the execution of a job has ended: what it does after the commit is done then
    /// too. Its answer in the API.
    pub(crate) fn execution(&self, id: &str) -> Value {
        self.until("the execution ends", || {
            let answer =
                self.cloud.api().get(&format!("/jobs/{id}/execution")).unwrap().ok().unwrap();
            (answer["execution"]["status"] != "RUNNING").then_some(answer)
        })
    }

    /// The jobs of a dataset, newest first.
    pub(crate) fn jobs(&self, dataset: &str) -> Vec<Value> {
        let page = self
            .cloud
            .api()
            .get(&format!("/jobs?dataset={dataset}&limit=100"))
            .unwrap()
            .ok()
            .unwrap();
        page["items"].as_array().unwrap().clone()
    }

    /// Waits until `look` finds something. What is awaited is named when it does not come.
    pub(crate) fn until<T>(&self, awaited: &str, mut look: impl FnMut() -> Option<T>) -> T {
        let begun = Instant::now();
        loop {
            if let Some(found) = look() {
                return found;
            }
            assert!(
                begun.elapsed() < PATIENCE,
                "waited {PATIENCE:?} until {awaited}; the cloud's log ends with:\n{}",
                self.log_tail()
            );
            std::thread::sleep(LOOK);
        }
    }

    /// Runs a Python script with boto3 and DuckDB, given `arguments`; the JSON that it prints.
    pub(crate) fn python(&self, script: &str, arguments: &[&str]) -> Value {
        let mut command: Command = self.cloud.python();
        let output = command.args(["-c", script]).args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Keys under a prefix of a bucket, and how many uploads are open there.
    pub(crate) fn listing(&self, bucket: &str, prefix: &str) -> (Vec<String>, u64) {
        const SCRIPT: &str = "
import boto3, json, sys
s3 = boto3.client('s3')
bucket, prefix = sys.argv[1:]
keys = [o['Key'] for page in s3.get_paginator('list_objects_v2').paginate(Bucket=bucket, Prefix=prefix) for o in page.get('Contents', [])]
print(json.dumps([keys, len(s3.list_multipart_uploads(Bucket=bucket, Prefix=prefix).get('Uploads', []))]))
";
        let listing = self.python(SCRIPT, &[self.cloud.output(bucket).unwrap(), prefix]);
        serde_json::from_value(listing).unwrap()
    }

    /// Downloads the Parquet files of a dataset into a folder; where they lie in it.
    pub(crate) fn download_lake(&self, dataset: &str, folder: &Path) -> PathBuf {
        const SCRIPT: &str = "
import boto3, os, sys
bucket, prefix, folder = sys.argv[1:]
s3 = boto3.client('s3')
for page in s3.get_paginator('list_objects_v2').paginate(Bucket=bucket, Prefix=prefix):
    for found in page.get('Contents', []):
        if found['Key'].endswith('.parquet'):
            path = os.path.join(folder, found['Key'])
            os.makedirs(os.path.dirname(path), exist_ok=True)
            s3.download_file(bucket, found['Key'], path)
print('null')
";
        let prefix = format!("lake/{dataset}/");
        self.python(
            SCRIPT,
            &[self.cloud.output("LakeBucket").unwrap(), &prefix, folder.to_str().unwrap()],
        );
        folder.join("lake").join(dataset)
    }

    pub(crate) fn log_tail(&self) -> String {
        let log = std::fs::read_to_string(self.cloud.log()).unwrap_or_default();
        let lines: Vec<_> = log.lines().rev().take(60).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}

pub(crate) fn testdata(name: &str) -> PathBuf {
    checkout::root().join("testdata").join(name)
}

/// `flights.csv`, unpacked.
pub(crate) fn flights() -> Vec<u8> {
    let packed = std::fs::File::open(testdata("flights.csv.gz")).unwrap();
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(packed).read_to_end(&mut bytes).unwrap();
    bytes
}

/// The header and the first `records` of a file.
pub(crate) fn head(bytes: &[u8], records: usize) -> Vec<u8> {
    bytes.split_inclusive(|byte| *byte == b'\n').take(records + 1).flatten().copied().collect()
}
