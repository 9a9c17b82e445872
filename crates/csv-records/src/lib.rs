#![doc = include_str!("../README.md")]

pub mod dialect;
pub mod encoding;
pub mod limits;
pub mod lines;
mod records;
mod token;

pub use records::{
    Base, Batch, Fault, FaultKind, Field, Header, Holdback, Lexer, Limits, LongFooter, LongRow,
    Reading, Row, RowKind, Rows, ShardReader, Tile, Tiling, TilingError, ends_with_delimiter,
    footer_start, preamble, tile,
};
