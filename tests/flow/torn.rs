//! Packed objects that turn out to be torn or damaged while their rows are worked: a job that skips
//! what it can't read lands the others, as if these had never been there.

use std::io::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use job::message::{
    Failure, JobId, ObjectCounts, Source, SourceRef, Stored, Submission, Unreadable, digest,
};
use landing::commit::{Receipt, Tally};
use objects::{FaultKind, Faulty, InjectedFault, Memory, Put};
use proptest::prelude::*;
use registry::JobStatus;
use serde_json::Value;

use super::bench::{Bench, Landed, things};
use super::kills::Rooted;

/// Keys, so that records of an object that is left out might take those of others.
const SCHEMA: &str = r#"
schema:
  primaryKey: [id]
  fields:
    - { name: id, type: integer }
    - { name: text, type: string, constraints: { maxLength: 200 } }
"#;
/// Objects are cut, whole, or put together with others.
const SHARDS: [u64; 3] = [30_000, 1 << 19, 1 << 23];

/// A file: its name, and its bytes.
pub(crate) type File = (String, Vec<u8>);

fn contract(more: &str) -> String {
    format!("{}{more}", things(SCHEMA))
}

/// Rows whose texts pack badly: some thousands of them, packed, are not read whole when they are
/// opened.
pub(crate) fn rows(ids: std::ops::Range<u32>) -> String {
    let row = |id: u32| {
        let part = |part: &str| digest(&["row", &id.to_string(), part]);
        let text = ["a", "b", "c", "d"].map(part).concat();
        // Some are rejected.
        let text = if id % 50 == 3 { text.repeat(2) } else { text };
        format!("{id},{}\n", &text[..text.len().min(if id % 50 == 3 { 250 } else { 180 })])
    };
    format!("id,text\n{}", ids.map(row).collect::<String>())
}

pub(crate) fn plain(name: &str, text: &str) -> File {
    (format!("{name}.csv"), text.as_bytes().to_vec())
}

pub(crate) fn gzip(name: &str, text: &str) -> File {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    writer.write_all(text.as_bytes()).unwrap();
    (format!("{name}.csv.gz"), writer.finish().unwrap())
}

pub(crate) fn zstd(name: &str, text: &str) -> File {
    let mut writer = zstd::Encoder::new(Vec::new(), 1).unwrap();
    writer.include_checksum(true).unwrap();
    writer.write_all(text.as_bytes()).unwrap();
    (format!("{name}.csv.zst"), writer.finish().unwrap())
}

/// How an object comes to be unreadable.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Damage {
    /// It is cut off after this part of it, in thousandths.
    Cut(usize),
    /// A bit of its last bytes is another one: of the checksum.
    LastBytes,
    /// Something comes after its end.
    More,
}

pub(crate) fn damaged((name, mut bytes): File, damage: Damage) -> File {
    let length = bytes.len();
    match damage {
        Damage::Cut(part) => bytes.truncate((length * part / 1_000).clamp(4, length - 1)),
        Damage::LastBytes => bytes[length - 6] ^= 4,
        Damage::More => bytes.extend_from_slice(b"and more"),
    }
    (name, bytes)
}

/// Good objects, of several kinds. Some rows have keys that other objects have too.
fn good() -> Vec<File> {
    vec![
        plain("a", &rows(0..40)),
        gzip("c", &rows(100..180)),
        plain("d", &rows(30..60)),
        zstd("f", &rows(90..140)),
        plain("h", &rows(300..900)),
    ]
}

/// Objects between them that are to be damaged. Their keys are those of others after them.
fn bad() -> Vec<File> {
    vec![gzip("b", &rows(20..6_000)), zstd("e", &rows(0..6_000)), gzip("g", &rows(250..6_250))]
}

async fn put(bench: &Bench, files: &[File]) {
    for (name, bytes) in files {
        let bytes = Bytes::copy_from_slice(bytes);
        bench.inbox().put(&format!("inbox/torn/{name}"), bytes, Put::Overwrite).await.unwrap();
    }
}

fn prefix() -> Source {
    Source::Prefix { bucket: "inbox".to_owned(), prefix: "inbox/torn/".to_owned(), glob: None }
}

async fn submit(bench: &Bench, job: &str, source: Source, shard_bytes: u64) -> Submission {
    let submission = bench.submission(job, source, shard_bytes);
    bench.register(Submission { unreadable: Unreadable::Skip, ..submission }).await
}

fn name(file: &str) -> String {
    format!("s3://inbox/inbox/torn/{file}")
}

/// The objects that a job skipped, each with the failure and what happened.
pub(crate) async fn skipped(bench: &Bench, job: &str) -> Vec<[String; 3]> {
    let text = bench.text(&bench.context.keys(&JobId::parse(job).unwrap()).skipped()).await;
    let told = |line: &str| {
        let told: Value = serde_json::from_str(line).unwrap();
        ["source", "error", "message"].map(|member| told[member].as_str().unwrap().to_owned())
    };
    text.lines().map(told).collect()
}

/// What lands of good objects alone.
async fn undisturbed(contract: &str, shard_bytes: u64) -> Landed {
    let bench = Bench::new(contract).await;
    put(&bench, &good()).await;
    let stored = bench.run(submit(&bench, "job", prefix(), shard_bytes).await).await.unwrap();
    sorted(bench.landed(&stored).await)
}

/// Which files the rows stand in depends on how objects are put together.
fn sorted(mut landed: Landed) -> Landed {
    landed.rows.sort_unstable();
    landed
}

/// What landed is what good objects land, and the others are told of.
async fn assert_landed(
    bench: &Bench,
    stored: &Stored,
    expected: &Landed,
    bad: &[File],
    case: &str,
) {
    assert_eq!(&sorted(bench.landed(stored).await), expected, "{case}");
    let count = bad.len() as u32;
    let skipped = skipped(bench, "job").await;
    let mut sources: Vec<&str> = skipped.iter().map(|[source, ..]| source.as_str()).collect();
    sources.sort_unstable();
    let names: Vec<String> = bad.iter().map(|(file, _)| name(file)).collect();
    assert_eq!(sources, names, "{case}");
    assert!(skipped.iter().all(|[_, error, _]| error == "SourceCorrupt"), "{case}: {skipped:?}");
    let record = bench.record("job").await;
    assert_eq!(record.objects, Some(ObjectCounts { landed: 5, skipped: count }), "{case}");
    let warnings: Vec<_> =
        record.warnings.iter().map(|warning| (&*warning.name, &*warning.message)).collect();
    let message = format!(
        "{count} of {} objects can't be read and are not landed; the job's skipped objects tell why",
        5 + count
    );
    assert_eq!(warnings, [("ObjectsSkipped", &*message)], "{case}");
    assert_eq!(stored.warnings, record.warnings, "{case}");
    let commit = bench.commit(0).await.unwrap();
    let bytes: u64 = good().iter().map(|(_, bytes)| bytes.len() as u64).sum();
    assert_eq!((commit.objects, commit.source_bytes), (5, bytes), "{case}");
    let (visible, open) = bench.visible().await;
    assert_eq!((visible.len(), open), (commit.files.len() + 1, 0), "{case}");
}

/// How many objects the shards of a job left out, not counting those that were left out before.
async fn left_out(bench: &Bench) -> u32 {
    let tally = bench.text(&bench.context.keys(&JobId::parse("job").unwrap()).tally()).await;
    serde_json::from_str::<Tally>(&tally).unwrap().left_out()
}

#[tokio::test]
async fn what_is_torn_is_left_out_wholly() {
    let contract = contract("");
    for shard_bytes in SHARDS {
        let expected = undisturbed(&contract, shard_bytes).await;
        for damage in [
            Damage::Cut(0),
            Damage::Cut(300),
            Damage::Cut(700),
            Damage::Cut(950),
            Damage::Cut(999),
            Damage::LastBytes,
            Damage::More,
        ] {
            let case = format!("{damage:?} in shards of {shard_bytes}");
            let bench = Bench::new(&contract).await;
            let bad: Vec<File> = bad().into_iter().map(|file| damaged(file, damage)).collect();
            put(&bench, &good()).await;
            put(&bench, &bad).await;
            let submission = submit(&bench, "job", prefix(), shard_bytes).await;
            let stored = bench.run(submission).await.expect(&case);
            assert_landed(&bench, &stored, &expected, &bad, &case).await;
            // `ingest` leaves out an object without a header, so no shard does.
            let by_shards = if matches!(damage, Damage::Cut(0)) { 0 } else { 3 };
            assert_eq!(left_out(&bench).await, by_shards, "{case}");
        }
    }
}

#[tokio::test]
async fn without_skip_it_fails_the_job() {
    for shard_bytes in SHARDS {
        let bench = Bench::new(&contract("")).await;
        put(&bench, &good()).await;
        put(&bench, &[damaged(bad().remove(1), Damage::Cut(900))]).await;
        let submission = submit(&bench, "job", prefix(), shard_bytes).await;
        let submission = Submission { unreadable: Unreadable::Fail, ..submission };
        let failure = bench.run(submission).await.unwrap_err();
        assert_eq!(failure.error, "SourceCorrupt");
        assert_eq!(bench.visible().await, (vec![], 0));
        assert_eq!(skipped(&bench, "job").await, [[""; 3]; 0]);
    }
}

#[tokio::test]
async fn where_all_are_torn_nothing_lands() {
    for shard_bytes in SHARDS {
        let bench = Bench::new(&contract("")).await;
        let mut bad: Vec<File> =
            bad().into_iter().map(|file| damaged(file, Damage::Cut(900))).collect();
        // One of them is found to be so when it is opened.
        bad.push(plain("z", "id,colour\n1,red\n"));
        put(&bench, &bad).await;
        let submission = submit(&bench, "job", prefix(), shard_bytes).await;
        let Failure { error, cause, .. } = bench.run(submission).await.unwrap_err();
        assert_eq!(error, "SourceCorrupt");
        let told = "none of the 4 objects of s3://inbox/inbox/torn/** can be read; the job's skipped objects tell why";
        assert_eq!(cause, told);
        assert_eq!(skipped(&bench, "job").await.len(), 4);
        let record = bench.record("job").await;
        assert_eq!(record.status, JobStatus::Failed);
        assert_eq!(bench.visible().await, (vec![], 0));
    }
}

/// What landed before and what is torn are all that there is: the job has nothing to do.
#[tokio::test]
async fn where_the_others_landed_before_the_job_is_a_duplicate() {
    let bench = Bench::new(&contract("")).await;
    put(&bench, &good()).await;
    bench.run(submit(&bench, "first", prefix(), 30_000).await).await.unwrap();
    put(&bench, &[damaged(bad().remove(0), Damage::Cut(900))]).await;
    let failure = bench.run(submit(&bench, "job", prefix(), 30_000).await).await.unwrap_err();
    assert_eq!((failure.error.as_str(), failure.job.unwrap().as_str()), ("AlreadyLanded", "first"));
    assert_eq!(bench.record("job").await.status, JobStatus::Duplicate);
}

/// The object stays as it is, and lands when it is whole.
#[tokio::test]
async fn it_stays_where_it_is_and_may_land_later() {
    for (after, mode) in [
        ("delete", "append"),
        ("delete", "overwrite"),
        ("{ move: archive/ }", "append"),
        ("tag", "overwrite"),
    ] {
        let case = format!("{after}, {mode}");
        let contract = contract(&format!("afterwards: {after}\n"))
            .replace("output: {", &format!("output: {{ mode: {mode},"));
        let bench = Bench::new(&contract).await;
        put(&bench, &good()).await;
        let whole = bad().remove(1);
        let torn = damaged(whole.clone(), Damage::LastBytes);
        put(&bench, std::slice::from_ref(&torn)).await;
        let key = format!("inbox/torn/{}", torn.0);
        let before = bench.inbox().head(&key, None).await.unwrap();
        bench.run(submit(&bench, "job", prefix(), 30_000).await).await.expect(&case);
        assert_eq!(bench.inbox().head(&key, None).await.unwrap(), before, "{case}");
        let left = bench.inbox().list("inbox/torn/", None, 100).await.unwrap().len();
        assert_eq!(left, if after == "tag" { 6 } else { 1 }, "{case}");
        assert_eq!(bench.inbox().list("archive/", None, 100).await.unwrap().len(), {
            if after.contains("move") { 5 } else { 0 }
        });
        if after == "tag" {
            assert!(bench.inbox().tags(&key, None).await.unwrap().is_empty(), "{case}");
        }
        let place = SourceRef::new("inbox".to_owned(), key.clone()).place();
        let newest = bench.context.registry.newest(&bench.dataset, &place).await.unwrap();
        assert!(newest.is_none(), "{case}: {newest:?}");

        // Nothing was claimed: even the same bytes are asked anew, and fail as any torn object does.
        let only: Source = SourceRef::new("inbox".to_owned(), key.clone()).into();
        let failure = bench.run(submit(&bench, "same", only.clone(), 999).await).await.unwrap_err();
        assert_eq!(failure.error, "SourceCorrupt", "{case}");
        put(&bench, &[whole]).await;
        let stored = bench.run(submit(&bench, "mended", only, 999).await).await.expect(&case);
        assert_eq!(stored.counts.read, 6_000, "{case}");
    }
}

/// It counts as if it were not there, as objects do that can't be opened.
#[tokio::test]
async fn totals_of_a_manifest_are_compared_without_it() {
    let line = |file: &File| format!("{{\"key\": \"inbox/torn/{}\"}}\n", file.0);
    let (one, torn) =
        (plain("a", &rows(0..40)), damaged(gzip("b", &rows(100..4_000)), Damage::Cut(990)));
    for (total, expected) in [
        (r#"{"objects": 2}"#.to_owned(), Ok(40)),
        (format!(r#"{{"rows": 40, "bytes": {}}}"#, one.1.len()), Ok(40)),
        (
            r#"{"rows": 3940}"#.to_owned(),
            Err("3940 rows in all, and 40 were found, 1 objects left out"),
        ),
        (format!(r#"{{"bytes": {}}}"#, one.1.len() + torn.1.len()), Err("bytes in all, and")),
    ] {
        let bench = Bench::new(&contract("")).await;
        let list = format!("{}{}{{\"total\": {total}}}\n", line(&one), line(&torn));
        let list = ("list.jsonl".to_owned(), list.into_bytes());
        put(&bench, &[one.clone(), torn.clone(), list]).await;
        let manifest = SourceRef::new("inbox".to_owned(), "inbox/torn/list.jsonl".to_owned());
        let submission = submit(&bench, "job", Source::Manifest { manifest }, 1_000).await;
        match (bench.run(submission).await, expected) {
            (Ok(stored), Ok(read)) => assert_eq!(stored.counts.read, read, "{total}"),
            (Err(failure), Err(told)) => {
                assert_eq!(failure.error, "SourceCorrupt", "{total}");
                assert!(failure.cause.contains(told), "{total}: {}", failure.cause);
                assert_eq!(bench.visible().await, (vec![], 0), "{total}");
            }
            (outcome, _) => panic!("{total}: {outcome:?}"),
        }
    }
}

/// An object that a checksum or a number of rows says to be another one is as unreadable as one
/// that is torn, in one shard, beside others in a shard, or cut.
#[tokio::test]
async fn what_is_not_as_a_manifest_says_is_left_out() {
    for shard_bytes in [999, 10_000, 1 << 20] {
        // A store that tells no checksums of its own.
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(Rooted(folder.path().to_owned()));
        let bench = Bench::over(store.clone(), store, &contract("")).await;
        let said = [
            (plain("a", &rows(90..150)), ", \"crc64nvme\": \"00c0ffee00c0ffee\""),
            (plain("b", &rows(100..140)), ", \"rows\": 40"),
            (gzip("c", &rows(200..240)), ", \"crc64nvme\": \"00c0ffee00c0ffee\""),
            (plain("d", &rows(130..170)), ", \"rows\": 41"),
            (gzip("e", &rows(300..340)), ", \"rows\": 41"),
            (plain("f", &rows(120..160)), ", \"rows\": 40"),
        ];
        let mut lines = String::new();
        for (file, said) in &said {
            lines += &format!("{{\"key\": \"inbox/torn/{}\"{said}}}\n", file.0);
            put(&bench, std::slice::from_ref(file)).await;
        }
        put(&bench, &[("list.jsonl".to_owned(), lines.into_bytes())]).await;
        let manifest = SourceRef::new("inbox".to_owned(), "inbox/torn/list.jsonl".to_owned());
        let submission = submit(&bench, "job", Source::Manifest { manifest }, shard_bytes).await;
        let stored = bench.run(submission).await.unwrap();
        assert_eq!((stored.counts.read, left_out(&bench).await), (80, 4), "{shard_bytes}");
        assert_eq!(stored.counts.stored, 39 + 19, "no key is taken by what is left out");
        for [source, error, message] in skipped(&bench, "job").await {
            let said = if source.contains(['a', 'c']) { "00c0ffee00c0ffee" } else { "says 41" };
            let is_told = error == "SourceCorrupt" && message.contains(&source);
            assert!(is_told || message.contains(said), "{shard_bytes}: {source}: {message}");
        }
    }
}

/// Every step of a job that got as far as its end runs again, as when it is redriven.
#[tokio::test]
async fn a_job_that_runs_again_tells_the_same() {
    let contract = contract("");
    for shard_bytes in SHARDS {
        let expected = undisturbed(&contract, shard_bytes).await;
        let bench = Bench::new(&contract).await;
        let bad: Vec<File> =
            bad().into_iter().map(|file| damaged(file, Damage::Cut(900))).collect();
        put(&bench, &good()).await;
        put(&bench, &bad).await;
        let submission = submit(&bench, "job", prefix(), shard_bytes).await;
        bench.verified(submission.clone()).await.unwrap();
        let stored = bench.run(submission.clone()).await.unwrap();
        let case = format!("shards of {shard_bytes}");
        assert_landed(&bench, &stored, &expected, &bad, &case).await;
        assert_eq!(bench.run(submission).await, Ok(stored), "{case}");
    }
}

/// What unpacks to far more than it should is no more readable than what is torn.
#[tokio::test]
async fn a_bomb_is_left_out() {
    let bench = Bench::new(&contract("")).await;
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    bomb.write_all(b"id,text\n").unwrap();
    let lines = "\n".repeat(1 << 20);
    for _ in 0..110 {
        bomb.write_all(lines.as_bytes()).unwrap();
    }
    put(&bench, &[plain("a", &rows(0..40)), ("b.csv.gz".to_owned(), bomb.finish().unwrap())]).await;
    let stored = bench.run(submit(&bench, "job", prefix(), 1 << 20).await).await.unwrap();
    assert_eq!(stored.counts.read, 40);
    let [[_, error, _]] = skipped(&bench, "job").await.try_into().unwrap();
    assert_eq!(error, "LimitExceeded");
}

/// A shard that runs again leaves out what it left out before, and nothing else: what the others
/// were told of its keys stays so.
#[tokio::test]
async fn later_rounds_leave_out_the_same() {
    let bench = Bench::new(&contract("")).await;
    let bad: Vec<File> = bad().into_iter().map(|file| damaged(file, Damage::Cut(990))).collect();
    put(&bench, &good()).await;
    put(&bench, &bad).await;
    let submission = submit(&bench, "job", prefix(), 30_000).await;
    bench.run(submission.clone()).await.unwrap();
    let keys = bench.context.keys(&submission.job);
    let listed = bench.work().list(&keys.receipts_prefix(), None, 1_000).await.unwrap();
    let mut rounds = std::collections::BTreeMap::<u32, Vec<(u32, u32)>>::new();
    for object in listed {
        let receipt: Receipt = serde_json::from_str(&bench.text(&object.key).await).unwrap();
        let left_out = receipt.left_out.iter().map(|left_out| (receipt.shard, left_out.object));
        rounds.entry(receipt.round).or_default().extend(left_out);
    }
    assert!(rounds.len() > 1, "{rounds:?}");
    for (round, left_out) in &rounds {
        assert!(left_out.iter().all(|one| rounds[&1].contains(one)), "{round}: {rounds:?}");
    }
    assert_eq!(rounds[&1].len(), 3);
}

/// The rejects of all layouts, sorted by nothing but their texts.
pub(crate) async fn rejects(bench: &Bench) -> String {
    let keys = bench.context.keys(&JobId::parse("job").unwrap());
    let mut all = Vec::new();
    for layout in 0..9 {
        let rejects = bench.text(&keys.rejects(layout)).await;
        all.extend(rejects.lines().map(str::to_owned));
    }
    all.sort_unstable();
    all.join("\n")
}

/// Each call fails, before or after it took effect, or its process dies there.
async fn any_call_may_fail(kind: FaultKind) {
    let contract = contract("afterwards: delete\n");
    let files = [plain("a", "id,text\n1,a\n2,b\n"), zstd("c", "id,text\n2,c\n3,d\nx,e\n")];
    let torn = damaged(gzip("b", &rows(0..4_000)), Damage::LastBytes);
    let undisturbed = {
        let bench = Bench::new(&contract).await;
        put(&bench, &files).await;
        let stored = bench.run(submit(&bench, "job", prefix(), 999).await).await.unwrap();
        sorted(bench.landed(&stored).await)
    };
    for call in 1.. {
        let case = format!("{kind:?} {call}");
        let memory = Arc::new(Memory::new());
        let faulty = Arc::new(Faulty::new(memory.clone(), InjectedFault { call, kind }));
        let bench = match kind {
            FaultKind::HangBefore | FaultKind::HangAfter => {
                Bench::deadly(faulty.clone(), memory, &contract).await
            }
            _ => Bench::over(faulty.clone(), memory, &contract).await,
        };
        put(&bench, &files).await;
        put(&bench, std::slice::from_ref(&torn)).await;
        let submission = submit(&bench, "job", prefix(), 999).await;
        let stored = bench.run(submission).await.expect(&case);
        assert_eq!(sorted(bench.landed(&stored).await), undisturbed, "{case}");
        let committed = bench.commit(0).await.unwrap().files.len();
        assert_eq!(bench.visible().await.0.len(), committed + 1, "{case}");
        assert!(bench.commit(1).await.is_none(), "{case}");
        let told = skipped(&bench, "job").await;
        assert_eq!(told.iter().map(|[source, ..]| source).collect::<Vec<_>>(), [&name(&torn.0)]);
        let record = bench.record("job").await;
        assert_eq!(record.objects, Some(ObjectCounts { landed: 2, skipped: 1 }), "{case}");
        assert_eq!(record.warnings.len(), 1, "{case}: {:?}", record.warnings);
        let left = bench.inbox().list("inbox/torn/", None, 9).await.unwrap();
        assert_eq!(left.len(), 1, "{case}: {left:?}");
        assert!(left[0].key.ends_with(&torn.0), "{case}");
        if faulty.calls() < call {
            return;
        }
    }
}

#[tokio::test]
async fn any_call_may_fail_before_it_takes_effect() {
    any_call_may_fail(FaultKind::Before).await;
}

#[tokio::test]
async fn any_answer_may_be_lost() {
    any_call_may_fail(FaultKind::After).await;
}

#[tokio::test]
async fn a_process_may_die_before_any_call() {
    any_call_may_fail(FaultKind::HangBefore).await;
}

#[tokio::test]
async fn a_process_may_die_after_any_call() {
    any_call_may_fail(FaultKind::HangAfter).await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Whichever objects are torn, wherever, and however large shards are: what lands is what the
    /// others land alone.
    #[test]
    fn what_lands_is_what_the_others_land_alone(
        tables in prop::collection::vec(
            (
                prop::collection::vec((0u32..30, "[a-z]{1,5}"), 0..9),
                prop_oneof![3 => Just(None), 1 => (1usize..1_000).prop_map(Some)],
                any::<bool>(),
            ),
            1..9,
        ),
        shard_bytes in prop_oneof![1u64..400, 300_000u64..2_000_000],
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let contract = contract("");
            let [all, whole] = [Bench::new(&contract).await, Bench::new(&contract).await];
            let mut is_any_whole = false;
            for (index, (records, cut, is_gzip)) in tables.iter().enumerate() {
                // Files differ, so that none is taken for a copy of another.
                let own = format!("{},f{index}\n", 100 + index);
                let records = records.iter().map(|(id, text)| format!("{id},{text}\n"));
                // What is torn is too long to be read whole when it is opened.
                let more = cut.map(|_| rows(1_000..4_000)).unwrap_or_default();
                let (_, more) = more.split_once('\n').unwrap_or_default();
                let text = format!("id,text\n{own}{}{more}", records.collect::<String>());
                let pack = if *is_gzip { gzip } else { zstd };
                let file = pack(&index.to_string(), &text);
                match cut {
                    None => {
                        is_any_whole = true;
                        put(&whole, std::slice::from_ref(&file)).await;
                        put(&all, &[file]).await;
                    }
                    Some(part) => put(&all, &[damaged(file, Damage::Cut(*part))]).await,
                }
            }
            let outcome = all.run(submit(&all, "job", prefix(), shard_bytes).await).await;
            if !is_any_whole {
                assert_eq!(outcome.unwrap_err().error, "SourceCorrupt");
                return;
            }
            let stored = outcome.unwrap();
            let alone = whole.run(submit(&whole, "job", prefix(), shard_bytes).await).await.unwrap();
            let [mut landed, mut expected] =
                [sorted(all.landed(&stored).await), sorted(whole.landed(&alone).await)];
            // Objects that are left out have a layout all the same, which may come before others.
            (landed.rejects, expected.rejects) = (rejects(&all).await, rejects(&whole).await);
            // The list of a single object tells no sources.
            if tables.iter().filter(|(_, cut, _)| cut.is_none()).count() == 1 {
                landed.errors.clear();
                expected.errors.clear();
            }
            assert_eq!(landed, expected);
        });
    }
}
