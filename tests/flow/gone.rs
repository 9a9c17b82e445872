//! Objects that are gone, or other ones, before all of their rows are worked: a job that skips what
//! it can't read lands the others, as if these had never been there. So it does whichever shards
//! have rows of them, and whatever was made of these rows by then.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use job::bill::Item;
use job::message::{Counts, JobId, ObjectCounts, Source, Stored, Submission, Unreadable};
use landing::commit::{Commit, Tally};
use landing::plan::{Plan, PlannedObject};
use objects::{Buckets, FaultKind, Faulty, InjectedFault, Memory, Put};
use proptest::prelude::*;
use registry::JobStatus;

use steps::shards::page;

use super::bench::{Bench, Landed, things};
use super::many::KEYED;
use super::torn::{File, gzip, plain, rejects, skipped};

/// No job here takes as long.
const LONGEST: Duration = Duration::from_secs(60);

/// Small objects with keys that others have too, with records that are rejected, and with quotes
/// that mislead shards about their start.
fn files() -> Vec<File> {
    [
        ("a", "1,a\n2,a\n3,\"a\n9,\n8,\"\nx,a\n"),
        ("b", "2,b\n5,b\n6,\"b\n1,\n2,\n3,\"\n7,b\n"),
        ("c", "5,c\n9,c\n3,c\n6,c\n"),
    ]
    .map(|(name, rows)| plain(name, &format!("id,text\n{rows}")))
    .to_vec()
}

/// The file that replaces an object. No other object has its length.
fn another(name: &str) -> File {
    (name.to_owned(), format!("id,text\n5,{name}\n7,{:500}\n", "z").into_bytes())
}

fn key(file: &str) -> String {
    format!("inbox/gone/{file}")
}

async fn put(bench: &Bench, files: &[File]) {
    for (name, bytes) in files {
        let bytes = Bytes::copy_from_slice(bytes);
        bench.inbox().put(&key(name), bytes, Put::Overwrite).await.unwrap();
    }
}

async fn submit(bench: &Bench, shard_bytes: u64) -> Submission {
    let bucket = "inbox".to_owned();
    let prefix = Source::Prefix { bucket, prefix: "inbox/gone/".to_owned(), glob: None };
    let submission = bench.submission("job", prefix, shard_bytes);
    bench.register(Submission { unreadable: Unreadable::Skip, ..submission }).await
}

/// What becomes of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Deleted,
    Replaced,
}

impl Fate {
    async fn befall(self, bench: &Bench, file: &str) {
        match self {
            Self::Deleted => bench.inbox().delete(&key(file)).await.unwrap(),
            Self::Replaced => put(bench, &[another(file)]).await,
        }
    }

    fn error(self) -> &'static str {
        match self {
            Self::Deleted => "SourceMissing",
            Self::Replaced => "SourceChanged",
        }
    }
}

/// All that a landed job reports.
#[derive(Debug, PartialEq)]
struct Told {
    landed: Landed,
    nulls: BTreeMap<String, u64>,
    profile: String,
    objects: u32,
    source_bytes: u64,
}

async fn told(bench: &Bench, stored: &Stored) -> Told {
    let mut landed = bench.landed(stored).await;
    // Which files the rows stand in depends on how objects are put together.
    landed.rows.sort_unstable();
    // Objects that are left out have a layout all the same, which may come before others.
    landed.rejects = rejects(bench).await;
    let Commit { nulls, objects, source_bytes, .. } = bench.commit(0).await.unwrap();
    let profile = bench.text(&bench.context.keys(&stored.job).profile()).await;
    Told { landed, nulls, profile, objects, source_bytes }
}

/// What some files land alone.
async fn alone(files: &[File], shard_bytes: u64) -> Told {
    let bench = Bench::new(&things(KEYED)).await;
    put(&bench, files).await;
    let stored = bench.run(submit(&bench, shard_bytes).await).await.unwrap();
    told(&bench, &stored).await
}

fn job() -> JobId {
    JobId::parse("job").unwrap()
}

/// The objects of a job that were planned and not left out later, each as it was then.
async fn kept(bench: &Bench, files: &[File]) -> Vec<File> {
    let keys = bench.context.keys(&job());
    let plan: Plan = serde_json::from_str(&bench.text(&keys.plan()).await).unwrap();
    let tally: Tally = serde_json::from_str(&bench.text(&keys.tally()).await).unwrap();
    let objects = (0..).zip(&plan.first_objects).filter(|(position, _)| tally.lands(*position));
    let kept = |object: &PlannedObject| {
        let name = object.source.key.rsplit('/').next().unwrap();
        let file = files.iter().find(|(file, _)| file == name).cloned().unwrap();
        let another = another(name);
        if another.1.len() as u64 == object.bytes { another } else { file }
    };
    objects.map(|(_, object)| kept(object)).collect()
}

/// Checks what is told of the objects that a job left out, but for those that it `kept`.
async fn assert_told(bench: &Bench, kept: &[File], fates: &BTreeMap<String, Fate>, case: &str) {
    let skipped = skipped(bench, "job").await;
    for [source, error, message] in &skipped {
        let file = source.rsplit('/').next().unwrap();
        assert!(kept.iter().all(|(kept, _)| kept != file), "{case}: {source}");
        assert_eq!(Some(error.as_str()), fates.get(file).map(|fate| fate.error()), "{case}");
        assert!(message.contains(file), "{case}: {message}");
    }
    let record = bench.record("job").await;
    assert_eq!(record.status, JobStatus::Succeeded, "{case}");
    let (landed, skipped) = (kept.len() as u32, skipped.len() as u32);
    assert_eq!(record.objects, Some(ObjectCounts { landed, skipped }), "{case}");
    assert_eq!(record.warnings.len(), usize::from(skipped > 0), "{case}: {:?}", record.warnings);
    let commit = bench.commit(0).await.unwrap();
    let (visible, open) = bench.visible().await;
    assert_eq!((visible.len(), open), (commit.files.len() + 1, 0), "{case}");
}

/// A call, what befalls an object when it is made, and the object.
type Befalls = (Arc<Faulty>, String, Fate);

/// Runs (a part of) a job during which things befall objects.
async fn during<T>(bench: &Bench, calls: &[Befalls], work: impl Future<Output = T>) -> T {
    let befall = calls.iter().map(|(call, file, fate)| async move {
        call.hangs().await;
        fate.befall(bench, file).await;
        call.go_on();
    });
    let befall = async {
        futures::future::join_all(befall).await;
        std::future::pending::<()>().await;
    };
    tokio::select! {
        outcome = work => outcome,
        () = befall => unreachable!(),
        // A call that stands still while a job is given up goes on for nobody.
        () = tokio::time::sleep(LONGEST) => panic!("the job stands still"),
    }
}

fn hanging(buckets: Arc<dyn Buckets>, call: u64) -> Arc<Faulty> {
    Arc::new(Faulty::new(buckets, InjectedFault { call, kind: FaultKind::HangBefore }))
}

/// One of several objects goes before each call that the job makes. It is left out or not, wholly.
/// Answers in how many of these jobs it was, and in how many keys were settled twice.
async fn an_object_goes_at_any_call(shard_bytes: u64, file: &str, fate: Fate) -> (u32, u32) {
    let files = files();
    let mut expected = HashMap::<Vec<File>, Told>::new();
    let (mut left_out, mut settled_twice) = (0, 0);
    for call in 1.. {
        let case = format!("{file} is {fate:?} at call {call}, shards of {shard_bytes}");
        let memory = Arc::new(Memory::new());
        let faulty = hanging(memory.clone(), call);
        let bench = Bench::over(faulty.clone(), memory, &things(KEYED)).await;
        put(&bench, &files).await;
        let submission = submit(&bench, shard_bytes).await;
        let calls = [(faulty.clone(), file.to_owned(), fate)];
        let stored = during(&bench, &calls, bench.run(submission)).await.expect(&case);
        let kept = kept(&bench, &files).await;
        assert!(kept.len() + 1 >= files.len(), "{case}");
        if !expected.contains_key(&kept) {
            expected.insert(kept.clone(), alone(&kept, shard_bytes).await);
        }
        let fates = BTreeMap::from([(file.to_owned(), fate)]);
        assert_eq!(&told(&bench, &stored).await, &expected[&kept], "{case}");
        assert_told(&bench, &kept, &fates, &case).await;

        let receipts = bench.context.keys(&job()).receipts_prefix();
        let receipts = bench.work().list(&receipts, None, 1_000).await.unwrap();
        let bill = bench.record("job").await.bill.unwrap();
        let invocations = bill.lines[&Item::Transform].usage.invocations;
        assert_eq!(invocations, receipts.len() as u64, "{case}");
        let keys = bench.context.keys(&job());
        let shards = page(bench.work().as_ref(), &keys, 0, 1_000, true).await.unwrap().unwrap();
        let mut counts = Counts::default();
        shards.items.iter().for_each(|shard| counts += shard.counts.expect(&case));
        assert_eq!(counts, stored.counts, "{case}");
        left_out += u32::from(kept.len() < files.len());
        let again = bench.context.keys(&job()).again(4);
        settled_twice += u32::from(!bench.text(&again).await.is_empty());
        if faulty.calls() < call {
            break;
        }
    }
    (left_out, settled_twice)
}

#[tokio::test]
async fn an_object_in_several_shards_may_go_at_any_call() {
    for (file, fate) in [("a.csv", Fate::Replaced), ("b.csv", Fate::Deleted)] {
        let (left_out, settled_twice) = an_object_goes_at_any_call(20, file, fate).await;
        assert!(left_out > 20, "{left_out}");
        // Nothing is told of the first object's keys.
        assert_eq!(settled_twice > 0, file == "b.csv", "{settled_twice}");
    }
}

#[tokio::test]
async fn an_object_in_a_shard_with_others_may_go_at_any_call() {
    let (left_out, settled_twice) = an_object_goes_at_any_call(64, "b.csv", Fate::Deleted).await;
    assert!(left_out > 20 && settled_twice > 0, "{left_out} {settled_twice}");
}

/// A job that is not to leave anything out lands all objects or none.
#[tokio::test]
async fn without_skip_it_fails_the_job() {
    let (mut failed, files) = (0, files());
    let expected = alone(&files, 20).await;
    for call in (1..).step_by(5) {
        let memory = Arc::new(Memory::new());
        let faulty = hanging(memory.clone(), call);
        let bench = Bench::over(faulty.clone(), memory, &things(KEYED)).await;
        put(&bench, &files).await;
        let submission = submit(&bench, 20).await;
        let submission = Submission { unreadable: Unreadable::Fail, ..submission };
        let calls = [(faulty.clone(), "b.csv".to_owned(), Fate::Deleted)];
        match during(&bench, &calls, bench.run(submission)).await {
            Ok(stored) if kept(&bench, &files).await.len() == files.len() => {
                assert_eq!(told(&bench, &stored).await, expected, "{call}");
            }
            // It was gone before it was found.
            Ok(_) => assert_eq!(call, 1),
            Err(failure) => {
                assert_eq!(failure.error, "SourceMissing", "{call}");
                assert_eq!(bench.visible().await, (vec![], 0), "{call}");
                failed += 1;
            }
        }
        if faulty.calls() < call {
            break;
        }
    }
    assert!(failed > 5, "{failed}");
}

/// A record of the tables below. Some are rejected, some mislead shards about their start.
fn record() -> impl Strategy<Value = String> {
    let text = prop_oneof![
        4 => "[a-c]{1,9}".prop_map(|text| text),
        1 => prop::collection::vec(0u32..20, 1..4)
            .prop_map(|ids| ids.iter().map(|id| format!("\n{id},")).collect())
            .prop_map(|lines: String| format!("\"{lines}\"")),
    ];
    (prop_oneof![9 => (0u32..20).prop_map(|id| id.to_string()), 1 => Just("x".to_owned())], text)
        .prop_map(|(id, text)| format!("{id},{text}\n"))
}

/// When something befalls an object, and what; mostly nothing.
fn befalls() -> impl Strategy<Value = Option<(u64, Fate)>> {
    let fate = prop_oneof![Just(Fate::Deleted), Just(Fate::Replaced)];
    prop_oneof![1 => Just(None), 1 => (1u64..300, fate).prop_map(Some)]
}

fn fault() -> impl Strategy<Value = InjectedFault> {
    let kind = prop_oneof![
        Just(FaultKind::Before),
        Just(FaultKind::After),
        Just(FaultKind::HangBefore),
        Just(FaultKind::HangAfter),
    ];
    (prop_oneof![1 => Just(0u64), 2 => 1u64..400], kind)
        .prop_map(|(call, kind)| InjectedFault { call, kind })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Whichever objects go, whenever, however large shards are, and whether or not a call fails, a
    /// process dies or the job runs a second time: what lands is what the others land alone.
    #[test]
    fn what_lands_is_what_the_others_land_alone(
        tables in prop::collection::vec(
            (prop::collection::vec(record(), 0..8), befalls(), prop::bool::weighted(0.2)),
            1..5,
        ),
        shard_bytes in prop_oneof![3 => 16u64..60, 1 => 60u64..300],
        fault in fault(),
        runs_twice in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let memory = Arc::new(Memory::new());
            let mut buckets: Arc<dyn Buckets> = memory.clone();
            let (mut files, mut calls, mut fates) = (Vec::new(), Vec::new(), BTreeMap::new());
            for (index, (records, befalls, is_packed)) in tables.iter().enumerate() {
                // Files differ, so that none is taken for a copy of another.
                let text = format!("id,text\n{},f{index}\n{}", 100 + index, records.concat());
                let pack = if *is_packed { gzip } else { plain };
                let file = pack(&index.to_string(), &text);
                if let Some((call, fate)) = befalls {
                    let hanging = hanging(buckets, *call);
                    buckets = hanging.clone();
                    calls.push((hanging, file.0.clone(), *fate));
                    fates.insert(file.0.clone(), *fate);
                }
                files.push(file);
            }
            // Nobody dies while a job is given up.
            let call = if fates.len() == files.len() { 0 } else { fault.call };
            let faulty = Arc::new(Faulty::new(buckets, InjectedFault { call, ..fault }));
            let bench = match fault.kind {
                FaultKind::HangBefore | FaultKind::HangAfter => {
                    Bench::deadly(faulty, memory, &things(KEYED)).await
                }
                _ => Bench::over(faulty, memory, &things(KEYED)).await,
            };
            put(&bench, &files).await;
            let submission = submit(&bench, shard_bytes).await;
            if runs_twice {
                // It may fail, as the second run does then.
                let _ = during(&bench, &calls, bench.verified(submission.clone())).await;
            }
            let stored = match during(&bench, &calls, bench.run(submission.clone())).await {
                Ok(stored) => stored,
                Err(failure) => {
                    assert_eq!(fates.len(), files.len(), "{failure:?}");
                    let names = ["SourceCorrupt", "SourceMissing"];
                    assert!(names.contains(&failure.error.as_str()), "{failure:?}");
                    assert_eq!(bench.visible().await, (vec![], 0));
                    return;
                }
            };
            let kept = kept(&bench, &files).await;
            let is_kept = |file: &File| kept.iter().any(|(kept, _)| *kept == file.0);
            assert!(files.iter().all(|file| is_kept(file) || fates.contains_key(&file.0)));
            let mut expected = alone(&kept, shard_bytes).await;
            let mut told = told(&bench, &stored).await;
            if kept.len() == 1 {
                // The list of a single object tells no sources, and it is cut in another way.
                told.landed.errors.clear();
                expected.landed.errors.clear();
            }
            assert_eq!(told, expected);
            assert_told(&bench, &kept, &fates, "").await;
            assert_eq!(during(&bench, &calls, bench.run(submission)).await, Ok(stored));
        });
    }
}
