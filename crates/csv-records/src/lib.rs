#![doc = include_str!("../README.md")]

pub mod dialect;
pub mod encoding;
pub mod limits;
pub mod line_counter;
mod records;
mod token;

pub use records::{
    Base, FaultKind, Field, Header, Holdback, Lexer, Limits, LongFooter, LongRow, Reading,
    RecordFault, Row, RowBatch, RowKind, Rows, ShardReader, Tile, Tiling, TilingError,
    ends_with_delimiter, footer_start, preamble, tile,
};
