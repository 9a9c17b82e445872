//! Compresses text, block by block.

use std::io::Write;

use contract::Packing;
use flate2::write::GzEncoder;
use job::{Error, ErrorKind};
use wording::Unquoted;

/// gzip's level: half the time of the usual one (6), for a few per cent.
const GZIP_LEVEL: u32 = 4;
/// zstd's level: text is worth more than the pages of a column, which are encoded.
const ZSTD_LEVEL: i32 = 1;

/// What packs blocks, one after the other.
pub struct Packer(Kind);

enum Kind {
    None,
    Gzip,
    Zstd(zstd::bulk::Compressor<'static>),
}

impl Packer {
    /// One for files that are packed so.
    pub fn new(packing: Packing) -> Result<Self, Error> {
        Ok(Self(match packing {
            Packing::None => Kind::None,
            Packing::Gzip => Kind::Gzip,
            Packing::Zstd => Kind::Zstd(zstd::bulk::Compressor::new(ZSTD_LEVEL).map_err(broken)?),
        }))
    }

    /// A block, packed. Blocks one after the other are unpacked as one.
    pub(super) fn pack(&mut self, text: Vec<u8>) -> Result<Vec<u8>, Error> {
        match &mut self.0 {
            Kind::None => Ok(text),
            Kind::Gzip => {
                let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::new(GZIP_LEVEL));
                encoder.write_all(&text).and_then(|()| encoder.finish()).map_err(broken)
            }
            Kind::Zstd(compressor) => compressor.compress(&text).map_err(broken),
        }
    }
}

fn broken(error: impl Unquoted) -> Error {
    Error::new(ErrorKind::Internal, format!("packing text: {}", error.unquoted()))
}
