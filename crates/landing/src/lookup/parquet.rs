//! Reads a reference table from the files of a dataset, and keeps it as a file beside a job.

use arrow_array::{Array, RecordBatch};
use bytes::Bytes;
use contract::Join;
use job::{Error, ErrorKind};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::basic::CompressionCodec;
use parquet::errors::ParquetError;
use parquet_pages::{RowReader, whole_file};
use row_sql::type_name;

use super::check_rows;
use super::csv::{no_rows, table};
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
    let mut chunks = no_rows(join);
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

/// Writes a table as a file of its own.
pub(super) fn keep(table: &RecordBatch) -> Result<Vec<u8>, Error> {
    let unwritten = |error: parquet_pages::Error| {
        Error::new(
            ErrorKind::Internal,
            format!("a reference table can't be written: {}", wording::variant(&error)),
        )
    };
    whole_file(table, CompressionCodec::ZSTD).map_err(unwritten)
}

/// Reads what [`keep`] wrote.
pub(super) fn read_kept(join: &Join, file: &Bytes) -> Result<RecordBatch, Error> {
    let broken = |error: ParquetError| {
        Error::new(
            ErrorKind::Internal,
            format!(
                "what was kept of {} can't be read: {}",
                join.reference,
                wording::variant(&error)
            ),
        )
    };
    let metadata = ArrowReaderMetadata::load(file, ArrowReaderOptions::new()).map_err(broken)?;
    let columns = (0..join.schema.fields.len()).collect();
    let groups = 0..metadata.metadata().num_row_groups();
    let (mut chunks, mut rows) = (no_rows(join), 0);
    for batch in RowReader::new(file, &metadata, columns, groups, usize::MAX).map_err(broken)? {
        let batch = batch.map_err(broken)?;
        rows += batch.num_rows();
        for (chunk, column) in chunks.iter_mut().zip(batch.columns()) {
            chunk.push(column.clone());
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
