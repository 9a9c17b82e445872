//! Objects behind one small port: Amazon S3, a directory, or memory.
//!
//! The steps know this port and nothing of AWS. All implementations pass one conformance suite ([`conformance`]).

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

/// Opens buckets by name. For directories a bucket's name is a path.
pub trait Buckets: Send + Sync {
    /// The bucket of that name; whether it exists shows at first use.
    fn bucket(&self, name: &str) -> Arc<dyn Objects>;
}

/// The objects of one bucket.
#[async_trait]
pub trait Objects: Send + Sync {
    /// What is known of an object without reading it. `version` is a version id.
    async fn head(&self, key: &str, version: Option<&str>) -> Result<Head>;

    /// The bytes of `range` of the object as it was pinned; fewer only where the object ends. An empty range beyond the end gives no bytes.
    ///
    /// [`Error::Changed`] when the object is no longer the one of the pin.
    async fn get(&self, key: &str, pin: &Pin, range: Range<u64>) -> Result<Bytes>;

    /// A whole object of at most `limit` bytes, as it is now.
    async fn read(&self, key: &str, limit: u64) -> Result<Bytes>;

    /// Writes a whole object. With [`Put::IfAbsent`], [`Error::Exists`] when there is one.
    async fn put(&self, key: &str, bytes: Bytes, put: Put) -> Result<()>;

    /// Starts a multipart upload: nothing is visible until it is completed.
    async fn create_upload(&self, key: &str) -> Result<String>;

    /// Uploads part `number` (from 1) of an upload. All parts but the last have at least [`PART_BYTES`].
    async fn put_part(&self, key: &str, upload: &str, number: u32, bytes: Bytes) -> Result<Part>;

    /// Makes the object of an upload visible. Done again after it took effect, it succeeds.
    async fn complete_upload(&self, key: &str, upload: &str, parts: &[Part]) -> Result<()>;

    /// Forgets an upload and its parts. Of an upload that is gone it is a success.
    async fn abort_upload(&self, key: &str, upload: &str) -> Result<()>;

    /// The open uploads under a prefix.
    async fn uploads(&self, prefix: &str) -> Result<Vec<OpenUpload>>;

    /// At most `limit` (1 to 1,000) objects under a prefix, by key, after the key `after`.
    async fn list(&self, prefix: &str, after: Option<&str>, limit: u32) -> Result<Vec<Listed>>;

    /// Deletes an object; of one that is gone it is a success.
    async fn delete(&self, key: &str) -> Result<()>;

    /// A URL with which anyone may download the object for `seconds`, under the file name `name`.
    async fn presign_get(&self, key: &str, name: &str, seconds: u32) -> Result<String>;

    /// A URL with which anyone may upload the object for `seconds`.
    async fn presign_put(&self, key: &str, seconds: u32) -> Result<String>;
}

/// The least bytes of every part of an upload but the last (S3's limit).
pub const PART_BYTES: usize = 5 * 1024 * 1024;

/// What is known of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Bytes.
    pub size: u64,
    /// Changes whenever the bytes change. Without the quotes of HTTP.
    pub etag: String,
    /// Version id, when the bucket keeps versions.
    pub version: Option<String>,
    /// CRC-64/NVME of the whole object, when the store holds it as a full-object checksum.
    pub crc64nvme: Option<u64>,
}

/// Which state of an object is meant.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Pin {
    /// Version id, when the bucket keeps versions.
    pub version: Option<String>,
    /// ETag that the object must have, without the quotes of HTTP.
    pub etag: Option<String>,
}

/// Whether a put may replace an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// Whatever is there is replaced.
    Overwrite,
    /// Only where nothing is there.
    IfAbsent,
}

/// A part of an upload, as its completion names it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Part {
    /// From 1.
    pub number: u32,
    /// What the store answered.
    pub etag: String,
}

/// An upload that is neither completed nor aborted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenUpload {
    /// Key of the object to be.
    pub key: String,
    /// The upload's id.
    pub upload: String,
}

/// An object in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Key.
    pub key: String,
    /// Bytes.
    pub size: u64,
}

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
    /// The object is larger than the reader's limit.
    #[error("{0}")]
    TooLarge(String),
    /// The store did not answer, or answered that it is busy; worth another attempt.
    #[error("{0}")]
    Unavailable(String),
}

/// The result of a call to a store.
pub type Result<T> = std::result::Result<T, Error>;

impl From<Error> for landing::Error {
    /// For whatever is not the source: a missing object of our own is a bug or a store that lost it.
    fn from(error: Error) -> Self {
        match error {
            Error::Denied(text) => Self::AccessDenied(text),
            Error::Unavailable(text) => Self::StoreUnavailable(text),
            Error::TooLarge(text) => Self::LimitExceeded(text),
            other => Self::Internal(other.to_string()),
        }
    }
}
