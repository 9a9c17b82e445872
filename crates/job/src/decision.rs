//! Defines the one conditional write that decides whether a job commits.

use serde::{Deserialize, Serialize};

use crate::TableFormat;
use crate::message::Failure;

/// Whether a job commits: `decision.json` beside the job, written once, with `If-None-Match: *`.
///
/// `store` writes *commit* when everything is ready and nothing is visible. Whoever cancels,
/// abandons or settles the job writes *no commit*. The first one stands; everybody else reads it
/// and acts on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Document", into = "Document")]
pub enum Decision {
    /// The job commits. Whoever finds this brings the job to its end.
    Commit(Start),
    /// Nothing of the job ever becomes visible, and this is why. Its claims are void and its
    /// uploads are garbage.
    NoCommit(Failure),
}

/// Where a job that commits begins to look for its number in the dataset's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// The job's entry has this number or a later one: every smaller one was taken by others.
    pub from: u64,
    /// The form of the log.
    pub table: TableFormat,
}

/// `{"commit": true, "from": 7, "table": "landfall"}`, or `{"commit": false, "because": {…}}`.
#[derive(Clone, Serialize, Deserialize)]
struct Document {
    commit: bool,
    #[serde(flatten, default, skip_serializing_if = "Option::is_none")]
    start: Option<Start>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    because: Option<Failure>,
}

impl TryFrom<Document> for Decision {
    type Error = &'static str;

    fn try_from(document: Document) -> Result<Self, Self::Error> {
        match document {
            Document { commit: true, start: Some(start), .. } => Ok(Self::Commit(start)),
            Document { commit: false, because: Some(because), .. } => Ok(Self::NoCommit(because)),
            _ => Err("a decision to commit says where it begins, and one not to commit says why"),
        }
    }
}

impl From<Decision> for Document {
    fn from(decision: Decision) -> Self {
        match decision {
            Decision::Commit(start) => Self { commit: true, start: Some(start), because: None },
            Decision::NoCommit(because) => {
                Self { commit: false, start: None, because: Some(because) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decision_is_a_document() {
        let decisions = [
            (
                Decision::Commit(Start { from: 7, table: TableFormat::Delta }),
                r#"{"commit":true,"from":7,"table":"delta"}"#,
            ),
            (
                Decision::NoCommit(Failure::new("Cancelled", "by hand")),
                r#"{"commit":false,"because":{"error":"Cancelled","cause":"by hand"}}"#,
            ),
        ];
        for (decision, text) in decisions {
            assert_eq!(serde_json::to_string(&decision).expect("plain data"), text);
            assert_eq!(serde_json::from_str::<Decision>(text).expect("a decision"), decision);
        }
        for text in [r#"{"commit":true}"#, r#"{"commit":false}"#, "{}"] {
            assert!(serde_json::from_str::<Decision>(text).is_err(), "{text}");
        }
    }
}
