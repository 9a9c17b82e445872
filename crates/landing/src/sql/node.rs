//! Expressions whose names and types are settled, and their evaluation.

use std::sync::Arc;

use arrow_arith::boolean::{and_kleene, or_kleene};
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BooleanArray, new_null_array};
use arrow_schema::DataType as ArrowType;
use arrow_select::zip::zip;

use super::Flaw;
use super::values::{Failed, Kernel, Trouble, Values, apply};
use crate::Error;

/// An expression that is typed.
#[derive(Clone)]
pub(super) struct Node {
    pub(super) data_type: ArrowType,
    /// Where it begins in the text.
    pub(super) at: super::Position,
    pub(super) op: Op,
}

#[derive(Clone)]
pub(super) enum Op {
    /// A column, by its position.
    Column(usize),
    /// One value for all rows.
    Constant(ArrayRef),
    /// An operator that looks at all its arguments.
    Apply(Arc<Kernel>, Vec<Node>),
    /// What is right of it is not looked at where the left is false.
    And(Box<[Node; 2]>),
    /// What is right of it is not looked at where the left is true.
    Or(Box<[Node; 2]>),
    /// Conditions, each followed by its value; at last the value of all other rows.
    Case(Vec<Node>),
    /// The first that is not null.
    Coalesce(Vec<Node>),
}

impl Node {
    pub(super) fn constant(array: ArrayRef, at: super::Position) -> Self {
        Self { data_type: array.data_type().clone(), at, op: Op::Constant(array) }
    }

    /// An operator over arguments. If all of them are constant, so is the answer: it is worked out here and now, and so is what is wrong with it.
    pub(super) fn apply(data_type: ArrowType, at: super::Position, kernel: Arc<Kernel>, args: Vec<Self>) -> Result<Self, Flaw> {
        Self { data_type, at, op: Op::Apply(kernel, args) }.folded()
    }

    /// The node, or the constant that it is.
    pub(super) fn folded(self) -> Result<Self, Flaw> {
        let is_constant = |args: &[Self]| args.iter().all(|arg| arg.as_constant().is_some());
        let all_constant = match &self.op {
            Op::Column(_) | Op::Constant(_) => return Ok(self),
            Op::Apply(_, args) | Op::Case(args) | Op::Coalesce(args) => is_constant(args),
            Op::And(args) | Op::Or(args) => is_constant(args.as_slice()),
        };
        if !all_constant {
            return Ok(self);
        }
        let values = self.evaluate(&[], 1).map_err(|error| Flaw { at: self.at, message: error.to_string() })?;
        match values.failed.first_key_value() {
            Some((_, reason)) => Err(Flaw { at: self.at, message: format!("fails for every row: {reason}") }),
            None => Ok(Self::constant(values.array.slice(0, 1), self.at)),
        }
    }

    /// The one value, if it is the same for all rows.
    pub(super) fn as_constant(&self) -> Option<&ArrayRef> {
        match &self.op {
            Op::Constant(array) => Some(array),
            _ => None,
        }
    }

    /// The value of a constant text that is not null.
    pub(super) fn as_text(&self) -> Option<&str> {
        let array = self.as_constant()?.as_string_opt::<i32>()?;
        (!array.is_null(0)).then(|| array.value(0))
    }

    pub(super) fn is_null(&self) -> bool {
        self.as_constant().is_some_and(|array| array.is_null(0) || self.data_type == ArrowType::Null)
    }

    pub(super) fn evaluate(&self, columns: &[ArrayRef], rows: usize) -> Result<Values, Error> {
        match &self.op {
            Op::Column(index) => Ok(Values::new(columns[*index].clone())),
            Op::Constant(array) => Ok(Values::constant(array.clone())),
            Op::Apply(kernel, args) => {
                let args = evaluate_all(args, columns, rows)?;
                apply(kernel.as_ref(), &args, rows, &self.data_type)
            }
            Op::And(args) => self.connect(args.as_slice(), false, columns, rows),
            Op::Or(args) => self.connect(args.as_slice(), true, columns, rows),
            Op::Case(args) => self.choose(&evaluate_all(args, columns, rows)?, rows).map_err(whole),
            Op::Coalesce(args) => self.first(&evaluate_all(args, columns, rows)?, rows).map_err(whole),
        }
    }

    /// AND and OR. Where the left one is `decisive`, it is the answer, whatever becomes of the right one.
    fn connect(&self, args: &[Self], decisive: bool, columns: &[ArrayRef], rows: usize) -> Result<Values, Error> {
        let [left, right] = [args[0].evaluate(columns, rows)?, args[1].evaluate(columns, rows)?];
        let (a, b) = (left.booleans(rows).map_err(whole)?, right.booleans(rows).map_err(whole)?);
        let array = if decisive { or_kleene(&a, &b) } else { and_kleene(&a, &b) }.map_err(|error| whole(error.into()))?;
        let mut failed = right.failed;
        failed.retain(|row, _| a.is_null(*row) || a.value(*row) != decisive);
        failed.extend(left.failed);
        Ok(Values { array: Arc::new(array), constant: false, failed })
    }

    fn choose(&self, args: &[Values], rows: usize) -> Result<Values, Trouble> {
        let (branches, [otherwise]) = args.as_chunks::<2>() else { unreachable!("a CASE has a last value") };
        let masks: Vec<BooleanArray> = branches.iter().map(|[condition, _]| condition.booleans(rows)).collect::<Result<_, _>>()?;
        let mut chosen = Values::new(otherwise.spread(rows)?);
        for (mask, [_, value]) in masks.iter().zip(branches).rev() {
            chosen = Values::new(zip(mask, value, &chosen)?);
        }
        for row in failed_rows(args) {
            let mut reason = otherwise.failed.get(&row);
            for (mask, [condition, value]) in masks.iter().zip(branches) {
                if let Some(failed) = condition.failed.get(&row) {
                    reason = Some(failed);
                    break;
                }
                if !mask.is_null(row) && mask.value(row) {
                    reason = value.failed.get(&row);
                    break;
                }
            }
            chosen.failed.extend(reason.map(|reason| (row, reason.clone())));
        }
        Ok(chosen)
    }

    fn first(&self, args: &[Values], rows: usize) -> Result<Values, Trouble> {
        let mut found = Values::new(new_null_array(&self.data_type, rows));
        for arg in args.iter().rev() {
            let array = arg.spread(rows)?;
            let mask = arrow_arith::boolean::is_not_null(array.as_ref())?;
            found = Values::new(zip(&mask, &array, &found)?);
        }
        for row in failed_rows(args) {
            let decides = |arg: &&Values| arg.failed.contains_key(&row) || arg.array.is_valid(arg.index(row));
            let reason = args.iter().find(decides).and_then(|arg| arg.failed.get(&row));
            found.failed.extend(reason.map(|reason| (row, reason.clone())));
        }
        Ok(found)
    }
}

fn evaluate_all(nodes: &[Node], columns: &[ArrayRef], rows: usize) -> Result<Vec<Values>, Error> {
    nodes.iter().map(|node| node.evaluate(columns, rows)).collect()
}

fn failed_rows(args: &[Values]) -> Vec<usize> {
    let mut all = Failed::new();
    for arg in args {
        all.extend(arg.failed.keys().map(|row| (*row, String::new())));
    }
    all.into_keys().collect()
}

/// The trouble of what has no rows of its own that could fail.
fn whole(trouble: Trouble) -> Error {
    match trouble {
        Trouble::Whole(error) => error,
        Trouble::Row(message) => Error::Internal(format!("choosing values: {message}")),
    }
}
