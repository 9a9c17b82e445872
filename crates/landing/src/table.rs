//! Says what the files of a table hold, as Landfall's own log tells it, and whether the files of a
//! contract can be read together with them. A Delta log has a schema of its own: see the crate
//! `delta-log`.
//!
//! DuckDB, Polars and PyArrow were asked which files they read as one table, whichever comes first.
//! All three read files whose columns have the same types, in any order. A file that lacks a column
//! is read with nulls there, by an option that each of them has. Two types are not united by all of
//! them, not even two widths of integers.

use std::collections::{HashMap, HashSet};

use arrow_schema::DataType as ArrowType;
use contract::{Contract, FieldsMatch, Format, Mode, physical_name};
use job::{Error, ErrorKind};
use serde::{Deserialize, Serialize};

/// What the files of a table hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableSchema {
    /// The form of the files, as a contract's `output.format` names it.
    pub format: String,
    /// The columns, with those that name folders.
    pub columns: Vec<TableColumn>,
    /// The columns that name folders, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub partition_by: Vec<String>,
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableColumn {
    /// Its name.
    pub name: String,
    /// Its type, as a contract's `physicalType` names it; moments in UTC are `timestamp(us, UTC)`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether it may be null, or is not in every file.
    pub nullable: bool,
}

/// Where the schema of a table stands in its log: an entry that changes it has it, and later ones
/// point there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum SchemaAt {
    /// In the entry of this number.
    Entry(u64),
    /// Here.
    Here(TableSchema),
}

impl TableSchema {
    /// What the files of a contract hold.
    pub fn of(contract: &Contract) -> Self {
        let output = &contract.output;
        let format = match output.format {
            Format::Parquet => "parquet",
            Format::Csv(_) => "csv",
            Format::Jsonl(_) => "jsonl",
        };
        let column = |name: &str, data_type: &ArrowType, nullable| TableColumn {
            name: name.to_owned(),
            kind: physical_name(data_type),
            nullable,
        };
        let stored =
            contract.stored().map(|stored| column(stored.name, &stored.data_type, stored.nullable));
        let lineage =
            [("_source", ArrowType::Utf8), ("_line", ArrowType::Int64), ("_job", ArrowType::Utf8)];
        let lineage = lineage
            .iter()
            .filter(|_| output.lineage)
            .map(|(name, data_type)| column(name, data_type, false));
        Self {
            format: format.to_owned(),
            columns: stored.chain(lineage).collect(),
            partition_by: output.partition_by.clone(),
        }
    }

    /// The schema of a table once files of `contract` are in it; `there` is that of the files
    /// before, if they are known to have one.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::ContractInvalid`]: no reader would unite the files.
    pub fn settle(contract: &Contract, there: Option<&Self>) -> Result<Self, Error> {
        let wanted = Self::of(contract);
        match there.filter(|_| contract.output.mode != Mode::Overwrite) {
            None => Ok(wanted),
            Some(there) => there.unite(wanted, contract.schema.fields_match),
        }
    }

    fn unite(&self, wanted: Self, policy: FieldsMatch) -> Result<Self, Error> {
        if self.format != wanted.format {
            let (format, other) = (&self.format, &wanted.format);
            return Err(refused(
                format!("the files of the table are {format}, and {other} in the contract"),
                "the format",
            ));
        }
        if self.partition_by != wanted.partition_by {
            let [there, here] =
                [&self.partition_by, &wanted.partition_by].map(|names| list_of(names));
            let what =
                format!("the table is partitioned by {there}, and by {here} in the contract");
            return Err(refused(what, "`partitionBy`"));
        }
        let wanted_columns: HashMap<&str, &TableColumn> =
            wanted.columns.iter().map(|column| (column.name.as_str(), column)).collect();
        let may_lack = matches!(policy, FieldsMatch::Subset | FieldsMatch::Partial);
        let mut united = self.clone();
        for column in &mut united.columns {
            match wanted_columns.get(column.name.as_str()) {
                Some(wanted) if wanted.kind == column.kind => column.nullable |= wanted.nullable,
                Some(wanted) => return Err(other_type(column, wanted)),
                None if may_lack => column.nullable = true,
                None => {
                    return Err(Error::new(
                        ErrorKind::ContractInvalid,
                        format!(
                            "the table has the column `{}`, which the contract lacks: keep it there, let it be null in new rows \
                         with `fieldsMatch: subset` or `partial`, or replace the table, once, with `mode: overwrite`",
                            column.name
                        ),
                    ));
                }
            }
        }
        let there: HashSet<&str> = self.columns.iter().map(|column| column.name.as_str()).collect();
        let in_lower: HashMap<String, &str> =
            there.iter().map(|name| (name.to_lowercase(), *name)).collect();
        for new in wanted.columns.iter().filter(|column| !there.contains(column.name.as_str())) {
            if let Some(name) = in_lower.get(&new.name.to_lowercase()) {
                let what = format!(
                    "`{}` is `{name}` in the table, and most readers take both for one column",
                    new.name
                );
                return Err(refused(what, "the name"));
            }
            // Files that are there lack it.
            united.columns.push(TableColumn { nullable: true, ..new.clone() });
        }
        // Readers of CSV go by the positions of columns, or want the same names in all files.
        let same = |a: &[TableColumn], b: &[TableColumn]| {
            a.iter().map(|c| &c.name).eq(b.iter().map(|c| &c.name))
        };
        if self.format == "csv" && !same(&self.columns, &wanted.columns) {
            let names =
                list_of(&self.columns.iter().map(|column| column.name.clone()).collect::<Vec<_>>());
            let what = format!(
                "the CSV files of the table have the columns {names}, and others, or another order, in the contract"
            );
            return Err(refused(what, "the columns and their order"));
        }
        Ok(united)
    }
}

fn other_type(column: &TableColumn, wanted: &TableColumn) -> Error {
    let TableColumn { name, kind, .. } = column;
    Error::new(
        ErrorKind::ContractInvalid,
        format!(
            "column `{name}` of the table is {kind}, and {} in the contract, and readers don't unite the two: keep the type \
         ({}), give the field another name, or replace the table, once, with `mode: overwrite`",
            wanted.kind,
            stated(kind)
        ),
    )
}

fn refused(what: String, keep: &str) -> Error {
    Error::new(
        ErrorKind::ContractInvalid,
        format!(
            "{what}: keep {keep}, land in a dataset of another name, or replace the table, once, with `mode: overwrite`"
        ),
    )
}

/// How a contract states that a column has a type.
fn stated(kind: &str) -> String {
    match kind {
        "string" | "boolean" => format!("`type: {kind}`"),
        "date32" => "`type: date`".to_owned(),
        _ if kind.starts_with("int") || kind.starts_with("uint") => {
            format!("`type: integer, physicalType: {kind}`")
        }
        _ if kind.starts_with("float") => format!("`type: number, physicalType: {kind}`"),
        _ if kind.starts_with("decimal") => format!("`type: number, physicalType: \"{kind}\"`"),
        _ if kind.starts_with("time32") || kind.starts_with("time64") => {
            format!("`type: time, physicalType: {kind}`")
        }
        _ => match kind.strip_suffix(", UTC)") {
            Some(timestamp) => format!(
                "`type: datetime, physicalType: {timestamp})`, with an offset or a `timezone`"
            ),
            None if kind.starts_with("timestamp") => {
                format!("`type: datetime, physicalType: {kind}`, without an offset or a `timezone`")
            }
            None => format!("`{kind}`"),
        },
    }
}

fn list_of(names: &[String]) -> String {
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contract(fields: &str, policy: &str, output: &str) -> Contract {
        let schema = format!("{{ fieldsMatch: {policy}, fields: [ {fields} ] }}");
        Contract::parse(&format!("name: t\nschema: {schema}\noutput: {{ {output} }}\n"))
            .expect("it is valid")
    }

    /// The columns of the table, each as `name type` with `?` if it may be null, or the reason
    /// against it.
    fn settled(there: &Contract, new: &Contract) -> Result<String, String> {
        let there = TableSchema::settle(there, None).expect("nothing is there");
        let settled = TableSchema::settle(new, Some(&there)).map_err(|error| {
            assert_eq!(error.name(), "ContractInvalid");
            error.to_string()
        })?;
        let column = |column: &TableColumn| {
            format!("{} {}{}", column.name, column.kind, if column.nullable { "?" } else { "" })
        };
        Ok(settled.columns.iter().map(column).collect::<Vec<_>>().join(", "))
    }

    const ID: &str = "{ name: id, type: integer, constraints: { required: true } }";
    const KIND: &str = "{ name: kind, type: string }";

    #[test]
    fn columns_may_come_in_any_order_and_new_ones_may_be_null() {
        let there = contract(ID, "exact", "");
        let same = contract("{ name: id, type: integer }", "exact", "");
        assert_eq!(settled(&there, &same).as_deref(), Ok("id int64?"));
        let more = contract(
            &format!("{{ name: day, type: date, constraints: {{ required: true }} }}, {ID}"),
            "exact",
            "lineage: true",
        );
        assert_eq!(
            settled(&there, &more).as_deref(),
            Ok("id int64, day date32?, _source string?, _line int64?, _job string?")
        );
    }

    #[test]
    fn a_column_is_left_out_where_sources_may_have_more_than_the_contract() {
        let there = contract(&format!("{ID}, {KIND}"), "exact", "");
        for policy in ["exact", "equal", "superset"] {
            let refused = settled(&there, &contract(ID, policy, "")).expect_err(policy);
            assert!(
                refused.starts_with("the table has the column `kind`, which the contract lacks"),
                "{refused}"
            );
        }
        for policy in ["subset", "partial"] {
            assert_eq!(
                settled(&there, &contract(ID, policy, "")).as_deref(),
                Ok("id int64, kind string?"),
                "{policy}"
            );
        }
    }

    /// Every type is itself and no other; what is to be stated to keep it is valid, and keeps it.
    #[test]
    fn a_type_stays() {
        let types = [
            "type: string",
            "type: boolean",
            "type: date",
            "type: time",
            "type: time, physicalType: time32(s)",
            "type: time, physicalType: time32(ms)",
            "type: time, physicalType: time64(ns)",
            "type: datetime, format: \"%Y-%m-%d %H:%M:%S\"",
            "type: datetime, timezone: UTC",
            "type: datetime, physicalType: timestamp(ms)",
            "type: datetime, physicalType: timestamp(ns), timezone: Europe/Berlin",
            "type: integer",
            "type: integer, physicalType: int8",
            "type: integer, physicalType: int16",
            "type: integer, physicalType: int32",
            "type: integer, physicalType: uint8",
            "type: integer, physicalType: uint64",
            "type: number",
            "type: number, physicalType: float32",
            "type: number, physicalType: \"decimal(9,2)\"",
            "type: number, physicalType: \"decimal(12,2)\"",
            "type: number, physicalType: \"decimal(12,3)\"",
        ];
        let contracts =
            types.map(|kind| contract(&format!("{{ name: a, {kind} }}, {KIND}"), "exact", ""));
        for (there, kind) in contracts.iter().zip(types) {
            for (new, other) in contracts.iter().zip(types) {
                if kind == other {
                    assert!(settled(there, new).is_ok(), "{kind}");
                    continue;
                }
                let message = settled(there, new).expect_err(other);
                let keep = message
                    .split_once("keep the type (`")
                    .and_then(|(_, rest)| rest.split_once('`'))
                    .expect("it says how")
                    .0;
                let zone = match message.contains("with an offset") {
                    true => ", timezone: UTC",
                    false if message.contains("without an offset") => {
                        ", format: \"%Y-%m-%d %H:%M:%S\""
                    }
                    false => "",
                };
                let kept = contract(&format!("{{ name: a, {keep}{zone} }}, {KIND}"), "exact", "");
                assert!(settled(there, &kept).is_ok(), "{message}");
                let overwriting = contract(
                    &format!("{{ name: a, {other} }}, {KIND}"),
                    "exact",
                    "mode: overwrite",
                );
                assert!(settled(there, &overwriting).is_ok(), "{other}");
            }
        }
    }

    #[test]
    fn partitions_format_and_case_stay() {
        let fields = format!("{ID}, {KIND}, {{ name: day, type: date }}");
        let there = contract(&fields, "exact", "partitionBy: [kind, day]");
        for (output, by) in [
            ("", "nothing"),
            ("partitionBy: [kind]", "kind"),
            ("partitionBy: [day, kind]", "day, kind"),
        ] {
            let refused = settled(&there, &contract(&fields, "exact", output)).expect_err(output);
            assert!(
                refused.starts_with(&format!(
                    "the table is partitioned by kind, day, and by {by} in the contract"
                )),
                "{refused}"
            );
            let overwriting = contract(
                &fields,
                "exact",
                &format!("{output}{}mode: overwrite", if output.is_empty() { "" } else { ", " }),
            );
            assert!(settled(&there, &overwriting).is_ok());
        }
        let text = contract(ID, "exact", "format: csv");
        let refused = settled(&contract(ID, "exact", ""), &text).expect_err("csv");
        assert!(
            refused.starts_with("the files of the table are parquet, and csv in the contract"),
            "{refused}"
        );
        let upper = contract("{ name: ID, type: integer }", "partial", "");
        let refused = settled(&contract(ID, "exact", ""), &upper).expect_err("case");
        assert!(refused.starts_with("`ID` is `id` in the table"), "{refused}");
    }

    #[test]
    fn csv_files_have_the_same_columns_in_the_same_order() {
        let there = contract(&format!("{ID}, {KIND}"), "exact", "format: csv");
        assert!(
            settled(
                &there,
                &contract(&format!("{ID}, {KIND}"), "exact", "format: csv, compression: none")
            )
            .is_ok()
        );
        for fields in [format!("{KIND}, {ID}"), format!("{ID}, {KIND}, {{ name: more }}")] {
            let refused =
                settled(&there, &contract(&fields, "exact", "format: csv")).expect_err(&fields);
            assert!(
                refused.starts_with("the CSV files of the table have the columns id, kind"),
                "{refused}"
            );
            let [there, new] = [&format!("{ID}, {KIND}"), &fields]
                .map(|fields| contract(fields, "exact", "format: jsonl"));
            assert!(settled(&there, &new).is_ok(), "objects have names");
        }
    }

    #[test]
    fn a_schema_is_read_as_it_was_written() {
        let schema =
            TableSchema::of(&contract(&format!("{ID}, {KIND}"), "exact", "partitionBy: [kind]"));
        for at in [SchemaAt::Here(schema), SchemaAt::Entry(7)] {
            let text = serde_json::to_string(&at).expect("it is plain data");
            assert_eq!(serde_json::from_str::<SchemaAt>(&text).expect("it is JSON"), at, "{text}");
        }
    }
}
