use std::future::Future;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::Notify;

use crate::{
    Buckets, Error, Head, Listed, Objects, OpenUpload, Part, Pin, PresignedPut, Put, PutTerms,
    Result, Tags, shown,
};

/// Buckets in which one call fails, for tests.
///
/// A job that survives anything passes with its 1st call failing, with its 2nd, and so on, until
/// [`calls`](Faulty::calls) shows that it passed without reaching the fault.
pub struct Faulty {
    inner: Arc<dyn Buckets>,
    faults: Arc<Faults>,
}

/// Which call fails, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InjectedFault {
    /// From 1, counted over the calls to all objects of all buckets; 0 fails none. Presigning is no
    /// call, as it asks nothing of the store.
    pub call: u64,
    /// How it fails.
    pub kind: FaultKind,
}

/// How a call fails: as [`Error::Unavailable`], by standing still, or otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// It does not take effect.
    Before,
    /// It takes effect, but its answer is lost.
    After,
    /// It stands still before it takes effect, until it may [go on](Faulty::go_on). A test that
    /// drops the caller meanwhile kills it there.
    HangBefore,
    /// It takes effect and stands still before it answers.
    HangAfter,
    /// The store refuses it, naming the object as stores do.
    Denied,
    /// What it is about is not there.
    Missing,
    /// It panics with a text that names the object as it is: what holds data may be in it.
    Panic,
}

impl Faulty {
    /// Wraps `inner` so that the call of `fault` fails.
    pub fn new(inner: Arc<dyn Buckets>, fault: InjectedFault) -> Self {
        Self {
            inner,
            faults: Arc::new(Faults {
                fault,
                calls: AtomicU64::new(0),
                hangs: Notify::new(),
                may_go_on: Notify::new(),
            }),
        }
    }

    /// Waits until the call that is to stand still does.
    pub async fn hangs(&self) {
        self.faults.hangs.notified().await;
    }

    /// Lets the call that stands still go on.
    pub fn go_on(&self) {
        self.faults.may_go_on.notify_one();
    }

    /// How many calls there were so far: fewer than the fault's `call` says that nothing failed.
    pub fn calls(&self) -> u64 {
        self.faults.calls.load(Ordering::SeqCst)
    }
}

impl Buckets for Faulty {
    fn bucket(&self, name: &str) -> Arc<dyn Objects> {
        Arc::new(Bucket {
            name: name.to_owned(),
            inner: self.inner.bucket(name),
            faults: self.faults.clone(),
        })
    }
}

struct Faults {
    fault: InjectedFault,
    calls: AtomicU64,
    hangs: Notify,
    may_go_on: Notify,
}

impl Faults {
    /// `place` is what the call is about.
    async fn pass<T>(
        &self,
        name: &str,
        place: String,
        call: impl Future<Output = Result<T>> + Send,
    ) -> Result<T> {
        let number = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
        if number != self.fault.call {
            return call.await;
        }
        match self.fault.kind {
            FaultKind::Before => Err(Error::Unavailable(format!(
                "call {number}, {name}, failed as the test demands"
            ))),
            FaultKind::HangBefore => {
                self.hang().await;
                call.await
            }
            FaultKind::HangAfter => {
                let answer = call.await;
                self.hang().await;
                answer
            }
            FaultKind::After => {
                // Whether it worked is exactly what the caller doesn't get to know.
                let _lost = call.await;
                Err(Error::Unavailable(format!(
                    "the answer of call {number}, {name}, was lost as the test demands"
                )))
            }
            FaultKind::Denied => Err(Error::Denied(format!(
                "{name} on {} was refused as the test demands",
                shown(&place)
            ))),
            FaultKind::Missing => Err(Error::Missing(shown(&place))),
            FaultKind::Panic => panic!("{name} on {place} panics as the test demands"),
        }
    }
}

impl Faults {
    async fn hang(&self) {
        self.hangs.notify_one();
        self.may_go_on.notified().await;
    }
}

struct Bucket {
    name: String,
    inner: Arc<dyn Objects>,
    faults: Arc<Faults>,
}

impl Bucket {
    fn place(&self, key: &str) -> String {
        format!("{}/{key}", self.name)
    }
}

#[async_trait]
impl Objects for Bucket {
    async fn head(&self, key: &str, version: Option<&str>) -> Result<Head> {
        self.faults.pass("head", self.place(key), self.inner.head(key, version)).await
    }

    async fn get(&self, key: &str, pin: &Pin, range: Range<u64>) -> Result<Bytes> {
        self.faults.pass("get", self.place(key), self.inner.get(key, pin, range)).await
    }

    fn block_bytes(&self) -> u64 {
        self.inner.block_bytes()
    }

    async fn read(&self, key: &str, limit: u64) -> Result<Bytes> {
        self.faults.pass("read", self.place(key), self.inner.read(key, limit)).await
    }

    async fn put(&self, key: &str, bytes: Bytes, put: Put) -> Result<()> {
        self.faults.pass("put", self.place(key), self.inner.put(key, bytes, put)).await
    }

    async fn create_upload(&self, key: &str) -> Result<String> {
        self.faults.pass("create_upload", self.place(key), self.inner.create_upload(key)).await
    }

    async fn put_part(&self, key: &str, upload: &str, number: u32, bytes: Bytes) -> Result<Part> {
        self.faults
            .pass("put_part", self.place(key), self.inner.put_part(key, upload, number, bytes))
            .await
    }

    async fn complete_upload(&self, key: &str, upload: &str, parts: &[Part]) -> Result<()> {
        self.faults
            .pass(
                "complete_upload",
                self.place(key),
                self.inner.complete_upload(key, upload, parts),
            )
            .await
    }

    async fn abort_upload(&self, key: &str, upload: &str) -> Result<()> {
        self.faults
            .pass("abort_upload", self.place(key), self.inner.abort_upload(key, upload))
            .await
    }

    async fn uploads(&self, prefix: &str) -> Result<Vec<OpenUpload>> {
        self.faults.pass("uploads", self.place(prefix), self.inner.uploads(prefix)).await
    }

    async fn list(&self, prefix: &str, after: Option<&str>, limit: u32) -> Result<Vec<Listed>> {
        self.faults.pass("list", self.place(prefix), self.inner.list(prefix, after, limit)).await
    }

    async fn versions(&self, key: &str) -> Result<Vec<String>> {
        self.faults.pass("versions", self.place(key), self.inner.versions(key)).await
    }

    async fn tags(&self, key: &str, version: Option<&str>) -> Result<Tags> {
        self.faults.pass("tags", self.place(key), self.inner.tags(key, version)).await
    }

    async fn put_tags(&self, key: &str, version: Option<&str>, tags: &Tags) -> Result<()> {
        let put = self.inner.put_tags(key, version, tags);
        self.faults.pass("put_tags", self.place(key), put).await
    }

    async fn delete(&self, key: &str) -> Result<()> {
        self.faults.pass("delete", self.place(key), self.inner.delete(key)).await
    }

    async fn presign_get(&self, key: &str, name: &str, seconds: u32) -> Result<String> {
        self.inner.presign_get(key, name, seconds).await
    }

    async fn presign_put(&self, key: &str, terms: &PutTerms, seconds: u32) -> Result<PresignedPut> {
        self.inner.presign_put(key, terms, seconds).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Memory;

    async fn put_twice(kind: FaultKind) -> (Vec<bool>, u64) {
        let memory = Arc::new(Memory::new());
        let faulty = Faulty::new(memory.clone(), InjectedFault { call: 2, kind });
        let answers = [
            faulty.bucket("a").put("k", Bytes::new(), Put::Overwrite).await,
            faulty.bucket("b").put("k", Bytes::new(), Put::Overwrite).await,
        ];
        assert_eq!(answers[0], Ok(()));
        assert!(matches!(answers[1], Err(Error::Unavailable(_))));
        let there = [
            memory.bucket("a").head("k", None).await.is_ok(),
            memory.bucket("b").head("k", None).await.is_ok(),
        ];
        (there.to_vec(), faulty.calls())
    }

    #[tokio::test]
    async fn a_call_that_fails_before_has_no_effect() {
        assert_eq!(put_twice(FaultKind::Before).await, (vec![true, false], 2));
    }

    #[tokio::test]
    async fn a_call_stands_still_until_it_may_go_on() {
        for (kind, effect) in [(FaultKind::HangBefore, false), (FaultKind::HangAfter, true)] {
            let memory = Arc::new(Memory::new());
            let faulty = Arc::new(Faulty::new(memory.clone(), InjectedFault { call: 1, kind }));
            let bucket = faulty.bucket("a");
            let call =
                tokio::spawn(async move { bucket.put("k", Bytes::new(), Put::Overwrite).await });
            faulty.hangs().await;
            assert_eq!(
                (memory.bucket("a").head("k", None).await.is_ok(), call.is_finished()),
                (effect, false)
            );
            faulty.go_on();
            assert_eq!(call.await.expect("it does not panic"), Ok(()));
        }
    }

    #[tokio::test]
    async fn a_call_that_fails_after_has_its_effect() {
        assert_eq!(put_twice(FaultKind::After).await, (vec![true, true], 2));
    }
}
