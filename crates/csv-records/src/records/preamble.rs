//! Reads everything before the data: a byte order mark, skipped lines, the header.

use std::borrow::Cow;
use std::ops::Range;

use super::lexer::{Lexer, Limits, LongRow};
use super::rows::{RowKind, Rows};
use crate::dialect::{BlankRows, Dialect, Terminator};

/// What stands before the data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The names in the header, invalid bytes replaced. Empty if the dialect has none, or the
    /// source ends before one.
    pub names: Vec<String>,
    /// The bytes of the header, with the row of units and the last terminator. Empty without one.
    pub range: Range<u64>,
    /// Where the first row of the data starts: a byte of the source, from 0.
    pub data_start: u64,
    /// Line terminators before it: the first row of the data is on line `lines_before_data + 1`.
    pub lines_before_data: u64,
}

/// Reads what stands before the data, given the beginning of the source. `None`: the sample ends
/// before it does, and not because the source ends (which `end_of_source` tells).
///
/// The encoding's byte order mark is skipped, then [`Dialect::skip_rows`] lines (whatever quotes
/// they hold), then, with [`Dialect::header`], blank lines and comments up to the first record,
/// which is the header; or as many as [`Dialect::header_rows`], of which the names are joined
/// column by column. With [`Dialect::units_row`] one more record is passed over, and with
/// [`Dialect::row_names`] there is an empty name before those of the header.
///
/// # Errors
///
/// The header is longer than the limit.
pub fn preamble(
    dialect: &Dialect,
    limits: Limits,
    sample: &[u8],
    end_of_source: bool,
) -> Result<Option<Header>, LongRow> {
    let mark = dialect.encoding.byte_order_mark();
    let could_be_mark = sample.len() < mark.len() && mark.starts_with(sample);
    if could_be_mark && !end_of_source {
        return Ok(None);
    }
    let sample = Sample::new(dialect, sample, end_of_source);
    let Some((at, lines)) = skip_lines(dialect, &sample) else { return Ok(None) };
    let mut header = Header {
        names: Vec::new(),
        range: at as u64..at as u64,
        data_start: at as u64,
        lines_before_data: lines,
    };
    let is_whole = read_header(dialect, limits, &sample, &mut header)? || end_of_source;
    header.settle_names(dialect);
    Ok(is_whole.then(|| header.in_bytes(|offset| sample.byte(offset))))
}

/// The beginning of a source.
struct Sample<'a> {
    source: &'a [u8],
    /// What rows are read from: the same bytes, or one for each unit of them.
    window: Cow<'a, [u8]>,
    /// Bytes of a unit.
    unit: usize,
    end_of_source: bool,
}

impl<'a> Sample<'a> {
    fn new(dialect: &Dialect, source: &'a [u8], end_of_source: bool) -> Self {
        let mut window = Cow::Borrowed(source);
        if let Some(mut units) = dialect.units() {
            let mut narrowed = Vec::new();
            units.push(source, &mut narrowed);
            if end_of_source {
                units.finish(&mut narrowed);
            }
            window = Cow::Owned(narrowed);
        }
        Self { source, window, unit: dialect.encoding.unit_bytes(), end_of_source }
    }

    /// The byte of the source that an offset into the window stands for.
    fn byte(&self, offset: usize) -> usize {
        (offset * self.unit).min(self.source.len())
    }
}

/// Skips the byte order mark and the lines that the dialect skips: an offset into the window, and
/// how many lines lie before it. `None`: the sample ends before that is known.
fn skip_lines(dialect: &Dialect, sample: &Sample<'_>) -> Option<(usize, u64)> {
    let mark = dialect.encoding.byte_order_mark();
    let mut at = if sample.source.starts_with(mark) { mark.len() / sample.unit } else { 0 };
    let mut lines = 0;
    for _ in 0..dialect.skip_rows {
        match line_end(dialect.line_terminator, &sample.window, at, sample.end_of_source) {
            Some(end) => (at, lines) = (end, lines + 1),
            None if sample.end_of_source => at = sample.window.len(),
            None => return None,
        }
    }
    Some((at, lines))
}

/// Reads the rows of the header from where its data starts so far, and says whether all are there.
fn read_header(
    dialect: &Dialect,
    limits: Limits,
    sample: &Sample<'_>,
    header: &mut Header,
) -> Result<bool, LongRow> {
    // A blank row is no header, whatever it is below.
    let skipping = Dialect { blank_rows: BlankRows::Skip, ..dialect.clone() };
    let mut lexer = Lexer::new(&skipping, limits.in_units(sample.unit));
    let mut rows = Rows::default();
    let (mut text, mut scratch) = (Vec::new(), Vec::new());
    let units = u32::from(dialect.units_row);
    let mut wanted = if dialect.header { dialect.header_rows.max(1) + units } else { 0 };
    let mut is_first = true;
    while wanted > 0 {
        let at = header.data_start as usize;
        let found = lexer.read(&sample.window[at..], sample.end_of_source, 1, &mut rows);
        let taken = found.map_err(|long| LongRow {
            at: sample.byte(at + long.at as usize) as u64,
            limit: limits.record_bytes,
            ..long
        })?;
        let Some(row) = rows.rows.first() else { return Ok(false) };
        header.data_start = (at + taken) as u64;
        header.lines_before_data += u64::from(row.lines);
        if row.kind == RowKind::Record {
            let name = |field: &super::Field| {
                let bytes = sample.byte(at + field.start())..sample.byte(at + field.end());
                text.clear();
                dialect.encoding.decode(&sample.source[bytes], &mut text);
                let field = field.moved(0..text.len());
                String::from_utf8_lossy(field.value(&text, dialect, &mut scratch)).into_owned()
            };
            let names: Vec<String> = rows.fields_of(row).iter().map(name).collect();
            if is_first || wanted > units {
                join(&mut header.names, names, &dialect.header_join);
            }
            let start = if is_first { at as u64 } else { header.range.start };
            header.range = start..header.data_start;
            (wanted, is_first) = (wanted - 1, false);
        } else if is_first {
            header.range = header.data_start..header.data_start;
        }
    }
    Ok(true)
}

/// Puts a further record of a header under the names so far. Parts that are empty add nothing.
fn join(names: &mut Vec<String>, more: Vec<String>, between: &str) {
    names.resize(names.len().max(more.len()), String::new());
    for (name, part) in names.iter_mut().zip(more) {
        match (name.is_empty(), part.is_empty()) {
            (true, _) => *name = part,
            (false, true) => {}
            (false, false) => *name = format!("{name}{between}{part}"),
        }
    }
}

impl Header {
    /// Takes the name away that a delimiter at the end of the header makes, where such delimiters
    /// mean nothing, and puts an empty one before the others where the names of the rows have none.
    fn settle_names(&mut self, dialect: &Dialect) {
        let is_unnamed = self.names.len() > 1 && self.names.last().is_some_and(String::is_empty);
        if dialect.ragged_rows.ignore_trailing_delimiter && is_unnamed {
            self.names.pop();
        }
        if dialect.row_names && !self.names.is_empty() {
            self.names.insert(0, String::new());
        }
    }

    /// The same header with positions in bytes instead of units.
    fn in_bytes(self, byte: impl Fn(usize) -> usize) -> Self {
        let position = |at: u64| byte(at as usize) as u64;
        Self {
            range: position(self.range.start)..position(self.range.end),
            data_start: position(self.data_start),
            ..self
        }
    }
}

/// The offset after the terminator of the line at `at`; `None` if there is no more of it, or an LF
/// may follow.
fn line_end(
    terminator: Terminator,
    sample: &[u8],
    at: usize,
    end_of_source: bool,
) -> Option<usize> {
    let rest = &sample[at..];
    match terminator {
        Terminator::Lf | Terminator::CrLf => {
            memchr::memchr(b'\n', rest).map(|found| at + found + 1)
        }
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
