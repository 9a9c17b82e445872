//! Puts rows into another order than the one in which they came.

use std::sync::Arc;

use crate::Error;
use arrow_array::{ArrayRef, RecordBatch, UInt32Array};
use arrow_ord::sort::{SortColumn, SortOptions, lexsort_to_indices};
use arrow_select::{concat::concat, interleave::interleave_record_batch};
use parquet::file::metadata::SortingColumn;

use super::page::broken;

/// Rows that are handed over at once.
const BATCH_ROWS: usize = 8 * 1024;

/// Rows that wait for those that may come before them.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    batches: Vec<RecordBatch>,
    bytes: usize,
}

impl Waiting {
    pub(super) fn push(&mut self, batch: RecordBatch) {
        self.bytes += batch.get_array_memory_size();
        self.batches.push(batch);
    }

    /// Bytes that it keeps.
    pub(super) fn memory(&self) -> usize {
        self.bytes
    }
}

/// Hands all rows over in order, nulls last. Rows that are equal keep the order in which they came.
pub(super) fn each(
    waiting: &Waiting,
    sorting: &[SortingColumn],
    mut take: impl FnMut(&RecordBatch) -> Result<(), Error>,
) -> Result<(), Error> {
    let batches: Vec<&RecordBatch> = waiting.batches.iter().collect();
    let starts: Vec<usize> = batches
        .iter()
        .scan(0, |end, batch| Some(std::mem::replace(end, *end + batch.num_rows())))
        .collect();
    let rows: usize = batches.iter().map(|batch| batch.num_rows()).sum();
    let mut columns = Vec::with_capacity(sorting.len() + 1);
    for key in sorting {
        let parts: Vec<_> =
            batches.iter().map(|batch| batch.column(key.column_idx as usize).as_ref()).collect();
        let options = SortOptions { descending: key.descending, nulls_first: key.nulls_first };
        columns
            .push(SortColumn { values: concat(&parts).map_err(broken)?, options: Some(options) });
    }
    let came: ArrayRef = Arc::new(UInt32Array::from_iter_values(0..rows as u32));
    columns.push(SortColumn { values: came, options: None });
    let order = lexsort_to_indices(&columns, None).map_err(broken)?;
    drop(columns);
    let mut places = Vec::with_capacity(BATCH_ROWS);
    for rows in order.values().chunks(BATCH_ROWS) {
        places.clear();
        places.extend(rows.iter().map(|row| {
            let batch = starts.partition_point(|start| *start <= *row as usize) - 1;
            (batch, *row as usize - starts[batch])
        }));
        take(&interleave_record_batch(&batches, &places).map_err(broken)?)?;
    }
    Ok(())
}
