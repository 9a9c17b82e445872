//! Evaluates expressions whose names and types are settled.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::Error;
use arrow_arith::boolean::{and_kleene, and_not, is_not_null, not, or, or_kleene};
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BooleanArray};
use arrow_buffer::BooleanBuffer;
use arrow_schema::{ArrowError, DataType as ArrowType};

use super::Flaw;
use super::values::{
    Failed, Kernel, MOST_BYTES, Trouble, Values, apply, choose, null_where, too_much_text,
    where_true,
};

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

/// The rows for which an expression is worked out.
#[derive(Clone, Copy)]
pub(super) struct Input<'a> {
    columns: &'a [ArrayRef],
    rows: usize,
    /// Rows that nobody asks about: whatever is answered for them is not looked at.
    skipped: Option<&'a BooleanArray>,
}

impl Node {
    pub(super) fn constant(array: ArrayRef, at: super::Position) -> Self {
        Self { data_type: array.data_type().clone(), at, op: Op::Constant(array) }
    }

    /// An operator over arguments. If all of them are constant, so is the answer: it is worked out
    /// here and now, and so is what is wrong with it.
    pub(super) fn apply(
        data_type: ArrowType,
        at: super::Position,
        kernel: Arc<Kernel>,
        args: Vec<Self>,
    ) -> Result<Self, Flaw> {
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
        let values = self
            .evaluate(Input::new(&[], 1))
            .map_err(|error| Flaw { at: self.at, message: error.to_string() })?;
        match values.failed.first_key_value() {
            Some((_, reason)) => {
                Err(Flaw { at: self.at, message: format!("fails for every row: {reason}") })
            }
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
        self.as_constant()
            .is_some_and(|array| array.is_null(0) || self.data_type == ArrowType::Null)
    }

    /// Adds the columns that are read.
    pub(super) fn add_columns(&self, columns: &mut BTreeSet<usize>) {
        let args = match &self.op {
            Op::Column(index) => {
                columns.insert(*index);
                return;
            }
            Op::Constant(_) => return,
            Op::Apply(_, args) | Op::Case(args) | Op::Coalesce(args) => args.as_slice(),
            Op::And(args) | Op::Or(args) => args.as_slice(),
        };
        args.iter().for_each(|arg| arg.add_columns(columns));
    }

    pub(super) fn evaluate(&self, batch: Input<'_>) -> Result<Values, Error> {
        match &self.op {
            Op::Column(index) => batch.column(*index).map_err(whole),
            Op::Constant(array) => {
                let bytes = array.as_string_opt::<i32>().map_or(0, |text| text.value_data().len());
                if bytes.saturating_mul(batch.rows) > MOST_BYTES {
                    Err(too_much_text())
                } else {
                    Ok(Values::constant(array.clone()))
                }
            }
            Op::Apply(kernel, args) => {
                let args =
                    args.iter().map(|arg| arg.evaluate(batch)).collect::<Result<Vec<_>, _>>()?;
                apply(kernel.as_ref(), &args, batch.rows, &self.data_type)
            }
            Op::And(args) => Self::connect(args, false, batch),
            Op::Or(args) => Self::connect(args, true, batch),
            Op::Case(args) => Self::choose(args, batch),
            Op::Coalesce(args) => self.first(args, batch),
        }
    }

    /// AND and OR. Where the left one is `decisive`, it is the answer, whatever becomes of the
    /// right one.
    fn connect(
        [left, right]: &[Self; 2],
        decisive: bool,
        batch: Input<'_>,
    ) -> Result<Values, Error> {
        let left = left.evaluate(batch)?;
        let a = left.booleans(batch.rows).map_err(whole)?;
        let decided = if decisive { is_true(&a) } else { is_true(&not(&a).map_err(kernel)?) };
        let right = right.evaluate(batch.without(&batch.with_skipped(&decided)?))?;
        let b = right.booleans(batch.rows).map_err(whole)?;
        let array =
            if decisive { or_kleene(&a, &b) } else { and_kleene(&a, &b) }.map_err(kernel)?;
        let mut failed = right.failed;
        failed.retain(|row, _| !decided.value(*row));
        failed.extend(left.failed);
        Ok(Values { array: Arc::new(array), constant: false, failed })
    }

    /// CASE. Conditions are asked about the rows for which none before them holds, and values about
    /// those that they are of.
    fn choose(args: &[Self], batch: Input<'_>) -> Result<Values, Error> {
        let (branches, [otherwise]) = args.as_chunks::<2>() else {
            unreachable!("a CASE has a last value")
        };
        let mut failed = Failed::new();
        let mut settled = batch.with_skipped(&none(batch.rows))?;
        let mut chosen = Vec::with_capacity(branches.len());
        for [condition, value] in branches {
            let condition = condition.evaluate(batch.without(&settled))?;
            let holds = is_true(&condition.booleans(batch.rows).map_err(whole)?);
            let holds = and_not(&holds, &settled).map_err(kernel)?;
            settled = or(&settled, &holds).map_err(kernel)?;
            if !condition.failed.is_empty() {
                let fails = rows_of(&condition.failed, batch.rows);
                failed.extend(condition.failed.into_iter().filter(|(row, _)| !settled.value(*row)));
                settled = or(&settled, &fails).map_err(kernel)?;
            }
            let value = value.evaluate(batch.without(&not(&holds).map_err(kernel)?))?;
            chosen.push((holds, value));
        }
        let mut all = otherwise.evaluate(batch.without(&settled))?;
        failed.extend(
            std::mem::take(&mut all.failed).into_iter().filter(|(row, _)| !settled.value(*row)),
        );
        for (holds, mut value) in chosen.into_iter().rev() {
            failed.extend(
                std::mem::take(&mut value.failed).into_iter().filter(|(row, _)| holds.value(*row)),
            );
            all = Values::new(choose(&holds, &value, &all).map_err(whole)?);
        }
        Ok(Values { array: all.spread(batch.rows).map_err(whole)?, constant: false, failed })
    }

    /// COALESCE. Each value is asked about the rows for which all before it are null.
    fn first(&self, args: &[Self], batch: Input<'_>) -> Result<Values, Error> {
        let mut failed = Failed::new();
        let mut settled = batch.with_skipped(&none(batch.rows))?;
        let mut found = rows::all_null(&self.data_type, batch.rows);
        for arg in args {
            let value = arg.evaluate(batch.without(&settled))?;
            let array = value.spread(batch.rows).map_err(whole)?;
            let takes =
                and_not(&is_not_null(array.as_ref()).map_err(kernel)?, &settled).map_err(kernel)?;
            found = choose(&takes, &Values::new(array), &Values::new(found)).map_err(whole)?;
            settled = or(&settled, &takes).map_err(kernel)?;
            if !value.failed.is_empty() {
                let fails = rows_of(&value.failed, batch.rows);
                failed.extend(value.failed.into_iter().filter(|(row, _)| !settled.value(*row)));
                settled = or(&settled, &fails).map_err(kernel)?;
            }
        }
        Ok(Values { array: found, constant: false, failed })
    }
}

impl<'a> Input<'a> {
    /// All rows of columns.
    pub(super) fn new(columns: &'a [ArrayRef], rows: usize) -> Self {
        Self { columns, rows, skipped: None }
    }

    /// The batch with these rows skipped.
    pub(super) fn without<'b>(self, skipped: &'b BooleanArray) -> Input<'b>
    where
        'a: 'b,
    {
        Input { skipped: Some(skipped).filter(|skipped| skipped.true_count() > 0), ..self }
    }

    /// The rows that are skipped already, and more.
    fn with_skipped(&self, more: &BooleanArray) -> Result<BooleanArray, Error> {
        match self.skipped {
            Some(skipped) => or(skipped, more).map_err(kernel),
            None => Ok(more.clone()),
        }
    }

    /// A column: null where rows are skipped, so that no operator has trouble with them.
    fn column(&self, index: usize) -> Result<Values, Trouble> {
        let column = &self.columns[index];
        Ok(Values::new(match self.skipped {
            Some(skipped) => null_where(column, skipped)?,
            None => column.clone(),
        }))
    }
}

fn is_true(booleans: &BooleanArray) -> BooleanArray {
    BooleanArray::new(where_true(booleans), None)
}

fn none(rows: usize) -> BooleanArray {
    BooleanArray::new(BooleanBuffer::new_unset(rows), None)
}

fn rows_of(failed: &Failed, rows: usize) -> BooleanArray {
    BooleanArray::new(BooleanBuffer::collect_bool(rows, |row| failed.contains_key(&row)), None)
}

fn kernel(error: ArrowError) -> Error {
    whole(error.into())
}

/// The trouble of what has no rows of its own that could fail.
fn whole(trouble: Trouble) -> Error {
    match trouble {
        Trouble::Whole(error) => error,
        // Not its reason: that may quote a value.
        Trouble::Row(_) => Error::Internal("choosing values failed".to_owned()),
    }
}
