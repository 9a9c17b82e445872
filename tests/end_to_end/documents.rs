//! Runs the small documents of `crates/flow` on the local cloud: the engine does what the cloud
//! does.
//!
//! Where the local cloud does otherwise, a document says so under `elsewhere`, with what AWS says
//! of it.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::Stdio;

use serde_json::{Map, Value, json};
use xtask::checkout;
use xtask::local::LocalCloud;

const SCRIPT: &str = include_str!("documents.py");
/// What the local cloud tells of no map: errors of a map that failed.
const OF_MAPS: [&str; 2] = ["States.ExceedToleratedFailureThreshold", "States.ItemReaderFailed"];

fn documents() -> BTreeMap<String, Value> {
    let folder = checkout::root().join("crates/flow/tests/documents");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let read = |path: std::path::PathBuf| {
        let document = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        (path.file_stem().unwrap().to_str().unwrap().to_owned(), document)
    };
    files.map(read).collect()
}

/// What comes of the documents on a cloud of their own.
fn run(documents: &BTreeMap<String, Value>) -> Map<String, Value> {
    let cloud = LocalCloud::bare().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut command = cloud.python();
    command.arg("-c").arg(SCRIPT).arg(folder.path());
    let mut script = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    script.stdin.take().unwrap().write_all(json!(documents).to_string().as_bytes()).unwrap();
    let output = script.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What a document expects of the local cloud, as far as that tells it.
fn expected(document: &Value) -> Value {
    let mut expected = document["expected"].clone();
    let fields = expected.as_object_mut().unwrap();
    fields.remove("seconds");
    fields.remove("maps");
    fields.entry("errors").or_insert_with(|| json!([]));
    fields["errors"]
        .as_array_mut()
        .unwrap()
        .retain(|error| !OF_MAPS.iter().any(|of_map| error == of_map));
    for (name, value) in document["elsewhere"]["expected"].as_object().into_iter().flatten() {
        match value {
            Value::Null => fields.remove(name),
            value => fields.insert(name.clone(), value.clone()),
        };
    }
    expected
}

/// What came of it, without what the document does not speak of.
fn told(found: &Value, expected: &Value) -> Value {
    let mut found = found.clone();
    if let Some(fields) = found.as_object_mut() {
        fields.retain(|name, _| expected.get(name).is_some());
        if let Some(cause) = fields.get("cause").and_then(Value::as_str).map(flow::cause) {
            fields["cause"] = json!(cause);
        }
    }
    found
}

#[test]
fn documents_come_out_on_the_cloud_as_in_the_engine() {
    let documents = documents();
    let tried: BTreeMap<_, _> = documents
        .into_iter()
        .filter(|(_, document)| document["elsewhere"]["skip"] != true)
        .collect();
    let outcomes = run(&tried);
    let mut differences = Vec::new();
    for (name, document) in &tried {
        let expected = expected(document);
        let found = told(&outcomes[name], &expected);
        if found != expected {
            differences
                .push(format!("{name}\n  expected {expected}\n  found    {}", outcomes[name]));
        }
    }
    assert!(
        differences.is_empty(),
        "{} of {}:\n{}",
        differences.len(),
        tried.len(),
        differences.join("\n")
    );
}
