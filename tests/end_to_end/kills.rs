//! Kills a shard in its middle with `kill -9`.

use serde_json::json;
use xtask::local::Options;

use super::stage::{Stage, flights, head};

/// Records of the source.
const ROWS: u64 = 3 * 336_776;

/// Processor time of a process that is certainly in the middle of its shard: its start takes a
/// tenth of it, and its shard many times that.
const BUSY_TICKS: u64 = 20;

#[test]
fn three_killed_processes_neither_double_a_row_nor_lose_one() {
    let stage = Stage::with(Options { shard_bytes: Some(48 * 1024 * 1024), ..Options::default() });
    stage.register("flights");
    // Three times over, so that each of the two shards takes a second or more.
    let source = flights();
    let (header, records) = source.split_at(head(&source, 0).len());
    let key = stage.stage("flights", "flights.csv", [header, records, records, records].concat());
    let id = stage.submit(&json!({"dataset": "flights", "source": {"key": key}}));

    // A process that has used some processor time is past its start and in the middle of its shard.
    // It is stopped first, so that it can't end before it is killed.
    let mut killed: Vec<u32> = Vec::new();
    while killed.len() < 3 {
        let victim = stage.until("a transform process comes up", || {
            let alive = stage.cloud.processes("TransformFunction").unwrap();
            alive.into_iter().find(|process| {
                !killed.contains(process) && processor_ticks(*process) >= BUSY_TICKS
            })
        });
        signal(victim, "-STOP");
        assert!(
            matches!(stage.job(&id)["status"].as_str(), Some("PENDING" | "RUNNING")),
            "the job ended before three processes were killed"
        );
        signal(victim, "-KILL");
        killed.push(victim);
    }

    let job = stage.wait(&id);
    assert_eq!(job["status"], "SUCCEEDED", "{job}");
    assert_eq!(job["counts"], json!({"read": ROWS, "stored": ROWS, "rejected": 0, "filtered": 0}));
    let (keys, open) = stage.listing("LakeBucket", "lake/flights/");
    let outputs =
        stage.cloud.api().get(&format!("/jobs/{id}/outputs?limit=1000")).unwrap().ok().unwrap();
    let committed: Vec<&str> = outputs["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| file["key"].as_str().unwrap())
        .collect();
    let files: Vec<&String> = keys.iter().filter(|key| key.ends_with(".parquet")).collect();
    assert_eq!(files.len(), committed.len(), "a losing attempt left a file");
    let rows: u64 = outputs["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| file["rows"].as_u64().unwrap())
        .sum();
    assert_eq!((rows, open), (ROWS, 0));
}

/// Clock ticks (1/100 s) that a process has used in user mode; 0 when it is gone.
fn processor_ticks(process: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // The name in parentheses may hold spaces; `utime` is the 12th field after it
    // (proc_pid_stat(5)).
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    after_name.split_whitespace().nth(11).and_then(|ticks| ticks.parse().ok()).unwrap_or_default()
}

fn signal(process: u32, signal: &str) {
    assert!(
        std::process::Command::new("kill")
            .args([signal, &process.to_string()])
            .status()
            .unwrap()
            .success()
    );
}
