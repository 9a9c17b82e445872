//! Compares the comparisons with Arrow's kernels.

#![expect(clippy::unwrap_used)]

use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, Int64Array, StringArray};
use arrow_ord::cmp;
use proptest::prelude::*;

use super::*;

const ALL: [Comparison; 8] = [
    Comparison::Equal,
    Comparison::NotEqual,
    Comparison::Less,
    Comparison::LessOrEqual,
    Comparison::Greater,
    Comparison::GreaterOrEqual,
    Comparison::Distinct,
    Comparison::NotDistinct,
];

/// Columns of one type, with equal values in them.
fn columns() -> impl Strategy<Value = [ArrayRef; 2]> {
    use ArrowType as T;
    let types = [
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
        T::Boolean,
        T::Date32,
        T::Timestamp(arrow_schema::TimeUnit::Second, None),
        T::Decimal128(12, 3),
    ];
    let rows = prop_oneof![0_usize..5, 60_usize..140];
    (proptest::sample::select(types.to_vec()), rows).prop_flat_map(|(data_type, rows)| {
        let column = proptest::collection::vec(proptest::option::of(-3_i64..4), rows);
        let of = move |data_type: &ArrowType, values: Vec<Option<i64>>| {
            let options = arrow_cast::CastOptions::default();
            arrow_cast::cast_with_options(&Int64Array::from(values), data_type, &options).unwrap()
        };
        (column.clone(), column).prop_map(move |(a, b)| [of(&data_type, a), of(&data_type, b)])
    })
}

fn expected(comparison: Comparison, a: &Values, b: &Values) -> BooleanArray {
    match comparison {
        Comparison::Equal => cmp::eq(a, b),
        Comparison::NotEqual => cmp::neq(a, b),
        Comparison::Less => cmp::lt(a, b),
        Comparison::LessOrEqual => cmp::lt_eq(a, b),
        Comparison::Greater => cmp::gt(a, b),
        Comparison::GreaterOrEqual => cmp::gt_eq(a, b),
        Comparison::Distinct => cmp::distinct(a, b),
        Comparison::NotDistinct => cmp::not_distinct(a, b),
    }
    .unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn a_comparison_is_arrows(
        [a, b] in columns(), cut in 0_usize..4, constant in 0_usize..3,
    ) {
        let rows = a.len();
        let cut = cut.min(rows);
        let (a, b, rows) = (a.slice(cut, rows - cut), b.slice(cut, rows - cut), rows - cut);
        prop_assume!(rows > 0);
        let (a, b) = match constant {
            0 => (Values::new(a), Values::new(b)),
            1 => (Values::constant(a.slice(rows - 1, 1)), Values::new(b)),
            _ => (Values::new(a), Values::constant(b.slice(0, 1))),
        };
        for comparison in ALL {
            let answers = comparison.of(&a, &b, rows).unwrap();
            prop_assert_eq!(answers, expected(comparison, &a, &b), "{:?}", comparison);
        }
    }
}

#[test]
fn floats_are_in_the_order_of_numbers() {
    let numbers = [f64::NEG_INFINITY, -1.0, -0.0, 0.0, 1.0, f64::INFINITY, f64::NAN, -f64::NAN];
    let place = [0, 1, 2, 2, 3, 4, 5, 5];
    for (x, place_x) in numbers.into_iter().zip(place) {
        for (y, place_y) in numbers.into_iter().zip(place) {
            let of = |value: f64| Values::new(Arc::new(Float64Array::from(vec![value])));
            let narrow = |value: f64| {
                let narrow = arrow_array::Float32Array::from(vec![value as f32]);
                Values::new(Arc::new(narrow))
            };
            let place = |place: i64| Values::new(Arc::new(Int64Array::from(vec![place])));
            for comparison in ALL {
                let expected = comparison.of(&place(place_x), &place(place_y), 1).unwrap();
                assert_eq!(comparison.of(&of(x), &of(y), 1).unwrap(), expected, "{x} {y}");
                assert_eq!(comparison.of(&narrow(x), &narrow(y), 1).unwrap(), expected);
            }
        }
    }
}

#[test]
fn two_constants_have_an_answer_for_every_row() {
    let one = |text: &str| Values::constant(Arc::new(StringArray::from(vec![text])));
    let number = |value| Values::constant(Arc::new(Int64Array::from(vec![value])));
    assert_eq!(Comparison::Less.of(&one("a"), &one("b"), 70).unwrap().true_count(), 70);
    assert_eq!(Comparison::Less.of(&number(1), &number(2), 70).unwrap().true_count(), 70);
    let null = Values::constant(Arc::new(Int64Array::from(vec![None])));
    assert_eq!(Comparison::Less.of(&number(1), &null, 70).unwrap().null_count(), 70);
}
