//! kill -9 in the middle of a shard.

use serde_json::json;
use xtask::local::Options;

use super::stage::{Stage, flights};

#[test]
fn three_killed_processes_neither_double_a_row_nor_lose_one() {
    let stage = Stage::with(Options { shard_bytes: Some(16 * 1024 * 1024), ..Options::default() });
    stage.register("flights");
    let key = stage.stage("flights", "flights.csv", flights());
    let id = stage.submit(&json!({"dataset": "flights", "source": {"key": key}}));

    // A process that has just come up works its shard for a second or more: it is stopped first, so that it can't end before it is killed.
    let mut killed: Vec<u32> = Vec::new();
    while killed.len() < 3 {
        let victim = stage.until("a transform process comes up", || {
            let alive = stage.cloud.processes("TransformFunction").unwrap();
            alive.into_iter().find(|process| !killed.contains(process))
        });
        signal(victim, "-STOP");
        assert!(matches!(stage.job(&id)["status"].as_str(), Some("PENDING" | "RUNNING")), "the job ended before three processes were killed");
        signal(victim, "-KILL");
        killed.push(victim);
    }

    let job = stage.wait(&id);
    if std::env::var_os("DEBUG_KILLS").is_some() { std::fs::copy(stage.cloud.log(), "/work/scratch/kills.log").unwrap(); 
      let s = stage.python("
import boto3,json,sys
sf=boto3.client('stepfunctions')
arn=sf.list_executions(stateMachineArn=sys.argv[1])['executions'][0]['executionArn']
out=[]
for m in sf.list_map_runs(executionArn=arn)['mapRuns']:
    for e in sf.list_executions(mapRunArn=m['mapRunArn'])['executions']:
        d=sf.describe_execution(executionArn=e['executionArn']); out.append([d['status'],d.get('error'),d.get('cause')])
print(json.dumps(out))
", &[stage.cloud.output("StateMachine").unwrap()]); eprintln!("{s}"); }
    assert_eq!(job["status"], "SUCCEEDED", "{job}");
    assert_eq!(job["counts"], json!({"read": 336_776, "stored": 336_776, "rejected": 0, "filtered": 0}));
    let (keys, open) = stage.listing("LakeBucket", "lake/flights/");
    let outputs = stage.cloud.api().get(&format!("/jobs/{id}/outputs?limit=1000")).unwrap().ok().unwrap();
    let committed: Vec<&str> = outputs["items"].as_array().unwrap().iter().map(|file| file["key"].as_str().unwrap()).collect();
    let files: Vec<&String> = keys.iter().filter(|key| key.ends_with(".parquet")).collect();
    assert_eq!(files.len(), committed.len(), "a losing attempt left a file");
    let rows: u64 = outputs["items"].as_array().unwrap().iter().map(|file| file["rows"].as_u64().unwrap()).sum();
    assert_eq!((rows, open), (336_776, 0));
}

fn signal(process: u32, signal: &str) {
    assert!(std::process::Command::new("kill").args([signal, &process.to_string()]).status().unwrap().success());
}
