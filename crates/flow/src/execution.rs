//! Holds where an execution stands.

use serde::Serialize;

/// An execution that runs, or ran.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Execution {
    /// Its ARN.
    pub arn: String,
    /// Where it stands.
    pub status: Status,
    /// When it was started, RFC 3339 in UTC.
    pub started: String,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped: Option<String>,
    /// The name of the error that ended it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Its text, as [`cause`] reads it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// Its input; a message of ours, so it stays inside.
    #[serde(skip)]
    pub input: Option<String>,
}

/// The status of an execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// It runs, or waits for its redrive to begin.
    Running,
    /// It came to its end.
    Succeeded,
    /// A state failed.
    Failed,
    /// It took longer than the state machine allows.
    TimedOut,
    /// It was stopped.
    Aborted,
}

/// The text of a failure's cause: a function's cause is a JSON object, of which `errorMessage` is
/// for people.
pub fn cause(text: &str) -> String {
    serde_json::from_str::<serde_json::Value>(text)
        .ok()
        .and_then(|cause| cause.get("errorMessage")?.as_str().map(str::to_owned))
        .unwrap_or_else(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_read_for_people() {
        let of_a_function = r#"{"errorType":"SchemaDrift","errorMessage":"two fields are new"}"#;
        assert_eq!(cause(of_a_function), "two fields are new");
        assert_eq!(cause("stopped by hand"), "stopped by hand");
        assert_eq!(cause(r#"{"other":1}"#), r#"{"other":1}"#);
    }
}
