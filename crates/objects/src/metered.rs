use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use job::bill::Usage;

use crate::{
    Buckets, Head, Listed, Objects, OpenUpload, Part, Pin, PresignedPut, Put, PutTerms, Result,
    Tags,
};

/// Buckets whose calls are counted as the store's bill counts them.
///
/// Calls are counted as they are made, whether they succeed or not. What a client tries again by
/// itself is not seen here.
pub struct Metered {
    inner: Arc<dyn Buckets>,
    meter: Arc<Metering>,
}

/// What was counted so far.
#[derive(Debug, Default)]
pub struct Metering {
    puts: AtomicU64,
    gets: AtomicU64,
    deletes: AtomicU64,
    bytes_read: AtomicU64,
    bytes_written: AtomicU64,
}

impl Metered {
    /// Counts the calls to `inner` from now on.
    pub fn new(inner: Arc<dyn Buckets>) -> (Self, Arc<Metering>) {
        let meter = Arc::new(Metering::default());
        (Self { inner, meter: meter.clone() }, meter)
    }
}

impl Buckets for Metered {
    fn bucket(&self, name: &str) -> Arc<dyn Objects> {
        Arc::new(Bucket { inner: self.inner.bucket(name), meter: self.meter.clone() })
    }
}

impl Metering {
    /// The requests and bytes so far. Time and memory are not known here.
    pub fn usage(&self) -> Usage {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Usage {
            puts: count(&self.puts),
            gets: count(&self.gets),
            deletes: count(&self.deletes),
            bytes_read: count(&self.bytes_read),
            bytes_written: count(&self.bytes_written),
            ..Usage::default()
        }
    }

    fn put(&self, bytes: usize) {
        self.puts.fetch_add(1, Ordering::Relaxed);
        self.bytes_written.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    fn get(&self) {
        self.gets.fetch_add(1, Ordering::Relaxed);
    }

    fn read(&self, answer: Result<Bytes>) -> Result<Bytes> {
        self.bytes_read
            .fetch_add(answer.as_ref().map_or(0, |bytes| bytes.len() as u64), Ordering::Relaxed);
        answer
    }

    fn delete(&self) {
        self.deletes.fetch_add(1, Ordering::Relaxed);
    }
}

struct Bucket {
    inner: Arc<dyn Objects>,
    meter: Arc<Metering>,
}

#[async_trait]
impl Objects for Bucket {
    async fn head(&self, key: &str, version: Option<&str>) -> Result<Head> {
        self.meter.get();
        self.inner.head(key, version).await
    }

    async fn get(&self, key: &str, pin: &Pin, range: Range<u64>) -> Result<Bytes> {
        self.meter.get();
        self.meter.read(self.inner.get(key, pin, range).await)
    }

    fn block_bytes(&self) -> u64 {
        self.inner.block_bytes()
    }

    async fn read(&self, key: &str, limit: u64) -> Result<Bytes> {
        self.meter.get();
        self.meter.read(self.inner.read(key, limit).await)
    }

    async fn put(&self, key: &str, bytes: Bytes, put: Put) -> Result<()> {
        self.meter.put(bytes.len());
        self.inner.put(key, bytes, put).await
    }

    async fn create_upload(&self, key: &str) -> Result<String> {
        self.meter.put(0);
        self.inner.create_upload(key).await
    }

    async fn put_part(&self, key: &str, upload: &str, number: u32, bytes: Bytes) -> Result<Part> {
        self.meter.put(bytes.len());
        self.inner.put_part(key, upload, number, bytes).await
    }

    async fn complete_upload(&self, key: &str, upload: &str, parts: &[Part]) -> Result<()> {
        self.meter.put(0);
        self.inner.complete_upload(key, upload, parts).await
    }

    async fn abort_upload(&self, key: &str, upload: &str) -> Result<()> {
        self.meter.delete();
        self.inner.abort_upload(key, upload).await
    }

    async fn uploads(&self, prefix: &str) -> Result<Vec<OpenUpload>> {
        self.meter.put(0);
        self.inner.uploads(prefix).await
    }

    async fn list(&self, prefix: &str, after: Option<&str>, limit: u32) -> Result<Vec<Listed>> {
        self.meter.put(0);
        self.inner.list(prefix, after, limit).await
    }

    async fn versions(&self, key: &str) -> Result<Vec<String>> {
        self.meter.put(0);
        self.inner.versions(key).await
    }

    async fn tags(&self, key: &str, version: Option<&str>) -> Result<Tags> {
        self.meter.get();
        self.inner.tags(key, version).await
    }

    async fn put_tags(&self, key: &str, version: Option<&str>, tags: &Tags) -> Result<()> {
        self.meter.put(0);
        self.inner.put_tags(key, version, tags).await
    }

    async fn delete(&self, key: &str) -> Result<()> {
        self.meter.delete();
        self.inner.delete(key).await
    }

    async fn presign_get(&self, key: &str, name: &str, seconds: u32) -> Result<String> {
        self.inner.presign_get(key, name, seconds).await
    }

    async fn presign_put(&self, key: &str, terms: &PutTerms, seconds: u32) -> Result<PresignedPut> {
        self.inner.presign_put(key, terms, seconds).await
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::{Memory, PART_BYTES};

    #[tokio::test]
    async fn calls_are_counted_as_they_are_paid_for() {
        let (buckets, meter) = Metered::new(Arc::new(Memory::new()));
        let bucket = buckets.bucket("b");
        bucket.put("a", Bytes::from_static(b"12345"), Put::Overwrite).await.unwrap();
        bucket.put("a", Bytes::from_static(b"12"), Put::IfAbsent).await.unwrap_err();
        bucket.head("a", None).await.unwrap();
        bucket.head("none", None).await.unwrap_err();
        bucket.get("a", &Pin::default(), 1..3).await.unwrap();
        bucket.read("a", 10).await.unwrap();
        bucket.list("", None, 10).await.unwrap();
        let upload = bucket.create_upload("u").await.unwrap();
        let part =
            bucket.put_part("u", &upload, 1, Bytes::from(vec![0; PART_BYTES])).await.unwrap();
        bucket.uploads("").await.unwrap();
        bucket.complete_upload("u", &upload, &[part]).await.unwrap();
        bucket.abort_upload("u", &upload).await.unwrap();
        bucket.delete("a").await.unwrap();
        let expected = Usage {
            puts: 7,
            gets: 4,
            deletes: 2,
            bytes_read: 2 + 5,
            bytes_written: 7 + PART_BYTES as u64,
            ..Usage::default()
        };
        assert_eq!(meter.usage(), expected);
    }

    #[tokio::test]
    async fn counting_changes_nothing() {
        crate::conformance(&Metered::new(Arc::new(Memory::new())).0, "conformance").await;
    }
}
