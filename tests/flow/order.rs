//! Checks versions of one object: where commits replace what was there, an older one never lands
//! over a newer one.

use std::sync::Arc;

use bytes::Bytes;
use job::message::{Failure, JobId, SourceRef, Stored, Submission, Unreadable};
use objects::{Buckets, FaultKind, Faulty, InjectedFault, Memory, Put};
use registry::{JobRecord, JobStatus};

use super::bench::{Bench, NOW};
use super::commits::{OVERWRITE, PARTITIONS, Rows, assert_table, contract, model, with_modes};

const KEY: &str = "inbox/things/daily.csv";
const V1: Rows = &[(1, "a"), (2, "b")];
const V2: Rows = &[(3, "a"), (4, "b")];

/// A deployment whose inbox keeps versions, with two versions of an object: v1 and v2.
async fn with_versions(buckets: Arc<dyn Buckets>, memory: &Arc<Memory>) -> Bench {
    let bench = with_modes(
        Bench::over(buckets, memory.clone(), &contract("landfall", "append")).await,
        "landfall",
    )
    .await;
    for rows in [V1, V2] {
        let lines: String = rows.iter().map(|(id, kind)| format!("{id},{kind}\n")).collect();
        bench
            .inbox()
            .put(KEY, Bytes::from(format!("id,kind\n{lines}")), Put::Overwrite)
            .await
            .unwrap();
    }
    bench
}

/// A job for a version of the object, with the sequencer that an event would tell, or without.
async fn submit(
    bench: &Bench,
    job: &str,
    mode: u32,
    version: usize,
    has_sequencer: bool,
) -> Submission {
    let submission = Submission {
        job: JobId::parse(job).unwrap(),
        dataset: bench.dataset.clone(),
        contract: mode,
        source: SourceRef {
            bucket: "inbox".to_owned(),
            key: KEY.to_owned(),
            version: Some(format!("v{version}")),
            etag: None,
            sequencer: has_sequencer.then(|| format!("00{version}A")),
        }
        .into(),
        replay: None,
        force: false,
        landed: Default::default(),
        unreadable: Unreadable::Fail,
        commit: Default::default(),
        shard_bytes: Some(9),
        max_cost: None,
    };
    bench.context.registry.put_job(&JobRecord::pending(submission.clone(), NOW)).await.unwrap();
    submission
}

async fn land(
    bench: &Bench,
    job: &str,
    mode: u32,
    version: usize,
    has_sequencer: bool,
) -> Result<Stored, Failure> {
    let submission = submit(bench, job, mode, version, has_sequencer).await;
    bench.run(submission).await
}

fn assert_superseded(outcome: Result<Stored, Failure>, by: &str, case: &str) {
    let failure = outcome.expect_err(case);
    assert_eq!(
        (failure.error.as_str(), failure.job.as_ref().map(JobId::as_str)),
        ("Superseded", Some(by)),
        "{case}"
    );
}

#[tokio::test]
async fn the_newer_version_stays_in_whatever_order_they_come_and_however_often() {
    for (mode, has_sequencer) in
        [OVERWRITE, PARTITIONS].into_iter().flat_map(|mode| [true, false].map(|has| (mode, has)))
    {
        for order in [[1, 2, 1, 2], [2, 1, 2, 1], [2, 2, 1, 1], [1, 1, 2, 2]] {
            let case = format!("mode {mode}, sequencers {has_sequencer}, {order:?}");
            let memory = Arc::new(Memory::versioned());
            let bench = with_versions(memory.clone(), &memory).await;
            let (mut newest, mut by) = (0, String::new());
            let mut entries = 0;
            for (position, version) in order.into_iter().enumerate() {
                let job = format!("job{position}");
                let outcome = land(&bench, &job, mode, version, has_sequencer).await;
                if version < newest {
                    assert_superseded(outcome, &by, &case);
                    let record = bench
                        .context
                        .registry
                        .job(&JobId::parse(&job).unwrap())
                        .await
                        .unwrap()
                        .unwrap();
                    assert_eq!(record.status, JobStatus::Superseded, "{case}");
                } else {
                    outcome.unwrap_or_else(|failure| panic!("{case}: {failure:?}"));
                    (newest, by, entries) = (version, job, entries + 1);
                }
            }
            assert_table(&bench, V2, entries, &case).await;
        }
    }
}

#[tokio::test]
async fn whoever_asks_for_it_lands_an_older_version() {
    let memory = Arc::new(Memory::versioned());
    let bench = with_versions(memory.clone(), &memory).await;
    land(&bench, "two", OVERWRITE, 2, true).await.unwrap();
    let forced = Submission { force: true, ..submit(&bench, "one", OVERWRITE, 1, true).await };
    bench.run(forced).await.unwrap();
    assert_table(&bench, V1, 2, "forced").await;
    land(&bench, "again", OVERWRITE, 2, true).await.unwrap();
    assert_table(&bench, V2, 3, "and the newer one again").await;
}

/// A job for the older version stands still before one of its calls while the newer one lands, and
/// the other way round.
#[tokio::test]
async fn of_two_versions_that_race_the_newer_one_stays() {
    for (mode, slow) in
        [OVERWRITE, PARTITIONS].into_iter().flat_map(|mode| [1, 2].map(|slow| (mode, slow)))
    {
        let fast = 3 - slow;
        let (mut superseded, mut landed) = (0, 0);
        for call in 1.. {
            let case = format!("mode {mode}, v{slow} stands still before call {call}");
            let memory = Arc::new(Memory::versioned());
            let faulty = Arc::new(Faulty::new(
                memory.clone(),
                InjectedFault { call, kind: FaultKind::HangBefore },
            ));
            let bench = Arc::new(with_versions(faulty.clone(), &memory).await);
            let submission = submit(&bench, "slow", mode, slow, true).await;
            let running = tokio::spawn({
                let bench = bench.clone();
                async move { bench.run(submission).await }
            });
            tokio::select! {
                () = faulty.hangs() => {}
                () = async { while !running.is_finished() { tokio::task::yield_now().await } } => break,
            }
            let between = land(&bench.beside(memory.clone()), "fast", mode, fast, true).await;
            faulty.go_on();
            let own = running.await.unwrap();
            let (older, newer) = if slow == 1 { (own, between) } else { (between, own) };
            newer.unwrap_or_else(|failure| panic!("{case}: {failure:?}"));
            match older {
                Ok(_) => landed += 1,
                Err(failure) => {
                    assert_eq!(failure.error, "Superseded", "{case}");
                    superseded += 1;
                }
            }
            let table = bench.table_keys().await;
            let mut expected = Vec::new();
            model(&mut expected, mode, V2);
            let rows = bench.sorted_rows(&table).await;
            assert_eq!(rows.len(), expected.len(), "{case}: {rows:?}");
            assert!(
                rows.iter().all(|row| row.ends_with("|3") || row.ends_with("|4")),
                "{case}: {rows:?}"
            );
            assert_eq!((bench.data_keys().await, bench.visible().await.1), (table, 0), "{case}");
        }
        assert!(
            superseded > 0 && landed > 0,
            "mode {mode}, v{slow} slow: {superseded} superseded, {landed} landed"
        );
    }
}
