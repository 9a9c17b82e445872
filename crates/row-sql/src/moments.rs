//! Implements the functions of dates and times. What has a zone is looked at in UTC.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, Float64Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, Date32Array, Float64Array, Int64Array, TimestampMicrosecondArray};
use arrow_schema::{DataType as ArrowType, TimeUnit};
use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, TimeDelta, TimeZone, Timelike};
use zones::Zone;

use super::values::{Kernel, Trouble, Values, unary};
use super::{casts, conversions};

/// Microseconds of a day, an hour, a minute, a second.
const DAY: i64 = 86_400_000_000;
const HOUR: i64 = 3_600_000_000;
const MINUTE: i64 = 60_000_000;
const SECOND: i64 = 1_000_000;

/// What moments are cast to before they are truncated or counted.
pub(super) const MICROSECONDS: ArrowType = ArrowType::Timestamp(TimeUnit::Microsecond, None);

/// The parts of dates and times that have a function of the same name.
pub(super) const PARTS: [(&str, Part); 11] = [
    ("year", |at| at.year().into()),
    ("quarter", |at| at.quarter().into()),
    ("month", |at| at.month().into()),
    ("week", |at| at.iso_week().week().into()),
    ("day", |at| at.day().into()),
    ("dayofyear", |at| at.ordinal().into()),
    ("dayofweek", |at| at.weekday().num_days_from_sunday().into()),
    ("isodow", |at| at.weekday().number_from_monday().into()),
    ("hour", |at| at.hour().into()),
    ("minute", |at| at.minute().into()),
    ("second", |at| at.second().into()),
];

/// A part of a date and a time.
pub(super) type Part = fn(NaiveDateTime) -> i64;

/// What moments are truncated to, and counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Period {
    Year,
    Quarter,
    Month,
    Week,
    Day,
    Hour,
    Minute,
    Second,
}

impl Period {
    pub(super) const ALL: [(&str, Self); 8] = [
        ("year", Self::Year),
        ("quarter", Self::Quarter),
        ("month", Self::Month),
        ("week", Self::Week),
        ("day", Self::Day),
        ("hour", Self::Hour),
        ("minute", Self::Minute),
        ("second", Self::Second),
    ];

    /// The number of the period in which a moment lies.
    fn of(self, micros: i64) -> Option<i64> {
        let months = |count: i64| {
            let date = DateTime::from_timestamp(micros.div_euclid(SECOND), 0)?.date_naive();
            Some((i64::from(date.year()) * 12 + i64::from(date.month0())).div_euclid(count))
        };
        Some(match self {
            Self::Year => return months(12),
            Self::Quarter => return months(3),
            Self::Month => return months(1),
            // The first day of all, 1970-01-01, was a Thursday; weeks begin on Mondays.
            Self::Week => (micros.div_euclid(DAY) + 3).div_euclid(7),
            Self::Day => micros.div_euclid(DAY),
            Self::Hour => micros.div_euclid(HOUR),
            Self::Minute => micros.div_euclid(MINUTE),
            Self::Second => micros.div_euclid(SECOND),
        })
    }

    /// Where it begins.
    fn start(self, number: i64) -> Option<i64> {
        let months = |number: i64| {
            let date = NaiveDate::from_ymd_opt(
                i32::try_from(number.div_euclid(12)).ok()?,
                number.rem_euclid(12) as u32 + 1,
                1,
            )?;
            date.signed_duration_since(NaiveDate::default()).num_days().checked_mul(DAY)
        };
        match self {
            Self::Year => months(number * 12),
            Self::Quarter => months(number * 3),
            Self::Month => months(number),
            Self::Week => (number * 7 - 3).checked_mul(DAY),
            Self::Day => number.checked_mul(DAY),
            Self::Hour => number.checked_mul(HOUR),
            Self::Minute => number.checked_mul(MINUTE),
            Self::Second => number.checked_mul(SECOND),
        }
    }
}

/// A part as a whole number; null for a moment that no calendar has.
pub(super) fn part(part: Part) -> Arc<Kernel> {
    unary(move |array| {
        let of = |value: i64| conversions::moment(array.data_type(), value).map(part);
        Ok(Arc::new(conversions::integers(array)?.unary_opt::<_, Int64Type>(of)))
    })
}

/// Seconds since 1970, of microseconds.
pub(super) fn epoch() -> Arc<Kernel> {
    unary(|array| {
        let micros = array.as_primitive::<TimestampMicrosecondType>();
        Ok(Arc::new(
            micros
                .iter()
                .map(|value| value.map(|value| value as f64 / SECOND as f64))
                .collect::<Float64Array>(),
        ))
    })
}

/// The beginning of the period, of microseconds.
pub(super) fn truncate(period: Period) -> Arc<Kernel> {
    unary(move |array| {
        let start = |micros: i64| {
            period.of(micros).and_then(|number| period.start(number)).ok_or_else(out_of_range)
        };
        let micros = array.as_primitive::<TimestampMicrosecondType>();
        Ok(Arc::new(micros.try_unary::<_, TimestampMicrosecondType, Trouble>(start)?))
    })
}

/// How many times a period begins between two moments, of microseconds.
pub(super) fn difference(period: Period) -> Arc<Kernel> {
    Arc::new(move |args, rows| {
        let micros = |values: &Values, row| {
            let (array, index) =
                (values.array.as_primitive::<TimestampMicrosecondType>(), values.index(row));
            array.is_valid(index).then(|| array.value(index))
        };
        let count = |row| match (micros(&args[0], row), micros(&args[1], row)) {
            (Some(from), Some(to)) => {
                let (from, to) = (
                    period.of(from).ok_or_else(out_of_range)?,
                    period.of(to).ok_or_else(out_of_range)?,
                );
                Ok(Some(to - from))
            }
            _ => Ok(None),
        };
        Ok(Arc::new((0..rows).map(count).collect::<Result<Int64Array, Trouble>>()?))
    })
}

/// The date and time that clocks show in a zone, of microseconds.
pub(super) fn at_zone(zone: Zone) -> Arc<Kernel> {
    unary(move |array| {
        let local = |micros: i64| {
            let moment = DateTime::from_timestamp_micros(micros).ok_or_else(out_of_range)?;
            let offset = chrono::Offset::fix(&zone.offset_from_utc_datetime(&moment.naive_utc()))
                .local_minus_utc();
            micros
                .checked_add(TimeDelta::seconds(offset.into()).num_seconds() * SECOND)
                .ok_or_else(out_of_range)
        };
        let micros = array.as_primitive::<TimestampMicrosecondType>();
        Ok(Arc::new(micros.try_unary::<_, TimestampMicrosecondType, Trouble>(local)?))
    })
}

/// Whole microseconds of seconds: of whole numbers and decimals exactly, of floats rounded.
pub(super) fn micros_of_seconds() -> Arc<Kernel> {
    unary(|array| {
        let finer =
            || Trouble::Row("the seconds are finer than microseconds; ROUND them".to_owned());
        let micros = |unscaled: i128, scale: i8| {
            let wanted = i32::from(scale) - 6;
            let power = 10_i128.checked_pow(wanted.unsigned_abs()).ok_or_else(out_of_range)?;
            let micros = match wanted {
                ..=0 => unscaled.checked_mul(power).ok_or_else(out_of_range)?,
                _ if unscaled % power != 0 => return Err(finer()),
                _ => unscaled / power,
            };
            i64::try_from(micros).map_err(|_| out_of_range())
        };
        Ok(match array.data_type() {
            ArrowType::Float32 | ArrowType::Float64 => {
                let seconds = casts::cast(array, &ArrowType::Float64, false)?;
                let round = |seconds: f64| {
                    let micros = (seconds * SECOND as f64).round();
                    // What 64 bits hold, with room for the rounding of the bounds themselves.
                    (micros.abs() < 9.2e18).then_some(micros as i64).ok_or_else(out_of_range)
                };
                Arc::new(
                    seconds
                        .as_primitive::<Float64Type>()
                        .try_unary::<_, Int64Type, Trouble>(round)?,
                )
            }
            ArrowType::Decimal128(_, scale) => {
                let decimals = array.as_primitive::<Decimal128Type>();
                Arc::new(
                    decimals
                        .try_unary::<_, Int64Type, Trouble>(|unscaled| micros(unscaled, *scale))?,
                )
            }
            _ => {
                let whole = casts::cast(array, &ArrowType::Int64, false)?;
                Arc::new(
                    whole
                        .as_primitive::<Int64Type>()
                        .try_unary::<_, Int64Type, Trouble>(|seconds| micros(seconds.into(), 0))?,
                )
            }
        })
    })
}

/// The timestamp at so many units of `micros` microseconds since 1970.
pub(super) fn from_epoch(micros: i64) -> Arc<Kernel> {
    unary(move |array| {
        let moment = |units: i64| units.checked_mul(micros).ok_or_else(out_of_range);
        Ok(Arc::new(
            array
                .as_primitive::<Int64Type>()
                .try_unary::<_, TimestampMicrosecondType, Trouble>(moment)?,
        ))
    })
}

/// How many whole units of `micros` microseconds there are since 1970.
pub(super) fn since_epoch(micros: i64) -> Arc<Kernel> {
    unary(move |array| {
        let moments = array.as_primitive::<TimestampMicrosecondType>();
        Ok(Arc::new(moments.unary::<_, Int64Type>(|moment| moment.div_euclid(micros))))
    })
}

/// The date of a year, a month and a day.
pub(super) fn make_date() -> Arc<Kernel> {
    Arc::new(|args, rows| {
        let day = |row| match numbers(args, row) {
            Some([year, month, day]) => Ok(Some(days(year, month, day)? as i32)),
            None => Ok(None),
        };
        Ok(Arc::new((0..rows).map(day).collect::<Result<Date32Array, Trouble>>()?))
    })
}

/// The timestamp of a year, a month, a day, an hour, a minute, and microseconds after it.
pub(super) fn make_timestamp() -> Arc<Kernel> {
    Arc::new(|args, rows| {
        let moment = |row| match numbers(args, row) {
            Some([year, month, day, hour, minute, micros]) => {
                if !((0..24).contains(&hour)
                    && (0..60).contains(&minute)
                    && (0..MINUTE).contains(&micros))
                {
                    return Err(Trouble::Row("there is no such time of day".to_owned()));
                }
                let time = hour * HOUR + minute * MINUTE + micros;
                Ok(Some(
                    days(year, month, day)?
                        .checked_mul(DAY)
                        .and_then(|day| day.checked_add(time))
                        .ok_or_else(out_of_range)?,
                ))
            }
            None => Ok(None),
        };
        Ok(Arc::new((0..rows).map(moment).collect::<Result<TimestampMicrosecondArray, Trouble>>()?))
    })
}

/// The arguments of a row, if none is null.
fn numbers<const COUNT: usize>(args: &[Values], row: usize) -> Option<[i64; COUNT]> {
    let mut found = [0; COUNT];
    for (number, values) in found.iter_mut().zip(args) {
        let (array, index) = (values.array.as_primitive::<Int64Type>(), values.index(row));
        *number = array.is_valid(index).then(|| array.value(index))?;
    }
    Some(found)
}

/// Days since 1970 of a day that there is.
fn days(year: i64, month: i64, day: i64) -> Result<i64, Trouble> {
    let date = || {
        NaiveDate::from_ymd_opt(
            i32::try_from(year).ok()?,
            u32::try_from(month).ok()?,
            u32::try_from(day).ok()?,
        )
    };
    let date = date().ok_or_else(|| Trouble::Row("there is no such day".to_owned()))?;
    Ok(date.signed_duration_since(NaiveDate::default()).num_days())
}

fn out_of_range() -> Trouble {
    Trouble::Row("the moment is out of range".to_owned())
}

#[cfg(test)]
mod tests;
