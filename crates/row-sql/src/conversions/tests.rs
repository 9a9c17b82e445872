//! Compares the conversions with Arrow's kernel of casts.

#![expect(clippy::unwrap_used)]

use arrow_cast::display::FormatOptions;
use arrow_cast::{CastOptions, cast_with_options};
use proptest::prelude::*;

use super::*;
use crate::types::is_float;

const UNITS: [TimeUnit; 4] =
    [TimeUnit::Second, TimeUnit::Millisecond, TimeUnit::Microsecond, TimeUnit::Nanosecond];

/// Every type that a column may have, but truth values, which casts read from text by themselves.
fn types() -> Vec<ArrowType> {
    use ArrowType as T;
    let mut types = vec![
        T::Int8,
        T::Int16,
        T::Int32,
        T::Int64,
        T::UInt8,
        T::UInt16,
        T::UInt32,
        T::UInt64,
        T::Float32,
        T::Float64,
        T::Utf8,
        T::Date32,
        T::Time32(TimeUnit::Second),
        T::Time32(TimeUnit::Millisecond),
        T::Time64(TimeUnit::Microsecond),
        T::Time64(TimeUnit::Nanosecond),
    ];
    types.extend(UNITS.map(|unit| T::Timestamp(unit, None)));
    types.extend(
        [(1, 0), (5, 2), (18, 18), (38, 0), (38, 10), (38, 38)]
            .map(|(precision, scale)| T::Decimal128(precision, scale)),
    );
    types
}

/// Numbers near bounds, and others.
fn number() -> impl Strategy<Value = i128> {
    let bound = prop_oneof![
        (0_u32..39).prop_map(|digits| 10_i128.pow(digits)),
        (0_u32..126).prop_map(|bits| 1_i128 << bits),
        Just(0),
    ];
    let sign = prop_oneof![Just(1), Just(-1)];
    let near = (bound, -2_i128..3, sign).prop_map(|(bound, more, sign)| sign * (bound + more));
    prop_oneof![3 => near, 2 => -200_000_i128..200_000, 1 => any::<i64>().prop_map(i128::from)]
}

fn float() -> impl Strategy<Value = f64> {
    let halves = (-100_000_i64..100_000).prop_map(|halves| halves as f64 / 2.0);
    prop_oneof![2 => halves, 2 => number().prop_map(|value| value as f64), 2 => any::<f64>()]
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        number().prop_map(|value| value.to_string()),
        float().prop_map(|value| value.to_string()),
        float().prop_map(|value| format!(" {value:e}\t")),
        "[-+ ]?[0-9]{0,3}[.]?[0-9]{0,4}(e-?[0-9])?",
        "[0-9]{4}-[01]?[0-9]-[0-3]?[0-9]([ T][0-2][0-9]:[0-5][0-9](:[0-6][0-9]([.][0-9]{1,10})?)?)?(Z|[+-][01][0-9]:?[0-5][0-9]| UTC)?",
        "[0-2]?[0-9]:[0-5][0-9](:[0-6][0-9]([.][0-9]{1,9})?)?( ?[aApP][mM])?",
        Just("inf".to_owned()),
        Just("NaN".to_owned()),
        ".{0,3}",
    ]
}

/// A column of one of the types.
fn column() -> impl Strategy<Value = ArrayRef> {
    proptest::sample::select(types()).prop_flat_map(|data_type| {
        fn of<V: std::fmt::Debug>(
            value: impl Strategy<Value = V>,
            array: impl Fn(Vec<Option<V>>) -> ArrayRef,
        ) -> impl Strategy<Value = ArrayRef> {
            proptest::collection::vec(proptest::option::of(value), 0..6).prop_map(array)
        }
        match data_type {
            ArrowType::Utf8 => of(text(), |texts| Arc::new(StringArray::from(texts))).boxed(),
            ArrowType::Float64 => {
                of(float(), |values| Arc::new(Float64Array::from(values))).boxed()
            }
            ArrowType::Float32 => of(float(), |values| {
                let narrow = values.into_iter().map(|value| value.map(|value| value as f32));
                Arc::new(narrow.collect::<PrimitiveArray<Float32Type>>())
            })
            .boxed(),
            ArrowType::Decimal128(precision, scale) => of(number(), move |values| {
                let kept = values.into_iter().map(|value| fits(value?, precision));
                let decimals = kept.collect::<Decimal128Array>();
                Arc::new(decimals.with_precision_and_scale(precision, scale).unwrap())
            })
            .boxed(),
            ArrowType::Time32(unit) | ArrowType::Time64(unit) => {
                of(0..DAY * per_second(unit), move |values| {
                    let values = Int64Array::from(values);
                    let narrow = cast_with_options(&values, &ArrowType::Int32, &options(true));
                    let is_narrow = matches!(data_type, ArrowType::Time32(_));
                    let values = if is_narrow { narrow.unwrap() } else { Arc::new(values) };
                    cast_with_options(&values, &data_type, &options(true)).unwrap()
                })
                .boxed()
            }
            _ => of(number(), move |values| {
                let values = values.into_iter().map(|value| i64::try_from(value?).ok());
                let wide = values.collect::<Int64Array>();
                match data_type {
                    ArrowType::UInt64 => Arc::new(wide.unary::<_, UInt64Type>(i64::unsigned_abs)),
                    _ => cast_with_options(&wide, &data_type, &options(true)).unwrap(),
                }
            })
            .boxed(),
        }
    })
}

fn options(safe: bool) -> CastOptions<'static> {
    let format_options = FormatOptions::new().with_timestamp_format(Some(MOMENT));
    CastOptions { safe, format_options }
}

/// What Arrow makes of a column; its kernel cuts fractions off, and takes text as it stands.
fn expected(column: &ArrayRef, to: &ArrowType, safe: bool) -> Result<ArrayRef, ArrowError> {
    let cast = |array: &dyn Array, to: &ArrowType| cast_with_options(array, to, &options(safe));
    match column.data_type() {
        ArrowType::Utf8 => {
            let texts = column.as_string::<i32>().iter();
            cast(&texts.map(|text| text.map(str::trim)).collect::<StringArray>(), to)
        }
        from if is_float(from) && is_integer(to) => {
            let wide = cast(column, &ArrowType::Float64)?;
            let wide = wide.as_primitive::<Float64Type>();
            cast(&wide.unary::<_, Float64Type>(f64::round_ties_even), to)
        }
        ArrowType::Decimal128(..) if is_integer(to) => {
            cast(&cast(column, &ArrowType::Decimal128(38, 0))?, to)
        }
        _ => cast(column, to),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, max_global_rejects: 20_000, ..ProptestConfig::default() })]

    #[test]
    fn a_conversion_is_what_arrow_makes_of_it(
        column in column(), to in proptest::sample::select(types()), lenient in any::<bool>(),
    ) {
        let is_asked = crate::casts::is_possible(column.data_type(), &to);
        prop_assume!(is_asked && *column.data_type() != to);
        let expected = expected(&column, &to, lenient);
        match convert(&column, &to, lenient) {
            // As text: a value that is not a number equals none.
            Ok(array) => prop_assert_eq!(
                format!("{array:?}"),
                format!("{:?}", expected.as_ref().expect("Arrow converts it too"))
            ),
            Err(_) => prop_assert!(expected.is_err(), "{expected:?}"),
        }
    }
}

#[test]
fn truth_values_and_integers_are_each_other() {
    let truth: ArrayRef = Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)]));
    let texts = convert(&truth, &ArrowType::Utf8, false).unwrap();
    assert_eq!(&texts, &cast_with_options(&truth, &ArrowType::Utf8, &options(false)).unwrap());
    for to in types().into_iter().filter(is_integer) {
        let integers = convert(&truth, &to, false).unwrap();
        assert_eq!(&integers, &cast_with_options(&truth, &to, &options(false)).unwrap());
        assert_eq!(&convert(&integers, &ArrowType::Boolean, false).unwrap(), &truth);
    }
}

#[test]
fn a_null_is_trouble_to_nobody() {
    let hidden = Int64Array::new(vec![1, 1_000].into(), Some(vec![true, false].into()));
    let narrow = convert(&hidden, &ArrowType::Int8, false).unwrap();
    assert_eq!(narrow.null_count(), 1);
    assert!(convert(&hidden.slice(0, 1), &ArrowType::Int8, false).is_ok());
    let lost = Int64Array::from(vec![1, 1_000]);
    assert!(convert(&lost, &ArrowType::Int8, false).is_err());
    assert_eq!(convert(&lost, &ArrowType::Int8, true).unwrap().null_count(), 1);
}
