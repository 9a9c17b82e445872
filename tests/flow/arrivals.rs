//! Lands files that arrive in the inbox: small ones together, each once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use admission::{Admitter, Clock};
use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use job::message::{Failure, JobId, Source, SourceRef, Stored, Submission};
use objects::Put;
use proptest::prelude::*;
use registry::Arrival;
use serde_json::json;
use settle::{Due, Seen};
use steps::Place;

use super::bench::{Bench, NOW, things};
use super::packed::packing::{bzip2, zip};
use super::torn::{Damage, File, damaged, gzip, plain, rows, skipped, zstd};

const CONTRACT: &str = "
name: things
dialect: { delimiter: \",\", header: true }
schema:
  fields:
    - { name: id, type: integer, constraints: { required: true } }
rejects: { limit: 50% }
output: { lineage: true }
";

/// Nobody is reminded of anything: the test says when a batch's time has come.
struct Never;

#[async_trait]
impl Clock for Never {
    async fn remind(&self, _: &admission::Due, _: u32) -> Result<(), String> {
        Ok(())
    }
}

/// A deployment, and the executions that were started.
struct Inbox {
    bench: Bench,
    executions: executions::Memory,
}

impl Inbox {
    async fn new() -> Self {
        Self::of(CONTRACT).await
    }

    async fn of(contract: &str) -> Self {
        Self { bench: Bench::new(contract).await, executions: executions::Memory::new() }
    }

    fn admitter(&self) -> Admitter<'_> {
        let registry = self.bench.context.registry.as_ref();
        Admitter { registry, executions: &self.executions, clock: &Never }
    }

    /// Puts a file in the inbox, and tells what the event of it says.
    async fn drop(&self, name: &str, text: &str) -> Arrival {
        self.drop_file(&(name.to_owned(), text.as_bytes().to_vec())).await
    }

    async fn drop_file(&self, (name, bytes): &File) -> Arrival {
        let key = format!("inbox/things/{name}");
        let inbox = self.bench.inbox();
        let (size, bytes) = (bytes.len() as u64, Bytes::copy_from_slice(bytes));
        inbox.put(&key, bytes, Put::Overwrite).await.unwrap();
        let head = inbox.head(&key, None).await.unwrap();
        let source = SourceRef {
            etag: Some(head.etag),
            version: head.version,
            ..SourceRef::new("inbox".to_owned(), key)
        };
        Arrival { source, bytes: size }
    }

    async fn arrive(&self, files: &[Arrival]) {
        let dataset = &self.bench.dataset;
        self.admitter().arrive(dataset, files.to_vec(), NOW).await.unwrap();
    }

    /// Runs all jobs that were started, after the time of the last batch has come.
    async fn land(&self) -> Vec<Stored> {
        self.try_land().await.into_iter().map(|(_, outcome)| outcome.unwrap()).collect()
    }

    /// The same, and what each of the jobs is of.
    async fn try_land(&self) -> Vec<(Submission, Result<Stored, Failure>)> {
        self.admitter().close_overdue(&self.bench.dataset, NOW, NOW).await.unwrap();
        let mut landed = Vec::new();
        for input in self.executions.inputs() {
            let submission: Submission = serde_json::from_str(&input).unwrap();
            let outcome = self.bench.run(submission.clone()).await;
            landed.push((submission, outcome));
        }
        landed
    }
}

#[tokio::test]
async fn a_batch_is_one_job_and_one_commit() {
    let inbox = Inbox::new().await;
    let mut files = Vec::new();
    for n in 0..3 {
        files.push(inbox.drop(&format!("{n}.csv"), &format!("id\n{n}\nx\n")).await);
    }
    inbox.arrive(&files).await;
    inbox.arrive(&files).await;
    let landed = inbox.land().await;
    let [stored] = landed.as_slice() else { panic!("{landed:?}") };
    assert_eq!((stored.counts.stored, stored.counts.rejected), (3, 3));
    let landed = inbox.bench.landed(stored).await;
    for n in 0..3 {
        let source = format!("s3://inbox/inbox/things/{n}.csv");
        assert!(landed.rows.iter().any(|row| row.contains(&source)), "{:?}", landed.rows);
        assert!(landed.errors.contains(&source), "{}", landed.errors);
    }
    let job = inbox.bench.context.registry.job(&stored.job).await.unwrap().unwrap();
    assert_eq!(job.objects.unwrap().landed, 3);
}

#[tokio::test]
async fn one_file_that_cannot_be_read_keeps_no_other_out() {
    let inbox = Inbox::new().await;
    let good = inbox.drop("good.csv", "id\n1\n").await;
    let other = inbox.drop("other.csv", "name\nx\n").await;
    let gone = inbox.drop("gone.csv", "id\n2\n").await;
    inbox.bench.inbox().delete(&gone.source.key).await.unwrap();
    inbox.arrive(&[good, other, gone]).await;
    let landed = inbox.land().await;
    assert_eq!(landed[0].counts.stored, 1);
    let job = inbox.bench.context.registry.job(&landed[0].job).await.unwrap().unwrap();
    let objects = job.objects.unwrap();
    assert_eq!((objects.landed, objects.skipped), (1, 2));
    let [warning] = job.warnings.as_slice() else { panic!("{:?}", job.warnings) };
    assert_eq!(warning.name, "ObjectsSkipped");
    assert!(warning.message.starts_with("2 of 3 objects can't be read"), "{}", warning.message);
}

/// The fields of the files that are packed.
const SCHEMA: &str = r#"
schema:
  fields:
    - { name: id, type: integer }
    - { name: text, type: string, constraints: { maxLength: 200 } }
"#;

/// A file of a kind, by its number.
fn pack(kind: usize, name: &str, text: &str) -> File {
    match kind {
        0 => plain(name, text),
        1 => gzip(name, text),
        2 => zstd(name, text),
        3 => (format!("{name}.csv.bz2"), bzip2(text.as_bytes())),
        _ => (format!("{name}.csv.zip"), zip(&[("a.csv", text.as_bytes())], false, false)),
    }
}
const KINDS: usize = 5;

#[tokio::test]
async fn packed_files_are_landed_with_plain_ones() {
    let inbox = Inbox::of(&things(SCHEMA)).await;
    let mut files = Vec::new();
    for n in 0..2 * KINDS {
        let first = 100 * n as u32;
        let file = pack(n % KINDS, &n.to_string(), &rows(first..first + 20));
        files.push(inbox.drop_file(&file).await);
    }
    for group in files.chunks(3) {
        inbox.arrive(group).await;
    }
    inbox.arrive(&files).await;
    let landed = inbox.land().await;
    let [stored] = landed.as_slice() else { panic!("{} jobs", landed.len()) };
    // One row of each file is rejected.
    let count = files.len() as u64;
    assert_eq!((stored.counts.stored, stored.counts.rejected), (19 * count, count));
    let rows = inbox.bench.landed(stored).await.rows;
    for file in &files {
        let name = file.source.name();
        assert_eq!(rows.iter().filter(|row| row.contains(&name)).count(), 19, "{name}");
    }
}

/// An archive of several files can't be read without the contract's word for which one is meant.
#[tokio::test]
async fn an_archive_of_several_files_keeps_no_other_out() {
    let inbox = Inbox::of(&things(SCHEMA)).await;
    let table = rows(0..20);
    let archive = zip(&[("a.csv", table.as_bytes()), ("b.csv", table.as_bytes())], false, false);
    let archive = inbox.drop_file(&("several.zip".to_owned(), archive)).await;
    let good = inbox.drop_file(&gzip("good", &table)).await;
    inbox.arrive(&[archive, good]).await;
    let landed = inbox.land().await;
    assert_eq!(landed[0].counts.read, 20);
    let left_out = skipped(&inbox.bench, landed[0].job.as_str()).await;
    let [[source, error, message]] = left_out.as_slice() else { panic!("{left_out:?}") };
    assert_eq!(source, "s3://inbox/inbox/things/several.zip");
    assert_eq!(error, "SourceCorrupt");
    assert!(message.contains("member"), "{message}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// However files are packed, whichever of them are torn, and whoever delivers what: each file
    /// has one job, which lands it if it is whole, and tells of it if it is not.
    #[test]
    fn each_packed_file_lands_once_or_is_told(
        files in proptest::collection::vec((0..KINDS, proptest::option::of(1..1_000_usize)), 1..7),
        deliveries in proptest::collection::vec((0..7_usize, 1..4_usize), 0..6),
        max_files in 2..5_u32,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let inbox = Inbox::of(&things(SCHEMA)).await;
            let more = format!("arrivals: {{ maxFiles: {max_files} }}");
            register_text(&inbox.bench, &format!("{}{more}\n", things(SCHEMA))).await;
            let mut arrivals = Vec::new();
            // Where each lies, and how many of its rows are read: none, if it is torn.
            let mut expected = BTreeMap::new();
            for (n, (kind, cut)) in files.iter().enumerate() {
                let first = 10_000 * n as u32;
                // Nobody can see that a plain file is cut off.
                let cut = cut.filter(|_| *kind > 0);
                // Torn files are mostly too long to be read to their end when they are opened.
                let count = if cut.is_some() { 4_000 } else { 20 };
                let file = pack(*kind, &n.to_string(), &rows(first..first + count));
                let file = match cut {
                    Some(part) => damaged(file, Damage::Cut(part)),
                    None => file,
                };
                let arrival = inbox.drop_file(&file).await;
                expected.insert(arrival.source.name(), cut.is_none().then_some(count));
                arrivals.push(arrival);
            }
            for (first, count) in deliveries {
                let group: Vec<_> = arrivals.iter().skip(first).take(count).cloned().collect();
                inbox.arrive(&group).await;
            }
            inbox.arrive(&arrivals).await;

            let mut told = BTreeSet::new();
            for (submission, outcome) in inbox.try_land().await {
                let registry = &inbox.bench.context.registry;
                let gathered = registry.gathered(&submission.job).await.unwrap();
                let objects: Vec<String> = match &submission.source {
                    Source::Object(only) => vec![only.name()],
                    _ => gathered.iter().map(|arrival| arrival.source.name()).collect(),
                };
                assert!(objects.len() <= max_files as usize);
                let whole: Vec<_> = objects.iter().filter_map(|name| expected[name]).collect();
                match outcome {
                    Ok(stored) => {
                        assert_eq!(stored.counts.read, u64::from(whole.iter().sum::<u32>()));
                        let rows = inbox.bench.landed(&stored).await.rows;
                        for name in &objects {
                            let is_landed = rows.iter().any(|row| row.contains(name));
                            assert_eq!(is_landed, expected[name].is_some(), "{name}");
                        }
                    }
                    Err(failure) => {
                        assert_eq!((failure.error.as_str(), whole.len()), ("SourceCorrupt", 0));
                    }
                }
                if objects.len() > 1 {
                    let left_out = skipped(&inbox.bench, submission.job.as_str()).await;
                    let left_out: BTreeSet<_> = left_out.iter().map(|[name, ..]| name).collect();
                    let torn = objects.iter().filter(|name| expected[*name].is_none());
                    assert_eq!(left_out, torn.collect());
                }
                for name in objects {
                    assert!(told.insert(name), "it has one job");
                }
            }
            assert!(told.iter().eq(expected.keys()), "each has a job");
        });
    }
}

#[tokio::test]
async fn two_thousand_drops_are_few_jobs_and_none_is_lost_or_doubled() {
    const FILES: usize = 2_000;
    let inbox = Inbox::new().await;
    let mut files = Vec::with_capacity(FILES);
    for n in 0..FILES {
        files.push(inbox.drop(&format!("{n}.csv"), &format!("id\n{n}\n")).await);
    }
    // The queue delivers ten at a time, and every seventh of these batches twice.
    for (n, group) in files.chunks(10).enumerate() {
        inbox.arrive(group).await;
        if n % 7 == 0 {
            inbox.arrive(group).await;
        }
    }
    let landed = inbox.land().await;
    assert_eq!(landed.len(), 2, "a thousand files are one job");
    let mut rows = Vec::new();
    for stored in &landed {
        rows.extend(inbox.bench.landed(stored).await.rows);
    }
    let distinct: BTreeSet<_> = rows.iter().collect();
    assert_eq!((rows.len(), distinct.len()), (FILES, FILES));
}

/// What looks after the inbox, with executions of its own.
fn sweeper(bench: &Bench) -> (settle::Inbox, Arc<executions::Memory>) {
    let executions = Arc::new(executions::Memory::new());
    let sweeper = settle::Inbox {
        context: bench.context.clone(),
        executions: executions.clone(),
        clock: Arc::new(Never),
        place: Place { bucket: "inbox".to_owned(), prefix: "inbox/".to_owned() },
    };
    (sweeper, executions)
}

fn at(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text).unwrap().to_utc()
}

#[tokio::test]
async fn the_sweep_finds_files_whose_event_was_lost() {
    let inbox = Inbox::new().await;
    let told = inbox.drop("told.csv", "id\n1\n").await;
    inbox.arrive(&[told]).await;
    for n in 2..5 {
        inbox.drop(&format!("lost/{n}.csv"), &format!("id\n{n}\n")).await;
    }
    inbox.drop("folder/", "").await;
    inbox.bench.inbox().put("inbox/elsewhere/a.csv", Bytes::new(), Put::Overwrite).await.unwrap();

    let (sweeper, executions) = sweeper(&inbox.bench);
    let now = at(NOW);
    let seen =
        |admitted, overdue| Seen { datasets: 1, files: 4, admitted, overdue, ..Seen::default() };
    assert_eq!(sweeper.sweep(now).await, Ok(seen(3, 0)));
    assert_eq!(sweeper.sweep(now).await, Ok(seen(0, 0)), "they wait in the open batch");
    assert!(executions.inputs().is_empty());
    // Nobody was reminded of the batch.
    let later = now + TimeDelta::hours(1);
    assert_eq!(sweeper.sweep(later).await, Ok(seen(0, 1)));
    assert_eq!(sweeper.sweep(later).await, Ok(seen(0, 0)));
    let [input] = <[String; 1]>::try_from(executions.inputs()).unwrap();
    let stored = inbox.bench.run(serde_json::from_str(&input).unwrap()).await.unwrap();
    assert_eq!(stored.counts.stored, 4);
}

/// Registers the contract with more in it.
async fn register(bench: &Bench, more: &str) {
    register_text(bench, &format!("{CONTRACT}{more}\n")).await;
}

async fn register_text(bench: &Bench, text: &str) {
    let intake = contract::Contract::parse(text).unwrap().intake();
    let registry = &bench.context.registry;
    registry.put_contract(&bench.dataset, text, &intake, NOW).await.unwrap();
}

#[tokio::test]
async fn what_is_under_a_prefix_lands_at_set_times_once() {
    let inbox = Inbox::new().await;
    let bench = &inbox.bench;
    register(bench, "schedule: { cron: 0 6 * * *, prefix: inbox/exports/, glob: '*.csv' }").await;
    let (sweeper, executions) = sweeper(bench);
    let due = |started| Due { schedules: 1, started, failed: 0 };
    assert_eq!(sweeper.start_due(at("2026-01-01T05:59:59Z")).await, Ok(due(0)));
    let put = async |name: &str, text: &str| {
        let key = format!("inbox/exports/{name}");
        bench.inbox().put(&key, Bytes::copy_from_slice(text.as_bytes()), Put::Overwrite).await
    };
    put("a.csv", "id\n1\n").await.unwrap();
    put("notes.txt", "nothing").await.unwrap();
    for minute in ["00", "10", "20"] {
        let started = usize::from(minute == "00");
        let now = at(&format!("2026-01-01T06:{minute}:30Z"));
        assert_eq!(sweeper.start_due(now).await, Ok(due(started)));
    }
    put("b.csv", "id\n2\n3\n").await.unwrap();
    // A sweep was late, and one too late for what it missed.
    assert_eq!(sweeper.start_due(at("2026-01-02T09:00:00Z")).await, Ok(due(1)));
    assert_eq!(sweeper.start_due(at("2026-01-03T12:00:01Z")).await, Ok(due(0)));
    let mut stored = Vec::new();
    let mut inputs = executions.inputs();
    assert_eq!(inputs.len(), 2);
    inputs.sort_by_key(|input| {
        !input.contains(&JobId::of_schedule(&bench.dataset, "2026-01-01T06:00:00.000Z").to_string())
    });
    for input in inputs {
        stored.push(
            bench.run(serde_json::from_str(&input).unwrap()).await.map(|it| it.counts.stored),
        );
    }
    assert_eq!(stored[0], Ok(3), "both were there when it ran");
    assert_eq!(stored[1].as_ref().unwrap_err().error, "AlreadyLanded");
}

#[tokio::test]
async fn a_file_that_does_not_come_is_told_once() {
    let mut inbox = Inbox::new().await;
    let heard = Arc::new(events::Memory::new());
    inbox.bench.context.events = Some(heard.clone());
    register(&inbox.bench, "expect: { every: 24h, rows: 2.. }").await;
    let (sweeper, _) = sweeper(&inbox.bench);
    let late = async |now: &str| sweeper.sweep(at(now)).await.unwrap().late;
    assert_eq!(late("2026-01-01T23:59:59Z").await, 0);
    assert_eq!(late("2026-01-02T00:00:00Z").await, 1);
    assert_eq!(late("2026-01-02T01:00:00Z").await, 0, "it was told");
    let told: Vec<_> =
        heard.all().into_iter().map(|event| (event.detail_type, event.detail)).collect();
    let detail =
        json!({"dataset": "things", "since": NOW, "lastJob": null, "everySeconds": 86_400});
    assert_eq!(told, [("landfall.dataset.late".to_owned(), detail)]);

    // What is far smaller than expected lands, and is told.
    let submission = inbox.bench.submit("small", b"id\n1\n", 100, false).await;
    let submission = Submission { contract: 2, ..submission };
    let stored = inbox.bench.run(submission).await.unwrap();
    let [warning] = stored.warnings.as_slice() else { panic!("{:?}", stored.warnings) };
    assert_eq!(
        (warning.name.as_str(), warning.message.as_str()),
        ("RowsUnexpected", "1 rows are stored, and the contract expects 2..")
    );
}
