//! Tells whoever listens how a settled job ended. Jobs that land undisturbed are announced by the
//! state machine.

use job::message::{Held, JobId, Settled};
use serde_json::{Value, json};

use crate::Context;

/// Announces the end of a job. It is settled, whether or not this is heard.
pub(crate) async fn announce(context: &Context, settled: &Settled) {
    let (detail_type, detail) = match &settled.stored {
        Some(stored) => ("Job landed", json!(stored)),
        None => {
            let Settled { job, dataset, status, error, other, .. } = settled;
            (
                "Job ended",
                json!({"job": job, "dataset": dataset, "status": status, "error": error, "other": other}),
            )
        }
    };
    put(context, &settled.job, detail_type, detail).await;
}

/// Announces that a job waits for approval. It waits, whether or not this is heard.
pub(crate) async fn held(context: &Context, held: &Held) {
    put(context, &held.job, "Job held", json!(held)).await;
}

async fn put(context: &Context, job: &JobId, detail_type: &str, detail: Value) {
    let Some(events) = &context.events else { return };
    if let Err(error) = events.put(detail_type, &detail).await {
        tracing::warn!(%job, error, "{detail_type}: that can't be announced");
    }
}
