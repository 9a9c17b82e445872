#![doc = include_str!("../README.md")]
//!
//! # Reference
//!
#![doc = include_str!("REFERENCE.md")]

mod bind;
mod casts;
mod coerce;
mod comparisons;
mod conversions;
mod error;
mod functions;
mod moments;
mod node;
mod numbers;
mod operators;
pub mod patterns;
mod refused;
mod syntax;
mod texts;
mod types;
mod values;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use arrow_array::{Array, ArrayRef, BooleanArray};
use arrow_schema::DataType as ArrowType;

use crate::patterns::Patterns;
pub use error::Error;
use node::{Input, Node};
pub use texts::write_hexadecimal;

/// A row expression: parsed, its names and types settled against columns.
#[derive(Clone)]
pub struct Expression {
    text: String,
    data_type: ArrowType,
    /// `None`: only its type is known.
    node: Option<Node>,
}

/// A column that expressions may name.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type.
    pub data_type: ArrowType,
}

/// What is wrong with an expression, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw {
    /// Where it stands.
    pub at: Position,
    /// What is wrong and what would be allowed.
    pub message: String,
}

/// A place in the text of an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line, from 1.
    pub line: u64,
    /// The character in the line, from 1.
    pub column: u64,
}

/// What an expression gives for the rows of a batch.
#[derive(Debug)]
pub struct Evaluated {
    /// One value a row. Those of rows that failed are null.
    pub array: ArrayRef,
    /// The rows that have no value, from 0, and why.
    pub failed: BTreeMap<usize, String>,
}

impl Expression {
    /// Parses an expression over columns, which it refers to by their positions.
    pub fn parse(text: &str, columns: &[Column]) -> Result<Self, Flaw> {
        Self::parse_within(text, columns, &Patterns::default())
    }

    /// The same of one of several expressions, whose patterns are bounded together.
    pub fn parse_within(text: &str, columns: &[Column], patterns: &Patterns) -> Result<Self, Flaw> {
        let tree = syntax::parse(text)?;
        let node = bind::Binder::new(columns, patterns).bind(&tree)?;
        if matches!(node.data_type, ArrowType::Interval(_)) {
            return Err(Flaw {
                at: node.at,
                message: "an interval is no value of a column; add it to a date or a timestamp"
                    .to_owned(),
            });
        }
        Ok(Self { text: text.to_owned(), data_type: node.data_type.clone(), node: Some(node) })
    }

    /// An expression that was parsed elsewhere, of which only the type is known. It can't be
    /// evaluated, and tells no columns; whoever makes such ones only links neither the parser nor
    /// the kernels.
    pub fn of_type(text: &str, data_type: ArrowType) -> Self {
        Self { text: text.to_owned(), data_type, node: None }
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The type of its values; `Null`: it is always null, and nothing says of which type.
    pub fn data_type(&self) -> &ArrowType {
        &self.data_type
    }

    /// Positions of the columns that it reads, each once.
    pub fn columns(&self) -> BTreeSet<usize> {
        let mut columns = BTreeSet::new();
        if let Some(node) = &self.node {
            node.add_columns(&mut columns);
        }
        columns
    }

    /// Works it out for all rows of the columns but those that are `skipped`, about which the
    /// answer says nothing. The answer for a row does not depend on other rows.
    pub fn evaluate(
        &self,
        columns: &[ArrayRef],
        rows: usize,
        skipped: Option<&BooleanArray>,
    ) -> Result<Evaluated, Error> {
        let Some(node) = &self.node else {
            return Err(Error::Internal("evaluating what was not parsed here".to_owned()));
        };
        let all = Input::new(columns, rows);
        let mut values = node.evaluate(skipped.map_or(all, |skipped| all.without(skipped)))?;
        let mut failed = std::mem::take(&mut values.failed);
        failed.retain(|row, _| skipped.is_none_or(|skipped| !skipped.value(*row)));
        let mut array =
            values.spread(rows).map_err(|_| Error::Internal("spreading a constant".to_owned()))?;
        if !failed.is_empty() {
            let mask: BooleanArray = (0..rows).map(|row| Some(failed.contains_key(&row))).collect();
            array = values::null_where(&array, &mask)
                .map_err(|_| Error::Internal("nulling values".to_owned()))?;
        }
        debug_assert_eq!(array.len(), rows);
        Ok(Evaluated { array, failed })
    }
}

impl std::fmt::Debug for Expression {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Expression").field(&self.text).finish()
    }
}

impl std::fmt::Display for Flaw {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Position { line, column } = self.at;
        // What follows something wrong is told with it: `at character 13, after `AND`: an
        // expression is expected`.
        let joint = if self.message.starts_with(AFTER) { "," } else { ":" };
        match line {
            1 => write!(f, "at character {column}{joint} {}", self.message),
            _ => write!(f, "at line {line}, character {column}{joint} {}", self.message),
        }
    }
}

/// Values of any type of a contract as text.
pub fn texts(array: &ArrayRef) -> Result<ArrayRef, Error> {
    casts::cast(array, &ArrowType::Utf8, false)
        .map_err(|_| Error::Internal(format!("a {} as text", type_name(array.data_type()))))
}

/// The name of a type, as contracts write it.
pub fn type_name(data_type: &ArrowType) -> String {
    types::name(data_type)
}

/// How messages begin that tell what stands before the place of a flaw.
const AFTER: &str = "after `";
