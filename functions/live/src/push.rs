//! Pushes the newest snapshot of a job to all who watch it.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::{StreamExt, stream};
use job::message::JobId;
use job::{DatasetName, Error};
use registry::{Push, Topic};

use crate::snapshot::snapshot;
use crate::sockets::Sent;
use crate::{App, now};

/// Connections that are written to at once.
const CONCURRENT: usize = 64;

/// Pushes a job as it stands once the last push is long enough ago; not at all when nobody watches.
pub(crate) async fn push(app: &App, job: &JobId) -> Result<(), Error> {
    let Some(record) = app.registry.job(job).await? else { return Ok(()) };
    let topics = topics(job, &record.submission.dataset);
    if watchers(app, &topics, &record.submission.dataset).await?.is_empty() {
        app.live.note_quiet(job, now()).await?;
        return Ok(());
    }
    let sequence = loop {
        match app.live.begin_push(job, now()).await? {
            Push::Begun(sequence) => break sequence,
            Push::Wait(ms) => tokio::time::sleep(Duration::from_millis(ms)).await,
        }
    };
    // All is read after the push began: what is told later makes another one due.
    let Some(record) = app.registry.job(job).await? else { return Ok(()) };
    let told = app.live.told(job).await?;
    let text = text(&snapshot(&record, &told, sequence, now()));
    let watchers = watchers(app, &topics, &record.submission.dataset).await?;
    let sent = stream::iter(watchers).map(|(connection, topics)| {
        let text = &text;
        async move {
            match app.sockets.send(&connection, text).await {
                Ok(Sent::Yes) => {}
                Ok(Sent::Gone) => {
                    for topic in topics {
                        app.live.unsubscribe(&connection, &topic).await?;
                    }
                    app.live.disconnect(&connection).await?;
                }
                // The others are told all the same; it gets the next push.
                Err(error) => tracing::warn!(error, "a watcher could not be told"),
            }
            Ok::<_, Error>(())
        }
    });
    let mut sent = sent.buffer_unordered(CONCURRENT);
    while let Some(outcome) = sent.next().await {
        outcome?;
    }
    Ok(())
}

fn topics(job: &JobId, dataset: &DatasetName) -> [Topic; 3] {
    [Topic::Job(job.clone()), Topic::Dataset(dataset.clone()), Topic::All]
}

/// The connections that watch one of the topics and may see the dataset, each with those topics.
async fn watchers(
    app: &App,
    topics: &[Topic],
    dataset: &DatasetName,
) -> Result<BTreeMap<String, Vec<Topic>>, Error> {
    let mut watchers: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for topic in topics {
        for subscriber in app.live.subscribers(topic).await? {
            if subscriber.viewer.datasets.has(dataset) {
                watchers.entry(subscriber.connection).or_default().push(topic.clone());
            }
        }
    }
    Ok(watchers)
}

/// A message as it is sent.
pub(crate) fn text(message: &impl serde::Serialize) -> String {
    serde_json::to_string(message).expect("structs of texts and numbers are JSON")
}
