//! Turns arrivals into jobs: a large file at once, small ones together.
//!
//! The registry decides which job lands an object version before anybody acts on it, so events may
//! come late, twice and in any order, and a sweep may find the same objects. What is left half done
//! is finished by whoever comes next: a batch that is closed stays until its job is admitted.

use async_trait::async_trait;
use executions::Executions;
use job::message::{BatchSize, JobId, Source, Unreadable};
use job::{Arrivals, DatasetName};
use registry::{Arrival, Batch, Gathered, Registry};
use serde::{Deserialize, Serialize};

use crate::{Admitted, Error, Request, admit};

/// A batch that is to be closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Due {
    /// The dataset.
    pub dataset: DatasetName,
    /// The batch's job.
    pub job: JobId,
}

/// The message that says so, beside the events of objects in the queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Reminder {
    /// The batch.
    pub batch_due: Due,
}

/// A clock that says when a batch is due.
#[async_trait]
pub trait Clock: Send + Sync {
    /// Has [`Admitter::close`] called for a batch after so many seconds, at least once. The error
    /// is a text for the log.
    async fn remind(&self, due: &Due, seconds: u32) -> Result<(), String>;
}

/// What turns arrivals into jobs.
pub struct Admitter<'a> {
    /// The registry.
    pub registry: &'a dyn Registry,
    /// The state machine.
    pub executions: &'a dyn Executions,
    /// The clock.
    pub clock: &'a dyn Clock,
}

impl Admitter<'_> {
    /// Has arrivals of a dataset landed, each by one job. Told again, it is the same job.
    ///
    /// # Errors
    ///
    /// Told again after an error, it finishes what is left.
    pub async fn arrive(
        &self,
        dataset: &DatasetName,
        arrivals: Vec<Arrival>,
        now: &str,
    ) -> Result<(), Error> {
        let contract = self.registry.contract(dataset, None).await?;
        let contract = contract.ok_or_else(|| Error::NoDataset(dataset.clone()))?;
        let limits = contract.intake.arrivals;
        // Packed ones wait as well: a job of a batch leaves out what turns out to be damaged, even
        // where that shows only at its end.
        let (small, large): (Vec<_>, Vec<_>) =
            arrivals.into_iter().partition(|arrival| limits.gathers(arrival.bytes));
        for arrival in large {
            self.land_alone(dataset, arrival, now).await?;
        }
        self.gather(dataset, &small, &limits, now).await
    }

    /// Closes a batch and has it landed. Done again it finishes what is left.
    pub async fn close(&self, due: &Due, now: &str) -> Result<(), Error> {
        match self.registry.close_batch(&due.dataset, &due.job).await? {
            Some(batch) => self.land(&batch, now).await,
            None => Ok(()),
        }
    }

    /// Closes a dataset's batch if it was opened at `opened_by` or before: nobody has closed it in
    /// time. Whether there was one.
    pub async fn close_overdue(
        &self,
        dataset: &DatasetName,
        opened_by: &str,
        now: &str,
    ) -> Result<bool, Error> {
        match self.registry.batch(dataset).await? {
            Some(batch) if batch.opened.as_str() <= opened_by => {
                self.close(&Due { dataset: batch.dataset, job: batch.job }, now).await?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    async fn land_alone(
        &self,
        dataset: &DatasetName,
        arrival: Arrival,
        now: &str,
    ) -> Result<(), Error> {
        let own = JobId::of_arrival(dataset, &arrival.source);
        // It is in a batch if it was to wait when it came first.
        if self.registry.arrive(dataset, &arrival.source, &own).await? == own {
            self.admit(request_of(dataset, arrival), now).await?;
        }
        Ok(())
    }

    async fn gather(
        &self,
        dataset: &DatasetName,
        arrivals: &[Arrival],
        limits: &Arrivals,
        now: &str,
    ) -> Result<(), Error> {
        let mut rest = arrivals;
        while !rest.is_empty() {
            let Gathered { taken, batch, is_to_be_closed, alone } =
                self.registry.gather(dataset, rest, limits, now).await?;
            rest = &rest[taken..];
            // Other limits held when these came first.
            for arrival in alone {
                self.admit(request_of(dataset, arrival), now).await?;
            }
            match batch {
                Some(batch) if batch.is_closed => self.land(&batch, now).await?,
                Some(batch) if is_to_be_closed => {
                    let due = Due { dataset: dataset.clone(), job: batch.job };
                    self.clock.remind(&due, limits.max_seconds).await.map_err(Error::Clock)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Admits the job of a closed batch, and forgets the batch.
    async fn land(&self, batch: &Batch, now: &str) -> Result<(), Error> {
        let (job, dataset) = (batch.job.clone(), batch.dataset.clone());
        let request = match self.registry.gathered(&batch.job).await?.as_slice() {
            [only] => Request::of(job, dataset, only.source.clone().into()),
            _ => {
                let batch = BatchSize { files: batch.files, bytes: batch.bytes };
                let request = Request::of(job, dataset, Source::Batch { batch });
                // One bad file does not keep the others out.
                Request { unreadable: Unreadable::Skip, ..request }
            }
        };
        self.admit(request, now).await?;
        self.registry.forget_batch(batch).await?;
        Ok(())
    }

    async fn admit(&self, request: Request, now: &str) -> Result<Admitted, Error> {
        let admitted = admit(self.registry, self.executions, request, now).await?;
        let job = &admitted.job.submission;
        tracing::info!(job = %job.job, dataset = %job.dataset, new = admitted.new, "admitted");
        Ok(admitted)
    }
}

/// The request for the job of an arrival that lands alone.
fn request_of(dataset: &DatasetName, arrival: Arrival) -> Request {
    let own = JobId::of_arrival(dataset, &arrival.source);
    Request::of(own, dataset.clone(), arrival.source.into())
}
