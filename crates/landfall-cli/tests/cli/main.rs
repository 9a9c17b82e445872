//! The binary, as people and scripts call it.

mod new;
mod plan;
mod check;
mod rows;
mod run;
mod answers;
mod files;
mod suites;

mod binary;
