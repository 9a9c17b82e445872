//! Sends files and requests many times: each lands once.

use serde_json::json;
use xtask::local::Options;

use super::stage::{Stage, flights, head, testdata};

#[test]
fn the_same_event_and_the_same_request_five_times_are_one_job_each() {
    let stage = Stage::with(Options { shard_bytes: Some(64 * 1024), ..Options::default() });
    let contract = std::fs::read_to_string(testdata("contracts/flights.yaml")).unwrap();
    stage.register_text("flights", &format!("{contract}\narrivals: {{ maxSeconds: 3 }}\n"));
    let source = flights();

    // An object's event, delivered five times in all: once by the bucket, four times by hand, two
    // of them in one batch. (The local cloud's events tell no version.)
    const DELIVER: &str = "
import boto3, json, sys
bucket, key, queue = sys.argv[1:]
s3, sqs = boto3.client('s3'), boto3.client('sqs')
head = s3.head_object(Bucket=bucket, Key=key)
detail = {'version': '0', 'bucket': {'name': bucket},
          'object': {'key': key, 'size': head['ContentLength'], 'etag': head['ETag'].strip('\"'), 'sequencer': '1'},
          'request-id': 'r', 'requester': '000000000000', 'source-ip-address': '127.0.0.1', 'reason': 'PutObject'}
event = {'version': '0', 'id': 'e', 'detail-type': 'Object Created', 'source': 'aws.s3', 'account': '000000000000',
         'time': '2026-01-01T00:00:00Z', 'region': 'us-east-1', 'resources': [f'arn:aws:s3:::{bucket}'], 'detail': detail}
body = json.dumps(event)
sqs.send_message_batch(QueueUrl=queue, Entries=[{'Id': str(n), 'MessageBody': body} for n in range(2)])
for _ in range(2):
    sqs.send_message(QueueUrl=queue, MessageBody=body)
print('{}')
";
    const LEFT: &str = "
import boto3, json, sys
sqs = boto3.client('sqs')
names = ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible']
print(json.dumps([sum(int(v) for v in sqs.get_queue_attributes(QueueUrl=q, AttributeNames=names)['Attributes'].values()) for q in sys.argv[1:]]))
";
    let key = stage.drop_in_inbox("flights", "january.csv", head(&source, 3000));
    let (bucket, queue, letters) = (
        stage.cloud.output("InboxBucket").unwrap(),
        stage.cloud.output("AdmitQueue").unwrap(),
        stage.cloud.output("DeadLetters").unwrap(),
    );
    stage.python(DELIVER, &[bucket, &key, queue]);
    stage.until("all events are handled", || {
        (stage.python(LEFT, &[queue, letters]) == json!([0, 0])).then_some(())
    });
    stage.until("the file is a job", || stage.jobs("flights").pop());
    let jobs = stage.jobs("flights");
    assert_eq!(jobs.len(), 1, "{jobs:?}");
    let job = stage.wait(jobs[0]["job"].as_str().unwrap());
    assert_eq!(
        (&job["status"], &job["counts"]["stored"]),
        (&json!("SUCCEEDED"), &json!(3000)),
        "{job}"
    );

    // The same request, five times at once.
    let key = stage.stage("flights", "more.csv", head(&source, 5000));
    let body = json!({"dataset": "flights", "source": {"key": key}}).to_string();
    let ids: Vec<String> = std::thread::scope(|scope| {
        let send = || {
            let headers = [("content-type", "application/json"), ("idempotency-key", "the same")];
            let answer = stage
                .cloud
                .api()
                .call(ureq::http::Method::POST, "/jobs", &headers, body.clone().into_bytes())
                .unwrap();
            assert_eq!(answer.status, 202, "{}", answer.body);
            answer.body["job"].as_str().unwrap().to_owned()
        };
        let calls: Vec<_> = (0..5).map(|_| scope.spawn(send)).collect();
        calls.into_iter().map(|call| call.join().unwrap()).collect()
    });
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    let job = stage.wait(&ids[0]);
    assert_eq!(
        (&job["status"], &job["counts"]["stored"]),
        (&json!("SUCCEEDED"), &json!(5000)),
        "{job}"
    );

    // One execution and one set of files each.
    const EXECUTIONS: &str = "
import boto3, json, sys
print(json.dumps(len(boto3.client('stepfunctions').list_executions(stateMachineArn=sys.argv[1])['executions'])))
";
    assert_eq!(stage.python(EXECUTIONS, &[stage.cloud.output("StateMachine").unwrap()]), json!(2));
    let committed: usize = [&ids[0], jobs[0]["job"].as_str().unwrap()]
        .iter()
        .map(|id| {
            let outputs = stage
                .cloud
                .api()
                .get(&format!("/jobs/{id}/outputs?limit=1000"))
                .unwrap()
                .ok()
                .unwrap();
            outputs["items"].as_array().unwrap().len()
        })
        .sum();
    let (keys, open) = stage.listing("LakeBucket", "lake/flights/");
    assert_eq!(keys.iter().filter(|key| key.ends_with(".parquet")).count(), committed);
    assert_eq!(keys.iter().filter(|key| key.contains("/_landfall/")).count(), 2);
    assert_eq!(open, 0);

    // The same bytes under another name are refused, and the answer says by which job they landed.
    let key = stage.stage("flights", "renamed.csv", head(&source, 5000));
    let refused = stage.wait(&stage.submit(&json!({"dataset": "flights", "source": {"key": key}})));
    assert_eq!(refused["failure"]["error"], "AlreadyLanded", "{refused}");
    assert!(refused["failure"]["cause"].as_str().unwrap().contains(&ids[0]), "{refused}");
    let forced = stage
        .wait(&stage.submit(&json!({"dataset": "flights", "source": {"key": key}, "force": true})));
    assert_eq!(forced["status"], "SUCCEEDED", "{forced}");
}
