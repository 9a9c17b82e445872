//! Reads transforms: which records are kept, and what is derived from them.

use arrow_schema::DataType as ArrowType;
use row_sql::{Column, Expression};

use super::document::{Node, Reading};
use super::{Contract, Join, Schema};
use crate::mask::Mask;

/// Names that a fault lists, at most.
const SHOWN: usize = 40;

/// What becomes of records. Tables are looked up first; then comes `where`, then what is derived,
/// in order, then masks; drops come last.
#[derive(Debug, Clone, Default)]
pub struct Transform {
    /// Tables that are looked up, in order. Their columns come after those of the schema.
    pub join: Vec<Join>,
    /// Records for which it is not true are filtered.
    pub filter: Option<Expression>,
    /// Columns after those.
    pub derive: Vec<Derived>,
    /// Columns whose values do not leave as they are.
    pub mask: Vec<Masked>,
    /// Fields and derived columns that are not stored, by name.
    pub drop: Vec<String>,
}

/// A column that is derived.
#[derive(Debug, Clone)]
pub struct Derived {
    /// Its name.
    pub name: String,
    /// What it holds. It may name fields, joined columns, and columns that are derived earlier.
    pub expression: Expression,
}

/// A column that is masked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Masked {
    /// Its [position](Stored::index).
    pub index: usize,
    /// What becomes of its values.
    pub with: Mask,
}

/// A column that is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored<'a> {
    /// Its position among the fields of the schema, after them the joined columns, and after those
    /// the derived ones.
    pub index: usize,
    /// Its name.
    pub name: &'a str,
    /// Its type.
    pub data_type: ArrowType,
    /// Whether it may be null.
    pub nullable: bool,
}

impl Transform {
    /// Reads the block; answers it with all columns there are.
    pub(super) fn read(
        node: Option<&Node<'_>>,
        schema: Option<&Schema>,
        reading: &mut Reading,
    ) -> (Self, Vec<Column>) {
        let fields = schema.map_or(&[][..], |schema| &schema.fields);
        let columns = fields
            .iter()
            .map(|field| Column { name: field.name.clone(), data_type: field.data_type.arrow() });
        let (mut columns, mut transform) = (columns.collect::<Vec<_>>(), Self::default());
        let Some(node) = node
            .and_then(|node| node.object(reading, &["join", "where", "derive", "mask", "drop"]))
        else {
            return (transform, columns);
        };
        // Without a schema, every name would be a fault.
        if schema.is_none() {
            return (transform, columns);
        }
        for node in node.get("join").map_or_else(Vec::new, |list| list.list(reading)) {
            let Some(join) = Join::read(&node, &columns, reading) else { continue };
            let added =
                join.columns.iter().map(|joined| (joined, &join.schema.fields[joined.column]));
            columns.extend(added.map(|(joined, field)| Column {
                name: joined.name.clone(),
                data_type: field.data_type.arrow(),
            }));
            transform.join.push(join);
        }
        transform.filter = node.get("where").and_then(|node| read_filter(&node, &columns, reading));
        for node in node.get("derive").map_or_else(Vec::new, |list| list.list(reading)) {
            let Some(derived) = Derived::read(&node, &columns, reading) else { continue };
            columns.push(Column {
                name: derived.name.clone(),
                data_type: derived.expression.data_type().clone(),
            });
            transform.derive.push(derived);
        }
        for node in node.get("mask").map_or_else(Vec::new, |list| list.list(reading)) {
            let Some(masked) = Masked::read(&node, &columns, &transform.mask, schema, reading)
            else {
                continue;
            };
            transform.mask.push(masked);
        }
        // Only now: what is masked is derived from as it was.
        transform.mask.iter().for_each(|masked| columns[masked.index].data_type = ArrowType::Utf8);
        if let Some(list) = node.get("drop") {
            transform.drop = list.texts(reading);
            for (index, name) in transform.drop.iter().enumerate() {
                if columns.iter().all(|column| column.name != *name) {
                    let message = unknown_column(&columns, name, reading);
                    list.item(index).fault(reading, message);
                }
            }
            if columns.iter().all(|column| transform.drop.contains(&column.name)) {
                list.fault(reading, "drops every field".to_owned());
            }
        }
        (transform, columns)
    }

    /// How many columns are joined.
    pub fn joined(&self) -> usize {
        self.join.iter().map(|join| join.columns.len()).sum()
    }
}

impl Derived {
    fn read(node: &Node<'_>, columns: &[Column], reading: &mut Reading) -> Option<Self> {
        let object = node.object(reading, &["name", "sql", "title", "description"])?;
        let name = object.required(reading, "name").and_then(|node| {
            let name = node.text(reading)?;
            if name.is_empty() {
                node.fault(reading, "is empty".to_owned());
            }
            if columns.iter().any(|column| column.name == name) {
                node.fault(reading, format!("`{name}` is the name of another column already"));
            }
            Some(name.to_owned())
        });
        let expression = object.required(reading, "sql").and_then(|node| {
            let expression = read_expression(&node, columns, reading)?;
            if *expression.data_type() == ArrowType::Null {
                node.fault(
                    reading,
                    "is always null; write CAST(NULL AS …) to give it a type".to_owned(),
                );
                return None;
            }
            Some(expression)
        });
        Some(Self { name: name?, expression: expression? })
    }
}

impl Masked {
    fn read(
        node: &Node<'_>,
        columns: &[Column],
        earlier: &[Self],
        schema: Option<&Schema>,
        reading: &mut Reading,
    ) -> Option<Self> {
        let object = node.object(reading, &["field", "with"])?;
        let with =
            object.required(reading, "with").and_then(|node| node.choice(reading, &Mask::CHOICES));
        let node = object.required(reading, "field")?;
        let name = node.text(reading)?;
        let Some(index) = columns.iter().position(|column| column.name == name) else {
            let message = unknown_column(columns, name, reading);
            node.fault(reading, message);
            return None;
        };
        if earlier.iter().any(|masked| masked.index == index) {
            node.fault(reading, format!("`{name}` is masked already"));
        }
        let is_key =
            schema.is_some_and(|schema| schema.keys.iter().any(|key| key.fields.contains(&index)));
        if is_key && with.is_some_and(|with| with != Mask::Sha256) {
            node.fault(
                reading,
                format!(
                    "`{name}` is part of a key, whose values have to be told apart; allowed: sha256"
                ),
            );
        }
        Some(Self { index, with: with? })
    }
}

impl Contract {
    /// The types of all expressions, in the order in which [`parse`](Self::parse) reads them, as
    /// Arrow writes types: what [`parse_settled`](Self::parse_settled) needs.
    pub fn expression_types(&self) -> Vec<String> {
        let derived = self.transform.derive.iter().map(|derived| &derived.expression);
        let all = self.transform.filter.iter().chain(derived);
        all.map(|expression| expression.data_type().to_string()).collect()
    }

    /// All columns that are stored, in order: fields of the schema, then joined columns, then
    /// derived ones.
    pub fn stored(&self) -> impl Iterator<Item = Stored<'_>> {
        let fields = self.schema.fields.iter().map(|field| {
            (field.name.as_str(), field.data_type.arrow(), !field.constraints.required)
        });
        let joined = self.transform.join.iter().flat_map(|join| {
            join.columns.iter().map(|joined| {
                (joined.name.as_str(), join.schema.fields[joined.column].data_type.arrow(), true)
            })
        });
        let derived =
            self.transform.derive.iter().map(|derived| {
                (derived.name.as_str(), derived.expression.data_type().clone(), true)
            });
        let all = fields.chain(joined).chain(derived).enumerate();
        let is_masked = |index| self.transform.mask.iter().any(|masked| masked.index == index);
        all.map(move |(index, (name, data_type, nullable))| {
            let data_type = if is_masked(index) { ArrowType::Utf8 } else { data_type };
            Stored { index, name, data_type, nullable }
        })
        .filter(|column| !self.transform.drop.iter().any(|dropped| dropped == column.name))
    }

    /// The name of a column by its position: see [`Stored::index`].
    pub fn column_name(&self, index: usize) -> &str {
        match index.checked_sub(self.schema.fields.len()) {
            None => &self.schema.fields[index].name,
            Some(later) => {
                let joined = self
                    .transform
                    .join
                    .iter()
                    .flat_map(|join| &join.columns)
                    .map(|joined| joined.name.as_str());
                let mut later_names =
                    joined.chain(self.transform.derive.iter().map(|derived| derived.name.as_str()));
                later_names.nth(later).expect("a position is one of a column")
            }
        }
    }
}

/// What is said of a name that no column has.
pub(super) fn unknown_column(columns: &[Column], name: &str, reading: &mut Reading) -> String {
    unknown(columns.iter().map(|column| column.name.as_str()), name, reading)
}

pub(super) fn unknown<'a>(
    names: impl ExactSizeIterator<Item = &'a str> + Clone,
    name: &str,
    reading: &mut Reading,
) -> String {
    let meant = reading.meant(name, names.clone());
    let more = if names.len() > SHOWN { ", …" } else { "" };
    let shown: Vec<_> = names.take(SHOWN).collect();
    format!("`{name}` is not a field of the schema; {meant}allowed: {}{more}", shown.join(", "))
}

fn read_filter(node: &Node<'_>, columns: &[Column], reading: &mut Reading) -> Option<Expression> {
    let expression = read_expression(node, columns, reading)?;
    match expression.data_type() {
        ArrowType::Boolean => Some(expression),
        other => {
            node.fault(
                reading,
                format!("has to be a boolean, and is a {}", row_sql::type_name(other)),
            );
            None
        }
    }
}

fn read_expression(
    node: &Node<'_>,
    columns: &[Column],
    reading: &mut Reading,
) -> Option<Expression> {
    let text = node.text(reading)?;
    let read = reading.expressions.as_mut()?;
    read(text, columns, &reading.patterns)
        .map_err(|flaw| node.fault_within(reading, flaw.at.line, flaw.at.column, flaw.to_string()))
        .ok()
}
