//! Follows a reading of a shard for its row starts only.

use super::grammar::Grammar;
use super::states::State;

/// A reading of a shard that is not transformed, or not yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Follower {
    /// The byte of the source that it reads next.
    pub(super) at: u64,
    /// What the bytes before mean for it.
    pub(super) state: State,
    /// Where the row that it is in starts, or where it was first looked at.
    pub(super) row: u64,
    /// Its first row start inside the range.
    pub(super) first: Option<u64>,
}

/// Bytes of the source.
#[derive(Clone, Copy)]
pub(super) struct Bytes<'a> {
    /// The byte of the source that is their first.
    pub(super) from: u64,
    pub(super) bytes: &'a [u8],
    /// They are the last ones of the source.
    pub(super) end_of_source: bool,
}

impl Bytes<'_> {
    pub(super) fn end(&self) -> u64 {
        self.from + self.bytes.len() as u64
    }

    /// The bytes from `at` of the source on. Empty past the end.
    pub(super) fn after(&self, at: u64) -> &[u8] {
        &self.bytes[((at - self.from) as usize).min(self.bytes.len())..]
    }
}

/// What a follower came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// A row start, at which it stands now.
    RowStart,
    /// The end of the bytes, or of those that tell anything.
    BytesEnd,
    /// A row that is longer than the limit.
    LongRow,
}

impl Follower {
    /// Goes on to the next row start. The end of the source is one.
    pub(super) fn step(&mut self, grammar: &Grammar, bytes: Bytes<'_>, limit: usize) -> Step {
        let found =
            grammar.next_row_start(&mut self.state, bytes.after(self.at), bytes.end_of_source);
        self.at += found.unwrap_or_else(|done| done) as u64;
        if self.at - self.row > limit as u64 {
            return Step::LongRow;
        }
        if found.is_err() && !(bytes.end_of_source && self.at > self.row) {
            return Step::BytesEnd;
        }
        self.row = self.at;
        Step::RowStart
    }
}
