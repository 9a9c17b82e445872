//! The tables that a contract joins: read once, checked, and kept beside the job as they were.

use std::sync::Arc;

use bytes::Bytes;
use contract::{Contract, Join, Reference};
use futures::{StreamExt, TryStreamExt, stream};
use job::message::{JobKeys, SourceRef};
use job::{Error, ErrorKind};
use landing::commit::Crc64Nvme;
use landing::limits::REFERENCE_BYTES;
use landing::lookup::Lookup;
use landing::plan::PinnedReference;
use objects::{Objects, Put};
use tables::{At, Log};

use crate::Context;
use crate::source::{pin, source_error};

/// Files of a dataset that are read at once.
const CONCURRENT_READS: usize = 16;

/// Reads the tables of a contract and keeps them.
pub(crate) async fn keep(
    context: &Context,
    keys: &JobKeys,
    contract: &Contract,
) -> Result<Vec<PinnedReference>, Error> {
    let mut kept = Vec::new();
    for (index, join) in contract.transform.join.iter().enumerate() {
        let (lookup, source, bytes) = match &join.reference {
            Reference::Object(key) => read_object(context, join, key).await?,
            Reference::Dataset(dataset) => {
                let log = Log::open(context.lake(), context.dataset_prefix(dataset)).await?;
                read_dataset(context, join, &log).await?
            }
        };
        let copy = lookup.to_bytes()?;
        let mut crc = Crc64Nvme::default();
        crc.update(&copy);
        // Another attempt may have read another state, and this one's plan may be replaced by that
        // one's: each plan finds the table that it was made with.
        let key = keys.reference(index, crc.value());
        let copied_bytes = copy.len() as u64;
        context.work().put(&key, Bytes::from(copy), Put::Overwrite).await?;
        kept.push(PinnedReference { source, bytes, rows: lookup.rows() as u64, key, copied_bytes });
    }
    Ok(kept)
}

async fn read_object(
    context: &Context,
    join: &Join,
    key: &str,
) -> Result<(Lookup, SourceRef, u64), Error> {
    let place = &context.references;
    let bucket = context.buckets.bucket(&place.bucket);
    let asked = SourceRef {
        bucket: place.bucket.clone(),
        key: format!("{}{key}", place.prefix),
        version: None,
        etag: None,
        sequencer: None,
    };
    let head = bucket.head(&asked.key, None).await.map_err(|error| source_error(error, &asked))?;
    let pinned = SourceRef { version: head.version, etag: Some(head.etag), ..asked };
    // One byte more than is allowed tells that there are too many.
    let range = 0..head.size.min(REFERENCE_BYTES + 1);
    let bytes = bucket
        .get(&pinned.key, &pin(&pinned), range)
        .await
        .map_err(|error| source_error(error, &pinned))?;
    Ok((Lookup::of_csv(join, &bytes)?, pinned, head.size))
}

async fn read_dataset(
    context: &Context,
    join: &Join,
    log: &Log,
) -> Result<(Lookup, SourceRef, u64), Error> {
    let Some(snapshot) = log.at(At::Newest).await? else {
        return Err(Error::new(
            ErrorKind::SourceMissing,
            format!("{} has no commit yet; land something in it first", join.reference),
        ));
    };
    let files = snapshot.table.into_files();
    let bytes = files.iter().map(|file| file.bytes).sum();
    if bytes > REFERENCE_BYTES {
        return Err(Error::new(
            ErrorKind::LimitExceeded,
            format!(
                "{} has {bytes} bytes; at most {REFERENCE_BYTES} are looked up (REFERENCE_BYTES)",
                join.reference
            ),
        ));
    }
    let lake = context.lake();
    let read = |key: String| {
        let lake: Arc<dyn Objects> = lake.clone();
        async move { lake.read(&key, REFERENCE_BYTES).await.map_err(Error::from) }
    };
    let contents =
        stream::iter(files.into_iter().map(|file| file.key)).map(read).buffered(CONCURRENT_READS);
    let lookup = Lookup::of_parquet(join, contents.try_collect().await?)?;
    let source = SourceRef {
        bucket: context.lake.bucket.clone(),
        key: join.reference.to_string(),
        version: Some(snapshot.sequence.to_string()),
        etag: None,
        sequencer: None,
    };
    Ok((lookup, source, bytes))
}
