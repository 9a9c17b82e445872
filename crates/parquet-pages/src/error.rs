/// Why a file can't be written. It is a bug, or another library's error, of which nothing is told
/// that may quote data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Error(pub(crate) String);

impl From<rows::Error> for Error {
    fn from(error: rows::Error) -> Self {
        Self(format!("writing Parquet: {error}"))
    }
}
