//! Lands rejects again: each at most once, beside what the first job wrote, whatever the mode.

use std::sync::Arc;

use bytes::Bytes;
use job::Intake;
use job::message::{Failure, JobId, SourceRef, Submission};
use job::replay::{Claimant, Claimed, Dismissal, Positions, Replay, Replayed};
use objects::{FaultKind, Faulty, InjectedFault, Memory, Put};
use proptest::prelude::*;
use registry::JobStatus;

use super::bench::{Bench, NOW};

/// A contract of numbers by kind.
fn contract(mode: &str, table: &str, most: u32) -> String {
    format!(
        "
name: things
dialect: {{ delimiter: \",\", header: true }}
schema:
  fields:
    - {{ name: id, type: integer, constraints: {{ required: true, maximum: {most} }} }}
    - {{ name: kind, type: string }}
rejects: {{ limit: 60% }}
output: {{ mode: {mode}, table: {table}, partitionBy: [kind] }}
"
    )
}

const SOURCE: &str = "id,kind\n1,a\nx,a\n2,b\ny,b\nz,a\n";

fn id(job: &str) -> JobId {
    JobId::parse(job).unwrap()
}

fn of(parent: &str) -> Replay {
    Replay { of: id(parent), layout: 0, rejects: None }
}

async fn land(bench: &Bench, job: &str, source: &str) {
    let submission = bench.submit(job, source.as_bytes(), 9, false).await;
    bench.run(submission).await.unwrap();
}

/// A job that lands mended rejects.
async fn submit(bench: &Bench, job: &str, replay: Replay, mended: &str) -> Submission {
    let submission = bench.submit(job, mended.as_bytes(), 9, false).await;
    Submission { replay: Some(replay), ..submission }
}

async fn replay(
    bench: &Bench,
    job: &str,
    parent: &str,
    mended: &str,
) -> Result<(u64, u64), Failure> {
    let submission = submit(bench, job, of(parent), mended).await;
    bench.run(submission).await.map(|stored| (stored.counts.stored, stored.counts.rejected))
}

/// The rows of the table, by folder.
async fn rows(bench: &Bench) -> Vec<String> {
    let rows = bench.sorted_rows(&bench.table_keys().await).await;
    rows.iter().map(|row| row.replace("lake/things/kind=", "")).collect()
}

/// How many rejects of a root are claimed by jobs that landed.
async fn landed(bench: &Bench, root: &str) -> u64 {
    let keys = bench.context.keys(&id(root));
    let mut count = 0;
    for number in 0.. {
        let text = bench.text(&keys.replay(number)).await;
        if text.is_empty() {
            return count;
        }
        let claimed: Claimed = serde_json::from_str(&text).unwrap();
        let Claimant::Job(job) = &claimed.by else { continue };
        if status(bench, job.as_str()).await == JobStatus::Succeeded {
            count += claimed.rejects.count();
        }
    }
    count
}

async fn status(bench: &Bench, job: &str) -> JobStatus {
    bench.context.registry.job(&id(job)).await.unwrap().unwrap().status
}

/// In each mode, and until none is left: what a child rejects again is sent again from there.
#[tokio::test]
async fn rejects_are_landed_to_the_last_one() {
    for table in ["landfall", "delta"] {
        for mode in ["append", "overwrite", "overwrite-partitions"] {
            let case = format!("{table} {mode}");
            let bench = Bench::new(&contract(mode, table, 100)).await;
            land(&bench, "first", SOURCE).await;
            let child = replay(&bench, "second", "first", "id,kind\n3,a\ny,b\nz,a\n").await;
            assert_eq!(child.unwrap(), (1, 2), "{case}");
            let child = replay(&bench, "third", "second", "id,kind\ny,b\n5,a\n").await;
            assert_eq!(child.unwrap(), (1, 1), "{case}");
            let child = replay(&bench, "fourth", "third", "id,kind\n4,b\n").await;
            assert_eq!(child.unwrap(), (1, 0), "{case}");
            assert_eq!(rows(&bench).await, ["a|1", "a|3", "a|5", "b|2", "b|4"], "{case}");
            assert_eq!(landed(&bench, "first").await, 3, "{case}");
            let text = bench.text(&bench.context.keys(&id("fourth")).replayed()).await;
            let replayed: Replayed = serde_json::from_str(&text).unwrap();
            let expected = (id("first"), Positions::from_iter([1]));
            assert_eq!((replayed.root, replayed.rejects), expected, "{case}");
        }
    }
}

/// Nobody lands what is dismissed, however early the replay was begun.
#[tokio::test]
async fn dismissed_rejects_are_not_landed() {
    for is_begun in [false, true] {
        let bench = Bench::new(&contract("append", "landfall", 100)).await;
        land(&bench, "first", SOURCE).await;
        let named = |positions: &[u32]| Replay {
            rejects: Some(positions.iter().copied().collect()),
            ..of("first")
        };
        let child = submit(&bench, "child", named(&[0, 1]), "id,kind\n3,a\n4,b\n").await;
        if is_begun {
            bench.verified(child.clone()).await.unwrap();
        }
        let dismissal = Dismissal { by: None, why: "tests".to_owned(), at: NOW.to_owned() };
        let rejects = Positions::from_iter([1]);
        let entry = Claimed { by: Claimant::Dismissed(dismissal), layout: 0, rejects };
        let key = bench.context.keys(&id("first")).replay(0);
        let entry = serde_json::to_vec(&entry).unwrap();
        bench.work().put(&key, entry.into(), Put::IfAbsent).await.unwrap();
        let failure = bench.run(child).await.unwrap_err();
        assert_eq!(failure.error, "AlreadyLanded");
        assert!(failure.cause.contains("job first are dismissed"), "{}", failure.cause);
        assert_eq!(status(&bench, "child").await, JobStatus::Duplicate);
        let other = submit(&bench, "other", named(&[0, 2]), "id,kind\n3,a\n5,a\n").await;
        assert_eq!(bench.run(other).await.unwrap().counts.stored, 2);
        assert_eq!(rows(&bench).await, ["a|1", "a|3", "a|5", "b|2"], "{is_begun}");
    }
}

/// How many rejects a layout has.
#[tokio::test]
async fn rejects_are_counted_by_layout() {
    let bench = Bench::new(
        "
name: things
dialect: { delimiter: \",\", header: true }
schema: { fieldsMatch: equal, fields: [ { name: id, type: integer }, { name: kind } ] }
",
    )
    .await;
    let mut objects = Vec::new();
    for (number, file) in ["id,kind\n1,a\nx,b\n", "kind,id\nc,2\nd,y\ne,z\n"].iter().enumerate() {
        let key = format!("inbox/things/{number}.csv");
        bench.inbox().put(&key, Bytes::from(*file), Put::Overwrite).await.unwrap();
        objects.push(SourceRef::new("inbox".to_owned(), key));
    }
    let source = job::message::Source::Objects { objects };
    let submission = Submission { source, ..bench.submit("first", b"", 1_000, false).await };
    bench.run(submission).await.unwrap();
    let (work, keys) = (bench.work(), bench.context.keys(&id("first")));
    for (layout, count) in [(0, Some(1)), (1, Some(2)), (2, None)] {
        assert_eq!(steps::rejected(work.as_ref(), &keys, layout).await.unwrap(), count);
    }
}

/// All of them, or some that are named, in any order.
#[tokio::test]
async fn rejects_are_sent_by_their_positions() {
    let bench = Bench::new(&contract("append", "landfall", 100)).await;
    bench.land("first", SOURCE.as_bytes(), 9).await.unwrap();
    let named = |positions: &[u32]| Replay {
        rejects: Some(positions.iter().copied().collect()),
        ..of("first")
    };
    let two = submit(&bench, "two", named(&[2, 0]), "id,kind\n5,a\n3,a\n").await;
    assert_eq!(bench.run(two).await.unwrap().counts.stored, 2);
    for (job, positions, error, told) in [
        ("again", &[1, 2][..], "AlreadyLanded", "job two landed some of the same rejects"),
        ("beyond", &[3], "SourceMissing", "job first has 3 rejects; 3 is none, from 0"),
        ("twice", &[1, 1], "SourceMissing", "reject 1 of job first is named twice"),
        ("none", &[], "SourceMissing", "job first has no rejects"),
        ("fewer", &[1], "SourceCorrupt", "has 2 records, and 1 rejects of job first"),
    ] {
        let submission = submit(&bench, job, named(positions), "id,kind\n7,a\n8,a\n").await;
        let failure = bench.run(submission).await.unwrap_err();
        assert_eq!(failure.error, error, "{job}: {}", failure.cause);
        assert!(failure.cause.contains(told), "{job}: {}", failure.cause);
    }
    let last = submit(&bench, "last", named(&[1]), "id,kind\n4,b\n").await;
    bench.run(last).await.unwrap();
    assert_eq!(rows(&bench).await, ["a|1", "a|3", "a|5", "b|2", "b|4"]);
}

/// A newer contract takes the rejects as they are: the same bytes may come again and again.
#[tokio::test]
async fn a_newer_contract_takes_rejects_as_they_are() {
    let bench = Bench::new(&contract("overwrite", "landfall", 2)).await;
    bench.land("first", b"id,kind\n1,a\n3,a\n2,b\n9,b\n", 9).await.unwrap();
    let rejects = bench.context.keys(&id("first")).rejects(0);
    for (version, most, job, stored) in [(2, 2, "second", 0), (3, 5, "third", 1)] {
        let text = contract("overwrite", "landfall", most) + "# another version\n";
        let put = bench
            .context
            .registry
            .put_contract(&bench.dataset, &text, &Intake::default(), NOW)
            .await
            .unwrap();
        assert_eq!(put.version, version);
        let submission = Submission {
            contract: version,
            source: SourceRef::new("work".to_owned(), rejects.clone()).into(),
            ..submit(&bench, job, of("first"), "").await
        };
        let outcome = bench.run(submission).await;
        match outcome {
            Ok(outcome) => assert_eq!(outcome.counts.stored, stored, "{job}"),
            Err(failure) => {
                assert_eq!((failure.error.as_str(), stored), ("RejectLimitExceeded", 0), "{job}");
            }
        }
    }
    assert_eq!(rows(&bench).await, ["a|1", "a|3", "b|2"]);
    // What lies beside other jobs is nobody's source.
    let submission = Submission {
        source: SourceRef::new("work".to_owned(), rejects).into(),
        ..submit(&bench, "fourth", of("third"), "").await
    };
    assert_eq!(bench.run(submission).await.unwrap_err().error, "AccessDenied");
}

/// Rejects of rows that a later job replaced are not added to the newer ones.
#[tokio::test]
async fn rejects_of_what_was_replaced_are_refused() {
    for (mode, later, is_refused) in [
        ("append", "id,kind\n7,a\n", false),
        ("overwrite", "id,kind\n7,c\n", true),
        ("overwrite-partitions", "id,kind\n7,c\n", false),
        ("overwrite-partitions", "id,kind\n7,a\n", true),
    ] {
        for table in ["landfall", "delta"] {
            let case = format!("{mode} {table} {later}");
            let bench = Bench::new(&contract(mode, table, 100)).await;
            land(&bench, "first", SOURCE).await;
            land(&bench, "later", later).await;
            let before = rows(&bench).await;
            match replay(&bench, "second", "first", "id,kind\n3,a\n4,b\n5,a\n").await {
                Ok(counts) => assert!(!is_refused && counts == (3, 0), "{case}"),
                Err(failure) => {
                    assert!(is_refused, "{case}: {failure:?}");
                    assert_eq!(failure.error, "Superseded", "{case}");
                    assert!(failure.cause.contains("job later replaced what job first wrote"));
                    assert_eq!(rows(&bench).await, before, "{case}");
                    assert_eq!(status(&bench, "second").await, JobStatus::Superseded, "{case}");
                }
            }
        }
    }
}

#[tokio::test]
async fn only_what_landed_has_rejects_to_send_again() {
    let bench = Bench::new(&contract("append", "landfall", 100)).await;
    bench.land("failed", b"id,kind\nx,a\n", 9).await.unwrap_err();
    let failure = replay(&bench, "child", "failed", "id,kind\n1,a\n").await.unwrap_err();
    assert_eq!(failure.error, "SourceMissing");
    assert!(failure.cause.contains("land its whole source again"), "{}", failure.cause);
}

/// The contract leaves the dialect out, and the rejects alone would be read otherwise.
#[tokio::test]
async fn rejects_are_read_as_their_source_was() {
    let fields = "{ name: id, type: integer }, { name: text }";
    let bench = Bench::new(&format!("name: things\nschema: {{ fields: [ {fields} ] }}\n")).await;
    let source = "id;text\n1;a, b\n2;c, d\n3;e, f\nx,1,2;g\n";
    bench.land("first", source.as_bytes(), 1_000).await.unwrap();
    assert_eq!(replay(&bench, "second", "first", "id;text\n4;1,2,3\n").await.unwrap(), (1, 0));
    let rows = bench.sorted_rows(&bench.table_keys().await).await;
    assert!(rows.iter().any(|row| row.ends_with("4|1,2,3")), "{rows:?}");
}

/// Of two replays of the same rejects one lands, wherever the other one stands.
#[tokio::test]
async fn of_two_replays_at_once_one_lands() {
    for _ in 0..20 {
        let bench = Arc::new(Bench::new(&contract("append", "landfall", 100)).await);
        bench.land("first", SOURCE.as_bytes(), 9).await.unwrap();
        let jobs = ["left", "right"].map(|job| {
            let bench = bench.clone();
            tokio::spawn(
                async move { replay(&bench, job, "first", "id,kind\n3,a\n4,b\n5,a\n").await },
            )
        });
        let outcomes = futures::future::try_join_all(jobs).await.unwrap();
        let landed = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        assert_eq!(landed, 1, "{outcomes:?}");
        assert_eq!(rows(&bench).await.len(), 5);
    }
}

/// The first call fails, then the second, and so on: every reject lands once.
#[tokio::test]
async fn any_call_of_a_replay_may_fail() {
    for kind in [FaultKind::Before, FaultKind::After] {
        for call in 1.. {
            let memory = Arc::new(Memory::new());
            let faulty = Arc::new(Faulty::new(memory.clone(), InjectedFault { call, kind }));
            let text = contract("overwrite", "landfall", 100);
            let sound = Bench::over(memory.clone(), memory.clone(), &text).await;
            sound.land("first", SOURCE.as_bytes(), 9).await.unwrap();
            let bench = sound.beside(faulty.clone());
            let outcome = replay(&bench, "second", "first", "id,kind\n3,a\ny,b\n5,a\n").await;
            assert_eq!(outcome.unwrap(), (2, 1), "{kind:?} {call}");
            assert_eq!(rows(&sound).await, ["a|1", "a|3", "a|5", "b|2"], "{kind:?} {call}");
            assert_eq!(landed(&sound, "first").await, 2, "{kind:?} {call}");
            if faulty.calls() < call {
                break;
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    /// However often some of the rejects are mended and all are sent again, from whichever job has
    /// them: each lands once, and none is lost.
    #[test]
    fn every_reject_lands_once(
        kinds in prop::collection::vec(0..3u8, 1..12),
        rounds in prop::collection::vec(prop::collection::vec(any::<bool>(), 12), 1..4),
        shard_bytes in 5u64..40,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let text = contract("append", "landfall", 1000).replace("60%", "100%");
            let bench = Bench::new(&text).await;
            let records = kinds.iter().enumerate().map(|(at, kind)| match kind {
                0 => format!("{at},a\n"),
                _ => format!("x{at},b\n"),
            });
            let source = format!("id,kind\n{}", records.collect::<String>());
            bench.land("job-0", source.as_bytes(), shard_bytes).await.unwrap();
            let mut open: Vec<usize> =
                (0..kinds.len()).filter(|at| kinds[*at] != 0).collect();
            let mut parent = 0;
            for (round, mended) in rounds.iter().enumerate() {
                if open.is_empty() {
                    break;
                }
                let line = |at: &usize| match mended[*at] {
                    true => format!("{at},b\n"),
                    false => format!("x{at},b\n"),
                };
                let text: String = open.iter().map(line).collect();
                let job = format!("job-{}", round + 1);
                let child = submit(&bench, &job, of(&format!("job-{parent}")), &format!("id,kind\n{text}")).await;
                let child = Submission { shard_bytes: Some(shard_bytes), ..child };
                let left: Vec<usize> = open.iter().copied().filter(|at| !mended[*at]).collect();
                match bench.run(child).await {
                    Ok(stored) => {
                        prop_assert_eq!(stored.counts.rejected, left.len() as u64);
                        parent = round + 1;
                        open = left;
                    }
                    Err(failure) => {
                        // Nothing was mended, so nothing landed, and the parent has them still.
                        prop_assert_eq!(failure.error, "RejectLimitExceeded");
                        prop_assert_eq!(left.len(), open.len());
                    }
                }
            }
            let rejected = kinds.iter().filter(|kind| **kind != 0).count();
            prop_assert_eq!(landed(&bench, "job-0").await, (rejected - open.len()) as u64);
            prop_assert_eq!(rows(&bench).await.len(), kinds.len() - open.len());
            Ok(())
        })?;
    }
}

/// The rejects of a job of many objects whose headers differ lie in several files: each is sent
/// again by its layout.
#[tokio::test]
async fn rejects_of_each_layout_are_sent_again() {
    let bench = Bench::new(
        "
name: things
dialect: { delimiter: \",\", header: true }
schema: { fieldsMatch: equal, fields: [ { name: id, type: integer }, { name: kind } ] }
",
    )
    .await;
    let files = ["id,kind\n1,a\nx,b\n", "kind,id\nc,2\nd,y\ne,z\n"];
    let mut objects = Vec::new();
    for (number, file) in files.iter().enumerate() {
        let key = format!("inbox/things/{number}.csv");
        bench.inbox().put(&key, Bytes::from(*file), Put::Overwrite).await.unwrap();
        objects.push(SourceRef::new("inbox".to_owned(), key));
    }
    let submission = Submission {
        source: job::message::Source::Objects { objects },
        ..bench.submit("first", b"", 1_000, false).await
    };
    bench.run(submission).await.unwrap();
    for (layout, mended, stored) in [(1, "kind,id\nd,3\ne,4\n", 2), (0, "id,kind\n5,b\n", 1)] {
        let replay = Replay { layout, ..of("first") };
        let child = submit(&bench, &format!("of-{layout}"), replay, mended).await;
        assert_eq!(bench.run(child).await.unwrap().counts.stored, stored, "{layout}");
    }
    assert_eq!(landed(&bench, "first").await, 3);
    let child = submit(&bench, "none", Replay { layout: 2, ..of("first") }, "id,kind\n1,a\n").await;
    let failure = bench.run(child).await.unwrap_err();
    assert!(failure.cause.contains("job first has no layout 2"), "{}", failure.cause);
}
