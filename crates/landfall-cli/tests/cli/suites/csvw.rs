//! Turns schemas of CSV on the Web into contracts.

use serde::Deserialize;
use serde_json::{Map, Value, json};

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Schema {
    columns: Vec<Column>,
    primary_key: Option<Value>,
}

#[derive(Debug, Clone, Deserialize)]
struct Column {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    constraints: Map<String, Value>,
    required: bool,
    null: Option<Value>,
}

impl Schema {
    /// The same as a contract; parts that contracts don't know are left out.
    pub(super) fn contract(&self) -> Value {
        let fields: Vec<Value> = self.columns.iter().map(Column::field).collect();
        let mut schema = json!({ "fields": fields });
        if let Some(key) = &self.primary_key {
            schema["primaryKey"] = key.clone();
        }
        json!({ "name": "csvw", "dialect": { "delimiter": ",", "header": true, "skipRows": 0 }, "encoding": "utf-8", "schema": schema })
    }
}

impl Column {
    fn field(&self) -> Value {
        let kind = self.kind.as_str();
        let mut field = json!({ "name": self.name, "constraints": {} });
        let mut constraints = Map::new();
        let (base, physical) = type_of(kind);
        constraints.extend(layout_of(kind).map(|layout| ("pattern".to_owned(), json!(layout))));
        match kind {
            "positiveInteger" => constraints.insert("minimum".to_owned(), json!(1)),
            "nonPositiveInteger" => constraints.insert("maximum".to_owned(), json!(0)),
            "negativeInteger" => constraints.insert("maximum".to_owned(), json!(-1)),
            _ => None,
        };
        field["type"] = json!(base);
        if let Some(physical) = physical {
            field["physicalType"] = json!(physical);
        }
        if base == "boolean" {
            (field["trueValues"], field["falseValues"]) =
                (json!(["true", "1"]), json!(["false", "0"]));
        }
        self.constrain(&mut field, &mut constraints, base);
        if self.required {
            constraints.insert("required".to_owned(), json!(true));
        }
        field["constraints"] = Value::Object(constraints);
        if let Some(missing) = &self.null {
            field["missingValues"] = if missing.is_array() {
                missing.clone()
            } else {
                Value::Array(vec![missing.clone()])
            };
        }
        field
    }

    /// Adds what the column asks for beside its type.
    fn constrain(&self, field: &mut Value, constraints: &mut Map<String, Value>, base: &str) {
        for (name, value) in &self.constraints {
            match name.as_str() {
                "format" => set_format(field, constraints, base, value),
                "length" => {
                    let length = value.as_u64().unwrap_or_default();
                    let other = |bound: &str| {
                        self.constraints.get(bound).and_then(Value::as_u64).unwrap_or(length)
                    };
                    constraints
                        .insert("minLength".to_owned(), json!(length.max(other("minLength"))));
                    constraints
                        .insert("maxLength".to_owned(), json!(length.min(other("maxLength"))));
                }
                "minLength" | "maxLength" if self.constraints.contains_key("length") => {}
                "minInclusive" | "minimum" => {
                    drop(constraints.insert("minimum".to_owned(), value.clone()))
                }
                "maxInclusive" | "maximum" => {
                    drop(constraints.insert("maximum".to_owned(), value.clone()))
                }
                "minExclusive" => {
                    drop(constraints.insert("exclusiveMinimum".to_owned(), value.clone()))
                }
                "maxExclusive" => {
                    drop(constraints.insert("exclusiveMaximum".to_owned(), value.clone()))
                }
                other => drop(constraints.insert(other.to_owned(), value.clone())),
            }
        }
    }
}

/// The type of a contract, and the width in which it is kept.
fn type_of(kind: &str) -> (&str, Option<&str>) {
    match kind {
        "integer" | "long" | "int" | "short" | "byte" | "nonNegativeInteger"
        | "positiveInteger" | "unsignedLong" | "unsignedInt" | "unsignedShort" | "unsignedByte"
        | "nonPositiveInteger" | "negativeInteger" => (
            "integer",
            Some(match kind {
                "int" => "int32",
                "short" => "int16",
                "byte" => "int8",
                "nonNegativeInteger" | "positiveInteger" | "unsignedLong" => "uint64",
                "unsignedInt" => "uint32",
                "unsignedShort" => "uint16",
                "unsignedByte" => "uint8",
                _ => "int64",
            }),
        ),
        "decimal" => ("number", Some("decimal(38,10)")),
        "float" => ("number", Some("float32")),
        "double" | "number" => ("number", Some("float64")),
        "boolean" | "date" | "time" => (kind, None),
        "datetime" | "dateTime" | "dateTimeStamp" => ("datetime", None),
        _ => ("string", None),
    }
}

/// What a text of a kind that contracts don't know looks like.
fn layout_of(kind: &str) -> Option<&'static str> {
    match kind {
        "duration" | "dayTimeDuration" | "yearMonthDuration" => Some("-?P[0-9YMDTHS.]+"),
        "gDay" => Some("---[0-9]{2}"),
        "gMonth" => Some("--[0-9]{2}"),
        "gMonthDay" => Some("--[0-9]{2}-[0-9]{2}"),
        "gYear" => Some("[0-9]{4}"),
        "gYearMonth" => Some("[0-9]{4}-[0-9]{2}"),
        _ => None,
    }
}

fn set_format(field: &mut Value, constraints: &mut Map<String, Value>, base: &str, format: &Value) {
    match base {
        "string" => drop(constraints.insert("pattern".to_owned(), format.clone())),
        "boolean" => {
            let text = format.as_str().unwrap_or_default();
            let (yes, no) = text.split_once('|').unwrap_or((text, text));
            (field["trueValues"], field["falseValues"]) = (json!([yes]), json!([no]));
        }
        "integer" | "number" => {
            for property in ["decimalChar", "groupChar"] {
                if let Some(value) = format.get(property) {
                    field[property] = value.clone();
                }
            }
            // The layout of numbers is no part of a contract, but for signs of hundredths and
            // thousandths.
            if format
                .get("pattern")
                .and_then(Value::as_str)
                .is_some_and(|pattern| pattern.contains(['%', '\u{2030}']))
            {
                field["percent"] = json!("divided");
            }
        }
        _ => {
            let text = format.get("pattern").unwrap_or(format).as_str().unwrap_or_default();
            field["format"] = json!(strftime(text));
        }
    }
}

/// A format of dates and times in the letters of Unicode, in those of C. What has no other letters
/// stays, and is no valid format then.
fn strftime(text: &str) -> String {
    let mut format = text.to_owned();
    for (unicode, c) in [
        ("yyyy", "%Y"),
        ("MM", "%~m"),
        ("M", "%~m"),
        ("dd", "%d"),
        ("HH", "%H"),
        ("mm", "%M"),
        ("ss", "%S"),
        ("~", ""),
    ] {
        format = format.replace(unicode, c);
    }
    let format = format.replace("%d", "\0").replace(['d', '\0'], "%d");
    let format = ["XXX", "XX", "X"].iter().fold(format, |format, zone| format.replace(zone, "%z"));
    match format.split_once("%S.S") {
        Some((before, fraction)) => format!("{before}%S.%f{}", fraction.trim_start_matches('S')),
        None => format,
    }
}
