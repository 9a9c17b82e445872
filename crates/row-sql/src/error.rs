/// Why an expression has no answer for any of the records.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It makes more text than memory is meant for.
    #[error("{0}")]
    TooMuchText(String),
    /// A bug: an operator was asked what it can't answer.
    #[error("{0}")]
    Internal(String),
}
