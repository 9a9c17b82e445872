//! Tells of runs in the words of OpenLineage: a job is a run, its dataset the job, and what it reads
//! and writes are datasets with their schema and statistics.
//!
//! The events are put on the bus beside those of Landfall, for whoever collects lineage. They hold
//! names, types and counts, and no causes.

use contract::Contract;
use events::Event;
use job::message::{JobId, Settled, Source, Stored, Submission, digest};
use job::{DatasetName, Error};
use landing::plan::Plan;
use serde_json::{Value, json};

use crate::context::{contract_of, now};
use crate::{Context, announce};

/// The type of these events on the bus.
pub const DETAIL_TYPE: &str = "openlineage.run";
/// Who says so.
const PRODUCER: &str = "urn:landfall";
/// What a run event looks like.
const RUN_EVENT: &str = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent";
/// Objects of a source that are named: the others are of the same job.
const NAMED_OBJECTS: usize = 100;

/// Tells that a job was planned: what it reads, and the schema of what it writes.
pub(crate) async fn started(context: &Context, plan: &Plan) -> Result<(), Error> {
    if !is_told(context) {
        return Ok(());
    }
    let contract = contract_of(plan)?;
    let submission = &plan.submission;
    let inputs = inputs(plan);
    let output = output(context, &submission.dataset, json!({"schema": schema(&contract)}));
    let Submission { job, dataset, .. } = submission;
    tell(context, Run { kind: "START", at: now(), job, dataset }, inputs, vec![output], json!({}))
        .await;
    Ok(())
}

/// Tells that a job is committed, and when it was: told again, it is the same to the letter.
pub(crate) async fn completed(context: &Context, stored: &Stored, committed: &str) {
    if !is_told(context) {
        return;
    }
    let Stored { job, dataset, sequence, counts, files, bytes, .. } = stored;
    let version = facet(
        "DatasetVersionDatasetFacet",
        "1-0-1",
        json!({
            "datasetVersion": sequence.to_string(),
        }),
    );
    let mut output = output(context, dataset, json!({"version": version}));
    let statistics = json!({"rowCount": counts.stored, "size": bytes, "fileCount": files});
    output["outputFacets"] = json!({
        "outputStatistics": facet("OutputStatisticsOutputDatasetFacet", "1-0-2", statistics),
    });
    let run = Run { kind: "COMPLETE", at: committed.to_owned(), job, dataset };
    tell(context, run, vec![], vec![output], json!({})).await;
}

/// Tells that nothing of a job is visible: it failed, or it was ended otherwise.
pub(crate) async fn ended(context: &Context, settled: &Settled) {
    if !is_told(context) || settled.stored.is_some() {
        return;
    }
    let Settled { job, dataset, status, error, .. } = settled;
    let kind = if status == "FAILED" { "FAIL" } else { "ABORT" };
    // A cause may quote what a caller named.
    let message = json!({"message": error, "programmingLanguage": "Rust"});
    let facets = json!({"errorMessage": facet("ErrorMessageRunFacet", "1-0-1", message)});
    tell(context, Run { kind, at: now(), job, dataset }, vec![], vec![], facets).await;
}

fn is_told(context: &Context) -> bool {
    context.settings.lineage && context.events.is_some()
}

/// What becomes of a run, and when.
struct Run<'a> {
    kind: &'static str,
    at: String,
    job: &'a JobId,
    dataset: &'a DatasetName,
}

async fn tell(
    context: &Context,
    Run { kind, at, job, dataset }: Run<'_>,
    inputs: Vec<Value>,
    outputs: Vec<Value>,
    run_facets: Value,
) {
    let job_type = json!({"processingType": "BATCH", "integration": "LANDFALL", "jobType": "JOB"});
    let detail = json!({
        "eventType": kind,
        "eventTime": at,
        "producer": PRODUCER,
        "schemaURL": RUN_EVENT,
        "run": {"runId": run_id(job), "facets": run_facets},
        "job": {
            "namespace": format!("landfall://{}", context.lake.bucket),
            "name": dataset,
            "facets": {"jobType": facet("JobTypeJobFacet", "2-0-4", job_type)},
        },
        "inputs": inputs,
        "outputs": outputs,
    });
    announce::announce(context, Event { detail_type: DETAIL_TYPE.to_owned(), detail }).await;
}

/// A UUID (version 8) for a job: the same in all events of it, and in those of its redrives.
fn run_id(job: &JobId) -> String {
    let hash = digest(&["run", job.as_str()]);
    format!(
        "{}-{}-8{}-8{}-{}",
        &hash[..8],
        &hash[8..12],
        &hash[13..16],
        &hash[17..20],
        &hash[20..32]
    )
}

/// A facet: what it says, who says so, and what it looks like.
fn facet(name: &str, version: &str, mut said: Value) -> Value {
    said["_producer"] = json!(PRODUCER);
    said["_schemaURL"] =
        json!(format!("https://openlineage.io/spec/facets/{version}/{name}.json#/$defs/{name}"));
    said
}

/// The objects that a job reads: those that are named, or the place where they lie.
fn inputs(plan: &Plan) -> Vec<Value> {
    if let Source::Prefix { bucket, prefix, .. } = &plan.submission.source {
        return vec![object(bucket, prefix)];
    }
    let objects = plan.first_objects.iter().take(NAMED_OBJECTS);
    objects.map(|found| object(&found.source.bucket, &found.source.key)).collect()
}

fn object(bucket: &str, key: &str) -> Value {
    json!({"namespace": format!("s3://{bucket}"), "name": key})
}

fn output(context: &Context, dataset: &DatasetName, facets: Value) -> Value {
    let prefix = context.dataset_prefix(dataset);
    json!({
        "namespace": format!("s3://{}", context.lake.bucket),
        "name": prefix.trim_end_matches('/'),
        "facets": facets,
    })
}

fn schema(contract: &Contract) -> Value {
    let columns = (1..).zip(contract.stored()).map(|(position, column): (u32, _)| {
        let kind = column.data_type.to_string();
        json!({"name": column.name, "type": kind, "ordinal_position": position})
    });
    let fields: Vec<Value> = columns.collect();
    facet("SchemaDatasetFacet", "1-2-0", json!({"fields": fields}))
}
