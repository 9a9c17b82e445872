//! Turns a call into submissions: a contract, files, and a job for each of them.

use std::path::{Path, PathBuf};

use contract::Contract;
use job::DatasetName;
use job::bill::Dollars;
use job::message::{JobId, SourceRef, Submission};
use landing::mask::Salt;
use registry::JobRecord;
use steps::{Context, Place};

use crate::document::Document;
use crate::exit::Exit;
use crate::{complain, complain_of, path};

/// A contract and files, which are there.
pub(crate) struct Asked {
    /// The contract's document.
    pub(crate) text: String,
    pub(crate) contract: Contract,
    /// Each file as it was named, and as a source.
    pub(crate) sources: Vec<(PathBuf, SourceRef)>,
}

/// What a job wishes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wishes {
    pub(crate) force: bool,
    pub(crate) shard_bytes: Option<u64>,
    pub(crate) max_cost: Option<Dollars>,
}

impl Asked {
    /// Everything that can be known to be wrong is said.
    pub(crate) fn settle(contract: &Path, sources: &[PathBuf]) -> Result<Self, Exit> {
        let Document { text, contract: read } = Document::read(contract)?;
        let contract = read.map_err(|faults| {
            complain(format_args!("{} is not a valid contract:", contract.display()));
            complain_of(contract, &faults);
            Exit::WrongUse
        })?;
        let sources: Vec<_> = sources.iter().map(|path| (path.clone(), locate(path))).collect();
        for message in sources.iter().filter_map(|(_, source)| source.as_ref().err()) {
            complain(message);
        }
        let sources: Option<Vec<_>> =
            sources.into_iter().map(|(path, source)| Some((path, source.ok()?))).collect();
        Ok(Self { text, contract, sources: sources.ok_or(Exit::WrongUse)? })
    }
}

/// Puts the contract and the job in the registry.
pub(crate) async fn admit(
    context: &Context,
    dataset: &DatasetName,
    contract: &str,
    job: &JobId,
    source: SourceRef,
    wishes: Wishes,
) -> Result<Submission, job::Error> {
    let (registry, now) = (&context.registry, now());
    let stored = registry.put_contract(dataset, contract, &now).await?;
    let Wishes { force, shard_bytes, max_cost } = wishes;
    let submission = Submission {
        job: job.clone(),
        dataset: dataset.clone(),
        contract: stored.version,
        source,
        force,
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

/// A file as a source: its directory is the bucket.
fn locate(path: &Path) -> Result<SourceRef, String> {
    let fault = |what: &dyn std::fmt::Display| format!("{}: {what}", path.display());
    path::check_file(path)?;
    if path::is_stdin(path) {
        return Err(fault(
            &"standard input is not read here, as a job may read its source several times: write it to a file",
        ));
    }
    let metadata = std::fs::metadata(path).map_err(|error| fault(&error))?;
    if !metadata.is_file() {
        return Err(fault(&"not a file"));
    }
    let absolute = std::path::absolute(path).map_err(|error| fault(&error))?;
    let (Some(bucket), Some(key)) = (
        absolute.parent().and_then(Path::to_str),
        absolute.file_name().and_then(|name| name.to_str()),
    ) else {
        return Err(fault(&"the path is not valid UTF-8"));
    };
    Ok(SourceRef {
        bucket: bucket.to_owned(),
        key: key.to_owned(),
        version: None,
        etag: None,
        sequencer: None,
    })
}

/// Now, as the registry writes it.
fn now() -> String {
    chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}
