//! Runs a state machine of the Amazon States Language in one process.
//!
//! A document goes into [`Machine::read`], which refuses what it does not know. [`Machine::run`]
//! is given an input and what lies [outside]: a clock, chance, functions, lists of items. An
//! [`Ended`] execution comes out: its output or its failure, and the events that Step Functions
//! would tell, which [`History`] reads whoever told them.
//!
//! Everything that is not asked of the outside is decided by the document and the input alone, so
//! a run on a virtual clock does the same each time.

mod errors;
mod execution;
pub mod history;

mod refusal;
mod fields;
mod path;
mod template;
mod amount;
mod compare;
mod choice;
mod data;
mod retry;
mod task;
mod map;
mod state;
mod machine;
mod graph;

pub mod outside;
mod clock;
mod context;
mod log;
mod run;
mod items;
mod item;
mod start;

pub use clock::{Hasty, Tokio};
pub use execution::{Execution, Status, cause};
pub use graph::{Edge, EdgeKind, Graph, NextRetry, Node, Standing};
pub use history::{Event, Failure, History};
pub use log::{Item, MapItems};
pub use machine::Machine;
pub use outside::{Call, Chance, Clock, Fixed, Items, Outside, Seeded, Tasks};
pub use refusal::Refusal;
pub use start::{Ended, Start};
