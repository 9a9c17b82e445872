//! Deletes or moves what is landed: after the commit, until it is done, and nothing else.

use std::sync::Arc;

use bytes::Bytes;
use job::message::{JobId, Submission};
use objects::{Buckets, FaultKind, Faulty, InjectedFault, Memory, Put, Tags};
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
        "keep" | "tag" => vec![file("inbox/things/job.csv")],
        "delete" => vec![],
        _ => vec![file("archive/things/inbox/things/job.csv")],
    }
}

const WAYS: [&str; 4] = ["keep", "tag", "delete", "{ move: archive/things/ }"];

fn tags(more: &[(&str, &str)]) -> Tags {
    let landed = [("landfall", "landed"), ("landfall-job", "job")];
    let all = landed.iter().chain(more);
    all.map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

#[tokio::test]
async fn tags_are_added_to_what_landed() {
    for is_versioned in [false, true] {
        let memory = Arc::new(if is_versioned { Memory::versioned() } else { Memory::new() });
        let bench = Bench::over(memory.clone(), memory, &contract("tag")).await;
        let submission = bench.submit("job", ROWS.as_bytes(), 9, false).await;
        let key = "inbox/things/job.csv";
        let there = Tags::from([("team".to_owned(), "ops".to_owned())]);
        bench.inbox().put_tags(key, None, &there).await.unwrap();
        let version = bench.inbox().head(key, None).await.unwrap().version;
        bench.verified(submission.clone()).await.unwrap();
        assert_eq!(bench.inbox().tags(key, None).await.unwrap(), there, "it did not land yet");
        let Submission { job, dataset, .. } = submission;
        let store = job::message::JobRef { job, dataset };
        for _ in 0..2 {
            steps::store(&bench.context, store.clone()).await.unwrap();
            assert_eq!(bench.inbox().tags(key, None).await.unwrap(), tags(&[("team", "ops")]));
        }

        // What replaces it did not land.
        bench
            .inbox()
            .put(key, Bytes::from_static(b"id,kind\n3,c\n"), Put::Overwrite)
            .await
            .unwrap();
        steps::store(&bench.context, store).await.unwrap();
        assert_eq!(bench.inbox().tags(key, None).await.unwrap(), Tags::new());
        if version.is_some() {
            let landed = bench.inbox().tags(key, version.as_deref()).await.unwrap();
            assert_eq!(landed, tags(&[("team", "ops")]));
        }
    }
}

/// Wherever a call fails.
#[tokio::test]
async fn tags_are_added_until_that_is_done() {
    for kind in [FaultKind::Before, FaultKind::After] {
        for call in 1.. {
            let memory = Arc::new(Memory::new());
            let faulty = Arc::new(Faulty::new(memory.clone(), InjectedFault { call, kind }));
            let bench = Bench::over(faulty.clone(), memory, &contract("tag")).await;
            bench.land("job", ROWS.as_bytes(), 9).await.unwrap();
            let there = bench.inbox().tags("inbox/things/job.csv", None).await.unwrap();
            assert_eq!(there, tags(&[]), "{kind:?} {call}");
            if faulty.calls() < call {
                break;
            }
        }
    }
}

/// The job landed, and says what could not be done.
#[tokio::test]
async fn a_store_without_tags_is_warned_of() {
    let folder = tempfile::tempdir().unwrap();
    let bucket = folder.path().to_str().unwrap().to_owned();
    std::fs::write(folder.path().join("job.csv"), ROWS).unwrap();
    let directories = objects::Directories.bucket(&bucket);
    let refused = directories.tags("job.csv", None).await.unwrap_err();
    assert!(refused.to_string().contains("files of a directory have no tags"), "{refused}");
    let faulty = |call| {
        let memory = Arc::new(Memory::new());
        let fault = InjectedFault { call, kind: FaultKind::Denied };
        (memory.clone(), Arc::new(Faulty::new(memory, fault)))
    };
    let (memory, counted) = faulty(0);
    let bench = Bench::over(counted.clone(), memory, &contract("tag")).await;
    bench.land("job", ROWS.as_bytes(), 9).await.unwrap();
    let mut warned = 0;
    for call in 1..=counted.calls() {
        let (memory, denied) = faulty(call);
        let bench = Bench::over(denied, memory, &contract("tag")).await;
        let Ok(landed) = bench.land("job", ROWS.as_bytes(), 9).await else { continue };
        assert_eq!(landed.counts.stored, 2);
        let job = JobId::parse("job").unwrap();
        let record = bench.context.registry.job(&job).await.unwrap().unwrap();
        warned += record.warnings.iter().filter(|it| it.name == "AfterwardsNotDone").count();
    }
    assert_eq!(warned, 3, "the look at the object, that at its tags, and their change");
}

#[tokio::test]
async fn a_landed_source_is_kept_tagged_deleted_or_moved() {
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
