/// What went wrong with an object.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No such object, bucket or version.
    #[error("{0} is not there")]
    Missing(String),
    /// The object is no longer the pinned one.
    #[error("{0} has changed")]
    Changed(String),
    /// There is an object already.
    #[error("{0} exists already")]
    Exists(String),
    /// The store refused: what was tried, and the permission that it wants.
    #[error("{0}")]
    Denied(String),
    /// The object is larger than the reader's limit, or its name longer than the store can hold.
    #[error("{0}")]
    TooLarge(String),
    /// The store has no room for what was to be written. It says how much is missing, and where.
    #[error("{0}")]
    Full(String),
    /// The store did not answer, or answered that it is busy; worth another attempt.
    #[error("{0}")]
    Unavailable(String),
}

/// The result of a call to a store.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An object is larger than its reader's limit, both in bytes.
    pub(crate) fn too_large(place: &str, size: u64, limit: u64) -> Self {
        Self::TooLarge(format!("{place} has {size} bytes, more than the limit of {limit}"))
    }

    /// A completion names a part that the upload does not hold, or not in this state.
    pub(crate) fn no_part(number: u32, place: &str) -> Self {
        Self::Denied(format!(
            "the upload of {place} can't be completed: part {number} is not there, or not the one named"
        ))
    }
}

impl From<Error> for job::Error {
    /// For whatever is not the source: a missing object of our own is a bug or a store that lost
    /// it.
    fn from(error: Error) -> Self {
        match error {
            Error::Denied(text) => Self::new(job::ErrorKind::AccessDenied, text),
            Error::Unavailable(text) => Self::new(job::ErrorKind::StoreUnavailable, text),
            Error::TooLarge(text) => Self::new(job::ErrorKind::LimitExceeded, text),
            Error::Full(text) => Self::new(job::ErrorKind::StoreFull, text),
            other => Self::new(job::ErrorKind::Internal, other.to_string()),
        }
    }
}
