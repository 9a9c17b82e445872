use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use crate::{Error, Result};

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

    /// The bytes of `range` of the object as it was pinned; fewer only where the object ends, and
    /// none of a range beyond the end.
    ///
    /// [`Error::Changed`] when the object is no longer the one of the pin.
    async fn get(&self, key: &str, pin: &Pin, range: Range<u64>) -> Result<Bytes>;

    /// Bytes that are best read at once: many where a call costs much.
    fn block_bytes(&self) -> u64 {
        8 * 1024 * 1024
    }

    /// A whole object of at most `limit` bytes, as it is now.
    async fn read(&self, key: &str, limit: u64) -> Result<Bytes>;

    /// Writes a whole object. With [`Put::IfAbsent`], [`Error::Exists`] when there is one.
    ///
    /// What exists may be the caller's own write, whose answer was lost: who must know compares
    /// what is there.
    async fn put(&self, key: &str, bytes: Bytes, put: Put) -> Result<()>;

    /// Starts a multipart upload: nothing is visible until it is completed.
    async fn create_upload(&self, key: &str) -> Result<String>;

    /// Uploads part `number` (from 1) of an upload, again if need be. All parts but the last have
    /// at least [`PART_BYTES`].
    ///
    /// [`Error::Missing`] when the upload is gone.
    async fn put_part(&self, key: &str, upload: &str, number: u32, bytes: Bytes) -> Result<Part>;

    /// Makes an object of `parts` (at least one, in any order; joined by number). Done again after
    /// it took effect, it succeeds.
    ///
    /// [`Error::Missing`] when the upload is gone and there is no object.
    async fn complete_upload(&self, key: &str, upload: &str, parts: &[Part]) -> Result<()>;

    /// Forgets an upload and its parts. It is a success if the upload is gone.
    async fn abort_upload(&self, key: &str, upload: &str) -> Result<()>;

    /// The open uploads of the keys that start with `prefix`, by key.
    async fn uploads(&self, prefix: &str) -> Result<Vec<OpenUpload>>;

    /// The objects whose keys start with `prefix`, by key, after the key `after`: `limit` (1 to
    /// 1,000) of them, fewer only at the end.
    async fn list(&self, prefix: &str, after: Option<&str>, limit: u32) -> Result<Vec<Listed>>;

    /// The ids of an object's versions, newest first. Stores that keep none answer with none.
    async fn versions(&self, key: &str) -> Result<Vec<String>>;

    /// The tags of an object, or of a version of it. A store that keeps none refuses.
    async fn tags(&self, key: &str, version: Option<&str>) -> Result<Tags>;

    /// Replaces the tags of an object, or of a version of it.
    async fn put_tags(&self, key: &str, version: Option<&str>, tags: &Tags) -> Result<()>;

    /// Deletes an object; of one that is gone it is a success.
    async fn delete(&self, key: &str) -> Result<()>;

    /// A URL with which anyone may download the object for `seconds`, under the file name `name`.
    async fn presign_get(&self, key: &str, name: &str, seconds: u32) -> Result<String>;

    /// A request with which anyone may upload the object for `seconds`, if it is as `terms` say.
    async fn presign_put(&self, key: &str, terms: &PutTerms, seconds: u32) -> Result<PresignedPut>;
}

/// The least bytes of every part of an upload but the last (S3's limit).
pub const PART_BYTES: usize = 5 * 1024 * 1024;

/// The tags of an object: values by keys.
pub type Tags = BTreeMap<String, String>;

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

/// What an object has to be that is uploaded by a presigned request: the store refuses any other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PutTerms {
    /// Its bytes.
    pub size: Option<u64>,
    /// Its checksum.
    pub checksum: Option<PutChecksum>,
    /// The only one under its key: once it is there, the request is refused.
    pub is_new: bool,
}

/// A checksum in base64, as the store's headers have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PutChecksum {
    /// CRC-64/NVME, the highest byte first.
    Crc64Nvme(String),
    /// SHA-256.
    Sha256(String),
}

/// A presigned upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PresignedPut {
    /// Where to.
    pub url: String,
    /// The headers that were signed, in lower case: the uploader has to send just these.
    pub headers: BTreeMap<String, String>,
}

impl PutTerms {
    /// The headers by which the store is told, for stores that sign nothing.
    pub(crate) fn headers(&self) -> BTreeMap<String, String> {
        let checksum = self.checksum.as_ref().map(|checksum| match checksum {
            PutChecksum::Crc64Nvme(text) => ("x-amz-checksum-crc64nvme", text.clone()),
            PutChecksum::Sha256(text) => ("x-amz-checksum-sha256", text.clone()),
        });
        let size = self.size.map(|size| ("content-length", size.to_string()));
        let is_new = self.is_new.then(|| ("if-none-match", "*".to_owned()));
        let all = [size, checksum, is_new].into_iter().flatten();
        all.map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

/// A part of an upload, as its completion names it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Part {
    /// From 1.
    pub number: u32,
    /// What the store answered.
    pub etag: String,
}

impl Part {
    /// The parts by number, as a completion joins them; there is at least one.
    pub(crate) fn in_order<'a>(parts: &'a [Part], place: &str) -> Result<Vec<&'a Part>> {
        if parts.is_empty() {
            return Err(Error::Denied(format!(
                "the upload of {place} can't be completed: it has no parts"
            )));
        }
        let mut parts: Vec<_> = parts.iter().collect();
        parts.sort_by_key(|part| part.number);
        Ok(parts)
    }
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
    /// When it was written, in seconds since 1970; `None` where the store does not know.
    pub modified: Option<u64>,
}
