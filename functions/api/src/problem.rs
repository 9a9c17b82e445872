//! Problem details (RFC 9457): the one form of every error.

use std::panic::AssertUnwindSafe;

use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use contract::Fault;
use futures::FutureExt;
use serde::Serialize;
use tracing::{error, warn};

/// What a caller is told when a request can't be answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Identifies the kind of problem: `urn:landfall:problem:<name>`, stable for programs.
    #[serde(rename = "type")]
    kind: String,
    /// The kind, for people.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What happened, and what would be allowed.
    detail: String,
    /// The path that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<String>,
    /// The faults of a document, each with its path in it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<Fault>,
}

impl Problem {
    /// A problem of the kind `name`.
    pub fn new(
        status: StatusCode,
        name: &str,
        title: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            kind: format!("urn:landfall:problem:{name}"),
            title,
            status: status.as_u16(),
            detail: detail.into(),
            instance: None,
            errors: Vec::new(),
        }
    }

    /// A request that can't be read.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-request", "The request can't be read", detail)
    }

    /// A request that can be read but not be done.
    pub fn invalid(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", "The request is not valid", detail)
    }

    /// A document with faults.
    pub fn faults(faults: Vec<Fault>) -> Self {
        let detail = match faults.len() {
            1 => "1 fault, listed in `errors`".to_owned(),
            count => format!("{count} faults, listed in `errors`"),
        };
        let problem = Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "contract-invalid",
            "The contract is not valid",
            detail,
        );
        Self { errors: faults, ..problem }
    }

    /// Something that is not there. `name` says what: `no-such-job`.
    pub fn missing(name: &str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, name, "Not found", detail)
    }

    /// A request that does not go with how things stand.
    pub fn conflict(name: &str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, name, "Conflict", detail)
    }

    /// A caller who may not do this.
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", "Not allowed", detail)
    }

    /// A service of ours is busy; another attempt may succeed. What it said is for the log.
    pub fn unavailable(said: &dyn std::fmt::Display) -> Self {
        warn!(reason = %said, "a service is unavailable");
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "unavailable",
            "Not available at the moment",
            "a service did not answer: try again",
        )
    }

    /// A fault of ours. What happened is for the log.
    pub fn internal(happened: &dyn std::fmt::Display) -> Self {
        error!(reason = %happened, "a request failed");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "The server failed",
            "the request failed for a reason of ours: see its log",
        )
    }

    /// The problem behind a status that nothing more is known of.
    fn of_status(status: StatusCode, path: &str) -> Self {
        match status {
            StatusCode::NOT_FOUND => {
                Self::missing("no-such-route", format!("there is no route `{path}`"))
            }
            StatusCode::METHOD_NOT_ALLOWED => Self::new(
                status,
                "method-not-allowed",
                "Method not allowed",
                format!("`{path}` knows the methods that `Allow` lists"),
            ),
            StatusCode::PAYLOAD_TOO_LARGE => Self::new(
                status,
                "too-large",
                "The body is too large",
                "the body is larger than this route reads",
            ),
            status if status.is_server_error() => Self::internal(&status),
            status => Self::new(
                status,
                "bad-request",
                "The request can't be read",
                status.canonical_reason().unwrap_or("not understood"),
            ),
        }
    }
}

impl IntoResponse for Problem {
    /// The body is written by [`problems`], which knows the path.
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Makes every error a problem document: those of handlers, those of the router, and panics.
pub(crate) async fn problems(request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let answer = AssertUnwindSafe(next.run(request)).catch_unwind().await;
    let response =
        answer.unwrap_or_else(|_| Problem::internal(&"a handler panicked").into_response());
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return response;
    }
    let (mut parts, _) = response.into_parts();
    let problem =
        parts.extensions.remove::<Problem>().unwrap_or_else(|| Problem::of_status(status, &path));
    let body = serde_json::to_vec(&Problem { instance: Some(path), ..problem })
        .expect("a problem is plain data");
    parts
        .headers
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    parts.headers.remove(header::CONTENT_LENGTH);
    if status == StatusCode::SERVICE_UNAVAILABLE {
        parts.headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    Response::from_parts(parts, body.into())
}

impl From<registry::Error> for Problem {
    fn from(error: registry::Error) -> Self {
        match error {
            registry::Error::Unavailable(said) => Self::unavailable(&said),
            registry::Error::BadCursor(_) => Self::bad_request(
                "`after` is no cursor of this list: use `next` of a page as it is",
            ),
            other => Self::internal(&other),
        }
    }
}

impl From<objects::Error> for Problem {
    fn from(error: objects::Error) -> Self {
        match error {
            objects::Error::Unavailable(said) => Self::unavailable(&said),
            objects::Error::Changed(_) => {
                Self::conflict("changed", "the object was replaced while it was read: ask again")
            }
            other => Self::internal(&other),
        }
    }
}

impl From<job::Error> for Problem {
    fn from(error: job::Error) -> Self {
        if error.is_transient() { Self::unavailable(&error) } else { Self::internal(&error) }
    }
}

impl From<executions::Error> for Problem {
    fn from(error: executions::Error) -> Self {
        match error {
            executions::Error::Unavailable(said) => Self::unavailable(&said),
            other => Self::internal(&other),
        }
    }
}

impl From<admission::Error> for Problem {
    fn from(error: admission::Error) -> Self {
        match error {
            admission::Error::NoDataset(name) => Self::missing(
                "no-such-dataset",
                format!("there is no dataset `{name}`: PUT its contract first"),
            ),
            admission::Error::Conflict(job) => Self::conflict(
                "idempotency-key-reused",
                format!("this `Idempotency-Key` was sent before with another request: job {job}"),
            ),
            admission::Error::Registry(error) => error.into(),
            admission::Error::Executions(error) => error.into(),
        }
    }
}
