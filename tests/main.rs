//! Tests the whole.
#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod agreement;
mod flow;
mod end_to_end;
mod cases;
mod docs;
