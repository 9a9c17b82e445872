//! Calls the API, with as small a client as the tests and the demo need.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use ureq::Agent;
use ureq::http::{Method, Request};

use crate::Result;

/// How long a call may take; API Gateway gives up after 30 seconds.
const CALL_TIMEOUT: Duration = Duration::from_secs(40);
/// How long the upload or download of a file may take.
const FILE_TIMEOUT: Duration = Duration::from_secs(300);

/// The API of a deployed stack.
#[derive(Debug, Clone)]
pub struct Api {
    base: String,
    agent: Agent,
}

/// What a call was answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// `Location` header.
    pub location: Option<String>,
    /// `Content-Type` header.
    pub content_type: String,
    /// All headers, by their names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body: JSON, or a string of what is none; null when empty.
    pub body: Value,
}

impl Answer {
    /// The body, or an error that tells what came instead of a 2xx.
    pub fn ok(self) -> Result<Value> {
        match self.status {
            200..=299 => Ok(self.body),
            status => Err(format!("the API answered {status}: {}", self.body)),
        }
    }
}

impl Api {
    /// The API at a URL without a slash at the end.
    pub fn new(base: impl Into<String>) -> Self {
        let agent =
            Agent::config_builder().http_status_as_error(false).proxy(None).build().new_agent();
        Self { base: base.into(), agent }
    }

    /// The URL of a path, which starts with a slash.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// `GET` of a path.
    pub fn get(&self, path: &str) -> Result<Answer> {
        self.call(Method::GET, path, &[], Vec::new())
    }

    /// `DELETE` of a path.
    pub fn delete(&self, path: &str) -> Result<Answer> {
        self.call(Method::DELETE, path, &[], Vec::new())
    }

    /// `POST` of a JSON document.
    pub fn post(&self, path: &str, body: &Value) -> Result<Answer> {
        self.call(
            Method::POST,
            path,
            &[("content-type", "application/json")],
            body.to_string().into_bytes(),
        )
    }

    /// `PUT` of a YAML or JSON document.
    pub fn put(&self, path: &str, content_type: &str, body: &str) -> Result<Answer> {
        self.call(Method::PUT, path, &[("content-type", content_type)], body.as_bytes().to_vec())
    }

    /// Any call, with any headers.
    pub fn call(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Result<Answer> {
        self.send(method, &self.url(path), headers, body, CALL_TIMEOUT)
    }

    /// Uploads a file as the answer of `POST /uploads` says: to its URL, with the headers that were
    /// signed.
    pub fn upload(&self, upload: &Value, body: Vec<u8>) -> Result<Answer> {
        let headers = upload["headers"].as_object().into_iter().flatten();
        let headers: Vec<_> =
            headers.filter_map(|(name, value)| Some((name.as_str(), value.as_str()?))).collect();
        let url = upload["url"]
            .as_str()
            .ok_or_else(|| format!("the API's answer has no `url`: {upload}"))?;
        self.send(Method::PUT, url, &headers, body, FILE_TIMEOUT)
    }

    /// Downloads from a presigned URL.
    pub fn download(&self, url: &str) -> Result<Vec<u8>> {
        let failed = |error: ureq::Error| format!("downloading: {error}");
        let mut answer = self
            .agent
            .get(url)
            .config()
            .timeout_global(Some(FILE_TIMEOUT))
            .build()
            .call()
            .map_err(failed)?;
        let body = answer.body_mut().with_config().limit(u64::MAX).read_to_vec().map_err(failed)?;
        match answer.status().as_u16() {
            200 => Ok(body),
            status => Err(format!("downloading: the store answered {status}")),
        }
    }

    /// One request. Errors name the path without its query, which may hold a signature.
    fn send(
        &self,
        method: Method,
        url: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
        timeout: Duration,
    ) -> Result<Answer> {
        let place = format!("{method} {}", url.split('?').next().unwrap_or(url));
        let mut request = Request::builder().method(method).uri(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body).map_err(|error| format!("{place}: {error}"))?;
        let request = self
            .agent
            .configure_request(request)
            .timeout_global(Some(timeout))
            .allow_non_standard_methods(false)
            .build();
        let mut answer = self.agent.run(request).map_err(|error| format!("{place}: {error}"))?;
        let header = |name| {
            answer.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
        };
        let (location, content_type) =
            (header("location"), header("content-type").unwrap_or_default());
        let headers = answer.headers().iter().filter_map(|(name, value)| {
            Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
        });
        let headers = headers.collect();
        let text = answer
            .body_mut()
            .with_config()
            .limit(u64::MAX)
            .read_to_string()
            .map_err(|error| format!("{place}: {error}"))?;
        let body = match text.as_str() {
            "" => Value::Null,
            text => serde_json::from_str(text).unwrap_or_else(|_| Value::from(text)),
        };
        Ok(Answer { status: answer.status().as_u16(), location, content_type, headers, body })
    }
}
