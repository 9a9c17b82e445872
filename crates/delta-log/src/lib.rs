#![doc = include_str!("../README.md")]
//!
//! By the [protocol of the log](https://github.com/delta-io/delta/blob/master/PROTOCOL.md).

mod action;
mod entry;
mod checkpoint;
mod columns;
mod schema;

#[cfg(test)]
mod tests;

pub use action::{MetaData, Protocol, TableHead};
pub use checkpoint::{State, read_checkpoint};
pub use entry::{Entry, read_entry, write_entry};
pub use schema::settle;

/// The folder of the log, under the table's prefix.
pub const LOG: &str = "_delta_log/";

/// The key of entry `sequence` of a Delta log, under the table's prefix.
pub fn entry_key(prefix: &str, sequence: u64) -> String {
    format!("{prefix}{LOG}{sequence:020}.json")
}

/// The key of the checkpoint of the state after entry `sequence`, in one file.
pub fn checkpoint_key(prefix: &str, sequence: u64) -> String {
    format!("{prefix}{LOG}{sequence:020}.checkpoint.parquet")
}

/// The keys of the files of a checkpoint in so many parts, as others may write it.
pub fn checkpoint_parts(prefix: &str, sequence: u64, parts: u64) -> Vec<String> {
    (1..=parts)
        .map(|part| {
            format!("{prefix}{LOG}{sequence:020}.checkpoint.{part:010}.{parts:010}.parquet")
        })
        .collect()
}

/// The key of the pointer to the newest checkpoint.
pub fn last_checkpoint_key(prefix: &str) -> String {
    format!("{prefix}{LOG}_last_checkpoint")
}
