//! Turns the text of an expression into a tree: what its operators take, and nothing yet about
//! names and types of columns.

mod calls;
mod casts;
mod operators;
mod parser;
mod strength;
#[cfg(test)]
mod tests;
mod words;

use arrow_schema::DataType as ArrowType;

use super::Position;
use super::comparisons::Comparison;
use super::functions::Function;
use super::operators::Arithmetic;

pub(super) use parser::{check_depth, parse};

/// An expression, and where it begins.
#[derive(Debug, Clone)]
pub(super) struct Tree {
    pub(super) at: Position,
    pub(super) form: Form,
}

/// What an expression is made of.
#[derive(Debug, Clone)]
pub(super) enum Form {
    Column {
        name: String,
        /// It stands in `"…"`.
        is_quoted: bool,
    },
    Null,
    Boolean(bool),
    Text(String),
    /// As it is written, without a sign.
    Number(String),
    /// Counts and units, such as `3 days 4 hours`.
    Interval(String),
    Not(Box<Tree>),
    Minus(Box<Tree>),
    Plus(Box<Tree>),
    And(Box<[Tree; 2]>),
    Or(Box<[Tree; 2]>),
    /// `a || b`.
    Append(Box<[Tree; 2]>),
    Arithmetic(Arithmetic, Box<[Tree; 2]>),
    Compare(Comparison, Box<[Tree; 2]>),
    IsNull {
        value: Box<Tree>,
        negated: bool,
    },
    IsTruth {
        value: Box<Tree>,
        truth: bool,
        negated: bool,
    },
    Between {
        /// The value, the low bound and the high one.
        args: Box<[Tree; 3]>,
        negated: bool,
    },
    In {
        /// The value, then the list.
        args: Vec<Tree>,
        negated: bool,
    },
    Like {
        /// The value and the pattern.
        args: Box<[Tree; 2]>,
        escape: Option<Box<Tree>>,
        ignores_case: bool,
        negated: bool,
    },
    Similar {
        /// The value and the pattern.
        args: Box<[Tree; 2]>,
        negated: bool,
    },
    /// Also of `x::type` and `type 'text'`.
    Cast {
        value: Box<Tree>,
        to: ArrowType,
        /// A value that can't be cast is null.
        is_lenient: bool,
    },
    Case {
        operand: Option<Box<Tree>>,
        /// Conditions, each with what it gives.
        branches: Vec<[Tree; 2]>,
        otherwise: Option<Box<Tree>>,
    },
    /// A moment and a zone.
    AtTimeZone(Box<[Tree; 2]>),
    Call(&'static Function, Vec<Tree>),
}
