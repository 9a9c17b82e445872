#![expect(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use executions::{Execution, Started};
use futures::future::join_all;
use job::message::{ExecutionName, SourceRef};
use job::{Arrivals, Intake};
use registry::{Arrival, Batch, Gathered, JobFilter, Newest, Page, StoredContract};
use tokio::task::yield_now;

use super::*;

mod arrivals;
mod turns;

const NOW: &str = "2026-01-31T12:00:00.000Z";

fn flights() -> DatasetName {
    DatasetName::parse("flights").unwrap()
}

fn object() -> SourceRef {
    SourceRef::new("inbox".to_owned(), "inbox/flights/a.csv".to_owned())
}

fn request(key: &str) -> Request {
    Request {
        job: JobId::of_idempotency_key(&flights(), key),
        dataset: flights(),
        source: object().into(),
        seen: None,
        replay: None,
        force: false,
        landed: Default::default(),
        unreadable: Unreadable::Fail,
        commit: Default::default(),
        shard_bytes: None,
        max_cost: None,
        labels: Labels::default(),
    }
}

async fn registry_with_flights() -> registry::Memory {
    let registry = registry::Memory::new();
    registry.put_contract(&flights(), "name: flights", &Intake::default(), NOW).await.unwrap();
    registry
}

#[tokio::test]
async fn a_job_is_put_and_started_with_its_contract_pinned() {
    let (registry, executions) = (registry_with_flights().await, executions::Memory::new());
    registry
        .put_contract(&flights(), "name: flights # again", &Intake::default(), NOW)
        .await
        .unwrap();
    let admitted = admit(&registry, &executions, request("k"), NOW).await.unwrap();
    assert!(admitted.new);
    assert_eq!((admitted.job.status, admitted.job.submission.contract), (JobStatus::Running, 2));
    assert_eq!(admitted.job.execution, Some(executions.arn(&admitted.job.execution_name())));
    let input: Submission = serde_json::from_str(&executions.inputs()[0]).unwrap();
    assert_eq!(input, admitted.job.submission);
}

#[tokio::test]
async fn a_repeat_is_the_same_job_even_when_the_world_has_moved_on() {
    let (registry, executions) = (registry_with_flights().await, executions::Memory::new());
    let first = admit(&registry, &executions, request("k"), NOW).await.unwrap();
    let pinned =
        SourceRef { version: Some("v1".to_owned()), etag: Some("e".to_owned()), ..object() };
    registry
        .update_job(
            &request("k").job,
            &JobChange { source: Some(pinned), ..JobChange::default() },
            NOW,
        )
        .await
        .unwrap();
    registry.delete_dataset(&flights()).await.unwrap();
    let again =
        admit(&registry, &executions, request("k"), "2026-02-01T00:00:00.000Z").await.unwrap();
    assert!(!again.new);
    assert_eq!(
        (&again.job.created, &again.job.execution),
        (&first.job.created, &first.job.execution)
    );
    assert_eq!(executions.inputs().len(), 1);
}

#[tokio::test]
async fn another_request_under_the_same_id_is_a_conflict() {
    let (registry, executions) = (registry_with_flights().await, executions::Memory::new());
    admit(&registry, &executions, request("k"), NOW).await.unwrap();
    let (bucket, prefix) = ("inbox".to_owned(), "inbox/flights/".to_owned());
    let others = [
        Request {
            source: SourceRef { key: "inbox/flights/a.csv.gz".to_owned(), ..object() }.into(),
            ..request("k")
        },
        Request { source: Source::Prefix { bucket, prefix, glob: None }, ..request("k") },
        Request { unreadable: Unreadable::Skip, ..request("k") },
        Request { landed: Landed::Refuse, ..request("k") },
        Request { force: true, ..request("k") },
        Request { shard_bytes: Some(1), ..request("k") },
        Request { max_cost: Some(Dollars::default()), ..request("k") },
        Request { labels: serde_json::from_str(r#"{"team":"ops"}"#).unwrap(), ..request("k") },
    ];
    for other in others {
        assert_eq!(
            admit(&registry, &executions, other, NOW).await,
            Err(Error::Conflict(request("k").job))
        );
    }
}

#[tokio::test]
async fn without_a_contract_nothing_is_put() {
    let (registry, executions) = (registry::Memory::new(), executions::Memory::new());
    assert_eq!(
        admit(&registry, &executions, request("k"), NOW).await,
        Err(Error::NoDataset(flights()))
    );
    assert_eq!(registry.job(&request("k").job).await, Ok(None));
}

#[tokio::test]
async fn whoever_finds_a_job_put_but_not_started_starts_it() {
    let (registry, executions) = (registry_with_flights().await, executions::Memory::new());
    let busy = executions::Error::Unavailable("busy".to_owned());
    executions.refuse_next(busy.clone());
    assert_eq!(
        admit(&registry, &executions, request("k"), NOW).await,
        Err(Error::Executions(busy))
    );
    assert_eq!(registry.job(&request("k").job).await.unwrap().unwrap().status, JobStatus::Pending);
    let admitted = admit(&registry, &executions, request("k"), NOW).await.unwrap();
    assert_eq!(
        (admitted.new, admitted.job.status, executions.inputs().len()),
        (false, JobStatus::Running, 1)
    );
}

#[tokio::test]
async fn a_job_cancelled_before_it_was_started_stays_so() {
    let (registry, executions) = (registry_with_flights().await, executions::Memory::new());
    executions.refuse_next(executions::Error::Unavailable("busy".to_owned()));
    admit(&registry, &executions, request("k"), NOW).await.unwrap_err();
    let cancelled = JobChange { status: Some(JobStatus::Cancelled), ..JobChange::default() };
    registry.update_job(&request("k").job, &cancelled, NOW).await.unwrap();
    let admitted = admit(&registry, &executions, request("k"), NOW).await.unwrap();
    assert_eq!((admitted.job.status, executions.inputs().len()), (JobStatus::Cancelled, 0));
}

#[tokio::test]
async fn five_at_once_start_one_execution() {
    let (registry, executions) =
        (InTurns::new(registry_with_flights().await), InTurns::new(executions::Memory::new()));
    let admitted = join_all((0..5).map(|_| admit(&registry, &executions, request("k"), NOW))).await;
    let admitted: Vec<_> = admitted.into_iter().map(Result::unwrap).collect();
    assert_eq!(admitted.iter().filter(|one| one.new).count(), 1);
    assert!(admitted.iter().all(|one| one.job.submission == admitted[0].job.submission
        && one.job.status == JobStatus::Running));
    assert_eq!(executions.inner.inputs().len(), 1);
}

/// The request, whose source was looked at when it was in its `n`th state.
fn seen(n: usize) -> Request {
    let request = request("k");
    let (version, etag) = (Some(format!("v{n}")), Some(format!("e{n}")));
    Request { seen: Some(SourceRef { version, etag, ..object() }.into()), ..request }
}

#[tokio::test]
async fn requests_that_saw_different_states_are_one_job_of_one_state_in_whatever_order_they_come() {
    let waits = || 0..8_usize;
    for (a, b, c) in
        waits().flat_map(|a| waits().flat_map(move |b| waits().map(move |c| (a, b, c))))
    {
        let registry = InTurns::new(registry_with_flights().await);
        let executions = InTurns::new(executions::Memory::new());
        let (registry, executions) = (&registry, &executions);
        let admitted = join_all([a, b, c].into_iter().enumerate().map(|(n, wait)| async move {
            for _ in 0..wait {
                yield_now().await;
            }
            admit(registry, executions, seen(n), NOW).await
        }));
        let admitted: Vec<_> = admitted.await.into_iter().map(Result::unwrap).collect();
        let news: Vec<_> = (0..3).filter(|n| admitted[*n].new).collect();
        assert_eq!(news.len(), 1, "{a} {b} {c}");
        let input: Submission = serde_json::from_str(&executions.inner.inputs()[0]).unwrap();
        assert_eq!(Some(&input.source), seen(news[0]).seen.as_ref(), "{a} {b} {c}");
        assert_eq!(executions.inner.inputs().len(), 1, "{a} {b} {c}");
        assert!(admitted.iter().all(|one| one.job.submission == input), "{a} {b} {c}");
    }
}

#[tokio::test]
async fn a_repeat_may_have_seen_another_state_but_may_not_name_one() {
    let registry = registry_with_flights().await;
    let executions = executions::Memory::new();
    let first = admit(&registry, &executions, seen(1), NOW).await.unwrap();
    for repeat in [seen(1), seen(2), request("k")] {
        assert_eq!(admit(&registry, &executions, repeat, NOW).await.unwrap().job, first.job);
    }
    let naming = |version: &str| {
        let source = SourceRef { version: Some(version.to_owned()), ..object() };
        Request { source: source.into(), ..request("k") }
    };
    assert_eq!(admit(&registry, &executions, naming("v1"), NOW).await.unwrap().job, first.job);
    let conflict = Err(Error::Conflict(request("k").job));
    assert_eq!(admit(&registry, &executions, naming("v2"), NOW).await, conflict);
}

#[tokio::test]
async fn a_manifest_is_pinned_like_an_object() {
    let registry = registry_with_flights().await;
    let executions = executions::Memory::new();
    let manifest = |etag: Option<&str>| Source::Manifest {
        manifest: SourceRef { etag: etag.map(str::to_owned), ..object() },
    };
    let asked =
        |etag| Request { source: manifest(None), seen: Some(manifest(Some(etag))), ..request("k") };
    let first = admit(&registry, &executions, asked("one"), NOW).await.unwrap();
    assert_eq!(first.job.submission.source, manifest(Some("one")));
    let again = admit(&registry, &executions, asked("two"), NOW).await.unwrap();
    assert_eq!((again.new, again.job), (false, first.job));
}

#[tokio::test]
async fn a_job_that_was_started_and_pinned_meanwhile_is_no_conflict() {
    let (registry, executions) = (registry_with_flights().await, executions::Memory::new());
    let admitted = admit(&registry, &executions, request("k"), NOW).await.unwrap();
    // What someone read before the job was started and its source pinned.
    let mut stale = admitted.job.clone();
    (stale.status, stale.execution) = (JobStatus::Pending, None);
    stale.submission.source = SourceRef { version: Some("v9".to_owned()), ..object() }.into();
    assert_eq!(start(&registry, &executions, stale, NOW).await, Ok(admitted.job));
}

/// A job that failed, and can be redriven.
async fn failed(registry: &dyn Registry, executions: &dyn Executions) -> JobRecord {
    let job = admit(registry, executions, request("k"), NOW).await.unwrap().job;
    let change = JobChange {
        status: Some(JobStatus::Failed),
        redrivable_until: Some("9999-01-31T12:00:00.000Z".to_owned()),
        ..JobChange::default()
    };
    registry.update_job(&job.submission.job, &change, NOW).await.unwrap().unwrap()
}

#[tokio::test]
async fn those_that_redrive_a_job_at_once_start_one_execution() {
    for (a, b) in (0..6_usize).flat_map(|a| (0..6).map(move |b| (a, b))) {
        let registry = InTurns::new(registry_with_flights().await);
        let executions = InTurns::new(executions::Memory::new());
        let job = failed(&registry, &executions).await;
        let (registry, executions, job) = (&registry, &executions, &job);
        let redriven = join_all([a, b].map(|wait| async move {
            for _ in 0..wait {
                yield_now().await;
            }
            redrive(registry, executions, job.clone(), JobStatus::Running, NOW).await
        }));
        for one in redriven.await {
            let one = one.unwrap();
            assert_eq!((one.status, one.redrives), (JobStatus::Running, 1), "{a} {b}");
        }
        let record = registry.inner.job(&job.submission.job).await.unwrap().unwrap();
        let name = format!("{}-r2", job.submission.job);
        assert_eq!(record.execution_name().to_string(), name);
        assert_eq!(record.execution, Some(executions.inner.arn(&record.execution_name())));
        assert_eq!(executions.inner.inputs().len(), 2, "{a} {b}");
    }
}

#[tokio::test]
async fn a_redrive_that_was_not_started_is_started_by_the_next_one() {
    let (registry, executions) = (registry_with_flights().await, executions::Memory::new());
    let job = failed(&registry, &executions).await;
    let busy = executions::Error::Unavailable("busy".to_owned());
    executions.refuse_next(busy.clone());
    let redriven = redrive(&registry, &executions, job.clone(), JobStatus::Running, NOW).await;
    assert_eq!(redriven, Err(Error::Executions(busy)));
    // It read the job before that, or after.
    let left = registry.job(&job.submission.job).await.unwrap().unwrap();
    assert_eq!((left.status, left.execution.as_ref()), (JobStatus::Running, None));
    let started = go_on(&registry, &executions, left.clone(), NOW).await.unwrap();
    assert!(started.execution.is_some());
    let repeat = redrive(&registry, &executions, job, JobStatus::Running, NOW).await;
    assert_eq!(repeat.unwrap(), started);
    assert_eq!(executions.inputs().len(), 2);
}

/// Lets everyone else go first before every call, so that callers who run side by side do so call
/// by call; and lets one call fail. Only what admission needs is there.
pub(crate) struct InTurns<T> {
    pub(crate) inner: T,
    faults: Arc<Faults>,
}

/// Which of the calls to the ports fails.
#[derive(Default)]
pub(crate) struct Faults {
    calls: AtomicUsize,
    /// The call, from 0, and whether it takes effect all the same.
    fails: Option<(usize, bool)>,
}

impl Faults {
    pub(crate) fn at(call: usize, takes_effect: bool) -> Arc<Self> {
        Arc::new(Self { fails: Some((call, takes_effect)), ..Self::default() })
    }

    /// Whether the call that was to fail has come.
    pub(crate) fn has_struck(&self) -> bool {
        self.fails.is_some_and(|(call, _)| call < self.calls.load(Ordering::Relaxed))
    }

    pub(crate) async fn around<R, E>(
        &self,
        call: impl Future<Output = Result<R, E>>,
        lost: impl FnOnce(String) -> E,
    ) -> Result<R, E> {
        yield_now().await;
        let number = self.calls.fetch_add(1, Ordering::Relaxed);
        match self.fails {
            Some((fails, false)) if fails == number => Err(lost("not done".to_owned())),
            Some((fails, true)) if fails == number => {
                call.await?;
                Err(lost("done, and the answer is lost".to_owned()))
            }
            _ => call.await,
        }
    }
}

impl<T> InTurns<T> {
    fn new(inner: T) -> Self {
        Self::with(inner, Arc::default())
    }

    pub(crate) fn with(inner: T, faults: Arc<Faults>) -> Self {
        Self { inner, faults }
    }
}

impl InTurns<registry::Memory> {
    async fn turn<R>(
        &self,
        call: impl Future<Output = registry::Result<R>>,
    ) -> registry::Result<R> {
        self.faults.around(call, registry::Error::Unavailable).await
    }
}

#[async_trait]
impl Registry for InTurns<registry::Memory> {
    async fn job(&self, id: &JobId) -> registry::Result<Option<JobRecord>> {
        self.turn(self.inner.job(id)).await
    }
    async fn contract(
        &self,
        dataset: &DatasetName,
        version: Option<u32>,
    ) -> registry::Result<Option<StoredContract>> {
        self.turn(self.inner.contract(dataset, version)).await
    }
    async fn put_job(&self, job: &JobRecord) -> registry::Result<Option<JobRecord>> {
        self.turn(self.inner.put_job(job)).await
    }
    async fn update_job(
        &self,
        id: &JobId,
        change: &JobChange,
        now: &str,
    ) -> registry::Result<Option<JobRecord>> {
        self.turn(self.inner.update_job(id, change, now)).await
    }
    async fn arrive(
        &self,
        dataset: &DatasetName,
        source: &SourceRef,
        job: &JobId,
    ) -> registry::Result<JobId> {
        self.turn(self.inner.arrive(dataset, source, job)).await
    }
    async fn gather(
        &self,
        dataset: &DatasetName,
        arrivals: &[Arrival],
        limits: &Arrivals,
        now: &str,
    ) -> registry::Result<Gathered> {
        self.turn(self.inner.gather(dataset, arrivals, limits, now)).await
    }
    async fn batch(&self, dataset: &DatasetName) -> registry::Result<Option<Batch>> {
        self.turn(self.inner.batch(dataset)).await
    }
    async fn close_batch(
        &self,
        dataset: &DatasetName,
        job: &JobId,
    ) -> registry::Result<Option<Batch>> {
        self.turn(self.inner.close_batch(dataset, job)).await
    }
    async fn forget_batch(&self, batch: &Batch) -> registry::Result<()> {
        self.turn(self.inner.forget_batch(batch)).await
    }
    async fn gathered(&self, job: &JobId) -> registry::Result<Vec<Arrival>> {
        self.turn(self.inner.gathered(job)).await
    }
    async fn count_request(&self, caller: &str, minute: u64) -> registry::Result<u64> {
        self.turn(self.inner.count_request(caller, minute)).await
    }
    async fn take_turns(
        &self,
        dataset: &DatasetName,
        job: Option<&JobId>,
        limit: u32,
    ) -> registry::Result<Vec<JobId>> {
        self.turn(self.inner.take_turns(dataset, job, limit)).await
    }
    async fn tell_once(&self, _: &DatasetName, _: &str) -> registry::Result<bool> {
        unreachable!("admission tells nothing")
    }
    async fn arrived(&self, _: &DatasetName, _: &SourceRef) -> registry::Result<Option<JobId>> {
        unreachable!("whoever admits an arrival notes it")
    }
    async fn redrive_job(
        &self,
        id: &JobId,
        redrives: u32,
        status: JobStatus,
        now: &str,
    ) -> registry::Result<Option<JobRecord>> {
        self.turn(self.inner.redrive_job(id, redrives, status, now)).await
    }
    async fn put_contract(
        &self,
        _: &DatasetName,
        _: &str,
        _: &Intake,
        _: &str,
    ) -> registry::Result<StoredContract> {
        unreachable!("admission changes no contract")
    }
    async fn contract_versions(
        &self,
        _: &DatasetName,
        _: Option<&str>,
        _: u32,
    ) -> registry::Result<Page<registry::ContractVersion>> {
        unreachable!("admission lists nothing")
    }
    async fn datasets(
        &self,
        _: &job::Datasets,
        _: Option<&str>,
        _: u32,
    ) -> registry::Result<Page<registry::ContractVersion>> {
        unreachable!("admission lists nothing")
    }
    async fn delete_dataset(&self, _: &DatasetName) -> registry::Result<bool> {
        unreachable!("admission deletes nothing")
    }
    async fn jobs(
        &self,
        _: &JobFilter,
        _: Option<&str>,
        _: u32,
    ) -> registry::Result<Page<JobRecord>> {
        unreachable!("admission lists nothing")
    }
    async fn loaded(&self, _: &DatasetName, _: &[String]) -> registry::Result<Option<JobId>> {
        unreachable!("what is loaded is settled by the job")
    }
    async fn claim(
        &self,
        _: &DatasetName,
        _: &[String],
        _: &JobId,
        _: bool,
    ) -> registry::Result<Option<JobId>> {
        unreachable!("what is loaded is settled by the job")
    }
    async fn release(&self, _: &DatasetName, _: &[String], _: &JobId) -> registry::Result<()> {
        unreachable!("what is loaded is settled by the job")
    }
    async fn newest(&self, _: &DatasetName, _: &str) -> registry::Result<Option<Newest>> {
        unreachable!("what is loaded is settled by the job")
    }
    async fn set_newest(
        &self,
        _: &DatasetName,
        _: Option<&Newest>,
        _: &Newest,
    ) -> registry::Result<bool> {
        unreachable!("what is loaded is settled by the job")
    }
}

#[async_trait]
impl Executions for InTurns<executions::Memory> {
    fn arn(&self, name: &ExecutionName) -> String {
        self.inner.arn(name)
    }
    async fn start(&self, name: &ExecutionName, input: &str) -> executions::Result<Started> {
        let start = self.inner.start(name, input);
        self.faults.around(start, executions::Error::Unavailable).await
    }
    async fn describe(&self, _: &str) -> executions::Result<Execution> {
        unreachable!("admission only starts")
    }
    async fn answer(&self, _: &str, _: Result<(), executions::Failure>) -> executions::Result<()> {
        unreachable!("admission only starts")
    }
    async fn stop(&self, _: &str, _: &str) -> executions::Result<()> {
        unreachable!("admission only starts")
    }
}

/// Both ports are used behind `Arc<dyn …>`.
#[tokio::test]
async fn it_works_over_shared_ports() {
    let registry: Arc<dyn Registry> = Arc::new(registry_with_flights().await);
    let executions: Arc<dyn Executions> = Arc::new(executions::Memory::new());
    assert!(admit(registry.as_ref(), executions.as_ref(), request("k"), NOW).await.unwrap().new);
}
