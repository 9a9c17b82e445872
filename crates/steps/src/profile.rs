//! Merges what the shards know of their columns.

use futures::{StreamExt, TryStreamExt, stream};
use job::Error;
use job::message::JobKeys;
use landing::commit::Receipt;
use landing::profile::Sketch;
use objects::{Objects, Put};

use crate::documents;

/// Profiles of shards that are read at once: each may have some megabytes.
const CONCURRENT_READS: usize = 16;

/// Writes `profile.json`, and answers what it was made of.
pub(crate) async fn join(
    work: &dyn Objects,
    keys: &JobKeys,
    receipts: &[Receipt],
) -> Result<Sketch, Error> {
    let pieces: Vec<String> =
        receipts.iter().filter_map(|receipt| receipt.profile.clone()).collect();
    let read = |key: String| async move { documents::read::<Sketch>(work, &key).await };
    let mut sketches = stream::iter(pieces).map(read).buffered(CONCURRENT_READS);
    let mut whole = Sketch::default();
    while let Some(sketch) = sketches.try_next().await? {
        whole.merge(&sketch);
    }
    documents::write(work, &keys.profile(), &whole.profile(), Put::Overwrite).await?;
    Ok(whole)
}
