//! Holds jobs for approval: nothing is visible before it, all of it after it, and nothing of what
//! is refused.

use std::sync::Arc;

use job::Intake;
use job::decision::Decision;
use job::hold::{Answer, CommitMode};
use job::message::{Failure, JobId, JobRef, Stored, Submission};
use landing::hold::Changes;
use objects::{FaultKind, Faulty, InjectedFault, Memory};
use registry::{JobRecord, JobStatus};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::bench::Bench;

fn contract(more: &str) -> String {
    format!(
        "
name: things
dialect: {{ delimiter: \",\", header: true }}
schema:
  fields:
    - {{ name: id, type: integer }}
    - {{ name: kind, type: string }}
{more}
"
    )
}

const ROWS: &str = "id,kind\n1,a\n2,b\nx,c\n";

async fn land(bench: &Bench, job: &str, source: &str) {
    let submission = bench.submit(job, source.as_bytes(), 1_000, false).await;
    bench.run(submission).await.unwrap();
}

async fn record(bench: &Bench, job: &str) -> JobRecord {
    bench.context.registry.job(&JobId::parse(job).unwrap()).await.unwrap().unwrap()
}

/// A job that runs until it is held, and whoever answers it.
struct Waiting {
    job: JoinHandle<Result<Stored, Failure>>,
    answer: oneshot::Sender<Result<(), flow::Failure>>,
}

async fn held(bench: &Arc<Bench>, submission: Submission) -> Waiting {
    let (answer, answered) = oneshot::channel();
    *bench.approval.lock().unwrap() = Some(answered);
    let name = submission.job.clone();
    let job = tokio::spawn({
        let bench = bench.clone();
        async move { bench.run(submission).await }
    });
    while record(bench, name.as_str()).await.status != JobStatus::Held {
        assert!(!job.is_finished(), "it is not held");
        tokio::task::yield_now().await;
    }
    Waiting { job, answer }
}

fn refusal() -> flow::Failure {
    flow::Failure { error: "HoldRefused".to_owned(), cause: "by hand".to_owned() }
}

#[tokio::test]
async fn a_held_job_is_written_and_invisible_until_it_is_approved() {
    for mode in ["append", "overwrite"] {
        let bench = Arc::new(Bench::new(&contract(&format!("output: {{ mode: {mode} }}"))).await);
        bench.land("before", b"id,kind\n7,z\n8,\n", 1_000).await.unwrap();
        let (table, visible) = (bench.table_keys().await, bench.visible().await.0);
        let submission = Submission {
            commit: CommitMode::Hold,
            ..bench.submit("job", ROWS.as_bytes(), 9, false).await
        };
        let waiting = held(&bench, submission.clone()).await;
        assert_eq!((bench.table_keys().await, bench.visible().await.0), (table.clone(), visible));
        let keys = bench.context.keys(&submission.job);
        assert_eq!(bench.text(&keys.rejects(0)).await, "id,kind\nx,c\n", "it can be looked at");
        assert!(!bench.text(&keys.profile()).await.is_empty());
        let changes: Changes = serde_json::from_str(&bench.text(&keys.changes()).await).unwrap();
        assert_eq!(changes.reasons, ["its submission asks for approval"]);
        let removed = if mode == "append" { 0 } else { table.len() as u64 };
        assert_eq!((changes.stored, changes.removed), (2, removed), "{mode}");
        let before = (changes.last.map(|job| job.to_string()), changes.last_stored);
        assert_eq!(before, (Some("before".to_owned()), Some(2)));
        let kind = changes.columns.iter().find(|column| column.name == "kind").unwrap();
        assert_eq!((kind.nulls, kind.last_nulls), (Some(0.0), Some(0.5)));
        let hold = record(&bench, "job").await.hold.unwrap();
        assert_eq!((hold.reasons, hold.answer), (changes.reasons, None));
        assert!(!hold.token.is_empty() && hold.since < hold.until);

        waiting.answer.send(Ok(())).unwrap();
        let stored = waiting.job.await.unwrap().unwrap();
        assert_eq!(stored.counts.stored, 2);
        assert_eq!(record(&bench, "job").await.status, JobStatus::Succeeded);
    }
}

/// Refused by hand, by time, or cancelled: nothing of it was, is or becomes visible, and the same
/// bytes may land.
#[tokio::test]
async fn nothing_is_left_of_a_job_that_is_not_approved() {
    let expired =
        flow::Failure { error: "HoldExpired".to_owned(), cause: "nobody answered".to_owned() };
    for (failure, status) in [(refusal(), JobStatus::Cancelled), (expired, JobStatus::Failed)] {
        let bench = Arc::new(Bench::new(&contract("commit: hold")).await);
        let submission = bench.submit("job", ROWS.as_bytes(), 9, false).await;
        let waiting = held(&bench, submission).await;
        waiting.answer.send(Err(failure.clone())).unwrap();
        let ended = waiting.job.await.unwrap().unwrap_err();
        assert_eq!((&ended.error, &ended.cause), (&failure.error, &failure.cause));
        let record = record(&bench, "job").await;
        assert_eq!((record.status, record.counts.unwrap().stored), (status, 0));
        assert_eq!(bench.visible().await, (vec![], 0));
        let again = bench.submit("again", ROWS.as_bytes(), 9, false).await;
        assert_eq!(bench.run(again).await.unwrap().counts.stored, 2, "approved unasked");
    }
}

/// A refusal decides the job, whatever becomes of its execution: one that goes on gives way.
#[tokio::test]
async fn a_job_that_is_decided_not_to_commit_gives_way_when_it_is_approved() {
    let bench = Arc::new(Bench::new(&contract("commit: hold")).await);
    let submission = bench.submit("job", ROWS.as_bytes(), 9, false).await;
    let waiting = held(&bench, submission.clone()).await;
    let decision = Decision::NoCommit(Failure::new("HoldRefused", "by hand"));
    bench.decide(&submission.job, decision).await;
    waiting.answer.send(Ok(())).unwrap();
    assert_eq!(waiting.job.await.unwrap().unwrap_err().error, "HoldRefused");
    assert_eq!(record(&bench, "job").await.status, JobStatus::Cancelled);
    assert_eq!(bench.visible().await, (vec![], 0));
}

/// Its execution ended while it was held: it is settled like any other.
#[tokio::test]
async fn a_held_job_whose_execution_is_stopped_is_settled() {
    let bench = Arc::new(Bench::new(&contract("commit: hold")).await);
    let submission = bench.submit("job", ROWS.as_bytes(), 9, false).await;
    let waiting = held(&bench, submission.clone()).await;
    waiting.job.abort();
    let job = JobRef { job: submission.job, dataset: submission.dataset };
    let because = Failure::new("Cancelled", "by hand");
    steps::settle(&bench.context, job, None, because).await.unwrap();
    assert_eq!(record(&bench, "job").await.status, JobStatus::Cancelled);
    assert_eq!(bench.visible().await, (vec![], 0));
}

/// Each of the contract's reasons, against the last commit of the table.
#[tokio::test]
async fn a_contract_says_when_a_job_is_held() {
    let when = "holdWhen: { rejects: 10%, drift: true, rows: [-50%, +100%] }";
    for table in ["landfall", "delta"] {
        let text = contract(&format!("{when}\noutput: {{ table: {table} }}"));
        let text = text.replace("schema:\n", "schema:\n  fieldsMatch: subset\n");
        let bench = Arc::new(Bench::new(&text).await);
        let rows = |count: u32| (0..count).map(|n| format!("{n},a\n")).collect::<String>();
        let source = |header: &str, body: String| format!("{header}\n{body}");
        // There is nothing to compare the first one with.
        land(&bench, "first", &source("id,kind", rows(10))).await;
        for (job, text, told) in [
            ("few", source("id,kind", rows(4)), "4 rows would be stored, and job first stored 10"),
            ("many", source("id,kind", rows(21)), "21 rows would be stored"),
            ("faulty", source("id,kind", format!("{}x,a\nx,b\n", rows(8))), "2 of 10 records"),
            ("wide", source("id,kind,new", rows(9).replace(",a", ",a,1")), "1 new column"),
        ] {
            let submission = bench.submit(job, text.as_bytes(), 1_000, false).await;
            let waiting = held(&bench, submission).await;
            let hold = record(&bench, job).await.hold.unwrap();
            assert_eq!(hold.reasons.len(), 1, "{table} {job}: {:?}", hold.reasons);
            assert!(hold.reasons[0].contains(told), "{table} {job}: {:?}", hold.reasons);
            waiting.answer.send(Err(refusal())).unwrap();
            waiting.job.await.unwrap().unwrap_err();
        }
        land(&bench, "like", &source("id,kind", rows(7))).await;
        assert_eq!(record(&bench, "like").await.hold, None, "{table}");
    }
}

/// A job that can't commit fails before anybody is asked.
#[tokio::test]
async fn nobody_is_asked_about_a_job_that_can_not_commit() {
    let bench = Bench::new(&contract("")).await;
    bench.land("first", ROWS.as_bytes(), 1_000).await.unwrap();
    let other = contract("commit: hold").replace("type: integer", "type: string");
    let intake = Intake::default();
    let newer =
        bench.context.registry.put_contract(&bench.dataset, &other, &intake, super::bench::NOW);
    let submission = Submission {
        contract: newer.await.unwrap().version,
        ..bench.submit("job", b"id,kind\n9,z\n", 1_000, false).await
    };
    assert_eq!(bench.run(submission).await.unwrap_err().error, "ContractInvalid");
    assert_eq!(record(&bench, "job").await.hold, None);
}

/// The first call fails, then the second, and so on: the job is held, and then it lands.
#[tokio::test]
async fn any_call_of_a_held_job_may_fail() {
    for kind in [FaultKind::Before, FaultKind::After] {
        for call in 1.. {
            let memory = Arc::new(Memory::new());
            let faulty = Arc::new(Faulty::new(memory.clone(), InjectedFault { call, kind }));
            let text = contract("holdWhen: { rejects: 0, rows: -50% }");
            let bench = Arc::new(Bench::over(faulty.clone(), memory, &text).await);
            let submission = bench.submit("job", ROWS.as_bytes(), 9, false).await;
            let waiting = held(&bench, submission).await;
            assert_eq!(bench.visible().await.0, [""; 0], "{kind:?} {call}");
            waiting.answer.send(Ok(())).unwrap();
            let stored = waiting.job.await.unwrap().unwrap();
            assert_eq!(stored.counts.stored, 2, "{kind:?} {call}");
            let record = record(&bench, "job").await;
            assert_eq!(record.status, JobStatus::Succeeded, "{kind:?} {call}");
            assert_eq!(record.hold.unwrap().answer, None::<Answer>);
            if faulty.calls() < call {
                break;
            }
        }
    }
}
