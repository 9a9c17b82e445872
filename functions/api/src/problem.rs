//! Problem details (RFC 9457): the one form of every error.

use std::panic::AssertUnwindSafe;

use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use contract::Fault;
use futures::FutureExt;
use job::message::JobId;
use serde::{Serialize, Serializer};
use tracing::{error, warn};
use utoipa::ToSchema;

/// What every `type` of a problem begins with.
const URN: &str = "urn:landfall:problem:";
/// Seconds after which a busy service is worth another attempt.
const RETRY_SECONDS: u32 = 1;

/// Lists the kinds of problems: what each means, its status, its name and its title.
macro_rules! kinds {
    ($(#[doc = $means:literal] $kind:ident: $status:ident, $name:literal, $title:literal;)*) => {
        /// The kind of a problem, by which programs tell problems apart.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Kind { $(#[doc = $means] $kind,)* }

        impl Kind {
            /// All of them, by status.
            pub const ALL: &[Self] = &[$(Self::$kind,)*];

            /// The HTTP status.
            pub fn status(self) -> StatusCode {
                match self { $(Self::$kind => StatusCode::$status,)* }
            }

            /// The name: the end of the problem's `type`.
            pub fn name(self) -> &'static str {
                match self { $(Self::$kind => $name,)* }
            }

            /// The kind, for people.
            pub fn title(self) -> &'static str {
                match self { $(Self::$kind => $title,)* }
            }

            /// What it means, in a sentence.
            pub fn means(self) -> &'static str {
                match self { $(Self::$kind => $means.trim_ascii(),)* }
            }
        }
    };
}

kinds! {
    /// The request can't be read.
    BadRequest: BAD_REQUEST, "bad-request", "The request can't be read";
    /// The request carries no identity that API Gateway has verified.
    Unauthorized: UNAUTHORIZED, "unauthorized", "Unknown caller";
    /// The token lacks a scope, or its claim of datasets can't be read.
    Forbidden: FORBIDDEN, "forbidden", "Not allowed";
    /// There is no such route.
    NoSuchRoute: NOT_FOUND, "no-such-route", "Not found";
    /// There is no such dataset.
    NoSuchDataset: NOT_FOUND, "no-such-dataset", "Not found";
    /// The contract has no such version.
    NoSuchVersion: NOT_FOUND, "no-such-version", "Not found";
    /// There is no such job.
    NoSuchJob: NOT_FOUND, "no-such-job", "Not found";
    /// The job was not started yet, or its execution is forgotten.
    NoSuchExecution: NOT_FOUND, "no-such-execution", "Not found";
    /// The table has no such commit.
    NoSuchCommit: NOT_FOUND, "no-such-commit", "Not found";
    /// Nothing had landed in the dataset by then.
    NoFiles: NOT_FOUND, "no-files", "Not found";
    /// The job has no shards, or none yet.
    NoShards: NOT_FOUND, "no-shards", "Not found";
    /// The job has no rejected records, none yet, or none that are open.
    NoRejects: NOT_FOUND, "no-rejects", "Not found";
    /// The job has no list of faults, or none yet.
    NoErrors: NOT_FOUND, "no-errors", "Not found";
    /// The job has no files, or none yet.
    NoOutputs: NOT_FOUND, "no-outputs", "Not found";
    /// The job is not held, and was not.
    NoChanges: NOT_FOUND, "no-changes", "Not found";
    /// The job has no profile, or none yet.
    NoProfile: NOT_FOUND, "no-profile", "Not found";
    /// The path knows the methods that `Allow` lists.
    MethodNotAllowed: METHOD_NOT_ALLOWED, "method-not-allowed", "Method not allowed";
    /// No form of the answer is one that was asked for.
    NotAcceptable: NOT_ACCEPTABLE, "not-acceptable", "Not to be had in that form";
    /// The job is decided to commit: it lands.
    TooLate: CONFLICT, "too-late", "Conflict";
    /// The job has ended, or is ending already.
    JobEnded: CONFLICT, "job-ended", "Conflict";
    /// The job can't be redriven: it did not fail, it was given up, or other steps planned it.
    NotRedrivable: CONFLICT, "not-redrivable", "Conflict";
    /// The job does not wait for approval.
    NotHeld: CONFLICT, "not-held", "Conflict";
    /// The job did not land, so that nothing can be added to it.
    NotLanded: CONFLICT, "not-landed", "Conflict";
    /// A job has landed some of the rejects, or may still land them.
    RejectsTaken: CONFLICT, "rejects-taken", "Conflict";
    /// The key was sent before with another request.
    IdempotencyKeyReused: CONFLICT, "idempotency-key-reused", "Conflict";
    /// The object was replaced while it was read: ask again.
    Changed: CONFLICT, "changed", "Conflict";
    /// The body is larger than this route reads.
    TooLarge: PAYLOAD_TOO_LARGE, "too-large", "The body is too large";
    /// The request can be read but not be done.
    Invalid: UNPROCESSABLE_ENTITY, "invalid", "The request is not valid";
    /// The contract is not valid; `errors` has its faults.
    ContractInvalid: UNPROCESSABLE_ENTITY, "contract-invalid", "The contract is not valid";
    /// The source is not there.
    SourceMissing: UNPROCESSABLE_ENTITY, "source-missing", "The source is not there";
    /// The source may not be landed, or not be read.
    SourceForbidden: UNPROCESSABLE_ENTITY, "source-forbidden", "The source can't be read";
    /// The contract hashes values, and the stack has no salt.
    SaltMissing: UNPROCESSABLE_ENTITY, "salt-missing", "The contract hashes, and there is no salt";
    /// The caller asked for more changes in a minute than `limit`: try again, after `Retry-After`.
    TooManyRequests: TOO_MANY_REQUESTS, "too-many-requests", "Too many requests";
    /// The request failed for a reason of the server's; its log tells which.
    Internal: INTERNAL_SERVER_ERROR, "internal", "The server failed";
    /// A service did not answer: try again, after `Retry-After`.
    Unavailable: SERVICE_UNAVAILABLE, "unavailable", "Not available at the moment";
}

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{URN}{}", self.name()))
    }
}

/// What a caller is told when a request can't be answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem(Box<Document>);

/// What a caller is told when a request can't be answered (RFC 9457).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Problem)]
pub(crate) struct Document {
    /// The kind of problem, stable for programs.
    #[serde(rename = "type")]
    #[schema(value_type = String)]
    kind: Kind,
    /// The kind, for people.
    title: &'static str,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// What happened, and what would be allowed.
    detail: String,
    /// The path that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required)]
    instance: Option<String>,
    /// The member, the parameter or the header of the request that is at fault, where it is one:
    /// `source.key`, `limit`.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    /// The limit that the request exceeds, in the unit of what is limited.
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<u64>,
    /// Seconds after which another attempt may succeed: those of the header `Retry-After`.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u32>,
    /// The job that stands in the way.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    job: Option<JobId>,
    /// The faults of a contract, each with its place in it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<crate::schema::Fault>)]
    errors: Vec<Fault>,
}

impl Problem {
    /// A problem of a kind. `detail` says what happened, and what would be allowed.
    pub fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self(Box::new(Document {
            kind,
            title: kind.title(),
            status: kind.status().as_u16(),
            detail: detail.into(),
            instance: None,
            field: None,
            limit: None,
            retry_after: None,
            job: None,
            errors: Vec::new(),
        }))
    }

    /// A request that can't be read.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(Kind::BadRequest, detail)
    }

    /// A request that can be read but not be done.
    pub fn invalid(detail: impl Into<String>) -> Self {
        Self::new(Kind::Invalid, detail)
    }

    /// A document with faults.
    pub fn faults(faults: Vec<Fault>) -> Self {
        let detail = match faults.len() {
            1 => "1 fault, listed in `errors`".to_owned(),
            count => format!("{count} faults, listed in `errors`"),
        };
        let mut problem = Self::new(Kind::ContractInvalid, detail);
        problem.0.errors = faults;
        problem
    }

    /// A service of ours is busy; another attempt may succeed. What it said is for the log.
    pub fn unavailable(said: &dyn std::fmt::Display) -> Self {
        warn!(reason = %said, "a service is unavailable");
        Self::new(Kind::Unavailable, "a service did not answer: try again").after(RETRY_SECONDS)
    }

    /// A fault of ours. What happened is for the log.
    pub fn internal(happened: &dyn std::fmt::Display) -> Self {
        error!(reason = %happened, "a request failed");
        Self::new(Kind::Internal, "the request failed for a reason of ours: see its log")
    }

    /// The same problem, which says what of the request is at fault.
    pub fn of_field(mut self, field: impl Into<String>) -> Self {
        self.0.field = Some(field.into());
        self
    }

    /// The same problem, which says the limit that is exceeded.
    pub fn over(mut self, limit: u64) -> Self {
        self.0.limit = Some(limit);
        self
    }

    /// The same problem, which says after how many seconds another attempt may succeed.
    pub fn after(mut self, seconds: u32) -> Self {
        self.0.retry_after = Some(seconds);
        self
    }

    /// The same problem, which says the job that stands in the way.
    pub fn of_job(mut self, job: &JobId) -> Self {
        self.0.job = Some(job.clone());
        self
    }

    /// The document, for who asked for `path`.
    pub(crate) fn document(self, path: String) -> Document {
        Document { instance: Some(path), ..*self.0 }
    }

    /// The problem behind a status that nothing more is known of.
    fn of_status(status: StatusCode, path: &str) -> Self {
        match status {
            StatusCode::NOT_FOUND => {
                Self::new(Kind::NoSuchRoute, format!("there is no route `{path}`"))
            }
            StatusCode::METHOD_NOT_ALLOWED => Self::new(
                Kind::MethodNotAllowed,
                format!("`{path}` knows the methods that `Allow` lists"),
            ),
            StatusCode::PAYLOAD_TOO_LARGE => {
                Self::new(Kind::TooLarge, "the body is larger than this route reads")
            }
            status if status.is_server_error() => Self::internal(&status),
            status => {
                Self::bad_request(status.canonical_reason().unwrap_or("not understood").to_owned())
            }
        }
    }
}

impl IntoResponse for Problem {
    /// The body is written by [`problems`], which knows the path.
    fn into_response(self) -> Response {
        let mut response = self.0.kind.status().into_response();
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
    let document = problem.document(path);
    parts.status = document.kind.status();
    if let Some(seconds) = document.retry_after {
        parts.headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    parts.extensions.insert(document.kind);
    let body = serde_json::to_vec(&document).expect("a problem is plain data");
    parts
        .headers
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, body.into())
}

impl From<registry::Error> for Problem {
    fn from(error: registry::Error) -> Self {
        match error {
            registry::Error::Unavailable(said) => Self::unavailable(&said),
            registry::Error::BadCursor(_) => Self::bad_request(
                "`after` is no cursor of this list: use `next` of a page as it is",
            )
            .of_field("after"),
            other => Self::internal(&other),
        }
    }
}

impl From<objects::Error> for Problem {
    fn from(error: objects::Error) -> Self {
        match error {
            objects::Error::Unavailable(said) => Self::unavailable(&said),
            objects::Error::Changed(_) => {
                Self::new(Kind::Changed, "the object was replaced while it was read: ask again")
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
            admission::Error::NoDataset(name) => Self::new(
                Kind::NoSuchDataset,
                format!("there is no dataset `{name}`: PUT its contract first"),
            ),
            admission::Error::Conflict(job) => Self::new(
                Kind::IdempotencyKeyReused,
                format!("this `Idempotency-Key` was sent before with another request: job {job}"),
            )
            .of_field("Idempotency-Key")
            .of_job(&job),
            admission::Error::Registry(error) => error.into(),
            admission::Error::Executions(error) => error.into(),
            admission::Error::Clock(said) => Self::unavailable(&said),
        }
    }
}
