//! The registry: contracts and their versions, jobs, and what was loaded. Amazon DynamoDB, a
//! directory, or memory.
//!
//! The logic is written once (`ledger`), over tables that can do three things (`table`): get an
//! entry, write entries all or none under conditions, and list entries in order. Where two writers
//! meet, a condition fails and the loser looks again.

mod live;
mod port;

mod attempts;
mod cursor;
mod gathering;
mod ledger;
mod table;
mod texts;
mod turns;

mod absent;
mod directory;
#[cfg(feature = "dynamodb")]
mod dynamodb;
mod memory;

mod conformance;

pub use absent::Absent;
pub use conformance::{conformance, live_conformance};
pub use directory::{Directory, Waiting};
#[cfg(feature = "dynamodb")]
pub use dynamodb::DynamoDb;
pub use live::*;
pub use memory::Memory;
pub use port::*;
