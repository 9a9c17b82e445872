//! An object that grows part by part and is not visible until somebody completes it.

use std::sync::Arc;

use bytes::Bytes;
use job::Error;
use landing::commit::OpenFile;
use landing::files::FileSummary;
use objects::{Objects, PART_BYTES, Part};

/// An upload on its way.
pub(crate) struct Upload {
    objects: Arc<dyn Objects>,
    key: String,
    upload: String,
    parts: Vec<Part>,
    buffer: Vec<u8>,
}

impl Upload {
    pub(crate) async fn start(objects: Arc<dyn Objects>, key: String) -> Result<Self, Error> {
        let upload = objects.create_upload(&key).await?;
        Ok(Self { objects, key, upload, parts: Vec::new(), buffer: Vec::new() })
    }

    pub(crate) async fn push(&mut self, bytes: Vec<u8>) -> Result<(), Error> {
        if self.buffer.is_empty() {
            self.buffer = bytes;
        } else {
            self.buffer.extend_from_slice(&bytes);
        }
        if self.buffer.len() >= PART_BYTES { self.send().await } else { Ok(()) }
    }

    /// Sends what is left: nothing may be pushed after it.
    pub(crate) async fn send_rest(&mut self) -> Result<(), Error> {
        if self.buffer.is_empty() { Ok(()) } else { self.send().await }
    }

    /// Sends what is left and leaves the upload open, of a file with this summary.
    pub(crate) async fn leave_open(&mut self, summary: FileSummary) -> Result<OpenFile, Error> {
        let (key, upload, parts) = self.end().await?;
        let parts = parts.into_iter().map(|part| part.etag).collect();
        let FileSummary { folder, rows, bytes, stats } = summary;
        Ok(OpenFile { key, upload, parts, folder, rows, bytes, stats })
    }

    /// Sends what is left and leaves the upload open: its key, id and parts.
    async fn end(&mut self) -> Result<(String, String, Vec<Part>), Error> {
        if !self.buffer.is_empty() || self.parts.is_empty() {
            self.send().await?;
        }
        Ok((self.key.clone(), self.upload.clone(), std::mem::take(&mut self.parts)))
    }

    /// Sends what is left and makes the object visible.
    pub(crate) async fn complete(mut self) -> Result<String, Error> {
        let (key, upload, parts) = self.end().await?;
        self.objects.complete_upload(&key, &upload, &parts).await?;
        Ok(key)
    }

    /// Forgets the upload. What can't be forgotten now is swept when the job ends, or by the
    /// bucket's lifecycle rule.
    pub(crate) async fn abort(self) {
        if let Err(error) = self.objects.abort_upload(&self.key, &self.upload).await {
            tracing::warn!(key = objects::shown(&self.key), %error, "an upload stays open");
        }
    }

    async fn send(&mut self) -> Result<(), Error> {
        let number = self.parts.len() as u32 + 1;
        let bytes = Bytes::from(std::mem::take(&mut self.buffer));
        self.parts.push(self.objects.put_part(&self.key, &self.upload, number, bytes).await?);
        Ok(())
    }
}

/// A document that is put in one go while it is small, and becomes an upload when it is not.
/// Without a byte there is no document.
pub(crate) struct Spool {
    objects: Arc<dyn Objects>,
    key: String,
    buffer: Vec<u8>,
    upload: Option<Upload>,
}

impl Spool {
    pub(crate) fn new(objects: Arc<dyn Objects>, key: String) -> Self {
        Self { objects, key, buffer: Vec::new(), upload: None }
    }

    pub(crate) async fn push(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() < PART_BYTES {
            return Ok(());
        }
        if self.upload.is_none() {
            self.upload = Some(Upload::start(self.objects.clone(), self.key.clone()).await?);
        }
        if let Some(upload) = &mut self.upload {
            upload.push(std::mem::take(&mut self.buffer)).await?;
        }
        Ok(())
    }

    /// Makes the document visible; its key, if there is one. Nothing may be pushed after it.
    pub(crate) async fn finish(&mut self) -> Result<Option<String>, Error> {
        let rest = std::mem::take(&mut self.buffer);
        if let Some(mut upload) = self.upload.take() {
            upload.push(rest).await?;
            return upload.complete().await.map(Some);
        }
        if rest.is_empty() {
            return Ok(None);
        }
        self.objects.put(&self.key, Bytes::from(rest), objects::Put::Overwrite).await?;
        Ok(Some(self.key.clone()))
    }

    pub(crate) async fn abort(self) {
        if let Some(upload) = self.upload {
            upload.abort().await;
        }
    }
}
