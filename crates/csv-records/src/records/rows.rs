//! Holds rows and fields as offsets into a window of bytes.

use memchr::{memchr2, memmem};

use crate::dialect::{Dialect, Token};

/// The rows found in a window of bytes. One value serves many windows: reading clears it and keeps
/// its memory.
#[derive(Debug, Clone, Default)]
pub struct Rows {
    /// The rows, in the order of the bytes.
    pub rows: Vec<Row>,
    /// The fields that the rows point to. There may be some that no row points to.
    pub fields: Vec<Field>,
    /// What is wrong with the quoting, by row, then by field.
    pub faults: Vec<RecordFault>,
}

/// One row. Positions are offsets into the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// Its first byte.
    pub start: u32,
    /// The byte after its terminator, which is the start of the next row.
    pub end: u32,
    /// The byte after its content: its terminator's first, or `end` if the source ends without one.
    pub content_end: u32,
    /// The index of its first field in [`Rows::fields`].
    pub first_field: u32,
    /// How many fields it has. 0 for blank rows (records or not) and comments.
    pub fields: u32,
    /// Line terminators in it, its own included: the next row starts that many lines further down.
    pub lines: u32,
    /// Whether it is a record.
    pub kind: RowKind,
    /// Whether [`Rows::faults`] holds something about it.
    pub faulty: bool,
}

/// What a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowKind {
    /// A record.
    Record,
    /// No byte before the terminator; with [`Dialect::trim`] nothing but spaces and tabs.
    /// [`Dialect::blank_rows`] may make a record of it.
    Blank,
    /// It starts with [`Dialect::comment_char`].
    Comment,
}

/// One field: where its content lies in the window, and whether that is its value already.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
pub struct Field {
    start_and_quoted: u32,
    end_and_escaped: u32,
}

/// The bit of an offset that is a flag instead. It bounds a window to 2 GiB.
const FLAG: u32 = 1 << 31;

/// Whether a delimiter ends a record of these fields: the last one is empty and does not stand
/// between quotes.
pub fn ends_with_delimiter(fields: &[Field]) -> bool {
    fields.last().is_some_and(|last| !last.is_quoted() && last.start() == last.end())
}

impl Field {
    /// No field: nothing, and escaped.
    pub const HOLE: Self = Self { start_and_quoted: 0, end_and_escaped: FLAG };

    #[inline]
    pub(super) fn plain(start: usize, end: usize) -> Self {
        Self { start_and_quoted: start as u32, end_and_escaped: end as u32 }
    }

    #[inline]
    pub(super) fn quoted(start: usize, end: usize) -> Self {
        Self { start_and_quoted: start as u32 | FLAG, end_and_escaped: end as u32 }
    }

    /// `start..end` is the field as it was written, with its quotes.
    #[inline]
    pub(super) fn escaped(start: usize, end: usize, quoted: bool) -> Self {
        Self {
            start_and_quoted: start as u32 | if quoted { FLAG } else { 0 },
            end_and_escaped: end as u32 | FLAG,
        }
    }

    /// The offset of its first byte; past the opening quote, unless the field [is
    /// escaped](Field::is_escaped).
    #[inline]
    pub fn start(self) -> usize {
        (self.start_and_quoted & !FLAG) as usize
    }

    /// The offset after its last byte; before the closing quote, unless the field is escaped.
    #[inline]
    pub fn end(self) -> usize {
        (self.end_and_escaped & !FLAG) as usize
    }

    /// Whether it was quoted. An empty field that was is an empty text, where another may be a
    /// missing value.
    #[inline]
    pub fn is_quoted(self) -> bool {
        self.start_and_quoted & FLAG != 0
    }

    /// Whether its bytes are not its value yet: there are doubled quotes, escapes or stray quotes
    /// in it.
    #[inline]
    pub fn is_escaped(self) -> bool {
        self.end_and_escaped & FLAG != 0
    }

    /// Its bytes in the window. They are its value, unless the field is escaped.
    #[inline]
    pub fn bytes(self, window: &[u8]) -> &[u8] {
        &window[self.start()..self.end()]
    }

    /// The same field, with its bytes at another place.
    pub fn moved(self, range: std::ops::Range<usize>) -> Self {
        Self {
            start_and_quoted: range.start as u32 | self.start_and_quoted & FLAG,
            end_and_escaped: range.end as u32 | self.end_and_escaped & FLAG,
        }
    }

    /// Its value: borrowed from the window where it stands there, else put together in `scratch`.
    #[inline]
    pub fn value<'a>(
        self,
        window: &'a [u8],
        dialect: &Dialect,
        scratch: &'a mut Vec<u8>,
    ) -> &'a [u8] {
        if !self.is_escaped() {
            return self.bytes(window);
        }
        scratch.clear();
        unescape(self.bytes(window), self.is_quoted(), dialect, scratch);
        scratch
    }
}

impl std::fmt::Debug for Field {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}..{}", self.start(), self.end())?;
        f.write_str(if self.is_quoted() { " quoted" } else { "" })?;
        f.write_str(if self.is_escaped() { " escaped" } else { "" })
    }
}

/// What is wrong with the quoting of a field. Each kind is told once per field, where it occurs
/// first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordFault {
    /// The index of the row in [`Rows::rows`].
    pub row: u32,
    /// The field in its row, from 0.
    pub field: u32,
    /// The offset of the offending byte in the window.
    pub at: u32,
    /// What it is.
    pub kind: FaultKind,
}

/// What may be wrong with the quoting of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// A quote inside an unquoted field, or a closing quote that neither a delimiter nor a
    /// terminator follows. It is told at that quote.
    StrayQuote,
    /// A quote, told at its opening, that is still open at the end of the source.
    UnterminatedQuote,
    /// An escape that is the last byte of the source.
    DanglingEscape,
}

impl Rows {
    /// Forgets the rows, not the memory.
    pub fn clear(&mut self) {
        self.rows.clear();
        self.fields.clear();
        self.faults.clear();
    }

    /// The fields of `row`.
    #[inline]
    pub fn fields_of(&self, row: &Row) -> &[Field] {
        &self.fields[row.first_field as usize..][..row.fields as usize]
    }

    /// The faults of the row at `index`.
    pub fn faults_of(&self, index: usize) -> &[RecordFault] {
        let from = self.faults.partition_point(|fault| (fault.row as usize) < index);
        let count = self.faults[from..].partition_point(|fault| fault.row as usize == index);
        &self.faults[from..from + count]
    }
}

/// Appends the value of a field as it was written to `out`.
fn unescape(mut raw: &[u8], quoted: bool, dialect: &Dialect, out: &mut Vec<u8>) {
    let Some(quote) = dialect.quote_char.filter(|_| quoted) else {
        return unescape_bare(raw, dialect, out);
    };
    let doubles = dialect.double_quote || dialect.escape_char == Some(quote);
    let escape = dialect.escape_char.filter(|escape| *escape != quote);
    let length = quote.bytes();
    raw = &raw[length..];
    while let Some(at) = memchr2(quote.first(), escape.unwrap_or(quote).first(), raw) {
        let (before, found) = raw.split_at(at);
        if quote.begins(found) {
            let rest = &found[length..];
            if !doubles || !quote.begins(rest) {
                // The quote closed, and what follows is a fault that is part of the value.
                out.extend_from_slice(before);
                return unescape_bare(rest, dialect, out);
            }
            out.extend_from_slice(&raw[..at + length]);
            raw = &rest[length..];
        } else if let Some(escape) = escape.filter(|escape| escape.begins(found)) {
            out.extend_from_slice(before);
            raw = escaped(found, escape, out);
        } else {
            out.extend_from_slice(&raw[..=at]);
            raw = &found[1..];
        }
    }
    out.extend_from_slice(raw);
}

/// Appends what stands outside of quotes: quotes are bytes like any other there.
fn unescape_bare(mut raw: &[u8], dialect: &Dialect, out: &mut Vec<u8>) {
    let escape = dialect.escape_char.filter(|escape| Some(*escape) != dialect.quote_char);
    while let Some((escape, at)) =
        escape.and_then(|escape| memmem::find(raw, escape.as_bytes()).map(|at| (escape, at)))
    {
        out.extend_from_slice(&raw[..at]);
        raw = escaped(&raw[at..], escape, out);
    }
    out.extend_from_slice(raw);
}

/// Appends the byte after the escape that `raw` begins with, and answers what follows. An escape
/// with nothing after it stands for itself.
fn escaped<'a>(raw: &'a [u8], escape: Token, out: &mut Vec<u8>) -> &'a [u8] {
    let rest = &raw[escape.bytes()..];
    let (taken, rest) = rest.split_at_checked(1).unwrap_or((raw, rest));
    out.extend_from_slice(taken);
    rest
}
