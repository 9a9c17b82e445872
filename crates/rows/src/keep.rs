//! Keeps most rows of a column and leaves out a few: by runs, each of which is copied at once.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BooleanArray, StringArray};
use arrow_buffer::{
    ArrowNativeType, BooleanBuffer, BooleanBufferBuilder, Buffer, NullBuffer, OffsetBuffer,
    ScalarBuffer,
};
use arrow_schema::DataType;

use super::values::{array_of, values_of};
use super::{Error, packed_text};

/// The runs of rows that are kept.
pub fn runs(kept: &[bool]) -> Vec<Range<usize>> {
    let mut runs = Vec::new();
    let mut from = 0;
    for run in kept.chunk_by(PartialEq::eq) {
        if run[0] {
            runs.push(from..from + run.len());
        }
        from += run.len();
    }
    runs
}

/// The rows of these runs, in this order.
///
/// # Errors
///
/// The array is of a type that no column has.
///
/// # Panics
///
/// A run is not in the array.
pub fn keep(array: &dyn Array, runs: &[Range<usize>]) -> Result<ArrayRef, Error> {
    let rows = runs.iter().map(ExactSizeIterator::len).sum();
    let nulls = array.nulls().filter(|nulls| nulls.null_count() > 0);
    let nulls = nulls.map(|nulls| NullBuffer::new(bits(nulls.inner(), runs, rows)));
    let values = match array.data_type() {
        DataType::Boolean => {
            let values = bits(array.as_boolean().values(), runs, rows);
            return Ok(Arc::new(BooleanArray::new(values, nulls)));
        }
        DataType::Utf8 => return Ok(Arc::new(texts(array.as_string(), runs, rows, nulls))),
        other @ DataType::Interval(_) => return Err(unknown(other)),
        other => match other.primitive_width() {
            Some(1) => numbers::<u8>(array, runs, rows),
            Some(2) => numbers::<u16>(array, runs, rows),
            Some(4) => numbers::<u32>(array, runs, rows),
            Some(8) => numbers::<u64>(array, runs, rows),
            Some(16) => numbers::<i128>(array, runs, rows),
            _ => return Err(unknown(other)),
        },
    };
    array_of(array.data_type(), rows, nulls, values)
}

fn unknown(data_type: &DataType) -> Error {
    Error::Types(format!("rows of {data_type} are not known"))
}

fn numbers<T: ArrowNativeType>(array: &dyn Array, runs: &[Range<usize>], rows: usize) -> Buffer {
    let numbers: &[T] = values_of(array);
    let mut kept = Vec::with_capacity(rows);
    runs.iter().for_each(|run| kept.extend_from_slice(&numbers[run.clone()]));
    Buffer::from_vec(kept)
}

fn bits(bits: &BooleanBuffer, runs: &[Range<usize>], rows: usize) -> BooleanBuffer {
    let mut kept = BooleanBufferBuilder::new(rows);
    for run in runs {
        let run = bits.offset() + run.start..bits.offset() + run.end;
        kept.append_packed_range(run, bits.values());
    }
    kept.finish()
}

/// Texts, with room behind the last one for who looks at them in words.
fn texts(
    array: &StringArray,
    runs: &[Range<usize>],
    rows: usize,
    nulls: Option<NullBuffer>,
) -> StringArray {
    let (bytes, offsets) = (array.value_data(), array.value_offsets());
    let place = |run: &Range<usize>| offsets[run.start] as usize..offsets[run.end] as usize;
    let length: usize = runs.iter().map(|run| place(run).len()).sum();
    let mut kept = Vec::with_capacity(length + packed_text::MOST_BYTES);
    let mut ends = Vec::with_capacity(rows + 1);
    ends.push(0);
    for run in runs {
        // They are fewer than those of the array, so that none is out of range.
        let moved = kept.len() as i32 - offsets[run.start];
        ends.extend(offsets[run.start + 1..=run.end].iter().map(|end| end + moved));
        kept.extend_from_slice(&bytes[place(run)]);
    }
    kept.resize(length + packed_text::MOST_BYTES, 0);
    let offsets = OffsetBuffer::new(ScalarBuffer::from(ends));
    // SAFETY: the offsets are those of the texts, each of which was one before.
    unsafe { StringArray::new_unchecked(offsets, Buffer::from_vec(kept), nulls) }
}
