use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{
    Array, ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int32Array,
    Int64Array, PrimitiveArray, StringArray, Time32SecondArray,
};
use proptest::prelude::*;
use serde_json::json;

use super::*;

fn sketch(arrays: &[(&str, ArrayRef)]) -> Sketch {
    let mut sketch =
        Sketch::new(arrays.iter().map(|(name, array)| (*name, array.data_type().clone())));
    sketch.observe(arrays.iter().map(|(_, array)| array));
    sketch
}

/// The profile of one column, but for its quantiles, histogram and frequent values.
#[track_caller]
fn check(array: impl Array + 'static, expected: serde_json::Value) {
    let profile = sketch(&[("c", Arc::new(array))]).profile();
    let mut json = serde_json::to_value(&profile.columns[0]).expect("plain data");
    let fields = json.as_object_mut().expect("an object");
    ["name", "quantiles", "histogram", "frequent"].iter().for_each(|key| drop(fields.remove(*key)));
    assert_eq!(json, expected);
}

#[test]
fn every_kind_of_column() {
    check(
        Int32Array::from(vec![Some(3), None, Some(-1), Some(4)]),
        json!({ "type": "integer", "count": 3, "nulls": 1, "min": -1, "max": 4, "mean": 2.0, "distinct": 3 }),
    );
    check(
        Int64Array::from(vec![i64::MIN, i64::MAX]),
        json!({ "type": "integer", "count": 2, "nulls": 0, "min": "-9223372036854775808", "max": "9223372036854775807", "mean": -0.5, "distinct": 2 }),
    );
    check(
        Decimal128Array::from(vec![-5, 110]).with_precision_and_scale(9, 2).expect("a legal type"),
        json!({ "type": "number", "count": 2, "nulls": 0, "min": "-0.05", "max": "1.10", "mean": 0.525, "distinct": 2 }),
    );
    check(
        Float64Array::from(vec![f64::NAN, 0.5, f64::INFINITY]),
        json!({ "type": "number", "count": 3, "nulls": 0, "nan": 1, "min": 0.5, "max": "inf", "distinct": 2 }),
    );
    check(
        BooleanArray::from(vec![Some(true), Some(true), None]),
        json!({ "type": "boolean", "count": 2, "nulls": 1, "min": true, "max": true, "distinct": 1 }),
    );
    check(
        StringArray::from(vec!["b", "é", ""]),
        json!({ "type": "string", "count": 3, "nulls": 0, "min": "", "max": "é", "distinct": 3, "shortest": 0, "longest": 2 }),
    );
    check(
        Date32Array::from(vec![-1, 15_000]),
        json!({ "type": "date", "count": 2, "nulls": 0, "min": "1969-12-31", "max": "2011-01-26", "distinct": 2 }),
    );
    let moments =
        PrimitiveArray::<TimestampMicrosecondType>::from(vec![-500_000, 1_357_034_400_000_000]);
    check(
        moments.clone().with_timezone("UTC"),
        json!({ "type": "datetime", "count": 2, "nulls": 0, "min": "1969-12-31T23:59:59.500Z", "max": "2013-01-01T10:00:00Z", "distinct": 2 }),
    );
    check(
        moments,
        json!({ "type": "datetime", "count": 2, "nulls": 0, "min": "1969-12-31T23:59:59.500", "max": "2013-01-01T10:00:00", "distinct": 2 }),
    );
    check(
        Int32Array::from(vec![None, None]),
        json!({ "type": "integer", "count": 0, "nulls": 2, "distinct": 0 }),
    );
}

#[test]
fn quantiles_and_frequent_values_of_few_rows() {
    let profile =
        sketch(&[("c", Arc::new(Int32Array::from_iter_values((0..=100).chain([7; 20]))))])
            .profile();
    let column = &profile.columns[0];
    let quantiles = column.quantiles.as_ref().expect("there are values");
    assert_eq!((&quantiles.p01, &quantiles.p50), (&json!(1), &json!(40)), "{quantiles:?}");
    let texts = sketch(&[(
        "c",
        Arc::new(StringArray::from_iter_values((0..100).map(|n| ["x", "y", "x"][n % 3]))),
    )])
    .profile();
    let mut counts = vec![6; 17];
    (counts[1], counts[16]) = (26, 5);
    let histogram = Histogram { from: json!(0), to: json!(102), counts };
    assert_eq!(column.histogram, Some(histogram));
    assert_eq!(texts.columns[0].histogram, None);
    let frequent = |value: &str, count| FrequentValue { value: value.to_owned(), count };
    assert_eq!(column.frequent, [frequent("7", 21)]);
    assert_eq!(texts.columns[0].frequent, [frequent("x", 67), frequent("y", 33)]);
}

#[test]
fn a_sum_beyond_128_bits_has_no_mean() {
    let huge = Decimal128Array::from(vec![i128::MAX; 2])
        .with_precision_and_scale(38, 0)
        .expect("a legal type");
    assert_eq!(sketch(&[("c", Arc::new(huge))]).profile().columns[0].mean, None);
}

#[test]
fn bounds_that_readers_may_rely_on() {
    let arrays: [(&str, ArrayRef); 4] = [
        ("n", Arc::new(Int32Array::from(vec![2, 1]))),
        ("nan", Arc::new(Float64Array::from(vec![f64::NAN, 1.0]))),
        ("long", Arc::new(StringArray::from(vec!["x".repeat(300), "a".to_owned()]))),
        ("none", Arc::new(Int32Array::from(vec![None, None]))),
    ];
    let sketch = sketch(&arrays);
    assert_eq!(
        sketch.bounds().collect::<Vec<_>>(),
        [("n", Bounds { min: json!(1), max: json!(2) })]
    );
}

#[test]
fn wide_tables_have_no_sketches() {
    let columns: Vec<String> = (0..=MOST_SKETCHED_COLUMNS).map(|n| n.to_string()).collect();
    let array: ArrayRef = Arc::new(Int32Array::from(vec![1, 2]));
    let mut sketch =
        Sketch::new(columns.iter().map(|name| (name.as_str(), array.data_type().clone())));
    sketch.observe(std::iter::repeat_n(&array, columns.len()));
    let profile = sketch.profile();
    assert_eq!((profile.columns[0].distinct, profile.columns[0].mean), (None, Some(1.5)));
    assert!(serde_json::to_vec(&sketch).expect("plain data").len() < 200 * columns.len());
}

#[test]
fn a_sketch_is_small() {
    let values: Vec<i64> = (0..100_000u64).map(|n| distinct::hash_of(n) as i64).collect();
    let texts =
        StringArray::from_iter_values(values.iter().map(|n| format!("{:0>200}", n % 1_000)));
    for array in [Arc::new(Int64Array::from(values)) as ArrayRef, Arc::new(texts)] {
        let mut sketch = sketch(&[("c", array.slice(0, 10_000))]);
        (1..10).for_each(|part| sketch.observe([&array.slice(part * 10_000, 10_000)]));
        let bytes = serde_json::to_vec(&sketch).expect("plain data").len();
        assert!(bytes < 14 * 1024, "{bytes}");
    }
}

#[test]
fn a_sample_tells_the_quantiles_of_many_rows() {
    let n = 100_000i64;
    let values: ArrayRef = Arc::new(Int64Array::from_iter_values((0..n).map(|i| i * 48_271 % n)));
    let profile = sketch(&[("n", values)]).profile();
    let quantiles = profile.columns[0].quantiles.as_ref().expect("there are values");
    for (share, value) in [(0.05, &quantiles.p05), (0.5, &quantiles.p50), (0.95, &quantiles.p95)] {
        let rank = value.as_i64().expect("an integer") as f64 / n as f64;
        assert!((rank - share).abs() < 0.05, "{share}: {value} has rank {rank}");
    }
}

/// How many of some values lie in each bin of a histogram.
fn counts_of(values: &[i64], Histogram { from, to, counts }: &Histogram) -> Vec<u64> {
    let [from, to] = [from, to].map(|edge| edge.as_i64().expect("an integer"));
    let width = (to - from) / counts.len() as i64;
    assert_eq!(width * counts.len() as i64, to - from, "bins end at whole numbers");
    let mut found = vec![0; counts.len()];
    values.iter().for_each(|value| found[((value - from) / width) as usize] += 1);
    found
}

/// The most by which a histogram may tell a wrong count of a bin that holds `share` of all rows,
/// of which `sampled` are one of 64: Bernstein's inequality, by which one bin in 10^12 is worse.
fn most_wrong(sampled: usize, share: f64) -> f64 {
    let odds = (2.0 * 1e12f64).ln();
    // A row that is looked at stands for 64, so it tells up to 64 too many, or one too few for
    // each.
    let variance = 64.0 * sampled as f64 * share * (1.0 - share);
    (2.0 * variance * odds).sqrt() + 64.0 * odds / 3.0 + 64.0
}

#[test]
fn edges_of_bins_are_shown_as_values_are() {
    let edges = |array: ArrayRef| {
        let profile = sketch(&[("c", array)]).profile();
        let Histogram { from, to, counts } =
            profile.columns[0].histogram.clone().expect("it has one");
        format!("{from} {to} {}", counts.len())
    };
    let cents = Decimal128Array::from_iter_values(0..=1_999);
    let cents = cents.with_precision_and_scale(9, 2).expect("a legal type");
    assert_eq!(edges(Arc::new(cents)), r#""0.00" "20.16" 18"#);
    let days = Date32Array::from_iter_values(20_000..20_031);
    assert_eq!(edges(Arc::new(days)), r#""2024-10-04" "2024-11-05" 16"#);
    let day = Time32SecondArray::from_iter_values((0..24).map(|hour| hour * 3_600));
    assert_eq!(edges(Arc::new(day)), r#""00:00:00" "24:10:40" 17"#);
    let floats = Float64Array::from(vec![0.5, 1.5, f64::NAN]);
    assert_eq!(edges(Arc::new(floats)), "0.5 1.5625 17");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// Of shards with many rows each, counts of bins are as exact as a sample may be.
    #[test]
    fn a_histogram_of_many_rows_is_within_its_error(
        seed in any::<u64>(),
        rows in 20_000usize..60_000,
        range in 2i64..1_000_000,
        zeros in 0u64..100,
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
    ) {
        // Some of them are one value, and the others are spread evenly.
        let values: Vec<i64> = (0..rows as u64)
            .map(|row| distinct::hash_of(seed ^ row))
            .map(|hash| if hash % 100 < zeros { 0 } else { (hash >> 8) as i64 % range })
            .collect();
        let array: ArrayRef = Arc::new(Int64Array::from(values.clone()));
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(rows)).chain([0, rows]).collect();
        cuts.sort_unstable();
        let mut merged = Sketch::default();
        for cut in cuts.windows(2) {
            merged.merge(&sketch(&[("n", array.slice(cut[0], cut[1] - cut[0]))]));
        }
        let sampled = cuts.windows(2).map(|cut| (cut[1] - cut[0]).saturating_sub(4_096)).sum();
        let merged = merged.profile().columns[0].histogram.clone().expect("values differ");
        let whole = sketch(&[("n", array)]).profile().columns[0].histogram.clone().expect("the same");
        prop_assert_eq!((&merged.from, &merged.to), (&whole.from, &whole.to));
        for (count, told) in counts_of(&values, &merged).into_iter().zip(&merged.counts) {
            let wrong = (count as f64 - *told as f64).abs();
            // The rest of a shard that is no whole 64 rows may be told as 64, or not at all.
            let most = most_wrong(sampled, count as f64 / rows as f64) + 64.0 * cuts.len() as f64;
            prop_assert!(wrong <= most, "{told} instead of {count}: not within {most}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// What is exact is the same for any split into shards, and what is not is within its error;
    /// and a sketch survives being written.
    #[test]
    fn shards_merge_to_the_whole(
        // All of them go into the quantiles: what a sample misses is another test's business, which
        // can't hang on luck.
        values in prop::collection::vec(prop::option::weighted(0.9, -1_000_000i64..1_000_000), 1..4_096),
        modulus in 1i64..100_000,
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let values: Vec<Option<i64>> = values.into_iter().map(|value| value.map(|value| value % modulus)).collect();
        let integers: ArrayRef = Arc::new(Int64Array::from(values.clone()));
        let texts: ArrayRef = Arc::new(StringArray::from_iter(values.iter().map(|value| value.map(|value| format!("t{value}")))));
        let whole = sketch(&[("n", integers.clone()), ("t", texts.clone())]).profile();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(values.len() + 1)).chain([0, values.len()]).collect();
        cuts.sort_unstable();
        let mut merged = Sketch::default();
        for cut in cuts.windows(2) {
            let part = |array: &ArrayRef| array.slice(cut[0], cut[1] - cut[0]);
            let shard = sketch(&[("n", part(&integers)), ("t", part(&texts))]);
            let written = serde_json::to_string(&shard).expect("plain data");
            merged.merge(&serde_json::from_str(&written).expect("what was written"));
        }
        let merged = merged.profile();
        prop_assert_eq!(merged.rows, whole.rows);
        let mut sorted: Vec<i64> = values.iter().copied().flatten().collect();
        sorted.sort_unstable();
        for (merged, whole) in merged.columns.iter().zip(&whole.columns) {
            let exact = |column: &ColumnProfile| {
                let ColumnProfile { count, nulls, min, max, mean, distinct, shortest, longest, .. } = column.clone();
                (count, nulls, min, max, mean, distinct, shortest, longest)
            };
            prop_assert_eq!(exact(merged), exact(whole));
            prop_assert_eq!(&merged.histogram, &whole.histogram);
            let distinct = sorted.iter().collect::<std::collections::HashSet<_>>().len() as f64;
            prop_assert!((merged.distinct.unwrap_or(0) as f64 - distinct).abs() <= 5.0 * DISTINCT_ERROR * distinct + 1.0);
        }
        if let Some(histogram) = &merged.columns[0].histogram {
            prop_assert_eq!(histogram.counts.clone(), counts_of(&sorted, histogram));
        } else {
            prop_assert!(sorted.first() == sorted.last());
        }
        if let Some(quantiles) = &merged.columns[0].quantiles {
            for (share, value) in [(0.05, &quantiles.p05), (0.5, &quantiles.p50), (0.95, &quantiles.p95)] {
                let value = value.as_i64().expect("an integer");
                let below = sorted.partition_point(|other| *other < value) as f64 / sorted.len() as f64;
                let above = sorted.partition_point(|other| *other <= value) as f64 / sorted.len() as f64;
                let slack = 0.05 + 1.0 / sorted.len() as f64;
                prop_assert!(below - slack <= share && share <= above + slack, "{share}: {value} is at {below} to {above}");
            }
        }
    }
}

#[test]
fn texts_that_are_not_new_need_no_second_look() {
    let texts = |from: usize, to: usize| -> ArrayRef {
        Arc::new(StringArray::from_iter(
            (from..to).map(|at| (at % 7 != 0).then(|| format!("{} of them", at % 50 * (at % 3)))),
        ))
    };
    let column = [("text", ArrowType::Utf8)];
    let (mut all, mut coded) = (Sketch::new(column.clone()), Sketch::new(column));
    all.observe([&texts(0, 1_000)]);
    all.observe([&texts(1_000, 9_000)]);
    coded.observe([&texts(0, 1_000)]);
    // All but one that is told as new were there before.
    let rows = texts(1_000, 9_000);
    let known: std::collections::HashSet<_> =
        texts(0, 1_000).as_string::<i32>().iter().flatten().map(str::to_owned).collect();
    let new: Vec<_> = rows
        .as_string::<i32>()
        .iter()
        .flatten()
        .filter(|text| !known.contains(*text))
        .map(str::to_owned)
        .collect();
    let new: ArrayRef = Arc::new(StringArray::from(new));
    coded.observe_coded([(&rows, Some([new].as_slice()))]);
    assert_eq!(all.profile(), coded.profile());
}
