//! Lands the tables of nycflights13: the lake holds what an independent reader finds in the files.

use serde_json::{Value, json};
use xtask::local::Options;

use super::stage::{Stage, flights, testdata};

/// Compares the lake with DuckDB's own reading of the CSV: counts, sums, and the nulls of every
/// column.
const COMPARE: &str = "
import duckdb, json, sys
folder, csv, sums = sys.argv[1:]
lake = f\"read_parquet('{folder}/**/*.parquet', hive_partitioning=true)\"
source = f\"read_csv('{csv}', header=true, nullstr=['NA',''], auto_detect=true)\"
columns = [row[0] for row in duckdb.sql(f'describe select * from {source}').fetchall()]
measures = ['count(*)'] + [f'sum({c})' for c in sums.split(',')] + [f'count(*) - count({c})' for c in columns]
def measure(relation):
    return [str(v) for v in duckdb.sql('select ' + ', '.join(measures) + f' from {relation}').fetchall()[0]]
print(json.dumps({'lake': measure(lake), 'source': measure(source)}))
";

#[test]
fn flights_and_weather_land_whole() {
    let stage = Stage::with(Options { shard_bytes: Some(8 * 1024 * 1024), ..Options::default() });
    stage.register("flights");
    stage.register("weather");

    // Dropped in the inbox, it lands by itself.
    let weather = std::fs::read(testdata("weather.csv")).unwrap();
    let weather_key = stage.drop_in_inbox("weather", "weather.csv", weather);

    let key = stage.stage("flights", "flights.csv", flights());
    let id = stage.submit(&json!({"dataset": "flights", "source": {"key": key}}));
    let job = stage.wait(&id);
    assert_eq!(job["status"], "SUCCEEDED", "{job}");
    assert_eq!(
        job["counts"],
        json!({"read": 336_776, "stored": 336_776, "rejected": 0, "filtered": 0})
    );
    let execution = stage.execution(&id);
    let text = execution.to_string();
    for state in ["Ingest", "TransformAll", "Verify", "Merge", "Store", "Announce", "Landed"] {
        assert!(text.contains(&format!("\"{state}\"")), "{state} is missing in {text}");
    }

    let weather_job =
        stage.until("the weather job is there", || stage.jobs("weather").into_iter().next());
    assert_eq!(weather_job["source"]["key"], weather_key);
    let weather_job = stage.wait(weather_job["job"].as_str().unwrap());
    assert_eq!(
        weather_job["counts"],
        json!({"read": 26_115, "stored": 26_115, "rejected": 0, "filtered": 0})
    );

    let folder = tempfile::tempdir().unwrap();
    let csv = folder.path().join("flights.csv");
    std::fs::write(&csv, flights()).unwrap();
    compare(&stage, "flights", csv.to_str().unwrap(), "distance,air_time");
    compare(&stage, "weather", testdata("weather.csv").to_str().unwrap(), "wind_dir,hour");

    let outputs = stage.cloud.api().get(&format!("/jobs/{id}/outputs")).unwrap().ok().unwrap();
    assert_eq!(
        (&outputs["rows"], outputs["items"].as_array().map(Vec::len)),
        (&json!(336_776), Some(12)),
        "a file a month"
    );
    let file = &outputs["items"][0];
    let bytes = stage.cloud.api().download(file["url"].as_str().unwrap()).unwrap();
    assert_eq!(bytes.len() as u64, file["bytes"].as_u64().unwrap());
    assert!(bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1"));
}

#[test]
fn many_shards_leave_one_file_a_folder() {
    const SHARD_BYTES: u64 = 1024 * 1024;
    let stage = Stage::with(Options { shard_bytes: Some(SHARD_BYTES), ..Options::default() });
    let contract = std::fs::read_to_string(testdata("contracts/flights.yaml")).unwrap();
    stage.register_text(
        "flights",
        &contract.replace("partitionBy: [month]", "partitionBy: [month, day]"),
    );
    let source = flights();
    let shards = (source.len() as u64).div_ceil(SHARD_BYTES);
    let key = stage.stage("flights", "flights.csv", source);
    let id = stage.submit(&json!({"dataset": "flights", "source": {"key": key}}));
    let job = stage.wait(&id);
    assert_eq!(
        (&job["status"], &job["counts"]["stored"]),
        (&json!("SUCCEEDED"), &json!(336_776)),
        "{job}"
    );
    let execution = stage.execution(&id);
    let states = execution["states"].to_string();
    assert!(states.contains("\"MergeAll\"") && !states.contains("\"Abandon\""), "{states}");
    let run = execution["graph"]["nodes"].as_array().unwrap().iter();
    let run = run.filter(|node| node["status"] == "SUCCEEDED" && node["within"] == "MergeAll");
    assert_eq!(run.count(), 1, "{}", execution["graph"]);

    // Two or more shards of each day would be as many files; there is one of each.
    let (keys, open) = stage.listing("LakeBucket", "lake/flights/");
    assert_eq!((keys.iter().filter(|key| key.ends_with(".parquet")).count(), open), (365, 0));
    let runs = |step: &str| {
        job["bill"]["lines"][step]["invocations"]
            .as_u64()
            .unwrap_or_else(|| panic!("{step} is not in {}", job["bill"]))
    };
    assert!(runs("transform") >= shards && runs("merge") > 1, "{}", job["bill"]);
    assert_eq!(
        stage.listing("WorkBucket", "small/"),
        (Vec::new(), 0),
        "what they were put together of is deleted"
    );

    let folder = tempfile::tempdir().unwrap();
    let csv = folder.path().join("flights.csv");
    std::fs::write(&csv, flights()).unwrap();
    compare(&stage, "flights", csv.to_str().unwrap(), "distance,air_time");
}

fn compare(stage: &Stage, dataset: &str, csv: &str, sums: &str) {
    let folder = tempfile::tempdir().unwrap();
    let lake = stage.download_lake(dataset, folder.path());
    let measures: Value = stage.python(COMPARE, &[lake.to_str().unwrap(), csv, sums]);
    assert_eq!(measures["lake"], measures["source"], "{dataset}");
}
