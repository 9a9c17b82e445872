mod fault;
mod listing;
mod upload;

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::{
    Buckets, Error, Head, Listed, Objects, OpenUpload, Part, Pin, PresignedPut, Put, PutTerms,
    Result, Tags, shown,
};
use fault::{fault, place};
use upload::{UPLOADS, Upload};

/// Directories as buckets: a bucket's name is a path, its keys are paths below it with `/` between
/// their segments.
///
/// A directory comes into being with its first object, and loses those of its own directories that
/// become empty. Unlike on S3 there can't be an object `a` and an object `a/b`. An object is
/// visible whole or not at all: uploads, and what is being put, lie in the hidden directory
/// `.uploads` until they are moved to their place, and it is gone once none is open. Data is forced
/// to disk before the move; the moves themselves reach the disk in their order, as journaling file
/// systems promise, so a commit is never there without its files.
#[derive(Debug, Default, Clone, Copy)]
pub struct Directories;

impl Buckets for Directories {
    fn bucket(&self, name: &str) -> Arc<dyn Objects> {
        // A bare file name has no directory before it, which means the current one.
        Arc::new(Directory { root: PathBuf::from(if name.is_empty() { "." } else { name }) })
    }
}

#[derive(Debug, Clone)]
struct Directory {
    root: PathBuf,
}

#[async_trait]
impl Objects for Directory {
    async fn head(&self, key: &str, version: Option<&str>) -> Result<Head> {
        let (key, versioned) = (key.to_owned(), version.is_some());
        self.blocking(move |this| {
            let (_, head) = open(&this.path(&key)?, versioned)?;
            Ok(head)
        })
        .await
    }

    async fn get(&self, key: &str, pin: &Pin, range: Range<u64>) -> Result<Bytes> {
        let (key, pin) = (key.to_owned(), pin.clone());
        self.blocking(move |this| {
            let path = this.path(&key)?;
            let (mut file, head) = open(&path, pin.version.is_some())?;
            let to = range.end.min(head.size);
            let mut bytes = Vec::with_capacity(to.saturating_sub(range.start) as usize);
            file.seek(SeekFrom::Start(range.start)).map_err(|error| fault(&path, &error))?;
            (&file)
                .take(to.saturating_sub(range.start))
                .read_to_end(&mut bytes)
                .map_err(|error| fault(&path, &error))?;
            // Asked after the reading: whoever wrote into the file before or during it is noticed.
            let now = etag(&file.metadata().map_err(|error| fault(&path, &error))?);
            if pin.etag.is_some_and(|etag| etag != now) {
                return Err(Error::Changed(place(&path)));
            }
            Ok(bytes.into())
        })
        .await
    }

    /// Few enough that the processor still has them when they are worked on.
    fn block_bytes(&self) -> u64 {
        1024 * 1024
    }

    async fn read(&self, key: &str, limit: u64) -> Result<Bytes> {
        let key = key.to_owned();
        self.blocking(move |this| {
            let path = this.path(&key)?;
            let (file, head) = open(&path, false)?;
            let mut bytes = Vec::with_capacity(head.size.min(limit) as usize);
            file.take(limit.saturating_add(1))
                .read_to_end(&mut bytes)
                .map_err(|error| fault(&path, &error))?;
            if bytes.len() as u64 > limit {
                return Err(Error::too_large(&place(&path), head.size, limit));
            }
            Ok(bytes.into())
        })
        .await
    }

    async fn put(&self, key: &str, bytes: Bytes, put: Put) -> Result<()> {
        let key = key.to_owned();
        self.blocking(move |this| {
            let path = this.path(&key)?;
            let upload = Upload::create(&this.root, &key)?;
            let written = upload.put(&bytes, &path, put);
            let removed = upload.remove();
            written.and(removed)
        })
        .await
    }

    async fn create_upload(&self, key: &str) -> Result<String> {
        let key = key.to_owned();
        self.blocking(move |this| {
            this.path(&key)?;
            Ok(Upload::create(&this.root, &key)?.id())
        })
        .await
    }

    async fn put_part(&self, key: &str, upload: &str, number: u32, bytes: Bytes) -> Result<Part> {
        let (key, upload) = (key.to_owned(), upload.to_owned());
        self.blocking(move |this| Upload::open(&this.root, &key, &upload)?.put_part(number, &bytes))
            .await
    }

    async fn complete_upload(&self, key: &str, upload: &str, parts: &[Part]) -> Result<()> {
        let (key, upload, parts) = (key.to_owned(), upload.to_owned(), parts.to_vec());
        self.blocking(move |this| {
            let path = this.path(&key)?;
            let completed = Upload::open(&this.root, &key, &upload)
                .and_then(|upload| upload.finish(&parts, &path));
            // Another attempt was first, perhaps just now.
            let done = || {
                path.is_file()
                    && matches!(Upload::open(&this.root, &key, &upload), Err(Error::Missing(_)))
            };
            if completed.is_err() && done() { Ok(()) } else { completed }
        })
        .await
    }

    async fn abort_upload(&self, key: &str, upload: &str) -> Result<()> {
        let (key, upload) = (key.to_owned(), upload.to_owned());
        self.blocking(move |this| match Upload::open(&this.root, &key, &upload) {
            Ok(upload) => upload.remove(),
            Err(Error::Missing(_)) => Ok(()),
            Err(error) => Err(error),
        })
        .await
    }

    async fn uploads(&self, prefix: &str) -> Result<Vec<OpenUpload>> {
        let prefix = prefix.to_owned();
        self.blocking(move |this| upload::under(&this.root, &prefix)).await
    }

    async fn list(&self, prefix: &str, after: Option<&str>, limit: u32) -> Result<Vec<Listed>> {
        let (prefix, after) = (prefix.to_owned(), after.map(str::to_owned));
        self.blocking(move |this| {
            listing::of(&this.root, &prefix, after.as_deref(), limit as usize)
        })
        .await
    }

    async fn versions(&self, _: &str) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    async fn tags(&self, key: &str, _version: Option<&str>) -> Result<Tags> {
        Err(self.no_tags(key))
    }

    async fn put_tags(&self, key: &str, _version: Option<&str>, _tags: &Tags) -> Result<()> {
        Err(self.no_tags(key))
    }

    async fn delete(&self, key: &str) -> Result<()> {
        let key = key.to_owned();
        self.blocking(move |this| {
            let path = this.path(&key)?;
            // A name that the file system can't hold is one of no file: who takes back what was put
            // finds none there.
            let is_gone = |error: &io::Error| {
                is_missing(error) || error.kind() == io::ErrorKind::InvalidFilename
            };
            match fs::remove_file(&path) {
                Err(error) if !is_gone(&error) && !path.is_dir() => {
                    return Err(fault(&path, &error));
                }
                _ => {}
            }
            // On S3 there are no directories, so none is left behind here. Only an empty one can be
            // removed.
            let between = path.ancestors().skip(1).take_while(|ancestor| *ancestor != this.root);
            let _first_that_is_needed =
                between.map(fs::remove_dir).find(|removed| removed.is_err());
            Ok(())
        })
        .await
    }

    async fn presign_get(&self, key: &str, _name: &str, _seconds: u32) -> Result<String> {
        let path = self.path(key)?;
        let path = std::path::absolute(&path).map_err(|error| fault(&path, &error))?;
        Ok(format!("file://{}", utf8_percent_encode(&path.to_string_lossy(), PATH)))
    }

    async fn presign_put(&self, _: &str, _: &PutTerms, _: u32) -> Result<PresignedPut> {
        Err(Error::Denied(format!(
            "{} is a directory: it has no upload URLs, copy the file into it instead",
            self.root.display()
        )))
    }
}

/// What is escaped in the path of a URL: all but RFC 3986's unreserved characters and the slash.
const PATH: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

impl Directory {
    fn no_tags(&self, key: &str) -> Error {
        Error::Denied(format!(
            "{}: files of a directory have no tags; only objects of a bucket do",
            place(&self.root.join(key))
        ))
    }

    /// The path of a key, which can't lie outside the directory or among the uploads.
    fn path(&self, key: &str) -> Result<PathBuf> {
        let odd = |segment: &str| {
            matches!(segment, "" | "." | "..")
                || segment.contains('\0')
                || (cfg!(windows) && segment.contains(['\\', ':']))
        };
        if key.split('/').any(odd) || key.split('/').next() == Some(UPLOADS) {
            return Err(Error::Denied(format!(
                "`{}` is no key of a directory: a key is relative, without empty segments, `.`, `..` and NUL, and does not start with `{UPLOADS}/`",
                shown(key).escape_debug()
            )));
        }
        Ok(self.root.join(key))
    }

    /// Runs file I/O where it may block.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let this = self.clone();
        match tokio::task::spawn_blocking(move || work(&this)).await {
            Ok(result) => result,
            Err(stopped) => match stopped.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => Err(Error::Unavailable("the process is shutting down".to_owned())),
            },
        }
    }
}

/// Opens a file and tells of it. Directories keep no versions, so none is ever there.
fn open(path: &Path, versioned: bool) -> Result<(File, Head)> {
    let missing = || Error::Missing(place(path));
    let file =
        present(File::open(path)).map_err(|error| fault(path, &error))?.ok_or_else(missing)?;
    let metadata = file.metadata().map_err(|error| fault(path, &error))?;
    if versioned || !metadata.is_file() {
        return Err(missing());
    }
    Ok((file, Head { size: metadata.len(), etag: etag(&metadata), version: None, crc64nvme: None }))
}

/// Changes when the file is replaced or written to: reading it all to hash it would cost more than
/// it tells.
fn etag(metadata: &fs::Metadata) -> String {
    let modified = metadata
        .modified()
        .ok()
        .and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok())
        .unwrap_or_default();
    #[cfg(unix)]
    let inode = std::os::unix::fs::MetadataExt::ino(metadata);
    #[cfg(not(unix))]
    let inode = 0;
    format!("{:x}-{:x}-{inode:x}", metadata.len(), modified.as_nanos())
}

/// `None` of what is not there, or has a file where its path wants a directory.
fn present<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if is_missing(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

#[cfg(test)]
mod tests;
