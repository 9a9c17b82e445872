//! Runs the local cloud: MiniStack with the real `template.yaml` on it.

mod api;
mod cloud;

pub use api::{Answer, Api};
pub use cloud::{LocalCloud, Options, Pieces};
