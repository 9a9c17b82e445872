//! Checks that the JSON Schema of contracts and their reader know the same words in the same places.

use std::collections::{BTreeMap, BTreeSet};

use contract::{Contract, Fault, json_schema};
use serde_json::{Map, Value, json};
use xtask::checkout;

use super::sources::{between, text};
use super::validator;

/// A contract with everything that one may have, so that there is an object of each kind.
const WHOLE: &str = r#"
name: whole
title: t
description: t
encoding: utf-8
compression: zip
member: "*.csv"
dialect:
  delimiter: ";"
  quoteChar: '"'
  doubleQuote: true
  escapeChar: null
  excelText: false
  lineTerminator: crlf
  commentChar: null
  skipInitialSpace: false
  trim: false
  header: true
  headerRows: [2, 3]
  headerJoin: " "
  rowNames: false
  unitsRow: false
  repeatedHeader: skip
  skipRows: 1
  footerRows: 0
  nullSequence: \N
  blankRows: skip
  raggedRows: { short: fill, long: cut, trailingDelimiter: ignore }
schema:
  $schema: https://datapackage.org/profiles/2.0/tableschema.json
  name: s
  title: t
  description: t
  fieldsMatch: exact
  missingValues: ["", NA, -999]
  primaryKey: [b, e]
  uniqueKeys: [[b, c], d]
  caseSensitive: false
  fields:
    - { name: a, title: t, description: t, example: x, type: string, physicalType: string, missingValues: [""], format: email,
        constraints: { required: true, unique: true, enum: ["a@b.example"], minLength: 1, maxLength: 20, pattern: ".+" } }
    - { name: b, type: integer, physicalType: int16, format: default, decimalChar: ",", groupChar: ".", grouping: thousands, bareNumber: false,
        affixes: [kg], negatives: [parentheses, DR], percent: written,
        constraints: { required: false, unique: false, enum: [1], minimum: 0, maximum: 5, exclusiveMinimum: -1, exclusiveMaximum: 6 } }
    - { name: c, type: number, physicalType: "decimal(12,2)", percent: divided, constraints: { minimum: 0.5 } }
    - { name: d, type: boolean, physicalType: boolean, trueValues: [yes, 1], falseValues: [no, 0] }
    - { name: e, type: date, physicalType: date32, format: "%d %b %y", locale: de, yearPivot: 30 }
    - { name: f, type: time, physicalType: time32(s), format: "%H:%M:%S" }
    - { name: g, type: datetime, physicalType: timestamp(ms), format: "%d %b %y %H:%M", locale: de, yearPivot: 30, timezone: Europe/Berlin, ambiguous: latest }
transform:
  join:
    - object: lines.csv
      fields: [{ name: code, type: integer, physicalType: int16 }, { name: airline, type: string }]
      missingValues: [""]
      on: [{ field: b, column: code }]
      columns: [{ column: airline, as: line }]
      how: left
      unmatched: null
    - { dataset: others, fields: [{ name: b, type: integer, physicalType: int16 }, { name: more }], on: [b], columns: [more], how: inner }
  where: b > 0
  derive: [{ name: n, sql: b + 1, title: t, description: t }]
  mask: [{ field: a, with: sha256 }]
  drop: [c]
rejects: { limit: 1% }
commit: direct
holdWhen: { rejects: 0.1%, drift: true, rows: [-50%, +100%] }
afterwards: { move: archive/ }
arrivals: { maxFiles: 100, maxBytes: 1MiB, maxSeconds: 60 }
schedule: { cron: 30 6 * * 1-5, timezone: Europe/Berlin, bucket: others, prefix: exports/, glob: "*.csv" }
jobs: { concurrent: 4 }
expect: { every: 24h, rows: 1000.. }
output:
  format: parquet
  table: landfall
  compression: lz4_raw
  partitionBy: [e]
  bloomFilters: [b]
  sortBy: [f, { field: g, order: desc }]
  fileSize: 64MiB
  mode: append
  lineage: true
  formulaGuard: false
"#;

fn whole() -> Value {
    serde_saphyr::from_str(WHOLE).unwrap()
}

fn faults(contract: &Value) -> Vec<Fault> {
    Contract::parse(&contract.to_string()).err().unwrap_or_default()
}

/// The objects of a document by their pointers, each with its path in faults.
fn objects(value: &Value, pointer: &str, path: &str, found: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(members) => {
            found.insert(pointer.to_owned(), path.to_owned());
            for (key, value) in members {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                objects(value, &format!("{pointer}/{key}"), &path, found);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                objects(value, &format!("{pointer}/{index}"), &format!("{path}[{index}]"), found);
            }
        }
        _ => {}
    }
}

/// The part of the schema that says which properties the object at a pointer has.
fn part<'s>(schema: &'s Value, at: &'s Value, pointer: &str) -> Option<&'s Value> {
    if let Some(reference) = at["$ref"].as_str() {
        return part(schema, schema.pointer(reference.trim_start_matches('#')).unwrap(), pointer);
    }
    if let Some(branches) = at["anyOf"].as_array() {
        return branches.iter().find_map(|branch| part(schema, branch, pointer));
    }
    let Some(rest) = pointer.strip_prefix('/') else {
        return at["properties"].is_object().then_some(at);
    };
    let (key, rest) = rest.find('/').map_or((rest, ""), |slash| rest.split_at(slash));
    let next = at["properties"].get(key).or_else(|| at.get("items"))?;
    part(schema, next, rest)
}

#[test]
fn the_schema_is_checked_in() {
    assert!(
        text("docs/reference/contract.schema.json") == format!("{:#}\n", json_schema()),
        "docs/reference/contract.schema.json is not what the code says: run `cargo xtask reference`"
    );
}

#[test]
fn contracts_that_are_read_are_valid() {
    let mut contracts: Vec<(String, Value)> = vec![("whole".to_owned(), whole())];
    let found = faults(&whole());
    assert!(found.is_empty(), "{found:?}");
    for folder in ["testdata", "benches", "docs", "tests"] {
        for file in checkout::files(folder, "yaml") {
            contracts.push((checkout::name(&file), read(&std::fs::read_to_string(&file).unwrap())));
        }
    }
    for page in checkout::files("docs", "md").into_iter().chain(checkout::files("tests", "md")) {
        let page_text = std::fs::read_to_string(&page).unwrap();
        for block in between(&page_text, "```yaml", "\n```") {
            let (_, yaml) = block.split_once('\n').unwrap();
            contracts.push((checkout::name(&page), read(yaml)));
        }
    }
    contracts.retain(|(_, contract)| Contract::parse(&contract.to_string()).is_ok());
    assert!(contracts.len() > 10, "{}", contracts.len());
    let documents: Vec<_> = contracts.iter().map(|(_, contract)| contract.clone()).collect();
    for ((name, contract), fault) in
        contracts.iter().zip(validator::faults(&json_schema(), &documents))
    {
        assert!(fault.is_empty(), "{name}: {fault}: {contract}");
    }
}

fn read(yaml: &str) -> Value {
    serde_saphyr::from_str(yaml).unwrap_or_default()
}

/// In each object, what the reader allows is what the schema describes, and both refuse the rest.
#[test]
fn both_know_the_same_words() {
    let (schema, whole) = (json_schema(), whole());
    let mut places = BTreeMap::new();
    objects(&whole, "", "", &mut places);
    let (mut described, mut wrong) = (BTreeSet::new(), Vec::new());
    for (pointer, path) in &places {
        let part = part(&schema, &schema, pointer)
            .unwrap_or_else(|| panic!("the schema says nothing of {pointer}"));
        let properties = part["properties"].as_object().unwrap();
        described.insert(properties.keys().cloned().collect::<Vec<_>>());
        let mut contract = whole.clone();
        contract.pointer_mut(pointer).unwrap()["unknownWord"] = json!("x");
        let place =
            if path.is_empty() { "unknownWord".to_owned() } else { format!("{path}.unknownWord") };
        let found = faults(&contract);
        let fault = found.iter().find(|fault| fault.path == place);
        let fault = fault.unwrap_or_else(|| panic!("{place} is read: {found:?}"));
        let (_, allowed) = fault.message.split_once("allowed: ").unwrap();
        let allowed: BTreeSet<&str> = allowed.split(", ").collect();
        assert_eq!(allowed, properties.keys().map(String::as_str).collect(), "{pointer}");
        wrong.push(contract);
    }
    assert_eq!(described, all_objects(&schema), "an object of the schema is in no contract here");
    for ((pointer, _), fault) in places.iter().zip(validator::faults(&schema, &wrong)) {
        assert!(!fault.is_empty(), "the schema takes a word that it does not know at {pointer}");
    }
}

/// The properties of each object that the schema describes.
fn all_objects(schema: &Value) -> BTreeSet<Vec<String>> {
    let mut found = BTreeSet::new();
    if schema["additionalProperties"] == false {
        found.insert(schema["properties"].as_object().unwrap().keys().cloned().collect());
    }
    let parts: Vec<&Value> = match schema {
        Value::Object(members) => members.values().collect(),
        Value::Array(items) => items.iter().collect(),
        _ => Vec::new(),
    };
    parts.into_iter().for_each(|part| found.extend(all_objects(part)));
    found
}

/// Each property of each type in a field of each type, each constraint, and each property with a
/// value of another kind: what the reader takes, the schema takes; and what does not belong there
/// neither does.
#[test]
fn both_take_the_same_values() {
    let (schema, whole) = (json_schema(), whole());
    let fields = whole["schema"]["fields"].as_array().unwrap();
    let kinds = ["string", "integer", "number", "boolean", "date", "time", "datetime"];
    let mut contracts = Vec::new();
    for kind in kinds {
        for (field, name) in fields.iter().flat_map(|field| {
            field.as_object().unwrap().keys().map(move |name| (field, name.as_str()))
        }) {
            let mut members = Map::from_iter([("name".to_owned(), json!("a"))]);
            // One that says no type is of strings.
            if kind != "string" {
                members.insert("type".to_owned(), json!(kind));
            }
            if name == "constraints" {
                for (constraint, value) in field["constraints"].as_object().unwrap() {
                    let mut members = members.clone();
                    members.insert("constraints".to_owned(), json!({constraint: value}));
                    contracts.push(json!({"name": "t", "schema": {"fields": [members]}}));
                }
                continue;
            }
            members.insert(name.to_owned(), field[name].clone());
            contracts.push(json!({"name": "t", "schema": {"fields": [members]}}));
        }
    }
    let mut places = BTreeMap::new();
    objects(&whole, "", "", &mut places);
    for pointer in places.keys() {
        for key in whole.pointer(pointer).unwrap().as_object().unwrap().keys() {
            let others = [json!("x"), json!(7), json!(true), json!([]), json!({}), Value::Null];
            for other in others {
                let mut contract = whole.clone();
                contract.pointer_mut(pointer).unwrap()[key] = other;
                contracts.push(contract);
            }
            let mut contract = whole.clone();
            contract.pointer_mut(pointer).unwrap().as_object_mut().unwrap().remove(key);
            contracts.push(contract);
        }
    }
    let told = [
        "does not apply to a field of the type",
        "expected an object",
        "expected a list",
        "expected true or false",
        "expected a whole number",
        "is missing",
    ];
    let (mut taken, mut refused) = (0, 0);
    for (contract, fault) in contracts.iter().zip(validator::faults(&schema, &contracts)) {
        let found = faults(contract);
        let of_shape =
            found.iter().any(|fault| told.iter().any(|words| fault.message.contains(words)));
        if found.is_empty() {
            taken += 1;
            assert!(fault.is_empty(), "the schema refuses what is read: {fault}: {contract}");
        } else if of_shape {
            refused += 1;
            assert!(!fault.is_empty(), "the schema takes what is not read: {found:?}: {contract}");
        }
    }
    assert!(taken > 100 && refused > 100, "{taken} {refused}");
}
