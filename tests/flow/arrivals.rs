//! Lands files that arrive in the inbox: small ones together, each once.

use std::collections::BTreeSet;
use std::sync::Arc;

use admission::{Admitter, Clock};
use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use job::message::{JobId, SourceRef, Stored, Submission};
use objects::Put;
use registry::Arrival;
use serde_json::json;
use settle::{Due, Seen};
use steps::Place;

use super::bench::{Bench, NOW};

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
        Self { bench: Bench::new(CONTRACT).await, executions: executions::Memory::new() }
    }

    fn admitter(&self) -> Admitter<'_> {
        let registry = self.bench.context.registry.as_ref();
        Admitter { registry, executions: &self.executions, clock: &Never }
    }

    /// Puts a file in the inbox, and tells what the event of it says.
    async fn drop(&self, name: &str, text: &str) -> Arrival {
        let key = format!("inbox/things/{name}");
        let inbox = self.bench.inbox();
        let bytes = Bytes::copy_from_slice(text.as_bytes());
        inbox.put(&key, bytes, Put::Overwrite).await.unwrap();
        let head = inbox.head(&key, None).await.unwrap();
        let source = SourceRef {
            etag: Some(head.etag),
            version: head.version,
            ..SourceRef::new("inbox".to_owned(), key)
        };
        Arrival { source, bytes: text.len() as u64 }
    }

    async fn arrive(&self, files: &[Arrival]) {
        let dataset = &self.bench.dataset;
        self.admitter().arrive(dataset, files.to_vec(), NOW).await.unwrap();
    }

    /// Runs all jobs that were started, after the time of the last batch has come.
    async fn land(&self) -> Vec<Stored> {
        self.admitter().close_overdue(&self.bench.dataset, NOW, NOW).await.unwrap();
        let mut landed = Vec::new();
        for input in self.executions.inputs() {
            let submission: Submission = serde_json::from_str(&input).unwrap();
            landed.push(self.bench.run(submission).await.unwrap());
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
    let text = format!("{CONTRACT}{more}\n");
    let intake = contract::Contract::parse(&text).unwrap().intake();
    let registry = &bench.context.registry;
    registry.put_contract(&bench.dataset, &text, &intake, NOW).await.unwrap();
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
