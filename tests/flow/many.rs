//! Many objects in one job: the same rows, rejects and places as each of them alone, landed once.

use std::io::Write as _;

use bytes::Bytes;
use contract::rejects::ErrorEntry;
use job::message::{
    Failure, JobId, Landed, ObjectCounts, Source, SourceRef, Submission, Unreadable,
};
use landing::plan::Plan;
use objects::Put;
use proptest::prelude::*;
use registry::JobStatus;

use super::bench::{Bench, things};

const SCHEMA: &str = r#"
schema:
  fieldsMatch: equal
  fields:
    - { name: id, type: integer, physicalType: int32, constraints: { required: true, minimum: 0 } }
    - { name: text, type: string, constraints: { maxLength: 9 } }
"#;
/// Keys, so that records of an object might take those of others.
pub(crate) const KEYED: &str = r#"
schema:
  primaryKey: [id]
  fields:
    - { name: id, type: integer }
    - { name: text, type: string }
"#;

/// A file, as the inbox has it: its name, and its bytes.
type File = (String, Vec<u8>);

fn file(name: &str, text: &str) -> File {
    (name.to_owned(), text.as_bytes().to_vec())
}

fn packed(name: &str, text: &str) -> File {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    writer.write_all(text.as_bytes()).unwrap();
    (name.to_owned(), writer.finish().unwrap())
}

fn prefix(glob: Option<&str>) -> Source {
    let (bucket, prefix) = ("inbox".to_owned(), "inbox/many/".to_owned());
    Source::Prefix { bucket, prefix, glob: glob.map(str::to_owned) }
}

async fn put(bench: &Bench, files: &[File]) {
    for (name, bytes) in files {
        let bytes = Bytes::copy_from_slice(bytes);
        bench.inbox().put(&format!("inbox/many/{name}"), bytes, Put::Overwrite).await.unwrap();
    }
}

async fn submit(bench: &Bench, job: &str, source: Source, shard_bytes: u64) -> Submission {
    bench.register(bench.submission(job, source, shard_bytes)).await
}

/// The rows of the table without the columns that the lineage adds.
async fn rows(bench: &Bench) -> Vec<String> {
    let rows = bench.sorted_rows(&bench.table_keys().await).await;
    let mut rows: Vec<String> = rows
        .iter()
        .map(|row| row.split('|').skip(1).take(2).collect::<Vec<_>>().join("|"))
        .collect();
    rows.sort_unstable();
    rows
}

fn name(file: &str) -> String {
    format!("s3://inbox/inbox/many/{file}")
}

fn errors(text: &str) -> Vec<ErrorEntry> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A record, good or bad.
fn a_record() -> impl Strategy<Value = (String, String)> {
    let id = prop_oneof![4 => "[0-9]{1,4}", 1 => "x"];
    let text = prop_oneof![4 => "[a-z]{1,6}", 1 => "[a-z]{1,3}\n[a-z]{1,3}", 1 => "[a-z]{10}"];
    (id, text)
}

fn quoted(text: &str) -> String {
    if text.contains('\n') { format!("\"{text}\"") } else { text.to_owned() }
}

fn is_good((id, text): &(String, String)) -> bool {
    id != "x" && text.len() <= 9
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Whatever the files hold, however they are packed, whichever order their columns have and
    /// however large shards are: every record lands or is rejected once, and each fault says the
    /// file, the record and the line that it is in.
    #[test]
    fn every_record_of_every_file_lands_or_is_rejected_once(
        tables in prop::collection::vec(
            (prop::collection::vec(a_record(), 0..12), any::<bool>(), any::<bool>()), 1..9,
        ),
        shard_bytes in prop_oneof![1u64..60, 60u64..400],
    ) {
        let files: Vec<File> = tables.iter().enumerate().map(|(index, (records, is_turned, is_packed))| {
            let line = |(id, text): &(String, String)| match is_turned {
                true => format!("{},{id}\n", quoted(text)),
                false => format!("{id},{}\n", quoted(text)),
            };
            let header = if *is_turned { "text,id\n" } else { "id,text\n" };
            // Files differ, so that none is taken for a copy of another.
            let first = line(&(format!("{index}"), format!("f{index}")));
            let text = format!("{header}{first}{}", records.iter().map(line).collect::<String>());
            if *is_packed { packed(&format!("{index}.csv.gz"), &text) } else { file(&format!("{index}.csv"), &text) }
        }).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let bench = Bench::new(&things(SCHEMA)).await;
            put(&bench, &files).await;
            let stored = bench.run(submit(&bench, "job", prefix(None), shard_bytes).await).await.unwrap();
            let mut expected = Vec::new();
            let mut faulty = Vec::new();
            for ((index, (records, ..)), (name_of_file, _)) in tables.iter().enumerate().zip(&files) {
                expected.push(format!("{index}|f{index}"));
                let mut line = 3;
                for (number, record) in (2u64..).zip(records) {
                    if is_good(record) {
                        expected.push(format!("{}|{}", record.0.parse::<u32>().unwrap(), record.1));
                    } else {
                        faulty.push((name(name_of_file), number, line));
                    }
                    line += 1 + record.1.matches('\n').count() as u64;
                }
            }
            expected.sort_unstable();
            let landed = bench.landed(&stored).await;
            let mut found: Vec<_> = errors(&landed.errors)
                .into_iter()
                .map(|entry| (entry.source.unwrap_or_else(|| name(&files[0].0)), entry.record, entry.line))
                .collect();
            found.dedup();
            assert_eq!(rows(&bench).await, expected);
            assert_eq!(found, faulty, "shards of {shard_bytes} bytes");
            assert_eq!(landed.counts.read, expected.len() as u64 + faulty.len() as u64);
        });
    }
}

#[tokio::test]
async fn small_files_share_a_shard_and_large_ones_are_cut() {
    let bench = Bench::new(&things(SCHEMA)).await;
    let large: String = (0..200).map(|id| format!("{id},large\n")).collect();
    let mut files: Vec<File> =
        (0..9).map(|n| file(&format!("a{n}.csv"), &format!("id,text\n{n},small\n"))).collect();
    files.push(file("b.csv", &format!("id,text\n{large}")));
    files.push(file("c.csv", "id,text\n7,last\n"));
    put(&bench, &files).await;
    let submission = submit(&bench, "job", prefix(None), 500).await;
    let stored = bench.run(submission.clone()).await.unwrap();
    let keys = bench.context.keys(&submission.job);
    let plan: Plan = serde_json::from_str(&bench.text(&keys.plan()).await).unwrap();
    assert_eq!((plan.objects, plan.shards, plan.layouts.len()), (11, 6, 1));
    assert_eq!(stored.counts.stored, 210);
    assert_eq!(stored.files, 1, "what shards leave small is put together");
    let commit = bench.commit(0).await.unwrap();
    assert_eq!((commit.objects, &commit.source), (11, &submission.source));
}

#[tokio::test]
async fn a_key_is_taken_by_a_record_of_another_file() {
    let bench = Bench::new(&things(KEYED)).await;
    put(
        &bench,
        &[
            file("a.csv", "id,text\n1,a\n2,b\n"),
            file("b.csv", "id,text\n3,c\n2,d\n3,e\n"),
            packed("c.csv.gz", "id,text\n9,f\n1,g\n"),
        ],
    )
    .await;
    for (job, shard_bytes) in [("whole", 1_000), ("split", 4)] {
        let bench = bench.with_contract(&things(KEYED).replace("things", job)).await;
        let stored = bench.run(submit(&bench, job, prefix(None), shard_bytes).await).await.unwrap();
        let landed = bench.landed(&stored).await;
        assert_eq!(rows(&bench).await, ["1|a", "2|b", "3|c", "9|f"], "{job}");
        let told: Vec<_> = errors(&landed.errors)
            .into_iter()
            .map(|entry| {
                (entry.source.unwrap(), entry.record, entry.holder.unwrap(), entry.message)
            })
            .collect();
        let is_key = "`id` is the primary key, and";
        let expected = [
            (
                name("b.csv"),
                2,
                2,
                format!("{is_key} `2` is taken by record 2 of {}", name("a.csv")),
            ),
            (name("b.csv"), 3, 1, format!("{is_key} `3` is taken by record 1")),
            (
                name("c.csv.gz"),
                2,
                1,
                format!("{is_key} `1` is taken by record 1 of {}", name("a.csv")),
            ),
        ];
        assert_eq!(told, expected, "{job}");
        assert_eq!(landed.rejects, "id,text\n2,d\n3,e\n", "{job}");
    }
}

#[tokio::test]
async fn rejects_of_another_layout_are_a_file_of_their_own() {
    let bench = Bench::new(&things(SCHEMA)).await;
    put(
        &bench,
        &[
            file("a.csv", "id,text\n1,a\nx,b\n"),
            file("b.csv", "text,id\nc,2\nd,x\n"),
            file("c.csv", "id,text\n3,e\nx,f\n"),
        ],
    )
    .await;
    let stored = bench.run(submit(&bench, "job", prefix(None), 1_000).await).await.unwrap();
    let keys = bench.context.keys(&stored.job);
    assert_eq!(bench.text(&keys.rejects(0)).await, "id,text\nx,b\nx,f\n");
    assert_eq!(bench.text(&keys.rejects(1)).await, "text,id\nd,x\n");
    let work = bench.context.buckets.bucket("work");
    let layouts = steps::rejects_by_layout(work.as_ref(), &keys).await.unwrap();
    let told = [(0, vec![0, 2]), (1, vec![1])].map(|(layout, rejects)| steps::LayoutRejects {
        layout,
        rows: rejects.len() as u64,
        encoding: "utf-8".to_owned(),
        rejects: rejects.into_iter().collect(),
    });
    assert_eq!(layouts, told);
}

#[tokio::test]
async fn a_prefix_that_is_landed_again_lands_what_is_new() {
    let bench = Bench::new(&things(SCHEMA)).await;
    put(&bench, &[file("a.csv", "id,text\n1,a\n"), file("b.csv", "id,text\n2,b\n")]).await;
    bench.run(submit(&bench, "first", prefix(None), 1_000).await).await.unwrap();
    put(
        &bench,
        &[
            file("c.csv", "id,text\n3,c\n"),
            file("copy-of-a.csv", "id,text\n1,a\n"),
            file("copy-of-c.csv", "id,text\n3,c\n"),
        ],
    )
    .await;
    bench.run(submit(&bench, "second", prefix(None), 1_000).await).await.unwrap();
    assert_eq!(rows(&bench).await, ["1|a", "2|b", "3|c"]);
    assert_eq!(bench.record("second").await.objects, Some(ObjectCounts { landed: 1, skipped: 4 }));
    let skipped = bench.text(&bench.context.keys(&JobId::parse("second").unwrap()).skipped()).await;
    let skipped: Vec<serde_json::Value> =
        skipped.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<_> = skipped
        .iter()
        .map(|object| (object["source"].as_str().unwrap(), object["job"].as_str()))
        .collect();
    let expected = ["a.csv", "b.csv", "copy-of-a.csv"].map(|file| (name(file), Some("first")));
    let expected: Vec<_> = expected.iter().map(|(name, job)| (name.as_str(), *job)).collect();
    assert_eq!(told[..3], expected);
    assert_eq!(told[3], (name("copy-of-c.csv").as_str(), None));

    let failure = bench.run(submit(&bench, "third", prefix(None), 1_000).await).await.unwrap_err();
    assert_eq!(
        (failure.error.as_str(), failure.job.as_ref().map(JobId::as_str)),
        ("AlreadyLanded", Some("first"))
    );
    assert_eq!(bench.record("third").await.status, JobStatus::Duplicate);

    let again = Submission { force: true, ..submit(&bench, "again", prefix(None), 1_000).await };
    assert_eq!(bench.run(again).await.unwrap().counts.stored, 5);
}

#[tokio::test]
async fn what_cannot_be_read_fails_the_job_or_is_left_out() {
    let files = [
        file("a.csv", "id,text\n1,a\n"),
        file("b.csv", "id,colour\n2,b\n"),
        ("c.csv.gz".to_owned(), b"\x1f\x8b\x08not really".to_vec()),
        file("d.csv", "id,text\n4,d\n"),
    ];
    let bench = Bench::new(&things(SCHEMA)).await;
    put(&bench, &files).await;
    let failure = bench.run(submit(&bench, "fails", prefix(None), 1_000).await).await.unwrap_err();
    assert_eq!(failure.error, "SchemaDrift");
    assert!(failure.cause.starts_with(&name("b.csv")), "{}", failure.cause);
    assert_eq!(bench.visible().await, (vec![], 0));

    let submission = submit(&bench, "skips", prefix(None), 1_000).await;
    let submission = Submission { unreadable: Unreadable::Skip, ..submission };
    bench.run(submission.clone()).await.unwrap();
    assert_eq!(rows(&bench).await, ["1|a", "4|d"]);
    let skipped = bench.text(&bench.context.keys(&submission.job).skipped()).await;
    let told: Vec<serde_json::Value> =
        skipped.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<_> =
        told.iter().map(|object| (object["source"].clone(), object["error"].clone())).collect();
    assert_eq!(
        told,
        [
            (name("b.csv").into(), "SchemaDrift".into()),
            (name("c.csv.gz").into(), "SourceCorrupt".into())
        ]
    );
}

#[tokio::test]
async fn a_glob_chooses_among_the_objects_of_a_prefix() {
    let files = ["a.csv", "b.txt", "deep/c.csv", "deep/er/d.csv"];
    let files: Vec<File> = (1..)
        .zip(files)
        .map(|(id, key): (u32, _)| file(key, &format!("id,text\n{id},x\n")))
        .collect();
    for (job, glob, expected) in [
        ("none", None, &["1|x", "2|x", "3|x", "4|x"][..]),
        ("flat", Some("*.csv"), &["1|x"]),
        ("deep", Some("**/*.csv"), &["1|x", "3|x", "4|x"]),
        ("both", Some("{*.txt,deep/*}"), &["2|x", "3|x"]),
    ] {
        let bench = Bench::new(&things(SCHEMA)).await;
        put(&bench, &files).await;
        bench.run(submit(&bench, job, prefix(glob), 1_000).await).await.unwrap();
        assert_eq!(rows(&bench).await, expected, "{job}");
    }
    let bench = Bench::new(&things(SCHEMA)).await;
    let failure =
        bench.run(submit(&bench, "job", prefix(Some("*.tsv")), 1_000).await).await.unwrap_err();
    assert_eq!(failure.error, "SourceMissing");
}

#[tokio::test]
async fn what_a_manifest_says_is_compared_before_the_commit() {
    let lines = r#"{"key": "inbox/many/a.csv", "rows": 1, "bytes": 12}
{"url": "s3://inbox/inbox/many/b.csv"}
"#;
    let total = |total: &str| format!("{lines}{{\"total\": {total}}}\n");
    for (text, expected) in [
        (lines.to_owned(), Ok(3)),
        (total(r#"{"objects": 2, "rows": 3, "bytes": 28}"#), Ok(3)),
        (total(r#"{"rows": 4}"#), Err("4 rows in all, and 3 were found")),
        (total(r#"{"bytes": 29}"#), Err("29 bytes in all, and 28 were found")),
        (
            lines.replace("\"rows\": 1", "\"rows\": 2"),
            Err("has 1 records, and the manifest says 2"),
        ),
        (
            lines.replace("\"bytes\": 12", "\"bytes\": 13"),
            Err("has 12 bytes, and the manifest says 13"),
        ),
        (lines.replace("b.csv", "gone.csv"), Err("gone.csv is not there")),
        (lines.replace("inbox/many/b.csv", "work/x"), Err("may not be landed")),
    ] {
        let bench = Bench::new(&things(SCHEMA)).await;
        put(
            &bench,
            &[
                file("a.csv", "id,text\n1,a\n"),
                file("b.csv", "id,text\n2,b\n3,c\n"),
                file("list.jsonl", &text),
            ],
        )
        .await;
        let list = SourceRef::new("inbox".to_owned(), "inbox/many/list.jsonl".to_owned());
        let source = Source::Manifest { manifest: list };
        let outcome: Result<_, Failure> =
            bench.run(submit(&bench, "job", source, 1_000).await).await;
        match (outcome, expected) {
            (Ok(stored), Ok(rows)) => assert_eq!(stored.counts.stored, rows, "{text}"),
            (Err(failure), Err(told)) => {
                assert!(failure.cause.contains(told), "{}", failure.cause);
                assert_eq!(bench.visible().await, (vec![], 0));
            }
            (outcome, expected) => panic!("{outcome:?} is not {expected:?}: {text}"),
        }
    }
}

/// The totals of a manifest are of all its objects. Where some landed before, or are copies, only
/// their number can be compared.
#[tokio::test]
async fn a_manifest_with_totals_may_be_repeated_with_more_objects() {
    let bench = Bench::new(&things(SCHEMA)).await;
    for (job, files, objects, rows, expected) in [
        ("first", &["a", "b"][..], 2, 2, Some(2)),
        ("second", &["a", "b", "c"], 3, 3, Some(1)),
        ("copies", &["d", "a", "d2"], 3, 3, Some(1)),
        ("wrong", &["e", "a"], 3, 2, None),
    ] {
        let line = |file: &&str| format!("{{\"key\": \"inbox/many/{file}.csv\"}}\n");
        let lines: String = files.iter().map(line).collect();
        let list = format!("{lines}{{\"total\": {{\"objects\": {objects}, \"rows\": {rows}}}}}\n");
        let text = |file: &&str| format!("id,text\n{},{}\n", file.as_bytes()[0], &file[..1]);
        let mut all: Vec<File> =
            files.iter().map(|name| file(&format!("{name}.csv"), &text(name))).collect();
        all.push(file("list.jsonl", &list));
        put(&bench, &all).await;
        let manifest = SourceRef::new("inbox".to_owned(), "inbox/many/list.jsonl".to_owned());
        let source = Source::Manifest { manifest };
        let outcome = bench.run(submit(&bench, job, source, 1_000).await).await;
        let stored = outcome.map(|stored| stored.counts.stored);
        assert_eq!(stored.as_ref().ok(), expected.as_ref(), "{job}: {stored:?}");
    }
}

#[tokio::test]
async fn an_object_that_another_job_landed_meanwhile_is_not_landed_twice() {
    let bench = Bench::new(&things(SCHEMA)).await;
    put(&bench, &[file("a.csv", "id,text\n1,a\n"), file("b.csv", "id,text\n2,b\n")]).await;
    let slow = submit(&bench, "slow", prefix(None), 1_000).await;
    bench.verified(slow.clone()).await.unwrap();
    bench.run(submit(&bench, "quick", prefix(Some("b.csv")), 1_000).await).await.unwrap();
    let job = job::message::JobRef { job: slow.job.clone(), dataset: slow.dataset.clone() };
    let error = steps::store(&bench.context, job).await.unwrap_err();
    assert!(error.message.contains("job quick landed some of the same objects"), "{error}");
    assert_eq!(rows(&bench).await, ["2|b"]);
}

/// What landed before fails a job that is to land only what is new, before anything is written.
#[tokio::test]
async fn a_job_may_refuse_what_landed_before() {
    let bench = Bench::new(&things(SCHEMA)).await;
    let lines = |number: u32| format!("id,text\n{number},t{number}\n");
    let files: Vec<File> = (0..7).map(|n| file(&format!("{n}.csv"), &lines(n))).collect();
    put(&bench, &files).await;
    let refuses = |submission| Submission { landed: Landed::Refuse, ..submission };
    bench.run(refuses(submit(&bench, "first", prefix(Some("0.csv")), 1_000).await)).await.unwrap();
    let visible = bench.visible().await;

    // Of one object, of several of which one landed, and of more than are named.
    for (job, glob, told) in [
        (
            "one",
            "0.csv",
            "1 of 1 objects are in things already: s3://inbox/inbox/many/0.csv by job first; nothing is landed",
        ),
        (
            "some",
            "{0,1}.csv",
            "1 of 2 objects are in things already: s3://inbox/inbox/many/0.csv by job first; nothing is landed",
        ),
    ] {
        let submission = refuses(submit(&bench, job, prefix(Some(glob)), 1_000).await);
        let failure = bench.run(submission).await.unwrap_err();
        assert_eq!(failure.error, "LandedBefore", "{job}");
        assert!(failure.cause.contains(told), "{job}: {}", failure.cause);
        assert_eq!(bench.record(job).await.status, JobStatus::Failed, "{job}");
        assert_eq!(bench.visible().await, visible, "{job}: nothing is written");
        let skipped = bench.text(&bench.context.keys(&JobId::parse(job).unwrap()).skipped()).await;
        assert!(skipped.contains(r#""job":"first""#), "{job}: {skipped}");
    }
    let only = SourceRef::new("inbox".to_owned(), "inbox/many/0.csv".to_owned());
    let only = refuses(submit(&bench, "only", only.into(), 1_000).await);
    assert_eq!(bench.run(only).await.unwrap_err().error, "LandedBefore");
    assert_eq!(bench.record("only").await.status, JobStatus::Failed);

    bench.run(submit(&bench, "rest", prefix(None), 1_000).await).await.unwrap();
    let all = refuses(submit(&bench, "all", prefix(None), 1_000).await);
    let failure = bench.run(all).await.unwrap_err();
    assert!(failure.cause.starts_with("7 of 7 objects are in things already: "));
    assert!(failure.cause.contains("4.csv by job rest, 2 more, which"), "{}", failure.cause);

    // Copies within a source did not land before, and what is forced may.
    let copies = [file("8.csv", "id,text\n8,b\n"), file("9.csv", "id,text\n8,b\n")];
    put(&bench, &copies).await;
    let copied = refuses(submit(&bench, "copies", prefix(Some("{8,9}.csv")), 1_000).await);
    assert_eq!(bench.run(copied).await.unwrap().counts.stored, 1);
    let forced = refuses(submit(&bench, "forced", prefix(Some("8.csv")), 1_000).await);
    let forced = Submission { force: true, ..forced };
    assert_eq!(bench.run(forced).await.unwrap().counts.stored, 1);
}

#[tokio::test]
async fn what_landed_meanwhile_is_refused_too() {
    let bench = Bench::new(&things(SCHEMA)).await;
    put(&bench, &[file("a.csv", "id,text\n1,a\n"), file("b.csv", "id,text\n2,b\n")]).await;
    let slow = submit(&bench, "slow", prefix(None), 1_000).await;
    let slow = Submission { landed: Landed::Refuse, ..slow };
    bench.verified(slow.clone()).await.unwrap();
    bench.run(submit(&bench, "quick", prefix(Some("b.csv")), 1_000).await).await.unwrap();
    let job = job::message::JobRef { job: slow.job.clone(), dataset: slow.dataset.clone() };
    let error = steps::store(&bench.context, job).await.unwrap_err();
    assert_eq!(error.kind, job::ErrorKind::LandedBefore);
    assert!(error.message.contains("job quick landed some of the same objects"), "{error}");
    assert_eq!(rows(&bench).await, ["2|b"]);
}

/// More objects than stand in the plan itself.
#[tokio::test]
async fn thousands_of_objects_are_one_commit() {
    let bench = Bench::new(&things(SCHEMA)).await;
    let files: Vec<File> = (0..2_345)
        .map(|n| file(&format!("{n:05}.csv"), &format!("id,text\n{n},f{n}\nx,g{n}\n")))
        .collect();
    put(&bench, &files).await;
    let submission = submit(&bench, "job", prefix(None), 10_000).await;
    let stored = bench.run(submission.clone()).await.unwrap();
    assert_eq!((stored.counts.stored, stored.counts.rejected), (2_345, 2_345));
    let keys = bench.context.keys(&submission.job);
    let listed = errors(&bench.text(&keys.errors()).await);
    let sources: Vec<_> = listed.into_iter().map(|entry| entry.source.unwrap()).collect();
    assert!(sources.iter().zip(&files).all(|(source, (file, _))| *source == name(file)));
    let rows: u64 = bench.text(&keys.rejects(0)).await.lines().count() as u64;
    assert_eq!(rows, 1 + 2_345);
}
