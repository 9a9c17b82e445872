//! Tells of runs in the words of OpenLineage, where somebody collects them.

use std::collections::BTreeSet;
use std::sync::Arc;

use job::decision::Decision;
use job::message::{Failure, JobRef};
use serde_json::{Value, json};

use super::bench::Bench;

const CONTRACT: &str = "
name: things
schema: { fields: [ { name: id, type: integer, constraints: { required: true } }, { name: day, type: date } ] }
";

async fn listening(is_asked: bool) -> (Bench, Arc<events::Memory>) {
    let mut bench = Bench::new(CONTRACT).await;
    let heard = Arc::new(events::Memory::new());
    bench.context.events = Some(heard.clone());
    bench.context.settings.lineage = is_asked;
    (bench, heard)
}

fn runs(heard: &events::Memory) -> Vec<Value> {
    let events = heard.all().into_iter();
    let of_runs = events.filter(|event| event.detail_type == steps::lineage::DETAIL_TYPE);
    of_runs.map(|event| event.detail).collect()
}

#[tokio::test]
async fn a_run_is_told_from_its_start_to_its_end() {
    let (bench, heard) = listening(true).await;
    bench.land("job", b"id,day\n1,2026-01-31\n2,\n", 1_000).await.unwrap();
    let [start, complete] = runs(&heard).try_into().unwrap();
    for (event, kind) in [(&start, "START"), (&complete, "COMPLETE")] {
        assert_eq!(event["eventType"], kind);
        assert_eq!(
            (&event["job"]["namespace"], &event["job"]["name"]),
            (&json!("landfall://lake"), &json!("things"))
        );
        assert_eq!(event["run"]["runId"], start["run"]["runId"], "it is one run");
        let output = &event["outputs"][0];
        let place = (&output["namespace"], &output["name"]);
        assert_eq!(place, (&json!("s3://lake"), &json!("lake/things")));
    }
    let id = start["run"]["runId"].as_str().unwrap();
    let parts: Vec<usize> = id.split('-').map(str::len).collect();
    assert_eq!((parts.as_slice(), &id[14..15]), (&[8, 4, 4, 4, 12][..], "8"), "{id}");
    assert_eq!(
        start["inputs"],
        json!([{"namespace": "s3://inbox", "name": "inbox/things/job.csv"}])
    );
    let schema = &start["outputs"][0]["facets"]["schema"]["fields"];
    assert_eq!(
        schema,
        &json!([
            {"name": "id", "type": "Int64", "ordinal_position": 1},
            {"name": "day", "type": "Date32", "ordinal_position": 2},
        ])
    );
    let statistics = &complete["outputs"][0]["outputFacets"]["outputStatistics"];
    assert_eq!((&statistics["rowCount"], &statistics["fileCount"]), (&json!(2), &json!(1)));
    assert_eq!(complete["outputs"][0]["facets"]["version"]["datasetVersion"], "0");
}

#[tokio::test]
async fn a_run_without_success_is_told_without_its_cause() {
    let (bench, heard) = listening(true).await;
    bench.land("bad", b"id,day\nx,\n", 1_000).await.unwrap_err();
    let [start, fail] = runs(&heard).try_into().unwrap();
    assert_eq!((&start["eventType"], &fail["eventType"]), (&json!("START"), &json!("FAIL")));
    assert_eq!(fail["run"]["facets"]["errorMessage"]["message"], "RejectLimitExceeded");
    let submission = bench.submit("cancelled", b"id,day\n1,\n", 1_000, false).await;
    bench.decide(&submission.job, Decision::NoCommit(Failure::new("Cancelled", "by hand"))).await;
    bench.run(submission).await.unwrap_err();
    let last = runs(&heard).pop().unwrap();
    assert_eq!(last["eventType"], "ABORT");
    assert!(!last.to_string().contains("by hand"), "{last}");
}

#[tokio::test]
async fn nothing_is_told_to_nobody() {
    let (bench, heard) = listening(false).await;
    bench.land("job", b"id,day\n1,\n", 1_000).await.unwrap();
    assert_eq!(runs(&heard), [Value::Null; 0]);
}

/// The schemas that facets say they have, by where the facets stand: those are the ones that
/// OpenLineage publishes under these names and versions.
fn schemas(value: &Value, place: &str, found: &mut BTreeSet<(String, String)>) {
    for (name, member) in value.as_object().into_iter().flatten() {
        if let Some(url) = member.get("_schemaURL") {
            assert_eq!(member["_producer"], "urn:landfall");
            found.insert((format!("{place}.{name}"), url.as_str().unwrap().to_owned()));
        }
        schemas(member, name, found);
    }
    for entry in value.as_array().into_iter().flatten() {
        schemas(entry, place, found);
    }
}

#[tokio::test]
async fn facets_are_those_of_openlineage() {
    let (bench, heard) = listening(true).await;
    bench.land("job", b"id,day\n1,2026-01-31\n", 1_000).await.unwrap();
    bench.land("bad", b"id,day\nx,\n", 1_000).await.unwrap_err();
    let mut found = BTreeSet::new();
    for event in runs(&heard) {
        assert_eq!(
            event["schemaURL"],
            "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
        );
        assert_eq!(event["producer"], "urn:landfall");
        chrono::DateTime::parse_from_rfc3339(event["eventTime"].as_str().unwrap()).unwrap();
        schemas(&event, "", &mut found);
    }
    let expected = [
        ("facets.errorMessage", "1-0-1", "ErrorMessageRunFacet"),
        ("facets.jobType", "2-0-4", "JobTypeJobFacet"),
        ("facets.schema", "1-2-0", "SchemaDatasetFacet"),
        ("facets.version", "1-0-1", "DatasetVersionDatasetFacet"),
        ("outputFacets.outputStatistics", "1-0-2", "OutputStatisticsOutputDatasetFacet"),
    ];
    let expected = expected.map(|(place, version, name)| {
        let url = format!("https://openlineage.io/spec/facets/{version}/{name}.json#/$defs/{name}");
        (place.to_owned(), url)
    });
    assert_eq!(found, BTreeSet::from(expected));
}

/// A job that is stored again is told of in the same words.
#[tokio::test]
async fn a_run_that_is_told_twice_to_be_complete_is_told_the_same() {
    let (bench, heard) = listening(true).await;
    let submission = bench.submit("job", b"id,day\n1,2026-01-31\n", 1_000, false).await;
    bench.run(submission.clone()).await.unwrap();
    let job = JobRef { job: submission.job, dataset: submission.dataset };
    steps::store(&bench.context, job).await.unwrap();
    let [_, complete, again] = runs(&heard).try_into().unwrap();
    assert_eq!(complete["eventType"], "COMPLETE");
    assert_eq!(again, complete);
    assert_eq!(complete["eventTime"], bench.commit(0).await.unwrap().committed);
}
