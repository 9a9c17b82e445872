//! Turns a dataset into the definition of a table of the catalog.

use std::collections::HashMap;

use arrow_schema::DataType;
use contract::{Contract, Format};
use job::TableFormat;
use serde_json::{Map, Value, json};

use crate::Error;

/// The table of a contract's dataset whose files lie at `location`, as Glue's `TableInput`.
///
/// [`Error::Refused`]: query engines can't tell its columns apart.
pub fn definition(contract: &Contract, location: &str) -> Result<Value, Error> {
    let output = &contract.output;
    let is_delta = output.table == TableFormat::Delta;
    let lineage = output.lineage.then_some([
        ("_source", DataType::Utf8),
        ("_line", DataType::Int64),
        ("_job", DataType::Utf8),
    ]);
    let columns = contract
        .stored()
        .map(|column| (column.name, column.data_type))
        .chain(lineage.into_iter().flatten());
    let is_key = |name: &str| output.partition_by.iter().any(|field| field == name);
    let mut seen = HashMap::new();
    let (mut keys, mut stored) = (vec![Value::Null; output.partition_by.len()], Vec::new());
    for (name, data_type) in columns {
        let lower = name.to_lowercase();
        if let Some(other) = seen.insert(lower.clone(), name) {
            return Err(Error::Refused(format!(
                "`{other}` and `{name}` are one column to query engines, which do not tell upper from lower case"
            )));
        }
        let kind = if is_key(name) {
            Some(plain_type(&data_type))
        } else {
            type_of(&data_type, output.format)
        };
        let Some(kind) = kind else { continue };
        let column = json!({"Name": lower, "Type": kind});
        match output.partition_by.iter().position(|field| field == name) {
            // Delta's log knows what its table is partitioned by.
            Some(at) if !is_delta => keys[at] = column,
            _ => stored.push(column),
        }
    }
    let (input, serializer, serde) = formats(output.format, is_delta, location);
    let mut parameters = Map::from_iter([("EXTERNAL".to_owned(), json!("TRUE"))]);
    if is_delta {
        parameters.insert("table_type".to_owned(), json!("DELTA"));
        parameters.insert("spark.sql.sources.provider".to_owned(), json!("delta"));
    } else {
        let name = match output.format {
            Format::Parquet => "parquet",
            Format::Csv(_) => "csv",
            Format::Jsonl(_) => "json",
        };
        parameters.insert("classification".to_owned(), json!(name));
    }
    if matches!(output.format, Format::Csv(_)) {
        parameters.insert("skip.header.line.count".to_owned(), json!("1"));
    }
    Ok(json!({
        "Name": contract.name.as_str(),
        "TableType": "EXTERNAL_TABLE",
        "Parameters": parameters,
        "PartitionKeys": if is_delta { Vec::new() } else { keys },
        "StorageDescriptor": {
            "Columns": stored,
            "Location": location,
            "InputFormat": input.0,
            "OutputFormat": input.1,
            "SerdeInfo": {"SerializationLibrary": serializer, "Parameters": serde},
        },
    }))
}

/// Classes that read and write the files, the one that reads a row, and what it is told.
fn formats(
    format: Format,
    is_delta: bool,
    location: &str,
) -> ((&'static str, &'static str), &'static str, Value) {
    const TEXT: (&str, &str) = (
        "org.apache.hadoop.mapred.TextInputFormat",
        "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
    );
    match format {
        // As Glue's own crawler registers Delta tables: engines that know them go by the parameters
        // and the path.
        _ if is_delta => (
            (
                "org.apache.hadoop.mapred.SequenceFileInputFormat",
                "org.apache.hadoop.hive.ql.io.HiveSequenceFileOutputFormat",
            ),
            "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe",
            json!({"serialization.format": "1", "path": location}),
        ),
        Format::Parquet => (
            (
                "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
                "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
            ),
            "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
            json!({"serialization.format": "1"}),
        ),
        Format::Csv(_) => (
            TEXT,
            "org.apache.hadoop.hive.serde2.OpenCSVSerde",
            json!({"separatorChar": ",", "quoteChar": "\"", "escapeChar": "\""}),
        ),
        Format::Jsonl(_) => {
            (TEXT, "org.openx.data.jsonserde.JsonSerDe", json!({"serialization.format": "1"}))
        }
    }
}

/// The type of a column in files of a form; `None`: there is none by which engines read it, so the
/// table lacks it.
fn type_of(data_type: &DataType, format: Format) -> Option<String> {
    match (format, data_type) {
        // The reader of CSV has texts only: of what is not one it can't read nulls.
        (Format::Csv(_), _) => Some("string".to_owned()),
        (Format::Jsonl(_), DataType::Timestamp(..) | DataType::Time32(_) | DataType::Time64(_)) => {
            Some("string".to_owned())
        }
        (Format::Parquet, DataType::Time32(_) | DataType::Time64(_)) => None,
        (Format::Parquet, DataType::Timestamp(..)) => Some("timestamp".to_owned()),
        (_, DataType::Float32) => Some("float".to_owned()),
        (_, DataType::Float64) => Some("double".to_owned()),
        (_, DataType::Decimal128(precision, scale)) => {
            Some(format!("decimal({precision},{scale})"))
        }
        (_, DataType::UInt64) => Some("decimal(20,0)".to_owned()),
        _ => Some(plain_type(data_type)),
    }
}

/// Types whose values folders can be named by and mean the same to every engine; all else is text
/// there.
fn plain_type(data_type: &DataType) -> String {
    let name = match data_type {
        DataType::Boolean => "boolean",
        DataType::Int8 => "tinyint",
        DataType::Int16 | DataType::UInt8 => "smallint",
        DataType::Int32 | DataType::UInt16 => "int",
        DataType::Int64 | DataType::UInt32 => "bigint",
        DataType::Date32 => "date",
        _ => "string",
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIELDS: &str = "
  fields:
    - { name: Id, type: integer }
    - { name: tiny, type: integer, physicalType: uint8 }
    - { name: huge, type: integer, physicalType: uint64 }
    - { name: fare, type: number, physicalType: 'decimal(12,2)' }
    - { name: ratio, type: number, physicalType: float32 }
    - { name: day, type: date }
    - { name: at, type: datetime, timezone: UTC }
    - { name: noon, type: time }
    - { name: open, type: boolean }
    - { name: kind, type: string }";

    fn table(output: &str) -> Value {
        let contract =
            Contract::parse(&format!("name: things\nschema:{FIELDS}\noutput: {{ {output} }}\n"))
                .expect("the contract is valid");
        definition(&contract, "s3://lake/lake/things/").expect("the columns differ")
    }

    fn columns(columns: &Value) -> String {
        let column = |column: &Value| {
            format!(
                "{} {}",
                column["Name"].as_str().unwrap_or("?"),
                column["Type"].as_str().unwrap_or("?")
            )
        };
        columns
            .as_array()
            .map(|all| all.iter().map(column).collect::<Vec<_>>().join(", "))
            .unwrap_or_default()
    }

    #[test]
    fn columns_have_the_types_of_their_form() {
        let all = "id bigint, tiny smallint, huge decimal(20,0), fare decimal(12,2), ratio float";
        for (output, stored, keys) in [
            ("format: parquet", format!("{all}, day date, at timestamp, open boolean, kind string"), ""),
            (
                "partitionBy: [kind, day], lineage: true",
                format!("{all}, at timestamp, open boolean, _source string, _line bigint, _job string"),
                "kind string, day date",
            ),
            ("format: jsonl", format!("{all}, day date, at string, noon string, open boolean, kind string"), ""),
            (
                "format: csv",
                "id string, tiny string, huge string, fare string, ratio string, day string, at string, noon string, open string, kind string".to_owned(),
                "",
            ),
            ("partitionBy: [at]", format!("{all}, day date, open boolean, kind string"), "at string"),
        ] {
            let table = table(output);
            assert_eq!((columns(&table["StorageDescriptor"]["Columns"]).as_str(), columns(&table["PartitionKeys"]).as_str()), (stored.as_str(), keys), "{output}");
        }
    }

    #[test]
    fn engines_are_told_how_to_read() {
        for (output, library, classification) in [
            ("format: parquet", "ParquetHiveSerDe", json!("parquet")),
            ("format: csv", "OpenCSVSerde", json!("csv")),
            ("format: jsonl", "JsonSerDe", json!("json")),
        ] {
            let table = table(output);
            let found = table["StorageDescriptor"]["SerdeInfo"]["SerializationLibrary"]
                .as_str()
                .expect("a class");
            assert!(found.ends_with(library), "{found}");
            assert_eq!(
                (&table["Parameters"]["classification"], &table["StorageDescriptor"]["Location"]),
                (&classification, &json!("s3://lake/lake/things/"))
            );
        }
    }

    #[test]
    fn delta_tables_are_known_by_their_parameters() {
        let fields = "{ name: id, type: integer }, { name: kind, type: string }";
        let contract = format!(
            "name: things\nschema: {{ fields: [{fields}] }}\noutput: {{ table: delta, partitionBy: [kind] }}\n"
        );
        let table = definition(
            &Contract::parse(&contract).expect("the contract is valid"),
            "s3://lake/things/",
        )
        .expect("the columns differ");
        assert_eq!(
            table["Parameters"],
            json!({"EXTERNAL": "TRUE", "table_type": "DELTA", "spark.sql.sources.provider": "delta"})
        );
        assert_eq!(
            (columns(&table["StorageDescriptor"]["Columns"]).as_str(), &table["PartitionKeys"]),
            ("id bigint, kind string", &json!([]))
        );
        assert_eq!(
            table["StorageDescriptor"]["SerdeInfo"]["Parameters"]["path"],
            "s3://lake/things/"
        );
    }

    #[test]
    fn names_that_differ_by_case_only_are_refused() {
        let contract = Contract::parse(
            "name: things\nschema: { caseSensitive: true, fields: [{ name: a }, { name: A }] }\n",
        );
        let refused = definition(&contract.expect("the contract is valid"), "s3://lake/things/")
            .expect_err("one column");
        assert!(refused.to_string().starts_with("`a` and `A` are one column"), "{refused}");
    }
}
