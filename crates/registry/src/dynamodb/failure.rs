//! What DynamoDB's refusals mean.

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;

use crate::Error;

/// What became of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It was done.
    Done,
    /// A condition does not hold.
    Refused,
    /// Another transaction was at the same entries: neither of the above is known.
    Conflict,
}

/// What a failure means to the caller. `target` is a table or an index of one.
pub(super) fn failed<E: ProvideErrorMetadata>(
    error: &SdkError<E>,
    permission: &str,
    target: &str,
) -> Error {
    let what = format!("`{permission}` on {target}");
    let code = error.code().unwrap_or(match error {
        SdkError::TimeoutError(_) => "no answer in time",
        SdkError::DispatchFailure(_) => "no connection or no credentials",
        _ => "no usable answer",
    });
    let message = error.message().unwrap_or_default();
    let is_theirs =
        matches!(error, SdkError::ServiceError(answer) if answer.raw().status().is_client_error());
    match code {
        "AccessDeniedException"
        | "UnrecognizedClientException"
        | "ExpiredTokenException"
        | "InvalidSignatureException"
        | "MissingAuthenticationTokenException"
        | "IncompleteSignatureException" => {
            Error::Denied(format!("DynamoDB refused {what}: {code}: {message}"))
        }
        "ProvisionedThroughputExceededException"
        | "ThrottlingException"
        | "ThrottlingError"
        | "RequestLimitExceeded"
        | "LimitExceededException"
        | "TransactionInProgressException"
        | "TransactionCanceledException"
        | "RequestTimeoutException" => {
            Error::Unavailable(format!("DynamoDB is too busy for {what}: {code}: {message}"))
        }
        _ if is_theirs => Error::Impossible(format!("DynamoDB can't do {what}: {code}: {message}")),
        _ => Error::Unavailable(format!("DynamoDB did not do {what}: {code}: {message}")),
    }
}

/// Why a transaction was cancelled, when it was by a condition or by another transaction.
pub(super) fn cancelled(error: &SdkError<TransactWriteItemsError>) -> Option<Outcome> {
    let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) =
        error.as_service_error()
    else {
        return None;
    };
    let has =
        |code| cancelled.cancellation_reasons().iter().any(|reason| reason.code() == Some(code));
    match (has("ConditionalCheckFailed"), has("TransactionConflict")) {
        (true, _) => Some(Outcome::Refused),
        (false, true) => Some(Outcome::Conflict),
        (false, false) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_dynamodb::config::http::HttpResponse;
    use aws_sdk_dynamodb::error::ErrorMetadata;
    use aws_sdk_dynamodb::operation::get_item::GetItemError;
    use aws_sdk_dynamodb::types::CancellationReason;
    use aws_sdk_dynamodb::types::error::TransactionCanceledException;

    fn answer<E>(error: E, status: u16) -> SdkError<E> {
        SdkError::service_error(
            error,
            HttpResponse::new(status.try_into().expect("a status"), "".into()),
        )
    }

    fn check_failure(code: &str, status: u16, expected: impl Fn(String) -> Error) {
        let error =
            GetItemError::generic(ErrorMetadata::builder().code(code).message("why").build());
        let failure = failed(&answer(error, status), "dynamodb:Query", "table `registry`");
        let text = failure.to_string();
        assert!(
            text.contains("`dynamodb:Query` on table `registry`") && text.contains(code),
            "{text}"
        );
        assert_eq!(failure, expected(text), "{code}");
    }

    #[test]
    fn failures_are_told_apart_by_what_to_do() {
        check_failure("AccessDeniedException", 400, Error::Denied);
        check_failure("ExpiredTokenException", 400, Error::Denied);
        check_failure("ProvisionedThroughputExceededException", 400, Error::Unavailable);
        check_failure("ThrottlingException", 400, Error::Unavailable);
        check_failure("InternalServerError", 500, Error::Unavailable);
        check_failure("ServiceUnavailable", 503, Error::Unavailable);
        check_failure("ResourceNotFoundException", 400, Error::Impossible);
        check_failure("ValidationException", 400, Error::Impossible);
    }

    #[test]
    fn a_cancelled_transaction_says_which_of_the_two_it_met() {
        let check = |codes: &[&str], expected| {
            let reasons = codes
                .iter()
                .map(|code| CancellationReason::builder().code(*code).build())
                .collect();
            let error = TransactionCanceledException::builder()
                .set_cancellation_reasons(Some(reasons))
                .build();
            let error = answer(TransactWriteItemsError::TransactionCanceledException(error), 400);
            assert_eq!(cancelled(&error), expected, "{codes:?}");
        };
        check(&["None", "ConditionalCheckFailed"], Some(Outcome::Refused));
        check(&["TransactionConflict", "None"], Some(Outcome::Conflict));
        check(&["TransactionConflict", "ConditionalCheckFailed"], Some(Outcome::Refused));
        check(&["ThrottlingError", "None"], None);
    }
}
