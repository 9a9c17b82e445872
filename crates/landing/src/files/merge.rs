//! Turns the small Parquet files of a folder into one.
//!
//! Row groups that are large enough are taken over as they stand, pages and all. Smaller ones are
//! read and written again, so that those of many files become one: a file of many small row groups
//! would be read no better than many small files.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::DataType as ArrowType;
use bytes::Bytes;
use contract::Contract;
use job::TableFormat;
use job::{Error, ErrorKind};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::file::metadata::{PageIndexPolicy, RowGroupMetaData};
use parquet_pages::RowReader;

use super::{Files, Lineage, broken};

/// Rows of a row group that is taken over: half of what others (DuckDB, PyArrow as it is mostly
/// used) make of a whole one.
const LEAST_ROWS: i64 = if cfg!(test) { 64 } else { 64 * 1024 };
/// Encoded bytes of a row group that is taken over.
const LEAST_BYTES: i64 = 4 << 20;
/// Rows that are read at once.
const BATCH_ROWS: usize = 8 * 1024;

impl Files {
    /// Files that are put together of others, of the same contract: they end when they are
    /// [closed](Self::close).
    pub fn of_files(contract: Arc<Contract>, lineage: Lineage) -> Result<Self, Error> {
        Ok(Self { file_size: u64::MAX, ..Self::new(contract, lineage)? })
    }

    /// Appends the rows of a Parquet file of the same contract to the file of a folder, in their
    /// order.
    pub fn append(&mut self, folder: &str, file: &Bytes) -> Result<(), Error> {
        let metadata = ArrowReaderMetadata::load(
            file,
            ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Optional),
        )
        .map_err(unreadable)?;
        if metadata.schema().fields() != self.columns.fields() {
            return Err(Error::new(
                ErrorKind::Internal,
                "files with different columns can't be put together",
            ));
        }
        let folder = self.folders.place(folder)?;
        let to = self.file(folder)?.ok_or_else(|| {
            Error::new(ErrorKind::Internal, "more files are open than are put together")
        })?;
        for (index, group) in metadata.metadata().row_groups().iter().enumerate() {
            if self.is_copied(group) {
                self.writers.copy_row_group(to, file, &metadata, index)?;
                self.files[to].rows += group.num_rows() as u64;
            } else {
                self.write_again(to, file, &metadata, index)?;
            }
        }
        Ok(())
    }

    fn write_again(
        &mut self,
        to: usize,
        file: &Bytes,
        metadata: &ArrowReaderMetadata,
        index: usize,
    ) -> Result<(), Error> {
        let columns = (0..self.columns.fields().len()).collect();
        let reader = RowReader::new(file, metadata, columns, index..index + 1, BATCH_ROWS)
            .map_err(unreadable)?;
        for batch in reader {
            let batch = batch.map_err(unreadable)?;
            let batch = RecordBatch::try_new(self.columns.clone(), batch.columns().to_vec())
                .map_err(broken)?;
            self.put(to, &batch)?;
            self.bound_memory()?;
        }
        Ok(())
    }

    /// Whether a row group is taken over as it stands: it is large, and nobody has to look at its
    /// values.
    fn is_copied(&self, group: &RowGroupMetaData) -> bool {
        let is_small = group.num_rows() < LEAST_ROWS && group.compressed_size() < LEAST_BYTES;
        let is_float =
            |data_type: &ArrowType| matches!(data_type, ArrowType::Float32 | ArrowType::Float64);
        // The statistics of a Delta table must know of values that are not a number, which those of
        // a row group don't tell.
        let hides_nan = self.contract.output.table == TableFormat::Delta
            && self.columns.fields().iter().any(|field| is_float(field.data_type()));
        !is_small && !hides_nan
    }
}

/// What shards wrote can be read: what can't was damaged since.
fn unreadable(error: impl std::fmt::Debug) -> Error {
    Error::new(ErrorKind::Internal, format!("reading a small file: {}", wording::variant(&error)))
}

#[cfg(test)]
mod tests {
    use arrow_array::{ArrayRef, Float64Array, Int64Array, StringArray};
    use arrow_select::concat::concat_batches;
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
    use parquet::bloom_filter::Sbbf;
    use proptest::prelude::*;

    use super::super::FileSummary;
    use super::*;

    /// A row: a number, a float and a text, each perhaps null.
    type Row = (Option<i64>, Option<f64>, Option<String>);

    fn contract(output: &str) -> Arc<Contract> {
        let fields = "[ { name: id, type: integer }, { name: price, type: number }, { name: note, type: string } ]";
        Arc::new(
            Contract::parse(&format!(
                "name: t\nschema: {{ fields: {fields} }}\noutput: {output}\n"
            ))
            .expect("a contract"),
        )
    }

    fn lineage() -> Lineage {
        Lineage { source: "s".to_owned(), job: "j".to_owned(), contract: 1 }
    }

    fn columns(rows: &[Row]) -> [ArrayRef; 3] {
        [
            Arc::new(rows.iter().map(|row| row.0).collect::<Int64Array>()),
            Arc::new(rows.iter().map(|row| row.1).collect::<Float64Array>()),
            Arc::new(rows.iter().map(|row| row.2.as_deref()).collect::<StringArray>()),
        ]
    }

    fn ended(mut files: Files) -> (Bytes, FileSummary) {
        files.close().expect("it ends");
        let chunks = files.drain(1).expect("bytes");
        assert!(chunks.len() == 1 && chunks[0].is_last);
        (chunks[0].bytes.clone().into(), files.summary(0))
    }

    /// Rows in a file of their own.
    fn file(contract: &Arc<Contract>, rows: &[Row]) -> (Bytes, FileSummary) {
        let mut files = Files::new(contract.clone(), lineage()).expect("files");
        files.write(&columns(rows), &[], rows.len()).expect("rows");
        ended(files)
    }

    fn merged(contract: &Arc<Contract>, pieces: &[Vec<Row>]) -> (Bytes, FileSummary) {
        let mut files = Files::of_files(contract.clone(), lineage()).expect("files");
        for rows in pieces {
            files.append("", &file(contract, rows).0).expect("a file");
        }
        ended(files)
    }

    fn read(file: &Bytes) -> RecordBatch {
        let builder = ParquetRecordBatchReaderBuilder::try_new(file.clone()).expect("Parquet");
        let schema = builder.schema().clone();
        let batches: Vec<_> =
            builder.build().expect("a reader").map(|batch| batch.expect("rows")).collect();
        concat_batches(&schema, &batches).expect("one schema")
    }

    fn rows(count: i64) -> Vec<Row> {
        (0..count)
            .map(|n| (Some(n), (n % 3 > 0).then_some(n as f64), Some(format!("note {n}"))))
            .collect()
    }

    #[test]
    fn large_row_groups_are_taken_over_with_all_that_is_told_of_them() {
        let contract = contract("{ bloomFilters: [note] }");
        let pieces =
            [rows(10), rows(20), rows(LEAST_ROWS + 1), rows(5), rows(LEAST_ROWS), rows(LEAST_ROWS)];
        let (bytes, summary) = merged(&contract, &pieces);
        let metadata = ArrowReaderMetadata::load(
            &bytes,
            ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Required),
        )
        .expect("indexes");
        let groups = metadata.metadata().row_groups();
        let counts: Vec<_> = groups.iter().map(RowGroupMetaData::num_rows).collect();
        assert_eq!(counts, [30, LEAST_ROWS + 1, 5, LEAST_ROWS, LEAST_ROWS]);
        assert_eq!(summary.rows, 35 + 3 * LEAST_ROWS as u64 + 1);
        for (index, group) in groups.iter().enumerate() {
            let filter = Sbbf::read_from_column_chunk(group.column(2), &bytes)
                .expect("it can be read")
                .expect("a filter");
            assert!(filter.check("note 1") && filter.check("note 4") && !filter.check("no note"));
            for column in 0..3 {
                let pages = metadata.metadata().page_index().expect("an index");
                assert!(pages.column_index(index, column).is_some());
                let places = pages.offset_index(index, column).expect("places");
                let chunk = group.column(column).byte_range();
                for page in places.page_locations() {
                    assert!(
                        (chunk.0..chunk.0 + chunk.1).contains(&(page.offset as u64)),
                        "a page lies in its chunk"
                    );
                }
            }
        }
        assert_eq!(read(&bytes), read(&file(&contract, &pieces.concat()).0));
    }

    #[test]
    fn other_columns_are_no_files_of_the_contract() {
        let other = Arc::new(
            Contract::parse("name: t\nschema: { fields: [ { name: id, type: string } ] }\n")
                .expect("a contract"),
        );
        let mut files = Files::of_files(contract("{}"), lineage()).expect("files");
        let mut strange = Files::new(other, lineage()).expect("files");
        strange.write(&[Arc::new(StringArray::from(vec!["a"])) as ArrayRef], &[], 1).expect("rows");
        assert!(matches!(
            files.append("", &ended(strange).0),
            Err(Error { kind: ErrorKind::Internal, .. })
        ));
        assert!(matches!(
            files.append("", &Bytes::from_static(b"no Parquet")),
            Err(Error { kind: ErrorKind::Internal, .. })
        ));
    }

    fn any_rows() -> impl Strategy<Value = Vec<Row>> {
        let float = prop_oneof![8 => any::<f64>(), 1 => Just(f64::NAN)];
        let row = (
            any::<Option<i64>>(),
            proptest::option::of(float),
            proptest::option::of("[a-dé]{0,4}"),
        );
        prop_oneof![3 => proptest::collection::vec(row.clone(), 1..20), 1 => proptest::collection::vec(row, 60..100)]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

        #[test]
        fn files_put_together_are_the_file_of_all_their_rows(pieces in proptest::collection::vec(any_rows(), 1..8), output in 0..4_usize) {
            let output = ["{}", "{ table: delta }", "{ compression: snappy, bloomFilters: [id] }", "{ compression: none }"][output];
            let contract = contract(output);
            let (whole, expected) = file(&contract, &pieces.concat());
            let (bytes, summary) = merged(&contract, &pieces);
            // As text: a value that is not a number equals none.
            prop_assert_eq!(format!("{:?}", read(&bytes).columns()), format!("{:?}", read(&whole).columns()));
            prop_assert_eq!(bytes.len() as u64, summary.bytes);
            prop_assert_eq!(FileSummary { bytes: 0, ..summary }, FileSummary { bytes: 0, ..expected });
        }
    }
}
