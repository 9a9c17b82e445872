//! Holds the values of an expression for the rows of a batch, and applies operators to them.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::Error;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BooleanArray};
use arrow_buffer::{BooleanBuffer, NullBuffer};
use arrow_schema::{ArrowError, DataType as ArrowType};
use rows::RowPlace;

/// The rows, from 0 in the batch, for which there is no value, and why.
pub(super) type Failed = BTreeMap<usize, String>;

/// Most bytes of text that an operator makes of one batch.
pub(super) const MOST_BYTES: usize = 256 << 20;

/// Values of an expression. What stands in rows that failed means nothing.
#[derive(Debug, Clone)]
pub(super) struct Values {
    pub(super) array: ArrayRef,
    /// There is one value, and it is that of all rows.
    pub(super) constant: bool,
    pub(super) failed: Failed,
}

/// Why an operator has no answer.
#[derive(Debug)]
pub(super) enum Trouble {
    /// A row at least has none.
    Row(String),
    /// A bound of memory is reached, or a kernel was called as it must not be.
    Whole(Error),
}

/// An operator: one array for the rows of its arguments, or the trouble with one of them. It
/// answers every row alike, whatever rows stand beside it.
pub(super) type Kernel = dyn Fn(&[Values], usize) -> Result<ArrayRef, Trouble> + Send + Sync;

impl Values {
    pub(super) fn new(array: ArrayRef) -> Self {
        Self { array, constant: false, failed: Failed::new() }
    }

    pub(super) fn constant(array: ArrayRef) -> Self {
        Self { array, constant: true, failed: Failed::new() }
    }

    /// Where the value of a row stands.
    #[inline]
    pub(super) fn index(&self, row: usize) -> usize {
        if self.constant { 0 } else { row }
    }

    /// The values, one for each of `rows`.
    pub(super) fn spread(&self, rows: usize) -> Result<ArrayRef, Trouble> {
        if !self.constant {
            return Ok(self.array.clone());
        }
        let first = RowPlace { batch: 0, row: 0 };
        Ok(rows::gather(&[self.array.as_ref()], &vec![first; rows])?)
    }

    pub(super) fn booleans(&self, rows: usize) -> Result<BooleanArray, Trouble> {
        Ok(self.spread(rows)?.as_boolean().clone())
    }

    fn slice(&self, from: usize, rows: usize) -> Self {
        if self.constant { self.clone() } else { Self::new(self.array.slice(from, rows)) }
    }
}

/// The nulls of values, for each of `rows`.
pub(super) fn nulls_of(values: &Values, rows: usize) -> Option<NullBuffer> {
    let nulls = values.array.logical_nulls()?;
    match values.constant {
        true => nulls.is_null(0).then(|| NullBuffer::new_null(rows)),
        false => Some(nulls),
    }
}

impl From<ArrowError> for Trouble {
    fn from(error: ArrowError) -> Self {
        match error {
            ArrowError::DivideByZero => Self::Row("division by zero".to_owned()),
            ArrowError::ArithmeticOverflow(_) => Self::Row("the result is out of range".to_owned()),
            ArrowError::OffsetOverflowError(_) => Self::Whole(too_much_text()),
            ArrowError::CastError(message)
            | ArrowError::ComputeError(message)
            | ArrowError::ParseError(message) => Self::Row(message),
            // Such as that a decimal has too many digits.
            ArrowError::InvalidArgumentError(message) => Self::Row(message),
            other => Self::Whole(Error::Internal(format!(
                "evaluating an expression: {}",
                wording::variant(&other)
            ))),
        }
    }
}

impl From<rows::Error> for Trouble {
    fn from(error: rows::Error) -> Self {
        Self::Whole(match error {
            rows::Error::TooMuchText => too_much_text(),
            rows::Error::Types(message) => Error::Internal(message),
        })
    }
}

/// The first value where a condition holds, and the second elsewhere: also where it is null.
pub(super) fn choose(
    condition: &BooleanArray,
    a: &Values,
    b: &Values,
) -> Result<ArrayRef, Trouble> {
    Ok(rows::select(&where_true(condition), a.array.as_ref(), b.array.as_ref())?)
}

/// The values, and null where a condition holds.
pub(super) fn null_where(array: &ArrayRef, condition: &BooleanArray) -> Result<ArrayRef, Trouble> {
    if *array.data_type() == ArrowType::Null || condition.true_count() == 0 {
        return Ok(array.clone());
    }
    let kept = NullBuffer::new(!&where_true(condition));
    let nulls = NullBuffer::union(array.nulls(), Some(&kept));
    Ok(rows::with_nulls(array, nulls)?)
}

/// Where a condition is true: neither false nor null.
pub(super) fn where_true(condition: &BooleanArray) -> BooleanBuffer {
    match condition.nulls() {
        Some(nulls) => condition.values() & nulls.inner(),
        None => condition.values().clone(),
    }
}

pub(super) fn too_much_text() -> Error {
    Error::TooMuchText(
        "an expression makes more than 256 MiB of text of a few thousand records".to_owned(),
    )
}

/// Works an operator over all rows. If one has no answer, halves are tried until exactly those rows
/// are found that have none.
pub(super) fn apply(
    kernel: &Kernel,
    args: &[Values],
    rows: usize,
    data_type: &ArrowType,
) -> Result<Values, Error> {
    let mut failed = Failed::new();
    let array = in_halves(kernel, args, 0..rows, data_type, &mut failed)?;
    // The first argument that failed tells why.
    for arg in args.iter().rev() {
        failed.extend(arg.failed.iter().map(|(row, reason)| (*row, reason.clone())));
    }
    Ok(Values { array, constant: false, failed })
}

fn in_halves(
    kernel: &Kernel,
    args: &[Values],
    range: std::ops::Range<usize>,
    data_type: &ArrowType,
    failed: &mut Failed,
) -> Result<ArrayRef, Error> {
    let sliced: Vec<Values>;
    let part = if range.start == 0
        && args.iter().all(|arg| arg.constant || arg.array.len() == range.len())
    {
        args
    } else {
        sliced = args.iter().map(|arg| arg.slice(range.start, range.len())).collect();
        &sliced
    };
    let reason = match kernel(part, range.len()) {
        Ok(array) => return Ok(array),
        Err(Trouble::Whole(error)) => return Err(error),
        Err(Trouble::Row(reason)) => reason,
    };
    if range.len() <= 1 {
        failed.extend(range.clone().map(|row| (row, reason.clone())));
        return Ok(rows::all_null(data_type, range.len()));
    }
    let middle = range.start + range.len() / 2;
    let halves = [
        in_halves(kernel, args, range.start..middle, data_type, failed)?,
        in_halves(kernel, args, middle..range.end, data_type, failed)?,
    ];
    rows::concat(&[halves[0].as_ref(), halves[1].as_ref()]).map_err(|_| too_much_text())
}

/// An operator on one array.
pub(super) fn unary(
    kernel: impl Fn(&ArrayRef) -> Result<ArrayRef, Trouble> + Send + Sync + 'static,
) -> Arc<Kernel> {
    Arc::new(move |args, _| kernel(&args[0].array))
}
