//! Recognises the texts that stand for no value.

use contract::Field;
use csv_records::dialect::Dialect;

/// The missing values of a field. Mostly the empty text is the only one.
#[derive(Debug)]
pub(super) struct Missing<'a> {
    empty: bool,
    others: Vec<&'a [u8]>,
    /// What an unquoted cell is written as that has no value.
    null: Option<&'a [u8]>,
}

impl<'a> Missing<'a> {
    pub(super) fn of(field: &'a Field, dialect: &'a Dialect) -> Self {
        let others =
            field.missing_values.iter().map(String::as_bytes).filter(|text| !text.is_empty());
        let null = dialect.null_sequence.as_ref().map(String::as_bytes);
        Self {
            empty: field.missing_values.iter().any(String::is_empty),
            others: others.collect(),
            null,
        }
    }

    #[inline(always)]
    pub(super) fn is_null(&self, cell: csv_records::Field, window: &[u8]) -> bool {
        self.null.is_some_and(|null| !cell.is_quoted() && cell.bytes(window) == null)
    }

    #[inline(always)]
    pub(super) fn is(&self, text: &[u8]) -> bool {
        if text.is_empty() { self.empty } else { self.others.contains(&text) }
    }

    /// Whether anything but the empty text stands for no value.
    pub(super) fn may_be_long(&self) -> bool {
        !self.others.is_empty() || self.null.is_some()
    }

    /// Whether any of them, but for the empty text, is as asked.
    pub(super) fn is_any(&self, is: impl Fn(&[u8]) -> bool) -> bool {
        self.others.iter().chain(&self.null).any(|text| is(text))
    }
}
