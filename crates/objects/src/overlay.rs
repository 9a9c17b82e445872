use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use crate::{
    Buckets, Error, Head, Listed, Memory, Objects, OpenUpload, Part, Pin, PresignedPut, Put,
    PutTerms, Result, Tags,
};

/// Buckets that are read and never written: what is written stays in memory, over what is there.
///
/// An object of memory hides the one under it. All that is listed is in memory, and so is what is
/// deleted: an object under it is there still.
pub struct Overlay {
    memory: Memory,
    under: Arc<dyn Buckets>,
}

impl Overlay {
    /// Nothing yet over the buckets of `under`.
    pub fn new(under: Arc<dyn Buckets>) -> Self {
        Self { memory: Memory::new(), under }
    }
}

impl Buckets for Overlay {
    fn bucket(&self, name: &str) -> Arc<dyn Objects> {
        Arc::new(Bucket { memory: self.memory.bucket(name), under: self.under.bucket(name) })
    }
}

struct Bucket {
    memory: Arc<dyn Objects>,
    under: Arc<dyn Objects>,
}

#[async_trait]
impl Objects for Bucket {
    async fn head(&self, key: &str, version: Option<&str>) -> Result<Head> {
        match self.memory.head(key, version).await {
            Err(Error::Missing(_)) => self.under.head(key, version).await,
            known => known,
        }
    }

    async fn get(&self, key: &str, pin: &Pin, range: Range<u64>) -> Result<Bytes> {
        match self.memory.get(key, pin, range.clone()).await {
            Err(Error::Missing(_)) => self.under.get(key, pin, range).await,
            known => known,
        }
    }

    fn block_bytes(&self) -> u64 {
        self.under.block_bytes()
    }

    async fn read(&self, key: &str, limit: u64) -> Result<Bytes> {
        match self.memory.read(key, limit).await {
            Err(Error::Missing(_)) => self.under.read(key, limit).await,
            known => known,
        }
    }

    async fn put(&self, key: &str, bytes: Bytes, put: Put) -> Result<()> {
        self.memory.put(key, bytes, put).await
    }

    async fn create_upload(&self, key: &str) -> Result<String> {
        self.memory.create_upload(key).await
    }

    async fn put_part(&self, key: &str, upload: &str, number: u32, bytes: Bytes) -> Result<Part> {
        self.memory.put_part(key, upload, number, bytes).await
    }

    async fn complete_upload(&self, key: &str, upload: &str, parts: &[Part]) -> Result<()> {
        self.memory.complete_upload(key, upload, parts).await
    }

    async fn abort_upload(&self, key: &str, upload: &str) -> Result<()> {
        self.memory.abort_upload(key, upload).await
    }

    async fn uploads(&self, prefix: &str) -> Result<Vec<OpenUpload>> {
        self.memory.uploads(prefix).await
    }

    async fn list(&self, prefix: &str, after: Option<&str>, limit: u32) -> Result<Vec<Listed>> {
        self.memory.list(prefix, after, limit).await
    }

    async fn versions(&self, key: &str) -> Result<Vec<String>> {
        self.memory.versions(key).await
    }

    async fn tags(&self, key: &str, version: Option<&str>) -> Result<Tags> {
        self.memory.tags(key, version).await
    }

    async fn put_tags(&self, key: &str, version: Option<&str>, tags: &Tags) -> Result<()> {
        self.memory.put_tags(key, version, tags).await
    }

    async fn delete(&self, key: &str) -> Result<()> {
        self.memory.delete(key).await
    }

    async fn presign_get(&self, key: &str, name: &str, seconds: u32) -> Result<String> {
        self.memory.presign_get(key, name, seconds).await
    }

    async fn presign_put(&self, key: &str, terms: &PutTerms, seconds: u32) -> Result<PresignedPut> {
        self.memory.presign_put(key, terms, seconds).await
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_overlay_of_nothing_conforms() {
        crate::conformance(&Overlay::new(Arc::new(Memory::new())), "bucket").await;
    }

    #[tokio::test]
    async fn what_is_under_it_is_read_and_stays() {
        let under = Arc::new(Memory::new());
        let there = under.bucket("b");
        there.put("a", Bytes::from_static(b"there"), Put::Overwrite).await.unwrap();
        let bucket = Overlay::new(under).bucket("b");
        let pin = Pin { etag: Some(bucket.head("a", None).await.unwrap().etag), version: None };
        assert_eq!(bucket.get("a", &pin, 1..3).await.unwrap(), "he");
        bucket.delete("a").await.unwrap();
        assert_eq!(bucket.read("a", 9).await.unwrap(), "there");
        bucket.put("a", Bytes::from_static(b"new"), Put::Overwrite).await.unwrap();
        assert_eq!(bucket.read("a", 9).await.unwrap(), "new");
        assert!(matches!(bucket.get("a", &pin, 0..1).await, Err(Error::Changed(_))));
        assert_eq!(there.read("a", 9).await.unwrap(), "there");
    }
}
