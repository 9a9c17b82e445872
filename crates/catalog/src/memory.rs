//! Keeps a catalog in memory.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;
use serde_json::{Value, json};

use crate::{Catalog, Error};

/// A catalog in memory, which fails when it is told to.
#[derive(Debug, Default)]
pub struct Memory(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    tables: BTreeMap<String, Value>,
    partitions: BTreeMap<(String, String), Value>,
    failures: Vec<Error>,
}

impl Memory {
    /// A catalog without tables.
    pub fn new() -> Self {
        Self::default()
    }

    /// Has the next calls fail, the last one given first.
    pub fn fail(&self, failures: impl IntoIterator<Item = Error>) {
        self.state().failures = failures.into_iter().collect();
    }

    /// A table as it is.
    pub fn table(&self, name: &str) -> Option<Value> {
        self.state().tables.get(name).cloned()
    }

    /// The values and locations of a table's partitions.
    pub fn partitions(&self, name: &str) -> Vec<(Value, Value)> {
        let state = self.state();
        let of_table = state.partitions.iter().filter(|((table, _), _)| table == name);
        of_table
            .map(|(_, partition)| {
                (partition["Values"].clone(), partition["StorageDescriptor"]["Location"].clone())
            })
            .collect()
    }

    /// Changes a table, as somebody else may.
    pub fn change(&self, name: &str, change: impl FnOnce(&mut Value)) {
        let mut state = self.state();
        if let Some(table) = state.tables.get_mut(name) {
            change(table);
            advance(table);
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().expect("nobody panics with the lock")
    }

    fn call(&self) -> Result<std::sync::MutexGuard<'_, State>, Error> {
        let mut state = self.state();
        match state.failures.pop() {
            Some(failure) => Err(failure),
            None => Ok(state),
        }
    }
}

fn advance(table: &mut Value) {
    let version =
        table["VersionId"].as_str().and_then(|text| text.parse::<u64>().ok()).unwrap_or_default();
    table["VersionId"] = json!((version + 1).to_string());
}

fn name_of(table: &Value) -> String {
    table["Name"].as_str().unwrap_or_default().to_owned()
}

#[async_trait]
impl Catalog for Memory {
    async fn get_table(&self, name: &str) -> Result<Option<Value>, Error> {
        Ok(self.call()?.tables.get(name).cloned())
    }

    async fn create_table(&self, table: &Value) -> Result<(), Error> {
        let mut state = self.call()?;
        if state.tables.contains_key(&name_of(table)) {
            return Err(Error::Changed);
        }
        let mut table = table.clone();
        advance(&mut table);
        state.tables.insert(name_of(&table), table);
        Ok(())
    }

    async fn update_table(&self, table: &Value, version: &str) -> Result<(), Error> {
        let mut state = self.call()?;
        let there = state
            .tables
            .get_mut(&name_of(table))
            .filter(|there| there["VersionId"] == version)
            .ok_or(Error::Changed)?;
        *there = table.clone();
        there["VersionId"] = json!(version);
        advance(there);
        Ok(())
    }

    async fn create_partitions(&self, table: &str, partitions: &[Value]) -> Result<(), Error> {
        let mut state = self.call()?;
        for partition in partitions {
            state
                .partitions
                .entry((table.to_owned(), partition["Values"].to_string()))
                .or_insert_with(|| partition.clone());
        }
        Ok(())
    }
}
