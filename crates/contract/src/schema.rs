//! Reads the fields of a dataset, and matches a header with them.

use wording::quote;

use super::document::{Node, Reading};
use super::drift::Difference;
use super::labels::{bare, unique_names};
use super::transform::unknown;
use super::{Constraints, DataType, Drift, Key, TextFormat, properties};
use crate::limits::COLUMNS;

/// The fields of a dataset.
#[derive(Debug, Clone)]
pub struct Schema {
    /// In order; names are unique.
    pub fields: Vec<Field>,
    /// How a header must match.
    pub fields_match: FieldsMatch,
    /// What no two records may have in common.
    pub keys: Vec<Key>,
    /// Whether the names of two stored columns may differ in case only. Most readers take them for
    /// one column.
    pub case_sensitive: bool,
}

/// One field.
#[derive(Debug, Clone)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// Its type.
    pub data_type: DataType,
    /// What stands for no value.
    pub missing_values: Vec<String>,
    /// What a value must fulfil.
    pub constraints: Constraints,
}

/// The drift policy (Data Package 2.0): how the header of a source must match the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldsMatch {
    /// The same names in the same order.
    Exact,
    /// The same names in any order.
    Equal,
    /// The source has all fields of the schema, and may have more.
    Subset,
    /// The source has no other fields than those of the schema, and may lack some.
    Superset,
    /// The source has at least one field of the schema.
    Partial,
}

/// Which column of the source each field of the schema is read from.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Mapping {
    /// Columns of the source.
    pub columns: u32,
    /// Names of the columns of the source, as its header gives them.
    pub header: Vec<String>,
    /// For each field of the schema its column in the source, from 0; `None` when the source lacks
    /// it.
    pub fields: Vec<Option<u32>>,
}

impl FieldsMatch {
    pub(super) const CHOICES: [(&'static str, Self); 5] = [
        ("exact", Self::Exact),
        ("equal", Self::Equal),
        ("subset", Self::Subset),
        ("superset", Self::Superset),
        ("partial", Self::Partial),
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Exact => "fieldsMatch: exact",
            Self::Equal => "fieldsMatch: equal",
            Self::Subset => "fieldsMatch: subset",
            Self::Superset => "fieldsMatch: superset",
            Self::Partial => "fieldsMatch: partial",
        }
    }
}

impl Schema {
    pub(super) fn read(node: &Node<'_>, reading: &mut Reading) -> Option<Self> {
        let allowed = [
            "$schema",
            "name",
            "title",
            "description",
            "fields",
            "fieldsMatch",
            "missingValues",
            "primaryKey",
            "uniqueKeys",
            "foreignKeys",
            "caseSensitive",
        ];
        let object = node.object(reading, &allowed)?;
        if let Some(n) = object.get("foreignKeys") {
            n.fault(reading, "`foreignKeys` is not supported yet".to_owned());
        }
        let fields_match = match object.get("fieldsMatch") {
            // Data Package 2.0 writes it as a list of one.
            Some(n) if n.is_list() => {
                n.list(reading).first().and_then(|n| n.choice(reading, &FieldsMatch::CHOICES))
            }
            Some(n) => n.choice(reading, &FieldsMatch::CHOICES),
            None => None,
        };
        let missing_values =
            object.get("missingValues").map_or_else(|| vec![String::new()], |n| n.texts(reading));
        let list = object.required(reading, "fields")?;
        let nodes = list.list(reading);
        if nodes.is_empty() || nodes.len() > COLUMNS {
            list.fault(reading, format!("has {} fields; 1 to {COLUMNS} are allowed", nodes.len()));
        }
        let mut seen = std::collections::HashMap::new();
        let mut fields = Vec::with_capacity(nodes.len());
        for (index, node) in nodes.iter().enumerate() {
            let Some(field) = Field::read(node, &missing_values, reading) else { continue };
            if let Some(first) = seen.insert(field.name.clone(), index) {
                node.fault(
                    reading,
                    format!("`{}` is the name of fields[{first}] already", field.name),
                );
            }
            fields.push(field);
        }
        let case_sensitive =
            object.get("caseSensitive").and_then(|n| n.boolean(reading)).unwrap_or(false);
        let mut schema = Self {
            fields,
            fields_match: fields_match.unwrap_or(FieldsMatch::Exact),
            keys: Vec::new(),
            case_sensitive,
        };
        schema.keys = Key::read_all(&object, &mut schema, reading);
        Some(schema)
    }

    /// The position of a field.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|field| field.name == name)
    }

    pub(super) fn unknown_field(&self, name: &str, reading: &mut Reading) -> String {
        unknown(self.fields.iter().map(|field| field.name.as_str()), name, reading)
    }

    /// Matches the header of a source, whose columns have the names of [`unique_names`].
    pub fn match_header(&self, header: &[String]) -> Result<Mapping, Drift> {
        let known: std::collections::HashSet<_> =
            self.fields.iter().map(|field| field.name.as_str()).collect();
        let names = unique_names(header);
        let mut differences = Vec::new();
        for (index, (label, name)) in header.iter().map(|label| bare(label)).zip(&names).enumerate()
        {
            // Which of the two is meant is no guess to be made, unless the contract has both.
            if label != name && known.contains(label) && !known.contains(name.as_str()) {
                let first = names.iter().position(|name| name == label).unwrap_or_default();
                let [first, second] = [first, index].map(|index| index as u32);
                differences.push(Difference::Duplicate { field: label.to_owned(), first, second });
            }
        }
        let columns: std::collections::HashMap<_, _> =
            names.iter().enumerate().map(|(index, name)| (name.as_str(), index as u32)).collect();
        let fields: Vec<_> =
            self.fields.iter().map(|field| columns.get(field.name.as_str()).copied()).collect();
        self.compare(header, &names, &fields, &mut differences);
        if differences.is_empty() {
            Ok(Mapping { columns: header.len() as u32, header: header.to_vec(), fields })
        } else {
            Err(Drift::new(self.fields_match.name(), differences))
        }
    }

    /// Matches a source without a header: its columns are the fields, in order.
    pub fn match_positions(&self) -> Mapping {
        let names = self.fields.iter().map(|field| field.name.clone()).collect();
        Mapping {
            columns: self.fields.len() as u32,
            header: names,
            fields: (0..self.fields.len() as u32).map(Some).collect(),
        }
    }

    fn compare(
        &self,
        labels: &[String],
        names: &[String],
        fields: &[Option<u32>],
        differences: &mut Vec<Difference>,
    ) {
        let policy = self.fields_match;
        for (field, column) in self.fields.iter().zip(fields) {
            let optional = matches!(policy, FieldsMatch::Superset | FieldsMatch::Partial);
            if column.is_none() && (!optional || field.constraints.required) {
                differences
                    .push(Difference::Missing { field: field.name.clone(), is_required: optional });
            }
        }
        if matches!(policy, FieldsMatch::Exact | FieldsMatch::Equal | FieldsMatch::Superset) {
            let known: std::collections::HashSet<_> =
                self.fields.iter().map(|field| field.name.as_str()).collect();
            // A column with the label of a field is told already.
            let is_unknown = |(label, name): (&String, &String)| {
                !known.contains(name.as_str()) && !known.contains(bare(label))
            };
            let unknown =
                labels.iter().zip(names).enumerate().filter(|(_, column)| is_unknown(*column));
            differences
                .extend(unknown.map(|(index, _)| Difference::Extra { column: index as u32 }));
        }
        if policy == FieldsMatch::Exact && differences.is_empty() {
            let misplaced =
                fields.iter().enumerate().find(|(index, column)| **column != Some(*index as u32));
            if let Some((index, Some(column))) = misplaced {
                let field = self.fields[index].name.clone();
                differences.push(Difference::Misplaced {
                    field,
                    column: *column,
                    wanted: index as u32,
                });
            }
        }
        if policy == FieldsMatch::Partial && fields.iter().all(Option::is_none) {
            differences.push(Difference::Nothing);
        }
    }
}

impl Field {
    pub(super) fn read(
        node: &Node<'_>,
        missing_values: &[String],
        reading: &mut Reading,
    ) -> Option<Self> {
        let object = node.object(reading, &properties::PROPERTIES)?;
        let name = object.required(reading, "name").and_then(|n| {
            let text = n.text(reading)?;
            if bare(text).is_empty() {
                n.fault(reading, "is empty".to_owned());
            } else if bare(text) != text {
                n.fault(
                    reading,
                    format!(
                        "has spaces around it, which columns are matched without: write {}",
                        quote(bare(text))
                    ),
                );
            }
            Some(text.to_owned())
        });
        let data_type = DataType::read(&object, reading);
        let missing_values = object
            .get("missingValues")
            .map_or_else(|| missing_values.to_vec(), |n| n.texts(reading));
        let data_type = data_type?;
        let mut constraints = object
            .get("constraints")
            .map_or_else(Constraints::default, |n| Constraints::read(&n, &data_type, reading));
        if let (DataType::String, Some(n)) = (&data_type, object.get("format")) {
            constraints.format = TextFormat::read(&n, reading);
        }
        constraints.check_allowed(object.get("constraints"), reading);
        Some(Self { name: name?, data_type, missing_values, constraints })
    }
}
