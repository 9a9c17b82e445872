//! Whose request it is, and which datasets there are for them.

use std::sync::{Arc, OnceLock};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use job::message::JobId;
use job::sources::Sources;
use job::{DatasetName, Datasets};
use registry::JobRecord;

use crate::App;
use crate::access::Scope;
use crate::problem::{Kind, Problem};

/// The claim of a token that limits it to some datasets.
pub(crate) const DATASETS_CLAIM: &str = "landfall:datasets";

/// Whoever sent a request, as handlers know them.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    /// The datasets that there are for them.
    pub(crate) datasets: Datasets,
    /// Whether they may see records and values.
    pub(crate) may_see_data: bool,
    /// Who it is: the subject of the token, or the ARN of who signed; `None` where callers are not
    /// known.
    pub(crate) who: Option<String>,
    /// What they ask for.
    pub(crate) subject: Arc<Subject>,
}

/// What a request is about, as far as it is known: the audit tells it.
#[derive(Debug, Default)]
pub(crate) struct Subject {
    pub(crate) dataset: OnceLock<DatasetName>,
    pub(crate) job: OnceLock<JobId>,
}

impl Subject {
    /// Notes a dataset, unless one is noted.
    pub(crate) fn of_dataset(&self, dataset: &DatasetName) {
        let _ = self.dataset.set(dataset.clone());
    }

    /// Notes a job, unless one is noted.
    pub(crate) fn of_job(&self, job: &JobId) {
        let _ = self.job.set(job.clone());
    }
}

impl Caller {
    /// Refuses a dataset that the caller may not see, whether there is one or not.
    pub(crate) fn check(&self, dataset: &DatasetName) -> Result<(), Problem> {
        self.subject.of_dataset(dataset);
        match self.datasets.has(dataset) {
            true => Ok(()),
            false => Err(Problem::new(
                Kind::NoSuchDataset,
                format!("there is no dataset `{dataset}` for this caller"),
            )),
        }
    }

    /// Refuses a caller that may not see records and values, of a route that shows some to those
    /// who ask for them.
    pub(crate) fn check_data(&self) -> Result<(), Problem> {
        match self.may_see_data {
            true => Ok(()),
            false => {
                let detail = format!("the token lacks the scope `{}`", Scope::Data.name());
                Err(Problem::new(Kind::Forbidden, detail))
            }
        }
    }

    /// The job of an id, unless it is of a dataset that the caller may not see.
    pub(crate) async fn find(&self, app: &App, id: &JobId) -> Result<JobRecord, Problem> {
        self.subject.of_job(id);
        let job = app.registry.job(id).await?;
        let job = job.filter(|job| self.datasets.has(&job.submission.dataset));
        let job =
            job.ok_or_else(|| Problem::new(Kind::NoSuchJob, format!("there is no job {id}")))?;
        self.subject.of_dataset(&job.submission.dataset);
        Ok(job)
    }

    /// What the caller may name as a source.
    pub(crate) fn sources(&self, app: &App) -> Sources {
        app.config.sources.of(&self.datasets)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let caller = parts.extensions.get::<Self>().cloned();
        caller.ok_or_else(|| Problem::internal(&"no guard stands before the route"))
    }
}
