//! What every registry must do, as a suite that all implementations pass.

mod arrivals;
mod contents;
mod contracts;
mod jobs;
mod live;
mod turns;

pub use live::live_conformance;

use std::sync::Arc;
use std::time::Duration;

use job::Intake;
use job::message::{JobId, SourceRef, Submission, Unreadable};
use job::{DatasetName, Datasets};

use crate::{ContractVersion, JobChange, JobFilter, JobRecord, Page, Registry, StoredContract};

/// How often a list of jobs is looked at again before it is wrong: an index may lag.
const LOOKS: u32 = 100;
/// How many tasks race.
const RACERS: usize = 20;
const NOW: &str = "2026-01-31T12:00:00.000Z";
const LATER: &str = "2026-01-31T12:00:01.000Z";

/// Checks a registry, and panics where it breaks the port's promises.
///
/// The registry need not be empty: all datasets and job ids begin with `prefix` (a dataset's name
/// of at most 40 characters), which must be new to it.
pub async fn conformance(registry: Arc<dyn Registry>, prefix: &str) {
    let suite = Suite { registry, prefix: prefix.to_owned() };
    suite.contracts_are_versioned().await;
    suite.a_deleted_dataset_goes_on_counting().await;
    suite.datasets_are_listed_by_name().await;
    suite.racing_contracts_leave_no_gap().await;
    suite.long_contracts_are_kept_whole().await;
    suite.a_job_is_put_once().await;
    suite.a_job_changes_until_it_is_over().await;
    suite.racing_changes_are_all_kept().await;
    suite.a_failed_job_is_redriven_once().await;
    suite.a_job_that_can_be_redriven_is_cancelled_or_settled().await;
    suite.what_an_earlier_execution_tells_is_no_news().await;
    suite.jobs_are_listed_newest_first().await;
    suite.jobs_are_listed_by_label_and_time().await;
    suite.jobs_move_between_lists().await;
    suite.some_jobs_have_their_turn_and_others_wait().await;
    suite.a_full_line_takes_no_more().await;
    suite.racing_jobs_have_one_turn_each().await;
    suite.foreign_cursors_are_refused().await;
    suite.contents_belong_to_one_job().await;
    suite.contents_are_claimed_all_or_none().await;
    suite.racing_claims_have_one_winner().await;
    suite.the_newest_version_is_set_by_whoever_saw_the_last_one().await;
    suite.an_arrival_has_one_job().await;
    suite.what_was_told_is_known().await;
    suite.a_batch_is_open_until_it_is_closed_or_full().await;
    suite.more_arrivals_than_a_transaction_takes_are_gathered().await;
    suite.racing_arrivals_are_in_one_batch_each().await;
    suite.racing_requests_are_all_counted().await;
}

struct Suite {
    registry: Arc<dyn Registry>,
    prefix: String,
}

impl Suite {
    fn dataset(&self, name: &str) -> DatasetName {
        DatasetName::parse(&format!("{}_{name}", self.prefix))
            .expect("the prefix is a dataset's name of at most 40 characters")
    }

    /// One of the suite's datasets, and those of a beginning.
    fn some(&self, named: &str, beginning: &str) -> Datasets {
        let Self { prefix, .. } = self;
        [format!("{prefix}_{named}"), format!("{prefix}_{beginning}*")]
            .map(|pattern| pattern.parse().expect("a pattern"))
            .into_iter()
            .collect()
    }

    fn job_id(&self, name: &str) -> JobId {
        JobId::parse(&format!("{}-{name}", self.prefix))
            .expect("the prefix is a dataset's name of at most 40 characters")
    }

    async fn racing_requests_are_all_counted(&self) {
        let caller = format!("{} \"é\" #1", self.prefix);
        for minute in [29_497_000, 29_497_001] {
            let counts = race(|_| {
                let (registry, caller) = (Arc::clone(&self.registry), caller.clone());
                async move { registry.count_request(&caller, minute).await.expect("a count") }
            })
            .await;
            let mut sorted = counts.clone();
            sorted.sort_unstable();
            assert_eq!(
                sorted,
                (1..=RACERS as u64).collect::<Vec<_>>(),
                "each has a number of its own"
            );
        }
        let other = format!("{caller}2");
        assert_eq!(self.registry.count_request(&other, 29_497_000).await, Ok(1), "another caller");
    }

    fn object_of(dataset: &str) -> SourceRef {
        SourceRef::new("inbox".to_owned(), format!("{dataset}/é \"1\".csv"))
    }

    fn new_job(&self, dataset: &str, name: &str, created: &str) -> JobRecord {
        let submission = Submission {
            job: self.job_id(name),
            dataset: self.dataset(dataset),
            contract: 1,
            source: Self::object_of(dataset).into(),
            replay: None,
            force: false,
            landed: Default::default(),
            unreadable: Unreadable::default(),
            commit: Default::default(),
            shard_bytes: Some(64 << 20),
            max_cost: None,
        };
        JobRecord::pending(submission, created)
    }

    async fn put_contract(&self, dataset: &DatasetName, text: &str) -> StoredContract {
        self.registry.put_contract(dataset, text, &Intake::default(), NOW).await.expect("a version")
    }

    async fn put_job(&self, job: &JobRecord) {
        assert_eq!(self.registry.put_job(job).await, Ok(None), "the job is new");
    }

    async fn check_change(&self, change: &JobChange, now: &str, expected: &JobRecord) {
        let id = &expected.submission.job;
        assert_eq!(
            self.registry.update_job(id, change, now).await.as_ref(),
            Ok(&Some(expected.clone())),
            "{change:?}"
        );
        assert_eq!(self.registry.job(id).await.as_ref(), Ok(&Some(expected.clone())), "{change:?}");
    }

    /// Checks the jobs of a list whose names begin with `name`.
    async fn check_jobs(&self, filter: &JobFilter, limit: u32, name: &str, expected: &[JobRecord]) {
        let ours = format!("{}-{name}", self.prefix);
        let mut looks = 0;
        loop {
            let mut found =
                all_pages(limit, async |after| self.registry.jobs(filter, after, limit).await)
                    .await;
            found.retain(|job| job.submission.job.as_str().starts_with(&ours));
            looks += 1;
            if found == expected || looks == LOOKS {
                assert_eq!(found, expected, "{filter:?}, {limit} a page");
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn versions(&self, dataset: &DatasetName, limit: u32) -> Vec<ContractVersion> {
        all_pages(limit, async |after| self.registry.contract_versions(dataset, after, limit).await)
            .await
    }

    async fn datasets(&self, among: &Datasets, limit: u32) -> Vec<ContractVersion> {
        all_pages(limit, async |after| self.registry.datasets(among, after, limit).await).await
    }
}

/// What is on all the pages of a list: each but the last is full, and none is empty but a first
/// one.
async fn all_pages<T>(
    limit: u32,
    page: impl AsyncFn(Option<&str>) -> crate::Result<Page<T>>,
) -> Vec<T> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let Page { items, next } = page(after.as_deref()).await.expect("a page");
        assert!(items.len() <= limit as usize, "no page is longer than asked for");
        assert!(
            next.is_none() || items.len() == limit as usize,
            "a page that is not the last is full"
        );
        assert!(after.is_none() || !items.is_empty(), "a cursor leads to more");
        all.extend(items);
        match next {
            Some(_) => after = next,
            None => return all,
        }
    }
}

/// Runs tasks at once, and answers what they answer in their order.
async fn race<F: Future<Output = T> + Send + 'static, T: Send + 'static>(
    task: impl Fn(usize) -> F,
) -> Vec<T> {
    let tasks: Vec<_> = (0..RACERS).map(|racer| tokio::spawn(task(racer))).collect();
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await.expect("the task does not panic"));
    }
    answers
}
