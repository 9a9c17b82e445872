//! Checks names of columns: readers must be able to tell them apart, and to read them back from the
//! name of a folder.

use std::collections::HashMap;

use job::TableFormat;

use super::Contract;
use super::document::{Node, Reading};

/// The columns that `output.lineage` adds.
pub(super) const LINEAGE: [&str; 3] = ["_source", "_line", "_job"];

/// Why readers don't find a column of this name by folders such as `name=value`, if so. PyArrow
/// decodes names of folders; DuckDB and Polars
/// take them as they are.
pub(super) fn why_no_folder(name: &str, table: TableFormat) -> Option<String> {
    if name.contains(|c: char| c == '/' || c.is_control()) {
        return Some(
            "has a slash or a control character, which the name of a folder can't have".to_owned(),
        );
    }
    // Readers of a log know folders from it.
    if table != TableFormat::Landfall {
        return None;
    }
    if name.starts_with(['_', '.']) {
        return Some(format!(
            "`{name}` begins with a `{}`, and readers such as PyArrow pass over such folders",
            &name[..1]
        ));
    }
    let encoded = name
        .as_bytes()
        .windows(3)
        .find(|at| at[0] == b'%' && at[1..].iter().all(u8::is_ascii_hexdigit));
    let (found, why) = match name.find(['=', '?', '*', '[', '\\']).map(|at| &name[at..=at]) {
        Some("=") => ("=".to_owned(), "at which readers end the name of a folder's column"),
        Some("\\") => ("\\".to_owned(), "which readers take for a slash"),
        Some(other) => (other.to_owned(), "which readers take for a pattern of names"),
        None => (
            encoded.map(String::from_utf8_lossy)?.into_owned(),
            "which readers such as PyArrow decode",
        ),
    };
    Some(format!("`{name}` has a `{found}`, {why}; a column derived under another name would do"))
}

/// The nodes of columns, by their names.
struct Columns<'v>(HashMap<String, (Node<'v>, Node<'v>)>);

impl<'v> Columns<'v> {
    /// `root` is the contract's.
    fn of(root: &Node<'v>) -> Self {
        let items = |node: Option<Node<'v>>| node.map_or_else(Vec::new, |node| node.items());
        let at =
            |block: &str, key: &str| items(root.child(block).and_then(|block| block.child(key)));
        let named = at("schema", "fields").into_iter().chain(at("transform", "derive"));
        let named = named.filter_map(|item| Some((item.child("name")?, item)));
        let joined =
            at("transform", "join").into_iter().flat_map(|join| items(join.child("columns")));
        let joined = joined.filter_map(|item| {
            let name = if item.is_object() {
                item.child("as").or_else(|| item.child("column"))?
            } else {
                item.clone()
            };
            Some((name, item))
        });
        Self(
            named
                .chain(joined)
                .filter_map(|(name, item)| Some((name.characters()?.to_owned(), (item, name))))
                .collect(),
        )
    }
}

impl Contract {
    /// Tells of stored columns that can't stand beside each other. `root` is the contract's
    /// document.
    pub(super) fn check_names(&self, root: &Node<'_>, reading: &mut Reading) {
        let stored: Vec<&str> = self.stored().map(|column| column.name).collect();
        let folded = |name: &str| {
            if self.schema.case_sensitive { name.to_owned() } else { name.to_lowercase() }
        };
        let mut faults = Vec::new();
        if self.output.lineage {
            let added = |name: &str| LINEAGE.contains(&folded(name).as_str());
            faults.extend(stored.iter().copied().filter(|name| added(name)).map(|name| {
                (
                    name,
                    format!("`{name}` is a column that `output.lineage: true` adds; leave that out, or store this one under another name"),
                )
            }));
        }
        // A table of Delta has a word of its own for it.
        let mut alike = HashMap::new();
        for name in stored.iter().filter(|_| self.output.table == TableFormat::Landfall) {
            let Some(other) =
                alike.insert(name.to_lowercase(), *name).filter(|other| other != name)
            else {
                continue;
            };
            if !self.schema.case_sensitive {
                let message = format!(
                    "`{name}` differs from `{other}` in case only: DuckDB, Spark, Athena and others take both for one \
                     column; drop one of them, or say `caseSensitive: true` in the schema"
                );
                faults.push((*name, message));
            } else if let Some(partition) = self
                .output
                .partition_by
                .iter()
                .find(|partition| *partition == name || *partition == other)
            {
                let list = root.child("output").and_then(|output| output.child("partitionBy"));
                let place = list.unwrap_or_else(|| root.clone());
                let message = format!(
                    "`{partition}` names folders, and differs from another column in case only: DuckDB takes \
                     the folder's value for both"
                );
                place.fault(reading, message);
            }
        }
        if faults.is_empty() {
            return;
        }
        let Columns(nodes) = Columns::of(root);
        for (name, message) in faults {
            nodes.get(name).map_or(root, |(_, node)| node).fault(reading, message);
        }
    }

    /// Tells of stored columns, each by its name, what is wrong with them.
    pub(super) fn report_columns(
        root: &Node<'_>,
        faults: Vec<(&str, String)>,
        reading: &mut Reading,
    ) {
        let Columns(nodes) =
            if faults.is_empty() { Columns(HashMap::new()) } else { Columns::of(root) };
        for (name, message) in faults {
            nodes.get(name).map_or(root, |(item, _)| item).fault(reading, message);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::Contract;

    fn faults(fields: &str, more: &str) -> Vec<String> {
        let contract = Contract::parse(&format!("name: t\nschema: {{ {fields} }}\n{more}\n"));
        contract.err().unwrap_or_default().iter().map(ToString::to_string).collect()
    }

    const ALIKE: &str = "differs from `id` in case only: DuckDB, Spark, Athena and others take both for one \
        column; drop one of them, or say `caseSensitive: true` in the schema";

    #[test]
    fn names_differ_in_more_than_their_case() {
        let fields = "fields: [{ name: id }, { name: Id }, { name: x }]";
        assert_eq!(faults(fields, ""), [format!("schema.fields[1].name: `Id` {ALIKE}")]);
        assert_eq!(faults(&format!("caseSensitive: true, {fields}"), ""), [""; 0]);
        assert_eq!(faults(fields, "transform: { drop: [Id] }"), [""; 0]);
        let one = "fields: [{ name: id }, { name: x }]";
        assert_eq!(
            faults(one, "transform: { derive: [{ name: ID, sql: x }] }"),
            [format!("transform.derive[0].name: `ID` {ALIKE}")]
        );
        assert_eq!(
            faults(one, "transform: { derive: [{ name: ID, sql: id }], drop: [id] }"),
            [""; 0]
        );
        let join = "transform: { join: [{ object: a.csv, fields: [{ name: x }, { name: b }], on: [x], columns: [{ column: b, as: ID }] }] }";
        assert_eq!(faults(one, join), [format!("transform.join[0].columns[0].as: `ID` {ALIKE}")]);
        let greek = faults("fields: [{ name: \u{e9} }, { name: \u{c9} }]", "");
        assert_eq!(greek.len(), 1, "{greek:?}");
    }

    #[test]
    fn no_folder_is_named_by_one_of_two_that_differ_in_case() {
        let fields = "caseSensitive: true, fields: [{ name: id }, { name: Id }, { name: x }]";
        let expected = [
            "output.partitionBy: `Id` names folders, and differs from another column in case only: DuckDB takes the folder's value for both",
        ];
        assert_eq!(faults(fields, "output: { partitionBy: [Id] }"), expected);
        assert_eq!(faults(fields, "output: { partitionBy: [x] }"), [""; 0]);
        let delta = faults(fields, "output: { table: delta }");
        assert_eq!(
            delta,
            [
                "schema.fields[1]: `Id` is the same as `id` to Delta, which does not tell upper from lower case"
            ]
        );
    }

    #[test]
    fn lineage_has_its_names_where_it_is_on() {
        let fields = "fields: [{ name: _line }, { name: _Job }, { name: x }]";
        assert_eq!(faults(fields, ""), [""; 0]);
        let added = "is a column that `output.lineage: true` adds; leave that out, or store this one under another name";
        assert_eq!(
            faults(fields, "output: { lineage: true }"),
            [
                format!("schema.fields[0].name: `_line` {added}"),
                format!("schema.fields[1].name: `_Job` {added}")
            ]
        );
        assert_eq!(
            faults(fields, "transform: { drop: [_line, _Job] }\noutput: { lineage: true }"),
            [""; 0]
        );
        let derived = "transform: { derive: [{ name: _source, sql: x }] }";
        assert_eq!(faults("fields: [{ name: x }]", derived), [""; 0]);
        assert_eq!(
            faults("fields: [{ name: x }]", &format!("{derived}\noutput: {{ lineage: true }}"))
                .len(),
            1
        );
    }

    #[test]
    fn folders_have_names_that_readers_take_back() {
        let told = |name: &str, table: &str| {
            let name = format!("{name:?}");
            faults(
                &format!("fields: [{{ name: {name} }}, {{ name: x }}]"),
                &format!("output: {{ partitionBy: [{name}]{table} }}"),
            )
        };
        for name in
            ["Order Day", "Gr\u{f6}\u{df}e", "a%b", "a.b", "a-b", "a#b", "a:b", "a]b", "50%", "~a"]
        {
            assert_eq!(told(name, ""), [""; 0], "{name}");
        }
        for (name, found) in [
            ("a=b", "has a `=`"),
            ("a?b", "has a `?`"),
            ("a*b", "has a `*`"),
            ("a[b", "has a `[`"),
            ("a\\b", "has a `\\`"),
            ("a%20b", "has a `%20`"),
            ("_a", "begins with a `_`"),
            (".a", "begins with a `.`"),
        ] {
            let faults = told(name, "");
            assert!(
                faults.len() == 1
                    && faults[0].starts_with(&format!("output.partitionBy[0]: `{name}` {found}")),
                "{faults:?}"
            );
        }
        assert_eq!(told("_a", ", table: delta"), [""; 0]);
    }
}
