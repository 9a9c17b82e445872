//! Names the states of the automaton, and the actions between them.

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
    /// After a `=` that begins a field, which may be `="text"`.
    Equals,
    /// After a byte order mark at a row start: no row start, but what follows is read as if it
    /// were.
    Marked,
}

/// Every state, in the order of their numbers.
pub(super) const STATES: [State; 17] = [
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
    State::Equals,
    State::Marked,
];

/// What the lexer does at a byte or a token of several, besides changing its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Action {
    /// Nothing.
    Go,
    /// A delimiter.
    EndField,
    /// A terminator.
    EndRow,
    /// A CR terminator, together with an LF if one follows.
    EndRowCr,
    /// The LF of a CR LF terminator.
    EndRowCrLf,
    /// A quote that opens quotes.
    Open,
    /// One that closes them, unless what comes next says otherwise.
    Close,
    /// One that stands for a quote, with the one before it.
    Double,
    /// What shows that the quote before did not close the field.
    Junk,
    /// A quote where none should be.
    Stray,
    /// An escape.
    Escape,
    /// A byte order mark at a row start, which is no part of the field.
    Mark,
}

const ACTIONS: [Action; 12] = [
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
    Action::Mark,
];

/// An action and a state in one number. For "stay and do nothing" it is the state's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry(u16);

/// Set where the byte is the first of a token of several bytes, and means this only if the others
/// follow.
const TOKEN: u16 = 1 << 15;

impl Entry {
    pub(super) fn new(action: Action, state: State) -> Self {
        Self((action as u16) << 8 | state as u16)
    }

    /// The same, if the other bytes of the token follow.
    pub(super) fn if_token(self) -> Self {
        Self(self.0 | TOKEN)
    }

    /// The entry of a token whose bytes are all there.
    pub(super) fn of_token(self) -> Self {
        Self(self.0 & !TOKEN)
    }

    #[inline]
    pub(super) fn is_if_token(self) -> bool {
        self.0 & TOKEN != 0
    }

    #[inline]
    pub(super) fn stays(self, state: State) -> bool {
        self.0 == state as u16
    }

    #[inline]
    pub(super) fn state(self) -> State {
        STATES[(self.0 & 0xFF) as usize]
    }

    #[inline]
    pub(super) fn action(self) -> Action {
        ACTIONS[(self.of_token().0 >> 8) as usize]
    }
}
