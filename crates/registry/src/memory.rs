//! A registry in memory, for tests.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

use async_trait::async_trait;

use crate::Result;
use crate::table::{Key, List, Position, Table, Write};

/// A registry that is gone with the process.
#[derive(Debug, Default)]
pub struct Memory(Mutex<BTreeMap<Key, String>>);

impl Memory {
    /// An empty registry.
    pub fn new() -> Self {
        Self::default()
    }

    fn entries(&self) -> MutexGuard<'_, BTreeMap<Key, String>> {
        self.0.lock().expect("nobody panics while holding the entries")
    }
}

#[async_trait]
impl Table for Memory {
    async fn get(&self, key: &Key) -> Result<Option<String>> {
        Ok(self.entries().get(key).cloned())
    }

    async fn write(&self, writes: Vec<Write>) -> Result<bool> {
        // Lets other tasks in between reading and writing, as a network would: races show here too.
        tokio::task::yield_now().await;
        let mut entries = self.entries();
        let holds = writes
            .iter()
            .all(|write| write.when.holds(entries.get(&write.key).map(String::as_str)));
        if holds {
            for Write { key, then, .. } in writes {
                match then {
                    Some(entry) => entries.insert(key, entry),
                    None => entries.remove(&key),
                };
            }
        }
        Ok(holds)
    }

    async fn list(
        &self,
        list: &List,
        after: Option<&Position>,
        limit: usize,
    ) -> Result<Vec<(Position, String)>> {
        list.select(self.entries().iter(), after, limit)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn it_is_a_registry() {
        let registry = Arc::new(Memory::new());
        crate::conformance(registry.clone(), "memory").await;
        crate::live_conformance(registry, "memory").await;
    }
}
