//! Compresses pages.

use crate::Error;
use bytes::Bytes;
use parquet::basic::CompressionCodec;

/// zstd's level: the next one takes twice the time for a few per cent.
const ZSTD_LEVEL: i32 = -1;

/// What compresses pages, one after the other, in memory that it keeps.
pub struct Compressor {
    kind: Kind,
    page: Vec<u8>,
    compressed: Vec<u8>,
}

enum Kind {
    None,
    Snappy(Box<snap::raw::Encoder>),
    Lz4Raw,
    Zstd(zstd::bulk::Compressor<'static>),
}

impl Compressor {
    /// One for a codec: `UNCOMPRESSED`, `SNAPPY`, `LZ4_RAW` or `ZSTD`.
    ///
    /// # Errors
    ///
    /// The codec is another one.
    pub fn new(codec: CompressionCodec) -> Result<Self, Error> {
        let kind = match codec {
            CompressionCodec::UNCOMPRESSED => Kind::None,
            CompressionCodec::SNAPPY => Kind::Snappy(Box::new(snap::raw::Encoder::new())),
            CompressionCodec::LZ4_RAW => Kind::Lz4Raw,
            CompressionCodec::ZSTD => {
                Kind::Zstd(zstd::bulk::Compressor::new(ZSTD_LEVEL).map_err(broken)?)
            }
            other => return Err(Error(format!("pages are not compressed with {other}"))),
        };
        Ok(Self { kind, page: Vec::new(), compressed: Vec::new() })
    }

    /// Its name in Parquet's metadata.
    pub(super) fn codec(&self) -> CompressionCodec {
        match self.kind {
            Kind::None => CompressionCodec::UNCOMPRESSED,
            Kind::Snappy(_) => CompressionCodec::SNAPPY,
            Kind::Lz4Raw => CompressionCodec::LZ4_RAW,
            Kind::Zstd(_) => CompressionCodec::ZSTD,
        }
    }

    /// The bytes that `write` writes, how many they were, and whether they are compressed: if that
    /// is to be tried, and worth it.
    pub(super) fn page(
        &mut self,
        is_tried: bool,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> Result<(Bytes, usize, bool), Error> {
        let mut page = std::mem::take(&mut self.page);
        page.clear();
        write(&mut page);
        let mut bytes = None;
        if is_tried && !matches!(self.kind, Kind::None) {
            let compressed = self.compressed(&page)?;
            bytes = is_worth(page.len().saturating_sub(compressed.len()), page.len())
                .then(|| Bytes::copy_from_slice(compressed));
        }
        let is_compressed = bytes.is_some();
        // Pages are kept until their row group is written, in no more bytes than they have.
        let bytes = bytes.unwrap_or_else(|| Bytes::copy_from_slice(&page));
        self.page = page;
        Ok((bytes, self.page.len(), is_compressed))
    }

    /// The bytes compressed, worth it or not.
    pub(super) fn compress(&mut self, bytes: &[u8]) -> Result<Bytes, Error> {
        self.compressed(bytes).map(Bytes::copy_from_slice)
    }

    fn compressed<'a>(&'a mut self, bytes: &'a [u8]) -> Result<&'a [u8], Error> {
        let room = match &self.kind {
            Kind::None => return Ok(bytes),
            Kind::Snappy(_) => snap::raw::max_compress_len(bytes.len()),
            Kind::Lz4Raw => lz4_flex::block::get_maximum_output_size(bytes.len()),
            Kind::Zstd(_) => zstd::zstd_safe::compress_bound(bytes.len()),
        };
        if self.compressed.len() < room {
            self.compressed.resize(room, 0);
        }
        let length = match &mut self.kind {
            Kind::None => 0,
            Kind::Snappy(encoder) => {
                encoder.compress(bytes, &mut self.compressed).map_err(broken)?
            }
            Kind::Lz4Raw => {
                lz4_flex::block::compress_into(bytes, &mut self.compressed).map_err(broken)?
            }
            Kind::Zstd(compressor) => {
                compressor.compress_to_buffer(bytes, &mut self.compressed[..]).map_err(broken)?
            }
        };
        Ok(&self.compressed[..length])
    }
}

/// Whether it pays that `saved` of `bytes` need not be stored, for all who read the file: from one
/// in 64 on.
pub(super) fn is_worth(saved: usize, bytes: usize) -> bool {
    saved * 64 > bytes
}

/// Compressors tell of lengths, and nothing of what they pack.
fn broken(error: impl std::fmt::Display) -> Error {
    Error(format!("compressing a page: {error}"))
}
