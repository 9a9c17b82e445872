//! The API as callers see it, over memory.
#![expect(clippy::unwrap_used)]

mod door;

mod access;
mod answers;
mod datasets;
mod dismiss;
mod dry_run;
mod execution;
mod files;
mod hold;
mod infer;
mod jobs;
mod openapi;
mod problems;
mod redrive;
mod replay;
mod results;
mod shape;
mod sources;
mod tickets;
mod uploads;
