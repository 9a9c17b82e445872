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
use job::{Error, ErrorKind, Planned};
use lambda_step::epoch_millis as now;
use registry::{Live, Registry};
use serde::Deserialize;
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
            // `steps::announce::started` writes it.
            let planned = Planned::deserialize(detail)
                .map_err(|_| Error::new(ErrorKind::Internal, "an event tells no plan"))?;
            self.live.note_plan(&job, &planned, now()).await?;
        }
        push::push(self, &job).await
    }
}

/// What API Gateway takes for a success.
fn accepted() -> Value {
    json!({"statusCode": 200})
}
