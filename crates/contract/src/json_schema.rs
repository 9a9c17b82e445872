//! Describes contracts in JSON Schema, for editors: which properties there are where, and what they
//! may be. What one part of a contract asks of another (names of fields, expressions, bounds) is
//! told by [`Contract::parse`](crate::Contract::parse) alone.

use csv_records::dialect::{BlankRows, RepeatedHeader};
use serde_json::{Map, Value, json};

use crate::limits::COLUMNS;
use crate::properties::{CONSTRAINTS, OF_SOME};
use crate::{Compression, FieldsMatch, Mask, Mode};
use job::{Arrivals, Intake};

/// Where the schema of contracts is known by.
const ID: &str = "urn:landfall:contract";

/// The types of fields, and what each may be kept as: names, or a pattern of them.
fn types() -> [(&'static str, Value); 7] {
    let decimal = "^(float32|float64|decimal\\( *([1-9]|[12][0-9]|3[0-8]) *, *[0-9]{1,2} *\\))$";
    let one_of = |names: &[&str]| json!({"enum": names});
    [
        ("string", one_of(&["string"])),
        (
            "integer",
            one_of(&["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]),
        ),
        ("number", json!({"type": "string", "pattern": decimal})),
        ("boolean", one_of(&["boolean"])),
        ("date", one_of(&["date32"])),
        ("time", one_of(&["time32(s)", "time32(ms)", "time64(us)", "time64(ns)"])),
        ("datetime", one_of(&["timestamp(s)", "timestamp(ms)", "timestamp(us)", "timestamp(ns)"])),
    ]
}

/// The schema, in JSON Schema 2020-12.
pub fn json_schema() -> Value {
    let names = |table: &[(&str, &[&str])], kind: &str| -> Map<String, Value> {
        let others = table.iter().filter(|(_, kinds)| !kinds.contains(&kind));
        others.map(|(name, _)| ((*name).to_owned(), json!(false))).collect()
    };
    let of_types = types().map(|(kind, physical)| {
        let mut then = names(&OF_SOME, kind);
        then.insert("physicalType".to_owned(), physical);
        then.insert("constraints".to_owned(), json!({"properties": names(&CONSTRAINTS, kind)}));
        let mut is_kind = json!({"properties": {"type": {"const": kind}}});
        // It is the type of a field that states none.
        if kind != "string" {
            is_kind["required"] = json!(["type"]);
        }
        json!({"if": is_kind, "then": {"properties": then}})
    });
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": ID,
        "title": "A contract of Landfall",
        "description": "What a dataset accepts and what it becomes.",
        "type": "object",
        "required": ["name", "schema"],
        "additionalProperties": false,
        "properties": {
            "name": {"description": "The dataset.", "$ref": "#/$defs/dataset"},
            "title": anything("The dataset, for people."),
            "description": anything("What it holds, for people."),
            "dialect": {"$ref": "#/$defs/dialect"},
            "encoding": text("A label such as `windows-1252`; sniffed without it."),
            "compression": choice("How the source is packed; told by its first bytes without it.", &Compression::CHOICES),
            "member": text("Which file of a zip archive is meant: `*` is any characters, `?` one."),
            "schema": {"$ref": "#/$defs/schema"},
            "transform": {"$ref": "#/$defs/transform"},
            "rejects": rejects(),
            "commit": {
                "description": "`hold`: every job waits for approval before it commits.",
                "enum": ["direct", "hold"],
            },
            "holdWhen": hold_when(),
            "afterwards": afterwards(),
            "arrivals": arrivals(),
            "schedule": schedule(),
            "jobs": jobs(),
            "expect": expect(),
            "output": {"$ref": "#/$defs/output"},
        },
        "$defs": {
            "rows": {"type": "string", "pattern": "^[-+][0-9]+([.][0-9]+)?%$"},
            "dataset": {"type": ["string", "boolean"], "pattern": "^[a-z][a-z0-9_]{0,62}$"},
            // Where a text is expected, the characters that are written count.
            "text": {"type": ["string", "number", "boolean"]},
            "texts": {"type": "array", "items": {"$ref": "#/$defs/text"}},
            "token": {"type": ["string", "number", "boolean", "null"]},
            "names": {
                "anyOf": [
                    {"$ref": "#/$defs/text"},
                    {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/text"}},
                ],
            },
            "missingValues": {
                "description": "What stands for no value; an empty cell without it.",
                "$ref": "#/$defs/texts",
            },
            "dialect": dialect(),
            "schema": table_schema(),
            "field": field(&of_types),
            "transform": transform(),
            "output": output(),
        },
    })
}

fn rejects() -> Value {
    object(
        "How many records may be rejected.",
        &[],
        json!({
            "limit": {
                "description": "A count, or a percentage from `0%` to `100%`; without it, any number.",
                "type": ["string", "integer"], "pattern": "^([0-9]+|[0-9].*%)$", "minimum": 0,
                "examples": ["1%", 100],
            },
        }),
    )
}

fn hold_when() -> Value {
    object(
        "When a job waits for approval before it commits.",
        &[],
        json!({
            "rejects": {
                "description": "More rejected records than this count or percentage.",
                "type": ["string", "integer"], "pattern": "^([0-9]+|[0-9].*%)$", "minimum": 0,
                "examples": ["0.1%", 100],
            },
            "drift": boolean("Another header than that of the last commit."),
            "rows": {
                "description": "So many percent fewer or more rows than the last commit stored.",
                "anyOf": [
                    {"$ref": "#/$defs/rows"},
                    {"type": "array", "maxItems": 2, "items": {"$ref": "#/$defs/rows"}},
                ],
                "examples": ["-50%", ["-50%", "+100%"]],
            },
        }),
    )
}

fn afterwards() -> Value {
    json!({
        "description": "What becomes of the source once it is landed.",
        "anyOf": [
            {"enum": ["keep", "tag", "delete"]},
            object("Its objects get a key that begins with this.", &["move"], json!({
                "move": {
                    "description": "A prefix in `archive/`, with a slash at its end.",
                    "type": "string", "pattern": "^archive/(.*/)?$", "maxLength": 256,
                    "examples": ["archive/"],
                },
            })),
        ],
    })
}

fn arrivals() -> Value {
    object(
        "Which files of the inbox are landed together.",
        &[],
        json!({
            "maxFiles": {
                "description": "Most files of a job; 1,000 without it.",
                "type": "integer", "minimum": 1, "maximum": Arrivals::MOST_FILES,
            },
            "maxBytes": text("Bytes at which a batch is full, such as `8MiB`, which it is without it. A file with as many does not wait for others."),
            "maxSeconds": {
                "description": "How long the first file of a batch waits for others; 30 seconds without it, and with 0 none waits.",
                "type": "integer", "minimum": 0, "maximum": Arrivals::MOST_SECONDS,
            },
        }),
    )
}

fn schedule() -> Value {
    object(
        "Lands the new objects under a prefix at set times.",
        &["cron", "prefix"],
        json!({
            "cron": {
                "description": "Minute, hour, day, month and day of the week, as crontab(5) writes them.",
                "type": "string", "examples": ["30 6 * * 1-5"],
            },
            "timezone": text("The time zone of the times, such as `Europe/Berlin`; UTC without it."),
            "bucket": text("The bucket; the inbox's without it."),
            "prefix": text("The prefix of the objects' keys."),
            "glob": text("A glob that the rest of each key matches."),
        }),
    )
}

fn jobs() -> Value {
    object(
        "How jobs run.",
        &[],
        json!({
            "concurrent": {
                "description": "How many run at once, at most; the others wait. As many as come without it.",
                "type": "integer", "minimum": 1, "maximum": Intake::MOST_CONCURRENT,
            },
        }),
    )
}

fn expect() -> Value {
    object(
        "What is expected of jobs. What is not as expected is told, and lands.",
        &[],
        json!({
            "every": {
                "description": "How long after a job another one lands, at the latest.",
                "type": "string", "pattern": "^[0-9]+[mhd]$", "examples": ["24h", "7d"],
            },
            "rows": {
                "description": "The fewest and the most rows that a job stores.",
                "type": "string", "pattern": "^([0-9]+[.][.][0-9]*|[.][.][0-9]+)$", "examples": ["1000..", "1000..5000"],
            },
        }),
    )
}

fn table_schema() -> Value {
    object(
        "The fields, the keys, and how a header must match.",
        &["fields"],
        json!({
            "$schema": anything("For tools."),
            "name": anything("For people."),
            "title": anything("For people."),
            "description": anything("For people."),
            "fields": {
                "description": "The fields, in order.",
                "type": "array", "minItems": 1, "maxItems": COLUMNS,
                "items": {"$ref": "#/$defs/field"},
            },
            "fieldsMatch": {
                "description": "How the header must match; `exact` without it.",
                "anyOf": [
                    {"enum": named(&FieldsMatch::CHOICES)},
                    {"type": "array", "items": {"enum": named(&FieldsMatch::CHOICES)}},
                ],
            },
            "missingValues": {"$ref": "#/$defs/missingValues"},
            "primaryKey": {"description": "Fields that tell records apart.", "$ref": "#/$defs/names"},
            "uniqueKeys": {
                "description": "Further fields, or lists of them, that no two records have in common.",
                "type": "array", "items": {"$ref": "#/$defs/names"},
            },
            // Known, and not supported.
            "foreignKeys": false,
            "caseSensitive": boolean("Allows stored columns whose names differ in case only."),
        }),
    )
}

fn dialect() -> Value {
    let token = |description: &str| json!({"description": description, "$ref": "#/$defs/token"});
    let count =
        |description: &str| json!({"description": description, "type": "integer", "minimum": 0});
    let lenient = |description: &str, word: &str| json!({"description": description, "enum": ["reject", word]});
    object(
        "How records and fields are told apart. What is left out is sniffed.",
        &[],
        json!({
            "delimiter": text("A text of up to eight bytes, `\\t`, or a byte such as `\\x1f`."),
            "quoteChar": token("What quotes fields; null: nothing does."),
            "doubleQuote": boolean("Whether two quotes inside a quoted field stand for one."),
            "escapeChar": token("What escapes the next character; null: nothing does."),
            "excelText": boolean("Whether a quote may also stand after a `=` that begins the field."),
            "lineTerminator": {
                "description": "What ends a record.",
                "enum": ["auto", "lf", "crlf", "cr", "\n", "\r\n", "\r"],
            },
            "commentChar": token("What begins lines that are no records; null: nothing does."),
            "skipInitialSpace": boolean("Whether spaces after a delimiter are no part of the field."),
            "trim": boolean("Whether spaces and tabs around an unquoted field are no part of it."),
            "header": boolean("Whether there is a header; without one, fields are read by position."),
            "headerRows": {
                "description": "Consecutive records, from 1, that make up the header.",
                "type": "array", "items": {"type": "integer", "minimum": 1},
            },
            "headerJoin": text("What joins the parts of a name; a space without it."),
            "rowNames": boolean("Whether the header has no label for the first column."),
            "unitsRow": boolean("Whether the record under the header has the units of the columns."),
            "repeatedHeader": choice("What becomes of a record that is the header again.", &RepeatedHeader::CHOICES),
            "skipRows": count("Lines at the beginning that are no records."),
            "footerRows": count("Lines at the end that are no records."),
            "nullSequence": {
                "description": "What stands for no value where it is not quoted.",
                "$ref": "#/$defs/token",
            },
            "blankRows": choice("What becomes of a blank line.", &BlankRows::CHOICES),
            "raggedRows": object("What is not rejected of records with too few or too many cells.", &[], json!({
                "short": lenient("`fill`: missing cells have no value.", "fill"),
                "long": lenient("`cut`: surplus cells are cut.", "cut"),
                "trailingDelimiter": lenient("`ignore`: one at the end of a record makes no column.", "ignore"),
            })),
        }),
    )
}

fn field(of_types: &[Value]) -> Value {
    let kinds = types().map(|(kind, _)| kind);
    let bound = |description: &str| text(description);
    let mut field = object(
        "A field.",
        &["name"],
        json!({
            "name": text("Its name, as the header has it."),
            "title": anything("For people."),
            "description": anything("For people."),
            "example": anything("A value."),
            "type": {"description": "`string` without it.", "enum": kinds},
            "physicalType": {"description": "What values are kept as.", "type": "string"},
            "missingValues": {"$ref": "#/$defs/missingValues"},
            "format": text("How values are written: directives of `strftime` or `epoch` of moments; `email`, `uri`, `uuid` or `binary` of texts."),
            "decimalChar": text("What stands between the whole and the fraction; `.` without it."),
            "groupChar": text("What stands between groups of digits."),
            "grouping": {"description": "`lakhs`: three digits and then two.", "enum": ["thousands", "lakhs"]},
            "bareNumber": boolean("False: signs and codes of currencies may stand around a number."),
            "affixes": {"description": "What may stand around a number.", "$ref": "#/$defs/texts"},
            "negatives": {
                "description": "How negative numbers are written besides `-5`.",
                "type": "array",
                "items": {"enum": ["parentheses", "trailingMinus", "minusSign", "DR", "CR"]},
            },
            "percent": {
                "description": "Each number has a `%`: 12.5 or 0.125 is kept of `12.5%`.",
                "enum": ["written", "divided"],
            },
            "trueValues": {"description": "What stands for true.", "$ref": "#/$defs/texts"},
            "falseValues": {"description": "What stands for false.", "$ref": "#/$defs/texts"},
            "timezone": text("The zone of local times, such as `America/New_York`."),
            "ambiguous": {
                "description": "What becomes of local times that happen twice or never.",
                "enum": ["reject", "earliest", "latest"],
            },
            "yearPivot": {
                "description": "The first two-digit year that is of the last century.",
                "type": "integer", "minimum": 0,
            },
            "locale": text("The language of names of months and days."),
            "constraints": object("What a value must fulfil.", &[], json!({
                "required": boolean("There must be a value."),
                "unique": boolean("No two records may have the same value."),
                "enum": {"description": "The values that are allowed.", "$ref": "#/$defs/texts"},
                "minimum": bound("The least value."),
                "maximum": bound("The greatest value."),
                "exclusiveMinimum": bound("Values are greater."),
                "exclusiveMaximum": bound("Values are less."),
                "minLength": {"description": "Fewest characters.", "type": "integer", "minimum": 0},
                "maxLength": {"description": "Most characters.", "type": "integer", "minimum": 0},
                "pattern": text("A regular expression that the whole text must match."),
            })),
        }),
    );
    field["allOf"] = json!(of_types);
    field
}

fn transform() -> Value {
    let pair = |first: &str, second: &str, description: &str| {
        json!({
            "anyOf": [
                {"$ref": "#/$defs/text"},
                object(description, &[first], json!({first: text("A column."), second: text("Its other name.")})),
            ],
        })
    };
    object(
        "What becomes of records: joins, filters, derived columns, masks and drops, in this order.",
        &[],
        json!({
            "join": {
                "description": "Columns of reference tables.",
                "type": "array",
                "items": {
                    "oneOf": [{"required": ["object"]}, {"required": ["dataset"]}],
                    "type": "object",
                    "required": ["fields", "on", "columns"],
                    "additionalProperties": false,
                    "properties": {
                        "object": text("A CSV file with a header, by its key under `reference/`."),
                        "dataset": {"description": "Another dataset.", "$ref": "#/$defs/dataset"},
                        "fields": {
                            "description": "The columns of the table that are read.",
                            "type": "array", "minItems": 1, "items": {"$ref": "#/$defs/field"},
                        },
                        "missingValues": {"$ref": "#/$defs/missingValues"},
                        "on": {
                            "description": "What a record and a row of the table have in common.",
                            "type": "array", "minItems": 1,
                            "items": pair("field", "column", "A field, and the column of the table that it equals."),
                        },
                        "columns": {
                            "description": "What is added.",
                            "type": "array",
                            "items": pair("column", "as", "A column, and what it is called."),
                        },
                        "how": {"description": "`inner` filters records without a row.", "enum": ["left", "inner"]},
                        "unmatched": {
                            "description": "What becomes of records without a row.",
                            "enum": [null, "null", "reject"],
                        },
                    },
                },
            },
            "where": text("SQL: records for which it is not true are filtered."),
            "derive": {
                "description": "Columns; each may use those before it.",
                "type": "array",
                "items": object("A column.", &["name", "sql"], json!({
                    "name": text("Its name."),
                    "sql": text("What it holds."),
                    "title": anything("For people."),
                    "description": anything("For people."),
                })),
            },
            "mask": {
                "description": "Columns whose values do not leave as they are.",
                "type": "array",
                "items": object("A column.", &["field", "with"], json!({
                    "field": text("Its name."),
                    "with": choice("What becomes of its values.", &Mask::CHOICES),
                })),
            },
            "drop": {"description": "What is not stored.", "$ref": "#/$defs/texts"},
        }),
    )
}

fn output() -> Value {
    let mut output = object(
        "What is written.",
        &[],
        json!({
            "format": {"description": "`parquet` without it.", "enum": ["parquet", "csv", "jsonl"]},
            "table": {"description": "The form of the log; `landfall` without it.", "enum": ["landfall", "delta"]},
            "compression": {
                "description": "`zstd` of Parquet and `gzip` of text without it.",
                "enum": ["zstd", "snappy", "lz4_raw", "gzip", "none"],
            },
            "partitionBy": {"description": "Columns whose values name folders.", "$ref": "#/$defs/texts"},
            "bloomFilters": {"description": "Columns with a filter of their values.", "$ref": "#/$defs/texts"},
            "sortBy": {
                "description": "What the rows of each row group are sorted by.",
                "type": "array",
                "items": {
                    "anyOf": [
                        {"$ref": "#/$defs/text"},
                        object("A column.", &["field"], json!({
                            "field": text("Its name."),
                            "order": {"description": "`asc` without it.", "enum": ["asc", "desc"]},
                        })),
                    ],
                },
            },
            "fileSize": text("Bytes at which a file ends and a next one begins, such as `64MiB`."),
            "mode": choice("What becomes of the files that are there; `append` without it.", &Mode::CHOICES),
            "lineage": boolean("Adds `_source`, `_line` and `_job`."),
            "formulaGuard": boolean("Keeps texts in CSV from being formulas to a spreadsheet."),
        }),
    );
    output["if"] =
        json!({"properties": {"format": {"enum": ["csv", "jsonl"]}}, "required": ["format"]});
    output["then"] = json!({"properties": {"compression": {"enum": ["gzip", "zstd", "none"]}}});
    output["else"] =
        json!({"properties": {"compression": {"enum": ["zstd", "snappy", "lz4_raw", "none"]}}});
    output
}

fn object(description: &str, required: &[&str], properties: Value) -> Value {
    let mut object = json!({
        "description": description,
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
    });
    if !required.is_empty() {
        object["required"] = json!(required);
    }
    object
}

fn text(description: &str) -> Value {
    json!({"description": description, "$ref": "#/$defs/text"})
}

/// A property that the reader passes over.
fn anything(description: &str) -> Value {
    json!({"description": description})
}

fn boolean(description: &str) -> Value {
    json!({"description": description, "type": "boolean"})
}

fn choice<T>(description: &str, choices: &[(&'static str, T)]) -> Value {
    json!({"description": description, "enum": named(choices)})
}

fn named<T>(choices: &[(&'static str, T)]) -> Vec<&'static str> {
    choices.iter().map(|(name, _)| *name).collect()
}
