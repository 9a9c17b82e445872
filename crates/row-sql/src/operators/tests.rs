//! Compares arithmetic with Arrow's kernels.

#![expect(clippy::unwrap_used)]

use arrow_arith::numeric;
use arrow_array::{Array, ArrayRef};
use proptest::prelude::*;

use super::*;

const ALL: [Arithmetic; 5] = [
    Arithmetic::Add,
    Arithmetic::Subtract,
    Arithmetic::Multiply,
    Arithmetic::DivideWhole,
    Arithmetic::Remainder,
];

/// Numbers near zero and near the bounds.
fn numbers(rows: usize) -> impl Strategy<Value = Vec<Option<i64>>> {
    let number = prop_oneof![4 => -5_i64..6, 1 => any::<i64>(), 1 => Just(i64::MIN)];
    proptest::collection::vec(proptest::option::weighted(0.8, number), rows)
}

fn column(kind: usize, scale: u8, values: Vec<Option<i64>>) -> ArrayRef {
    let integers = Int64Array::from(values);
    match kind {
        0 => Arc::new(integers),
        1 => Arc::new(integers.unary::<_, Float64Type>(|value| value as f64 / 4.0)),
        _ => {
            let decimals = integers.unary::<_, Decimal128Type>(i128::from);
            Arc::new(decimals.with_precision_and_scale(20, scale as i8).unwrap())
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn arithmetic_is_arrows(
        (a, b) in (1_usize..4).prop_flat_map(|rows| (numbers(rows), numbers(rows))),
        kind in 0_usize..3, scales in (0_u8..9, 0_u8..9), constant in 0_usize..3,
    ) {
        let rows = a.len();
        let (a, b) = (column(kind, scales.0, a), column(kind, scales.1, b));
        let (a, b) = match constant {
            0 => (Values::new(a), Values::new(b)),
            1 => (Values::constant(a.slice(0, 1)), Values::new(b)),
            _ => (Values::new(a), Values::constant(b.slice(0, 1))),
        };
        for operator in ALL {
            let types = (a.array.data_type(), b.array.data_type());
            if operator == Arithmetic::DivideWhole && kind == 2 {
                continue;
            }
            let result = result_of(operator, types.0, types.1).unwrap();
            let expected = match operator {
                Arithmetic::Add => numeric::add(&a, &b),
                Arithmetic::Subtract => numeric::sub(&a, &b),
                Arithmetic::Multiply => numeric::mul(&a, &b),
                Arithmetic::Remainder => numeric::rem(&a, &b),
                _ => numeric::div(&a, &b),
            };
            let divides = matches!(operator, Arithmetic::DivideWhole | Arithmetic::Remainder);
            let by_zero = divides && refuse_zero_of(kind, &a, &b, rows);
            match arithmetic(operator, result)(&[a.clone(), b.clone()], rows) {
                Ok(array) => {
                    let expected = expected.unwrap();
                    // Arrow gives products a digit more.
                    let text = |array: &dyn Array| match array.as_primitive_opt::<Decimal128Type>() {
                        Some(decimals) => format!("{:?}", decimals.iter().collect::<Vec<_>>()),
                        None => format!("{array:?}"),
                    };
                    prop_assert_eq!(text(&array), text(&expected));
                }
                // Floats are divided by zero there.
                Err(_) => prop_assert!(expected.is_err() || by_zero && kind == 1),
            }
        }
    }
}

fn refuse_zero_of(kind: usize, a: &Values, b: &Values, rows: usize) -> bool {
    match kind {
        0 => refuse_zero::<Int64Type>(a, b, rows),
        1 => refuse_zero::<Float64Type>(a, b, rows),
        _ => refuse_zero::<Decimal128Type>(a, b, rows),
    }
    .is_err()
}

#[test]
fn what_a_null_stands_for_is_not_calculated() {
    let hidden = Int64Array::new(vec![1, i64::MAX].into(), Some(vec![true, false].into()));
    let zero = Int64Array::new(vec![1, 0].into(), Some(vec![true, false].into()));
    let (a, b) = (Values::new(Arc::new(hidden)), Values::new(Arc::new(zero)));
    for operator in ALL {
        let answer = arithmetic(operator, ArrowType::Int64)(&[a.clone(), b.clone()], 2).unwrap();
        assert_eq!(answer.null_count(), 1);
    }
}
