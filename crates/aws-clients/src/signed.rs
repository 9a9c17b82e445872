//! Signs and sends single requests, for services of which so few calls are made that their SDK
//! would be out of proportion.

use std::time::SystemTime;

use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::http::{HttpConnector, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use aws_types::SdkConfig;

/// A service by the name that its signatures have, with the region and the credentials of a
/// configuration.
#[derive(Debug, Clone)]
pub struct SignedClient {
    connector: SharedHttpConnector,
    credentials: Option<SharedCredentialsProvider>,
    region: String,
    name: &'static str,
}

/// The answer of a service, be it a success or an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

/// Why nothing was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SendError {
    /// No request could be made: there are no credentials, or no signature.
    Unsigned(String),
    /// Nothing came back, or credentials can't be had now: a later attempt may fare better.
    Unreachable(String),
}

impl std::fmt::Display for SendError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unsigned(reason) => write!(out, "the request can't be signed: {reason}"),
            Self::Unreachable(reason) => write!(out, "{reason}"),
        }
    }
}

impl std::error::Error for SendError {}

fn unsigned(error: &dyn std::fmt::Display) -> SendError {
    SendError::Unsigned(error.to_string())
}

fn unreachable(error: &dyn std::fmt::Display) -> SendError {
    SendError::Unreachable(error.to_string())
}

impl SignedClient {
    /// The service whose signatures have `name` (`glue`).
    pub fn new(config: &SdkConfig, name: &'static str) -> Self {
        let region = config.region().map(ToString::to_string).unwrap_or_default();
        let credentials = config.credentials_provider();
        Self { connector: crate::connector(), credentials, region, name }
    }

    /// Sends a request once. `headers` are signed; the header `host` is the URL's.
    pub async fn send(
        &self,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Result<Answer, SendError> {
        let request = self.request(method, url, headers, body).await?;
        let response = self.connector.call(request).await.map_err(|error| unreachable(&error))?;
        let status = response.status().as_u16();
        let body = ByteStream::new(response.into_body()).collect().await;
        let body = body.map_err(|error| unreachable(&error))?.to_vec();
        Ok(Answer { status, body })
    }

    async fn request(
        &self,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Result<HttpRequest, SendError> {
        let credentials = self.credentials.as_ref();
        let credentials = credentials.ok_or_else(|| unsigned(&"there are no credentials"))?;
        let credentials = credentials.provide_credentials().await;
        let credentials =
            credentials.map_err(|error| unreachable(&format!("credentials: {error}")))?;
        let identity = credentials.into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(self.name)
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| unsigned(&error))?
            .into();
        let bytes = SignableBody::Bytes(&body);
        let signable = SignableRequest::new(method, url, headers.iter().copied(), bytes);
        let signed = sign(signable.map_err(|error| unsigned(&error))?, &parameters)
            .map_err(|error| unsigned(&error))?;
        let (instructions, _) = signed.into_parts();
        let mut request = HttpRequest::new(SdkBody::from(body));
        request.set_method(method).map_err(|error| unsigned(&error))?;
        request.set_uri(url).map_err(|error| unsigned(&error))?;
        for (name, value) in headers.iter().copied().chain(instructions.headers()) {
            request.headers_mut().insert(name.to_owned(), value.to_owned());
        }
        Ok(request)
    }
}
