//! Drops many small files at once: they are few jobs, and each lands once.

use serde_json::json;
use xtask::local::Options;

use super::stage::Stage;

const CONTRACT: &str = "
name: things
schema: { fields: [{ name: id, type: integer, constraints: { required: true } }] }
arrivals: { maxFiles: 25, maxSeconds: 5 }
";

/// Puts files in the inbox, many at once.
const DROP: &str = "
import boto3, json, sys
from concurrent.futures import ThreadPoolExecutor
bucket, count = sys.argv[1], int(sys.argv[2])
s3 = boto3.client('s3')
def drop(n):
    s3.put_object(Bucket=bucket, Key=f'inbox/things/{n}.csv', Body=f'id\\n{n}\\n'.encode())
with ThreadPoolExecutor(8) as pool:
    list(pool.map(drop, range(count)))
print('{}')
";

/// Has the functions look after the inbox, as the schedule does.
const SWEEP: &str = "
import boto3, json, sys
functions = boto3.client('lambda')
name = next(f['FunctionName'] for page in functions.get_paginator('list_functions').paginate()
            for f in page['Functions'] if 'Settle' in f['FunctionName'])
answer = functions.invoke(FunctionName=name, Payload=json.dumps({'sweep': 'inbox'}))
print(answer['Payload'].read().decode())
";

#[test]
fn small_files_that_come_together_are_landed_together() {
    const FILES: u64 = 40;
    let stage = Stage::with(Options::default());
    stage.register_text("things", CONTRACT);
    let inbox = stage.cloud.output("InboxBucket").unwrap();
    stage.python(DROP, &[inbox, &FILES.to_string()]);

    let stored = |jobs: &[serde_json::Value]| -> u64 {
        jobs.iter().filter_map(|job| job["counts"]["stored"].as_u64()).sum()
    };
    let jobs = stage.until("all files are landed", || {
        let jobs = stage.jobs("things");
        (stored(&jobs) == FILES).then_some(jobs)
    });
    for job in &jobs {
        let job = stage.wait(job["job"].as_str().unwrap());
        assert_eq!(job["status"], "SUCCEEDED", "{job}");
    }
    let jobs = stage.jobs("things");
    assert_eq!(stored(&jobs), FILES, "none is landed twice");
    let files: Vec<u64> =
        jobs.iter().map(|job| job["source"]["batch"]["files"].as_u64().unwrap_or(1)).collect();
    assert_eq!(files.iter().sum::<u64>(), FILES, "{files:?}");
    assert!(files.contains(&25), "a batch is full: {files:?}");

    let seen = stage.python(SWEEP, &[]);
    assert_eq!(
        seen,
        json!({"datasets": 1, "files": 0, "admitted": 0, "overdue": 0, "late": 0, "failed": 0}),
        "none is old enough to have been missed"
    );
}
