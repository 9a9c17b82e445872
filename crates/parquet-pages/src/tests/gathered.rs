//! Checks the order of rows, and rows of several batches, against Arrow's own kernels.

use arrow_ord::sort::{SortColumn, SortOptions, lexsort_to_indices};
use arrow_schema::TimeUnit::{Microsecond, Millisecond, Nanosecond, Second};
use parquet::file::metadata::SortingColumn;
use proptest::sample::{Index, select};

use super::*;
use crate::sorted::{Waiting, each};
use rows::{Gather, RowPlace};

/// All types that contracts have.
fn types() -> Vec<DataType> {
    use DataType::*;
    let utc = || Some(Arc::from("UTC"));
    vec![
        Boolean,
        Int8,
        Int16,
        Int32,
        Int64,
        UInt8,
        UInt16,
        UInt32,
        UInt64,
        Float32,
        Float64,
        Decimal128(9, 2),
        Decimal128(18, 0),
        Decimal128(38, 10),
        Date32,
        Time32(Second),
        Time32(Millisecond),
        Time64(Microsecond),
        Time64(Nanosecond),
        Timestamp(Second, None),
        Timestamp(Millisecond, utc()),
        Timestamp(Microsecond, None),
        Timestamp(Nanosecond, utc()),
        Utf8,
    ]
}

/// An array of a type, of the bits and the texts that stand for its values.
fn array(data_type: &DataType, values: &[(Option<i128>, String)]) -> ArrayRef {
    use DataType::*;
    let bits = || values.iter().map(|value| value.0);
    macro_rules! of {
        ($array:ty, $convert:expr) => {
            Arc::new(bits().map(|bits| bits.map($convert)).collect::<$array>())
        };
    }
    let array: ArrayRef = match data_type {
        Boolean => of!(BooleanArray, |bits| bits & 1 == 1),
        Int8 => of!(Int8Array, |bits| bits as i8),
        Int16 => of!(Int16Array, |bits| bits as i16),
        Int32 => of!(Int32Array, |bits| bits as i32),
        Int64 => of!(Int64Array, |bits| bits as i64),
        UInt8 => of!(UInt8Array, |bits| bits as u8),
        UInt16 => of!(UInt16Array, |bits| bits as u16),
        UInt32 => of!(UInt32Array, |bits| bits as u32),
        UInt64 => of!(UInt64Array, |bits| bits as u64),
        Float32 => of!(Float32Array, |bits| f32::from_bits(bits as u32)),
        Float64 => of!(Float64Array, |bits| f64::from_bits(bits as u64)),
        Decimal128(digits, scale) => {
            let most = 10_i128.pow((*digits).into());
            decimals(bits().map(|bits| bits.map(|bits| bits % most)), *digits, *scale)
        }
        Date32 => of!(Date32Array, |bits| bits as i32),
        Time32(Second) => of!(Time32SecondArray, |bits| bits as i32),
        Time32(_) => of!(Time32MillisecondArray, |bits| bits as i32),
        Time64(Microsecond) => of!(Time64MicrosecondArray, |bits| bits as i64),
        Time64(_) => of!(Time64NanosecondArray, |bits| bits as i64),
        Timestamp(Second, _) => of!(TimestampSecondArray, |bits| bits as i64),
        Timestamp(Millisecond, _) => of!(TimestampMillisecondArray, |bits| bits as i64),
        Timestamp(Microsecond, _) => of!(TimestampMicrosecondArray, |bits| bits as i64),
        Timestamp(Nanosecond, _) => of!(TimestampNanosecondArray, |bits| bits as i64),
        _ => {
            Arc::new(values.iter().map(|(bits, text)| bits.map(|_| text)).collect::<StringArray>())
        }
    };
    // Its zone.
    make_array(
        array.to_data().into_builder().data_type(data_type.clone()).build().expect("the same"),
    )
}

/// Bits of few values and of the outermost ones of each width, so that rows are equal and differ
/// in their highest bits.
fn bits() -> impl Strategy<Value = i128> {
    let outermost = select(vec![8_u32, 16, 32, 64, 127]).prop_flat_map(|width| {
        (-2..2_i128).prop_map(move |near| (1_i128 << (width - 1)).wrapping_add(near))
    });
    prop_oneof![
        4 => -3..3_i128,
        2 => outermost.clone(),
        1 => outermost.prop_map(|bits| -bits),
        1 => select(vec![f64::NAN, -f64::NAN, -0.0, f64::INFINITY, -1.5]).prop_map(|f| f.to_bits().into()),
        1 => select(vec![f32::NAN, -f32::NAN, -0.0, -1.5]).prop_map(|f| f.to_bits().into()),
        1 => any::<i128>(),
    ]
}

/// Texts of which some are the beginnings of others, and that differ before their ninth byte, at
/// it, or behind it.
fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a\u{0}é]{0,3}", "same be[a-b]{0,3}", "same beginning[a-b]{0,2}", "[a-z]{0,40}"]
}

/// Batches of up to four columns; some are slices of longer ones, some are empty. Nulls are in all
/// of a column, in some of its batches, or nowhere.
pub(super) fn batches() -> impl Strategy<Value = Vec<RecordBatch>> {
    let nulls = select(vec![0.0, 0.3, 1.0]);
    // Texts have the most ways to be sorted.
    let types = prop_oneof![4 => select(types()), 1 => Just(DataType::Utf8)];
    let shape = prop::collection::vec(types, 1..5);
    let batch = (prop::collection::vec(any::<Index>(), 0..40), nulls, 0..3_usize, 0..3_usize);
    // Short texts are sorted by another rank where all of them are short.
    let short = prop_oneof!["[a\u{0}]{0,3}", "[aé\u{0}]{2,3}"];
    let values = prop_oneof![
        prop::collection::vec((bits(), text(), 0.0..1.0), 1..60),
        prop::collection::vec((bits(), short, 0.0..1.0), 1..60),
    ];
    (shape, values, prop::collection::vec(batch, 1..6)).prop_map(|(types, values, parts)| {
        let fields = types.iter().map(|data_type| Field::new("column", data_type.clone(), true));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let of = |(rows, nulls, before, behind): (Vec<Index>, f64, usize, usize)| {
            // Each column has other values at the same rows.
            let columns = types.iter().enumerate().map(|(column, data_type)| {
                let values: Vec<_> = rows
                    .iter()
                    .map(|row| &values[(row.index(values.len()) * (column + 1)) % values.len()])
                    .map(|(bits, text, chance)| ((*chance >= nulls).then_some(*bits), text.clone()))
                    .collect();
                array(data_type, &values)
            });
            let batch = RecordBatch::try_new(schema.clone(), columns.collect()).expect("columns");
            let before = before.min(rows.len());
            let behind = behind.min(rows.len() - before);
            batch.slice(before, rows.len() - before - behind)
        };
        parts.into_iter().map(of).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn rows_are_gathered_as_arrow_does(batches in batches(), chosen in prop::collection::vec(any::<Index>(), 0..80)) {
        let all: Vec<_> = (0..)
            .zip(&batches)
            .flat_map(|(batch, rows)| (0..rows.num_rows() as u32).map(move |row| RowPlace { batch, row }))
            .collect();
        let chosen: Vec<_> =
            chosen.iter().filter(|_| !all.is_empty()).map(|index| all[index.index(all.len())]).collect();
        let gathered = Gather::new(&batches).expect("types of contracts").rows(&chosen).expect("rows");
        let places: Vec<_> = chosen.iter().map(|place| (place.batch as usize, place.row as usize)).collect();
        let parts: Vec<_> = batches.iter().collect();
        let expected = arrow_select::interleave::interleave_record_batch(&parts, &places).expect("rows");
        prop_assert_eq!(&gathered, &expected);
        for column in gathered.columns() {
            column.to_data().validate_full().expect("it is valid");
        }
    }

    #[test]
    fn rows_are_sorted_as_arrow_does(
        batches in batches(),
        keys in prop::collection::vec((any::<Index>(), any::<bool>(), any::<bool>()), 1..4),
    ) {
        let columns = batches[0].num_columns();
        let sorting: Vec<_> = keys
            .into_iter()
            .map(|(column, descending, nulls_first)| SortingColumn { column_idx: column.index(columns) as i32, descending, nulls_first })
            .collect();
        let whole = arrow_select::concat::concat_batches(&batches[0].schema(), &batches).expect("one schema");
        let mut by: Vec<_> = sorting
            .iter()
            .map(|key| SortColumn {
                values: whole.column(key.column_idx as usize).clone(),
                options: Some(SortOptions { descending: key.descending, nulls_first: key.nulls_first }),
            })
            .collect();
        let came = UInt32Array::from_iter_values(0..whole.num_rows() as u32);
        by.push(SortColumn { values: Arc::new(came), options: None });
        let order = lexsort_to_indices(&by, None).expect("they can be sorted");
        let expected = arrow_select::take::take_record_batch(&whole, &order).expect("rows of it");

        let mut waiting = Waiting::default();
        batches.iter().for_each(|batch| waiting.push(batch.clone()));
        let mut sorted = vec![batches[0].slice(0, 0)];
        each(&waiting, &sorting, |batch| { sorted.push(batch.clone()); Ok(()) }).expect("they can be sorted");
        let sorted = arrow_select::concat::concat_batches(&batches[0].schema(), &sorted).expect("one schema");
        prop_assert_eq!(sorted, expected);
    }
}

#[test]
fn many_rows_are_handed_over_in_parts() {
    let numbers = (0..20_000_i64).map(|number| number * 7_919 % 20_000);
    let fields = Schema::new(vec![Field::new("number", DataType::Int64, false)]);
    let column: ArrayRef = Arc::new(numbers.collect::<Int64Array>());
    let mut waiting = Waiting::default();
    waiting.push(RecordBatch::try_new(Arc::new(fields), vec![column]).expect("a column"));
    let key = SortingColumn { column_idx: 0, descending: true, nulls_first: false };
    let (mut next, mut parts) = (20_000, 0);
    each(&waiting, &[key], |batch| {
        parts += 1;
        for number in batch.column(0).as_any().downcast_ref::<Int64Array>().expect("numbers") {
            next -= 1;
            assert_eq!(number, Some(next));
        }
        Ok(())
    })
    .expect("they can be sorted");
    assert_eq!((next, parts), (0, 3));
}

#[test]
fn types_that_no_contract_has_are_told() {
    let fields = Schema::new(vec![Field::new("wide", DataType::LargeUtf8, true)]);
    let column: ArrayRef = Arc::new(LargeStringArray::from(vec!["a"]));
    let batch = RecordBatch::try_new(Arc::new(fields), vec![column]).expect("a column");
    let error = Gather::new(std::slice::from_ref(&batch)).err().expect("there is none for it");
    assert_eq!(error.to_string(), "rows of LargeUtf8 are not known");
}
