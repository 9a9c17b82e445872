//! Loops over the values of an array, and hashes them.

use arrow_array::types::ArrowPrimitiveType;
use arrow_array::{Array, PrimitiveArray, StringArray};
use rows::packed_text::{self, PackedText};
use twox_hash::XxHash3_64;

use super::distinct::hash_of;

/// Shows all values that are there, in stretches without nulls.
pub(super) fn each_run<T: ArrowPrimitiveType>(
    array: &PrimitiveArray<T>,
    mut take: impl FnMut(&[T::Native]),
) {
    match array.nulls().filter(|nulls| nulls.null_count() > 0) {
        None if array.is_empty() => {}
        None => take(array.values()),
        Some(nulls) => {
            nulls.valid_slices().for_each(|(start, end)| take(&array.values()[start..end]))
        }
    }
}

/// The sum; `None`: it is beyond 128 bits, as that of decimals may be.
pub(super) fn sum_of<T: ArrowPrimitiveType>(values: &[T::Native]) -> Option<i128>
where
    T::Native: Into<i128>,
{
    if size_of::<T::Native>() > 8 {
        return values.iter().try_fold(0i128, |sum, value| sum.checked_add((*value).into()));
    }
    if size_of::<T::Native>() > 4 {
        return Some(values.iter().fold(0i128, |sum, value| sum.wrapping_add((*value).into())));
    }
    // Of 32 bits each, far more than a batch has are needed to overflow 64.
    let small = |values: &[T::Native]| {
        values.iter().fold(0i64, |sum, value| sum.wrapping_add((*value).into() as i64))
    };
    Some(values.chunks(1 << 16).map(|values| i128::from(small(values))).sum())
}

/// Adds to a sum and what it lost, without a branch (Knuth's TwoSum).
#[inline]
pub(super) fn add((sum, lost): &mut (f64, f64), value: f64) {
    let total = *sum + value;
    let part = total - *sum;
    let error = (*sum - (total - part)) + (value - part);
    *lost += if error.is_finite() { error } else { 0.0 };
    *sum = total;
}

/// Texts that are read eight bytes at a time.
pub(super) struct Texts<'a> {
    pub(super) array: &'a StringArray,
    pub(super) bytes: &'a [u8],
}

impl Texts<'_> {
    #[inline]
    pub(super) fn length(&self, row: usize) -> usize {
        let offsets = self.array.value_offsets();
        (offsets[row + 1] - offsets[row]) as usize
    }

    /// The first eight bytes as a number that is ordered as they are; what is missing is zero.
    #[inline]
    pub(super) fn prefix(&self, row: usize) -> u64 {
        let (start, length) = (self.array.value_offsets()[row] as usize, self.length(row));
        let loaded = match self.bytes.get(start..start + 8) {
            Some(bytes) => u64::from_be_bytes(bytes.try_into().unwrap_or_default()),
            None => {
                self.bytes[start..].iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
                    << (8 * (8 - (self.bytes.len() - start)) % 64)
            }
        };
        match length {
            0 => 0,
            1..8 => loaded & (u64::MAX << (64 - 8 * length)),
            _ => loaded,
        }
    }

    /// The first eight bytes as a number, and the hash.
    #[inline]
    pub(super) fn look(&self, row: usize) -> (u64, u64) {
        let offsets = self.array.value_offsets();
        match PackedText::of(self.bytes, offsets[row] as usize, offsets[row + 1] as usize) {
            Some(short) => (short.prefix(), short.hash()),
            None => (self.prefix(row), self.hash_slowly(row)),
        }
    }

    fn hash_slowly(&self, row: usize) -> u64 {
        let text = self.array.value(row).as_bytes();
        let mut bytes = [0; packed_text::MOST_BYTES];
        match bytes.get_mut(..text.len()) {
            Some(start) => {
                start.copy_from_slice(text);
                PackedText::of(&bytes, 0, text.len()).map_or(0, PackedText::hash)
            }
            None => XxHash3_64::oneshot(text),
        }
    }
}

#[inline]
pub(super) fn hash_of_wide(value: i128) -> u64 {
    match i64::try_from(value) {
        Ok(value) => hash_of(value as u64),
        Err(_) => hash_of(hash_of((value >> 64) as u64) ^ value as u64),
    }
}

#[inline]
pub(super) fn hash_of_float(value: f64) -> u64 {
    // Both zeros are one value.
    hash_of((value + 0.0).to_bits())
}
