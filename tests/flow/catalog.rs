//! Checks what a catalog is told of commits: all of each, in the end, and nothing older than what
//! it knows.

use std::sync::Arc;

use catalog::{Error, Memory};
use contract::Contract;
use job::Intake;
use job::message::{JobRef, Stored};
use serde_json::{Value, json};
use tables::Log;

use super::bench::{Bench, NOW};

const FIELDS: &str = "{ name: id, type: integer }, { name: kind, type: string }";

fn contract(fields: &str, output: &str) -> String {
    format!(
        "name: things\nschema: {{ fieldsMatch: partial, fields: [ {fields} ] }}\noutput: {{ {output} }}\n"
    )
}

async fn shore(output: &str) -> (Bench, Arc<Memory>) {
    let mut bench = Bench::new(&contract(FIELDS, output)).await;
    let memory = Arc::new(Memory::new());
    bench.context.catalog = Some(memory.clone());
    (bench, memory)
}

async fn land(bench: &Bench, job: &str, version: u32, rows: &str) -> Stored {
    let submission = bench.submit(job, format!("id,kind\n{rows}").as_bytes(), 1000, false).await;
    bench.run(job::message::Submission { contract: version, ..submission }).await.unwrap()
}

fn values(memory: &Memory) -> Value {
    memory.partitions("things").into_iter().map(|(values, _)| values[0].clone()).collect()
}

fn through(memory: &Memory) -> Value {
    memory.table("things").unwrap()["Parameters"]["landfall.sequence"].clone()
}

#[tokio::test(start_paused = true)]
async fn each_commit_is_told() {
    let (bench, memory) = shore("partitionBy: [kind]").await;
    assert_eq!(land(&bench, "first", 1, "1,a b\n2,\n").await.warnings, []);
    let table = memory.table("things").unwrap();
    assert_eq!(table["PartitionKeys"], json!([{"Name": "kind", "Type": "string"}]));
    assert_eq!(table["StorageDescriptor"]["Columns"], json!([{"Name": "id", "Type": "bigint"}]));
    let folder = |name: &str| json!(format!("s3://lake/lake/things/kind={name}/"));
    let none = "__HIVE_DEFAULT_PARTITION__";
    assert_eq!(
        memory.partitions("things"),
        [(json!([none]), folder(none)), (json!(["a b"]), folder("a%20b"))]
    );
    assert_eq!(land(&bench, "second", 1, "3,a b\n4,c\n").await.warnings, []);
    assert_eq!((values(&memory), through(&memory)), (json!([none, "a b", "c"]), json!("1")));
}

#[tokio::test(start_paused = true)]
async fn done_again_it_is_the_same() {
    let (bench, memory) = shore("partitionBy: [kind]").await;
    let stored = land(&bench, "job", 1, "1,a\n").await;
    let before = memory.table("things");
    let job = JobRef { job: stored.job.clone(), dataset: stored.dataset.clone() };
    assert_eq!(steps::store(&bench.context, job).await.unwrap(), stored);
    assert_eq!(memory.table("things"), before);
}

#[tokio::test(start_paused = true)]
async fn what_fails_for_a_while_is_tried_again() {
    for failure in [Error::Changed, Error::Unavailable("busy".to_owned())] {
        for calls in 1..=5 {
            let (bench, memory) = shore("partitionBy: [kind]").await;
            memory.fail(vec![failure.clone(); calls]);
            let warnings = land(&bench, "job", 1, "1,a\n").await.warnings;
            // The first attempt that gets through creates the table, and the next one finds it.
            assert_eq!((warnings.len(), calls), (usize::from(calls > 4), calls), "{warnings:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_catalog_that_fails_stops_no_job_and_is_told_later() {
    let (bench, memory) = shore("partitionBy: [kind]").await;
    memory.fail([Error::Refused("glue:GetTable is not allowed".to_owned())]);
    let stored = land(&bench, "first", 1, "1,a\n").await;
    let warning = &stored.warnings[0];
    assert_eq!((stored.counts.stored, warning.name.as_str()), (1, "CatalogNotUpdated"));
    assert!(
        warning.message.contains("not told: glue:GetTable is not allowed. The next commit"),
        "{}",
        warning.message
    );
    assert_eq!(
        bench.context.registry.job(&stored.job).await.unwrap().unwrap().warnings,
        stored.warnings
    );
    memory.fail(vec![Error::Unavailable("busy".to_owned()); 100]);
    assert_eq!(land(&bench, "second", 1, "2,b\n").await.warnings.len(), 1);
    assert_eq!(memory.table("things"), None);
    memory.fail([]);
    assert_eq!(land(&bench, "third", 1, "3,c\n").await.warnings, []);
    assert_eq!(values(&memory), json!(["a", "b", "c"]));

    // A step that is done again answers the same.
    let job = JobRef { job: stored.job.clone(), dataset: stored.dataset.clone() };
    assert_eq!(steps::store(&bench.context, job).await.unwrap(), stored);
}

#[tokio::test(start_paused = true)]
async fn jobs_that_race_are_both_told() {
    let (bench, memory) = shore("partitionBy: [kind]").await;
    let told = tokio::join!(
        land(&bench, "first", 1, "1,a\n"),
        land(&bench, "second", 1, "2,b\n"),
        land(&bench, "third", 1, "3,c\n")
    );
    assert!([told.0, told.1, told.2].iter().all(|stored| stored.warnings.is_empty()));
    assert_eq!((values(&memory), through(&memory)), (json!(["a", "b", "c"]), json!("2")));
}

#[tokio::test(start_paused = true)]
async fn an_older_contract_replaces_no_newer_one() {
    let (bench, memory) = shore("partitionBy: [kind]").await;
    let newer =
        contract(&format!("{FIELDS}, {{ name: note, type: string }}"), "partitionBy: [kind]");
    bench
        .context
        .registry
        .put_contract(&bench.dataset, &newer, &Intake::default(), NOW)
        .await
        .unwrap();
    land(&bench, "first", 1, "1,a\n").await;
    land(&bench, "second", 2, "2,b\n").await;
    let columns = json!([{"Name": "id", "Type": "bigint"}, {"Name": "note", "Type": "string"}]);
    let after = memory.table("things").unwrap();
    assert_eq!(after["StorageDescriptor"]["Columns"], columns);
    let older = Contract::parse(&contract(FIELDS, "partitionBy: [kind]")).unwrap();
    let log = Log::new(bench.lake(), "lake/things/".to_owned(), older.output.table);
    let late =
        catalog::Commit { sequence: 0, contract: &older, bucket: "lake", prefix: "lake/things/" };
    catalog::register(memory.as_ref(), &log, late).await.unwrap();
    assert_eq!(memory.table("things"), Some(after));
}

#[tokio::test(start_paused = true)]
async fn what_others_said_of_the_table_stays() {
    let (bench, memory) = shore("partitionBy: [kind]").await;
    land(&bench, "first", 1, "1,a\n").await;
    memory.change("things", |table| {
        table["Description"] = json!("Things.");
        table["Parameters"]["team"] = json!("shore");
        table["StorageDescriptor"]["Columns"][0]["Comment"] = json!("Which one.");
        table["PartitionKeys"][0]["Comment"] = json!("Of which kind.");
    });
    land(&bench, "second", 1, "2,b\n").await;
    let table = memory.table("things").unwrap();
    assert_eq!(
        (&table["Description"], &table["Parameters"]["team"]),
        (&json!("Things."), &json!("shore"))
    );
    assert_eq!(table["StorageDescriptor"]["Columns"][0]["Comment"], "Which one.");
    assert_eq!(table["PartitionKeys"][0]["Comment"], "Of which kind.");
}

#[tokio::test(start_paused = true)]
async fn tables_of_others_are_left_alone() {
    let (bench, memory) = shore("partitionBy: [kind]").await;
    land(&bench, "first", 1, "1,a\n").await;
    memory.change("things", |table| {
        table["StorageDescriptor"]["Location"] = json!("s3://elsewhere/things/")
    });
    let before = memory.table("things");
    let warnings = land(&bench, "second", 1, "2,b\n").await.warnings;
    assert!(
        warnings[0]
            .message
            .contains("another table `things`, at s3://elsewhere/things/: drop it there"),
        "{warnings:?}"
    );
    assert_eq!(memory.table("things"), before);

    let (bench, memory) = shore("partitionBy: [kind]").await;
    land(&bench, "first", 1, "1,a\n").await;
    bench
        .context
        .registry
        .put_contract(&bench.dataset, &contract(FIELDS, "mode: overwrite"), &Intake::default(), NOW)
        .await
        .unwrap();
    let warnings = land(&bench, "second", 2, "2,b\n").await.warnings;
    assert!(
        warnings[0]
            .message
            .contains("other partitions in the catalog (kind) than in its contract ()"),
        "{warnings:?}"
    );
    assert_eq!(values(&memory), json!(["a"]));
}

#[tokio::test(start_paused = true)]
async fn a_delta_table_is_one_without_partitions_to_tell() {
    let (bench, memory) = shore("table: delta, partitionBy: [kind]").await;
    assert_eq!(land(&bench, "first", 1, "1,a\n").await.warnings, []);
    assert_eq!(land(&bench, "second", 1, "2,b\n").await.warnings, []);
    let table = memory.table("things").unwrap();
    assert_eq!(
        (&table["Parameters"]["table_type"], through(&memory), values(&memory)),
        (&json!("DELTA"), json!("1"), json!([]))
    );
}
