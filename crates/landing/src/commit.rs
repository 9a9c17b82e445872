//! What a shard reports, what the reports add up to, and the one document that makes a job visible.

use std::collections::{BTreeMap, BTreeSet};

use contract::rejects::ErrorName;
use contract::{Afterwards, Mode};
use csv_records::Tile;
use job::TableFormat;
use job::bill::{Bill, Usage};
use job::message::{Counts, Failure, JobId, Source, SourceRef, digest};
use job::{Error, ErrorKind};
use serde::{Deserialize, Serialize};

use crate::profile::Bounds;
use crate::table::SchemaAt;

/// A file that a shard wrote as an upload and left open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenFile {
    /// The object's key, once it is completed.
    pub key: String,
    /// The upload's id.
    pub upload: String,
    /// The parts: ETags, in order.
    pub parts: Vec<String>,
    /// The folders: `a=1/b=2/`, or nothing.
    pub folder: String,
    /// Rows.
    pub rows: u64,
    /// Bytes.
    pub bytes: u64,
    /// What is known of its columns, as a Delta log has it, if it is for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stats: Option<String>,
}

/// A file that a shard left beside the job, as it is small: before the commit it is put together
/// with others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SmallFile {
    /// The object's key, in the work bucket.
    pub key: String,
    /// The folders: `a=1/b=2/`, or nothing.
    pub folder: String,
    /// Rows.
    pub rows: u64,
    /// Bytes.
    pub bytes: u64,
    /// What is known of its columns, as a Delta log has it, if it is for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stats: Option<String>,
}

/// What a shard reports back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The shard's position, from 0.
    pub shard: u32,
    /// The round in which it ran.
    pub round: u32,
    /// The attempt that won.
    pub attempt: String,
    /// The position of its first object in the plan, from 0.
    pub object: u32,
    /// What it read, object by object, but for those that are left out: see [`read`](Self::read).
    pub parts: Vec<ReceiptPart>,
    /// The objects that it left out, in their order, as they turned out not to be readable.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOut>,
    /// Its rows.
    pub counts: Counts,
    /// Lines of its rejected records besides the first of each.
    #[serde(default, skip_serializing_if = "is_none")]
    pub surplus_lines: u64,
    /// Its files.
    pub files: Vec<OpenFile>,
    /// Those that it left beside the job, as they are small.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub small: Vec<SmallFile>,
    /// Its rejected records, by their layouts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rejects: Vec<RejectsPiece>,
    /// Rejected records by their faults. A record with several counts for each.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub faults: BTreeMap<ErrorName, u64>,
    /// Key of its faults, when there are any.
    pub errors: Option<String>,
    /// Key of its profile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// The documents of its keys, when there may be others with the same: one for each of its
    /// [stretches](crate::keys).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<String>,
    /// When the attempt began, as `2026-01-31T12:00:00.000Z`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<String>,
    /// What the attempt used, up to the writing of the receipt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spent: Option<Usage>,
}

impl Receipt {
    /// What it read of each object, by the object's position in the plan. Nothing is told of the
    /// objects that it left out.
    pub fn read(&self) -> impl Iterator<Item = (u32, &ReceiptPart)> {
        let is_left_out = |position: &u32| self.left_out.iter().any(|out| out.object == *position);
        (self.object..).filter(move |position| !is_left_out(position)).zip(&self.parts)
    }

    /// Takes the rows out of it if they are of an object that is left out. Several shards may have
    /// parts of an object, and one of them that can't read it tells so for all: what the others
    /// wrote does not count. What the attempt used does.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Internal`]: it has rows of others too. Whoever has a whole object leaves it out
    /// of what it writes.
    pub fn leave_out(&mut self, is_left_out: impl Fn(u32) -> bool) -> Result<(), Error> {
        let Some(object) =
            self.read().map(|(object, _)| object).find(|object| is_left_out(*object))
        else {
            return Ok(());
        };
        if self.parts.len() > 1 {
            return Err(Error::new(
                ErrorKind::Internal,
                format!("shard {} has rows of object {object}, and of others", self.shard),
            ));
        }
        self.parts.clear();
        self.counts = Counts::default();
        self.surplus_lines = 0;
        self.files.clear();
        self.small.clear();
        self.rejects.clear();
        self.faults.clear();
        (self.errors, self.profile) = (None, None);
        self.keys.clear();
        Ok(())
    }
}

/// An object that a shard left out: nothing of it is in what the shard wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// The position of the object in the plan, from 0.
    pub object: u32,
    /// Why, by the name of a failure.
    pub error: String,
    /// What happened, and where.
    pub message: String,
}

impl LeftOut {
    /// An object, by its position in the plan, that can't be read.
    pub fn new(object: u32, error: Error) -> Self {
        Self { object, error: error.name().to_owned(), message: error.message }
    }
}

/// What a shard read of one object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptPart {
    /// How its rows tile the object.
    pub tile: Tile,
    /// CRC-64/NVME of the bytes of the shard's range.
    pub crc64nvme: u64,
    /// Its rows.
    pub counts: Counts,
}

/// Rejected records of a shard that are laid out alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RejectsPiece {
    /// The position of their layout in the plan, from 0.
    pub layout: u32,
    /// The key of the records.
    pub key: String,
}

/// What `verify` found: the source is tiled, and everything is accounted for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// The winning shards in order.
    pub shards: Vec<TalliedShard>,
    /// All rows.
    pub counts: Counts,
    /// Lines of all rejected records besides the first of each.
    #[serde(default, skip_serializing_if = "is_none")]
    pub surplus_lines: u64,
    /// What was read of each object, in the order of the plan.
    pub objects: Vec<TalliedObject>,
    /// Bytes of the objects that shards left out.
    #[serde(default, skip_serializing_if = "is_none")]
    pub left_out_bytes: u64,
    /// How many [merges](crate::merge) come before the commit.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub merges: u32,
    /// Why the job waits for approval, each in a sentence.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hold: Vec<String>,
    /// How its header differs from that of the last commit, if somebody asked and it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift: Option<HeaderDrift>,
    /// Of each round the winning shard that was worked longest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub slowest: Vec<SlowShard>,
}

/// How the header of a source differs from that of the last commit. What stands in a header may be
/// data, so this only counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HeaderDrift {
    /// The job of that commit.
    pub last_job: JobId,
    /// Columns that it did not have.
    pub new_columns: u64,
    /// Columns that only it had. With neither, the columns stand in another order.
    pub missing_columns: u64,
}

/// A shard that was worked long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlowShard {
    /// The round.
    pub round: u32,
    /// Position of the shard in the plan, from 0.
    pub shard: u32,
    /// How long the attempt took that won.
    pub milliseconds: u64,
}

impl SlowShard {
    /// Of each round the shard that was worked longest, by round.
    pub fn of_rounds(receipts: &[Receipt]) -> Vec<Self> {
        let mut slowest = BTreeMap::<u32, Self>::new();
        for receipt in receipts {
            let Some(spent) = &receipt.spent else { continue };
            let (round, shard) = (receipt.round, receipt.shard);
            let it = Self { round, shard, milliseconds: spent.milliseconds };
            let known = slowest.entry(round).or_insert(it);
            if known.milliseconds < it.milliseconds {
                *known = it;
            }
        }
        slowest.into_values().collect()
    }
}

fn one() -> u32 {
    1
}

fn is_one(count: &u32) -> bool {
    *count == 1
}

fn is_zero(count: &u32) -> bool {
    *count == 0
}

fn is_none(lines: &u64) -> bool {
    *lines == 0
}

/// A shard in a tally.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TalliedShard {
    /// The round whose receipt won.
    pub round: u32,
    /// The position of its first object in the plan, from 0.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub object: u32,
    /// Lines of that object before the shard's first row.
    pub lines: u64,
    /// Records of that object before it.
    pub records: u64,
}

/// An object in a tally.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TalliedObject {
    /// CRC-64/NVME of the whole object.
    pub crc64nvme: u64,
    /// Its rows.
    pub counts: Counts,
    /// Whether it was left out, as it turned out not to be readable.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_left_out: bool,
}

impl Tally {
    /// How many objects were left out.
    pub fn left_out(&self) -> u32 {
        self.objects.iter().filter(|object| object.is_left_out).count() as u32
    }

    /// Whether the object at a position in the plan was not left out.
    pub fn lands(&self, position: u32) -> bool {
        self.objects.get(position as usize).is_none_or(|object| !object.is_left_out)
    }

    /// Records of the whole source before the first one of each object, and at last all of them.
    pub fn records_before(&self) -> Vec<u64> {
        let mut records = vec![0];
        for object in &self.objects {
            records.push(records[records.len() - 1] + object.counts.read);
        }
        records
    }
}

/// An entry of a dataset's commit log: `_landfall/<sequence>.json`. Its being there makes the job
/// visible.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    /// Its number, from 0, without gaps.
    pub sequence: u64,
    /// When it was written, in RFC 3339 and UTC, by the clock of the writer.
    pub committed: String,
    /// The job that it is of.
    pub job: JobId,
    /// What it does to the files that are there.
    pub mode: Mode,
    /// In whose form of log it stands.
    #[serde(default)]
    pub table: TableFormat,
    /// The job whose rejects it landed, if it is a replay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replay_of: Option<JobId>,
    /// The contract's version.
    pub contract: u32,
    /// What was landed: the object, pinned, or how its objects were named.
    pub source: Source,
    /// How many objects it has.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub objects: u32,
    /// What becomes of the source once this is committed; `None`: it stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub afterwards: Option<Afterwards>,
    /// Bytes of the source.
    pub source_bytes: u64,
    /// CRC-64/NVME of the only object, in 16 hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_crc64nvme: Option<String>,
    /// Rows.
    pub counts: Counts,
    /// Bytes of all files.
    pub bytes: u64,
    /// How the header differs from that of the last commit before the job was verified, if somebody
    /// asked and it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift: Option<HeaderDrift>,
    /// Nulls, by column.
    pub nulls: BTreeMap<String, u64>,
    /// The least and the greatest value, by column.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub bounds: BTreeMap<String, Bounds>,
    /// What the job cost up to here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bill: Option<Bill>,
    /// The files, by shard; one that was put together counts as of the first shard that it has rows
    /// of.
    pub files: Vec<CommittedFile>,
    /// Why nothing was committed after all: the entry then adds no file and removes none. A job
    /// whose decision was to commit ends with it when that turns out to be impossible, so that no
    /// other run of `store` can write an entry for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub void: Option<Failure>,
    /// Keys of the files that it removes from the table: all that earlier commits left, or those of
    /// the partitions that it replaces.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<String>,
    /// Where the schema stands that the table has from this entry on; `None`: it has no files, none
    /// of its entries has a schema, or its form of log has one of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<SchemaAt>,
}

/// A file of a commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommittedFile {
    /// Key, in the lake's bucket.
    pub key: String,
    /// The values of the fields that name its folders, as they stand there.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub partition: BTreeMap<String, String>,
    /// Rows.
    pub rows: u64,
    /// Bytes.
    pub bytes: u64,
    /// What is known of its columns, on its way into a Delta log.
    #[serde(skip)]
    pub stats: Option<String>,
}

impl Commit {
    /// The entry of a job that can't commit any more: it says only why.
    pub fn voided(self, because: Failure) -> Self {
        let counts = Counts { stored: 0, ..self.counts };
        // In append, so that no reader takes it for one that replaces all of the table.
        Self {
            mode: Mode::Append,
            counts,
            bytes: 0,
            files: Vec::new(),
            removed: Vec::new(),
            void: Some(because),
            ..self
        }
    }
}

impl CommittedFile {
    /// A file as it is once its upload is completed.
    pub fn of(file: &OpenFile) -> Self {
        let values = file.folder.split_terminator('/').filter_map(|part| part.split_once('='));
        let partition = values.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Self {
            key: file.key.clone(),
            partition,
            rows: file.rows,
            bytes: file.bytes,
            stats: file.stats.clone(),
        }
    }
}

/// The files of a table as its commits leave them, in the order of their keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table(BTreeMap<String, CommittedFile>);

impl Table {
    /// Does what a commit does.
    pub fn apply(&mut self, added: impl IntoIterator<Item = CommittedFile>, removed: &[String]) {
        for key in removed {
            self.0.remove(key);
        }
        self.0.extend(added.into_iter().map(|file| (file.key.clone(), file)));
    }

    /// The files that a commit of `added` removes.
    ///
    /// [`ErrorKind::ContractInvalid`] when partitions are to be replaced, but files are there that
    /// were partitioned by other fields than `partition_by`.
    pub fn replaced(
        &self,
        mode: Mode,
        partition_by: &[String],
        added: &[CommittedFile],
    ) -> Result<Vec<String>, Error> {
        match mode {
            Mode::Append => Ok(Vec::new()),
            Mode::Overwrite => Ok(self.0.keys().cloned().collect()),
            Mode::OverwritePartitions => {
                let wanted: BTreeSet<&str> = partition_by.iter().map(String::as_str).collect();
                if let Some(other) = self.0.values().find(|file| {
                    !file.partition.keys().map(String::as_str).eq(wanted.iter().copied())
                }) {
                    let names: Vec<_> = other.partition.keys().map(String::as_str).collect();
                    return Err(Error::new(
                        ErrorKind::ContractInvalid,
                        format!(
                            "partitions by {} can't be replaced: there are files partitioned by {}; `mode: overwrite` replaces them all, once",
                            partition_by.join(", "),
                            if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
                        ),
                    ));
                }
                let partitions: BTreeSet<_> = added.iter().map(|file| &file.partition).collect();
                let replaced = self.0.values().filter(|file| partitions.contains(&file.partition));
                Ok(replaced.map(|file| file.key.clone()).collect())
            }
        }
    }

    /// The files.
    pub fn files(&self) -> impl ExactSizeIterator<Item = &CommittedFile> {
        self.0.values()
    }

    /// The files, by key.
    pub fn into_files(self) -> Vec<CommittedFile> {
        self.0.into_values().collect()
    }
}

/// The key of entry `sequence` of a commit log, under the dataset's prefix.
pub fn log_key(dataset_prefix: &str, sequence: u64) -> String {
    format!("{dataset_prefix}_landfall/{sequence:020}.json")
}

/// The name by which content is remembered: its size and its CRC-64/NVME.
pub fn content_name(bytes: u64, crc64nvme: u64) -> String {
    format!("{bytes}-crc64nvme-{crc64nvme:016x}")
}

/// The name by which a version of an object is remembered whose bytes are not known before they are
/// read.
pub fn version_name(source: &SourceRef, bytes: u64) -> String {
    let SourceRef { bucket, key, version, etag, .. } = source;
    let state = version.as_deref().or(etag.as_deref()).unwrap_or_default();
    format!("{bytes}-version-{}", digest(&[bucket, key, state]))
}

/// Whether a name is that of a version, which tells nothing of the bytes of other objects.
pub fn is_version_name(name: &str) -> bool {
    name.contains("-version-")
}

/// The CRC-64/NVME of two stretches of bytes, one after the other.
pub fn combine_crc64nvme(first: u64, second: u64, second_bytes: u64) -> u64 {
    crc_fast::checksum_combine(crc_fast::CrcAlgorithm::Crc64Nvme, first, second, second_bytes)
}

/// A CRC-64/NVME on its way.
#[derive(Debug)]
pub struct Crc64Nvme(crc_fast::Digest);

impl Default for Crc64Nvme {
    fn default() -> Self {
        Self(crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc64Nvme))
    }
}

impl Crc64Nvme {
    /// Takes the next bytes in.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The CRC of all bytes so far.
    pub fn value(&self) -> u64 {
        self.0.finalize()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(key: &str) -> CommittedFile {
        let values = key
            .rsplit_once('/')
            .map_or("", |(folder, _)| folder)
            .split('/')
            .filter_map(|part| part.split_once('='));
        let partition = values.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        CommittedFile { key: key.to_owned(), partition, rows: 1, bytes: 1, stats: None }
    }

    fn table(keys: &[&str]) -> Table {
        let mut table = Table::default();
        table.apply(keys.iter().map(|key| file(key)), &[]);
        table
    }

    #[test]
    fn a_mode_says_what_is_replaced() {
        let there = table(&["k=a/1", "k=a/2", "k=b/3"]);
        let by = ["k".to_owned()];
        let replaced = |mode, added: &[&str]| {
            there.replaced(mode, &by, &added.iter().map(|key| file(key)).collect::<Vec<_>>())
        };
        assert_eq!(replaced(Mode::Append, &["k=a/9"]), Ok(vec![]));
        assert_eq!(
            replaced(Mode::Overwrite, &[]),
            Ok(["k=a/1", "k=a/2", "k=b/3"].map(str::to_owned).to_vec())
        );
        assert_eq!(
            replaced(Mode::OverwritePartitions, &["k=a/9", "k=c/9"]),
            Ok(["k=a/1", "k=a/2"].map(str::to_owned).to_vec())
        );
        assert_eq!(replaced(Mode::OverwritePartitions, &[]), Ok(vec![]));
    }

    #[test]
    fn partitions_by_other_fields_are_not_replaced() {
        for (there, by) in [("1", "nothing"), ("j=a/1", "j"), ("j=a/k=a/1", "j, k")] {
            let refused = table(&[there])
                .replaced(Mode::OverwritePartitions, &["k".to_owned()], &[])
                .expect_err(there);
            assert!(refused.to_string().contains(&format!("partitioned by {by};")), "{refused}");
        }
    }
}
