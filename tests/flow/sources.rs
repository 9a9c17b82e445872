//! Checks sources that are replaced or deleted after their job was submitted, and those that may
//! not be named.

use std::sync::Arc;

use bytes::Bytes;
use job::message::{Failure, SourceRef, Submission};
use objects::{Buckets, FaultKind, Faulty, InjectedFault, Memory, Put};

use super::bench::{Bench, things};

const SCHEMA: &str = "schema: { fields: [ { name: id, type: integer } ] }";
const SUBMITTED: &[u8] = b"id\n1\n2\n3\n4\n5\n";
const OTHER: &[u8] = b"id\n6\n7\n8\n9\n0\n";

/// What became of a job.
struct Ended {
    /// The ids that landed.
    ids: Result<Vec<String>, Failure>,
    /// Whether it made the call before which its source went.
    is_reached: bool,
}

/// Lands a source as it is, which is replaced or deleted before the `call`th call to a store.
async fn land(memory: Memory, is_deleted: bool, call: u64) -> Ended {
    let memory: Arc<dyn Buckets> = Arc::new(memory);
    let faulty = Faulty::new(memory.clone(), InjectedFault { call, kind: FaultKind::HangBefore });
    let faulty = Arc::new(faulty);
    let bench = Bench::over(faulty.clone(), memory, &things(SCHEMA)).await;
    let submission = bench.submit("job", SUBMITTED, 4, false).await;
    let inbox = bench.inbox();
    let object = submission.source.object().unwrap();
    let head = inbox.head(&object.key, None).await.unwrap();
    let pinned = SourceRef { version: head.version, etag: Some(head.etag), ..object.clone() };
    let goes = async {
        faulty.hangs().await;
        if is_deleted {
            inbox.delete(&pinned.key).await.unwrap();
        } else {
            inbox.put(&pinned.key, Bytes::from_static(OTHER), Put::Overwrite).await.unwrap();
        }
        faulty.go_on();
        std::future::pending::<()>().await;
    };
    let outcome = tokio::select! {
        outcome = bench.run(Submission { source: pinned.clone().into(), ..submission }) => outcome,
        () = goes => unreachable!("it waits for ever"),
    };
    let is_reached = faulty.calls() >= call;
    let ids = match outcome {
        Ok(stored) => {
            let rows = bench.landed(&stored).await.rows;
            Ok(rows.iter().map(|row| row.split('|').nth(1).unwrap().to_owned()).collect())
        }
        Err(failure) => {
            assert_eq!(bench.data_keys().await, Vec::<String>::new(), "call {call}");
            Err(failure)
        }
    };
    Ended { ids, is_reached }
}

#[tokio::test]
async fn what_was_submitted_lands_or_nothing_does() {
    let submitted: Vec<String> = ["1", "2", "3", "4", "5"].map(str::to_owned).into();
    for (is_deleted, name) in [(false, "SourceChanged"), (true, "SourceMissing")] {
        let mut failed = 0;
        for call in 1.. {
            let kept = land(Memory::versioned(), is_deleted, call).await;
            assert_eq!(kept.ids, Ok(submitted.clone()), "call {call}: its version is still there");
            let gone = land(Memory::new(), is_deleted, call).await;
            if !gone.is_reached {
                break;
            }
            match gone.ids {
                Ok(ids) => {
                    assert_eq!(ids, submitted, "call {call}");
                    assert_ne!(call, 1, "it was not even looked at");
                }
                Err(failure) => {
                    assert_eq!(failure.error, name, "call {call}: {}", failure.cause);
                    failed += 1;
                }
            }
        }
        assert!(failed > 3, "{name}: {failed}");
    }
}

/// A job can be started without the front door, by whoever may start executions.
#[tokio::test]
async fn what_may_not_be_named_is_refused_by_ingest_too() {
    let memory: Arc<dyn Buckets> = Arc::new(Memory::new());
    let bench = Bench::over(memory.clone(), memory, &things(SCHEMA)).await;
    for (n, (bucket, key)) in
        [("work", "jobs/a"), ("lake", "lake/a"), ("inbox", "reference/a"), ("other", "a")]
            .into_iter()
            .enumerate()
    {
        let submission = bench.submit(&format!("job{n}"), SUBMITTED, 4, false).await;
        let bytes = Bytes::from_static(SUBMITTED);
        bench.context.buckets.bucket(bucket).put(key, bytes, Put::Overwrite).await.unwrap();
        let (bucket, key) = (bucket.to_owned(), key.to_owned());
        let source = SourceRef::new(bucket, key).into();
        let failure = bench.run(Submission { source, ..submission }).await.unwrap_err();
        assert_eq!(failure.error, "AccessDenied", "{}", failure.cause);
        assert!(failure.cause.contains("may not be landed"), "{}", failure.cause);
    }
}
