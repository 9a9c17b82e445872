use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use crc_fast::{CrcAlgorithm, checksum};

use crate::{
    Buckets, Error, Head, Listed, Objects, OpenUpload, Part, Pin, PresignedPut, Put, PutTerms,
    Result, Tags, shown,
};

/// Buckets in the memory of the process, for tests. A bucket comes into being when it is first
/// opened.
#[derive(Debug, Default)]
pub struct Memory {
    versioned: bool,
    buckets: Mutex<BTreeMap<String, Arc<Bucket>>>,
}

impl Memory {
    /// Buckets that keep the newest state of each object.
    pub fn new() -> Self {
        Self::default()
    }

    /// Buckets that keep every state of each object, under a version id.
    pub fn versioned() -> Self {
        Self { versioned: true, ..Self::default() }
    }
}

impl Buckets for Memory {
    fn bucket(&self, name: &str) -> Arc<dyn Objects> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || {
            Arc::new(Bucket {
                name: name.to_owned(),
                versioned: self.versioned,
                content: Mutex::default(),
            })
        };
        buckets.entry(name.to_owned()).or_insert_with(new).clone()
    }
}

#[derive(Debug)]
struct Bucket {
    name: String,
    versioned: bool,
    content: Mutex<Content>,
}

#[derive(Debug, Default)]
struct Content {
    /// The states of each object, oldest first; an unversioned bucket keeps the last. `None` is a
    /// deleted object.
    objects: BTreeMap<String, Vec<Option<Bytes>>>,
    uploads: BTreeMap<String, Upload>,
    /// The tags of the states of objects, by key and position.
    tags: BTreeMap<(String, usize), Tags>,
    /// How many uploads were started; the next one's id.
    started: u64,
}

#[derive(Debug)]
struct Upload {
    key: String,
    parts: BTreeMap<u32, Bytes>,
}

impl Bucket {
    /// No call leaves the content half-changed, so a test that panicked elsewhere leaves it sound.
    fn content(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The object, for errors.
    fn place(&self, key: &str) -> String {
        shown(&format!("{}/{key}", self.name))
    }

    /// The position of a state, and its bytes.
    fn found(&self, key: &str, version: Option<&str>) -> Result<(usize, Bytes)> {
        let content = self.content();
        let states = content.objects.get(key).map_or(&[][..], Vec::as_slice);
        let index = match version {
            None => states.len().checked_sub(1),
            Some(version) => {
                (0..states.len()).find(|&index| self.version(index).as_deref() == Some(version))
            }
        };
        let found = index.and_then(|index| Some((index, states.get(index)?.clone()?)));
        found.ok_or_else(|| Error::Missing(self.place(key)))
    }

    fn index(&self, key: &str, version: Option<&str>) -> Result<usize> {
        self.found(key, version).map(|(index, _)| index)
    }

    fn state(&self, key: &str, version: Option<&str>) -> Result<(Bytes, Head)> {
        let (index, bytes) = self.found(key, version)?;
        let head = Head {
            size: bytes.len() as u64,
            etag: etag(&bytes),
            version: self.version(index),
            crc64nvme: Some(checksum(CrcAlgorithm::Crc64Nvme, &bytes)),
        };
        Ok((bytes, head))
    }

    /// The id of the state at `index`.
    fn version(&self, index: usize) -> Option<String> {
        self.versioned.then(|| format!("v{}", index + 1))
    }

    fn set(&self, content: &mut Content, key: &str, state: Option<Bytes>) {
        if !self.versioned {
            content.tags.remove(&(key.to_owned(), 0));
        }
        let states = content.objects.entry(key.to_owned()).or_default();
        if !self.versioned {
            states.clear();
        }
        states.push(state);
    }
}

#[async_trait]
impl Objects for Bucket {
    async fn head(&self, key: &str, version: Option<&str>) -> Result<Head> {
        self.state(key, version).map(|(_, head)| head)
    }

    async fn get(&self, key: &str, pin: &Pin, range: Range<u64>) -> Result<Bytes> {
        let (bytes, head) = self.state(key, pin.version.as_deref())?;
        if pin.etag.as_ref().is_some_and(|etag| *etag != head.etag) {
            return Err(Error::Changed(self.place(key)));
        }
        let to = range.end.min(head.size);
        let from = range.start.min(to);
        Ok(bytes.slice(from as usize..to as usize))
    }

    async fn read(&self, key: &str, limit: u64) -> Result<Bytes> {
        let (bytes, head) = self.state(key, None)?;
        if head.size > limit {
            return Err(Error::too_large(&self.place(key), head.size, limit));
        }
        Ok(bytes)
    }

    async fn put(&self, key: &str, bytes: Bytes, put: Put) -> Result<()> {
        let mut content = self.content();
        if put == Put::IfAbsent && content.has(key) {
            return Err(Error::Exists(self.place(key)));
        }
        self.set(&mut content, key, Some(bytes));
        Ok(())
    }

    async fn create_upload(&self, key: &str) -> Result<String> {
        let mut content = self.content();
        content.started += 1;
        let id = format!("upload-{}", content.started);
        content.uploads.insert(id.clone(), Upload { key: key.to_owned(), parts: BTreeMap::new() });
        Ok(id)
    }

    async fn put_part(&self, key: &str, upload: &str, number: u32, bytes: Bytes) -> Result<Part> {
        let mut content = self.content();
        let open = content.uploads.get_mut(upload).filter(|open| open.key == key);
        let open =
            open.ok_or_else(|| Error::Missing(format!("upload {upload} of {}", self.place(key))))?;
        let part = Part { number, etag: etag(&bytes) };
        open.parts.insert(number, bytes);
        Ok(part)
    }

    async fn complete_upload(&self, key: &str, upload: &str, parts: &[Part]) -> Result<()> {
        let mut content = self.content();
        let Some(open) = content.uploads.get(upload).filter(|open| open.key == key) else {
            let gone = || Error::Missing(format!("upload {upload} of {}", self.place(key)));
            return if content.has(key) { Ok(()) } else { Err(gone()) };
        };
        let mut whole = BytesMut::new();
        for part in Part::in_order(parts, &self.place(key))? {
            let bytes = open.parts.get(&part.number).filter(|bytes| etag(bytes) == part.etag);
            whole.extend_from_slice(
                bytes.ok_or_else(|| Error::no_part(part.number, &self.place(key)))?,
            );
        }
        content.uploads.remove(upload);
        self.set(&mut content, key, Some(whole.freeze()));
        Ok(())
    }

    async fn abort_upload(&self, key: &str, upload: &str) -> Result<()> {
        let mut content = self.content();
        if content.uploads.get(upload).is_some_and(|open| open.key == key) {
            content.uploads.remove(upload);
        }
        Ok(())
    }

    async fn uploads(&self, prefix: &str) -> Result<Vec<OpenUpload>> {
        let content = self.content();
        let under = content.uploads.iter().filter(|(_, open)| open.key.starts_with(prefix));
        let mut uploads: Vec<_> = under
            .map(|(id, open)| OpenUpload { key: open.key.clone(), upload: id.clone() })
            .collect();
        uploads.sort_by(|a, b| (&a.key, &a.upload).cmp(&(&b.key, &b.upload)));
        Ok(uploads)
    }

    async fn list(&self, prefix: &str, after: Option<&str>, limit: u32) -> Result<Vec<Listed>> {
        let content = self.content();
        let newest = content
            .objects
            .iter()
            .filter_map(|(key, states)| Some((key, states.last()?.as_ref()?)));
        let wanted = newest.filter(|(key, _)| {
            key.starts_with(prefix) && after.is_none_or(|after| key.as_str() > after)
        });
        let listed = wanted.map(|(key, bytes)| Listed {
            key: key.clone(),
            size: bytes.len() as u64,
            modified: None,
        });
        Ok(listed.take(limit as usize).collect())
    }

    async fn versions(&self, key: &str) -> Result<Vec<String>> {
        let content = self.content();
        let states = content.objects.get(key).map_or(&[][..], Vec::as_slice);
        let there = (0..states.len()).rev().filter(|&index| states[index].is_some());
        Ok(there.filter_map(|index| self.version(index)).collect())
    }

    async fn tags(&self, key: &str, version: Option<&str>) -> Result<Tags> {
        let index = self.index(key, version)?;
        Ok(self.content().tags.get(&(key.to_owned(), index)).cloned().unwrap_or_default())
    }

    async fn put_tags(&self, key: &str, version: Option<&str>, tags: &Tags) -> Result<()> {
        let index = self.index(key, version)?;
        self.content().tags.insert((key.to_owned(), index), tags.clone());
        Ok(())
    }

    async fn delete(&self, key: &str) -> Result<()> {
        let mut content = self.content();
        if content.has(key) {
            self.set(&mut content, key, None);
        }
        Ok(())
    }

    async fn presign_get(&self, key: &str, _name: &str, _seconds: u32) -> Result<String> {
        Ok(format!("memory://{}/{key}", self.name))
    }

    async fn presign_put(&self, key: &str, terms: &PutTerms, _: u32) -> Result<PresignedPut> {
        Ok(PresignedPut { url: format!("memory://{}/{key}", self.name), headers: terms.headers() })
    }
}

impl Content {
    fn has(&self, key: &str) -> bool {
        self.objects.get(key).is_some_and(|states| matches!(states.last(), Some(Some(_))))
    }
}

/// A hash of the bytes: the same bytes always have the same ETag, as on S3.
fn etag(bytes: &[u8]) -> String {
    format!("{:016x}-{:x}", checksum(CrcAlgorithm::Crc64Nvme, bytes), bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FaultKind, Faulty, InjectedFault};

    #[tokio::test]
    async fn memory_conforms() {
        crate::conformance(&Memory::new(), "bucket").await;
    }

    #[tokio::test]
    async fn memory_with_versions_conforms() {
        crate::conformance(&Memory::versioned(), "bucket").await;
    }

    #[tokio::test]
    async fn a_layer_of_faults_without_any_conforms() {
        let faulty = Faulty::new(
            Arc::new(Memory::new()),
            InjectedFault { call: 0, kind: FaultKind::Before },
        );
        crate::conformance(&faulty, "bucket").await;
        assert!(faulty.calls() > 100);
    }

    #[tokio::test]
    async fn buckets_are_apart() {
        let memory = Memory::new();
        memory.bucket("a").put("key", Bytes::new(), Put::IfAbsent).await.expect("it is the first");
        assert!(matches!(memory.bucket("b").head("key", None).await, Err(Error::Missing(_))));
    }
}
