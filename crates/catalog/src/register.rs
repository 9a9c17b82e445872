//! Tells a catalog of a commit.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use contract::Contract;
use futures::{StreamExt, TryStreamExt, stream};
use job::TableFormat;
use landing::commit::CommittedFile;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use tables::Log;

use crate::{Catalog, Error, MOST_PARTITIONS, definition};

/// How often a catalog that is busy, or changed by others, is asked.
const ATTEMPTS: u32 = 6;
/// Before the second attempt; twice as long before each further one, so 3.1 seconds in all.
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// The longest that a catalog may take: a job waits for no catalog.
const PATIENCE: Duration = Duration::from_secs(30);
/// Entries of the log that are read at once.
const CONCURRENT_READS: usize = 32;
/// The parameter of a table that tells up to which commit it was told all.
const THROUGH: &str = "landfall.sequence";

/// A commit that a catalog is told of.
#[derive(Debug, Clone, Copy)]
pub struct Commit<'a> {
    /// Its number.
    pub sequence: u64,
    /// Under which contract it was made.
    pub contract: &'a Contract,
    /// The lake's bucket.
    pub bucket: &'a str,
    /// The dataset's prefix in it, ending with a slash.
    pub prefix: &'a str,
}

/// Tells a catalog of a commit and of those before it that it was not told of. Done again, or by
/// jobs that race, it comes to the same.
///
/// The table notes up to which commit it was told, and is changed only while it is what it was when
/// it was looked at. So an older contract never replaces a newer one's columns, and what an earlier
/// job could not tell is made up for.
pub async fn register(catalog: &dyn Catalog, log: &Log, commit: Commit<'_>) -> Result<(), Error> {
    let patient = async {
        let mut wait = FIRST_WAIT;
        for _ in 1..ATTEMPTS {
            match attempt(catalog, log, commit).await {
                Err(Error::Changed | Error::Unavailable(_)) => tokio::time::sleep(wait).await,
                outcome => return outcome,
            }
            wait *= 2;
        }
        attempt(catalog, log, commit).await
    };
    let late = |_| {
        Error::Unavailable(format!(
            "the catalog did not answer within {} seconds",
            PATIENCE.as_secs()
        ))
    };
    tokio::time::timeout(PATIENCE, patient).await.map_err(late)?
}

async fn attempt(catalog: &dyn Catalog, log: &Log, commit: Commit<'_>) -> Result<(), Error> {
    let Commit { sequence, contract, bucket, prefix } = commit;
    let location = format!("s3://{bucket}/{prefix}");
    let mut wanted = definition(contract, &location)?;
    let name = contract.name.as_str();
    let Some(there) = catalog.get_table(name).await? else {
        catalog.create_table(&wanted).await?;
        // What it is now, with its version, is looked at anew.
        return Err(Error::Changed);
    };
    let other = there["StorageDescriptor"]["Location"].as_str().unwrap_or_default();
    if other.trim_end_matches('/') != location.trim_end_matches('/') {
        return Err(Error::Refused(format!(
            "the catalog has another table `{name}`, at {other}: drop it there, or give the dataset another name"
        )));
    }
    let through = there["Parameters"][THROUGH].as_str().and_then(|text| text.parse::<u64>().ok());
    if through.is_some_and(|through| through >= sequence) {
        return Ok(());
    }
    let keys = |table: &Value| table["PartitionKeys"].as_array().cloned().unwrap_or_default();
    if names_of(&keys(&there)) != names_of(&keys(&wanted)) {
        return Err(Error::Refused(format!(
            "the table `{name}` has other partitions in the catalog ({}) than in its contract ({}), which engines can't be told: drop it there, and the next commit creates it",
            names_of(&keys(&there)).join(", "),
            names_of(&keys(&wanted)).join(", ")
        )));
    }
    if contract.output.table == TableFormat::Landfall && !contract.output.partition_by.is_empty() {
        let partitions = partitions(
            log,
            through.map_or(0, |through| through + 1),
            commit,
            &wanted["StorageDescriptor"],
        )
        .await?;
        for some in partitions.chunks(MOST_PARTITIONS) {
            catalog.create_partitions(name, some).await?;
        }
    }
    keep(&there, &mut wanted);
    wanted["Parameters"][THROUGH] = json!(sequence.to_string());
    catalog.update_table(&wanted, there["VersionId"].as_str().unwrap_or_default()).await
}

fn names_of(columns: &[Value]) -> Vec<&str> {
    columns.iter().filter_map(|column| column["Name"].as_str()).collect()
}

/// The partitions that commits `first` to that one brought files for, as Glue's `PartitionInput`.
async fn partitions(
    log: &Log,
    first: u64,
    commit: Commit<'_>,
    descriptor: &Value,
) -> Result<Vec<Value>, Error> {
    let by = &commit.contract.output.partition_by;
    let read = |sequence| async move {
        log.get(sequence).await.map_err(|error| Error::Unavailable(error.to_string()))
    };
    let mut entries = stream::iter(first..=commit.sequence).map(read).buffered(CONCURRENT_READS);
    let mut found = BTreeMap::new();
    while let Some(entry) = entries.try_next().await? {
        for CommittedFile { key, partition, .. } in entry.added {
            // Files may have been partitioned in another way once; what overwrote them is not.
            let is_same = partition.keys().collect::<BTreeSet<_>>() == by.iter().collect();
            if let Some((folder, _)) = key.rsplit_once('/').filter(|_| is_same) {
                let text = |name: &String| {
                    percent_decode_str(&partition[name]).decode_utf8_lossy().into_owned()
                };
                found.insert(by.iter().map(text).collect::<Vec<_>>(), folder.to_owned());
            }
        }
    }
    let input = |(values, folder): (Vec<String>, String)| {
        let mut descriptor = descriptor.clone();
        descriptor["Location"] = json!(format!("s3://{}/{folder}/", commit.bucket));
        json!({"Values": values, "StorageDescriptor": descriptor})
    };
    Ok(found.into_iter().map(input).collect())
}

/// Keeps what others said of a table: its description and owner, its further parameters, the
/// comments of its columns.
fn keep(there: &Value, wanted: &mut Value) {
    for name in ["Description", "Owner", "Retention"] {
        if !there[name].is_null() {
            wanted[name] = there[name].clone();
        }
    }
    for (name, value) in there["Parameters"].as_object().into_iter().flatten() {
        if wanted["Parameters"][name].is_null() {
            wanted["Parameters"][name] = value.clone();
        }
    }
    let all = |table: &Value| {
        [table["StorageDescriptor"]["Columns"].clone(), table["PartitionKeys"].clone()]
    };
    let comments: BTreeMap<String, Value> = all(there)
        .iter()
        .flat_map(|columns| columns.as_array().cloned().unwrap_or_default())
        .filter(|column| !column["Comment"].is_null())
        .filter_map(|column| Some((column["Name"].as_str()?.to_owned(), column["Comment"].clone())))
        .collect();
    for at in ["/StorageDescriptor/Columns", "/PartitionKeys"] {
        for column in wanted.pointer_mut(at).and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(comment) = column["Name"].as_str().and_then(|name| comments.get(name)) {
                column["Comment"] = comment.clone();
            }
        }
    }
}
