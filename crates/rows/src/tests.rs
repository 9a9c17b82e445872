//! Compares chosen rows with those of Arrow's kernels.

use std::sync::Arc;

use arrow_array::types::IntervalMonthDayNanoType;
use arrow_array::{
    Array, ArrayRef, BooleanArray, Decimal128Array, Float32Array, Int8Array, Int16Array,
    Int64Array, LargeStringArray, NullArray, PrimitiveArray, StringArray, UInt32Array,
};
use proptest::prelude::*;

use super::*;

/// Columns of every width, of the same rows.
fn columns(values: &[Option<i64>]) -> Vec<ArrayRef> {
    macro_rules! of {
        ($array:ty, $convert:expr) => {
            Arc::new(values.iter().map(|value| value.map($convert)).collect::<$array>())
        };
    }
    let spans = values.iter().map(|value| {
        value.map(|value| IntervalMonthDayNanoType::make_value(value as i32, 1, -value))
    });
    vec![
        of!(BooleanArray, |value| value % 2 == 0),
        of!(Int8Array, |value| value as i8),
        of!(Int16Array, |value| value as i16),
        of!(Float32Array, |value| value as f32),
        of!(Int64Array, |value| value),
        of!(Decimal128Array, i128::from),
        of!(StringArray, |value| "é".repeat(value.unsigned_abs() as usize % 40)),
        Arc::new(spans.collect::<PrimitiveArray<IntervalMonthDayNanoType>>()),
        Arc::new(NullArray::new(values.len())),
    ]
}

/// Whether the first of two values is chosen, and both.
type TwoValues = (bool, Option<i64>, Option<i64>);

fn values() -> impl Strategy<Value = Vec<Option<i64>>> {
    proptest::collection::vec(proptest::option::of(-100_i64..100), 0..20)
}

proptest! {
    #[test]
    fn rows_are_taken_as_arrow_does(
        values in values(), cut in 0_usize..4,
        rows in proptest::collection::vec(proptest::option::of(any::<prop::sample::Index>()), 0..30),
    ) {
        for column in columns(&values) {
            let column = column.slice(cut.min(values.len()), values.len() - cut.min(values.len()));
            let at = |index: prop::sample::Index| match column.len() {
                0 => None,
                length => Some(index.index(length) as u32),
            };
            let rows: UInt32Array = rows.iter().map(|row| row.and_then(at)).collect();
            let expected = arrow_select::take::take(&column, &rows, None).expect("rows of it");
            let taken = take(&column, &rows).expect("a known type");
            taken.to_data().validate_full().expect("it is valid");
            prop_assert_eq!(&taken, &expected);
        }
    }

    #[test]
    fn arrays_are_put_together_as_arrow_does(a in values(), b in values(), c in values()) {
        let parts = [columns(&a), columns(&b), columns(&c)];
        for column in 0..parts[0].len() {
            let parts: Vec<&dyn Array> = parts.iter().map(|part| part[column].as_ref()).collect();
            let expected = arrow_select::concat::concat(&parts).expect("one type");
            prop_assert_eq!(&concat(&parts).expect("one type"), &expected);
        }
    }
}

proptest! {
    #[test]
    fn rows_are_kept_as_arrow_does(
        values in proptest::collection::vec(proptest::option::of(-100_i64..100), 0..150),
        cut in 0_usize..4, chances in proptest::collection::vec(0_u32..10, 150),
    ) {
        let cut = cut.min(values.len());
        let rows = values.len() - cut;
        let kept: Vec<bool> = chances[..rows].iter().map(|chance| *chance > 0).collect();
        let mask = BooleanArray::from(kept.clone());
        // Spans and nothing but nulls are in no column of a file.
        for column in columns(&values).into_iter().take(7) {
            let column = column.slice(cut, rows);
            let expected = arrow_select::filter::filter(&column, &mask).expect("rows of it");
            let left = keep(&column, &runs(&kept)).expect("a known type");
            left.to_data().validate_full().expect("it is valid");
            prop_assert_eq!(&left, &expected);
        }
    }
}

proptest! {
    #[test]
    fn rows_of_two_arrays_are_selected_as_arrow_does(
        rows in proptest::collection::vec(
            (
                any::<bool>(),
                proptest::option::of(-100_i64..100),
                proptest::option::of(-100_i64..100),
            ),
            1..150,
        ),
        cut in 0_usize..4, is_constant in any::<[bool; 2]>(),
    ) {
        let cut = cut.min(rows.len() - 1);
        let of = |value: fn(&TwoValues) -> Option<i64>| {
            columns(&rows.iter().map(value).collect::<Vec<_>>())
        };
        let takes: BooleanArray = rows.iter().map(|row| Some(row.0)).collect();
        let takes = takes.slice(cut, rows.len() - cut);
        for (a, b) in of(|row| row.1).into_iter().zip(of(|row| row.2)) {
            let [a, b] = [(a, is_constant[0]), (b, is_constant[1])].map(|(array, is_constant)| {
                array.slice(cut, if is_constant { 1 } else { rows.len() - cut })
            });
            let place = |(row, is_a)| {
                let (array, of_array) = if is_a { (0, &a) } else { (1, &b) };
                (array, if of_array.len() == 1 { 0 } else { row })
            };
            let places: Vec<_> = takes.values().iter().enumerate().map(place).collect();
            let expected = arrow_select::interleave::interleave(&[&a, &b], &places).expect("rows");
            let selected = select(takes.values(), &a, &b).expect("a known type");
            selected.to_data().validate_full().expect("it is valid");
            prop_assert_eq!(&selected, &expected);
        }
    }
}

#[test]
fn arrays_that_do_not_go_together_are_refused() {
    let (a, b) = (Int64Array::from(vec![1]), Int16Array::from(vec![1]));
    let error = concat(&[&a, &b]).expect_err("they differ");
    assert_eq!(error.to_string(), "arrays differ in their types");
    let error = concat(&[&LargeStringArray::from(vec!["a"])]).expect_err("no column has it");
    assert_eq!(error.to_string(), "rows of LargeUtf8 are not known");
    assert!(matches!(concat(&[]), Err(Error::Types(_))));
}
