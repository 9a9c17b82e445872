//! Reads joins: which tables are looked up, by which columns, and what they add to a record.

use job::DatasetName;
use job::sources::{REFERENCE_PREFIX, check_key};
use row_sql::{Column, type_name};

use super::document::{Node, Object, Reading};
use super::transform::unknown_column;
use super::{Field, FieldsMatch, Schema};

/// A reference table that is looked up for every record.
#[derive(Debug, Clone)]
pub struct Join {
    /// Where it lies.
    pub reference: Reference,
    /// What of its columns is read, and how. It may have more.
    pub schema: Schema,
    /// What a record and a row of the table have in common.
    pub on: Vec<On>,
    /// What is added to a record.
    pub columns: Vec<Joined>,
    /// What becomes of a record without a row.
    pub unmatched: Unmatched,
}

/// Where a reference table lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// A CSV file with a header, by its key among the references.
    Object(String),
    /// The newest state of another dataset.
    Dataset(DatasetName),
}

/// A pair of values that are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct On {
    /// The [position](super::Stored::index) of the record's field, or of a column that was joined
    /// before.
    pub field: usize,
    /// The position in the schema of the table.
    pub column: usize,
}

/// A column that is added to a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joined {
    /// Its name in the dataset.
    pub name: String,
    /// Its position in the table's schema.
    pub column: usize,
}

/// What becomes of a record that no row of the table goes with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unmatched {
    /// The added columns are null.
    Null,
    /// It is refused.
    Reject,
    /// It is filtered.
    Filter,
}

impl std::fmt::Display for Reference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Object(key) => write!(f, "the reference {key}"),
            Self::Dataset(name) => write!(f, "the dataset {name}"),
        }
    }
}

impl Join {
    /// Reads a join. `columns` are those of the record so far.
    pub(super) fn read(node: &Node<'_>, columns: &[Column], reading: &mut Reading) -> Option<Self> {
        let object = node.object(
            reading,
            &["object", "dataset", "fields", "missingValues", "on", "columns", "how", "unmatched"],
        )?;
        let reference = read_reference(node, &object, reading);
        let fields = read_fields(&object, reading)?;
        let schema = Schema {
            fields,
            fields_match: FieldsMatch::Subset,
            keys: Vec::new(),
            case_sensitive: true,
        };
        let own = |name: &str, node: &Node<'_>, reading: &mut Reading| {
            let position = schema.position(name);
            if position.is_none() {
                let message = schema.unknown_field(name, reading);
                node.fault(reading, message);
            }
            position
        };
        let mut on = Vec::new();
        let list = object.required(reading, "on")?;
        for node in list.list(reading) {
            let (field, column) = read_pair(&node, ["field", "column"], reading)?;
            let Some(position) = columns.iter().position(|known| known.name == field) else {
                let message = unknown_column(columns, field, reading);
                node.fault(reading, message);
                continue;
            };
            let Some(column) = own(column.unwrap_or(field), &node, reading) else { continue };
            let (left, right) =
                (&columns[position].data_type, schema.fields[column].data_type.arrow());
            if *left != right {
                let (left, right) = (type_name(left), type_name(&right));
                let message = format!(
                    "`{field}` is a {left}, and the table's `{}` a {right}: both must have the same type",
                    schema.fields[column].name
                );
                node.fault(reading, message);
            }
            on.push(On { field: position, column });
        }
        if on.is_empty() && list.is_list() {
            list.fault(reading, "at least one field is needed".to_owned());
        }
        let mut added: Vec<Joined> = Vec::new();
        for node in object.required(reading, "columns")?.list(reading) {
            let (column, name) = read_pair(&node, ["column", "as"], reading)?;
            let name = name.unwrap_or(column).to_owned();
            let Some(column) = own(column, &node, reading) else { continue };
            if name.is_empty() {
                node.fault(reading, "is empty".to_owned());
            }
            if columns.iter().any(|known| known.name == name)
                || added.iter().any(|known| known.name == name)
            {
                node.fault(
                    reading,
                    format!("`{name}` is the name of another column already; `{{ column: …, as: … }}` gives it another one"),
                );
            }
            added.push(Joined { name, column });
        }
        let unmatched = read_unmatched(&object, reading);
        Some(Self { reference: reference?, schema, on, columns: added, unmatched })
    }
}

fn read_reference(
    node: &Node<'_>,
    object: &Object<'_>,
    reading: &mut Reading,
) -> Option<Reference> {
    match (object.get("object"), object.get("dataset")) {
        (Some(key), None) => {
            let text = key.text(reading)?;
            if text.is_empty() || text.split('/').any(|part| ["", ".", ".."].contains(&part)) {
                key.fault(
                    reading,
                    format!(
                        "`{text}` is no key of an object, such as airports.csv or geo/airports.csv"
                    ),
                );
            } else if let Err(message) = check_key(&format!("{REFERENCE_PREFIX}{text}")) {
                key.fault(reading, message);
            }
            Some(Reference::Object(text.to_owned()))
        }
        (None, Some(name)) => {
            let text = name.text(reading)?;
            DatasetName::parse(text)
                .map_err(|message| name.fault(reading, message))
                .ok()
                .map(Reference::Dataset)
        }
        _ => {
            node.fault(
                reading,
                "must name its table by either `object` (a CSV file) or `dataset`".to_owned(),
            );
            None
        }
    }
}

/// The fields of the table, in the schema's vocabulary.
fn read_fields(object: &Object<'_>, reading: &mut Reading) -> Option<Vec<Field>> {
    let missing =
        object.get("missingValues").map_or_else(|| vec![String::new()], |node| node.texts(reading));
    let list = object.required(reading, "fields")?;
    let mut fields: Vec<Field> = Vec::new();
    for node in list.list(reading) {
        let Some(field) = Field::read(&node, &missing, reading) else { continue };
        if fields.iter().any(|known| known.name == field.name) {
            node.fault(reading, format!("`{}` is the name of another field already", field.name));
        }
        fields.push(field);
    }
    if fields.is_empty() && list.is_list() {
        list.fault(reading, "at least one field is needed".to_owned());
    }
    Some(fields)
}

/// A name, or two of them in an object of which the second one may be left out.
fn read_pair<'v>(
    node: &Node<'v>,
    keys: [&str; 2],
    reading: &mut Reading,
) -> Option<(&'v str, Option<&'v str>)> {
    if node.is_text() {
        return Some((node.text(reading)?, None));
    }
    let object = node.object(reading, &keys)?;
    let first = object.required(reading, keys[0])?.text(reading)?;
    Some((first, object.get(keys[1]).and_then(|second| second.text(reading))))
}

fn read_unmatched(object: &Object<'_>, reading: &mut Reading) -> Unmatched {
    let is_inner = object
        .get("how")
        .and_then(|how| how.choice(reading, &[("left", false), ("inner", true)]))
        .unwrap_or_default();
    // In YAML, `null` is no text.
    let stated = object.get("unmatched").map(|node| {
        let choice = if node.is_null() {
            None
        } else {
            node.choice(reading, &[("null", Unmatched::Null), ("reject", Unmatched::Reject)])
        };
        (node, choice.unwrap_or(Unmatched::Null))
    });
    match stated {
        Some((node, _)) if is_inner => {
            node.fault(
                reading,
                "an inner join filters what is unmatched; leave one of the two out".to_owned(),
            );
            Unmatched::Filter
        }
        Some((_, unmatched)) => unmatched,
        None if is_inner => Unmatched::Filter,
        None => Unmatched::Null,
    }
}
