//! Joins on the deployed stack: `ingest` may read references and datasets, and every shard has what
//! it read.

use serde_json::{Value, json};
use xtask::local::Options;

use super::stage::{Stage, flights, head, testdata};

const CARRIERS: &str = "
name: carriers
schema: { fields: [ { name: code, type: string }, { name: airline, type: string } ] }
";

const JOINS: &str = "
transform:
  join:
    - object: airports.csv
      on: [ { field: origin, column: iata } ]
      columns: [ { column: height, as: origin_height } ]
      fields: [ { name: iata, type: string }, { name: height, type: integer } ]
    - dataset: carriers
      on: [ { field: carrier, column: code } ]
      columns: [ airline ]
      fields: [ { name: code, type: string }, { name: airline, type: string } ]
      how: inner
";

const PUT: &str = "
import boto3, sys
bucket, key, text = sys.argv[1:]
boto3.client('s3').put_object(Bucket=bucket, Key=key, Body=text.encode())
print('null')
";

const COMPARE: &str = "
import duckdb, json, sys
folder, csv = sys.argv[1:]
lake = f\"read_parquet('{folder}/**/*.parquet', hive_partitioning=true)\"
source = f\"read_csv('{csv}', header=true, nullstr=['NA',''], auto_detect=true)\"
heights = \"(values ('EWR', 17), ('LGA', 21)) as heights(iata, height)\"
carriers = \"(values ('UA', 'United'), ('AA', 'American'), ('DL', 'Delta')) as carriers(code, airline)\"
columns = 'flight, origin, origin_height, airline, count(*)'
stored = duckdb.sql(f'select {columns} from {lake} group by all order by all').fetchall()
expected = duckdb.sql(f'select {columns} from (select *, height as origin_height from {source} left join {heights} on iata = origin join {carriers} on code = carrier) group by all order by all').fetchall()
print(json.dumps({'same': stored == expected, 'rows': sum(row[-1] for row in stored)}))
";

#[test]
fn references_and_datasets_are_joined() {
    let stage = Stage::with(Options { shard_bytes: Some(64 * 1024), ..Options::default() });
    stage.register_text("carriers", CARRIERS);
    let key = stage.stage(
        "carriers",
        "carriers.csv",
        b"code,airline\nUA,United\nAA,American\nDL,Delta\n".to_vec(),
    );
    let carriers =
        stage.wait(&stage.submit(&json!({"dataset": "carriers", "source": {"key": key}})));
    assert_eq!(carriers["status"], "SUCCEEDED", "{carriers}");
    stage.python(
        PUT,
        &[
            stage.cloud.output("InboxBucket").unwrap(),
            "reference/airports.csv",
            "iata,height\nEWR,17\nLGA,21\n",
        ],
    );
    let contract = std::fs::read_to_string(testdata("contracts/flights.yaml")).unwrap();
    stage.register_text("flights", &(contract + JOINS));

    let source = head(&flights(), 3_000);
    let key = stage.stage("flights", "flights.csv", source.clone());
    let job = stage.wait(&stage.submit(&json!({"dataset": "flights", "source": {"key": key}})));
    assert_eq!(job["status"], "SUCCEEDED", "{job}");
    assert!(job["bill"]["lines"]["transform"]["invocations"].as_u64() > Some(1), "{job}");

    let folder = tempfile::tempdir().unwrap();
    let csv = folder.path().join("flights.csv");
    std::fs::write(&csv, &source).unwrap();
    let lake = stage.download_lake("flights", folder.path());
    let found: Value = stage.python(COMPARE, &[lake.to_str().unwrap(), csv.to_str().unwrap()]);
    assert_eq!(
        (&found["same"], &found["rows"]),
        (&json!(true), &job["counts"]["stored"]),
        "{found}"
    );
    assert!(job["counts"]["filtered"].as_u64() > Some(100), "{job}");
}
