//! How far a job has come, as its shards tell while it runs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::message::Counts;

/// What shards of the first round have done.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// How many shards have ended.
    pub shards: u32,
    /// Bytes of the source that they read.
    pub bytes: u64,
    /// Their records.
    #[serde(flatten)]
    pub counts: Counts,
    /// Rejected records by the names of their faults. A record with several counts for each.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub faults: BTreeMap<String, u64>,
}

impl std::ops::AddAssign for Progress {
    fn add_assign(&mut self, other: Self) {
        self.shards += other.shards;
        self.bytes += other.bytes;
        self.counts += other.counts;
        for (fault, records) in other.faults {
            *self.faults.entry(fault).or_default() += records;
        }
    }
}

/// What a plan says that there is to do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Planned {
    /// How many objects are read.
    pub objects: u64,
    /// Bytes of the source.
    pub bytes: u64,
    /// How many shards work on them.
    pub shards: u32,
}
