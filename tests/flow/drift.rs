//! Tells of a header that is another one than before: once for each job that is committed.

use std::sync::Arc;

use events::Event;
use job::message::JobRef;
use objects::{FaultKind, Faulty, InjectedFault, Memory};
use serde_json::{Value, json};

use super::bench::Bench;

const CONTRACT: &str = "
name: things
dialect: { delimiter: \",\", header: true }
schema:
  fieldsMatch: [subset]
  fields: [ { name: id, type: integer, constraints: { required: true } }, { name: kind } ]
";
const FIRST: &[u8] = b"id,kind\n1,a\n";
const DRIFTED: &[u8] = b"id,kind,colour\n2,b,red\n";

async fn listening(mut bench: Bench) -> (Bench, Arc<events::Memory>) {
    let heard = Arc::new(events::Memory::new());
    bench.context.events = Some(heard.clone());
    (bench, heard)
}

/// What is told of headers.
fn drifts(heard: &events::Memory) -> Vec<Value> {
    let is_of_drift = |event: &Event| event.detail_type == "landfall.dataset.drifted";
    heard.all().into_iter().filter(is_of_drift).map(|event| event.detail).collect()
}

fn drift(job: &str, last: &str, new: u64, missing: u64) -> Value {
    json!({
        "dataset": "things", "job": job, "lastJob": last, "newColumns": new, "missingColumns": missing,
    })
}

#[tokio::test]
async fn another_header_is_told_once_it_is_committed() {
    let (bench, heard) = listening(Bench::new(CONTRACT).await).await;
    for (job, source) in [
        ("first", FIRST),
        ("same", b"id,kind\n3,a\n"),
        ("more", DRIFTED),
        ("refused", b"id,kind\nx,a\n"),
        ("same-as-more", b"id,kind,colour\n4,b,red\n"),
        ("turned", b"kind,id,colour\na,5,red\n"),
        ("less", b"id,kind\n6,a\n"),
    ] {
        let outcome = bench.land(job, source, 1_000).await;
        assert_eq!(outcome.is_err(), job == "refused", "{job}: {outcome:?}");
    }
    let expected = [
        drift("more", "same", 1, 0),
        drift("turned", "same-as-more", 0, 0),
        drift("less", "turned", 0, 1),
    ];
    assert_eq!(drifts(&heard), expected);
}

#[tokio::test]
async fn a_job_that_is_ended_twice_tells_it_once() {
    let (bench, heard) = listening(Bench::new(CONTRACT).await).await;
    bench.land("first", FIRST, 1_000).await.unwrap();
    let submission = bench.submit("job", DRIFTED, 1_000, false).await;
    bench.verified(submission.clone()).await.unwrap();
    assert_eq!(drifts(&heard), [Value::Null; 0], "nothing is committed yet");
    let job = JobRef { job: submission.job, dataset: submission.dataset };
    for _ in 0..3 {
        steps::store(&bench.context, job.clone()).await.unwrap();
    }
    assert_eq!(drifts(&heard), [drift("job", "first", 1, 0)]);
}

#[tokio::test]
async fn any_call_may_fail_and_it_is_told_once() {
    for kind in [FaultKind::Before, FaultKind::After] {
        for call in 1.. {
            let memory = Arc::new(Memory::new());
            let faulty = Arc::new(Faulty::new(memory.clone(), InjectedFault { call, kind }));
            let (bench, heard) =
                listening(Bench::over(memory.clone(), memory, CONTRACT).await).await;
            bench.land("first", FIRST, 1_000).await.unwrap();
            let bench = bench.beside(faulty.clone());
            bench.land("job", DRIFTED, 1_000).await.unwrap();
            assert_eq!(drifts(&heard), [drift("job", "first", 1, 0)], "call {call}");
            if faulty.calls() < call {
                break;
            }
        }
    }
}
