//! Reads and writes checkpoints: the whole state of a table in one Parquet file, so that nobody
//! reads its log from the beginning.
//!
//! A row of a checkpoint is an action, as a line of an entry is one. So both are read by the same
//! code, and rows are made of lines.

use std::collections::{BTreeMap, HashSet};

use bytes::Bytes;
use job::{Error, ErrorKind};
use serde_json::{Map, Value};
use wording::Unquoted;

use crate::columns;

/// Milliseconds for which a checkpoint tells of files that are no longer in the table, so that no
/// vacuum takes them from readers that are late: Delta's default of a week.
const TOMBSTONE_MILLIS: i64 = 7 * 24 * 60 * 60 * 1000;
/// The property of a table that says otherwise: then all are told.
const TOMBSTONES: &str = "delta.deletedFileRetentionDuration";
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
        let bytes = columns::write(SCHEMA, &rows).map_err(broken)?;
        Ok((bytes, rows.len()))
    }
}

/// The actions of a checkpoint, or of a part of one, as the lines of an entry. Its writer may have
/// given it more than is read.
pub fn read_checkpoint(bytes: Bytes) -> Result<Vec<u8>, Error> {
    // Of `add`, statistics and partitions are also there as values, which nobody needs twice.
    let wanted = |path: &[&str]| match path {
        [action] => ACTIONS.contains(action),
        [.., field] => !field.ends_with("_parsed"),
        [] => false,
    };
    // With nulls: a value of a partition may be one.
    columns::read(bytes, wanted).map_err(|error| {
        Error::new(
            ErrorKind::Internal,
            format!("a checkpoint of the Delta log can't be read: {}", wording::variant(&error)),
        )
    })
}

/// By the protocol, "Checkpoint Schema".
const SCHEMA: &str = "message schema {
    optional group protocol {
        optional int32 minReaderVersion;
        optional int32 minWriterVersion;
        optional group readerFeatures (LIST) {
            repeated group list { optional binary element (STRING); }
        }
        optional group writerFeatures (LIST) {
            repeated group list { optional binary element (STRING); }
        }
    }
    optional group metaData {
        optional binary id (STRING);
        optional binary name (STRING);
        optional binary description (STRING);
        optional group format {
            optional binary provider (STRING);
            optional group options (MAP) {
                repeated group key_value {
                    required binary key (STRING);
                    optional binary value (STRING);
                }
            }
        }
        optional binary schemaString (STRING);
        optional group partitionColumns (LIST) {
            repeated group list { optional binary element (STRING); }
        }
        optional group configuration (MAP) {
            repeated group key_value {
                required binary key (STRING);
                optional binary value (STRING);
            }
        }
        optional int64 createdTime;
    }
    optional group txn {
        optional binary appId (STRING);
        optional int64 version;
        optional int64 lastUpdated;
    }
    optional group add {
        optional binary path (STRING);
        optional group partitionValues (MAP) {
            repeated group key_value {
                required binary key (STRING);
                optional binary value (STRING);
            }
        }
        optional int64 size;
        optional int64 modificationTime;
        optional boolean dataChange;
        optional binary stats (STRING);
        optional group tags (MAP) {
            repeated group key_value {
                required binary key (STRING);
                optional binary value (STRING);
            }
        }
    }
    optional group remove {
        optional binary path (STRING);
        optional int64 deletionTimestamp;
        optional boolean dataChange;
        optional boolean extendedFileMetadata;
        optional group partitionValues (MAP) {
            repeated group key_value {
                required binary key (STRING);
                optional binary value (STRING);
            }
        }
        optional int64 size;
    }
}";

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
