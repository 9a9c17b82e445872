//! The binary, as people and scripts call it.

mod new;
mod check;
mod rows;
mod run;
mod suites;

mod binary;
