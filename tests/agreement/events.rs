//! Checks that the events that are sent have the shapes that docs/reference/events tells.

use std::collections::BTreeSet;
use std::sync::Arc;

use events::{Event, SOURCE};
use job::message::{Held, JobId, Settled, Stored, Warning};
use landing::commit::HeaderDrift;
use registry::JobStatus;
use serde_json::{Value, json};

use super::sources::{state_machine, text};
use super::validator;
use crate::flow::bench::{Bench, NOW, things};

const SCHEMAS: [&str; 7] = ["started", "progressed", "held", "landed", "ended", "late", "drifted"];

fn schema(name: &str) -> Value {
    serde_json::from_str(&text(&format!("docs/reference/events/{name}.json"))).unwrap()
}

/// The types that a schema is of.
fn types(schema: &Value) -> BTreeSet<String> {
    let told = &schema["properties"]["detail-type"];
    let list = told["enum"].as_array().cloned().unwrap_or_else(|| vec![told["const"].clone()]);
    list.iter().map(|name| name.as_str().unwrap().to_owned()).collect()
}

/// An event as EventBridge hands it on.
fn sent(event: &Event) -> Value {
    json!({
        "version": "0", "id": "1", "account": "000000000000", "region": "us-east-1",
        "source": SOURCE, "detail-type": event.detail_type, "detail": event.detail,
    })
}

/// One of each event that the steps send, and of each form of it.
async fn all() -> Vec<Event> {
    let heard = Arc::new(events::Memory::new());
    let mut bench = Bench::new(&things("schema: { fields: [ { name: id } ] }")).await;
    bench.context.events = Some(heard.clone());
    let submission = bench.submit("job-1", b"id\n1\n2\n", 3, false).await;
    let stored = bench.run(submission).await.unwrap();
    let mut events = heard.all();
    assert_eq!(events.len(), 1, "what landed undisturbed, the state machine announces: {events:?}");

    events.push(steps::announce::progressed(&stored.job, &bench.dataset));
    events.push(steps::announce::held(&Held {
        job: stored.job.clone(),
        dataset: bench.dataset.clone(),
        reasons: vec!["its submission asks for approval".to_owned()],
        until: NOW.to_owned(),
    }));

    for last in [None, Some(&stored.job)] {
        events.push(steps::announce::late(&bench.dataset, NOW, last, 86_400));
    }

    let last_job = stored.job.clone();
    let drift = HeaderDrift { last_job, new_columns: 1, missing_columns: 2 };
    events.push(steps::announce::drifted(&bench.dataset, &JobId::parse("job-2").unwrap(), &drift));

    let settled = |status: JobStatus, stored: Option<Stored>| Settled {
        job: stored.as_ref().map_or_else(|| JobId::parse("job-2").unwrap(), |it| it.job.clone()),
        dataset: bench.dataset.clone(),
        status: status.as_str().to_owned(),
        error: "RejectLimitExceeded".to_owned(),
        cause: "it may quote what a caller named".to_owned(),
        other: None,
        redrivable_until: None,
        stored,
    };
    let warning = Warning { name: "CatalogNotUpdated".to_owned(), message: "why".to_owned() };
    let warned = Stored { warnings: vec![warning], ..stored.clone() };
    for stored in [stored, warned] {
        events.push(steps::announce::ended(&settled(JobStatus::Succeeded, Some(stored))));
    }
    for status in JobStatus::ALL {
        if status.is_terminal() && status != JobStatus::Succeeded {
            let other = Some(JobId::parse("job-1").unwrap());
            events.push(steps::announce::ended(&settled(status, None)));
            events.push(steps::announce::ended(&Settled { other, ..settled(status, None) }));
            let redrivable_until = Some(NOW.to_owned());
            let redrivable = Settled { redrivable_until, ..settled(status, None) };
            events.push(steps::announce::ended(&redrivable));
        }
    }
    events
}

#[tokio::test]
async fn events_have_the_shapes_that_are_told() {
    let events = all().await;
    let mut told = BTreeSet::new();
    for name in SCHEMAS {
        let schema = schema(name);
        let of_it: Vec<&Event> =
            events.iter().filter(|event| types(&schema).contains(&event.detail_type)).collect();
        let sent_types: BTreeSet<_> = of_it.iter().map(|event| event.detail_type.clone()).collect();
        assert_eq!(sent_types, types(&schema), "{name}: each type is sent");
        told.extend(sent_types);

        let examples = schema["examples"].as_array().unwrap().iter().cloned();
        let documents: Vec<Value> = of_it.iter().map(|event| sent(event)).chain(examples).collect();
        let faults = validator::faults(&schema, &documents);
        assert!(faults.iter().all(String::is_empty), "{name}: {faults:?}");

        // What is told is sent too, and nothing is let through that is not told.
        let detail = &schema["properties"]["detail"];
        let members: BTreeSet<&String> =
            of_it.iter().flat_map(|event| event.detail.as_object().unwrap().keys()).collect();
        assert_eq!(members, detail["properties"].as_object().unwrap().keys().collect(), "{name}");
        let more = documents.iter().map(|document| {
            let mut more = document.clone();
            more["detail"]["more"] = json!(1);
            more
        });
        let faults = validator::faults(&schema, &more.collect::<Vec<_>>());
        assert!(faults.iter().all(|fault| fault.contains("more")), "{name}: {faults:?}");
    }
    let sent: BTreeSet<_> = events.iter().map(|event| event.detail_type.clone()).collect();
    assert_eq!(sent, told);
    let page = text("docs/reference/events.md");
    for detail_type in &told {
        assert!(page.contains(&format!("| `{detail_type}` |")), "{detail_type}");
    }
    assert!(events.iter().all(|event| !event.detail.to_string().contains("quote")), "no causes");
}

#[test]
fn the_state_machine_announces_what_landed_likewise() {
    let announce = &state_machine()["States"]["Announce"];
    let [detail_type] =
        types(&schema("landed")).into_iter().collect::<Vec<_>>().try_into().unwrap();
    let entry = json!({"Source": SOURCE, "DetailType": detail_type, "Detail.$": "$"});
    assert_eq!(announce["Parameters"]["Entries"], json!([entry]));
}
