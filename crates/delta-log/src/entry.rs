//! Turns a commit into an entry of the Delta log, and reads entries whoever wrote them.

use std::collections::BTreeMap;

use arrow_schema::DataType as ArrowType;
use chrono::{DateTime, SecondsFormat};
use contract::NULL_PARTITION;
use contract::{Contract, Mode};
use job::{Error, ErrorKind};
use landing::commit::{Commit, CommittedFile};
use landing::files::folder_text;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::{Map, Value, json};
use wording::Unquoted;

use super::action::{Add, CommitInfo, Line, MetaData, Note, Protocol, Remove, TableHead, Txn};
use super::schema::settle;

/// What stands unescaped in a path.
const PATH: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/').remove(b'=');

/// What an entry does to the table.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The commit that it is of, but for its files; `None`: another program wrote it.
    pub commit: Option<Commit>,
    /// When it was written, in RFC 3339.
    pub committed: String,
    /// Files that it adds.
    pub added: Vec<CommittedFile>,
    /// Keys of the files that it removes.
    pub removed: Vec<String>,
    /// What readers and writers must be able to do from now on.
    pub protocol: Option<Protocol>,
    /// The schema from now on.
    pub metadata: Option<MetaData>,
    /// The number of the entry in which both stand, if it is known.
    pub since: Option<u64>,
    /// Paths that are not written as they are here, by key: to remove a file is to name its path as
    /// it was added.
    pub odd_paths: BTreeMap<String, String>,
}

/// Writes a commit as an entry after the state `head`, if there is a table yet: one action a line.
///
/// [`ErrorKind::ContractInvalid`] when the contract does not go with the table.
pub fn write_entry(
    commit: &Commit,
    contract: &Contract,
    head: Option<&TableHead>,
    prefix: &str,
    odd_paths: &BTreeMap<String, String>,
) -> Result<String, Error> {
    let millis = millis_of(&commit.committed);
    let change = match head {
        // An entry that only says why a job can't commit leaves the table as it is.
        Some(_) if commit.void.is_some() => None,
        _ => settle(contract, head, &commit.job, millis)?,
    };
    let since = match (&change, head) {
        (None, Some(head)) => head.since,
        _ => commit.sequence,
    };
    let note = Note {
        commit: Commit { files: Vec::new(), removed: Vec::new(), ..commit.clone() },
        metadata: since,
    };
    let mut lines = vec![
        Line { commit_info: Some(info(commit, contract, &note, millis)?), ..Line::default() },
        Line {
            txn: Some(Txn {
                app_id: format!("landfall-{}", commit.job),
                version: 1,
                last_updated: Some(millis),
            }),
            ..Line::default()
        },
    ];
    if let Some(change) = change {
        lines.push(Line { protocol: Some(change.protocol), ..Line::default() });
        lines.push(Line { meta_data: Some(change.metadata), ..Line::default() });
    }
    for key in &commit.removed {
        let path = odd_paths.get(key).cloned().unwrap_or_else(|| path_of(key, prefix));
        let remove = Remove {
            path,
            deletion_timestamp: Some(millis),
            data_change: true,
            extended_file_metadata: None,
            partition_values: None,
            size: None,
        };
        lines.push(Line { remove: Some(remove), ..Line::default() });
    }
    for file in &commit.files {
        let add = Add {
            path: path_of(&file.key, prefix),
            partition_values: file
                .partition
                .iter()
                .map(|(name, text)| (name.clone(), partition_value(contract, name, text)))
                .collect(),
            size: file.bytes,
            modification_time: millis,
            data_change: true,
            stats: Some(
                file.stats.clone().unwrap_or_else(|| format!("{{\"numRecords\":{}}}", file.rows)),
            ),
        };
        lines.push(Line { add: Some(add), ..Line::default() });
    }
    let mut text = String::new();
    for line in lines {
        text += &serde_json::to_string(&line).map_err(|error| {
            Error::new(
                ErrorKind::Internal,
                format!("a Delta action can't be written: {}", error.unquoted()),
            )
        })?;
        text.push('\n');
    }
    Ok(text)
}

/// Reads an entry, of a table under `prefix`.
pub fn read_entry(text: &[u8], sequence: u64, prefix: &str) -> Result<Entry, Error> {
    let mut entry = Entry {
        commit: None,
        committed: String::new(),
        added: Vec::new(),
        removed: Vec::new(),
        protocol: None,
        metadata: None,
        since: None,
        odd_paths: BTreeMap::new(),
    };
    for line in text.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()) {
        let line: Line = serde_json::from_slice(line).map_err(|error| {
            Error::new(
                ErrorKind::Internal,
                format!("entry {sequence} of the Delta log can't be read: {}", error.unquoted()),
            )
        })?;
        if let Some(CommitInfo { timestamp, mut more }) = line.commit_info {
            entry.committed = timestamp.map(moment).unwrap_or_default();
            let note =
                more.remove("landfall").and_then(|note| serde_json::from_value::<Note>(note).ok());
            if let Some(Note { commit, metadata }) = note {
                (entry.committed, entry.since, entry.commit) =
                    (commit.committed.clone(), Some(metadata), Some(commit));
            }
        }
        if let Some(add) = line.add {
            if entry.committed.is_empty() {
                entry.committed = moment(add.modification_time);
            }
            let key = entry.key_of(&add.path, prefix);
            entry.added.push(file_of(add, key));
        }
        if let Some(remove) = line.remove {
            let key = entry.key_of(&remove.path, prefix);
            entry.removed.push(key);
        }
        entry.protocol = line.protocol.or(entry.protocol);
        entry.metadata = line.meta_data.or(entry.metadata);
    }
    Ok(entry)
}

impl From<Commit> for Entry {
    /// An entry of Landfall's own log.
    fn from(commit: Commit) -> Self {
        Self {
            committed: commit.committed.clone(),
            added: commit.files.clone(),
            removed: commit.removed.clone(),
            commit: Some(commit),
            protocol: None,
            metadata: None,
            since: None,
            odd_paths: BTreeMap::new(),
        }
    }
}

impl Entry {
    /// The commit with its files; `None`: another program wrote the entry.
    pub fn into_commit(self) -> Option<Commit> {
        let Self { commit, added, removed, .. } = self;
        commit.map(|commit| Commit { files: added, removed, ..commit })
    }

    /// Whether nothing that was there before is left: those entries say all of the table anew.
    pub fn is_whole(&self) -> bool {
        self.commit.as_ref().is_some_and(|commit| commit.mode == Mode::Overwrite)
    }

    /// The key of a path, which is noted if it would be written in another way.
    fn key_of(&mut self, path: &str, prefix: &str) -> String {
        let key = match path.contains("://") {
            true => path.to_owned(),
            false => format!("{prefix}{}", percent_decode_str(path).decode_utf8_lossy()),
        };
        if path_of(&key, prefix) != path {
            self.odd_paths.insert(key.clone(), path.to_owned());
        }
        key
    }
}

fn info(
    commit: &Commit,
    contract: &Contract,
    note: &Note,
    millis: i64,
) -> Result<CommitInfo, Error> {
    let broken = |error: serde_json::Error| {
        Error::new(
            ErrorKind::Internal,
            format!("a Delta action can't be written: {}", error.unquoted()),
        )
    };
    let mode = if commit.mode == Mode::Append { "Append" } else { "Overwrite" };
    let partition_by = serde_json::to_string(&contract.output.partition_by).map_err(broken)?;
    let mut more = Map::new();
    more.insert("operation".to_owned(), "WRITE".into());
    more.insert(
        "operationParameters".to_owned(),
        json!({"mode": mode, "partitionBy": partition_by}),
    );
    more.insert("isBlindAppend".to_owned(), (commit.mode == Mode::Append).into());
    more.insert("engineInfo".to_owned(), concat!("landfall/", env!("CARGO_PKG_VERSION")).into());
    more.insert("landfall".to_owned(), serde_json::to_value(note).map_err(broken)?);
    Ok(CommitInfo { timestamp: Some(millis), more })
}

/// A path relative to the table, percent-encoded: what is encoded in the key already is so once
/// more.
fn path_of(key: &str, prefix: &str) -> String {
    if key.contains("://") {
        return key.to_owned();
    }
    utf8_percent_encode(key.strip_prefix(prefix).unwrap_or(key), PATH).to_string()
}

/// The value that a folder's name stands for.
fn partition_value(contract: &Contract, name: &str, text: &str) -> Option<String> {
    if text == NULL_PARTITION {
        return None;
    }
    let value = percent_decode_str(text).decode_utf8_lossy().into_owned();
    let data_type =
        contract.stored().find(|column| column.name == name).map(|column| column.data_type);
    match data_type {
        // Without its zone the moment would be another one in every reader's own zone.
        Some(ArrowType::Timestamp(_, Some(_))) => Some(format!("{}Z", value.replacen(' ', "T", 1))),
        _ => Some(value),
    }
}

fn file_of(add: Add, key: String) -> CommittedFile {
    let rows = add.stats.as_deref().and_then(|stats| serde_json::from_str::<Value>(stats).ok());
    let text = |value: Option<String>| {
        value
            .filter(|value| !value.is_empty())
            .map_or_else(|| NULL_PARTITION.to_owned(), |value| folder_text(&value))
    };
    CommittedFile {
        key,
        partition: add
            .partition_values
            .into_iter()
            .map(|(name, value)| (name, text(value)))
            .collect(),
        rows: rows.and_then(|stats| stats["numRecords"].as_u64()).unwrap_or_default(),
        bytes: add.size,
        stats: None,
    }
}

fn millis_of(committed: &str) -> i64 {
    DateTime::parse_from_rfc3339(committed).map_or(0, |moment| moment.timestamp_millis())
}

fn moment(millis: i64) -> String {
    DateTime::from_timestamp_millis(millis)
        .unwrap_or_default()
        .to_rfc3339_opts(SecondsFormat::Millis, true)
}
