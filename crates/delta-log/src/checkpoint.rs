//! Reads and writes checkpoints: the whole state of a table in one Parquet file, so that nobody
//! reads its log from the beginning.
//!
//! A row of a checkpoint is an action, as a line of an entry is one. So both are read by the same
//! code, and rows are made of lines.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use arrow_json::ReaderBuilder;
use arrow_json::writer::{LineDelimited, WriterBuilder};
use arrow_schema::{DataType, Field, Fields, Schema, SchemaRef};
use bytes::Bytes;
use job::{Error, ErrorKind};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use serde_json::{Map, Value};
use wording::Unquoted;

/// Milliseconds for which a checkpoint tells of files that are no longer in the table, so that no
/// vacuum takes them from readers that are late: Delta's default of a week.
const TOMBSTONE_MILLIS: i64 = 7 * 24 * 60 * 60 * 1000;
/// The property of a table that says otherwise: then all are told.
const TOMBSTONES: &str = "delta.deletedFileRetentionDuration";
/// Actions that are written, or read, at once.
const BATCH_ROWS: usize = 1024;
/// The actions that a checkpoint holds.
const ACTIONS: [&str; 5] = ["protocol", "metaData", "txn", "add", "remove"];

/// What entries leave of a table, the newest one taken in first.
#[derive(Debug, Default)]
pub struct State {
    protocol: Option<Value>,
    metadata: Option<Value>,
    transactions: BTreeMap<String, Value>,
    files: BTreeMap<String, Value>,
    tombstones: BTreeMap<String, Value>,
    named: HashSet<String>,
}

impl State {
    /// Takes in the entry before those that were taken in already, or the checkpoint before them:
    /// one action a line.
    pub fn precede(&mut self, lines: &[u8]) -> Result<(), Error> {
        let broken = |error: serde_json::Error| {
            Error::new(
                ErrorKind::Internal,
                format!("an entry of the Delta log can't be read: {}", error.unquoted()),
            )
        };
        let mut named = Vec::new();
        for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty())
        {
            let line: Map<String, Value> = serde_json::from_slice(line).map_err(broken)?;
            for (action, mut value) in line.into_iter().filter(|(_, value)| !value.is_null()) {
                let text = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
                match action.as_str() {
                    "protocol" => self.protocol = self.protocol.take().or(Some(value)),
                    "metaData" => self.metadata = self.metadata.take().or(Some(value)),
                    "txn" => {
                        self.transactions.entry(text("appId")).or_insert(value);
                    }
                    "add" | "remove" => {
                        let path = text("path");
                        if !self.named.contains(&path) {
                            value["dataChange"] = false.into();
                            let actions = if action == "add" {
                                &mut self.files
                            } else {
                                &mut self.tombstones
                            };
                            actions.insert(path.clone(), value);
                            named.push(path);
                        }
                    }
                    _ => {}
                }
            }
        }
        self.named.extend(named);
        Ok(())
    }

    /// How many files the table has.
    pub fn files(&self) -> usize {
        self.files.len()
    }

    /// Writes the checkpoint, at a moment in milliseconds since 1970-01-01; and how many actions it
    /// holds.
    pub fn write(self, now: i64) -> Result<(Bytes, usize), Error> {
        let (Some(protocol), Some(metadata)) = (self.protocol, self.metadata) else {
            return Err(Error::new(ErrorKind::Internal, "the Delta log has no schema"));
        };
        let keeps_all = !metadata["configuration"][TOMBSTONES].is_null();
        let is_recent = |remove: &Value| {
            keeps_all
                || remove["deletionTimestamp"].as_i64().is_none_or(|at| at > now - TOMBSTONE_MILLIS)
        };
        let is_gone = |path: &String| !self.files.contains_key(path);
        let tombstones = self
            .tombstones
            .iter()
            .filter(|(path, remove)| is_gone(path) && is_recent(remove))
            .map(|(_, remove)| remove.clone());
        let mut actions = vec![("protocol", protocol), ("metaData", metadata)];
        actions.extend(self.transactions.into_values().map(|action| ("txn", action)));
        actions.extend(tombstones.collect::<Vec<_>>().into_iter().map(|action| ("remove", action)));
        actions.extend(self.files.into_values().map(|action| ("add", action)));
        let rows: Vec<Map<String, Value>> = actions
            .into_iter()
            .map(|(name, action)| Map::from_iter([(name.to_owned(), action)]))
            .collect();
        let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
        let mut bytes = Vec::new();
        let mut writer =
            ArrowWriter::try_new(&mut bytes, schema(), Some(properties)).map_err(broken)?;
        let mut decoder = ReaderBuilder::new(schema())
            .with_batch_size(BATCH_ROWS)
            .build_decoder()
            .map_err(broken)?;
        for some in rows.chunks(BATCH_ROWS) {
            decoder.serialize(some).map_err(broken)?;
            if let Some(batch) = decoder.flush().map_err(broken)? {
                writer.write(&batch).map_err(broken)?;
            }
        }
        writer.close().map_err(broken)?;
        Ok((bytes.into(), rows.len()))
    }
}

/// The actions of a checkpoint, or of a part of one, as the lines of an entry. Its writer may have
/// given it more than is read.
pub fn read_checkpoint(bytes: Bytes) -> Result<Vec<u8>, Error> {
    let unread = |error: &dyn std::fmt::Debug| {
        Error::new(
            ErrorKind::Internal,
            format!("a checkpoint of the Delta log can't be read: {}", wording::variant(&error)),
        )
    };
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).map_err(|error| unread(&error))?;
    // Columns of actions; of `add`, statistics are also there as values, which nobody needs twice.
    let wanted = |path: &str| {
        let mut names = path.split('.');
        names.next().is_some_and(|name| ACTIONS.contains(&name))
            && !names.next().is_some_and(|name| name.ends_with("_parsed"))
    };
    let parquet = reader.parquet_schema();
    let leaves =
        (0..parquet.num_columns()).filter(|leaf| wanted(&parquet.column(*leaf).path().string()));
    let mask = parquet::arrow::ProjectionMask::leaves(parquet, leaves.collect::<Vec<_>>());
    let mut lines = Vec::new();
    // With nulls: a value of a partition may be one.
    let mut writer =
        WriterBuilder::new().with_explicit_nulls(true).build::<_, LineDelimited>(&mut lines);
    for batch in reader
        .with_projection(mask)
        .with_batch_size(BATCH_ROWS)
        .build()
        .map_err(|error| unread(&error))?
    {
        writer.write(&batch.map_err(|error| unread(&error))?).map_err(|error| unread(&error))?;
    }
    writer.finish().map_err(|error| unread(&error))?;
    drop(writer);
    Ok(lines)
}

/// By the protocol, "Checkpoint Schema".
fn schema() -> SchemaRef {
    let structure = |name: &str, fields: Vec<Field>| {
        Field::new(name, DataType::Struct(Fields::from(fields)), true)
    };
    let text = |name: &str| Field::new(name, DataType::Utf8, true);
    let number = |name: &str| Field::new(name, DataType::Int64, true);
    let version = |name: &str| Field::new(name, DataType::Int32, true);
    let truth = |name: &str| Field::new(name, DataType::Boolean, true);
    let texts = |name: &str| Field::new(name, DataType::List(Arc::new(text("element"))), true);
    let map = |name: &str| {
        let entries = Fields::from(vec![Field::new("key", DataType::Utf8, false), text("value")]);
        Field::new(
            name,
            DataType::Map(
                Arc::new(Field::new("key_value", DataType::Struct(entries), false)),
                false,
            ),
            true,
        )
    };
    let format = structure("format", vec![text("provider"), map("options")]);
    Arc::new(Schema::new(vec![
        structure(
            "protocol",
            vec![
                version("minReaderVersion"),
                version("minWriterVersion"),
                texts("readerFeatures"),
                texts("writerFeatures"),
            ],
        ),
        structure(
            "metaData",
            vec![
                text("id"),
                text("name"),
                text("description"),
                format,
                text("schemaString"),
                texts("partitionColumns"),
                map("configuration"),
                number("createdTime"),
            ],
        ),
        structure("txn", vec![text("appId"), number("version"), number("lastUpdated")]),
        structure(
            "add",
            vec![
                text("path"),
                map("partitionValues"),
                number("size"),
                number("modificationTime"),
                truth("dataChange"),
                text("stats"),
                map("tags"),
            ],
        ),
        structure(
            "remove",
            vec![
                text("path"),
                number("deletionTimestamp"),
                truth("dataChange"),
                truth("extendedFileMetadata"),
                map("partitionValues"),
                number("size"),
            ],
        ),
    ]))
}

fn broken(error: impl std::fmt::Debug) -> Error {
    Error::new(
        ErrorKind::Internal,
        format!("a checkpoint of the Delta log can't be written: {}", wording::variant(&error)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLDEST: &str = r#"{"commitInfo":{"timestamp":1}}
{"protocol":{"minReaderVersion":1,"minWriterVersion":2}}
{"metaData":{"id":"a","format":{"provider":"parquet","options":{}},"schemaString":"{}","partitionColumns":["k"],"configuration":{"x":"y"},"createdTime":7}}
{"txn":{"appId":"p","version":1}}
{"add":{"path":"k=1/a","partitionValues":{"k":"1"},"size":1,"modificationTime":1,"dataChange":true,"stats":"{\"numRecords\":3}"}}
{"add":{"path":"k=1/b","partitionValues":{"k":null},"size":2,"modificationTime":1,"dataChange":true,"tags":{"t":"u"}}}
"#;
    const NEWER: &str = r#"{"txn":{"appId":"p","version":2}}
{"remove":{"path":"k=1/a","deletionTimestamp":100,"dataChange":true}}
{"add":{"path":"c","partitionValues":{},"size":3,"modificationTime":2,"dataChange":true}}
"#;

    fn checkpoint(entries: &[&str], now: i64) -> Vec<Value> {
        let mut state = State::default();
        for entry in entries.iter().rev() {
            state.precede(entry.as_bytes()).expect("the entry is right");
        }
        let (bytes, actions) = state.write(now).expect("a schema is there");
        let lines = read_checkpoint(bytes).expect("it is one");
        let lines: Vec<Value> = lines
            .split(|byte| *byte == b'\n')
            .filter_map(|line| serde_json::from_slice(line).ok())
            .collect();
        assert_eq!(lines.len(), actions);
        lines
    }

    #[test]
    fn the_newest_action_counts() {
        let lines = checkpoint(&[OLDEST, NEWER], 101);
        let expected = [
            r#"{"protocol":{"minReaderVersion":1,"minWriterVersion":2}}"#,
            r#"{"metaData":{"configuration":{"x":"y"},"createdTime":7,"format":{"options":{},"provider":"parquet"},"id":"a","partitionColumns":["k"],"schemaString":"{}"}}"#,
            r#"{"txn":{"appId":"p","version":2}}"#,
            r#"{"remove":{"dataChange":false,"deletionTimestamp":100,"path":"k=1/a"}}"#,
            r#"{"add":{"dataChange":false,"modificationTime":2,"partitionValues":{},"path":"c","size":3}}"#,
            r#"{"add":{"dataChange":false,"modificationTime":1,"partitionValues":{"k":null},"path":"k=1/b","size":2,"tags":{"t":"u"}}}"#,
        ];
        assert_eq!(lines.len(), expected.len());
        for (line, expected) in lines.iter().zip(expected) {
            let expected: Value = serde_json::from_str(expected).expect("JSON");
            assert_eq!(without_nulls(line), without_nulls(&expected));
        }
        assert_eq!(lines[5]["add"]["partitionValues"].to_string(), r#"{"k":null}"#);
    }

    #[test]
    fn old_tombstones_are_forgotten() {
        let removes = |entries: &[&str], now: i64| {
            checkpoint(entries, now).iter().filter(|line| !line["remove"].is_null()).count()
        };
        assert_eq!(removes(&[OLDEST, NEWER], 100 + TOMBSTONE_MILLIS), 0);
        assert_eq!(
            removes(
                &[
                    &OLDEST.replace(
                        r#""x":"y""#,
                        r#""delta.deletedFileRetentionDuration":"interval 99 days""#
                    ),
                    NEWER
                ],
                100 + TOMBSTONE_MILLIS
            ),
            1
        );
    }

    /// In an action what is null is what is not there.
    fn without_nulls(value: &Value) -> Value {
        match value {
            Value::Object(fields) => fields
                .iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(name, value)| (name.clone(), without_nulls(value)))
                .collect(),
            other => other.clone(),
        }
    }
}
