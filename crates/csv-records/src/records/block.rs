//! Turns the marks of a block of 64 bytes into masks: which fields and rows end in it, and where it
//! stops being regular.

use super::marks::{BLOCK, Marks, Needles};
use super::rows::Field;
use crate::dialect::{Dialect, Terminator, Token};
use crate::encoding::NARROW_MARK;

/// What the fast path has to know of a dialect.
#[derive(Debug, Clone, Copy)]
pub(super) struct Regular {
    pub(super) needles: Needles,
    quotes: bool,
    doubles: bool,
    /// CR has a part in ending rows.
    cr: bool,
    /// Only CR LF ends rows.
    pairs: bool,
    /// Spaces before the end of a field are irregular too.
    trim: bool,
    /// Bytes other than quotes may make a row irregular.
    pub(super) odd: bool,
}

impl Regular {
    /// `None` for dialects of which every row takes the automaton, such as those with a delimiter,
    /// a quote or an escape of several bytes.
    pub(super) fn new(dialect: &Dialect) -> Option<Self> {
        let byte = |token: Option<Token>| token.map_or(Some(None), |token| token.byte().map(Some));
        let delimiter = dialect.delimiter.byte()?;
        let (quote, escape) = (byte(dialect.quote_char)?, byte(dialect.escape_char)?);
        let doubles = dialect.double_quote || (escape.is_some() && escape == quote);
        let escape = escape.filter(|_| escape != quote);
        // The automaton sees whether a row that begins with its first byte is a comment.
        let comment = dialect.comment_char.map(Token::first);
        let terminator = dialect.line_terminator;
        let lf = if terminator == Terminator::Cr { b'\r' } else { b'\n' };
        let cr = matches!(terminator, Terminator::Auto | Terminator::CrLf);
        let spaces = match (dialect.trim, dialect.skip_initial_space) {
            (true, _) => Some(*b" \t"),
            (_, true) => Some(*b"  "),
            _ => None,
        };
        // Two roles for one byte are for the automaton to sort out.
        let roles = [Some(delimiter), quote, escape, comment, Some(lf), cr.then_some(b'\r')];
        let roles: Vec<u8> = roles.into_iter().flatten().collect();
        let is_taken = |index: usize| {
            roles[..index].contains(&roles[index])
                || spaces.is_some_and(|spaces| spaces.contains(&roles[index]))
        };
        if (0..roles.len()).any(is_taken) {
            return None;
        }
        let mark = match dialect.encoding.byte_order() {
            Some(_) => Some(NARROW_MARK),
            None => dialect.encoding.byte_order_mark().first().copied(),
        };
        let quotes = quote.is_some();
        let needles = Needles {
            delimiter,
            quote: quote.unwrap_or_default(),
            lf,
            cr: b'\r',
            escape,
            spaces,
            mark,
            comment,
        };
        let pairs = terminator == Terminator::CrLf;
        Some(Self {
            needles,
            quotes,
            doubles,
            cr,
            pairs,
            trim: dialect.trim,
            odd: pairs || escape.is_some() || spaces.is_some(),
        })
    }
}

/// What one block leaves to the next. A mask that speaks of the next block has its bit 0 set or
/// none.
#[derive(Default)]
pub(super) struct Carry {
    /// A row begins here.
    row: u64,
    /// A field may begin here.
    field: u64,
    /// The byte before was a closing quote.
    closed: u64,
    /// The byte before was a space.
    space: u64,
    /// An LF here belongs to the CR before.
    cr_lf: u64,
    /// All bits, if the block begins inside quotes.
    inside: u64,
    /// The offset after the last doubled quote.
    pub(super) doubled: usize,
    /// Terminators inside quotes since the row began.
    pub(super) lines: u32,
}

impl Carry {
    /// What there is to know at a row start.
    #[inline(always)]
    pub(super) fn at_row_start() -> Self {
        Self { row: 1, field: 1, ..Self::default() }
    }
}

/// One block, understood.
pub(super) struct Block {
    /// Where it lies in the window.
    pub(super) at: usize,
    /// Delimiters and terminators that end fields. In a CR LF it is the CR.
    pub(super) ends: u64,
    /// Those of them that end rows.
    pub(super) row_ends: u64,
    /// Those of them that end quoted fields.
    quoted_ends: u64,
    /// CRs that have an LF.
    pub(super) cr_lf: u64,
    /// Second quotes of doubled ones.
    pub(super) doubled: u64,
    /// Terminators inside quotes.
    pub(super) inner_lines: u64,
    /// Bits at which the block turns out not to be regular.
    pub(super) irregular: u64,
}

impl Block {
    /// Understands the block at `at` of `window`. `ODD` says what [`Regular::odd`] does.
    #[inline(always)]
    pub(super) fn new<const ODD: bool>(
        regular: &Regular,
        window: &[u8],
        at: usize,
        marks: Marks,
        carry: &mut Carry,
    ) -> Self {
        let Marks { delimiter, quote, lf, cr, escape, space, start } = marks;
        let quote = if regular.quotes { quote } else { 0 };
        let cr = if regular.cr { cr } else { 0 };
        let mut cr_lf = 0;
        let mut lone_lf = lf;
        if cr | carry.cr_lf != 0 {
            let next_is_lf = u64::from(cr >> 63 == 1 && window.get(at + BLOCK) == Some(&b'\n'));
            cr_lf = cr & (lf >> 1 | next_is_lf << 63);
            lone_lf = lf & !(cr_lf << 1 | carry.cr_lf);
            carry.cr_lf = cr_lf >> 63;
        }
        // After a CR LF a row begins, and none does between the two.
        let before_row = lf | (cr & !cr_lf);
        let odd_start = start & (before_row << 1 | carry.row);
        if !ODD && quote | carry.inside | carry.closed | odd_start == 0 {
            let row_ends = cr | lone_lf;
            let ends = delimiter | row_ends;
            carry.row = before_row >> 63;
            carry.field = (ends | lf) >> 63;
            return Self {
                at,
                ends,
                row_ends,
                quoted_ends: 0,
                cr_lf,
                doubled: 0,
                inner_lines: 0,
                irregular: 0,
            };
        }
        let (terminators, lines, lone) = if ODD && regular.pairs {
            (cr_lf, lf, (cr & !cr_lf) | lone_lf)
        } else {
            (cr | lone_lf, cr | lone_lf, 0)
        };
        let inside = prefix_xor(quote) ^ carry.inside;
        carry.inside = if inside >> 63 == 1 { !0 } else { 0 };
        let opens = quote & inside;
        let closes = quote & !inside;
        let ends = (delimiter | terminators) & !inside;
        let before_field = ends | (lf & !inside);
        let may_begin = before_field << 1 | carry.field;
        let after_close = closes << 1 | carry.closed;
        let doubled = opens & after_close;
        let misplaced = opens & !(may_begin | after_close);
        let unclosed = after_close & !(ends | quote);
        let before_row = before_row & !inside;
        let odd_start = start & (before_row << 1 | carry.row);
        let mut irregular =
            misplaced | unclosed | odd_start | if regular.doubles { 0 } else { doubled };
        if ODD {
            let spaced = (space & may_begin)
                | if regular.trim { ends & (space << 1 | carry.space) } else { 0 };
            irregular |= spaced | escape | (lone & !inside);
            carry.space = space >> 63;
        }
        (carry.row, carry.field, carry.closed) =
            (before_row >> 63, before_field >> 63, closes >> 63);
        // What comes after the first irregular bit is not for us.
        let ends = ends & below(irregular.trailing_zeros());
        // A field whose end follows a closing quote began with its opening one.
        let quoted_ends = ends & after_close;
        Self {
            at,
            ends,
            row_ends: ends & terminators,
            quoted_ends,
            cr_lf,
            doubled,
            inner_lines: lines & inside,
            irregular,
        }
    }

    /// Says of the fields that end in it, which begin at the index `before`, what quotes make of
    /// them.
    #[inline(always)]
    pub(super) fn quote_fields(&self, before: usize, carry: &Carry, fields: &mut [Field]) {
        let mut quoted_ends = self.quoted_ends;
        while quoted_ends != 0 {
            let below = below(quoted_ends.trailing_zeros());
            quoted_ends &= quoted_ends - 1;
            let field = &mut fields[before + (self.ends & below).count_ones() as usize];
            let doubled = self.doubled & below;
            let doubled = if doubled == 0 {
                carry.doubled
            } else {
                self.at + BLOCK - doubled.leading_zeros() as usize
            };
            let (start, end) = (field.start(), field.end());
            *field = if doubled > start {
                Field::escaped(start, end, true)
            } else {
                Field::quoted(start + 1, end - 1)
            };
        }
    }
}

/// The bits below `bit`, which is at most 64.
#[inline(always)]
pub(super) fn below(bit: u32) -> u64 {
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
