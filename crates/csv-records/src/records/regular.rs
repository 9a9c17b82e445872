//! Turns marks into rows: the fast path, for rows whose quoting is regular.
//!
//! Quoting is regular where every opening quote begins a field (or is the second of a doubled
//! quote) and every closing one is followed by a delimiter, a terminator or a quote. Then a byte is
//! inside quotes if the quotes up to it are odd in number, which is a prefix sum over a block's
//! bits. Both conditions are masks as well: the row in which the first bit breaks one is read by
//! the automaton, and marks are taken up again after it.
//!
//! So are the rows that begin with a comment or a byte order mark, or in which an escape occurs,
//! spaces that a dialect does not count to a field, or half of a CR LF where only both end a row.

use super::block::{Block, Carry, Regular, below};
use super::ends::Ends;
use super::lexer::{Lexer, Span};
use super::marks::{BLOCK, Marks, Work, with_marks};
use super::rows::{Field, Row, RowKind, Rows};

/// Reads the rows of `span`, as [`Lexer::read`] says, and tells how many bytes they take.
pub(super) fn read(regular: Regular, lexer: &Lexer, span: Span<'_>, rows: &mut Rows) -> usize {
    if regular.odd {
        with_marks(
            regular.needles,
            Reader::<true> { regular, lexer, span, row: 0, first_field: 0, rows },
        )
    } else {
        with_marks(
            regular.needles,
            Reader::<false> { regular, lexer, span, row: 0, first_field: 0, rows },
        )
    }
}

/// `ODD`: bytes other than quotes may make a row irregular. Dialects in which none does don't pay
/// for the search.
struct Reader<'a, const ODD: bool> {
    regular: Regular,
    lexer: &'a Lexer,
    span: Span<'a>,
    /// The start of the row that is being read.
    row: usize,
    /// Where its fields begin.
    first_field: usize,
    rows: &'a mut Rows,
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

impl<const ODD: bool> Work for Reader<'_, ODD> {
    type Output = usize;

    #[inline(always)]
    fn run(
        mut self,
        mark: impl Fn(&[u8; BLOCK]) -> Marks,
        push: impl Fn(Ends, &mut Vec<Field>),
    ) -> usize {
        while self.wants_more() {
            let stop = self.read_from_row(&mark, &push);
            self.rows.fields.truncate(self.first_field);
            let cut_off = matches!(stop, Stop::WindowEnds) && !self.span.end_of_source;
            if cut_off || !self.wants_more() {
                break;
            }
            // A comment, an irregular row, one that is too long, or one without a terminator at the
            // end of the source.
            let Some(end) =
                self.lexer.row(self.span.window, self.row, self.span.end_of_source, self.rows)
            else {
                break;
            };
            self.row = end;
        }
        self.row
    }
}

impl<const ODD: bool> Reader<'_, ODD> {
    #[inline(always)]
    fn wants_more(&self) -> bool {
        self.row < self.span.stop && self.rows.rows.len() < self.span.max_rows
    }

    /// Reads regular rows from `self.row` on.
    #[inline(always)]
    fn read_from_row(
        &mut self,
        mark: &impl Fn(&[u8; BLOCK]) -> Marks,
        push: &impl Fn(Ends, &mut Vec<Field>),
    ) -> Stop {
        self.first_field = self.rows.fields.len();
        let window = self.span.window;
        let (mut at, mut field) = (self.row, self.row);
        let mut carry = Carry::at_row_start();
        while at < window.len() {
            let marks = match window[at..].first_chunk() {
                Some(block) => mark(block),
                None => last_marks(&window[at..], mark),
            };
            let block = Block::new::<ODD>(&self.regular, window, at, marks, &mut carry);
            let before = self.rows.fields.len();
            let ends = Ends { at, ends: block.ends, cr_lf: block.cr_lf, field };
            push(ends, &mut self.rows.fields);
            field = ends.next_field();
            block.quote_fields(before, &carry, &mut self.rows.fields);
            if let Some(stop) = self.push_rows(&block, before, &mut carry) {
                return stop;
            }
            if block.irregular != 0 {
                return Stop::Irregular;
            }
            if block.doubled != 0 {
                carry.doubled = at + BLOCK - block.doubled.leading_zeros() as usize;
            }
            at += BLOCK;
        }
        Stop::WindowEnds
    }

    /// Appends the rows that end in `block`, whose first field is at the index `before`.
    #[inline(always)]
    fn push_rows(&mut self, block: &Block, before: usize, carry: &mut Carry) -> Option<Stop> {
        let mut row_ends = block.row_ends;
        let mut inner_lines = block.inner_lines;
        while row_ends != 0 {
            let bit = row_ends.trailing_zeros();
            let content_end = block.at + bit as usize;
            let end = content_end + 1 + (block.cr_lf >> bit & 1) as usize;
            if end - self.row > self.lexer.limit() {
                return Some(Stop::Irregular);
            }
            let next_field = before + (block.ends & below(bit)).count_ones() as usize + 1;
            let is_blank = content_end == self.row;
            self.rows.rows.push(Row {
                start: self.row as u32,
                end: end as u32,
                content_end: content_end as u32,
                first_field: self.first_field as u32,
                fields: if is_blank { 0 } else { (next_field - self.first_field) as u32 },
                lines: 1 + carry.lines + (inner_lines & below(bit)).count_ones(),
                kind: if is_blank { self.lexer.blank() } else { RowKind::Record },
                faulty: false,
            });
            carry.lines = 0;
            inner_lines &= !below(bit);
            self.row = end;
            self.first_field = next_field;
            if !self.wants_more() {
                return Some(Stop::Enough);
            }
            row_ends &= row_ends - 1;
        }
        carry.lines += inner_lines.count_ones();
        None
    }
}

/// Marks less than a block, the end of a window.
fn last_marks(bytes: &[u8], mark: &impl Fn(&[u8; BLOCK]) -> Marks) -> Marks {
    let mut block = [0; BLOCK];
    block[..bytes.len()].copy_from_slice(bytes);
    // The padding might be taken for a needle.
    mark(&block).only(below(bytes.len() as u32))
}
