//! Reads the records of a source that was opened.

use csv_records::{Limits, Rows, ShardReader};
use landing::batch::Batch;
use landing::columns::Records;
use landing::opening::Opening;

/// Hands over all records, in batches. The text must be whole, and no record too long.
pub(crate) fn batches(opening: &Opening, mut take: impl FnMut(&Batch<'_>, Records<'_>)) {
    let dialect = &opening.dialect;
    let start = opening.header.data_start;
    let mut reader = ShardReader::new(
        dialect,
        0..u64::MAX,
        Some(start),
        opening.header.names.len(),
        Limits::default(),
    );
    reader.push(&opening.text[start as usize..], true);
    let mut rows = Rows::default();
    while let Some(batch) = reader.next(1000, &mut rows).expect("no row is long") {
        let batch = Batch::new(batch, &rows, dialect);
        let cells = batch.cells();
        assert_eq!(cells.is_utf8, cells.malformed.is_empty());
        take(
            &batch,
            Records {
                window: &cells.window,
                rows: &batch.records,
                fields: &cells.fields,
                dialect,
                is_utf8: cells.is_utf8,
            },
        );
    }
}
