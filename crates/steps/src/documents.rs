//! Small JSON documents beside a job.

use bytes::Bytes;
use job::{Error, ErrorKind};
use objects::{Objects, Put};
use serde::Serialize;
use serde::de::DeserializeOwned;
use wording::Unquoted;

/// Most bytes of a document: a plan of 20,000 columns, a list of 10,000 shards or the receipt of
/// 1,000 files are far below.
pub(crate) const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// Reads a document that must be there.
pub(crate) async fn read<T: DeserializeOwned>(
    objects: &dyn Objects,
    key: &str,
) -> Result<T, Error> {
    find(objects, key)
        .await?
        .ok_or_else(|| Error::new(ErrorKind::Internal, format!("{key} is not there")))
}

/// Reads a document, if it is there.
pub(crate) async fn find<T: DeserializeOwned>(
    objects: &dyn Objects,
    key: &str,
) -> Result<Option<T>, Error> {
    let bytes = match objects.read(key, MAX_BYTES).await {
        Ok(bytes) => bytes,
        Err(objects::Error::Missing(_)) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    parse(&bytes, key).map(Some)
}

/// Reads a document, or a line of one.
pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8], key: &str) -> Result<T, Error> {
    serde_json::from_slice(bytes).map_err(|error| {
        Error::new(ErrorKind::Internal, format!("{key} can't be read: {}", error.unquoted()))
    })
}

/// The text of a document, `name` of which is told if it can't be written.
pub(crate) fn to_text<T: Serialize>(document: &T, name: &str) -> Result<String, Error> {
    serde_json::to_string(document).map_err(|error| {
        Error::new(ErrorKind::Internal, format!("{name} can't be written: {}", error.unquoted()))
    })
}

/// Writes a document. With [`Put::IfAbsent`] the answer is whether it was not there.
pub(crate) async fn write<T: Serialize>(
    objects: &dyn Objects,
    key: &str,
    document: &T,
    put: Put,
) -> Result<bool, Error> {
    let json = to_text(document, key)?;
    match objects.put(key, Bytes::from(json), put).await {
        Ok(()) => Ok(true),
        Err(objects::Error::Exists(_)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
