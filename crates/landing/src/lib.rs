//! The core of Landfall: what a contract is, how bytes become records, records columns, columns
//! files, and how a job is proved and committed.
//!
//! It does no network or disk I/O, reads no clock and no environment: shells feed it bytes.

pub mod unpack;
pub mod evidence;
mod formats;
pub mod opening;
pub mod lookup;
pub mod manifest;
pub mod columns;
pub mod keys;
pub mod batch;
pub mod mask;
pub mod text;
pub mod files;
pub mod hold;
mod transform;
pub mod shard;
pub mod plan;
pub mod sniff;
pub mod profile;
pub mod commit;
pub mod table;
pub mod merge;
pub mod open_rejects;
pub mod limits;
