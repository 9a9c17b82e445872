//! Checks that rows are read as the `parquet` crate's own reader reads them.

use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::arrow::{ArrowWriter, ProjectionMask};
use parquet::errors::ParquetError;
use parquet::file::properties::{WriterProperties, WriterVersion};
use proptest::sample::{Index, select};

use super::gathered::batches;
use super::*;

fn codec() -> impl Strategy<Value = CompressionCodec> {
    select(vec![CompressionCodec::UNCOMPRESSED, CompressionCodec::SNAPPY, CompressionCodec::ZSTD])
}

/// Batches of columns with names of their own.
fn named() -> impl Strategy<Value = Vec<RecordBatch>> {
    batches().prop_map(|batches| {
        let columns = batches[0].schema();
        let fields = columns.fields().iter().enumerate().map(|(position, field)| {
            let has_nulls = batches.iter().any(|batch| batch.column(position).null_count() > 0);
            Field::new(position.to_string(), field.data_type().clone(), has_nulls)
        });
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let again = |batch: &RecordBatch| {
            RecordBatch::try_new(schema.clone(), batch.columns().to_vec()).expect("the same")
        };
        batches.iter().map(again).collect()
    })
}

/// As shards write files, or as others may: of values as they are, in pages of few rows.
fn file(batches: &[RecordBatch], ours: Option<CompressionCodec>, group: usize) -> bytes::Bytes {
    let schema = batches[0].schema();
    if let Some(codec) = ours {
        let rows = arrow_select::concat::concat_batches(&schema, batches).expect("one schema");
        return write(&rows, FileSchema::new(schema).expect("a schema"), codec, 7, group);
    }
    // The second version has dictionaries: else its texts were encoded as no shard encodes them.
    let (has_dictionary, version) = match group % 2 {
        0 => (true, WriterVersion::PARQUET_2_0),
        _ => (group == 1, WriterVersion::PARQUET_1_0),
    };
    let properties = WriterProperties::builder()
        .set_writer_version(version)
        .set_dictionary_enabled(has_dictionary)
        .set_data_page_row_count_limit(5)
        .set_write_batch_size(2)
        .set_max_row_group_row_count(Some(group * 7));
    let mut writer =
        ArrowWriter::try_new(Vec::new(), schema, Some(properties.build())).expect("a writer");
    batches.iter().for_each(|batch| writer.write(batch).expect("rows"));
    writer.into_inner().expect("a file").into()
}

fn read(
    file: &bytes::Bytes,
    columns: Vec<usize>,
    rows: usize,
) -> Result<Vec<RecordBatch>, ParquetError> {
    let metadata = ArrowReaderMetadata::load(file, ArrowReaderOptions::new())?;
    let groups = 0..metadata.metadata().num_row_groups();
    RowReader::new(file, &metadata, columns, groups, rows)?.collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn rows_are_read_as_the_parquet_crate_does(
        batches in named(), ours in prop::option::of(codec()), group in 1..5_usize,
        columns in prop::collection::vec(any::<Index>(), 1..4), rows in 1..50_usize,
    ) {
        let file = file(&batches, ours, group);
        let columns: Vec<_> = columns.iter().map(|column| column.index(batches[0].num_columns())).collect();
        let read = read(&file, columns.clone(), rows).expect("a file");
        prop_assert!(read.iter().all(|batch| (1..=rows).contains(&batch.num_rows())));
        let builder = ParquetRecordBatchReaderBuilder::try_new(file).expect("a file");
        let schema = Arc::new(builder.schema().project(&columns).expect("columns"));
        let expected: Vec<_> = builder.build().expect("a reader").map(|batch| batch.expect("rows").project(&columns).expect("columns")).collect();
        let [read, expected] = [read, expected].map(|batches| arrow_select::concat::concat_batches(&schema, &batches).expect("one schema"));
        prop_assert_eq!(&read, &expected);
        for column in read.columns() {
            column.to_data().validate_full().expect("it is valid");
        }
    }

    /// Damage of texts is an error, or makes other texts, as many. Their decoder is this crate's;
    /// what reads pages is the `parquet` crate's, and sometimes panics.
    #[test]
    fn damaged_texts_are_an_error_or_texts(
        batches in named(), codec in codec(), flips in prop::collection::vec((any::<Index>(), 1..=255_u8), 8),
    ) {
        let whole = file(&batches, Some(codec), 2);
        // The footer is read by the crate itself.
        let footer = u32::from_le_bytes(whole[whole.len() - 8..][..4].try_into().expect("four bytes"));
        let end = whole.len() - 8 - footer as usize;
        prop_assume!(end > 4);
        for (at, flipped) in flips {
            let mut bytes = whole.to_vec();
            bytes[4 + at.index(end - 4)] ^= flipped;
            let file = bytes::Bytes::from(bytes);
            let fields = batches[0].schema().fields().clone();
            let is_text = |column: &usize| *fields[*column].data_type() == DataType::Utf8;
            let columns: Vec<_> = (0..fields.len()).filter(is_text).collect();
            if columns.is_empty() {
                continue;
            }
            let ours = std::panic::catch_unwind(|| read(&file, columns.clone(), 1_024));
            let theirs = std::panic::catch_unwind(|| {
                let builder = ParquetRecordBatchReaderBuilder::try_new(file.clone()).expect("a footer");
                let leaves = ProjectionMask::leaves(builder.parquet_schema(), columns);
                builder.with_projection(leaves).build().ok()?.collect::<Result<Vec<_>, _>>().ok()
            });
            let Ok(ours) = ours else {
                prop_assert!(theirs.is_err(), "it panics only where that one does");
                continue;
            };
            let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
            if let Ok(ours) = ours {
                prop_assert_eq!(ours.iter().map(RecordBatch::num_rows).sum::<usize>(), rows);
                for column in ours.iter().flat_map(RecordBatch::columns) {
                    column.to_data().validate_full().expect("it is valid");
                }
            }
        }
    }
}
