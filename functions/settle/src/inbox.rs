//! Finds files of the inbox that have no job: their event was lost, or they came before their
//! dataset was registered.

use std::sync::Arc;

use admission::{Admitter, Clock};
use chrono::{DateTime, TimeDelta, Utc};
use executions::Executions;
use futures::{StreamExt, TryStreamExt, stream};
use job::message::SourceRef;
use job::{DatasetName, Datasets, Error};
use objects::{Listed, Objects};
use registry::{Arrival, ContractVersion, JobFilter, JobStatus, MAX_PAGE};
use serde::Serialize;
use steps::{Context, Place, announce};

use crate::{admission_error, text_of};

/// How old a file must be: the event of a younger one may be on its way, tries included.
const QUIET: TimeDelta = TimeDelta::minutes(30);
/// How long a file is looked for, and a dataset counts as new: three sweeps.
const WINDOW: TimeDelta = TimeDelta::hours(3);
/// How long a batch may be open: longer than any contract lets it, and than messages are delayed.
const LONGEST_BATCH: TimeDelta = TimeDelta::minutes(30);
/// Files of a page of the listing.
const PAGE: u32 = 1_000;
/// Files that are looked at at once.
const CONCURRENT_FILES: usize = 32;

/// The inbox, and what turns its files into jobs.
pub struct Inbox {
    /// What the steps stand on.
    pub context: Context,
    /// The state machine.
    pub executions: Arc<dyn Executions>,
    /// Says when a batch's time has come.
    pub clock: Arc<dyn Clock>,
    /// Where files are put: `inbox/`, and in it a folder for each dataset.
    pub place: Place,
}

/// What a sweep saw.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Seen {
    /// Datasets.
    pub datasets: usize,
    /// Files that may have been missed.
    pub files: usize,
    /// Those of them that had no job, and have one now or wait for one in a batch.
    pub admitted: usize,
    /// Batches that nobody had closed.
    pub overdue: usize,
    /// Datasets whose next job is later than expected, and of which that was not told before.
    pub late: usize,
    /// Datasets of which this is not known: the next sweep tries again.
    pub failed: usize,
}

impl Inbox {
    /// Looks through the folders of all datasets. What was missed of one does not keep it from the
    /// others.
    pub async fn sweep(&self, now: DateTime<Utc>) -> Result<Seen, Error> {
        let mut seen = Seen::default();
        for contract in self.contracts().await? {
            seen.datasets += 1;
            if let Err(error) = self.look_through(&contract, now, &mut seen).await {
                let dataset = &contract.dataset;
                tracing::warn!(%dataset, error = error.name(), "an inbox was not looked through");
                seen.failed += 1;
            }
        }
        let Seen { datasets, files, admitted, overdue, late, failed } = seen;
        tracing::info!(datasets, files, admitted, overdue, late, failed, "swept the inbox");
        Ok(seen)
    }

    /// The newest contract of each dataset, without its text.
    pub(crate) async fn contracts(&self) -> Result<Vec<ContractVersion>, Error> {
        let (mut contracts, mut after) = (Vec::new(), None::<String>);
        loop {
            let registry = &self.context.registry;
            let page = registry.datasets(&Datasets::All, after.as_deref(), MAX_PAGE).await?;
            contracts.extend(page.items);
            after = page.next;
            if after.is_none() {
                return Ok(contracts);
            }
        }
    }

    async fn look_through(
        &self,
        contract: &ContractVersion,
        now: DateTime<Utc>,
        seen: &mut Seen,
    ) -> Result<(), Error> {
        let (dataset, now_text) = (&contract.dataset, text_of(now));
        let admitter = Admitter {
            registry: self.context.registry.as_ref(),
            executions: self.executions.as_ref(),
            clock: self.clock.as_ref(),
        };
        let overdue = admitter
            .close_overdue(dataset, &text_of(now - LONGEST_BATCH), &now_text)
            .await
            .map_err(admission_error)?;
        seen.overdue += usize::from(overdue);

        seen.late += usize::from(self.tell_if_late(contract, now).await?);

        let is_new = contract.version == 1 && contract.created >= text_of(now - WINDOW);
        let (from, until) = (now - WINDOW, now - QUIET);
        let may_be_missed = |file: &Listed| {
            let written = file.modified.map(i64::try_from).and_then(Result::ok);
            let is_of = |seconds: i64| {
                (is_new || seconds >= from.timestamp()) && seconds <= until.timestamp()
            };
            !file.key.ends_with('/') && written.is_none_or(is_of)
        };
        let bucket = self.context.buckets.bucket(&self.place.bucket);
        let prefix = format!("{}{dataset}/", self.place.prefix);
        let mut after: Option<String> = None;
        loop {
            let page = bucket.list(&prefix, after.as_deref(), PAGE).await?;
            let is_last = page.len() < PAGE as usize;
            after = page.last().map(|file| file.key.clone());
            let files: Vec<Listed> = page.into_iter().filter(may_be_missed).collect();
            seen.files += files.len();
            let missed = self.missed(dataset, bucket.as_ref(), files).await?;
            seen.admitted += missed.len();
            admitter.arrive(dataset, missed, &now_text).await.map_err(admission_error)?;
            if is_last {
                return Ok(());
            }
        }
    }

    /// Tells of a dataset whose next job is later than its contract expects, once. Whether it was
    /// told now.
    async fn tell_if_late(
        &self,
        contract: &ContractVersion,
        now: DateTime<Utc>,
    ) -> Result<bool, Error> {
        let ContractVersion { dataset, created, intake, .. } = contract;
        let every = intake.every.and_then(|every| i64::try_from(every).ok());
        let Some(every) = every.and_then(TimeDelta::try_seconds) else { return Ok(false) };
        let landed = JobFilter {
            dataset: Some(dataset.clone()),
            status: Some(JobStatus::Succeeded),
            ..JobFilter::default()
        };
        let last = self.context.registry.jobs(&landed, None, 1).await?.items.pop();
        let last_job = last.as_ref().map(|last| &last.submission.job);
        // A contract that expects something new is no reason to be late at once.
        let since = last.as_ref().map_or(created, |last| created.max(&last.created));
        if *since > text_of(now - every) {
            return Ok(false);
        }
        if !self.context.registry.tell_once(dataset, &format!("late since {since}")).await? {
            return Ok(false);
        }
        let event = announce::late(dataset, since, last_job, every.num_seconds());
        announce::announce(&self.context, event).await;
        Ok(true)
    }

    /// Those of some files that have no job.
    async fn missed(
        &self,
        dataset: &DatasetName,
        bucket: &dyn Objects,
        files: Vec<Listed>,
    ) -> Result<Vec<Arrival>, Error> {
        let look = |file: Listed| async move {
            let head = match bucket.head(&file.key, None).await {
                Ok(head) => head,
                // It was deleted, or moved after it landed.
                Err(objects::Error::Missing(_)) => return Ok(None),
                Err(error) => return Err(Error::from(error)),
            };
            let source = SourceRef {
                version: head.version,
                etag: Some(head.etag),
                ..SourceRef::new(self.place.bucket.clone(), file.key)
            };
            let job = self.context.registry.arrived(dataset, &source).await?;
            Ok(job.is_none().then_some(Arrival { source, bytes: head.size }))
        };
        let missed = stream::iter(files).map(look).buffered(CONCURRENT_FILES);
        missed.try_filter_map(async |found| Ok(found)).try_collect().await
    }
}
