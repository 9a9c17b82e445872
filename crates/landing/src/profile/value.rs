//! Holds values of columns apart from Arrow: to compare, to add up, and to show.

use arrow_schema::{DataType as ArrowType, TimeUnit};
use chrono::{DateTime, Days, NaiveDate, NaiveTime};
use serde::{Deserialize, Serialize};

/// What the values of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Kind {
    Integer,
    /// Digits after the point.
    Decimal(i8),
    Float,
    Boolean,
    Text,
    /// Days since 1970-01-01.
    Date,
    /// Units in a second, since midnight.
    Time(i64),
    /// Units in a second, since 1970-01-01; and whether that is in UTC.
    Datetime(i64, bool),
    /// Something whose values are not looked at.
    Other,
}

/// A value in the domain in which values of its kind are compared.
#[derive(Debug, Clone, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(super) enum Value {
    Int(i128),
    Float(f64),
    Text(String),
}

impl Kind {
    pub(super) fn of(data_type: &ArrowType) -> Self {
        let per_second = |unit: &TimeUnit| match unit {
            TimeUnit::Second => 1,
            TimeUnit::Millisecond => 1_000,
            TimeUnit::Microsecond => 1_000_000,
            TimeUnit::Nanosecond => 1_000_000_000,
        };
        match data_type {
            data_type if data_type.is_integer() => Self::Integer,
            ArrowType::Decimal128(_, scale) => Self::Decimal(*scale),
            ArrowType::Float32 | ArrowType::Float64 => Self::Float,
            ArrowType::Boolean => Self::Boolean,
            ArrowType::Utf8 => Self::Text,
            ArrowType::Date32 => Self::Date,
            ArrowType::Time32(unit) | ArrowType::Time64(unit) => Self::Time(per_second(unit)),
            ArrowType::Timestamp(unit, zone) => Self::Datetime(per_second(unit), zone.is_some()),
            _ => Self::Other,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Integer => "integer",
            Self::Decimal(_) | Self::Float => "number",
            Self::Boolean => "boolean",
            Self::Text => "string",
            Self::Date => "date",
            Self::Time(_) => "time",
            Self::Datetime(..) => "datetime",
            Self::Other => "any",
        }
    }

    /// What a step of one in the domain is worth, as a number: a hundredth for decimals with two
    /// digits.
    pub(super) fn unit(self) -> f64 {
        match self {
            Self::Decimal(scale) => 10f64.powi(-i32::from(scale)),
            _ => 1.0,
        }
    }

    /// Whether its values have a mean.
    pub(super) fn is_number(self) -> bool {
        matches!(self, Self::Integer | Self::Decimal(_) | Self::Float)
    }

    /// A value as JSON: numbers that a binary64 keeps as such, everything else as text; moments in
    /// ISO 8601.
    pub(super) fn json(self, value: &Value) -> serde_json::Value {
        match (self, value) {
            (Self::Integer, Value::Int(int)) if int.unsigned_abs() <= 1 << 53 => {
                (*int as i64).into()
            }
            (Self::Float, Value::Float(float)) if float.is_finite() => (*float).into(),
            (Self::Boolean, Value::Int(int)) => (*int != 0).into(),
            _ => self.text(value).into(),
        }
    }

    /// A value for a person.
    pub(super) fn text(self, value: &Value) -> String {
        match (self, value) {
            (_, Value::Text(text)) => text.clone(),
            (_, Value::Float(float)) => float.to_string(),
            (Self::Decimal(scale), Value::Int(int)) => decimal(*int, scale),
            (Self::Boolean, Value::Int(int)) => (*int != 0).to_string(),
            (Self::Date, Value::Int(days)) => date(*days),
            (Self::Time(per_second), Value::Int(units)) => time(*units, per_second),
            (Self::Datetime(per_second, is_utc), Value::Int(units)) => {
                datetime(*units, per_second, is_utc)
            }
            (_, Value::Int(int)) => int.to_string(),
        }
    }

    /// The value nearest to a number of the domain: for quantiles.
    pub(super) fn nearest(self, number: f64) -> Value {
        if self == Self::Float { Value::Float(number) } else { Value::Int(number.round() as i128) }
    }
}

fn decimal(int: i128, scale: i8) -> String {
    let Ok(scale) = usize::try_from(scale) else { return int.to_string() };
    let digits = format!("{:0>width$}", int.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    let (sign, point) = (if int < 0 { "-" } else { "" }, if scale > 0 { "." } else { "" });
    format!("{sign}{whole}{point}{fraction}")
}

fn date(days: i128) -> String {
    let distance = Days::new(days.unsigned_abs() as u64);
    let epoch = NaiveDate::default();
    let date =
        if days < 0 { epoch.checked_sub_days(distance) } else { epoch.checked_add_days(distance) };
    date.map_or_else(|| format!("{days} days from 1970-01-01"), |date| date.to_string())
}

fn time(units: i128, per_second: i64) -> String {
    let per_second = i128::from(per_second);
    let (seconds, rest) = (units.div_euclid(per_second), units.rem_euclid(per_second));
    let nanos = rest * (1_000_000_000 / per_second);
    if let Some(time) = NaiveTime::from_num_seconds_from_midnight_opt(seconds as u32, nanos as u32)
    {
        return time.to_string();
    }
    // The end of a bin may lie after midnight.
    format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

fn datetime(units: i128, per_second: i64, is_utc: bool) -> String {
    let per_second = i128::from(per_second);
    let nanos = units.rem_euclid(per_second) * (1_000_000_000 / per_second);
    let moment = i64::try_from(units.div_euclid(per_second))
        .ok()
        .and_then(|seconds| DateTime::from_timestamp(seconds, nanos as u32));
    let zone = if is_utc { "Z" } else { "" };
    moment.map_or_else(
        || units.to_string(),
        |moment| format!("{}{zone}", moment.naive_utc().format("%Y-%m-%dT%H:%M:%S%.f")),
    )
}

impl From<Value> for String {
    fn from(value: Value) -> Self {
        match value {
            Value::Int(int) => format!("i{int}"),
            Value::Float(float) => format!("f{float:?}"),
            Value::Text(text) => format!("t{text}"),
        }
    }
}

impl TryFrom<String> for Value {
    type Error = String;
    fn try_from(mut text: String) -> Result<Self, String> {
        let broken = |text: &str| format!("`{text}` is no value of a profile");
        match text.as_bytes().first() {
            Some(b'i') => text[1..].parse().map(Self::Int).map_err(|_| broken(&text)),
            Some(b'f') => text[1..].parse().map(Self::Float).map_err(|_| broken(&text)),
            Some(b't') => Ok(Self::Text(text.split_off(1))),
            _ => Err(broken(&text)),
        }
    }
}
