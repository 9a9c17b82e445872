//! Reads every form of output with DuckDB, PyArrow and Polars: they find the same rows, nulls and
//! types, and footers say what is so.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Map, Value, json};
use xtask::{Python, checkout};

use super::embedded::landfall;

const CONTRACT: &str = r#"
name: t
schema:
  fieldsMatch: exact
  missingValues: ["∅"]
  fields:
    - { name: id, type: integer }
    - { name: small, type: integer, physicalType: int16 }
    - { name: price, type: number, physicalType: "decimal(12,2)" }
    - { name: exact, type: number, physicalType: "decimal(20,2)" }
    - { name: ratio, type: number, physicalType: float32 }
    - { name: wild, type: number }
    - { name: open, type: boolean }
    - { name: day, type: date }
    - { name: at, type: datetime, timezone: UTC }
    - { name: local, type: datetime, format: "%Y-%m-%dT%H:%M:%S%.f" }
    - { name: note, type: string }
    - { name: empty, type: string }
    - { name: kind, type: string }
"#;

/// Small enough for several shards, and so several files of text, and Parquet files that are put
/// together.
const SHARD_SIZE: &str = "120kB";
/// How many programs read each lake.
const PEERS: usize = 3;

/// The source, and a lake for each form of output.
struct Shore {
    folder: tempfile::TempDir,
    python: Python,
    lakes: Map<String, Value>,
}

impl Shore {
    fn new() -> Self {
        let shore = Self {
            folder: tempfile::tempdir().unwrap(),
            python: Python::of_peers().unwrap(),
            lakes: Map::new(),
        };
        shore.peers(&["write", shore.source().to_str().unwrap()]);
        shore
    }

    fn source(&self) -> PathBuf {
        self.folder.path().join("t.csv")
    }

    /// Lands the source in a lake of its own. JSON is YAML too.
    fn land(&mut self, output: Value) {
        let path = |name: String| self.folder.path().join(name);
        let (contract, lake) =
            (path(format!("{}.yaml", self.lakes.len())), path(self.lakes.len().to_string()));
        std::fs::write(&contract, format!("{CONTRACT}output: {output}\n")).unwrap();
        let mut command = landfall();
        command.arg("run").args([&contract, &self.source()]).arg("--lake").arg(&lake).args([
            "--shard-size",
            SHARD_SIZE,
            "--json",
        ]);
        let landed = command.output().unwrap();
        let job: Value = serde_json::from_slice(&landed.stdout)
            .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&landed.stderr)));
        assert_eq!(
            (&job["state"], &job["counts"]["stored"]),
            (&json!("SUCCEEDED"), &json!(3000)),
            "{job}"
        );
        let files: Vec<&Path> = job["files"]
            .as_array()
            .unwrap()
            .iter()
            .map(|file| Path::new(file["key"].as_str().unwrap()))
            .collect();
        let folders: BTreeSet<_> = files.iter().map(|file| file.parent()).collect();
        match output["format"] == "parquet" {
            true => assert_eq!(files.len(), folders.len(), "one in each folder"),
            false => assert!(files.len() > 2, "several shards"),
        }
        self.lakes.insert(lake.join("t").to_str().unwrap().to_owned(), output);
    }

    /// Has all peers read all lakes.
    fn assert_read(&self) {
        let reads = self.peers(&["read", &Value::from(self.lakes.clone()).to_string()]);
        assert_eq!(reads.trim().parse(), Ok(PEERS * self.lakes.len()), "{reads}");
    }

    fn peers(&self, arguments: &[&str]) -> String {
        let mut command: Command = self.python.command();
        let script: &Path = &checkout::root().join("tests/end_to_end/peers.py");
        let output = command.arg(script).args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}

/// An output, with what is set of `more`.
fn output(format: &str, compression: &str, more: &[(bool, &str, Value)]) -> Value {
    let mut output = json!({"format": format, "compression": compression});
    for (_, name, value) in more.iter().filter(|(is_set, ..)| *is_set) {
        output[name] = value.clone();
    }
    output
}

#[test]
fn parquet_is_read_alike() {
    let mut shore = Shore::new();
    for compression in ["zstd", "snappy", "lz4_raw", "none"] {
        for set in 0..8 {
            let more = [
                (set & 1 > 0, "bloomFilters", json!(["id", "note"])),
                (set & 2 > 0, "sortBy", json!(["day", {"field": "id", "order": "desc"}])),
                (set & 4 > 0, "partitionBy", json!(["kind"])),
            ];
            shore.land(output("parquet", compression, &more));
        }
    }
    shore.assert_read();
}

#[test]
fn text_is_read_alike() {
    let mut shore = Shore::new();
    for format in ["csv", "jsonl"] {
        for compression in ["gzip", "zstd", "none"] {
            for is_partitioned in [false, true] {
                shore.land(output(
                    format,
                    compression,
                    &[(is_partitioned, "partitionBy", json!(["kind"]))],
                ));
            }
        }
    }
    shore.assert_read();
}
