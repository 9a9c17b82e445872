//! What a job is going to do, settled before its first shard runs and never changed after.

use serde::{Deserialize, Serialize};

use crate::contract::{Compression, Mapping};
use crate::dialect::Dialect;
use crate::message::{Shard, SourceRef, Submission};
use crate::records::Limits;

/// `plan.json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Plan {
    /// What was asked for.
    pub submission: Submission,
    /// The contract's document, as registered in the pinned version.
    pub contract: String,
    /// The source as pinned: with its version, if the bucket keeps versions, and its ETag.
    pub source: SourceRef,
    /// Bytes of the source.
    pub source_bytes: u64,
    /// CRC-64/NVME that the store holds of the whole source, if it does.
    pub source_crc64nvme: Option<u64>,
    /// Other names for the same bytes by which an earlier job is found, such as the ETag.
    pub contents: Vec<String>,
    /// How the source is packed: never `auto`.
    pub compression: Compression,
    /// How records and fields are told apart.
    pub dialect: Dialect,
    /// Which column each field is read from.
    pub mapping: Mapping,
    /// The header record, as it stands in the source; empty when it has none.
    pub header: String,
    /// The first byte after the header: where the first row starts.
    pub data_start: u64,
    /// Lines before it.
    pub data_lines: u64,
    /// Bytes of a shard's range.
    pub shard_bytes: u64,
    /// How many shards there are.
    pub shards: u32,
}

/// Least bytes of a shard.
pub const MIN_SHARD_BYTES: u64 = 1;
/// Most shards of a job: what one Distributed Map takes.
pub const MAX_SHARDS: u64 = 10_000;

impl Plan {
    /// The limits under which all shards read.
    pub fn limits(&self) -> Limits {
        Limits::default()
    }

    /// How the source is called, for people and for the lineage column.
    pub fn source_name(&self) -> String {
        let SourceRef { bucket, key, .. } = &self.source;
        if bucket.starts_with(['/', '.']) { format!("{}/{key}", bucket.trim_end_matches('/')) } else { format!("s3://{bucket}/{key}") }
    }
}

/// Cuts a source into ranges of `shard_bytes`, larger where there would be more than [`MAX_SHARDS`]. A source without data is one shard.
///
/// Up to the one in which the data starts, shards know where their first row starts: at `data_start`.
pub fn shards(source_bytes: u64, data_start: u64, shard_bytes: u64) -> (u64, Vec<Shard>) {
    let shard_bytes = shard_bytes.max(MIN_SHARD_BYTES).max(source_bytes.div_ceil(MAX_SHARDS));
    let count = source_bytes.div_ceil(shard_bytes).max(1);
    let shard = |index: u64| {
        let from = index * shard_bytes;
        let first = (from <= data_start).then_some(data_start);
        Shard { index: index as u32, from, to: (from + shard_bytes).min(source_bytes), first, line: None, round: 1 }
    };
    (shard_bytes, (0..count).map(shard).collect())
}
