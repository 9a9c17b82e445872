//! Turns a refusal of S3 into what it means to the caller.

use std::fmt::Write;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use crate::{Error, shown};

/// A call, for its errors.
pub(super) struct Call {
    /// The IAM action that a role must be allowed.
    pub(super) permission: &'static str,
    /// Bucket and key, as they may be [`shown()`].
    pub(super) place: String,
}

/// Whether a range starts where the object has ended.
pub(super) fn is_beyond_the_end<E>(error: &SdkError<E, HttpResponse>) -> bool {
    error.raw_response().is_some_and(|response| response.status().as_u16() == 416)
}

impl Call {
    pub(super) fn refused<E>(&self, error: &SdkError<E, HttpResponse>) -> Error
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        match error.raw_response() {
            Some(response) => {
                self.answered(response.status().as_u16(), error.code(), error.message())
            }
            None if matches!(error, SdkError::ConstructionFailure(_)) => Error::Denied(format!(
                "{} on {} can't be asked: {}",
                self.permission,
                self.place,
                chain(error)
            )),
            None => Error::Unavailable(format!(
                "{} on {} got no answer: {}",
                self.permission,
                self.place,
                chain(error)
            )),
        }
    }

    /// An answer without something that S3 always says.
    pub(super) fn odd(&self, what: &str) -> Error {
        Error::Unavailable(format!(
            "{} on {} was answered with {what}",
            self.permission, self.place
        ))
    }

    /// A download that ended before its end, again and again.
    pub(super) fn broke_off(&self) -> Error {
        Error::Unavailable(format!("{} on {}: the download broke off", self.permission, self.place))
    }

    /// HEAD is answered without a code, so the status must do there.
    fn answered(&self, status: u16, code: Option<&str>, message: Option<&str>) -> Error {
        let Self { permission, place } = self;
        let reads = permission.starts_with("s3:Get");
        let mut said = code.map_or_else(|| format!("HTTP {status}"), str::to_owned);
        if let Some(message) = message {
            // It may name the object.
            let _infallible = write!(said, ": {}", shown(message));
        }
        match (code.unwrap_or_default(), status) {
            ("NoSuchKey" | "NoSuchBucket" | "NoSuchVersion" | "NoSuchUpload", _) | (_, 404) => {
                Error::Missing(place.clone())
            }
            // The version is a deletion.
            ("MethodNotAllowed", _) | (_, 405) if reads => Error::Missing(place.clone()),
            ("PreconditionFailed", _) | (_, 412) if reads => Error::Changed(place.clone()),
            ("PreconditionFailed", _) | (_, 412) => Error::Exists(place.clone()),
            // Not refusals but delays, although their status is 4xx: another call at the same time,
            // a slow line, credentials that have just been replaced.
            (
                "RequestTimeout"
                | "RequestTimeTooSkewed"
                | "ExpiredToken"
                | "TokenRefreshRequired"
                | "Throttling"
                | "ThrottlingException",
                _,
            )
            | (_, 408 | 409 | 429 | 500..) => {
                Error::Unavailable(format!("{permission} on {place} was put off: {said}"))
            }
            ("InvalidObjectState", _) => {
                Error::Denied(format!("{place} is archived: restore it first"))
            }
            ("PermanentRedirect" | "AuthorizationHeaderMalformed", _) | (_, 301 | 307) => {
                Error::Denied(format!(
                    "{permission} on {place} was refused, the bucket is in another region: {said}"
                ))
            }
            (_, 403) => {
                let hint = if reads {
                    ", or `s3:ListBucket` to be told that the object is not there"
                } else {
                    ""
                };
                Error::Denied(format!(
                    "{permission} on {place} was refused: the role needs that permission{hint} ({said})"
                ))
            }
            ("KeyTooLongError" | "EntityTooLarge", _) => {
                Error::TooLarge(format!("{permission} on {place} was refused: {said}"))
            }
            (_, 400..500) => Error::Denied(format!("{permission} on {place} was refused: {said}")),
            _ => {
                Error::Unavailable(format!("{permission} on {place} was not answered well: {said}"))
            }
        }
    }
}

/// The causes of an error without their debug texts, which may hold requests.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    shown(&causes.map(ToString::to_string).collect::<Vec<_>>().join(": "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(permission: &'static str, status: u16, code: &str, expected: &str) {
        let call = Call { permission, place: "bucket/key".to_owned() };
        let code = Some(code).filter(|code| !code.is_empty());
        let error = format!("{:?}", call.answered(status, code, None));
        let name = error.split('(').next().unwrap_or_default();
        assert_eq!(name, expected, "{permission} {status} {code:?}: {error}");
    }

    #[test]
    fn every_refusal_means_something() {
        for (permission, status, code, expected) in [
            ("s3:GetObject", 404, "", "Missing"),
            ("s3:GetObject", 404, "NoSuchKey", "Missing"),
            ("s3:ListBucket", 404, "NoSuchBucket", "Missing"),
            ("s3:PutObject", 404, "NoSuchUpload", "Missing"),
            ("s3:GetObjectVersion", 405, "MethodNotAllowed", "Missing"),
            ("s3:GetObject", 412, "PreconditionFailed", "Changed"),
            ("s3:PutObject", 412, "PreconditionFailed", "Exists"),
            ("s3:PutObject", 409, "ConditionalRequestConflict", "Unavailable"),
            ("s3:GetObject", 403, "", "Denied"),
            ("s3:PutObject", 403, "AccessDenied", "Denied"),
            ("s3:GetObject", 403, "InvalidObjectState", "Denied"),
            ("s3:PutObject", 403, "RequestTimeTooSkewed", "Unavailable"),
            ("s3:PutObject", 400, "ExpiredToken", "Unavailable"),
            ("s3:PutObject", 400, "RequestTimeout", "Unavailable"),
            ("s3:PutObject", 400, "EntityTooSmall", "Denied"),
            ("s3:PutObject", 400, "EntityTooLarge", "TooLarge"),
            ("s3:PutObject", 400, "KeyTooLongError", "TooLarge"),
            ("s3:GetObject", 301, "PermanentRedirect", "Denied"),
            ("s3:GetObject", 429, "", "Unavailable"),
            ("s3:GetObject", 500, "InternalError", "Unavailable"),
            ("s3:PutObject", 503, "SlowDown", "Unavailable"),
            ("s3:PutObject", 200, "", "Unavailable"),
        ] {
            check(permission, status, code, expected);
        }
    }

    #[test]
    fn a_refusal_names_the_permission_and_the_object() {
        let call = Call { permission: "s3:PutObject", place: "bucket/key".to_owned() };
        let error = call.answered(403, Some("AccessDenied"), Some("Access Denied"));
        assert_eq!(
            error.to_string(),
            "s3:PutObject on bucket/key was refused: the role needs that permission (AccessDenied: Access Denied)"
        );
    }
}
