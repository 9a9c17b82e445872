//! Reads keys: the fields that no two records of a job may have in common.

use super::Schema;
use super::document::{Node, Object, Reading};
use crate::rejects::ErrorName;

/// Fields of which no two records of a job may have the same values. A record that lacks one of the
/// values has no such key, and nothing in common with any other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Why it is one.
    pub rule: KeyRule,
    /// Positions of the fields in the schema; at least one.
    pub fields: Vec<usize>,
}

/// What of the contract makes fields a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyRule {
    /// `schema.primaryKey`: its fields are required, too.
    PrimaryKey,
    /// An entry of `schema.uniqueKeys` (Data Package 2.0).
    UniqueKeys,
    /// `constraints.unique` of a field.
    Unique,
}

impl KeyRule {
    /// The rule as the contract and the errors name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::PrimaryKey => "primaryKey",
            Self::UniqueKeys => "uniqueKeys",
            Self::Unique => "unique",
        }
    }

    /// The error of a record that breaks it.
    pub fn error(self) -> ErrorName {
        match self {
            Self::PrimaryKey => ErrorName::PrimaryKey,
            Self::UniqueKeys | Self::Unique => ErrorName::Unique,
        }
    }
}

impl Key {
    /// The keys of a schema whose fields are read: the primary key, then the unique keys, then the
    /// unique fields. A key that stands there already is not added again. The fields of the primary
    /// key become required.
    pub(super) fn read_all(
        object: &Object<'_>,
        schema: &mut Schema,
        reading: &mut Reading,
    ) -> Vec<Self> {
        let mut keys: Vec<Self> = Vec::new();
        let mut add = |rule, fields: Vec<usize>| {
            if !fields.is_empty() && keys.iter().all(|key| key.fields != fields) {
                keys.push(Self { rule, fields });
            }
        };
        if let Some(node) = object.get("primaryKey") {
            let fields = read_fields(&node, schema, reading);
            fields.iter().for_each(|field| schema.fields[*field].constraints.required = true);
            add(KeyRule::PrimaryKey, fields);
        }
        if let Some(list) = object.get("uniqueKeys") {
            list.list(reading)
                .iter()
                .for_each(|node| add(KeyRule::UniqueKeys, read_fields(node, schema, reading)));
        }
        let unique = schema.fields.iter().enumerate().filter(|(_, field)| field.constraints.unique);
        unique.for_each(|(index, _)| add(KeyRule::Unique, vec![index]));
        keys
    }
}

/// The fields that a key names: a list, or the name of the only one.
fn read_fields(node: &Node<'_>, schema: &Schema, reading: &mut Reading) -> Vec<usize> {
    let nodes = if node.is_list() { node.list(reading) } else { vec![node.clone()] };
    if nodes.is_empty() {
        node.fault(reading, "names no field; a key has at least one".to_owned());
    }
    let mut fields = Vec::with_capacity(nodes.len());
    for node in nodes {
        let Some(name) = node.text(reading) else { continue };
        match schema.position(name) {
            None => {
                let message = schema.unknown_field(name, reading);
                node.fault(reading, message);
            }
            Some(field) if fields.contains(&field) => {
                node.fault(reading, format!("`{name}` is listed twice"))
            }
            Some(field) => fields.push(field),
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use crate::{Contract, KeyRule};

    /// The keys of a schema of the fields `a`, `b` and `c`, or its faults.
    fn check(schema: &str, of_b: &str, expected: Result<&[(KeyRule, &[usize])], &[&str]>) {
        let text = format!(
            "name: x\nschema: {{ {schema}, fields: [ {{ name: a }}, {{ name: b, constraints: {{ {of_b} }} }}, {{ name: c }} ] }}"
        );
        match (Contract::parse(&text), expected) {
            (Ok(contract), Ok(expected)) => {
                let keys: Vec<_> = contract
                    .schema
                    .keys
                    .iter()
                    .map(|key| (key.rule, key.fields.as_slice()))
                    .collect();
                assert_eq!(keys, expected, "{schema}");
            }
            (Err(faults), Err(expected)) => assert_eq!(
                faults.iter().map(ToString::to_string).collect::<Vec<_>>(),
                expected,
                "{schema}"
            ),
            (parsed, _) => panic!("{schema}: {parsed:?}"),
        }
    }

    #[test]
    fn keys_are_told_in_order_and_once() {
        check("primaryKey: a", "", Ok(&[(KeyRule::PrimaryKey, &[0])]));
        check(
            "primaryKey: [c, a]",
            "unique: true",
            Ok(&[(KeyRule::PrimaryKey, &[2, 0]), (KeyRule::Unique, &[1])]),
        );
        let rest: &[(KeyRule, &[usize])] =
            &[(KeyRule::UniqueKeys, &[0, 1]), (KeyRule::UniqueKeys, &[1])];
        check("uniqueKeys: [[a, b], b]", "unique: true", Ok(rest));
        check("primaryKey: b", "unique: true", Ok(&[(KeyRule::PrimaryKey, &[1])]));
        check("title: x", "unique: false", Ok(&[]));
    }

    #[test]
    fn only_fields_of_the_primary_key_become_required() {
        let contract = Contract::parse(
            "name: x\nschema: { primaryKey: a, uniqueKeys: [[b]], fields: [ { name: a }, { name: b } ] }",
        );
        let required: Vec<bool> = contract
            .expect("it is valid")
            .schema
            .fields
            .iter()
            .map(|field| field.constraints.required)
            .collect();
        assert_eq!(required, [true, false]);
    }

    #[test]
    fn faults_have_their_place() {
        check(
            "primaryKey: d",
            "",
            Err(&["schema.primaryKey: `d` is not a field of the schema; allowed: a, b, c"]),
        );
        check(
            "primaryKey: [a, 1, d, a]",
            "",
            Err(&[
                "schema.primaryKey[1]: `1` is not a field of the schema; allowed: a, b, c",
                "schema.primaryKey[2]: `d` is not a field of the schema; allowed: a, b, c",
                "schema.primaryKey[3]: `a` is listed twice",
            ]),
        );
        check(
            "primaryKey: []",
            "",
            Err(&["schema.primaryKey: names no field; a key has at least one"]),
        );
        check("uniqueKeys: a", "", Err(&["schema.uniqueKeys: expected a list, found text"]));
        check(
            "uniqueKeys: [[a], [b, e]]",
            "",
            Err(&["schema.uniqueKeys[1][1]: `e` is not a field of the schema; allowed: a, b, c"]),
        );
        check(
            "title: x",
            "unique: yes please",
            Err(&["schema.fields[1].constraints.unique: expected true or false, found text"]),
        );
    }
}
