//! Bytes of CSV to records, exactly, wherever they are cut.
//!
//! [`ShardReader`] reads a range of a source that begins anywhere, in the middle of a quoted field if need be; [`tile`]
//! proves afterwards that the records of all ranges are those of a reading from the start. [`Lexer`] reads from the start.
//! What is given back are offsets into the bytes that were pushed, with every fault and its position.

pub mod dialect;
pub mod encoding;
pub mod limits;
pub mod lines;
mod records;
mod token;

pub use records::{
    Base, Batch, Fault, FaultKind, Field, Header, Holdback, Lexer, Limits, LongFooter, LongRow, Reading, Row, RowKind, Rows, ShardReader,
    Tile, Tiling, TilingError, ends_with_delimiter, footer_start, preamble, tile,
};
