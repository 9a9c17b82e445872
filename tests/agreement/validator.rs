//! Holds documents against a JSON Schema, with a validator of somebody else.

use serde_json::{Value, json};
use xtask::Python;

/// Reads a schema and documents, and prints what is wrong with each.
const VALIDATE: &str = "
import json, sys
from jsonschema import Draft202012Validator
schema, documents = json.load(sys.stdin)
Draft202012Validator.check_schema(schema)
validator = Draft202012Validator(schema)
print(json.dumps(['; '.join(f'{e.json_path}: {e.message}' for e in validator.iter_errors(d)) for d in documents]))
";

/// What is wrong with each of the documents, by a schema that is one of JSON Schema 2020-12: empty
/// if nothing is.
pub(crate) fn faults(schema: &Value, documents: &[Value]) -> Vec<String> {
    use std::io::Write;
    use std::process::Stdio;
    let mut command = Python::of_local_cloud().unwrap().command();
    let command = command.args(["-c", VALIDATE]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut python = command.spawn().unwrap();
    let text = json!([schema, documents]).to_string();
    python.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let answer = python.wait_with_output().unwrap();
    assert!(answer.status.success());
    let faults: Vec<String> = serde_json::from_slice(&answer.stdout).unwrap();
    assert_eq!(faults.len(), documents.len());
    faults
}

#[test]
fn the_validator_finds_what_is_there() {
    let schema = json!({"type": "object", "properties": {"a": {"type": "integer"}}});
    let found = faults(&schema, &[json!({"a": 1}), json!({"a": "1"})]);
    assert!(found[0].is_empty() && found[1].starts_with("$.a: "), "{found:?}");
}
