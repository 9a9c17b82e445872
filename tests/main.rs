//! Tests of the whole.

mod flow;
