//! Holds the limits of reading, each with its reason. They don't depend on how large a source is:
//! they keep memory bounded.

/// Most bytes of a record, its terminator included: far beyond what is written on purpose, and well
/// within the memory of a small function. A longer one ends the reading: where it ends can't be
/// told without reading on without bound, for every way in which a shard may begin.
pub const RECORD_BYTES: u32 = 16 << 20;

/// Most bytes of a field as it is written. A record with a longer one is refused, and reading goes
/// on. It is half a record: more than readers of Parquet take in one value with ease.
pub const FIELD_BYTES: u32 = 8 << 20;

/// Most bytes of a footer: it is held back while a source is streamed.
pub const FOOTER_BYTES: usize = 16 << 20;
