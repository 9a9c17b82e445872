//! Checks that a table of Landfall's own log keeps its schema: a change that readers don't unite is
//! rejected, whenever it is noticed.

use std::sync::Arc;

use job::Intake;
use job::TableFormat;
use job::decision::{Decision, Start};
use job::message::{Failure, JobRef, Stored, Submission};
use job::{Error, ErrorKind};
use landing::table::{SchemaAt, TableSchema};
use objects::Memory;

use super::bench::{Bench, NOW};

const INTEGER: &str = "{ name: id, type: integer, physicalType: int16 }";
const TEXT: &str = "{ name: id, type: string }";

fn contract(fields: &str, output: &str) -> String {
    let schema =
        format!("{{ fieldsMatch: partial, fields: [ {fields}, {{ name: kind, type: string }} ] }}");
    format!("name: things\nschema: {schema}\noutput: {{ {output} }}\n")
}

async fn bench() -> Bench {
    Bench::new(&contract(INTEGER, "")).await
}

/// A job with another contract, of a source that no other has.
async fn submit(bench: &Bench, job: &str, contract: &str, source: &str) -> (Submission, JobRef) {
    let version = bench
        .context
        .registry
        .put_contract(&bench.dataset, contract, &Intake::default(), NOW)
        .await
        .unwrap()
        .version;
    let submission =
        Submission { contract: version, ..bench.submit(job, source.as_bytes(), 1000, false).await };
    let job = JobRef { job: submission.job.clone(), dataset: submission.dataset.clone() };
    (submission, job)
}

async fn land(bench: &Bench, job: &str, contract: &str, source: &str) -> Result<Stored, Failure> {
    let (submission, _) = submit(bench, job, contract, source).await;
    bench.run(submission).await
}

/// The schema's columns as `name type` after an entry, and the number of the entry that has it.
async fn schema(bench: &Bench, sequence: u64) -> Option<(String, u64)> {
    let (at, schema) = match bench.commit(sequence).await.unwrap().schema? {
        SchemaAt::Here(schema) => (sequence, schema),
        SchemaAt::Entry(at) => match bench.commit(at).await.unwrap().schema {
            Some(SchemaAt::Here(schema)) => (at, schema),
            other => panic!("entry {at} has {other:?}"),
        },
    };
    let TableSchema { columns, .. } = schema;
    let names: Vec<String> =
        columns.iter().map(|column| format!("{} {}", column.name, column.kind)).collect();
    Some((names.join(", "), at))
}

#[tokio::test]
async fn the_log_has_the_schema_of_the_table() {
    let bench = bench().await;
    let integer = contract(INTEGER, "");
    let more = contract(&format!("{INTEGER}, {{ name: day, type: date }}"), "");
    let overwriting = contract(TEXT, "mode: overwrite");
    let cases = [
        (&integer, "id,kind\n", None),
        (&integer, "id,kind\n1,a\n", Some(("id int16, kind string", 1))),
        (&integer, "id,kind\n2,a\n", Some(("id int16, kind string", 1))),
        (&integer, "kind,id\n", Some(("id int16, kind string", 1))),
        (&more, "id,kind,day\n3,a,2026-01-31\n", Some(("id int16, kind string, day date32", 4))),
        // Its rows lack the day: the table has it all the same.
        (&integer, "id,kind\n4,a\n", Some(("id int16, kind string, day date32", 4))),
        (&overwriting, "id,kind\nx,a\n", Some(("id string, kind string", 6))),
        (&contract(TEXT, ""), "id,kind\ny,a\n", Some(("id string, kind string", 6))),
        (&overwriting, "id,kind\n", None),
        (&integer, "id,kind\n5,a\n", Some(("id int16, kind string", 9))),
    ];
    for (number, (contract, source, expected)) in cases.into_iter().enumerate() {
        let stored = land(&bench, &format!("job{number}"), contract, source).await.unwrap();
        assert_eq!(stored.sequence, number as u64);
        let found = schema(&bench, stored.sequence).await;
        assert_eq!(
            found.as_ref().map(|(names, at)| (names.as_str(), *at)),
            expected,
            "commit {number}"
        );
    }
}

#[tokio::test]
async fn what_readers_do_not_unite_is_refused_before_it_is_planned() {
    for (there, new, message) in [
        (
            contract(INTEGER, ""),
            contract(TEXT, ""),
            "column `id` of the table is int16, and string in the contract",
        ),
        (
            contract(INTEGER, ""),
            contract("{ name: id, type: integer }", ""),
            "keep the type (`type: integer, physicalType: int16`)",
        ),
        (
            contract(INTEGER, "partitionBy: [kind]"),
            contract(INTEGER, ""),
            "the table is partitioned by kind, and by nothing",
        ),
        (
            contract(INTEGER, "partitionBy: [id]"),
            contract(TEXT, "partitionBy: [id]"),
            "column `id` of the table is int16",
        ),
        (
            contract(INTEGER, "partitionBy: [kind]"),
            contract(TEXT, "partitionBy: [kind], mode: overwrite-partitions"),
            "column `id` of the table is int16",
        ),
        (
            contract(INTEGER, ""),
            contract(INTEGER, "format: jsonl"),
            "the files of the table are parquet, and jsonl",
        ),
    ] {
        let bench = Bench::new(&there).await;
        land(&bench, "old", &there, "id,kind\n1,a\n").await.unwrap();
        let before = bench.visible().await;
        let (submission, job) = submit(&bench, "new", &new, "id,kind\n2,a\n").await;
        let refused = steps::ingest(&bench.context, submission.clone()).await.unwrap_err();
        assert_eq!(refused.name(), "ContractInvalid", "{refused}");
        assert!(refused.to_string().contains(message), "{refused}");
        assert!(refused.to_string().contains("`mode: overwrite`"), "{refused}");
        assert_eq!(
            bench.text(&bench.context.keys(&job.job).plan()).await,
            "",
            "nothing is planned"
        );
        let failure = bench.run(submission).await.unwrap_err();
        assert_eq!((failure.error.as_str(), bench.visible().await), ("ContractInvalid", before));

        let overwriting = new
            .replace(", mode: overwrite-partitions", "")
            .replace("output: { ", "output: { mode: overwrite, ");
        let overwriting = overwriting.replace("overwrite,  }", "overwrite }");
        land(&bench, "replaced", &overwriting, "id,kind\n2,a\n").await.unwrap();
        assert_eq!(bench.table_keys().await.len(), 1, "the table is the new one alone");
    }
}

/// Both were planned when there was no table: the second one to be stored is refused before
/// anything of it is visible.
#[tokio::test]
async fn a_table_that_began_meanwhile_refuses_the_job_before_its_decision() {
    let bench = bench().await;
    let (first, first_job) =
        submit(&bench, "first", &contract(INTEGER, ""), "id,kind\n1,a\n").await;
    let (second, second_job) =
        submit(&bench, "second", &contract(TEXT, ""), "id,kind\nx,a\n").await;
    bench.verified(first).await.unwrap();
    bench.verified(second).await.unwrap();
    steps::store(&bench.context, first_job).await.unwrap();
    let before = bench.visible().await.0;
    let refused = steps::store(&bench.context, second_job.clone()).await.unwrap_err();
    assert!(matches!(&refused, Error { kind: ErrorKind::ContractInvalid, .. }), "{refused}");
    assert_eq!(bench.visible().await.0, before);
    assert_eq!(
        bench.text(&bench.context.keys(&second_job.job).decision()).await,
        "",
        "it is not decided to commit"
    );
}

/// A job that is decided loses its number to one of another schema: it says so in the log, and
/// keeps nothing.
#[tokio::test]
async fn a_table_that_changed_after_the_decision_makes_the_job_void() {
    let bench = bench().await;
    let (late, job) = submit(&bench, "late", &contract(TEXT, ""), "id,kind\nx,a\n").await;
    bench.verified(late).await.unwrap();
    bench.decide(&job.job, Decision::Commit(Start { from: 0, table: TableFormat::Landfall })).await;
    land(&bench, "meanwhile", &contract(INTEGER, ""), "id,kind\n1,a\n").await.unwrap();
    let refused = steps::store(&bench.context, job).await.unwrap_err();
    assert!(matches!(&refused, Error { kind: ErrorKind::ContractInvalid, .. }), "{refused}");
    assert!(bench.commit(1).await.unwrap().void.is_some());
    assert_eq!(schema(&bench, 1).await.unwrap().1, 0, "a void entry tells where the schema stands");
    assert_eq!(bench.table_keys().await.len(), 1);
    land(&bench, "next", &contract(INTEGER, ""), "id,kind\n2,a\n").await.unwrap();
}

/// Entries from before schemas were written: the first one that has one decides.
#[tokio::test]
async fn a_log_without_a_schema_gets_one() {
    let memory = Arc::new(Memory::new());
    let bench = Bench::over(memory.clone(), memory, &contract(INTEGER, "")).await;
    land(&bench, "old", &contract(INTEGER, ""), "id,kind\n1,a\n").await.unwrap();
    let key = landing::commit::log_key("lake/things/", 0);
    let mut entry: serde_json::Value =
        serde_json::from_slice(&bench.lake().read(&key, u64::MAX).await.unwrap()).unwrap();
    assert!(entry.as_object_mut().unwrap().remove("schema").is_some());
    bench.lake().put(&key, entry.to_string().into(), objects::Put::Overwrite).await.unwrap();
    land(&bench, "new", &contract(INTEGER, ""), "id,kind\n2,a\n").await.unwrap();
    assert_eq!(schema(&bench, 1).await, Some(("id int16, kind string".to_owned(), 1)));
    land(&bench, "refused", &contract(TEXT, ""), "id,kind\nx,a\n").await.unwrap_err();
}
