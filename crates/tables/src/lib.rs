//! Turns the log of a dataset into its table: which files it has as of any commit, and how the next
//! commit is written.
//!
//! A dataset's log holds numbered entries without gaps, each written once, under a condition. What
//! is not in the log is not in the table, whatever lies under its prefix. The log is Landfall's own
//! or Delta Lake's; whoever reads it need not know which.

mod at;
mod log;
mod checkpoint;
mod base;
mod snapshot;

pub use at::At;
pub use base::Base;
pub use log::Log;
pub use snapshot::Snapshot;
