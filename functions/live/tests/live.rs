//! Jobs are shown live: who is told what, and when.
#![expect(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use job::message::{Counts, JobId, SourceRef, Submission};
use job::{DatasetName, Progress};
use live::{Answer, App, Commands, Sent, Sockets};
use registry::{JobChange, JobRecord, JobStatus, Live, Registry, Viewer};
use serde_json::{Value, json};

const CREATED: &str = "2026-01-31T12:00:00.000Z";

/// Connections that keep what they are sent.
#[derive(Default)]
struct Kept {
    sent: Mutex<BTreeMap<String, Vec<Value>>>,
    gone: Mutex<Vec<String>>,
    broken: Mutex<Vec<String>>,
}

#[async_trait]
impl Sockets for Kept {
    async fn send(&self, connection: &str, text: &str) -> Result<Sent, String> {
        tokio::task::yield_now().await;
        let is_in = |list: &Mutex<Vec<String>>| {
            list.lock().unwrap().iter().any(|listed| listed == connection)
        };
        if is_in(&self.broken) {
            return Err("500".to_owned());
        }
        if is_in(&self.gone) {
            return Ok(Sent::Gone);
        }
        let message = serde_json::from_str(text).unwrap();
        assert!(text.len() < 4_096, "{} bytes: {text}", text.len());
        self.sent.lock().unwrap().entry(connection.to_owned()).or_default().push(message);
        Ok(Sent::Yes)
    }
}

/// An API that keeps what it was asked for.
#[derive(Default)]
struct Asked(Mutex<Vec<(Viewer, String)>>);

#[async_trait]
impl Commands for Asked {
    async fn post(&self, viewer: &Viewer, job: &JobId, action: &str) -> Result<Answer, String> {
        self.0.lock().unwrap().push((viewer.clone(), format!("{action} {job}")));
        Ok(Answer { status: 200, body: json!({"job": job}) })
    }
}

struct Bench {
    app: Arc<App>,
    registry: Arc<registry::Memory>,
    sockets: Arc<Kept>,
    asked: Arc<Asked>,
}

impl Bench {
    fn new() -> Self {
        let registry = Arc::new(registry::Memory::new());
        let (sockets, asked) = (Arc::new(Kept::default()), Arc::new(Asked::default()));
        let app = Arc::new(App {
            registry: registry.clone(),
            live: registry.clone(),
            sockets: sockets.clone(),
            commands: asked.clone(),
        });
        Self { app, registry, sockets, asked }
    }

    async fn job(&self, id: &str, dataset: &str) -> JobId {
        let job = JobId::parse(id).unwrap();
        let submission = Submission {
            job: job.clone(),
            dataset: DatasetName::parse(dataset).unwrap(),
            contract: 1,
            source: SourceRef::new("inbox".to_owned(), "a.csv".to_owned()).into(),
            ..serde_json::from_value(json!({
                "job": id, "dataset": dataset, "contract": 1,
                "source": {"bucket": "inbox", "key": "a.csv"},
            }))
            .unwrap()
        };
        self.registry.put_job(&JobRecord::pending(submission, CREATED)).await.unwrap();
        job
    }

    async fn change(&self, job: &JobId, status: JobStatus) {
        let change = JobChange { status: Some(status), ..JobChange::default() };
        self.registry.update_job(job, &change, CREATED).await.unwrap();
    }

    async fn socket(&self, id: &str, route: &str, body: &Value) -> Value {
        let event = json!({
            "requestContext": {"connectionId": id, "routeKey": route},
            "body": body.to_string(),
        });
        self.app.hear(&event).await.unwrap()
    }

    /// Connects with a ticket of its own.
    async fn connect(&self, id: &str, datasets: &[&str]) {
        let datasets = datasets.iter().map(|pattern| pattern.parse().unwrap()).collect();
        let viewer = Viewer { datasets, authorizer: json!({"jwt": {"claims": {"sub": id}}}) };
        self.registry.issue_ticket(id, &viewer, u64::MAX / 2_000).await.unwrap();
        assert_eq!(self.knock(id, id).await, json!({"statusCode": 200}));
    }

    async fn knock(&self, id: &str, ticket: &str) -> Value {
        let event = json!({
            "requestContext": {"connectionId": id, "routeKey": "$connect"},
            "queryStringParameters": {"ticket": ticket},
        });
        self.app.hear(&event).await.unwrap()
    }

    /// Sends a message; the answer to it, which is the last thing that comes.
    async fn send(&self, id: &str, message: Value) -> Value {
        self.socket(id, "$default", &message).await;
        self.sent(id).pop().unwrap()
    }

    async fn hear(&self, kind: &str, job: &JobId) {
        let detail = json!({"job": job, "objects": 1, "bytes": 1_000, "shards": 10});
        let event = json!({"source": "landfall", "detail-type": kind, "detail": detail});
        self.app.hear(&event).await.unwrap();
    }

    fn sent(&self, id: &str) -> Vec<Value> {
        self.sockets.sent.lock().unwrap().get(id).cloned().unwrap_or_default()
    }

    /// The snapshots of a job that a connection was sent, oldest first.
    fn snapshots(&self, id: &str, job: &JobId) -> Vec<Value> {
        let is_one = |message: &Value| message["type"] == "job" && message["job"] == json!(job);
        self.sent(id).into_iter().filter(is_one).collect()
    }
}

fn done(read: u64) -> Progress {
    let counts = Counts { read, stored: read, ..Counts::default() };
    Progress { shards: 1, bytes: 100, counts, ..Progress::default() }
}

#[tokio::test]
async fn nobody_comes_in_without_a_ticket_that_is_new() {
    let bench = Bench::new();
    assert_eq!(bench.knock("c-1", "guess").await, json!({"statusCode": 403}));
    assert_eq!(bench.knock("c-1", "").await, json!({"statusCode": 403}));
    bench.connect("c-2", &["*"]).await;
    assert_eq!(bench.knock("c-3", "c-2").await, json!({"statusCode": 403}), "it is used up");
    // A connection that was not let in has nothing to say.
    let answer = bench.send("c-1", json!({"action": "subscribe"})).await;
    assert_eq!(answer["status"], 403, "{answer}");
}

#[tokio::test]
async fn a_watcher_sees_a_job_from_where_it_stands_to_its_end() {
    let bench = Bench::new();
    let job = bench.job("j-1", "orders").await;
    bench.connect("c", &["*"]).await;
    let answer = bench.send("c", json!({"action": "subscribe", "job": "j-1", "request": 7})).await;
    assert_eq!(
        answer,
        json!({"type": "answer", "request": 7, "action": "subscribe", "status": 200, "body": {}})
    );
    bench.hear("landfall.job.started", &job).await;
    bench.change(&job, JobStatus::Running).await;
    for shard in 0..10 {
        let is_due = bench.registry.note_shard(&job, shard, &done(5), u64::from(shard)).await;
        if is_due.unwrap() {
            bench.hear("live.progressed", &job).await;
        }
    }
    bench.change(&job, JobStatus::Succeeded).await;
    bench.hear("landfall.job.landed", &job).await;

    let seen = bench.snapshots("c", &job);
    let sequences: Vec<_> = seen.iter().map(|it| it["sequence"].as_u64().unwrap()).collect();
    assert_eq!(sequences, (0..seen.len() as u64).collect::<Vec<_>>(), "without a gap");
    assert_eq!(
        (&seen[0]["status"], &seen[0]["progress"]["shards"]),
        (&json!("PENDING"), &json!(0))
    );
    let last = seen.last().unwrap();
    assert_eq!((&last["status"], &last["isOver"]), (&json!("SUCCEEDED"), &json!(true)), "{last}");
    assert_eq!(last["planned"], json!({"objects": 1, "bytes": 1_000, "shards": 10}));
    let progress = &last["progress"];
    assert_eq!((&progress["shards"], &progress["read"]), (&json!(10), &json!(50)), "{progress}");
}

#[tokio::test]
async fn a_watcher_sees_its_datasets_and_no_others() {
    let bench = Bench::new();
    let (orders, wages) = (bench.job("j-1", "orders").await, bench.job("j-2", "wages").await);
    bench.connect("all", &["*"]).await;
    bench.connect("some", &["ord*"]).await;
    for id in ["all", "some"] {
        assert_eq!(bench.send(id, json!({"action": "subscribe"})).await["status"], 200);
    }
    let wanted = [("dataset", "orders", 200), ("dataset", "wages", 404), ("job", "j-2", 404)];
    for (key, name, status) in wanted {
        let answer = bench.send("some", json!({"action": "subscribe", key: name})).await;
        assert_eq!(answer["status"], status, "{answer}");
    }
    for job in [&orders, &wages] {
        bench.change(job, JobStatus::Succeeded).await;
        bench.hear("landfall.job.landed", job).await;
    }
    // What was open was shown at first: to the second watcher twice, as it asked twice.
    assert_eq!(bench.snapshots("all", &orders).len(), 2);
    assert_eq!(bench.snapshots("all", &wages).len(), 2);
    assert_eq!(bench.snapshots("some", &orders).len(), 3, "a push comes once, whatever is watched");
    assert!(bench.snapshots("some", &wages).is_empty());
    // What does not exist is answered as what may not be seen.
    let nobody = bench.send("some", json!({"action": "subscribe", "job": "j-9"})).await;
    let hidden = bench.send("some", json!({"action": "subscribe", "job": "j-2"})).await;
    let detail = |answer: &Value| answer["body"]["detail"].as_str().unwrap().replace("j-9", "j-2");
    assert_eq!(detail(&nobody), detail(&hidden));
}

#[tokio::test]
async fn who_is_gone_is_forgotten_and_stops_nobody() {
    let bench = Bench::new();
    let job = bench.job("j-1", "orders").await;
    for id in ["gone", "broken", "there"] {
        bench.connect(id, &["*"]).await;
        bench.send(id, json!({"action": "subscribe", "job": "j-1"})).await;
        bench.send(id, json!({"action": "subscribe"})).await;
    }
    bench.sockets.gone.lock().unwrap().push("gone".to_owned());
    bench.sockets.broken.lock().unwrap().push("broken".to_owned());
    bench.hear("landfall.job.held", &job).await;
    assert_eq!(bench.registry.connection("gone").await, Ok(None));
    assert!(bench.registry.connection("broken").await.unwrap().is_some(), "it may come back");
    assert_eq!(bench.snapshots("there", &job).last().unwrap()["sequence"], 1);
    let left = bench.registry.subscribers(&registry::Topic::All).await.unwrap();
    assert_eq!(left.len(), 2, "{left:?}");
    bench.socket("there", "$disconnect", &Value::Null).await;
    assert_eq!(bench.registry.connection("there").await, Ok(None));
}

#[tokio::test]
async fn two_hundred_watchers_each_see_every_push() {
    let bench = Bench::new();
    let job = bench.job("j-1", "orders").await;
    let ids: Vec<String> = (0..200).map(|number| format!("c-{number}")).collect();
    for id in &ids {
        bench.connect(id, &["*"]).await;
        bench.send(id, json!({"action": "subscribe", "job": "j-1"})).await;
    }
    for kind in ["landfall.job.started", "landfall.job.held", "landfall.job.landed"] {
        bench.hear(kind, &job).await;
    }
    for id in &ids {
        let seen = bench.snapshots(id, &job);
        let sequences: Vec<_> = seen.iter().map(|it| it["sequence"].as_u64().unwrap()).collect();
        assert_eq!(sequences, [0, 1, 2, 3], "{id}");
    }
}

#[tokio::test]
async fn a_job_that_nobody_watches_makes_no_push() {
    let bench = Bench::new();
    let job = bench.job("j-1", "orders").await;
    bench.hear("landfall.job.started", &job).await;
    bench.hear("landfall.job.landed", &job).await;
    let told = bench.registry.told(&job).await.unwrap();
    assert_eq!((told.sequence, told.planned.map(|planned| planned.shards)), (0, Some(10)));
}

#[tokio::test]
async fn what_a_watcher_asks_for_is_asked_in_its_name() {
    let bench = Bench::new();
    bench.job("j-1", "orders").await;
    bench.connect("c", &["orders"]).await;
    for action in ["cancel", "approve", "refuse", "redrive"] {
        let answer = bench.send("c", json!({"action": action, "job": "j-1"})).await;
        assert_eq!((&answer["status"], &answer["body"]["job"]), (&json!(200), &json!("j-1")));
        let (viewer, asked) = bench.asked.0.lock().unwrap().pop().unwrap();
        assert_eq!(asked, format!("{action} j-1"));
        assert_eq!(viewer.authorizer["jwt"]["claims"]["sub"], "c");
    }
    for message in [
        json!({"action": "delete", "job": "j-1"}),
        json!({"action": "cancel"}),
        json!({"action": "cancel", "job": "../j-1"}),
        json!({"action": "subscribe", "job": "j-1", "dataset": "orders"}),
        json!({"job": "j-1"}),
        json!([1]),
        json!("subscribe"),
    ] {
        let answer = bench.send("c", message.clone()).await;
        assert_eq!(answer["status"], 400, "{message}: {answer}");
        assert!(answer["body"]["detail"].is_string(), "{answer}");
    }
    assert!(bench.asked.0.lock().unwrap().is_empty());
}
