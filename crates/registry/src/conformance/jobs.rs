//! Jobs, and their lists.

use std::collections::BTreeMap;
use std::sync::Arc;

use job::message::{Counts, Failure, ObjectCounts, SourceRef, Warning};
use job::{DatasetName, Datasets};

use super::{LATER, NOW, Suite, race};
use crate::{Error, JobChange, JobFilter, JobRecord, JobStatus};

impl Suite {
    pub(super) async fn a_job_is_put_once(&self) {
        let job = self.new_job("once", "put", NOW);
        assert_eq!(self.registry.job(&job.submission.job).await, Ok(None));
        let put = race(|racer| {
            let (registry, mut job) = (Arc::clone(&self.registry), job.clone());
            job.execution = Some(racer.to_string());
            async move { registry.put_job(&job).await }
        })
        .await;
        let put: Vec<_> = put.into_iter().map(|answer| answer.expect("an answer")).collect();
        assert_eq!(
            put.iter().filter(|answer| answer.is_none()).count(),
            1,
            "one of them was first"
        );
        let there = self.registry.job(&job.submission.job).await.expect("an answer");
        assert!(
            there.is_some() && put.iter().flatten().all(|job| Some(job) == there.as_ref()),
            "the others are told of it"
        );
    }

    pub(super) async fn a_job_changes_until_it_is_over(&self) {
        let mut job = self.new_job("changes", "change", NOW);
        let id = job.submission.job.clone();
        let running = JobChange {
            status: Some(JobStatus::Running),
            execution: Some("arn".to_owned()),
            ..JobChange::default()
        };
        assert_eq!(
            self.registry.update_job(&id, &running, LATER).await,
            Ok(None),
            "there is no such job"
        );
        assert_eq!(self.registry.job(&id).await, Ok(None), "and there is none afterwards");
        self.put_job(&job).await;

        (job.status, job.execution, job.updated) =
            (JobStatus::Running, Some("arn".to_owned()), LATER.to_owned());
        self.check_change(&running, LATER, &job).await;
        let pending = JobChange { status: Some(JobStatus::Pending), ..JobChange::default() };
        self.check_change(&pending, LATER, &job).await;
        job.status = JobStatus::Cancelling;
        self.check_change(
            &JobChange { status: Some(JobStatus::Cancelling), ..JobChange::default() },
            LATER,
            &job,
        )
        .await;
        self.check_change(&running, LATER, &job).await;

        let source = SourceRef {
            version: Some("v1".to_owned()),
            etag: Some("e1".to_owned()),
            ..Self::object_of("changes")
        };
        job.submission.source = source.clone().into();
        job.objects = Some(ObjectCounts { landed: 2, skipped: 1 });
        let change =
            JobChange { source: Some(source), objects: job.objects, ..JobChange::default() };
        self.check_change(&change, LATER, &job).await;

        // A job keeps one warning of each name, the last one.
        let warning = |(name, message): &(&str, &str)| Warning {
            name: (*name).into(),
            message: (*message).into(),
        };
        for (told, expected) in [
            (&[("a", "1 of 3")][..], &[("a", "1 of 3")][..]),
            (&[("b", ""), ("a", "2 of 3")], &[("a", "2 of 3"), ("b", "")]),
            (&[], &[("a", "2 of 3"), ("b", "")]),
        ] {
            let warnings = told.iter().map(warning).collect();
            job.warnings = expected.iter().map(warning).collect();
            self.check_change(&JobChange { warnings, ..JobChange::default() }, LATER, &job).await;
        }

        let counts = Counts { read: 3, stored: 1, rejected: 1, filtered: 1 };
        let over = JobChange {
            status: Some(JobStatus::Succeeded),
            counts: Some(counts),
            sequence: Some(u64::MAX),
            ..JobChange::default()
        };
        (job.status, job.counts, job.sequence) =
            (JobStatus::Succeeded, Some(counts), Some(u64::MAX));
        self.check_change(&over, LATER, &job).await;
        let never = "2026-01-31T12:00:09.000Z";
        self.check_change(&over, never, &job).await;
        for status in JobStatus::ALL {
            let failure = Failure::new("Internal", "late");
            let late = JobChange {
                status: Some(status),
                failure: Some(failure),
                counts: Some(Counts::default()),
                ..JobChange::default()
            };
            self.check_change(&late, never, &job).await;
        }

        for (index, status) in
            JobStatus::ALL.into_iter().filter(|status| status.is_terminal()).enumerate()
        {
            let mut job = self.new_job("changes", &format!("over-{index}"), NOW);
            self.put_job(&job).await;
            let failure = Failure::new("SchemaDrift", "no field `a`");
            (job.status, job.failure) = (status, Some(failure.clone()));
            self.check_change(
                &JobChange { status: Some(status), failure: Some(failure), ..JobChange::default() },
                NOW,
                &job,
            )
            .await;
            self.check_change(&over, never, &job).await;
        }
    }

    pub(super) async fn racing_changes_are_all_kept(&self) {
        for round in 0..5 {
            let job = self.new_job("changes", &format!("race-{round}"), NOW);
            self.put_job(&job).await;
            let answers = race(|racer| {
                let (registry, id) = (Arc::clone(&self.registry), job.submission.job.clone());
                let change = match racer % 4 {
                    0 => JobChange { execution: Some("arn".to_owned()), ..JobChange::default() },
                    1 => JobChange { sequence: Some(7), ..JobChange::default() },
                    2 => JobChange { counts: Some(Counts::default()), ..JobChange::default() },
                    _ => JobChange { status: Some(JobStatus::Running), ..JobChange::default() },
                };
                async move { registry.update_job(&id, &change, LATER).await }
            })
            .await;
            assert!(answers.iter().all(|answer| matches!(answer, Ok(Some(_)))), "{answers:?}");
            let job =
                self.registry.job(&job.submission.job).await.expect("an answer").expect("the job");
            let kept = (job.execution.as_deref(), job.sequence, job.counts, job.status);
            assert_eq!(kept, (Some("arn"), Some(7), Some(Counts::default()), JobStatus::Running));
        }

        let job = self.new_job("changes", "race-over", NOW);
        self.put_job(&job).await;
        let answers = race(|racer| {
            let (registry, id) = (Arc::clone(&self.registry), job.submission.job.clone());
            let status =
                [JobStatus::Succeeded, JobStatus::Failed, JobStatus::Cancelled, JobStatus::Running]
                    [racer % 4];
            async move {
                registry
                    .update_job(
                        &id,
                        &JobChange { status: Some(status), ..JobChange::default() },
                        LATER,
                    )
                    .await
            }
        })
        .await;
        let over = self
            .registry
            .job(&job.submission.job)
            .await
            .expect("an answer")
            .expect("the job")
            .status;
        assert!(over.is_terminal());
        for answer in answers {
            let seen = answer.expect("an answer").expect("the job").status;
            assert!(
                seen == over || seen == JobStatus::Running,
                "a job has one end: {seen:?}, {over:?}"
            );
        }
    }

    /// A job that failed, and can be redriven.
    async fn redrivable(&self, name: &str) -> JobRecord {
        let mut job = self.new_job("redrives", name, NOW);
        self.put_job(&job).await;
        let failure = Failure::new("StoreUnavailable", "the store did not answer");
        let change = JobChange {
            status: Some(JobStatus::Failed),
            redrivable_until: Some(LATER.to_owned()),
            execution: Some("arn".to_owned()),
            failure: Some(failure.clone()),
            counts: Some(Counts::default()),
            ..JobChange::default()
        };
        job.status = JobStatus::Failed;
        (job.redrivable_until, job.failure) = (Some(LATER.to_owned()), Some(failure));
        (job.execution, job.counts) = (Some("arn".to_owned()), Some(Counts::default()));
        self.check_change(&change, NOW, &job).await;
        assert!(!job.is_over() && job.status.is_terminal());
        assert_eq!((job.redrivable(NOW), job.redrivable(LATER)), (Some(LATER), None));
        job
    }

    async fn redrive(&self, job: &JobRecord, redrives: u32) -> Option<JobRecord> {
        let (id, running) = (&job.submission.job, JobStatus::Running);
        self.registry.redrive_job(id, redrives, running, LATER).await.expect("an answer")
    }

    pub(super) async fn a_failed_job_is_redriven_once(&self) {
        let missing = self.new_job("redrives", "redrive-missing", NOW);
        assert_eq!(self.redrive(&missing, 1).await, None);
        let failed = self.redrivable("redrive-once").await;
        for other in [0, 2] {
            assert_eq!(self.redrive(&failed, other).await, Some(failed.clone()), "{other}");
        }
        let redriven = JobRecord {
            status: JobStatus::Running,
            updated: LATER.to_owned(),
            execution: None,
            redrives: 1,
            redrivable_until: None,
            counts: None,
            failure: None,
            ..failed.clone()
        };
        let answers = race(|_| {
            let (registry, id) = (Arc::clone(&self.registry), failed.submission.job.clone());
            async move { registry.redrive_job(&id, 1, JobStatus::Running, LATER).await }
        })
        .await;
        assert!(answers.into_iter().all(|answer| answer == Ok(Some(redriven.clone()))));
        assert_eq!(self.redrive(&failed, 2).await, Some(redriven.clone()), "it runs");

        // One that is over, or never failed, is not redriven.
        for status in JobStatus::ALL {
            let mut job = self.new_job("redrives", &format!("redrive-{}", status.as_str()), NOW);
            job.status = status;
            self.put_job(&job).await;
            assert_eq!(self.redrive(&job, 1).await, Some(job));
        }
    }

    pub(super) async fn a_job_that_can_be_redriven_is_cancelled_or_settled(&self) {
        for (index, status) in JobStatus::ALL.into_iter().enumerate() {
            let mut job = self.redrivable(&format!("redrivable-{index}")).await;
            let is_news = status > JobStatus::Held;
            (job.updated, job.sequence) = (LATER.to_owned(), Some(7));
            if is_news {
                (job.status, job.redrivable_until) = (status, None);
            }
            let change =
                JobChange { status: Some(status), sequence: Some(7), ..JobChange::default() };
            self.check_change(&change, LATER, &job).await;
            let again = self.redrive(&job, 1).await.expect("the job");
            assert_eq!(again.redrives, u32::from(!is_news), "{status:?}");
        }
        // A cancelled job does not wait to be redriven.
        let mut job = self.new_job("redrives", "redrivable-cancelling", NOW);
        job.status = JobStatus::Cancelling;
        self.put_job(&job).await;
        let change = JobChange {
            status: Some(JobStatus::Failed),
            redrivable_until: Some(LATER.to_owned()),
            ..JobChange::default()
        };
        self.check_change(&change, NOW, &job).await;
    }

    pub(super) async fn what_an_earlier_execution_tells_is_no_news(&self) {
        let job = self.redrivable("redrive-fence").await;
        let job = self.redrive(&job, 1).await.expect("the job");
        let change = |redrives| JobChange {
            redrives: Some(redrives),
            execution: Some("arn".to_owned()),
            ..JobChange::default()
        };
        for other in [0, 2] {
            self.check_change(&change(other), NOW, &job).await;
        }
        let execution = Some("arn".to_owned());
        let job = JobRecord { execution, updated: NOW.to_owned(), ..job };
        self.check_change(&change(1), NOW, &job).await;
    }

    pub(super) async fn jobs_are_listed_newest_first(&self) {
        let (even, odd) = (self.dataset("jobs_even"), self.dataset("jobs_odd"));
        let mut jobs = Vec::new();
        // Put in neither order; every third shares its second with another, so that the id decides.
        for index in [7, 2, 9, 0, 5, 11, 3, 8, 1, 10, 6, 4] {
            let dataset = if index % 2 == 0 { "jobs_even" } else { "jobs_odd" };
            let created = format!("2026-01-31T12:00:{:02}.000Z", index - index % 3);
            let mut job = self.new_job(dataset, &format!("list-{index:02}"), &created);
            job.status = [JobStatus::Pending, JobStatus::Running, JobStatus::Failed][index / 4];
            self.put_job(&job).await;
            jobs.push(job);
        }
        jobs.sort_by(|a, b| {
            (&b.created, b.submission.job.as_str()).cmp(&(&a.created, a.submission.job.as_str()))
        });
        for dataset in [None, Some(even), Some(odd), Some(self.dataset("jobs_none"))] {
            for status in [
                None,
                Some(JobStatus::Pending),
                Some(JobStatus::Failed),
                Some(JobStatus::Cancelled),
            ] {
                let filter = JobFilter { dataset: dataset.clone(), status, ..JobFilter::default() };
                let passes = |job: &&JobRecord| {
                    dataset.as_ref().is_none_or(|dataset| *dataset == job.submission.dataset)
                        && status.is_none_or(|status| status == job.status)
                };
                let expected: Vec<JobRecord> = jobs.iter().filter(passes).cloned().collect();
                for limit in [1, 3, 100] {
                    self.check_jobs(&filter, limit, "list-", &expected).await;
                }
                let some = JobFilter { among: self.some("jobs_none", "jobs_o"), ..filter };
                let expected: Vec<JobRecord> = expected
                    .into_iter()
                    .filter(|job| some.among.has(&job.submission.dataset))
                    .collect();
                for limit in [1, 2, 100] {
                    self.check_jobs(&some, limit, "list-", &expected).await;
                }
            }
        }
    }

    pub(super) async fn jobs_are_listed_by_label_and_time(&self) {
        let time = |second: usize| format!("2026-02-01T12:00:{second:02}.000Z");
        let labels = [
            [("team", "ops")].as_slice(),
            &[("team", "ops"), ("run", "é 1:2")],
            &[("team", "op")],
            &[],
        ];
        let mut jobs = Vec::new();
        for index in 0..12 {
            let dataset = if index % 2 == 0 { "labels_even" } else { "labels_odd" };
            let mut job = self.new_job(dataset, &format!("label-{index:02}"), &time(index / 2));
            let labels = labels[index % 4].iter();
            let labels: BTreeMap<_, _> =
                labels.map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
            job.labels = labels.try_into().expect("labels");
            job.status = [JobStatus::Running, JobStatus::Failed][index / 6];
            self.put_job(&job).await;
            jobs.push(job);
        }
        jobs.reverse();
        let labels = [None, Some("team:ops"), Some("run:é 1:2"), Some("team:o")];
        let times = [
            (None, None),
            (Some(2), None),
            (None, Some(4)),
            (Some(1), Some(3)),
            (Some(3), Some(3)),
            (Some(4), Some(1)),
        ];
        let scopes = [
            (None, None),
            (Some("labels_even"), None),
            (None, Some(JobStatus::Failed)),
            (Some("labels_odd"), Some(JobStatus::Running)),
        ];
        for ((dataset, status), label, (from, until)) in scopes.into_iter().flat_map(|scope| {
            let times = move |label| times.map(move |times| (scope, label, times));
            labels.into_iter().flat_map(times)
        }) {
            let filter = JobFilter {
                dataset: dataset.map(|dataset| self.dataset(dataset)),
                among: Datasets::All,
                status,
                label: label.map(|label| label.parse().expect("a label")),
                from: from.map(time),
                until: until.map(time),
            };
            let passes = |job: &&JobRecord| {
                filter.dataset.as_ref().is_none_or(|dataset| *dataset == job.submission.dataset)
                    && status.is_none_or(|status| status == job.status)
                    && filter.label.as_ref().is_none_or(|label| job.labels.has(label))
                    && filter.from.as_ref().is_none_or(|from| *from <= job.created)
                    && filter.until.as_ref().is_none_or(|until| job.created < *until)
            };
            let expected: Vec<JobRecord> = jobs.iter().filter(passes).cloned().collect();
            for limit in [2, 100] {
                self.check_jobs(&filter, limit, "label-", &expected).await;
            }
        }
    }

    pub(super) async fn jobs_move_between_lists(&self) {
        let mut job = self.new_job("moves", "moves", NOW);
        self.put_job(&job).await;
        let in_status = |status| JobFilter {
            dataset: Some(self.dataset("moves")),
            status: Some(status),
            ..JobFilter::default()
        };
        self.check_jobs(&in_status(JobStatus::Pending), 10, "moves", &[job.clone()]).await;
        let change = JobChange { status: Some(JobStatus::Running), ..JobChange::default() };
        self.registry.update_job(&job.submission.job, &change, LATER).await.expect("an answer");
        (job.status, job.updated) = (JobStatus::Running, LATER.to_owned());
        self.check_jobs(&in_status(JobStatus::Pending), 10, "moves", &[]).await;
        for filter in [
            in_status(JobStatus::Running),
            JobFilter { status: Some(JobStatus::Running), ..JobFilter::default() },
            JobFilter::default(),
        ] {
            self.check_jobs(&filter, 10, "moves", &[job.clone()]).await;
        }
    }

    pub(super) async fn foreign_cursors_are_refused(&self) {
        let (even, odd) = (self.dataset("jobs_even"), self.dataset("jobs_odd"));
        let of = |dataset: &DatasetName| JobFilter {
            dataset: Some(dataset.clone()),
            ..JobFilter::default()
        };
        let next = self
            .registry
            .jobs(&of(&even), None, 2)
            .await
            .expect("a page")
            .next
            .expect("there are more");
        assert!(self.registry.jobs(&of(&even), Some(&next), 2).await.is_ok());
        let tail = &next[..next.len() - 2];
        for (filter, cursor) in [
            (of(&odd), next.as_str()),
            (JobFilter::default(), &next),
            (JobFilter { label: "team:ops".parse().ok(), ..of(&even) }, &next),
            (JobFilter { from: Some(NOW.to_owned()), ..of(&even) }, &next),
            (JobFilter { until: Some(LATER.to_owned()), ..of(&even) }, &next),
            (of(&even), tail),
            (of(&even), "next"),
        ] {
            let answer = self.registry.jobs(&filter, Some(cursor), 2).await;
            assert!(
                matches!(answer, Err(Error::BadCursor(_))),
                "{cursor} for {filter:?}: {answer:?}"
            );
        }
        assert!(matches!(
            self.registry.datasets(&Datasets::All, Some(&next), 2).await,
            Err(Error::BadCursor(_))
        ));
        assert!(matches!(
            self.registry.contract_versions(&even, Some(&next), 2).await,
            Err(Error::BadCursor(_))
        ));
    }
}
