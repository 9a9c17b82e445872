//! The open connections of the WebSocket API.

use async_trait::async_trait;
use aws_clients::{SdkConfig, SignedClient};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// The port to the open connections.
#[async_trait]
pub trait Sockets: Send + Sync {
    /// Sends a text to a connection. The error is a text for the log.
    async fn send(&self, connection: &str, text: &str) -> Result<Sent, String>;
}

/// What became of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// It is on its way.
    Yes,
    /// There is no such connection any more.
    Gone,
}

/// The connections of a stage of API Gateway.
#[derive(Debug, Clone)]
pub struct ApiGateway {
    client: SignedClient,
    url: String,
}

impl ApiGateway {
    /// Those of the stage of an API, both by their names.
    pub fn new(config: &SdkConfig, api: &str, stage: &str) -> Self {
        let url = format!("{}/@connections", aws_clients::stage_url(config, api, stage));
        Self { client: SignedClient::new(config, "execute-api"), url }
    }
}

#[async_trait]
impl Sockets for ApiGateway {
    async fn send(&self, connection: &str, text: &str) -> Result<Sent, String> {
        let url = format!("{}/{}", self.url, utf8_percent_encode(connection, NON_ALPHANUMERIC));
        let headers = [("content-type", "application/json")];
        let sent = self.client.send("POST", &url, &headers, text.into()).await;
        match sent.map_err(|error| error.to_string())?.status {
            200 => Ok(Sent::Yes),
            410 => Ok(Sent::Gone),
            status => Err(format!("execute-api:ManageConnections failed: {status}")),
        }
    }
}
