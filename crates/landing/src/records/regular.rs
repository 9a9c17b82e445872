//! The fast path: rows whose quoting is regular, read from marks instead of byte by byte.
//!
//! Quoting is regular where every opening quote begins a field (or is the second of a doubled quote) and every closing one is followed by a delimiter, a terminator or a
//! quote. Then a byte is inside quotes if the quotes up to it are odd in number, which is a prefix sum over a block's bits. Both conditions are masks as well:
//! the row in which the first bit breaks one is read by the automaton, and marks are taken up again after it.

use super::lexer::{Lexer, Span};
use super::marks::{BLOCK, Marks, Needles, counting_bits, mark};
use super::rows::{Field, Row, RowKind, Rows};
use crate::dialect::{Dialect, Terminator};

/// What the fast path has to know of a dialect.
#[derive(Debug, Clone, Copy)]
pub(super) struct Regular {
    needles: Needles,
    quotes: bool,
    doubles: bool,
    /// CR ends rows too, with or without an LF.
    cr: bool,
    comment: Option<u8>,
}

/// Bytes marked at a time: their marks fit the first-level cache.
const STRETCH: usize = 512 * BLOCK;

impl Regular {
    /// `None` for dialects of which every row takes the automaton.
    pub(super) fn new(dialect: &Dialect) -> Option<Self> {
        let escapes = dialect.escape_char.is_some_and(|escape| Some(escape) != dialect.quote_char);
        if escapes || dialect.skip_initial_space || dialect.trim || dialect.line_terminator == Terminator::CrLf {
            return None;
        }
        let lf = if dialect.line_terminator == Terminator::Cr { b'\r' } else { b'\n' };
        let cr = dialect.line_terminator == Terminator::Auto;
        // Two roles for one byte are for the automaton to sort out.
        let roles = [Some(dialect.delimiter), dialect.quote_char, Some(lf), cr.then_some(b'\r'), dialect.comment_char];
        let taken = roles.iter().flatten();
        if taken.clone().any(|byte| taken.clone().filter(|other| *other == byte).count() > 1) {
            return None;
        }
        Some(Self {
            needles: Needles { delimiter: dialect.delimiter, quote: dialect.quote_char.unwrap_or_default(), lf, cr: b'\r' },
            quotes: dialect.quote_char.is_some(),
            doubles: dialect.double_quote || dialect.escape_char.is_some(),
            cr,
            comment: dialect.comment_char,
        })
    }
}

/// Reads the rows of `span`, as [`Lexer::read`] says, and tells how many bytes they take.
pub(super) fn read(regular: &Regular, lexer: &Lexer, marks: &mut Vec<Marks>, span: Span<'_>, rows: &mut Rows) -> usize {
    counting_bits(
        #[inline(always)]
        || read_rows(regular, lexer, marks, span, rows),
    )
}

// What follows is inlined into `counting_bits`, to be compiled for its instructions.

#[inline(always)]
fn read_rows(regular: &Regular, lexer: &Lexer, marks: &mut Vec<Marks>, span: Span<'_>, rows: &mut Rows) -> usize {
    marks.clear();
    let mut reader = Reader { regular: *regular, limit: lexer.limit(), span, marks, marked_from: 0, row: 0, first_field: 0 };
    while reader.wants_more(rows) {
        let stop = reader.read_from_row(rows);
        rows.fields.truncate(reader.first_field);
        let cut_off = matches!(stop, Stop::WindowEnds) && !reader.span.end_of_source;
        if cut_off || !reader.wants_more(rows) {
            break;
        }
        // A comment, an irregular row, one that is too long, or one without a terminator at the end of the source.
        let Some(end) = lexer.row(reader.span.window, reader.row, reader.span.end_of_source, rows) else { break };
        reader.row = end;
    }
    reader.row
}

/// Why the fast path stopped at a row start.
enum Stop {
    /// There are as many rows as were asked for.
    Enough,
    /// The next row is not for it.
    Irregular,
    /// The window ends in the next row.
    WindowEnds,
}

struct Reader<'a> {
    regular: Regular,
    limit: usize,
    span: Span<'a>,
    /// The blocks from `marked_from` on.
    marks: &'a mut Vec<Marks>,
    marked_from: usize,
    /// The start of the row that is being read.
    row: usize,
    /// Where its fields begin.
    first_field: usize,
}

/// What one block leaves to the next. A mask that speaks of the next block has its bit 0 set or none.
#[derive(Default)]
struct Carry {
    /// A quote here begins a field, or doubles the quote before.
    may_open: u64,
    /// The byte before was a closing quote.
    closed: u64,
    /// An LF here belongs to the CR before.
    cr_lf: u64,
    /// All bits, if the block begins inside quotes.
    inside: u64,
    /// The offset after the last doubled quote.
    doubled: usize,
    /// Terminators inside quotes since the row began.
    lines: u32,
}

/// One block, understood.
struct Block {
    /// Where it lies in the window.
    at: usize,
    /// Delimiters and terminators that end fields. Of a CR LF it is the CR.
    ends: u64,
    /// Those of them that end rows.
    row_ends: u64,
    /// Those of them that end quoted fields.
    quoted_ends: u64,
    /// CRs that have an LF.
    cr_lf: u64,
    /// Second quotes of doubled ones.
    doubled: u64,
    /// Terminators inside quotes.
    inner_lines: u64,
    /// Bits at which quoting turns out not to be regular.
    irregular: u64,
}

impl Reader<'_> {
    fn wants_more(&self, rows: &Rows) -> bool {
        self.row < self.span.stop && rows.rows.len() < self.span.max_rows
    }

    /// Reads regular rows from `self.row` on.
    #[inline(always)]
    fn read_from_row(&mut self, rows: &mut Rows) -> Stop {
        self.first_field = rows.fields.len();
        if self.is_comment() {
            return Stop::Irregular;
        }
        if self.row >= self.marked_from + self.marks.len() * BLOCK {
            self.mark_from(self.row);
        }
        let mut field = self.row;
        let mut index = (self.row - self.marked_from) / BLOCK;
        let first_bit = 1 << ((self.row - self.marked_from) % BLOCK);
        let mut carry = Carry { may_open: first_bit, ..Carry::default() };
        let mut fresh = !(first_bit - 1);
        loop {
            if index == self.marks.len() {
                let next = self.marked_from + index * BLOCK;
                if next >= self.span.window.len() {
                    return Stop::WindowEnds;
                }
                self.mark_from(next);
                index = 0;
            }
            let block = self.block(self.marked_from + index * BLOCK, self.marks[index].only(fresh), &mut carry);
            let before = rows.fields.len();
            field = push_fields(&block, field, &carry, rows);
            if let Some(stop) = self.push_rows(&block, before, &mut carry, rows) {
                return stop;
            }
            if block.irregular != 0 {
                return Stop::Irregular;
            }
            if block.doubled != 0 {
                carry.doubled = block.at + BLOCK - block.doubled.leading_zeros() as usize;
            }
            fresh = !0;
            index += 1;
        }
    }

    fn is_comment(&self) -> bool {
        self.regular.comment.is_some_and(|comment| self.span.window.get(self.row) == Some(&comment))
    }

    fn mark_from(&mut self, at: usize) {
        self.marked_from = at;
        self.marks.clear();
        let stretch = &self.span.window[at..];
        mark(&stretch[..stretch.len().min(STRETCH)], self.regular.needles, self.marks);
    }

    /// Understands the block at `at`.
    #[inline(always)]
    fn block(&self, at: usize, marks: Marks, carry: &mut Carry) -> Block {
        let regular = &self.regular;
        let Marks { delimiter, quote, lf, cr } = marks;
        let quote = if regular.quotes { quote } else { 0 };
        let cr = if regular.cr { cr } else { 0 };
        let mut cr_lf = 0;
        let mut lone_lf = lf;
        if cr | carry.cr_lf != 0 {
            let next_is_lf = u64::from(cr >> 63 == 1 && self.span.window.get(at + BLOCK) == Some(&b'\n'));
            cr_lf = cr & (lf >> 1 | next_is_lf << 63);
            lone_lf = lf & !(cr_lf << 1 | carry.cr_lf);
            carry.cr_lf = cr_lf >> 63;
        }
        let terminators = cr | lone_lf;
        if quote | carry.inside | carry.closed == 0 {
            let ends = delimiter | terminators;
            carry.may_open = (ends | lf) >> 63;
            return Block { at, ends, row_ends: terminators, quoted_ends: 0, cr_lf, doubled: 0, inner_lines: 0, irregular: 0 };
        }
        let inside = prefix_xor(quote) ^ carry.inside;
        carry.inside = if inside >> 63 == 1 { !0 } else { 0 };
        let opens = quote & inside;
        let closes = quote & !inside;
        let ends = (delimiter | terminators) & !inside;
        let before_field = ends | (lf & !inside);
        let after_close = closes << 1 | carry.closed;
        let doubled = opens & after_close;
        let misplaced = opens & !((before_field | closes) << 1 | carry.may_open);
        let unclosed = after_close & !(ends | quote);
        let irregular = misplaced | unclosed | if regular.doubles { 0 } else { doubled };
        carry.may_open = (before_field | closes) >> 63;
        carry.closed = closes >> 63;
        // What comes after the first irregular bit is not for us.
        let ends = ends & below(irregular.trailing_zeros());
        // A field whose end follows a closing quote began with its opening one.
        let quoted_ends = ends & after_close;
        Block { at, ends, row_ends: ends & terminators, quoted_ends, cr_lf, doubled, inner_lines: terminators & inside, irregular }
    }

    /// Appends the rows that end in `block`, whose first field is at the index `before`.
    #[inline(always)]
    fn push_rows(&mut self, block: &Block, before: usize, carry: &mut Carry, rows: &mut Rows) -> Option<Stop> {
        let mut row_ends = block.row_ends;
        let mut inner_lines = block.inner_lines;
        while row_ends != 0 {
            let bit = row_ends.trailing_zeros();
            let content_end = block.at + bit as usize;
            let end = content_end + 1 + (block.cr_lf >> bit & 1) as usize;
            if end - self.row > self.limit {
                return Some(Stop::Irregular);
            }
            let next_field = before + (block.ends & below(bit)).count_ones() as usize + 1;
            let is_blank = content_end == self.row;
            rows.rows.push(Row {
                start: self.row as u32,
                end: end as u32,
                content_end: content_end as u32,
                first_field: self.first_field as u32,
                fields: if is_blank { 0 } else { (next_field - self.first_field) as u32 },
                lines: 1 + carry.lines + (inner_lines & below(bit)).count_ones(),
                kind: if is_blank { RowKind::Blank } else { RowKind::Record },
                faulty: false,
            });
            carry.lines = 0;
            inner_lines &= !below(bit);
            self.row = end;
            self.first_field = next_field;
            if !self.wants_more(rows) {
                return Some(Stop::Enough);
            }
            if self.is_comment() {
                return Some(Stop::Irregular);
            }
            row_ends &= row_ends - 1;
        }
        carry.lines += inner_lines.count_ones();
        None
    }
}

/// Appends the fields that end in `block`, the first of which starts at `field`, and says where the next one starts.
#[inline(always)]
fn push_fields(block: &Block, mut field: usize, carry: &Carry, rows: &mut Rows) -> usize {
    let before = rows.fields.len();
    let mut ends = block.ends;
    // A range tells its length, so that there is room for all of them before the first is written.
    rows.fields.extend((0..ends.count_ones()).map(|_| {
        let bit = ends.trailing_zeros();
        ends &= ends - 1;
        let end = block.at + bit as usize;
        let start = std::mem::replace(&mut field, end + 1 + (block.cr_lf >> bit & 1) as usize);
        Field::plain(start, end)
    }));
    let mut quoted_ends = block.quoted_ends;
    while quoted_ends != 0 {
        let below = below(quoted_ends.trailing_zeros());
        quoted_ends &= quoted_ends - 1;
        let field = &mut rows.fields[before + (block.ends & below).count_ones() as usize];
        let doubled = block.doubled & below;
        let doubled = if doubled == 0 { carry.doubled } else { block.at + BLOCK - doubled.leading_zeros() as usize };
        let (start, end) = (field.start(), field.end());
        *field = if doubled > start { Field::escaped(start, end, true) } else { Field::quoted(start + 1, end - 1) };
    }
    field
}

/// The bits below `bit`, which is at most 64.
#[inline(always)]
fn below(bit: u32) -> u64 {
    1_u64.checked_shl(bit).map_or(!0, |bit| bit - 1)
}

/// Each bit of the result is the parity of the bits up to and with it.
#[inline(always)]
fn prefix_xor(mut bits: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << shift;
    }
    bits
}
