//! Rejects that jobs left, tried by the API: with the contract that is registered, and with others.

use axum::http::StatusCode;
use bytes::Bytes;
use job::message::{JobId, Source, Submission};
use job::replay::{Claimant, Claimed, Dismissal, Positions, Replay};
use objects::Put;
use registry::JobFilter;
use serde_json::{Value, json};

use super::bench::{Bench, things};
use super::open_rejects::Door;

const SCHEMA: &str = "
schema:
  fields:
    - { name: id, type: integer }
    - { name: text, type: string }
";
const SOURCE: &str = "id,text\n1,a\nx,\"of two\nlines\"\ny,c\n3,d\nz,e\n";
/// What `SOURCE` leaves, mended.
const MENDED: &str = "id,text\n5,b\n6,c\n7,e\n";

fn id(job: &str) -> JobId {
    JobId::parse(job).unwrap()
}

/// A contract that takes what `SCHEMA` rejects.
fn lenient() -> String {
    things(&SCHEMA.replace("integer", "string"))
}

/// A deployment where a job left three rejects.
async fn rejected() -> Bench {
    let bench = Bench::new(&things(SCHEMA)).await;
    bench.land("job", SOURCE.as_bytes(), 9).await.unwrap();
    bench
}

/// A dry run of a replay: 200 with the outlook.
async fn tried(bench: &Bench, job: &str, mut body: Value) -> Value {
    body["dryRun"] = json!(true);
    let (status, answer) = Door::new(bench).post(&format!("/jobs/{job}/replay"), body).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    answer
}

/// How many records a dry run read, and how many of them it rejected.
fn counts(outlook: &Value) -> (u64, u64) {
    let count = |name: &str| outlook["sample"]["counts"][name].as_u64().unwrap();
    let (read, stored, rejected) = (count("read"), count("stored"), count("rejected"));
    assert_eq!(read, stored + rejected, "{outlook}");
    (read, rejected)
}

/// Takes rejects of `job` away, as `by` says.
async fn claim(bench: &Bench, number: u32, by: Claimant, rejects: &[u32]) {
    let rejects = Positions::from_iter(rejects.iter().copied());
    let claimed = serde_json::to_vec(&Claimed { by, layout: 0, rejects }).unwrap();
    let key = bench.context.keys(&id("job")).replay(number);
    bench.work().put(&key, claimed.into(), Put::Overwrite).await.unwrap();
}

fn dismissal() -> Claimant {
    let at = "2026-01-31T12:00:00.000Z".to_owned();
    Claimant::Dismissed(Dismissal { by: None, why: "a test".to_owned(), at })
}

/// A job that lands one of the rejects.
async fn land_one(bench: &Bench, job: &str, parent: &str, reject: u32) {
    let submission = bench.submit(job, b"id,text\n9,new\n", 99, false).await;
    let rejects = Some(Positions::from_iter([reject]));
    let replay = Some(Replay { of: id(parent), layout: 0, rejects });
    bench.run(Submission { replay, ..submission }).await.unwrap();
}

/// All that is there, but for the bytes.
async fn left(bench: &Bench) -> Value {
    let mut all = Vec::new();
    for bucket in [bench.inbox(), bench.work(), bench.lake()] {
        let listed = bucket.list("", None, 1_000).await.unwrap();
        all.extend(listed.into_iter().map(|object| format!("{object:?}")));
        all.extend(bucket.uploads("").await.unwrap().into_iter().map(|open| format!("{open:?}")));
    }
    let jobs = bench.context.registry.jobs(&JobFilter::default(), None, 100).await.unwrap();
    json!({"objects": all, "jobs": jobs.items})
}

#[tokio::test]
async fn rejects_are_tried_and_stay_as_they_are() {
    let bench = rejected().await;
    let before = left(&bench).await;
    let outlook = tried(&bench, "job", json!({})).await;
    assert_eq!(counts(&outlook), (3, 3), "{outlook}");
    assert_eq!(outlook["sample"]["faults"][1]["field"], "id", "{outlook}");
    assert_eq!(outlook["plan"]["shards"], 1, "{outlook}");
    let outlook = tried(&bench, "job", json!({"contract": lenient()})).await;
    assert_eq!(counts(&outlook), (3, 0), "{outlook}");

    let outlook = tried(&bench, "job", json!({"csv": MENDED})).await;
    assert_eq!(counts(&outlook), (3, 0), "{outlook}");
    let half = json!({"csv": "id,text\n5,b\ny,c\n", "rejects": [0, 1]});
    assert_eq!(counts(&tried(&bench, "job", half).await), (2, 1));
    assert_eq!(left(&bench).await, before);
    let key = "staged/things/mended.csv";
    bench.inbox().put(key, Bytes::from(MENDED), Put::Overwrite).await.unwrap();
    let outlook = tried(&bench, "job", json!({"source": {"key": key}})).await;
    assert_eq!(counts(&outlook), (3, 0), "{outlook}");

    // The rejects can be landed still.
    land_one(&bench, "next", "job", 1).await;
}

#[tokio::test]
async fn what_a_replay_could_not_land_is_told() {
    let bench = rejected().await;
    let failure = async |body: Value| {
        let outlook = tried(&bench, "job", body).await;
        assert_eq!(outlook["plan"], Value::Null);
        let failure = &outlook["failure"];
        let text = |name: &str| failure[name].as_str().unwrap().to_owned();
        (text("error"), text("cause"))
    };
    let two = "id,text\n5,b\n6,c\n";
    let (error, cause) = failure(json!({"csv": two})).await;
    assert_eq!(error, "SourceCorrupt", "{cause}");
    assert!(cause.contains("has 2 records, and 3 rejects of job job are sent again"), "{cause}");
    let (error, _) = failure(json!({"csv": two, "rejects": [1, 3]})).await;
    assert_eq!(error, "SourceMissing");
    let (error, cause) = failure(json!({"layout": 1, "csv": two})).await;
    assert_eq!((error.as_str(), cause.as_str()), ("SourceMissing", "job job has no layout 1"));
    claim(&bench, 0, dismissal(), &[2]).await;
    let (error, _) = failure(json!({"csv": MENDED})).await;
    assert_eq!(error, "AlreadyLanded");
}

/// In any encoding, and with a footer, which the rejects have too.
#[tokio::test]
async fn the_open_rejects_alone_are_tried() {
    for (more, end) in
        [("", ""), ("encoding: utf-16le", ""), ("dialect: { footerRows: 2 }", "-\n-\n")]
    {
        let own = |contract: String| match more.starts_with("dialect") {
            true => contract.replace("dialect:\n  {", "dialect:\n  { footerRows: 2,"),
            false => format!("{contract}{more}\n"),
        };
        let bench = Bench::new(&own(things(SCHEMA))).await;
        let text = format!("id,text\n1,a\nx,\"of two\nlines\"\ny,c\n3,d\nz,é\nw,f\n{end}");
        let text = match more.starts_with("encoding") {
            true => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            false => text.into_bytes(),
        };
        bench.land("job", &text, 9).await.unwrap();
        let lenient = own(lenient());
        let told = async || {
            let outlook = tried(&bench, "job", json!({})).await;
            let again = counts(&outlook);
            let faults = outlook["sample"]["faults"].as_array().unwrap();
            let values: Vec<_> =
                faults.iter().map(|fault| fault["value"].as_str().unwrap().to_owned()).collect();
            let outlook = tried(&bench, "job", json!({"contract": lenient})).await;
            assert_eq!(counts(&outlook), (again.0, 0), "{more}: {outlook}");
            (again, values.concat())
        };
        assert_eq!(told().await, ((4, 4), "xyzw".to_owned()), "{more}");
        claim(&bench, 0, dismissal(), &[1]).await;
        assert_eq!(told().await, ((3, 3), "xzw".to_owned()), "{more}");
        // Of a job that never was: nobody lands it.
        claim(&bench, 1, Claimant::Job(id("gone")), &[0, 2]).await;
        assert_eq!(told().await, ((3, 3), "xzw".to_owned()), "{more}");
    }
}

/// Also at a job that is a replay itself: what it rejects again is the first job's.
#[tokio::test]
async fn what_a_replay_landed_is_not_tried_again() {
    let bench = rejected().await;
    let submission = bench.submit("child", b"id,text\n5,b\ny,c\nz,d\n", 99, false).await;
    let replay = Some(Replay { of: id("job"), layout: 0, rejects: None });
    bench.run(Submission { replay, ..submission }).await.unwrap();
    for parent in ["job", "child"] {
        assert_eq!(counts(&tried(&bench, parent, json!({})).await), (2, 2), "{parent}");
    }
    land_one(&bench, "second", "child", 0).await;
    for parent in ["job", "child"] {
        let outlook = tried(&bench, parent, json!({})).await;
        assert_eq!(counts(&outlook), (1, 1), "{parent}");
        assert_eq!(outlook["sample"]["faults"][0]["value"], "z", "{parent}: {outlook}");
    }
    land_one(&bench, "third", "job", 2).await;
    let path = "/jobs/job/replay";
    let (status, answer) = Door::new(&bench).post(path, json!({"dryRun": true})).await;
    assert_eq!(status, StatusCode::NOT_FOUND, "{answer}");
    assert_eq!(answer["type"], "urn:landfall:problem:no-rejects");
    let outlook = tried(&bench, "child", json!({})).await;
    assert_eq!(outlook["failure"]["error"], "AlreadyLanded", "{outlook}");
}

/// Rejects of several layouts lie in files of their own.
#[tokio::test]
async fn rejects_are_tried_layout_by_layout() {
    let schema = SCHEMA.replace("fields:", "fieldsMatch: equal\n  fields:");
    let bench = Bench::new(&things(&schema)).await;
    for (file, text) in
        [("a", "id,text\nx,1\n1,a\n"), ("b", "text,id\n2,y\nb,2\n3,w\n"), ("c", "id,text\nz,3\n")]
    {
        let key = format!("inbox/many/{file}.csv");
        bench.inbox().put(&key, Bytes::from(text), Put::Overwrite).await.unwrap();
    }
    let source =
        Source::Prefix { bucket: "inbox".to_owned(), prefix: "inbox/many/".to_owned(), glob: None };
    let submission = bench.submit("job", b"", 99, false).await;
    bench.run(Submission { source, ..submission }).await.unwrap();
    for layout in [0, 1] {
        assert_eq!(counts(&tried(&bench, "job", json!({"layout": layout})).await), (2, 2));
    }
    claim(&bench, 0, dismissal(), &[0]).await;
    let first = tried(&bench, "job", json!({"layout": 0})).await;
    assert_eq!(counts(&first), (1, 1));
    assert_eq!(first["sample"]["faults"][0]["value"], "z", "{first}");
    assert_eq!(counts(&tried(&bench, "job", json!({"layout": 1})).await), (2, 2));
}

/// Of very many, the first ones.
#[tokio::test]
async fn the_first_megabyte_of_open_rejects_is_tried() {
    let bench = Bench::new(&things(SCHEMA)).await;
    let text = "t".repeat(1_000);
    let records: String = (0..2_000).map(|id| format!("x{id},{text}\n")).collect();
    bench.land("job", format!("id,text\n{records}").as_bytes(), 1 << 20).await.unwrap();
    let whole = counts(&tried(&bench, "job", json!({})).await);
    assert!((1_000..1_100).contains(&whole.0) && whole.1 == whole.0, "{whole:?}");
    claim(&bench, 0, dismissal(), &(0..500).collect::<Vec<_>>()).await;
    let outlook = tried(&bench, "job", json!({"contract": lenient()})).await;
    let (read, rejected) = counts(&outlook);
    assert!((1_000..1_100).contains(&read) && rejected == 0, "{read} {rejected}");
}
