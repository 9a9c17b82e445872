//! Says when a file is small: it is put together with others before the commit.

/// Most bytes of a file that is small, whatever the size that files are to have: it is read at
/// once, and a reader opens a larger one without loss.
pub const MOST_SMALL_BYTES: u64 = 32 << 20;

/// Whether a file of so many bytes is small where files are to have `file_size`.
pub fn is_small(bytes: u64, file_size: u64) -> bool {
    bytes < (file_size / 2).min(MOST_SMALL_BYTES)
}
