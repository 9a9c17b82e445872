//! The steps of a job as async functions: each reads, calls the core, writes, and answers with a
//! small message.
//!
//! The Lambda functions and `landfall run` both call these and nothing else. Every step may run
//! twice, or be cut off anywhere, with the same outcome.

mod context;
mod ingest;
mod transform;
mod verify;
mod merge;
mod store;
mod commit;
mod settle;
mod undo;

pub mod announce;
pub mod functions;
pub mod inspection;
pub mod lineage;
pub mod shards;

mod afterwards;
mod attempt;
mod bill;
mod claims;
mod decision;
mod documents;
mod dry_run;
mod found;
mod hold;
mod keys;
mod left;
mod live;
mod newest;
mod open_rejects;
mod order;
mod output;
mod pieces;
mod planned;
mod profile;
mod ready;
mod references;
mod register;
mod replay;
mod rounds;
mod skipped;
mod source;
mod spending;
mod standing;
mod sweep;
mod upload;

pub use context::{Context, Place, Settings};
pub use dry_run::{DryReplay, DryRun, Outlook, Sample};
pub use hold::hold;
pub use ingest::ingest;
pub use landing::mask::Salt;
pub use merge::merge;
pub use replay::{LayoutRejects, rejected, rejects_by_layout};
pub use settle::{abandon, settle};
pub use store::store;
pub use transform::transform;
pub use verify::verify;
