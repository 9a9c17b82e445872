//! Says what is wrong with a value, and what would be allowed.

use contract::rejects::{ErrorName, Finding};
use contract::values::{self, Scalar, ValueError};
use wording::cut;
use wording::quote;

use super::Column;

impl Column<'_, '_> {
    #[cold]
    pub(super) fn refuse(&mut self, row: usize, text: &[u8], flaw: ValueError) {
        let shown = quote(&String::from_utf8_lossy(text));
        let message = values::describe(flaw, &shown, &self.field.data_type);
        self.found(row, ErrorName::Type, None, text, message);
    }

    #[cold]
    pub(super) fn refuse_missing(&mut self, row: usize, text: &[u8]) {
        let message = format!("`{}` is required", self.field.name);
        self.found(row, ErrorName::Constraint, Some("required"), text, message);
    }

    pub(super) fn check(&mut self, row: usize, text: &[u8], value: impl FnOnce() -> Scalar) {
        let field = self.field;
        if !field.constraints.look_at_values() {
            return;
        }
        let value = &value();
        for bound in field.constraints.bounds.iter().filter(|bound| !bound.holds(value)) {
            let relation = match bound.rule {
                "minimum" => "less than the minimum",
                "maximum" => "greater than the maximum",
                "exclusiveMinimum" => "not greater than",
                _ => "not less than",
            };
            let message =
                format!("{} is {relation} {}", quote(&String::from_utf8_lossy(text)), bound.text);
            self.found(row, ErrorName::Constraint, Some(bound.rule), text, message);
        }
        self.check_allowed(row, text, |allowed| allowed == value);
    }

    pub(super) fn check_text(&mut self, row: usize, text: &str) {
        let constraints = &self.field.constraints;
        if !constraints.look_at_values() {
            return;
        }
        let bytes = text.as_bytes();
        if let Some(format) = constraints.format.filter(|format| !format.holds(text)) {
            let message = format!("`{}` is not {}", cut(text), format.describe());
            self.found(row, ErrorName::Type, None, bytes, message);
        }
        if constraints.min_length.is_some() || constraints.max_length.is_some() {
            let length = text.chars().count() as u64;
            if let Some(least) = constraints.min_length.filter(|least| length < *least) {
                let message = format!("has {length} characters, fewer than the minLength {least}");
                self.found(row, ErrorName::Constraint, Some("minLength"), bytes, message);
            }
            if let Some(most) = constraints.max_length.filter(|most| length > *most) {
                let message = format!("has {length} characters, more than the maxLength {most}");
                self.found(row, ErrorName::Constraint, Some("maxLength"), bytes, message);
            }
        }
        if let Some((regex, pattern)) = &constraints.pattern
            && !regex.is_match(text)
        {
            let message = format!("{} does not match the pattern `{pattern}`", quote(text));
            self.found(row, ErrorName::Constraint, Some("pattern"), bytes, message);
        }
        self.check_allowed(
            row,
            bytes,
            |allowed| matches!(allowed, Scalar::Text(allowed) if allowed == text),
        );
    }

    fn check_allowed(&mut self, row: usize, text: &[u8], is: impl Fn(&Scalar) -> bool) {
        if let Some((values, shown)) = &self.field.constraints.allowed
            && !values.iter().any(is)
        {
            let message = format!(
                "{} is not among the allowed values: {}",
                quote(&String::from_utf8_lossy(text)),
                cut(shown)
            );
            self.found(row, ErrorName::Constraint, Some("enum"), text, message);
        }
    }

    #[cold]
    fn found(
        &mut self,
        row: usize,
        error: ErrorName,
        rule: Option<&'static str>,
        text: &[u8],
        message: String,
    ) {
        self.findings.push(Finding {
            row: row as u32,
            offset: None,
            field: Some(self.index as u32),
            column: Some(self.column),
            error,
            rule,
            value: Some(cut(&String::from_utf8_lossy(text))),
            message,
            holder: None,
        });
    }
}
