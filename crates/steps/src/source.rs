//! The source of a job at its store: pinned, so that every step reads the same bytes.

use job::message::SourceRef;
use job::{Error, ErrorKind};
use objects::Pin;

/// The version and ETag that every read asks for.
pub(crate) fn pin(source: &SourceRef) -> Pin {
    Pin { version: source.version.clone(), etag: source.etag.clone() }
}

/// What a store's answer about the source means for the job.
pub(crate) fn source_error(error: objects::Error, source: &SourceRef) -> Error {
    let name = format!("{}/{}", source.bucket, source.key);
    match error {
        objects::Error::Missing(_) => Error::new(
            ErrorKind::SourceMissing,
            format!("{name} is not there; put it there and submit it again"),
        ),
        objects::Error::Changed(_) => Error::new(
            ErrorKind::SourceChanged,
            format!(
                "{name} was replaced while it landed; nothing of it is visible; submit the new one"
            ),
        ),
        other => other.into(),
    }
}
