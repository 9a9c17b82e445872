//! The core of Landfall: what a contract is, how bytes become records, records columns, columns files, and how a job is proved and committed.
//!
//! It does no network or disk I/O, reads no clock and no environment: shells feed it bytes.

pub mod contract;
pub mod unpack;
pub mod encoding;
mod token;
pub mod dialect;
pub mod evidence;
pub mod records;
pub mod lines;
mod formats;
pub mod opening;
pub mod sql;
pub mod lookup;
pub mod columns;
pub mod keys;
pub mod rejects;
pub mod cells;
pub mod shape;
pub mod mask;
pub mod chunks;
pub mod plain;
pub mod sink;
pub mod files;
pub mod shard;
pub mod plan;
pub mod sniff;
pub mod infer;
pub mod profile;
pub mod decision;
pub mod commit;
pub mod table;
pub mod merge;
pub mod delta;
pub mod bill;
pub mod message;
pub mod sources;
pub mod limits;
pub mod size;
mod nearest;
mod patterns;
mod short;
mod visible;

mod error;
mod unquoted;

pub use error::Error;
pub use unquoted::Unquoted;
