//! Names the types of expressions, and finds what two of them have in common.

use std::sync::Arc;

use arrow_schema::{DataType as ArrowType, TimeUnit};

/// Most digits of a decimal.
pub(super) const MOST_DIGITS: u8 = 38;
/// What a cast may name, for its refusal.
const CASTS: &str = "boolean, int8 to int64, uint8 to uint64 (or tinyint to bigint), float32, float64, decimal(P,S), string (or varchar), date, \
                     time, timestamp, timestamptz";

/// The name of a type as contracts and expressions write it.
pub(super) fn name(data_type: &ArrowType) -> String {
    match data_type {
        ArrowType::Null => "NULL".to_owned(),
        ArrowType::Utf8 => "string".to_owned(),
        ArrowType::Date32 => "date".to_owned(),
        ArrowType::Time32(_) | ArrowType::Time64(_) => "time".to_owned(),
        ArrowType::Timestamp(_, None) => "timestamp".to_owned(),
        ArrowType::Timestamp(_, Some(_)) => "timestamptz".to_owned(),
        ArrowType::Interval(_) => "interval".to_owned(),
        ArrowType::Decimal128(precision, scale) => format!("decimal({precision},{scale})"),
        other => format!("{other:?}").to_lowercase(),
    }
}

pub(super) fn is_integer(data_type: &ArrowType) -> bool {
    data_type.is_integer()
}

pub(super) fn is_float(data_type: &ArrowType) -> bool {
    data_type.is_floating()
}

pub(super) fn is_decimal(data_type: &ArrowType) -> bool {
    matches!(data_type, ArrowType::Decimal128(..))
}

pub(super) fn is_number(data_type: &ArrowType) -> bool {
    is_integer(data_type) || is_float(data_type) || is_decimal(data_type)
}

/// A moment in UTC.
pub(super) fn zoned(unit: TimeUnit) -> ArrowType {
    ArrowType::Timestamp(unit, Some(Arc::from("UTC")))
}

/// The digits before the point, and the digits after it, that a whole number or a decimal may have.
pub(super) fn digits(data_type: &ArrowType) -> Option<(u8, u8)> {
    Some(match data_type {
        ArrowType::Int8 | ArrowType::UInt8 => (3, 0),
        ArrowType::Int16 | ArrowType::UInt16 => (5, 0),
        ArrowType::Int32 | ArrowType::UInt32 => (10, 0),
        ArrowType::Int64 => (19, 0),
        ArrowType::UInt64 => (20, 0),
        ArrowType::Decimal128(precision, scale) => {
            (precision.saturating_sub(*scale as u8), *scale as u8)
        }
        _ => return None,
    })
}

/// The type in which values of two types are compared, and in which one of them is chosen; `None`:
/// there is none.
pub(super) fn common(a: &ArrowType, b: &ArrowType) -> Option<ArrowType> {
    use ArrowType::{Date32, Decimal128, Float64, Int64, Null, Time32, Time64, Timestamp, UInt64};
    Some(match (a, b) {
        (a, b) if a == b => a.clone(),
        (Null, other) | (other, Null) => other.clone(),
        (a, b) if is_number(a) && is_number(b) => {
            if is_float(a) || is_float(b) {
                Float64
            } else if is_integer(a) && is_integer(b) && *a != UInt64 && *b != UInt64 {
                Int64
            } else {
                let ((whole_a, scale_a), (whole_b, scale_b)) = (digits(a)?, digits(b)?);
                let (whole, scale) = (whole_a.max(whole_b), scale_a.max(scale_b));
                let precision =
                    whole.checked_add(scale).filter(|precision| *precision <= MOST_DIGITS)?;
                Decimal128(precision, scale as i8)
            }
        }
        (Timestamp(a, zone_a), Timestamp(b, zone_b)) if zone_a == zone_b => {
            Timestamp(finer(*a, *b), zone_a.clone())
        }
        (Date32, Timestamp(unit, None)) | (Timestamp(unit, None), Date32) => Timestamp(*unit, None),
        (Time32(a) | Time64(a), Time32(b) | Time64(b)) => match finer(*a, *b) {
            unit @ (TimeUnit::Second | TimeUnit::Millisecond) => Time32(unit),
            unit => Time64(unit),
        },
        _ => return None,
    })
}

fn finer(a: TimeUnit, b: TimeUnit) -> TimeUnit {
    let rank = |unit: &TimeUnit| match unit {
        TimeUnit::Second => 0,
        TimeUnit::Millisecond => 1,
        TimeUnit::Microsecond => 2,
        TimeUnit::Nanosecond => 3,
    };
    if rank(&a) >= rank(&b) { a } else { b }
}

/// A type that a cast names by one word, in lower case. `int8` is 8 bits, as in contracts, and not
/// 8 bytes.
pub(super) fn named(name: &str) -> Option<ArrowType> {
    Some(match name {
        "boolean" | "bool" => ArrowType::Boolean,
        "tinyint" | "int8" => ArrowType::Int8,
        "smallint" | "int16" => ArrowType::Int16,
        "integer" | "int" | "int32" => ArrowType::Int32,
        "bigint" | "int64" => ArrowType::Int64,
        "utinyint" | "uint8" => ArrowType::UInt8,
        "usmallint" | "uint16" => ArrowType::UInt16,
        "uinteger" | "uint32" => ArrowType::UInt32,
        "ubigint" | "uint64" => ArrowType::UInt64,
        "real" | "float4" | "float32" => ArrowType::Float32,
        "double" | "float" | "float8" | "float64" => ArrowType::Float64,
        "string" | "varchar" | "text" => ArrowType::Utf8,
        "date" => ArrowType::Date32,
        "time" => ArrowType::Time64(TimeUnit::Microsecond),
        "timestamp" | "datetime" => ArrowType::Timestamp(TimeUnit::Microsecond, None),
        "timestamptz" => zoned(TimeUnit::Microsecond),
        _ => return None,
    })
}

/// That a cast names no type.
pub(super) fn no_type(name: &str) -> String {
    format!("`{name}` is not a type here; allowed: {CASTS}")
}
