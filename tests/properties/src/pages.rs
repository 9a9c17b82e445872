//! Checks that the `parquet` crate's own reader reads back whatever is written.

use std::sync::Arc;

use arrow_array::*;
use arrow_schema::{Field, Schema};
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::basic::CompressionCodec;
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData};
use parquet::file::statistics::Statistics;
use parquet_pages::SharedBuffer;
use parquet_pages::{Compressor, FileSchema, FileWriter};

use crate::input::Input;

/// Whether pages and dictionaries are small, as they are for the fuzzer: a thousand rows fill
/// several.
const IS_SMALL: bool = cfg!(fuzzing);
/// Most rows: more than a page has.
const MOST_ROWS: usize = if IS_SMALL { 1_000 } else { 40_000 };
/// What the rows of a batch are a multiple of, and one.
const BATCH_STEP: usize = if IS_SMALL { 1 } else { 37 };
/// Most batches, and with them most row groups: what is known of a row group takes longer to write
/// and read than a few rows.
const MOST_BATCHES: usize = if IS_SMALL { 24 } else { MOST_ROWS };

/// For any columns, in batches of any size: what is read is what was written, and the bounds of a
/// chunk are those of its values.
pub fn pages(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let codec = input.choose(&[
        CompressionCodec::UNCOMPRESSED,
        CompressionCodec::SNAPPY,
        CompressionCodec::ZSTD,
        CompressionCodec::LZ4_RAW,
    ]);
    let (batch, group) = (1 + input.below(256) * BATCH_STEP, 1 + input.below(32));
    let kinds: [usize; 3] = std::array::from_fn(|_| input.below(KINDS));
    let values = values(&mut input);
    let columns = kinds.iter().enumerate().map(|(index, kind)| {
        let array = array(*kind, &values);
        (
            Field::new(
                format!("c{index}"),
                array.data_type().clone(),
                array.null_count() > 0 || kind % 2 == 0,
            ),
            array,
        )
    });
    let (fields, arrays): (Vec<_>, Vec<_>) = columns.unzip();
    let schema = Arc::new(Schema::new(fields));
    let rows = RecordBatch::try_new(schema.clone(), arrays).expect("arrays of one length");
    let file = write(&rows, codec, batch.max(rows.num_rows().div_ceil(MOST_BATCHES)), group);

    let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Required);
    let reader = ParquetRecordBatchReaderBuilder::try_new_with_options(file, options)
        .expect("a Parquet file");
    assert_eq!(reader.schema(), &schema);
    let metadata = reader.metadata().clone();
    let read: Vec<_> = reader
        .with_batch_size(MOST_ROWS)
        .build()
        .expect("a reader")
        .map(|batch| batch.expect("rows are read"))
        .collect();
    let read = arrow_select::concat::concat_batches(&schema, &read).expect("batches of one schema");
    for (index, (written, read)) in rows.columns().iter().zip(read.columns()).enumerate() {
        assert!(
            written == read,
            "column {index}, a {}, of {} rows",
            written.data_type(),
            rows.num_rows()
        );
    }
    bounds(&rows, &metadata);
}

/// A number and a text; or neither.
type Value = Option<(i64, Arc<str>)>;

/// Rows as bytes tell them: single ones, the same over and over, rising ones, and some of those
/// again.
fn values(input: &mut Input<'_>) -> Vec<Value> {
    let mut values: Vec<Value> = Vec::new();
    while !input.is_empty() && values.len() < MOST_ROWS {
        let command = input.byte();
        let room = MOST_ROWS - values.len();
        let count = |input: &mut Input<'_>| {
            (usize::from(input.byte()) * if command & 8 == 0 { 1 } else { 61 }).min(room)
        };
        let small = |input: &mut Input<'_>| i64::from(input.byte() as i8);
        let number =
            |input: &mut Input<'_>| if command & 16 == 0 { small(input) } else { input.number() };
        match command & 7 {
            0 => values.push(None),
            1 => values.push(Some((number(input), "".into()))),
            2 => values.push(Some((small(input), String::from_utf8_lossy(input.text()).into()))),
            3 => {
                let (count, value) = (count(input), Some((number(input), "same".into())));
                values.extend(std::iter::repeat_n(value, count));
            }
            4 => {
                let (count, first, step) = (count(input), number(input), small(input));
                let rising = (0..count as i64).map(|at| first.wrapping_add(at.wrapping_mul(step)));
                values.extend(rising.map(|number| Some((number, number.to_string().into()))));
            }
            5 => {
                // All over the place.
                let (count, mut seed) = (count(input), input.number());
                values.extend((0..count).map(|_| {
                    seed = seed
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1_442_695_040_888_963_407);
                    Some((seed >> (command >> 2 & 56), format!("{seed:x}").into()))
                }));
            }
            6 => values.extend(std::iter::repeat_n(None, count(input))),
            _ => {
                let from = values.len() - count(input).min(values.len());
                values.extend_from_within(from..);
            }
        }
    }
    values.truncate(MOST_ROWS);
    values
}

const KINDS: usize = 20;

fn array(kind: usize, values: &[Value]) -> ArrayRef {
    let numbers = || values.iter().map(|value| value.as_ref().map(|value| value.0));
    let whole = || values.iter().map(|value| value.as_ref().map_or(0, |value| value.0));
    match kind {
        0 => Arc::new(numbers().collect::<Int64Array>()),
        1 => Arc::new(whole().map(Some).collect::<Int64Array>()),
        2 => Arc::new(numbers().map(|n| n.map(|n| n as i32)).collect::<Int32Array>()),
        3 => Arc::new(numbers().map(|n| n.map(|n| n as i16)).collect::<Int16Array>()),
        4 => Arc::new(numbers().map(|n| n.map(|n| n as i8)).collect::<Int8Array>()),
        5 => Arc::new(numbers().map(|n| n.map(|n| n as u8)).collect::<UInt8Array>()),
        6 => Arc::new(numbers().map(|n| n.map(|n| n as u16)).collect::<UInt16Array>()),
        7 => Arc::new(numbers().map(|n| n.map(|n| n as u32)).collect::<UInt32Array>()),
        8 => Arc::new(numbers().map(|n| n.map(|n| n as u64)).collect::<UInt64Array>()),
        9 => Arc::new(
            numbers().map(|n| n.map(|n| f32::from_bits(n as u32))).collect::<Float32Array>(),
        ),
        10 => Arc::new(
            numbers().map(|n| n.map(|n| f64::from_bits(n as u64))).collect::<Float64Array>(),
        ),
        11 => Arc::new(numbers().map(|n| n.map(|n| n as f64 / 8.0)).collect::<Float64Array>()),
        12 => Arc::new(numbers().map(|n| n.map(|n| n % 2 == 0)).collect::<BooleanArray>()),
        13 => Arc::new(numbers().map(|n| n.map(|n| n as i32)).collect::<Date32Array>()),
        14 => Arc::new(numbers().collect::<TimestampMicrosecondArray>().with_timezone("UTC")),
        15 => Arc::new(
            numbers()
                .map(|n| n.map(|n| n.rem_euclid(86_400_000) as i32))
                .collect::<Time32MillisecondArray>(),
        ),
        16 => decimals(numbers().map(|n| n.map(|n| i128::from(n % 1_000_000_000))), 9, 2),
        17 => decimals(
            numbers().map(|n| n.map(|n| i128::from(n) * 10_000_000_000_000_000_000)),
            38,
            10,
        ),
        18 => Arc::new(
            values
                .iter()
                .map(|value| value.as_ref().map_or("", |value| &*value.1))
                .map(Some)
                .collect::<StringArray>(),
        ),
        _ => Arc::new(
            values
                .iter()
                .map(|value| value.as_ref().map(|value| &*value.1))
                .collect::<StringArray>(),
        ),
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

/// Writes rows in batches of so many, a row group after each `group` batches.
fn write(rows: &RecordBatch, codec: CompressionCodec, batch: usize, group: usize) -> bytes::Bytes {
    let (sink, mut compressor) =
        (SharedBuffer::default(), Compressor::new(codec).expect("a compressor"));
    let schema = Arc::new(FileSchema::new(rows.schema()).expect("a schema"));
    let mut writer = FileWriter::new(sink.clone(), schema).expect("a writer");
    for (index, from) in (0..rows.num_rows()).step_by(batch).enumerate() {
        writer
            .write(&rows.slice(from, batch.min(rows.num_rows() - from)), &mut compressor)
            .expect("rows are written");
        if (index + 1) % group == 0 {
            writer.flush(&mut compressor).expect("a row group is written");
        }
    }
    writer.close(&mut compressor).expect("the file is written");
    let file = sink.take();
    file.into()
}

/// Bounds of signed numbers and texts, and the number of nulls, against the values of each row
/// group.
fn bounds(rows: &RecordBatch, metadata: &ParquetMetaData) {
    let mut from = 0;
    for group in metadata.row_groups() {
        let count = group.num_rows() as usize;
        for (index, chunk) in group.columns().iter().enumerate() {
            let array = rows.column(index).slice(from, count);
            let statistics = chunk.statistics().expect("there are statistics");
            assert_eq!(statistics.null_count_opt(), Some(array.null_count() as u64));
            if let (Some(array), Statistics::Int64(found)) =
                (array.as_any().downcast_ref::<Int64Array>(), statistics)
            {
                assert_eq!(found.min_opt().copied(), array.iter().flatten().min());
                assert_eq!(found.max_opt().copied(), array.iter().flatten().max());
            }
            if let (Some(array), Statistics::Int32(found)) =
                (array.as_any().downcast_ref::<Int32Array>(), statistics)
            {
                assert_eq!(found.min_opt().copied(), array.iter().flatten().min());
                assert_eq!(found.max_opt().copied(), array.iter().flatten().max());
            }
            if let (Some(array), Statistics::Double(found)) =
                (array.as_any().downcast_ref::<Float64Array>(), statistics)
            {
                for value in array.iter().flatten().filter(|value| !value.is_nan()) {
                    assert!(
                        found.min_opt().is_none_or(|least| *least <= value)
                            && found.max_opt().is_none_or(|most| value <= *most)
                    );
                }
            }
            if let (Some(array), Statistics::ByteArray(found)) =
                (array.as_any().downcast_ref::<StringArray>(), statistics)
            {
                for value in array.iter().flatten().map(str::as_bytes) {
                    assert!(found.min_opt().is_none_or(|least| least.data() <= value));
                    assert!(found.max_opt().is_none_or(|most| value <= most.data()));
                }
            }
        }
        from += count;
    }
    assert_eq!(from, rows.num_rows());
}
