//! How bytes are read, as a table: the state before a byte and the byte's class give the state after it, and what is to be done.

use memchr::{memchr, memchr2};

use super::states::State::{
    self, Bare, BareCr, BareEscape, BareEscapedCr, Closed, Comment, CommentCr, Cr, Delimiter1, Delimiter2, Delimiter3, Delimiter4,
    Delimiter5, Delimiter6, Delimiter7, Equals, Mark1, Mark2, Marked, Quote, QuoteCr, Quoted, QuotedEscape, Row, Space,
};
use super::states::{Action, Entry, IN_DELIMITER, STATES};
use crate::dialect::{Delimiter, Dialect, Terminator};
use crate::encoding::{Encoding, NARROW_MARK};

/// Bytes that mean the same in every state. Of a token of several bytes, a delimiter or a byte order mark, it is the first:
/// whether the others follow is looked at there, and then they are passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Class {
    Data,
    Delimiter,
    Quote,
    Escape,
    Cr,
    Lf,
    Comment,
    Space,
    Equals,
    Mark,
}

/// Every class, in the order of their numbers.
const CLASSES: [Class; 10] = [
    Class::Data,
    Class::Delimiter,
    Class::Quote,
    Class::Escape,
    Class::Cr,
    Class::Lf,
    Class::Comment,
    Class::Space,
    Class::Equals,
    Class::Mark,
];

/// The automaton of a dialect.
#[derive(Debug, Clone)]
pub(super) struct Grammar {
    classes: [Class; 256],
    table: [[Entry; CLASSES.len()]; STATES.len()],
    quote: Option<u8>,
    escape: Option<u8>,
    terminator: Terminator,
    delimiter: Delimiter,
    /// A byte order mark, as it stands in a window. It is no part of a field that a row begins with: files are put
    /// together with theirs.
    mark: &'static [u8],
}

impl Grammar {
    pub(super) fn new(dialect: &Dialect) -> Self {
        let quote = dialect.quote_char;
        // An escape that is the quote is a doubled quote by another name.
        let escape = dialect.escape_char.filter(|escape| Some(*escape) != quote);
        let doubles = dialect.double_quote || dialect.escape_char == quote;
        let mut classes = [Class::Data; 256];
        let mark: &[u8] = match dialect.encoding.byte_order() {
            Some(_) => &[NARROW_MARK],
            None if dialect.encoding == Encoding::UTF_8 => dialect.encoding.byte_order_mark(),
            None => b"",
        };
        // Where two roles meet in one byte, the later line wins.
        if let Some(first) = mark.first() {
            classes[*first as usize] = Class::Mark;
        }
        if dialect.excel_text {
            classes[b'=' as usize] = Class::Equals;
        }
        if dialect.skip_initial_space || dialect.trim {
            classes[b' ' as usize] = Class::Space;
        }
        if dialect.trim {
            classes[b'\t' as usize] = Class::Space;
        }
        let roles = [
            (dialect.comment_char, Class::Comment),
            (escape, Class::Escape),
            (quote, Class::Quote),
            (Some(dialect.delimiter.first()), Class::Delimiter),
        ];
        for (byte, class) in roles {
            if let Some(byte) = byte {
                classes[byte as usize] = class;
            }
        }
        let terminator = dialect.line_terminator;
        if terminator != Terminator::Lf {
            classes[b'\r' as usize] = Class::Cr;
        }
        if terminator != Terminator::Cr {
            classes[b'\n' as usize] = Class::Lf;
        }

        let rules =
            Rules { terminator, doubles, trim: dialect.trim, delimiter_bytes: dialect.delimiter.as_bytes().len(), mark_bytes: mark.len() };
        let mut table = [[Entry::new(Action::Go, Bare); CLASSES.len()]; STATES.len()];
        for state in STATES {
            let data = entry(state, Class::Data, rules);
            for class in CLASSES {
                let entry = entry(state, class, rules);
                let is_long = match class {
                    Class::Delimiter => rules.delimiter_bytes > 1,
                    Class::Mark => rules.mark_bytes > 1,
                    _ => false,
                };
                table[state as usize][class as usize] = if is_long && entry != data { entry.if_token() } else { entry };
            }
        }
        Self { classes, table, quote, escape, terminator, delimiter: dialect.delimiter, mark }
    }

    /// Bytes of a delimiter.
    pub(super) fn delimiter_bytes(&self) -> usize {
        self.delimiter.as_bytes().len()
    }

    /// Bytes of a byte order mark, as it stands in a window.
    pub(super) fn mark_bytes(&self) -> usize {
        self.mark.len()
    }

    /// The first of `bytes` at which something happens in `state`: its offset, and what. Whether a token of several
    /// bytes begins there is for [`token`](Self::token) to say.
    #[inline]
    pub(super) fn next_event(&self, state: State, bytes: &[u8]) -> Option<(usize, Entry)> {
        let row = &self.table[state as usize];
        let entry = |byte: &u8| row[self.classes[*byte as usize] as usize];
        bytes.iter().map(entry).enumerate().find(|(_, entry)| !entry.stays(state))
    }

    /// What happens in `state` at the first of `bytes`, which may begin a token of several bytes. `None`: it takes more of
    /// them to tell. `is_end`: there are no more.
    #[cold]
    pub(super) fn token(&self, state: State, bytes: &[u8], is_end: bool) -> Option<Entry> {
        let row = &self.table[state as usize];
        let class = self.classes[bytes[0] as usize];
        let token = if class == Class::Mark { self.mark } else { self.delimiter.as_bytes() };
        if bytes.starts_with(token) {
            return Some(row[class as usize].of_token());
        }
        // The first byte alone is data.
        (is_end || !token.starts_with(bytes)).then_some(row[Class::Data as usize])
    }

    /// Whether a state before `bytes`, which may be too few, is possible: inside a token its other bytes follow.
    pub(super) fn is_possible(&self, state: State, bytes: &[u8]) -> bool {
        let left = match state {
            Mark2 | Mark1 => &self.mark[self.mark.len() - if state == Mark2 { 2 } else { 1 }..],
            _ => match IN_DELIMITER.iter().position(|inside| *inside == state) {
                Some(left) => &self.delimiter.as_bytes()[self.delimiter_bytes() - left..],
                None => return true,
            },
        };
        bytes.starts_with(&left[..left.len().min(bytes.len())])
    }

    /// Every state in which some data leaves the automaton.
    pub(super) fn reachable(&self) -> Vec<State> {
        let mut found = vec![Row];
        let mut next = 0;
        while let Some(state) = found.get(next).copied() {
            next += 1;
            for entry in &self.table[state as usize] {
                if !found.contains(&entry.state()) {
                    found.push(entry.state());
                }
            }
        }
        // Classes that this dialect gives to no byte lead to states that it can't reach.
        let possible = |state: &State| match state {
            Quoted | Quote | Closed | QuotedEscape | QuoteCr if self.quote.is_none() => false,
            BareEscape | QuotedEscape | BareEscapedCr if self.escape.is_none() => false,
            Comment | CommentCr => self.classes.contains(&Class::Comment),
            Space | Closed => self.classes.contains(&Class::Space),
            Equals => self.classes.contains(&Class::Equals),
            Mark2 | Mark1 | Marked => self.classes.contains(&Class::Mark),
            _ => true,
        };
        found.retain(possible);
        found
    }

    /// Reads `bytes` up to the next row start after their first byte's, and says at which offset it lies; `Err`: they end
    /// before it is known, and so many of them are done with. `is_end`: no bytes come after them, and then all are.
    ///
    /// After a lone CR the row starts at the byte after it, which is not read yet: an offset of 0 is possible then.
    pub(super) fn next_row_start(&self, state: &mut State, bytes: &[u8], is_end: bool) -> Result<usize, usize> {
        let mut at = 0;
        while at < bytes.len() {
            match *state {
                // Most of what another reading than the taken one reads is the inside of its quotes: at the speed of a search.
                Quoted => {
                    let rest = &bytes[at..];
                    let found = match (self.quote, self.escape) {
                        (Some(quote), Some(escape)) => memchr2(quote, escape, rest),
                        (Some(quote), None) => memchr(quote, rest),
                        (None, _) => None,
                    };
                    at += found.ok_or(bytes.len())?;
                }
                Cr if bytes[at] != b'\n' => {
                    *state = Row;
                    return Ok(at);
                }
                Cr => {
                    *state = Row;
                    return Ok(at + 1);
                }
                _ => {}
            }
            let (skipped, mut entry) = self.next_event(*state, &bytes[at..]).ok_or(bytes.len())?;
            at += skipped;
            if entry.is_if_token() {
                entry = self.token(*state, &bytes[at..], is_end).ok_or(at)?;
            }
            at += 1;
            *state = entry.state();
            if *state == Row {
                return Ok(at);
            }
        }
        Err(bytes.len())
    }

    /// Line terminators in the bytes of a whole row, as an editor would count them: a CR LF is one.
    pub(super) fn lines(&self, row: &[u8]) -> u32 {
        let count = match self.terminator {
            Terminator::Lf | Terminator::CrLf => memchr::memchr_iter(b'\n', row).count(),
            Terminator::Cr => memchr::memchr_iter(b'\r', row).count(),
            Terminator::Auto => {
                let lone_cr = |at: &usize| row.get(at + 1) != Some(&b'\n');
                memchr::memchr_iter(b'\n', row).count() + memchr::memchr_iter(b'\r', row).filter(lone_cr).count()
            }
        };
        count as u32
    }
}

/// What of a dialect the table depends on.
#[derive(Clone, Copy)]
struct Rules {
    terminator: Terminator,
    doubles: bool,
    trim: bool,
    delimiter_bytes: usize,
    /// 0: no byte is one.
    mark_bytes: usize,
}

/// The heart of the grammar.
fn entry(state: State, class: Class, rules: Rules) -> Entry {
    let Rules { terminator, doubles, trim, delimiter_bytes, mark_bytes } = rules;
    let go = |state| Entry::new(Action::Go, state);
    let end_field = || Entry::new(Action::EndField, IN_DELIMITER[delimiter_bytes - 1]);
    let mark = || Entry::new(Action::Mark, [Marked, Marked, Mark1, Mark2][mark_bytes]);
    let auto = terminator == Terminator::Auto;
    // What ends a row ends it in all of these states; a CR that needs its LF leaves a state that waits for it.
    let waiting = match state {
        Row | Marked | State::Field | Space | Equals | Bare | BareCr | QuoteCr | BareEscapedCr => Some(BareCr),
        Quote | Closed => Some(QuoteCr),
        Comment | CommentCr => Some(CommentCr),
        Quoted | BareEscape | QuotedEscape | Cr => None,
        Mark2 | Mark1 | Delimiter1 | Delimiter2 | Delimiter3 | Delimiter4 | Delimiter5 | Delimiter6 | Delimiter7 => None,
    };
    match (class, waiting) {
        (Class::Lf, _) if state == BareEscapedCr => return go(Bare),
        (Class::Lf, Some(_)) if terminator == Terminator::CrLf => {
            if matches!(state, BareCr | QuoteCr | CommentCr) {
                return Entry::new(Action::EndRowCrLf, Row);
            }
        }
        (Class::Lf, Some(_)) => return Entry::new(Action::EndRow, Row),
        (Class::Cr, Some(waiting)) => {
            return match terminator {
                Terminator::Auto => Entry::new(Action::EndRowCr, Cr),
                Terminator::CrLf => go(waiting),
                Terminator::Cr | Terminator::Lf => Entry::new(Action::EndRow, Row),
            };
        }
        _ => {}
    }
    match state {
        Row | Marked | State::Field | Space => match class {
            Class::Mark if state == Row => mark(),
            Class::Comment if matches!(state, Row | Marked) => go(Comment),
            Class::Delimiter => end_field(),
            Class::Quote => Entry::new(Action::Open, Quoted),
            Class::Escape => Entry::new(Action::Escape, BareEscape),
            Class::Space => go(Space),
            Class::Equals => go(Equals),
            _ => go(Bare),
        },
        Equals if class == Class::Quote => Entry::new(Action::Open, Quoted),
        Equals | Bare | BareCr | QuoteCr | BareEscapedCr => match class {
            Class::Delimiter => end_field(),
            Class::Quote => Entry::new(Action::Stray, Bare),
            Class::Escape => Entry::new(Action::Escape, BareEscape),
            _ => go(Bare),
        },
        Quoted => match class {
            Class::Quote => Entry::new(Action::Close, Quote),
            Class::Escape => Entry::new(Action::Escape, QuotedEscape),
            _ => go(Quoted),
        },
        Quote | Closed => match class {
            Class::Delimiter => end_field(),
            Class::Quote if doubles && state == Quote => Entry::new(Action::Double, Quoted),
            Class::Space if trim => go(Closed),
            Class::Escape => Entry::new(Action::Junk, BareEscape),
            _ => Entry::new(Action::Junk, Bare),
        },
        BareEscape => go(if class == Class::Cr && auto { BareEscapedCr } else { Bare }),
        QuotedEscape => go(Quoted),
        Comment | CommentCr => go(Comment),
        Mark2 => go(Mark1),
        Mark1 => go(Marked),
        Delimiter1 => go(State::Field),
        Delimiter2 => go(Delimiter1),
        Delimiter3 => go(Delimiter2),
        Delimiter4 => go(Delimiter3),
        Delimiter5 => go(Delimiter4),
        Delimiter6 => go(Delimiter5),
        Delimiter7 => go(Delimiter6),
        // `next_row_start` and the lexer look at the byte after a CR themselves; this is for `reachable` only.
        Cr => go(Row),
    }
}
