//! What arrived, and in which batches it is.

use std::collections::BTreeMap;
use std::sync::Arc;

use job::Arrivals;
use job::message::{JobId, SourceRef};

use super::{NOW, Suite, race};
use crate::{Arrival, Batch, Gathered};

const LIMITS: Arrivals = Arrivals { max_files: 5, max_bytes: 1_000, max_seconds: 30 };

/// The nth file, of so many bytes.
fn file(n: usize, bytes: u64) -> Arrival {
    let key = format!("inbox/é \"{n}\".csv");
    let source = SourceRef { etag: Some("e".to_owned()), ..SourceRef::new("b".to_owned(), key) };
    Arrival { source, bytes }
}

impl Suite {
    pub(super) async fn an_arrival_has_one_job(&self) {
        let (dataset, elsewhere) = (self.dataset("arrivals"), self.dataset("elsewhere"));
        let (one, two) = (self.job_id("arrival-one"), self.job_id("arrival-two"));
        let registry = &self.registry;
        let source = file(0, 1).source;
        assert_eq!(registry.arrived(&dataset, &source).await, Ok(None));
        assert_eq!(registry.arrive(&dataset, &source, &one).await, Ok(one.clone()));
        assert_eq!(registry.arrive(&dataset, &source, &two).await, Ok(one.clone()));
        assert_eq!(registry.arrived(&dataset, &source).await, Ok(Some(one.clone())));
        assert_eq!(registry.arrive(&elsewhere, &source, &two).await, Ok(two), "datasets are apart");
        let newer = SourceRef { version: Some("v".to_owned()), ..source.clone() };
        assert_eq!(registry.arrived(&dataset, &newer).await, Ok(None), "and so are versions");

        // One that has a job is not gathered.
        let gathered = registry.gather(&dataset, &[file(0, 1)], &LIMITS, NOW).await;
        let known = Gathered { taken: 1, batch: None, is_to_be_closed: false, alone: Vec::new() };
        assert_eq!(gathered, Ok(known));
        let gathered = registry.gather(&dataset, &[file(0, 1), file(1, 1)], &LIMITS, NOW).await;
        let Gathered { taken, batch, is_to_be_closed, .. } = gathered.expect("an answer");
        let batch = batch.expect("one is new");
        assert_eq!((taken, is_to_be_closed, batch.files), (2, true, 1));
        assert_eq!(registry.gathered(&batch.job).await, Ok(vec![file(1, 1)]));

        // The answer names one that was to land alone.
        let alone = JobId::of_arrival(&dataset, &file(2, 1).source);
        let noted = registry.arrive(&dataset, &file(2, 1).source, &alone).await;
        assert_eq!(noted, Ok(alone));
        let again = [file(0, 1), file(1, 1), file(2, 1)];
        for new in [None, Some(file(3, 1))] {
            let files: Vec<Arrival> = again.iter().cloned().chain(new).collect();
            let gathered = registry.gather(&dataset, &files, &LIMITS, NOW).await;
            let gathered = gathered.expect("an answer");
            assert_eq!((gathered.taken, gathered.alone), (files.len(), vec![file(2, 1)]));
        }
    }

    pub(super) async fn what_was_told_is_known(&self) {
        let (dataset, elsewhere) = (self.dataset("told"), self.dataset("elsewhere"));
        let registry = &self.registry;
        assert_eq!(registry.tell_once(&dataset, "late since é").await, Ok(true));
        assert_eq!(registry.tell_once(&dataset, "late since é").await, Ok(false));
        assert_eq!(registry.tell_once(&dataset, "late since b").await, Ok(true));
        assert_eq!(registry.tell_once(&elsewhere, "late since é").await, Ok(true));
    }

    pub(super) async fn a_batch_is_open_until_it_is_closed_or_full(&self) {
        let dataset = self.dataset("batches");
        let registry = &self.registry;
        assert_eq!(registry.batch(&dataset).await, Ok(None));
        let gather = async |files: &[Arrival]| {
            registry.gather(&dataset, files, &LIMITS, NOW).await.expect("an answer")
        };
        // The same file twice in one call is there once.
        let opened = gather(&[file(0, 10), file(1, 20), file(0, 10)]).await;
        let first = opened.batch.expect("a batch");
        assert_eq!((opened.taken, opened.is_to_be_closed), (3, true));
        assert_eq!((first.files, first.bytes, first.is_closed), (2, 30, false));
        assert_eq!(first.job, JobId::of_batch(&dataset, &file(0, 10).source));
        assert_eq!(registry.batch(&dataset).await, Ok(Some(first.clone())));

        let joined = gather(&[file(2, 10)]).await;
        assert_eq!((joined.taken, joined.is_to_be_closed), (1, false), "who opened it sees to it");
        let again = gather(&[file(1, 20), file(2, 10)]).await;
        assert_eq!((again.taken, again.is_to_be_closed), (2, true), "who opened it may have died");
        assert_eq!(again.batch, joined.batch, "nothing is put twice");
        assert_eq!(
            registry.arrived(&dataset, &file(2, 10).source).await,
            Ok(Some(first.job.clone()))
        );

        // Five files are enough; the others wait for the next batch.
        let rest: Vec<Arrival> = (2..10).map(|n| file(n, 1)).collect();
        let full = gather(&rest).await;
        let batch = full.batch.expect("a batch");
        assert_eq!((full.taken, batch.files, batch.is_closed), (3, 5, true));
        for _ in 0..2 {
            let refused = gather(&rest[3..]).await;
            assert_eq!((refused.taken, refused.batch), (0, Some(batch.clone())), "it is closed");
        }
        let files = registry.gathered(&batch.job).await.expect("its files");
        let keys: Vec<_> = files.iter().map(|file| file.source.key.clone()).collect();
        let expected: Vec<_> = (0..5).map(|n| file(n, 1).source.key).collect();
        assert_eq!(keys, expected, "in the order of arrival");

        for _ in 0..2 {
            registry.forget_batch(&batch).await.expect("again is a success");
        }
        assert_eq!(registry.batch(&dataset).await, Ok(None));
        let known = gather(&[file(0, 1)]).await;
        assert_eq!((known.taken, known.batch), (1, None), "it keeps its job");
        assert_eq!(registry.gathered(&batch.job).await, Ok(files), "and the batch its files");

        // One that is large enough fills a batch by itself.
        let large = gather(&[file(5, 999), file(6, 1), file(7, 1)]).await;
        let batch = large.batch.expect("a batch");
        assert_eq!((large.taken, batch.bytes, batch.is_closed), (2, 1_000, true));
        registry.forget_batch(&batch).await.expect("forgotten");

        let last = gather(&rest[5..]).await.batch.expect("a batch");
        registry.forget_batch(&last).await.expect("an open one stays");
        assert_eq!(registry.batch(&dataset).await, Ok(Some(last.clone())));
        let other = self.job_id("batch-other");
        assert_eq!(registry.close_batch(&dataset, &other).await, Ok(None), "that is another one");
        let closed = Batch { is_closed: true, ..last.clone() };
        for _ in 0..2 {
            assert_eq!(registry.close_batch(&dataset, &last.job).await, Ok(Some(closed.clone())));
        }
        assert_eq!(gather(&[file(20, 1)]).await.taken, 0);
        registry.forget_batch(&closed).await.expect("forgotten");
        assert_eq!(registry.close_batch(&dataset, &last.job).await, Ok(None));
    }

    pub(super) async fn more_arrivals_than_a_transaction_takes_are_gathered(&self) {
        let dataset = self.dataset("flood");
        let limits = Arrivals { max_files: 10_000, max_bytes: 1 << 30, max_seconds: 30 };
        let files: Vec<Arrival> = (0..250).map(|n| file(n, 1)).collect();
        let (mut rest, mut jobs) = (files.as_slice(), Vec::new());
        while !rest.is_empty() {
            let gathered = self.registry.gather(&dataset, rest, &limits, NOW).await;
            let Gathered { taken, batch, .. } = gathered.expect("an answer");
            assert!(taken > 0);
            rest = &rest[taken..];
            jobs.push(batch.expect("a batch").job);
        }
        jobs.dedup();
        assert_eq!(jobs.len(), 1);
        assert_eq!(self.registry.gathered(&jobs[0]).await, Ok(files));
    }

    /// Twenty deliver the same files in different orders and groups, and close the batch now and
    /// then: each file is in one batch.
    pub(super) async fn racing_arrivals_are_in_one_batch_each(&self) {
        const FILES: usize = 30;
        let dataset = self.dataset("race");
        race(|racer| {
            let (registry, dataset) = (Arc::clone(&self.registry), dataset.clone());
            let mut files: Vec<Arrival> = (0..FILES).map(|n| file(n, 1)).collect();
            files.rotate_left(racer * 7 % FILES);
            async move {
                for group in files.chunks(1 + racer % 4) {
                    let mut rest = group;
                    while !rest.is_empty() {
                        let gathered = registry.gather(&dataset, rest, &LIMITS, NOW).await;
                        let Gathered { taken, batch, .. } = gathered.expect("an answer");
                        rest = &rest[taken..];
                        if let Some(batch) = batch.filter(|batch| batch.is_closed) {
                            registry.forget_batch(&batch).await.expect("forgotten");
                        }
                    }
                }
            }
        })
        .await;
        let mut batches: BTreeMap<JobId, Vec<Arrival>> = BTreeMap::new();
        for n in 0..FILES {
            let job = self.registry.arrived(&dataset, &file(n, 1).source).await;
            batches.entry(job.expect("an answer").expect("a job")).or_default().push(file(n, 1));
        }
        for (job, expected) in batches {
            assert!(expected.len() <= 5);
            let mut files = self.registry.gathered(&job).await.expect("its files");
            files.sort_by_key(|file| expected.iter().position(|other| other == file));
            assert_eq!(files, expected);
        }
    }
}
