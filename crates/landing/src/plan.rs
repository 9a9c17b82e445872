//! What a job is going to do, settled before its first shard runs and never changed after.

use std::ops::Range;

use contract::{Compression, Contract, Mapping};
use csv_records::Limits;
use csv_records::dialect::Dialect;
use job::bill::Bill;
use job::message::{Shard, SourceRef, Submission};
use job::{Error, ErrorKind};
use serde::{Deserialize, Serialize};

use crate::evidence::Evidence;
use crate::limits;
use crate::manifest::Total;

/// The version of the steps, which a plan keeps: a failed job is redriven by steps of the version
/// that made its plan, or not at all.
///
/// Raise it when steps can't go on with what those before them left beside a job: when its plan,
/// its lists of shards and merges, receipts, pieces, keys, small files or its tally have another
/// form or mean something else, or when a shard is cut or a merge is planned in another way.
pub const STEPS: u32 = 4;

/// `plan.json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Plan {
    /// The version of the steps that made it: see [`STEPS`]. 0 is of those that told none.
    #[serde(default)]
    pub steps: u32,
    /// What was asked for.
    pub submission: Submission,
    /// The contract's document, as registered in the pinned version.
    pub contract: String,
    /// The [types](contract::Contract::expression_types) of its expressions, so that only who
    /// evaluates them has to parse them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expression_types: Vec<String>,
    /// The ways in which the objects are laid out, each once.
    pub layouts: Vec<Layout>,
    /// How many objects are landed.
    pub objects: u32,
    /// Bytes of all of them.
    pub source_bytes: u64,
    /// The first [`PART_OBJECTS`] of them. Each further part is a document of its own, so that no
    /// step has to hold them all.
    pub first_objects: Vec<PlannedObject>,
    /// Keys of those parts, in their order. They have their names from what is in them: runs that
    /// plan a job at once may find different versions of its objects, and each run's plan names
    /// the parts that this run wrote.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub more_objects: Vec<String>,
    /// How many objects that the source names are not landed: they landed before, or can't be read.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub skipped: u32,
    /// How many of these can't be read.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unreadable: u32,
    /// Key of the list of the objects that are not landed, if there are any. It has its name from
    /// what is in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped_list: Option<String>,
    /// What the objects are said to come to together.
    #[serde(default, skip_serializing_if = "Total::is_nothing")]
    pub total: Total,
    /// Bytes of a shard's range.
    pub shard_bytes: u64,
    /// How many shards there are.
    pub shards: u32,
    /// Bytes of keys that a shard keeps in memory.
    #[serde(default = "default_key_bytes")]
    pub key_bytes: u64,
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

/// How the records of an object are laid out, and which columns they are read into.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Layout {
    /// How the object is packed: never `auto`. All positions in a packed object are those of the
    /// bytes that it unpacks to.
    pub compression: Compression,
    /// How records and fields are told apart, and what their bytes stand for.
    pub dialect: Dialect,
    /// Which column each field is read from.
    pub mapping: Mapping,
    /// What `rejects.csv` begins with: in UTF-16 a byte order mark, and the header record, if there
    /// is one, as it stands in the object.
    pub header: Verbatim,
    /// What the contract left out, and the reason for each guess, of the first object that is laid
    /// out so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
}

/// One object of the source, pinned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedObject {
    /// With its version, if the bucket keeps versions, and its ETag.
    pub source: SourceRef,
    /// Its bytes.
    pub bytes: u64,
    /// CRC-64/NVME that the store holds of the whole object, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crc64nvme: Option<u64>,
    /// Other names for the same bytes by which an earlier job is found, such as the ETag.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contents: Vec<String>,
    /// Records that it is said to have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    /// The position of its layout in the plan, from 0.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub layout: u32,
    /// The first byte after the header: where the first row starts.
    pub data_start: u64,
    /// Lines before it.
    pub data_lines: u64,
    /// Where the data ends and the footer begins. `None`: there is no footer, or the object is
    /// packed, and its footer is found when it is unpacked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_end: Option<u64>,
}

/// What a shard reads of one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardPart {
    /// The range, in bytes from 0 of the object; of a packed one it is not known where it ends.
    pub range: Range<u64>,
    /// Where the first row starts, when it is known.
    pub first: Option<u64>,
    /// The line on which the range starts, from 1, when it is known.
    pub line: Option<u64>,
}

fn is_zero(count: &u32) -> bool {
    *count == 0
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
/// Most layouts of a job: all steps keep them.
pub const MAX_LAYOUTS: usize = 1_000;
/// Objects of a part of the list of objects.
pub const PART_OBJECTS: usize = 1_000;
/// Most objects that a shard lands whole: each takes a request at least.
pub const MAX_SHARD_OBJECTS: u32 = 1_000;
/// Most objects of a job.
pub const MAX_OBJECTS: usize = 100_000;
/// Most shards of a job: what one Distributed Map takes.
pub const MAX_SHARDS: u64 = 10_000;

impl Plan {
    /// The limits under which all shards read.
    pub fn limits(&self) -> Limits {
        Limits::default()
    }

    /// How an object is laid out.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Internal`]: the plan has no such layout.
    pub fn layout(&self, object: &PlannedObject) -> Result<&Layout, Error> {
        self.layouts.get(object.layout as usize).ok_or_else(|| {
            Error::new(ErrorKind::Internal, format!("the plan has no layout {}", object.layout))
        })
    }

    /// Whether there is but one object.
    pub fn is_one_object(&self) -> bool {
        self.objects == 1
    }

    /// How the source is called, for people and for what files say of themselves.
    pub fn source_name(&self) -> String {
        match self.first_objects.as_slice() {
            [only] if self.is_one_object() => only.name(),
            _ => self.submission.source.name(),
        }
    }
}

impl Layout {
    /// Makes a contract say of a source what it leaves out, as this layout has it: records that
    /// were read once are read likewise when they come again.
    pub fn settle(&self, contract: &mut Contract) {
        contract.dialect = contract.dialect.settle(&self.dialect).into();
        contract.encoding = contract.encoding.or(Some(self.dialect.encoding));
    }

    /// Whether objects are unpacked while they are read. Then each is read by one shard, whose
    /// range is that of the packed bytes.
    pub fn is_packed(&self) -> bool {
        self.compression != Compression::None
    }

    /// Whether another object is laid out likewise, whatever the reasons to think so.
    pub fn is_like(&self, other: &Self) -> bool {
        self.compression == other.compression
            && self.dialect == other.dialect
            && self.mapping == other.mapping
            && self.header == other.header
    }
}

impl PlannedObject {
    /// Bytes that the shards divide up: all, or those before the footer.
    pub fn data_bytes(&self) -> u64 {
        self.data_end.unwrap_or(self.bytes)
    }

    /// The bytes that a shard answers for: its range, and of the last one the footer too.
    pub fn own_bytes(&self, from: u64, to: u64) -> Range<u64> {
        from..if to == self.data_bytes() && self.data_end.is_some() { self.bytes } else { to }
    }

    /// How the object is called, for people and for the lineage column.
    pub fn name(&self) -> String {
        self.source.name()
    }

    /// Most bytes that it may unpack to.
    pub fn unpacked_limit(&self) -> u64 {
        limits::unpacked_bytes(self.bytes)
    }

    /// What a shard reads of the object.
    pub fn part(&self, shard: &Shard, layout: &Layout) -> ShardPart {
        let (range, first, line) = match shard.objects {
            1 => (shard.from..shard.to, shard.first, shard.line),
            _ => (0..self.data_bytes(), Some(self.data_start), shard.line.map(|_| 1)),
        };
        // How long a packed object is turns out at its end.
        let range = if layout.is_packed() { 0..u64::MAX } else { range };
        ShardPart { range, first, line }
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

/// What matters of an object for how it is cut.
#[derive(Debug, Clone, Copy)]
pub struct Extent {
    /// Its bytes.
    pub bytes: u64,
    /// Bytes that the shards divide up.
    pub data_bytes: u64,
    /// The first byte after the header.
    pub data_start: u64,
    /// How it is packed.
    pub compression: Compression,
    /// Bytes of a unit of its text.
    pub unit: u64,
}

impl Extent {
    /// That of an object.
    pub fn of(object: &PlannedObject, layout: &Layout) -> Self {
        Self {
            bytes: object.bytes,
            data_bytes: object.data_bytes(),
            data_start: object.data_start,
            compression: layout.compression,
            unit: layout.dialect.encoding.unit_bytes() as u64,
        }
    }
}

/// How objects are cut.
#[derive(Debug, Clone)]
pub struct Cut {
    /// Bytes of the range of a shard.
    pub shard_bytes: u64,
    /// The shards.
    pub shards: Vec<Shard>,
    /// Why there is but one, if that is not for the size of the source.
    pub one_shard_because: Option<String>,
}

/// Shards of many objects that a job has at most, about: the last one of each object and each group
/// of small ones may be smaller than the others.
const MANY_SHARDS: u64 = MAX_SHARDS / 4;

/// Cuts objects into shards of about `wanted` bytes: large ones into ranges, and of small ones
/// several beside each other are put together.
pub fn cut(objects: &[Extent], wanted: u64) -> Cut {
    if let [only] = objects {
        return cut_one(only, wanted);
    }
    let bytes: u64 = objects.iter().map(|object| object.bytes).sum();
    let shard_bytes = wanted.max(bytes / MANY_SHARDS);
    let mut shards: Vec<Shard> = Vec::new();
    // The group of small objects that is being filled.
    let mut group: Option<Shard> = None;
    for (position, object) in (0..).zip(objects) {
        if object.compression != Compression::None || object.data_bytes <= shard_bytes {
            let has_room = |group: &Shard| {
                group.to + object.data_bytes <= shard_bytes && group.objects < MAX_SHARD_OBJECTS
            };
            match &mut group {
                Some(group) if has_room(group) => {
                    group.to += object.data_bytes;
                    group.objects += 1;
                }
                _ => {
                    shards.extend(group.replace(Shard {
                        first: Some(object.data_start),
                        ..Shard::of_range(0, position, 0..object.data_bytes)
                    }));
                }
            }
        } else {
            shards.extend(group.take());
            let ranges = cut_one(object, shard_bytes).shards;
            shards.extend(ranges.into_iter().map(|range| Shard { object: position, ..range }));
        }
    }
    shards.extend(group);
    (0..).zip(&mut shards).for_each(|(index, shard)| shard.index = index);
    Cut { shard_bytes, shards, one_shard_because: None }
}

fn cut_one(object: &Extent, wanted: u64) -> Cut {
    let Extent { bytes, data_bytes, data_start, compression, unit } = *object;
    if compression == Compression::None {
        let wanted = wanted.max(1).checked_next_multiple_of(unit).unwrap_or(wanted - wanted % unit);
        let (shard_bytes, shards) = shards(data_bytes, data_start, wanted);
        return Cut { shard_bytes, shards, one_shard_because: None };
    }
    let whole = Shard { first: Some(data_start), ..Shard::of_range(0, 0, 0..bytes) };
    let because = format!("{} can only be unpacked from its beginning", compression.name());
    Cut { shard_bytes: bytes, shards: vec![whole], one_shard_because: Some(because) }
}

/// Cuts an object into ranges of `shard_bytes`, larger where there would be more than
/// [`MAX_SHARDS`]. An object without data is one shard. Positions of shards and of their object
/// are those of a plan with this object alone.
///
/// In UTF-16 ranges must begin at even bytes: they do if `shard_bytes` is even.
///
/// Up to the one in which the data starts, shards know where their first row starts: at
/// `data_start`.
pub fn shards(bytes: u64, data_start: u64, shard_bytes: u64) -> (u64, Vec<Shard>) {
    let shard_bytes =
        shard_bytes.max(MIN_SHARD_BYTES).max(bytes.div_ceil(MAX_SHARDS).next_multiple_of(2));
    let count = bytes.div_ceil(shard_bytes).max(1);
    let shard = |index: u64| {
        let from = index * shard_bytes;
        let first = (from <= data_start).then_some(data_start);
        Shard { first, ..Shard::of_range(index as u32, 0, from..(from + shard_bytes).min(bytes)) }
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
