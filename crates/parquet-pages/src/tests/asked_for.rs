//! Checks the parts that a file has only on request: bloom filters, an order, pairs of a key and a
//! value.

use parquet::basic::Compression;
use parquet::bloom_filter::Sbbf;
use parquet::file::metadata::{ParquetMetaData, SortingColumn};

use super::*;

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    let fields: Vec<_> = columns
        .iter()
        .map(|(name, array)| Field::new(*name, array.data_type().clone(), true))
        .collect();
    RecordBatch::try_new(
        Arc::new(Schema::new(fields)),
        columns.into_iter().map(|(_, array)| array).collect(),
    )
    .expect("arrays of one length")
}

fn read(file: &bytes::Bytes) -> (RecordBatch, Arc<ParquetMetaData>) {
    let reader = ParquetRecordBatchReaderBuilder::try_new(file.clone()).expect("a Parquet file");
    let (metadata, schema) = (reader.metadata().clone(), reader.schema().clone());
    let read: Vec<_> =
        reader.build().expect("a reader").map(|batch| batch.expect("rows are read")).collect();
    (arrow_select::concat::concat_batches(&schema, &read).expect("batches of one schema"), metadata)
}

/// The filters of a column, by row group.
fn filters(file: &bytes::Bytes, column: usize) -> Vec<Option<Sbbf>> {
    let (_, metadata) = read(file);
    let chunks = metadata.row_groups().iter().map(|group| group.column(column));
    chunks
        .map(|chunk| Sbbf::read_from_column_chunk(chunk, file).expect("a filter, or none"))
        .collect()
}

/// Rows of all kinds of values, of which the numbers from `from` on stand in for each.
fn kinds(from: i64, count: i64) -> RecordBatch {
    let numbers =
        || (from..from + count).map(|number| (number % 7 != 3).then_some(number * 1_000_003));
    batch(vec![
        ("whole", Arc::new(numbers().collect::<Int64Array>())),
        ("tiny", Arc::new(numbers().map(|n| n.map(|n| n as i16)).collect::<Int16Array>())),
        ("float", Arc::new(numbers().map(|n| n.map(|n| n as f64 / 4.0)).collect::<Float64Array>())),
        ("text", Arc::new(numbers().map(|n| n.map(|n| n.to_string())).collect::<StringArray>())),
        (
            "coded",
            Arc::new(
                numbers()
                    .map(|n| n.map(|n| format!("code {}", n / 1_000_003 % 500)))
                    .collect::<StringArray>(),
            ),
        ),
        ("wide", decimals(numbers().map(|n| n.map(|n| i128::from(n) << 40)), 38, 2)),
        ("small", decimals(numbers().map(|n| n.map(|n| i128::from(n % 1_000_000))), 9, 2)),
        ("bare", Arc::new(numbers().collect::<Int64Array>())),
    ])
}

#[test]
fn a_filter_has_all_values_and_hardly_any_other() {
    let rows = kinds(0, 60_000);
    let names: Vec<String> =
        ["whole", "tiny", "float", "text", "coded", "wide", "small"].map(str::to_owned).into();
    let schema = FileSchema::new(rows.schema()).expect("a schema").with_bloom_filters(&names);
    let file = write(&rows, schema, CompressionCodec::ZSTD, 2_048, 20);
    let groups: Vec<usize> =
        read(&file).1.row_groups().iter().map(|group| group.num_rows() as usize).collect();
    assert_eq!(groups, [40_960, 19_040]);
    let mut from = 0;
    for (group, count) in groups.into_iter().enumerate() {
        let there = rows.slice(from, count);
        from += count;
        for (column, name) in names.iter().enumerate() {
            let filter = filters(&file, column)[group].clone().expect("a filter");
            let missed = plain(&there, column)
                .iter()
                .filter(|value| !filter.check(value.as_slice()))
                .count();
            assert_eq!(missed, 0, "{name} of row group {group}");
        }
        // Numbers that are in no row group.
        let absent = kinds(1_000_000, 20_000);
        for column in [0, 2, 3, 5] {
            let filter = filters(&file, column)[group].clone().expect("a filter");
            let values = plain(&absent, column);
            let found = values.iter().filter(|value| filter.check(value.as_slice())).count();
            assert!(
                found * 100 <= 2 * values.len(),
                "{found} of {} in {}",
                values.len(),
                names[column]
            );
        }
    }
    assert!(filters(&file, 7).iter().all(Option::is_none));
    // As large as the number of different values asks for: 500 take fewer than 40,000.
    let bytes = |column: usize| {
        read(&file).1.row_group(0).column(column).bloom_filter_length().expect("a length")
    };
    assert!(
        bytes(4) < 2_048 && (32_768..=66_000).contains(&bytes(3)),
        "{} and {}",
        bytes(4),
        bytes(3)
    );
}

/// Values that are not null, as Parquet has them where they are plain.
fn plain(rows: &RecordBatch, column: usize) -> Vec<Vec<u8>> {
    use arrow_array::cast::AsArray;
    use arrow_array::types::{Decimal128Type, Float64Type, Int16Type, Int64Type};
    let array = rows.column(column);
    match array.data_type() {
        DataType::Int64 => array
            .as_primitive::<Int64Type>()
            .iter()
            .flatten()
            .map(|n| n.to_le_bytes().into())
            .collect(),
        DataType::Int16 => array
            .as_primitive::<Int16Type>()
            .iter()
            .flatten()
            .map(|n| i32::from(n).to_le_bytes().into())
            .collect(),
        DataType::Float64 => array
            .as_primitive::<Float64Type>()
            .iter()
            .flatten()
            .map(|n| n.to_le_bytes().into())
            .collect(),
        DataType::Decimal128(38, _) => array
            .as_primitive::<Decimal128Type>()
            .iter()
            .flatten()
            .map(|n| n.to_be_bytes().into())
            .collect(),
        DataType::Decimal128(..) => array
            .as_primitive::<Decimal128Type>()
            .iter()
            .flatten()
            .map(|n| (n as i32).to_le_bytes().into())
            .collect(),
        _ => array.as_string::<i32>().iter().flatten().map(|text| text.as_bytes().into()).collect(),
    }
}

#[test]
fn a_filter_has_floats_that_are_equal() {
    let rows = batch(vec![("float", Arc::new(Float64Array::from(vec![-0.0, -f64::NAN])))]);
    let schema =
        FileSchema::new(rows.schema()).expect("a schema").with_bloom_filters(&["float".to_owned()]);
    let filter = filters(&write(&rows, schema, CompressionCodec::UNCOMPRESSED, 1, 9), 0)[0]
        .clone()
        .expect("a filter");
    for float in [0.0, -0.0, f64::NAN, -f64::NAN] {
        assert!(filter.check(&float), "{float}");
    }
    assert!(!filter.check(&1.0_f64));
}

proptest! {
    #[test]
    fn row_groups_are_sorted(
        rows in prop::collection::vec((prop::option::of(0..5_i64), prop::option::of("[a-c]{0,2}"), any::<Option<f64>>()), 1..300),
        descending in prop::array::uniform2(any::<bool>()), batch_rows in 1..50_usize, group in 1..6_usize,
    ) {
        let places: Int64Array = (0..rows.len() as i64).map(Some).collect();
        let written = batch(vec![
            ("number", Arc::new(rows.iter().map(|row| row.0).collect::<Int64Array>())),
            ("float", Arc::new(rows.iter().map(|row| row.2).collect::<Float64Array>())),
            ("text", Arc::new(rows.iter().map(|row| row.1.as_deref()).collect::<StringArray>())),
            ("place", Arc::new(places)),
        ]);
        let key = |(column_idx, descending)| SortingColumn { column_idx, descending, nulls_first: false };
        let keys: Vec<_> = [2, 0].into_iter().zip(descending).map(key).collect();
        let schema = FileSchema::new(written.schema()).expect("a schema").with_sorting(keys);
        let (read, metadata) = read(&write(&written, schema, CompressionCodec::LZ4_RAW, batch_rows, group));

        // What a row is compared by: nulls last, and then the place at which it came.
        let mut expected = Vec::new();
        for (index, part) in rows.chunks(batch_rows * group).enumerate() {
            let mut part: Vec<_> = part.iter().enumerate().map(|(at, row)| (row, index * batch_rows * group + at)).collect();
            part.sort_by(|(a, a_at), (b, b_at)| {
                let turned = |order: std::cmp::Ordering, descending: bool| if descending { order.reverse() } else { order };
                let texts = a.1.is_none().cmp(&b.1.is_none()).then(turned(a.1.cmp(&b.1), descending[0]));
                let numbers = a.0.is_none().cmp(&b.0.is_none()).then(turned(a.0.cmp(&b.0), descending[1]));
                texts.then(numbers).then(a_at.cmp(b_at))
            });
            expected.extend(part.into_iter().map(|(_, at)| at as u32));
        }
        let expected = arrow_select::take::take_record_batch(&written, &UInt32Array::from(expected)).expect("rows that are there");
        prop_assert_eq!(read.columns(), expected.columns());
        let told = [2, 0].into_iter().zip(descending).map(|(column_idx, descending)| SortingColumn { column_idx, descending, nulls_first: false });
        let told: Vec<_> = told.collect();
        for group in metadata.row_groups() {
            prop_assert_eq!(group.sorting_columns(), Some(&told));
        }
    }
}

#[test]
fn files_tell_where_they_come_from() {
    let rows = kinds(0, 10);
    let pairs =
        [("landfall.job", "job-1".to_owned()), ("landfall.source", "s3://inbox/é.csv".to_owned())];
    let schema = FileSchema::new(rows.schema()).expect("a schema").with_metadata(pairs);
    let (again, metadata) = read(&write(&rows, schema, CompressionCodec::ZSTD, 4, 9));
    assert_eq!(again.columns(), rows.columns());
    let pairs = metadata.file_metadata().key_value_metadata().expect("pairs");
    let value = |key: &str| {
        pairs.iter().find(|pair| pair.key == key).and_then(|pair| pair.value.as_deref())
    };
    assert_eq!(
        (value("landfall.job"), value("landfall.source")),
        (Some("job-1"), Some("s3://inbox/é.csv"))
    );
    assert!(value("ARROW:schema").is_some());
}

/// Numbers in no order don't get smaller, texts that repeat themselves do; a chunk in which some
/// pages do is compressed as a whole.
#[test]
fn only_what_gets_smaller_is_compressed() {
    let rows = 4_000;
    let noise = |n: i64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15_u64 as i64) ^ n.wrapping_mul(n) << 7;
    let texts = |n: i64| format!("the same words, again and again {n}");
    for codec in [
        CompressionCodec::SNAPPY,
        CompressionCodec::LZ4_RAW,
        CompressionCodec::ZSTD,
        CompressionCodec::UNCOMPRESSED,
    ] {
        let columns: Vec<(Field, ArrayRef)> = vec![
            (
                Field::new("noise", DataType::Int64, false),
                Arc::new((0..rows).map(noise).collect::<Int64Array>()),
            ),
            (
                Field::new("words", DataType::Utf8, false),
                Arc::new((0..rows).map(|n| Some(texts(n))).collect::<StringArray>()),
            ),
            (
                Field::new("both", DataType::Utf8, false),
                Arc::new(
                    (0..rows)
                        .map(|n| {
                            Some(if n < rows / 2 { format!("{:x}", noise(n)) } else { texts(n) })
                        })
                        .collect::<StringArray>(),
                ),
            ),
        ];
        let written: Vec<_> = columns.iter().map(|(_, array)| array.clone()).collect();
        let (read, metadata) = round_trip(columns, codec, 100, 1_000);
        assert_eq!(read, written);
        let group = metadata.row_group(0);
        let (noise, words, both) = (group.column(0), group.column(1), group.column(2));
        assert_eq!(noise.compression(), Compression::UNCOMPRESSED, "{codec:?}");
        assert_eq!(
            words.compression(),
            Compressor::new(codec).expect("a compressor").codec().into()
        );
        assert_eq!(both.compression(), words.compression());
        assert!(
            codec == CompressionCodec::UNCOMPRESSED
                || words.compressed_size() * 2 < words.uncompressed_size()
        );
    }
}
