//! Checks that `landfall run` does without any cloud what the pipeline does on one.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use xtask::local::Options;

use super::stage::{Stage, flights, testdata};

/// Rows that one lake has and the other lacks, both ways; and the rows of each.
const DIFFER: &str = "
import duckdb, json, sys
lakes = sys.argv[1:]
a, b = (f\"(select * from read_parquet('{at}/**/*.parquet', hive_partitioning=true))\" for at in lakes)
one = lambda sql: duckdb.sql(sql).fetchall()[0][0]
print(json.dumps([one(f'select count(*) from ({x} except all {y})') for x, y in ((a, b), (b, a))] + [one(f'select count(*) from {x}') for x in (a, b)]))
";

#[test]
fn the_embedded_run_lands_and_refuses_the_same() {
    let source = with_faults(&flights(), 997);
    let stage = Stage::with(Options { shard_bytes: Some(5_000_000), ..Options::default() });
    stage.register("flights");
    let key = stage.stage("flights", "flights.csv", source.clone());
    let id = stage.submit(&json!({"dataset": "flights", "source": {"key": key}}));
    let job = stage.wait(&id);
    assert_eq!(job["status"], "SUCCEEDED", "{job}");

    let folder = tempfile::tempdir().unwrap();
    let (csv, lake) = (folder.path().join("flights.csv"), folder.path().join("embedded"));
    std::fs::write(&csv, source).unwrap();
    let embedded = landfall_run(&csv, &lake);
    assert_eq!(embedded["counts"], job["counts"]);
    assert!(job["counts"]["rejected"].as_u64().unwrap() > 300, "{job}");

    let download = |path: &str| {
        let answer = stage.cloud.api().get(&format!("/jobs/{id}/{path}")).unwrap().ok().unwrap();
        stage.cloud.api().download(answer["url"].as_str().unwrap()).unwrap()
    };
    let read = |key: &str| std::fs::read(embedded[key].as_str().unwrap()).unwrap();
    assert!(download("rejects") == read("rejects"), "the rejects differ");
    assert!(download("errors") == read("errors"), "the errors differ");

    let cloud = stage.download_lake("flights", folder.path());
    let differ =
        stage.python(DIFFER, &[cloud.to_str().unwrap(), lake.join("flights").to_str().unwrap()]);
    let stored = &job["counts"]["stored"];
    assert_eq!(differ, json!([0, 0, stored, stored]));
}

/// Breaks a cell of every `step`th record.
fn with_faults(source: &[u8], step: usize) -> Vec<u8> {
    let lines = source.split_inclusive(|byte| *byte == b'\n').enumerate();
    lines
        .flat_map(
            |(line, text)| {
                if line % step == step - 1 { [b"x", text].concat() } else { text.to_vec() }
            },
        )
        .collect()
}

/// The command that the workspace's build put beside this test.
pub(crate) fn landfall() -> Command {
    let test = std::env::current_exe().unwrap();
    let landfall = test.parent().and_then(Path::parent).unwrap().join("landfall");
    assert!(landfall.exists(), "`cargo build -p landfall-cli` makes {}", landfall.display());
    Command::new(landfall)
}

fn landfall_run(csv: &Path, lake: &Path) -> Value {
    let mut command = landfall();
    command
        .arg("run")
        .arg(testdata("contracts/flights.yaml"))
        .arg(csv)
        .arg("--lake")
        .arg(lake)
        .args(["--shard-size", "100kB", "--json"]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}
