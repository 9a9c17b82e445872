//! Holds what the project does with itself: the local cloud, the check of the state machine,
//! packages.
//!
//! The end-to-end tests use this library, so that they and `cargo xtask demo` run the same cloud.

pub mod asl;
pub mod checkout;
pub mod functions;
pub mod local;
mod python;

pub use python::Python;

/// The result of a task; the error is a text for whoever ran it.
pub type Result<T> = std::result::Result<T, String>;
