//! Reads a reference table from the files of a dataset.

use arrow_array::{Array, ArrayRef, RecordBatch, new_empty_array};
use bytes::Bytes;
use contract::Join;
use job::{Error, ErrorKind};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::errors::ParquetError;
use parquet_pages::RowReader;
use row_sql::type_name;

use super::check_rows;
use super::csv::table;
use crate::limits::REFERENCE_MEMORY;

/// Rows that are read at once.
const BATCH_ROWS: usize = 1_024;

/// The columns of the join's schema, of all files.
pub(super) fn read(join: &Join, files: Vec<Bytes>) -> Result<RecordBatch, Error> {
    let broken = |error: ParquetError| {
        Error::new(
            ErrorKind::SourceCorrupt,
            format!("a file of {} can't be read: {}", join.reference, wording::variant(&error)),
        )
    };
    let mut chunks: Vec<Vec<ArrayRef>> = join
        .schema
        .fields
        .iter()
        .map(|field| vec![new_empty_array(&field.data_type.arrow())])
        .collect();
    let (mut rows, mut bytes) = (0, 0);
    for file in files {
        let metadata =
            ArrowReaderMetadata::load(&file, ArrowReaderOptions::new()).map_err(broken)?;
        let schema = metadata.schema();
        let mut roots = Vec::with_capacity(join.schema.fields.len());
        for field in &join.schema.fields {
            let wanted = field.data_type.arrow();
            match schema.column_with_name(&field.name) {
                Some((position, there)) if *there.data_type() == wanted => roots.push(position),
                Some((_, there)) => {
                    let (there, wanted) = (type_name(there.data_type()), type_name(&wanted));
                    return Err(drift(
                        join,
                        &format!(
                            "`{}` is a {there} there, and a {wanted} by the join's fields",
                            field.name
                        ),
                    ));
                }
                None => {
                    return Err(drift(
                        join,
                        &format!(
                            "a file has no column `{}` (what the dataset is partitioned by is in no file)",
                            field.name
                        ),
                    ));
                }
            }
        }
        let groups = 0..metadata.metadata().num_row_groups();
        let reader = RowReader::new(&file, &metadata, roots, groups, BATCH_ROWS).map_err(broken)?;
        for batch in reader {
            let batch = batch.map_err(broken)?;
            rows += batch.num_rows();
            check_rows(join, rows)?;
            for (chunk, column) in chunks.iter_mut().zip(batch.columns()) {
                bytes += column.get_buffer_memory_size();
                chunk.push(column.clone());
            }
            if bytes > REFERENCE_MEMORY {
                return Err(Error::new(
                    ErrorKind::LimitExceeded,
                    format!(
                        "{} takes more than {REFERENCE_MEMORY} bytes of memory (REFERENCE_MEMORY)",
                        join.reference
                    ),
                ));
            }
        }
    }
    table(join, &chunks, rows)
}

fn drift(join: &Join, what: &str) -> Error {
    Error::new(
        ErrorKind::SchemaDrift,
        format!("{} does not match the join's fields: {what}", join.reference),
    )
}
