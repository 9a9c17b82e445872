//! Signs and sends calls of services that speak AWS JSON: those whose SDK would be the largest
//! crate of the build, for a call or four.

use std::time::SystemTime;

use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::http::{HttpConnector, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use aws_types::SdkConfig;
use serde_json::Value;

/// Attempts of a call with retries, the first included.
const ATTEMPTS: u32 = 3;

/// A service by its name, with the region, the credentials and the endpoint of a configuration.
#[derive(Debug, Clone)]
pub struct JsonService {
    connector: SharedHttpConnector,
    credentials: Option<SharedCredentialsProvider>,
    region: String,
    endpoint: String,
    name: &'static str,
    target: &'static str,
    content_type: &'static str,
}

/// Why a call has no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JsonError {
    /// No request could be made: there are no credentials, or no signature.
    Unsigned(String),
    /// Nothing came back, or credentials can't be had now: a later attempt may fare better.
    Unreachable(String),
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
            Self::Unsigned(_) => false,
            Self::Unreachable(_) => true,
            Self::Answered { status, name, .. } => {
                *status >= 500 || *status == 429 || name.starts_with("Throttling")
            }
        }
    }
}

impl std::fmt::Display for JsonError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unsigned(reason) => write!(out, "the request can't be signed: {reason}"),
            Self::Unreachable(reason) => write!(out, "{reason}"),
            Self::Answered { status, name, .. } => write!(out, "{status} {name}"),
        }
    }
}

impl std::error::Error for JsonError {}

impl JsonService {
    /// The service whose endpoint and signatures have `name` (`glue`), and whose operations are
    /// asked for as `<target>.<operation>` (`AWSGlue`).
    pub fn new(config: &SdkConfig, name: &'static str, target: &'static str) -> Self {
        let region = config.region().map(ToString::to_string).unwrap_or_default();
        let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        let regular = || format!("https://{name}.{region}.{domain}");
        let endpoint =
            config.endpoint_url().map_or_else(regular, |url| url.trim_end_matches('/').to_owned());
        let credentials = config.credentials_provider();
        Self {
            connector: crate::connector(),
            credentials,
            region,
            endpoint: format!("{endpoint}/"),
            name,
            target,
            content_type: "application/x-amz-json-1.1",
        }
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
        let unreachable = |error: &dyn std::fmt::Display| JsonError::Unreachable(error.to_string());
        let request = self.request(operation, message.to_string()).await?;
        let response = self.connector.call(request).await.map_err(|error| unreachable(&error))?;
        let status = response.status().as_u16();
        let body = ByteStream::new(response.into_body())
            .collect()
            .await
            .map_err(|error| unreachable(&error))?;
        let answer: Value = serde_json::from_slice(&body.into_bytes()).unwrap_or_default();
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

    async fn request(&self, operation: &str, body: String) -> Result<HttpRequest, JsonError> {
        let broken = |error: &dyn std::fmt::Display| JsonError::Unsigned(error.to_string());
        let credentials =
            self.credentials.as_ref().ok_or_else(|| broken(&"there are no credentials"))?;
        let credentials = credentials.provide_credentials().await;
        let identity = credentials
            .map_err(|error| JsonError::Unreachable(format!("credentials: {error}")))?
            .into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(self.name)
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| broken(&error))?
            .into();
        let target = format!("{}.{operation}", self.target);
        let headers = [("content-type", self.content_type), ("x-amz-target", target.as_str())];
        let bytes = SignableBody::Bytes(body.as_bytes());
        let signable = SignableRequest::new("POST", &self.endpoint, headers.into_iter(), bytes);
        let signed = sign(signable.map_err(|error| broken(&error))?, &parameters)
            .map_err(|error| broken(&error))?;
        let mut request = HttpRequest::new(SdkBody::from(body.clone()));
        request.set_method("POST").map_err(|error| broken(&error))?;
        request.set_uri(self.endpoint.as_str()).map_err(|error| broken(&error))?;
        for (name, value) in headers.into_iter().chain(signed.output().headers()) {
            request.headers_mut().insert(name.to_owned(), value.to_owned());
        }
        Ok(request)
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
        assert!(JsonError::Unreachable("refused".to_owned()).is_transient());
        assert!(answered(500, "InternalFailure").is_transient());
        assert!(answered(400, "ThrottlingException").is_transient());
        assert!(!answered(400, "AccessDeniedException").is_transient());
        assert!(!JsonError::Unsigned("there are no credentials".to_owned()).is_transient());
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
