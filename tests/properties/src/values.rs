//! Checks that texts become typed values.

use arrow_array::cast::AsArray;
use arrow_array::types::*;
use arrow_array::{Array, ArrayRef};
use arrow_schema::{DataType as ArrowType, TimeUnit};
use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};
use contract::{
    Compression, Contract, DataType, IntegerType, NumberFormat, NumberType, SPACES, is_currency,
};
use csv_records::Limits;
use csv_records::dialect::{Dialect, StatedDialect, Terminator};
use landing::columns;
use landing::opening::{Opening, Stated};
use serde_json::json;

use crate::input::{Flags, Input};
use crate::table::batches;

/// For any texts, types and formats: numbers are what other readers say (whole numbers of 128 bits,
/// floats of the standard library, decimals by moving digits, so that nothing is rounded); what is
/// read as a moment is written so by `chrono`; texts are kept as they are; and a text that is not a
/// value is null and told.
pub fn values(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let field = field(&mut input);
    let document = json!({ "name": "t", "schema": { "fields": [field], "missingValues": input.choose(&[&[""][..], &["", "0"], &["NA", "-"], &[]]) } });
    let Ok(contract) = Contract::parse(&document.to_string()) else { return };
    let dialect = Dialect {
        delimiter: 0x1f.into(),
        line_terminator: Terminator::Lf,
        header: false,
        ..Dialect::default()
    };
    let dialect = StatedDialect::from(dialect);
    let stated = Stated {
        name: "t",
        compression: Compression::None,
        encoding: None,
        dialect: &dialect,
        schema: None,
    };
    let Ok(Some(opening)) =
        Opening::read(&stated, Limits::default(), input.rest(), true, usize::MAX)
    else {
        return;
    };
    let mapping = contract.schema.match_positions();
    batches(&opening, |batch, records| {
        let faulty: Vec<u32> =
            batch.faults(1, &batch.cells()).iter().map(|finding| finding.row).collect();
        let mut findings = Vec::new();
        let columns = columns::read(records, &contract, &mapping, &mut findings);
        let refused: std::collections::BTreeSet<_> =
            findings.iter().map(|finding| finding.row).collect();
        assert!(
            columns[0].len() == records.rows.len()
                && findings.iter().all(|finding| !finding.message.is_empty())
        );
        let mut scratch = Vec::new();
        for (index, row) in
            records.rows.iter().enumerate().filter(|(index, _)| !faulty.contains(&(*index as u32)))
        {
            let text = records.fields[row.first_field as usize].value(
                records.window,
                records.dialect,
                &mut scratch,
            );
            let text = std::str::from_utf8(text).expect("it is at fault else");
            check(&contract, text, &columns[0], index, refused.contains(&(index as u32)));
        }
    });
}

/// A field as a contract has it.
fn field(input: &mut Input<'_>) -> serde_json::Value {
    let mut flags = Flags::of(input);
    let mut field = json!({ "name": "x" });
    let mut set = |key: &str, value: serde_json::Value| field[key] = value;
    let own = |input: &mut Input<'_>| String::from_utf8_lossy(input.text()).into_owned();
    match input.below(8) {
        0 | 1 => {
            set("type", "integer".into());
            let types = ["int64", "int8", "int16", "int32", "uint8", "uint16", "uint32", "uint64"];
            set("physicalType", input.choose(&types).into());
            number_format(input, flags.next(), &mut set);
        }
        2 | 3 => {
            set("type", "number".into());
            let types = [
                "float64",
                "float32",
                "decimal(12,2)",
                "decimal(38,0)",
                "decimal(38,38)",
                "decimal(18,6)",
                "decimal(1,1)",
                "decimal(9,4)",
            ];
            set("physicalType", input.choose(&types).into());
            number_format(input, flags.next(), &mut set);
        }
        4 => {
            set("type", "date".into());
            let formats =
                ["default", "%d.%m.%Y", "%Y%m%d", "%m/%d/%y", "%b %d, %Y", "%Y-%j", "%A, %d %B %Y"];
            set(
                "format",
                if flags.next() { own(input).into() } else { input.choose(&formats).into() },
            );
        }
        5 => {
            set("type", "time".into());
            set(
                "physicalType",
                input.choose(&["time64(us)", "time32(s)", "time32(ms)", "time64(ns)"]).into(),
            );
            let formats = ["default", "%H:%M", "%I:%M:%S %p", "%H%M%S", "%H:%M:%S%.f"];
            set(
                "format",
                if flags.next() { own(input).into() } else { input.choose(&formats).into() },
            );
        }
        6 => {
            set("type", "datetime".into());
            set(
                "physicalType",
                input
                    .choose(&["timestamp(us)", "timestamp(s)", "timestamp(ms)", "timestamp(ns)"])
                    .into(),
            );
            let formats = [
                "default",
                "%Y-%m-%dT%H:%M:%S",
                "%Y-%m-%d %H:%M:%S%.f",
                "%d.%m.%Y %H:%M",
                "%m/%d/%Y %I:%M %p",
                "%Y%m%d%H%M%S%z",
                "%s",
            ];
            set(
                "format",
                if flags.next() { own(input).into() } else { input.choose(&formats).into() },
            );
            if flags.next() {
                set(
                    "timezone",
                    input
                        .choose(&[
                            "UTC",
                            "Europe/Berlin",
                            "America/New_York",
                            "Australia/Lord_Howe",
                        ])
                        .into(),
                );
            }
        }
        7 => set("type", input.choose(&["string", "boolean"]).into()),
        _ => unreachable!("there are eight"),
    }
    let mut constraints = json!({ "required": flags.next() });
    if flags.next() {
        let rule = input.choose(&[
            "minimum",
            "exclusiveMaximum",
            "maxLength",
            "minLength",
            "pattern",
            "enum",
        ]);
        constraints[rule] = match rule {
            "maxLength" | "minLength" => input.byte().into(),
            "enum" => json!([own(input), own(input)]),
            _ => own(input).into(),
        };
    }
    field["constraints"] = constraints;
    field
}

fn number_format(
    input: &mut Input<'_>,
    is_plain: bool,
    set: &mut impl FnMut(&str, serde_json::Value),
) {
    if !is_plain {
        set("decimalChar", input.choose(&[".", ","]).into());
        if let Some(group) = input.choose(&[None, Some(","), Some("."), Some(" "), Some("'")]) {
            set("groupChar", group.into());
        }
        set("bareNumber", (input.byte() & 1 == 0).into());
    }
}

/// What another reader says.
#[derive(Debug)]
enum Expected {
    Int(i128),
    Float(f64),
    Nothing,
    /// Nobody knows.
    Open,
}

fn check(contract: &Contract, text: &str, column: &ArrayRef, row: usize, is_refused: bool) {
    let field = &contract.schema.fields[0];
    let shown = || format!("{text:?} as {field:?}");
    let is_null = column.is_null(row);
    let whole = text;
    // Spaces are part of a text, and of no other value.
    let text = if matches!(field.data_type, DataType::String) {
        text
    } else {
        text.trim_matches([' ', '\t'])
    };
    if field.missing_values.iter().any(|missing| missing == text || missing == whole) {
        assert!(is_null && is_refused == field.constraints.required, "{}", shown());
        return;
    }
    assert!(!is_null || is_refused, "it is lost: {}", shown());
    let is_constrained = field.constraints.look_at_values();
    assert!(is_null || is_constrained || !is_refused, "it is a value, and refused: {}", shown());
    let number = |format: &NumberFormat| cleaned(text, format);
    let expected = match &field.data_type {
        DataType::String => {
            assert!(!is_null && column.as_string::<i32>().value(row) == text, "{}", shown());
            return;
        }
        DataType::Boolean(format) => {
            let is = |values: &[String]| values.iter().any(|value| value == text);
            let expected = is(&format.true_values)
                .then_some(true)
                .or(is(&format.false_values).then_some(false));
            assert_eq!((!is_null).then(|| column.as_boolean().value(row)), expected, "{}", shown());
            return;
        }
        DataType::Integer(width, format) => {
            number(format).map_or(Expected::Nothing, |text| integer(&text, *width))
        }
        DataType::Number(NumberType::Float64, format) => {
            number(format).map_or(Expected::Nothing, |text| float(&text))
        }
        DataType::Number(NumberType::Float32, format) => {
            number(format).map_or(Expected::Nothing, |text| match float(&text) {
                Expected::Float(value) if value.is_finite() => {
                    let value: f32 = text.parse().expect("it is a float of 64 bits");
                    if value.is_finite() && !(value == 0.0 && has_digits_but_zeros(&text)) {
                        Expected::Float(value.into())
                    } else {
                        Expected::Nothing
                    }
                }
                other => other,
            })
        }
        DataType::Number(NumberType::Decimal { precision, scale }, format) => {
            number(format).map_or(Expected::Nothing, |text| decimal(&text, *precision, *scale))
        }
        DataType::Date(_) | DataType::Time(..) | DataType::Datetime(..) => {
            if !is_null {
                assert_moment(contract, text, column, row);
            }
            return;
        }
    };
    match (expected, (!is_null).then(|| value(column, row))) {
        (Expected::Open, _) | (Expected::Nothing, None) => {}
        (Expected::Int(expected), Some(Expected::Int(found))) => {
            assert_eq!(found, expected, "{}", shown())
        }
        (Expected::Float(expected), Some(Expected::Float(found))) => {
            assert!(
                found.to_bits() == expected.to_bits() || (found.is_nan() && expected.is_nan()),
                "{found} is {expected}: {}",
                shown()
            );
        }
        (expected, found) => panic!("{found:?} is {expected:?}: {}", shown()),
    }
}

/// A number without what its format allows around and between its digits, and with a point.
fn cleaned(text: &str, format: &NumberFormat) -> Option<String> {
    if format.is_plain()
        || ["inf", "infinity", "nan"]
            .contains(&text.trim_start_matches(['+', '-']).to_ascii_lowercase().as_str())
    {
        return Some(text.to_owned());
    }
    let decimal = char::from(format.decimal);
    let mut inside = text;
    let mut sign = "";
    if format.affixes.is_some() {
        let is_space = |c: char| SPACES.contains(&c);
        let is_around = |c: char| !(c.is_ascii_digit() || is_space(c) || "+-.,".contains(c));
        inside = inside.trim_matches(is_space);
        // One affix before and one after, and a sign before, between or behind the affix that is
        // before.
        let (mut has_before, mut has_after) = (false, false);
        loop {
            let before = inside.split_at(inside.find(|c| !is_around(c)).unwrap_or(0));
            let after =
                inside.split_at(inside.trim_end_matches(|c| c == '.' || is_around(c)).len());
            match () {
                () if sign.is_empty() && inside.starts_with(['+', '-']) => {
                    (sign, inside) = inside.split_at(1)
                }
                () if !has_before && is_currency(before.0) => {
                    (has_before, inside) = (true, before.1)
                }
                () if !has_after && is_currency(after.1) => (has_after, inside) = (true, after.0),
                () => break,
            }
            inside = inside.trim_matches(is_space);
        }
    } else if inside.starts_with(['+', '-']) {
        (sign, inside) = inside.split_at(1);
        inside = inside.trim_matches(|c| SPACES.contains(&c));
    }
    let (mantissa, exponent) = inside.split_at(inside.find(['e', 'E']).unwrap_or(inside.len()));
    let (whole, fraction) = mantissa
        .split_once(decimal)
        .map_or((mantissa, None), |(whole, fraction)| (whole, Some(fraction)));
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if inside.starts_with(['+', '-']) || fraction.is_some_and(|fraction| !is_digits(fraction)) {
        return None;
    }
    let mut digits = whole.to_owned();
    if let Some(group) = format.group.filter(|_| !is_digits(whole)) {
        let mark = whole
            .chars()
            .find(|c| *c == group.mark || (group.mark == ' ' && SPACES.contains(c)))?;
        let parts: Vec<&str> = whole.split(mark).collect();
        let is_first = !parts[0].is_empty() && parts[0].len() <= 3 && !parts[0].starts_with('0');
        if !is_first || parts[1..].iter().any(|part| part.len() != 3) {
            return None;
        }
        digits = parts.concat();
    }
    let point = if fraction.is_some() { "." } else { "" };
    is_digits(&digits)
        .then(|| format!("{sign}{digits}{point}{}{exponent}", fraction.unwrap_or_default()))
}

fn is_number(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'))
}

fn integer(text: &str, width: IntegerType) -> Expected {
    let (least, greatest) = width.range();
    match text.parse::<i128>() {
        Ok(value) if (least..=greatest).contains(&value) => Expected::Int(value),
        _ => Expected::Nothing,
    }
}

fn float(text: &str) -> Expected {
    // Rust reads the same words for what is infinite or no number.
    match text.parse::<f64>() {
        Ok(value) if !is_number(text) => Expected::Float(value),
        Ok(value) if value.is_finite() && !(value == 0.0 && has_digits_but_zeros(text)) => {
            Expected::Float(value)
        }
        _ => Expected::Nothing,
    }
}

fn has_digits_but_zeros(text: &str) -> bool {
    let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
    mantissa.contains(|c: char| ('1'..='9').contains(&c))
}

/// By moving digits as text.
fn decimal(text: &str, precision: u8, scale: u8) -> Expected {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if !is_number(text) || text.parse::<f64>().is_err() || unsigned.starts_with(['+', '-']) {
        return Expected::Nothing;
    }
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let significant = digits.trim_start_matches('0').trim_end_matches('0');
    // What is beyond any decimal as it is written may be refused, though its exponent brings it
    // back.
    if exponent.len() > 5 || (exponent != "0" && whole.len() > 38) || digits.len() > 200 {
        return Expected::Open;
    }
    if significant.is_empty() {
        return Expected::Int(0);
    }
    let zeros = digits.len() - digits.trim_end_matches('0').len();
    let exponent: i64 = exponent.parse().expect("the float has it");
    let shift = exponent - fraction.len() as i64 + zeros as i64 + i64::from(scale);
    if shift < 0 || significant.len() as i64 + shift > i64::from(precision) {
        return Expected::Nothing;
    }
    let value: i128 =
        format!("{significant}{}", "0".repeat(shift as usize)).parse().expect("at most 38 digits");
    Expected::Int(if text.starts_with('-') { -value } else { value })
}

fn value(column: &ArrayRef, row: usize) -> Expected {
    macro_rules! int {
        ($kind:ty) => {
            Expected::Int(column.as_primitive::<$kind>().value(row).into())
        };
    }
    match column.data_type() {
        ArrowType::Int8 => int!(Int8Type),
        ArrowType::Int16 => int!(Int16Type),
        ArrowType::Int32 => int!(Int32Type),
        ArrowType::Int64 => int!(Int64Type),
        ArrowType::UInt8 => int!(UInt8Type),
        ArrowType::UInt16 => int!(UInt16Type),
        ArrowType::UInt32 => int!(UInt32Type),
        ArrowType::UInt64 => int!(UInt64Type),
        ArrowType::Decimal128(..) => int!(Decimal128Type),
        ArrowType::Float32 => {
            Expected::Float(column.as_primitive::<Float32Type>().value(row).into())
        }
        ArrowType::Float64 => Expected::Float(column.as_primitive::<Float64Type>().value(row)),
        ArrowType::Date32 => int!(Date32Type),
        ArrowType::Time32(TimeUnit::Second) => int!(Time32SecondType),
        ArrowType::Time32(_) => int!(Time32MillisecondType),
        ArrowType::Time64(TimeUnit::Microsecond) => int!(Time64MicrosecondType),
        ArrowType::Time64(_) => int!(Time64NanosecondType),
        ArrowType::Timestamp(TimeUnit::Second, _) => int!(TimestampSecondType),
        ArrowType::Timestamp(TimeUnit::Millisecond, _) => int!(TimestampMillisecondType),
        ArrowType::Timestamp(TimeUnit::Microsecond, _) => int!(TimestampMicrosecondType),
        ArrowType::Timestamp(TimeUnit::Nanosecond, _) => int!(TimestampNanosecondType),
        other => panic!("there is no {other}"),
    }
}

/// In the formats in which `chrono` writes everything with the same number of digits, what was read
/// is what it writes; if the text has another length it leaves out zeros.
fn assert_moment(contract: &Contract, text: &str, column: &ArrayRef, row: usize) {
    let field = &contract.schema.fields[0];
    let Expected::Int(found) = value(column, row) else { panic!("a moment is a whole number") };
    let (format, written) = match &field.data_type {
        DataType::Date(pattern) => {
            let format = pattern.describe("");
            let date =
                NaiveDate::from_epoch_days(found as i32).expect("a day of four digits' years");
            (format.clone(), fixed(&format).map(|format| date.format(format).to_string()))
        }
        DataType::Time(unit, pattern) => {
            let format = pattern.describe("");
            let nanos = found * i128::from(1_000_000_000 / unit.per_second());
            let time = NaiveTime::MIN + TimeDelta::nanoseconds(nanos as i64);
            assert!((0..86_400_000_000_000).contains(&nanos), "{text} as {format}");
            (format.clone(), fixed(&format).map(|format| time.format(format).to_string()))
        }
        DataType::Datetime(unit, pattern, zone) => {
            let format = pattern.describe("");
            let nanos = found * i128::from(1_000_000_000 / unit.per_second());
            let (seconds, rest) =
                (nanos.div_euclid(1_000_000_000) as i64, nanos.rem_euclid(1_000_000_000) as u32);
            let moment =
                DateTime::from_timestamp(seconds, rest).expect("a moment of four digits' years");
            let local: NaiveDateTime =
                zone.map_or(moment.naive_utc(), |zone| moment.with_timezone(&zone).naive_local());
            (format.clone(), fixed(&format).map(|format| local.format(format).to_string()))
        }
        _ => unreachable!("it is a moment"),
    };
    if let Some(written) = written.filter(|written| written.len() == text.len()) {
        assert_eq!(text, written, "{format}");
    }
}

/// A format of which every part has its digits.
fn fixed(format: &str) -> Option<&str> {
    let is_fixed = ["%d.%m.%Y", "%Y%m%d", "%Y-%m-%dT%H:%M:%S", "%d.%m.%Y %H:%M", "%H:%M", "%H%M%S"]
        .contains(&format);
    is_fixed.then_some(format)
}
