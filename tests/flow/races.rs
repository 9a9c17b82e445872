//! Counts the requests of many jobs that commit to one dataset at once, on a simulated clock.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use job::bill::Item;
use job::message::JobRef;
use objects::{
    Buckets, Head, Listed, Memory, Objects, OpenUpload, Part, Pin, PresignedPut, Put, PutTerms,
    Result, Tags,
};

use super::bench::Bench;

const CONTRACT: &str = "
name: things
schema: { fields: [ { name: id, type: integer } ] }
";
/// How long a request takes: S3 answers small ones within 10 to 50 ms.
const LATENCY: Range<u64> = 10..50;

/// Buckets whose answers take their time.
struct Slow(Arc<dyn Buckets>);

struct Bucket(Arc<dyn Objects>);

impl Buckets for Slow {
    fn bucket(&self, name: &str) -> Arc<dyn Objects> {
        Arc::new(Bucket(self.0.bucket(name)))
    }
}

impl Bucket {
    /// Half before and half after it takes effect; how long depends on the key and on the moment,
    /// so that a run is like the last one.
    async fn wait<T>(&self, key: &str, call: impl Future<Output = T>) -> T {
        let now = tokio::time::Instant::now().elapsed().as_nanos() as u64;
        let seed = key
            .bytes()
            .fold(now, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        let half = Duration::from_millis(LATENCY.start + seed % (LATENCY.end - LATENCY.start)) / 2;
        tokio::time::sleep(half).await;
        let answer = call.await;
        tokio::time::sleep(half).await;
        answer
    }
}

#[async_trait]
impl Objects for Bucket {
    async fn head(&self, key: &str, version: Option<&str>) -> Result<Head> {
        self.wait(key, self.0.head(key, version)).await
    }
    async fn get(&self, key: &str, pin: &Pin, range: Range<u64>) -> Result<Bytes> {
        self.wait(key, self.0.get(key, pin, range)).await
    }
    async fn read(&self, key: &str, limit: u64) -> Result<Bytes> {
        self.wait(key, self.0.read(key, limit)).await
    }
    async fn put(&self, key: &str, bytes: Bytes, put: Put) -> Result<()> {
        self.wait(key, self.0.put(key, bytes, put)).await
    }
    async fn create_upload(&self, key: &str) -> Result<String> {
        self.wait(key, self.0.create_upload(key)).await
    }
    async fn put_part(&self, key: &str, upload: &str, number: u32, bytes: Bytes) -> Result<Part> {
        self.wait(key, self.0.put_part(key, upload, number, bytes)).await
    }
    async fn complete_upload(&self, key: &str, upload: &str, parts: &[Part]) -> Result<()> {
        self.wait(key, self.0.complete_upload(key, upload, parts)).await
    }
    async fn abort_upload(&self, key: &str, upload: &str) -> Result<()> {
        self.wait(key, self.0.abort_upload(key, upload)).await
    }
    async fn uploads(&self, prefix: &str) -> Result<Vec<OpenUpload>> {
        self.wait(prefix, self.0.uploads(prefix)).await
    }
    async fn list(&self, prefix: &str, after: Option<&str>, limit: u32) -> Result<Vec<Listed>> {
        self.wait(prefix, self.0.list(prefix, after, limit)).await
    }
    async fn versions(&self, key: &str) -> Result<Vec<String>> {
        self.wait(key, self.0.versions(key)).await
    }
    async fn tags(&self, key: &str, version: Option<&str>) -> Result<Tags> {
        self.wait(key, self.0.tags(key, version)).await
    }
    async fn put_tags(&self, key: &str, version: Option<&str>, tags: &Tags) -> Result<()> {
        self.wait(key, self.0.put_tags(key, version, tags)).await
    }
    async fn delete(&self, key: &str) -> Result<()> {
        self.wait(key, self.0.delete(key)).await
    }
    async fn presign_get(&self, key: &str, name: &str, seconds: u32) -> Result<String> {
        self.0.presign_get(key, name, seconds).await
    }
    async fn presign_put(&self, key: &str, terms: &PutTerms, seconds: u32) -> Result<PresignedPut> {
        self.0.presign_put(key, terms, seconds).await
    }
}

/// What a race took: PUT-class requests of `store` a job, GET-class ones, and seconds from the
/// start to the last commit.
#[derive(Debug)]
struct Race {
    puts: f64,
    gets: f64,
    seconds: f64,
}

/// Stores so many verified jobs of one dataset at once.
async fn race(jobs: usize) -> Race {
    let memory = Arc::new(Memory::new());
    let bench = Arc::new(Bench::over(memory.clone(), memory.clone(), CONTRACT).await);
    let mut ready = Vec::with_capacity(jobs);
    for n in 0..jobs {
        let submission =
            bench.submit(&format!("job{n}"), format!("id\n{n}\n").as_bytes(), 100, false).await;
        let job = JobRef { job: submission.job.clone(), dataset: submission.dataset.clone() };
        bench.verified(submission).await.unwrap();
        ready.push(job);
    }
    let slow = Arc::new(bench.beside(Arc::new(Slow(memory))));
    let begun = tokio::time::Instant::now();
    let running: Vec<_> = ready
        .iter()
        .map(|job| {
            let (slow, job) = (slow.clone(), job.clone());
            tokio::spawn(async move { steps::store(&slow.context, job).await.unwrap().sequence })
        })
        .collect();
    let mut taken = futures::future::try_join_all(running).await.unwrap();
    let seconds = begun.elapsed().as_secs_f64();
    taken.sort_unstable();
    assert_eq!(taken, (0..jobs as u64).collect::<Vec<_>>(), "each job has one number");
    let (mut puts, mut gets) = (0, 0);
    for job in &ready {
        let record = bench.context.registry.job(&job.job).await.unwrap().unwrap();
        let usage = record.bill.unwrap().lines[&Item::Store].usage;
        (puts, gets) = (puts + usage.puts, gets + usage.gets);
    }
    Race { puts: puts as f64 / jobs as f64, gets: gets as f64 / jobs as f64, seconds }
}

#[tokio::test(start_paused = true)]
async fn two_hundred_jobs_at_once_take_few_requests_each() {
    let Race { puts, gets, seconds } = race(200).await;
    println!("200 jobs at once: {puts:.1} PUTs and {gets:.1} GETs a job, {seconds:.1} s");
    assert!(puts <= 25.0, "{puts} PUTs a job");
}

/// The curve of `benches/README.md`:
/// `cargo xtask test flow::races --run-ignored only --no-capture`.
#[tokio::test(start_paused = true)]
#[ignore = "it measures"]
async fn the_curve_of_a_race() {
    for jobs in [1, 10, 50, 200, 1_000] {
        let Race { puts, gets, seconds } = race(jobs).await;
        println!("| {jobs:>5} | {puts:>6.1} | {gets:>6.1} | {seconds:>6.1} |");
    }
}
