//! Lands a file of many shards in which keys stand many times: exactly the first good record of
//! each lands.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Value, json};
use xtask::local::Options;

use super::stage::Stage;

const CONTRACT: &str = "
name: things
schema:
  fields:
    - { name: region, type: string }
    - { name: id, type: integer, constraints: { maximum: 99999 } }
    - { name: note, type: string }
  primaryKey: [region, id]
output: { lineage: true }
";

const RECORDS: usize = 48_000;
/// Distinct keys: each stands about 28 times, far apart.
const KEYS: usize = 1_700;
/// Some fifteen shards.
const SHARD_BYTES: u64 = 64 * 1024;

/// A record as it is written, and what is to become of it.
struct Record {
    text: String,
    line: usize,
    /// `None`: the id is refused for itself.
    key: Option<(&'static str, usize)>,
}

/// Keys in another order each time around, ids also written as `007`, notes over several lines, and
/// now and then an id that is too large.
fn records() -> Vec<Record> {
    let mut line = 2;
    let record = |n: usize| {
        let region = ["north", "south"][n % 2];
        let id = (n * 577 + n / KEYS * 31) % KEYS / 2;
        let is_refused = n % 97 == 5;
        let written = match n % 5 {
            _ if is_refused => format!("1{id:05}"),
            0 => format!("{id:03}"),
            _ => id.to_string(),
        };
        let note =
            if n.is_multiple_of(11) { format!("\"{n},\nnorth,1,x\n\"") } else { n.to_string() };
        let text = format!("{region},{written},{note}\n");
        let at = line;
        line += text.matches('\n').count();
        Record { text, line: at, key: (!is_refused).then_some((region, id)) }
    };
    (0..RECORDS).map(record).collect()
}

#[test]
fn duplicates_across_many_shards_are_refused_exactly() {
    let records = records();
    let mut holders = HashMap::new();
    let (mut stored, mut rejects, mut errors) =
        (BTreeMap::new(), "region,id,note\n".to_owned(), Vec::new());
    for (number, Record { text, line, key }) in (1..).zip(&records) {
        let error = match key {
            None => json!([line, number, "constraint-error", Value::Null]),
            Some(key) => match *holders.entry(key).or_insert(number) {
                holder if holder == number => {
                    stored.insert(*line, (key.0, key.1));
                    continue;
                }
                holder => json!([line, number, "primary-key", holder]),
            },
        };
        rejects += text;
        errors.push(error);
    }
    assert!(
        stored.len() > 1500 && errors.len() > 9000,
        "{} keys, {} refused",
        stored.len(),
        errors.len()
    );

    // As little memory for keys as may be set: shards write them down in several pieces.
    let parameters = vec![("KeyBytes".to_owned(), "4096".to_owned())];
    let stage =
        Stage::with(Options { shard_bytes: Some(SHARD_BYTES), parameters, ..Options::default() });
    stage.register_text("things", CONTRACT);
    let source: String = records.iter().map(|record| record.text.as_str()).collect();
    let key = stage.stage("things", "things.csv", format!("region,id,note\n{source}").into_bytes());
    let id = stage.submit(&json!({"dataset": "things", "source": {"key": key}}));
    let job = stage.wait(&id);
    assert_eq!(job["status"], "SUCCEEDED", "{job}");
    assert_eq!(
        job["counts"],
        json!({"read": RECORDS, "stored": stored.len(), "rejected": errors.len(), "filtered": 0}),
        "{job}"
    );

    let (documents, _) = stage.listing("WorkBucket", &format!("jobs/{id}/"));
    let receipts = |round: u32| {
        documents.iter().filter(|key| key.contains(&format!("/receipts/{round}/"))).count()
    };
    assert!(receipts(1) >= 12, "shards: {documents:?}");
    assert!(receipts(2) >= 10, "nearly all shards have keys that earlier ones hold: {documents:?}");

    assert!(
        documents.iter().any(|key| key.contains("keys-002")),
        "three pieces of keys of one shard: {documents:?}"
    );

    let download = |what: &str| {
        let answer = stage.cloud.api().get(&format!("/jobs/{id}/{what}")).unwrap().ok().unwrap();
        String::from_utf8(stage.cloud.api().download(answer["url"].as_str().unwrap()).unwrap())
            .unwrap()
    };
    assert!(download("rejects") == rejects, "the rejects differ");
    let told = |line: &str| {
        let error: Value = serde_json::from_str(line).unwrap();
        json!([error["line"], error["record"], error["error"], error["holder"]])
    };
    let found: Vec<Value> = download("errors").lines().map(told).collect();
    let difference = found.iter().zip(&errors).find(|(found, expected)| found != expected);
    assert_eq!((difference, found.len()), (None, errors.len()));

    const ROWS: &str = "
import duckdb, json, sys
rows = duckdb.sql(f\"select _line, region, id from read_parquet('{sys.argv[1]}/**/*.parquet') order by _line\").fetchall()
print(json.dumps(rows))
";
    let folder = tempfile::tempdir().unwrap();
    let lake = stage.download_lake("things", folder.path());
    let found: Vec<(usize, String, usize)> =
        serde_json::from_value(stage.python(ROWS, &[lake.to_str().unwrap()])).unwrap();
    let expected: Vec<_> =
        stored.iter().map(|(line, (region, id))| (*line, (*region).to_owned(), *id)).collect();
    assert!(found == expected, "the rows differ: {} and {}", found.len(), expected.len());
}
