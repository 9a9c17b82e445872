//! What a job is going to do, settled before its first shard runs and never changed after.

use contract::{Compression, Mapping};
use csv_records::Limits;
use csv_records::dialect::Dialect;
use job::bill::Bill;
use job::message::{Shard, SourceRef, Submission};
use serde::{Deserialize, Serialize};

use crate::evidence::Evidence;
use crate::limits;

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
    /// How the source is packed: never `auto`. Of a packed source all positions are of the bytes
    /// that it unpacks to.
    pub compression: Compression,
    /// Most bytes that it may unpack to.
    pub unpacked_limit: u64,
    /// How records and fields are told apart, and what their bytes stand for.
    pub dialect: Dialect,
    /// Which column each field is read from.
    pub mapping: Mapping,
    /// What `rejects.csv` begins with: in UTF-16 a byte order mark, and the header record, if there
    /// is one, as it stands in the source.
    pub header: Verbatim,
    /// The first byte after the header: where the first row starts.
    pub data_start: u64,
    /// Lines before it.
    pub data_lines: u64,
    /// Where the data ends and the footer begins. `None`: there is no footer, or the source is
    /// packed, and its footer is found when it is unpacked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_end: Option<u64>,
    /// Bytes of a shard's range.
    pub shard_bytes: u64,
    /// How many shards there are.
    pub shards: u32,
    /// Bytes of keys that a shard keeps in memory.
    #[serde(default = "default_key_bytes")]
    pub key_bytes: u64,
    /// What the contract left out, and the reason for each guess.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
    /// Why there is but one shard, if that is not for the size of the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub one_shard_because: Option<String>,
    /// The tables that the contract joins, in their order, as they were when this was planned.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub references: Vec<PinnedReference>,
    /// What the job is expected to cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimate: Option<Bill>,
}

fn default_key_bytes() -> u64 {
    limits::KEY_BYTES
}

/// A table that is looked up, as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PinnedReference {
    /// The object, with its version, if the bucket keeps versions, and its ETag. Of a dataset its
    /// name, and as version the number of its newest commit.
    pub source: SourceRef,
    /// Bytes of the object, or of the dataset's files.
    pub bytes: u64,
    /// Rows.
    pub rows: u64,
    /// Key of the copy beside the job that all shards open.
    pub key: String,
    /// Bytes of the copy.
    pub copied_bytes: u64,
}

/// Bytes of a source, in JSON as text where they are UTF-8, else as numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "VerbatimForm", into = "VerbatimForm")]
pub struct Verbatim(pub Vec<u8>);

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum VerbatimForm {
    Text(String),
    Bytes(Vec<u8>),
}

impl From<VerbatimForm> for Verbatim {
    fn from(form: VerbatimForm) -> Self {
        match form {
            VerbatimForm::Text(text) => Self(text.into_bytes()),
            VerbatimForm::Bytes(bytes) => Self(bytes),
        }
    }
}

impl From<Verbatim> for VerbatimForm {
    fn from(verbatim: Verbatim) -> Self {
        String::from_utf8(verbatim.0)
            .map_or_else(|error| Self::Bytes(error.into_bytes()), Self::Text)
    }
}

/// Least bytes of a shard.
pub const MIN_SHARD_BYTES: u64 = 1;

/// Least bytes of a shard that may be asked for. Each is some documents of a few hundred bytes, and
/// an execution: at 64 KiB these are hardly less than what is in it. Who writes a [`Submission`]
/// (tests do) may say less.
///
/// [`Submission`]: job::message::Submission
pub const LEAST_ASKED_SHARD_BYTES: u64 = 64 << 10;
/// Most shards of a job: what one Distributed Map takes.
pub const MAX_SHARDS: u64 = 10_000;

impl Plan {
    /// The limits under which all shards read.
    pub fn limits(&self) -> Limits {
        Limits::default()
    }

    /// Bytes of the source that the shards divide up: all, or those before the footer.
    pub fn data_bytes(&self) -> u64 {
        self.data_end.unwrap_or(self.source_bytes)
    }

    /// The bytes that a shard answers for: its range, and of the last one the footer too.
    pub fn own_bytes(&self, from: u64, to: u64) -> std::ops::Range<u64> {
        from..if to == self.data_bytes() && self.data_end.is_some() {
            self.source_bytes
        } else {
            to
        }
    }

    /// Whether the source is unpacked while it is read. Then it is one shard, whose range is that
    /// of the packed bytes.
    pub fn is_packed(&self) -> bool {
        self.compression != Compression::None
    }

    /// How the source is called, for people and for the lineage column.
    pub fn source_name(&self) -> String {
        let SourceRef { bucket, key, .. } = &self.source;
        if bucket.starts_with(['/', '.']) {
            format!("{}/{key}", bucket.trim_end_matches('/'))
        } else {
            format!("s3://{bucket}/{key}")
        }
    }
}

/// Shards of a job that does not say how large they are to be, about.
const USUAL_SHARDS: u64 = 1_000;
/// What they grow to, at most: a function works as much in a third of the time that it has, at the
/// 50 MB/s by which a job's cost is estimated.
const GROWN_SHARD_BYTES: u64 = 4 << 30;

/// Bytes of a shard of a job that does not say how large they are to be. `setting` is what the
/// deployment says; shards of a very large source are larger, as requests and transitions would
/// cost more than the time that is saved.
pub fn usual_shard_bytes(source_bytes: u64, setting: u64) -> u64 {
    setting.max((source_bytes / USUAL_SHARDS).min(GROWN_SHARD_BYTES))
}

/// Cuts a source into ranges of `shard_bytes`, larger where there would be more than
/// [`MAX_SHARDS`]. A source without data is one shard.
///
/// In UTF-16 ranges must begin at even bytes: they do if `shard_bytes` is even.
///
/// Up to the one in which the data starts, shards know where their first row starts: at
/// `data_start`.
pub fn shards(source_bytes: u64, data_start: u64, shard_bytes: u64) -> (u64, Vec<Shard>) {
    let shard_bytes =
        shard_bytes.max(MIN_SHARD_BYTES).max(source_bytes.div_ceil(MAX_SHARDS).next_multiple_of(2));
    let count = source_bytes.div_ceil(shard_bytes).max(1);
    let shard = |index: u64| {
        let from = index * shard_bytes;
        let first = (from <= data_start).then_some(data_start);
        Shard {
            index: index as u32,
            from,
            to: (from + shard_bytes).min(source_bytes),
            first,
            line: None,
            round: 1,
            taken: Vec::new(),
        }
    };
    (shard_bytes, (0..count).map(shard).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_of_very_large_sources_grow() {
        const SETTING: u64 = 64 << 20;
        let count = |source_bytes: u64| {
            shards(source_bytes, 0, usual_shard_bytes(source_bytes, SETTING)).1.len()
        };
        assert_eq!(usual_shard_bytes(64_000_000_000, SETTING), SETTING);
        assert_eq!(usual_shard_bytes(1_000_000_000_000, SETTING), 1_000_000_000);
        assert_eq!(usual_shard_bytes(50_000_000_000_000, SETTING), 4 << 30);
        assert_eq!([0, 1, SETTING + 1, 1_000_000_000_000].map(count), [1, 1, 2, 1_000]);
        assert_eq!(
            usual_shard_bytes(1_000_000_000_000, 8 << 30),
            8 << 30,
            "larger ones were asked for"
        );
    }
}
