//! Compression of pages.

use bytes::Bytes;
use parquet::basic::CompressionCodec;

use crate::Error;
use crate::contract::Codec;

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
    /// One for a codec.
    pub fn new(codec: Codec) -> Result<Self, Error> {
        let kind = match codec {
            Codec::None => Kind::None,
            Codec::Snappy => Kind::Snappy(Box::new(snap::raw::Encoder::new())),
            Codec::Lz4Raw => Kind::Lz4Raw,
            Codec::Zstd => Kind::Zstd(zstd::bulk::Compressor::new(ZSTD_LEVEL).map_err(broken)?),
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

    /// Compresses what `write` writes. Answers with how many bytes that was, too.
    pub(super) fn page(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Result<(Bytes, usize), Error> {
        self.page.clear();
        write(&mut self.page);
        let compressed = match &mut self.kind {
            Kind::None => &self.page[..],
            Kind::Snappy(encoder) => {
                self.compressed.resize(snap::raw::max_compress_len(self.page.len()), 0);
                let length = encoder.compress(&self.page, &mut self.compressed).map_err(broken)?;
                &self.compressed[..length]
            }
            Kind::Lz4Raw => {
                self.compressed.resize(lz4_flex::block::get_maximum_output_size(self.page.len()), 0);
                let length = lz4_flex::block::compress_into(&self.page, &mut self.compressed).map_err(broken)?;
                &self.compressed[..length]
            }
            Kind::Zstd(compressor) => {
                self.compressed.clear();
                self.compressed.reserve(zstd::zstd_safe::compress_bound(self.page.len()));
                compressor.compress_to_buffer(&self.page, &mut self.compressed).map_err(broken)?;
                &self.compressed[..]
            }
        };
        // Pages are kept until their row group is written, in no more bytes than they have.
        Ok((Bytes::copy_from_slice(compressed), self.page.len()))
    }
}

fn broken(error: impl std::fmt::Display) -> Error {
    Error::Internal(format!("compressing a page: {error}"))
}
