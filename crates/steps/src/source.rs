//! The source of a job at its store: pinned, so that every step reads the same bytes.

use job::message::SourceRef;
use job::{Error, ErrorKind};
use landing::commit::Crc64Nvme;
use objects::Pin;

use crate::Context;

/// Bytes that are read at once for a checksum: many objects are read beside each other.
const BLOCK_BYTES: u64 = 1 << 20;

/// The version and ETag that every read asks for.
pub(crate) fn pin(source: &SourceRef) -> Pin {
    Pin { version: source.version.clone(), etag: source.etag.clone() }
}

/// What a store's answer about the source means for the job.
pub(crate) fn source_error(error: objects::Error, source: &SourceRef) -> Error {
    let name = format!("{}/{}", source.bucket, source.key);
    match error {
        objects::Error::Missing(_) => Error::new(
            ErrorKind::SourceMissing,
            format!("{name} is not there; put it there and submit it again"),
        ),
        objects::Error::Changed(_) => Error::new(
            ErrorKind::SourceChanged,
            format!(
                "{name} was replaced while it landed; nothing of it is visible; submit the new one"
            ),
        ),
        other => other.into(),
    }
}

/// The CRC-64/NVME of a pinned object, which is read for it.
pub(crate) async fn checksum(
    context: &Context,
    source: &SourceRef,
    bytes: u64,
) -> Result<u64, Error> {
    let (bucket, pin) = (context.buckets.bucket(&source.bucket), pin(source));
    let (mut crc, mut at) = (Crc64Nvme::default(), 0);
    while at < bytes {
        let block = bucket.get(&source.key, &pin, at..(at + BLOCK_BYTES).min(bytes)).await;
        let block = block.map_err(|error| source_error(error, source))?;
        if block.is_empty() {
            return Err(Error::new(
                ErrorKind::SourceChanged,
                format!("{} ended at byte {at}", source.name()),
            ));
        }
        crc.update(&block);
        at += block.len() as u64;
    }
    Ok(crc.value())
}
