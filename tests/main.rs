//! Tests of the whole.

mod flow;
mod end_to_end;
