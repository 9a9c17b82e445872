//! Checks `landfall files`: which files a table has, and had.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::binary::landfall;

/// A lake with three commits: one appends, one replaces a partition, one everything.
fn lake() -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("there is room");
    for (mode, rows) in
        [("append", "1,a\n2,b\n"), ("overwrite-partitions", "3,b\n"), ("overwrite", "4,c\n")]
    {
        let fields = "[ { name: id, type: integer }, { name: kind, type: string } ]";
        let contract = format!(
            "name: trips\nschema: {{ fields: {fields} }}\noutput: {{ partitionBy: [kind], mode: {mode} }}\n"
        );
        let path = |name: &str| directory.path().join(name);
        std::fs::write(path("contract.yaml"), contract).expect("there is room");
        std::fs::write(path("trips.csv"), format!("id,kind\n{rows}")).expect("there is room");
        let lake = [PathBuf::from("--lake"), path("lake")];
        let run = landfall(
            [PathBuf::from("run"), path("contract.yaml"), path("trips.csv")]
                .into_iter()
                .chain(lake),
        );
        assert_eq!(run.exit, 0, "{}", run.stderr);
    }
    directory
}

fn files(lake: &Path, flags: &[&str]) -> crate::binary::Answer {
    let lake = lake.join("lake");
    landfall(["files", "trips", "--lake", lake.to_str().expect("it is UTF-8")].iter().chain(flags))
}

fn listed(lake: &Path, flags: &[&str]) -> Value {
    let answer = files(lake, &[flags, &["--json"]].concat());
    assert_eq!(answer.exit, 0, "{}", answer.stderr);
    serde_json::from_str(&answer.stdout).expect("it is JSON")
}

#[test]
fn files_are_those_of_the_commit() {
    let lake = lake();
    let kinds = |table: &Value| {
        let files = table["files"].as_array().expect("it is a list");
        files
            .iter()
            .map(|file| file["partition"]["kind"].as_str().expect("it has one").to_owned())
            .collect::<Vec<_>>()
    };
    let states: Vec<Value> =
        ["0", "1", "2"].iter().map(|at| listed(lake.path(), &["--at", at])).collect();
    assert_eq!(
        states.iter().map(kinds).collect::<Vec<_>>(),
        [vec!["a", "b"], vec!["a", "b"], vec!["c"]]
    );
    assert_eq!(
        states.iter().map(|table| table["rows"].as_u64()).collect::<Vec<_>>(),
        [Some(2), Some(2), Some(1)]
    );
    assert_eq!(states[0]["files"][0], states[1]["files"][0]);
    assert_ne!(states[0]["files"][1]["key"], states[1]["files"][1]["key"]);
    let newest = listed(lake.path(), &[]);
    assert_eq!(newest, states[2]);
    assert!(Path::new(newest["files"][0]["key"].as_str().expect("it is a path")).is_file());
    for state in &states {
        assert_eq!(
            listed(lake.path(), &["--at", state["committed"].as_str().expect("it is a time")]),
            *state
        );
    }
}
