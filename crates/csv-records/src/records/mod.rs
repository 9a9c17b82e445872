//! Turns bytes into rows, exactly: whatever way a source is split, the rows, their faults and their
//! positions are the same.
//!
//! # Why a split is exact
//!
//! How bytes are read is a finite automaton (`grammar`): what a byte means depends on the state
//! before it and on nothing else. A *row start* is a position at which the automaton begins a row.
//! Blank lines and comments are rows too ([`RowKind`]: counted as lines, never as records), so
//! every byte of the data belongs to exactly one row, and from a row start on the reading depends
//! only on the bytes that follow. Hence a *reading* of a shard is told by its first row start: two
//! readings that reach the same row start are one from there on.
//!
//! A shard owns the rows that start inside its range. At its first byte the state is unknown, so
//! [`ShardReader`] looks at the byte before, takes every state that can follow it (outside of
//! quotes, inside, just after a quote, an escape, a CR …) and follows each: its first row start
//! inside the range and its first row start at or past the range's end. It transforms the likelier
//! reading and follows the others, which mostly merge with it within a row and otherwise cost a
//! search for quotes. A reading without a row start inside the range owns nothing, so nobody
//! follows it past the end.
//!
//! [`tile`] walks the chain from the start of the data: a shard's end is where its successor
//! begins. By induction from there, every shard that was read from another start than the chain's
//! is known, with the right one, and a second round settles it.
//!
//! # How rows are told apart
//!
//! RFC 4180, leniently, in the way of the `csv` crate, and never in silence: a quote opens a field
//! only at its very start; what follows a closing quote other than a delimiter or a terminator is
//! part of the value, and a fault; so is a quote inside an unquoted field; quotes that are still
//! open at the end of the source are a fault. NUL bytes are data.
//!
//! The automaton exists once, as a table. The lexer walks it with the fields in mind, the shards'
//! other readings walk it for row starts only, and a structural index (`marks`, 64 bytes at a time)
//! reads rows whose quoting is regular without it, leaving the others to the lexer.

mod rows;
mod states;
mod grammar;
mod lexer;
mod marks;
mod block;
mod ends;
mod regular;
mod preamble;
mod footer;
mod follower;
mod shard;
mod tiling;

pub use footer::{Holdback, LongFooter, footer_start};
pub use lexer::{Lexer, Limits, LongRow};
pub use preamble::{Header, preamble};
pub use rows::{FaultKind, Field, RecordFault, Row, RowKind, Rows, ends_with_delimiter};
pub use shard::{RowBatch, ShardReader};
pub use tiling::{Base, Reading, Tile, Tiling, TilingError, tile};
