//! Makes every dataset a table of the catalog in which query engines look: AWS Glue, or memory.
//!
//! A dataset is one table there, which is created by its first commit and follows what its contract
//! says. The catalog is no part of a commit: whatever happens to it, the log says what is in the
//! table. So it may lag, and the next commit catches up with what an earlier one could not tell it.

use async_trait::async_trait;
use serde_json::Value;

mod definition;
mod register;
mod memory;
#[cfg(feature = "glue")]
mod glue;

pub use definition::definition;
#[cfg(feature = "glue")]
pub use glue::Glue;
pub use memory::Memory;
pub use register::{Commit, register};

/// The port to one database of a catalog. Tables and partitions are as Glue's API has them:
/// `TableInput`, `Table`, `PartitionInput`.
#[async_trait]
pub trait Catalog: Send + Sync {
    /// A table, if it is there. Its `VersionId` is another one after each change.
    async fn get_table(&self, name: &str) -> Result<Option<Value>, Error>;
    /// Creates a table; [`Error::Changed`] if there is one of its name.
    async fn create_table(&self, table: &Value) -> Result<(), Error>;
    /// Replaces a table that is still of a version; [`Error::Changed`] if it is not.
    async fn update_table(&self, table: &Value, version: &str) -> Result<(), Error>;
    /// Creates partitions, at most [`MOST_PARTITIONS`]. Those that are there stay as they are.
    async fn create_partitions(&self, table: &str, partitions: &[Value]) -> Result<(), Error>;
}

/// Most partitions that are created by one call: Glue's limit.
pub const MOST_PARTITIONS: usize = 100;

/// What went wrong with the catalog.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Somebody else was faster: look again at what is there.
    #[error("the table is being changed by others")]
    Changed,
    /// It did not answer, or answered that it is busy; worth another attempt.
    #[error("{0}")]
    Unavailable(String),
    /// What another attempt can't change, and what to do.
    #[error("{0}")]
    Refused(String),
}
