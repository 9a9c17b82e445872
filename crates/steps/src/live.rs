//! Tells those who watch a job how far its shards have come.

use job::message::JobId;
use job::{DatasetName, Progress};

use crate::{Context, announce};

/// Notes what a shard has done, and asks for a push when one is due. What the shard did is so,
/// whether or not this is heard.
pub(crate) async fn tell(
    context: &Context,
    job: &JobId,
    dataset: &DatasetName,
    shard: u32,
    done: &Progress,
) {
    let Some(live) = &context.live else { return };
    let now = chrono::Utc::now().timestamp_millis().unsigned_abs();
    match live.note_shard(job, shard, done, now).await {
        Ok(true) => announce::announce(context, announce::progressed(job, dataset)).await,
        Ok(false) => {}
        Err(error) => tracing::warn!(%error, shard, "those who watch are not told"),
    }
}
