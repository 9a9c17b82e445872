//! Shows jobs live to whoever watches them, over the WebSocket API: hears what happens to jobs and
//! pushes each job's newest snapshot; and takes what a watcher asks for.
//!
//! docs/reference/live.md has the messages.

mod commands;
mod push;
mod snapshot;
mod sockets;
mod watch;

use std::sync::Arc;

use job::message::JobId;
use job::{Error, Planned};
use registry::{Live, Registry};
use serde_json::{Value, json};

pub use commands::{Answer, ApiFunction, Commands};
pub use snapshot::{Snapshot, snapshot};
pub use sockets::{ApiGateway, Sent, Sockets};

/// What the function works with; built once.
pub struct App {
    /// Jobs.
    pub registry: Arc<dyn Registry>,
    /// Who watches, and what running jobs tell.
    pub live: Arc<dyn Live>,
    /// The open connections.
    pub sockets: Arc<dyn Sockets>,
    /// The API, for what a watcher asks it to do.
    pub commands: Arc<dyn Commands>,
}

impl App {
    /// Takes an event of EventBridge, or one of the WebSocket API; answers as that wants it.
    pub async fn hear(&self, event: &Value) -> Result<Value, Error> {
        match event.pointer("/requestContext/connectionId").and_then(Value::as_str) {
            Some(connection) => watch::hear(self, connection, event).await,
            None => {
                self.hear_of_job(event).await?;
                Ok(Value::Null)
            }
        }
    }

    async fn hear_of_job(&self, event: &Value) -> Result<(), Error> {
        let detail = &event["detail"];
        let job = detail["job"].as_str().and_then(|job| JobId::parse(job).ok());
        // Events of datasets are about no job.
        let Some(job) = job else { return Ok(()) };
        if event["detail-type"] == "landfall.job.started" {
            let number = |name: &str| detail[name].as_u64().unwrap_or_default();
            let shards = u32::try_from(number("shards")).unwrap_or(u32::MAX);
            let planned = Planned { objects: number("objects"), bytes: number("bytes"), shards };
            self.live.note_plan(&job, &planned, now()).await?;
        }
        push::push(self, &job).await
    }
}

/// Milliseconds since 1970.
fn now() -> u64 {
    use std::time::{SystemTime, UNIX_EPOCH};
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_millis().try_into().unwrap_or(u64::MAX)
}

/// What API Gateway takes for a success.
fn accepted() -> Value {
    json!({"statusCode": 200})
}
