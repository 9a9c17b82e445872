//! How bytes are read, as a table: the state before a byte and the byte's class give the state after it, and what is to be done.

use memchr::{memchr, memchr2};

use super::states::State::{
    self, Bare, BareCr, BareEscape, BareEscapedCr, Closed, Comment, CommentCr, Cr, Quote, QuoteCr, Quoted, QuotedEscape, Row, Space,
};
use super::states::{Action, Entry, STATES};
use crate::dialect::{Dialect, Terminator};

/// Bytes that mean the same in every state.
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
}

/// How many classes there are.
const CLASSES: usize = 8;

/// The automaton of a dialect.
#[derive(Debug, Clone)]
pub(super) struct Grammar {
    classes: [Class; 256],
    table: [[Entry; CLASSES]; STATES.len()],
    quote: Option<u8>,
    escape: Option<u8>,
    terminator: Terminator,
}

impl Grammar {
    pub(super) fn new(dialect: &Dialect) -> Self {
        let quote = dialect.quote_char;
        // An escape that is the quote is a doubled quote by another name.
        let escape = dialect.escape_char.filter(|escape| Some(*escape) != quote);
        let doubles = dialect.double_quote || dialect.escape_char == quote;
        let mut classes = [Class::Data; 256];
        // Where two roles meet in one byte, the later line wins.
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
            (Some(dialect.delimiter), Class::Delimiter),
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

        let mut table = [[Entry::new(Action::Go, Bare); CLASSES]; STATES.len()];
        for state in STATES {
            for class in [Class::Data, Class::Delimiter, Class::Quote, Class::Escape, Class::Cr, Class::Lf, Class::Comment, Class::Space] {
                table[state as usize][class as usize] = entry(state, class, terminator, doubles, dialect.trim);
            }
        }
        Self { classes, table, quote, escape, terminator }
    }

    /// The first of `bytes` at which something happens in `state`: its offset, and what.
    #[inline]
    pub(super) fn next_event(&self, state: State, bytes: &[u8]) -> Option<(usize, Entry)> {
        let row = &self.table[state as usize];
        let entry = |byte: &u8| row[self.classes[*byte as usize] as usize];
        bytes.iter().map(entry).enumerate().find(|(_, entry)| !entry.stays(state))
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
            _ => true,
        };
        found.retain(possible);
        found
    }

    /// Reads `bytes` up to the next row start after their first byte's, and says at which offset it lies; `None` if they end before it is known.
    ///
    /// After a lone CR the row starts at the byte after it, which is not read yet: an offset of 0 is possible then.
    pub(super) fn next_row_start(&self, state: &mut State, bytes: &[u8]) -> Option<usize> {
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
                    at += found?;
                }
                Cr if bytes[at] != b'\n' => {
                    *state = Row;
                    return Some(at);
                }
                Cr => {
                    *state = Row;
                    return Some(at + 1);
                }
                _ => {}
            }
            let (skipped, entry) = self.next_event(*state, &bytes[at..])?;
            *state = entry.state();
            at += skipped + 1;
            if *state == Row {
                return Some(at);
            }
        }
        None
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

/// The heart of the grammar.
fn entry(state: State, class: Class, terminator: Terminator, doubles: bool, trim: bool) -> Entry {
    let go = |state| Entry::new(Action::Go, state);
    let auto = terminator == Terminator::Auto;
    // What ends a row ends it in all of these states; a CR that needs its LF leaves a state that waits for it.
    let waiting = match state {
        Row | State::Field | Space | Bare | BareCr | QuoteCr | BareEscapedCr => Some(BareCr),
        Quote | Closed => Some(QuoteCr),
        Comment | CommentCr => Some(CommentCr),
        Quoted | BareEscape | QuotedEscape | Cr => None,
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
        Row | State::Field | Space => match class {
            Class::Comment if state == Row => go(Comment),
            Class::Delimiter => Entry::new(Action::EndField, State::Field),
            Class::Quote => Entry::new(Action::Open, Quoted),
            Class::Escape => Entry::new(Action::Escape, BareEscape),
            Class::Space => go(Space),
            _ => go(Bare),
        },
        Bare | BareCr | QuoteCr | BareEscapedCr => match class {
            Class::Delimiter => Entry::new(Action::EndField, State::Field),
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
            Class::Delimiter => Entry::new(Action::EndField, State::Field),
            Class::Quote if doubles && state == Quote => Entry::new(Action::Double, Quoted),
            Class::Space if trim => go(Closed),
            Class::Escape => Entry::new(Action::Junk, BareEscape),
            _ => Entry::new(Action::Junk, Bare),
        },
        BareEscape => go(if class == Class::Cr && auto { BareEscapedCr } else { Bare }),
        QuotedEscape => go(Quoted),
        Comment | CommentCr => go(Comment),
        // `next_row_start` and the lexer look at the byte after a CR themselves; this is for `reachable` only.
        Cr => go(Row),
    }
}
