//! Settles jobs that nobody brought to their end: by the event of their execution, or by the sweep
//! where that was lost.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use executions::{Executions, Status};
use job::Intake;
use job::decision::Decision;
use job::message::{ExecutionName, Failure, JobId, JobRef, Submission};
use objects::{Buckets, Memory};
use registry::{JobChange, JobRecord, JobStatus};
use serde_json::{Value, json};
use settle::{Done, Settler};

use super::bench::{Bench, NOW};

const CONTRACT: &str = "
name: things
schema: { fields: [ { name: id, type: integer }, { name: kind, type: string } ] }
output: { partitionBy: [kind] }
";
const SOURCE: &[u8] = b"id,kind\n1,a\n2,b\n3,c\n";

struct Deployment {
    bench: Bench,
    executions: Arc<executions::Memory>,
    events: Arc<events::Memory>,
    settler: Settler,
}

impl Deployment {
    async fn new() -> Self {
        let memory = Arc::new(Memory::new());
        let mut bench = Bench::over(memory.clone(), memory.clone(), CONTRACT).await;
        let (executions, events) =
            (Arc::new(executions::Memory::new()), Arc::new(events::Memory::new()));
        bench.context.events = Some(events.clone());
        let settler = Settler { context: bench.context.clone(), executions: executions.clone() };
        Self { bench, executions, events, settler }
    }

    /// A job that is started and whose shards are done.
    async fn transformed(&self, name: &str) -> Submission {
        let submission = self.bench.submit(name, SOURCE, 9, false).await;
        self.executions
            .start(&first(&submission.job), &serde_json::to_string(&submission).unwrap())
            .await
            .unwrap();
        self.bench.transformed(submission.clone()).await.unwrap();
        submission
    }

    async fn record(&self, job: &JobId) -> JobRecord {
        self.bench.context.registry.job(job).await.unwrap().unwrap()
    }

    /// Nothing is left of a job but its documents.
    async fn assert_tidy(&self, job: &JobId) {
        let keys = self.bench.context.keys(job);
        assert_eq!(self.bench.visible().await, (vec![], 0));
        assert_eq!(self.bench.work().list(keys.small_prefix(), None, 10).await.unwrap(), []);
        let record = self.record(job).await;
        assert!(record.bill.is_some(), "{record:?}");
        assert_eq!(record.counts.unwrap().read, 3, "what its shards read");
    }
}

/// The name of a job's first execution.
fn first(job: &JobId) -> ExecutionName {
    ExecutionName::new(job, 0)
}

/// What Step Functions tells of an execution that ended.
fn ended(job: &JobId, status: &str) -> Value {
    json!({"source": "aws.states", "detail-type": "Step Functions Execution Status Change", "detail": {"name": job, "status": status}})
}

fn later() -> DateTime<Utc> {
    NOW.parse::<DateTime<Utc>>().unwrap() + TimeDelta::days(1_000)
}

#[tokio::test]
async fn an_execution_that_ended_is_settled_by_its_event_and_by_the_sweep() {
    let ends = [
        (Status::Aborted, Some("Cancelled"), "CANCELLED", "Cancelled"),
        (Status::Aborted, None, "FAILED", "Aborted"),
        (Status::TimedOut, None, "FAILED", "States.Timeout"),
        (Status::Failed, Some("States.Runtime"), "FAILED", "States.Runtime"),
    ];
    for (status, error, expected, named) in ends {
        for is_swept in [false, true] {
            let deployment = Deployment::new().await;
            let job = deployment.transformed("job").await.job;
            let failure = error.map(|error| executions::history::Failure {
                error: error.to_owned(),
                cause: "by hand".to_owned(),
            });
            deployment.executions.end(&deployment.executions.arn(&first(&job)), status, failure);
            let event = if is_swept {
                json!({"detail-type": "Scheduled Event", "source": "aws.events"})
            } else {
                ended(&job, "ABORTED")
            };
            let settled = Done { seen: 1, settled: 1, ..Done::default() };
            assert_eq!(deployment.settler.hear(&event, later()).await.unwrap(), settled);
            let record = deployment.record(&job).await;
            assert_eq!(
                (record.status.as_str(), record.failure.unwrap().error.as_str()),
                (expected, named)
            );
            deployment.assert_tidy(&job).await;
            let announced = json!({"job": job, "dataset": "things", "status": expected, "error": named, "other": null, "redrivable_until": null});
            let detail_type = format!("landfall.job.{}", expected.to_lowercase());
            let event = events::Event { detail_type, detail: announced };
            // That it was begun was told before.
            assert_eq!(deployment.events.all()[1..], [event]);

            // Heard again, and swept again, nothing changes.
            assert_eq!(
                deployment.settler.hear(&ended(&job, "ABORTED"), later()).await.unwrap().settled,
                0
            );
            assert_eq!(deployment.settler.sweep(later()).await.unwrap(), Done::default());
            assert_eq!(deployment.events.all().len(), 2);
        }
    }
}

#[tokio::test]
async fn a_job_that_is_decided_to_commit_lands_whatever_became_of_its_execution() {
    let deployment = Deployment::new().await;
    let submission = deployment.transformed("job").await;
    let job = JobRef { job: submission.job.clone(), dataset: submission.dataset.clone() };
    deployment.bench.merge_all(&job, deployment.bench.verify(&job).await).await.unwrap();
    let start = job::decision::Start { from: 0, table: job::TableFormat::Landfall };
    deployment.bench.decide(&job.job, Decision::Commit(start)).await;
    deployment.executions.end(&deployment.executions.arn(&first(&job.job)), Status::Aborted, None);
    deployment.settler.hear(&ended(&job.job, "ABORTED"), later()).await.unwrap();
    let record = deployment.record(&job.job).await;
    assert_eq!(
        (record.status, record.sequence, record.failure),
        (JobStatus::Succeeded, Some(0), None)
    );
    let table = deployment.bench.table_keys().await;
    assert_eq!(deployment.bench.sorted_rows(&table).await.len(), 3);
    let told = deployment.events.all();
    let told: Vec<&str> = told.iter().map(|event| event.detail_type.as_str()).collect();
    assert_eq!(told, ["landfall.job.started", "landfall.job.landed"]);
}

#[tokio::test]
async fn the_sweep_starts_what_was_admitted_and_stops_what_is_cancelled() {
    let deployment = Deployment::new().await;
    let (registry, executions) = (&deployment.bench.context.registry, &deployment.executions);
    // Its admitter died before the start.
    let unstarted = deployment.bench.submit("unstarted", SOURCE, 9, false).await;
    // It is well.
    let running = deployment.transformed("running").await;
    // The call that stops its execution was lost.
    let cancelled = deployment.transformed("cancelled").await;
    deployment
        .bench
        .decide(&cancelled.job, Decision::NoCommit(Failure::new("Cancelled", "by hand")))
        .await;
    let cancelling = JobChange { status: Some(JobStatus::Cancelling), ..JobChange::default() };
    registry.update_job(&cancelled.job, &cancelling, NOW).await.unwrap();

    let early: DateTime<Utc> = NOW.parse().unwrap();
    assert_eq!(
        deployment.settler.sweep(early).await.unwrap(),
        Done::default(),
        "what was heard of lately is well"
    );
    let done = deployment.settler.sweep(later()).await.unwrap();
    assert_eq!(done, Done { seen: 3, started: 1, stopped: 1, ..Done::default() });
    assert_eq!(
        executions.describe(&executions.arn(&first(&unstarted.job))).await.unwrap().status,
        Status::Running
    );
    assert_eq!(
        executions.describe(&executions.arn(&first(&running.job))).await.unwrap().status,
        Status::Running
    );
    assert_eq!(
        executions.describe(&executions.arn(&first(&cancelled.job))).await.unwrap().status,
        Status::Aborted
    );
    let statuses = [&unstarted, &running, &cancelled].map(|submission| submission.job.clone());
    let mut seen = Vec::new();
    for job in &statuses {
        seen.push(deployment.record(job).await.status);
    }
    assert_eq!(seen, [JobStatus::Running, JobStatus::Running, JobStatus::Cancelling]);
}

#[tokio::test]
async fn a_cancelled_job_that_never_ran_is_settled_by_its_first_step() {
    let deployment = Deployment::new().await;
    let submission = deployment.bench.submit("job", SOURCE, 9, false).await;
    deployment
        .bench
        .decide(&submission.job, Decision::NoCommit(Failure::new("Cancelled", "by hand")))
        .await;
    let failure = deployment.bench.run(submission.clone()).await.unwrap_err();
    assert_eq!(failure, Failure::new("Cancelled", "by hand"), "the reason that was decided");
    assert_eq!(deployment.record(&submission.job).await.status, JobStatus::Cancelled);
    let memory: &dyn Buckets = deployment.bench.context.buckets.as_ref();
    assert!(
        memory
            .bucket("work")
            .read(&deployment.bench.context.keys(&submission.job).plan(), u64::MAX)
            .await
            .is_err()
    );
}

/// Of a dataset whose jobs run one by one: by the event of the execution that ended, or by the sweep
/// where that was lost.
#[tokio::test]
async fn the_next_job_in_line_begins_when_one_has_ended() {
    for is_swept in [false, true] {
        let deployment = Deployment::new().await;
        let (bench, executions) = (&deployment.bench, deployment.executions.as_ref());
        let registry = bench.context.registry.as_ref();
        let intake = Intake { concurrent: Some(1), ..Intake::default() };
        let text = format!("{CONTRACT}jobs: {{ concurrent: 1 }}\n");
        registry.put_contract(&bench.dataset, &text, &intake, NOW).await.unwrap();
        let mut jobs = Vec::new();
        for name in ["one", "two"] {
            let job = bench.submit(name, SOURCE, 9, false).await.job;
            let record = deployment.record(&job).await;
            if admission::is_its_turn(registry, executions, &record, NOW).await.unwrap() {
                admission::start(registry, executions, record, NOW).await.unwrap();
            }
            jobs.push(job);
        }
        let [one, two] = jobs.try_into().unwrap();
        let sweep = json!({"detail-type": "Scheduled Event", "source": "aws.events"});
        let seen = Done { seen: 2, ..Done::default() };
        assert_eq!(deployment.settler.hear(&sweep, later()).await.unwrap(), seen);
        assert_eq!(deployment.record(&two).await.status, JobStatus::Pending, "it waits");

        let landed = JobChange { status: Some(JobStatus::Succeeded), ..JobChange::default() };
        registry.update_job(&one, &landed, NOW).await.unwrap();
        executions.end(&executions.arn(&first(&one)), Status::Succeeded, None);
        let event = if is_swept { sweep } else { ended(&one, "SUCCEEDED") };
        let started = Done { seen: 1, started: 1, ..Done::default() };
        assert_eq!(deployment.settler.hear(&event, later()).await.unwrap(), started);
        assert_eq!(deployment.record(&two).await.status, JobStatus::Running);
    }
}
