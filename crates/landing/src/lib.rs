//! The core of Landfall: what a contract is, how bytes become records, records columns, columns Parquet, and how a job is proved and committed.
//!
//! It does no network or disk I/O, reads no clock and no environment: shells feed it bytes.

pub mod contract;
pub mod dialect;
pub mod records;
pub mod lines;
pub mod columns;
pub mod rejects;
pub mod shape;
pub mod files;
pub mod shard;
pub mod plan;
pub mod commit;
pub mod message;

mod error;

pub use error::Error;
