//! Reads where and how records are written, and how many may be rejected.

use job::TableFormat;
use job::limits::{FOLDERS_BYTES, SEGMENT_BYTES};
use job::message::Counts;
use row_sql::Column;
use wording::parse_bytes;

use super::Contract;
use super::document::{Node, Reading};
use super::format::{self, Codec, Filed, Format, SortKey};
use super::names::why_no_folder;
use super::transform::unknown_column;
use crate::delta::check_columns;

/// The folder name of a value that is null (Hive's).
pub const NULL_PARTITION: &str = "__HIVE_DEFAULT_PARTITION__";
/// Bytes that a file should have, when the contract does not say: what engines like to read at
/// once, and enough to make the opening of a file not matter.
const FILE_SIZE: u64 = 128 << 20;
/// The sizes that a contract may ask for. Smaller files would be very many, and one function has no
/// time to put a larger one together.
const FILE_SIZES: std::ops::RangeInclusive<u64> = 1 << 20..=1 << 30;

/// What is written.
#[derive(Debug, Clone)]
pub struct Output {
    /// In which form.
    pub format: Format,
    /// How pages of Parquet are compressed.
    pub compression: Codec,
    /// Columns with bloom filters.
    pub bloom_filters: Vec<String>,
    /// By what the rows of each row group are sorted, the first one first.
    pub sort_by: Vec<SortKey>,
    /// Bytes at which a file ends and a next one begins, and up to which small files are put
    /// together: a goal, not a limit.
    pub file_size: u64,
    /// Fields whose values name the folders, outermost first.
    pub partition_by: Vec<String>,
    /// What becomes of the files that are there.
    pub mode: Mode,
    /// The form of the log.
    pub table: TableFormat,
    /// Adds `_source`, `_line` and `_job`.
    pub lineage: bool,
    /// Whether texts in files of CSV are kept from being formulas to a spreadsheet.
    pub formula_guard: bool,
}

impl Default for Output {
    fn default() -> Self {
        Self {
            format: Format::default(),
            compression: Codec::default(),
            bloom_filters: Vec::new(),
            sort_by: Vec::new(),
            file_size: FILE_SIZE,
            partition_by: Vec::new(),
            mode: Mode::default(),
            table: TableFormat::default(),
            lineage: false,
            formula_guard: false,
        }
    }
}

/// What a commit does to the files that are there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// They stay.
    #[default]
    Append,
    /// They are removed: the table is what the job brings, even if that is nothing.
    Overwrite,
    /// Those in the partitions that the job brings rows for are removed.
    OverwritePartitions,
}

impl Mode {
    pub(super) const CHOICES: [(&'static str, Self); 3] = [
        ("append", Self::Append),
        ("overwrite", Self::Overwrite),
        ("overwrite-partitions", Self::OverwritePartitions),
    ];
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
        let limit = node.object(reading, &["limit"]).and_then(|object| object.get("limit"));
        limit.and_then(|limit| Self::read_limit(&limit, reading)).unwrap_or(Self::None)
    }

    /// Reads a count or a percentage.
    pub(super) fn read_limit(limit: &Node<'_>, reading: &mut Reading) -> Option<Self> {
        let text = limit.scalar(reading)?;
        let parsed = match text.strip_suffix('%') {
            Some(percent) => {
                percent.trim().parse().ok().filter(|p| (0.0..=100.0).contains(p)).map(Self::Percent)
            }
            None => text.parse().ok().map(Self::Count),
        };
        if parsed.is_none() {
            limit.fault(reading, format!("`{text}` is not allowed; allowed: a count such as 100, or a percentage from 0% to 100%"));
        }
        parsed
    }

    /// Whether more records were rejected than may be. One that spans several lines counts as so
    /// many: a quote that was left open makes one record of all that should be others.
    /// `surplus_lines` are those besides the first of each.
    pub fn is_exceeded(self, counts: &Counts, surplus_lines: u64) -> bool {
        let [read, rejected] =
            [counts.read, counts.rejected].map(|records| records + surplus_lines);
        match self {
            Self::None => false,
            Self::Count(limit) => rejected > limit,
            Self::Percent(limit) => rejected as f64 * 100.0 > limit * read as f64,
        }
    }

    /// Whether records were rejected and none was stored, which is a source or a contract gone
    /// wrong unless the limit says that all may be. Where all were filtered, that is what was asked
    /// for.
    pub fn leaves_nothing(self, counts: &Counts) -> bool {
        counts.stored == 0 && counts.rejected > 0 && self != Self::Percent(100.0)
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
    pub(super) fn read(
        node: &Node<'_>,
        columns: Option<&[Column]>,
        drop: &[String],
        reading: &mut Reading,
    ) -> Self {
        let mut output = Self::default();
        let allowed = [
            "format",
            "table",
            "compression",
            "partitionBy",
            "bloomFilters",
            "sortBy",
            "fileSize",
            "mode",
            "lineage",
            "formulaGuard",
        ];
        let Some(object) = node.object(reading, &allowed) else { return output };
        (output.format, output.compression) = format::read(&object, reading);
        if let Some(n) = object.get("table") {
            output.table = n
                .choice(
                    reading,
                    &[("landfall", TableFormat::Landfall), ("delta", TableFormat::Delta)],
                )
                .unwrap_or_default();
        }
        if let Some(n) = object
            .get("format")
            .filter(|_| output.table == TableFormat::Delta && output.format != Format::Parquet)
        {
            n.fault(reading, "is not allowed in a Delta table, whose files are Parquet; allowed: parquet, or `table: landfall`".to_owned());
        }
        output.lineage = object.get("lineage").and_then(|n| n.boolean(reading)).unwrap_or(false);
        if let Some(n) = object.get("formulaGuard") {
            output.formula_guard = n.boolean(reading).unwrap_or(false);
            if output.formula_guard && !matches!(output.format, Format::Csv(_)) {
                n.fault(
                    reading,
                    "is not allowed here; allowed: with `format: csv`, which spreadsheets open"
                        .to_owned(),
                );
            }
        }
        if let Some(n) = object.get("fileSize") {
            output.file_size = read_file_size(&n, reading);
        }
        if let Some(list) = object.get("partitionBy") {
            output.partition_by = list.texts(reading);
            check_partitions(&list, &output, columns, drop, reading);
        }
        let filed =
            Filed { format: output.format, columns, drop, partition_by: &output.partition_by };
        let bloom_filters =
            object.get("bloomFilters").map(|list| filed.read_bloom_filters(&list, reading));
        let sort_by = object.get("sortBy").map(|list| filed.read_sort_keys(&list, reading));
        (output.bloom_filters, output.sort_by) =
            (bloom_filters.unwrap_or_default(), sort_by.unwrap_or_default());
        if let Some(n) = object.get("mode") {
            output.mode = n.choice(reading, &Mode::CHOICES).unwrap_or_default();
            if output.mode == Mode::OverwritePartitions && output.partition_by.is_empty() {
                n.fault(reading, "there are no partitions without `partitionBy`; `overwrite` replaces the whole table".to_owned());
            }
        }
        output
    }
}

impl Contract {
    /// What a Delta table has no room for, column by column. `root` is the contract's document.
    pub(super) fn check_table(&self, root: &Node<'_>, reading: &mut Reading) {
        if self.output.table != TableFormat::Delta {
            return;
        }
        let stored: Vec<_> = self.stored().collect();
        let faults =
            check_columns(stored.iter().map(|column| (column.name, &column.data_type))).into_iter();
        Self::report_columns(
            root,
            faults.map(|(position, message)| (stored[position].name, message)).collect(),
            reading,
        );
        let is_moment = |data_type: &arrow_schema::DataType| {
            matches!(data_type, arrow_schema::DataType::Timestamp(..))
        };
        let is_partition =
            |name: &str| self.output.partition_by.iter().any(|partition| partition == name);
        let moment =
            stored.iter().find(|column| is_partition(column.name) && is_moment(&column.data_type));
        if let (Mode::OverwritePartitions, Some(column), Some(node)) =
            (self.output.mode, moment, root.child("output"))
        {
            node.fault(
                reading,
                format!(
                    "partitions by `{}` can't be replaced in a Delta table: writers spell moments in several ways; a date would do",
                    column.name
                ),
            );
        }
    }
}

fn read_file_size(node: &Node<'_>, reading: &mut Reading) -> u64 {
    let Some(text) = node.scalar(reading) else { return FILE_SIZE };
    match parse_bytes(&text) {
        Ok(bytes) if FILE_SIZES.contains(&bytes) => bytes,
        _ => {
            node.fault(
                reading,
                format!(
                    "`{text}` is not allowed; allowed: a size from 1MiB to 1GiB, such as 128MiB"
                ),
            );
            FILE_SIZE
        }
    }
}

fn check_partitions(
    list: &Node<'_>,
    output: &Output,
    columns: Option<&[Column]>,
    drop: &[String],
    reading: &mut Reading,
) {
    let Some(columns) = columns else { return };
    let names = &output.partition_by;
    for (index, name) in names.iter().enumerate() {
        let item = list.item(index);
        let Some(column) = columns.iter().find(|column| column.name == *name) else {
            let message = unknown_column(columns, name, reading);
            item.fault(reading, message);
            continue;
        };
        if names[..index].contains(name) {
            item.fault(reading, format!("`{name}` is listed twice"));
        }
        if drop.contains(name) {
            item.fault(reading, format!("`{name}` is dropped"));
        }
        if let Some(message) = why_no_folder(name, output.table) {
            item.fault(reading, message);
        }
        let null = name.len() + 1 + NULL_PARTITION.len();
        if null > SEGMENT_BYTES {
            item.fault(reading, format!("its folder of nulls would have {null} bytes, and a name can have {SEGMENT_BYTES}"));
        }
        if column.data_type.is_floating() {
            item.fault(reading, format!("`{name}` is a float, which can't name folders; use a decimal, an integer or a string"));
        }
    }
    let least: usize = names.iter().map(|name| name.len() + "=?/".len()).sum();
    if least > FOLDERS_BYTES {
        list.fault(reading, format!("the folders of the shortest values would have {least} bytes, and keys leave {FOLDERS_BYTES} to them"));
    }
    if names.len() + drop.len() >= columns.len() {
        list.fault(reading, "leaves no column for the files".to_owned());
    }
}

#[cfg(test)]
mod tests {
    use crate::Contract;

    fn faults(output: &str) -> Vec<String> {
        let fields = "[ { name: id, type: integer }, { name: kind, type: string } ]";
        let contract = Contract::parse(&format!(
            "name: t\nschema: {{ fields: {fields} }}\noutput: {output}\n"
        ));
        contract
            .map_or_else(|faults| faults.iter().map(ToString::to_string).collect(), |_| Vec::new())
    }

    #[test]
    fn partitions_are_replaced_where_there_are_some() {
        for accepted in [
            "{}",
            "{ mode: append }",
            "{ mode: overwrite }",
            "{ mode: overwrite-partitions, partitionBy: [kind] }",
        ] {
            assert_eq!(faults(accepted), [""; 0], "{accepted}");
        }
        let refused = [
            "output.mode: there are no partitions without `partitionBy`; `overwrite` replaces the whole table",
        ];
        assert_eq!(faults("{ mode: overwrite-partitions }"), refused);
        assert_eq!(faults("{ mode: overwrite-partitions, partitionBy: [] }"), refused);
        assert_eq!(
            faults("{ mode: upsert }"),
            [
                "output.mode: `upsert` is not allowed; allowed: append, overwrite, overwrite-partitions"
            ]
        );
    }

    #[test]
    fn partitions_have_names_that_stores_have_room_for() {
        let faults = |names: &[String]| {
            let named = |name: &String| serde_json::json!({ "name": name });
            let fields: Vec<_> = names.iter().chain([&"rest".to_owned()]).map(named).collect();
            let document = serde_json::json!({ "name": "t", "schema": { "fields": fields }, "output": { "partitionBy": names } });
            let contract = Contract::parse(&document.to_string());
            contract.map_or_else(
                |faults| faults.iter().map(ToString::to_string).collect(),
                |_| Vec::new(),
            )
        };
        assert_eq!(faults(&["x".repeat(228), "ü b%".to_owned()]), [""; 0]);
        assert_eq!(
            faults(&["x".repeat(229), "a/b".to_owned(), "\0".to_owned()]),
            [
                "output.partitionBy[0]: its folder of nulls would have 256 bytes, and a name can have 255",
                "output.partitionBy[1]: has a slash or a control character, which the name of a folder can't have",
                "output.partitionBy[2]: has a slash or a control character, which the name of a folder can't have",
            ]
        );
        let many = |last: usize| {
            ["a", "b", "c"]
                .map(|name| name.repeat(200))
                .into_iter()
                .chain(["d".repeat(last)])
                .collect::<Vec<_>>()
        };
        assert_eq!(faults(&many(138)), [""; 0]);
        assert_eq!(
            faults(&many(139)),
            [
                "output.partitionBy: the folders of the shortest values would have 751 bytes, and keys leave 750 to them"
            ]
        );
    }

    #[test]
    fn a_file_has_a_sensible_size() {
        for accepted in [
            "{ fileSize: 1MiB }",
            "{ fileSize: 1 GiB, format: csv }",
            "{ fileSize: 1048576 }",
            "{ fileSize: '64MB' }",
        ] {
            assert_eq!(faults(accepted), [""; 0], "{accepted}");
        }
        for refused in ["1kB", "0", "2GiB", "1073741825", "big", "-1", "1.5"] {
            let expected = format!(
                "output.fileSize: `{refused}` is not allowed; allowed: a size from 1MiB to 1GiB, such as 128MiB"
            );
            assert_eq!(faults(&format!("{{ fileSize: {refused} }}")), [expected]);
        }
        assert_eq!(
            faults("{ fileSize: [1] }"),
            ["output.fileSize: expected a single value, found a list"]
        );
        let contract = |output: &str| {
            Contract::parse(&format!(
                "name: t\nschema: {{ fields: [{{ name: a }}] }}\noutput: {output}\n"
            ))
        };
        let size = |output: &str| contract(output).map(|contract| contract.output.file_size).ok();
        assert_eq!((size("{}"), size("{ fileSize: 2MiB }")), (Some(128 << 20), Some(2 << 20)));
    }

    #[test]
    fn a_format_has_its_own_compressions() {
        for accepted in [
            "{ format: parquet, compression: lz4_raw }",
            "{ format: csv, compression: gzip, lineage: true, partitionBy: [kind], mode: overwrite-partitions }",
            "{ format: jsonl, compression: zstd }",
            "{ format: jsonl, compression: none }",
        ] {
            assert_eq!(faults(accepted), [""; 0], "{accepted}");
        }
        let text = "output.compression: `snappy` is not allowed; allowed: gzip, zstd, none";
        assert_eq!(faults("{ format: csv, compression: snappy }"), [text]);
        let parquet =
            "output.compression: `gzip` is not allowed; allowed: zstd, snappy, lz4_raw, none";
        assert_eq!(faults("{ compression: gzip }"), [parquet]);
        assert_eq!(
            faults("{ format: orc }"),
            ["output.format: `orc` is not allowed; allowed: parquet, csv, jsonl"]
        );
        assert_eq!(
            faults("{ format: csv, table: delta }"),
            [
                "output.format: is not allowed in a Delta table, whose files are Parquet; allowed: parquet, or `table: landfall`"
            ]
        );
        assert_eq!(
            faults("{ format: jsonl, sortBy: [id], bloomFilters: [id] }"),
            ["bloomFilters", "sortBy"]
                .map(|key| format!("output.{key}: is not allowed here; allowed: with `format: parquet`, which alone has room for it"))
        );
    }

    #[test]
    fn formulas_are_guarded_against_where_spreadsheets_read() {
        for accepted in
            ["{ format: csv, formulaGuard: true }", "{ formulaGuard: false }", "{ format: csv }"]
        {
            assert_eq!(faults(accepted), [""; 0], "{accepted}");
        }
        let refused = [
            "output.formulaGuard: is not allowed here; allowed: with `format: csv`, which spreadsheets open",
        ];
        assert_eq!(faults("{ formulaGuard: true }"), refused);
        assert_eq!(faults("{ format: jsonl, formulaGuard: true }"), refused);
    }

    #[test]
    fn columns_are_sorted_and_looked_up_where_files_have_them() {
        for accepted in [
            "{ sortBy: [kind, { field: id, order: desc }] }",
            "{ sortBy: [{ field: id }], bloomFilters: [id, kind] }",
        ] {
            assert_eq!(faults(accepted), [""; 0], "{accepted}");
        }
        assert_eq!(
            faults(
                "{ partitionBy: [kind], sortBy: [kind, { field: id, order: up }, id, { order: asc }, [id]], bloomFilters: [id, x, id, kind] }"
            ),
            [
                "output.bloomFilters[1]: `x` is not a field of the schema; allowed: id, kind",
                "output.bloomFilters[2]: `id` is listed twice",
                "output.bloomFilters[3]: `kind` names folders, so all rows of a file have the same value",
                "output.sortBy[0]: `kind` names folders, so all rows of a file have the same value",
                "output.sortBy[1].order: `up` is not allowed; allowed: asc, desc",
                "output.sortBy[2]: `id` is listed twice",
                "output.sortBy[3].field: is missing",
                "output.sortBy[4]: expected a single value, found a list",
            ]
        );
        let flags = "name: t\nschema: { fields: [{ name: a, type: boolean }, { name: b }] }\ntransform: { drop: [b] }\noutput: { bloomFilters: [a], sortBy: [b] }";
        let faults: Vec<String> =
            Contract::parse(flags).expect_err("faults").iter().map(ToString::to_string).collect();
        assert_eq!(
            faults,
            [
                "output.bloomFilters[0]: `a` is a boolean; a filter of two values rules nothing out",
                "output.sortBy[0]: `b` is dropped"
            ]
        );
    }
}
