//! Says how a header fails to match a schema: once without the header's texts, once with them.

use std::collections::HashSet;
use std::fmt;

use wording::cut;
use wording::quote;

use super::Contract;
use crate::rejects::{ErrorEntry, ErrorName};

/// Differences that the text tells; there may be one for each of thousands of columns.
const MOST_TOLD: usize = 20;
/// What stands for a label that may be a masked value.
const REDACTED: &str = "redacted";

/// How a header fails to match a schema.
///
/// Its text names columns by number and fields as the contract does. What stands in the header is
/// data if the file has none: [`entries`](Self::entries) tell it, to those who may read what is
/// refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drift {
    policy: &'static str,
    differences: Vec<Difference>,
}

/// A header, as it was found in a source.
#[derive(Debug, Clone, Copy)]
pub struct FoundHeader<'a> {
    /// Its labels.
    pub labels: &'a [String],
    /// The line on which it starts, from 1.
    pub line: u64,
    /// The byte of the source at which it starts, from 0.
    pub byte: u64,
}

/// One difference. Columns count from 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Difference {
    /// The source lacks a field.
    Missing { field: String, is_required: bool },
    /// The contract lacks a column.
    Extra { column: u32 },
    /// Two columns have the name of one field.
    Duplicate { field: String, first: u32, second: u32 },
    /// A field is another column than the contract says.
    Misplaced { field: String, column: u32, wanted: u32 },
    /// The source has no field of the contract.
    Nothing,
}

impl Drift {
    pub(super) fn new(policy: &'static str, differences: Vec<Difference>) -> Self {
        Self { policy, differences }
    }

    /// The differences alone, a sentence each; those beyond a bound are counted.
    pub fn differences(&self) -> String {
        let mut told: Vec<String> =
            self.differences.iter().take(MOST_TOLD).map(ToString::to_string).collect();
        if let more @ 1.. = self.differences.len().saturating_sub(MOST_TOLD) {
            told.push(format!("and {more} more differences"));
        }
        told.join("; ")
    }

    /// The same as entries of `errors.jsonl`, with what stands in the header of the source.
    ///
    /// Where the contract masks values, a label is told if it is no value of a masked field: if it
    /// is a field's name, or if most of the header is, and the label is not in the place of a
    /// masked field.
    pub fn entries(&self, contract: &Contract, header: &FoundHeader<'_>) -> Vec<ErrorEntry> {
        let &FoundHeader { labels, line, byte } = header;
        let veil = Veil::of(contract, labels);
        let entry = |difference: &Difference| {
            let column = difference.column();
            let label = column.and_then(|column| labels.get(column as usize));
            let is_veiled =
                column.zip(label).is_some_and(|(column, label)| veil.hides(column, label));
            let message = match label.filter(|_| matches!(difference, Difference::Extra { .. })) {
                Some(_) if is_veiled => {
                    format!("{difference}; what stands there may be a masked value")
                }
                Some(label) => format!("{difference}: {} stands there", quote(label)),
                None => difference.to_string(),
            };
            ErrorEntry {
                source: None,
                lines: None,
                line,
                record: 0,
                byte,
                field: difference.field().map(str::to_owned),
                column: column.map(|column| column + 1),
                error: difference.error(),
                rule: Some(self.policy.to_owned()),
                value: label.map(|label| if is_veiled { REDACTED.to_owned() } else { cut(label) }),
                holder: None,
                message,
            }
        };
        self.differences.iter().map(entry).collect()
    }
}

impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the header does not match the contract ({}): {}",
            self.policy,
            self.differences()
        )
    }
}

impl Difference {
    fn error(&self) -> ErrorName {
        match self {
            Self::Missing { .. } | Self::Nothing => ErrorName::MissingLabel,
            Self::Extra { .. } => ErrorName::ExtraLabel,
            Self::Duplicate { .. } => ErrorName::DuplicateLabel,
            Self::Misplaced { .. } => ErrorName::IncorrectLabel,
        }
    }

    fn column(&self) -> Option<u32> {
        match self {
            Self::Extra { column } | Self::Misplaced { column, .. } => Some(*column),
            Self::Duplicate { second, .. } => Some(*second),
            Self::Missing { .. } | Self::Nothing => None,
        }
    }

    fn field(&self) -> Option<&str> {
        match self {
            Self::Missing { field, .. }
            | Self::Duplicate { field, .. }
            | Self::Misplaced { field, .. } => Some(field),
            Self::Extra { .. } | Self::Nothing => None,
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { field, is_required: false } => {
                write!(f, "the source has no column `{field}`")
            }
            Self::Missing { field, is_required: true } => {
                write!(f, "the source has no column `{field}`, which is required")
            }
            Self::Extra { column } => write!(f, "column {} is not in the contract", column + 1),
            Self::Duplicate { field, first, second } => {
                write!(f, "columns {} and {} are both named `{field}`", first + 1, second + 1)
            }
            Self::Misplaced { field, column, wanted } => {
                write!(f, "field `{field}` is column {}, not {}", column + 1, wanted + 1)
            }
            Self::Nothing => f.write_str("the source has none of the contract's fields"),
        }
    }
}

/// Which labels of a header may be values of masked fields.
struct Veil<'a> {
    names: HashSet<&'a str>,
    /// Positions of masked fields; `None`: the contract masks nothing.
    masked: Option<Vec<usize>>,
    /// So few labels are names of fields that the file may have no header.
    may_be_record: bool,
}

impl<'a> Veil<'a> {
    fn of(contract: &'a Contract, labels: &[String]) -> Self {
        let names: HashSet<&str> =
            contract.schema.fields.iter().map(|field| field.name.as_str()).collect();
        let masked = contract.transform.mask.iter().map(|masked| masked.index).collect::<Vec<_>>();
        let named = labels.iter().filter(|label| names.contains(label.as_str())).count();
        let may_be_record = named * 2 <= labels.len().min(names.len());
        Self { names, masked: (!masked.is_empty()).then_some(masked), may_be_record }
    }

    fn hides(&self, column: u32, label: &str) -> bool {
        let Some(masked) = &self.masked else { return false };
        !self.names.contains(label) && (self.may_be_record || masked.contains(&(column as usize)))
    }
}

#[cfg(test)]
mod tests {
    use crate::Contract;

    /// The part of a header that may be told: only labels that the contract has.
    fn check(policy: &str, header: &[&str], expected: &str) {
        let fields = "fields: [ { name: a, type: integer }, { name: b, type: integer, constraints: { required: true } } ]";
        let contract =
            Contract::parse(&format!("name: t\nschema: {{ fieldsMatch: {policy}, {fields} }}\n"))
                .expect("a valid contract");
        let header: Vec<String> = header.iter().map(|label| (*label).to_owned()).collect();
        let told = contract
            .schema
            .match_header(&header)
            .map_or_else(|drift| drift.differences(), |_| String::new());
        assert_eq!(told, expected, "{policy} {header:?}");
    }

    #[test]
    fn differences_are_told_without_what_stands_there() {
        check("exact", &["a", "b"], "");
        check("exact", &["b", "a"], "field `a` is column 2, not 1");
        check("exact", &["a", "hush", "b"], "column 2 is not in the contract");
        check(
            "exact",
            &["hush", "hush"],
            "the source has no column `a`; the source has no column `b`; column 1 is not in the contract; column 2 is not in the contract",
        );
        check("equal", &["a", "b", "a"], "columns 1 and 3 are both named `a`");
        check("superset", &["a"], "the source has no column `b`, which is required");
        check(
            "partial",
            &["hush"],
            "the source has no column `b`, which is required; the source has none of the contract's fields",
        );
        check("subset", &["hush", "a"], "the source has no column `b`");
    }

    #[test]
    fn thousands_of_differences_are_counted() {
        let contract =
            Contract::parse("name: t\nschema: { fields: [ { name: a, type: integer } ] }\n")
                .expect("a valid contract");
        let header: Vec<String> = (0..10_000).map(|n| format!("hush{n}")).collect();
        let drift = contract
            .schema
            .match_header(&header)
            .expect_err("no column of the source is in the contract");
        let told = drift.to_string();
        assert!(
            told.ends_with("column 19 is not in the contract; and 9981 more differences"),
            "{told}"
        );
        assert!(!told.contains("hush"), "{told}");
    }
}
