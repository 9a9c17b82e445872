#![doc = include_str!("../README.md")]
//!
//! The format: <https://parquet.apache.org/docs/file-format/>.

mod bloom;
mod bounds;
mod codec;
mod delta;
mod dictionary;
mod error;
mod hybrid;
mod numbers;
mod pack;
mod page;
mod read;
mod shared_buffer;
mod sorted;
mod text_pages;
mod texts;
mod values;
mod writer;

#[cfg(test)]
mod tests;

pub use codec::Compressor;
pub use dictionary::Texts;
pub use error::Error;
pub use read::RowReader;
pub use shared_buffer::SharedBuffer;
pub use writer::{FileSchema, FileWriter, whole_file};

/// All of it is small where bytes are looked for that break it: few of them reach every limit, and
/// fast.
const IS_SMALL: bool = cfg!(fuzzing);
/// Rows of a page, about.
const PAGE_ROWS: usize = if IS_SMALL { 256 } else { 32 * 1024 };
/// Bytes of a page of texts, about.
const PAGE_BYTES: usize = if IS_SMALL { 2 << 10 } else { 1 << 20 };
/// Values by which it is decided how a chunk is encoded.
const SAMPLE_VALUES: usize = if IS_SMALL { 64 } else { 8 * 1024 };

/// There is no room in a dictionary.
#[derive(Debug)]
struct Full;

/// A number of 32 or 64 bits. Floats are numbers too: those of their bits.
trait Whole: Copy + Ord + Default + std::fmt::Debug {
    /// The same number.
    fn widen(self) -> i64;
    /// The difference, which wraps around.
    fn minus(self, other: Self) -> Self;
    /// The same bits.
    fn bits(self) -> u64;
    /// Appends it as Parquet has it.
    fn write(self, out: &mut Vec<u8>);
}

impl Whole for i32 {
    #[inline(always)]
    fn widen(self) -> i64 {
        self.into()
    }
    #[inline(always)]
    fn minus(self, other: Self) -> Self {
        self.wrapping_sub(other)
    }
    #[inline(always)]
    fn bits(self) -> u64 {
        (self as u32).into()
    }
    fn write(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_le_bytes());
    }
}

impl Whole for i64 {
    #[inline(always)]
    fn widen(self) -> i64 {
        self
    }
    #[inline(always)]
    fn minus(self, other: Self) -> Self {
        self.wrapping_sub(other)
    }
    #[inline(always)]
    fn bits(self) -> u64 {
        self as u64
    }
    fn write(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_le_bytes());
    }
}
