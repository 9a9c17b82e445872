//! Signs and sends calls of services that speak AWS JSON: those whose SDK would be the largest
//! crate of the build, for a call or four.

use aws_types::SdkConfig;
use serde_json::Value;

use crate::signed::{Answer, SendError, SignedClient};

/// Attempts of a call with retries, the first included.
const ATTEMPTS: u32 = 3;

/// A service by its name, with the region, the credentials and the endpoint of a configuration.
#[derive(Debug, Clone)]
pub struct JsonService {
    client: SignedClient,
    endpoint: String,
    target: &'static str,
    content_type: &'static str,
}

/// Why a call has no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JsonError {
    /// Nothing was answered.
    Unsent(SendError),
    /// The service answered with an error.
    Answered {
        /// HTTP status.
        status: u16,
        /// The error's name, without its namespace: `AccessDeniedException`.
        name: String,
        /// What the service says about it.
        text: String,
    },
}

impl JsonError {
    /// Whether the same call may succeed later, by what all services have in common.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unsent(error) => matches!(error, SendError::Unreachable(_)),
            Self::Answered { status, name, .. } => {
                *status >= 500 || *status == 429 || name.starts_with("Throttling")
            }
        }
    }
}

impl std::fmt::Display for JsonError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unsent(error) => write!(out, "{error}"),
            Self::Answered { status, name, .. } => write!(out, "{status} {name}"),
        }
    }
}

impl std::error::Error for JsonError {}

impl JsonService {
    /// The service whose endpoint and signatures have `name` (`glue`), and whose operations are
    /// asked for as `<target>.<operation>` (`AWSGlue`).
    pub fn new(config: &SdkConfig, name: &'static str, target: &'static str) -> Self {
        let client = SignedClient::new(config, name);
        let endpoint = format!("{}/", crate::endpoint(config, name));
        Self { client, endpoint, target, content_type: "application/x-amz-json-1.1" }
    }

    /// The same, by version 1.0 of the protocol.
    pub fn in_version_1_0(self) -> Self {
        Self { content_type: "application/x-amz-json-1.0", ..self }
    }

    /// An operation, tried again a few times while it may pass; what it answers.
    pub async fn call_with_retries(
        &self,
        operation: &str,
        message: &Value,
    ) -> Result<Value, JsonError> {
        let mut attempt = 1;
        loop {
            match self.call(operation, message).await {
                Err(error) if error.is_transient() && attempt < ATTEMPTS => attempt += 1,
                outcome => return outcome,
            }
        }
    }

    /// One attempt of an operation; what it answers.
    pub async fn call(&self, operation: &str, message: &Value) -> Result<Value, JsonError> {
        let target = format!("{}.{operation}", self.target);
        let headers = [("content-type", self.content_type), ("x-amz-target", target.as_str())];
        let sent = self.client.send("POST", &self.endpoint, &headers, message.to_string().into());
        let Answer { status, body } = sent.await.map_err(JsonError::Unsent)?;
        let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
        if status == 200 {
            return Ok(answer);
        }
        let name = answer["__type"].as_str().unwrap_or_default();
        let name = name.rsplit('#').next().unwrap_or_default().to_owned();
        let text = answer["message"]
            .as_str()
            .or(answer["Message"].as_str())
            .unwrap_or_default()
            .to_owned();
        Err(JsonError::Answered { status, name, text })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status: u16, name: &str) -> JsonError {
        JsonError::Answered { status, name: name.to_owned(), text: "of the service".to_owned() }
    }

    #[test]
    fn only_what_may_pass_is_transient() {
        assert!(JsonError::Unsent(SendError::Unreachable("refused".to_owned())).is_transient());
        assert!(answered(500, "InternalFailure").is_transient());
        assert!(answered(400, "ThrottlingException").is_transient());
        assert!(!answered(400, "AccessDeniedException").is_transient());
        let unsigned = SendError::Unsigned("there are no credentials".to_owned());
        assert!(!JsonError::Unsent(unsigned).is_transient());
    }

    #[test]
    fn the_endpoint_follows_the_region_unless_one_is_given() {
        let region =
            |name: &'static str| SdkConfig::builder().region(aws_types::region::Region::new(name));
        let endpoint = |config: SdkConfig| JsonService::new(&config, "glue", "AWSGlue").endpoint;
        assert_eq!(endpoint(region("eu-west-1").build()), "https://glue.eu-west-1.amazonaws.com/");
        assert_eq!(
            endpoint(region("cn-north-1").build()),
            "https://glue.cn-north-1.amazonaws.com.cn/"
        );
        let local = region("eu-west-1").endpoint_url("http://127.0.0.1:4566/").build();
        assert_eq!(endpoint(local), "http://127.0.0.1:4566/");
    }
}
