//! Every limit of reading, with its default and its reason. None of them depends on how large a
//! source is: they keep memory and cost bounded.

use csv_records::LongFooter;
use job::{Error, ErrorKind};

/// Most bytes that a packed source may unpack to, whatever its size: 1 TiB.
pub const UNPACKED_BYTES: u64 = 1 << 40;

/// Most bytes that each byte of a packed source may unpack to. Tables shrink to a tenth or a
/// hundredth; what shrinks to less than a thousandth was made to fill a disk (deflate itself can't
/// go beyond 1032).
pub const UNPACKED_RATIO: u64 = 1_000;

/// Bytes that any packed source may unpack to, whatever the ratio: 100 MiB do no harm, and short
/// files of one repeated row are not bombs.
pub const UNPACKED_FREE_BYTES: u64 = 100 << 20;

/// Most bytes that a packed source of `packed_bytes` may unpack to: [`UNPACKED_RATIO`] times as
/// many, but at least [`UNPACKED_FREE_BYTES`] and at most [`UNPACKED_BYTES`].
pub fn unpacked_bytes(packed_bytes: u64) -> u64 {
    packed_bytes.saturating_mul(UNPACKED_RATIO).clamp(UNPACKED_FREE_BYTES, UNPACKED_BYTES)
}

/// Most bytes of a table that is looked up: a CSV file, or all Parquet files of a dataset. Each
/// shard holds it in memory.
pub const REFERENCE_BYTES: u64 = 16 << 20;

/// Most rows of such a table.
pub const REFERENCE_ROWS: usize = 1_000_000;

/// Most bytes that such a table may take in memory: of Parquet, where a short file may stand for
/// much.
pub const REFERENCE_MEMORY: usize = 128 << 20;

/// Bytes of keys that a shard keeps in memory before it writes them down and begins anew. A shard
/// of 64 MiB has rarely half as many; `verify` compares with a quarter of them at once.
pub const KEY_BYTES: u64 = 128 << 20;

/// What a footer that is too long means for the job.
pub fn long_footer(footer: LongFooter) -> Error {
    Error::new(ErrorKind::LimitExceeded, footer.to_string())
}
