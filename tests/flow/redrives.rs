//! Redrives failed jobs: only what failed runs again, and what lands is what a job lands that never
//! failed.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use executions::Executions;
use flow::Call;
use job::bill::Item;
use job::decision::Decision;
use job::limits::REDRIVE_SECONDS;
use job::message::{
    Abandon, Caught, ExecutionName, Failure, JobId, Settled, Shard, Stored, Submission,
    TransformShard,
};
use job::{Error, ErrorKind};
use objects::{Buckets, FaultKind, Faulty, InjectedFault, Memory};
use registry::{JobRecord, JobStatus, Registry};
use serde_json::{Value, json};
use settle::Settler;

use super::bench::{Bench, Landed, NOW};
use super::machine::{self, Functions, Until, Work};

/// Keys that several shards have, quotes by which shards guess their start wrong, and folders whose
/// files are put together: each state of the state machine has something to do.
const CONTRACT: &str = r#"
name: things
dialect: { delimiter: ",", quoteChar: '"', header: true }
schema:
  fields: [ { name: id, type: integer }, { name: kind, type: string } ]
  uniqueKeys: [ [id] ]
rejects: { limit: 90% }
output: { partitionBy: [kind], lineage: true }
"#;
const SOURCE: &str =
    "id,kind\n1,a\n2,\"b\n3,x\n\"\nx,c\n4,a\n1,b\n5,\"a,\n\"\"6\"\n7,b\n2,a\n8,c\n";

/// Runs steps, and fails some of them.
struct Failing<'a> {
    fails: &'a (dyn Fn(&Call) -> bool + Sync),
    /// How many others are done before one fails.
    after: usize,
    /// Whether a step does its work before it fails.
    works: bool,
    /// Where the process that runs a step dies.
    death: Option<Arc<Faulty>>,
    /// Whether no step is done after that, so that the execution fails.
    for_good: bool,
    is_dead: AtomicBool,
    done: AtomicUsize,
    calls: Mutex<Vec<Call>>,
}

impl<'a> Failing<'a> {
    fn new(fails: &'a (dyn Fn(&Call) -> bool + Sync)) -> Self {
        let (done, calls) = (AtomicUsize::new(0), Mutex::default());
        let is_dead = AtomicBool::new(false);
        Self { fails, after: 0, works: false, death: None, for_good: false, is_dead, done, calls }
    }

    fn nothing() -> Self {
        Self::new(&|_| false)
    }

    /// Runs a step to its end, or to the death of its process, as by `kill -9`.
    async fn until_death(&self, work: Work) -> Result<Value, Error> {
        let Some(death) = &self.death else { return work.await };
        tokio::select! {
            answer = work => answer,
            () = death.hangs() => {
                self.is_dead.store(true, Ordering::SeqCst);
                Err(Error::new(ErrorKind::StoreUnavailable, "the process was killed"))
            }
        }
    }

    /// The shards that were begun in a round, each attempt.
    fn shards(&self, round: u32) -> Vec<u32> {
        let calls = self.calls.lock().unwrap();
        let shards = calls.iter().filter_map(shard_of).filter(|shard| shard.round == round);
        let mut shards: Vec<u32> = shards.map(|shard| shard.index).collect();
        shards.sort_unstable();
        shards
    }
}

#[async_trait]
impl Functions for Failing<'_> {
    async fn run(&self, call: &Call, work: Work) -> Result<Value, Error> {
        self.calls.lock().unwrap().push(call.clone());
        let is_over = self.for_good && self.is_dead.load(Ordering::SeqCst);
        if is_over && call.payload.get("abandon").is_none() {
            return Err(Error::new(ErrorKind::StoreUnavailable, "the machine is gone"));
        }
        if !(self.fails)(call) {
            let answer = self.until_death(work).await;
            self.done.fetch_add(1, Ordering::SeqCst);
            return answer;
        }
        while self.done.load(Ordering::SeqCst) < self.after {
            tokio::task::yield_now().await;
        }
        if self.works {
            let _ = work.await;
        }
        Err(Error::new(ErrorKind::StoreUnavailable, "the store does not answer"))
    }
}

fn shard_of(call: &Call) -> Option<Shard> {
    serde_json::from_value(call.payload.get("shard")?.clone()).unwrap()
}

/// A deployment whose failed jobs can be redriven.
async fn bench(contract: &str) -> Bench {
    let memory = Arc::new(Memory::new());
    over(memory.clone(), memory, contract).await
}

async fn over(buckets: Arc<dyn Buckets>, inspected: Arc<dyn Buckets>, contract: &str) -> Bench {
    let mut bench = Bench::over(buckets, inspected, contract).await;
    bench.context.settings.redrive_seconds = Some(u32::MAX);
    bench
}

fn id(job: &str) -> JobId {
    JobId::parse(job).unwrap()
}

async fn record(bench: &Bench, job: &str) -> JobRecord {
    bench.context.registry.job(&id(job)).await.unwrap().unwrap()
}

async fn run(
    bench: &Bench,
    functions: &Failing<'_>,
    submission: &Submission,
) -> Result<Stored, Failure> {
    machine::submit(bench, functions, submission, Until::End).await.outcome()
}

/// A job that failed and waits to be redriven.
async fn failed(bench: &Bench, functions: &Failing<'_>, source: &str) -> Submission {
    let submission = bench.submit("job", source.as_bytes(), 9, false).await;
    let failure = run(bench, functions, &submission).await.unwrap_err();
    assert_waits(bench, &failure).await;
    submission
}

/// Nothing of the job is visible or decided, and nothing of it is cleared up.
async fn assert_waits(bench: &Bench, failure: &Failure) {
    let record = record(bench, "job").await;
    assert_eq!((record.status, record.failure.as_ref()), (JobStatus::Failed, Some(failure)));
    assert!(record.redrivable_until.is_some() && record.bill.is_some(), "{record:?}");
    assert_eq!(bench.text(&bench.context.keys(&id("job")).decision()).await, "");
    assert_eq!(bench.visible().await.0, [""; 0]);
}

/// Has a job go on in a new execution.
async fn redrive(
    bench: &Bench,
    functions: &Failing<'_>,
    status: JobStatus,
) -> Result<Stored, Failure> {
    let (registry, executions) = (bench.context.registry.as_ref(), executions::Memory::new());
    let before = record(bench, "job").await;
    let redrives = before.redrives + 1;
    let job = admission::redrive(registry, &executions, before, status, NOW).await.unwrap();
    assert_eq!((job.status, job.redrives), (status, redrives));
    assert_eq!(executions.inputs(), [serde_json::to_string(&job.submission).unwrap()]);
    run(bench, functions, &job.submission).await
}

async fn undisturbed(contract: &str, source: &str) -> Landed {
    Bench::new(contract).await.land("job", source.as_bytes(), 9).await.unwrap()
}

/// What landed is what a job lands that never failed, once, and nothing else is left.
async fn assert_landed(bench: &Bench, stored: &Stored, expected: &Landed, case: &str) {
    assert_landed_once(bench, stored, expected, case).await;
    assert_eq!((bench.visible().await.1, small(bench).await), (0, 0), "{case}");
}

/// The same, but uploads and small files may be left to the buckets' lifecycle.
async fn assert_landed_once(bench: &Bench, stored: &Stored, expected: &Landed, case: &str) {
    assert_eq!(&bench.landed(stored).await, expected, "{case}");
    let committed = bench.commit(0).await.unwrap().files.len();
    let visible = bench.visible().await.0;
    assert_eq!(visible.len(), committed + 1, "{case}: {visible:?}");
    assert!(bench.commit(1).await.is_none(), "{case}");
    let record = record(bench, "job").await;
    assert_eq!((record.status, record.failure), (JobStatus::Succeeded, None), "{case}");
    assert_eq!(record.redrivable_until, None, "{case}");
}

#[tokio::test]
async fn of_two_hundred_shards_those_that_failed_run_again() {
    let contract = CONTRACT.replace("uniqueKeys: [ [id] ]", "").replace(", lineage: true", "");
    let rows: String = (0..230).map(|n| format!("{:06},{}\n", n, ["a", "b"][n % 2])).collect();
    let source = format!("id,kind\n{rows}");
    let source = &source[..9 * 200];
    let expected = undisturbed(&contract, source).await;

    for wrong in [&[0, 17, 18, 99, 199][..], &[99]] {
        let mut bench = bench(&contract).await;
        bench.context.settings.max_concurrency = 1_000;
        let fails = |call: &Call| shard_of(call).is_some_and(|shard| wrong.contains(&shard.index));
        // Ingest and the other shards.
        let others = 200 - wrong.len();
        let first = Failing { after: 1 + others, ..Failing::new(&fails) };
        failed(&bench, &first, source).await;
        let begun: BTreeSet<u32> = first.shards(1).into_iter().collect();
        assert_eq!(begun, (0..200).collect());
        let spent = record(&bench, "job").await.bill.unwrap();
        assert_eq!(spent.lines[&Item::Transform].usage.invocations, others as u64);

        let second = Failing::nothing();
        let stored = redrive(&bench, &second, JobStatus::Running).await.unwrap();
        assert_eq!(second.shards(1), wrong);
        assert_landed(&bench, &stored, &expected, "").await;
        let bill = record(&bench, "job").await.bill.unwrap();
        let again = second.shards(2).len() as u64;
        assert_eq!(bill.lines[&Item::Transform].usage.invocations, 200 + again);
        assert_eq!(bill.lines[&Item::Ingest].usage.invocations, 2, "that of the first one too");
    }
}

/// Each merge writes 64 files at most.
#[tokio::test]
async fn of_the_merges_those_that_failed_run_again() {
    let contract = CONTRACT.replace("uniqueKeys: [ [id] ]", "");
    let rows: String = (0..400).map(|n| format!("{n},{}\n", n % 200)).collect();
    let source = format!("id,kind\n{rows}");
    let expected = Bench::new(&contract).await.land("job", source.as_bytes(), 999).await.unwrap();
    let merge_of =
        |call: &Call| call.payload.get("merge").and_then(|merge| merge["index"].as_u64());
    for wrong in [0, 1, 3] {
        let bench = bench(&contract).await;
        let fails = |call: &Call| merge_of(call) == Some(wrong);
        let submission = bench.submit("job", source.as_bytes(), 999, false).await;
        let failure = run(&bench, &Failing::new(&fails), &submission).await.unwrap_err();
        assert_waits(&bench, &failure).await;
        let second = Failing::nothing();
        let stored = redrive(&bench, &second, JobStatus::Running).await.unwrap();
        // One after the other: those after the one that failed were not begun.
        let calls = second.calls.into_inner().unwrap();
        let merges: Vec<u64> = calls.iter().filter_map(merge_of).collect();
        assert_eq!(merges, (wrong..4).collect::<Vec<_>>());
        assert!(calls.iter().all(|call| shard_of(call).is_none()), "no shard runs");
        assert_landed(&bench, &stored, &expected, &format!("merge {wrong}")).await;
    }
}

/// The step of a call: of the shards, with their round, and of verifications with theirs.
fn step(call: &Call) -> String {
    let Call { function, payload, .. } = call;
    match (shard_of(call), &payload["round"]) {
        (Some(shard), _) => format!("transform {}", shard.round),
        (None, Value::Number(round)) => format!("verify {round}"),
        (None, _) if payload.get("merge").is_some() => "merge".to_owned(),
        (None, _) if function == "store" => {
            payload.as_object().unwrap().keys().next().unwrap().clone()
        }
        (None, _) => function.clone(),
    }
}

#[tokio::test]
async fn a_job_goes_on_from_each_state() {
    for hold in ["", "commit: hold\n"] {
        let contract = format!("{CONTRACT}{hold}");
        let expected = undisturbed(&contract, SOURCE).await;
        let whole = Failing::nothing();
        let well = bench(&contract).await;
        let submission = well.submit("job", SOURCE.as_bytes(), 9, false).await;
        run(&well, &whole, &submission).await.unwrap();
        let steps: BTreeSet<String> = whole.calls.into_inner().unwrap().iter().map(step).collect();
        let mut known = vec![
            "ingest",
            "merge",
            "store",
            "transform 1",
            "transform 2",
            "transform 3",
            "verify 1",
            "verify 2",
            "verify 3",
        ];
        known.extend((!hold.is_empty()).then_some("hold"));
        assert_eq!(steps, known.into_iter().map(str::to_owned).collect());

        for (failing, works) in steps.iter().flat_map(|step| [(step, false), (step, true)]) {
            let case = format!("{failing}, {works}, {hold}");
            let fails = |call: &Call| step(call) == *failing;
            let bench = bench(&contract).await;
            let first = Failing { works, ..Failing::new(&fails) };
            let submission = bench.submit("job", SOURCE.as_bytes(), 9, false).await;
            let outcome = run(&bench, &first, &submission).await;
            if failing == "store" && works {
                // It is decided to commit, and whoever abandons it finishes that.
                assert_landed(&bench, &outcome.unwrap(), &expected, &case).await;
                continue;
            }
            assert_waits(&bench, &outcome.unwrap_err()).await;
            // It fails once more, and then no more.
            let again = Failing { works, ..Failing::new(&fails) };
            let outcome = redrive(&bench, &again, JobStatus::Running).await;
            let stored = match outcome {
                Err(failure) => {
                    assert_waits(&bench, &failure).await;
                    let third = Failing::nothing();
                    redrive(&bench, &third, JobStatus::Running).await.unwrap()
                }
                Ok(stored) => {
                    // What worked is not called again, and rounds that have run are verified at
                    // once.
                    assert!(works || failing.starts_with("verify"), "{case}");
                    stored
                }
            };
            assert_landed(&bench, &stored, &expected, &case).await;
        }
    }
}

/// A call fails before or after it took effect, in either execution.
#[tokio::test]
async fn any_call_of_a_redriven_job_may_fail() {
    let expected = undisturbed(CONTRACT, SOURCE).await;
    for (kind, failing) in [
        (FaultKind::Before, "transform 1"),
        (FaultKind::After, "transform 1"),
        (FaultKind::Before, "merge"),
        (FaultKind::After, "store"),
    ] {
        for call in 1.. {
            let case = format!("{kind:?} {call}, {failing}");
            let memory = Arc::new(Memory::new());
            let faulty = Arc::new(Faulty::new(memory.clone(), InjectedFault { call, kind }));
            let bench = over(faulty.clone(), memory, CONTRACT).await;
            let fails = |call: &Call| {
                step(call) == failing && shard_of(call).is_none_or(|shard| shard.index == 2)
            };
            failed(&bench, &Failing::new(&fails), SOURCE).await;
            let stored = redrive(&bench, &Failing::nothing(), JobStatus::Running).await;
            assert_landed_once(&bench, &stored.expect(&case), &expected, &case).await;
            if faulty.calls() < call {
                break;
            }
        }
    }
}

/// A process dies before or after any call, in either execution: its step is tried again, or the
/// execution fails and the job is redriven once more.
#[tokio::test]
async fn a_process_of_a_redriven_job_may_die_at_any_call() {
    let expected = undisturbed(CONTRACT, SOURCE).await;
    for (kind, failing, for_good) in [
        (FaultKind::HangBefore, "transform 1", true),
        (FaultKind::HangAfter, "merge", true),
        (FaultKind::HangAfter, "store", false),
    ] {
        // Deaths after which the job was redriven once more.
        let mut again = 0;
        for call in 1.. {
            let case = format!("{kind:?} {call}, {failing}, for good: {for_good}");
            let memory = Arc::new(Memory::new());
            let faulty = Arc::new(Faulty::new(memory.clone(), InjectedFault { call, kind }));
            let bench = over(faulty.clone(), memory, CONTRACT).await;
            let fails = |call: &Call| {
                step(call) == failing && shard_of(call).is_none_or(|shard| shard.index == 2)
            };
            let death = Some(faulty.clone());
            failed(&bench, &Failing { death: death.clone(), ..Failing::new(&fails) }, SOURCE).await;
            let second = Failing { death, for_good, ..Failing::nothing() };
            let stored = match redrive(&bench, &second, JobStatus::Running).await {
                Ok(stored) => stored,
                Err(failure) => {
                    assert!(for_good, "{case}: {failure:?}");
                    assert_waits(&bench, &failure).await;
                    again += 1;
                    redrive(&bench, &Failing::nothing(), JobStatus::Running).await.expect(&case)
                }
            };
            assert_landed_once(&bench, &stored, &expected, &case).await;
            if faulty.calls() < call {
                break;
            }
        }
        assert_eq!(again > 0, for_good, "{kind:?}, {failing}");
    }
}

/// What still runs of the first execution does no harm.
#[tokio::test]
async fn stragglers_of_the_first_execution_change_nothing() {
    let expected = undisturbed(CONTRACT, SOURCE).await;
    let bench = bench(CONTRACT).await;
    let fails = |call: &Call| shard_of(call).is_some_and(|shard| shard.index > 3);
    let submission = failed(&bench, &Failing::new(&fails), SOURCE).await;
    let keys = bench.context.keys(&submission.job);
    let shards: Vec<Shard> = serde_json::from_str(&bench.text(&keys.shards()).await).unwrap();
    let stragglers = shards.into_iter().map(|shard| {
        let Submission { job, dataset, .. } = submission.clone();
        let message = TransformShard { job, dataset, shard };
        async { steps::transform(&bench.context, message, "straggler").await.ok() }
    });
    let functions = Failing::nothing();
    let (stored, _) = tokio::join!(
        redrive(&bench, &functions, JobStatus::Running),
        futures::future::join_all(stragglers)
    );
    let stored = stored.unwrap();
    assert_landed(&bench, &stored, &expected, "").await;

    // So does its last state, when it runs again.
    let Submission { job, dataset, .. } = submission;
    let failure = Caught { error: "States.Timeout".to_owned(), cause: String::new() };
    let abandon = |execution: &str| Abandon {
        job: job.clone(),
        dataset: dataset.clone(),
        failure: failure.clone(),
        execution: Some(execution.to_owned()),
    };
    steps::abandon(&bench.context, abandon("job")).await.unwrap();
    assert_landed(&bench, &stored, &expected, "").await;
}

#[tokio::test]
async fn who_abandons_an_earlier_execution_leaves_the_job_alone() {
    let bench = bench(CONTRACT).await;
    let fails = |call: &Call| step(call) == "verify 1";
    let submission = failed(&bench, &Failing::new(&fails), SOURCE).await;
    let (registry, executions) = (bench.context.registry.as_ref(), executions::Memory::new());
    let job = record(&bench, "job").await;
    let running =
        admission::redrive(registry, &executions, job, JobStatus::Running, NOW).await.unwrap();
    for error in ["States.Timeout", "SourceChanged"] {
        let failure = Caught { error: error.to_owned(), cause: String::new() };
        let Submission { job, dataset, .. } = submission.clone();
        let execution = Some(job.to_string());
        let abandon = Abandon { job, dataset, failure, execution };
        let Settled { status, error: told, .. } =
            steps::abandon(&bench.context, abandon).await.unwrap();
        assert_eq!((status.as_str(), told.as_str()), ("FAILED", error));
        assert_eq!(record(&bench, "job").await, running, "{error}");
        assert_eq!(bench.text(&bench.context.keys(&submission.job).decision()).await, "");
    }
}

#[tokio::test]
async fn two_that_redrive_a_job_start_it_once() {
    let bench = bench(CONTRACT).await;
    let fails = |call: &Call| step(call) == "verify 1";
    failed(&bench, &Failing::new(&fails), SOURCE).await;
    let (registry, executions) = (bench.context.registry.as_ref(), executions::Memory::new());
    let job = record(&bench, "job").await;
    let redrive =
        || admission::redrive(registry, &executions, job.clone(), JobStatus::Running, NOW);
    let (one, other) = tokio::join!(redrive(), redrive());
    assert_eq!(one.unwrap().redrives, 1);
    assert_eq!(other.unwrap().redrives, 1);
    assert_eq!(redrive().await.unwrap().redrives, 1);
    assert_eq!(executions.inputs().len(), 1);
    let name = record(&bench, "job").await.execution_name();
    assert_eq!(name.to_string(), "job-r2");
    assert!(executions.describe(&executions.arn(&name)).await.is_ok());
}

#[tokio::test]
async fn what_the_source_or_the_contract_decides_is_given_up_at_once() {
    for (text, error) in
        [("id,kind\nx,a\n", "RejectLimitExceeded"), ("nr,kind\n1,a\n", "SchemaDrift")]
    {
        let bench = bench(CONTRACT).await;
        let submission = bench.submit("job", text.as_bytes(), 9, false).await;
        let failure = run(&bench, &Failing::nothing(), &submission).await.unwrap_err();
        assert_eq!(failure.error, error);
        let record = record(&bench, "job").await;
        assert_eq!((record.status, record.redrivable_until), (JobStatus::Failed, None));
        assert_ne!(bench.text(&bench.context.keys(&submission.job).decision()).await, "");
    }
}

#[tokio::test]
async fn a_job_whose_time_is_over_is_given_up_by_the_sweep() {
    let mut bench = bench(CONTRACT).await;
    bench.context.settings.redrive_seconds = Some(REDRIVE_SECONDS);
    let source = bench.submit("source", SOURCE.as_bytes(), 9, false).await;
    let submission = Submission { job: id("job"), ..source };
    // Admitted just now.
    let job = JobRecord::pending(submission.clone(), &admission::now());
    bench.context.registry.put_job(&job).await.unwrap();
    let fails = |call: &Call| step(call) == "merge";
    let failure = run(&bench, &Failing::new(&fails), &submission).await.unwrap_err();
    assert_waits(&bench, &failure).await;

    let executions = Arc::new(executions::Memory::new());
    let input = serde_json::to_string(&submission).unwrap();
    for job in ["source", "job"] {
        let name = ExecutionName::new(&id(job), 0);
        executions.start(&name, &input).await.unwrap();
    }
    let name = ExecutionName::new(&submission.job, 0);
    executions.end(&executions.arn(&name), executions::Status::Failed, None);
    let mut settler = Settler { context: bench.context.clone(), executions };
    let until = record(&bench, "job").await.redrivable_until.unwrap();
    let until: DateTime<Utc> = until.parse().unwrap();
    let early = settler.sweep(until - TimeDelta::seconds(1)).await.unwrap();
    assert_eq!(early.settled, 0, "it may still be redriven");
    let event = json!({"source": "aws.states", "detail": {"name": "job", "status": "FAILED"}});
    assert_eq!(settler.hear(&event, Utc::now()).await.unwrap().settled, 0);
    assert!(bench.visible().await.1 + small(&bench).await > 0);

    // The steps have a clock of their own: to them the time is over.
    settler.context.settings.redrive_seconds = Some(0);
    assert_eq!(settler.sweep(until).await.unwrap().settled, 1);
    let record = record(&bench, "job").await;
    assert_eq!((record.status, &record.redrivable_until), (JobStatus::Failed, &None));
    assert_eq!(record.failure.as_ref(), Some(&failure));
    assert_eq!((bench.visible().await, small(&bench).await), ((vec![], 0), 0));
    assert_eq!(settler.sweep(until).await.unwrap().settled, 0);
    let (registry, executions) = (bench.context.registry.as_ref(), settler.executions.as_ref());
    let late = admission::redrive(registry, executions, record.clone(), JobStatus::Running, NOW);
    assert_eq!(late.await.unwrap(), record, "it is over");
}

/// How many small files lie beside the job.
async fn small(bench: &Bench) -> usize {
    let prefix = bench.context.keys(&id("job")).small_prefix().to_owned();
    bench.work().list(&prefix, None, 1_000).await.unwrap().len()
}

#[tokio::test]
async fn steps_of_another_version_do_not_go_on() {
    let bench = bench(CONTRACT).await;
    let fails = |call: &Call| step(call) == "verify 1";
    let submission = failed(&bench, &Failing::new(&fails), SOURCE).await;
    let key = bench.context.keys(&submission.job).plan();
    let mut plan: Value = serde_json::from_str(&bench.text(&key).await).unwrap();
    assert_eq!(plan["steps"], json!(landing::plan::STEPS));
    plan["steps"] = json!(99);
    let other = serde_json::to_vec(&plan).unwrap();
    bench.work().put(&key, other.into(), objects::Put::Overwrite).await.unwrap();
    let functions = Failing::nothing();
    let failure = redrive(&bench, &functions, JobStatus::Running).await.unwrap_err();
    assert!(failure.cause.contains("steps of version 99 made the plan"), "{}", failure.cause);
    assert_eq!(functions.shards(1), [0; 0]);
}

#[tokio::test]
async fn a_job_that_waits_to_be_redriven_can_be_cancelled() {
    for failing in ["ingest", "transform 2", "merge", "store"] {
        let bench = bench(CONTRACT).await;
        let fails = |call: &Call| step(call) == failing;
        let submission = failed(&bench, &Failing::new(&fails), SOURCE).await;
        let because = Failure::new("Cancelled", "by hand");
        bench.decide(&submission.job, Decision::NoCommit(because.clone())).await;
        let outcome = redrive(&bench, &Failing::nothing(), JobStatus::Cancelling).await;
        assert_eq!(outcome, Err(because), "{failing}");
        assert_eq!(record(&bench, "job").await.status, JobStatus::Cancelled, "{failing}");
        assert_eq!((bench.visible().await, small(&bench).await), ((vec![], 0), 0), "{failing}");
        // The same bytes may land.
        let again = bench.submit("again", SOURCE.as_bytes(), 9, false).await;
        bench.run(again).await.unwrap();
    }
}

/// Another job lands the same bytes: it need not wait, and the redriven one lands nothing.
#[tokio::test]
async fn another_job_may_land_the_same_bytes_meanwhile() {
    for (failing, status) in [("transform 1", JobStatus::Duplicate), ("store", JobStatus::Failed)] {
        for works in [false, true] {
            if failing == "store" && works {
                continue;
            }
            let bench = bench(CONTRACT).await;
            let fails = |call: &Call| step(call) == failing;
            let first = Failing { works, ..Failing::new(&fails) };
            let submission = failed(&bench, &first, SOURCE).await;
            if failing == "store" {
                // It failed between its claims and its decision.
                let registry: &dyn Registry = bench.context.registry.as_ref();
                let tally: Value = serde_json::from_str(
                    &bench.text(&bench.context.keys(&submission.job).tally()).await,
                )
                .unwrap();
                let crc = tally["objects"][0]["crc64nvme"].as_u64().unwrap();
                let content = landing::commit::content_name(SOURCE.len() as u64, crc);
                let (dataset, job) = (&submission.dataset, &submission.job);
                registry.claim(dataset, &[content], job, false).await.unwrap();
            }
            let other = bench.submit("other", SOURCE.as_bytes(), 9, false).await;
            let stored = bench.run(other).await.unwrap();
            let outcome = redrive(&bench, &Failing::nothing(), JobStatus::Running).await;
            let failure = outcome.unwrap_err();
            assert_eq!(record(&bench, "job").await.status, status, "{failing}: {failure:?}");
            assert_eq!(bench.visible().await.1, 0);
            let rows = bench.sorted_rows(&bench.table_keys().await).await;
            assert_eq!(rows.len() as u64, stored.counts.stored);
        }
    }
}
