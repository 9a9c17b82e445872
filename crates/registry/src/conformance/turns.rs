//! Turns of the jobs of a dataset of which only some run at once.

use std::collections::BTreeSet;
use std::sync::Arc;

use job::DatasetName;
use job::message::JobId;

use super::{LATER, NOW, RACERS, Suite, race};
use crate::{JobChange, JobStatus, MAX_WAITING};

impl Suite {
    async fn turns(&self, dataset: &DatasetName, job: Option<&JobId>, limit: u32) -> Vec<JobId> {
        self.registry.take_turns(dataset, job, limit).await.expect("an answer")
    }

    /// Puts jobs of a dataset.
    async fn put_jobs(&self, dataset: &str, count: usize) -> Vec<JobId> {
        let mut ids = Vec::new();
        for number in 0..count {
            let job = self.new_job(dataset, &format!("{dataset}-{number}"), NOW);
            self.put_job(&job).await;
            ids.push(job.submission.job);
        }
        ids
    }

    async fn becomes(&self, job: &JobId, status: JobStatus) {
        let change = JobChange { status: Some(status), ..JobChange::default() };
        self.registry.update_job(job, &change, LATER).await.expect("an answer");
    }

    pub(super) async fn some_jobs_have_their_turn_and_others_wait(&self) {
        let dataset = self.dataset("turns");
        assert_eq!(self.turns(&dataset, None, 2).await, [], "nobody waits");
        let jobs = self.put_jobs("turns", 7).await;
        for (job, has_turn) in jobs.iter().zip([true, true, false, false, false, false, false]) {
            let expected = if has_turn { vec![job.clone()] } else { vec![] };
            assert_eq!(self.turns(&dataset, Some(job), 2).await, expected);
            assert_eq!(self.turns(&dataset, Some(job), 2).await, expected, "asked again");
        }
        assert_eq!(self.turns(&dataset, None, 2).await, [], "none has ended");

        // A job has its turn while it runs, waits for approval, or is being cancelled.
        self.becomes(&jobs[0], JobStatus::Running).await;
        for status in [JobStatus::Held, JobStatus::Cancelling] {
            self.becomes(&jobs[1], status).await;
            assert_eq!(self.turns(&dataset, None, 2).await, []);
        }
        self.becomes(&jobs[1], JobStatus::Cancelled).await;
        assert_eq!(self.turns(&dataset, Some(&jobs[4]), 2).await, [jobs[2].clone()], "in order");
        assert_eq!(self.turns(&dataset, None, 2).await, [], "it is told once");
        assert_eq!(self.turns(&dataset, Some(&jobs[2]), 2).await, [jobs[2].clone()], "or asked");

        // One that is cancelled while it waits is passed over; fewer or more may run at once.
        self.becomes(&jobs[3], JobStatus::Cancelling).await;
        self.becomes(&jobs[0], JobStatus::Failed).await;
        assert_eq!(self.turns(&dataset, None, 1).await, []);
        assert_eq!(self.turns(&dataset, None, 3).await, [jobs[4].clone(), jobs[5].clone()]);
        self.becomes(&jobs[4], JobStatus::Running).await;
        self.becomes(&jobs[4], JobStatus::Succeeded).await;
        assert_eq!(self.turns(&dataset, None, 3).await, [jobs[6].clone()]);
        let other = self.put_jobs("other_turns", 1).await;
        let other_dataset = self.dataset("other_turns");
        assert_eq!(self.turns(&other_dataset, Some(&other[0]), 1).await, other);
    }

    pub(super) async fn a_full_line_takes_no_more(&self) {
        let dataset = self.dataset("line");
        let jobs = self.put_jobs("line", MAX_WAITING + 3).await;
        for job in &jobs {
            self.turns(&dataset, Some(job), 1).await;
        }
        self.becomes(&jobs[0], JobStatus::Failed).await;
        assert_eq!(self.turns(&dataset, None, 1).await, [jobs[1].clone()]);
        // There is room for one of the last two.
        let [.., sooner, later] = jobs.as_slice() else { unreachable!("there are some") };
        assert_eq!(self.turns(&dataset, Some(later), 1).await, []);
        for job in &jobs[1..jobs.len() - 2] {
            self.becomes(job, JobStatus::Failed).await;
        }
        assert_eq!(self.turns(&dataset, Some(sooner), 1).await, std::slice::from_ref(later));
        self.becomes(later, JobStatus::Failed).await;
        assert_eq!(self.turns(&dataset, Some(sooner), 1).await, std::slice::from_ref(sooner));
    }

    pub(super) async fn racing_jobs_have_one_turn_each(&self) {
        let dataset = self.dataset("racing_turns");
        let jobs = Arc::new(self.put_jobs("racing_turns", RACERS).await);
        let ask = |racer: usize| {
            let (registry, dataset, jobs) =
                (Arc::clone(&self.registry), dataset.clone(), Arc::clone(&jobs));
            async move { registry.take_turns(&dataset, Some(&jobs[racer]), 3).await }
        };
        let told = race(ask).await;
        let mut told: Vec<JobId> =
            told.into_iter().flat_map(|given| given.expect("an answer")).collect();
        assert_eq!(told.len(), 3, "{told:?}");
        // Each that ends lets another one begin.
        loop {
            for running in &told {
                self.becomes(running, JobStatus::Failed).await;
            }
            match self.turns(&dataset, None, 3).await {
                given if given.is_empty() => break,
                given => told.extend(given),
            }
        }
        let distinct: BTreeSet<&JobId> = told.iter().collect();
        assert_eq!((told.len(), distinct.len()), (jobs.len(), jobs.len()));
    }
}
