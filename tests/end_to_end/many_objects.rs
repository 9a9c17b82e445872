//! Lands many objects as one job, and again with a few new ones among them.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::stage::Stage;

const CONTRACT: &str = "
name: things
schema: { fields: [{ name: id, type: integer, constraints: { required: true } }] }
";

/// Puts files with so many rows each where they don't land by themselves, many at once.
const PUT: &str = "
import boto3, json, sys
from concurrent.futures import ThreadPoolExecutor
bucket, prefix, first, count, rows = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:])
s3 = boto3.client('s3')
def put(n):
    body = 'id\\n' + ''.join(f'{n * rows + row}\\n' for row in range(rows))
    s3.put_object(Bucket=bucket, Key=f'{prefix}{n:06}.csv', Body=body.encode())
with ThreadPoolExecutor(8) as pool:
    list(pool.map(put, range(first, first + count)))
print('{}')
";

/// How long a job of thousands of objects may take on a local cloud.
const PATIENCE: Duration = Duration::from_secs(1_800);

struct Things {
    stage: Stage,
    bucket: String,
    rows: u64,
}

impl Things {
    fn new(rows: u64) -> Self {
        let stage = Stage::new();
        stage.register_text("things", CONTRACT);
        let bucket = stage.cloud.output("InboxBucket").unwrap().to_owned();
        Self { stage, bucket, rows }
    }

    fn put(&self, prefix: &str, first: u64, count: u64) {
        let numbers = [first, count, self.rows].map(|number| number.to_string());
        let arguments = [&self.bucket, prefix, &numbers[0], &numbers[1], &numbers[2]];
        self.stage.python(PUT, &arguments);
    }

    /// Lands what lies under a prefix; the job, and how long it took.
    fn land(&self, prefix: &str) -> (Value, Duration) {
        let begun = Instant::now();
        let job = self.stage.submit(&json!({"dataset": "things", "source": {"prefix": prefix}}));
        loop {
            let found = self.stage.job(&job);
            if !matches!(found["status"].as_str(), Some("PENDING" | "RUNNING")) {
                assert_eq!(found["status"], "SUCCEEDED", "{found}");
                return (found, begun.elapsed());
            }
            assert!(begun.elapsed() < PATIENCE, "{found}\n{}", self.stage.log_tail());
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

#[test]
fn many_objects_are_one_job_and_new_ones_among_them_land_alone() {
    let things = Things::new(3);
    things.put("staged/things/", 0, 40);
    let (job, _) = things.land("staged/things/");
    assert_eq!((&job["objects"]["landed"], &job["counts"]["stored"]), (&json!(40), &json!(120)));
    things.put("staged/things/", 40, 5);
    let (job, _) = things.land("staged/things/");
    assert_eq!((&job["objects"]["landed"], &job["counts"]["stored"]), (&json!(5), &json!(15)));
}

/// The figures of `benches/README.md`:
/// `cargo xtask test many_objects --run-ignored only --no-capture`.
#[test]
#[ignore = "it measures"]
fn ten_thousand_objects_of_ten_kilobytes() {
    let things = Things::new(1_400);
    things.put("staged/things/alone/", 1_000_000, 1);
    things.put("staged/things/all/", 0, 10_000);
    let told = |what: &str, (job, took): (Value, Duration)| {
        println!("{what}: {:.1} s, {}, {}", took.as_secs_f64(), job["objects"], job["bill"]);
    };
    told("one object", things.land("staged/things/alone/"));
    told("10,000 objects", things.land("staged/things/all/"));
    things.put("staged/things/all/", 10_000, 5);
    told("5 new ones among them", things.land("staged/things/all/"));
}
