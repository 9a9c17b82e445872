//! Tells whoever listens how a settled job ended. Jobs that land undisturbed are announced by the
//! state machine.

use job::message::Settled;
use serde_json::json;

use crate::Context;

/// Announces the end of a job. It is settled, whether or not this is heard.
pub(crate) async fn announce(context: &Context, settled: &Settled) {
    let Some(events) = &context.events else { return };
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
    if let Err(error) = events.put(detail_type, &detail).await {
        tracing::warn!(job = %settled.job, error, "the end of the job can't be announced");
    }
}
