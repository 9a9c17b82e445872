//! Turns a window of bytes into rows, in sequence from a row start.

use super::block::Regular;
use super::grammar::Grammar;
use super::regular;
use super::rows::{FaultKind, Field, RecordFault, Row, RowKind, Rows};
use super::states::{Action, Entry, State};
use crate::dialect::{BlankRows, Dialect, Terminator};
use crate::limits;

/// What keeps the memory of reading bounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most bytes of a row, its terminator included. At most 1 GiB is used.
    pub record_bytes: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { record_bytes: limits::RECORD_BYTES }
    }
}

impl Limits {
    /// The same limits for a window in which each byte stands for `unit` of the source.
    pub(super) fn in_units(self, unit: usize) -> Self {
        Self { record_bytes: self.record_bytes / unit as u32 }
    }
}

/// Windows are cut at this many bytes, so that offsets and their flags fit 32 bits.
const MAX_WINDOW_BYTES: usize = (1 << 31) - 1;

/// A row is longer than [`Limits::record_bytes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a record is longer than {limit} bytes: byte {at}")]
pub struct LongRow {
    /// Where the row starts: an offset into the window for [`Lexer::read`], a byte of the source
    /// (from 0) for a shard.
    pub at: u64,
    /// The limit, in bytes.
    pub limit: u32,
    /// Whether the row really starts there. A shard that guessed its start may have guessed wrong.
    pub certain: bool,
}

/// Reads windows of bytes, each from a row start.
#[derive(Debug, Clone)]
pub struct Lexer {
    grammar: Grammar,
    terminator: Terminator,
    trim: bool,
    /// What blank rows are.
    blank: RowKind,
    limit: usize,
    /// `None`: every row takes the automaton.
    regular: Option<Regular>,
}

impl Lexer {
    /// A lexer of `dialect`.
    pub fn new(dialect: &Dialect, limits: Limits) -> Self {
        let dialect = &dialect.in_source();
        Self {
            grammar: Grammar::new(dialect),
            terminator: dialect.line_terminator,
            trim: dialect.trim,
            blank: if dialect.blank_rows == BlankRows::Skip {
                RowKind::Blank
            } else {
                RowKind::Record
            },
            limit: limits.record_bytes.min(1 << 30) as usize,
            regular: Regular::new(dialect),
        }
    }

    /// The same lexer without its fast path: byte by byte through the automaton. The slow and
    /// obvious way, for tests.
    pub fn without_index(mut self) -> Self {
        self.regular = None;
        self
    }

    /// Puts the rows of `window`, which starts at a row start, in `rows`, and says how many bytes
    /// they take.
    ///
    /// Only whole rows are read, at most `max_rows` of them. What is left over is to be the
    /// beginning of the next window, unless `end_of_source`: then the last row may lack its
    /// terminator, and nothing is left over (with `max_rows` to spare). Without it a CR at the end
    /// of a window is left over too, as an LF may follow.
    ///
    /// # Errors
    ///
    /// The first row is longer than the limit. Rows before a long one are handed out first.
    pub fn read(
        &mut self,
        window: &[u8],
        end_of_source: bool,
        max_rows: usize,
        rows: &mut Rows,
    ) -> Result<usize, LongRow> {
        self.read_until(window, end_of_source, usize::MAX, max_rows, rows)
    }

    /// Reads like [`read`](Self::read), but no row that starts at or after the offset `stop`.
    pub(super) fn read_until(
        &mut self,
        mut window: &[u8],
        mut end_of_source: bool,
        stop: usize,
        max_rows: usize,
        rows: &mut Rows,
    ) -> Result<usize, LongRow> {
        rows.clear();
        if window.len() > MAX_WINDOW_BYTES {
            window = &window[..MAX_WINDOW_BYTES];
            end_of_source = false;
        }
        if !end_of_source && self.terminator == Terminator::Auto {
            window = window.strip_suffix(b"\r").unwrap_or(window);
        }
        let stop = stop.min(window.len());
        let at = if let Some(regular) = self.regular {
            regular::read(regular, self, Span { window, end_of_source, stop, max_rows }, rows)
        } else {
            let mut at = 0;
            while at < stop && rows.rows.len() < max_rows {
                let Some(end) = self.row(window, at, end_of_source, rows) else { break };
                at = end;
            }
            at
        };
        let too_long = at < stop && rows.rows.is_empty() && max_rows > 0;
        if too_long && (end_of_source || window.len() - at > self.limit) {
            return Err(LongRow { at: at as u64, limit: self.limit as u32, certain: true });
        }
        Ok(at)
    }

    pub(super) fn grammar(&self) -> &Grammar {
        &self.grammar
    }

    /// What blank rows are.
    pub(super) fn blank(&self) -> RowKind {
        self.blank
    }

    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// Appends the row that starts at `start` through the automaton and says where it ends; `None`
    /// if the window ends before that is known, or it is too long.
    pub(super) fn row(
        &self,
        window: &[u8],
        start: usize,
        end_of_source: bool,
        rows: &mut Rows,
    ) -> Option<usize> {
        let (first_field, first_fault) = (rows.fields.len(), rows.faults.len());
        let mut walk = Walk::from(start, first_field);
        let RowEnd { content_end, end } = self.walk_row(&mut walk, window, end_of_source, rows);
        let is_terminated = end > content_end;
        let is_whole = is_terminated || end_of_source;
        if !is_whole || end - start > self.limit || end == start {
            rows.fields.truncate(first_field);
            rows.faults.truncate(first_fault);
            return None;
        }
        let is_blank = rows.fields.len() == first_field
            && is_blank(&window[walk.content.min(content_end)..content_end], self.trim);
        let kind = match walk.state {
            State::Comment | State::CommentCr => RowKind::Comment,
            _ if is_blank => self.blank,
            _ => RowKind::Record,
        };
        if kind == RowKind::Record && !is_blank {
            if !is_terminated {
                walk.field.end_of_source(walk.state);
            }
            self.end_field(&walk, window, content_end, rows);
        }
        let lines = if walk.verbatim && self.terminator != Terminator::CrLf {
            u32::from(is_terminated)
        } else {
            self.grammar.lines(&window[start..end])
        };
        rows.rows.push(Row {
            start: start as u32,
            end: end as u32,
            content_end: content_end as u32,
            first_field: first_field as u32,
            fields: (rows.fields.len() - first_field) as u32,
            lines,
            kind,
            faulty: rows.faults.len() > first_fault,
        });
        Some(end)
    }

    /// Walks the automaton to the end of a row, and appends every field but the last.
    #[inline(always)]
    fn walk_row(
        &self,
        walk: &mut Walk,
        window: &[u8],
        end_of_source: bool,
        rows: &mut Rows,
    ) -> RowEnd {
        let mut at = walk.content;
        loop {
            let Some((skipped, mut entry)) = self.grammar.next_event(walk.state, &window[at..])
            else {
                return RowEnd::unterminated(window);
            };
            at += skipped;
            let mut after = at + 1;
            if entry.is_if_token() {
                let Some((told, length)) =
                    self.grammar.token(walk.state, &window[at..], end_of_source)
                else {
                    return RowEnd::unterminated(window);
                };
                (entry, after) = (told, at + length);
            }
            let next = entry.state();
            walk.leave(entry, at);
            match entry.action() {
                Action::EndField => {
                    self.end_field(walk, window, at, rows);
                    walk.field = Pending::at(after);
                }
                Action::EndRow => return RowEnd { content_end: at, end: at + 1 },
                Action::EndRowCr => {
                    let is_cr_lf = window.get(at + 1) == Some(&b'\n');
                    return RowEnd { content_end: at, end: at + 1 + usize::from(is_cr_lf) };
                }
                Action::EndRowCrLf => {
                    if walk.state == State::QuoteCr {
                        walk.state = State::Closed;
                    }
                    return RowEnd { content_end: at - 1, end: at + 1 };
                }
                action => walk.take(action, next, at, after),
            }
            walk.state = next;
            at = after;
        }
    }

    /// Appends the field that `at` ends.
    #[inline]
    fn end_field(&self, walk: &Walk, window: &[u8], at: usize, rows: &mut Rows) {
        if walk.field.is_plain() && !self.trim && walk.state != State::Space {
            rows.fields.push(Field::plain(walk.field.start, at));
        } else {
            self.end_odd_field(walk, window, at, rows);
        }
    }

    fn end_odd_field(&self, walk: &Walk, window: &[u8], at: usize, rows: &mut Rows) {
        let Walk { field: ref pending, state, first_field, .. } = *walk;
        let (row, field) = (rows.rows.len() as u32, (rows.fields.len() - first_field) as u32);
        let faults = [
            (pending.stray, FaultKind::StrayQuote),
            (pending.unterminated.then_some(pending.start), FaultKind::UnterminatedQuote),
            (pending.dangling.then_some(pending.escape), FaultKind::DanglingEscape),
        ];
        rows.faults.extend(faults.iter().filter_map(|&(at, kind)| {
            at.map(|at| RecordFault { row, field, at: at as u32, kind })
        }));
        let closed = matches!(state, State::Quote | State::Closed);
        let quote = self.grammar.quote_bytes();
        rows.fields.push(match *pending {
            Pending { quoted: true, escaped: false, start, close, .. } if closed => {
                Field::quoted(start + quote, close)
            }
            Pending { quoted: true, start, close, .. } if closed => {
                Field::escaped(start, close + quote, true)
            }
            Pending { quoted: true, start, .. } => Field::escaped(start, at, true),
            // Nothing but spaces that are not part of the field.
            _ if state == State::Space => Field::plain(at, at),
            Pending { start, escaped, escape, .. } => {
                let kept = if escaped { escape + self.grammar.escape_bytes() + 1 } else { start };
                let end = if self.trim { trimmed_end(window, kept.min(at), at) } else { at };
                if escaped { Field::escaped(start, end, false) } else { Field::plain(start, end) }
            }
        });
    }
}

/// A window, and how much of it to read.
#[derive(Clone, Copy)]
pub(super) struct Span<'a> {
    pub(super) window: &'a [u8],
    pub(super) end_of_source: bool,
    /// No row is read that starts here or later. At most the window's length.
    pub(super) stop: usize,
    pub(super) max_rows: usize,
}

/// How far the automaton has come in a row.
struct Walk {
    state: State,
    /// Where the row's content begins: after a byte order mark, if there is one.
    content: usize,
    /// The index of the row's first field.
    first_field: usize,
    /// Nothing is quoted or escaped, so no terminator stands inside of the row.
    verbatim: bool,
    field: Pending,
}

/// Where a row and its content end.
struct RowEnd {
    content_end: usize,
    /// After the terminator; `content_end` if there is none.
    end: usize,
}

/// A field that is being read.
#[derive(Default)]
struct Pending {
    start: usize,
    quoted: bool,
    escaped: bool,
    /// The last quote that may have closed it.
    close: usize,
    /// The last escape in it.
    escape: usize,
    stray: Option<usize>,
    /// The source ends inside its quotes.
    unterminated: bool,
    /// The source ends after its last escape.
    dangling: bool,
}

impl Walk {
    #[inline]
    fn from(start: usize, first_field: usize) -> Self {
        Self {
            state: State::Row,
            content: start,
            first_field,
            verbatim: true,
            field: Pending::at(start),
        }
    }

    /// What leaving a state by `entry`, at `at`, says of the field.
    #[inline(always)]
    fn leave(&mut self, entry: Entry, at: usize) {
        match self.state {
            // The field begins where its leading spaces end.
            State::Space if entry.state() != State::Space => self.field.start = at,
            // The CR that might have been a terminator's was data.
            State::QuoteCr if entry.action() != Action::EndRowCrLf => self.field.junk(),
            _ => {}
        }
    }

    /// Does what is to be done at the bytes `at..after` inside of a field.
    #[inline(always)]
    fn take(&mut self, action: Action, next: State, at: usize, after: usize) {
        match action {
            Action::Open => {
                (self.field.start, self.field.quoted, self.verbatim) = (at, true, false);
            }
            Action::Close => self.field.close = at,
            Action::Double => self.field.escaped = true,
            Action::Junk => {
                self.field.junk();
                if next == State::BareEscape {
                    (self.field.escape, self.verbatim) = (at, false);
                }
            }
            Action::Stray => {
                self.field.stray.get_or_insert(at);
            }
            Action::Escape => {
                (self.field.escaped, self.field.escape, self.verbatim) = (true, at, false);
            }
            Action::Mark => {
                self.content = after;
                self.field = Pending::at(after);
            }
            Action::Go
            | Action::EndField
            | Action::EndRow
            | Action::EndRowCr
            | Action::EndRowCrLf => {}
        }
    }
}

impl RowEnd {
    /// The window ends in the row.
    fn unterminated(window: &[u8]) -> Self {
        Self { content_end: window.len(), end: window.len() }
    }
}

impl Pending {
    #[inline]
    fn at(start: usize) -> Self {
        Self { start, ..Self::default() }
    }

    /// Whether its bytes are its value, and there is no fault in it.
    #[inline]
    fn is_plain(&self) -> bool {
        !(self.quoted | self.escaped | self.stray.is_some())
    }

    /// The quote at `close` did not end the field.
    fn junk(&mut self) {
        self.escaped = true;
        let close = self.close;
        self.stray.get_or_insert(close);
    }

    fn end_of_source(&mut self, state: State) {
        match state {
            State::Quoted | State::QuotedEscape => (self.escaped, self.unterminated) = (true, true),
            State::BareEscape => self.dangling = true,
            State::QuoteCr => self.junk(),
            _ => {}
        }
    }
}

/// Whether a row with this content, in which there is no delimiter, is blank.
fn is_blank(content: &[u8], trim: bool) -> bool {
    content.is_empty() || (trim && content.iter().all(|byte| matches!(byte, b' ' | b'\t')))
}

/// Where the spaces and tabs before `end` begin, but not before `start`.
fn trimmed_end(window: &[u8], start: usize, end: usize) -> usize {
    let is_kept = |byte: &u8| !matches!(byte, b' ' | b'\t');
    start + window[start..end].iter().rposition(is_kept).map_or(0, |last| last + 1)
}
