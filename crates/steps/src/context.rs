//! What a step stands on.

use std::sync::Arc;

use catalog::Catalog;
use contract::{Contract, Fault};
use events::Events;
use job::message::{JobId, JobKeys, Submission};
use job::sources::Sources;
use job::{DatasetName, TableFormat};
use job::{Error, ErrorKind};
use landing::files::FolderLimits;
use landing::mask::{Salt, check_salt};
use landing::plan::Plan;
use objects::{Buckets, Objects};
use registry::{Live, Registry};
use tables::Log;

use crate::replay;

/// What all steps stand on; built once for a process.
#[derive(Clone)]
pub struct Context {
    /// Opens buckets.
    pub buckets: Arc<dyn Buckets>,
    /// Jobs, contracts, and what was loaded.
    pub registry: Arc<dyn Registry>,
    /// Where datasets lie.
    pub lake: Place,
    /// Where the objects lie that contracts join.
    pub references: Place,
    /// What may be landed.
    pub sources: Sources,
    /// Where the documents of jobs lie.
    pub work: Place,
    /// Where query engines look tables up, if they are told.
    pub catalog: Option<Arc<dyn Catalog>>,
    /// Who hears how jobs end, if anybody.
    pub events: Option<Arc<dyn Events>>,
    /// What is kept of those who watch jobs, if anybody can.
    pub live: Option<Arc<dyn Live>>,
    /// What the deployment says.
    pub settings: Settings,
    /// What masks hash values with, or why it can't be had: that ends the jobs that need it, and no
    /// others.
    pub salt: Result<Option<Salt>, Error>,
}

/// A bucket and a prefix in it.
#[derive(Debug, Clone)]
pub struct Place {
    /// The bucket.
    pub bucket: String,
    /// Empty, or ending with a slash.
    pub prefix: String,
}

/// What the deployment says.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Bytes of a shard, when the job does not say.
    pub shard_bytes: u64,
    /// How many shards may run at once.
    pub max_concurrency: u32,
    /// Bytes of keys that a shard keeps in memory.
    pub key_bytes: u64,
    /// What bounds the memory of a shard that writes to many folders.
    pub folders: FolderLimits,
    /// Seconds after its admission for which a job that failed can be redriven; `None`: a job that
    /// fails is given up.
    pub redrive_seconds: Option<u32>,
    /// Megabytes (2^20) of memory of the function; `None`: it is none, and bills are estimates with
    /// the memory of the template's.
    pub memory_mb: Option<u64>,
    /// Whether runs are told in the words of OpenLineage too, where events are sent.
    pub lineage: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            shard_bytes: 64 * 1024 * 1024,
            max_concurrency: 40,
            key_bytes: landing::limits::KEY_BYTES,
            folders: FolderLimits::default(),
            redrive_seconds: None,
            memory_mb: None,
            lineage: false,
        }
    }
}

impl Context {
    /// What the masks of a contract hash values with; nothing for one that hashes none.
    ///
    /// # Errors
    ///
    /// Why the salt can't be had; [`ErrorKind::ContractInvalid`] where none is configured.
    pub(crate) fn salt_of(&self, contract: &Contract) -> Result<Option<&Salt>, Error> {
        let salt = match contract.hashed() {
            None => None,
            Some(_) => self.salt.as_ref().map_err(Clone::clone)?.as_ref(),
        };
        check_salt(contract, salt)?;
        Ok(salt)
    }

    /// The lake's objects.
    pub(crate) fn lake(&self) -> Arc<dyn Objects> {
        self.buckets.bucket(&self.lake.bucket)
    }

    /// The objects beside the jobs.
    pub(crate) fn work(&self) -> Arc<dyn Objects> {
        self.buckets.bucket(&self.work.bucket)
    }

    /// The keys of what lies beside a job.
    pub fn keys(&self, job: &JobId) -> JobKeys {
        JobKeys::new(&self.work.prefix, job)
    }

    /// The prefix of a dataset in the lake.
    pub fn dataset_prefix(&self, dataset: &DatasetName) -> String {
        format!("{}{dataset}/", self.lake.prefix)
    }

    /// The commit log of a dataset.
    pub(crate) fn log(&self, dataset: &DatasetName, format: TableFormat) -> Log {
        Log::new(self.lake(), self.dataset_prefix(dataset), format)
    }
}

/// The start of the name of every file that a job writes.
pub(crate) fn file_prefix(job: &JobId) -> String {
    format!("{job}-")
}

/// The start of the name of every file that a job puts together of smaller ones.
pub(crate) fn merged_prefix(job: &JobId) -> String {
    format!("{job}-merged-")
}

/// The contract by which a plan is carried out. Its expressions have their types, and can't be
/// evaluated: the steps that read no records link no SQL.
pub(crate) fn contract_of(plan: &Plan) -> Result<Contract, Error> {
    adapted(Contract::parse_settled(&plan.contract, &plan.expression_types), &plan.submission)
}

/// The contract by which records are read, and its expressions evaluated.
pub(crate) fn evaluable_contract_of(plan: &Plan) -> Result<Contract, Error> {
    read_contract(&plan.contract, &plan.submission)
}

/// The contract by which a submission lands: it was valid when it was registered, and is read by
/// the same door.
pub(crate) fn read_contract(text: &str, submission: &Submission) -> Result<Contract, Error> {
    adapted(Contract::parse(text), submission)
}

fn adapted(
    parsed: Result<Contract, Vec<Fault>>,
    submission: &Submission,
) -> Result<Contract, Error> {
    let mut contract = parsed.map_err(|faults| {
        let faults: Vec<_> = faults.iter().map(ToString::to_string).collect();
        Error::new(
            ErrorKind::ContractInvalid,
            format!("the contract is not valid: {}", faults.join("; ")),
        )
    })?;
    if submission.replay.is_some() {
        replay::adapt(&mut contract);
    }
    Ok(contract)
}

/// Now, as the registry writes it.
pub(crate) fn now() -> String {
    chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}
