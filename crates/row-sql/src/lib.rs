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
mod texts;
mod types;
mod values;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use arrow_array::{Array, ArrayRef, BooleanArray};
use arrow_schema::DataType as ArrowType;
use sqlparser::ast::Expr;
use sqlparser::dialect::DuckDbDialect;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer};
use wording::cut;

use crate::patterns::Patterns;
pub use error::Error;
use node::{Input, Node};
pub use texts::write_hexadecimal;

/// Most words and signs of an expression: what is longer is a program, and says less than a dataset
/// of its own would.
const MOST_TOKENS: usize = 1_000;
/// Deepest nesting that is parsed: the parser takes tens of kilobytes of stack a level where it is
/// not optimised.
const MOST_NESTING: usize = 16;

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
        let (parsed, words) = parse(text)?;
        let node = bind::Binder::new(columns, patterns, &words).bind(&parsed)?;
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

impl From<Location> for Position {
    fn from(location: Location) -> Self {
        Self { line: location.line.max(1), column: location.column.max(1) }
    }
}

/// How messages begin that tell what stands before the place of a flaw.
const AFTER: &str = "after `";

/// Parses an expression; answers it with its words and signs.
fn parse(text: &str) -> Result<(Expr, Vec<TokenWithSpan>), Flaw> {
    let start = Position { line: 1, column: 1 };
    let dialect = DuckDbDialect {};
    let tokens = Tokenizer::new(&dialect, text).tokenize_with_location().map_err(|error| Flaw {
        at: error.location.into(),
        message: of_tokenizer(error.message),
    })?;
    let words: Vec<_> = tokens
        .iter()
        .filter(|token| !matches!(token.token, Token::Whitespace(_)))
        .cloned()
        .collect();
    let Some(first) = words.first() else {
        return Err(Flaw { at: start, message: "there is no expression".to_owned() });
    };
    if matches!(&first.token, Token::Word(word) if word.value.eq_ignore_ascii_case("select")) {
        let message = "a statement is not allowed, only an expression: what would stand after SELECT, or after WHERE";
        return Err(Flaw { at: first.span.start.into(), message: message.to_owned() });
    }
    if let Some(token) = words.get(MOST_TOKENS) {
        return Err(Flaw {
            at: token.span.start.into(),
            message: format!("an expression has at most {MOST_TOKENS} words and signs"),
        });
    }
    let mut depth = 0;
    for token in &words {
        depth += i32::from(token.token == Token::LParen) - i32::from(token.token == Token::RParen);
        if depth > MOST_NESTING as i32 {
            return Err(Flaw {
                at: token.span.start.into(),
                message: format!("expressions nest at most {MOST_NESTING} deep"),
            });
        }
    }
    let mut parser = Parser::new(&dialect)
        .with_recursion_limit(MOST_NESTING + 10)
        .with_tokens_with_locations(tokens);
    let parsed = parser.parse_expr().map_err(|error| match error {
        ParserError::RecursionLimitExceeded => {
            Flaw { at: start, message: format!("expressions nest at most {MOST_NESTING} deep") }
        }
        ParserError::TokenizerError(message) | ParserError::ParserError(message) => {
            located(&message, &words)
        }
    })?;
    let rest = parser.peek_token();
    if rest.token != Token::EOF {
        // Where a CASE is not complete, the parser takes it for a name.
        if let Some(case) = words.iter().rev().find(|word| word.span.start < rest.span.start)
            && [&case.token, &rest.token]
                .iter()
                .zip(["case", "when"])
                .all(|(token, word)| token.to_string().eq_ignore_ascii_case(word))
        {
            let message =
                "this CASE is not complete; it is written CASE WHEN … THEN … ELSE … END".to_owned();
            return Err(Flaw { at: case.span.start.into(), message });
        }
        let message = format!("the expression has ended before `{}`", cut(&rest.token.to_string()));
        return Err(Flaw { at: rest.span.start.into(), message });
    }
    Ok((parsed, words))
}

/// What the tokenizer says, in words of ours.
fn of_tokenizer(message: String) -> String {
    match message.as_str() {
        "Unterminated string literal" => {
            "a text begins here and does not end: its closing quote is missing".to_owned()
        }
        "Unexpected EOF while in a multi-line comment" => {
            "a comment does not end: its `*/` is missing".to_owned()
        }
        _ => match message
            .strip_prefix("Expected close delimiter '")
            .and_then(|rest| rest.strip_suffix("' before EOF."))
        {
            Some(quote) => {
                format!("a name begins here and does not end: its closing `{quote}` is missing")
            }
            None => message,
        },
    }
}

/// What the parser says, and where. It tells the place at the end of its message, but for the end
/// of the expression.
fn located(message: &str, words: &[TokenWithSpan]) -> Flaw {
    let place = message.rsplit_once(" at Line: ").and_then(|(message, place)| {
        let (line, column) = place.split_once(", Column: ")?;
        Some((message, Position { line: line.parse().ok()?, column: column.parse().ok()? }))
    });
    let end = words.last().map_or(Position { line: 1, column: 1 }, |last| last.span.end.into());
    let (message, at) = place.unwrap_or((message, end));
    let message = message.strip_prefix("sql parser error: ").unwrap_or(message);
    let told = match message
        .strip_prefix("Expected: ")
        .and_then(|message| message.rsplit_once(", found: "))
    {
        Some((expected, found)) => {
            // What is no description is to be written as it is.
            let is_literal = !expected.contains(|c: char| c.is_lowercase());
            let expected = if is_literal { format!("`{expected}`") } else { expected.to_owned() };
            let instead =
                if found == "EOF" { String::new() } else { format!(", not `{}`", cut(found)) };
            format!("{expected} is expected{instead}")
        }
        None if message.starts_with("No infix parser for token") => {
            "this can't stand here".to_owned()
        }
        None => message.to_owned(),
    };
    let before = words.iter().rev().find(|word| Position::from(word.span.start) < at);
    let after = before
        .map_or_else(String::new, |word| format!("{AFTER}{}`: ", cut(&word.token.to_string())));
    Flaw { at, message: format!("{after}{told}") }
}
