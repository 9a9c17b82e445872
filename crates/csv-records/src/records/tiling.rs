//! Proves that shards tile a source, by a walk along the chain of their ends and starts.

use serde::{Deserialize, Serialize};

/// What a shard found out about its place in the source. Positions are bytes from 0 of the source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tile {
    /// The first byte of its range.
    pub from: u64,
    /// The byte after its range.
    pub to: u64,
    /// Every way to read it in which a row starts inside the range, by first row start.
    pub readings: Vec<Reading>,
    /// The index of the reading that was transformed; `None`: nothing was, as no row starts inside
    /// the range.
    pub taken: Option<usize>,
    /// Line terminators in the rows of the taken reading.
    pub lines: u64,
    /// Records in the taken reading.
    pub records: u64,
}

/// One way to read a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// The first row start inside the range.
    pub first: u64,
    /// The first row start at or past the range's end, or the length of the source; `None`:
    /// unknown, as a row is longer than the limit.
    pub end: Option<u64>,
}

/// How shards tile a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tiling {
    /// The shards to run again, and where their first row starts. Their output so far is void.
    /// Empty: the source is tiled.
    ///
    /// A start at or past a shard's end means that no row starts in it: the second round is empty.
    pub wrong: Vec<(usize, u64)>,
    /// What lies before each shard's first row; meaningful once `wrong` is empty.
    pub bases: Vec<Base>,
}

/// What lies between the start of the data and a shard's first row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Base {
    /// Line terminators.
    pub lines: u64,
    /// Records.
    pub records: u64,
}

/// Shards that can't tile the source, whatever is run again: they are not all of one plan and one
/// source.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TilingError {
    /// The ranges leave a gap, overlap, or do not reach from the data's start to the source's end.
    #[error("the ranges of the shards do not meet: shard {shard}")]
    Ranges {
        /// The shard at whose start they don't; the number of shards for the end of the source.
        shard: usize,
    },
    /// The rows before a shard lead to a start that no reading of it has.
    #[error("no reading of shard {shard} starts at byte {first}")]
    NoReading {
        /// The shard.
        shard: usize,
        /// Where its first row starts.
        first: u64,
    },
    /// The last row does not end where the source does.
    #[error("the rows end at byte {end} of {source_bytes}")]
    End {
        /// Where the last row ends.
        end: u64,
        /// The length of the source.
        source_bytes: u64,
    },
}

/// Walks the chain of `tiles` from `data_start`, the first row start, to the end of the source.
///
/// It stops early at a shard whose right reading has a row that is longer than the limit: run again
/// with its start known, that shard fails for certain.
///
/// # Errors
///
/// The tiles are not of one source.
pub fn tile(tiles: &[Tile], data_start: u64, source_bytes: u64) -> Result<Tiling, TilingError> {
    let mut tiling = Tiling { wrong: Vec::new(), bases: Vec::with_capacity(tiles.len()) };
    let mut base = Base::default();
    let mut next_row = data_start;
    let mut reached = tiles.first().map_or(source_bytes, |first| first.from.min(data_start));
    for (shard, tile) in tiles.iter().enumerate() {
        if tile.from != reached || tile.to < tile.from {
            return Err(TilingError::Ranges { shard });
        }
        reached = tile.to;
        tiling.bases.push(base);
        base.lines += tile.lines;
        base.records += tile.records;
        if next_row >= tile.to {
            if tile.taken.is_some() {
                tiling.wrong.push((shard, next_row));
            }
            continue;
        }
        let Some(right) = tile.readings.iter().position(|reading| reading.first == next_row) else {
            return Err(TilingError::NoReading { shard, first: next_row });
        };
        let end = tile.readings[right].end;
        if tile.taken != Some(right) || end.is_none() {
            tiling.wrong.push((shard, next_row));
        }
        let Some(end) = end else { return Ok(tiling) };
        next_row = end;
    }
    if reached != source_bytes {
        return Err(TilingError::Ranges { shard: tiles.len() });
    }
    if next_row != source_bytes {
        return Err(TilingError::End { end: next_row, source_bytes });
    }
    Ok(tiling)
}
