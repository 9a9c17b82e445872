//! Checks that no file lands twice, and that many may land at once.

use std::sync::Arc;

use job::message::{Failure, JobId};
use registry::JobStatus;

use super::bench::Bench;

const CONTRACT: &str = "
name: things
schema: { fields: [ { name: id, type: integer, constraints: { required: true } }, { name: kind, type: string } ] }
rejects: { limit: 50% }
output: { partitionBy: [kind] }
";

#[tokio::test]
async fn the_same_bytes_under_another_name_are_refused() {
    let bench = Bench::new(CONTRACT).await;
    let first = bench.land("first", b"id,kind\n1,a\n2,b\n", 8).await.unwrap();
    let Failure { error, cause, job } =
        bench.land("second", b"id,kind\n1,a\n2,b\n", 100).await.unwrap_err();
    assert_eq!(error, "AlreadyLanded");
    assert!(cause.contains("first"), "{cause}");
    assert_eq!(job.unwrap().as_str(), "first");
    let status =
        bench.context.registry.job(&JobId::parse("second").unwrap()).await.unwrap().unwrap().status;
    assert_eq!(status, JobStatus::Duplicate);
    assert!(bench.commit(1).await.is_none());

    let forced = bench.submit("third", b"id,kind\n1,a\n2,b\n", 100, true).await;
    let stored = bench.run(forced).await.unwrap();
    assert_eq!((stored.sequence, stored.counts), (1, first.counts));
}

/// What has no records is nothing that could land twice: the same bytes come on each quiet day.
#[tokio::test]
async fn a_source_without_records_is_no_duplicate() {
    let bench = Bench::new(CONTRACT).await;
    for job in ["monday", "tuesday", "wednesday"] {
        let landed = bench
            .land(job, b"id,kind\n\n", 100)
            .await
            .unwrap_or_else(|failure| panic!("{job}: {failure:?}"));
        assert_eq!((landed.counts.read, landed.rows.len()), (0, 0));
    }
    bench.land("thursday", b"id,kind\n1,a\n", 100).await.unwrap();
    assert_eq!(
        bench.land("friday", b"id,kind\n1,a\n", 100).await.unwrap_err().error,
        "AlreadyLanded"
    );
}

#[tokio::test]
async fn a_source_with_nothing_in_it_is_told_so() {
    let bench = Bench::new(CONTRACT).await;
    for (number, source) in
        [&b""[..], b"\xef\xbb\xbf", b"\n\r\n \n", b"\xff\xfe\n\0"].into_iter().enumerate()
    {
        let failure = bench.land(&format!("job{number}"), source, 100).await.unwrap_err();
        assert_eq!(failure.error, "SchemaDrift", "{source:?}");
        assert!(failure.cause.contains("is empty: it has"), "{source:?}: {}", failure.cause);
    }
}

#[tokio::test]
async fn jobs_that_race_all_land() {
    let bench = Arc::new(Bench::new(CONTRACT).await);
    let jobs = (0..20).map(|n| {
        let bench = bench.clone();
        tokio::spawn(async move {
            let submission = bench
                .submit(&format!("job{n}"), format!("id,kind\n{n},a\n").as_bytes(), 4, false)
                .await;
            bench.run(submission).await.unwrap().sequence
        })
    });
    let mut taken: Vec<u64> = futures::future::try_join_all(jobs).await.unwrap();
    taken.sort_unstable();
    assert_eq!(taken, (0..20).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_job_over_its_limit_leaves_nothing_but_its_rejects() {
    let bench = Bench::new(CONTRACT).await;
    let submission = bench.submit("job", b"id,kind\nx,a\ny,b\n1,c\n", 7, false).await;
    let keys = bench.context.keys(&submission.job);
    let failure = bench.run(submission.clone()).await.unwrap_err();
    assert_eq!(failure.error, "RejectLimitExceeded");
    assert!(
        failure.cause.starts_with("2 of 3 records were rejected, more than the limit of 50%"),
        "{}",
        failure.cause
    );
    assert_eq!(bench.visible().await, (vec![], 0));
    assert_eq!(bench.text(&keys.rejects(0)).await, "id,kind\nx,a\ny,b\n");
    assert_eq!(bench.text(&keys.errors()).await.lines().count(), 2);
    let record = bench.context.registry.job(&submission.job).await.unwrap().unwrap();
    assert_eq!((record.status, record.failure), (JobStatus::Failed, Some(failure)));

    // Nothing of it was loaded, so the same bytes may come again.
    let again = bench.land("again", b"id,kind\nx,a\ny,b\n1,c\n", 7).await.unwrap_err();
    assert_eq!(again.error, "RejectLimitExceeded");
}

#[tokio::test]
async fn drift_is_named() {
    let bench = Bench::new(CONTRACT).await;
    let submission = bench.submit("job", b"id,sort,kind\n", 100, false).await;
    let errors = bench.context.keys(&submission.job).errors();
    let failure = bench.run(submission).await.unwrap_err();
    assert_eq!(failure.error, "SchemaDrift");
    assert_eq!(
        failure.cause,
        "the header does not match the contract (fieldsMatch: exact): column 2 is not in the contract; \
         the job's errors tell what stands there"
    );
    let told = r#"{"line":1,"record":0,"byte":0,"column":2,"error":"extra-label","rule":"fieldsMatch: exact","value":"sort","message":"column 2 is not in the contract: `sort` stands there"}"#;
    assert_eq!(bench.text(&errors).await.trim_end(), told);
    assert_eq!(bench.land("no_source_bytes", b"", 100).await.unwrap_err().error, "SchemaDrift");
    let landed = bench.land("header_only", b"id,kind", 100).await.unwrap();
    assert_eq!(landed.counts.read, 0);
}
