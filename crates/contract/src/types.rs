//! Reads the types of fields: what is read, and the physical width in which it is kept.

use std::sync::Arc;

use arrow_schema::{DataType as ArrowType, TimeUnit as ArrowUnit};
use zones::Zone;

use super::document::{Node, Object, Reading};
use super::number::{NumberFormat, Percent};
use super::properties;
use crate::values::{Ambiguous, Pattern};

/// The type of a field.
#[derive(Debug, Clone)]
pub enum DataType {
    /// Text.
    String,
    /// A whole number.
    Integer(IntegerType, NumberFormat),
    /// A number.
    Number(NumberType, NumberFormat),
    /// True or false.
    Boolean(BooleanFormat),
    /// A day.
    Date(Pattern),
    /// A time of day.
    Time(TimeUnit, Pattern),
    /// A moment, in UTC, when there is a zone; else a local date and time.
    Datetime(TimeUnit, Pattern, Option<Zone>),
}

/// Widths of whole numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say all")]
pub enum IntegerType {
    Int8,
    Int16,
    Int32,
    Int64,
    UInt8,
    UInt16,
    UInt32,
    UInt64,
}

/// Kinds of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NumberType {
    /// IEEE 754 binary32.
    Float32,
    /// IEEE 754 binary64.
    Float64,
    /// An exact decimal with `precision` digits, `scale` of them after the point.
    Decimal {
        /// 1 to 38.
        precision: u8,
        /// 0 to `precision`.
        scale: u8,
    },
}

/// The unit in which a time is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say all")]
pub enum TimeUnit {
    Second,
    Millisecond,
    Microsecond,
    Nanosecond,
}

/// How true and false are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BooleanFormat {
    /// What stands for true.
    pub true_values: Vec<String>,
    /// What stands for false.
    pub false_values: Vec<String>,
}

impl IntegerType {
    /// The least and the greatest value.
    pub fn range(self) -> (i128, i128) {
        match self {
            Self::Int8 => (i8::MIN.into(), i8::MAX.into()),
            Self::Int16 => (i16::MIN.into(), i16::MAX.into()),
            Self::Int32 => (i32::MIN.into(), i32::MAX.into()),
            Self::Int64 => (i64::MIN.into(), i64::MAX.into()),
            Self::UInt8 => (0, u8::MAX.into()),
            Self::UInt16 => (0, u16::MAX.into()),
            Self::UInt32 => (0, u32::MAX.into()),
            Self::UInt64 => (0, u64::MAX.into()),
        }
    }
}

impl TimeUnit {
    /// Units in a second.
    pub fn per_second(self) -> i64 {
        match self {
            Self::Second => 1,
            Self::Millisecond => 1_000,
            Self::Microsecond => 1_000_000,
            Self::Nanosecond => 1_000_000_000,
        }
    }

    fn arrow(self) -> ArrowUnit {
        match self {
            Self::Second => ArrowUnit::Second,
            Self::Millisecond => ArrowUnit::Millisecond,
            Self::Microsecond => ArrowUnit::Microsecond,
            Self::Nanosecond => ArrowUnit::Nanosecond,
        }
    }
}

impl DataType {
    /// The name of the type in Table Schema.
    pub fn name(&self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Integer(..) => "integer",
            Self::Number(..) => "number",
            Self::Boolean(_) => "boolean",
            Self::Date(_) => "date",
            Self::Time(..) => "time",
            Self::Datetime(..) => "datetime",
        }
    }

    /// The Arrow type in which values are kept.
    pub fn arrow(&self) -> ArrowType {
        match self {
            Self::String => ArrowType::Utf8,
            Self::Integer(width, _) => match width {
                IntegerType::Int8 => ArrowType::Int8,
                IntegerType::Int16 => ArrowType::Int16,
                IntegerType::Int32 => ArrowType::Int32,
                IntegerType::Int64 => ArrowType::Int64,
                IntegerType::UInt8 => ArrowType::UInt8,
                IntegerType::UInt16 => ArrowType::UInt16,
                IntegerType::UInt32 => ArrowType::UInt32,
                IntegerType::UInt64 => ArrowType::UInt64,
            },
            Self::Number(NumberType::Float32, _) => ArrowType::Float32,
            Self::Number(NumberType::Float64, _) => ArrowType::Float64,
            Self::Number(NumberType::Decimal { precision, scale }, _) => {
                ArrowType::Decimal128(*precision, *scale as i8)
            }
            Self::Boolean(_) => ArrowType::Boolean,
            Self::Date(_) => ArrowType::Date32,
            Self::Time(unit @ (TimeUnit::Second | TimeUnit::Millisecond), _) => {
                ArrowType::Time32(unit.arrow())
            }
            Self::Time(unit, _) => ArrowType::Time64(unit.arrow()),
            Self::Datetime(unit, _, zone) => {
                ArrowType::Timestamp(unit.arrow(), zone.map(|_| Arc::from("UTC")))
            }
        }
    }

    /// Reads `type`, `physicalType`, `format` and what else a type is made of.
    pub(super) fn read(field: &Object<'_>, reading: &mut Reading) -> Option<Self> {
        let choices = ["string", "integer", "number", "boolean", "date", "time", "datetime"]
            .map(|name| (name, name));
        let kind = match field.get("type") {
            Some(node) => node.choice(reading, &choices)?,
            None => "string",
        };
        properties::check(field, kind, reading);
        let physical = field.get("physicalType");
        Some(match kind {
            "integer" => {
                let format = NumberFormat::read(field, true, reading);
                if let Some(node) =
                    field.get("percent").filter(|_| format.percent == Some(Percent::Divided))
                {
                    node.fault(reading, "makes fractions, which an integer can't hold; allowed: written, or `type: number`".to_owned());
                }
                Self::Integer(read_integer(physical, reading), format)
            }
            "number" => Self::Number(
                read_number(physical, reading),
                NumberFormat::read(field, false, reading),
            ),
            "boolean" => {
                only(physical, &["boolean"], reading);
                Self::Boolean(read_boolean(field, reading))
            }
            "date" => {
                only(physical, &["date32"], reading);
                Self::Date(read_pattern(field, Pattern::date, reading)?)
            }
            "time" => {
                let unit = read_unit(physical, "time", reading);
                Self::Time(unit, read_pattern(field, Pattern::time, reading)?)
            }
            "datetime" => {
                let unit = read_unit(physical, "timestamp", reading);
                let pattern = read_pattern(field, Pattern::datetime, reading)?;
                let zone = read_zone(field, reading);
                let pattern = pattern.with_ambiguous(read_ambiguous(field, zone, reading));
                // Text that names its offset is a moment whatever the contract says of zones.
                let zone = zone.or(pattern.has_offset().then(Zone::utc));
                Self::Datetime(unit, pattern, zone)
            }
            _ => {
                only(physical, &["string"], reading);
                Self::String
            }
        })
    }
}

fn only(physical: Option<Node<'_>>, allowed: &[&'static str], reading: &mut Reading) {
    if let Some(node) = physical {
        let choices: Vec<_> = allowed.iter().map(|name| (*name, ())).collect();
        node.choice(reading, &choices);
    }
}

fn read_integer(physical: Option<Node<'_>>, reading: &mut Reading) -> IntegerType {
    let choices = [
        ("int8", IntegerType::Int8),
        ("int16", IntegerType::Int16),
        ("int32", IntegerType::Int32),
        ("int64", IntegerType::Int64),
        ("uint8", IntegerType::UInt8),
        ("uint16", IntegerType::UInt16),
        ("uint32", IntegerType::UInt32),
        ("uint64", IntegerType::UInt64),
    ];
    physical.and_then(|node| node.choice(reading, &choices)).unwrap_or(IntegerType::Int64)
}

fn read_number(physical: Option<Node<'_>>, reading: &mut Reading) -> NumberType {
    let Some(node) = physical else { return NumberType::Float64 };
    let Some(text) = node.text(reading) else { return NumberType::Float64 };
    match text {
        "float32" => return NumberType::Float32,
        "float64" => return NumberType::Float64,
        _ => {}
    }
    let digits = text
        .strip_prefix("decimal(")
        .and_then(|rest| rest.strip_suffix(')'))
        .and_then(|inside| inside.split_once(','));
    let parsed = digits
        .and_then(|(p, s)| Some((p.trim().parse::<u8>().ok()?, s.trim().parse::<u8>().ok()?)));
    match parsed {
        Some((precision @ 1..=38, scale)) if scale <= precision => {
            NumberType::Decimal { precision, scale }
        }
        _ => {
            let allowed = "float32, float64, decimal(P,S) with P from 1 to 38 and S from 0 to P";
            let meant = reading.meant(text, ["float32", "float64"].into_iter());
            node.fault(reading, format!("`{text}` is not allowed; {meant}allowed: {allowed}"));
            NumberType::Float64
        }
    }
}

fn read_unit(physical: Option<Node<'_>>, kind: &str, reading: &mut Reading) -> TimeUnit {
    let Some(node) = physical else { return TimeUnit::Microsecond };
    let Some(text) = node.text(reading) else { return TimeUnit::Microsecond };
    let units = [
        ("s", TimeUnit::Second),
        ("ms", TimeUnit::Millisecond),
        ("us", TimeUnit::Microsecond),
        ("ns", TimeUnit::Nanosecond),
    ];
    let name = |unit: &str| match (kind, unit) {
        ("time", "s" | "ms") => format!("time32({unit})"),
        ("time", _) => format!("time64({unit})"),
        _ => format!("timestamp({unit})"),
    };
    match units.iter().find(|(unit, _)| name(unit) == text) {
        Some((_, unit)) => *unit,
        None => {
            let allowed: Vec<_> = units.iter().map(|(unit, _)| name(unit)).collect();
            let meant = reading.meant(text, allowed.iter().map(String::as_str));
            node.fault(
                reading,
                format!("`{text}` is not allowed; {meant}allowed: {}", allowed.join(", ")),
            );
            TimeUnit::Microsecond
        }
    }
}

fn read_boolean(field: &Object<'_>, reading: &mut Reading) -> BooleanFormat {
    let values = |key: &str, default: &[&str], reading: &mut Reading| match field.get(key) {
        Some(node) => node.texts(reading),
        None => default.iter().map(|text| (*text).to_owned()).collect(),
    };
    // Defaults of Table Schema.
    let true_values = values("trueValues", &["true", "True", "TRUE", "1"], reading);
    let false_values = values("falseValues", &["false", "False", "FALSE", "0"], reading);
    if let Some(both) = true_values.iter().find(|value| false_values.contains(value))
        && let Some(node) = field.get("trueValues").or_else(|| field.get("falseValues"))
    {
        node.fault(reading, format!("`{both}` stands for both true and false"));
    }
    BooleanFormat { true_values, false_values }
}

fn read_pattern(
    field: &Object<'_>,
    parse: fn(&str) -> Result<Pattern, String>,
    reading: &mut Reading,
) -> Option<Pattern> {
    let pattern = match field.get("format") {
        Some(node) => {
            parse(node.text(reading)?).map_err(|message| node.fault(reading, message)).ok()?
        }
        None => parse("default").ok()?,
    };
    let pattern = match field.get("locale") {
        Some(node) => pattern
            .with_locale(node.text(reading)?)
            .map_err(|message| node.fault(reading, message))
            .ok()?,
        None => pattern,
    };
    let Some(node) = field.get("yearPivot") else { return Some(pattern) };
    pattern
        .with_year_pivot(node.count(reading)?)
        .map_err(|message| node.fault(reading, message))
        .ok()
}

/// What becomes of local times that happen twice or never. Only in a zone do they.
fn read_ambiguous(field: &Object<'_>, zone: Option<Zone>, reading: &mut Reading) -> Ambiguous {
    let Some(node) = field.get("ambiguous") else { return Ambiguous::Reject };
    if zone.is_none() {
        node.fault(reading, "applies to local times, and the field has no `timezone`".to_owned());
    }
    let choices = [
        ("reject", Ambiguous::Reject),
        ("earliest", Ambiguous::Earliest),
        ("latest", Ambiguous::Latest),
    ];
    node.choice(reading, &choices).unwrap_or_default()
}

fn read_zone(field: &Object<'_>, reading: &mut Reading) -> Option<Zone> {
    let node = field.get("timezone")?;
    let text = node.text(reading)?;
    let zone = text.parse::<Zone>();
    if zone.is_err() {
        let names = Zone::names().collect::<Vec<_>>();
        let names = names.iter().copied();
        // A city alone stands for the zone of its continent.
        let is_city = |name: &str| {
            name.rsplit_once('/').is_some_and(|(_, city)| city.eq_ignore_ascii_case(text))
        };
        let same = names
            .clone()
            .find(|name| name.eq_ignore_ascii_case(text))
            .or_else(|| names.clone().find(|name| is_city(name)));
        let meant = same
            .map_or_else(|| reading.meant(text, names), |name| format!("did you mean `{name}`? "));
        node.fault(reading, format!("`{text}` is not a time zone; {meant}allowed: IANA names such as America/New_York, or UTC"));
    }
    zone.ok()
}

/// The name of a type, as a contract's `physicalType` has it.
pub fn physical_name(data_type: &ArrowType) -> String {
    let unit = |unit: &ArrowUnit| match unit {
        ArrowUnit::Second => "s",
        ArrowUnit::Millisecond => "ms",
        ArrowUnit::Microsecond => "us",
        ArrowUnit::Nanosecond => "ns",
    };
    match data_type {
        ArrowType::Utf8 => "string".to_owned(),
        ArrowType::Decimal128(precision, scale) => format!("decimal({precision},{scale})"),
        ArrowType::Time32(precision) => format!("time32({})", unit(precision)),
        ArrowType::Time64(precision) => format!("time64({})", unit(precision)),
        ArrowType::Timestamp(precision, None) => format!("timestamp({})", unit(precision)),
        ArrowType::Timestamp(precision, Some(_)) => format!("timestamp({}, UTC)", unit(precision)),
        other => other.to_string().to_lowercase(),
    }
}
