//! Reads the columns of a Delta table, and checks that those of a contract go with them.

use arrow_schema::DataType as ArrowType;
use contract::delta::delta_type;
use contract::{Contract, FieldsMatch, Mode};
use job::message::JobId;
use job::{Error, ErrorKind};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use wording::Unquoted;

use super::action::{Format, MetaData, Protocol, TableHead};

/// The feature of tables with local dates and times.
const LOCAL_TIME: &str = "timestampNtz";
/// What a writer must heed of these is that a table may be for appending only, and that a column
/// may have invariants: both are looked at.
const WRITER_FEATURES: [&str; 3] = ["appendOnly", "invariants", LOCAL_TIME];
/// What a commit writes of the table besides its files.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// What readers and writers must be able to do.
    pub protocol: Protocol,
    /// The schema.
    pub metadata: MetaData,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Struct {
    #[serde(rename = "type")]
    kind: String,
    fields: Vec<Column>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Column {
    name: String,
    /// Text, or an object for what is nested.
    #[serde(rename = "type")]
    kind: Value,
    nullable: bool,
    #[serde(default)]
    metadata: Map<String, Value>,
}

/// Settles what a commit under `contract` writes of the table's schema: nothing, if it stays.
///
/// New fields of the contract become columns, which may be null. Columns that the contract lacks
/// stay, and are null in new rows, if its `fieldsMatch` lets a source have more than the contract.
/// What overwrites the table replaces its columns.
///
/// [`ErrorKind::ContractInvalid`] when the contract does not go with the table, or the table is of
/// a kind that Landfall does not write.
pub fn settle(
    contract: &Contract,
    head: Option<&TableHead>,
    job: &JobId,
    created: i64,
) -> Result<Option<Change>, Error> {
    let wanted = wanted(contract);
    let partitions = &contract.output.partition_by;
    let Some(head) = head else {
        let metadata = MetaData {
            id: id_of(job),
            format: Format { provider: "parquet".to_owned(), options: Default::default() },
            schema_string: text_of(&wanted)?,
            partition_columns: partitions.clone(),
            configuration: Default::default(),
            created_time: Some(created),
            more: Map::new(),
        };
        return Ok(Some(Change { protocol: protocol_for(&wanted, None), metadata }));
    };
    check_writable(head, contract.output.mode)?;
    let columns = match contract.output.mode {
        Mode::Overwrite => wanted,
        Mode::Append | Mode::OverwritePartitions => {
            if *partitions != head.metadata.partition_columns {
                return Err(Error::new(
                    ErrorKind::ContractInvalid,
                    format!(
                        "the Delta table is partitioned by {}, the contract by {}: they must be the same; `mode: overwrite` replaces the table, once",
                        list_of(&head.metadata.partition_columns),
                        list_of(partitions)
                    ),
                ));
            }
            let there = columns_of(head)?;
            let evolved = evolve(&there, wanted, contract.schema.fields_match)?;
            if evolved == there {
                return Ok(None);
            }
            evolved
        }
    };
    let protocol = protocol_for(&columns, Some(&head.protocol));
    let metadata = MetaData {
        schema_string: text_of(&columns)?,
        partition_columns: partitions.clone(),
        ..head.metadata.clone()
    };
    Ok(Some(Change { protocol, metadata }))
}

/// The columns that a contract asks for: the stored fields, and those of the lineage.
fn wanted(contract: &Contract) -> Vec<Column> {
    let column = |name: &str, data_type: &ArrowType, nullable| Column {
        name: name.to_owned(),
        kind: delta_type(data_type).unwrap_or_default().into(),
        nullable,
        metadata: Map::new(),
    };
    let stored =
        contract.stored().map(|stored| column(stored.name, &stored.data_type, stored.nullable));
    let lineage =
        [("_source", ArrowType::Utf8), ("_line", ArrowType::Int64), ("_job", ArrowType::Utf8)];
    let lineage = lineage
        .iter()
        .filter(|_| contract.output.lineage)
        .map(|(name, data_type)| column(name, data_type, false));
    stored.chain(lineage).collect()
}

fn evolve(
    there: &[Column],
    wanted: Vec<Column>,
    policy: FieldsMatch,
) -> Result<Vec<Column>, Error> {
    let mut evolved = there.to_vec();
    for column in &mut evolved {
        match wanted.iter().find(|wanted| wanted.name == column.name) {
            Some(wanted) if wanted.kind != column.kind => {
                let (kind, other) = (shown(&column.kind), shown(&wanted.kind));
                return Err(refused(format!(
                    "column `{}` of the Delta table is {kind}, and {other} in the contract: keep the type, give the field another name, or replace the \
                     table, once, with `mode: overwrite`",
                    column.name
                )));
            }
            Some(wanted) => column.nullable |= wanted.nullable,
            None if matches!(policy, FieldsMatch::Subset | FieldsMatch::Partial) => {
                column.nullable = true
            }
            None => {
                return Err(refused(format!(
                    "the Delta table has the column `{}`, which the contract lacks: keep it there, let it be null in new rows with `fieldsMatch: subset` or \
                     `partial`, or replace the table, once, with `mode: overwrite`",
                    column.name
                )));
            }
        }
    }
    for new in wanted {
        if evolved.iter().any(|column| column.name == new.name) {
            continue;
        }
        if let Some(column) =
            there.iter().find(|column| column.name.to_lowercase() == new.name.to_lowercase())
        {
            return Err(refused(format!(
                "`{}` is `{}` in the Delta table: names of columns must have the same case",
                new.name, column.name
            )));
        }
        // Files that are there lack it.
        evolved.push(Column { nullable: true, ..new });
    }
    Ok(evolved)
}

fn check_writable(head: &TableHead, mode: Mode) -> Result<(), Error> {
    let Protocol { min_reader_version, min_writer_version, reader_features, writer_features } =
        &head.protocol;
    let features = || writer_features.iter().chain(reader_features).flatten();
    if let Some(feature) = features().find(|feature| !WRITER_FEATURES.contains(&feature.as_str())) {
        return Err(refused(format!(
            "the Delta table has the feature `{feature}`, which Landfall does not write"
        )));
    }
    if !matches!(min_reader_version, 1 | 3) || !matches!(min_writer_version, 1 | 2 | 7) {
        return Err(refused(format!(
            "the Delta table is for readers of version {min_reader_version} and writers of version {min_writer_version}, and Landfall writes such of versions 1 \
             and 2, or 3 and 7 without further features"
        )));
    }
    let is_set = |name: &str| {
        head.metadata.configuration.get(name).and_then(Option::as_deref) == Some("true")
    };
    if mode != Mode::Append && is_set("delta.appendOnly") {
        return Err(refused(
            "the Delta table is for appending only (`delta.appendOnly`)".to_owned(),
        ));
    }
    if let Some(column) =
        columns_of(head)?.iter().find(|column| column.metadata.contains_key("delta.invariants"))
    {
        return Err(refused(format!(
            "column `{}` of the Delta table has invariants, which Landfall does not check",
            column.name
        )));
    }
    Ok(())
}

/// What the columns need, and what the table needs already.
fn protocol_for(columns: &[Column], there: Option<&Protocol>) -> Protocol {
    let has_local_time = columns.iter().any(|column| column.kind == "timestamp_ntz");
    let with =
        |features: &[&str]| Some(features.iter().map(|feature| (*feature).to_owned()).collect());
    match there {
        Some(there)
            if !has_local_time
                || there.writer_features.iter().flatten().any(|feature| feature == LOCAL_TIME) =>
        {
            there.clone()
        }
        None if !has_local_time => Protocol {
            min_reader_version: 1,
            min_writer_version: 2,
            reader_features: None,
            writer_features: None,
        },
        // What writers of version 2 must heed becomes features by name.
        Some(there) if there.min_writer_version < 7 => Protocol {
            min_reader_version: 3,
            min_writer_version: 7,
            reader_features: with(&[LOCAL_TIME]),
            writer_features: with(&WRITER_FEATURES),
        },
        _ => {
            let mut features =
                there.and_then(|there| there.writer_features.clone()).unwrap_or_default();
            features.push(LOCAL_TIME.to_owned());
            Protocol {
                min_reader_version: 3,
                min_writer_version: 7,
                reader_features: with(&[LOCAL_TIME]),
                writer_features: Some(features),
            }
        }
    }
}

fn columns_of(head: &TableHead) -> Result<Vec<Column>, Error> {
    let parsed = serde_json::from_str::<Struct>(&head.metadata.schema_string);
    parsed.map(|schema| schema.fields).map_err(|error| {
        Error::new(
            ErrorKind::Internal,
            format!("the schema of the Delta table can't be read: {}", error.unquoted()),
        )
    })
}

fn text_of(columns: &[Column]) -> Result<String, Error> {
    let schema = Struct { kind: "struct".to_owned(), fields: columns.to_vec() };
    serde_json::to_string(&schema).map_err(|error| {
        Error::new(
            ErrorKind::Internal,
            format!("the schema of the Delta table can't be written: {}", error.unquoted()),
        )
    })
}

/// A UUID for a table that a job begins.
fn id_of(job: &JobId) -> String {
    let mut hex: String = Sha256::digest(format!("delta {job}"))[..16]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    for dash in [20, 16, 12, 8] {
        hex.insert(dash, '-');
    }
    hex
}

fn list_of(names: &[String]) -> String {
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}

fn shown(kind: &Value) -> String {
    kind.as_str().map_or_else(|| "nested".to_owned(), str::to_owned)
}

fn refused(message: String) -> Error {
    Error::new(ErrorKind::ContractInvalid, message)
}
