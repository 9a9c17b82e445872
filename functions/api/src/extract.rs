//! What handlers are given: each part of a request read strictly, and a problem where it can't be.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use job::DatasetName;
use job::message::JobId;
use serde::de::DeserializeOwned;

use crate::Problem;

/// A JSON body.
pub(crate) struct Body<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let bytes = Bytes::from_request(request, state).await.map_err(unread)?;
        serde_json::from_slice(&bytes).map(Self).map_err(|error| match error.classify() {
            serde_json::error::Category::Data => Problem::invalid(error.to_string()),
            _ => Problem::bad_request(format!("the body is not JSON: {error}")),
        })
    }
}

/// A body of text in UTF-8.
pub(crate) struct Text(pub(crate) String);

impl<S: Send + Sync> FromRequest<S> for Text {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let bytes = Bytes::from_request(request, state).await.map_err(unread)?;
        String::from_utf8(bytes.into())
            .map(Self)
            .map_err(|_| Problem::bad_request("the body is not UTF-8"))
    }
}

/// The query. A parameter that the route does not know is an error, as it would be ignored
/// unnoticed.
pub(crate) struct Asked<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = Query::try_from_uri(&parts.uri)
            .map_err(|rejection| Problem::bad_request(rejection.body_text()))?;
        Ok(Self(query.0))
    }
}

/// The dataset or the job that the path names.
pub(crate) struct Named<T>(pub(crate) T);

impl<S: Send + Sync, T: Name> FromRequestParts<S> for Named<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path(name) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|error| Problem::bad_request(error.body_text()))?;
        T::parse_name(&name).map(Self).map_err(Problem::bad_request)
    }
}

/// Names that paths hold.
pub(crate) trait Name: Sized {
    fn parse_name(text: &str) -> Result<Self, String>;
}

impl Name for DatasetName {
    fn parse_name(text: &str) -> Result<Self, String> {
        Self::parse(text)
    }
}

impl Name for JobId {
    fn parse_name(text: &str) -> Result<Self, String> {
        Self::parse(text)
    }
}

/// The length of a page: `default` when none is asked for.
pub(crate) fn page_length(asked: Option<u32>, default: u32, max: u32) -> Result<u32, Problem> {
    match asked.unwrap_or(default) {
        limit if (1..=max).contains(&limit) => Ok(limit),
        _ => Err(Problem::bad_request(format!("`limit` is a number from 1 to {max}"))),
    }
}

fn unread(rejection: BytesRejection) -> Problem {
    match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too-large",
            "The body is too large",
            format!("the body is larger than the {} bytes that are read", crate::MAX_BODY_BYTES),
        ),
        _ => Problem::bad_request(rejection.body_text()),
    }
}
