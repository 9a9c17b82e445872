//! What the progress of a large job costs in calls of the table.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use job::message::Counts;

use super::*;
use crate::Memory;

/// A registry that counts what it is asked for.
#[derive(Default)]
struct Counted {
    memory: Memory,
    reads: AtomicU64,
    writes: AtomicU64,
}

#[async_trait]
impl Table for Counted {
    async fn get(&self, key: &Key) -> Result<Option<String>> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        tokio::task::yield_now().await;
        self.memory.get(key).await
    }

    async fn write(&self, writes: Vec<Write>) -> Result<bool> {
        self.writes.fetch_add(1, Ordering::Relaxed);
        self.memory.write(writes).await
    }

    async fn list(
        &self,
        list: &List,
        after: Option<&Position>,
        limit: usize,
    ) -> Result<Vec<(Position, String)>> {
        self.memory.list(list, after, limit).await
    }
}

const SHARDS: u32 = 10_000;
/// At once, as a state machine runs them.
const CONCURRENT: u32 = 1_000;

/// Tells of 10,000 shards, a thousand at once, which end within ten seconds of a clock of their
/// own. Whoever is asked for a push sees to it a moment later, or notes that nobody watches.
async fn tell(is_watched: bool) -> (Arc<Counted>, u64) {
    let table = Arc::new(Counted::default());
    let job = JobId::parse("large").expect("an id");
    let pushes = Arc::new(AtomicU64::new(0));
    let counts = Counts { read: 10, stored: 10, ..Counts::default() };
    let done = Progress { shards: 1, bytes: 64 << 20, counts, ..Progress::default() };
    let next = Arc::new(AtomicU64::new(0));
    let workers = (0..CONCURRENT).map(|_| {
        let (table, job, pushes, next) = (table.clone(), job.clone(), pushes.clone(), next.clone());
        let done = done.clone();
        tokio::spawn(async move {
            loop {
                let shard = next.fetch_add(1, Ordering::Relaxed);
                if shard >= u64::from(SHARDS) {
                    break;
                }
                let (now, shard) = (1_000_000 + shard, u32::try_from(shard).expect("few"));
                if table.note_shard(&job, shard, &done, now).await.expect("noted") {
                    pushes.fetch_add(1, Ordering::Relaxed);
                    match is_watched {
                        true => drop(table.begin_push(&job, now + PUSH_GAP_MS).await),
                        false => table.note_quiet(&job, now).await.expect("noted"),
                    }
                }
            }
        })
    });
    for worker in workers.collect::<Vec<_>>() {
        worker.await.expect("it does not panic");
    }
    let told = table.told(&job).await.expect("told");
    assert_eq!((told.progress.shards, told.progress.counts.read), (SHARDS, 100_000));
    (table, pushes.load(Ordering::Relaxed))
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_shards_cost_a_few_calls_each() {
    for is_watched in [false, true] {
        let (table, pushes) = tell(is_watched).await;
        let [reads, writes] =
            [&table.reads, &table.writes].map(|calls| calls.load(Ordering::Relaxed));
        println!("watched: {is_watched}; reads: {reads}, writes: {writes}, pushes: {pushes}");
        let each = u64::from(SHARDS);
        assert!(reads < 4 * each && writes < 3 * each, "{reads} reads, {writes} writes");
        // Unwatched, one in five seconds asks for a push; watched, four a second, and a few that
        // come while the first of them are seen to.
        let most = if is_watched { 200 } else { 10 };
        assert!(pushes <= most, "{pushes}");
    }
}
