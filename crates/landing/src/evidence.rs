//! Says why something was guessed.

use serde::{Deserialize, Serialize};

/// A guess and the reason for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// What was guessed, as a contract names it: `delimiter`, or `fields.fare.type`.
    pub property: String,
    /// The guess.
    pub value: String,
    /// What speaks for it, in a sentence; and what speaks against it, if anything does.
    pub because: String,
}

impl Evidence {
    /// Evidence for what was guessed of a property.
    pub fn new(
        property: impl Into<String>,
        value: impl Into<String>,
        because: impl Into<String>,
    ) -> Self {
        Self { property: property.into(), value: value.into(), because: because.into() }
    }
}
