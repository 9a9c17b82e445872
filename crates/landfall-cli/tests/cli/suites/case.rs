//! Reads cases from their manifests.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value};

const SUITES: [&str; 5] = ["csv-spectrum", "papaparse", "python-csv", "rust-csv", "w3c-csvw"];

/// One line of a manifest.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Case {
    pub(super) suite: String,
    pub(super) id: String,
    pub(super) input: PathBuf,
    pub(super) dialect: Map<String, Value>,
    pub(super) expected: Expected,
    #[serde(default)]
    pub(super) ambiguity: Vec<String>,
}

/// What the suite expects.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum Expected {
    Rows { rows: PathBuf },
    Error,
    ErrorOrReject,
    Malformed,
    Validate { valid: bool, schema: super::csvw::Schema },
    NoCrash,
}

/// All cases, with paths that can be opened.
pub(super) fn read(suites: &Path) -> Vec<Case> {
    let mut cases = Vec::new();
    for suite in SUITES {
        let manifest = std::fs::read_to_string(suites.join(suite).join("MANIFEST.jsonl"))
            .expect("every suite has a manifest");
        for line in manifest.lines() {
            let mut case: Case =
                serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
            case.input = suites.join(&case.input);
            if let Expected::Rows { rows } = &mut case.expected {
                *rows = suites.join(&*rows);
            }
            cases.push(case);
        }
    }
    assert!(cases.len() > 300, "{} cases", cases.len());
    cases
}

impl Case {
    /// The dialect as flags.
    pub(super) fn flags(&self) -> Vec<String> {
        let mut flags = Vec::new();
        for (property, value) in &self.dialect {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let (flag, text) = match property.as_str() {
                "strict" => continue,
                "quote" if value.is_null() => ("--quote", "none".to_owned()),
                _ if value.is_null() => continue,
                "doublequote" => ("--double-quote", text),
                "skip" => ("--skip-rows", text),
                "newline" | "terminator" => (
                    "--terminator",
                    match text.as_str() {
                        "\n" => "lf".to_owned(),
                        "\r\n" => "crlf".to_owned(),
                        "\r" => "cr".to_owned(),
                        _ => text,
                    },
                ),
                "trim" => {
                    flags.push(
                        if text == "left" { "--skip-initial-space" } else { "--trim" }.to_owned(),
                    );
                    continue;
                }
                "delimiter" | "quote" | "escape" | "comment" | "header" | "encoding"
                | "compression" => {
                    flags.extend([format!("--{property}"), text]);
                    continue;
                }
                other => panic!("{}: `{other}` is no property of a dialect", self.id),
            };
            flags.extend([flag.to_owned(), text]);
        }
        flags
    }
}
