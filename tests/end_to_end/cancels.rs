//! Cancels jobs, and stops their executions from outside, at whatever moment: their status says
//! what the log says, those that were stopped are redriven or given up, and nothing is left open.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use ureq::http::Method;
use xtask::local::Options;

use super::stage::{Stage, flights, head};

/// Between the moments at which jobs are ended: they take some seconds each.
const STEP: Duration = Duration::from_millis(70);

/// The jobs that have an entry in the log.
const LOGGED: &str = "
import boto3, json, sys
s3 = boto3.client('s3')
bucket = sys.argv[1]
pages = s3.get_paginator('list_objects_v2').paginate(Bucket=bucket, Prefix='lake/flights/_landfall/')
keys = [o['Key'] for page in pages for o in page.get('Contents', [])]
print(json.dumps([json.load(s3.get_object(Bucket=bucket, Key=key)['Body'])['job'] for key in keys]))
";
/// Stops an execution, as somebody would who knows nothing of Landfall.
const STOP: &str = "
import boto3, json, sys
sfn = boto3.client('stepfunctions')
try:
    sfn.stop_execution(executionArn=sys.argv[1])
except sfn.exceptions.ClientError as error:
    # The local cloud refuses what AWS takes for a success: to stop an execution that has ended.
    assert 'not running' in str(error), error
print('null')
";

/// Submits a source of its own for each job and ends the job: the first ones are cancelled, the
/// last ones stopped.
fn end_at_all_moments(cancels: usize, stops: usize) {
    let stage = Stage::with(Options { shard_bytes: Some(64 * 1024), ..Options::default() });
    stage.register("flights");
    let source = flights();
    let submit = |n: usize| {
        let key = stage.stage("flights", &format!("{n}.csv"), head(&source, 3_000 + n));
        (stage.submit(&json!({"dataset": "flights", "source": {"key": key}})), key)
    };
    let mut jobs = Vec::new();
    let mut too_late = 0;
    for n in 0..cancels + stops {
        let (job, key) = submit(n);
        // There is no condition to wait for: any moment is to do.
        std::thread::sleep(STEP * (n * 7 % 40) as u32);
        if n < cancels {
            let answer = stage
                .cloud
                .api()
                .call(Method::POST, &format!("/jobs/{job}/cancel"), &[], Vec::new())
                .unwrap();
            match (answer.status, answer.body["status"].as_str()) {
                (200, Some("CANCELLING" | "CANCELLED")) => {}
                (409, _) => too_late += 1,
                _ => panic!("{} {}", answer.status, answer.body),
            }
        } else {
            let machine = stage.cloud.output("StateMachine").unwrap();
            stage.python(
                STOP,
                &[&format!("{}:{job}", machine.replacen(":stateMachine:", ":execution:", 1))],
            );
        }
        jobs.push((job, key));
    }
    let mut ended: Vec<Value> = jobs.iter().map(|(job, _)| stage.wait(job)).collect();
    // A job that was stopped waits to be redriven: every other one is, and the rest are given up.
    let ways = [("redrive", "SUCCEEDED"), ("cancel", "CANCELLED")].into_iter().cycle();
    let left = ended.iter_mut().filter(|job| job["redrive"].is_object());
    for (job, (what, status)) in left.zip(ways) {
        let id = job["job"].as_str().unwrap().to_owned();
        let path = format!("/jobs/{id}/{what}");
        stage.cloud.api().call(Method::POST, &path, &[], Vec::new()).unwrap().ok().unwrap();
        *job = stage.wait(&id);
        assert_eq!(job["status"], status, "{what}: {job}");
    }
    let logged: BTreeSet<String> =
        serde_json::from_value(stage.python(LOGGED, &[stage.cloud.output("LakeBucket").unwrap()]))
            .unwrap();
    for job in &ended {
        let is_logged = logged.contains(job["job"].as_str().unwrap());
        assert_eq!(job["status"] == "SUCCEEDED", is_logged, "{job}");
        assert!(job["bill"]["total"].is_number() && job["counts"].is_object(), "{job}");
    }
    let landed = logged.len();
    println!(
        "{cancels} cancelled, of which {too_late} too late, and {stops} stopped: {landed} landed, and each status is that of the log"
    );

    // What still ran when its job was ended comes to its end, and leaves nothing either.
    stage.until("nothing is open", || {
        let (lake, open) = stage.listing("LakeBucket", "lake/flights/");
        let (small, parts) = stage.listing("WorkBucket", "small/");
        let files = lake.iter().filter(|key| key.ends_with(".parquet")).count();
        let committed: usize = ended.iter().map(|job| outputs(&stage, job)).sum();
        (open == 0 && parts == 0 && small.is_empty() && files == committed).then_some(())
    });

    // The source of a job lands that left nothing visible.
    let ended =
        ended.iter().position(|job| job["status"] != "SUCCEEDED").expect("some are ended in time");
    let again =
        stage.wait(&stage.submit(&json!({"dataset": "flights", "source": {"key": jobs[ended].1}})));
    assert_eq!(again["status"], "SUCCEEDED", "{again}");
}

/// How many files a job committed.
fn outputs(stage: &Stage, job: &Value) -> usize {
    if job["status"] != "SUCCEEDED" {
        return 0;
    }
    let id = job["job"].as_str().unwrap();
    let outputs =
        stage.cloud.api().get(&format!("/jobs/{id}/outputs?limit=1000")).unwrap().ok().unwrap();
    outputs["items"].as_array().unwrap().len()
}

#[test]
fn a_job_that_is_ended_from_outside_says_what_became_of_it() {
    end_at_all_moments(6, 3);
}

#[test]
#[ignore = "it takes minutes"]
fn fifty_jobs_that_are_ended_from_outside_say_what_became_of_them() {
    end_at_all_moments(40, 10);
}
