//! Runs the steps in the order of the state machine, over memory: what lands, what is rejected, and
//! what happens when something fails.

mod afterwards;
mod arrivals;
pub(crate) mod bench;
mod machine;
mod many;
mod bills;
mod failures;
mod catalog;
mod commits;
mod holds;
mod identity;
mod inspection;
mod dialects;
mod encodings;
mod ends;
mod joins;
mod keys;
mod kills;
mod leaks;
mod masks;
mod merges;
mod order;
mod outputs;
mod packed;
mod partitions;
mod profile;
mod races;
mod redrives;
mod rejects;
mod replays;
mod schemas;
mod settling;
mod sources;
mod splits;
mod transforms;
mod voids;
