//! Puts events on Amazon EventBridge: one call of its JSON protocol.

use async_trait::async_trait;
use aws_clients::{JsonService, SdkConfig};
use serde_json::json;

use crate::{Event, Events, SOURCE};

/// Attempts of a call, the first included.
const ATTEMPTS: u32 = 3;

/// A bus of Amazon EventBridge.
#[derive(Debug, Clone)]
pub struct EventBridge {
    service: JsonService,
    bus: String,
}

impl EventBridge {
    /// The bus of this name, with the region, the credentials and the endpoint of `config`.
    pub fn new(config: &SdkConfig, bus: String) -> Self {
        Self { service: JsonService::new(config, "events", "AWSEvents"), bus }
    }
}

#[async_trait]
impl Events for EventBridge {
    async fn put(&self, Event { detail_type, detail }: &Event) -> Result<(), String> {
        let entry = json!({"Source": SOURCE, "DetailType": detail_type, "Detail": detail.to_string(), "EventBusName": self.bus});
        let message = json!({"Entries": [entry]});
        let mut attempt = 1;
        loop {
            match self.service.call("PutEvents", &message).await {
                Ok(answer) if answer["FailedEntryCount"] == 0 => return Ok(()),
                Ok(answer) => {
                    return Err(format!(
                        "events:PutEvents failed: {}",
                        answer["Entries"][0]["ErrorCode"]
                    ));
                }
                Err(error) if error.is_transient() && attempt < ATTEMPTS => attempt += 1,
                Err(error) => return Err(format!("events:PutEvents failed: {error}")),
            }
        }
    }
}
