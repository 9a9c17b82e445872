//! Gathers some rows of a batch into a batch of their own.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch, StringArray, UInt32Array};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::DataType as ArrowType;
use arrow_select::take::take;
use job::Error;
use parquet_pages::packed_text;

use super::broken;

/// The rows at these positions, in this order.
pub(super) fn gather(batch: &RecordBatch, rows: Vec<u32>) -> Result<RecordBatch, Error> {
    let rows = UInt32Array::from(rows);
    let of = |column: &ArrayRef| match column.data_type() {
        ArrowType::Utf8 => Ok(Arc::new(texts(column.as_string(), rows.values())) as ArrayRef),
        _ => take(column, &rows, None).map_err(broken),
    };
    let columns = batch.columns().iter().map(of).collect::<Result<_, _>>()?;
    RecordBatch::try_new(batch.schema(), columns).map_err(broken)
}

/// The same of texts, with room behind the last one for who looks at them in words.
fn texts(array: &StringArray, rows: &[u32]) -> StringArray {
    let (bytes, offsets) = (array.value_data(), array.value_offsets());
    let nulls = array.nulls().filter(|nulls| nulls.null_count() > 0);
    let place = |row: u32| (offsets[row as usize] as usize, offsets[row as usize + 1] as usize);
    let longest: usize = rows.iter().map(|row| place(*row)).map(|(start, end)| end - start).sum();
    let mut gathered = Vec::with_capacity(longest + packed_text::CHUNK);
    let mut ends = Vec::with_capacity(rows.len() + 1);
    ends.push(0);
    for row in rows {
        let (start, end) = place(*row);
        packed_text::append(&mut gathered, bytes, start, end);
        ends.push(gathered.len() as i32);
    }
    gathered.resize(gathered.len() + packed_text::MOST_BYTES, 0);
    let nulls = nulls.map(|nulls| {
        NullBuffer::new(BooleanBuffer::collect_bool(rows.len(), |at| {
            nulls.is_valid(rows[at] as usize)
        }))
    });
    let offsets = OffsetBuffer::new(ScalarBuffer::from(ends));
    // SAFETY: the offsets are those of the texts, each of which was one before.
    unsafe { StringArray::new_unchecked(offsets, Buffer::from_vec(gathered), nulls) }
}

#[cfg(test)]
mod tests {
    use arrow_array::Int64Array;
    use arrow_schema::{Field, Schema};
    use arrow_select::take::take_record_batch;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

        #[test]
        fn rows_are_those_that_were_asked_for(
            texts in prop::collection::vec(prop::option::of("[a-zé]{0,40}"), 1..60),
            from in 0..20_usize,
            at in prop::collection::vec(any::<prop::sample::Index>(), 0..80),
        ) {
            let numbers: Int64Array = (0..texts.len() as i64).map(|number| (number % 3 > 0).then_some(number)).collect();
            let schema = Schema::new(vec![Field::new("text", ArrowType::Utf8, true), Field::new("number", ArrowType::Int64, true)]);
            let columns: Vec<ArrayRef> = vec![Arc::new(StringArray::from(texts)), Arc::new(numbers)];
            let whole = RecordBatch::try_new(Arc::new(schema), columns).expect("columns of one length");
            let from = from.min(whole.num_rows() - 1);
            let batch = whole.slice(from, whole.num_rows() - from);
            let rows: Vec<u32> = at.iter().map(|at| at.index(batch.num_rows()) as u32).collect();
            let expected = take_record_batch(&batch, &UInt32Array::from(rows.clone())).expect("rows of it");
            prop_assert_eq!(gather(&batch, rows).expect("rows of it"), expected);
        }
    }
}
