//! Turns a dialect into the table of an automaton: the state before a byte and the byte's class
//! give the state after it, and the action.
//!
//! A token of several bytes, such as the delimiter `||` or the quote `§`, is looked at where its
//! first byte is found, and taken in one step if the others follow. So there is no state inside of
//! one: who begins there begins after it.

use memchr::{memchr, memchr2};

use super::states::State::{
    self, Bare, BareCr, BareEscape, BareEscapedCr, Closed, Comment, CommentCr, Cr, Equals, Marked,
    Quote, QuoteCr, Quoted, QuotedEscape, Row, Space,
};
use super::states::{Action, Entry, STATES};
use crate::dialect::{Dialect, Terminator, Token};
use crate::encoding::{Encoding, NARROW_MARK};

/// Bytes that mean the same in every state. Of tokens of several bytes it is the first.
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
    /// The tokens of several bytes.
    tokens: Vec<Long>,
    quote: Option<Token>,
    escape: Option<Token>,
    terminator: Terminator,
}

/// A token of several bytes.
#[derive(Debug, Clone, Copy)]
struct Long {
    token: Token,
    class: Class,
    /// What its first byte is where the others do not follow.
    alone: Class,
}

impl Long {
    /// What it does in a state, which has this row of the table, if that is more than its first
    /// byte does alone.
    fn entry(&self, row: &[Entry]) -> Option<Entry> {
        let [entry, alone] = [self.class, self.alone].map(|class| row[class as usize].of_token());
        (entry != alone).then_some(entry)
    }
}

impl Grammar {
    /// The grammar of a dialect whose tokens are as they stand in a window.
    pub(super) fn new(dialect: &Dialect) -> Self {
        let quote = dialect.quote_char;
        // An escape that is the quote is a doubled quote by another name.
        let escape = dialect.escape_char.filter(|escape| Some(*escape) != quote);
        let doubles = dialect.double_quote || dialect.escape_char == quote;
        // Files are put together with their byte order marks: one is no part of a field that a row
        // begins with.
        let mark: &[u8] = match dialect.encoding.byte_order() {
            Some(_) => &[NARROW_MARK],
            None if dialect.encoding == Encoding::UTF_8 => dialect.encoding.byte_order_mark(),
            None => b"",
        };
        let roles = [
            (Token::new(mark), Class::Mark),
            (dialect.excel_text.then(|| b'='.into()), Class::Equals),
            ((dialect.skip_initial_space || dialect.trim).then(|| b' '.into()), Class::Space),
            (dialect.trim.then(|| b'\t'.into()), Class::Space),
            (dialect.comment_char, Class::Comment),
            (escape, Class::Escape),
            (quote, Class::Quote),
            (Some(dialect.delimiter), Class::Delimiter),
            ((dialect.line_terminator != Terminator::Lf).then(|| b'\r'.into()), Class::Cr),
            ((dialect.line_terminator != Terminator::Cr).then(|| b'\n'.into()), Class::Lf),
        ];
        let roles =
            roles.into_iter().filter_map(|(token, class)| token.map(|token| (token, class)));
        let (short, long): (Vec<_>, Vec<_>) = roles.partition(|(token, _)| token.byte().is_some());
        // Where two roles meet in one byte, the later one wins.
        let mut classes = [Class::Data; 256];
        for (token, class) in short {
            classes[token.first() as usize] = class;
        }
        let new = |(token, class): (Token, Class)| Long {
            token,
            class,
            alone: classes[token.first() as usize],
        };
        let tokens: Vec<Long> = long.into_iter().map(new).collect();

        let rules = Rules { terminator: dialect.line_terminator, doubles, trim: dialect.trim };
        let mut table = STATES.map(|state| CLASSES.map(|class| entry(state, class, rules)));
        for Long { token, class, .. } in &tokens {
            classes[token.first() as usize] = *class;
        }
        for row in &mut table {
            for token in &tokens {
                // Several may begin with one byte, which has the class of the last.
                let class = classes[token.token.first() as usize] as usize;
                if token.entry(row).is_some() {
                    row[class] = row[class].if_token();
                }
            }
        }
        Self { classes, table, tokens, quote, escape, terminator: dialect.line_terminator }
    }

    /// Bytes of a quote.
    #[inline]
    pub(super) fn quote_bytes(&self) -> usize {
        self.quote.map_or(0, Token::bytes)
    }

    /// Bytes of an escape.
    #[inline]
    pub(super) fn escape_bytes(&self) -> usize {
        self.escape.map_or(0, Token::bytes)
    }

    /// The first of `bytes` at which something happens in `state`: its offset, and what. Whether a
    /// token of several bytes begins there is for [`token`](Self::token) to say.
    #[inline]
    pub(super) fn next_event(&self, state: State, bytes: &[u8]) -> Option<(usize, Entry)> {
        let row = &self.table[state as usize];
        let entry = |byte: &u8| row[self.classes[*byte as usize] as usize];
        bytes.iter().map(entry).enumerate().find(|(_, entry)| !entry.stays(state))
    }

    /// What happens in `state` at the first of `bytes`, which may begin a token of several bytes,
    /// and how many bytes that takes. `None`: it takes more of them to tell. `is_end`: there are no
    /// more.
    #[cold]
    #[inline(never)]
    pub(super) fn token(&self, state: State, bytes: &[u8], is_end: bool) -> Option<(Entry, usize)> {
        let row = &self.table[state as usize];
        let mut alone = Class::Data;
        for long in self.tokens.iter().filter(|long| long.token.first() == bytes[0]) {
            alone = long.alone;
            match long.entry(row) {
                Some(entry) if long.token.begins(bytes) => {
                    return Some((entry, long.token.bytes()));
                }
                Some(_) if !is_end && long.token.as_bytes().starts_with(bytes) => return None,
                _ => {}
            }
        }
        Some((row[alone as usize].of_token(), 1))
    }

    /// Every way to begin at the first of `bytes`, whatever stands before them: how many of them
    /// are the rest of a token, and the state after these. `None`: it takes more bytes to tell.
    /// `is_end`: there are no more.
    pub(super) fn beginnings(&self, bytes: &[u8], is_end: bool) -> Option<Vec<(usize, State)>> {
        let most = self.tokens.iter().map(|long| long.token.bytes() - 1).max().unwrap_or(0);
        if bytes.len() < most && !is_end {
            return None;
        }
        let states = self.reachable();
        let mut found: Vec<(usize, State)> = states.iter().map(|state| (0, *state)).collect();
        for long in &self.tokens {
            let after = states
                .iter()
                .filter_map(|state| long.entry(&self.table[*state as usize]))
                .map(Entry::state);
            let rests = (1..long.token.bytes()).map(|at| &long.token.as_bytes()[at..]);
            for rest in rests.filter(|rest| bytes.starts_with(rest)) {
                found.extend(after.clone().map(|state| (rest.len(), state)));
            }
        }
        found.sort_unstable();
        found.dedup();
        Some(found)
    }

    /// Every state in which some data leaves the automaton.
    fn reachable(&self) -> Vec<State> {
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
        let has = |class: Class| {
            self.classes.contains(&class)
                || self.tokens.iter().any(|long| [long.class, long.alone].contains(&class))
        };
        let possible = |state: &State| match state {
            Quoted | Quote | Closed | QuotedEscape | QuoteCr if self.quote.is_none() => false,
            BareEscape | QuotedEscape | BareEscapedCr if self.escape.is_none() => false,
            Comment | CommentCr => has(Class::Comment),
            Space | Closed => has(Class::Space),
            Equals => has(Class::Equals),
            Marked => has(Class::Mark),
            _ => true,
        };
        found.retain(possible);
        found
    }

    /// Reads `bytes` up to the next row start after their first byte's, and says at which offset it
    /// lies; `Err`: they end before it is known, and so many of them are done with. `is_end`: no
    /// bytes come after them, and then all are.
    ///
    /// After a lone CR the row starts at the byte after it, which is not read yet: an offset of 0
    /// is possible then.
    pub(super) fn next_row_start(
        &self,
        state: &mut State,
        bytes: &[u8],
        is_end: bool,
    ) -> Result<usize, usize> {
        let mut at = 0;
        while at < bytes.len() {
            match *state {
                // Most of what another reading than the taken one reads is the inside of its
                // quotes: at the speed of a search.
                Quoted => {
                    let rest = &bytes[at..];
                    let found = match (self.quote, self.escape) {
                        (Some(quote), Some(escape)) => memchr2(quote.first(), escape.first(), rest),
                        (Some(quote), None) => memchr(quote.first(), rest),
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
            let mut length = 1;
            if entry.is_if_token() {
                (entry, length) = self.token(*state, &bytes[at..], is_end).ok_or(at)?;
            }
            at += length;
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
                memchr::memchr_iter(b'\n', row).count()
                    + memchr::memchr_iter(b'\r', row).filter(lone_cr).count()
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
}

/// The heart of the grammar.
fn entry(state: State, class: Class, rules: Rules) -> Entry {
    let Rules { terminator, doubles, trim } = rules;
    let go = |state| Entry::new(Action::Go, state);
    let end_field = || Entry::new(Action::EndField, State::Field);
    let auto = terminator == Terminator::Auto;
    // What ends a row ends it in all of these states; a CR that needs its LF leaves a state that
    // waits for it.
    let waiting = match state {
        Row | Marked | State::Field | Space | Equals | Bare | BareCr | QuoteCr | BareEscapedCr => {
            Some(BareCr)
        }
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
        Row | Marked | State::Field | Space => match class {
            Class::Mark if state == Row => Entry::new(Action::Mark, Marked),
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
        // `next_row_start` and the lexer look at the byte after a CR themselves; this is for
        // `reachable` only.
        Cr => go(Row),
    }
}
