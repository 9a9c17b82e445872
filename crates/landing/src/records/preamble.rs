//! What stands before the data: a byte order mark, skipped lines, the header.

use std::ops::Range;

use super::lexer::{Lexer, Limits, LongRow};
use super::rows::{RowKind, Rows};
use crate::dialect::{Dialect, Terminator};

/// What stands before the data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The names in the header, invalid UTF-8 replaced. Empty if the dialect has none, or the source ends before one.
    pub names: Vec<String>,
    /// The bytes of the header row, its terminator included. Empty without one.
    pub range: Range<u64>,
    /// Where the first row of the data starts: a byte of the source, from 0.
    pub data_start: u64,
    /// Line terminators before it: the first row of the data is on line `lines_before_data + 1`.
    pub lines_before_data: u64,
}

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Reads what stands before the data, given the beginning of the source. `None`: the sample ends before it does, and not because the source ends (which
/// `end_of_source` tells).
///
/// A UTF-8 byte order mark is skipped, then [`Dialect::skip_rows`] lines (whatever quotes they hold), then, with [`Dialect::header`], blank lines and comments up to
/// the first record, which is the header.
///
/// # Errors
///
/// The header is longer than the limit.
pub fn preamble(dialect: &Dialect, limits: Limits, sample: &[u8], end_of_source: bool) -> Result<Option<Header>, LongRow> {
    let could_be_mark = sample.len() < BYTE_ORDER_MARK.len() && BYTE_ORDER_MARK.starts_with(sample);
    if could_be_mark && !end_of_source {
        return Ok(None);
    }
    let mut at = if sample.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
    let mut lines = 0;
    for _ in 0..dialect.skip_rows {
        match line_end(dialect.line_terminator, sample, at, end_of_source) {
            Some(end) => (at, lines) = (end, lines + 1),
            None if end_of_source => at = sample.len(),
            None => return Ok(None),
        }
    }
    let mut header = Header { names: Vec::new(), range: at as u64..at as u64, data_start: at as u64, lines_before_data: lines };
    let mut lexer = Lexer::new(dialect, limits);
    let mut rows = Rows::default();
    let mut scratch = Vec::new();
    while dialect.header {
        let found = lexer.read(&sample[at..], end_of_source, 1, &mut rows);
        let taken = found.map_err(|long| LongRow { at: long.at + at as u64, ..long })?;
        let Some(row) = rows.rows.first() else {
            return Ok(end_of_source.then_some(header));
        };
        let window = &sample[at..];
        header.data_start = (at + taken) as u64;
        header.lines_before_data += u64::from(row.lines);
        if row.kind == RowKind::Record {
            let name = |field: &super::Field| String::from_utf8_lossy(field.value(window, dialect, &mut scratch)).into_owned();
            header.names = rows.fields_of(row).iter().map(name).collect();
            header.range = at as u64..header.data_start;
            break;
        }
        header.range = header.data_start..header.data_start;
        at += taken;
    }
    Ok(Some(header))
}

/// The offset after the terminator of the line at `at`; `None` if there is no more of it, or an LF may follow.
fn line_end(terminator: Terminator, sample: &[u8], at: usize, end_of_source: bool) -> Option<usize> {
    let rest = &sample[at..];
    match terminator {
        Terminator::Lf | Terminator::CrLf => memchr::memchr(b'\n', rest).map(|found| at + found + 1),
        Terminator::Cr => memchr::memchr(b'\r', rest).map(|found| at + found + 1),
        Terminator::Auto => {
            let found = memchr::memchr2(b'\r', b'\n', rest)?;
            match (rest[found], rest.get(found + 1)) {
                (b'\r', Some(b'\n')) => Some(at + found + 2),
                (b'\r', None) if !end_of_source => None,
                _ => Some(at + found + 1),
            }
        }
    }
}
