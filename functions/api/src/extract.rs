//! What handlers are given: each part of a request read strictly, and a problem where it can't be.

use std::error::Error;
use std::iter::successors;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use job::DatasetName;
use job::message::JobId;
use landing::plan::MAX_LAYOUTS;
use serde::de::DeserializeOwned;
use utoipa::IntoParams;

use crate::caller::Caller;
use crate::problem::{Kind, Problem};

/// A JSON body.
pub(crate) struct Body<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let bytes = Bytes::from_request(request, state).await.map_err(unread)?;
        let mut json = serde_json::Deserializer::from_slice(&bytes);
        let read = serde_path_to_error::deserialize(&mut json);
        let value = read.map_err(|error| match error.inner().classify() {
            serde_json::error::Category::Data => {
                at(Problem::invalid(error.inner().to_string()), error.path())
            }
            _ => not_json(error.inner()),
        })?;
        json.end().map(|()| Self(value)).map_err(|error| not_json(&error))
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
        let query = Query::try_from_uri(&parts.uri).map_err(|rejection| {
            let problem = Problem::bad_request(rejection.body_text());
            // Which parameter it is stands among the causes.
            let causes = successors(rejection.source(), |error| (*error).source());
            match causes.filter_map(<dyn Error>::downcast_ref).next() {
                Some(error) => {
                    let error: &serde_path_to_error::Error<serde::de::value::Error> = error;
                    at(problem, error.path())
                }
                None => problem,
            }
        })?;
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
        let caller = Caller::from_request_parts(parts, state).await?;
        let parsed =
            T::parse_name(&name).map_err(|why| Problem::bad_request(why).of_field(T::PARAMETER))?;
        parsed.check(&caller)?;
        Ok(Self(parsed))
    }
}

/// Names that paths hold.
pub(crate) trait Name: Sized {
    /// The parameter of the path.
    const PARAMETER: &str;

    fn parse_name(text: &str) -> Result<Self, String>;

    /// Refuses what the caller may not see, as far as the name tells.
    fn check(&self, caller: &Caller) -> Result<(), Problem>;
}

impl Name for DatasetName {
    const PARAMETER: &str = "name";

    fn parse_name(text: &str) -> Result<Self, String> {
        Self::parse(text)
    }

    fn check(&self, caller: &Caller) -> Result<(), Problem> {
        caller.check(self)
    }
}

impl Name for JobId {
    const PARAMETER: &str = "id";

    fn parse_name(text: &str) -> Result<Self, String> {
        Self::parse(text)
    }

    /// [`Caller::find`] does, which knows the job's dataset.
    fn check(&self, _: &Caller) -> Result<(), Problem> {
        Ok(())
    }
}

/// The dataset of a path, as it is described.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "only its shape is used")]
pub(crate) struct Dataset {
    /// The dataset's name.
    #[param(pattern = "^[a-z][a-z0-9_]{0,62}$", example = "orders")]
    name: String,
}

/// The job of a path, as it is described.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "only its shape is used")]
pub(crate) struct Job {
    /// The job's id.
    #[param(
        pattern = "^[A-Za-z0-9_-]{1,70}$",
        example = "job-cfe718ce-5b6c-4a0e-9d2a-7f3c1e5b8a90"
    )]
    id: String,
}

/// The length of a page: `default` when none is asked for.
pub(crate) fn page_length(asked: Option<u32>, default: u32, max: u32) -> Result<u32, Problem> {
    match asked.unwrap_or(default) {
        limit if (1..=max).contains(&limit) => Ok(limit),
        _ => {
            let detail = format!("`limit` is a number from 1 to {max}");
            Err(Problem::bad_request(detail).of_field("limit").over(max.into()))
        }
    }
}

/// A layout that a job may have, by its position in the plan.
pub(crate) fn layout(asked: u32) -> Result<u32, Problem> {
    match (asked as usize) < MAX_LAYOUTS {
        true => Ok(asked),
        false => {
            let detail = format!("`layout` is a number from 0 to {}", MAX_LAYOUTS - 1);
            Err(Problem::bad_request(detail).of_field("layout"))
        }
    }
}

/// The problem, which says what of the request is at fault, where that is a part of it.
fn at(problem: Problem, path: &serde_path_to_error::Path) -> Problem {
    match path.iter().next() {
        Some(_) => problem.of_field(path.to_string()),
        None => problem,
    }
}

fn not_json(error: &serde_json::Error) -> Problem {
    Problem::bad_request(format!("the body is not JSON: {error}"))
}

fn unread(rejection: BytesRejection) -> Problem {
    match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            let most = crate::MAX_BODY_BYTES;
            let detail = format!("the body is larger than the {most} bytes that are read");
            Problem::new(Kind::TooLarge, detail).over(most as u64)
        }
        _ => Problem::bad_request(rejection.body_text()),
    }
}
