//! Chooses between two arrays, row by row.

use std::borrow::Cow;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, BooleanArray};
use arrow_buffer::{ArrowNativeType, BooleanBuffer, Buffer, NullBuffer};

use crate::gather::{PartValues, Parts, RowPlace};
use crate::values::array_of;
use crate::{Error, gather};

/// The values of `a` where a bit is set, and those of `b` elsewhere. An array of one value has it
/// in every row.
///
/// # Errors
///
/// The types of the arrays differ, or no column has their type, or they are more text than one
/// array can hold.
///
/// # Panics
///
/// An array has neither one value nor one for each bit.
pub fn select(takes: &BooleanBuffer, a: &dyn Array, b: &dyn Array) -> Result<ArrayRef, Error> {
    let arrays = [a, b];
    let rows = takes.len();
    assert!(arrays.iter().all(|array| [1, rows].contains(&array.len())), "arrays of other rows");
    let parts = Parts::new(&arrays)?;
    let values = match parts.values() {
        PartValues::Bits(bits) => {
            let bits = bits.iter().map(|bits| spread_bits(bits, rows)).collect::<Vec<_>>();
            let bits = select_bits(takes, &bits[0], &bits[1]);
            return Ok(Arc::new(BooleanArray::new(bits, nulls(takes, a, b))));
        }
        PartValues::One(parts) => numbers(takes, parts),
        PartValues::Two(parts) => numbers(takes, parts),
        PartValues::Four(parts) => numbers(takes, parts),
        PartValues::Eight(parts) => numbers(takes, parts),
        PartValues::Sixteen(parts) => numbers(takes, parts),
        PartValues::Intervals(parts) => numbers(takes, parts),
        PartValues::Texts(_) | PartValues::Nulls => {
            let place = |row: usize| {
                let batch = usize::from(!takes.value(row));
                let row = if arrays[batch].len() == rows { row } else { 0 };
                RowPlace { batch: batch as u32, row: row as u32 }
            };
            return gather(&arrays, &(0..rows).map(place).collect::<Vec<_>>());
        }
    };
    array_of(parts.data_type(), rows, nulls(takes, a, b), values)
}

/// Sixty-four rows a time, without a jump for any of them.
fn numbers<T: ArrowNativeType>(takes: &BooleanBuffer, parts: &[&[T]]) -> Buffer {
    let rows = takes.len();
    let parts: Vec<_> = parts.iter().map(|values| spread(values, rows)).collect();
    let mut chosen = Vec::with_capacity(rows);
    let pairs = parts[0].chunks(64).zip(parts[1].chunks(64));
    for (bits, (a, b)) in takes.bit_chunks().iter_padded().zip(pairs) {
        let choose = |(at, (a, b)): (usize, (&T, &T))| if bits >> at & 1 == 1 { *a } else { *b };
        chosen.extend(a.iter().zip(b).enumerate().map(choose));
    }
    Buffer::from_vec(chosen)
}

fn spread<T: Copy>(values: &[T], rows: usize) -> Cow<'_, [T]> {
    match values.len() == rows {
        true => Cow::Borrowed(values),
        false => Cow::Owned(vec![values[0]; rows]),
    }
}

fn nulls(takes: &BooleanBuffer, a: &dyn Array, b: &dyn Array) -> Option<NullBuffer> {
    if a.null_count() + b.null_count() == 0 {
        return None;
    }
    let valid = |array: &dyn Array| match array.nulls() {
        Some(nulls) => spread_bits(nulls.inner(), takes.len()),
        None => BooleanBuffer::new_set(takes.len()),
    };
    Some(NullBuffer::new(select_bits(takes, &valid(a), &valid(b))))
}

fn spread_bits(bits: &BooleanBuffer, rows: usize) -> BooleanBuffer {
    match bits.len() == rows {
        true => bits.clone(),
        false if bits.value(0) => BooleanBuffer::new_set(rows),
        false => BooleanBuffer::new_unset(rows),
    }
}

fn select_bits(takes: &BooleanBuffer, a: &BooleanBuffer, b: &BooleanBuffer) -> BooleanBuffer {
    &(takes & a) | &(&!takes & b)
}
