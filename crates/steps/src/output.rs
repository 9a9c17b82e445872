//! Where a file of a shard goes: to the lake as an upload that is left open, or beside the job, as
//! it is small.

use std::sync::Arc;

use job::{Error, ErrorKind};
use landing::commit::{OpenFile, SmallFile};
use landing::files::{FileChunk, FileSummary};
use objects::Objects;

use crate::upload::{Spool, Upload};

/// A file on its way.
pub(crate) enum Output {
    Lake(Upload),
    /// With its key, once it is there.
    Beside(Spool, Option<String>),
}

/// What became of it.
pub(crate) enum Ended {
    Open(OpenFile),
    Small(SmallFile),
}

impl Output {
    pub(crate) async fn lake(lake: Arc<dyn Objects>, key: String) -> Result<Self, Error> {
        Upload::start(lake, key).await.map(Self::Lake)
    }

    pub(crate) fn beside(work: Arc<dyn Objects>, key: String) -> Self {
        Self::Beside(Spool::new(work, key), None)
    }

    pub(crate) async fn push(&mut self, chunk: FileChunk) -> Result<(), Error> {
        match self {
            Self::Lake(upload) => {
                upload.push(chunk.bytes).await?;
                if chunk.is_last { upload.send_rest().await } else { Ok(()) }
            }
            Self::Beside(spool, key) => {
                spool.push(&chunk.bytes).await?;
                // Of many files none is kept in memory until the last one has ended.
                *key = if chunk.is_last { spool.finish().await? } else { None };
                Ok(())
            }
        }
    }

    /// Sends what is left.
    pub(crate) async fn end(&mut self, summary: FileSummary) -> Result<Ended, Error> {
        match self {
            Self::Lake(upload) => upload.leave_open(summary).await.map(Ended::Open),
            Self::Beside(_, key) => {
                let key = key.take().ok_or_else(|| {
                    Error::new(ErrorKind::Internal, "a file has not ended".to_owned())
                })?;
                let FileSummary { folder, rows, bytes, stats } = summary;
                Ok(Ended::Small(SmallFile { key, folder, rows, bytes, stats }))
            }
        }
    }

    pub(crate) async fn abort(self) {
        match self {
            Self::Lake(upload) => upload.abort().await,
            Self::Beside(spool, _) => spool.abort().await,
        }
    }
}
