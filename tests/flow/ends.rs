//! Ends jobs in every way, wherever they stand: status, log, lake, claims, open uploads and bill
//! agree.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use job::decision::Decision;
use job::message::{Failure, JobId, JobRef, Submission};
use landing::files::FolderLimits;
use objects::{FaultKind, Faulty, InjectedFault, Memory};
use registry::{JobChange, JobStatus};

use super::bench::{Bench, NOW};
use super::commits::{
    APPEND, NEW, OLD, OVERWRITE, PARTITIONS, assert_table, contract, model, submit, with_modes,
};

/// How a job is ended from outside.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
    /// Cancelled through the API, and settled while the step that runs stands still.
    Cancel,
    /// The same, settled once the step has come to its end: a stopped execution does not stop it.
    CancelAndSettleLater,
    /// Its execution is stopped by somebody who knows nothing of decisions.
    Stop,
    /// The same, settled once the step has come to its end.
    StopAndSettleLater,
    /// The process of the step is killed, and the job cancelled then.
    KillAndCancel,
}

const WAYS: [Way; 5] = [
    Way::Cancel,
    Way::CancelAndSettleLater,
    Way::Stop,
    Way::StopAndSettleLater,
    Way::KillAndCancel,
];
/// A job, by its shards.
#[derive(Debug, Clone, Copy)]
enum Size {
    /// One shard, whose files go to the lake at once.
    One,
    /// One shard of more folders than may have a file open: some rows are kept aside, and become
    /// small files.
    OneWithRowsAside,
    /// Several, whose small files are put together.
    Several,
    /// Several, each of several objects.
    ManyObjects,
}

const SIZES: [Size; 4] = [Size::One, Size::OneWithRowsAside, Size::Several, Size::ManyObjects];

impl Size {
    fn shard_bytes(self) -> u64 {
        match self {
            Self::One | Self::OneWithRowsAside => 1_000,
            Self::Several => 9,
            Self::ManyObjects => 25,
        }
    }

    /// A submission of this size.
    async fn of(self, bench: &Bench, submission: Submission) -> Submission {
        let submission = Submission { shard_bytes: Some(self.shard_bytes()), ..submission };
        match self {
            Self::ManyObjects => bench.split_into_objects(submission).await,
            _ => submission,
        }
    }

    fn folders(self) -> FolderLimits {
        match self {
            Self::OneWithRowsAside => FolderLimits { open: 1, aside_bytes: 1 },
            _ => FolderLimits::default(),
        }
    }
}

fn reference(submission: &Submission) -> JobRef {
    JobRef { job: submission.job.clone(), dataset: submission.dataset.clone() }
}

/// What the API does; whether the job can be cancelled.
async fn cancel(bench: &Bench, job: &JobId) -> bool {
    let standing =
        bench.decide(job, Decision::NoCommit(Failure::new("Cancelled", "by hand"))).await;
    if matches!(standing, Decision::Commit(_)) {
        return false;
    }
    let change = JobChange { status: Some(JobStatus::Cancelling), ..JobChange::default() };
    bench.context.registry.update_job(job, &change, NOW).await.unwrap();
    true
}

/// Runs a job and ends it before a call; whether it came to that call.
async fn end(
    bench: &Arc<Bench>,
    sound: &Bench,
    faulty: &Faulty,
    submission: &Submission,
    way: Way,
) -> bool {
    let running = tokio::spawn({
        let (bench, submission) = (bench.clone(), submission.clone());
        async move { bench.run_unless_stopped(submission).await }
    });
    tokio::select! {
        () = faulty.hangs() => {}
        () = async { while !running.is_finished() { tokio::task::yield_now().await } } => {
            running.await.unwrap().unwrap().unwrap();
            return false;
        }
    }
    let job = reference(submission);
    let settle = |error: &str| {
        steps::settle(&sound.context, job.clone(), None, Failure::new(error, "from outside"))
    };
    match way {
        Way::Cancel | Way::CancelAndSettleLater => {
            if !cancel(sound, &job.job).await {
                faulty.go_on();
                running
                    .await
                    .unwrap()
                    .expect("it was not stopped")
                    .expect("it lands, as it was too late");
                return true;
            }
            bench.stopped.store(true, Ordering::SeqCst);
            if way == Way::Cancel {
                settle("Cancelled").await.unwrap();
            }
            faulty.go_on();
            let _ = running.await.unwrap();
            settle("Cancelled").await.unwrap();
        }
        Way::Stop | Way::StopAndSettleLater => {
            bench.stopped.store(true, Ordering::SeqCst);
            if way == Way::Stop {
                settle("Aborted").await.unwrap();
            }
            faulty.go_on();
            let _ = running.await.unwrap();
            settle("Aborted").await.unwrap();
        }
        Way::KillAndCancel => {
            running.abort();
            assert!(running.await.unwrap_err().is_cancelled());
            let cancelled = cancel(sound, &job.job).await;
            let settled = settle("Cancelled").await.unwrap();
            assert_eq!(settled.stored.is_none(), cancelled, "{settled:?}");
        }
    }
    true
}

/// Everything that is known of a job agrees; its status.
async fn assert_settled(bench: &Bench, job: &JobId, case: &str) -> JobStatus {
    let record = bench.context.registry.job(job).await.unwrap().unwrap();
    let keys = bench.context.keys(job);
    let decision: Decision = serde_json::from_str(&bench.text(&keys.decision()).await).unwrap();
    match (record.status, decision) {
        (JobStatus::Succeeded, Decision::Commit(_)) => {
            assert!(record.sequence.is_some() && record.failure.is_none(), "{case}: {record:?}")
        }
        (JobStatus::Cancelled, Decision::NoCommit(because)) => {
            assert_eq!(
                (because.error.as_str(), record.failure.as_ref()),
                ("Cancelled", Some(&because)),
                "{case}"
            );
        }
        (JobStatus::Failed, Decision::NoCommit(because)) => {
            assert_eq!(
                (because.error.as_str(), record.failure.as_ref()),
                ("Aborted", Some(&because)),
                "{case}"
            );
        }
        other => panic!("{case}: {other:?}"),
    }
    assert!(record.bill.is_some() && record.counts.is_some(), "{case}: {record:?}");
    assert_eq!(bench.work().list(keys.small_prefix(), None, 10).await.unwrap(), [], "{case}");
    assert_eq!(bench.work().uploads("").await.unwrap(), [], "{case}");
    record.status
}

/// Ends a job in every way before every call.
async fn end_everywhere(format: &str, mode: u32) {
    for size in SIZES {
        for way in WAYS {
            let mut ends = [0; 2];
            for call in 1.. {
                let case = format!("{format}, mode {mode}, {size:?}, {way:?}, call {call}");
                let memory = Arc::new(Memory::new());
                let faulty = Arc::new(Faulty::new(
                    memory.clone(),
                    InjectedFault { call, kind: FaultKind::HangBefore },
                ));
                let mut bench = with_modes(
                    Bench::over(faulty.clone(), memory.clone(), &contract(format, "append")).await,
                    format,
                )
                .await;
                bench.context.settings.folders = size.folders();
                let bench = Arc::new(bench);
                let sound = bench.beside(memory.clone());
                let old = submit(&sound, "old", APPEND, OLD).await;
                sound.run(old).await.unwrap();
                let submission = size.of(&sound, submit(&sound, "new", mode, NEW).await).await;

                if !end(&bench, &sound, &faulty, &submission, way).await {
                    break;
                }
                let status = assert_settled(&sound, &submission.job, &case).await;
                let has_landed = status == JobStatus::Succeeded;
                ends[usize::from(has_landed)] += 1;
                let mut expected = OLD.to_vec();
                if has_landed {
                    model(&mut expected, mode, NEW);
                }
                assert_table(&sound, &expected, 1 + usize::from(has_landed), &case).await;

                // The same source again: it lands, unless it is there.
                let again = size.of(&sound, submit(&sound, "again", mode, NEW).await).await;
                let outcome = sound.run(again).await;
                match (has_landed, mode) {
                    (true, APPEND) => {
                        let failure = outcome.unwrap_err();
                        assert_eq!(
                            (failure.error.as_str(), failure.job.as_ref()),
                            ("AlreadyLanded", Some(&submission.job)),
                            "{case}"
                        );
                    }
                    _ => {
                        outcome.unwrap_or_else(|failure| panic!("{case}: {failure:?}"));
                        model(&mut expected, mode, NEW);
                        assert_table(&sound, &expected, 2 + usize::from(has_landed), &case).await;
                    }
                }
            }
            assert!(
                ends.iter().all(|times| *times > 0),
                "{format}, mode {mode}, {way:?}: both ends are to be seen, {ends:?}"
            );
        }
    }
}

#[tokio::test]
async fn whoever_ends_an_append_wherever_it_stands_finds_one_truth() {
    end_everywhere("landfall", APPEND).await;
}

#[tokio::test]
async fn whoever_ends_an_overwrite_wherever_it_stands_finds_one_truth() {
    end_everywhere("landfall", OVERWRITE).await;
}

#[tokio::test]
async fn whoever_ends_an_overwrite_of_partitions_wherever_it_stands_finds_one_truth() {
    end_everywhere("landfall", PARTITIONS).await;
}

#[tokio::test]
async fn whoever_ends_a_job_of_a_delta_table_wherever_it_stands_finds_one_truth() {
    end_everywhere("delta", APPEND).await;
}
