//! Clears up what a job leaves that is of no use any more.

use futures::{StreamExt, TryStreamExt, stream};
use job::Error;
use job::message::{JobId, JobKeys};
use objects::Objects;

use crate::context::file_prefix;

/// Entries of a page of a listing.
const PAGE: u32 = 1_000;
/// Objects and uploads that are cleared up at once.
const CONCURRENT_DELETIONS: usize = 32;

/// Aborts the uploads that a job left open under a prefix of the lake.
pub(crate) async fn uploads(lake: &dyn Objects, prefix: &str, job: &JobId) -> Result<(), Error> {
    let open = lake.uploads(prefix).await?.into_iter().filter(|upload| is_of(&upload.key, job));
    abort(lake, open).await
}

/// Aborts the uploads of documents and small files beside a job.
pub(crate) async fn uploads_beside(work: &dyn Objects, keys: &JobKeys) -> Result<(), Error> {
    for prefix in [keys.prefix(), keys.small_prefix()] {
        abort(work, work.uploads(prefix).await?.into_iter()).await?;
    }
    Ok(())
}

async fn abort(
    objects: &dyn Objects,
    open: impl Iterator<Item = objects::OpenUpload>,
) -> Result<(), Error> {
    let abort = |upload: objects::OpenUpload| async move {
        objects.abort_upload(&upload.key, &upload.upload).await.map_err(Error::from)
    };
    stream::iter(open).map(abort).buffer_unordered(CONCURRENT_DELETIONS).try_collect().await
}

/// Deletes the small files beside a job: they were put together, or are not going to be.
pub(crate) async fn small_files(work: &dyn Objects, keys: &JobKeys) -> Result<(), Error> {
    let delete = |key: String| async move { work.delete(&key).await.map_err(Error::from) };
    let small = listed(work, keys.small_prefix()).await?;
    stream::iter(small).map(delete).buffer_unordered(CONCURRENT_DELETIONS).try_collect().await
}

/// The keys of all objects under a prefix.
pub(crate) async fn listed(objects: &dyn Objects, prefix: &str) -> Result<Vec<String>, Error> {
    let mut keys: Vec<String> = Vec::new();
    loop {
        let page = objects.list(prefix, keys.last().map(String::as_str), PAGE).await?;
        let is_last = page.len() < PAGE as usize;
        keys.extend(page.into_iter().map(|listed| listed.key));
        if is_last {
            return Ok(keys);
        }
    }
}

/// Whether a key of the lake is of a file of `job`.
fn is_of(key: &str, job: &JobId) -> bool {
    key.rsplit('/').next().is_some_and(|name| name.starts_with(&file_prefix(job)))
}
