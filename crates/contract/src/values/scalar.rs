//! Turns one text into one value, exact or a flaw, without allocation.

use std::cmp::Ordering;
use std::str::FromStr;

use super::written::Plain;
use crate::{Affixes, BooleanFormat, DataType, Grouping, NumberFormat, NumberType, TimeUnit};

/// Why a text is no value of a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueError {
    /// It is not written as the type is.
    NotOfType,
    /// It is, but the physical type does not reach that far.
    OutOfRange,
    /// Its digits are not grouped as the contract says.
    Grouping,
    /// Something other than the contract's affixes stands around the number.
    Affix,
    /// Its sign is not written as the contract says.
    Sign,
    /// It has a percent sign and should have none, or the other way round.
    Percent,
    /// It is so near to zero that the physical type would keep zero.
    Underflow,
    /// It has more digits after the point, or a finer time, than the physical type keeps; nothing
    /// is rounded.
    TooPrecise,
    /// A local time that happens twice, when clocks are set back.
    Ambiguous,
    /// A local time that never happens, when clocks are set forward.
    Skipped,
}

/// A value in the domain in which values of a type are compared.
#[derive(Debug, Clone, PartialEq)]
pub enum Scalar {
    /// Integers; decimals by their unscaled value; booleans as 0 and 1; dates in days; times in
    /// their unit.
    Int(i128),
    /// Floats.
    Float(f64),
    /// Text.
    Text(String),
}

impl PartialOrd for Scalar {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Int(a), Self::Int(b)) => a.partial_cmp(b),
            (Self::Float(a), Self::Float(b)) => a.partial_cmp(b),
            (Self::Text(a), Self::Text(b)) => a.partial_cmp(b),
            _ => None,
        }
    }
}

impl Scalar {
    /// A value as a contract gives it; the error says what would be allowed. Numbers are written
    /// with a point and bare, whatever the field's format.
    pub fn of_document(text: &str, data_type: &DataType) -> Result<Self, String> {
        let plain = &NumberFormat::default();
        let bytes = text.as_bytes();
        let parsed = match data_type {
            DataType::String => Ok(Self::Text(text.to_owned())),
            DataType::Integer(width, _) => {
                integer(bytes, plain).and_then(|v| in_range(v, width.range())).map(Self::Int)
            }
            DataType::Number(NumberType::Decimal { precision, scale }, _) => {
                decimal(bytes, *precision, *scale, plain).map(Self::Int)
            }
            DataType::Number(NumberType::Float32, _) => {
                float::<f32>(bytes, plain).map(|v| Self::Float(v.into()))
            }
            DataType::Number(NumberType::Float64, _) => float(bytes, plain).map(Self::Float),
            DataType::Boolean(format) => boolean(bytes, format).map(|v| Self::Int(v.into())),
            DataType::Date(pattern) => pattern.read_date(bytes).map(|v| Self::Int(v.into())),
            DataType::Time(unit, pattern) => {
                pattern.read_time(bytes, unit.per_second()).map(|v| Self::Int(v.into()))
            }
            DataType::Datetime(unit, pattern, zone) => {
                pattern.read_datetime(bytes, unit.per_second(), *zone).map(|v| Self::Int(v.into()))
            }
        };
        parsed.map_err(|flaw| describe(flaw, &format!("`{text}`"), data_type))
    }
}

/// A sentence for a person: what `value` is not, and what would be allowed.
pub fn describe(flaw: ValueError, value: &str, data_type: &DataType) -> String {
    let unit = |unit: &TimeUnit| match unit {
        TimeUnit::Second => "seconds",
        TimeUnit::Millisecond => "milliseconds",
        TimeUnit::Microsecond => "microseconds",
        TimeUnit::Nanosecond => "nanoseconds",
    };
    match (flaw, data_type) {
        (ValueError::OutOfRange, DataType::Integer(width, _)) => {
            let (least, greatest) = width.range();
            format!(
                "{value} is outside of {}: {least} to {greatest}",
                format!("{width:?}").to_lowercase()
            )
        }
        (ValueError::OutOfRange, DataType::Number(NumberType::Decimal { precision, scale }, _)) => {
            format!(
                "{value} is outside of decimal({precision},{scale}): at most {} digits before the point",
                precision - scale
            )
        }
        (ValueError::OutOfRange, _) => format!("{value} is outside of the physical type's range"),
        (ValueError::TooPrecise, DataType::Number(NumberType::Decimal { precision, scale }, _)) => {
            format!(
                "{value} has more than {scale} digits after the point of decimal({precision},{scale}); nothing is rounded"
            )
        }
        (ValueError::TooPrecise, DataType::Time(u, _) | DataType::Datetime(u, _, _)) => {
            format!("{value} is finer than {}; nothing is rounded", unit(u))
        }
        (ValueError::TooPrecise, _) => {
            format!("{value} has more digits than the physical type keeps; nothing is rounded")
        }
        (ValueError::Ambiguous, _) => format!(
            "{value} happens twice in this time zone, as clocks are set back; an offset would tell which"
        ),
        (ValueError::Skipped, _) => {
            format!("{value} does not exist in this time zone, as clocks are set forward")
        }
        (ValueError::Underflow, _) => format!(
            "{value} is nearer to zero than the physical type can tell from zero; nothing is rounded to it"
        ),
        (
            ValueError::Grouping | ValueError::Affix | ValueError::Sign | ValueError::Percent,
            DataType::Integer(_, format) | DataType::Number(_, format),
        ) => {
            format!("{value} is not a number as the contract has it: {}", explain(flaw, format))
        }
        (ValueError::NotOfType, DataType::Integer(..)) => format!("{value} is not an integer"),
        (ValueError::NotOfType, DataType::Number(..)) => format!("{value} is not a number"),
        (_, DataType::Boolean(format)) => {
            format!(
                "{value} is not a boolean: {} or {}",
                format.true_values.join(", "),
                format.false_values.join(", ")
            )
        }
        (_, DataType::Date(p)) => format!("{value} is not a date as {}", p.describe("date")),
        (_, DataType::Time(_, p)) => format!("{value} is not a time as {}", p.describe("time")),
        (_, DataType::Datetime(_, p, _)) => {
            format!("{value} is not a datetime as {}", p.describe("datetime"))
        }
        (_, DataType::String) => format!("{value} is not text"),
    }
}

/// How numbers have to be written, where they are not.
fn explain(flaw: ValueError, format: &NumberFormat) -> String {
    match (flaw, format) {
        (ValueError::Grouping, NumberFormat { group: Some(group), .. }) => {
            let sizes = match group.sizes {
                Grouping::Thousands => "three digits",
                Grouping::Lakhs => "three digits and then of two",
            };
            format!("`{}` stands between groups of {sizes}, of which the first does not begin with 0", shown(group.mark))
        }
        (ValueError::Sign, _) => "a sign written otherwise than as one minus before it is read where `negatives` says so".to_owned(),
        (ValueError::Percent, NumberFormat { percent: Some(_), .. }) => "`percent` says that each has a `%`".to_owned(),
        (ValueError::Percent, _) => "a `%` may stand where `percent` says what it means".to_owned(),
        (_, NumberFormat { affixes: None, .. }) => "what may stand around it is for `affixes` to say".to_owned(),
        (_, NumberFormat { affixes: Some(Affixes::Currencies), .. }) => {
            "`bareNumber: false` lets signs and codes of currencies stand around it, and `affixes` what it lists".to_owned()
        }
        (_, NumberFormat { affixes: Some(Affixes::Stated(affixes)), .. }) => format!("`affixes` has {}", affixes.join(", ")),
    }
}

/// A character as itself, if it can be seen.
fn shown(c: char) -> String {
    if c.is_ascii() { c.to_string() } else { c.escape_default().to_string() }
}

/// A whole number, if it is within both bounds.
pub fn in_range(value: i128, (least, greatest): (i128, i128)) -> Result<i128, ValueError> {
    if value < least || value > greatest { Err(ValueError::OutOfRange) } else { Ok(value) }
}

/// Digits of a u64 that can't overflow.
const SAFE_DIGITS: usize = 19;

/// An optional sign and digits.
pub fn integer(text: &[u8], format: &NumberFormat) -> Result<i128, ValueError> {
    if format.is_plain() {
        plain_integer(text)
    } else {
        plain_integer(Plain::new().of(text, format)?)
    }
}

fn plain_integer(text: &[u8]) -> Result<i128, ValueError> {
    let (negative, digits) = sign(text);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(ValueError::NotOfType);
    }
    let value = if digits.len() <= SAFE_DIGITS {
        i128::from(digits.iter().fold(0u64, |sum, digit| sum * 10 + u64::from(digit - b'0')))
    } else {
        digits
            .iter()
            .try_fold(0i128, |sum, digit| sum.checked_mul(10)?.checked_add((digit - b'0').into()))
            .ok_or(ValueError::OutOfRange)?
    };
    Ok(if negative { -value } else { value })
}

/// The unscaled value of a decimal with `scale` digits after the point. An exponent is allowed;
/// digits that would be lost are a flaw.
pub fn decimal(
    text: &[u8],
    precision: u8,
    scale: u8,
    format: &NumberFormat,
) -> Result<i128, ValueError> {
    if format.is_plain() {
        plain_decimal(text, precision, scale)
    } else {
        plain_decimal(Plain::new().of(text, format)?, precision, scale)
    }
}

fn plain_decimal(text: &[u8], precision: u8, scale: u8) -> Result<i128, ValueError> {
    let (negative, rest) = sign(text);
    let (mantissa, exponent) = match rest.iter().position(|byte| matches!(byte, b'e' | b'E')) {
        Some(at) => (&rest[..at], exponent(&rest[at + 1..])?),
        None => (rest, 0),
    };
    let mut value = 0i128;
    let mut digits = 0;
    let mut after_point: Option<i64> = None;
    // Digits after the point that may yet be lost: only zeros are let go.
    let mut zeros = 0u32;
    for byte in mantissa {
        match byte {
            b'0'..=b'9' => {
                digits += 1;
                if let Some(count) = &mut after_point {
                    *count += 1;
                }
                if *byte == b'0' && after_point.is_some() {
                    zeros += 1;
                    continue;
                }
                for _ in 0..=zeros {
                    value = value.checked_mul(10).ok_or(ValueError::OutOfRange)?;
                }
                zeros = 0;
                value = value.checked_add((byte - b'0').into()).ok_or(ValueError::OutOfRange)?;
            }
            b'.' if after_point.is_none() => after_point = Some(0),
            _ => return Err(ValueError::NotOfType),
        }
    }
    if digits == 0 {
        return Err(ValueError::NotOfType);
    }
    if value != 0 {
        let kept_after_point = after_point.unwrap_or(0) - i64::from(zeros);
        let mut shift = i64::from(scale) - kept_after_point + exponent;
        while shift < 0 && value % 10 == 0 {
            value /= 10;
            shift += 1;
        }
        if shift < 0 {
            return Err(ValueError::TooPrecise);
        }
        if shift > 38 {
            return Err(ValueError::OutOfRange);
        }
        value = value.checked_mul(10i128.pow(shift as u32)).ok_or(ValueError::OutOfRange)?;
        if value >= 10i128.pow(precision.into()) {
            return Err(ValueError::OutOfRange);
        }
    }
    Ok(if negative { -value } else { value })
}

/// The nearest float of 32 or 64 bits, rounded once; NaN and infinity are values too. A number that
/// would become infinite, or zero, is a flaw.
pub fn float<T: FromStr + From<f32> + Into<f64> + Copy>(
    text: &[u8],
    format: &NumberFormat,
) -> Result<T, ValueError> {
    if let Some(special) = special(text) {
        return Ok(special.into());
    }
    if format.is_plain() { plain_float(text) } else { plain_float(Plain::new().of(text, format)?) }
}

fn plain_float<T: FromStr + Into<f64> + Copy>(text: &[u8]) -> Result<T, ValueError> {
    // Rust's parser knows words, which are read before.
    let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
    let text = std::str::from_utf8(text)
        .ok()
        .filter(|text| text.as_bytes().iter().all(is_part))
        .ok_or(ValueError::NotOfType)?;
    let value: T = text.parse().map_err(|_| ValueError::NotOfType)?;
    match value.into() {
        value if !value.is_finite() => Err(ValueError::OutOfRange),
        0.0 if text
            .bytes()
            .take_while(|byte| !matches!(byte, b'e' | b'E'))
            .any(|byte| matches!(byte, b'1'..=b'9')) =>
        {
            Err(ValueError::Underflow)
        }
        _ => Ok(value),
    }
}

/// What PostgreSQL, Python, Java, C and Table Schema write for values that have no digits: `inf`
/// and `infinity`, with a sign or without, and `nan`, in any case.
fn special(text: &[u8]) -> Option<f32> {
    let (is_negative, word) = sign(text);
    let is = |known: &[u8]| word.eq_ignore_ascii_case(known);
    match () {
        () if !word.first().is_some_and(u8::is_ascii_alphabetic) => None,
        () if is(b"inf") || is(b"infinity") => {
            Some(if is_negative { f32::NEG_INFINITY } else { f32::INFINITY })
        }
        () if is(b"nan") => Some(f32::NAN),
        () => None,
    }
}

/// An answer, by the words that the format has for true and false.
pub fn boolean(text: &[u8], format: &BooleanFormat) -> Result<bool, ValueError> {
    if format.true_values.iter().any(|value| value.as_bytes() == text) {
        return Ok(true);
    }
    if format.false_values.iter().any(|value| value.as_bytes() == text) {
        return Ok(false);
    }
    Err(ValueError::NotOfType)
}

fn sign(text: &[u8]) -> (bool, &[u8]) {
    match text.first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    }
}

fn exponent(text: &[u8]) -> Result<i64, ValueError> {
    let value = plain_integer(text)?;
    // Far beyond what any decimal reaches, and far below an overflow of the sums made with it.
    Ok(value.clamp(-100_000, 100_000) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Group, Negatives};

    const PLAIN: &NumberFormat = &NumberFormat {
        decimal: b'.',
        group: None,
        affixes: None,
        negatives: NEGATIVES,
        percent: None,
    };
    const NEGATIVES: Negatives =
        Negatives { parentheses: false, trailing_minus: false, minus_sign: false, letters: None };
    const DOTS: Option<Group> = Some(Group { mark: '.', sizes: Grouping::Thousands });
    const GERMAN: &NumberFormat = &NumberFormat {
        decimal: b',',
        group: DOTS,
        affixes: None,
        negatives: NEGATIVES,
        percent: None,
    };

    #[test]
    fn integers() {
        assert_eq!(integer(b"-12", PLAIN), Ok(-12));
        assert_eq!(integer(b"+0012", PLAIN), Ok(12));
        assert_eq!(integer(b"99999999999999999999", PLAIN), Ok(99_999_999_999_999_999_999));
        assert_eq!(integer(&[b'9'; 60], PLAIN), Err(ValueError::OutOfRange));
        assert_eq!(integer(b"1.234", GERMAN), Ok(1234));
        for text in ["", "-", "1.0", "1 ", "0x1", "--1", "1e3"] {
            assert_eq!(integer(text.as_bytes(), PLAIN), Err(ValueError::NotOfType), "{text}");
        }
    }

    #[test]
    fn decimals_are_exact() {
        let read = |text: &str| decimal(text.as_bytes(), 12, 2, PLAIN);
        assert_eq!(read("1.1"), Ok(110));
        assert_eq!(read("-0.05"), Ok(-5));
        assert_eq!(read(".5"), Ok(50));
        assert_eq!(read("7."), Ok(700));
        assert_eq!(read("1.1000000000000000000000000000000000000000000000000000"), Ok(110));
        assert_eq!(read("1.001"), Err(ValueError::TooPrecise));
        assert_eq!(read("12e-1"), Ok(120));
        assert_eq!(read("1.5E+3"), Ok(150_000));
        assert_eq!(read("0e99999999"), Ok(0));
        assert_eq!(read("9999999999.99"), Ok(999_999_999_999));
        assert_eq!(read("10000000000"), Err(ValueError::OutOfRange));
        assert_eq!(read("1e99999999999"), Err(ValueError::OutOfRange));
        for text in ["", ".", "1.2.3", "1,2", "e5", "1e", "NaN"] {
            assert_eq!(read(text), Err(ValueError::NotOfType), "{text}");
        }
    }

    #[test]
    fn german_numbers() {
        assert_eq!(decimal(b"1.234.567,89", 12, 2, GERMAN), Ok(123_456_789));
        assert_eq!(decimal(b",5", 12, 2, GERMAN), Ok(50));
        for text in ["1..5", "1.,0", "1.,5", "1.2", "0.5", "0.500", "12.34.567", "1234.567"] {
            assert_eq!(
                decimal(text.as_bytes(), 12, 2, GERMAN),
                Err(ValueError::Grouping),
                "{text}"
            );
        }
        for text in ["1,5.0", "1,5,0", ","] {
            assert_eq!(
                decimal(text.as_bytes(), 12, 2, GERMAN),
                Err(ValueError::NotOfType),
                "{text}"
            );
        }
    }

    #[test]
    fn floats() {
        assert_eq!(float(b"10.357019999999999", PLAIN), Ok(10.357019999999999));
        assert_eq!(float::<f64>(b"1e400", PLAIN), Err(ValueError::OutOfRange));
        assert_eq!(float::<f32>(b"1e39", PLAIN), Err(ValueError::OutOfRange));
        assert_eq!(float::<f64>(b"1e-400", PLAIN), Err(ValueError::Underflow));
        assert_eq!(float::<f32>(b"-1e-60", PLAIN), Err(ValueError::Underflow));
        assert_eq!(float::<f64>(b"0e-400", PLAIN), Ok(0.0));
        assert_eq!(float::<f64>(b"infinit", PLAIN), Err(ValueError::NotOfType));
    }

    /// PostgreSQL, Python, Java, C, R, Table Schema.
    #[test]
    fn what_is_infinite_or_no_number_is_read_as_it_is_printed() {
        for text in ["Infinity", "inf", "+Inf", "INF", "infinity", "+infinity", "Inf"] {
            assert_eq!(float(text.as_bytes(), PLAIN), Ok(f64::INFINITY), "{text}");
            assert_eq!(float(text.as_bytes(), GERMAN), Ok(f64::INFINITY), "{text}");
        }
        for text in ["-Infinity", "-inf", "-INF"] {
            assert_eq!(float(text.as_bytes(), PLAIN), Ok(f64::NEG_INFINITY), "{text}");
        }
        for text in ["NaN", "nan", "NAN", "-nan"] {
            assert!(float(text.as_bytes(), PLAIN).is_ok_and(f64::is_nan), "{text}");
        }
    }

    #[test]
    fn narrow_floats_are_rounded_once() {
        for (text, nearest, rounded_twice) in [
            ("8.03369665145874", 8.033_696_f32, 8.033_697),
            ("1.00000017881393432617187499", 1.000_000_1, 1.000_000_2),
            ("16777217.0000000000001", 16_777_218.0, 16_777_216.0),
        ] {
            assert_ne!(nearest, rounded_twice);
            assert_eq!(
                float::<f64>(text.as_bytes(), PLAIN).map(|wide| wide as f32),
                Ok(rounded_twice),
                "{text}"
            );
            assert_eq!(float(text.as_bytes(), PLAIN), Ok(nearest), "{text}");
        }
        let float32 = DataType::Number(NumberType::Float32, PLAIN.clone());
        assert_eq!(Scalar::of_document("0.1", &float32), Ok(Scalar::Float(0.1_f32.into())));
    }
}
