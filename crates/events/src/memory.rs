use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use serde_json::Value;

use crate::Events;

/// Events that are only kept, for tests.
#[derive(Debug, Default)]
pub struct Memory(Mutex<Vec<(String, Value)>>);

impl Memory {
    /// No events yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The types and details of all events so far.
    pub fn all(&self) -> Vec<(String, Value)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl Events for Memory {
    async fn put(&self, detail_type: &str, detail: &Value) -> Result<(), String> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((detail_type.to_owned(), detail.clone()));
        Ok(())
    }
}
