//! Gathers the statistics of a file's columns in Delta's form, so that readers may skip files.

use std::fmt::Write as _;

use arrow_schema::{DataType as ArrowType, Schema as ArrowSchema};
use chrono::{DateTime, Days, NaiveDate};
use parquet::data_type::AsBytes;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::statistics::Statistics;

/// Columns that have bounds: the first ones, as of other writers of Delta.
const MOST_COLUMNS: usize = 32;

/// What is gathered of a file.
#[derive(Debug, Clone, Default)]
pub struct Stats {
    columns: Vec<Column>,
}

#[derive(Debug, Clone, Default)]
struct Column {
    nulls: u64,
    bounds: Option<(Bound, Bound)>,
    /// There are values that the bounds say nothing of.
    is_unbounded: bool,
}

#[derive(Debug, Clone, PartialEq, PartialOrd)]
enum Bound {
    Int(i128),
    Float(f64),
    Text(String),
}

impl Stats {
    /// The statistics of a file that is written. Columns in which `has_nan` have no bounds: readers
    /// order NaN above all numbers, or not at all.
    pub fn of(file: &ParquetMetaData, has_nan: &[bool]) -> Self {
        let count = file.file_metadata().schema_descr().num_columns().min(MOST_COLUMNS);
        let mut columns = vec![Column::default(); count];
        for group in file.row_groups() {
            for (column, chunk) in columns.iter_mut().zip(group.columns()) {
                let statistics = chunk.statistics();
                let nulls = statistics.and_then(Statistics::null_count_opt).unwrap_or_default();
                column.nulls += nulls;
                match statistics.and_then(bounds_of) {
                    Some(bounds) => column.widen(bounds),
                    None => column.is_unbounded |= nulls as i64 != chunk.num_values(),
                }
            }
        }
        for (column, has_nan) in columns.iter_mut().zip(has_nan) {
            column.is_unbounded |= has_nan;
        }
        Self { columns }
    }

    /// As the protocol writes them: a JSON document.
    pub fn json(&self, schema: &ArrowSchema, rows: u64) -> String {
        let columns = || self.columns.iter().zip(schema.fields());
        let bounds = |is_least: bool| {
            columns().filter_map(move |(column, field)| {
                let (least, greatest) = column.bounds.as_ref().filter(|_| !column.is_unbounded)?;
                let text = if is_least {
                    text(least, field.data_type(), false)
                } else {
                    text(greatest, field.data_type(), true)
                };
                Some((field.name(), text?))
            })
        };
        let nulls = columns().map(|(column, field)| (field.name(), column.nulls.to_string()));
        let mut json = format!("{{\"numRecords\":{rows}");
        write_object(&mut json, "minValues", bounds(true));
        write_object(&mut json, "maxValues", bounds(false));
        write_object(&mut json, "nullCount", nulls);
        json.push('}');
        json
    }
}

impl Column {
    fn widen(&mut self, (least, greatest): (Bound, Bound)) {
        self.bounds = Some(match self.bounds.take() {
            None => (least, greatest),
            Some((before, after)) => (
                if least < before { least } else { before },
                if greatest > after { greatest } else { after },
            ),
        });
    }
}

fn bounds_of(statistics: &Statistics) -> Option<(Bound, Bound)> {
    let number = |bytes: &[u8]| {
        let fill = if bytes.first().is_some_and(|byte| byte & 0x80 != 0) { 0xff } else { 0 };
        let mut wide = [fill; 16];
        wide[16_usize.checked_sub(bytes.len())?..].copy_from_slice(bytes);
        Some(Bound::Int(i128::from_be_bytes(wide)))
    };
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok().map(Bound::Text);
    Some(match statistics {
        Statistics::Boolean(s) => {
            (Bound::Int((*s.min_opt()?).into()), Bound::Int((*s.max_opt()?).into()))
        }
        Statistics::Int32(s) => {
            (Bound::Int((*s.min_opt()?).into()), Bound::Int((*s.max_opt()?).into()))
        }
        Statistics::Int64(s) => {
            (Bound::Int((*s.min_opt()?).into()), Bound::Int((*s.max_opt()?).into()))
        }
        Statistics::Float(s) => {
            (Bound::Float((*s.min_opt()?).into()), Bound::Float((*s.max_opt()?).into()))
        }
        Statistics::Double(s) => (Bound::Float(*s.min_opt()?), Bound::Float(*s.max_opt()?)),
        Statistics::ByteArray(s) => {
            (text(s.min_opt()?.as_bytes())?, text(s.max_opt()?.as_bytes())?)
        }
        Statistics::FixedLenByteArray(s) => {
            (number(s.min_opt()?.as_bytes())?, number(s.max_opt()?.as_bytes())?)
        }
        Statistics::Int96(_) => return None,
    })
}

/// A bound in JSON; `None` where JSON has no room for it. Moments are told in milliseconds: a least
/// one is rounded down, a greatest one up.
fn text(bound: &Bound, data_type: &ArrowType, up: bool) -> Option<String> {
    match (bound, data_type) {
        (Bound::Int(int), ArrowType::Boolean) => Some((*int != 0).to_string()),
        (Bound::Int(int), ArrowType::Decimal128(_, scale)) => {
            Some(decimal(*int, usize::try_from(*scale).ok()?))
        }
        (Bound::Int(int), ArrowType::Date32) => {
            Some(format!("\"{}\"", date(i64::try_from(*int).ok()?)?))
        }
        (Bound::Int(int), ArrowType::Timestamp(_, zone)) => {
            let micros = i64::try_from(*int).ok()?;
            let millis = micros.div_euclid(1_000) + i64::from(up && micros.rem_euclid(1_000) > 0);
            let moment = DateTime::from_timestamp_millis(millis)
                .filter(|moment| has_year(moment.date_naive()))?;
            let zone = if zone.is_some() { "Z" } else { "" };
            Some(format!("\"{}{zone}\"", moment.format("%Y-%m-%dT%H:%M:%S%.3f")))
        }
        (Bound::Int(int), _) => Some(int.to_string()),
        (Bound::Float(float), _) => {
            serde_json::Number::from_f64(*float).map(|number| number.to_string())
        }
        (Bound::Text(text), _) => serde_json::to_string(text).ok(),
    }
}

fn decimal(int: i128, scale: usize) -> String {
    let digits = format!("{:0>width$}", int.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    let (sign, point) = (if int < 0 { "-" } else { "" }, if scale > 0 { "." } else { "" });
    format!("{sign}{whole}{point}{fraction}")
}

fn date(days: i64) -> Option<NaiveDate> {
    let (epoch, distance) = (NaiveDate::default(), Days::new(days.unsigned_abs()));
    let date =
        if days < 0 { epoch.checked_sub_days(distance) } else { epoch.checked_add_days(distance) };
    date.filter(|date| has_year(*date))
}

/// Whether a date's year has four digits, as ISO 8601 wants it.
fn has_year(date: NaiveDate) -> bool {
    use chrono::Datelike as _;
    (0..=9_999).contains(&date.year())
}

fn write_object<'a>(
    json: &mut String,
    name: &str,
    members: impl Iterator<Item = (&'a String, String)>,
) {
    let _ = write!(json, ",\"{name}\":{{");
    for (position, (name, value)) in members.enumerate() {
        let name = serde_json::Value::from(name.as_str());
        let _ = write!(json, "{}{name}:{value}", if position > 0 { "," } else { "" });
    }
    json.push('}');
}

#[cfg(test)]
mod tests {
    use arrow_schema::TimeUnit;

    use super::*;

    #[test]
    fn bounds_are_never_inside_what_they_bound() {
        let moment = |micros: i128, zone: Option<&str>, up| {
            text(
                &Bound::Int(micros),
                &ArrowType::Timestamp(TimeUnit::Microsecond, zone.map(Into::into)),
                up,
            )
            .unwrap_or_default()
        };
        assert_eq!(moment(1_001, Some("UTC"), false), "\"1970-01-01T00:00:00.001Z\"");
        assert_eq!(moment(1_001, Some("UTC"), true), "\"1970-01-01T00:00:00.002Z\"");
        assert_eq!(moment(-1, None, false), "\"1969-12-31T23:59:59.999\"");
        assert_eq!(moment(-1, None, true), "\"1970-01-01T00:00:00.000\"");
        assert_eq!(moment(i64::MAX.into(), None, true), "", "a year of six digits");
        assert_eq!(
            text(&Bound::Int(-5), &ArrowType::Decimal128(10, 2), false).as_deref(),
            Some("-0.05")
        );
        assert_eq!(
            text(&Bound::Int(-1), &ArrowType::Date32, false).as_deref(),
            Some("\"1969-12-31\"")
        );
        assert_eq!(text(&Bound::Float(f64::INFINITY), &ArrowType::Float64, true), None);
        assert_eq!(
            text(&Bound::Text("a\"b".to_owned()), &ArrowType::Utf8, true).as_deref(),
            Some(r#""a\"b""#)
        );
    }
}
