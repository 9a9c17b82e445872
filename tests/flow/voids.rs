//! Checks a job that is decided to commit and turns out to be unable to: its entry of the log says
//! so, and nothing of it is visible.

use std::sync::Arc;

use job::Intake;
use job::TableFormat;
use job::decision::{Decision, Start};
use job::message::{JobId, JobRef};
use objects::{Memory, Put};
use registry::JobStatus;

use super::bench::Bench;
use super::commits::{
    APPEND, FORMATS, NEW, OLD, OVERWRITE, PARTITIONS, assert_table, contract, model, submit,
    with_modes,
};

/// A deployment with the old table and a job that may be stored.
async fn verified(format: &str, mode: u32, has_table: bool) -> (Bench, JobRef) {
    let memory = Arc::new(Memory::new());
    let bench =
        with_modes(Bench::over(memory.clone(), memory, &contract(format, "append")).await, format)
            .await;
    if has_table {
        let old = submit(&bench, "old", APPEND, OLD).await;
        bench.run(old).await.unwrap();
    }
    let submission = submit(&bench, "new", mode, NEW).await;
    let job = JobRef { job: submission.job.clone(), dataset: submission.dataset.clone() };
    bench.verified(submission).await.unwrap();
    (bench, job)
}

async fn decide(bench: &Bench, job: &JobId, format: &str, from: u64) {
    let table = if format == "delta" { TableFormat::Delta } else { TableFormat::Landfall };
    bench.decide(job, Decision::Commit(Start { from, table })).await;
}

#[tokio::test]
async fn uploads_that_are_gone_are_taken_back_whole() {
    for (format, mode) in FORMATS
        .into_iter()
        .flat_map(|format| [APPEND, OVERWRITE, PARTITIONS].map(|mode| (format, mode)))
    {
        for has_table in [false, true] {
            let case = format!("{format}, mode {mode}, table {has_table}");
            let (bench, job) = verified(format, mode, has_table).await;
            decide(&bench, &job.job, format, u64::from(has_table)).await;
            // As the lifecycle rule leaves it: one upload is gone, another one is still there.
            let open = bench.lake().uploads("").await.unwrap();
            assert!(open.len() > 1, "{case}");
            bench.lake().abort_upload(&open[0].key, &open[0].upload).await.unwrap();
            for _ in 0..2 {
                let error = steps::store(&bench.context, job.clone()).await.unwrap_err();
                assert_eq!(error.name(), "LimitExceeded", "{case}");
                assert!(error.to_string().contains("uploads live for two days"), "{case}: {error}");
            }
            let old = if has_table { OLD } else { &[] };
            assert_table(&bench, old, 1 + usize::from(has_table), &case).await;
            let record = bench.context.registry.job(&job.job).await.unwrap().unwrap();
            assert_eq!((record.status, record.sequence), (JobStatus::Failed, None), "{case}");
            assert!(record.bill.is_some(), "{case}");

            let mut expected = old.to_vec();
            model(&mut expected, mode, NEW);
            let again = submit(&bench, "again", mode, NEW).await;
            bench.run(again).await.unwrap_or_else(|failure| panic!("{case}: {failure:?}"));
            assert_table(&bench, &expected, 2 + usize::from(has_table), &case).await;
        }
    }
}

#[tokio::test]
async fn a_table_that_changed_after_the_decision_refuses_the_job_and_keeps_nothing_of_it() {
    let (bench, job) = verified("landfall", PARTITIONS, true).await;
    decide(&bench, &job.job, "landfall", 1).await;
    // Somebody replaces the table by one without partitions in between.
    let unpartitioned = contract("landfall", "overwrite").replace("partitionBy: [kind], ", "");
    let version = bench
        .context
        .registry
        .put_contract(&bench.dataset, &unpartitioned, &Intake::default(), super::bench::NOW)
        .await
        .unwrap()
        .version;
    let meanwhile = submit(&bench, "meanwhile", version, &[(9, "z")]).await;
    bench.run(meanwhile).await.unwrap();
    let there = bench.data_keys().await;
    let settled =
        steps::settle(&bench.context, job.clone(), None, job::message::Failure::new("Aborted", ""))
            .await
            .unwrap();
    assert_eq!((settled.status.as_str(), settled.error.as_str()), ("FAILED", "ContractInvalid"));
    assert_eq!((bench.data_keys().await, bench.visible().await.1), (there, 0));
    assert!(bench.commit(2).await.unwrap().void.is_some());
}

#[tokio::test]
async fn what_blocks_a_file_blocks_the_job_and_leaves_nothing() {
    // A directory cannot hold a file where something else is: the other files are completed by
    // then.
    let folder = tempfile::tempdir().unwrap();
    let bench = super::kills::deployment(
        folder.path(),
        Arc::new(super::kills::Rooted(folder.path().to_owned())),
        "landfall",
    )
    .await;
    bench
        .context
        .registry
        .put_contract(
            &bench.dataset,
            &contract("landfall", "append"),
            &Intake::default(),
            super::bench::NOW,
        )
        .await
        .unwrap();
    let submission = submit(&bench, "new", APPEND, NEW).await;
    let job = JobRef { job: submission.job.clone(), dataset: submission.dataset.clone() };
    bench.verified(submission).await.unwrap();
    bench
        .lake()
        .put("lake/things/kind=c", bytes::Bytes::from_static(b"a file in the way"), Put::Overwrite)
        .await
        .unwrap();
    steps::store(&bench.context, job.clone()).await.unwrap_err();
    assert_eq!(bench.data_keys().await, Vec::<String>::new());
    let record = bench.context.registry.job(&job.job).await.unwrap().unwrap();
    assert_eq!(record.status, JobStatus::Failed);
    bench.lake().delete("lake/things/kind=c").await.unwrap();
    let again = submit(&bench, "again", APPEND, NEW).await;
    bench.run(again).await.unwrap();
    let table = bench.table_keys().await;
    assert_eq!(
        (bench.sorted_rows(&table).await.len(), bench.data_keys().await),
        (NEW.len(), table)
    );
}
