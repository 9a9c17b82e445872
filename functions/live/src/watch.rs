//! Takes what comes over a connection: that it opens and closes, what it wants to watch, and what
//! its owner wants to be done.

use job::message::JobId;
use job::{DatasetName, Error};
use registry::{Connection, JobFilter, JobRecord, JobStatus, MAX_TOPICS, Subscribed, Topic};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::push::text;
use crate::snapshot::snapshot;
use crate::{App, accepted, now};

/// Most jobs that are shown at once to whoever begins to watch more than one.
const MOST_SHOWN: u32 = 100;

/// What a watcher sends.
#[derive(Debug, Deserialize)]
struct Message {
    action: String,
    /// Comes back with the answer.
    #[serde(default)]
    request: Value,
    #[serde(default)]
    job: Option<String>,
    #[serde(default)]
    dataset: Option<String>,
}

/// Why a message can't be done: for whoever sent it.
struct Refused {
    status: u16,
    detail: String,
}

fn refused<T>(status: u16, detail: impl Into<String>) -> Result<T, Refused> {
    Err(Refused { status, detail: detail.into() })
}

impl From<registry::Error> for Refused {
    fn from(error: registry::Error) -> Self {
        tracing::warn!(%error, "a watcher could not be served");
        Self { status: 503, detail: "try again in a moment".to_owned() }
    }
}

pub(crate) async fn hear(app: &App, id: &str, event: &Value) -> Result<Value, Error> {
    match event["requestContext"]["routeKey"].as_str().unwrap_or_default() {
        "$connect" => connect(app, id, event).await,
        "$disconnect" => {
            app.live.disconnect(id).await?;
            Ok(accepted())
        }
        _ => {
            take(app, id, event["body"].as_str().unwrap_or_default()).await?;
            Ok(accepted())
        }
    }
}

/// Lets in whoever has a ticket, which is used up by it.
async fn connect(app: &App, id: &str, event: &Value) -> Result<Value, Error> {
    let ticket = event["queryStringParameters"]["ticket"].as_str().unwrap_or_default();
    match app.live.use_ticket(ticket, now()).await? {
        Some(viewer) => {
            app.live.connect(id, viewer, now()).await?;
            Ok(accepted())
        }
        None => Ok(json!({"statusCode": 403})),
    }
}

/// Does what a message says, and tells the sender what came of it.
async fn take(app: &App, id: &str, body: &str) -> Result<(), Error> {
    let message: Result<Message, _> = serde_json::from_str(body);
    let (request, action) = match &message {
        Ok(message) => (message.request.clone(), json!(message.action)),
        Err(_) => (Value::Null, Value::Null),
    };
    let outcome = match message {
        Ok(message) => obey(app, id, message).await,
        Err(_) => refused(400, "a message is a JSON object with an `action`"),
    };
    let answer = outcome.unwrap_or_else(
        |Refused { status, detail }| json!({"status": status, "body": {"detail": detail}}),
    );
    let answer = json!({
        "type": "answer", "request": request, "action": action,
        "status": answer["status"], "body": answer["body"],
    });
    send(app, id, &answer.to_string()).await;
    Ok(())
}

async fn obey(app: &App, id: &str, message: Message) -> Result<Value, Refused> {
    let Some(connection) = app.live.connection(id).await? else {
        return refused(403, "the connection has expired: connect again with a new ticket");
    };
    let done = Ok(json!({"status": 200, "body": {}}));
    match message.action.as_str() {
        "subscribe" => {
            let (topic, job) = topic(app, &connection, &message).await?;
            match app.live.subscribe(id, &topic, now()).await? {
                Subscribed::Yes => {}
                Subscribed::NoConnection => return refused(403, "the connection has expired"),
                Subscribed::TooMany => {
                    return refused(
                        409,
                        format!(
                            "a connection watches at most {MAX_TOPICS} topics: unsubscribe from one"
                        ),
                    );
                }
            }
            // They are read after the subscription is noted, so that no change is missed.
            match job {
                Some(job) => show(app, id, &job).await?,
                None => show_open(app, &connection, &topic).await?,
            }
            done
        }
        "unsubscribe" => {
            let (topic, _) = topic(app, &connection, &message).await?;
            app.live.unsubscribe(id, &topic).await?;
            done
        }
        action @ ("cancel" | "approve" | "refuse" | "redrive") => {
            let Some(job) = &message.job else { return refused(400, "the message names no `job`") };
            let job = JobId::parse(job).or_else(|why| refused(400, why))?;
            match app.commands.post(&connection.viewer, &job, action).await {
                Ok(answer) => Ok(json!({"status": answer.status, "body": answer.body})),
                Err(error) => {
                    tracing::warn!(error, "the API could not be asked");
                    refused(503, "try again in a moment")
                }
            }
        }
        _ => refused(
            400,
            "`action` is `subscribe`, `unsubscribe`, `cancel`, `approve`, `refuse` or `redrive`",
        ),
    }
}

/// What a message is about, if its sender may see that; the job too, when it is about one.
async fn topic(
    app: &App,
    connection: &Connection,
    message: &Message,
) -> Result<(Topic, Option<JobRecord>), Refused> {
    let datasets = &connection.viewer.datasets;
    match (&message.job, &message.dataset) {
        (Some(_), Some(_)) => refused(400, "a message names a `job` or a `dataset`, not both"),
        (Some(job), None) => {
            let no_job = || refused(404, format!("there is no job {job}"));
            let Ok(id) = JobId::parse(job) else { return no_job() };
            let record = app.registry.job(&id).await?;
            match record.filter(|record| datasets.has(&record.submission.dataset)) {
                Some(record) => Ok((Topic::Job(id), Some(record))),
                None => no_job(),
            }
        }
        (None, Some(name)) => {
            match DatasetName::parse(name).ok().filter(|name| datasets.has(name)) {
                Some(name) => Ok((Topic::Dataset(name), None)),
                None => refused(404, format!("there is no dataset `{name}` for this caller")),
            }
        }
        (None, None) => Ok((Topic::All, None)),
    }
}

/// Shows the jobs of a topic that have not ended.
async fn show_open(app: &App, connection: &Connection, topic: &Topic) -> Result<(), Refused> {
    let dataset = match topic {
        Topic::Dataset(dataset) => Some(dataset.clone()),
        _ => None,
    };
    for status in JobStatus::OPEN {
        let filter = JobFilter {
            dataset: dataset.clone(),
            among: connection.viewer.datasets.clone(),
            status: Some(status),
            ..JobFilter::default()
        };
        for job in app.registry.jobs(&filter, None, MOST_SHOWN).await?.items {
            show(app, &connection.id, &job).await?;
        }
    }
    Ok(())
}

/// Shows a job as it stands.
async fn show(app: &App, id: &str, job: &JobRecord) -> Result<(), Refused> {
    let job = &job.submission.job;
    let told = app.live.told(job).await?;
    // It is read after the number of the last push, so it is no older than that push.
    if let Some(record) = app.registry.job(job).await? {
        send(app, id, &text(&snapshot(&record, &told, told.sequence, now()))).await;
    }
    Ok(())
}

/// Sends a text to a connection; one that is gone needs none.
async fn send(app: &App, id: &str, message: &str) {
    if let Err(error) = app.sockets.send(id, message).await {
        tracing::warn!(error, "a watcher could not be told");
    }
}
