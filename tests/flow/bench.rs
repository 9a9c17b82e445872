//! Sets a deployment up in memory, and calls it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::DataType;
use async_trait::async_trait;
use bytes::Bytes;
use flow::Call;
use job::DatasetName;
use job::Intake;
use job::decision::Decision;
use job::message::{
    Failure, JobId, JobRef, Source, SourceRef, Stored, Submission, Unreadable, VerifyJob,
};
use job::sources::Sources;
use job::{Error, ErrorKind};
use landing::commit::Commit;
use objects::{Buckets, Faulty, Objects, Pin, Put};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use registry::{JobRecord, Registry};
use serde_json::{Value, json};
use steps::{Context, Place, Settings};
use tables::{At, Log, Snapshot};
use tokio::sync::oneshot;

use super::machine::{self, Functions, Until, Work};

pub(crate) const NOW: &str = "2026-01-01T00:00:00.000Z";

/// A contract of `things` whose dialect is not sniffed, so that whatever bytes there are, they are
/// read the same way. With lineage; and all records may be refused, as those of such bytes often
/// are.
pub(crate) fn things(schema: &str) -> String {
    format!(
        r#"
name: things
dialect:
  {{ delimiter: ",", quoteChar: '"', doubleQuote: true, escapeChar: null, lineTerminator: auto, commentChar: null, skipInitialSpace: false, trim: false, header: true,
    skipRows: 0 }}
{schema}
output: {{ lineage: true }}
rejects: {{ limit: 100% }}
"#
    )
}

/// A deployment in memory with one dataset.
pub(crate) struct Bench {
    pub(crate) context: Context,
    /// The same objects, for looking at what is left: without the faults that the steps may meet.
    inspected: Arc<dyn Buckets>,
    pub(crate) dataset: DatasetName,
    /// Where the process that runs a step dies.
    death: Option<Arc<Faulty>>,
    /// Whether the execution was stopped: no further step begins.
    pub(crate) stopped: AtomicBool,
    /// Answers held jobs.
    pub(crate) approval: Mutex<Option<oneshot::Receiver<Result<(), flow::Failure>>>>,
    /// What was there when it died.
    pub(crate) remains: Mutex<Vec<Remains>>,
}

/// What a process that died left behind.
#[derive(Debug)]
pub(crate) struct Remains {
    /// Keys of the table's files.
    pub(crate) table: Vec<String>,
    /// Keys of what lies under the prefix.
    pub(crate) visible: Vec<String>,
}

/// What is left of a job.
#[derive(Debug, PartialEq)]
pub(crate) struct Landed {
    /// Rows of the lake as text, sorted by nothing: files in the order of the commit.
    pub(crate) rows: Vec<String>,
    pub(crate) rejects: String,
    pub(crate) errors: String,
    pub(crate) counts: job::message::Counts,
}

impl Bench {
    pub(crate) async fn new(contract: &str) -> Self {
        let memory = Arc::new(objects::Memory::new());
        Self::over(memory.clone(), memory, contract).await
    }

    /// A deployment whose steps see `buckets`, and whose test sees `inspected`: the same objects.
    pub(crate) async fn over(
        buckets: Arc<dyn Buckets>,
        inspected: Arc<dyn Buckets>,
        contract: &str,
    ) -> Self {
        let name = contract::Contract::parse(contract).unwrap().name;
        let registry = Arc::new(registry::Memory::new());
        registry.put_contract(&name, contract, &Intake::default(), NOW).await.unwrap();
        let context = Context {
            buckets,
            registry,
            lake: Place { bucket: "lake".to_owned(), prefix: "lake/".to_owned() },
            references: Place { bucket: "inbox".to_owned(), prefix: "reference/".to_owned() },
            sources: Sources::only("inbox", "inbox/", "", ["work", "lake"]).unwrap(),
            work: Place { bucket: "work".to_owned(), prefix: String::new() },
            catalog: None,
            events: None,
            live: None,
            // One shard after another, so that a call is the same one each time.
            settings: Settings { max_concurrency: 1, ..Settings::default() },
            salt: Ok(None),
        };
        Self {
            context,
            inspected,
            dataset: name,
            death: None,
            stopped: AtomicBool::new(false),
            approval: Mutex::default(),
            remains: Mutex::default(),
        }
    }

    /// A deployment in which the process that makes some call is killed there, as by `kill -9`.
    pub(crate) async fn deadly(
        faulty: Arc<Faulty>,
        inspected: Arc<dyn Buckets>,
        contract: &str,
    ) -> Self {
        Self { death: Some(faulty.clone()), ..Self::over(faulty, inspected, contract).await }
    }

    /// The same deployment, of which the steps see `buckets`; nobody dies there.
    pub(crate) fn beside(&self, buckets: Arc<dyn Buckets>) -> Self {
        let context = Context { buckets, ..self.context.clone() };
        Self {
            context,
            inspected: self.inspected.clone(),
            dataset: self.dataset.clone(),
            death: None,
            stopped: AtomicBool::new(false),
            approval: Mutex::default(),
            remains: Mutex::default(),
        }
    }

    /// The newest state of the table, as the log has it.
    pub(crate) async fn table_at(&self, at: At) -> Option<Snapshot> {
        let log = Log::open(self.lake(), self.context.dataset_prefix(&self.dataset)).await.unwrap();
        log.at(at).await.unwrap()
    }

    /// Keys of the table's files.
    pub(crate) async fn table_keys(&self) -> Vec<String> {
        let table =
            self.table_at(At::Newest).await.map(|snapshot| snapshot.table).unwrap_or_default();
        table.files().map(|file| file.key.clone()).collect()
    }

    /// The rows of these files, in order.
    pub(crate) async fn sorted_rows(&self, keys: &[String]) -> Vec<String> {
        let mut rows = Vec::new();
        for key in keys {
            rows.extend(self.rows(key).await);
        }
        rows.sort_unstable();
        rows
    }

    /// Keys of the data files under the dataset's prefix: what a reader finds who knows no log.
    pub(crate) async fn data_keys(&self) -> Vec<String> {
        self.visible().await.0.into_iter().filter(|key| key.ends_with(".parquet")).collect()
    }

    /// The same deployment and another dataset of it.
    pub(crate) async fn with_contract(&self, contract: &str) -> Self {
        let dataset = contract::Contract::parse(contract).unwrap().name;
        self.context
            .registry
            .put_contract(&dataset, contract, &Intake::default(), NOW)
            .await
            .unwrap();
        Self { dataset, ..self.beside(self.context.buckets.clone()) }
    }

    /// Puts a table where contracts find it.
    pub(crate) async fn put_reference(&self, key: &str, table: &str) {
        let bytes = Bytes::copy_from_slice(table.as_bytes());
        self.inbox().put(&format!("reference/{key}"), bytes, Put::Overwrite).await.unwrap();
    }

    /// A bucket without the faults that the steps may meet.
    pub(super) fn inspected(&self, bucket: &str) -> Arc<dyn Objects> {
        self.inspected.bucket(bucket)
    }

    /// The objects without the faults that the steps may meet.
    pub(crate) fn undisturbed(&self) -> Arc<dyn Buckets> {
        self.inspected.clone()
    }

    pub(crate) fn inbox(&self) -> Arc<dyn Objects> {
        self.inspected.bucket("inbox")
    }

    pub(crate) fn lake(&self) -> Arc<dyn Objects> {
        self.inspected.bucket("lake")
    }

    pub(crate) fn work(&self) -> Arc<dyn Objects> {
        self.inspected.bucket("work")
    }

    /// Decides a job; the decision that stands.
    pub(crate) async fn decide(&self, job: &JobId, decision: Decision) -> Decision {
        let key = self.context.keys(job).decision();
        let _ = self
            .work()
            .put(&key, serde_json::to_vec(&decision).unwrap().into(), Put::IfAbsent)
            .await;
        serde_json::from_slice(&self.work().read(&key, u64::MAX).await.unwrap()).unwrap()
    }

    /// A submission as most tests want it.
    pub(crate) fn submission(&self, job: &str, source: Source, shard_bytes: u64) -> Submission {
        Submission {
            job: JobId::parse(job).unwrap(),
            dataset: self.dataset.clone(),
            contract: 1,
            source,
            replay: None,
            force: false,
            landed: Default::default(),
            unreadable: Unreadable::Fail,
            commit: Default::default(),
            shard_bytes: Some(shard_bytes),
            max_cost: None,
        }
    }

    /// Puts the job of a submission in the registry.
    pub(crate) async fn register(&self, submission: Submission) -> Submission {
        let record = JobRecord::pending(submission.clone(), NOW);
        self.context.registry.put_job(&record).await.unwrap();
        submission
    }

    /// A job as the registry has it.
    pub(crate) async fn record(&self, job: &str) -> JobRecord {
        self.context.registry.job(&JobId::parse(job).unwrap()).await.unwrap().unwrap()
    }

    /// Puts a source in the inbox and a job for it in the registry.
    pub(crate) async fn submit(
        &self,
        job: &str,
        source: &[u8],
        shard_bytes: u64,
        force: bool,
    ) -> Submission {
        let key = format!("inbox/{}/{job}.csv", self.dataset);
        self.inbox().put(&key, Bytes::copy_from_slice(source), Put::Overwrite).await.unwrap();
        let source = SourceRef::new("inbox".to_owned(), key).into();
        let submission = self.submission(job, source, shard_bytes);
        self.register(Submission { force, ..submission }).await
    }

    /// The same submission, of which each record of the source is an object of its own.
    pub(crate) async fn split_into_objects(&self, submission: Submission) -> Submission {
        let object = submission.source.object().unwrap();
        let text = self.inbox().read(&object.key, u64::MAX).await.unwrap();
        let text = String::from_utf8(text.to_vec()).unwrap();
        let mut lines = text.split_inclusive('\n');
        let header = lines.next().unwrap();
        let mut objects = Vec::new();
        for (number, line) in lines.enumerate() {
            let key = object.key.replace(".csv", &format!("-{number}.csv"));
            let bytes = Bytes::from(format!("{header}{line}"));
            self.inbox().put(&key, bytes, Put::Overwrite).await.unwrap();
            objects.push(SourceRef::new(object.bucket.clone(), key));
        }
        Submission { source: Source::Objects { objects }, ..submission }
    }

    /// Runs a job to its end.
    pub(crate) async fn run(&self, submission: Submission) -> Result<Stored, Failure> {
        machine::submit(self, self, &submission, Until::End).await.outcome()
    }

    /// The same, but there is no answer if the execution was stopped.
    pub(crate) async fn run_unless_stopped(
        &self,
        submission: Submission,
    ) -> Option<Result<Stored, Failure>> {
        let driven = machine::submit(self, self, &submission, Until::End).await;
        (!self.is_stopped()).then(|| driven.outcome())
    }

    /// Runs a job up to where it may be stored.
    pub(crate) async fn verified(&self, submission: Submission) -> Result<(), Error> {
        machine::submit(self, self, &submission, Until::Store).await.reached()
    }

    /// Runs a job up to where its small files may be put together; how many merges there are.
    pub(crate) async fn transformed(&self, submission: Submission) -> Result<u32, Error> {
        let driven = machine::submit(self, self, &submission, Until::Merge).await;
        driven.reached()?;
        Ok(driven.seen.verified.map_or(0, |verified| verified.merges.count))
    }

    /// Runs a job from a state on, to its end.
    pub(crate) async fn resume(&self, at: &str, input: Value) -> Result<Stored, Failure> {
        machine::drive(self, self, Some(at), input, Until::End).await.outcome()
    }

    /// Verifies a job whose shards are right at once; how many merges there are.
    pub(crate) async fn verify(&self, job: &JobRef) -> u32 {
        let verify = VerifyJob { job: job.job.clone(), dataset: job.dataset.clone(), round: 1 };
        steps::verify(&self.context, verify).await.unwrap().merges.count
    }

    /// Puts together what the shards left small, in so many merges.
    pub(crate) async fn merge_all(&self, job: &JobRef, merges: u32) -> Result<(), Error> {
        let list = json!({ "count": merges, "bucket": "work", "key": self.context.keys(&job.job).merges(), "only": { "index": 0 } });
        let input = json!({
            "job": job.job,
            "dataset": job.dataset,
            "plan": { "max_concurrency": self.context.settings.max_concurrency },
            "verified": { "again": { "count": 0 }, "merges": list, "hold": false },
        });
        machine::drive(self, self, Some("Run again?"), input, Until::Store).await.reached()
    }

    /// Lands a source and tells what is left of it.
    pub(crate) async fn land(
        &self,
        job: &str,
        source: &[u8],
        shard_bytes: u64,
    ) -> Result<Landed, Failure> {
        let submission = self.submit(job, source, shard_bytes, false).await;
        let stored = self.run(submission).await?;
        Ok(self.landed(&stored).await)
    }

    pub(crate) async fn landed(&self, stored: &Stored) -> Landed {
        let commit = self.commit(stored.sequence).await.unwrap();
        let mut rows = Vec::new();
        for file in &commit.files {
            rows.extend(self.rows(&file.key).await);
        }
        assert_eq!(rows.len() as u64, stored.counts.stored);
        let keys = self.context.keys(&stored.job);
        Landed {
            rows,
            rejects: self.text(&keys.rejects(0)).await,
            errors: self.text(&keys.errors()).await,
            counts: stored.counts,
        }
    }

    /// An entry of the commit log.
    pub(crate) async fn commit(&self, sequence: u64) -> Option<Commit> {
        let key = landing::commit::log_key(&self.context.dataset_prefix(&self.dataset), sequence);
        let json = self.lake().read(&key, u64::MAX).await.ok()?;
        Some(serde_json::from_slice(&json).unwrap())
    }

    /// All objects and open uploads under the dataset's prefix.
    pub(crate) async fn visible(&self) -> (Vec<String>, usize) {
        let prefix = self.context.dataset_prefix(&self.dataset);
        let listed = self.lake().list(&prefix, None, 1000).await.unwrap();
        (
            listed.into_iter().map(|object| object.key).collect(),
            self.lake().uploads(&prefix).await.unwrap().len(),
        )
    }

    /// The text of an object beside the job; nothing when there is none.
    pub(crate) async fn text(&self, key: &str) -> String {
        let bytes = self.work().get(key, &Pin::default(), 0..u64::MAX).await.unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The rows of a file, each as its values in text, with the folder's values in front.
    async fn rows(&self, key: &str) -> Vec<String> {
        let bytes = self.lake().read(key, u64::MAX).await.unwrap();
        let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap().build().unwrap();
        let folder = key.rsplit_once('/').unwrap().0.to_owned();
        reader.flat_map(|batch| texts(&batch.unwrap(), &folder)).collect()
    }
}

fn texts(batch: &RecordBatch, folder: &str) -> Vec<String> {
    let columns: Vec<_> = batch.columns().iter().map(in_text).collect();
    let cell = |(column, end): &(ArrayRef, &str), row: usize| {
        let text = arrow_array::cast::AsArray::as_string::<i32>(column);
        if arrow_array::Array::is_null(column, row) {
            "∅".to_owned()
        } else {
            format!("{}{end}", text.value(row))
        }
    };
    (0..batch.num_rows())
        .map(|row| {
            let cells: Vec<_> = columns.iter().map(|column| cell(column, row)).collect();
            format!("{folder}|{}", cells.join("|"))
        })
        .collect()
}

/// A column as text, and what ends each of its values: `Z` of moments in UTC.
fn in_text(column: &ArrayRef) -> (ArrayRef, &'static str) {
    match column.data_type() {
        DataType::Timestamp(unit, Some(_)) => {
            let plain = arrow_cast::cast(column, &DataType::Timestamp(*unit, None)).unwrap();
            (in_text(&plain).0, "Z")
        }
        _ => (arrow_cast::cast(column, &DataType::Utf8).unwrap(), ""),
    }
}

/// A process runs each step: to its end, or to its own death.
#[async_trait]
impl Functions for Bench {
    async fn run(&self, call: &Call, work: Work) -> Result<Value, Error> {
        let death = self.death.as_ref().filter(|_| call.payload.get("abandon").is_none());
        let Some(death) = death else { return work.await };
        tokio::select! {
            outcome = work => return outcome,
            () = death.hangs() => {}
        }
        let remains = Remains { table: self.table_keys().await, visible: self.visible().await.0 };
        self.remains.lock().unwrap().push(remains);
        Err(Error::new(ErrorKind::StoreUnavailable, "the process was killed"))
    }

    async fn approval(&self) -> Result<(), flow::Failure> {
        let answer = self.approval.lock().unwrap().take();
        match answer {
            Some(answer) => answer.await.unwrap(),
            None => Ok(()),
        }
    }

    fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }
}
