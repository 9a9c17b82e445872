//! Checks that small files of shards are put together before the commit, and that a file that is
//! large enough ends.

use std::collections::BTreeMap;
use std::sync::Arc;

use job::decision::Decision;
use job::message::{Abandon, Caught, Failure, JobRef, MergeFiles, MergeItem, Stored};
use landing::commit::CommittedFile;
use objects::{FaultKind, Faulty, InjectedFault, Memory, Metered};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use tables::At;

use super::bench::Bench;

fn contract(output: &str) -> String {
    format!(
        "
name: things
dialect: {{ delimiter: \",\", header: true }}
schema:
  fields:
    - {{ name: id, type: integer }}
    - {{ name: price, type: number }}
    - {{ name: note, type: string }}
    - {{ name: kind, type: string }}
output: {{ {output} }}
"
    )
}

/// Records of three kinds, with nulls and with texts that are not numbers.
fn source(records: usize) -> String {
    let price = |n: usize| if n % 7 == 3 { String::new() } else { format!("{n}.5") };
    let row = |n: usize| {
        format!("{n},{},{},{}\n", price(n), ["", "é", "zwölf"][n % 3], ["a", "b", "c/d"][n % 3])
    };
    format!("id,price,note,kind\n{}", (0..records).map(row).collect::<String>())
}

/// Texts in which nothing is found that compresses.
fn noise(records: usize) -> String {
    let mut state = 1_u64;
    let mut next = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 16
    };
    let row =
        |n: usize| format!("{n},,{:012x}{:012x}{:012x}{:012x},x\n", next(), next(), next(), next());
    format!("id,price,note,kind\n{}", (0..records).map(row).collect::<String>())
}

async fn land(bench: &Bench, source: &str, shard_bytes: u64) -> Stored {
    let submission = bench.submit("job", source.as_bytes(), shard_bytes, false).await;
    bench.run(submission).await.unwrap()
}

async fn files(bench: &Bench) -> Vec<CommittedFile> {
    bench.table_at(At::Newest).await.unwrap().table.into_files()
}

/// A job of many shards, up to its only merge.
async fn transformed(bench: &Bench, source: &str) -> JobRef {
    let submission = bench.submit("job", source.as_bytes(), 250, false).await;
    let job = JobRef { job: submission.job.clone(), dataset: submission.dataset.clone() };
    assert_eq!(bench.transformed(submission).await.unwrap(), 1);
    job
}

pub(super) fn first_merge(job: &JobRef) -> MergeFiles {
    MergeFiles { job: job.job.clone(), dataset: job.dataset.clone(), merge: MergeItem { index: 0 } }
}

/// What lies beside the job of files that shards left small.
async fn small(bench: &Bench, stored: &Stored) -> usize {
    bench
        .work()
        .list(bench.context.keys(&stored.job).small_prefix(), None, 1_000)
        .await
        .unwrap()
        .len()
}

#[tokio::test]
async fn many_shards_leave_as_few_files_as_one() {
    for table in ["landfall", "delta"] {
        let contract = contract(&format!(
            "table: {table}, partitionBy: [kind], sortBy: [{{ field: id, order: desc }}], bloomFilters: [note]"
        ));
        let source = source(600);
        let (one, many) = (Bench::new(&contract).await, Bench::new(&contract).await);
        let (whole, split) = (land(&one, &source, u64::MAX).await, land(&many, &source, 250).await);
        let plan: landing::plan::Plan =
            serde_json::from_str(&many.text(&many.context.keys(&split.job).plan()).await).unwrap();
        assert!(plan.shards > 30, "{}", plan.shards);
        assert_eq!((split.files, split.counts), (3, whole.counts));
        assert_eq!(small(&many, &split).await, 0, "they are deleted after the commit");
        let (visible, open) = many.visible().await;
        assert_eq!((visible.len(), open), (4, 0), "{visible:?}");

        let told = |files: Vec<CommittedFile>| {
            files
                .into_iter()
                .map(|file| (file.partition, file.rows, file.stats))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            told(files(&many).await),
            told(files(&one).await),
            "{table}: what is told of the columns too"
        );
        for (left, right) in many.table_keys().await.into_iter().zip(one.table_keys().await) {
            assert_eq!(
                many.sorted_rows(std::slice::from_ref(&left)).await,
                one.sorted_rows(&[right]).await
            );
            let bytes = many.lake().read(&left, u64::MAX).await.unwrap();
            let reader = ParquetRecordBatchReaderBuilder::try_new(bytes.clone()).unwrap();
            assert_eq!(reader.metadata().num_row_groups(), 1, "no swarm of row groups either");
            let group = reader.metadata().row_group(0).clone();
            assert!(
                group.sorting_columns().is_some()
                    && group.column(2).bloom_filter_offset().is_some()
            );
            let ids: Vec<i64> = reader
                .build()
                .unwrap()
                .flat_map(|batch| {
                    let batch = batch.unwrap();
                    arrow_array::cast::AsArray::as_primitive::<arrow_array::types::Int64Type>(
                        batch.column(0),
                    )
                    .values()
                    .to_vec()
                })
                .collect();
            assert!(ids.is_sorted_by(|before, next| before > next), "sorted as a whole");
        }
        assert_eq!(
            steps::store(
                &many.context,
                JobRef { job: split.job.clone(), dataset: split.dataset.clone() }
            )
            .await
            .unwrap(),
            split
        );
    }
}

/// The first attempt counts: another one, and one after the commit, leave nothing.
#[tokio::test]
async fn a_merge_may_run_twice() {
    let bench = Bench::new(&contract("partitionBy: [kind]")).await;
    let job = transformed(&bench, &source(100)).await;
    bench.merge_all(&job, 1).await.unwrap();
    let message = first_merge(&job);
    let (before, key) = (bench.visible().await, bench.context.keys(&job.job).merged(0));
    let receipt = bench.text(&key).await;
    steps::merge(&bench.context, message.clone(), "another").await.unwrap();
    assert_eq!(bench.visible().await, before);
    assert!(
        before.0.is_empty() && before.1 == 3,
        "open uploads, and nothing to be seen: {before:?}"
    );
    assert_eq!(bench.text(&key).await, receipt);
    // As if the first attempt had been killed before it wrote its receipt.
    bench.work().delete(&key).await.unwrap();
    steps::merge(&bench.context, message.clone(), "another").await.unwrap();
    assert_eq!(bench.visible().await, (Vec::new(), 6));
    let stored = steps::store(&bench.context, job.clone()).await.unwrap();
    let (visible, open) = bench.visible().await;
    assert_eq!(
        (visible.len(), open, stored.counts.stored),
        (4, 0, 100),
        "the uploads of the attempt that does not count are forgotten"
    );
    steps::merge(&bench.context, message, "late").await.unwrap();
    assert_eq!(bench.visible().await, (visible, 0));
}

/// Another attempt comes to its end, and perhaps the job is stored, while one stands still before
/// one of its calls.
#[tokio::test]
async fn of_two_attempts_at_a_merge_one_counts() {
    for is_stored in [false, true] {
        for call in 1.. {
            let case = format!("stored meanwhile: {is_stored}, call {call}");
            let memory = Arc::new(Memory::new());
            let bench =
                Bench::over(memory.clone(), memory.clone(), &contract("partitionBy: [kind]")).await;
            let job = transformed(&bench, &source(60)).await;
            let faulty =
                Arc::new(Faulty::new(memory, InjectedFault { call, kind: FaultKind::HangBefore }));
            let (slow, message) = (bench.beside(faulty.clone()), first_merge(&job));
            let running =
                tokio::spawn(async move { steps::merge(&slow.context, message, "slow").await });
            tokio::select! {
                () = faulty.hangs() => {}
                () = async { while !running.is_finished() { tokio::task::yield_now().await } } => break,
            }
            steps::merge(&bench.context, first_merge(&job), "fast").await.unwrap();
            let stored = if is_stored {
                Some(steps::store(&bench.context, job.clone()).await.unwrap())
            } else {
                None
            };
            faulty.go_on();
            match running.await.unwrap() {
                Ok(_) => {}
                Err(error) => assert!(is_stored, "{case}: {error}"),
            }
            assert_eq!(
                bench.visible().await.1,
                if is_stored { 0 } else { 3 },
                "{case}: the slow one forgets its uploads"
            );
            let again = steps::store(&bench.context, job.clone()).await.unwrap();
            assert!(stored.is_none_or(|stored| stored == again), "{case}");
            let (visible, open) = bench.visible().await;
            assert_eq!(
                (visible.len(), open, small(&bench, &again).await),
                (4, 0, 0),
                "{case}: {visible:?}"
            );
            assert_eq!(bench.landed(&again).await.rows.len(), 60, "{case}");
        }
    }
}

#[tokio::test]
async fn a_merge_that_fails_leaves_no_upload() {
    for damaged in 0..4 {
        let bench = Bench::new(&contract("partitionBy: [kind]")).await;
        let job = transformed(&bench, &source(60)).await;
        let keys = bench.context.keys(&job.job);
        let list = bench.work().list(keys.small_prefix(), None, 100).await.unwrap();
        let there = &list[list.len() * damaged / 4];
        bench
            .work()
            .put(&there.key, vec![b'x'; there.size as usize].into(), objects::Put::Overwrite)
            .await
            .unwrap();
        let failed = steps::merge(&bench.context, first_merge(&job), "a").await.unwrap_err();
        assert_eq!(failed.name(), "Internal");
        assert_eq!(bench.visible().await, (Vec::new(), 0));
        assert!(
            bench.text(&keys.failure()).await.contains("Internal"),
            "of a map only that is known"
        );
        assert_eq!(bench.text(&keys.merged(0)).await, "");
    }
}

#[tokio::test]
async fn a_job_that_is_cancelled_is_not_put_together() {
    let bench = Bench::new(&contract("partitionBy: [kind]")).await;
    let job = transformed(&bench, &source(60)).await;
    let keys = bench.context.keys(&job.job);
    bench.decide(&job.job, Decision::NoCommit(Failure::new("Cancelled", "by hand"))).await;
    assert_eq!(
        steps::merge(&bench.context, first_merge(&job), "a").await.unwrap_err().name(),
        "Cancelled"
    );
    assert_eq!(bench.visible().await, (Vec::new(), 0));
    let failure = Caught { error: "Cancelled".to_owned(), cause: String::new() };
    steps::abandon(
        &bench.context,
        Abandon { job: job.job, dataset: job.dataset, failure, execution: None },
    )
    .await
    .unwrap();
    assert_eq!(bench.work().list(keys.small_prefix(), None, 10).await.unwrap(), []);
}

#[tokio::test]
async fn what_one_merge_left_open_is_taken_back_when_another_fails() {
    let (bench, job, merges) = many_kinds().await;
    steps::merge(&bench.context, first_merge(&job), "a").await.unwrap();
    assert!(merges > 1 && bench.visible().await.1 > 10);
    let failure = Caught { error: "Internal".to_owned(), cause: String::new() };
    steps::abandon(
        &bench.context,
        Abandon { job: job.job.clone(), dataset: job.dataset, failure, execution: None },
    )
    .await
    .unwrap();
    assert_eq!(bench.visible().await, (Vec::new(), 0));
    assert_eq!(
        bench.work().list(bench.context.keys(&job.job).small_prefix(), None, 10).await.unwrap(),
        []
    );
}

#[tokio::test]
async fn many_folders_are_put_together_by_several_merges() {
    let (bench, job, merges) = many_kinds().await;
    assert_eq!(merges, 2);
    let unfinished = steps::store(&bench.context, job.clone()).await.unwrap_err();
    assert_eq!(
        (unfinished.name(), bench.visible().await.0),
        ("Internal", Vec::new()),
        "no row may be missing"
    );
    bench.merge_all(&job, merges).await.unwrap();
    let stored = steps::store(&bench.context, job).await.unwrap();
    assert_eq!((stored.files, stored.counts.stored), (KINDS as u64, 3 * KINDS as u64));
    assert_eq!(bench.landed(&stored).await.rows.len(), 3 * KINDS);
    assert_eq!((bench.visible().await.1, small(&bench, &stored).await), (0, 0));
}

/// More kinds than one merge puts together.
const KINDS: usize = 70;

/// A job of many kinds, up to its merges.
async fn many_kinds() -> (Bench, JobRef, u32) {
    let rows: String = (0..3 * KINDS).map(|n| format!("{n},,,k{}\n", n % KINDS)).collect();
    let bench = Bench::new(&contract("partitionBy: [kind]")).await;
    let submission =
        bench.submit("job", format!("id,price,note,kind\n{rows}").as_bytes(), 500, false).await;
    let job = JobRef { job: submission.job.clone(), dataset: submission.dataset.clone() };
    let merges = bench.transformed(submission).await.unwrap();
    (bench, job, merges)
}

#[tokio::test]
async fn a_job_that_fails_leaves_nothing_small() {
    let bench = Bench::new(&format!("{}rejects: {{ limit: 0 }}\n", contract(""))).await;
    let submission =
        bench.submit("job", format!("{}x,1,,a\n", source(50)).as_bytes(), 250, false).await;
    let keys = bench.context.keys(&submission.job);
    assert_eq!(bench.run(submission).await.unwrap_err().error, "RejectLimitExceeded");
    assert_eq!(bench.work().list(keys.small_prefix(), None, 10).await.unwrap(), []);
    assert_eq!(bench.visible().await, (Vec::new(), 0));
}

/// The same requests as of a job whose files are never put together.
#[tokio::test]
async fn a_job_of_one_shard_asks_for_nothing_more() {
    let mut made = BTreeMap::new();
    for format in ["parquet", "jsonl"] {
        let memory = Arc::new(Memory::new());
        let (metered, meter) = Metered::new(memory.clone());
        let bench = Bench::over(
            Arc::new(metered),
            memory,
            &contract(&format!("format: {format}, partitionBy: [kind]")),
        )
        .await;
        let stored = land(&bench, &source(600), u64::MAX).await;
        assert_eq!(stored.files, 3);
        let usage = meter.usage();
        made.insert(format, (usage.puts, usage.gets, usage.deletes));
    }
    assert_eq!(made["parquet"], made["jsonl"]);
}

#[tokio::test]
async fn files_end_at_their_size_and_small_ones_grow_up_to_it() {
    let source = noise(60_000);
    let contract = contract("fileSize: 1MiB, compression: none");
    let one = Bench::new(&contract).await;
    let whole = land(&one, &source, u64::MAX).await;
    let sizes = |files: &[CommittedFile]| files.iter().map(|file| file.bytes).collect::<Vec<_>>();
    let rolled = sizes(&files(&one).await);
    assert!(
        rolled.len() > 2
            && rolled[..rolled.len() - 1].iter().all(|bytes| (1 << 20..3 << 19).contains(bytes)),
        "{rolled:?}"
    );

    let many = Bench::new(&contract).await;
    let split = land(&many, &source, 200_000).await;
    let merged = sizes(&files(&many).await);
    assert!(merged.len() < 10 && merged.iter().all(|bytes| *bytes < 3 << 19), "{merged:?}");
    assert!(merged.iter().filter(|bytes| **bytes < 1 << 19).count() <= 1, "{merged:?}");
    assert_eq!(
        many.landed(&split).await.rows,
        one.landed(&whole).await.rows,
        "in the order of the source"
    );
}
