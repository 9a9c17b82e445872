//! Names the errors that the engine itself gives.

/// The error of an execution that can't go on: no retrier and no catcher is asked.
pub(crate) const RUNTIME: &str = "States.Runtime";
/// The error of what took longer than it may.
pub(crate) const TIMEOUT: &str = "States.Timeout";
