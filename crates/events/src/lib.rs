//! Tells what happens to jobs on an event bus: Amazon EventBridge's, or one in memory.

use async_trait::async_trait;
use serde_json::Value;

#[cfg(feature = "event-bridge")]
mod event_bridge;
mod memory;

#[cfg(feature = "event-bridge")]
pub use event_bridge::EventBridge;
pub use memory::Memory;

/// The `source` of all events.
pub const SOURCE: &str = "landfall";

/// The port to an event bus.
#[async_trait]
pub trait Events: Send + Sync {
    /// Puts an event on the bus. The error is a text for the log.
    async fn put(&self, event: &Event) -> Result<(), String>;
}

/// An event, as it is put on the bus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// What kind of event it is, `landfall.job.landed`.
    pub detail_type: String,
    /// A JSON object that holds keys and counts, never rows.
    pub detail: Value,
}
