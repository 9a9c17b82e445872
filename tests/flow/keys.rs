//! Checks keys: the first record has them, however the source is split and whatever runs twice.

use contract::rejects::ErrorEntry;
use job::message::{Counts, JobRef, MergeFiles, MergeItem, Shard, TransformShard, VerifyJob};
use objects::FaultKind;
use proptest::prelude::*;

use super::bench::{Bench, Landed, things};
use super::failures::any_call_may_fail;

const SCHEMA: &str = r#"
schema:
  missingValues: ["", "NA"]
  fields:
    - { name: id, type: integer, constraints: { maximum: 99 } }
    - { name: text, type: string }
    - { name: code, type: number, constraints: { unique: true } }
    - { name: day, type: date }
  primaryKey: [id, text]
  uniqueKeys: [[text, day]]
"#;

/// What becomes of each record.
const SOURCE: &str = "id,text,code,day\n\
    1,a,1.0,2024-01-01\n\
    100,b,7,2024-01-02\n\
    \n\
    01,a,2,2024-01-02\n\
    2,\"a\nb\",1,NA\n\
    3,b,7.0,2024-01-02\r\n\
    4,b,3,2024-01-02\n\
    1,\"a\",1e0,2024-01-01\n\
    5,,NA,\n\
    6,c,NA,NA\n\
    7,c,NA,NA\n\
    x,d,7,2024-01-05\n\
    4,b,8,2024-01-06\n\
    8,e,3";

async fn land(source: &str, shard_bytes: u64, key_bytes: Option<u64>) -> Landed {
    let mut bench = Bench::new(&things(SCHEMA)).await;
    bench.context.settings.key_bytes = key_bytes.unwrap_or(bench.context.settings.key_bytes);
    bench.land("job", source.as_bytes(), shard_bytes).await.unwrap()
}

#[tokio::test]
async fn the_first_good_record_has_the_key() {
    let landed = land(SOURCE, u64::MAX, None).await;
    assert_eq!(landed.counts, Counts { read: 13, stored: 4, rejected: 9, filtered: 0 });
    let faults: Vec<String> = landed
        .errors
        .lines()
        .map(|line| {
            let ErrorEntry { record, field, column, error, rule, value, holder, message, .. } =
                serde_json::from_str(line).unwrap();
            let rule = rule.unwrap_or_default();
            format!(
                "{record} {field:?} {column:?} {} {rule} {value:?} {holder:?} {message}",
                error.as_str()
            )
        })
        .collect();
    let expected = [
        // A record with another fault claims nothing: the sixth may have the code of the second
        // one.
        r#"2 Some("id") Some(1) constraint-error maximum Some("100") None `100` is greater than the maximum 99"#,
        // Values are compared, not texts.
        r#"3 None None primary-key primaryKey Some("01, a") Some(1) `id`, `text` are the primary key, and `01, a` is taken by record 1"#,
        r#"4 Some("code") Some(3) unique-error unique Some("1") Some(1) `code` is unique, and `1` is taken by record 1"#,
        // A record that is rejected for one key still has the others: the fifth took text and day.
        r#"6 None None unique-error uniqueKeys Some("b, 2024-01-02") Some(5) `text`, `day` are unique together, and `b, 2024-01-02` is taken by record 5"#,
        r#"7 None None primary-key primaryKey Some("1, a") Some(1) `id`, `text` are the primary key, and `1, a` is taken by record 1"#,
        r#"7 None None unique-error uniqueKeys Some("a, 2024-01-01") Some(1) `text`, `day` are unique together, and `a, 2024-01-01` is taken by record 1"#,
        r#"7 Some("code") Some(3) unique-error unique Some("1e0") Some(1) `code` is unique, and `1e0` is taken by record 1"#,
        // What lacks a value has no such key, but a primary key is required.
        r#"8 Some("text") Some(2) constraint-error required Some("") None `text` is required"#,
        // Everything that is wrong with a record is told.
        r#"11 Some("id") Some(1) type-error  Some("x") None `x` is not an integer"#,
        r#"11 Some("code") Some(3) unique-error unique Some("7") Some(5) `code` is unique, and `7` is taken by record 5"#,
        r#"12 None None primary-key primaryKey Some("4, b") Some(6) `id`, `text` are the primary key, and `4, b` is taken by record 6"#,
        r#"13 Some("code") Some(3) unique-error unique Some("3") Some(6) `code` is unique, and `3` is taken by record 6"#,
        r#"13 Some("day") Some(4) missing-cell  None None there is no cell in column 4: the record has 3 of 4"#,
    ];
    assert_eq!(faults, expected);
    assert!(landed.rejects.starts_with(
        "id,text,code,day\n100,b,7,2024-01-02\n01,a,2,2024-01-02\n2,\"a\nb\",1,NA\n4,b,3,"
    ));
}

#[tokio::test]
async fn every_shard_size_gives_the_same() {
    let sequential = land(SOURCE, u64::MAX, None).await;
    for shard_bytes in 1..=SOURCE.len() as u64 {
        assert_eq!(
            land(SOURCE, shard_bytes, None).await,
            sequential,
            "shards of {shard_bytes} bytes"
        );
    }
}

#[tokio::test]
async fn little_memory_gives_the_same() {
    let sequential = land(SOURCE, u64::MAX, None).await;
    for key_bytes in [1, 100, 250, 500] {
        for shard_bytes in [u64::MAX, 90, 30] {
            let landed = land(SOURCE, shard_bytes, Some(key_bytes)).await;
            assert_eq!(landed, sequential, "{key_bytes} bytes of keys, shards of {shard_bytes}");
        }
    }
}

/// A field in quotes that looks like records: shards in the middle of it guess wrong.
fn misleading() -> String {
    let decoys: String = (0..40).map(|n| format!("{},k,{n},2024-02-02\n", n % 7)).collect();
    let row = |n: u32| format!("{},t{},{},2024-01-{:02}\n", n % 50, n % 9, n % 31, n % 28 + 1);
    let rows = |range: std::ops::Range<u32>| range.map(row).collect::<String>();
    format!(
        "id,text,code,day\n{}5,\"{decoys}\",200,2024-03-03\n{}5,\"{decoys}\",201,NA\n{}",
        rows(0..20),
        rows(20..60),
        rows(60..90)
    )
}

#[tokio::test]
async fn a_wrong_start_and_a_taken_key_take_three_rounds() {
    let source = misleading();
    let sequential = land(&source, u64::MAX, None).await;
    assert!(
        sequential.counts.rejected > 20 && sequential.counts.stored > 20,
        "{:?}",
        sequential.counts
    );
    let bench = Bench::new(&things(SCHEMA)).await;
    let submission = bench.submit("job", source.as_bytes(), 300, false).await;
    let stored = bench.run(submission).await.unwrap();
    assert_eq!(bench.landed(&stored).await, sequential);
    let keys = bench.context.keys(&stored.job);
    let listed = async |round: u32| -> Vec<Shard> {
        serde_json::from_str(&bench.text(&keys.again(round)).await).unwrap()
    };
    let (second, third) = (listed(2).await, listed(3).await);
    assert!(
        second.iter().all(|shard| shard.taken.is_empty())
            && third.iter().all(|shard| !shard.taken.is_empty())
    );
    assert!(
        third.iter().any(|shard| second.iter().any(|again| again.index == shard.index)),
        "a shard has both"
    );
    assert_eq!(bench.text(&keys.again(4)).await, "", "there is no fourth round");
}

#[tokio::test]
async fn keys_without_duplicates_take_one_round() {
    let source: String = (0..60).map(|n| format!("{n},t{n},{n},2024-01-01\n")).collect();
    let bench = Bench::new(&things(SCHEMA)).await;
    let submission =
        bench.submit("job", format!("id,text,code,day\n{source}").as_bytes(), 100, false).await;
    let stored = bench.run(submission).await.unwrap();
    assert_eq!(stored.counts.stored, 60);
    assert_eq!(bench.text(&bench.context.keys(&stored.job).again(2)).await, "");
}

#[tokio::test]
async fn every_step_may_run_twice() {
    let source = misleading();
    let sequential = land(&source, u64::MAX, None).await;
    let bench = Bench::new(&things(SCHEMA)).await;
    let submission = bench.submit("job", source.as_bytes(), 300, false).await;
    let job = JobRef { job: submission.job.clone(), dataset: submission.dataset.clone() };
    steps::ingest(&bench.context, submission.clone()).await.unwrap();
    let mut list = steps::ingest(&bench.context, submission).await.unwrap().shards;
    let mut round = 1;
    let mut merges = 0;
    while list.count > 0 {
        let shards: Vec<Shard> = serde_json::from_str(&bench.text(&list.key).await).unwrap();
        for attempt in ["first", "second"] {
            for shard in &shards {
                let message = TransformShard {
                    job: job.job.clone(),
                    dataset: job.dataset.clone(),
                    shard: shard.clone(),
                };
                steps::transform(&bench.context, message, attempt).await.unwrap();
            }
        }
        let verify = VerifyJob { job: job.job.clone(), dataset: job.dataset.clone(), round };
        let verified = steps::verify(&bench.context, verify.clone()).await.unwrap();
        assert_eq!(steps::verify(&bench.context, verify).await.unwrap(), verified);
        (list, round, merges) = (verified.again, verified.round, verified.merges.count);
    }
    assert_eq!((round, merges), (4, 1), "three rounds were run");
    for attempt in ["first", "second"] {
        let message = MergeFiles {
            job: job.job.clone(),
            dataset: job.dataset.clone(),
            merge: MergeItem { index: 0 },
        };
        steps::merge(&bench.context, message, attempt).await.unwrap();
    }
    let stored = steps::store(&bench.context, job.clone()).await.unwrap();
    assert_eq!(steps::store(&bench.context, job).await.unwrap(), stored);
    assert_eq!(bench.landed(&stored).await, sequential);
}

const FEW: &str = "
name: things
schema: { fields: [ { name: id, type: integer, constraints: { required: true } }, { name: kind, type: string } ], primaryKey: id }
";

#[tokio::test]
async fn any_call_may_fail_before_it_takes_effect() {
    any_call_may_fail(FaultKind::Before, FEW, b"id,kind\n1,a\n2,b\n01,c\n4,a\n2,x\n").await;
}

#[tokio::test]
async fn any_answer_may_be_lost() {
    any_call_may_fail(FaultKind::After, FEW, b"id,kind\n1,a\n2,b\n01,c\n4,a\n2,x\n").await;
}

#[tokio::test]
async fn duplicates_count_for_the_limit_and_are_told() {
    let contract = format!("{FEW}rejects: {{ limit: 1 }}\n");
    for shard_bytes in [u64::MAX, 9] {
        let bench = Bench::new(&contract).await;
        let failure = bench
            .land("job", b"id,kind\n1,a\n2,b\n01,c\n4,a\n2,x\n", shard_bytes)
            .await
            .unwrap_err();
        assert_eq!(failure.error, "RejectLimitExceeded");
        let keys = bench.context.keys(&job::message::JobId::parse("job").unwrap());
        assert_eq!(bench.text(&keys.rejects(0)).await, "id,kind\n01,c\n2,x\n");
        assert_eq!(bench.visible().await, (Vec::new(), 0));
    }
}

/// Records of few values, so that most keys stand twice; with quotes that mislead.
fn body() -> impl Strategy<Value = String> {
    let id = prop_oneof![6 => "0{0,1}[1-4]", 1 => Just("100".to_owned()), 1 => Just("x".to_owned()), 1 => Just(String::new())];
    let text = prop_oneof![6 => "[ab]", 2 => "\"[ab\n,]{0,6}\"", 1 => Just("\"1,a,2,\n2,b,3,\n\"".to_owned()), 1 => Just("NA".to_owned()), 1 => Just("a\"b".to_owned())];
    let code = prop_oneof![4 => "[0-9]{1,2}", 2 => "[1-3](\\.0|e0)?", 2 => Just("NA".to_owned())];
    let day = prop_oneof![2 => "2024-01-0[1-4]", 3 => Just("NA".to_owned())];
    let end =
        prop_oneof![6 => Just("\n"), 1 => Just("\r\n"), 1 => Just("\n\n"), 1 => Just(",extra\n")];
    let row = (id, text, code, day, end)
        .prop_map(|(id, text, code, day, end)| format!("{id},{text},{code},{day}{end}"));
    let row = prop_oneof![20 => row, 1 => Just("1,a\n".to_owned()), 1 => Just("\"".to_owned())];
    prop::collection::vec(row, 0..24).prop_map(|rows| rows.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn any_split_equals_sequential(body in body(), shard_bytes in 8u64..120, key_bytes in prop_oneof![1 => 1u64..600, 2 => Just(1 << 20)]) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let source = format!("id,text,code,day\n{body}");
        runtime.block_on(async {
            let sequential = land(&source, u64::MAX, None).await;
            assert!(sequential.counts.is_conserved());
            assert_eq!(land(&source, shard_bytes, Some(key_bytes)).await, sequential);
        });
    }
}
