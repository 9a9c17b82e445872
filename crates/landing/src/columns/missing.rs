//! Texts that stand for no value.

use crate::contract::Field;

/// The missing values of a field. Mostly the empty text is the only one.
#[derive(Debug)]
pub(super) struct Missing<'a> {
    empty: bool,
    others: Vec<&'a [u8]>,
}

impl<'a> Missing<'a> {
    pub(super) fn of(field: &'a Field) -> Self {
        let others = field.missing_values.iter().map(String::as_bytes).filter(|text| !text.is_empty());
        Self { empty: field.missing_values.iter().any(String::is_empty), others: others.collect() }
    }

    #[inline(always)]
    pub(super) fn is(&self, text: &[u8]) -> bool {
        if text.is_empty() { self.empty } else { self.others.contains(&text) }
    }

    /// Whether any of them, but for the empty text, is as asked.
    pub(super) fn is_any(&self, is: impl Fn(&[u8]) -> bool) -> bool {
        self.others.iter().any(|text| is(text))
    }
}
