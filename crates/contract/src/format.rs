//! Reads the format of the output, and the options of Parquet that a contract may set.

use arrow_schema::DataType as ArrowType;
use row_sql::Column;

use super::document::{Node, Object, Reading};
use super::transform::unknown_column;

/// In which form rows are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Format {
    /// Parquet.
    #[default]
    Parquet,
    /// CSV as in RFC 4180, with a header.
    Csv(Packing),
    /// JSON Lines: an object a row.
    Jsonl(Packing),
}

/// How files of text are compressed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Packing {
    /// gzip, which everything reads.
    #[default]
    Gzip,
    /// Zstandard.
    Zstd,
    /// Not at all.
    None,
}

/// How Parquet pages are compressed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Codec {
    /// Zstandard.
    #[default]
    Zstd,
    /// Snappy.
    Snappy,
    /// LZ4's block format, without frames: Parquet's LZ4_RAW.
    Lz4Raw,
    /// Not at all.
    None,
}

/// A column by which the rows of a file are sorted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SortKey {
    /// Its name.
    pub field: String,
    /// Whether the greatest value comes first. Nulls are last either way.
    pub descending: bool,
}

impl Format {
    /// The end of the name of such a file.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Parquet => ".parquet",
            Self::Csv(Packing::Gzip) => ".csv.gz",
            Self::Csv(Packing::Zstd) => ".csv.zst",
            Self::Csv(Packing::None) => ".csv",
            Self::Jsonl(Packing::Gzip) => ".jsonl.gz",
            Self::Jsonl(Packing::Zstd) => ".jsonl.zst",
            Self::Jsonl(Packing::None) => ".jsonl",
        }
    }
}

/// Reads `format` and the `compression` that it allows.
pub(super) fn read(output: &Object<'_>, reading: &mut Reading) -> (Format, Codec) {
    let choices = [
        ("parquet", Format::Parquet),
        ("csv", Format::Csv(Packing::Gzip)),
        ("jsonl", Format::Jsonl(Packing::Gzip)),
    ];
    let format =
        output.get("format").and_then(|node| node.choice(reading, &choices)).unwrap_or_default();
    let compression = output.get("compression");
    if format == Format::Parquet {
        let choices = [
            ("zstd", Codec::Zstd),
            ("snappy", Codec::Snappy),
            ("lz4_raw", Codec::Lz4Raw),
            ("none", Codec::None),
        ];
        return (
            format,
            compression.and_then(|node| node.choice(reading, &choices)).unwrap_or_default(),
        );
    }
    let choices = [("gzip", Packing::Gzip), ("zstd", Packing::Zstd), ("none", Packing::None)];
    let packing = compression.and_then(|node| node.choice(reading, &choices)).unwrap_or_default();
    let format = if matches!(format, Format::Csv(_)) {
        Format::Csv(packing)
    } else {
        Format::Jsonl(packing)
    };
    (format, Codec::default())
}

/// What columns there are in the files.
pub(super) struct Filed<'a> {
    pub(super) format: Format,
    /// `None`: they are not known, as the schema is at fault.
    pub(super) columns: Option<&'a [Column]>,
    pub(super) drop: &'a [String],
    pub(super) partition_by: &'a [String],
}

impl Filed<'_> {
    /// Reads `bloomFilters`.
    pub(super) fn read_bloom_filters(&self, list: &Node<'_>, reading: &mut Reading) -> Vec<String> {
        self.check_format(list, reading);
        let names = list.texts(reading);
        for (index, name) in names.iter().enumerate() {
            let item = list.item(index);
            if let Some(ArrowType::Boolean) = self.check(&item, name, &names[..index], reading) {
                item.fault(
                    reading,
                    format!("`{name}` is a boolean; a filter of two values rules nothing out"),
                );
            }
        }
        names
    }

    /// Reads `sortBy`.
    pub(super) fn read_sort_keys(&self, list: &Node<'_>, reading: &mut Reading) -> Vec<SortKey> {
        self.check_format(list, reading);
        let (mut keys, mut before) = (Vec::new(), Vec::new());
        for item in list.list(reading) {
            let Some((node, key)) = read_sort_key(item, reading) else { continue };
            self.check(&node, &key.field, &before, reading);
            before.push(key.field.clone());
            keys.push(key);
        }
        keys
    }

    fn check_format(&self, node: &Node<'_>, reading: &mut Reading) {
        if self.format != Format::Parquet {
            node.fault(
                reading,
                "is not allowed here; allowed: with `format: parquet`, which alone has room for it"
                    .to_owned(),
            );
        }
    }

    /// Checks that a column is in the files, and not named `before`; answers its type.
    fn check(
        &self,
        node: &Node<'_>,
        name: &String,
        before: &[String],
        reading: &mut Reading,
    ) -> Option<&ArrowType> {
        let columns = self.columns?;
        let Some(column) = columns.iter().find(|column| column.name == *name) else {
            let message = unknown_column(columns, name, reading);
            node.fault(reading, message);
            return None;
        };
        if before.contains(name) {
            node.fault(reading, format!("`{name}` is listed twice"));
        }
        if self.drop.contains(name) {
            node.fault(reading, format!("`{name}` is dropped"));
        }
        if self.partition_by.contains(name) {
            node.fault(
                reading,
                format!("`{name}` names folders, so all rows of a file have the same value"),
            );
        }
        Some(&column.data_type)
    }
}

/// A field, or `{ field, order }`; with the node of its name.
fn read_sort_key<'v>(item: Node<'v>, reading: &mut Reading) -> Option<(Node<'v>, SortKey)> {
    if !item.is_object() {
        let field = item.scalar(reading)?;
        return Some((item, SortKey { field, descending: false }));
    }
    let object = item.object(reading, &["field", "order"])?;
    let order = object
        .get("order")
        .and_then(|node| node.choice(reading, &[("asc", false), ("desc", true)]));
    let node = object.required(reading, "field")?;
    let field = node.scalar(reading)?;
    Some((node, SortKey { field, descending: order.unwrap_or_default() }))
}
