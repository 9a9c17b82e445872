//! Checks joins: however the source is split, rows, rejects and counts are the same, of a table as
//! it was when the job was planned.

use bytes::Bytes;
use contract::rejects::ErrorEntry;
use job::message::{Counts, JobRef};
use landing::plan::Plan;
use objects::Put;

use super::bench::{Bench, Landed};

const FIELDS: &str = "fields: [ { name: code, type: string }, { name: country, type: string }, { name: rate, type: integer } ]";

fn contract(more: &str, transform: &str) -> String {
    format!(
        "
name: sales
dialect: {{ delimiter: \",\", header: true }}
schema:
  fields:
    - {{ name: id, type: integer }}
    - {{ name: shop, type: string }}
    - {{ name: amount, type: integer }}
transform:
  join:
    - {{ object: geo/shops.csv, on: [ {{ field: shop, column: code }} ], columns: [ country, {{ column: rate, as: vat }} ], {FIELDS}{more} }}
{transform}
output: {{ compression: none }}
"
    )
}

const SHOPS: &str = "code,country,rate\nA,France,20\nB,Germany,19\nC,,0\n";
const SOURCE: &str =
    "id,shop,amount\n1,A,100\n2,B,200\n3,X,300\n4,,400\nfive,A,5\n6,C,600\n7,A,700\n";

async fn with_shops(contract: &str) -> Bench {
    let bench = Bench::new(contract).await;
    bench.put_reference("geo/shops.csv", SHOPS).await;
    bench
}

async fn land(contract: &str, shard_bytes: u64) -> Landed {
    with_shops(contract).await.land("job", SOURCE.as_bytes(), shard_bytes).await.unwrap()
}

fn rows(landed: &Landed) -> Vec<&str> {
    landed.rows.iter().map(|row| row.rsplit_once("sales|").unwrap().1).collect()
}

fn entries(landed: &Landed) -> Vec<ErrorEntry> {
    landed.errors.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn columns_are_added_before_expressions_see_them() {
    let contract = contract(
        "",
        "  where: country IS NULL OR country <> 'Germany'\n  derive: [ { name: tax, sql: \"amount * vat / 100\" } ]\n  drop: [ vat ]",
    );
    let landed = land(&contract, u64::MAX).await;
    assert_eq!(
        rows(&landed),
        [
            "1|A|100|France|20.0",
            "3|X|300|∅|∅",
            "4|∅|400|∅|∅",
            "6|C|600|∅|0.0",
            "7|A|700|France|140.0"
        ],
        "{}",
        landed.errors
    );
    assert_eq!(landed.counts, Counts { read: 7, stored: 5, rejected: 1, filtered: 1 });
}

#[tokio::test]
async fn an_inner_join_filters_what_is_unmatched() {
    let landed = land(
        &contract(", how: inner", "  derive: [ { name: one, sql: \"1 / length(shop)\" } ]"),
        u64::MAX,
    )
    .await;
    assert_eq!(
        rows(&landed),
        [
            "1|A|100|France|20|1.0",
            "2|B|200|Germany|19|1.0",
            "6|C|600|∅|0|1.0",
            "7|A|700|France|20|1.0"
        ]
    );
    assert_eq!(landed.counts, Counts { read: 7, stored: 4, rejected: 1, filtered: 2 });
}

#[tokio::test]
async fn unmatched_records_are_refused_if_the_contract_says_so() {
    let landed = land(&contract(", unmatched: reject", ""), u64::MAX).await;
    assert_eq!(landed.counts, Counts { read: 7, stored: 4, rejected: 3, filtered: 0 });
    let entries = entries(&landed);
    let said: Vec<_> = entries
        .iter()
        .map(|entry| {
            (
                entry.line,
                entry.error.as_str(),
                entry.field.as_deref(),
                entry.column,
                entry.value.as_deref(),
            )
        })
        .collect();
    assert_eq!(
        said,
        [
            (4, "lookup-error", Some("shop"), Some(2), Some("X")),
            (5, "lookup-error", Some("shop"), Some(2), Some("")),
            (6, "type-error", Some("id"), Some(1), Some("five"))
        ]
    );
    assert_eq!(entries[0].message, "the reference geo/shops.csv has no row with this `shop`");
    assert_eq!(landed.rejects, "id,shop,amount\n3,X,300\n4,,400\nfive,A,5\n");
}

#[tokio::test]
async fn any_split_gives_the_same() {
    let contract = contract(", unmatched: reject", "  where: amount <> 700");
    let whole = land(&contract, u64::MAX).await;
    for shard_bytes in [1, 7, 20, 33] {
        assert_eq!(land(&contract, shard_bytes).await, whole, "shards of {shard_bytes}");
    }
}

#[tokio::test]
async fn a_joined_column_may_name_the_folders() {
    let landed =
        land(&contract("", "").replace("compression: none", "partitionBy: [country]"), 9).await;
    let folders: Vec<_> = landed.rows.iter().map(|row| row.split('|').next().unwrap()).collect();
    assert_eq!(landed.rows[0], "lake/sales/country=France|1|A|100|20");
    assert!(folders.contains(&"lake/sales/country=__HIVE_DEFAULT_PARTITION__"), "{folders:?}");
}

#[tokio::test]
async fn a_record_that_lacks_the_key_is_unmatched() {
    let contract = contract(", unmatched: reject", "")
        .replace("header: true", "header: true, raggedRows: { short: fill }");
    let landed = with_shops(&contract)
        .await
        .land("job", b"id,shop,amount\n1,A,100\n2\n", u64::MAX)
        .await
        .unwrap();
    assert_eq!((landed.counts.stored, landed.counts.rejected), (1, 1));
    let entry = entries(&landed).remove(0);
    assert_eq!((entry.error.as_str(), entry.value.as_deref()), ("lookup-error", Some("")));
}

#[tokio::test]
async fn what_is_said_of_a_masked_key_tells_nothing() {
    let landed = land(
        &contract(
            ", unmatched: reject",
            "  mask: [ { field: shop, with: redact }, { field: country, with: redact } ]",
        ),
        9,
    )
    .await;
    assert_eq!(rows(&landed)[0], "1|redacted|100|redacted|20", "the key was looked up as it was");
    let entry = entries(&landed).remove(0);
    assert_eq!((entry.line, entry.error.as_str()), (4, "lookup-error"));
    assert!(
        !landed.errors.contains('X') && !landed.rejects.contains('X'),
        "{} {}",
        landed.errors,
        landed.rejects
    );
}

#[tokio::test]
async fn all_shards_see_the_table_as_it_was_planned() {
    let bench = with_shops(&contract("", "")).await;
    let submission = bench.submit("job", SOURCE.as_bytes(), 9, false).await;
    let job = JobRef { job: submission.job.clone(), dataset: submission.dataset.clone() };
    let planned = steps::ingest(&bench.context, submission).await.unwrap();
    bench.put_reference("geo/shops.csv", "code,country,rate\nA,Atlantis,99\n").await;
    let input = serde_json::json!({ "job": job.job, "dataset": job.dataset, "plan": planned });
    let stored = bench.resume("One shard?", input).await.unwrap();
    assert_eq!(rows(&bench.landed(&stored).await)[0], "1|A|100|France|20");
    let plan: Plan =
        serde_json::from_str(&bench.text(&bench.context.keys(&job.job).plan()).await).unwrap();
    let pinned = &plan.references[0];
    assert_eq!(
        (pinned.source.key.as_str(), pinned.bytes, pinned.rows),
        ("reference/geo/shops.csv", SHOPS.len() as u64, 3)
    );
    assert!(pinned.source.etag.is_some());
}

#[tokio::test]
async fn a_table_that_is_not_there_or_ambiguous_ends_the_job_before_its_shards() {
    for (table, name, text) in [
        (None, "SourceMissing", "reference/geo/shops.csv is not there"),
        (
            Some("code,country,rate\nA,a,1\nA,b,2\n"),
            "SourceCorrupt",
            "rows 1 and 2 of the reference geo/shops.csv have the same `code`",
        ),
        (Some("code,rate\nA,1\n"), "SchemaDrift", "no column `country`"),
    ] {
        let bench = Bench::new(&contract("", "")).await;
        if let Some(table) = table {
            bench.put_reference("geo/shops.csv", table).await;
        }
        let failure = bench.land("job", SOURCE.as_bytes(), 9).await.unwrap_err();
        assert_eq!(failure.error, name, "{}", failure.cause);
        assert!(failure.cause.contains(text), "{}", failure.cause);
    }
}

/// A dataset that was landed before is a table too: its newest state.
#[tokio::test]
async fn another_dataset_can_be_joined() {
    let shops = "
name: shops
schema: { fields: [ { name: code, type: string }, { name: country, type: string }, { name: rate, type: integer } ] }
output: { mode: overwrite }
";
    let first = Bench::new(shops).await;
    for (job, table) in [("old", "code,country,rate\nA,Gaul,1\nZ,Gone,2\n"), ("new", SHOPS)] {
        first.land(job, table.as_bytes(), 9).await.unwrap();
    }
    let sales = contract(", how: inner", "").replace("object: geo/shops.csv", "dataset: shops");
    let bench = first.with_contract(&sales).await;
    let landed = bench.land("job", SOURCE.as_bytes(), 9).await.unwrap();
    assert_eq!(
        rows(&landed),
        ["1|A|100|France|20", "2|B|200|Germany|19", "6|C|600|∅|0", "7|A|700|France|20"]
    );

    let nobody = bench
        .with_contract(
            &sales
                .replace("dataset: shops", "dataset: nobody")
                .replace("name: sales", "name: returns"),
        )
        .await;
    let failure =
        nobody.land("other", SOURCE.replace("700", "701").as_bytes(), 9).await.unwrap_err();
    assert_eq!(failure.error, "SourceMissing", "{}", failure.cause);
}

/// Values of the references are bytes as any: a table in UTF-16 is read too.
#[tokio::test]
async fn a_table_may_be_in_another_encoding() {
    let bench = Bench::new(&contract("", "")).await;
    let utf16: Vec<u8> =
        std::iter::once(0xfeff).chain(SHOPS.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    bench
        .context
        .buckets
        .bucket("inbox")
        .put("reference/geo/shops.csv", Bytes::from(utf16), Put::Overwrite)
        .await
        .unwrap();
    let landed = bench.land("job", SOURCE.as_bytes(), 9).await.unwrap();
    assert_eq!(rows(&landed)[0], "1|A|100|France|20");
}
