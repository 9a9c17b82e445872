//! The states of the automaton, and what it does on its way from one to another.

/// What the bytes before a position mean for those after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum State {
    /// At a row start.
    Row,
    /// After a delimiter.
    Field,
    /// In spaces before a field that are not part of it.
    Space,
    /// Outside of quotes, inside a field.
    Bare,
    /// Inside quotes.
    Quoted,
    /// After a quote inside quotes.
    Quote,
    /// In spaces after a closing quote that are not part of the field.
    Closed,
    /// After an escape outside of quotes.
    BareEscape,
    /// After an escape inside quotes.
    QuotedEscape,
    /// After an escaped CR outside of quotes, whose LF is escaped with it.
    BareEscapedCr,
    /// In a comment.
    Comment,
    /// After a CR that ended a row, unless an LF is part of the terminator too.
    Cr,
    /// After a CR that ends a row only if an LF follows: outside of quotes.
    BareCr,
    /// The same, after a closing quote.
    QuoteCr,
    /// The same, in a comment.
    CommentCr,
}

/// Every state, in the order of their numbers.
pub(super) const STATES: [State; 15] = [
    State::Row,
    State::Field,
    State::Space,
    State::Bare,
    State::Quoted,
    State::Quote,
    State::Closed,
    State::BareEscape,
    State::QuotedEscape,
    State::BareEscapedCr,
    State::Comment,
    State::Cr,
    State::BareCr,
    State::QuoteCr,
    State::CommentCr,
];

/// What the lexer does at a byte, besides changing its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Action {
    /// Nothing.
    Go,
    /// The byte is a delimiter.
    EndField,
    /// The byte is a terminator.
    EndRow,
    /// The byte is a CR terminator, together with an LF if one follows.
    EndRowCr,
    /// The byte is the LF of a CR LF terminator.
    EndRowCrLf,
    /// The byte opens quotes.
    Open,
    /// The byte closes them, unless the next one says otherwise.
    Close,
    /// The byte, with the one before it, stands for a quote.
    Double,
    /// The byte shows that the quote before did not close the field.
    Junk,
    /// The byte is a quote where none should be.
    Stray,
    /// The byte is an escape.
    Escape,
}

const ACTIONS: [Action; 11] = [
    Action::Go,
    Action::EndField,
    Action::EndRow,
    Action::EndRowCr,
    Action::EndRowCrLf,
    Action::Open,
    Action::Close,
    Action::Double,
    Action::Junk,
    Action::Stray,
    Action::Escape,
];

/// An action and a state in one byte. For "stay and do nothing" it is the state's own number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry(u8);

impl Entry {
    pub(super) fn new(action: Action, state: State) -> Self {
        Self((action as u8) << 4 | state as u8)
    }
    pub(super) fn stays(self, state: State) -> bool {
        self.0 == state as u8
    }
    pub(super) fn state(self) -> State {
        STATES[(self.0 & 15) as usize]
    }
    pub(super) fn action(self) -> Action {
        ACTIONS[(self.0 >> 4) as usize]
    }
}
