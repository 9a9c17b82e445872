//! Deletes or moves what is landed: after the commit, until it is done, and nothing else.

use std::sync::Arc;

use bytes::Bytes;
use job::message::{JobId, Submission};
use objects::{FaultKind, Faulty, InjectedFault, Memory, Put};
use registry::JobStatus;

use super::bench::Bench;

const ROWS: &str = "id,kind\n1,a\n2,b\n";

fn contract(afterwards: &str) -> String {
    format!(
        "
name: things
schema: {{ fields: [ {{ name: id, type: integer }}, {{ name: kind }} ] }}
afterwards: {afterwards}
"
    )
}

/// The keys of the inbox, and what lies there.
async fn inbox(bench: &Bench) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for listed in bench.inbox().list("", None, 1_000).await.unwrap() {
        let bytes = bench.inbox().read(&listed.key, u64::MAX).await.unwrap();
        found.push((listed.key, String::from_utf8(bytes.to_vec()).unwrap()));
    }
    found
}

fn left(afterwards: &str) -> Vec<(String, String)> {
    let file = |key: &str| (key.to_owned(), ROWS.to_owned());
    match afterwards {
        "keep" => vec![file("inbox/things/job.csv")],
        "delete" => vec![],
        _ => vec![file("archive/things/inbox/things/job.csv")],
    }
}

const WAYS: [&str; 3] = ["keep", "delete", "{ move: archive/things/ }"];

#[tokio::test]
async fn a_landed_source_is_kept_deleted_or_moved() {
    for afterwards in WAYS {
        let bench = Bench::new(&contract(afterwards)).await;
        bench.land("job", ROWS.as_bytes(), 9).await.unwrap();
        assert_eq!(inbox(&bench).await, left(afterwards), "{afterwards}");
    }
}

/// Each object of a job of many, those that landed before too, as they are there again.
#[tokio::test]
async fn each_object_of_many_is_moved() {
    let bench = Bench::new(&contract("{ move: archive/ }")).await;
    let submission = bench.submit("job", ROWS.as_bytes(), 9, false).await;
    let submission = bench.split_into_objects(submission).await;
    bench.run(submission).await.unwrap();
    let keys: Vec<String> = inbox(&bench).await.into_iter().map(|(key, _)| key).collect();
    let expected = [
        "archive/inbox/things/job-0.csv",
        "archive/inbox/things/job-1.csv",
        // That of the submission itself, which the job was not asked for.
        "inbox/things/job.csv",
    ];
    assert_eq!(keys, expected);
}

#[tokio::test]
async fn what_did_not_land_stays() {
    let bench = Bench::new(&contract("delete")).await;
    bench.land("job", b"id,kind\nx,a\n", 9).await.unwrap_err();
    assert_eq!(inbox(&bench).await.len(), 1);
}

/// What was replaced before the job came to its end is another job's.
#[tokio::test]
async fn a_source_that_was_replaced_stays() {
    for afterwards in ["delete", "{ move: archive/ }"] {
        let memory = Arc::new(Memory::versioned());
        let bench = Bench::over(memory.clone(), memory, &contract(afterwards)).await;
        let submission = bench.submit("job", ROWS.as_bytes(), 1_000, false).await;
        bench.verified(submission.clone()).await.unwrap();
        let newer = Bytes::from_static(b"id,kind\n3,c\n");
        bench.inbox().put("inbox/things/job.csv", newer, Put::Overwrite).await.unwrap();
        let Submission { job, dataset, .. } = submission;
        steps::store(&bench.context, job::message::JobRef { job, dataset }).await.unwrap();
        let found = inbox(&bench).await;
        let newer = ("inbox/things/job.csv".to_owned(), "id,kind\n3,c\n".to_owned());
        assert!(found.contains(&newer), "{afterwards}: {found:?}");
        let moved = ("archive/inbox/things/job.csv".to_owned(), ROWS.to_owned());
        assert_eq!(found.contains(&moved), afterwards != "delete", "{afterwards}: {found:?}");
    }
}

/// The first call fails, then the second, and so on: in the end it is done, once.
#[tokio::test]
async fn any_call_may_fail() {
    for afterwards in WAYS {
        for kind in [FaultKind::Before, FaultKind::After] {
            for call in 1.. {
                let memory = Arc::new(Memory::new());
                let faulty = Arc::new(Faulty::new(memory.clone(), InjectedFault { call, kind }));
                let bench = Bench::over(faulty.clone(), memory, &contract(afterwards)).await;
                bench.land("job", ROWS.as_bytes(), 9).await.unwrap();
                assert_eq!(inbox(&bench).await, left(afterwards), "{afterwards} {kind:?} {call}");
                let job = JobId::parse("job").unwrap();
                let record = bench.context.registry.job(&job).await.unwrap().unwrap();
                assert_eq!(record.status, JobStatus::Succeeded);
                assert!(record.warnings.is_empty(), "{afterwards} {kind:?} {call}");
                if faulty.calls() < call {
                    break;
                }
            }
        }
    }
}

#[test]
fn only_the_archive_is_moved_to() {
    for (afterwards, told) in [
        ("{ move: inbox/done/ }", "`inbox/done/` is not allowed"),
        ("{ move: archive }", "`archive` is not allowed"),
        ("{ move: archive/../x/ }", "is not allowed"),
        ("{ move: archive//x/ }", "is not allowed"),
        ("{ to: archive/ }", "allowed: move"),
        ("burn", "`burn` is not allowed"),
    ] {
        let faults = contract::Contract::parse(&contract(afterwards)).unwrap_err();
        assert!(
            faults.iter().any(|fault| fault.message.contains(told)),
            "{afterwards}: {faults:?}"
        );
    }
}
