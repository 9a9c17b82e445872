//! Defines masks: what replaces values that may not leave as they are.

use super::Contract;

/// What becomes of the values of a masked column, all of them texts then. Nulls stay nulls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mask {
    /// The SHA-256 of the salt and, right after it, the value as text, in hexadecimal digits: equal
    /// values stay equal.
    Sha256,
    /// `redacted`, whatever it was.
    Redact,
    /// `****` and the last four characters; `****` alone of values with fewer than eight, of which
    /// four would tell too much.
    Last4,
}

impl Mask {
    /// All of them, by their names.
    pub const CHOICES: [(&'static str, Self); 3] =
        [("sha256", Self::Sha256), ("redact", Self::Redact), ("last4", Self::Last4)];
}

impl Contract {
    /// The first column that is hashed, if there is one: then a salt is needed.
    pub fn hashed(&self) -> Option<&str> {
        let hashed = self.transform.mask.iter().find(|masked| masked.with == Mask::Sha256)?;
        Some(self.column_name(hashed.index))
    }
}
