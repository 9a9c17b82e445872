//! Defines a hold: a job that is written and proved waits for somebody's approval before it commits.

use serde::{Deserialize, Serialize};

/// Whether a submission asks for approval.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CommitMode {
    /// The job commits once it is proved, unless its contract holds it.
    #[default]
    Direct,
    /// The job waits for approval, whatever it finds.
    Hold,
}

impl CommitMode {
    /// Whether it is the one that need not be said.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// The hold of a job, as the registry keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// By which its execution is told to go on. Whoever has it can approve the job.
    pub token: String,
    /// Why it is held, each in a sentence.
    pub reasons: Vec<String>,
    /// Since when, RFC 3339 in UTC.
    pub since: String,
    /// When it is refused by itself, RFC 3339 in UTC.
    pub until: String,
    /// The answer, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Answer>,
}

/// The answer to a hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    /// The job commits.
    Approved,
    /// Nothing of the job becomes visible.
    Refused,
}

/// How long a job is held at most, in seconds: a day. The state machine has the same number. Open
/// uploads are aborted two days after they were begun, and the job may have taken most of a day
/// before it was held.
pub const MAX_HOLD_SECONDS: u32 = 86_400;
