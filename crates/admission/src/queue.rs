//! Has the queue of arrivals say when a batch's time has come: a message that it delivers late.

use async_trait::async_trait;
use aws_clients::{JsonService, SdkConfig};
use serde_json::json;

use crate::arrivals::Reminder;
use crate::{Clock, Due};

/// A queue of Amazon SQS.
#[derive(Debug, Clone)]
pub struct Queue {
    service: JsonService,
    url: String,
}

impl Queue {
    /// The queue at this URL.
    pub fn new(config: &SdkConfig, url: String) -> Self {
        Self { service: JsonService::new(config, "sqs", "AmazonSQS").in_version_1_0(), url }
    }
}

#[async_trait]
impl Clock for Queue {
    async fn remind(&self, due: &Due, seconds: u32) -> Result<(), String> {
        let body = json!(Reminder { batch_due: due.clone() }).to_string();
        let message = json!({"QueueUrl": self.url, "DelaySeconds": seconds, "MessageBody": body});
        let sent = self.service.call_with_retries("SendMessage", &message).await;
        sent.map(drop).map_err(|error| format!("sqs:SendMessage failed: {error}"))
    }
}
