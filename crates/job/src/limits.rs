//! Holds the limits of what a job reads and writes: contracts, and names of objects and folders.

use crate::DatasetName;
use crate::message::JobId;

/// Most bytes of a contract document: a table of thousands of columns, each with its description. A
/// request and an answer of Lambda have 6 MB.
pub const CONTRACT_BYTES: usize = 4 << 20;

/// Most bytes of a name between two slashes: what file systems have room for (ext4, XFS, Btrfs,
/// APFS, NTFS). S3 has no such limit, but what lies there may be copied to a disk.
pub const SEGMENT_BYTES: usize = 255;

/// Most bytes of an object's key: S3's limit.
pub const OBJECT_KEY_BYTES: usize = 1_024;

/// Bytes of a key that are left to the prefix of the lake: `lake/` has 5.
pub const LAKE_PREFIX_BYTES: usize = 64;

/// Most bytes of the name of a data file: `<job>-merged-<number>-<attempt>-<number><extension>`. An
/// attempt is a UUID (36), numbers have up to 10 digits, and the longest extension is `.jsonl.zst`.
pub const FILE_NAME_BYTES: usize =
    JobId::MAX_CHARS + "-merged-".len() + 10 + 1 + 36 + 1 + 10 + ".jsonl.zst".len();

/// Most bytes of the folders that a record's values name, with their slashes: what is left of a key
/// beside the prefix of the lake, `<dataset>/` and the name of the file.
pub const FOLDERS_BYTES: usize =
    OBJECT_KEY_BYTES - LAKE_PREFIX_BYTES - (DatasetName::MAX_CHARS + 1) - FILE_NAME_BYTES;

/// Seconds after its admission for which a job that failed can be redriven: a day. What it wrote are
/// open uploads, which stores abort two days after they were begun, and the redriven job takes its
/// time too.
pub const REDRIVE_SECONDS: u32 = 86_400;

const _: () = assert!(
    FILE_NAME_BYTES <= SEGMENT_BYTES && FOLDERS_BYTES == 750,
    "the reference of limits says so"
);
