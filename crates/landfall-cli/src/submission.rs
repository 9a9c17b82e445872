//! Turns a call into submissions: a contract, files, and a job for each of them.

use std::path::{Path, PathBuf};

use contract::Contract;
use job::DatasetName;
use job::Intake;
use job::bill::Dollars;
use job::hold::CommitMode;
use job::message::{JobId, Landed, Source, Submission, Unreadable};
use job::replay::Replay;
use landing::mask::Salt;
use registry::JobRecord;
use steps::{Context, Place};

use crate::document::Document;
use crate::exit::Exit;
use crate::sources::Files;
use crate::{complain, complain_of};

/// A contract that is valid.
pub(crate) struct Asked {
    /// The contract's document.
    pub(crate) text: String,
    pub(crate) contract: Contract,
}

/// What a job wishes.
#[derive(Debug, Clone)]
pub(crate) struct Wishes {
    pub(crate) replay: Option<Replay>,
    pub(crate) force: bool,
    pub(crate) landed: Landed,
    pub(crate) unreadable: Unreadable,
    pub(crate) shard_bytes: Option<u64>,
    pub(crate) max_cost: Option<Dollars>,
}

impl Asked {
    /// Reads a contract, and says what is wrong with it.
    pub(crate) fn read(contract: &Path) -> Result<Self, Exit> {
        let Document { text, contract: read } = Document::read(contract)?;
        let contract = read.map_err(|faults| {
            complain(format_args!("{} is not a valid contract:", contract.display()));
            complain_of(contract, &faults);
            Exit::WrongUse
        })?;
        Ok(Self { text, contract })
    }
}

/// Finds the files that are named, and says which are not there. In a directory neither the
/// contract nor the lake is one.
pub(crate) fn files(
    named: &[PathBuf],
    contract: &Path,
    lake: Option<&Path>,
) -> Result<Files, Exit> {
    let others = [Some(contract), lake].into_iter().flatten();
    let others: Vec<_> = others.filter_map(|path| std::path::absolute(path).ok()).collect();
    Files::find(named, &others).map_err(|faults| {
        faults.iter().for_each(complain);
        Exit::WrongUse
    })
}

/// Puts the contract and the job in the registry.
pub(crate) async fn admit(
    context: &Context,
    dataset: &DatasetName,
    contract: &str,
    job: &JobId,
    source: Source,
    wishes: Wishes,
) -> Result<Submission, job::Error> {
    let (registry, now) = (&context.registry, now());
    let stored = registry.put_contract(dataset, contract, &Intake::default(), &now).await?;
    let Wishes { replay, force, landed, unreadable, shard_bytes, max_cost } = wishes;
    let submission = Submission {
        job: job.clone(),
        dataset: dataset.clone(),
        contract: stored.version,
        source,
        replay,
        force,
        landed,
        unreadable,
        commit: CommitMode::Direct,
        shard_bytes,
        max_cost,
    };
    registry.put_job(&JobRecord::pending(submission.clone(), &now)).await?;
    Ok(submission)
}

/// A directory as a place for objects.
pub(crate) fn place(path: &Path) -> Result<Place, Exit> {
    let bucket = path.to_str().ok_or_else(|| {
        complain(format_args!("{}: the path is not valid UTF-8", path.display()));
        Exit::WrongUse
    })?;
    Ok(Place { bucket: bucket.to_owned(), prefix: String::new() })
}

/// Where what a contract joins lies: beside it.
pub(crate) fn beside(contract: &Path) -> Result<Place, Exit> {
    let folder = std::path::absolute(contract)
        .ok()
        .and_then(|contract| contract.parent().map(Path::to_owned));
    place(folder.as_deref().unwrap_or(Path::new(".")))
}

/// What masks hash values with, from the environment: arguments are seen by everybody on the
/// machine.
pub(crate) fn salt() -> Result<Option<Salt>, Exit> {
    let refuse = |message: String| {
        complain(format_args!("LANDFALL_MASK_SALT: {message}"));
        Exit::WrongUse
    };
    match std::env::var("LANDFALL_MASK_SALT") {
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => Err(refuse("not valid UTF-8".to_owned())),
        Ok(salt) if salt.is_empty() => Ok(None),
        Ok(salt) => Salt::parse(&salt).map(Some).map_err(refuse),
    }
}

pub(crate) fn new_id() -> JobId {
    JobId::parse(&uuid::Uuid::new_v4().to_string())
        .expect("a UUID is 36 hexadecimal digits and dashes")
}

/// Now, as the registry writes it.
fn now() -> String {
    chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}
