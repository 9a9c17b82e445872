//! Shards tell those who watch how far a job has come, and no job depends on it.

use std::sync::Arc;

use async_trait::async_trait;
use job::message::{JobId, Shard, TransformShard};
use job::{Planned, Progress};
use registry::{Connection, Error, Live, Memory, Push, Result, Subscribed, Subscriber};
use registry::{Told, Topic, Viewer};

use super::bench::{Bench, things};

const CONTRACT: &str = "schema: { fields: [ { name: id, type: integer } ] }";
const ROWS: &[u8] = b"id\n1\n2\nx\n3\n4\ny\n5\n6\n";

#[tokio::test]
async fn what_shards_told_is_what_the_job_did() {
    for shard_bytes in [3, 5, 1_000] {
        let (heard, live) = (Arc::new(events::Memory::new()), Arc::new(Memory::new()));
        let mut bench = Bench::new(&things(CONTRACT)).await;
        bench.context.events = Some(heard.clone());
        bench.context.live = Some(live.clone());
        let submission = bench.submit("job-1", ROWS, shard_bytes, false).await;
        let job = submission.job.clone();
        let stored = bench.run(submission).await.unwrap();
        let told = live.told(&job).await.unwrap();
        assert_eq!(told.progress.counts, stored.counts, "{shard_bytes}");
        assert_eq!(told.progress.bytes, ROWS.len() as u64, "{shard_bytes}");
        // Nobody sees to pushes here, so the first shard alone asked for one.
        let asked = heard.all().into_iter().filter(|it| it.detail_type.ends_with("progressed"));
        assert_eq!(asked.count(), 1);
    }
}

#[tokio::test]
async fn a_rejected_record_counts_once_for_each_kind_of_its_faults() {
    const CONTRACT: &str = "schema: { fields: [ { name: id, type: integer, constraints: { maximum: 8 } }, { name: day, type: integer } ] }";
    const ROWS: &[u8] = b"id,day\n1,1\nx,y\n9,y\n9,1\n2\n";
    for shard_bytes in [3, 1_000] {
        let live = Arc::new(Memory::new());
        let mut bench = Bench::new(&things(CONTRACT)).await;
        bench.context.live = Some(live.clone());
        let submission = bench.submit("job-1", ROWS, shard_bytes, false).await;
        let job = submission.job.clone();
        bench.run(submission).await.unwrap();
        let told = live.told(&job).await.unwrap().progress.faults;
        let expected = [("constraint-error", 2), ("missing-cell", 1), ("type-error", 2)];
        assert_eq!(told, expected.map(|(fault, records)| (fault.to_owned(), records)).into());
    }
}

#[tokio::test]
async fn a_shard_that_runs_again_is_told_once() {
    let live = Arc::new(Memory::new());
    let mut bench = Bench::new(&things(CONTRACT)).await;
    bench.context.live = Some(live.clone());
    let submission = bench.submit("job-1", ROWS, 1_000, false).await;
    let (job, dataset) = (submission.job.clone(), submission.dataset.clone());
    let list = steps::ingest(&bench.context, submission.clone()).await.unwrap().shards;
    let plan: Vec<Shard> = serde_json::from_str(&bench.text(&list.key).await).unwrap();
    bench.transformed(submission).await.unwrap();
    let once = live.told(&job).await.unwrap();
    for attempt in ["second", "third"] {
        for shard in plan.clone() {
            let (job, dataset) = (job.clone(), dataset.clone());
            let message = TransformShard { job, dataset, shard };
            steps::transform(&bench.context, message, attempt).await.unwrap();
        }
    }
    assert_eq!(live.told(&job).await.unwrap().progress, once.progress);
    assert_eq!(once.progress.shards as usize, plan.len());
}

/// A table that never answers.
struct Down;

fn down<T>() -> Result<T> {
    Err(Error::Unavailable("nobody answers".to_owned()))
}

#[async_trait]
impl Live for Down {
    async fn issue_ticket(&self, _: &str, _: &Viewer, _: u64) -> Result<()> {
        down()
    }
    async fn use_ticket(&self, _: &str, _: u64) -> Result<Option<Viewer>> {
        down()
    }
    async fn connect(&self, _: &str, _: Viewer, _: u64) -> Result<()> {
        down()
    }
    async fn connection(&self, _: &str) -> Result<Option<Connection>> {
        down()
    }
    async fn disconnect(&self, _: &str) -> Result<()> {
        down()
    }
    async fn subscribe(&self, _: &str, _: &Topic, _: u64) -> Result<Subscribed> {
        down()
    }
    async fn unsubscribe(&self, _: &str, _: &Topic) -> Result<()> {
        down()
    }
    async fn subscribers(&self, _: &Topic) -> Result<Vec<Subscriber>> {
        down()
    }
    async fn note_plan(&self, _: &JobId, _: &Planned, _: u64) -> Result<()> {
        down()
    }
    async fn note_shard(&self, _: &JobId, _: u32, _: &Progress, _: u64) -> Result<bool> {
        down()
    }
    async fn told(&self, _: &JobId) -> Result<Told> {
        down()
    }
    async fn begin_push(&self, _: &JobId, _: u64) -> Result<Push> {
        down()
    }
    async fn note_quiet(&self, _: &JobId, _: u64) -> Result<()> {
        down()
    }
}

#[tokio::test]
async fn a_job_lands_whether_or_not_its_shards_are_heard() {
    let mut bench = Bench::new(&things(CONTRACT)).await;
    bench.context.live = Some(Arc::new(Down));
    let submission = bench.submit("job-1", ROWS, 3, false).await;
    assert_eq!(bench.run(submission).await.unwrap().counts.stored, 6);
}
