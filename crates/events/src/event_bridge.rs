//! Puts events on Amazon EventBridge: one call of its JSON protocol.

use async_trait::async_trait;
use aws_clients::{JsonService, SdkConfig};
use serde_json::json;

use crate::{Event, Events, SOURCE};

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
        let answer = self.service.call_with_retries("PutEvents", &message).await;
        let answer = answer.map_err(|error| format!("events:PutEvents failed: {error}"))?;
        match answer["FailedEntryCount"] == 0 {
            true => Ok(()),
            false => Err(format!("events:PutEvents failed: {}", answer["Entries"][0]["ErrorCode"])),
        }
    }
}
