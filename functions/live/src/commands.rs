//! Has the API do what a watcher asks for, so that one place checks who may do what.

use async_trait::async_trait;
use aws_clients::{SdkConfig, SignedClient};
use job::message::JobId;
use registry::Viewer;
use serde_json::{Value, json};

/// The port to the API.
#[async_trait]
pub trait Commands: Send + Sync {
    /// Asks the API for `POST /jobs/{job}/{action}` in the name of a viewer. The error is a text for
    /// the log.
    async fn post(&self, viewer: &Viewer, job: &JobId, action: &str) -> Result<Answer, String>;
}

/// What the API answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The job, or what was wrong (RFC 9457).
    pub body: Value,
}

/// The API as a Lambda function, which is invoked as API Gateway invokes it.
#[derive(Debug, Clone)]
pub struct ApiFunction {
    client: SignedClient,
    url: String,
}

impl ApiFunction {
    /// The function of this name.
    pub fn new(config: &SdkConfig, name: String) -> Self {
        let endpoint = aws_clients::endpoint(config, "lambda");
        let url = format!("{endpoint}/2015-03-31/functions/{name}/invocations");
        Self { client: SignedClient::new(config, "lambda"), url }
    }
}

#[async_trait]
impl Commands for ApiFunction {
    async fn post(&self, viewer: &Viewer, job: &JobId, action: &str) -> Result<Answer, String> {
        let event = request(viewer, job, action).to_string();
        let headers = [("content-type", "application/json")];
        let sent = self.client.send("POST", &self.url, &headers, event.into()).await;
        let answer = sent.map_err(|error| error.to_string())?;
        let response: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let status = response["statusCode"].as_u64().and_then(|status| status.try_into().ok());
        match status.filter(|_| answer.status == 200) {
            Some(status) => {
                let body = response["body"].as_str().unwrap_or_default();
                Ok(Answer { status, body: serde_json::from_str(body).unwrap_or_default() })
            }
            None => Err(format!("lambda:InvokeFunction failed: {}", answer.status)),
        }
    }
}

/// The request as API Gateway would hand it over, format 2.0.
fn request(viewer: &Viewer, job: &JobId, action: &str) -> Value {
    let path = format!("/jobs/{job}/{action}");
    let http = json!({
        "method": "POST", "path": path, "protocol": "HTTP/1.1", "sourceIp": "", "userAgent": "",
    });
    let mut context = json!({
        "accountId": "", "apiId": "", "domainName": "", "domainPrefix": "", "requestId": "",
        "routeKey": "$default", "stage": "$default", "time": "", "timeEpoch": 0, "http": http,
    });
    if !viewer.authorizer.is_null() {
        context["authorizer"] = viewer.authorizer.clone();
    }
    json!({
        "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": "",
        "headers": {"host": "live"}, "requestContext": context, "isBase64Encoded": false,
    })
}
