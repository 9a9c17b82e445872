use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use crate::{Event, Events};

/// Events that are only kept, for tests.
#[derive(Debug, Default)]
pub struct Memory(Mutex<Vec<Event>>);

impl Memory {
    /// No events yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// All events so far.
    pub fn all(&self) -> Vec<Event> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl Events for Memory {
    async fn put(&self, event: &Event) -> Result<(), String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(event.clone());
        Ok(())
    }
}
