//! Starts the jobs that contracts ask for at set times.

use admission::Request;
use chrono::{DateTime, TimeDelta, Utc};
use contract::last_due;
use job::message::{JobId, Source};
use job::{Error, Schedule};
use registry::ContractVersion;
use serde::Serialize;

use crate::inbox::Inbox;
use crate::{admission_error, text_of};

/// How late a job may start: after an outage that is longer, the next time counts.
const LATEST: TimeDelta = TimeDelta::hours(6);

/// What was due.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Due {
    /// Datasets with a schedule.
    pub schedules: usize,
    /// Jobs that were started.
    pub started: usize,
    /// Those that could not be started now: the next sweep tries again.
    pub failed: usize,
}

impl Inbox {
    /// Starts what is due by the schedules of all datasets, once each. Of several times that have
    /// passed since somebody looked, the last one counts.
    pub async fn start_due(&self, now: DateTime<Utc>) -> Result<Due, Error> {
        let mut due = Due::default();
        for contract in self.contracts().await? {
            let Some(schedule) = &contract.intake.schedule else { continue };
            due.schedules += 1;
            match self.start(&contract, schedule, now).await {
                Ok(is_new) => due.started += usize::from(is_new),
                Err(error) => {
                    let dataset = &contract.dataset;
                    tracing::warn!(%dataset, error = error.name(), "a schedule was not heeded");
                    due.failed += 1;
                }
            }
        }
        Ok(due)
    }

    /// Starts the job of a schedule's last time; whether it is new.
    async fn start(
        &self,
        contract: &ContractVersion,
        schedule: &Schedule,
        now: DateTime<Utc>,
    ) -> Result<bool, Error> {
        let registered = DateTime::parse_from_rfc3339(&contract.created).map(|at| at.to_utc());
        let from = registered.unwrap_or(now).max(now - LATEST);
        let Some(time) = last_due(schedule, from, now) else { return Ok(false) };
        let source = Source::Prefix {
            bucket: schedule.bucket.clone().unwrap_or_else(|| self.place.bucket.clone()),
            prefix: schedule.prefix.clone(),
            glob: schedule.glob.clone(),
        };
        let job = JobId::of_schedule(&contract.dataset, &text_of(time));
        let request = Request::of(job, contract.dataset.clone(), source);
        let (registry, executions) = (self.context.registry.as_ref(), self.executions.as_ref());
        let admitted = admission::admit(registry, executions, request, &text_of(now)).await;
        match admitted {
            Ok(admitted) => Ok(admitted.new),
            // The contract was changed after the time, and names another source now.
            Err(admission::Error::Conflict(_)) => Ok(false),
            Err(error) => Err(admission_error(error)),
        }
    }
}
