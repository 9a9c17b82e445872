//! No registry, for functions that never ask one.

use async_trait::async_trait;

use crate::table::{Key, List, Position, Table, Write};
use crate::{Error, Result};

/// A registry that refuses whatever it is asked.
#[derive(Debug, Clone, Copy)]
pub struct Absent;

fn refused<T>() -> Result<T> {
    Err(Error::Impossible("this function was given no registry, and asks one".to_owned()))
}

#[async_trait]
impl Table for Absent {
    async fn get(&self, _: &Key) -> Result<Option<String>> {
        refused()
    }

    async fn write(&self, _: Vec<Write>) -> Result<bool> {
        refused()
    }

    async fn list(
        &self,
        _: &List,
        _: Option<&Position>,
        _: usize,
    ) -> Result<Vec<(Position, String)>> {
        refused()
    }
}
