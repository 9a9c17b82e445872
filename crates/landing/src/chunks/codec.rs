//! Compression of pages.

use parquet::basic::CompressionCodec;

use crate::Error;
use crate::contract::Codec;

/// zstd's level: the next one takes twice the time for a few per cent.
const ZSTD_LEVEL: i32 = 1;

/// What compresses pages, one after the other, in memory that it keeps.
pub struct Compressor(Kind);

enum Kind {
    None,
    Snappy(Box<snap::raw::Encoder>),
    Zstd(zstd::bulk::Compressor<'static>),
}

impl Compressor {
    /// One for a codec.
    pub fn new(codec: Codec) -> Result<Self, Error> {
        Ok(Self(match codec {
            Codec::None => Kind::None,
            Codec::Snappy => Kind::Snappy(Box::new(snap::raw::Encoder::new())),
            Codec::Zstd => Kind::Zstd(zstd::bulk::Compressor::new(ZSTD_LEVEL).map_err(broken)?),
        }))
    }

    /// Its name in Parquet's metadata.
    pub(super) fn codec(&self) -> CompressionCodec {
        match self.0 {
            Kind::None => CompressionCodec::UNCOMPRESSED,
            Kind::Snappy(_) => CompressionCodec::SNAPPY,
            Kind::Zstd(_) => CompressionCodec::ZSTD,
        }
    }

    pub(super) fn compress(&mut self, bytes: Vec<u8>) -> Result<Vec<u8>, Error> {
        let mut compressed = match &mut self.0 {
            Kind::None => return Ok(bytes),
            Kind::Snappy(encoder) => encoder.compress_vec(&bytes).map_err(broken)?,
            Kind::Zstd(compressor) => compressor.compress(&bytes).map_err(broken)?,
        };
        // What it might have taken at most is given back: pages are kept until their row group is written.
        compressed.shrink_to_fit();
        Ok(compressed)
    }
}

fn broken(error: impl std::fmt::Display) -> Error {
    Error::Internal(format!("compressing a page: {error}"))
}
