//! Checks that the `parquet` crate's own reader reads back whatever is written.

use std::collections::HashSet;
use std::sync::Arc;

use arrow_array::*;
use arrow_cast::cast;
use arrow_cast::display::array_value_to_string;
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData};
use proptest::prelude::*;

mod asked_for;
mod gathered;
mod read_back;

use super::*;
use crate::SharedBuffer;
use parquet::basic::CompressionCodec;

/// Writes a file in batches of so many rows, a row group after each `group` batches. A reader that
/// looks only at the values that are told to be new sees all of them.
fn write(
    rows: &RecordBatch,
    schema: FileSchema,
    codec: CompressionCodec,
    batch: usize,
    group: usize,
) -> bytes::Bytes {
    let (sink, mut compressor) =
        (SharedBuffer::default(), Compressor::new(codec).expect("a compressor"));
    let mut writer = FileWriter::new(sink.clone(), Arc::new(schema)).expect("a writer");
    let (mut of_all, mut of_new) = (Seen::default(), Seen::default());
    for (index, from) in (0..rows.num_rows()).step_by(batch).enumerate() {
        let rows = rows.slice(from, batch.min(rows.num_rows() - from));
        let new = writer.write(&rows, &mut compressor).expect("rows are written");
        for (column, (all, new)) in rows.columns().iter().zip(&new).enumerate() {
            see(&mut of_all, column, all);
            see(&mut of_new, column, new.as_ref().unwrap_or(all));
        }
        if (index + 1) % group == 0 {
            writer.flush(&mut compressor).expect("a row group is written");
        }
    }
    writer.close(&mut compressor).expect("the file is written");
    assert_eq!(of_new, of_all);
    let file = sink.take();
    file.into()
}

/// Values that were seen, each with its column.
type Seen = HashSet<(usize, String)>;

fn see(seen: &mut Seen, column: usize, array: &ArrayRef) {
    // Texts of moments in a zone would need a table of zones.
    let array = match array.data_type() {
        DataType::Timestamp(unit, Some(_)) => {
            cast(array, &DataType::Timestamp(*unit, None)).expect("the same moments")
        }
        _ => array.clone(),
    };
    let text = |row: usize| array_value_to_string(&array, row).expect("a value has a text");
    seen.extend((0..array.len()).filter(|row| array.is_valid(*row)).map(|row| (column, text(row))));
}

/// Writes columns in batches of so many rows, a row group after each `group` batches, and reads
/// them back.
fn round_trip(
    columns: Vec<(Field, ArrayRef)>,
    codec: CompressionCodec,
    batch: usize,
    group: usize,
) -> (Vec<ArrayRef>, Arc<ParquetMetaData>) {
    let (fields, arrays): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
    let schema = Arc::new(Schema::new(fields));
    let rows = RecordBatch::try_new(schema.clone(), arrays.clone()).expect("arrays of one length");
    let file =
        write(&rows, FileSchema::new(schema.clone()).expect("a schema"), codec, batch, group);
    let options = parquet::arrow::arrow_reader::ArrowReaderOptions::new()
        .with_page_index_policy(PageIndexPolicy::Required);
    let reader = ParquetRecordBatchReaderBuilder::try_new_with_options(file, options)
        .expect("a Parquet file");
    assert_eq!(reader.schema().as_ref(), schema.as_ref());
    let metadata = reader.metadata().clone();
    let reader = reader.with_batch_size(rows.num_rows().max(1)).build().expect("a reader");
    let read: Vec<_> = reader.map(|batch| batch.expect("rows are read")).collect();
    let read = arrow_select::concat::concat_batches(&schema, &read).expect("batches of one schema");
    (read.columns().to_vec(), metadata)
}

/// Numbers as columns have them: few different ones, rising ones, all kinds, the outermost, in
/// stretches.
fn numbers() -> impl Strategy<Value = Vec<i64>> {
    let number = prop_oneof![any::<i64>(), -100..100_i64, Just(i64::MAX), Just(i64::MIN)];
    let stretch = prop_oneof![
        (number, 1..400_usize).prop_map(|(number, count)| vec![number; count]),
        (any::<i64>(), 0..50_i64, 1..400_i64).prop_map(|(first, step, count)| (0..count)
            .map(|at| first.wrapping_add(at * step))
            .collect()),
        prop::collection::vec(-500..500_i64, 1..400),
        prop::collection::vec(any::<i64>(), 1..200),
    ];
    prop::collection::vec(stretch, 1..6).prop_map(|stretches| stretches.concat())
}

fn codecs() -> impl Strategy<Value = CompressionCodec> {
    prop_oneof![
        Just(CompressionCodec::UNCOMPRESSED),
        Just(CompressionCodec::SNAPPY),
        Just(CompressionCodec::LZ4_RAW),
        Just(CompressionCodec::ZSTD)
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn all_types_come_back(
        numbers in numbers(), one_null_in in 1..9_usize, codec in codecs(), batch in 1..700_usize, group in 1..6_usize,
    ) {
        let null = |at: usize| one_null_in < 8 && at % one_null_in == one_null_in / 2;
        let with_nulls = || numbers.iter().enumerate().map(|(at, number)| (!null(at)).then_some(*number));
        let text = |number: i64| format!("{}{}", "é".repeat((number.unsigned_abs() % 40) as usize), number);
        let wide = |number: i64| i128::from(number) * 10_000_000_000_000_000_000;
        let columns: Vec<(&str, ArrayRef, bool)> = vec![
            ("whole", Arc::new(Int64Array::from(numbers.clone())), false),
            ("i64", Arc::new(with_nulls().collect::<Int64Array>()), true),
            ("i32", Arc::new(with_nulls().map(|n| n.map(|n| n as i32)).collect::<Int32Array>()), true),
            ("i8", Arc::new(with_nulls().map(|n| n.map(|n| n as i8)).collect::<Int8Array>()), true),
            ("u16", Arc::new(with_nulls().map(|n| n.map(|n| n as u16)).collect::<UInt16Array>()), true),
            ("u32", Arc::new(with_nulls().map(|n| n.map(|n| n as u32)).collect::<UInt32Array>()), true),
            ("u64", Arc::new(with_nulls().map(|n| n.map(|n| n as u64)).collect::<UInt64Array>()), true),
            ("f32", Arc::new(with_nulls().map(|n| n.map(|n| n as f32 / 8.0)).collect::<Float32Array>()), true),
            ("f64", Arc::new(with_nulls().map(|n| n.map(|n| n as f64 / 8.0)).collect::<Float64Array>()), true),
            ("date", Arc::new(with_nulls().map(|n| n.map(|n| n as i32 % 100_000)).collect::<Date32Array>()), true),
            ("moment", Arc::new(with_nulls().collect::<TimestampMicrosecondArray>().with_timezone("UTC")), true),
            ("time", Arc::new(with_nulls().map(|n| n.map(|n| n.rem_euclid(86_400_000) as i32)).collect::<Time32MillisecondArray>()), true),
            ("flag", Arc::new(with_nulls().map(|n| n.map(|n| n % 2 == 0)).collect::<BooleanArray>()), true),
            ("text", Arc::new(with_nulls().map(|n| n.map(text)).collect::<StringArray>()), true),
            ("letter", Arc::new(numbers.iter().map(|n| Some(&"abc"[(n & 1) as usize..2])).collect::<StringArray>()), false),
            ("small", decimals(with_nulls().map(|n| n.map(|n| i128::from(n % 999_999_999))), 9, 2), true),
            ("large", decimals(with_nulls().map(|n| n.map(|n| i128::from(n % 999_999_999_999_999))), 15, 2), true),
            ("wide", decimals(with_nulls().map(|n| n.map(wide)), 38, 10), true),
            ("nothing", Arc::new(Int64Array::new_null(numbers.len())), true),
        ];
        let named = columns.iter().map(|(name, array, nullable)| (Field::new(*name, array.data_type().clone(), *nullable), array.clone()));
        let (read, metadata) = round_trip(named.collect(), codec, batch, group);
        for ((name, written, _), read) in columns.iter().zip(&read) {
            prop_assert_eq!(written, read, "{}", name);
        }
        let nulls: u64 = metadata.row_groups().iter().filter_map(|group| group.column(1).statistics()?.null_count_opt()).sum();
        prop_assert_eq!(nulls, columns[1].1.null_count() as u64);
        for group in metadata.row_groups() {
            prop_assert!(group.columns().iter().all(|column| column.statistics().is_some()));
        }
    }
}

fn decimals(values: impl Iterator<Item = Option<i128>>, precision: u8, scale: i8) -> ArrayRef {
    Arc::new(
        values
            .collect::<Decimal128Array>()
            .with_precision_and_scale(precision, scale)
            .expect("values of that precision"),
    )
}

fn encodings(array: ArrayRef) -> (Vec<String>, Arc<ParquetMetaData>) {
    let field = Field::new("column", array.data_type().clone(), false);
    let (read, metadata) =
        round_trip(vec![(field, array.clone())], CompressionCodec::ZSTD, 2_048, usize::MAX);
    assert_eq!(&read[0], &array);
    let encodings = metadata
        .row_group(0)
        .column(0)
        .encodings()
        .map(|encoding| format!("{encoding:?}"))
        .collect();
    (encodings, metadata)
}

#[test]
fn the_shorter_way_is_taken() {
    let has = |encodings: &[String], name: &str| encodings.iter().any(|encoding| encoding == name);
    let few = Int64Array::from_iter_values((0..200_000).map(|at| at * 7_919 % 50 * 1_000_000_007));
    assert!(has(&encodings(Arc::new(few)).0, "RLE_DICTIONARY"));
    let rising = Int64Array::from_iter_values((0..200_000).map(|at| at / 4));
    let (ways, _) = encodings(Arc::new(rising));
    assert!(has(&ways, "DELTA_BINARY_PACKED") && !has(&ways, "RLE_DICTIONARY"));
    let texts = StringArray::from_iter_values((0..100_000).map(|at| format!("text number {at}")));
    assert!(has(&encodings(Arc::new(texts)).0, "DELTA_LENGTH_BYTE_ARRAY"));
    let floats = Float64Array::from_iter_values((0..100_000).map(|at| f64::from(at).sqrt()));
    assert!(has(&encodings(Arc::new(floats)).0, "PLAIN"));
}

#[test]
fn a_dictionary_that_outgrows_its_room_is_left() {
    // Few at first, then all different, far apart so that they are looked up by hash.
    let numbers = (0..300_000_i64).map(|at| if at < 20_000 { at % 100 } else { at } * 1_000_003);
    let (ways, metadata) = encodings(Arc::new(Int64Array::from_iter_values(numbers)));
    assert!(
        ["RLE_DICTIONARY", "DELTA_BINARY_PACKED"]
            .iter()
            .all(|way| ways.iter().any(|found| found == way)),
        "{ways:?}"
    );
    let texts = (0..300_000).map(|at| if at < 20_000 { at % 100 } else { at }.to_string());
    let (ways, _) = encodings(Arc::new(StringArray::from_iter_values(texts)));
    assert!(
        ["RLE_DICTIONARY", "DELTA_LENGTH_BYTE_ARRAY"]
            .iter()
            .all(|way| ways.iter().any(|found| found == way)),
        "{ways:?}"
    );
    // Both ways in one chunk: the dictionary, and pages of either kind.
    assert_eq!(metadata.num_row_groups(), 1);
    assert!(metadata.row_group(0).column(0).column_index_offset().is_some());
}

#[test]
fn bounds_tell_what_is_in_a_chunk() {
    let statistics = |array: ArrayRef| {
        encodings(array)
            .1
            .row_group(0)
            .column(0)
            .statistics()
            .cloned()
            .expect("there are statistics")
    };
    let bounds = |array: ArrayRef| {
        let statistics = statistics(array);
        (
            statistics.min_bytes_opt().map(<[u8]>::to_vec),
            statistics.max_bytes_opt().map(<[u8]>::to_vec),
        )
    };
    let unsigned = bounds(Arc::new(UInt32Array::from(vec![5, u32::MAX, 7])));
    assert_eq!(
        unsigned,
        (Some(5_u32.to_le_bytes().to_vec()), Some(u32::MAX.to_le_bytes().to_vec()))
    );
    let floats = bounds(Arc::new(Float64Array::from(vec![f64::NAN, 0.0, 1.0])));
    assert_eq!(
        floats,
        (Some((-0.0_f64).to_le_bytes().to_vec()), Some(1.0_f64.to_le_bytes().to_vec()))
    );
    assert_eq!(
        bounds(Arc::new(StringArray::from(vec!["b", "a", "é"]))),
        (Some(b"a".to_vec()), Some("é".as_bytes().to_vec()))
    );
    assert_eq!(
        bounds(decimals([-5, 3].map(Some).into_iter(), 38, 0)).0,
        Some((-5_i128).to_be_bytes().to_vec())
    );
    let seconds = TimestampSecondArray::from(vec![3, 1]).with_timezone_opt(None::<&str>);
    assert_eq!(bounds(Arc::new(seconds)).0, Some(1_i64.to_le_bytes().to_vec()));
    assert_eq!(
        DataType::Timestamp(TimeUnit::Second, None),
        *TimestampSecondArray::from(vec![1]).data_type()
    );
}
