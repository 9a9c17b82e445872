//! Compares the parts of dates and times with Arrow's kernel.

#![expect(clippy::unwrap_used)]

use arrow_arith::temporal::{DatePart, date_part};
use arrow_array::{ArrayRef, Int32Array};
use proptest::prelude::*;

use super::*;
use crate::conversions::relabelled;

/// Arrow's names of the parts, in the order of [`PARTS`].
const THEIRS: [DatePart; 11] = [
    DatePart::Year,
    DatePart::Quarter,
    DatePart::Month,
    DatePart::Week,
    DatePart::Day,
    DatePart::DayOfYear,
    DatePart::DayOfWeekSunday0,
    DatePart::DayOfWeekMonday1,
    DatePart::Hour,
    DatePart::Minute,
    DatePart::Second,
];

fn check(column: &ArrayRef, parts: std::ops::Range<usize>) -> Result<(), TestCaseError> {
    for ((name, mine), theirs) in PARTS.iter().zip(THEIRS).take(parts.end).skip(parts.start) {
        let expected = date_part(column, theirs).unwrap();
        let expected = expected.as_primitive::<arrow_array::types::Int32Type>();
        let expected: Int64Array = expected.iter().map(|part| part.map(i64::from)).collect();
        let got = part(*mine)(&[Values::new(column.clone())], column.len()).unwrap();
        prop_assert_eq!(got.as_primitive::<Int64Type>(), &expected, "{}", name);
    }
    Ok(())
}

proptest! {
    #[test]
    fn parts_are_what_arrow_says(
        moments in proptest::collection::vec(proptest::option::of(prop_oneof![
            // What calendars have, in seconds: years up to 250,000, before and after.
            -8_000_000_000_000_i64..8_000_000_000_000,
            -100_000_000_000_i64..100_000_000_000,
            -1_000_i64..1_000,
        ]), 0..8),
        days in proptest::collection::vec(proptest::option::of(-3_000_000_i32..3_000_000), 0..8),
        times in proptest::collection::vec(proptest::option::of(0_i64..DAY), 0..8),
    ) {
        let moments = Int64Array::from(moments);
        for unit in
            [TimeUnit::Second, TimeUnit::Millisecond, TimeUnit::Microsecond, TimeUnit::Nanosecond]
        {
            check(&relabelled(&moments, &ArrowType::Timestamp(unit, None)).unwrap(), 0..11)?;
        }
        check(&relabelled(&Int32Array::from(days), &ArrowType::Date32).unwrap(), 0..11)?;
        let times = Int64Array::from(times);
        check(&relabelled(&times, &ArrowType::Time64(TimeUnit::Microsecond)).unwrap(), 8..11)?;
    }
}
