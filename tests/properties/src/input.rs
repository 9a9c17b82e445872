//! Turns bytes into decisions: the first ones decide, the others are data.

/// What is left of the bytes.
pub(crate) struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next byte; 0 if there is none, so that the first choice is the default.
    pub(crate) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    /// The next bytes as a number; zeros where there are none.
    pub(crate) fn number(&mut self) -> i64 {
        i64::from_le_bytes(std::array::from_fn(|_| self.byte()))
    }

    /// One of `choices`.
    pub(crate) fn choose<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[usize::from(self.byte()) % choices.len()]
    }

    /// A number below `limit`, which is at most 256.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        usize::from(self.byte()) % limit
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Up to the next NUL, which is passed over; without one all that is left.
    pub(crate) fn text(&mut self) -> &'a [u8] {
        let end = self.0.iter().position(|byte| *byte == 0).unwrap_or(self.0.len());
        let (text, rest) = self.0.split_at(end);
        self.0 = rest.get(1..).unwrap_or_default();
        text
    }

    pub(crate) fn rest(self) -> &'a [u8] {
        self.0
    }
}

/// Independent yes and no, of one byte.
pub(crate) struct Flags(u8);

impl Flags {
    pub(crate) fn of(input: &mut Input<'_>) -> Self {
        Self(input.byte())
    }

    pub(crate) fn next(&mut self) -> bool {
        let is_set = self.0 & 1 == 1;
        self.0 >>= 1;
        is_set
    }
}
