//! AWS Glue's catalog: four calls of its JSON protocol, signed here. Its SDK would be the largest crate of the build, for these four.

use std::time::SystemTime;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::http::{HttpConnector, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use serde_json::{Value, json};

use crate::{Catalog, Error};

/// What a call that a limit refused is answered, among others.
const BUSY: [&str; 6] = [
    "ThrottlingException",
    "InternalServiceException",
    "OperationTimeoutException",
    "ResourceNumberLimitExceededException",
    "ResourceNotReadyException",
    "ServiceUnavailableException",
];

/// A database of Glue's catalog.
#[derive(Debug, Clone)]
pub struct Glue {
    connector: SharedHttpConnector,
    credentials: Option<SharedCredentialsProvider>,
    region: String,
    endpoint: String,
    database: String,
}

/// An answer other than success: the name of the error, and its text.
struct Fault {
    name: String,
    text: String,
}

impl Glue {
    /// The database of this name, with the region, the credentials and the endpoint of `config`.
    pub fn new(config: &SdkConfig, connector: SharedHttpConnector, database: String) -> Self {
        let region = config.region().map(ToString::to_string).unwrap_or_default();
        let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        let endpoint =
            config.endpoint_url().map_or_else(|| format!("https://glue.{region}.{domain}"), |url| url.trim_end_matches('/').to_owned());
        Self { connector, credentials: config.credentials_provider(), region, endpoint: format!("{endpoint}/"), database }
    }

    /// Does what a permission (`glue:GetTable`) is for. The outer error is one that says nothing of the table.
    async fn call(&self, permission: &'static str, mut message: Value) -> Result<Result<Value, Fault>, Error> {
        message["DatabaseName"] = json!(self.database);
        let action = permission.trim_start_matches("glue:");
        let unavailable = |error: &dyn std::fmt::Display| Error::Unavailable(format!("{permission}: {error}"));
        let request = self.request(action, message.to_string()).await?;
        let response = self.connector.call(request).await.map_err(|error| unavailable(&error))?;
        let status = response.status().as_u16();
        let body = ByteStream::new(response.into_body()).collect().await.map_err(|error| unavailable(&error))?;
        let answer: Value = serde_json::from_slice(&body.into_bytes()).unwrap_or_default();
        if status == 200 {
            return Ok(Ok(answer));
        }
        let name = answer["__type"].as_str().unwrap_or_default();
        let name = name.rsplit('#').next().unwrap_or_default().to_owned();
        let text = answer["message"].as_str().or(answer["Message"].as_str()).unwrap_or_default().to_owned();
        match name.as_str() {
            "ConcurrentModificationException" | "AlreadyExistsException" => Err(Error::Changed),
            name if status >= 500 || status == 429 || BUSY.contains(&name) => Err(unavailable(&format!("{status} {name}"))),
            "AccessDeniedException" => {
                Err(Error::Refused(format!("{permission} is not allowed on the database `{}`: {text}", self.database)))
            }
            _ => Ok(Err(Fault { name, text })),
        }
    }

    async fn request(&self, action: &str, body: String) -> Result<HttpRequest, Error> {
        let broken = |error: &dyn std::fmt::Display| Error::Refused(format!("a request of Glue can't be signed: {error}"));
        let credentials = self.credentials.as_ref().ok_or_else(|| broken(&"there are no credentials"))?;
        let credentials = credentials.provide_credentials().await.map_err(|error| Error::Unavailable(format!("credentials: {error}")))?;
        let identity = credentials.into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name("glue")
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| broken(&error))?
            .into();
        let target = format!("AWSGlue.{action}");
        let headers = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", target.as_str())];
        let signable = SignableRequest::new("POST", &self.endpoint, headers.into_iter(), SignableBody::Bytes(body.as_bytes()));
        let signed = sign(signable.map_err(|error| broken(&error))?, &parameters).map_err(|error| broken(&error))?;
        let mut request = HttpRequest::new(SdkBody::from(body.clone()));
        request.set_method("POST").map_err(|error| broken(&error))?;
        request.set_uri(self.endpoint.as_str()).map_err(|error| broken(&error))?;
        for (name, value) in headers.into_iter().chain(signed.output().headers()) {
            request.headers_mut().insert(name.to_owned(), value.to_owned());
        }
        Ok(request)
    }

    fn refused(&self, permission: &str, fault: &Fault) -> Error {
        Error::Refused(format!("{permission} on the database `{}`: {}: {}", self.database, fault.name, fault.text))
    }
}

#[async_trait]
impl Catalog for Glue {
    async fn get_table(&self, name: &str) -> Result<Option<Value>, Error> {
        match self.call("glue:GetTable", json!({"Name": name})).await? {
            Ok(mut answer) => Ok(Some(answer["Table"].take())),
            Err(fault) if fault.name == "EntityNotFoundException" => Ok(None),
            Err(fault) => Err(self.refused("glue:GetTable", &fault)),
        }
    }

    async fn create_table(&self, table: &Value) -> Result<(), Error> {
        let answer = self.call("glue:CreateTable", json!({"TableInput": table})).await?;
        answer.map(drop).map_err(|fault| self.refused("glue:CreateTable", &fault))
    }

    async fn update_table(&self, table: &Value, version: &str) -> Result<(), Error> {
        // Without an archive: a commit is no version of the table's that anybody would go back to.
        let message = json!({"TableInput": table, "VersionId": version, "SkipArchive": true});
        let answer = self.call("glue:UpdateTable", message).await?;
        answer.map(drop).map_err(|fault| self.refused("glue:UpdateTable", &fault))
    }

    async fn create_partitions(&self, table: &str, partitions: &[Value]) -> Result<(), Error> {
        let message = json!({"TableName": table, "PartitionInputList": partitions});
        let answer =
            self.call("glue:BatchCreatePartition", message).await?.map_err(|fault| self.refused("glue:BatchCreatePartition", &fault))?;
        let errors = answer["Errors"].as_array().into_iter().flatten().map(|error| &error["ErrorDetail"]);
        match errors.filter(|error| error["ErrorCode"] != "AlreadyExistsException").collect::<Vec<_>>().as_slice() {
            [] => Ok(()),
            [first, rest @ ..] => Err(Error::Unavailable(format!(
                "{} partitions failed in glue:BatchCreatePartition, the first with {}",
                rest.len() + 1,
                first["ErrorCode"].as_str().unwrap_or("an error without a name")
            ))),
        }
    }
}
