//! Calls the binary as people and scripts do.

mod new;
mod plan;
mod check;
mod rows;
mod run;
mod answers;
mod files;
mod told;
mod suites;

mod binary;
mod session;
