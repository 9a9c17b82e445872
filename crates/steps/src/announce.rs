//! Tells whoever listens what becomes of a job: that it was begun, that it waits for approval, and
//! how it ended; that a dataset is late, and that its header is another one than before. Jobs that
//! land undisturbed are announced by the state machine. docs/reference/events has the shape of each
//! event.

use events::Event;
use job::DatasetName;
use job::message::{Held, JobId, Settled};
use landing::commit::HeaderDrift;
use landing::plan::Plan;
use serde_json::json;

use crate::Context;

/// What every type of event begins with.
const OF_JOB: &str = "landfall.job.";

/// That a job was planned. A step that runs twice tells it twice.
pub fn started(plan: &Plan) -> Event {
    let Plan { submission, objects, source_bytes, shards, .. } = plan;
    let (job, dataset) = (&submission.job, &submission.dataset);
    let detail = json!({
        "job": job, "dataset": dataset, "objects": objects, "bytes": source_bytes, "shards": shards,
    });
    Event { detail_type: format!("{OF_JOB}started"), detail }
}

/// That shards of a job have ended since those who watch it were last shown how it stands. It is for
/// the function `live` alone.
pub fn progressed(job: &JobId, dataset: &DatasetName) -> Event {
    let detail = json!({"job": job, "dataset": dataset});
    Event { detail_type: "live.progressed".to_owned(), detail }
}

/// That a job waits for approval.
pub fn held(held: &Held) -> Event {
    Event { detail_type: format!("{OF_JOB}held"), detail: json!(held) }
}

/// How a settled job ended.
pub fn ended(settled: &Settled) -> Event {
    let Settled { job, dataset, status, error, other, redrivable_until, .. } = settled;
    match &settled.stored {
        Some(stored) => Event { detail_type: format!("{OF_JOB}landed"), detail: json!(stored) },
        None => Event {
            detail_type: format!("{OF_JOB}{}", status.to_lowercase()),
            detail: json!({
                "job": job, "dataset": dataset, "status": status, "error": error, "other": other,
                "redrivable_until": redrivable_until,
            }),
        },
    }
}

/// That the next job of a dataset is later than its contract expects: nothing has landed since
/// `since`, when `last` was admitted or the contract was registered, for `every` seconds.
pub fn late(dataset: &DatasetName, since: &str, last: Option<&JobId>, every: i64) -> Event {
    let detail =
        json!({"dataset": dataset, "since": since, "lastJob": last, "everySeconds": every});
    Event { detail_type: "landfall.dataset.late".to_owned(), detail }
}

/// That the header of a committed job differs from that of the commit before it.
pub fn drifted(dataset: &DatasetName, job: &JobId, drift: &HeaderDrift) -> Event {
    let HeaderDrift { last_job, new_columns, missing_columns } = drift;
    let detail = json!({
        "dataset": dataset, "job": job, "lastJob": last_job,
        "newColumns": new_columns, "missingColumns": missing_columns,
    });
    Event { detail_type: "landfall.dataset.drifted".to_owned(), detail }
}

/// Puts an event on the bus. What it tells of is so, whether or not this is heard.
pub async fn announce(context: &Context, event: Event) {
    let Some(events) = &context.events else { return };
    if let Err(error) = events.put(&event).await {
        let Event { detail_type, detail } = event;
        tracing::warn!(job = %detail["job"], detail_type, error, "an event can't be announced");
    }
}
