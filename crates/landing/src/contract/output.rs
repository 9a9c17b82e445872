//! What is written, and how much may be refused.

use super::document::{Node, Reading};
use super::transform::unknown_column;
use crate::sql::Column;

/// What is written.
#[derive(Debug, Clone, Default)]
pub struct Output {
    /// How pages are compressed.
    pub compression: Codec,
    /// Fields whose values name the folders, outermost first.
    pub partition_by: Vec<String>,
    /// Adds `_source`, `_line` and `_job`.
    pub lineage: bool,
}

/// How Parquet pages are compressed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Codec {
    /// Zstandard.
    #[default]
    Zstd,
    /// Snappy.
    Snappy,
    /// Not at all.
    None,
}

/// How many records may be refused before the job fails.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RejectsLimit {
    /// Any number: all of them are recorded.
    None,
    /// At most so many.
    Count(u64),
    /// At most so many per hundred records read.
    Percent(f64),
}

impl RejectsLimit {
    pub(super) fn read(node: &Node<'_>, reading: &mut Reading) -> Self {
        let Some(limit) = node.object(reading, &["limit"]).and_then(|object| object.get("limit")) else { return Self::None };
        let Some(text) = limit.scalar(reading) else { return Self::None };
        let parsed = match text.strip_suffix('%') {
            Some(percent) => percent.trim().parse().ok().filter(|p| (0.0..=100.0).contains(p)).map(Self::Percent),
            None => text.parse().ok().map(Self::Count),
        };
        parsed.unwrap_or_else(|| {
            limit.fault(reading, format!("`{text}` is not allowed; allowed: a count such as 100, or a percentage from 0% to 100%"));
            Self::None
        })
    }

    /// Whether `rejected` of `read` records are too many.
    pub fn is_exceeded(self, rejected: u64, read: u64) -> bool {
        match self {
            Self::None => false,
            Self::Count(limit) => rejected > limit,
            Self::Percent(limit) => rejected as f64 * 100.0 > limit * read as f64,
        }
    }
}

impl std::fmt::Display for RejectsLimit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::None => f.write_str("no limit"),
            Self::Count(limit) => write!(f, "{limit}"),
            Self::Percent(limit) => write!(f, "{limit}%"),
        }
    }
}

impl Output {
    pub(super) fn read(node: &Node<'_>, columns: Option<&[Column]>, drop: &[String], reading: &mut Reading) -> Self {
        let mut output = Self::default();
        let Some(object) = node.object(reading, &["format", "compression", "partitionBy", "mode", "lineage"]) else { return output };
        for (key, only) in [("format", "parquet"), ("mode", "append")] {
            if let Some(n) = object.get(key) {
                n.choice(reading, &[(only, ())]);
            }
        }
        if let Some(n) = object.get("compression") {
            let choices = [("zstd", Codec::Zstd), ("snappy", Codec::Snappy), ("none", Codec::None)];
            output.compression = n.choice(reading, &choices).unwrap_or_default();
        }
        output.lineage = object.get("lineage").and_then(|n| n.boolean(reading)).unwrap_or(false);
        if let Some(list) = object.get("partitionBy") {
            output.partition_by = list.texts(reading);
            check_partitions(&list, &output.partition_by, columns, drop, reading);
        }
        output
    }
}

fn check_partitions(list: &Node<'_>, names: &[String], columns: Option<&[Column]>, drop: &[String], reading: &mut Reading) {
    let Some(columns) = columns else { return };
    for (index, name) in names.iter().enumerate() {
        let item = list.item(index);
        let Some(column) = columns.iter().find(|column| column.name == *name) else {
            item.fault(reading, unknown_column(columns, name));
            continue;
        };
        if names[..index].contains(name) {
            item.fault(reading, format!("`{name}` stands there twice"));
        }
        if drop.contains(name) {
            item.fault(reading, format!("`{name}` is dropped"));
        }
        if column.data_type.is_floating() {
            item.fault(reading, format!("`{name}` is a float, which names no folder; a decimal, an integer or a string would"));
        }
    }
    if names.len() + drop.len() >= columns.len() {
        list.fault(reading, "leaves no column for the files".to_owned());
    }
}
